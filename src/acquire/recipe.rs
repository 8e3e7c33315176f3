//! Gets a verified agent into the scratch folder: from the cache where that is enough, else from the release
//! server.

use crate::acquire::archive::{UnpackFault, Unpacked};
use crate::acquire::cache::Cache;
use crate::acquire::cache_names::CachedArchive;
use crate::acquire::checksums;
use crate::acquire::config::{BuildConfig, VersionRequest};
use crate::acquire::fetch::{ARCHIVE_LIMIT, Effort, FetchError, Fetcher, from_io};
use crate::acquire::one_pass::{self, Copy, PassFault, Targets, VerifiedAgent};
use crate::acquire::release_server::{Location, tarball_names};
use crate::acquire::resolve::{self, LATEST_LIMIT, ReleaseError, Tarball};
use crate::agent::platform::Platform;
use crate::agent::sha256::Sha256;
use crate::agent::version::Version;
use crate::build_log::BuildLog;
use crate::classic::BuildError;
use crate::classic::install::{InstallError, UNPACKED};
use crate::classic::slug::{Slug, SlugError};
use crate::messages::warnings;
use cap_std::fs::Dir;
use std::io::{self, Read, Write};

/// How the version was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionOrigin {
    /// `HOOP_VERSION` names it.
    ConfigVar,
    /// `latest.txt` names it.
    Latest,
    /// It is what the last build used, since the latest one cannot be had.
    LastBuild,
}

impl VersionOrigin {
    /// Returns the word for the build log and the report.
    pub fn word(self) -> &'static str {
        match self {
            VersionOrigin::ConfigVar => "HOOP_VERSION",
            VersionOrigin::Latest => "latest",
            VersionOrigin::LastBuild => "last build",
        }
    }
}

/// Where the archive's bytes came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveOrigin {
    /// The app's build cache.
    Cache,
    /// The release server.
    Download,
}

impl ArchiveOrigin {
    /// Returns the word for the report.
    pub fn word(self) -> &'static str {
        match self {
            ArchiveOrigin::Cache => "cache",
            ArchiveOrigin::Download => "download",
        }
    }
}

/// A verified agent in the scratch folder, and how it got there.
#[derive(Debug)]
pub struct Acquired {
    /// Its version.
    pub version: Version,
    /// How that was settled.
    pub version_origin: VersionOrigin,
    /// The agent.
    pub agent: VerifiedAgent,
    /// Where its bytes came from.
    pub archive_origin: ArchiveOrigin,
}

impl Acquired {
    /// Returns the archive it came from, as the cache knows it.
    pub fn archive(&self) -> CachedArchive {
        CachedArchive {
            version: self.version.clone(),
            digest: self.agent.digest(),
        }
    }
}

/// What acquiring needs.
pub struct Acquire<'a, 'log> {
    /// What the app's config vars ask for.
    pub config: &'a BuildConfig,
    /// The way to the release server.
    pub fetcher: &'a Fetcher,
    /// The app's cache, where it can be used.
    pub cache: Option<&'a mut Cache>,
    /// The slug with its scratch folder.
    pub slug: &'a Slug,
    /// The platform of the slug.
    pub platform: Platform,
    /// Where to tell what happens.
    pub log: &'a mut BuildLog<'log>,
}

impl Acquire<'_, '_> {
    /// Settles the version, gets its tarball and unpacks it. Where the server of the latest one is down, the last
    /// build's agent stands in.
    pub fn run(mut self) -> Result<Acquired, BuildError> {
        if let VersionRequest::Exact(version) = &self.config.version {
            return self.install(version.clone(), VersionOrigin::ConfigVar);
        }
        let latest = self
            .latest()
            .and_then(|version| self.install(version, VersionOrigin::Latest));
        let error = match latest {
            Err(BuildError::Fetch(error)) if error.is_outage() => error,
            result => return result,
        };
        let last = self.cache.as_ref().and_then(|cache| cache.newest());
        let Some(last) = last.filter(|archive| self.has_wanted_digest(archive)) else {
            return Err(error.into());
        };
        self.tell_version(&last.version, VersionOrigin::LastBuild);
        let Some(agent) = self.unpack_cached(&last)? else {
            return Err(error.into());
        };
        self.log.warning(&warnings::outage(&error, &last.version));
        Ok(Acquired {
            version: last.version,
            version_origin: VersionOrigin::LastBuild,
            agent,
            archive_origin: ArchiveOrigin::Cache,
        })
    }

    /// Says which version is being installed.
    fn tell_version(&mut self, version: &Version, origin: VersionOrigin) {
        self.log
            .step(format!("Installing hoop agent {version} ({})", origin.word()));
    }

    /// Gets the tarball of `version` and unpacks it.
    fn install(&mut self, version: Version, version_origin: VersionOrigin) -> Result<Acquired, BuildError> {
        self.tell_version(&version, version_origin);
        let (agent, archive_origin) = self.agent(&version, version_origin)?;
        Ok(Acquired {
            version,
            version_origin,
            agent,
            archive_origin,
        })
    }

    /// Asks the release server for the latest version.
    fn latest(&mut self) -> Result<Version, BuildError> {
        let location = self.config.releases.latest();
        match self.whole(&location, LATEST_LIMIT) {
            Ok(body) => Ok(resolve::latest(&body, &location)?),
            Err(FetchError::NotFound { location, answer }) => {
                Err(ReleaseError::LatestNotFound { location, answer }.into())
            }
            // A page of any length is no version.
            Err(FetchError::TooLarge { location, limit }) => Err(ReleaseError::LatestInvalid {
                location,
                content: format!("more than {limit} bytes"),
            }
            .into()),
            Err(error) => Err(error.into()),
        }
    }

    /// Answers whether `archive` has the digest that `HOOP_SHA256` names, if it names one.
    fn has_wanted_digest(&self, archive: &CachedArchive) -> bool {
        self.config.sha256.is_none_or(|wanted| wanted == archive.digest)
    }

    /// Gets the agent of `version`.
    fn agent(
        &mut self,
        version: &Version,
        version_origin: VersionOrigin,
    ) -> Result<(VerifiedAgent, ArchiveOrigin), BuildError> {
        let mut cached = self.cache.as_ref().and_then(|cache| cache.archive_of(version));
        // Known from the file's name, so also where its bytes turn out to be damaged. Only we give such a name.
        let named_by_us = |archive: &&CachedArchive| self.cache.as_ref().is_some_and(|cache| cache.has(archive));
        let recorded = cached.as_ref().filter(named_by_us).map(|archive| archive.digest);
        // A version that was named and is cached needs no server.
        if version_origin == VersionOrigin::ConfigVar
            && let Some(archive) = cached.take_if(|archive| self.has_wanted_digest(archive))
            && let Some(agent) = self.unpack_cached(&archive)?
        {
            return Ok((agent, ArchiveOrigin::Cache));
        }
        let tarball = self.published(version)?;
        resolve::agree(version, &tarball, self.config.sha256, recorded)?;
        if let Some(archive) = cached.filter(|archive| archive.digest == tarball.digest)
            && let Some(agent) = self.unpack_cached(&archive)?
        {
            return Ok((agent, ArchiveOrigin::Cache));
        }
        Ok((self.download(version, &tarball)?, ArchiveOrigin::Download))
    }

    /// Returns the tarball of `version` as it was published. Where the server has no `checksums.txt`, a digest
    /// from the user is enough.
    fn published(&mut self, version: &Version) -> Result<Tarball, BuildError> {
        let location = self.config.releases.checksums(version);
        match self.whole(&location, checksums::SIZE_LIMIT) {
            Ok(body) => {
                let text = String::from_utf8_lossy(&body);
                Ok(resolve::published(&text, version, self.platform, &location)?)
            }
            Err(FetchError::NotFound { location, answer }) => match self.config.sha256 {
                Some(digest) => {
                    let [name, _] = tarball_names(version, self.platform);
                    Ok(Tarball {
                        name,
                        digest,
                        is_listed: false,
                    })
                }
                None => Err(ReleaseError::VersionNotFound {
                    version: version.clone(),
                    location,
                    answer,
                    is_latest: self.config.version == VersionRequest::Latest,
                }
                .into()),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// Unpacks a cached archive. `None` means that it is damaged, which is told, and that it must be had anew.
    fn unpack_cached(&mut self, archive: &CachedArchive) -> Result<Option<VerifiedAgent>, BuildError> {
        let Some(cache) = &self.cache else { return Ok(None) };
        let mut file = match cache.open_archive(archive) {
            Ok(file) => file,
            Err(error) => {
                self.log.detail(format!("The cached copy is not used: {error}"));
                return Ok(None);
            }
        };
        let [name, _] = tarball_names(&archive.version, self.platform);
        match pass(self.slug, &mut file, &name, archive.digest, None) {
            Ok((agent, _)) => {
                self.log.detail(format!(
                    "Using the copy of the last build ({}), sha256 verified",
                    megabytes(agent.archive_bytes())
                ));
                self.tell_skipped(agent.unpacked());
                Ok(Some(agent))
            }
            Err(PassFault::Unpack(UnpackFault::Write(file, source))) => Err(write_failed(file, source)),
            Err(PassFault::NoThread(error)) => Err(no_thread(&error)),
            Err(_) => {
                self.log.detail("The cached copy is damaged and is not used");
                Ok(None)
            }
        }
    }

    /// Downloads and unpacks `tarball`, with a copy to the cache.
    fn download(&mut self, version: &Version, tarball: &Tarball) -> Result<VerifiedAgent, BuildError> {
        let location = self.config.releases.tarball(version, &tarball.name);
        let mut effort = Effort::begin();
        loop {
            let (mut copy, no_copy) = match self.cache.as_deref_mut().map(Cache::begin_copy).transpose() {
                Ok(copy) => (copy, None),
                Err(error) => (None, Some(error)),
            };
            let log = &mut *self.log;
            let mut notice = |line: String| log.detail(line);
            let mut stream = match self.fetcher.stream(&location, ARCHIVE_LIMIT, &mut effort, &mut notice) {
                Ok(stream) => stream,
                // Without checksums.txt this is the first thing the server was asked of the version.
                Err(FetchError::NotFound { location, answer }) if !tarball.is_listed => {
                    return Err(ReleaseError::VersionNotFound {
                        version: version.clone(),
                        location,
                        answer,
                        is_latest: self.config.version == VersionRequest::Latest,
                    }
                    .into());
                }
                Err(error) => return Err(error.into()),
            };
            let result = pass(
                self.slug,
                &mut *stream,
                &tarball.name,
                tarball.digest,
                copy.as_mut().map(|file| file as &mut dyn Write),
            );
            drop(stream);
            match result {
                Ok((agent, copy_error)) => {
                    self.keep_copy(version, &agent, no_copy.or(copy_error));
                    self.log.detail(format!(
                        "Downloaded {} ({}), sha256 verified",
                        tarball.name,
                        megabytes(agent.archive_bytes())
                    ));
                    self.tell_skipped(agent.unpacked());
                    return Ok(agent);
                }
                Err(fault) => match of_pass(fault, tarball, &location) {
                    Some(error) => return Err(error),
                    None => self.log.detail(format!("{location}: starting over")),
                },
            }
        }
    }

    /// Makes the finished copy the cached archive, or tells why there is none.
    fn keep_copy(&mut self, version: &Version, agent: &VerifiedAgent, copy_error: Option<io::Error>) {
        let Some(cache) = &mut self.cache else { return };
        let archive = CachedArchive {
            version: version.clone(),
            digest: agent.digest(),
        };
        match copy_error {
            None => cache.finish_copy(archive),
            Some(error) => {
                cache.drop_copy();
                self.log.warning(&warnings::cache_unwritable(cache.path(), &error));
            }
        }
    }

    /// Reads a small file of the release server.
    fn whole(&mut self, location: &Location, limit: u64) -> Result<Vec<u8>, FetchError> {
        let log = &mut *self.log;
        self.fetcher.whole(location, limit, &mut |line| log.detail(line))
    }

    /// Names what the archive holds beside the agent.
    fn tell_skipped(&mut self, unpacked: &Unpacked) {
        let shown = unpacked.skipped.join(", ");
        match unpacked.skipped_count.saturating_sub(unpacked.skipped.len() as u64) {
            _ if unpacked.skipped.is_empty() => {}
            0 => self.log.detail(format!("Left out of the slug: {shown}")),
            more => self
                .log
                .detail(format!("Left out of the slug: {shown} and {more} more")),
        }
    }
}

/// Unpacks `source` into a fresh folder in the scratch folder. Also returns what ended the copy, if something did.
fn pass(
    slug: &Slug,
    source: &mut dyn Read,
    name: &str,
    expected: Sha256,
    copy: Option<&mut dyn Write>,
) -> Result<(VerifiedAgent, Option<io::Error>), PassFault> {
    let folder =
        fresh_folder(slug.scratch()).map_err(|error| PassFault::Unpack(UnpackFault::Write(UNPACKED, error)))?;
    let mut targets = Targets {
        folder: &folder,
        copy: Copy::to(copy),
    };
    let agent = one_pass::run(source, name, expected, ARCHIVE_LIMIT, &mut targets)?;
    Ok((agent, targets.copy.into_error()))
}

/// Makes an empty folder to unpack into, in place of what an attempt before has left.
fn fresh_folder(scratch: &Dir) -> io::Result<Dir> {
    match scratch.remove_dir_all(UNPACKED) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    scratch.create_dir(UNPACKED)?;
    scratch.open_dir(UNPACKED)
}

/// Returns the build error that a fault of a download is. `None` means that it must start over.
fn of_pass(fault: PassFault, tarball: &Tarball, location: &Location) -> Option<BuildError> {
    let error = match fault {
        PassFault::Read(error) => from_io(error, location)?.into(),
        PassFault::TooLarge => FetchError::TooLarge {
            location: location.clone(),
            limit: ARCHIVE_LIMIT,
        }
        .into(),
        PassFault::DigestDiffers { received, bytes } => ReleaseError::ChecksumMismatch {
            name: tarball.name.clone(),
            bytes,
            from: location.clone(),
            expected: tarball.digest,
            received,
        }
        .into(),
        PassFault::Unpack(UnpackFault::Archive(error)) => error.into(),
        PassFault::Unpack(UnpackFault::Write(file, source)) => write_failed(file, source),
        PassFault::NoThread(error) => no_thread(&error),
    };
    Some(error)
}

fn no_thread(error: &io::Error) -> BuildError {
    let cause = error.to_string();
    FetchError::NoResources { cause }.into()
}

fn write_failed(file: &str, source: io::Error) -> BuildError {
    InstallError::Slug(SlugError::WriteFailed {
        path: file.to_owned(),
        source,
    })
    .into()
}

/// Returns a number of bytes as people read it. Like the platform, in units of 1,000,000.
pub fn megabytes(bytes: u64) -> String {
    let tenths = bytes.div_ceil(100_000);
    format!("{}.{} MB", tenths / 10, tenths % 10)
}
