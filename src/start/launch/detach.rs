//! Starts the supervisor as nobody's child.
//!
//! hoopstart forks an intermediate, which forks the supervisor and exits. hoopstart reaps the intermediate, so the
//! app it becomes has no child it did not make, gets no SIGCHLD and never sees a zombie. The supervisor falls to
//! the nearest subreaper, or to the first process of the dyno.

use crate::os::processes::{self};
use crate::os::signals;
use crate::start::app::App;
use crate::start::fault::{self, Fault};
use crate::start::plan::agent_set::Agents;
use crate::start::supervise::supervisor;
use nix::errno::Errno;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{self, ForkResult};
use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Starts the supervisor of the process `pid`. It holds the `claim` on that process as long as it runs.
pub(crate) fn start_supervisor(pid: u32, agents: &Agents, claim: Option<&OwnedFd>) -> io::Result<()> {
    start_beside(pid, claim, |app| supervise(app, agents))
}

/// Starts a process beside the process `pid` that does `work` and is nobody's child.
pub(crate) fn start_beside(pid: u32, claim: Option<&OwnedFd>, work: impl Fn(&App) -> io::Result<()>) -> io::Result<()> {
    let fork = |work: &mut dyn FnMut() -> io::Result<()>| fork(|| status(work()));
    // The number of an error does not say of what.
    let null = open_null()?;
    without_adoption(|| {
        signals::without_child_signal(|| {
            let intermediate = fork(&mut || {
                leave_app(claim, &null)?;
                let app = App {
                    claim: claim.map(AsFd::as_fd),
                    ..App::find(pid)?
                };
                fork(&mut || work(&app)).map(drop)
            })?;
            match waitpid(intermediate, None) {
                // The other case: whoever started us ignores SIGCHLD, and the kernel has kept no status of the child.
                Ok(WaitStatus::Exited(_, 0)) | Err(Errno::ECHILD) => Ok(()),
                // An error number is below 256 on Linux, so an exit status holds one.
                Ok(WaitStatus::Exited(_, errno)) => Err(io::Error::from_raw_os_error(errno)),
                Ok(WaitStatus::Signaled(_, signal, _)) => {
                    Err(io::Error::other(format!("its parent was ended by {}", signal.as_str())))
                }
                Ok(_) => Err(io::Error::other("its parent did not end")),
                Err(errno) => Err(errno.into()),
            }
        })
    })
}

/// Does `work` while this process adopts no orphans. Where whoever started us has made it a subreaper, for the app, the
/// supervisor would be the app's child; so it falls to the next one above.
fn without_adoption<T>(work: impl FnOnce() -> T) -> T {
    let adopts = matches!(rustix::process::child_subreaper(), Ok(Some(_)));
    if !adopts {
        return work();
    }
    let _ = rustix::process::set_child_subreaper(None);
    let result = work();
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
    result
}

/// The exit status that stands for `result`: the number of its error.
fn status(result: io::Result<()>) -> i32 {
    result.map_or_else(|error| error.raw_os_error().unwrap_or(Errno::EIO as i32), |()| 0)
}

/// Forks a child that does `work` and ends with the exit status that it returns.
pub(crate) fn fork(work: impl FnOnce() -> i32) -> io::Result<unistd::Pid> {
    #[expect(
        unsafe_code,
        reason = "the child of a process with one thread may do all that its parent may"
    )]
    let forked = unsafe { unistd::fork() }?;
    if let ForkResult::Parent { child } = forked {
        return Ok(child);
    }
    // Nothing may get past this point: beyond it, this process would become the app a second time.
    let status = catch_unwind(AssertUnwindSafe(work)).unwrap_or(Errno::ENOTRECOVERABLE as i32);
    #[expect(clippy::exit, reason = "as above; nothing is buffered")]
    std::process::exit(status)
}

/// Is the supervisor.
pub(crate) fn supervise(app: &App<'_>, agents: &Agents) -> io::Result<()> {
    supervisor::run(app, agents).inspect_err(|error| {
        fault::tell(&Fault::SupervisorFailed {
            cause: error.to_string(),
        });
    })
}

/// Takes the app's command out of the command line that `/proc` shows of this process and of those it forks:
/// someone who looks for the app by it, to signal it or to count its processes, must not find us. What is left is the
/// name of hoopstart, also where it was called by another.
///
/// Best effort: a sandbox may not let a process write to itself this way.
fn forget_command_line() {
    let name = std::env::args_os().next().unwrap_or_default();
    let memory = OpenOptions::new().write(true).open("/proc/self/mem");
    let (Ok(memory), Some(arguments)) = (memory, processes::own_arguments()) else {
        return;
    };
    let mut begin = arguments.start + name.len() as u64 + 1;
    let is_ours = NAMES.iter().any(|ours| Path::new(&name).ends_with(ours));
    if !is_ours && arguments.end - arguments.start > NAMES[0].len() as u64 {
        // The app's own, by `exec -a`.
        let _ = memory.write_all_at(NAMES[0].as_bytes(), arguments.start);
        begin = arguments.start + NAMES[0].len() as u64;
    }
    let zeros = [0; 1024];
    for place in (begin..arguments.end).step_by(zeros.len()) {
        let left = usize::try_from(arguments.end - place).unwrap_or(usize::MAX);
        if memory.write_all_at(&zeros[..left.min(zeros.len())], place).is_err() {
            return;
        }
    }
}

/// The names of hoopstart, its own first.
pub const NAMES: [&str; 2] = ["hoopstart", "hoopwrapper"];

/// Leaves the app's session, and lets go of all its files but its log, and of our own all but the `claim`.
fn leave_app(claim: Option<&OwnedFd>, null: &OwnedFd) -> io::Result<()> {
    let_go_of_files(&claim.into_iter().map(AsRawFd::as_raw_fd).collect::<Vec<_>>(), null)?;
    signals::unblock_all()?;
    rustix::process::setsid().map_err(io::Error::from)?;
    // Under memory pressure the agent is to go first, and its supervisor before the app. Best effort: a sandbox
    // may have no such file.
    let _ = std::fs::write("/proc/self/oom_score_adj", SUPERVISOR_OOM_SCORE);
    Ok(())
}

/// Lets go of all files of the app but its log, and of our own all but `kept`; and of the app's command line.
pub(crate) fn let_go_of_files(kept: &[RawFd], null: &OwnedFd) -> io::Result<()> {
    let kept: Vec<RawFd> = kept.iter().copied().chain([null.as_raw_fd()]).collect();
    close_inherited_files(&kept);
    crate::os::standard_files::open();
    forget_command_line();
    rustix::stdio::dup2_stdin(null)?;
    rustix::stdio::dup2_stdout(null)?;
    Ok(())
}

/// What the kernel says of `error`.
fn errno_words(error: &io::Error) -> String {
    error.raw_os_error().map_or_else(
        || error.to_string(),
        |number| Errno::from_raw(number).desc().to_lowercase(),
    )
}

/// Opens `/dev/null`, never in the place of a standard file that is closed.
pub(crate) fn open_null() -> io::Result<OwnedFd> {
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null")
        .and_then(|null| rustix::io::fcntl_dupfd_cloexec(&null, 3).map_err(io::Error::from));
    opened.map_err(|error| io::Error::new(error.kind(), format!("/dev/null: {}", errno_words(&error))))
}

/// How readily the kernel ends the supervisor when memory runs out: -1000 to 1000, an app has 0. Below an agent's
/// 1000, since an agent without supervisor would outlive the app.
const SUPERVISOR_OOM_SCORE: &str = "900";

/// Closes every file but stdin, stdout, stderr and `kept`: whoever waits for the end of a pipe that the app holds
/// must not wait for us.
fn close_inherited_files(kept: &[RawFd]) {
    let open: Vec<RawFd> = match std::fs::read_dir("/proc/self/fd") {
        Ok(entries) => entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .collect(),
        // Without /proc, try all numbers a process usually has.
        Err(_) => (3..1024).collect(),
    };
    for file in open.into_iter().filter(|file| *file > 2 && !kept.contains(file)) {
        // The one that listed the others is closed already.
        let _ = unistd::close(file);
    }
}
