//! The agent processes: starting them, reading what they write, ending them.

use super::ending::Ending;
use super::io_error;
use super::lines::Lines;
use super::processes::{self, Process};
use super::signals;
use super::wanted::Agents;
use crate::secret::Secret;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, kill_process_group, wait};
use std::io::{self, PipeReader, Read as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

/// How readily the kernel ends an agent when memory runs out: before everything else in the dyno.
const OOM_SCORE: &str = "1000";

/// How many bytes are taken from an agent's pipe at once. They stand on the stack, and the supervisor is to stay
/// small.
const READ_SIZE: usize = 16 * 1024;

/// All processes that the supervisor has started.
pub(super) struct Processes<'a> {
    plan: &'a Agents,
    /// The process of each agent of the plan, while it runs.
    running: Vec<Option<Pid>>,
    /// The output of agents, of those that have ended too: their children may still write.
    outputs: Vec<Output>,
    /// The app, where it is a child of ours as well.
    app: Option<Pid>,
    /// How that has ended.
    app_status: Option<WaitStatus>,
}

/// The output of one agent process.
struct Output {
    pipe: PipeReader,
    lines: Lines,
}

impl<'a> Processes<'a> {
    /// Begins without a process. `app` is the app, where it is a child of this process.
    pub(super) fn new(plan: &'a Agents, app: Option<Pid>) -> Self {
        Self {
            plan,
            running: vec![None; plan.commands.len()],
            outputs: Vec::new(),
            app,
            app_status: None,
        }
    }

    /// Returns how the app has ended, where it was a child of ours.
    pub(super) fn app_status(&self) -> Option<WaitStatus> {
        self.app_status
    }

    /// Starts an agent of the plan, in a process group of its own, so that it can be told to end with all it has
    /// started, and a terminal's Ctrl-C never reaches it.
    pub(super) fn start(&mut self, agent: usize) -> io::Result<()> {
        let command = &self.plan.commands[agent];
        let (pipe, end) = io::pipe()?;
        let mut program = Command::new(&self.plan.program);
        if self.app.is_some() {
            // An init holds all signals back, and what it starts would as well.
            #[expect(
                unsafe_code,
                reason = "to set the mask of a process with one thread is safe in its copy"
            )]
            unsafe {
                program.pre_exec(signals::unblock_all);
            }
        }
        let child = program
            .args(&command.arguments)
            .env_clear()
            .envs(self.plan.environment.iter())
            .stdin(Stdio::null())
            .stdout(end.try_clone()?)
            .stderr(end)
            .process_group(0)
            .spawn()?;
        // Best effort: a sandbox may have no such file.
        let _ = std::fs::write(format!("/proc/{}/oom_score_adj", child.id()), OOM_SCORE);
        self.running[agent] = Pid::from_raw(child.id().cast_signed());
        let several = self.plan.commands.len() > 1;
        self.outputs.push(Output {
            pipe,
            lines: Lines::new(command.connection.as_deref().filter(|_| several)),
        });
        Ok(())
    }

    /// Returns the pipes to wait for.
    pub(super) fn pipes(&self) -> impl Iterator<Item = &PipeReader> {
        self.outputs.iter().map(|output| &output.pipe)
    }

    /// Reads from the pipe number `output`, which has something to read, and appends whole lines to `log`.
    /// Answers whether there may be more; if not, [`Processes::forget_closed`] takes it off the list.
    pub(super) fn read(&mut self, output: usize, log: &mut String) -> bool {
        let masks: &[Secret] = &self.plan.masks;
        let Output { pipe, lines } = &mut self.outputs[output];
        let mut bytes = [0; READ_SIZE];
        match pipe.read(&mut bytes) {
            Ok(0) | Err(_) => {
                lines.finish(masks, log);
                false
            }
            Ok(count) => {
                lines.push(&bytes[..count], masks, log);
                true
            }
        }
    }

    /// Takes the pipes with the numbers `closed` off the list.
    pub(super) fn forget_closed(&mut self, closed: &[usize]) {
        let mut number = 0;
        self.outputs.retain(|_| {
            number += 1;
            !closed.contains(&(number - 1))
        });
    }

    /// Reaps every child that has ended, and returns those that were agents. Orphans of agents come to the
    /// supervisor as well, since it is a subreaper.
    pub(super) fn reap(&mut self) -> Vec<(usize, Ending)> {
        let mut ended = Vec::new();
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            if let Some(agent) = self.running.iter().position(|running| *running == Some(pid)) {
                self.running[agent] = None;
                ended.push((agent, ending(status)));
                if self.app.is_some() {
                    // What it has left in its group. Later its number may be a group's of the app.
                    let _ = kill_process_group(pid, Signal::KILL);
                }
            } else if self.app == Some(pid) {
                self.app_status = Some(status);
            }
        }
        ended
    }

    /// Answers whether any process of ours is left, agents and what they have started.
    pub(super) fn any_left(&self) -> bool {
        self.running.iter().any(Option::is_some) || !self.all().is_empty()
    }

    /// Returns every process of ours. Where the app is a child of this process, so is every orphan, and of those it
    /// cannot be known whose they were: then only what an agent has below it.
    fn all(&self) -> Vec<Process> {
        if self.app.is_none() {
            return processes::descendants(std::process::id());
        }
        let agents = self.running.iter().flatten();
        agents
            .flat_map(|agent| processes::descendants(processes::number(*agent)))
            .collect()
    }

    /// Sends `signal` to every process of ours: to the agents' groups first, which is one step for the kernel,
    /// then to what has left them.
    pub(super) fn signal(&self, signal: Signal) {
        let groups: Vec<Pid> = self.running.iter().flatten().copied().collect();
        for group in &groups {
            // Fails only if it has just ended.
            let _ = kill_process_group(*group, signal);
        }
        for process in self.all() {
            let Some(pid) = Pid::from_raw(process.pid.cast_signed()) else {
                continue;
            };
            let in_group = rustix::process::getpgid(Some(pid)).is_ok_and(|group| groups.contains(&group));
            if !in_group {
                let _ = kill_process(pid, signal).map_err(io_error);
            }
        }
    }
}

/// Returns how a process ended.
fn ending(status: WaitStatus) -> Ending {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(status), _) => Ending::Status(status),
        (None, Some(signal)) => Ending::Signal(signal),
        (None, None) => Ending::Status(0),
    }
}
