//! Reads the head of an ELF file: which machine it is for, whether it is complete, and which loader it needs
//! (<https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html>).

use std::io;

/// What an ELF file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Elf {
    /// A program that needs no loader.
    Static,
    /// A program that needs the loader at this path.
    Loaded(Vec<u8>),
    /// A program for another machine.
    OtherMachine(&'static str),
    /// An object file or a core.
    NoProgram,
    /// A damaged or incomplete file.
    Damaged,
}

/// The kinds of ELF files that this machine runs: class, byte order, and machine. 32-bit programs of the same family
/// run if the kernel supports them.
const OURS: &[(u8, u8, u64)] = if cfg!(target_arch = "x86_64") {
    &[(WIDE, LITTLE, 62), (NARROW, LITTLE, 62), (NARROW, LITTLE, 3)]
} else {
    &[(WIDE, LITTLE, 183), (NARROW, LITTLE, 40)]
};

/// The class of 32-bit files.
const NARROW: u8 = 1;
/// The class of 64-bit files.
const WIDE: u8 = 2;
/// The byte order of files whose numbers begin with the lowest byte.
const LITTLE: u8 = 1;
/// The type of the segment that names the loader, `PT_INTERP`.
const LOADER: u64 = 3;
/// The longest path that a loader can have.
const LONGEST_PATH: u64 = 4096;

/// Judges a file by its beginning and its `length`. `read` reads a part of the file, by offset and size.
pub(crate) fn judge(head: &[u8], length: u64, read: impl Fn(u64, u64) -> io::Result<Vec<u8>>) -> Elf {
    verdict(head, length, read).unwrap_or(Elf::Damaged)
}

/// As [`judge`]; `None` for a damaged file.
fn verdict(head: &[u8], length: u64, read: impl Fn(u64, u64) -> io::Result<Vec<u8>>) -> Option<Elf> {
    let (class, order) = (*head.get(4)?, *head.get(5)?);
    let number = |bytes: &[u8], at: usize, size: usize| -> Option<u64> {
        let bytes = bytes.get(at..at + size)?;
        let join = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        Some(match order {
            LITTLE => bytes.iter().rev().fold(0, join),
            _ => bytes.iter().fold(0, join),
        })
    };
    let (kind, machine) = (number(head, 16, 2)?, number(head, 18, 2)?);
    if !matches!(class, NARROW | WIDE) || !matches!(order, 1 | 2) || machine == 0 {
        return None;
    }
    if !OURS.contains(&(class, order, machine)) {
        return Some(Elf::OtherMachine(machine_name(machine)));
    }
    // ET_EXEC and ET_DYN.
    if !matches!(kind, 2 | 3) {
        return Some(Elf::NoProgram);
    }
    // Offset of the table of segments, and where to find the size of an entry and their number. In an entry: offset and
    // size in the file.
    let (place, size, count, offset_at, size_at, width) = match class {
        WIDE => (number(head, 32, 8)?, 54, 56, 8, 32, 8),
        _ => (number(head, 28, 4)?, 42, 44, 4, 16, 4),
    };
    let (size, count) = (number(head, size, 2)?, number(head, count, 2)?);
    if count == 0 || place.checked_add(size * count)? > length {
        return None;
    }
    let table = read(place, size * count).ok()?;
    let mut loader = None;
    for entry in table.chunks(usize::try_from(size).ok().filter(|size| *size > 0)?) {
        let (offset, size) = (number(entry, offset_at, width)?, number(entry, size_at, width)?);
        if offset.checked_add(size)? > length {
            return None;
        }
        if number(entry, 0, 4)? == LOADER {
            let mut name = read(offset, size.min(LONGEST_PATH)).ok()?;
            name.truncate(name.iter().position(|byte| *byte == 0).unwrap_or(name.len()));
            loader = Some(name);
        }
    }
    Some(loader.map_or(Elf::Static, Elf::Loaded))
}

/// The name of a machine by its number in ELF.
fn machine_name(machine: u64) -> &'static str {
    match machine {
        3 => "i386",
        40 => "32-bit ARM",
        62 => "amd64",
        183 => "arm64",
        _ => "another machine",
    }
}
