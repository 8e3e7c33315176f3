//! Settles which release to install, and by which digest it is known.
//!
//! Up to three sources know the digest: the user (`HOOP_SHA256`), the last build (the cache's record) and the
//! release server (`checksums.txt`). They must agree. The decisions are pure; what they need is asked for by
//! compile.

use crate::acquire::checksums::{Checksums, ChecksumsError};
use crate::acquire::release_server::{Location, tarball_names};
use crate::agent::platform::Platform;
use crate::agent::sha256::Sha256;
use crate::agent::version::Version;
use crate::text;

/// The largest `latest.txt` that is read, in bytes. A version has about 10.
pub const LATEST_LIMIT: u64 = 64;

/// Why a build has no release to install.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// `latest.txt` does not hold a version.
    #[error("{location} does not hold a version: {}", text::quoted(content, 48))]
    LatestInvalid {
        /// Where it was read.
        location: Location,
        /// What it holds, the beginning.
        content: String,
    },
    /// There is no `latest.txt`.
    #[error("{location}: {answer}")]
    LatestNotFound {
        /// Where it was looked for.
        location: Location,
        /// The server's answer.
        answer: String,
    },
    /// There is no such version.
    #[error("no version {version}: {location}: {answer}")]
    VersionNotFound {
        /// The version.
        version: Version,
        /// What was asked for.
        location: Location,
        /// The server's answer.
        answer: String,
        /// Whether `latest.txt` named the version, and not the user.
        is_latest: bool,
    },
    /// The version has no tarball for this platform.
    #[error("{location} lists no tarball for {platform}")]
    PlatformMissing {
        /// The version.
        version: Version,
        /// The platform.
        platform: Platform,
        /// The names looked for.
        wanted: [String; 2],
        /// Where they were looked for.
        location: Location,
    },
    /// `checksums.txt` cannot be used.
    #[error("{location}: {error}")]
    Checksums {
        /// Where it was read.
        location: Location,
        /// Why.
        error: ChecksumsError,
    },
    /// `HOOP_SHA256` and `checksums.txt` differ.
    #[error("HOOP_SHA256 is {wanted}, published is {published}")]
    DigestDiffers {
        /// The version.
        version: Version,
        /// The tarball.
        name: String,
        /// What the user expects.
        wanted: Sha256,
        /// What was published.
        published: Sha256,
    },
    /// The cache's record and `checksums.txt` differ.
    #[error("{version} was {cached}, published is {published}")]
    DigestChanged {
        /// The version.
        version: Version,
        /// The tarball.
        name: String,
        /// The digest of the last build.
        cached: Sha256,
        /// The digest published now.
        published: Sha256,
    },
    /// The bytes are not those the digest is of.
    #[error("{name} is {received}, expected {expected}")]
    ChecksumMismatch {
        /// The tarball.
        name: String,
        /// Its size.
        bytes: u64,
        /// Where it came from.
        from: Location,
        /// The digest it should have.
        expected: Sha256,
        /// The digest it has.
        received: Sha256,
    },
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

/// Reads the body of `latest.txt`.
pub fn latest(body: &[u8], location: &Location) -> Result<Version, ReleaseError> {
    let text = String::from_utf8_lossy(body);
    text.trim().parse().map_err(|_| ReleaseError::LatestInvalid {
        location: location.clone(),
        content: text.into_owned(),
    })
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
    use super::{Platform, ReleaseError, Tarball, agree, latest, published};
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
    fn latest_is_a_version_with_or_without_a_line_end() {
        for body in ["1.148.0", "1.148.0\n", "v1.148.0\r\n"] {
            assert_eq!(latest(body.as_bytes(), &location()).unwrap(), version());
        }
        for body in [&b"<html>"[..], b"", b"1.148", b"\xff\xfe"] {
            assert!(matches!(
                latest(body, &location()),
                Err(ReleaseError::LatestInvalid { .. })
            ));
        }
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
