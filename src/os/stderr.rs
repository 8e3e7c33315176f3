//! Writes to stderr that wait for nobody.
//!
//! A log whose reader has gone would end this process by SIGPIPE, one whose reader has stopped would block it, and a
//! file at its size limit would end it by SIGXFSZ. Each would keep an app from starting, or a build from ending, which
//! it would not without us. The app shares the open file, so no flag of it may be changed.

use crate::os::audience;
use crate::secret::conceal::conceal;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::{Errno, IoSlice, ReadWriteFlags};
use rustix::process::{Resource, getrlimit};
use rustix::stdio::stderr;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

/// How many bytes a pipe takes whole (`PIPE_BUF`, <https://man7.org/linux/man-pages/man7/pipe.7.html>), so that lines
/// of several writers never tear. No line of ours is longer.
pub(crate) const PIPE_BUF: usize = 4096;

/// Writes one line, without any agent key in it, if that is possible at once, and drops it if not.
pub(crate) fn say(line: &str) {
    if can_say() {
        // One write, so that the line does not tear. If it fails there is nobody to tell.
        let line = conceal(&audience::words(line.to_owned()));
        let _ = Stderr::open().write(format!("{}\n", bounded(&line)).as_bytes());
    }
}

/// Whether stderr has a reader and takes a line at once.
pub(crate) fn can_say() -> bool {
    let stderr = stderr();
    let mut files = [PollFd::new(&stderr, PollFlags::OUT)];
    let polled = poll(&mut files, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
    polled.is_ok() && files[0].revents() == PollFlags::OUT
}

/// `line` as it is where it goes into a pipe whole. Of a longer one the middle is left out: what is wrong
/// stands at the beginning, and the id at the end.
pub(crate) fn bounded(line: &str) -> String {
    /// What stands in the place of the middle.
    const GAP: &str = " […] ";
    /// How much of the end is kept.
    const END: usize = 512;
    let limit = PIPE_BUF - 1;
    if line.len() <= limit {
        return line.to_owned();
    }
    let begin = line.floor_char_boundary(limit - END - GAP.len());
    let end = line.ceil_char_boundary(line.len() - END);
    format!("{}{GAP}{}", &line[..begin], &line[end..])
}

/// What stderr is, which decides how to write to it without waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Pipe,
    Socket,
    Terminal,
    /// A file on a disk, or a device that never makes anyone wait.
    File,
}

/// Stderr, as this process writes to it.
#[derive(Debug)]
pub(crate) struct Stderr {
    kind: Kind,
    /// The same pipe or terminal, opened a second time: its flags are ours alone, and it never makes us wait. There
    /// is none without `/proc`, or where the file is another user's.
    own: Option<OwnedFd>,
}

impl Stderr {
    /// Finds out what stderr is.
    pub(crate) fn open() -> Self {
        let kind = match rustix::fs::fstat(stderr()).map(|stat| FileType::from_raw_mode(stat.st_mode)) {
            Ok(FileType::Fifo) => Kind::Pipe,
            Ok(FileType::Socket) => Kind::Socket,
            Ok(FileType::CharacterDevice) if std::io::IsTerminal::is_terminal(&std::io::stderr()) => Kind::Terminal,
            _ => Kind::File,
        };
        let own = match kind {
            Kind::Pipe | Kind::Terminal => {
                // A terminal must not become the one that rules this process.
                let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
                rustix::fs::open("/proc/self/fd/2", flags, Mode::empty()).ok()
            }
            Kind::Socket | Kind::File => None,
        };
        Self { kind, own }
    }

    /// The file that is to be written to.
    fn file(&self) -> BorrowedFd<'_> {
        self.own.as_ref().map_or_else(|| stderr(), |own| own.as_fd())
    }

    /// How many bytes of `line` to hand to [`Stderr::write`] so that they stay together as far as that is
    /// possible: all of them, or a piece that a reader who is slow takes at once.
    pub(crate) fn piece(&self, line: usize) -> usize {
        if line <= PIPE_BUF || (self.kind == Kind::Pipe && self.room().is_some_and(|room| room >= line)) {
            line
        } else {
            PIPE_BUF
        }
    }

    /// How many bytes a pipe takes whole.
    fn room(&self) -> Option<usize> {
        let size = rustix::pipe::fcntl_getpipe_size(self.file()).ok()?;
        let unread = usize::try_from(rustix::io::ioctl_fionread(self.file()).ok()?).ok()?;
        // A page that has been begun may take no more.
        Some(size.saturating_sub(unread).saturating_sub(PIPE_BUF))
    }

    /// Whether a write that finds no room says so, even where the app has taken the room meanwhile.
    pub(crate) fn never_waits(&self) -> bool {
        self.own.is_some() || self.kind == Kind::Socket
    }

    /// Writes `bytes`, or the first of them, to stderr, which is ready. `EAGAIN` says that there is no room now.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<usize, Errno> {
        use rustix::net::{SendFlags, send};
        match (self.kind, &self.own) {
            (_, Some(own)) => rustix::io::write(own, bytes),
            (Kind::Pipe, None) => write_to_pipe(bytes),
            (Kind::Socket, None) => send(stderr(), bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL),
            // One that is ready takes one byte, and may stop before the second.
            (Kind::Terminal, None) => rustix::io::write(stderr(), &bytes[..bytes.len().min(1)]),
            (Kind::File, None) => match room_in_file() {
                0 => Err(Errno::FBIG),
                room => rustix::io::write(stderr(), &bytes[..bytes.len().min(room)]),
            },
        }
    }
}

/// Writes `bytes` to a pipe without waiting, even if the app has taken the room meanwhile. On a kernel that cannot be
/// told so (before 6.4), or that does not permit it, the first of them, for which a pipe that is ready has room.
fn write_to_pipe(bytes: &[u8]) -> Result<usize, Errno> {
    // A pipe has no offset to write at; this one means so.
    match rustix::io::pwritev2(stderr(), &[IoSlice::new(bytes)], u64::MAX, ReadWriteFlags::NOWAIT) {
        Ok(count) => Ok(count),
        Err(error @ (Errno::AGAIN | Errno::INTR | Errno::PIPE)) => Err(error),
        // A sandbox refuses what it does not know by whatever number it likes.
        Err(_) => rustix::io::write(stderr(), &bytes[..bytes.len().min(PIPE_BUF)]),
    }
}

/// By how many bytes a file that stderr goes to may grow (`ulimit -f`). A write at its limit would end the
/// process by a signal.
fn room_in_file() -> usize {
    let Some(limit) = getrlimit(Resource::Fsize).current else {
        return usize::MAX;
    };
    let end = match rustix::fs::fcntl_getfl(stderr()) {
        Ok(flags) if flags.contains(OFlags::APPEND) => {
            let size = rustix::fs::fstat(stderr()).map_or(0, |stat| stat.st_size);
            u64::try_from(size).unwrap_or(0)
        }
        // What has no place, such as a device, has no limit.
        _ => match rustix::fs::tell(stderr()) {
            Ok(place) => place,
            Err(_) => return usize::MAX,
        },
    };
    usize::try_from(limit.saturating_sub(end)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::{PIPE_BUF, bounded};
    use proptest::prelude::*;

    #[test]
    fn a_line_that_goes_into_a_pipe_whole_is_as_it_was() {
        let line = "x".repeat(PIPE_BUF - 1);

        assert_eq!(bounded(&line), line);
    }

    #[test]
    fn of_a_longer_line_the_beginning_and_the_id_are_kept() {
        let line = bounded(&format!("hoopstart: warning: {} [start::not-found]", "é".repeat(5000)));

        assert!(line.len() < PIPE_BUF, "{}", line.len());
        assert!(line.starts_with("hoopstart: warning: éé") && line.ends_with("é [start::not-found]"));
        assert!(line.contains("é […] é"));
    }

    proptest! {
        #[test]
        fn no_line_is_longer_than_a_pipe_takes_whole(line in "\\PC{0,6000}") {
            prop_assert!(bounded(&line).len() < PIPE_BUF);
        }
    }
}
