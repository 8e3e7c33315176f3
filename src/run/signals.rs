//! Signal dispositions of the supervisor, without `unsafe`.

use super::io_error;
use nix::sys::signal::SigSet;
use rustix::process::Signal;
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Signals that mean "the dyno is stopping".
pub(super) const STOPPING: [Signal; 4] = [Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT];

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
pub(super) fn unblock_all() -> io::Result<()> {
    SigSet::empty().thread_set_mask().map_err(io::Error::from)
}

/// Signals as they reach the supervisor, readable like a file.
pub(super) struct Received {
    /// Readable once a signal of [`STOPPING`] has come.
    pub(super) stopping: UnixStream,
    /// Readable once a child has ended.
    pub(super) child: UnixStream,
}

impl Received {
    /// Starts to receive.
    pub(super) fn new() -> io::Result<Self> {
        survive(&HARMLESS);
        Ok(Self {
            stopping: pipe_of(&STOPPING)?,
            child: pipe_of(&[Signal::CHILD])?,
        })
    }
}

/// Returns the end of a pipe to read from, into which each of `signals` writes a byte.
fn pipe_of(signals: &[Signal]) -> io::Result<UnixStream> {
    let (read, write) = UnixStream::pair()?;
    read.set_nonblocking(true)?;
    write.set_nonblocking(true)?;
    for signal in signals {
        signal_hook::low_level::pipe::register(signal.as_raw(), write.try_clone()?)?;
    }
    Ok(read)
}

/// Takes all that is in a pipe of [`Received`].
pub(super) fn drain(pipe: &UnixStream) -> io::Result<()> {
    let mut bytes = [0; 64];
    loop {
        match rustix::io::read(pipe, &mut bytes) {
            Ok(0) | Err(rustix::io::Errno::AGAIN) => return Ok(()),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(io_error(error)),
        }
    }
}
