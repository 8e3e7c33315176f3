//! The signals of the supervisor: its own, or those of an app whose init it is.

use crate::os::processes;
use crate::os::signals::{self, Received};
use crate::os::standard_files;
use nix::sys::signal::{SIGCONT, SIGHUP, SigSet, SigmaskHow};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::process::{Pid, Signal, kill_process};
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

/// Signals that stop a process, and that it may catch.
const STOPS: [i32; 3] = [Signal::TSTP.as_raw(), Signal::TTIN.as_raw(), Signal::TTOU.as_raw()];

/// How many bytes tell of one signal (<https://man7.org/linux/man-pages/man2/signalfd.2.html>).
const RECORD: usize = 128;

/// The signals of this process, on their way to an app that is its child.
///
/// All of them are blocked and read from a file, so each is passed on once, in its order, and none comes between two
/// steps of ours. A real-time signal is passed on as often as it was sent.
pub(crate) struct Forward {
    file: OwnedFd,
    /// The mask this process was started with, which is the app's.
    mask: SigSet,
    app: Option<Pid>,
    /// Whether the app was told to end.
    told: bool,
}

impl Forward {
    /// Begins to hold signals back.
    pub(crate) fn new() -> io::Result<Self> {
        // First the file, which may not be had: then nothing has changed.
        let file = file_of(&SigSet::all())?;
        let mask = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
        Ok(Self {
            file,
            mask,
            app: None,
            told: false,
        })
    }

    /// Gives signals back to this process, which is to be the app.
    pub(crate) fn give_back(&self) {
        // Fails only for a mask that is none.
        let _ = self.mask.thread_set_mask();
    }

    /// Passes signals on to `app` from now on, those that wait as well. To nobody, once it was reaped: its number may
    /// be given to another process.
    pub(crate) fn set_app(&mut self, app: Option<Pid>) {
        self.app = app;
    }

    /// Readable once a signal has come.
    pub(crate) fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// Passes on what has come. Returns whether a child of this process has ended, stopped or gone on.
    pub(crate) fn pass_on(&mut self) -> bool {
        let mut child = false;
        while let Some(received) = read(&self.file) {
            if received.number == Signal::CHILD.as_raw() {
                child = true;
            } else if !received.is_own() {
                self.told |= received.number == Signal::TERM.as_raw();
                self.send(received.number);
            }
        }
        child
    }

    /// Sends the signal of this number to the app.
    fn send(&self, number: i32) {
        let Some(app) = self.app else { return };
        // The app may lead a session of its own, in which nobody could let it go on: there the kernel drops these,
        // unless the app catches them. It stops as it would under a shell.
        let stops = STOPS.contains(&number) && signals::is_at_default(processes::number(app), number);
        let number = if stops { Signal::STOP.as_raw() } else { number };
        #[expect(unsafe_code, reason = "the kernel has just told of a signal of this number")]
        let signal = unsafe { Signal::from_raw_unchecked(number) };
        // Fails only for an app that has ended.
        let _ = kill_process(app, signal);
    }
}

/// Drops the hang-up and the continuation that a process is sent when it lets go of its terminal.
pub(crate) fn drop_hangup() -> io::Result<()> {
    let file = file_of(&[SIGHUP, SIGCONT].into_iter().collect())?;
    while read(&file).is_some() {}
    Ok(())
}

/// A file that tells of these signals, while they are blocked.
fn file_of(signals: &SigSet) -> io::Result<OwnedFd> {
    let file = SignalFd::with_flags(signals, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
    standard_files::beyond(file.into())
}

/// A signal as the kernel tells of it.
struct ReceivedSignal {
    number: i32,
    code: i32,
    sender: u32,
}

impl ReceivedSignal {
    /// Whether this process has sent it to itself: by writing to a log without a reader, for example.
    fn is_own(&self) -> bool {
        self.code == nix::libc::SI_USER && self.sender == std::process::id()
    }
}

/// Reads the next signal, if one has come.
fn read(file: &OwnedFd) -> Option<ReceivedSignal> {
    let mut record = [0; RECORD];
    let length = rustix::io::retry_on_intr(|| rustix::io::read(file, &mut record)).ok()?;
    // The first four fields: number, error number, code, sender.
    let field = |place: usize| Some(u32::from_ne_bytes(record[place..place + 4].try_into().ok()?));
    (length == RECORD).then_some(())?;
    Some(ReceivedSignal {
        number: field(0)?.cast_signed(),
        code: field(8)?.cast_signed(),
        sender: field(12)?,
    })
}

/// Where the supervisor hears of signals.
pub(crate) enum Source<'a> {
    /// Its own.
    Own(Received),
    /// Those of the app, whose init it is.
    Forwarded(&'a mut Forward),
}

impl Source<'_> {
    /// Readable once a signal has come.
    pub(crate) fn files(&self) -> Vec<BorrowedFd<'_>> {
        match self {
            Source::Own(received) => vec![received.stopping.as_fd(), received.child.as_fd()],
            Source::Forwarded(forward) => vec![forward.file()],
        }
    }

    /// Tells which process gets the signals of an app whose init this is.
    pub(crate) fn set_app(&mut self, app: Option<Pid>) {
        if let Source::Forwarded(forward) = self {
            forward.set_app(app);
        }
    }

    /// Whether it has been told of a child since it was last asked.
    pub(crate) fn take_child(&mut self) -> bool {
        match self {
            Source::Own(received) => signals::drain(&received.child).unwrap_or(false),
            Source::Forwarded(forward) => forward.pass_on(),
        }
    }

    /// Whether the dyno, or the app, has been told to stop since it was last asked.
    pub(crate) fn take_told(&mut self) -> bool {
        match self {
            Source::Own(received) => signals::drain(&received.stopping).unwrap_or(false),
            Source::Forwarded(forward) => std::mem::take(&mut forward.told),
        }
    }
}
