//! hoopstart as the first process of a container: a small init and the supervisor in one process.
//!
//! The first process gets every orphan of its container. If hoopstart became the app there, the supervisor would be a
//! child of the app, and an app that waits for all its children would never end. So here the app is a child of
//! hoopstart, which passes on every signal, reaps the orphans, and ends as the app ends. Otherwise the app has what it
//! would have without hoopstart: its place in session, process group, and terminal, its signals, and its files.
//!
//! Without an agent to run, hoopstart becomes the app here as well.

use crate::os::{processes, signals};
use crate::start::fault;
use crate::start::fault::supervisor::SupervisorFault;
use crate::start::launch::detach;
use crate::start::launch::exec::Command;
use crate::start::plan::agent_set::AgentSet;
use crate::start::supervise::forward::{self, Forward};
use crate::start::supervise::supervisor;
use nix::unistd::{self, getpgrp, getpid, getsid, setpgid};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::ioctl::{NoArg, Opcode, ioctl};
use rustix::process::{Pid, WaitOptions, WaitStatus, ioctl_tiocsctty, setsid, wait};
use rustix::termios::{tcgetpgrp, tcgetsid, tcsetpgrp};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The exit status is this plus the number of the signal that ended the app, as in shells and other inits. The first
/// process of a container cannot end itself by a signal.
const BY_SIGNAL: i32 = 128;

/// The request that gives up the terminal of a session: its number on amd64 and arm64
/// (<https://man7.org/linux/man-pages/man2/TIOCNOTTY.2const.html>).
const TIOCNOTTY: Opcode = 0x5422;

/// Whether this is the first process of a container.
pub(crate) fn is_needed() -> bool {
    std::process::id() == 1
}

/// Starts `command` as a child and the agents beside it. Returns the exit status to end with, once the app has ended,
/// or `None` if this process cannot be an init; then nothing has been started.
pub(crate) fn run(command: &Command, hide_key: bool, agent_set: &AgentSet, claim: Option<&OwnedFd>) -> Option<i32> {
    match start(command, hide_key, claim) {
        Ok((forward, app)) => Some(keep(forward, app, agent_set, claim.map(AsFd::as_fd))),
        Err(error) => {
            fault::tell(SupervisorFault::NotStarted(error.to_string()));
            None
        }
    }
}

/// Starts the app. If that fails, this process is as it was.
fn start(command: &Command, hide_key: bool, claim: Option<&OwnedFd>) -> io::Result<(Forward, Pid)> {
    let null = detach::open_null()?;
    let mut forward = Forward::new()?;
    let place = Place::of_this_process();
    let started = place.make_free().and_then(|()| {
        detach::fork(|| {
            // A failure leaves the app in another place, which is no reason not to start it.
            let _ = place.take();
            forward.give_back();
            command.exec(hide_key)
        })
    });
    let app = started
        .and_then(|app| Pid::from_raw(app.as_raw()).ok_or_else(|| io::ErrorKind::NotFound.into()))
        .inspect_err(|_| {
            place.take_back();
            forward.give_back();
        })?;
    forward.set_app(Some(app));
    place.leave(app);
    // Closes the terminal before the number of its file is used for something else.
    drop(place);
    let kept: Vec<_> = claim
        .into_iter()
        .map(OwnedFd::as_raw_fd)
        .chain([forward.file().as_raw_fd()])
        .collect();
    // There is no known reason to fail, and the app runs.
    let _ = detach::let_go_of_files(&kept, &null);
    detach::forget_command_line();
    Ok((forward, app))
}

/// Acts as init and supervisor until the app has ended. Returns the exit status to end with.
fn keep(mut forward: Forward, app: Pid, agent_set: &AgentSet, claim: Option<BorrowedFd<'_>>) -> i32 {
    // Agents must start with every signal at its default, and their ends must be noticed, however this process was
    // started.
    signals::survive_all();
    let supervised = catch_unwind(AssertUnwindSafe(|| {
        supervisor::run_as_init(app, agent_set, claim, &mut forward)
    }));
    let status = supervised.ok().flatten().unwrap_or_else(|| {
        // Whatever is wrong with hoopstart, the app goes on.
        fault::tell(SupervisorFault::Internal);
        wait_for(app, &mut forward)
    });
    match (status.exit_status(), status.terminating_signal()) {
        (Some(status), _) => status,
        (None, signal) => BY_SIGNAL + signal.unwrap_or_default(),
    }
}

/// Acts as init only. Returns the way in which the app has ended.
fn wait_for(app: Pid, forward: &mut Forward) -> WaitStatus {
    loop {
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            if pid == app {
                return status;
            }
        }
        let file = forward.file();
        if poll(&mut [PollFd::new(&file, PollFlags::IN)], None).is_err() {
            std::thread::sleep(supervisor::APP_POLL);
        }
        forward.pass_on();
    }
}

/// The place of hoopstart among processes, which the app gets.
enum Place {
    /// Leads a session, maybe with a terminal.
    Session { terminal: Option<OwnedFd> },
    /// Leads a process group, maybe in the foreground of a terminal.
    Group { in_front_of: Option<OwnedFd> },
    /// Belongs to a group that another process leads.
    Member,
}

impl Place {
    /// The place of this process.
    fn of_this_process() -> Self {
        let this = getpid();
        let terminal = controlling_terminal();
        // Other processes of the session would lose the terminal too, and get SIGHUP.
        let is_free = |terminal: &Option<OwnedFd>| terminal.is_none() || processes::is_alone_in_session();
        if getsid(None) == Ok(this) && is_free(&terminal) {
            Place::Session { terminal }
        } else if getpgrp() == this {
            let is_in_front = |terminal: &OwnedFd| tcgetpgrp(terminal).is_ok_and(|group| group == own_pid());
            Place::Group {
                in_front_of: terminal.filter(is_in_front),
            }
        } else {
            Place::Member
        }
    }

    /// Makes this process give up what only one process can have: the terminal of a session that it leads.
    fn make_free(&self) -> io::Result<()> {
        let Place::Session {
            terminal: Some(terminal),
        } = self
        else {
            return Ok(());
        };
        #[expect(unsafe_code, reason = "this request takes no argument")]
        unsafe {
            ioctl(terminal, NoArg::<TIOCNOTTY>::new()).map_err(io::Error::from)?;
        }
        forward::drop_hangup()
    }

    /// Undoes [`Place::make_free`].
    fn take_back(&self) {
        if let Place::Session {
            terminal: Some(terminal),
        } = self
        {
            let _ = ioctl_tiocsctty(terminal);
        }
    }

    /// Puts this process, a child of the one that had this place, into it.
    fn take(&self) -> io::Result<()> {
        match self {
            Place::Session { terminal } => {
                setsid().map_err(io::Error::from)?;
                terminal
                    .as_ref()
                    .map_or(Ok(()), ioctl_tiocsctty)
                    .map_err(io::Error::from)
            }
            Place::Group { in_front_of } => {
                setpgid(THIS, THIS)?;
                let take = |terminal| tcsetpgrp(terminal, own_pid());
                in_front_of.as_ref().map_or(Ok(()), take).map_err(io::Error::from)
            }
            Place::Member => Ok(()),
        }
    }

    /// Makes this process leave the place to its child `app`: a signal to a group of both would reach the app twice.
    fn leave(&self, app: Pid) {
        match self {
            Place::Session { .. } => {}
            // The child does the same; one of the two is first.
            Place::Group { .. } => {
                let app = unistd::Pid::from_raw(app.as_raw_nonzero().get());
                let _ = setpgid(app, app);
            }
            // And away from the terminal.
            Place::Member => drop(setsid()),
        }
    }
}

/// This process, for system calls.
const THIS: unistd::Pid = unistd::Pid::from_raw(0);

fn own_pid() -> Pid {
    rustix::process::getpid()
}

/// The terminal of this session, if it has one.
fn controlling_terminal() -> Option<OwnedFd> {
    let standard = [rustix::stdio::stdin(), rustix::stdio::stdout(), rustix::stdio::stderr()];
    // `/dev/tty` may be missing in a container.
    File::options()
        .read(true)
        .write(true)
        .open("/dev/tty")
        .map(OwnedFd::from)
        .ok()
        .or_else(|| {
            let is_it = |file: &&_| tcgetsid(file).is_ok_and(|leader| leader == own_pid());
            rustix::io::fcntl_dupfd_cloexec(standard.iter().find(is_it)?, 3).ok()
        })
}
