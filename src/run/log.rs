//! The app's log, as the supervisor writes to it: whole lines, and never waiting for its reader.

use crate::audience;
use crate::stderr::can_say;
use rustix::io::{Errno, IoSlice, ReadWriteFlags};
use rustix::stdio::stderr;

/// How many bytes may wait for the reader. Above that no agent is read from: it then waits for the reader of the
/// log itself, as it would without us.
const LIMIT: usize = 256 * 1024;

/// How many bytes any log that is ready takes at once. A pipe takes so many (`PIPE_BUF`) whole and without waiting;
/// a longer write to a reader that has stopped would never come back, and the app's end would not be noticed.
const PIECE: usize = 4096;

/// Lines on their way to stderr.
pub(super) struct Log {
    lines: String,
    is_open: bool,
    is_pipe: bool,
}

impl Log {
    /// Begins with no line.
    pub(super) fn new() -> Self {
        Self {
            lines: String::new(),
            is_open: true,
            is_pipe: rustix::pipe::fcntl_getpipe_size(stderr()).is_ok(),
        }
    }

    /// Adds a line of our own.
    pub(super) fn say(&mut self, line: &str) {
        self.add(|lines| {
            lines.push_str(&audience::words(format!("{line}\n")));
        });
    }

    /// Has `lines` add whole lines, which are dropped if nobody reads them.
    pub(super) fn add<T>(&mut self, lines: impl FnOnce(&mut String) -> T) -> T {
        let result = lines(&mut self.lines);
        if !self.is_open {
            self.lines.clear();
        }
        result
    }

    /// Answers whether a line waits.
    pub(super) fn is_waiting(&self) -> bool {
        !self.lines.is_empty()
    }

    /// Answers whether there is room for more lines.
    pub(super) fn has_room(&self) -> bool {
        self.lines.len() < LIMIT
    }

    /// Writes a line that waits: the log is ready, and a line in a write of its own does not tear.
    pub(super) fn write(&mut self) {
        if self.write_line().is_err() {
            // Nobody reads it any more.
            self.let_go();
        }
    }

    /// Writes what waits, as far as that is possible at once, and closes stderr for good: whoever waits for its end
    /// must not wait for us.
    pub(super) fn let_go(&mut self) {
        self.is_open = false;
        while self.is_waiting() && can_say() && self.write_line().is_ok() {}
        self.lines.clear();
        if let Ok(null) = std::fs::OpenOptions::new().write(true).open("/dev/null") {
            let _ = rustix::stdio::dup2_stderr(null);
        }
    }

    /// Writes the next line, or the first [`PIECE`] of a longer one that the log does not take whole.
    fn write_line(&mut self) -> Result<(), Errno> {
        let line = self.lines.find('\n').map_or(self.lines.len(), |end| end + 1);
        let bytes = self.lines.as_bytes();
        let piece = self.lines.floor_char_boundary(line.min(PIECE));
        let written = if self.is_pipe {
            let whole = line <= PIECE || pipe_room().is_some_and(|room| room >= line);
            write_to_pipe(if whole { &bytes[..line] } else { &bytes[..piece] }, &bytes[..piece])
        } else {
            rustix::io::write(stderr(), &bytes[..piece])
        };
        match written {
            // After a short write a character may be cut in two; the rest of it would be no text.
            Ok(count) => drop(self.lines.drain(..self.lines.ceil_char_boundary(count))),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// Returns how many bytes the log, which is a pipe, takes whole.
fn pipe_room() -> Option<usize> {
    let size = rustix::pipe::fcntl_getpipe_size(stderr()).ok()?;
    let unread = usize::try_from(rustix::io::ioctl_fionread(stderr()).ok()?).ok()?;
    // A page that has been begun may take no more.
    Some(size.saturating_sub(unread).saturating_sub(PIECE))
}

/// Writes `bytes` to a pipe without waiting, even if the app has taken the room meanwhile. On a kernel that cannot be
/// told so (before 6.4), `piece`, for which a pipe that is ready has room.
fn write_to_pipe(bytes: &[u8], piece: &[u8]) -> Result<usize, Errno> {
    // A pipe has no offset to write at; this one means so.
    match rustix::io::pwritev2(stderr(), &[IoSlice::new(bytes)], u64::MAX, ReadWriteFlags::NOWAIT) {
        Err(Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS | Errno::SPIPE) => rustix::io::write(stderr(), piece),
        written => written,
    }
}
