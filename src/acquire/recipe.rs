//! The recipe: gets a verified agent into a scratch folder, from the cache where that is enough, else from the release
//! server, and has it prove that it runs.

use crate::acquire::archive::{UnpackFault, Unpacked};
use crate::acquire::cache::Cache;
use crate::acquire::cache_names::CachedArchive;
use crate::acquire::checksums;
use crate::acquire::config::{BuildConfig, VersionRequest};
use crate::acquire::error::AcquireError;
use crate::acquire::event::{Event, Listener, VersionOrigin};
use crate::acquire::fetch::error::{FetchError, FetchFault, TransferError};
use crate::acquire::fetch::{ARCHIVE_LIMIT, Effort, Fetcher, Retry, from_io};
use crate::acquire::latest::{self, LATEST_LIMIT, VersionError};
use crate::acquire::one_pass::{self, CacheCopy, PassFault, Targets, VerifiedAgent};
use crate::acquire::proof;
use crate::acquire::release_server::{Location, tarball_names};
use crate::acquire::resolve::{self, Tarball};
use crate::acquire::resources::NoResources;
use crate::acquire::scratch::{Scratch, UNPACKED, WriteError};
use crate::agent::platform::Platform;
use crate::agent::sha256::Sha256;
use crate::agent::version::Version;
use crate::os::stop::Stop;
use cap_std::fs::Dir;
use std::io::{self, Read, Write};

/// Where the archive's bytes came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveOrigin {
    /// The app's build cache.
    Cache,
    /// The release server.
    Download,
}

impl ArchiveOrigin {
    /// The word for the report.
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
    pub version: Version,
    /// How that was settled.
    pub version_origin: VersionOrigin,
    pub agent: VerifiedAgent,
    /// Where its bytes came from.
    pub archive_origin: ArchiveOrigin,
}

impl Acquired {
    /// The archive it came from, as the cache knows it.
    pub fn archive(&self) -> CachedArchive {
        CachedArchive {
            version: self.version.clone(),
            digest: self.agent.digest(),
        }
    }
}

/// What acquiring needs.
pub struct Acquire<'a> {
    /// What the app's config vars ask for.
    pub config: &'a BuildConfig,
    /// The way to the release server.
    pub fetcher: &'a Fetcher,
    /// The app's cache, where it can be used.
    pub cache: Option<&'a mut Cache>,
    /// What the app's last build installed, where something other than the cache knows it.
    pub last: Option<CachedArchive>,
    /// The folder to put the agent into.
    pub scratch: &'a Scratch,
    /// What may stop the build.
    pub stop: &'a Stop,
    /// The platform the agent is for.
    pub platform: Platform,
    /// Is told what happens.
    pub listener: &'a mut Listener<'a>,
}

impl Acquire<'_> {
    /// Settles the version, gets its tarball, unpacks it and has the agent prove that it runs.
    pub fn run(mut self) -> Result<Acquired, AcquireError> {
        let acquired = self.unpacked()?;
        proof::prepare(self.scratch)?;
        match proof::prove(self.scratch, self.stop, &acquired.agent, &acquired.version) {
            Ok(()) => Ok(acquired),
            Err(error) => Err(AcquireError::Proof {
                version: acquired.version,
                error,
            }),
        }
    }

    /// Settles the version, gets its tarball and unpacks it. Where the server of the latest one is down, the last
    /// build's agent stands in.
    fn unpacked(&mut self) -> Result<Acquired, AcquireError> {
        if let VersionRequest::Exact(version) = &self.config.version {
            return self.install(version.clone(), VersionOrigin::ConfigVar);
        }
        let latest = self
            .latest()
            .and_then(|version| self.install(version, VersionOrigin::Latest));
        let error = match latest {
            Err(AcquireError::Fetch(error)) if error.is_outage() => error,
            result => return result,
        };
        let last = self.cache.as_ref().and_then(|cache| cache.newest());
        let Some(last) = last.filter(|archive| self.has_wanted_digest(archive)) else {
            return Err(error.into());
        };
        self.tell(Event::Installing {
            version: &last.version,
            origin: VersionOrigin::LastBuild,
        });
        let Some(agent) = self.unpack_cached(&last)? else {
            return Err(error.into());
        };
        self.tell(Event::StandingIn {
            error: &error,
            version: &last.version,
        });
        Ok(Acquired {
            version: last.version,
            version_origin: VersionOrigin::LastBuild,
            agent,
            archive_origin: ArchiveOrigin::Cache,
        })
    }

    fn tell(&mut self, event: Event) {
        (self.listener)(event);
    }

    /// Gets the tarball of `version` and unpacks it.
    fn install(&mut self, version: Version, version_origin: VersionOrigin) -> Result<Acquired, AcquireError> {
        self.tell(Event::Installing {
            version: &version,
            origin: version_origin,
        });
        let (agent, archive_origin) = self.agent(&version, version_origin)?;
        Ok(Acquired {
            version,
            version_origin,
            agent,
            archive_origin,
        })
    }

    /// Asks the release server for the latest version.
    fn latest(&mut self) -> Result<Version, AcquireError> {
        let location = self.config.releases.latest();
        match self.whole(&location, LATEST_LIMIT) {
            Ok(body) => Ok(latest::read(&body, &location)?),
            Err(TransferError::Fetch(error)) => Err(match error.fault {
                FetchFault::NotFound { answer } => VersionError::LatestNotFound { location, answer }.into(),
                // A page of any length is not a version.
                FetchFault::TooLarge { limit } => VersionError::LatestInvalid {
                    location,
                    content: format!("more than {limit} bytes"),
                }
                .into(),
                _ => error.into(),
            }),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether `archive` has the digest that `HOOP_SHA256` names, if it names one.
    fn has_wanted_digest(&self, archive: &CachedArchive) -> bool {
        self.config.sha256.is_none_or(|wanted| wanted == archive.digest)
    }

    /// Gets the agent of `version`.
    fn agent(
        &mut self,
        version: &Version,
        version_origin: VersionOrigin,
    ) -> Result<(VerifiedAgent, ArchiveOrigin), AcquireError> {
        let mut cached = self.cache.as_ref().and_then(|cache| cache.archive_of(version));
        // Known from the file's name, so also where its bytes turn out to be damaged. Only we give such a name.
        let named_by_us = |archive: &&CachedArchive| self.cache.as_ref().is_some_and(|cache| cache.has(archive));
        let last = self.last.as_ref().filter(|last| last.version == *version);
        let recorded = cached
            .as_ref()
            .filter(named_by_us)
            .or(last)
            .map(|archive| archive.digest);
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

    /// The tarball of `version` as it was published. Where the server has no `checksums.txt`, a digest
    /// from the user is enough.
    fn published(&mut self, version: &Version) -> Result<Tarball, AcquireError> {
        let location = self.config.releases.checksums(version);
        match self.whole(&location, checksums::SIZE_LIMIT) {
            Ok(body) => {
                let text = String::from_utf8_lossy(&body);
                Ok(resolve::published(&text, version, self.platform, &location)?)
            }
            Err(TransferError::Fetch(FetchError {
                location,
                fault: FetchFault::NotFound { answer },
            })) => match self.config.sha256 {
                Some(digest) => {
                    let [name, _] = tarball_names(version, self.platform);
                    Ok(Tarball {
                        name,
                        digest,
                        is_listed: false,
                    })
                }
                None => Err(not_found(self.config, version, location, answer)),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// Unpacks a cached archive. `None` means that it is damaged, which is told, and must be downloaded again.
    fn unpack_cached(&mut self, archive: &CachedArchive) -> Result<Option<VerifiedAgent>, AcquireError> {
        let Some(cache) = &self.cache else { return Ok(None) };
        let mut file = match cache.open_archive(archive) {
            Ok(file) => file,
            Err(error) => {
                self.tell(Event::CacheUnreadable(&error));
                return Ok(None);
            }
        };
        let [name, _] = tarball_names(&archive.version, self.platform);
        match pass(self.scratch, &mut file, &name, archive.digest, None) {
            Ok((agent, _)) => {
                self.tell(Event::Cached {
                    bytes: agent.archive_bytes(),
                });
                self.tell_left_out(agent.unpacked());
                Ok(Some(agent))
            }
            Err(PassFault::Unpack(UnpackFault::Write(file, source))) => Err(write_failed(file, source)),
            Err(PassFault::NoThread(error)) => Err(NoResources::from(error).into()),
            Err(_) => {
                self.tell(Event::CacheDamaged);
                Ok(None)
            }
        }
    }

    /// Downloads and unpacks `tarball`, with a copy to the cache.
    fn download(&mut self, version: &Version, tarball: &Tarball) -> Result<VerifiedAgent, AcquireError> {
        let location = self.config.releases.tarball(version, &tarball.name);
        let mut effort = Effort::begin();
        loop {
            let (mut copy, no_copy) = match self.cache.as_deref_mut().map(Cache::begin_copy).transpose() {
                Ok(copy) => (copy, None),
                Err(error) => (None, Some(error)),
            };
            let listener = &mut *self.listener;
            let mut notice = |retry: Retry<'_>| listener(Event::Retrying(retry));
            let mut stream = match self.fetcher.stream(&location, ARCHIVE_LIMIT, &mut effort, &mut notice) {
                Ok(stream) => stream,
                // Without checksums.txt this is the first thing the server was asked of the version.
                Err(TransferError::Fetch(FetchError {
                    location,
                    fault: FetchFault::NotFound { answer },
                })) if !tarball.is_listed => {
                    return Err(not_found(self.config, version, location, answer));
                }
                Err(error) => return Err(error.into()),
            };
            let result = pass(
                self.scratch,
                &mut *stream,
                &tarball.name,
                tarball.digest,
                copy.as_mut().map(|file| file as &mut dyn Write),
            );
            drop(stream);
            match result {
                Ok((agent, copy_error)) => {
                    self.keep_copy(version, &agent, no_copy.or(copy_error));
                    self.tell(Event::Downloaded {
                        name: &tarball.name,
                        bytes: agent.archive_bytes(),
                    });
                    self.tell_left_out(agent.unpacked());
                    return Ok(agent);
                }
                Err(fault) => match of_pass(fault, tarball, &location) {
                    Some(error) => return Err(error),
                    None => self.tell(Event::StartingOver(&location)),
                },
            }
        }
    }

    /// Makes the finished copy the cached archive, or tells why that failed.
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
                (self.listener)(Event::CacheUnwritable {
                    path: cache.path(),
                    error: &error,
                });
            }
        }
    }

    /// Reads a small file of the release server.
    fn whole(&mut self, location: &Location, limit: u64) -> Result<Vec<u8>, TransferError> {
        let listener = &mut *self.listener;
        let mut notice = |retry: Retry<'_>| listener(Event::Retrying(retry));
        self.fetcher.whole(location, limit, &mut notice)
    }

    /// Names what the archive holds beside the agent.
    fn tell_left_out(&mut self, unpacked: &Unpacked) {
        let names = unpacked.skipped.as_slice();
        if !names.is_empty() {
            let more = unpacked.skipped_count.saturating_sub(names.len() as u64);
            self.tell(Event::LeftOut { names, more });
        }
    }
}

/// The error of a `version` that the release server does not have.
fn not_found(config: &BuildConfig, version: &Version, location: Location, answer: String) -> AcquireError {
    let is_latest = config.version == VersionRequest::Latest;
    let version = version.clone();
    VersionError::VersionNotFound {
        version,
        location,
        answer,
        is_latest,
    }
    .into()
}

/// Unpacks `source` into a fresh folder in the scratch folder. Also returns what ended the copy, if something did.
fn pass(
    scratch: &Scratch,
    source: &mut dyn Read,
    name: &str,
    expected: Sha256,
    copy: Option<&mut dyn Write>,
) -> Result<(VerifiedAgent, Option<io::Error>), PassFault> {
    let folder = fresh_folder(scratch.dir()).map_err(|error| PassFault::Unpack(UnpackFault::Write(UNPACKED, error)))?;
    let mut targets = Targets {
        folder: &folder,
        copy: CacheCopy::to(copy),
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

/// The error that a fault of a download is. `None` means that it must start over.
fn of_pass(fault: PassFault, tarball: &Tarball, location: &Location) -> Option<AcquireError> {
    let error = match fault {
        PassFault::Read(error) => from_io(error, location)?.into(),
        PassFault::TooLarge => FetchFault::TooLarge { limit: ARCHIVE_LIMIT }.at(location).into(),
        PassFault::DigestDiffers { received, bytes } => FetchFault::ChecksumMismatch {
            name: tarball.name.clone(),
            bytes,
            expected: tarball.digest,
            received,
        }
        .at(location)
        .into(),
        PassFault::Unpack(UnpackFault::Archive(error)) => error.into(),
        PassFault::Unpack(UnpackFault::Write(file, source)) => write_failed(file, source),
        PassFault::NoThread(error) => NoResources::from(error).into(),
    };
    Some(error)
}

fn write_failed(file: &str, source: io::Error) -> AcquireError {
    let path = file.to_owned();
    WriteError { path, source }.into()
}
