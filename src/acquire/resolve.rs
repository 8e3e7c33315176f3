//! Settles which tarball to install, and by which digest it is known.
//!
//! Up to three sources know the digest: the user (`HOOP_SHA256`), the last build (the cache's record) and the
//! release server (`checksums.txt`). They must agree. The decisions are pure; what they need is asked for by
//! compile.

use crate::acquire::checksums::{Checksums, ChecksumsError};
use crate::acquire::release_server::{Location, tarball_names};
use crate::agent::platform::Platform;
use crate::agent::sha256::Sha256;
use crate::agent::version::Version;
use crate::failure::Failure;

/// Why a build has no tarball to install.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    #[error("hoop agent {version} was not published for {platform}")]
    PlatformMissing {
        version: Version,
        platform: Platform,
        /// The names looked for.
        wanted: [String; 2],
        /// Where they were looked for.
        location: Location,
    },
    /// `checksums.txt` cannot be used.
    #[error("{error}")]
    Checksums {
        /// Where it was read.
        location: Location,
        error: ChecksumsError,
    },
    #[error("HOOP_SHA256 is not the published digest")]
    DigestDiffers {
        version: Version,
        /// The tarball.
        name: String,
        /// What the user expects.
        wanted: Sha256,
        /// What was published.
        published: Sha256,
    },
    #[error("the published bytes of hoop agent {version} have changed")]
    DigestChanged {
        version: Version,
        /// The tarball.
        name: String,
        /// The digest of the last build.
        cached: Sha256,
        /// The digest published now.
        published: Sha256,
    },
}

impl ReleaseError {
    /// The failure id.
    pub fn failure(&self) -> Failure {
        match self {
            ReleaseError::PlatformMissing { .. } => Failure::PlatformMissing,
            ReleaseError::Checksums { error, .. } => match error {
                ChecksumsError::Line { .. } => Failure::ChecksumsInvalid,
                ChecksumsError::Conflict { .. } => Failure::ChecksumsConflict,
            },
            ReleaseError::DigestDiffers { .. } => Failure::DigestDiffers,
            ReleaseError::DigestChanged { .. } => Failure::DigestChanged,
        }
    }
}

/// The tarball to install: its name and the digest it must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tarball {
    /// Its name on the release server.
    pub name: String,
    /// The digest all sources agree on.
    pub digest: Sha256,
    /// Whether `checksums.txt` lists it. If not, the digest is the user's word alone.
    pub is_listed: bool,
}

/// Finds the tarball of `version` for `platform` in the text of its `checksums.txt`: the first name, or its twin
/// where the first is not listed.
pub fn published(
    text: &str,
    version: &Version,
    platform: Platform,
    location: &Location,
) -> Result<Tarball, ReleaseError> {
    let unusable = |error| ReleaseError::Checksums {
        location: location.clone(),
        error,
    };
    let checksums = Checksums::parse(text).map_err(unusable)?;
    let wanted = tarball_names(version, platform);
    for name in &wanted {
        if let Some(digest) = checksums.digest_of(name).map_err(unusable)? {
            return Ok(Tarball {
                name: name.clone(),
                digest,
                is_listed: true,
            });
        }
    }
    Err(ReleaseError::PlatformMissing {
        version: version.clone(),
        platform,
        wanted,
        location: location.clone(),
    })
}

/// Compares what the three sources say of `published`, the tarball of `version`.
///
/// A user who has set `HOOP_SHA256` to the published digest has answered the question that a changed version
/// asks, so the cache's record is then no longer heard.
pub fn agree(
    version: &Version,
    published: &Tarball,
    wanted: Option<Sha256>,
    cached: Option<Sha256>,
) -> Result<(), ReleaseError> {
    let name = published.name.clone();
    let version = version.clone();
    match (wanted, cached) {
        (Some(wanted), _) if wanted != published.digest => Err(ReleaseError::DigestDiffers {
            version,
            name,
            wanted,
            published: published.digest,
        }),
        (None, Some(cached)) if cached != published.digest => Err(ReleaseError::DigestChanged {
            version,
            name,
            cached,
            published: published.digest,
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Platform, ReleaseError, Tarball, agree, published};
    use crate::acquire::release_server::{Location, ReleasesUrl};
    use crate::agent::sha256::Sha256;
    use crate::agent::version::Version;

    fn digest(letter: char) -> Sha256 {
        letter.to_string().repeat(64).parse().unwrap()
    }

    fn version() -> Version {
        "1.148.0".parse().unwrap()
    }

    fn location() -> Location {
        "https://releases.example"
            .parse::<ReleasesUrl>()
            .unwrap()
            .checksums(&version())
    }

    #[test]
    fn the_first_name_is_taken_and_its_twin_only_where_it_is_missing() {
        let first = format!("{}  ./dist/binaries/hoop_1.148.0_Linux_x86_64.tar.gz\n", digest('a'));
        let twin = format!("{}  ./dist/binaries/hoop_1.148.0_Linux_amd64.tar.gz\n", digest('b'));
        let find = |text: &str| published(text, &version(), Platform::Amd64, &location());

        assert_eq!(find(&format!("{twin}{first}")).unwrap().digest, digest('a'));
        assert_eq!(find(&twin).unwrap().name, "hoop_1.148.0_Linux_amd64.tar.gz");
        assert!(matches!(find(""), Err(ReleaseError::PlatformMissing { .. })));
        assert!(matches!(find("<html>"), Err(ReleaseError::Checksums { .. })));
    }

    #[test]
    fn sources_that_differ_stop_the_build_unless_the_user_has_confirmed_the_change() {
        let tarball = Tarball {
            name: "hoop_1.148.0_Linux_x86_64.tar.gz".to_owned(),
            digest: digest('a'),
            is_listed: true,
        };
        let (a, b) = (Some(digest('a')), Some(digest('b')));
        let agrees = |wanted, cached| agree(&version(), &tarball, wanted, cached);

        for (wanted, cached) in [(None, None), (a, None), (None, a), (a, a), (a, b)] {
            assert!(agrees(wanted, cached).is_ok(), "{wanted:?} {cached:?}");
        }
        for (wanted, cached) in [(b, None), (b, a), (b, b)] {
            assert!(matches!(
                agrees(wanted, cached),
                Err(ReleaseError::DigestDiffers { .. })
            ));
        }
        assert!(matches!(agrees(None, b), Err(ReleaseError::DigestChanged { .. })));
    }
}
