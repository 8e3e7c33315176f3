//! What `/proc` says about processes. Where it is not mounted there are no answers, and callers do without.

use rustix::process::Pid;
use rustix::time::{ClockId, clock_gettime};
use std::fs::{self, File};
use std::io::Read as _;
use std::ops::Range;
use std::os::unix::fs::MetadataExt as _;
use std::str::SplitAsciiWhitespace;
use std::time::Duration;

/// A process as `/proc/PID/stat` shows it (<https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    /// Its id.
    pub(crate) pid: u32,
    /// Its parent's id.
    pub(crate) parent: u32,
    /// When it started, in clock ticks after the machine: together with the id it names one process only.
    pub(crate) started: u64,
    /// Whether it has ended and waits to be reaped.
    pub(crate) is_zombie: bool,
    /// Whether it waits for something.
    pub(crate) is_asleep: bool,
}

impl Process {
    /// The process `pid`.
    pub(crate) fn read(pid: u32) -> Option<Self> {
        Stat::read(&format!("/proc/{pid}/stat"))?.process()
    }

    /// Whether it runs as the user of this process.
    pub(crate) fn is_of_this_user(&self) -> bool {
        let owner = fs::metadata(format!("/proc/{}", self.pid)).map(|folder| folder.uid());
        owner.is_ok_and(|owner| owner == rustix::process::geteuid().as_raw())
    }

    /// How long ago it started.
    pub(crate) fn age(&self) -> Option<Duration> {
        let now = Duration::try_from(clock_gettime(ClockId::Boottime)).ok()?;
        let ticks = rustix::param::clock_ticks_per_second();
        let started = Duration::from_millis(self.started.saturating_mul(1000).checked_div(ticks)?);
        Some(now.saturating_sub(started))
    }
}

/// The name of the program of the process `pid`, as it has it or has given it to itself.
pub(crate) fn name(pid: u32) -> Option<String> {
    let name = fs::read(format!("/proc/{pid}/comm")).ok()?;
    Some(String::from_utf8_lossy(&name).trim_end_matches('\n').to_owned())
}

/// `pid` as `/proc` has it.
pub(crate) fn number(pid: Pid) -> u32 {
    pid.as_raw_nonzero().get().unsigned_abs()
}

/// Where in its memory this process has its command line, as `/proc` shows it.
pub(crate) fn own_arguments() -> Option<Range<u64>> {
    let stat = Stat::read("/proc/self/stat")?;
    // Fields 48 and 49, `arg_start` and `arg_end`; the first one here is the third.
    let mut ends = stat.fields()?.skip(45).map(str::parse);
    Some(ends.next()?.ok()?..ends.next()?.ok()?)
}

/// A `stat` file. On the stack, since the supervisor is to stay small.
struct Stat {
    bytes: [u8; Stat::SIZE],
    length: usize,
}

impl Stat {
    /// More bytes than such a file can have: 52 numbers of up to 20 digits, and a name.
    const SIZE: usize = 2048;

    /// Reads the file `path`, which one read gives whole.
    fn read(path: &str) -> Option<Self> {
        let mut bytes = [0; Self::SIZE];
        let length = File::open(path).ok()?.read(&mut bytes).ok()?;
        Some(Self { bytes, length })
    }

    /// The fields behind the second. That is the program's name in parentheses, and may hold any byte, so
    /// fields are counted from its last parenthesis.
    fn fields(&self) -> Option<SplitAsciiWhitespace<'_>> {
        let stat = &self.bytes[..self.length];
        let name_end = stat.iter().rposition(|byte| *byte == b')')?;
        Some(
            std::str::from_utf8(&stat[name_end + 1..])
                .ok()?
                .split_ascii_whitespace(),
        )
    }

    /// What it says of its process.
    fn process(&self) -> Option<Process> {
        let pid_end = self.bytes.iter().position(|byte| *byte == b' ')?;
        let pid = std::str::from_utf8(&self.bytes[..pid_end]).ok()?;
        let mut fields = self.fields()?;
        let state = fields.next()?;
        Some(Process {
            pid: pid.parse().ok()?,
            is_zombie: matches!(state, "Z" | "X"),
            is_asleep: state == "S",
            parent: fields.next()?.parse().ok()?,
            started: fields.nth(17)?.parse().ok()?,
        })
    }
}

/// Whether this process, which leads a session, is the only one in it. Without /proc it is taken not to be.
pub(crate) fn is_alone_in_session() -> bool {
    let session = std::process::id().to_string();
    let in_session = |pid: &u32| {
        let stat = Stat::read(&format!("/proc/{pid}/stat"));
        // Field 6; the first one here is the third.
        stat.is_some_and(|stat| {
            stat.fields()
                .and_then(|mut fields| fields.nth(3).map(|field| field == session))
                == Some(true)
        })
    };
    ids().filter(in_session).count() == 1
}

/// All processes that can be seen.
pub(crate) fn all() -> Vec<Process> {
    ids().filter_map(Process::read).collect()
}

/// The ids of all processes that can be seen.
fn ids() -> impl Iterator<Item = u32> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// `pid` and its ancestors, nearest first.
pub(crate) fn with_ancestors(pid: u32) -> impl Iterator<Item = Process> {
    std::iter::successors(Process::read(pid), |process| {
        (process.parent != 0).then(|| Process::read(process.parent)).flatten()
    })
}

/// The living descendants of `ancestor`.
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

#[cfg(test)]
mod tests {
    use super::{Process, Stat};

    fn parse(line: &[u8]) -> Option<Process> {
        let mut bytes = [0; Stat::SIZE];
        bytes[..line.len()].copy_from_slice(line);
        let length = line.len();
        Stat { bytes, length }.process()
    }

    #[test]
    fn a_stat_line_is_read_whatever_the_program_is_called() {
        let stat = b"17 (a ) (b) S 1 17 17 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4242 1 1\n";

        assert_eq!(
            parse(stat),
            Some(Process {
                pid: 17,
                parent: 1,
                started: 4242,
                is_zombie: false,
                is_asleep: true
            })
        );
        assert_eq!(parse(b""), None);
        assert_eq!(parse(b"17 (x) Z 1"), None);
    }

    #[test]
    fn the_command_line_of_this_process_is_found_in_its_memory() {
        use std::os::unix::fs::FileExt as _;
        let place = super::own_arguments().unwrap();
        let mut bytes = vec![0; usize::try_from(place.end - place.start).unwrap()];
        let memory = std::fs::File::open("/proc/self/mem").unwrap();
        memory.read_exact_at(&mut bytes, place.start).unwrap();

        assert_eq!(bytes, std::fs::read("/proc/self/cmdline").unwrap());
    }

    #[test]
    fn this_process_is_found_with_its_parent() {
        let chain: Vec<Process> = super::with_ancestors(std::process::id()).collect();

        assert_eq!(chain[0].pid, std::process::id());
        assert_eq!(chain[1].pid, std::os::unix::process::parent_id());
    }
}
