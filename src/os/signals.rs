//! Signal dispositions of the supervisor, without `unsafe`.

use nix::sys::signal::{SigSet, SigmaskHow, Signal as Number};
use rustix::process::Signal;
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Signals that mean "the dyno is stopping".
pub(crate) const STOPPING: [Signal; 4] = [Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT];

/// All other signals whose default would end or stop the supervisor, and which someone may send to a whole dyno.
/// Not among them: those that report a fault of the process itself.
const HARMLESS: [Signal; 13] = [
    Signal::ALARM,
    Signal::IO,
    Signal::PIPE,
    Signal::POWER,
    Signal::PROF,
    Signal::STKFLT,
    Signal::TSTP,
    Signal::TTIN,
    Signal::TTOU,
    Signal::USR1,
    Signal::USR2,
    Signal::VTALARM,
    Signal::XCPU,
];

/// Makes this process outlive `signals`. They get a handler that does nothing that matters: unlike an ignored
/// signal, one with a handler is back at its default in every program that is started from here.
pub fn survive(signals: &[Signal]) {
    for signal in signals {
        // Fails only for signals that cannot be caught, and those are not asked for.
        let _ = signal_hook::flag::register(signal.as_raw(), Arc::new(AtomicBool::new(false)));
    }
}

/// Unblocks all signals: what blocked them was the app's parent, for the app.
pub(crate) fn unblock_all() -> io::Result<()> {
    SigSet::empty().thread_set_mask().map_err(io::Error::from)
}

/// Does `work`, which starts a child and reaps it, so that no SIGCHLD of that child is left.
///
/// Where whoever started us has blocked SIGCHLD, the signal would stay pending, and the app would be told of a
/// child it never had. While it is not blocked it is dropped, since nothing here handles it. One that was pending
/// before is the app's, and takes ours in: there is never more than one.
pub(crate) fn without_child_signal<T>(work: impl FnOnce() -> T) -> T {
    let child = SigSet::from(Number::SIGCHLD);
    let is_blocked = SigSet::thread_get_mask().is_ok_and(|mask| mask.contains(Number::SIGCHLD));
    if !is_blocked || is_pending(Number::SIGCHLD) {
        return work();
    }
    let before = child.thread_swap_mask(SigmaskHow::SIG_UNBLOCK);
    let result = work();
    if let Ok(before) = before {
        // Fails only for an invalid mask.
        let _ = before.thread_set_mask();
    }
    result
}

/// Whether `signal` is pending for this process. Without /proc it is taken not to be.
fn is_pending(signal: Number) -> bool {
    is_in_set(&own_status(), "ShdPnd:", signal as i32) == Some(true)
}

/// Whether this process ignores `signal`. Without /proc it is taken not to.
pub fn is_ignored(signal: Signal) -> bool {
    is_in_set(&own_status(), "SigIgn:", signal.as_raw()) == Some(true)
}

/// Whether the process `pid` leaves the signal of this number to the kernel: does not catch it, does not ignore
/// it, and does not hold it back. Without /proc it is taken not to.
pub(crate) fn is_at_default(pid: u32, number: i32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    ["SigBlk:", "SigIgn:", "SigCgt:"]
        .into_iter()
        .all(|set| is_in_set(&status, set, number) == Some(false))
}

fn own_status() -> String {
    std::fs::read_to_string("/proc/self/status").unwrap_or_default()
}

/// Whether the signal of this number is in a set of a `status` file
/// (<https://man7.org/linux/man-pages/man5/proc_pid_status.5.html>). `None` where the file has no such set.
fn is_in_set(status: &str, name: &str, number: i32) -> Option<bool> {
    let set = status.lines().find_map(|line| line.strip_prefix(name))?;
    let signals = u64::from_str_radix(set.trim(), 16).ok()?;
    Some(signals & (1 << (number - 1)) != 0)
}

/// Makes this process outlive every signal that someone may send to a whole dyno.
pub(crate) fn survive_all() {
    survive(&STOPPING);
    survive(&HARMLESS);
    survive(&[Signal::CHILD]);
}

/// Signals as they reach the supervisor, readable like a file.
pub(crate) struct Received {
    /// Readable once a signal of [`STOPPING`] has come.
    pub(crate) stopping: UnixStream,
    /// Readable once a child has ended.
    pub(crate) child: UnixStream,
}

impl Received {
    /// Starts to receive.
    pub(crate) fn new() -> io::Result<Self> {
        survive(&HARMLESS);
        Ok(Self {
            stopping: pipe_of(&STOPPING)?,
            child: pipe_of(&[Signal::CHILD])?,
        })
    }
}

/// The end of a pipe to read from, into which each of `signals` writes a byte.
fn pipe_of(signals: &[Signal]) -> io::Result<UnixStream> {
    let (read, write) = UnixStream::pair()?;
    read.set_nonblocking(true)?;
    write.set_nonblocking(true)?;
    for signal in signals {
        signal_hook::low_level::pipe::register(signal.as_raw(), write.try_clone()?)?;
    }
    Ok(read)
}

/// Takes all that is in a pipe of [`Received`], and answers whether there was anything.
pub(crate) fn drain(pipe: &UnixStream) -> io::Result<bool> {
    let mut bytes = [0; 64];
    let mut any = false;
    loop {
        match rustix::io::read(pipe, &mut bytes) {
            Ok(0) | Err(rustix::io::Errno::AGAIN) => return Ok(any),
            Ok(_) => any = true,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(io::Error::from(error)),
        }
    }
}
