//! Starts the supervisor as nobody's child.
//!
//! hoopstart starts an intermediate, which starts the supervisor and exits. hoopstart reaps the intermediate, so
//! the app it becomes has no child it did not make, gets no SIGCHLD and never sees a zombie. The supervisor falls
//! to the nearest subreaper, or to the first process of the dyno.

use super::{io_error, signals};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::processes::Process;

/// This program, under whatever name it was started.
const SELF: &str = "/proc/self/exe";

/// What `ps` shows as the program of our processes.
const NAME: &str = "hoopstart";

/// The processes that hoopstart starts of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Starts the supervisor and exits.
    Intermediate,
    /// Runs the agent for as long as the app lives.
    Supervisor,
}

/// The process that the agent runs beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct App {
    /// Its id.
    pub(super) pid: u32,
    /// When it started, where that is known: the id alone may be given to another process later.
    pub(super) started: Option<u64>,
    /// How its end is noticed.
    pub(super) watch: Watch,
}

/// How the supervisor notices the end of the app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Watch {
    /// stdin is a pidfd of it.
    Pidfd,
    /// Its pid is looked at now and then.
    Polling,
}

impl Watch {
    /// Returns the word in the command line.
    fn word(self) -> &'static str {
        match self {
            Watch::Pidfd => "pidfd",
            Watch::Polling => "polling",
        }
    }
}

impl Role {
    /// Returns the word in the command line.
    fn word(self) -> &'static str {
        match self {
            Role::Intermediate => "internal-detach",
            Role::Supervisor => "internal-supervise",
        }
    }

    /// Reads a command line of ours: the name, the role's word, the app's pid and start, how it is watched.
    pub(super) fn parse(args: &[OsString]) -> Option<(Self, App)> {
        let [_, word, pid, started, watch] = args else {
            return None;
        };
        let role = [Role::Intermediate, Role::Supervisor]
            .into_iter()
            .find(|role| word == OsStr::new(role.word()))?;
        let app = App {
            pid: pid.to_str()?.parse().ok()?,
            started: started.to_str()?.parse().ok(),
            watch: [Watch::Pidfd, Watch::Polling]
                .into_iter()
                .find(|kind| watch == OsStr::new(kind.word()))?,
        };
        Some((role, app))
    }

    /// Returns the command that starts this program in this role, with nothing on stdout.
    fn command(self, app: &App) -> Command {
        let started = app
            .started
            .map_or_else(|| "unknown".to_owned(), |ticks| ticks.to_string());
        let mut command = Command::new(SELF);
        command
            .arg0(NAME)
            .args([self.word(), &app.pid.to_string(), &started, app.watch.word()])
            .stdout(Stdio::null());
        command
    }
}

/// Starts the supervisor of the process `pid`, and returns when it runs.
pub(super) fn start_supervisor(pid: u32) -> io::Result<()> {
    let pidfd = open_pidfd(pid)?;
    let app = App {
        pid,
        started: Process::read(pid).map(|process| process.started),
        watch: if pidfd.is_some() { Watch::Pidfd } else { Watch::Polling },
    };
    let mut intermediate = Role::Intermediate.command(&app);
    intermediate.stdin(pidfd.map_or_else(Stdio::null, Stdio::from));
    let status = signals::without_child_signal(|| intermediate.status());
    match status {
        Ok(status) if status.success() => Ok(()),
        // It has said what is wrong.
        Ok(status) => Err(io::Error::other(format!("it ended with {status}"))),
        // Whoever started us ignores SIGCHLD: the intermediate is gone, and the kernel has kept no status.
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::CHILD.raw_os_error()) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Opens a pidfd of `pid`, or returns `None` on a kernel that has none (before 5.3, or forbidden by a sandbox):
/// the supervisor then looks after the app by its pid and start.
fn open_pidfd(pid: u32) -> io::Result<Option<OwnedFd>> {
    let no_such = || io::Error::other(format!("there is no process {pid}"));
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or_else(no_such)?;
    match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(pidfd) => Ok(Some(pidfd)),
        Err(rustix::io::Errno::SRCH | rustix::io::Errno::INVAL) => Err(no_such()),
        Err(_) => Ok(None),
    }
}

/// Is the intermediate: leaves the app's session, lets go of all its files but stderr, starts the supervisor.
pub(super) fn intermediate(app: &App) -> io::Result<()> {
    close_inherited_files();
    signals::unblock_all()?;
    rustix::process::setsid().map_err(io_error)?;
    // Under memory pressure the agent is to go first, and its supervisor before the app. Best effort: a sandbox
    // may have no such file.
    let _ = std::fs::write("/proc/self/oom_score_adj", SUPERVISOR_OOM_SCORE);
    // stdin stays the pidfd. The child is not waited for: it outlives this process.
    let mut supervisor = Role::Supervisor.command(app).spawn()?;
    wait_until_named(&mut supervisor);
    Ok(())
}

/// Waits until `/proc` shows the command line of the new supervisor, by which a second hoopstart knows it. There is
/// a moment after it was started, on a busy machine a long one, in which the kernel has none to show.
fn wait_until_named(supervisor: &mut Child) {
    let path = format!("/proc/{}/cmdline", supervisor.id());
    let begin = Instant::now();
    // One that has ended has no command line either. Without /proc there is nothing to wait for.
    while std::fs::read(&path).is_ok_and(|line| line.is_empty())
        && matches!(supervisor.try_wait(), Ok(None))
        && begin.elapsed() < NAMING_LIMIT
    {
        std::thread::sleep(Duration::from_micros(100));
    }
}

/// How long it may take. Two agents are better than an app that waits.
const NAMING_LIMIT: Duration = Duration::from_secs(1);

/// How readily the kernel ends the supervisor when memory runs out: -1000 to 1000, an app has 0. Below an agent's
/// 1000, since an agent without supervisor would outlive the app.
const SUPERVISOR_OOM_SCORE: &str = "900";

/// Closes every file but stdin, stdout and stderr: whoever waits for the end of a pipe that the app holds must
/// not wait for us.
fn close_inherited_files() {
    let open: Vec<i32> = match std::fs::read_dir("/proc/self/fd") {
        Ok(entries) => entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .collect(),
        // Without /proc, try all numbers a process usually has.
        Err(_) => (3..1024).collect(),
    };
    for file in open.into_iter().filter(|number| *number > 2) {
        // The one that listed the others is closed already.
        let _ = nix::unistd::close(file);
    }
}

#[cfg(test)]
mod tests {
    use super::{App, Role, Watch};
    use std::ffi::OsString;

    #[test]
    fn our_own_command_lines_are_read_back() {
        for started in [Some(4242), None] {
            let watch = Watch::Pidfd;
            let app = App {
                pid: 17,
                started,
                watch,
            };
            let command = Role::Supervisor.command(&app);
            let mut args = vec![OsString::from("hoopstart")];
            args.extend(command.get_args().map(OsString::from));

            assert_eq!(Role::parse(&args), Some((Role::Supervisor, app)));
        }
        assert_eq!(
            Role::parse(&["hoopstart".into(), "--".into(), "17".into(), "1".into(), "pidfd".into()]),
            None
        );
    }
}
