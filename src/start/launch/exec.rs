//! Becomes the app: the last thing hoopstart does in its process.
//!
//! The exec is nix's, not the standard library's: that one sets SIGPIPE to its default, and the app must find
//! every signal as hoopstart was given it.

use crate::config;

use crate::failure::Failure;
use crate::start::fault::command::CommandFault;
use crate::start::fault::program::Unfit;
use crate::start::fault::{self, Fault};
use crate::start::launch::program;
use crate::text;
use nix::errno::Errno;
use rustix::fs::{Mode, OFlags};
use std::convert::Infallible;
use std::ffi::{CStr, CString, OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

/// The exit status of a shell whose command was not found
/// (<https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_08_02>).
const NOT_FOUND: i32 = 127;

/// The exit status of a shell whose command cannot be run.
const NOT_EXECUTABLE: i32 = 126;

/// The app's command: a program and its arguments.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    program: CString,
    arguments: Vec<CString>,
}

impl Command {
    /// Takes a command as it stood in the command line. `None` means that it is empty.
    pub(crate) fn new(words: Vec<OsString>) -> Option<Self> {
        let arguments: Vec<CString> = words.into_iter().map(c_string).collect();
        Some(Self {
            program: arguments.first()?.clone(),
            arguments,
        })
    }

    /// Turns this process into the app. Returns only where that fails, with the exit status to end with.
    pub(crate) fn exec(&self, hide_key: bool) -> i32 {
        let path = std::env::var_os("PATH");
        let environment = self.environment(hide_key, path.as_deref());
        let errno = self.try_candidates(path.as_deref(), environment.as_deref());
        if errno == Errno::E2BIG {
            let command = text::excerpt(&self.program.to_string_lossy(), 200);
            return give_up(CommandFault::TooLarge { command });
        }
        let words: Vec<OsString> = self
            .arguments
            .iter()
            .map(|word| OsString::from_vec(word.to_bytes().to_vec()))
            .collect();
        let cause = match program::resolve(self.program(), path.as_deref()) {
            Ok(_) => Unfit::Refused(errno.desc().to_lowercase()),
            Err(cause) => cause,
        };
        give_up(program::fault(&words, cause))
    }

    /// Tries to become the program, wherever it may be, as `execvp` does
    /// (<https://man7.org/linux/man-pages/man3/exec.3.html>). Returns the last error.
    fn try_candidates(&self, path: Option<&OsStr>, environment: Option<&[CString]>) -> Errno {
        let mut errno = Errno::ENOENT;
        for candidate in self.candidates(path) {
            // With `env` before it the kernel would not know, and `env` says that there is no program, and not why.
            if has_carriage_return(&candidate) && !is_program(&candidate, path) {
                return Errno::ENOENT;
            }
            errno = become_program(&candidate, &self.arguments, environment);
            match errno {
                Errno::ENOENT | Errno::ENOTDIR | Errno::EACCES | Errno::ESTALE | Errno::ENODEV | Errno::ETIMEDOUT => {}
                // A text is run by the shell, which makes of anything else a hundred lines of nonsense.
                Errno::ENOEXEC if is_program(&candidate, path) => {
                    let shell = c"/bin/sh";
                    let arguments = [shell.to_owned(), candidate];
                    let arguments: Vec<CString> = arguments.into_iter().chain(self.arguments[1..].to_vec()).collect();
                    return become_program(shell, &arguments, environment);
                }
                errno => return errno,
            }
        }
        errno
    }

    /// The paths at which the program may be.
    fn candidates(&self, path: Option<&OsStr>) -> Vec<CString> {
        let program = self.program();
        if program.is_empty() || program.as_bytes().contains(&b'/') {
            return vec![self.program.clone()];
        }
        let folders = path.unwrap_or(OsStr::new(program::DEFAULT_PATH));
        let paths = std::env::split_paths(folders).map(|folder| folder.join(program).into_os_string());
        paths.map(c_string).collect()
    }

    /// The program as it was given.
    fn program(&self) -> &OsStr {
        OsStr::from_bytes(self.program.as_bytes())
    }

    /// The app's environment, in its own order, where it is another than ours: without the agent key, and
    /// with the app in the place of hoopstart in `_`, where bash names the program that it starts
    /// (<https://www.gnu.org/software/bash/manual/html_node/Special-Parameters.html>).
    fn environment(&self, hide_key: bool, path: Option<&OsStr>) -> Option<Vec<CString>> {
        // The path that bash has found for the name it was told, which may be another than the one it has given us.
        let called = std::env::args_os().next().unwrap_or_default();
        let has_our_name = crate::procfile::invocation::STARTERS
            .iter()
            .any(|name| Path::new(&called).ends_with(name));
        let is_ours = |program: &OsString| {
            Path::new(program).ends_with(&called)
                || (!has_our_name && std::fs::canonicalize(program).ok() == std::env::current_exe().ok())
        };
        let started = std::env::var_os("_").filter(is_ours);
        let app = started.and_then(|_| program::resolve(self.program(), path).ok());
        let app = app.map(PathBuf::into_os_string);
        if !hide_key && app.is_none() {
            return None;
        }
        let variables =
            std::env::vars_os().filter(|(name, _)| !hide_key || (name != config::KEY && name != config::DSN));
        let changed = variables.map(|(mut variable, value)| {
            let value = app.as_ref().filter(|_| variable == "_").unwrap_or(&value);
            variable.push("=");
            variable.push(value);
            c_string(variable)
        });
        Some(changed.collect())
    }
}

/// Tells why there is no app, and returns the exit status that a shell has for it.
fn give_up(fault: CommandFault) -> i32 {
    let fault = Fault::from(fault);
    let failure = fault.failure();
    fault::tell(fault);
    match failure {
        Failure::CommandNotFound => NOT_FOUND,
        _ => NOT_EXECUTABLE,
    }
}

/// Turns this process into the program at `path`, with the environment as it is if there is no other. Returns only
/// where that fails.
fn become_program(path: &CStr, arguments: &[CString], environment: Option<&[CString]>) -> Errno {
    let result = match environment {
        Some(environment) => nix::unistd::execve(path, arguments, environment),
        None => nix::unistd::execv(path, arguments),
    };
    let Err::<Infallible, Errno>(errno) = result;
    errno
}

/// Whether the file at `path` can be run, as far as can be known: by the kernel, or by a shell as a text.
fn is_program(path: &CStr, folders: Option<&OsStr>) -> bool {
    program::look_at(Path::new(OsStr::from_bytes(path.to_bytes())), folders).is_ok()
}

/// Whether the file at `path` is a script whose first line ends with a carriage return. Every app waits for this.
fn has_carriage_return(path: &CStr) -> bool {
    let mut head = [0; 128];
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let length = rustix::fs::open(path, flags, Mode::empty()).and_then(|file| rustix::io::read(&file, &mut head));
    let line = head[..length.unwrap_or(0)]
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    line.starts_with(b"#!") && line.ends_with(b"\r")
}

/// `text` as C has it. Arguments and variables come from C, so they hold no NUL.
fn c_string(text: OsString) -> CString {
    debug_assert!(!text.as_bytes().contains(&0));
    CString::new(text.into_vec()).unwrap_or_default()
}
