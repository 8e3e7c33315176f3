//! Becomes the app: the last thing hoopstart does in its process.
//!
//! The exec is nix's, not the standard library's: that one sets SIGPIPE to its default, and the app must find
//! every signal as hoopstart was given it.

use super::fault::{self, Fault};
use crate::config;
use crate::text;
use nix::errno::Errno;
use rustix::fs::Access;
use std::convert::Infallible;
use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

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
        let error = match self.environment(hide_key) {
            Some(changed) => nix::unistd::execvpe(&self.program, &self.arguments, &changed),
            None => nix::unistd::execvp(&self.program, &self.arguments),
        };
        let Err::<Infallible, Errno>(errno) = error;
        let command = text::excerpt(&self.program.to_string_lossy(), 200);
        match errno {
            Errno::ENOENT if self.names_existing_file() => {
                let cause = "the interpreter in its first line does not exist".to_owned();
                fault::tell(&Fault::CommandNotExecutable { command, cause });
                NOT_EXECUTABLE
            }
            Errno::ENOENT | Errno::ENOTDIR => {
                fault::tell(&Fault::CommandNotFound { command });
                NOT_FOUND
            }
            _ if self.names_folder() => {
                fault::tell(&Fault::CommandIsFolder { command });
                NOT_EXECUTABLE
            }
            errno => {
                let cause = errno.desc().to_lowercase();
                fault::tell(&Fault::CommandNotExecutable { command, cause });
                NOT_EXECUTABLE
            }
        }
    }

    /// Returns the app's environment, in its own order, where it is another than ours: without the agent key, and
    /// with the app in the place of hoopstart in `_`, where bash names the program that it starts
    /// (<https://www.gnu.org/software/bash/manual/html_node/Special-Parameters.html>).
    fn environment(&self, hide_key: bool) -> Option<Vec<CString>> {
        // The path that bash has found for the name it was told.
        let ours = std::env::args_os().next().unwrap_or_default();
        let started = std::env::var_os("_").filter(|program| Path::new(program).ends_with(&ours));
        let app = started.and_then(|_| self.path());
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

    /// Returns the path of the program, as a shell would find it.
    fn path(&self) -> Option<OsString> {
        let program = OsStr::from_bytes(self.program.as_bytes());
        if program.as_bytes().contains(&b'/') {
            return Some(program.to_owned());
        }
        let runs = |path: &PathBuf| path.is_file() && rustix::fs::access(path, Access::EXEC_OK).is_ok();
        let folders = std::env::var_os("PATH")?;
        let mut paths = std::env::split_paths(&folders).map(|folder| folder.join(program));
        paths.find(runs).map(PathBuf::into_os_string)
    }

    /// Answers whether the program is given as a path, and a folder is there.
    fn names_folder(&self) -> bool {
        let program = Path::new(OsStr::from_bytes(self.program.as_bytes()));
        program.as_os_str().as_bytes().contains(&b'/') && program.is_dir()
    }

    /// Answers whether the program is given as a path and is there. If it cannot be found all the same, what is
    /// missing is its interpreter: most often a script whose first line ends with a carriage return.
    fn names_existing_file(&self) -> bool {
        let program = Path::new(OsStr::from_bytes(self.program.as_bytes()));
        program.as_os_str().as_bytes().contains(&b'/') && program.is_file()
    }
}

/// Returns `text` as C has it. Arguments and variables come from C, so they hold no NUL.
fn c_string(text: OsString) -> CString {
    debug_assert!(!text.as_bytes().contains(&0));
    CString::new(text.into_vec()).unwrap_or_default()
}
