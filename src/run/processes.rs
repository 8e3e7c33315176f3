//! What `/proc` says about processes. Where it is not mounted there are no answers, and callers do without.

use super::detach::{App, Role};
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;

/// A process as `/proc/PID/stat` shows it (<https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    /// Its id.
    pub(crate) pid: u32,
    /// Its parent's id.
    pub(super) parent: u32,
    /// When it started, in clock ticks after the machine: with the id it names one process for ever.
    pub(super) started: u64,
    /// Whether it has ended and waits to be reaped.
    pub(super) is_zombie: bool,
}

impl Process {
    /// Returns the process `pid`.
    pub(super) fn read(pid: u32) -> Option<Self> {
        Self::parse(&fs::read(format!("/proc/{pid}/stat")).ok()?)
    }

    /// Reads a `stat` file. The second field is the program's name in parentheses, and may hold any byte, so
    /// fields are counted from its last parenthesis.
    fn parse(stat: &[u8]) -> Option<Self> {
        let name_end = stat.iter().rposition(|byte| *byte == b')')?;
        let pid = std::str::from_utf8(&stat[..stat.iter().position(|byte| *byte == b' ')?]).ok()?;
        let fields: Vec<&str> = std::str::from_utf8(stat.get(name_end + 1..)?)
            .ok()?
            .split_ascii_whitespace()
            .collect();
        Some(Self {
            pid: pid.parse().ok()?,
            parent: fields.get(1)?.parse().ok()?,
            started: fields.get(19)?.parse().ok()?,
            is_zombie: matches!(*fields.first()?, "Z" | "X"),
        })
    }
}

/// Returns all processes that can be seen.
fn all() -> Vec<Process> {
    ids().filter_map(Process::read).collect()
}

/// Returns the ids of all processes that can be seen.
fn ids() -> impl Iterator<Item = u32> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// Returns `pid` and its ancestors, nearest first.
fn with_ancestors(pid: u32) -> Vec<Process> {
    let mut chain = Vec::new();
    let mut next = Process::read(pid);
    while let Some(process) = next {
        chain.push(process);
        next = (process.parent != 0).then(|| Process::read(process.parent)).flatten();
    }
    chain
}

/// Returns the living descendants of `ancestor`.
pub(crate) fn descendants(ancestor: u32) -> Vec<Process> {
    let all = all();
    let mut found: Vec<Process> = Vec::new();
    let mut parents = vec![ancestor];
    while let Some(parent) = parents.pop() {
        for process in all.iter().filter(|process| process.parent == parent) {
            parents.push(process.pid);
            found.push(*process);
        }
    }
    found.retain(|process| !process.is_zombie);
    found
}

/// Returns the pid of a supervisor that already runs the agent for `pid` or an ancestor of it: under hoopstart in
/// hoopstart, and under a shell with `HOOP_AUTOSTART`, one agent is enough. A supervisor names its app in its
/// command line.
pub(super) fn supervisor_of_ancestor(pid: u32) -> Option<u32> {
    let family = with_ancestors(pid);
    ids().find(|id| {
        supervised_app(*id).is_some_and(|app| {
            family
                .iter()
                .any(|process| process.pid == app.pid && Some(process.started) == app.started)
        })
    })
}

/// Returns the app that the process `pid` supervises, if it is a supervisor of this user's.
fn supervised_app(pid: u32) -> Option<App> {
    let command_line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let arguments: Vec<OsString> = command_line
        .split(|byte| *byte == 0)
        .map(|argument| OsString::from_vec(argument.to_vec()))
        .collect();
    // The last argument is ended by a NUL as well.
    let (Role::Supervisor, app) = Role::parse(arguments.get(..arguments.len() - 1)?)? else {
        return None;
    };
    is_own(Path::new(&format!("/proc/{pid}"))).then_some(app)
}

/// Answers whether the process folder belongs to this user: another user's process could name any app.
fn is_own(folder: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata(folder).is_ok_and(|metadata| metadata.uid() == rustix::process::geteuid().as_raw())
}

#[cfg(test)]
mod tests {
    use super::Process;

    #[test]
    fn a_stat_line_is_read_whatever_the_program_is_called() {
        let stat = b"17 (a ) (b) S 1 17 17 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4242 1 1\n";

        assert_eq!(
            Process::parse(stat),
            Some(Process {
                pid: 17,
                parent: 1,
                started: 4242,
                is_zombie: false
            })
        );
        assert_eq!(Process::parse(b""), None);
        assert_eq!(Process::parse(b"17 (x) Z 1"), None);
    }

    #[test]
    fn this_process_is_found_with_its_parent() {
        let chain = super::with_ancestors(std::process::id());

        assert_eq!(chain[0].pid, std::process::id());
        assert_eq!(chain[1].pid, std::os::unix::process::parent_id());
    }
}
