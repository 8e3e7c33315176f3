//! The app, as its supervisor knows it.

use crate::os::processes::{self, Process};
use nix::errno::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

/// The process that the agent runs beside.
#[derive(Debug)]
pub(crate) struct AppProcess<'a> {
    pub(crate) pid: u32,
    /// When it started, if known: its id may be given to another process later.
    pub(crate) started: Option<u64>,
    /// A file that becomes readable when it ends. On a kernel without such files (before 5.3, or in a sandbox) the
    /// supervisor looks for its id and start instead.
    pub(crate) pidfd: Option<OwnedFd>,
    /// Its id, if it is a child of the supervisor, which then is its init as well.
    pub(crate) child: Option<Pid>,
    /// The claim on it. While it is open, nobody else supervises the app. Questions arrive on it.
    pub(crate) claim: Option<BorrowedFd<'a>>,
}

impl<'a> AppProcess<'a> {
    /// The child `pid`. The kernel tells its parent when it ends.
    pub(crate) fn child(pid: Pid, claim: Option<BorrowedFd<'a>>) -> Self {
        Self {
            pid: processes::number(pid),
            started: Process::read(processes::number(pid)).map(|process| process.started),
            pidfd: None,
            child: Some(pid),
            claim,
        }
    }

    /// Finds the process `pid`, which must not be able to end meanwhile.
    pub(crate) fn find(pid: u32) -> io::Result<Self> {
        let number = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(Errno::ESRCH)?;
        let pidfd = match pidfd_open(number, PidfdFlags::empty()) {
            Err(errno @ (rustix::io::Errno::SRCH | rustix::io::Errno::INVAL)) => return Err(errno.into()),
            pidfd => pidfd.ok(),
        };
        let mut app = Self {
            pid,
            started: None,
            pidfd,
            child: None,
            claim: None,
        };
        // With the file, the start can be read once the app no longer waits.
        if app.pidfd.is_none() {
            app.find_start();
        }
        Ok(app)
    }

    /// Reads when the app started.
    pub(crate) fn find_start(&mut self) {
        self.started = self.started.or_else(|| Some(Process::read(self.pid)?.started));
    }
}
