//! Packs a folder into a slug: a gzip tar in GNU's format with everything below `./app/`. Other paths are uploaded and
//! released like these, and unpack to nothing (<https://github.com/CGA1123/slugcmplr/issues/79>).
//!
//! The same files make the same bytes: names are sorted, times are the same for all, and everything belongs to root.

use crate::text;
use anyhow::{Context as _, bail};
use fs_err as fs;
use gzp::deflate::Gzip;
use gzp::par::compress::{ParCompress, ParCompressBuilder};
use gzp::{Compression, ZWriter as _};
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, Read as _, Write};
use std::num::NonZeroUsize;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;
use tar::{EntryType, Header};

/// The folder of a slug that becomes the dyno's `/app`.
const ROOT: &str = "./app";

/// The time of every entry, as the lifecycle of Cloud Native Buildpacks has it, since archives of other kinds know no
/// earlier one: the second after the beginning of 1980
/// (<https://github.com/buildpacks/spec/blob/main/platform.md>).
const TIME: u64 = 315_532_801;

/// Bytes of a tar's blocks.
const BLOCK: usize = 512;

/// The most bytes of a name or a link's target that a header of GNU's format has. A longer one has an entry of its own
/// before it (<https://www.gnu.org/software/tar/manual/html_node/Standard.html>).
const NAME: usize = 100;

/// What was packed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Packed {
    /// The bytes of all files, each counted once.
    pub bytes: u64,
    /// The number of files, folders, and links.
    pub entries: u64,
    /// Sockets, named pipes, and devices, which no slug can have.
    pub left_out: Vec<String>,
}

/// Packs `folder` and writes the slug to `to`. `progress` is told how many bytes of files have been read, and answers
/// whether to go on.
pub fn pack<W: Write + Send + 'static>(
    folder: &Path,
    to: W,
    progress: &mut dyn FnMut(u64) -> bool,
) -> anyhow::Result<(Packed, W)> {
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let gzip: ParCompress<Gzip, W> = ParCompressBuilder::new()
        .compression_level(Compression::new(LEVEL))
        .num_threads(threads)?
        .from_writer(to);
    let mut packing = Packing {
        gzip,
        is_broken: false,
        linked: HashMap::new(),
        packed: Packed::default(),
        progress,
    };
    let done = packing.add_folder(folder, ROOT.as_bytes()).and_then(|()| packing.end());
    // Also where a file could not be read: what compresses has threads, which must end. They have ended where what they
    // write to is broken.
    let to = (!packing.is_broken).then(|| packing.gzip.finish());
    done?;
    let to = to.context("what is broken has failed before")?;
    Ok((packing.packed, to.context("cannot write the slug")?))
}

/// That of gzip, and of the platform.
const LEVEL: u32 = 6;

/// A slug under way.
struct Packing<'a, W: Write> {
    gzip: ParCompress<'static, Gzip, W>,
    /// Whether nothing more can be written.
    is_broken: bool,
    /// The names of files that have several, by device and inode.
    linked: HashMap<(u64, u64), Vec<u8>>,
    packed: Packed,
    progress: &'a mut dyn FnMut(u64) -> bool,
}

impl<W: Write> Packing<'_, W> {
    /// Adds the folder at `path` as `name`, with all that is in it.
    fn add_folder(&mut self, path: &Path, name: &[u8]) -> anyhow::Result<()> {
        let mode = fs::symlink_metadata(path)?.mode();
        let mut folder = name.to_vec();
        folder.push(b'/');
        self.add(EntryType::Directory, &folder, mode, 0, &[])?;
        let names = fs::read_dir(path)?.map(|entry| Ok(entry?.file_name()));
        let mut names = names.collect::<io::Result<Vec<OsString>>>()?;
        names.sort_unstable();
        for name in names {
            let mut below = folder.clone();
            below.extend_from_slice(name.as_bytes());
            self.add_path(&path.join(name), &below)?;
        }
        Ok(())
    }

    fn add_path(&mut self, path: &Path, name: &[u8]) -> anyhow::Result<()> {
        let metadata = fs::symlink_metadata(path)?;
        let kind = metadata.file_type();
        if kind.is_dir() {
            return self.add_folder(path, name);
        }
        if kind.is_symlink() {
            let target = fs::read_link(path)?.into_os_string().into_vec();
            return self.add(EntryType::Symlink, name, 0o777, 0, &target);
        }
        if kind.is_socket() || kind.is_fifo() || kind.is_block_device() || kind.is_char_device() {
            let shown = text::excerpt(&String::from_utf8_lossy(&name[ROOT.len() + 1..]), 200);
            self.packed.left_out.push(shown);
            return Ok(());
        }
        if metadata.nlink() > 1 {
            let place = (metadata.dev(), metadata.ino());
            if let Some(first) = self.linked.get(&place) {
                let first = first.clone();
                return self.add(EntryType::Link, name, metadata.mode(), 0, &first);
            }
            self.linked.insert(place, name.to_vec());
        }
        let mut file = fs::File::open(path)?.take(metadata.len());
        self.add(EntryType::Regular, name, metadata.mode(), metadata.len(), &[])?;
        let mut buffer = vec![0; 128 * 1024];
        let mut rest = metadata.len();
        while rest > 0 {
            let read = file.read(&mut buffer)?;
            if read == 0 {
                bail!("{} became shorter while it was read", path.display());
            }
            self.write(&buffer[..read])?;
            rest -= read as u64;
            self.packed.bytes += read as u64;
            if !(self.progress)(self.packed.bytes) {
                bail!("interrupted");
            }
        }
        self.fill(metadata.len())
    }

    /// Adds the header of an entry.
    fn add(&mut self, kind: EntryType, name: &[u8], mode: u32, size: u64, target: &[u8]) -> anyhow::Result<()> {
        self.packed.entries += 1;
        self.add_long(EntryType::GNULongLink, target)?;
        self.add_long(EntryType::GNULongName, name)?;
        let mut header = header(kind, mode & 0o7777, size);
        let fields = header.as_gnu_mut().context("a header of GNU's format is one")?;
        fill_field(&mut fields.name, name);
        fill_field(&mut fields.linkname, target);
        self.write_header(header)
    }

    /// Adds an entry that has the whole of `text`, where that is too long for the next one's header.
    fn add_long(&mut self, kind: EntryType, text: &[u8]) -> anyhow::Result<()> {
        if text.len() <= NAME {
            return Ok(());
        }
        // With the NUL at its end, which is what GNU's own has.
        let size = text.len() as u64 + 1;
        let mut header = header(kind, 0o644, size);
        let fields = header.as_gnu_mut().context("a header of GNU's format is one")?;
        fill_field(&mut fields.name, b"././@LongLink");
        self.write_header(header)?;
        self.write(text)?;
        self.write(&[0])?;
        self.fill(size)
    }

    fn write_header(&mut self, mut header: Header) -> anyhow::Result<()> {
        header.set_cksum();
        Ok(self.write(header.as_bytes())?)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = self.gzip.write_all(bytes);
        self.is_broken |= written.is_err();
        written
    }

    /// Writes what is left of the last block of `size` bytes.
    fn fill(&mut self, size: u64) -> anyhow::Result<()> {
        let rest = usize::try_from(size.next_multiple_of(BLOCK as u64) - size)?;
        Ok(self.write(&[0; BLOCK][..rest])?)
    }

    /// Writes what a tar ends with.
    fn end(&mut self) -> anyhow::Result<()> {
        Ok(self.write(&[0; 2 * BLOCK])?)
    }
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(TIME);
    header.set_uid(0);
    header.set_gid(0);
    header
}

/// Writes as much of `text` as there is room for.
fn fill_field(field: &mut [u8], text: &[u8]) {
    let length = text.len().min(field.len());
    field[..length].copy_from_slice(&text[..length]);
}

/// The bytes of the files below `folder`, by the first part of their paths, and of those that are in no folder.
pub(crate) fn sizes(folder: &Path) -> io::Result<Vec<(OsString, u64)>> {
    let mut sizes = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let size = size_of(&entry.path())?;
        sizes.push((entry.file_name(), size));
    }
    sizes.sort_unstable();
    Ok(sizes)
}

pub(crate) fn size_of(path: &Path) -> io::Result<u64> {
    let metadata = fs::symlink_metadata(path)?;
    if metadata.is_dir() {
        let mut size = 0;
        for entry in fs::read_dir(path)? {
            size += size_of(&entry?.path())?;
        }
        return Ok(size);
    }
    Ok(if metadata.is_file() { metadata.len() } else { 0 })
}

/// The name of a file or folder as it can be shown.
pub(crate) fn shown(name: &OsStr) -> String {
    text::excerpt(&name.to_string_lossy(), 60)
}

#[cfg(test)]
mod tests {
    use super::{NAME, pack};
    use proptest::prelude::*;
    use std::ffi::OsString;
    use std::fs;
    use std::io::Write as _;
    use std::os::unix::ffi::OsStringExt as _;
    use std::path::Path;
    use std::process::{Command, Stdio};

    /// What `gzip` makes of a slug.
    fn decompressed(slug: &[u8]) -> Vec<u8> {
        let mut gzip = Command::new("gzip")
            .arg("-dc")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = gzip.stdin.take().unwrap();
        let output = std::thread::scope(|scope| {
            scope.spawn(move || stdin.write_all(slug).unwrap());
            gzip.wait_with_output().unwrap()
        });
        assert!(output.status.success());
        output.stdout
    }

    fn packed(folder: &Path) -> Vec<u8> {
        pack(folder, Vec::new(), &mut |_| true).unwrap().1
    }

    /// A byte that looks like chance.
    fn noise(place: usize) -> u8 {
        place.wrapping_mul(2_654_435_761).to_be_bytes()[4]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn files_of_any_name_and_size_are_read_by_gzip_and_tar_as_they_were(
            files in proptest::collection::btree_map("[^/\0]{1,60}", (any::<u8>(), 0..400_000_usize), 0..5),
            length in NAME - 8..NAME + 8,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let mut expected = Vec::new();
            for (name, (byte, size)) in files {
                if name == "." || name == ".." {
                    continue;
                }
                // Bytes that repeat and bytes that do not.
                let bytes: Vec<u8> = (0..size).map(|place| if byte > 127 { byte } else { noise(place) }).collect();
                fs::write(folder.path().join(&name), &bytes).unwrap();
                expected.push((OsString::from(name), bytes));
            }
            let long = OsString::from_vec(vec![0xe9; length]);
            fs::write(folder.path().join(&long), b"long").unwrap();
            expected.push((long, b"long".to_vec()));
            expected.sort_unstable();

            let mut archive = tar::Archive::new(std::io::Cursor::new(decompressed(&packed(folder.path()))));
            let mut found = Vec::new();
            for entry in archive.entries().unwrap() {
                let mut entry = entry.unwrap();
                let path = entry.path_bytes().into_owned();
                if let Some(name) = path.strip_prefix(b"./app/").filter(|name| !name.is_empty()) {
                    let mut bytes = Vec::new();
                    std::io::copy(&mut entry, &mut bytes).unwrap();
                    found.push((OsString::from_vec(name.to_vec()), bytes));
                }
            }
            prop_assert!(found == expected);
        }
    }

    #[test]
    fn packing_ends_early_if_it_is_told_to() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a", "b"] {
            fs::write(folder.path().join(name), vec![0; 300_000]).unwrap();
        }
        let mut seen = 0;
        let packed = pack(folder.path(), Vec::new(), &mut |bytes| {
            seen = bytes;
            bytes < 300_000
        });
        assert_eq!(
            (packed.unwrap_err().to_string().as_str(), seen),
            ("interrupted", 300_000)
        );
    }

    #[test]
    fn a_disk_that_is_full_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let noise: Vec<u8> = (0..3_000_000).map(noise).collect();
        fs::write(folder.path().join("noise"), noise).unwrap();
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        assert!(pack(folder.path(), full, &mut |_| true).is_err());
    }
}
