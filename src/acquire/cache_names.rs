//! The names of our files in the cache, and how they are told from everybody else's.

use crate::acquire::own_name;
use crate::agent::platform::Platform;
use crate::agent::sha256::Sha256;
use crate::agent::version::Version;
use std::fmt::Display;

/// The beginning of the name of a file that is being written. Never read as an archive.
pub const PARTIAL: &str = "partial-";

/// What `libexec/fetch.sh`, which can hold no lock, puts behind the name of the program while it downloads it, before
/// [`RANDOM_LENGTH`] letters and digits.
const PARTIAL_OF_SHELL: &str = ".download-";

/// How many letters and digits `mktemp` puts behind [`PARTIAL_OF_SHELL`].
const RANDOM_LENGTH: usize = 10;

/// The name of a cached archive, and all that is known of it without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedArchive {
    /// The agent's version.
    pub version: Version,
    /// The digest the archive had when it was verified.
    pub digest: Sha256,
}

impl CachedArchive {
    /// The file name.
    pub fn file_name(&self, platform: Platform) -> String {
        format!(
            "hoop_{}_linux_{}_{}.tar.gz",
            self.version,
            platform.architecture(),
            self.digest
        )
    }

    /// Reads a file name. `None` means that it is not one of ours, or not for `platform`.
    pub fn parse(name: &str, platform: Platform) -> Option<Self> {
        let rest = name.strip_prefix("hoop_")?.strip_suffix(".tar.gz")?;
        let (rest, digest) = rest.rsplit_once('_')?;
        let version = rest.strip_suffix(&format!("_linux_{}", platform.architecture()))?;
        let archive = Self {
            version: version.parse().ok()?,
            digest: digest.parse().ok()?,
        };
        (archive.file_name(platform) == name).then_some(archive)
    }
}

/// The name under which `libexec/fetch.sh` keeps the program of `version`, where the buildpack has none in it.
pub fn program_name(version: impl Display, platform: Platform) -> String {
    format!("hoop-buildpack-{version}-linux-{}", platform.architecture())
}

/// Whether `name` is that of a program, of whatever version.
fn is_program(name: &str) -> bool {
    Platform::ALL.into_iter().any(|platform| {
        let version = name
            .strip_prefix("hoop-buildpack-")
            .and_then(|rest| rest.strip_suffix(&format!("-linux-{}", platform.architecture())))
            .and_then(|version| version.parse::<Version>().ok());
        version.is_some_and(|version| program_name(version, platform) == name)
    })
}

/// Whether the file `name` is, or was, a copy on its way.
pub fn is_partial(name: &str) -> bool {
    own_name::is_own(PARTIAL, name) || is_partial_of_shell(name)
}

/// Whether the file `name` is, or was, a program on its way, or what curl has said of it.
fn is_partial_of_shell(name: &str) -> bool {
    let name = name.strip_suffix(".log").unwrap_or(name);
    name.rsplit_once(PARTIAL_OF_SHELL).is_some_and(|(program, random)| {
        random.len() == RANDOM_LENGTH && random.bytes().all(|byte| byte.is_ascii_alphanumeric()) && is_program(program)
    })
}

/// Whether nobody but this buildpack gives a file this `name`.
pub fn is_ours(name: &str) -> bool {
    let is_archive = |platform| CachedArchive::parse(name, platform).is_some();
    is_partial(name) || is_program(name) || Platform::ALL.into_iter().any(is_archive)
}

#[cfg(test)]
mod tests {
    use super::{CachedArchive, Platform};

    #[test]
    fn a_file_name_is_read_as_it_was_written_and_only_for_its_platform() {
        let archive = CachedArchive {
            version: "1.23.0-rc.1".parse().unwrap(),
            digest: "ab".repeat(32).parse().unwrap(),
        };
        let name = archive.file_name(Platform::Amd64);

        assert_eq!(name, format!("hoop_1.23.0-rc.1_linux_amd64_{}.tar.gz", "ab".repeat(32)));
        assert_eq!(CachedArchive::parse(&name, Platform::Amd64), Some(archive));
        assert_eq!(CachedArchive::parse(&name, Platform::Arm64), None);
        assert_eq!(CachedArchive::parse(&format!("{name}.bak"), Platform::Amd64), None);
        assert_eq!(CachedArchive::parse("partial-1", Platform::Amd64), None);
    }
}
