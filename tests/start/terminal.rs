//! A terminal that a test drives, as a person's keyboard and window do.

use crate::support::dyno::{Dyno, Launch, program, skipped};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::process::Command;

/// The keys that a terminal turns into signals, or into the end of its input.
pub(crate) const CTRL_C: &str = "\x03";
pub(crate) const CTRL_D: &str = "\x04";
pub(crate) const CTRL_Z: &str = "\x1a";

/// A terminal, held at the end where the keyboard and the window are.
pub(crate) struct Terminal {
    window: OwnedFd,
    /// Its other end, which an app opens.
    pub(crate) path: PathBuf,
}

impl Terminal {
    /// Makes a terminal, where this machine can make one and give it to a session.
    pub(crate) fn open() -> Option<Self> {
        program("setsid")?;
        let opened = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).and_then(|window| {
            grantpt(&window)?;
            unlockpt(&window)?;
            let name = ptsname(&window, Vec::new())?;
            Ok((window, name))
        });
        match opened {
            Ok((window, name)) => Some(Self {
                window,
                path: name.into_string().expect("it is a plain name").into(),
            }),
            Err(error) => {
                skipped(&format!("this machine has no terminals: {error}"));
                None
            }
        }
    }

    /// Starts a command as a session of its own on this terminal. What it shows is the dyno's stdout.
    #[track_caller]
    pub(crate) fn start(&self, launch: &Launch, words: &[&str]) -> Dyno {
        // As long as it leads no process group, setsid makes the session in its own process.
        self.start_without_session(launch, &[&["setsid", "-c"], words].concat())
    }

    /// Starts a command that makes the session itself.
    #[track_caller]
    pub(crate) fn start_without_session(&self, launch: &Launch, words: &[&str]) -> Dyno {
        let end = || -> File {
            let mut options = File::options();
            options.read(true).write(true).custom_flags(nix::libc::O_NOCTTY);
            options.open(&self.path).expect("the terminal can be opened")
        };
        let mut command = Command::new(words[0]);
        command
            .args(&words[1..])
            .env_clear()
            .envs(launch.variables().iter().map(|(name, value)| (name, value)))
            .env("TERM", "dumb")
            .current_dir(launch.home())
            .stdin(end())
            .stdout(end())
            .stderr(end());
        let mut dyno = Dyno::of(launch, command);
        dyno.use_terminal(self.window.try_clone().expect("a file can be shared"));
        dyno
    }

    /// Gives the window another size.
    pub(crate) fn resize(&self, rows: u16, columns: u16) {
        let size = Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&self.window, size).expect("a terminal has a size");
    }
}
