//! The entries of a slug, one after the other, without unpacking anything. Memory is bounded whatever the file says.
//!
//! Headers are read as GNU tar reads them (<https://www.gnu.org/software/tar/manual/html_node/Standard.html>).

use crate::slug::inspect::fault::Damage;
use crate::text;
use flate2::bufread::MultiGzDecoder;
use std::io::{self, BufRead, Read};
use tar::{EntryType, Header};

/// The bytes of a header, and what the bytes of a file are filled up to.
const BLOCK: usize = 512;

/// The most bytes of a name, or of the records in a pax header.
const NAME_LIMIT: u64 = 64 * 1024;

/// The most bytes that a slug unpacks to: many times what a dyno has room for.
const LIMIT: u64 = 64 * 1024 * 1024 * 1024;

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// As it is written.
    pub(crate) path: Vec<u8>,
    pub(crate) kind: Kind,
    pub(crate) mode: u32,
    /// The bytes of a file.
    pub(crate) size: u64,
    /// Where a link leads.
    pub(crate) target: Vec<u8>,
    /// Whether a pax header belongs to it.
    pub(crate) has_pax: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    SparseFile,
    Folder,
    SymbolicLink,
    HardLink,
    /// A device or a named pipe.
    Special,
    Unknown(u8),
}

/// What comes before the header of an entry and belongs to it.
#[derive(Default)]
struct Before {
    path: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    size: Option<u64>,
    has_pax: bool,
}

/// Reads the slug in `file` to its end. `each` gets every entry, with the bytes of its file. Answers whether the
/// archive ends as it should.
pub(super) fn read(
    file: &mut impl BufRead,
    mut each: impl FnMut(Entry, &mut dyn Read) -> Result<(), Damage>,
) -> Result<bool, Damage> {
    match file.fill_buf().map_err(Damage::Gzip)? {
        [] => return Err(Damage::Empty),
        [0x1f] | [0x1f, 0x8b, ..] => {}
        _ => return Err(Damage::NotGzip),
    }
    let mut archive = Archive {
        unpacked: MultiGzDecoder::new(file),
        at: 0,
    };
    let mut before = Before::default();
    let has_end = loop {
        let Some(header) = archive.header()? else {
            break false;
        };
        if header.as_bytes().iter().all(|byte| *byte == 0) {
            break true;
        }
        let begin = archive.at - BLOCK as u64;
        if !is_header(&header) {
            return Err(Damage::NotTar { at: begin });
        }
        let written = header.entry_size().map_err(|_| Damage::NotTar { at: begin })?;
        match header.entry_type() {
            EntryType::GNULongName => before.path = Some(without_nul(archive.text(written)?)),
            EntryType::GNULongLink => before.target = Some(without_nul(archive.text(written)?)),
            EntryType::XGlobalHeader => {
                archive.text(written)?;
                before.has_pax = true;
            }
            EntryType::XHeader => before.read_pax(&archive.text(written)?),
            kind => {
                let mut size = written;
                if kind == EntryType::GNUSparse {
                    size = header
                        .as_gnu()
                        .and_then(|header| header.real_size().ok())
                        .unwrap_or(written);
                    archive.skip_sparse_map(&header)?;
                }
                let before = std::mem::take(&mut before);
                let in_archive = before.size.unwrap_or(written);
                let entry = Entry {
                    path: before.path.unwrap_or_else(|| header.path_bytes().into_owned()),
                    kind: kind_of(kind),
                    mode: header.mode().unwrap_or_default(),
                    size: before.size.unwrap_or(size),
                    target: before
                        .target
                        .or_else(|| Some(header.link_name_bytes()?.into_owned()))
                        .unwrap_or_default(),
                    has_pax: before.has_pax,
                };
                let is_file = matches!(entry.kind, Kind::File | Kind::SparseFile | Kind::Unknown(_));
                archive.body(if is_file { in_archive } else { 0 }, entry, &mut each)?;
            }
        }
    };
    // To the end, so that the checksum of the file is compared.
    io::copy(&mut archive.unpacked.take(LIMIT), &mut io::sink()).map_err(|error| cut_or_gzip(error, None))?;
    Ok(has_end)
}

impl Before {
    /// Reads the records of a pax header (<https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html>).
    fn read_pax(&mut self, records: &[u8]) {
        self.has_pax = true;
        for record in tar::PaxExtensions::new(records).flatten() {
            let value = record.value_bytes();
            match record.key_bytes() {
                b"path" => self.path = Some(value.to_vec()),
                b"linkpath" => self.target = Some(value.to_vec()),
                b"size" => self.size = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()),
                _ => {}
            }
        }
    }
}

/// What a gzip file unpacks to.
struct Archive<R: BufRead> {
    unpacked: MultiGzDecoder<R>,
    /// How many bytes have been read.
    at: u64,
}

impl<R: BufRead> Archive<R> {
    /// The next block. `None` at the end.
    fn header(&mut self) -> Result<Option<Header>, Damage> {
        let mut header = Header::new_old();
        let block = header.as_mut_bytes();
        let mut filled = 0;
        while filled < BLOCK {
            match self.unpacked.read(&mut block[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(Damage::Cut { name: None }),
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // What does not even begin as an archive was made by someone else.
                Err(error) => return Err(cut_or_gzip(error, None)),
            }
        }
        self.advance(BLOCK as u64)?;
        Ok(Some(header))
    }

    /// The bytes of an entry that is part of another one's header.
    fn text(&mut self, size: u64) -> Result<Vec<u8>, Damage> {
        if size > NAME_LIMIT {
            return Err(Damage::NameTooLong(NAME_LIMIT));
        }
        let mut text = Vec::new();
        let padded = size.next_multiple_of(BLOCK as u64);
        let read = (&mut self.unpacked).take(padded).read_to_end(&mut text);
        let read = read.map_err(|error| cut_or_gzip(error, None))?;
        if (read as u64) < padded {
            return Err(Damage::Cut { name: None });
        }
        self.advance(padded)?;
        text.truncate(usize::try_from(size).unwrap_or(read));
        Ok(text)
    }

    /// Hands an entry and its `size` bytes to `each`, and skips what it leaves.
    fn body(
        &mut self,
        size: u64,
        entry: Entry,
        each: &mut impl FnMut(Entry, &mut dyn Read) -> Result<(), Damage>,
    ) -> Result<(), Damage> {
        let name = text::excerpt(&String::from_utf8_lossy(&entry.path), 100);
        let padded = size
            .checked_next_multiple_of(BLOCK as u64)
            .ok_or(Damage::TooLarge(LIMIT))?;
        self.advance(padded)?;
        let mut bytes = Counted {
            rest: (&mut self.unpacked).take(size),
            fault: None,
        };
        each(entry, &mut bytes)?;
        if let Some(error) = bytes.fault {
            return Err(cut_or_gzip(error, Some(name)));
        }
        let left = bytes.rest.limit() + (padded - size);
        let skipped = io::copy(&mut (&mut self.unpacked).take(left), &mut io::sink());
        match skipped {
            Ok(skipped) if skipped == left => Ok(()),
            Ok(_) => Err(Damage::Cut { name: Some(name) }),
            Err(error) => Err(cut_or_gzip(error, Some(name))),
        }
    }

    /// Skips the blocks that say where the holes of a file are and do not fit into its header.
    fn skip_sparse_map(&mut self, header: &Header) -> Result<(), Damage> {
        let mut goes_on = header.as_gnu().is_some_and(tar::GnuHeader::is_extended);
        while goes_on {
            let block = self.header()?.ok_or(Damage::Cut { name: None })?;
            // The byte behind the 21 places of 24 bytes each.
            goes_on = block.as_bytes()[504] == 1;
        }
        Ok(())
    }

    fn advance(&mut self, bytes: u64) -> Result<(), Damage> {
        self.at = self.at.saturating_add(bytes);
        if self.at > LIMIT {
            return Err(Damage::TooLarge(LIMIT));
        }
        Ok(())
    }
}

/// The bytes of a file, with the error that ended them, which is that of the archive.
struct Counted<R> {
    rest: io::Take<R>,
    fault: Option<io::Error>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.rest.read(buffer) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                self.fault = Some(error);
                Ok(0)
            }
            read => read,
        }
    }
}

/// Whether the sum of a header's bytes is the one that it says.
fn is_header(header: &Header) -> bool {
    let bytes = header.as_bytes();
    // Its own place counts as blanks.
    let sum = bytes.iter().enumerate().map(|(place, byte)| match place {
        148..156 => u32::from(b' '),
        _ => u32::from(*byte),
    });
    header.cksum().is_ok_and(|written| written == sum.sum::<u32>())
}

fn kind_of(kind: EntryType) -> Kind {
    match kind {
        EntryType::Regular | EntryType::Continuous => Kind::File,
        EntryType::GNUSparse => Kind::SparseFile,
        EntryType::Directory => Kind::Folder,
        EntryType::Symlink => Kind::SymbolicLink,
        EntryType::Link => Kind::HardLink,
        EntryType::Char | EntryType::Block | EntryType::Fifo => Kind::Special,
        other => Kind::Unknown(other.as_byte()),
    }
}

fn without_nul(mut text: Vec<u8>) -> Vec<u8> {
    let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    text.truncate(end);
    text
}

fn cut_or_gzip(error: io::Error, name: Option<String>) -> Damage {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        Damage::Cut { name }
    } else {
        Damage::Gzip(error)
    }
}
