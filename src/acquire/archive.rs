//! Takes the agent out of its tarball.
//!
//! The bytes are not yet known to be the published ones when they come here, so the unpacker does as little as
//! possible: it takes regular files by name, streams them into the scratch folder and skips all else. It reads
//! headers one by one and never a header's payload (long names, PAX records), so nothing in an archive can make
//! it use memory.

use crate::acquire::scratch::create_file;
use crate::agent::sha256::{Hasher, Sha256};
use crate::failure::Failure;
use cap_std::fs::{Dir, Metadata, MetadataExt as _};
use std::collections::BTreeMap;
use std::io::{self, Read};

/// The most bytes an archive may unpack to. Releases have 60 to 120 MB.
pub const UNPACKED_LIMIT: u64 = 2 * 1024 * 1024 * 1024;

/// The program that must be in an archive.
pub const AGENT: &str = "hoop";

/// What is taken from an archive: the agent, and helpers that later releases carry and that the agent finds through
/// PATH. `hoop_rs` is that for RDP. To take another one, add it here: all else goes by this list.
pub const PROGRAMS: &[&str] = &[AGENT, "hoop_rs"];

/// The mode of what is written: always executable and never setuid, whatever the archive says.
const MODE: u32 = 0o755;

/// How many names of skipped entries are kept to be shown.
const MOST_SKIPPED_NAMES: usize = 8;

/// What is wrong with an archive.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It cannot be read as a gzip-compressed tar file.
    #[error("{name} cannot be unpacked")]
    Damaged {
        /// The archive.
        name: String,
        /// What the decompressor or the tar reader says.
        source: io::Error,
    },
    #[error("there is no hoop agent in {name}")]
    NoAgent {
        /// The archive.
        name: String,
        /// What it holds instead.
        found: Vec<String>,
    },
    /// It unpacks to more than [`UNPACKED_LIMIT`].
    #[error("{name} unpacks to more than 2 GiB")]
    TooLarge {
        /// The archive.
        name: String,
    },
    /// It holds a file twice, so which one is meant cannot be known.
    #[error("{name} contains {file} twice")]
    Duplicate {
        /// The archive.
        name: String,
        file: &'static str,
    },
}

impl ArchiveError {
    /// The failure id.
    pub fn failure(&self) -> Failure {
        match self {
            ArchiveError::Damaged { .. } => Failure::ArchiveDamaged,
            ArchiveError::NoAgent { .. } => Failure::NoAgent,
            ArchiveError::TooLarge { .. } => Failure::ArchiveTooLarge,
            ArchiveError::Duplicate { .. } => Failure::ArchiveDuplicate,
        }
    }
}

/// What went wrong while unpacking: the archive, or the disk.
#[derive(Debug)]
pub enum UnpackFault {
    /// The archive.
    Archive(ArchiveError),
    /// Writing the named file.
    Write(&'static str, io::Error),
}

/// What was unpacked.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Unpacked {
    /// The files written.
    pub files: BTreeMap<&'static str, UnpackedFile>,
    /// Names of entries that were not taken, the first few.
    pub skipped: Vec<String>,
    /// How many entries were not taken.
    pub skipped_count: u64,
}

/// One file that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnpackedFile {
    /// Its size in bytes.
    pub size: u64,
    /// The digest of its bytes.
    digest: Sha256,
}

impl UnpackedFile {
    /// Whether `name` in `folder` is this file, as it was written: by its bytes, since a program that has run
    /// may have set its times, and with no other name by which it could be changed later.
    pub fn is_at(&self, folder: &Dir, name: &str) -> bool {
        let found = folder.symlink_metadata(name);
        let is_alike = |found: &Metadata| {
            found.is_file() && found.mode() & 0o7777 == MODE && found.nlink() == 1 && found.len() == self.size
        };
        found.is_ok_and(|found| is_alike(&found))
            && folder
                .open(name)
                .is_ok_and(|mut file| copy(&mut file, &mut io::sink()).is_ok_and(|read| read == *self))
    }
}

/// Unpacks the tar file `inflated`, that of the archive called `name` in errors, into the folder `into`.
pub fn unpack(inflated: impl Read, name: &str, into: &Dir) -> Result<Unpacked, UnpackFault> {
    let damaged = |source: io::Error| {
        UnpackFault::Archive(
            if source
                .get_ref()
                .is_some_and(<dyn std::error::Error + Send + Sync>::is::<OverLimit>)
            {
                ArchiveError::TooLarge { name: name.to_owned() }
            } else {
                ArchiveError::Damaged {
                    name: name.to_owned(),
                    source,
                }
            },
        )
    };
    let bytes = Bounded {
        inner: inflated,
        left: UNPACKED_LIMIT,
    };
    let mut archive = tar::Archive::new(bytes);
    let mut unpacked = Unpacked::default();
    for entry in archive.entries().map_err(damaged)?.raw(true) {
        let mut entry = entry.map_err(damaged)?;
        let path = entry.path_bytes();
        let entry_name = path.strip_prefix(b"./").unwrap_or(&path);
        let wanted = PROGRAMS
            .iter()
            .copied()
            .find(|wanted| wanted.as_bytes() == entry_name && is_plain_file(entry.header()));
        let Some(file) = wanted else {
            let is_top_folder = entry_name.is_empty() || entry_name == b".";
            if !is_top_folder {
                unpacked.skipped_count += 1;
                if unpacked.skipped.len() < MOST_SKIPPED_NAMES {
                    let shown = String::from_utf8_lossy(entry_name);
                    unpacked.skipped.push(crate::text::excerpt(&shown, 60));
                }
            }
            continue;
        };
        if unpacked.files.contains_key(file) {
            return Err(UnpackFault::Archive(ArchiveError::Duplicate {
                name: name.to_owned(),
                file,
            }));
        }
        if entry.header().entry_size().map_err(damaged)? > UNPACKED_LIMIT {
            return Err(UnpackFault::Archive(ArchiveError::TooLarge { name: name.to_owned() }));
        }
        let mut target = create_file(into, file, MODE).map_err(|error| UnpackFault::Write(file, error))?;
        let written = copy(&mut entry, &mut target).map_err(|fault| match fault {
            CopyFault::Read(error) => damaged(error),
            CopyFault::Write(error) => UnpackFault::Write(file, error),
        })?;
        if written.size != entry.header().entry_size().map_err(damaged)? {
            return Err(damaged(io::ErrorKind::UnexpectedEof.into()));
        }
        unpacked.files.insert(file, written);
    }
    // The tar file may end before the gzip file does, and only at its end gzip compares its own checksum.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(damaged)?;
    if unpacked.files.contains_key(AGENT) {
        Ok(unpacked)
    } else {
        Err(UnpackFault::Archive(ArchiveError::NoAgent {
            name: name.to_owned(),
            found: unpacked.skipped,
        }))
    }
}

/// Whether `header` is of a file whose bytes follow it as they are: no link, no device, no sparse map.
fn is_plain_file(header: &tar::Header) -> bool {
    matches!(
        header.entry_type(),
        tar::EntryType::Regular | tar::EntryType::Continuous
    )
}

/// Which side of a copy failed.
enum CopyFault {
    Read(io::Error),
    Write(io::Error),
}

/// Copies all of `from` to `to` and returns what that was. Like `io::copy`, but an error tells its side.
fn copy(from: &mut impl Read, to: &mut impl io::Write) -> Result<UnpackedFile, CopyFault> {
    // Larger pieces were not faster: the decompressor hands out 32 KiB at a time.
    let mut buffer = vec![0; 64 * 1024];
    let mut hasher = Hasher::default();
    let mut size = 0;
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(CopyFault::Read(error)),
        };
        hasher.update(&buffer[..count]);
        to.write_all(&buffer[..count]).map_err(CopyFault::Write)?;
        size += count as u64;
    }
    let digest = hasher.finish();
    Ok(UnpackedFile { size, digest })
}

/// More bytes than [`UNPACKED_LIMIT`] came out of an archive.
#[derive(Debug, thiserror::Error)]
#[error("more than {UNPACKED_LIMIT} bytes")]
struct OverLimit;

/// A reader that fails once more than `left` bytes have come, so that a small file that inflates to an endless
/// one (a bomb) ends early.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.left = self
            .left
            .checked_sub(count as u64)
            .ok_or_else(|| io::Error::other(OverLimit))?;
        Ok(count)
    }
}
