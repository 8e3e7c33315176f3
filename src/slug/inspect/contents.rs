//! What is in a slug, in numbers and names.

use crate::agent::manifest::{self, Manifest};
use crate::procfile::Procfile;
use crate::slug::inspect::entries::{Entry, Kind};
use crate::slug::inspect::fault::Damage;
use crate::slug::inspect::oddity::{Oddities, Oddity, of_entry};
use std::collections::BTreeMap;
use std::io::Read;

/// What the platform unpacks of a slug.
const ROOT: &[u8] = b"./app/";

/// The most entries: some times what the largest apps have.
const MOST_ENTRIES: usize = 1_000_000;

/// The most bytes of all names.
const MOST_NAMES: usize = 128 * 1024 * 1024;

/// The most bytes of a file that is looked into.
const FILE_LIMIT: u64 = 1024 * 1024;

/// What is in a slug.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    /// Its files, links, and folders below `./app/`, with the bytes of each.
    pub(crate) sizes: BTreeMap<Vec<u8>, u64>,
    pub(crate) procfile: Option<Procfile>,
    pub(crate) manifest: Option<Result<Manifest, String>>,
    pub(crate) oddities: Oddities,
    /// The bytes of all names.
    pub(crate) names: usize,
}

impl Contents {
    /// Takes in an entry, and of its bytes what is worth knowing.
    pub(super) fn add(&mut self, entry: &Entry, bytes: &mut dyn Read) -> Result<(), Damage> {
        if self.sizes.len() >= MOST_ENTRIES {
            return Err(Damage::TooManyEntries(MOST_ENTRIES));
        }
        self.names += entry.path.len();
        if self.names > MOST_NAMES {
            return Err(Damage::TooManyNames(MOST_NAMES));
        }
        let Some(path) = below_app(&entry.path) else {
            self.oddities.add(Oddity::OutsideOfApp, &entry.path);
            return Ok(());
        };
        for oddity in of_entry(path, entry) {
            self.oddities.add(oddity, path);
        }
        if path.is_empty() {
            return Ok(());
        }
        let is_file = entry.kind == Kind::File;
        if is_file && path == b"Procfile" {
            self.procfile = Some(Procfile::parse(&start_of(bytes)));
        } else if is_file && path == manifest::PATH.as_bytes() {
            let read = Manifest::from_yaml(&start_of(bytes));
            self.manifest = Some(read.map_err(|error| error.to_string()));
        }
        // The later one is what is left when it is unpacked.
        let known = self.sizes.insert(path.to_vec(), entry.size);
        if known.is_some() && entry.kind != Kind::Folder {
            self.oddities.add(Oddity::Duplicate, path);
        }
        Ok(())
    }

    /// The bytes of all files.
    pub(crate) fn size(&self) -> u64 {
        self.sizes.values().fold(0, |sum, size| sum.saturating_add(*size))
    }

    /// The bytes at the top of the slug by name, the largest first.
    pub(crate) fn folders(&self) -> Vec<(&[u8], u64)> {
        let mut folders: BTreeMap<&[u8], u64> = BTreeMap::new();
        for (path, size) in &self.sizes {
            let name = path.split(|byte| *byte == b'/').next().unwrap_or_default();
            let sum = folders.entry(name).or_default();
            *sum = sum.saturating_add(*size);
        }
        largest_first(folders.into_iter().collect())
    }

    /// The largest files.
    pub(crate) fn largest(&self, most: usize) -> Vec<(&[u8], u64)> {
        let files = self.sizes.iter().map(|(path, size)| (path.as_slice(), *size));
        let mut largest = largest_first(files.filter(|(_, size)| *size > 0).collect());
        largest.truncate(most);
        largest
    }

    /// The scripts that a dyno sources before its command.
    pub(crate) fn profile_scripts(&self) -> impl Iterator<Item = &[u8]> {
        self.sizes
            .keys()
            .filter_map(|path| path.strip_prefix(b".profile.d/"))
            .filter(|name| !name.is_empty() && !name.contains(&b'/'))
    }
}

/// What stands below `./app/` in a path: nothing for that folder itself. `None` for a path that the platform does not
/// unpack.
fn below_app(path: &[u8]) -> Option<&[u8]> {
    if path == b"./" || path == b"." {
        // What `tar .` begins with.
        return Some(b"");
    }
    let path = path.strip_suffix(b"/").unwrap_or(path);
    if path == b"./app" {
        return Some(b"");
    }
    let below = path.strip_prefix(ROOT)?;
    let is_step_up = |part: &[u8]| part == b"..";
    (!below.split(|byte| *byte == b'/').any(is_step_up)).then_some(below)
}

fn largest_first(mut sizes: Vec<(&[u8], u64)>) -> Vec<(&[u8], u64)> {
    sizes.sort_unstable_by(|(name, size), (other_name, other)| other.cmp(size).then_with(|| name.cmp(other_name)));
    sizes
}

/// The beginning of a file as text.
fn start_of(bytes: &mut dyn Read) -> String {
    let mut start = Vec::new();
    // What cannot be read is told by whoever reads on.
    let _ = bytes.take(FILE_LIMIT).read_to_end(&mut start);
    String::from_utf8_lossy(&start).into_owned()
}
