//! Finds out what a command would run, without starting anything.
//!
//! The rules are those of `execvp` (<https://man7.org/linux/man-pages/man3/exec.3.html>) and of the kernel
//! (<https://man7.org/linux/man-pages/man2/execve.2.html>). Formats that were added with `binfmt_misc` are not known
//! here.

use crate::os::reason;
use crate::start::fault::command::CommandFault;
use crate::start::fault::program::{Unfit, UnfitInterpreter};
use crate::start::launch::elf::{self, Elf};
use crate::start::launch::misread;
use crate::text;
use rustix::fs::Access;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// Where to look for programs if `PATH` is not set, as in glibc.
pub(crate) const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// How many bytes of a file the kernel looks at (`BINPRM_BUF_SIZE`).
const HEAD: u64 = 256;

/// How many interpreters may be scripts with interpreters themselves.
const INTERPRETERS: usize = 4;

/// The file of a program, or why it cannot be run, as far as can be known.
pub(crate) type Verdict = Result<PathBuf, Unfit>;

/// The fault of the command `words`, whose first word cannot be run because of `cause`.
pub(crate) fn fault(words: &[OsString], cause: Unfit) -> CommandFault {
    let misread = (cause == Unfit::NotFound).then(|| misread::misread(words));
    misread.flatten().unwrap_or_else(|| {
        let command = words.first().map(|word| word.to_string_lossy()).unwrap_or_default();
        let command = text::excerpt(&command, 200);
        CommandFault::CannotRun { command, cause }
    })
}

/// Finds `program` as a shell does: in `path`, the value of `PATH`, unless it has a slash.
pub(crate) fn resolve(program: &OsStr, path: Option<&OsStr>) -> Verdict {
    if program.is_empty() {
        return Err(Unfit::NotFound);
    }
    if program.as_bytes().contains(&b'/') {
        return look_at(Path::new(program), path);
    }
    let folders = path.unwrap_or(OsStr::new(DEFAULT_PATH));
    let mut first = Unfit::NotFound;
    for folder in std::env::split_paths(folders) {
        // An empty one is the working directory.
        let candidate = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            &folder
        }
        .join(program);
        // This also skips a folder that may not be searched.
        if std::fs::metadata(&candidate).is_err() {
            continue;
        }
        match look_at(&candidate, path) {
            Err(Unfit::NotFound) => {}
            // The search goes on past a folder of that name, and past a file without the mode of a program.
            Err(cause @ (Unfit::Folder | Unfit::NotAFile | Unfit::Refused(_))) => {
                if first == Unfit::NotFound {
                    first = cause;
                }
            }
            verdict => return verdict,
        }
    }
    Err(first)
}

/// Looks at the file at `place`. `path` is for an `env` in its first line.
pub(crate) fn look_at(place: &Path, path: Option<&OsStr>) -> Verdict {
    follow(place, path, INTERPRETERS)
}

/// Looks at the file, and at up to `depth` interpreters.
fn follow(place: &Path, path: Option<&OsStr>, depth: usize) -> Verdict {
    match std::fs::metadata(place) {
        Err(error) => return Err(unreachable(&error)),
        Ok(found) if found.is_dir() => return Err(Unfit::Folder),
        Ok(found) if !found.is_file() => return Err(Unfit::NotAFile),
        Ok(_) => {}
    }
    if let Err(error) = rustix::fs::access(place, Access::EXEC_OK) {
        return Err(Unfit::Refused(reason::of(&error.into())));
    }
    let runs = || Ok(place.to_owned());
    // A program that may be executed may still be unreadable.
    let Ok((head, length)) = head(place) else {
        return runs();
    };
    if head.starts_with(b"#!") {
        let line = head[2..].split(|byte| *byte == b'\n').next().unwrap_or_default();
        if line.len() as u64 == HEAD - 2 && is_one_word(line) {
            // The kernel ignores a name that it has not seen to its end, and a shell takes the file for a shell script.
            return runs();
        }
        return script(line, path, depth).map_or_else(runs, Err);
    }
    if head.starts_with(b"\x7fELF") {
        return elf(place, &head, length).map_or_else(runs, Err);
    }
    // The kernel does not know this format, and a shell takes the file for a script unless its first line has a NUL.
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if line.contains(&0) {
        return Err(Unfit::Foreign);
    }
    runs()
}

/// The beginning of a file, and its length in bytes.
fn head(place: &Path) -> io::Result<(Vec<u8>, u64)> {
    let mut file = File::open(place)?;
    let length = file.metadata()?.len();
    let mut head = Vec::new();
    file.by_ref().take(HEAD).read_to_end(&mut head)?;
    Ok((head, length))
}

/// Judges a script by its first line without `#!`.
fn script(line: &[u8], path: Option<&OsStr>, depth: usize) -> Option<Unfit> {
    let mut words = line.split(|byte| is_blank(*byte)).filter(|word| !word.is_empty());
    // Without a name, a shell takes it for a shell script.
    let name = words.next()?;
    let Some(depth) = depth.checked_sub(1) else {
        return Some(unfit_interpreter(&Unfit::Refused(String::new()), name));
    };
    if let Err(cause) = follow(Path::new(OsStr::from_bytes(name)), path, depth) {
        return Some(unfit_interpreter(&cause, name));
    }
    let wanted = wanted_of_env(name, words)?;
    let cause = resolve(OsStr::from_bytes(wanted), path).err()?;
    Some(unfit_interpreter(&cause, wanted))
}

/// Whether nothing in `line` ends the name of its interpreter.
fn is_one_word(line: &[u8]) -> bool {
    let begin = line.iter().position(|byte| !is_blank(*byte)).unwrap_or(line.len());
    !line[begin..].iter().any(|byte| is_blank(*byte) || *byte == 0)
}

/// Whether the kernel splits a first line at `byte`.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// The cause for a file that names `interpreter`, which cannot be run because of `cause`.
fn unfit_interpreter(cause: &Unfit, interpreter: &[u8]) -> Unfit {
    let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let cause = match cause {
        Unfit::NotFound => match interpreter.strip_suffix(b"\r") {
            Some(name) => {
                let interpreter = shown(name);
                return Unfit::CarriageReturn { interpreter };
            }
            None => UnfitInterpreter::NotFound,
        },
        Unfit::Folder => UnfitInterpreter::Folder,
        Unfit::NotAFile | Unfit::Refused(_) => UnfitInterpreter::Refused,
        Unfit::OtherMachine(_) => UnfitInterpreter::OtherMachine,
        Unfit::Foreign | Unfit::Truncated | Unfit::PartOfProgram => UnfitInterpreter::Damaged,
        Unfit::NoInterpreter { .. } | Unfit::CarriageReturn { .. } => UnfitInterpreter::WithoutInterpreter,
    };
    let interpreter = shown(interpreter);
    Unfit::NoInterpreter { interpreter, cause }
}

/// The program that an `env` in a first line looks up, if only `-S` precedes it.
fn wanted_of_env<'a>(name: &[u8], mut words: impl Iterator<Item = &'a [u8]>) -> Option<&'a [u8]> {
    let is_env = name.rsplit(|byte| *byte == b'/').next() == Some(b"env");
    let first = words.next()?;
    let wanted = match first.strip_prefix(b"-S") {
        // `-S` splits what follows once more, and treats a carriage return as a blank.
        Some(b"") => words.next()?.trim_ascii_end(),
        Some(rest) => rest.trim_ascii_end(),
        None => first,
    };
    (is_env && !wanted.starts_with(b"-") && !wanted.contains(&b'=')).then_some(wanted)
}

/// Judges an ELF file with the beginning `head`.
fn elf(place: &Path, head: &[u8], length: u64) -> Option<Unfit> {
    let read = |offset: u64, size: u64| {
        let mut bytes = vec![0; usize::try_from(size).map_err(io::Error::other)?];
        File::open(place)?.read_exact_at(&mut bytes, offset)?;
        Ok(bytes)
    };
    match elf::judge(head, length, read) {
        Elf::Static => None,
        Elf::OtherMachine(machine) => Some(Unfit::OtherMachine(machine)),
        Elf::Damaged => Some(Unfit::Truncated),
        Elf::NoProgram => Some(Unfit::PartOfProgram),
        Elf::Loaded(loader) => match std::fs::metadata(OsStr::from_bytes(&loader)) {
            Ok(_) => None,
            Err(error) => Some(unfit_interpreter(&unreachable(&error), &loader)),
        },
    }
}

/// Why a file that cannot be looked at cannot be run.
fn unreachable(error: &io::Error) -> Unfit {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Unfit::NotFound,
        _ => Unfit::Refused(reason::of(error)),
    }
}

#[cfg(test)]
mod tests;
