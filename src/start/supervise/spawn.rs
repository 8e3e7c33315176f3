//! Starts an agent so that it cannot outlive its supervisor.
//!
//! An agent is in a process group of its own, and two things end it when the supervisor ends in whatever way. The
//! kernel tells the agent itself by its parent-death signal (`PR_SET_PDEATHSIG`). What the agent has started has
//! another parent, and is told by the lifeline: a pipe of which the supervisor holds the end to write to. When that
//! is closed, the kernel signals the group that owns the other end (`O_ASYNC`, `F_SETSIG` of
//! <https://man7.org/linux/man-pages/man2/F_GETSIG.2const.html>), and remembers the group itself and not its number.
//!
//! The standard library cannot set a parent-death signal without a window in which a signal to the child is lost.

use crate::os::environment::Environment;
use crate::start::plan::agent_set::AgentSet;
use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{SigHandler, SigSet, SigmaskHow, Signal, signal};
use nix::unistd::{ForkResult, execve, fork};
use rustix::process::{Pid, getpid, getppid, set_parent_process_death_signal, setpgid};
use std::convert::Infallible;
use std::ffi::{CString, OsStr};
use std::fs::{File, OpenOptions};
use std::io::{self, PipeReader, PipeWriter, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;

/// How readily the kernel ends an agent when memory runs out: before everything else in the dyno.
const OOM_SCORE: &str = "1000";

/// An agent that has been started.
pub(crate) struct Started {
    /// Its id, which is that of its process group as well.
    pub(crate) pid: Pid,
    /// What it writes.
    pub(crate) output: PipeReader,
    /// Ends what is left of its group when it is dropped.
    pub(crate) lifeline: Lifeline,
}

/// The supervisor's end of the pipe.
pub(crate) struct Lifeline {
    end: PipeWriter,
}

impl Lifeline {
    /// Whether the process `pid` holds the other end: the agent has started it, and it has not closed what it was
    /// given. No, where its files cannot be seen.
    pub(crate) fn is_held_by(&self, pid: u32) -> bool {
        let Ok(stat) = rustix::fs::fstat(&self.end) else {
            return false;
        };
        let pipe = format!("pipe:[{}]", stat.st_ino);
        let files = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten();
        let mut targets = files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
        targets.any(|target| target.as_os_str() == pipe.as_str())
    }
}

/// This process's own `oom_score_adj`. A child has that of its parent; once agent and supervisor cannot be looked
/// into, neither can write its own any more, but through a file that was opened before.
pub(crate) struct OomScore {
    file: File,
    own: String,
}

impl OomScore {
    /// Opens it. `None` without `/proc`.
    pub(crate) fn open() -> Option<Self> {
        let path = "/proc/self/oom_score_adj";
        Some(Self {
            own: std::fs::read_to_string(path).ok()?,
            file: OpenOptions::new().write(true).open(path).ok()?,
        })
    }

    /// Does `work` with an agent's score. Best effort: a sandbox may not let a process set it.
    fn of_agent<T>(this: Option<&Self>, work: impl FnOnce() -> T) -> T {
        let write = |score: &str| this.map(|this| (&this.file).write_all(score.as_bytes()));
        write(OOM_SCORE);
        let result = work();
        write(this.map_or("", |this| &this.own));
        result
    }
}

/// Starts the agent number `agent` of `agent_set`.
pub(crate) fn spawn(agent_set: &AgentSet, agent: usize, oom_score: Option<&OomScore>) -> io::Result<Started> {
    let (program, arguments, variables) = strings(agent_set, agent)?;
    let null = OpenOptions::new().read(true).open("/dev/null")?;
    let (output, to_output) = io::pipe()?;
    let (held, end) = io::pipe()?;
    let (mut report, to_report) = io::pipe()?;
    let supervisor = getpid();
    // A signal that comes to the child before it is the agent must not run a handler of ours, and not be lost.
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
    #[expect(
        unsafe_code,
        reason = "the child of a process with one thread may do all that its parent may"
    )]
    let forked = OomScore::of_agent(oom_score, || unsafe { fork() });
    if let Ok(ForkResult::Child) = forked {
        let errno = prepare(supervisor, &null, &to_output, &held)
            .map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO)))
            .and_then(|()| execve::<_, CString>(&program, &arguments, &variables))
            .map_or_else(|errno| errno, |never: Infallible| match never {});
        let _ = (&to_report).write_all(&(errno as i32).to_ne_bytes());
        #[expect(unsafe_code, reason = "ends this process and does nothing else")]
        unsafe {
            libc::_exit(127)
        }
    }
    before.thread_set_mask()?;
    let ForkResult::Parent { child } = forked? else {
        return Err(Errno::ENOTRECOVERABLE.into());
    };
    drop(to_report);
    let mut errno = [0; 4];
    if report.read_exact(&mut errno).is_ok() {
        // What has failed is reaped with all others.
        return Err(io::Error::from_raw_os_error(i32::from_ne_bytes(errno)));
    }
    Ok(Started {
        pid: Pid::from_raw(child.as_raw()).ok_or(Errno::ESRCH)?,
        output,
        lifeline: Lifeline { end },
    })
}

/// Turns a fresh child of `supervisor` into what the agent is to be started from.
fn prepare(supervisor: Pid, null: &File, output: &PipeWriter, lifeline: &PipeReader) -> io::Result<()> {
    // So that it can be told to end with all it has started, and a terminal's Ctrl-C never reaches it.
    setpgid(None, None).map_err(io::Error::from)?;
    rustix::stdio::dup2_stdin(null).map_err(io::Error::from)?;
    rustix::stdio::dup2_stdout(output).map_err(io::Error::from)?;
    rustix::stdio::dup2_stderr(output).map_err(io::Error::from)?;
    set_parent_process_death_signal(Some(rustix::process::Signal::KILL)).map_err(io::Error::from)?;
    hold(lifeline);
    if getppid() != Some(supervisor) {
        // It ended before the kernel knew that it matters.
        return Err(Errno::ESRCH.into());
    }
    for number in Signal::iterator() {
        #[expect(unsafe_code, reason = "the default disposition runs no code of ours")]
        // Fails only for those that cannot be caught.
        let _ = unsafe { signal(number, SigHandler::SigDfl) };
    }
    SigSet::empty().thread_set_mask().map_err(io::Error::from)
}

/// Has the kernel end this process's group when the other end of `lifeline` is closed. The file goes on to the
/// agent. Best effort: a sandbox may not know of it.
fn hold(lifeline: &PipeReader) {
    let file = lifeline.as_raw_fd();
    let group = -getpid().as_raw_nonzero().get();
    #[expect(unsafe_code, reason = "these change flags of a file that is open, and no memory")]
    unsafe {
        libc::fcntl(file, libc::F_SETFD, 0);
        libc::fcntl(file, libc::F_SETOWN, group);
        libc::fcntl(file, SET_SIGNAL, libc::SIGKILL);
        libc::fcntl(file, libc::F_SETFL, libc::O_ASYNC);
    }
}

/// `F_SETSIG`, the same number on all of Linux's architectures
/// (<https://github.com/torvalds/linux/blob/v6.12/include/uapi/asm-generic/fcntl.h>).
const SET_SIGNAL: libc::c_int = 10;

/// Program, arguments and environment of an agent as C has them.
fn strings(agent_set: &AgentSet, agent: usize) -> io::Result<(CString, Vec<CString>, Vec<CString>)> {
    let program = c_string(agent_set.program.as_os_str())?;
    let mut arguments = vec![program.clone()];
    for argument in &agent_set.commands[agent].arguments {
        arguments.push(c_string(OsStr::new(argument))?);
    }
    Ok((program, arguments, variables(&agent_set.environment_of(agent))?))
}

/// `environment` as C has it.
fn variables(environment: &Environment) -> io::Result<Vec<CString>> {
    let join = |(name, value): (&OsStr, &OsStr)| c_string([name, value].join(OsStr::new("=")).as_os_str());
    environment.iter().map(join).collect()
}

/// `text` as C has it.
fn c_string(text: &OsStr) -> io::Result<CString> {
    CString::new(text.as_bytes()).map_err(|_| Errno::EINVAL.into())
}
