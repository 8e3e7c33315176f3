//! What the machine that builds can be short of, and what to do about it.

use crate::acquire::resources::NoResources;
use crate::acquire::scratch::WriteError;
use crate::failure::Failure;
use crate::messages::message::{ISSUES_URL, Message, Tone};
use indoc::{formatdoc, indoc};
use rustix::io::Errno;
use std::fmt::Display;
use std::io::{self, ErrorKind};

/// What a kernel error says that the machine is short of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortage {
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
    /// What `error` says that the machine is short of, if it says so.
    pub fn of(error: &io::Error) -> Option<Self> {
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

    /// What is short, what that means for the release, and two steps against it, the first of which is for those who
    /// own the machine.
    pub fn explained(self, tone: Tone) -> String {
        let (sentence, step) = match self {
            Shortage::FileSize => (
                "A file may not grow this large here: there is a limit on the size of files.",
                indoc! {"
                    1. If the machine is yours, raise the limit:
                       ulimit -f unlimited"},
            ),
            Shortage::OpenFiles => (
                "The build has reached the limit on open files.",
                indoc! {"
                    1. If the machine is yours, raise the limit:
                       ulimit -n 1024"},
            ),
            Shortage::Processes => (
                "The machine is out of memory, or has reached its limit on processes.",
                indoc! {"
                    1. If the machine is yours, look at its limit on processes and at its memory:
                       ulimit -u
                       free -m"},
            ),
            Shortage::Space => (
                "The disk is full, or its quota is used up.",
                indoc! {"
                    1. If the machine is yours, free space on the disk of the build dir:
                       df -h"},
            ),
        };
        formatdoc! {"
            {sentence}

            {consequence}

            {step}
            2. Deploy again.
            ",
            consequence = tone.consequence(),
        }
    }
}

/// What is short by `error`, explained, or else `otherwise`.
pub fn explained_or(error: &io::Error, tone: Tone, otherwise: impl FnOnce() -> String) -> String {
    Shortage::of(error).map_or_else(otherwise, |shortage| shortage.explained(tone))
}

/// What to tell the person whose build could not copy this program: its title, and what is short or missing.
pub fn own_program_unreadable(title: &impl Display, source: &io::Error, tone: Tone) -> String {
    let explained = explained_or(source, tone, || {
        format!("{}\n\n1. Build where /proc is mounted.", tone.consequence())
    });
    formatdoc! {"
        {title}.

        hoopstart is a copy of hoop-buildpack, which is read from /proc/self/exe.

        {explained}
    "}
}

/// What to tell the person whose build could not write a file.
pub fn write_failed(error: &WriteError, tone: Tone) -> Message {
    let WriteError { path, source } = error;
    let explained = match Shortage::of(source) {
        Some(shortage) => shortage.explained(tone),
        None => formatdoc! {"
            The usual cause is a disk that fails or is read-only.

            {consequence}

            1. If the machine is yours, look at the disk of the build dir:
               df -h
               mount
            2. Deploy again.
            ",
            consequence = tone.consequence(),
        },
    };
    let block = formatdoc! {"
        writing {path} failed.

        {explained}3. If it happens again, tell us:
           {ISSUES_URL}
    "};
    Message::about(Failure::WriteFailed, tone, block).details(source)
}

/// What to tell the person whose build got no thread or open file.
pub(super) fn no_resources(error: &NoResources, tone: Tone) -> Message {
    let block = formatdoc! {"
        the build has run out of threads or open files.

        The usual cause is a limit of the container or of the user.

        {consequence}

        1. Build with higher limits: ulimit -u and -n, or the number of processes that the container may have.
        ",
        consequence = tone.consequence(),
    };
    Message::about(Failure::NoResources, tone, block).details(&error.cause)
}
