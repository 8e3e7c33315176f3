//! The agent's version numbers.

use std::fmt;
use std::str::FromStr;

/// The version of one release of the agent, such as `1.148.0` or `1.23.0-rc.1`.
///
/// Releases follow semantic versioning (<https://semver.org>) and their names carry no leading `v`. Only what
/// can stand in a path as it is makes a version, so that no config var can reach outside the release's folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(semver::Version);

/// The text is not a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a version of three numbers")]
pub struct NotVersion;

impl Version {
    /// Whether this version is `major.minor.patch` or later. A pre-release counts as the version it
    /// leads to, since it already behaves like it.
    pub fn at_least(&self, major: u64, minor: u64, patch: u64) -> bool {
        (self.0.major, self.0.minor, self.0.patch) >= (major, minor, patch)
    }
}

impl FromStr for Version {
    type Err = NotVersion;

    /// Reads a version; a leading `v` is allowed. Build metadata (`+…`) is refused: no release has any.
    fn from_str(text: &str) -> Result<Self, NotVersion> {
        let version = semver::Version::parse(text.strip_prefix('v').unwrap_or(text)).map_err(|_| NotVersion)?;
        if version.build.is_empty() {
            Ok(Self(version))
        } else {
            Err(NotVersion)
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::{NotVersion, Version};
    use proptest::prelude::*;

    #[test]
    fn published_forms_are_read() {
        for (text, shown) in [
            ("1.148.0", "1.148.0"),
            ("v1.148.0", "1.148.0"),
            ("1.23.0-rc.1", "1.23.0-rc.1"),
            ("1.22.0-pre", "1.22.0-pre"),
        ] {
            assert_eq!(text.parse::<Version>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "latest",
            "1.2",
            "1.2.3.4",
            "banana",
            "../../etc",
            "1.2.3/..",
            "1.2.3 ",
            "vv1.2.3",
            "01.2.3",
            "1.2.3+build",
            "1.2.3-rc/1",
            "١.٢.٣",
        ] {
            assert_eq!(text.parse::<Version>(), Err(NotVersion), "{text:?}");
        }
    }

    #[test]
    fn a_pre_release_counts_as_the_version_it_leads_to() {
        let version: Version = "1.22.0-pre".parse().unwrap();

        assert!(version.at_least(1, 22, 0));
        assert!(!version.at_least(1, 22, 1));
    }

    proptest! {
        #[test]
        fn what_is_read_is_safe_in_a_path(text in "\\PC{0,24}") {
            if let Ok(version) = text.parse::<Version>() {
                let shown = version.to_string();
                prop_assert!(shown.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-'));
                prop_assert!(!shown.starts_with('.'));
                prop_assert_eq!(shown.parse::<Version>(), Ok(version));
            }
        }
    }
}
