//! A slug that is looked into.

use crate::agent::sha256::{Hasher, Sha256};
use crate::procfile::Procfile;
use crate::slug::inspect::contents::Contents;
use crate::slug::inspect::entries;
use crate::slug::inspect::fault::{Damage, InspectFault};
use crate::slug::inspect::oddity::Oddity;
use crate::slug::limits::{LIMIT, SOFT_LIMIT};
use crate::text;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// A slug that was read to its end.
#[derive(Debug)]
pub struct Slug {
    /// As it was named.
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) sha256: Sha256,
    pub(super) contents: Contents,
}

impl Slug {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is no slug.
    pub fn open(path: &Path) -> Result<Self, InspectFault> {
        let slug = text::excerpt(&path.to_string_lossy(), 300);
        let unreadable = |cause| InspectFault::Unreadable {
            slug: slug.clone(),
            cause,
        };
        let file = crate::os::regular_file::open(path).map_err(unreadable)?;
        let mut file = Hashed {
            file: BufReader::with_capacity(256 * 1024, file),
            digest: Hasher::default(),
            size: 0,
        };
        let contents = contents(&mut file).map_err(|cause| InspectFault::Broken {
            slug: slug.clone(),
            cause,
        })?;
        // What stands behind the last member is part of the file, too.
        io::copy(&mut file, &mut io::sink()).map_err(unreadable)?;
        if contents.sizes.is_empty() {
            return Err(InspectFault::NothingInApp { slug });
        }
        Ok(Self {
            name: slug,
            size: file.size,
            sha256: file.digest.finish(),
            contents,
        }
        .with_oddities_of_all())
    }

    /// Adds what is unusual of the slug as a whole.
    fn with_oddities_of_all(mut self) -> Self {
        let oddities = &mut self.contents.oddities;
        if self
            .contents
            .procfile
            .as_ref()
            .is_none_or(|procfile| procfile.process_types().next().is_none())
        {
            oddities.add(Oddity::NoProcfile, b"");
        }
        match self.size {
            LIMIT.. => oddities.add(Oddity::TooLarge, b""),
            SOFT_LIMIT.. => oddities.add(Oddity::Large, b""),
            _ => {}
        }
        self
    }

    /// Its bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    pub fn sha256(&self) -> Sha256 {
        self.sha256
    }

    /// Those of its Procfile, with their command lines.
    pub fn process_types(&self) -> BTreeMap<String, String> {
        let processes = self.contents.procfile.iter().flat_map(Procfile::processes);
        processes
            .map(|(name, command)| (name.to_owned(), command.to_owned()))
            .collect()
    }
}

/// Reads the bytes of a slug. What is said is only of what they are.
pub fn contents_of(bytes: &[u8]) -> Result<usize, Damage> {
    let mut bytes = bytes;
    contents(&mut bytes).map(|contents| contents.sizes.len())
}

fn contents(file: &mut impl BufRead) -> Result<Contents, Damage> {
    let mut contents = Contents::default();
    let has_end = entries::read(file, |entry, bytes| contents.add(&entry, bytes))?;
    if !has_end {
        contents.oddities.add(Oddity::NoEnd, b"");
    }
    Ok(contents)
}

/// A file whose bytes are counted, and whose digest is taken, as they pass.
struct Hashed {
    file: BufReader<File>,
    digest: Hasher,
    size: u64,
}

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.digest.update(&buffer[..read]);
        self.size += read as u64;
        Ok(read)
    }
}

impl BufRead for Hashed {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.file.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.digest.update(&self.file.buffer()[..amount]);
        self.size += amount as u64;
        self.file.consume(amount);
    }
}

#[cfg(test)]
mod tests {
    use super::contents_of;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;
    use std::io::Write as _;

    proptest! {
        #[test]
        fn any_bytes_are_a_slug_or_a_fault(
            bytes in proptest::collection::vec(any::<u8>(), 0..3_000),
            is_gzip in any::<bool>(),
            // A header of which one byte is another.
            place in 0..2_048_usize,
            byte in any::<u8>(),
        ) {
            let mut archive = tar::Builder::new(Vec::new());
            let mut header = tar::Header::new_gnu();
            header.set_size(700);
            header.set_cksum();
            archive.append_data(&mut header, "app/x", &[b'x'; 700][..]).unwrap();
            let mut archive = archive.into_inner().unwrap();
            archive[place] = byte;
            for bytes in [bytes, archive] {
                let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
                gzip.write_all(&bytes).unwrap();
                let packed = if is_gzip { gzip.finish().unwrap() } else { bytes };
                if let Err(fault) = contents_of(&packed) {
                    prop_assert!(!fault.to_string().is_empty());
                }
            }
        }
    }
}
