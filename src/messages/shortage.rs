//! What the machine that builds can be short of, and what to do about it.

use crate::messages::Message;
use rustix::io::Errno;
use std::io::{self, ErrorKind};

/// What an error of the kernel's says that the machine is short of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shortage {
    /// The size that a file may have.
    FileSize,
    /// Files that may be open.
    OpenFiles,
    /// Processes, or memory for them.
    Processes,
    /// Space on the disk.
    Space,
}

impl Shortage {
    /// Returns what `error` says that the machine is short of, if it says so.
    pub(super) fn of(error: &io::Error) -> Option<Self> {
        // These two have no kind.
        if let Some(Errno::MFILE | Errno::NFILE) = Errno::from_io_error(error) {
            return Some(Shortage::OpenFiles);
        }
        match error.kind() {
            ErrorKind::FileTooLarge => Some(Shortage::FileSize),
            ErrorKind::OutOfMemory | ErrorKind::WouldBlock => Some(Shortage::Processes),
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Some(Shortage::Space),
            _ => None,
        }
    }

    /// Adds to `message` what is short, what that means for the release, and what to do.
    pub(super) fn explain(self, message: Message) -> Message {
        self.steps(message.text(self.sentence()).consequence())
    }

    /// Returns the sentence that names it.
    fn sentence(self) -> &'static str {
        match self {
            Shortage::FileSize => "A file may not grow so large here: there is a limit on the size of files.",
            Shortage::OpenFiles => "The build has as many files open as it may: there is a limit on open files.",
            Shortage::Processes => "The machine has too little memory, or as many processes as it may have.",
            Shortage::Space => "The disk is full, or a quota on it is used up.",
        }
    }

    /// Adds the steps against it to `message`, the first of which is for those who own the machine.
    fn steps(self, message: Message) -> Message {
        let message = match self {
            Shortage::FileSize => {
                message.step("Where the machine is yours, raise the limit:", &["ulimit -f unlimited"])
            }
            Shortage::OpenFiles => message.step("Where the machine is yours, raise the limit:", &["ulimit -n 1024"]),
            Shortage::Processes => message.step(
                "Where the machine is yours, look at the limit on processes and at its memory:",
                &["ulimit -u", "free -m"],
            ),
            Shortage::Space => message.step(
                "Where the machine is yours, free space on the disk of the build dir:",
                &["df -h"],
            ),
        };
        message.step("Deploy again.", &[])
    }
}
