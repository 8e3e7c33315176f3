//! Settles which version to install where no version was named, and knows what can be wrong with one that was.

use crate::acquire::release_server::Location;
use crate::agent::version::Version;
use crate::failure::Failure;

/// The largest `latest.txt` that is read, in bytes. A version has about 10.
pub const LATEST_LIMIT: u64 = 64;

/// Why a build has no version to install.
#[derive(Debug, thiserror::Error)]
pub enum VersionError {
    #[error("the release server's latest.txt does not hold a version")]
    LatestInvalid {
        /// Where it was read.
        location: Location,
        /// What it holds, the beginning.
        content: String,
    },
    #[error("the release server has no latest.txt")]
    LatestNotFound {
        /// Where it was looked for.
        location: Location,
        /// The server's answer.
        answer: String,
    },
    /// There is no such version.
    #[error("{}", not_found(version, *is_latest))]
    VersionNotFound {
        version: Version,
        /// What was asked for.
        location: Location,
        /// The server's answer.
        answer: String,
        /// Whether `latest.txt` named the version, and not the user.
        is_latest: bool,
    },
}

impl VersionError {
    /// The failure id.
    pub fn failure(&self) -> Failure {
        match self {
            VersionError::LatestInvalid { .. } => Failure::LatestInvalid,
            VersionError::LatestNotFound { .. } => Failure::LatestNotFound,
            VersionError::VersionNotFound { .. } => Failure::VersionNotFound,
        }
    }
}

fn not_found(version: &Version, is_latest: bool) -> String {
    if is_latest {
        format!("the newest hoop agent, {version}, is not on the release server")
    } else {
        format!("hoop agent version {version} does not exist")
    }
}

/// Reads the body of `latest.txt`.
pub fn read(body: &[u8], location: &Location) -> Result<Version, VersionError> {
    let text = String::from_utf8_lossy(body);
    text.trim().parse().map_err(|_| VersionError::LatestInvalid {
        location: location.clone(),
        content: text.into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::{VersionError, read};
    use crate::acquire::release_server::ReleasesUrl;
    use crate::agent::version::Version;

    #[test]
    fn latest_is_a_version_with_or_without_a_line_end() {
        let location = "https://releases.example".parse::<ReleasesUrl>().unwrap().latest();
        let version: Version = "1.148.0".parse().unwrap();
        for body in ["1.148.0", "1.148.0\n", "v1.148.0\r\n"] {
            assert_eq!(read(body.as_bytes(), &location).unwrap(), version);
        }
        for body in [&b"<html>"[..], b"", b"1.148", b"\xff\xfe"] {
            assert!(matches!(read(body, &location), Err(VersionError::LatestInvalid { .. })));
        }
    }
}
