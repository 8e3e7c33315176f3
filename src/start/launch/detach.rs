//! Starts the supervisor so that it is not a child of the app.
//!
//! hoopstart starts an intermediate, which forks the supervisor and exits. hoopstart reaps the intermediate, so the
//! app it becomes has no child it did not make, gets no SIGCHLD, and never sees a zombie. The supervisor becomes a
//! child of the nearest subreaper, or of the first process of the dyno.

use crate::os::{processes, reason, signals, standard_files};
use crate::procfile::invocation::STARTERS;
use crate::start::app::AppProcess;
use crate::start::fault;
use crate::start::fault::supervisor::SupervisorFault;
use crate::start::launch::claim;
use nix::errno::Errno;
use nix::sched::{CloneFlags, clone};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{self, ForkResult};
use rustix::fs::{Mode, OFlags, RawDir};
use rustix::pipe::PipeFlags;
use std::fs::OpenOptions;
use std::io;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;

/// Starts a process beside the process `pid` that does `work` once this process has become the app, or has ended.
/// Nothing is done if an ancestor of `pid` has a supervisor. It holds the `claim` for as long as it runs.
pub(crate) fn start_beside(
    pid: u32,
    claim: Option<&OwnedFd>,
    work: impl Fn(&AppProcess) -> io::Result<()>,
) -> io::Result<()> {
    // The number of an error does not say of what.
    let null = open_null()?;
    let (begin, app_to_come) = exec_gate()?;
    let started = without_adoption(|| {
        signals::without_child_signal(|| {
            let intermediate = lend_memory(|| {
                // Ours too would keep the gate closed.
                let _ = unistd::close(app_to_come.as_raw_fd());
                let kept: Vec<RawFd> = claim.into_iter().chain([&begin]).map(AsRawFd::as_raw_fd).collect();
                let_go_of_files(&kept, &null)?;
                rustix::process::setsid().map_err(io::Error::from)?;
                let mut app = AppProcess {
                    claim: claim.map(AsFd::as_fd),
                    ..AppProcess::find(pid)?
                };
                let supervisor = fork(|| {
                    wait_for_exec(&begin);
                    app.find_start();
                    // What has ended has no ancestors any more, and needs no agent.
                    if claim::elder(pid).is_some() || app.ends_within(Duration::ZERO) {
                        return 0;
                    }
                    let ended = settle().and_then(|()| work(&app)).inspect_err(|error| {
                        fault::tell(SupervisorFault::NotStarted(error.to_string()));
                    });
                    status(ended)
                });
                supervisor.map(drop)
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
    });
    // Until this process becomes the app or ends.
    std::mem::forget(app_to_come);
    started
}

/// A pipe whose second end closes when this process becomes the app, or ends. The first end ends then.
fn exec_gate() -> io::Result<(OwnedFd, OwnedFd)> {
    let (read, write) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
    Ok((standard_files::beyond(read)?, standard_files::beyond(write)?))
}

/// Waits until the process that has forked us has become the app: what a supervisor does to start, it does beside an
/// app that has started, and not in its way.
fn wait_for_exec(gate: &OwnedFd) {
    while rustix::io::read(gate, &mut [0; 1]) == Err(rustix::io::Errno::INTR) {}
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

/// Starts a child that does `work` and ends with the exit status that stands for its result. The child works in the
/// memory of this process, which waits: one with a copy would fetch every page of the program that it uses once more,
/// and take four times as long.
fn lend_memory(mut work: impl FnMut() -> io::Result<()>) -> io::Result<unistd::Pid> {
    // Only what is touched becomes memory. All of it goes when this process becomes the app, so it is not given back.
    let mut stack = ManuallyDrop::new(Vec::<u8>::new());
    if stack.try_reserve_exact(STACK).is_err() {
        return fork(|| status(work()));
    }
    let child = Box::new(|| {
        let result = catch_unwind(AssertUnwindSafe(&mut work));
        result.map_or(Errno::ENOTRECOVERABLE as isize, |result| status(result) as isize)
    });
    let flags = CloneFlags::CLONE_VM | CloneFlags::CLONE_VFORK;
    let stack = stack.spare_capacity_mut();
    #[expect(
        unsafe_code,
        reason = "this process has one thread and waits until the child has ended; any bytes can be a stack"
    )]
    let started = unsafe {
        let stack = std::slice::from_raw_parts_mut(stack.as_mut_ptr().cast::<u8>(), stack.len());
        clone(child, stack, flags, Some(Signal::SIGCHLD as i32))
    };
    Ok(started?)
}

/// The size of the stack of such a child, and of the supervisor that it forks, in bytes: that of any program.
const STACK: usize = 8 * 1024 * 1024;

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

/// Takes the app's command out of the command line that `/proc` shows of this process and of those it forks:
/// someone who looks for the app by it, to signal it or to count its processes, must not find us. What is left is the
/// name of hoopstart, also where it was called by another.
///
/// Best effort: a sandbox may not let a process write to itself this way.
pub(crate) fn forget_command_line() {
    let name = std::env::args_os().next().unwrap_or_default();
    let memory = OpenOptions::new().write(true).open("/proc/self/mem");
    let (Ok(memory), Some(arguments)) = (memory, processes::own_arguments()) else {
        return;
    };
    let mut begin = arguments.start + name.len() as u64 + 1;
    let is_ours = STARTERS.iter().any(|ours| Path::new(&name).ends_with(ours));
    if !is_ours && arguments.end - arguments.start > STARTERS[0].len() as u64 {
        // The app's own, by `exec -a`.
        let _ = memory.write_all_at(STARTERS[0].as_bytes(), arguments.start);
        begin = arguments.start + STARTERS[0].len() as u64;
    }
    let zeros = [0; 1024];
    for place in (begin..arguments.end).step_by(zeros.len()) {
        let left = usize::try_from(arguments.end - place).unwrap_or(usize::MAX);
        if memory.write_all_at(&zeros[..left.min(zeros.len())], place).is_err() {
            return;
        }
    }
}

/// Does what a supervisor needs and no app waits for.
fn settle() -> io::Result<()> {
    forget_command_line();
    // Under memory pressure the agent is to go first, and its supervisor before the app. Best effort: a sandbox
    // may have no such file.
    let _ = std::fs::write("/proc/self/oom_score_adj", SUPERVISOR_OOM_SCORE);
    signals::unblock_all()
}

/// Lets go of all files of the app but its log, and of our own all but `kept`.
pub(crate) fn let_go_of_files(kept: &[RawFd], null: &OwnedFd) -> io::Result<()> {
    let kept: Vec<RawFd> = kept.iter().copied().chain([null.as_raw_fd()]).collect();
    close_inherited_files(&kept);
    standard_files::open();
    rustix::stdio::dup2_stdin(null)?;
    rustix::stdio::dup2_stdout(null)?;
    Ok(())
}

/// Opens `/dev/null`, never in the place of a standard file that is closed.
pub(crate) fn open_null() -> io::Result<OwnedFd> {
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null")
        .and_then(|null| standard_files::beyond(null.into()));
    opened.map_err(|error| io::Error::new(error.kind(), format!("/dev/null: {}", reason::of(&error))))
}

/// How readily the kernel ends the supervisor when memory runs out: -1000 to 1000, an app has 0. Below an agent's
/// 1000, since an agent without supervisor would outlive the app.
const SUPERVISOR_OOM_SCORE: &str = "900";

/// Closes every file but stdin, stdout, stderr and `kept`: whoever waits for the end of a pipe that the app holds
/// must not wait for us.
fn close_inherited_files(kept: &[RawFd]) {
    // Without /proc, try all numbers a process usually has.
    let open = open_files().unwrap_or_else(|_| (3..1024).collect());
    for file in open.into_iter().filter(|file| *file > 2 && !kept.contains(file)) {
        // The one that listed the others is closed already.
        let _ = unistd::close(file);
    }
}

/// The numbers of the files that are open. The app waits for this, so the list is read onto the stack.
fn open_files() -> rustix::io::Result<Vec<RawFd>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = rustix::fs::open("/proc/self/fd", flags, Mode::empty())?;
    let mut buffer = [MaybeUninit::uninit(); 1024];
    let mut entries = RawDir::new(&folder, &mut buffer);
    let mut open = Vec::with_capacity(16);
    while let Some(entry) = entries.next() {
        let number = entry?
            .file_name()
            .to_str()
            .ok()
            .and_then(|name| name.parse::<RawFd>().ok());
        open.extend(number);
    }
    Ok(open)
}
