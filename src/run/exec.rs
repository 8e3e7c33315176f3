//! Becomes the app: the last thing hoopstart does in its process.
//!
//! The exec is nix's, not the standard library's: that one sets SIGPIPE to its default, and the app must find
//! every signal as hoopstart was given it.

use super::fault::{self, Fault};
use super::program::{self, Verdict};
use crate::config;
use crate::failure::Failure;
use crate::text;
use nix::errno::Errno;
use std::convert::Infallible;
use std::ffi::{CStr, CString, OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;

/// The exit status of a shell whose command was not found
/// (<https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_08_02>).
const NOT_FOUND: i32 = 127;

/// The exit status of a shell whose command cannot be run.
const NOT_EXECUTABLE: i32 = 126;

/// The app's command: a program and its arguments.
#[derive(Clone, Debug)]
pub(super) struct Command {
    program: CString,
    arguments: Vec<CString>,
}

impl Command {
    /// Takes a command as it stood in the command line. `None` means that it is empty.
    pub(super) fn new(words: Vec<OsString>) -> Option<Self> {
        let arguments: Vec<CString> = words.into_iter().map(c_string).collect();
        Some(Self {
            program: arguments.first()?.clone(),
            arguments,
        })
    }

    /// Turns this process into the app. Returns only where that fails, with the exit status to end with.
    pub(super) fn exec(&self, hide_key: bool) -> i32 {
        let path = std::env::var_os("PATH");
        let found = program::resolve(self.program(), path.as_deref());
        let environment = Self::environment(hide_key, &found);
        // With `env` before it the kernel would not know, and `env` says that there is no program, and not why.
        if !matches!(found, Verdict::CarriageReturn { .. }) {
            let errno = self.try_candidates(path.as_deref(), environment.as_deref());
            if errno == Errno::E2BIG {
                let command = text::excerpt(&self.program.to_string_lossy(), 200);
                return give_up(&Fault::CommandTooLarge { command });
            }
            if let Verdict::Runs(_) = found {
                let command = text::excerpt(&self.program.to_string_lossy(), 200);
                let cause = errno.desc().to_lowercase();
                return give_up(&Fault::CommandNotExecutable { command, cause });
            }
        }
        let words: Vec<OsString> = self
            .arguments
            .iter()
            .map(|word| OsString::from_vec(word.to_bytes().to_vec()))
            .collect();
        found.fault(&words).map_or(NOT_EXECUTABLE, |fault| give_up(&fault))
    }

    /// Tries to become the program, wherever it may be, as `execvp` does
    /// (<https://man7.org/linux/man-pages/man3/exec.3.html>). Returns the last error.
    fn try_candidates(&self, path: Option<&OsStr>, environment: Option<&[CString]>) -> Errno {
        let mut errno = Errno::ENOENT;
        for candidate in self.candidates(path) {
            errno = become_program(&candidate, &self.arguments, environment);
            match errno {
                Errno::ENOENT | Errno::ENOTDIR | Errno::EACCES | Errno::ESTALE | Errno::ENODEV | Errno::ETIMEDOUT => {}
                // A text is run by the shell, which makes of anything else a hundred lines of nonsense.
                Errno::ENOEXEC if is_text(&candidate, path) => {
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

    /// Returns the paths at which the program may be.
    fn candidates(&self, path: Option<&OsStr>) -> Vec<CString> {
        let program = self.program();
        if program.is_empty() || program.as_bytes().contains(&b'/') {
            return vec![self.program.clone()];
        }
        let folders = path.unwrap_or(OsStr::new(program::DEFAULT_PATH));
        let paths = std::env::split_paths(folders).map(|folder| folder.join(program).into_os_string());
        paths.map(c_string).collect()
    }

    /// Returns the program as it was given.
    fn program(&self) -> &OsStr {
        OsStr::from_bytes(self.program.as_bytes())
    }

    /// Returns the app's environment, in its own order, where it is another than ours: without the agent key, and
    /// with the app in the place of hoopstart in `_`, where bash names the program that it starts
    /// (<https://www.gnu.org/software/bash/manual/html_node/Special-Parameters.html>).
    fn environment(hide_key: bool, found: &Verdict) -> Option<Vec<CString>> {
        // The path that bash has found for the name it was told.
        let ours = std::env::args_os().next().unwrap_or_default();
        let is_ours = |program: &OsString| {
            Path::new(program).ends_with(&ours) || std::fs::canonicalize(program).ok() == std::env::current_exe().ok()
        };
        let started = std::env::var_os("_").filter(is_ours);
        let app = match found {
            Verdict::Runs(path) => started.map(|_| path.as_os_str()),
            _ => None,
        };
        if !hide_key && app.is_none() {
            return None;
        }
        let variables =
            std::env::vars_os().filter(|(name, _)| !hide_key || (name != config::KEY && name != config::DSN));
        let changed = variables.map(|(mut variable, value)| {
            let value = app.filter(|_| variable == "_").unwrap_or(&value);
            variable.push("=");
            variable.push(value);
            c_string(variable)
        });
        Some(changed.collect())
    }
}

/// Tells why there is no app, and returns the exit status that a shell has for it.
fn give_up(fault: &Fault) -> i32 {
    fault::tell(fault);
    match fault.failure() {
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

/// Answers whether the file at `path`, which the kernel knows not how to run, is a text.
fn is_text(path: &CStr, folders: Option<&OsStr>) -> bool {
    let verdict = program::look_at(Path::new(OsStr::from_bytes(path.to_bytes())), folders);
    matches!(verdict, Verdict::Runs(_))
}

/// Returns `text` as C has it. Arguments and variables come from C, so they hold no NUL.
fn c_string(text: OsString) -> CString {
    debug_assert!(!text.as_bytes().contains(&0));
    CString::new(text.into_vec()).unwrap_or_default()
}
