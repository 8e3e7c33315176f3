//! The agent processes: starting them, reading what they write, ending them.

use super::condition::{Conditions, End};
use super::ending::Ending;
use super::io_error;
use super::lines::{Lines, Reader, push_own};
use super::masking::Masks;
use super::processes;
use super::wanted::Agents;
use crate::secret::Secret;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, kill_process_group, wait};
use std::io::{self, PipeReader, Read as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

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
    masks: Masks,
    /// What the agents connect to, in words.
    gateway: String,
    /// What their lines have told.
    pub(super) conditions: Conditions,
}

/// The output of one agent process.
struct Output {
    /// Whose it is, by its place in the plan.
    agent: usize,
    pipe: PipeReader,
    lines: Lines,
}

impl<'a> Processes<'a> {
    /// Begins without a process.
    pub(super) fn new(plan: &'a Agents) -> Self {
        Self {
            plan,
            running: vec![None; plan.commands.len()],
            outputs: Vec::new(),
            // Names of connections are lower-cased, and a key may stand where a name should.
            masks: Masks::new(
                &plan
                    .masks
                    .iter()
                    .flat_map(|mask| [mask.clone(), lower(mask)])
                    .collect::<Vec<_>>(),
            ),
            gateway: plan
                .gateway
                .as_ref()
                .map_or_else(|| "its address".to_owned(), ToString::to_string),
            conditions: Conditions::new(plan.commands.len()),
        }
    }

    /// Starts an agent of the plan, in a process group of its own, so that it can be told to end with all it has
    /// started, and a terminal's Ctrl-C never reaches it.
    pub(super) fn start(&mut self, agent: usize, now: Duration) -> io::Result<()> {
        let command = &self.plan.commands[agent];
        let (pipe, end) = io::pipe()?;
        let child = Command::new(&self.plan.program)
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
        self.conditions.started(agent, now);
        let several = self.plan.commands.len() > 1;
        self.outputs.push(Output {
            agent,
            pipe,
            lines: Lines::new(command.connection.as_deref().filter(|_| several), &self.masks),
        });
        Ok(())
    }

    /// Returns the pipes to wait for.
    pub(super) fn pipes(&self) -> impl Iterator<Item = &PipeReader> {
        self.outputs.iter().map(|output| &output.pipe)
    }

    /// Reads from the pipe number `output`, which has something to read, and appends whole lines to `log`.
    /// Answers whether there may be more; if not, [`Processes::forget_closed`] takes it off the list.
    pub(super) fn read(&mut self, output: usize, now: Duration, log: &mut String) -> bool {
        let Output { agent, pipe, lines } = &mut self.outputs[output];
        let mut reader = Reader {
            settings: self.plan.log,
            masks: &self.masks,
            gateway: &self.gateway,
            conditions: &mut self.conditions,
            agent: *agent,
            now,
        };
        let mut bytes = [0; READ_SIZE];
        match pipe.read(&mut bytes) {
            Ok(0) | Err(_) => {
                lines.finish(&mut reader, log);
                false
            }
            Ok(count) => {
                lines.push(&bytes[..count], &mut reader, log);
                true
            }
        }
    }

    /// Reads what an agent that has ended had written until then: its last line says why. What its children write may
    /// go on for ever.
    fn read_last(&mut self, agent: usize, now: Duration, log: &mut String) {
        for output in 0..self.outputs.len() {
            let mut left = match rustix::io::ioctl_fionread(&self.outputs[output].pipe) {
                Ok(count) if self.outputs[output].agent == agent => count,
                _ => 0,
            };
            while left > 0 && self.read(output, now, log) {
                left = left.saturating_sub(READ_SIZE as u64);
            }
        }
    }

    /// Takes in that an agent has ended, and answers whether it will end again whenever it is started.
    pub(super) fn ended(&mut self, agent: usize, ending: &Ending, now: Duration, log: &mut String) -> bool {
        self.read_last(agent, now, log);
        self.conditions.is_misconfigured(agent, *ending == Ending::Status(0))
    }

    /// Appends to `log` what is to be told of the end of an agent.
    pub(super) fn tell_end(&mut self, agent: usize, end: End, is_incurable: bool, now: Duration, log: &mut String) {
        if let Some(line) = self.conditions.ended(agent, end, is_incurable, now) {
            push_own(&line, &self.masks, log);
        }
    }

    /// Appends to `log` what is to be told since time has passed.
    pub(super) fn time_passed(&mut self, now: Duration, log: &mut String) {
        for line in self.conditions.time_passed(now) {
            push_own(&line, &self.masks, log);
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
            }
        }
        ended
    }

    /// Answers whether any process of ours is left, agents and what they have started.
    pub(super) fn any_left(&self) -> bool {
        self.running.iter().any(Option::is_some) || !processes::descendants(std::process::id()).is_empty()
    }

    /// Sends `signal` to every process of ours: to the agents' groups first, which is one step for the kernel,
    /// then to what has left them.
    pub(super) fn signal(&self, signal: Signal) {
        let groups: Vec<Pid> = self.running.iter().flatten().copied().collect();
        for group in &groups {
            // Fails only if it has just ended.
            let _ = kill_process_group(*group, signal);
        }
        for process in processes::descendants(std::process::id()) {
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

/// Returns a secret in lower case.
fn lower(secret: &Secret) -> Secret {
    Secret::new(secret.expose().to_lowercase())
}

/// Returns how a process ended.
fn ending(status: WaitStatus) -> Ending {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(status), _) => Ending::Status(status),
        (None, Some(signal)) => Ending::Signal(signal),
        (None, None) => Ending::Status(0),
    }
}
