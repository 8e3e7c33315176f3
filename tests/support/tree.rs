//! A folder as a value: what is in it, byte for byte, so that "nothing changed" can be asserted.

use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::fs;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::OnceLock;

/// Every entry of a folder by its path below it: type, mode, size and digest, or where a link leads. Times are
/// left out, since a rebuild of the same input must give an equal tree. Links are not followed.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Tree(BTreeMap<String, String>);

impl Tree {
    /// Reads the folder at `root`. A missing folder has no entries, an empty one has the entry `.`.
    pub(crate) fn of(root: &Path) -> Self {
        let mut entries = BTreeMap::new();
        describe(root, ".", &mut entries);
        Self(entries)
    }

    /// The paths in order, without `.`.
    pub(crate) fn paths(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).filter(|path| *path != ".").collect()
    }

    /// The line that describes `path`.
    pub(crate) fn entry(&self, path: &str) -> Option<&str> {
        self.0.get(path).map(String::as_str)
    }

    /// The entries of `self` that are different in `later` or gone from it.
    pub(crate) fn lost_in(&self, later: &Self) -> Self {
        let kept = |(path, entry): &(&String, &String)| later.0.get(*path) != Some(*entry);
        let lost = self
            .0
            .iter()
            .filter(kept)
            .map(|(path, entry)| (path.clone(), entry.clone()));
        Self(lost.collect())
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (path, entry) in &self.0 {
            writeln!(f, "\n    {path}: {entry}")?;
        }
        Ok(())
    }
}

/// How an entry calls the program under test. It is in every slug, and so large in a debug build that comparing
/// it is worth far more than taking its digest.
pub(crate) const THIS_PROGRAM: &str = "hoop-buildpack";

/// The bytes of the program under test.
fn this_program() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| fs::read(env!("CARGO_BIN_EXE_hoop-buildpack")).expect("the program can be read"))
}

/// Adds the entry at `path` and everything below it.
fn describe(path: &Path, name: &str, entries: &mut BTreeMap<String, String>) {
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return;
    };
    let mode = metadata.permissions().mode() & 0o7777;
    let kind = metadata.file_type();
    let entry = if kind.is_symlink() {
        let target = fs::read_link(path).expect("a link that was just seen can be read");
        format!("link to {}", target.display())
    } else if kind.is_dir() {
        format!("folder {mode:04o}")
    } else if kind.is_file() {
        let bytes = fs::read(path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
        if bytes == this_program() {
            format!("file {mode:04o} {THIS_PROGRAM}")
        } else {
            format!("file {mode:04o} {} bytes {}", bytes.len(), sha256(&bytes))
        }
    } else if kind.is_fifo() {
        format!("pipe {mode:04o}")
    } else {
        format!("something else {mode:04o}")
    };
    entries.insert(name.to_owned(), entry);
    if kind.is_dir() {
        let children = fs::read_dir(path).unwrap_or_else(|error| panic!("cannot list {}: {error}", path.display()));
        for child in children {
            let child = child.expect("a listed entry can be read");
            let child_name = child.file_name().to_string_lossy().into_owned();
            let child_name = if name == "." {
                child_name
            } else {
                format!("{name}/{child_name}")
            };
            describe(&child.path(), &child_name, entries);
        }
    }
}

/// The SHA-256 of `bytes` in hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// A name that this buildpack gives to something passing, see `src/acquire/own_name.rs`.
pub(crate) fn own_name(prefix: &str) -> String {
    let number = format!("{:016x}", fastrand::u64(..));
    let mark = sha256(format!("hoop-buildpack {prefix}{number}").as_bytes());
    format!("{prefix}{number}{}", &mark[..8])
}

/// Every file below `root` in which `needle` occurs, and every name that holds it, a link's target
/// included.
pub(crate) fn places_with(root: &Path, needle: &str) -> Vec<String> {
    let mut places = Vec::new();
    for (path, entry) in &Tree::of(root).0 {
        let in_name = path.contains(needle) || entry.contains(needle);
        let in_text = entry.starts_with("file ") && !entry.ends_with(THIS_PROGRAM) && {
            let bytes = fs::read(root.join(path)).expect("a file that was just read can be read again");
            bytes.windows(needle.len()).any(|window| window == needle.as_bytes())
        };
        if in_name || in_text {
            places.push(path.clone());
        }
    }
    places
}
