//! The app's log, as the supervisor writes to it: whole lines, and never waiting for its reader.

use crate::os::signals;
use crate::os::stderr::{PIPE_BUF, Stderr, can_say};
use rustix::io::Errno;
use rustix::process::Signal;
use rustix::stdio::dup2_stderr;

/// How many bytes may wait for the reader. Above that no agent is read from: it then waits for the reader of the
/// log itself, as it would without us.
const LIMIT: usize = 64 * 1024;

/// How many writes follow each other at most before the supervisor looks at something else again.
const WRITES: usize = 16;

/// Lines on their way to stderr.
pub(crate) struct Log {
    lines: String,
    /// How many bytes of `lines` are written.
    written: usize,
    /// `None` once it has been let go of.
    stderr: Option<Stderr>,
}

impl Log {
    /// Begins with no line.
    pub(crate) fn new() -> Self {
        // By default, a file at its size limit would end the supervisor, and leave the agent to itself.
        signals::survive(&[Signal::XFSZ]);
        Self {
            lines: String::new(),
            written: 0,
            stderr: Some(Stderr::open()),
        }
    }

    /// Has `lines` add whole lines, which are dropped if nobody reads them.
    pub(crate) fn add<T>(&mut self, lines: impl FnOnce(&mut String) -> T) -> T {
        let result = lines(&mut self.lines);
        if self.stderr.is_none() {
            self.drop_lines();
        }
        result
    }

    /// Whether a line waits.
    pub(crate) fn is_waiting(&self) -> bool {
        self.written < self.lines.len()
    }

    /// Whether there is room for more lines.
    pub(crate) fn has_room(&self) -> bool {
        self.lines.len() - self.written < LIMIT
    }

    /// Writes of what waits as much as the log, which is ready, takes at once.
    pub(crate) fn write(&mut self) {
        for _ in 0..WRITES {
            match self.write_lines() {
                Ok(true) => {}
                Ok(false) => return,
                // A full disk, or a file at its limit, may have room again later.
                Err(Errno::FBIG | Errno::NOSPC | Errno::DQUOT) => return self.drop_lines(),
                // Nobody reads it any more.
                Err(_) => return self.let_go(),
            }
        }
    }

    /// Writes what waits, as far as that is possible at once, and closes stderr for good: whoever waits for its end
    /// must not wait for us.
    pub(crate) fn let_go(&mut self) {
        for _ in 0..LIMIT {
            if !self.is_waiting() || !can_say() || self.write_lines().is_err() {
                break;
            }
        }
        self.stderr = None;
        self.drop_lines();
        if let Ok(null) = std::fs::OpenOptions::new().write(true).open("/dev/null") {
            let _ = dup2_stderr(null);
        }
    }

    /// Writes as many lines as go into a pipe whole, or the first piece of a longer one. Returns whether more can be
    /// written without asking whether the log is ready.
    fn write_lines(&mut self) -> Result<bool, Errno> {
        let Some(stderr) = &self.stderr else { return Ok(false) };
        let waiting = &self.lines.as_bytes()[self.written..];
        let lines = match waiting[..waiting.len().min(PIPE_BUF)]
            .iter()
            .rposition(|byte| *byte == b'\n')
        {
            Some(end) => end + 1,
            None => waiting
                .iter()
                .position(|byte| *byte == b'\n')
                .map_or(waiting.len(), |end| end + 1),
        };
        let piece = self.lines.floor_char_boundary(self.written + stderr.piece(lines)) - self.written;
        let never_waits = stderr.never_waits();
        match stderr.write(&waiting[..piece]) {
            // After a short write a character may be cut in two; the rest of it would be no text.
            Ok(count) => {
                self.written = self.lines.ceil_char_boundary(self.written + count);
                if self.written == self.lines.len() {
                    self.drop_lines();
                } else if self.written >= LIMIT {
                    // A reader who is always a little behind must not make this grow.
                    self.lines.drain(..self.written);
                    self.written = 0;
                }
                Ok(never_waits && count == piece && self.is_waiting())
            }
            Err(Errno::AGAIN | Errno::INTR) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Drops what waits. The memory that a flood took is given back.
    fn drop_lines(&mut self) {
        self.lines.clear();
        self.lines.shrink_to(2 * LIMIT);
        self.written = 0;
    }
}
