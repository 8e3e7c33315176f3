//! The app, as its supervisor knows it.

use crate::os::processes::{self, Process};
use nix::errno::Errno;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open, test_kill_process};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

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
    /// Waits for `pause`, or until it ends. Whether it has ended.
    pub(crate) fn ends_within(&self, pause: Duration) -> bool {
        if let Some(pidfd) = &self.pidfd {
            let mut files = [PollFd::new(pidfd, PollFlags::IN)];
            let limit = pause.try_into().ok();
            if poll(&mut files, limit.as_ref()).is_ok() {
                return !files[0].revents().is_empty();
            }
        }
        std::thread::sleep(pause);
        self.is_gone()
    }

    /// Whether it has ended, as its id and start say.
    pub(crate) fn is_gone(&self) -> bool {
        if let Some(process) = Process::read(self.pid) {
            return process.is_zombie || self.started.is_some_and(|started| started != process.started);
        }
        // No such process, or no /proc.
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        pid.is_none_or(|pid| test_kill_process(pid) == Err(rustix::io::Errno::SRCH))
    }
}
