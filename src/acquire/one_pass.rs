//! From a tarball's bytes to a verified agent, in one pass.
//!
//! ```text
//! socket or cache file ─┬─> SHA-256
//!                       ├─> the cache's scratch file
//!                       └─> inflate ─> tar ─> scratch folder
//! ```
//!
//! Each `─>` in the last line goes from one thread to the next ([`relay`]), so the whole is as fast as its slowest
//! stage, which is to inflate, and needs the memory of a few buffers, however large the archive.
//! Nothing is visible before the digest agrees: [`VerifiedAgent`] can only be made here, after that.

use crate::acquire::archive::{self, UnpackFault, Unpacked};
use crate::acquire::relay::{Chunks, Filler, relay};
use crate::agent::sha256::{Hasher, Sha256};
use cap_std::fs::Dir;
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Builder;

/// An agent whose bytes are those of an archive with the expected digest, in a scratch folder.
#[derive(Debug)]
pub struct VerifiedAgent {
    unpacked: Unpacked,
    digest: Sha256,
    archive_bytes: u64,
}

impl VerifiedAgent {
    /// The files of the agent, and what else the archive held.
    pub fn unpacked(&self) -> &Unpacked {
        &self.unpacked
    }

    /// The digest of the archive.
    pub fn digest(&self) -> Sha256 {
        self.digest
    }

    /// The size of the archive in bytes.
    pub fn archive_bytes(&self) -> u64 {
        self.archive_bytes
    }
}

/// Why there is no verified agent.
#[derive(Debug)]
pub enum PassFault {
    /// The bytes could not be read to their end.
    Read(io::Error),
    /// The archive has more bytes than the limit.
    TooLarge,
    /// The bytes are not those that were expected.
    DigestDiffers {
        /// Their digest.
        received: Sha256,
        /// Their number.
        bytes: u64,
    },
    /// They are, and cannot be unpacked.
    Unpack(UnpackFault),
    /// There is no thread to unpack them in.
    NoThread(io::Error),
}

/// Where the pass puts things.
pub struct Targets<'a, 'b> {
    /// The folder to unpack into. Whatever is in it after a fault is the caller's to remove.
    pub folder: &'a Dir,
    /// Gets a copy of the archive as it comes. A copy that fails to be written is given up quietly: see
    /// [`CacheCopy::into_error`].
    pub copy: CacheCopy<'b>,
}

/// A second copy of the archive's bytes that is given up at the first error.
pub struct CacheCopy<'a> {
    target: Option<&'a mut dyn Write>,
    error: Option<io::Error>,
}

impl<'a> CacheCopy<'a> {
    /// Copies to `target`, or nowhere.
    pub fn to(target: Option<&'a mut dyn Write>) -> Self {
        Self { target, error: None }
    }

    /// The error that ended the copy, if one did.
    pub fn into_error(self) -> Option<io::Error> {
        self.error
    }

    /// Writes the next bytes.
    fn write(&mut self, bytes: &[u8]) {
        if let Some(target) = &mut self.target
            && let Err(error) = target.write_all(bytes)
        {
            self.error = Some(error);
            self.target = None;
        }
    }
}

/// Reads `source` to its end, at most `limit` bytes, unpacks it and compares its digest with `expected`.
/// `name` is what the archive is called in errors.
pub fn run(
    source: &mut dyn Read,
    name: &str,
    expected: Sha256,
    limit: u64,
    targets: &mut Targets,
) -> Result<VerifiedAgent, PassFault> {
    let (compressed, to_inflate) = relay();
    let (inflated, to_unpack) = relay();
    let mut archive = Archive {
        source,
        hasher: Hasher::default(),
        copy: &mut targets.copy,
        bytes: 0,
        limit,
    };
    let folder = targets.folder;
    let disk_failed = AtomicBool::new(false);
    let ends = std::thread::scope(|scope| {
        let disk_failed = &disk_failed;
        let unpacker = Builder::new().spawn_scoped(scope, move || {
            let mut to_unpack = to_unpack;
            let unpacked = archive::unpack(&mut to_unpack, name, folder);
            // Before the end of `to_unpack`, which is what the inflater notices.
            disk_failed.store(matches!(unpacked, Err(UnpackFault::Write(..))), Ordering::SeqCst);
            unpacked
        })?;
        Builder::new().spawn_scoped(scope, move || inflate(to_inflate, inflated, disk_failed))?;
        let read = compressed.pass_on(&mut archive);
        drop(compressed);
        Ok((read, unpacker.join()))
    });
    let (read, unpacked) = ends.map_err(PassFault::NoThread)?;
    let unpacked = match unpacked {
        Ok(unpacked) => unpacked,
        Err(panic) => std::panic::resume_unwind(panic),
    };
    // No byte that is still to come can cure the disk.
    if let Err(fault @ UnpackFault::Write(..)) = unpacked {
        return Err(PassFault::Unpack(fault));
    }
    if archive.bytes > limit {
        return Err(PassFault::TooLarge);
    }
    read.map_err(PassFault::Read)?;
    let (received, bytes) = (archive.hasher.finish(), archive.bytes);
    // The digest comes first: what is wrong with bytes that nobody published is not worth telling.
    if received != expected {
        return Err(PassFault::DigestDiffers { received, bytes });
    }
    Ok(VerifiedAgent {
        unpacked: unpacked.map_err(PassFault::Unpack)?,
        digest: received,
        archive_bytes: bytes,
    })
}

/// The archive's bytes as they come, each hashed and copied as it passes.
struct Archive<'a, 'b> {
    source: &'a mut dyn Read,
    hasher: Hasher,
    copy: &'a mut CacheCopy<'b>,
    bytes: u64,
    limit: u64,
}

impl Read for Archive<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // More than the limit is not passed on; `run` sees it by the number of bytes.
        if self.bytes > self.limit {
            return Ok(0);
        }
        let count = self.source.read(buffer)?;
        self.bytes += count as u64;
        self.hasher.update(&buffer[..count]);
        self.copy.write(&buffer[..count]);
        Ok(count)
    }
}

/// Inflates all members of a gzip file (<https://www.rfc-editor.org/rfc/rfc1952#page-5>).
/// Where the disk has failed, the rest is not asked for.
fn inflate(compressed: Chunks, inflated: Filler, disk_failed: &AtomicBool) {
    let mut decoder = flate2::bufread::MultiGzDecoder::new(compressed);
    let result = inflated.pass_on(&mut decoder);
    if let Err(error) = result {
        inflated.fail(error);
    } else {
        drop(inflated);
    }
    if !disk_failed.load(Ordering::SeqCst) {
        // What nobody wants to unpack must still pass the hash.
        decoder.into_inner().drain();
    }
}

#[cfg(test)]
mod tests {
    use super::{CacheCopy, PassFault, Targets, run};
    use crate::acquire::archive::{ArchiveError, UnpackFault};
    use crate::agent::sha256::{Hasher, Sha256};
    use cap_std::ambient_authority;
    use cap_std::fs::Dir;
    use std::io::Write as _;

    /// A tarball of `entries`, compressed.
    fn tarball(entries: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&tar_file(entries)).unwrap();
        encoder.finish().unwrap()
    }

    /// A tar file of `entries`.
    fn tar_file(entries: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, kind, content) in entries {
            let mut header = tar::Header::new_gnu();
            // By hand, since the tar crate refuses to write the names a hostile archive has.
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_entry_type(*kind);
            header.set_size(content.len() as u64);
            header.set_mode(0o4644);
            header.set_cksum();
            builder.append(&header, *content).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn digest(bytes: &[u8]) -> Sha256 {
        let mut hasher = Hasher::default();
        hasher.update(bytes);
        hasher.finish()
    }

    struct Pass {
        result: Result<super::VerifiedAgent, PassFault>,
        folder: tempfile::TempDir,
        copy: Vec<u8>,
    }

    fn pass(archive: &[u8], expected: Sha256) -> Pass {
        let folder = tempfile::tempdir().unwrap();
        let into = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
        let mut copy = Vec::new();
        let result = run(
            &mut &*archive,
            "hoop.tar.gz",
            expected,
            1024 * 1024,
            &mut Targets {
                folder: &into,
                copy: CacheCopy::to(Some(&mut copy)),
            },
        );
        Pass { result, folder, copy }
    }

    #[test]
    fn the_agent_is_taken_and_the_rest_is_named() {
        let agent = vec![7; 300_000];
        let archive = tarball(&[
            ("./", tar::EntryType::Directory, b""),
            ("./hoopstart", tar::EntryType::Regular, b"old"),
            ("./hoop", tar::EntryType::Regular, &agent),
            ("../hoop", tar::EntryType::Regular, b"outside"),
            ("hoop_rs", tar::EntryType::Symlink, b""),
        ]);
        let pass = pass(&archive, digest(&archive));

        let verified = pass.result.unwrap();
        assert_eq!(verified.archive_bytes(), archive.len() as u64);
        assert_eq!(verified.unpacked().skipped, ["hoopstart", "../hoop", "hoop_rs"]);
        assert_eq!(std::fs::read(pass.folder.path().join("hoop")).unwrap(), agent);
        assert_eq!(std::fs::read_dir(pass.folder.path()).unwrap().count(), 1);
        assert_eq!(pass.copy, archive);
    }

    #[test]
    fn another_digest_wins_over_all_else_that_is_wrong() {
        let result = pass(b"<html>", digest(b"something else")).result;

        assert!(
            matches!(result, Err(PassFault::DigestDiffers { bytes: 6, .. })),
            "{result:?}"
        );
    }

    #[test]
    fn a_published_archive_that_is_broken_says_how() {
        let whole = tarball(&[("./hoop", tar::EntryType::Regular, &vec![1; 100_000])]);
        let twice = tarball(&[
            ("hoop", tar::EntryType::Regular, b"one"),
            ("./hoop", tar::EntryType::Regular, b"two"),
        ]);
        let link = tarball(&[("hoop", tar::EntryType::Link, b"")]);

        let fault = |bytes: &[u8]| match pass(bytes, digest(bytes)).result {
            Err(PassFault::Unpack(UnpackFault::Archive(error))) => error,
            other => panic!("{other:?}"),
        };
        assert!(matches!(fault(&whole[..whole.len() / 2]), ArchiveError::Damaged { .. }));
        assert!(matches!(fault(b"<html>"), ArchiveError::Damaged { .. }));
        assert!(matches!(fault(&twice), ArchiveError::Duplicate { file: "hoop", .. }));
        assert!(matches!(fault(&link), ArchiveError::NoAgent { found, .. } if found == ["hoop"]));
    }

    #[test]
    fn what_follows_the_archive_is_part_of_the_digest_and_no_archive() {
        let archive = tarball(&[("hoop", tar::EntryType::Regular, b"agent")]);
        let mut longer = archive.clone();
        longer.extend(vec![0; 400_000]);

        assert!(matches!(
            pass(&longer, digest(&archive)).result,
            Err(PassFault::DigestDiffers { .. })
        ));
        assert!(matches!(
            pass(&longer, digest(&longer)).result,
            Err(PassFault::Unpack(UnpackFault::Archive(ArchiveError::Damaged { .. })))
        ));
    }

    #[test]
    fn an_archive_in_two_gzip_members_is_one_archive() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let inflated = tar_file(&[("hoop", tar::EntryType::Regular, &vec![7; 100_000])]);
        let (first, second) = inflated.split_at(70_000);
        encoder.write_all(first).unwrap();
        let mut archive = encoder.finish().unwrap();
        let mut encoder = flate2::write::GzEncoder::new(&mut archive, flate2::Compression::fast());
        encoder.write_all(second).unwrap();
        encoder.finish().unwrap();
        let pass = pass(&archive, digest(&archive));

        assert_eq!(pass.result.unwrap().unpacked().files["hoop"].size, 100_000);
    }

    #[test]
    fn a_download_over_the_limit_ends() {
        let bytes = vec![0; 1024 * 1024 + 1];

        assert!(matches!(pass(&bytes, digest(&bytes)).result, Err(PassFault::TooLarge)));
    }
}
