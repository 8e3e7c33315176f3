//! What becomes of a command line when a process is to become it, found out without starting anything.
//!
//! The rules are those of `execvp` (<https://man7.org/linux/man-pages/man3/exec.3.html>) and of the kernel
//! (<https://man7.org/linux/man-pages/man2/execve.2.html>). Formats that a machine has been taught by `binfmt_misc` are
//! not known here.

use crate::start::fault::Fault;
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

/// Where programs are looked for if `PATH` is not set, as glibc has it.
pub(crate) const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// How much of a file the kernel looks at to learn what it is (`BINPRM_BUF_SIZE`).
const HEAD: u64 = 256;

/// How many interpreters may stand behind each other, an interpreter being a script itself.
const INTERPRETERS: usize = 4;

/// What is wrong with an interpreter that cannot be found.
const MISSING: &str = "there is no such program";

/// What is wrong with one that needs another.
const INCOMPLETE: &str = "its own interpreter cannot be found";

/// What a program turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It can be run, as far as can be known.
    Runs(PathBuf),
    /// There is no such program.
    NotFound,
    /// It is a folder.
    Folder,
    /// It may not be executed, or not be reached, for this reason.
    NotExecutable(String),
    /// It is a program for another machine, this one.
    OtherMachine(&'static str),
    /// It is no program, or the rest of one.
    Damaged(&'static str),
    /// The interpreter or the loader that it names cannot be had.
    NoInterpreter {
        /// What it names.
        interpreter: String,
        /// What is wrong with that.
        cause: &'static str,
    },
    /// Its first line ends with a carriage return, which belongs to the interpreter's name.
    CarriageReturn {
        /// That name without it.
        interpreter: String,
    },
}

impl Verdict {
    /// What is wrong with the command of these `words`, the first of which has this verdict.
    pub(crate) fn fault(&self, words: &[OsString]) -> Option<Fault> {
        let command = words.first()?;
        let command = text::excerpt(&command.to_string_lossy(), 200);
        let not_executable = |cause: String| Fault::CommandNotExecutable {
            command: command.clone(),
            cause,
        };
        Some(match self {
            Verdict::Runs(_) => return None,
            Verdict::NotFound => misread::misread(words).unwrap_or(Fault::CommandNotFound { command }),
            Verdict::Folder => Fault::CommandIsFolder { command },
            // Which is there, so that it is no program that was not found.
            Verdict::NoInterpreter { cause, .. } if ![MISSING, INCOMPLETE].contains(cause) => {
                not_executable(self.words().unwrap_or_default())
            }
            Verdict::NoInterpreter { .. } | Verdict::CarriageReturn { .. } => Fault::CommandWithoutInterpreter {
                command,
                cause: self.words().unwrap_or_default(),
            },
            Verdict::NotExecutable(_) => not_executable(self.words().unwrap_or_default()),
            Verdict::OtherMachine(_) | Verdict::Damaged(_) => Fault::CommandNotProgram {
                command,
                cause: self.words().unwrap_or_default(),
            },
        })
    }

    /// What is wrong, in words.
    pub(crate) fn words(&self) -> Option<String> {
        Some(match self {
            Verdict::Runs(_) => return None,
            Verdict::NotFound => "no such program".to_owned(),
            Verdict::Folder => "it is a folder".to_owned(),
            Verdict::NotExecutable(cause) => cause.clone(),
            Verdict::OtherMachine(machine) => format!("it is a program for {machine}"),
            Verdict::Damaged(what) => (*what).to_owned(),
            Verdict::NoInterpreter { interpreter, cause } => {
                format!("it needs {}, and {cause}", text::quoted(interpreter, 100))
            }
            Verdict::CarriageReturn { interpreter } => {
                let interpreter = text::quoted(interpreter, 100);
                format!("its first line ends with a carriage return, which becomes part of the name {interpreter}")
            }
        })
    }
}

/// Finds out what `program` is, as a shell would find it: by `path`, the value of `PATH`, unless it has a slash.
pub(crate) fn resolve(program: &OsStr, path: Option<&OsStr>) -> Verdict {
    if program.is_empty() {
        return Verdict::NotFound;
    }
    if program.as_bytes().contains(&b'/') {
        return look_at(Path::new(program), path);
    }
    let folders = path.unwrap_or(OsStr::new(DEFAULT_PATH));
    let mut first = Verdict::NotFound;
    for folder in std::env::split_paths(folders) {
        // An empty one is the working folder.
        let candidate = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            &folder
        }
        .join(program);
        // Nor is there anything in a folder that may not be searched.
        if std::fs::metadata(&candidate).is_err() {
            continue;
        }
        match look_at(&candidate, path) {
            Verdict::NotFound => {}
            // A folder of that name and a file without the mode of a program are passed over.
            verdict @ (Verdict::Folder | Verdict::NotExecutable(_)) => {
                if first == Verdict::NotFound {
                    first = verdict;
                }
            }
            verdict => return verdict,
        }
    }
    first
}

/// Finds out what the file at `place` is. `path` is for what an `env` in its first line looks up.
pub(crate) fn look_at(place: &Path, path: Option<&OsStr>) -> Verdict {
    follow(place, path, INTERPRETERS)
}

/// Looks at the file, and at its interpreters up to `depth` of them.
fn follow(place: &Path, path: Option<&OsStr>, depth: usize) -> Verdict {
    match std::fs::metadata(place) {
        Err(error) => return unreachable(&error),
        Ok(found) if found.is_dir() => return Verdict::Folder,
        Ok(found) if !found.is_file() => {
            return Verdict::NotExecutable("it is a pipe or a device, not a file".to_owned());
        }
        Ok(_) => {}
    }
    if let Err(error) = rustix::fs::access(place, Access::EXEC_OK) {
        return Verdict::NotExecutable(reason(&error.into()));
    }
    let runs = || Verdict::Runs(place.to_owned());
    // A program that may be executed need not be one that may be read.
    let Ok((head, length)) = head(place) else {
        return runs();
    };
    if head.starts_with(b"#!") {
        let line = head[2..].split(|byte| *byte == b'\n').next().unwrap_or_default();
        if line.len() as u64 == HEAD - 2 && is_one_word(line) {
            // Of a name that it has not seen whole the kernel makes nothing, and a shell takes the file for its own.
            return runs();
        }
        return script(line, path, depth).unwrap_or_else(runs);
    }
    if head.starts_with(b"\x7fELF") {
        return elf(place, &head, length).unwrap_or_else(runs);
    }
    // The kernel knows it not, and a shell takes it for a script, unless it has a NUL in its first line.
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if line.contains(&0) {
        return Verdict::Damaged("it is not a program for Linux");
    }
    runs()
}

/// The beginning of a file, and its length.
fn head(place: &Path) -> io::Result<(Vec<u8>, u64)> {
    let mut file = File::open(place)?;
    let length = file.metadata()?.len();
    let mut head = Vec::new();
    file.by_ref().take(HEAD).read_to_end(&mut head)?;
    Ok((head, length))
}

/// Judges a script by its first line, less `#!`.
fn script(line: &[u8], path: Option<&OsStr>, depth: usize) -> Option<Verdict> {
    let mut words = line.split(|byte| is_blank(*byte)).filter(|word| !word.is_empty());
    // Without a name a shell takes it for a script of its own.
    let name = words.next()?;
    let verdict = match depth {
        0 => Verdict::NotExecutable("too many interpreters".to_owned()),
        _ => follow(Path::new(OsStr::from_bytes(name)), path, depth - 1),
    };
    missing(&verdict, name).or_else(|| {
        let wanted = wanted_of_env(name, words)?;
        missing(&resolve(OsStr::from_bytes(wanted), path), wanted)
    })
}

/// Whether nothing in `line` ends the name of its interpreter.
fn is_one_word(line: &[u8]) -> bool {
    let begin = line.iter().position(|byte| !is_blank(*byte)).unwrap_or(line.len());
    !line[begin..].iter().any(|byte| is_blank(*byte) || *byte == 0)
}

/// Whether the kernel splits a first line there.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// The verdict on what names `interpreter`, which has this `verdict`.
fn missing(verdict: &Verdict, interpreter: &[u8]) -> Option<Verdict> {
    let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let cause = match verdict {
        Verdict::Runs(_) => return None,
        Verdict::NotFound => match interpreter.strip_suffix(b"\r") {
            Some(name) => {
                let interpreter = shown(name);
                return Some(Verdict::CarriageReturn { interpreter });
            }
            None => MISSING,
        },
        Verdict::Folder => "that is a folder",
        Verdict::NotExecutable(_) => "that cannot be executed",
        Verdict::OtherMachine(_) => "that is for another machine",
        Verdict::Damaged(_) => "that is damaged",
        Verdict::NoInterpreter { .. } | Verdict::CarriageReturn { .. } => INCOMPLETE,
    };
    let interpreter = shown(interpreter);
    Some(Verdict::NoInterpreter { interpreter, cause })
}

/// The program that an `env` in a first line is to look up, where nothing but `-S` stands before it.
fn wanted_of_env<'a>(name: &[u8], mut words: impl Iterator<Item = &'a [u8]>) -> Option<&'a [u8]> {
    let is_env = name.rsplit(|byte| *byte == b'/').next() == Some(b"env");
    let first = words.next()?;
    let wanted = match first.strip_prefix(b"-S") {
        // It splits what follows once more, and takes a carriage return for a blank.
        Some(b"") => words.next()?.trim_ascii_end(),
        Some(rest) => rest.trim_ascii_end(),
        None => first,
    };
    (is_env && !wanted.starts_with(b"-") && !wanted.contains(&b'=')).then_some(wanted)
}

/// Judges an ELF file, of which `head` is the beginning.
fn elf(place: &Path, head: &[u8], length: u64) -> Option<Verdict> {
    let read = |offset: u64, size: u64| {
        let mut bytes = vec![0; usize::try_from(size).map_err(io::Error::other)?];
        File::open(place)?.read_exact_at(&mut bytes, offset)?;
        Ok(bytes)
    };
    match elf::judge(head, length, read) {
        Elf::Static => None,
        Elf::OtherMachine(machine) => Some(Verdict::OtherMachine(machine)),
        Elf::Damaged => Some(Verdict::Damaged("it is a damaged or truncated program")),
        Elf::NoProgram => Some(Verdict::Damaged("it is only a part of a program")),
        Elf::Loaded(loader) => match std::fs::metadata(OsStr::from_bytes(&loader)) {
            Ok(_) => None,
            Err(error) => missing(&unreachable(&error), &loader),
        },
    }
}

/// The verdict on a place where nothing can be found.
fn unreachable(error: &io::Error) -> Verdict {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Verdict::NotFound,
        _ => Verdict::NotExecutable(reason(error)),
    }
}

/// The words of an error, without its number.
fn reason(error: &io::Error) -> String {
    let words = error.to_string().to_lowercase();
    words.split(" (os error").next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::{Verdict, look_at, resolve};
    use std::ffi::OsStr;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::{Path, PathBuf};
    use tempfile::TempDir;

    fn file(folder: &TempDir, name: &str, mode: u32, bytes: &[u8]) -> PathBuf {
        let place = folder.path().join(name);
        fs::write(&place, bytes).unwrap();
        fs::set_permissions(&place, Permissions::from_mode(mode)).unwrap();
        place
    }

    /// The path of a program that every test machine has, a real one of this machine.
    fn ours() -> PathBuf {
        std::env::current_exe().unwrap()
    }

    #[test]
    fn a_name_is_looked_up_as_a_shell_does() {
        let (first, second) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let path = std::env::join_paths([first.path(), Path::new("/nowhere"), second.path()]).unwrap();
        let of = |name: &str| resolve(OsStr::new(name), Some(&path));

        assert_eq!(of("app"), Verdict::NotFound);
        fs::create_dir(first.path().join("app")).unwrap();
        assert_eq!(of("app"), Verdict::Folder);
        let place = file(&second, "app", 0o755, b"#!/bin/sh\n");
        assert_eq!(of("app"), Verdict::Runs(place.clone()));
        file(&first, "other", 0o644, b"#!/bin/sh\n");
        assert_eq!(of("other"), Verdict::NotExecutable("permission denied".to_owned()));
        assert_eq!(of(""), Verdict::NotFound);
        assert_eq!(of(place.to_str().unwrap()), Verdict::Runs(place.clone()));
        assert_eq!(of(&format!("{}/x", place.display())), Verdict::NotFound);
        assert_eq!(of("/"), Verdict::Folder);
        assert_eq!(of("a whole command"), Verdict::NotFound);
        assert!(matches!(of("/dev/null"), Verdict::NotExecutable(_)));
        // Without a PATH, where glibc looks.
        assert!(matches!(resolve(OsStr::new("sh"), None), Verdict::Runs(_)));
    }

    #[test]
    fn a_script_is_as_good_as_what_its_first_line_names() {
        let folder = TempDir::new().unwrap();
        let path = std::env::var_os("PATH");
        let mut number = 0;
        let mut of = |text: &str| {
            number += 1;
            look_at(
                &file(&folder, &number.to_string(), 0o755, text.as_bytes()),
                path.as_deref(),
            )
        };
        for good in [
            "#!/bin/sh\n",
            "#! /bin/sh -e\necho",
            "#!/usr/bin/env sh\n",
            "#!/usr/bin/env -S sh -e\n",
            "#!/usr/bin/env -S sh\r\n",
            "#!/usr/bin/env A=1 no-such\n",
            "echo no first line\n",
            "",
            "#!\n",
        ] {
            assert!(matches!(of(good), Verdict::Runs(_)), "{good:?}");
        }
        // The name of an interpreter that the kernel does not see to its end.
        for (length, runs) in [(252, false), (253, false), (254, true), (300, true)] {
            let verdict = of(&format!("#!/{}\necho", "x".repeat(length - 1)));
            assert_eq!(matches!(verdict, Verdict::Runs(_)), runs, "{length}: {verdict:?}");
        }
        for (text, interpreter) in [
            ("#!/no/such\n", "/no/such"),
            ("#!/no/such", "/no/such"),
            ("#!/usr/bin/env no-such-ruby\n", "no-such-ruby"),
            ("#!/usr/bin/env -S no-such-node --flag\n", "no-such-node"),
        ] {
            let cause = "there is no such program";
            let interpreter = interpreter.to_owned();
            assert_eq!(of(text), Verdict::NoInterpreter { interpreter, cause }, "{text:?}");
        }
        for (text, interpreter) in [("#!/bin/sh\r\n", "/bin/sh"), ("#!/usr/bin/env sh\r\nx", "sh")] {
            let interpreter = interpreter.to_owned();
            assert_eq!(of(text), Verdict::CarriageReturn { interpreter }, "{text:?}");
        }
        let inner = file(&folder, "inner", 0o755, b"#!/no/such\n");
        let cause = "its own interpreter cannot be found";
        let interpreter = inner.display().to_string();
        let outer = of(&format!("#!{interpreter}\n"));
        assert_eq!(outer, Verdict::NoInterpreter { interpreter, cause });
        // A chain without an end has one here.
        let own = folder.path().join("own");
        fs::write(&own, format!("#!{}\n", own.display())).unwrap();
        fs::set_permissions(&own, Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(look_at(&own, None), Verdict::NoInterpreter { .. }));
    }

    #[test]
    fn a_program_is_one_of_this_machine_and_whole() {
        let folder = TempDir::new().unwrap();
        assert!(matches!(look_at(&ours(), None), Verdict::Runs(_)));
        let bytes = fs::read(ours()).unwrap();
        for length in [4, 8, 40, 63, 64, 200, 4096, bytes.len() / 2] {
            let cut = file(&folder, "cut", 0o755, &bytes[..length]);
            let damaged = Verdict::Damaged("it is a damaged or truncated program");
            assert_eq!(look_at(&cut, None), damaged, "{length}");
        }
        let with = |at: usize, value: &[u8]| {
            let mut bytes = bytes.clone();
            bytes[at..at + value.len()].copy_from_slice(value);
            look_at(&file(&folder, "changed", 0o755, &bytes), None)
        };
        let other = if cfg!(target_arch = "x86_64") {
            (183, "arm64")
        } else {
            (62, "amd64")
        };
        assert_eq!(with(18, &[other.0, 0]), Verdict::OtherMachine(other.1));
        assert_eq!(with(18, &[243, 0]), Verdict::OtherMachine("another machine"));
        assert!(matches!(with(16, &[1, 0]), Verdict::Damaged(_)));
        assert!(matches!(with(32, &[0xff; 8]), Verdict::Damaged(_)));
        assert!(matches!(with(56, &[0, 0]), Verdict::Damaged(_)));
        let none = Verdict::Damaged("it is not a program for Linux");
        for bytes in [&b"MZ\x90\0\x03"[..], b"\xcf\xfa\xed\xfe\x07\0\0\x01", b"\0"] {
            assert_eq!(look_at(&file(&folder, "no", 0o755, bytes), None), none);
        }
    }
}
