//! The agent processes: starting them, reading what they write, ending them.

use crate::os::processes::{self, Process};
use crate::secret::Secret;
use crate::secret::masks::{self, Masks};
use crate::start::fault::ended::{Ended, Ending};
use crate::start::fault::gap::Gap;
use crate::start::log::condition::Conditions;
use crate::start::log::lines::{Lines, Reader, push_own};
use crate::start::plan::agent_set::AgentSet;
use crate::start::supervise::shield;
use crate::start::supervise::spawn::{Lifeline, OomScore, Started, spawn};
use crate::start::supervise::status::ConditionStatus;
use crate::start::supervise::{memory, sockets};
use crate::text;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, getpgid, kill_process, kill_process_group, wait};
use std::collections::VecDeque;
use std::io::{self, PipeReader, Read as _};
use std::time::Duration;

/// How many bytes are taken from an agent's pipe at once. They stand on the stack, and the supervisor is to stay
/// small.
const READ_SIZE: usize = 16 * 1024;

/// How many lines are kept for `hoopstart --status`, of all agents together, and of each at most.
const LINES_KEPT: (usize, usize) = (40, 10);

/// How many characters of such a line are kept.
const LINE_KEPT: usize = 400;

/// All processes that the supervisor has started.
pub(crate) struct Children<'a> {
    agent_set: &'a AgentSet,
    /// One for each agent of the set.
    agents: Vec<Child>,
    /// The output of agents, of those that have ended too: their children may still write.
    outputs: Vec<Output>,
    /// The app, where it is a child of ours as well.
    app: Option<Pid>,
    /// How that has ended.
    app_status: Option<WaitStatus>,
    masks: Masks,
    /// What the agents connect to, in words.
    gateway: String,
    /// What their lines have told.
    pub(crate) conditions: Conditions,
    oom_score: Option<OomScore>,
    /// Why agents can be looked into, as far as their file tells.
    gap: Result<(), Gap>,
    /// Whether there was no child left when that was looked at last.
    is_childless: bool,
}

/// An agent of the set.
#[derive(Default)]
struct Child {
    /// Its process, while it runs.
    pid: Option<Pid>,
    /// How often it was started.
    starts: u32,
    /// Ends what its last process has left.
    lifeline: Option<Lifeline>,
    /// The last lines in the log.
    lines: VecDeque<String>,
}

/// The output of one agent process.
struct Output {
    /// Whose it is, by its place in the set.
    agent: usize,
    pid: Pid,
    pipe: PipeReader,
    lines: Lines,
}

impl<'a> Children<'a> {
    /// Begins without a process. `app` is the app, where it is a child of this process.
    pub(crate) fn new(agent_set: &'a AgentSet, app: Option<Pid>) -> Self {
        Self {
            agent_set,
            agents: agent_set.commands.iter().map(|_| Child::default()).collect(),
            outputs: Vec::new(),
            // Names of connections are lower-cased, and a key may stand where a name should.
            masks: Masks::new(
                &agent_set
                    .credentials
                    .masks()
                    .iter()
                    .flat_map(|mask| [mask.clone(), lower(mask)])
                    .collect::<Vec<_>>(),
            ),
            gateway: agent_set
                .gateway
                .as_ref()
                .map_or_else(|| "its address".to_owned(), ToString::to_string),
            conditions: Conditions::new(agent_set.commands.len()),
            app,
            app_status: None,
            oom_score: OomScore::open(),
            gap: Ok(()),
            is_childless: false,
        }
    }

    /// How the app has ended, where it was a child of ours.
    pub(crate) fn app_status(&self) -> Option<WaitStatus> {
        self.app_status
    }

    /// Starts an agent of the set. What it has left behind before is ended first.
    pub(crate) fn start(&mut self, agent: usize, now: Duration) -> io::Result<()> {
        if self.agents[agent].starts > 0 {
            self.signal_leftovers(Signal::KILL);
            self.agents[agent].lifeline = None;
        }
        // Before each start: someone may have put the file's mode back.
        self.gap = shield::hide_program(&self.agent_set.program);
        let Started { pid, output, lifeline } = spawn(self.agent_set, agent, self.oom_score.as_ref())?;
        self.is_childless = false;
        let state = &mut self.agents[agent];
        state.pid = Some(pid);
        state.lifeline = Some(lifeline);
        state.starts += 1;
        self.conditions.started(agent, now);
        let several = self.agent_set.commands.len() > 1;
        let connection = self.agent_set.commands[agent].connection.as_deref();
        self.outputs.push(Output {
            agent,
            pid,
            pipe: output,
            lines: Lines::new(connection.filter(|_| several), &self.masks),
        });
        Ok(())
    }

    /// The pipes to wait for.
    pub(crate) fn pipes(&self) -> impl Iterator<Item = &PipeReader> {
        self.outputs.iter().map(|output| &output.pipe)
    }

    /// Reads from the pipe number `output`, which has something to read, and appends whole lines to `log`.
    /// Whether there may be more; if not, [`Children::forget_closed`] takes it off the list.
    pub(crate) fn read(&mut self, output: usize, now: Duration, log: &mut String) -> bool {
        let Output { agent, pipe, lines, .. } = &mut self.outputs[output];
        let begin = log.len();
        let mut reader = Reader {
            settings: self.agent_set.log,
            masks: &self.masks,
            gateway: &self.gateway,
            conditions: &mut self.conditions,
            agent: *agent,
            now,
        };
        let mut bytes = [0; READ_SIZE];
        let more = match pipe.read(&mut bytes) {
            Ok(0) | Err(_) => {
                lines.finish(&mut reader, log);
                false
            }
            Ok(count) => {
                lines.push(&bytes[..count], &mut reader, log);
                true
            }
        };
        let agent = *agent;
        self.keep_lines(agent, &log[begin..]);
        more
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
    pub(crate) fn ended(&mut self, agent: usize, ending: &Ending, now: Duration, log: &mut String) -> bool {
        self.read_last(agent, now, log);
        self.conditions.is_misconfigured(agent, *ending == Ending::Status(0))
    }

    /// Appends to `log` what is to be told of the end of an agent.
    pub(crate) fn tell_end(
        &mut self,
        agent: usize,
        ended: &Ended,
        is_incurable: bool,
        now: Duration,
        log: &mut String,
    ) {
        if let Some(line) = self.conditions.ended(agent, ended, is_incurable, now) {
            let begin = log.len();
            push_own(&line, &self.masks, log);
            self.keep_lines(agent, &log[begin..]);
        }
    }

    /// Keeps the last lines of an agent, as they went to the log.
    fn keep_lines(&mut self, agent: usize, lines: &str) {
        let kept = (LINES_KEPT.0 / self.agents.len()).clamp(1, LINES_KEPT.1);
        self.agents[agent].keep_lines(lines, kept);
    }

    /// Appends to `log` what is to be told since time has passed.
    pub(crate) fn time_passed(&mut self, now: Duration, log: &mut String) {
        for line in self.conditions.time_passed(now) {
            push_own(&line, &self.masks, log);
        }
    }

    /// Takes the pipes with the numbers `closed` off the list.
    pub(crate) fn forget_closed(&mut self, closed: &[usize]) {
        let mut number = 0;
        self.outputs.retain(|_| {
            number += 1;
            !closed.contains(&(number - 1))
        });
    }

    /// Reaps every child that has ended, and returns those that were agents. Orphans of agents come to the
    /// supervisor as well, since it is a subreaper.
    pub(crate) fn reap(&mut self) -> Vec<(usize, Ending)> {
        let mut ended = Vec::new();
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) => {
                    if let Some(agent) = self.agents.iter().position(|agent| agent.pid == Some(pid)) {
                        self.agents[agent].pid = None;
                        ended.push((agent, ending(status)));
                    } else if self.app == Some(pid) {
                        self.app_status = Some(status);
                    }
                }
                Err(Errno::INTR) => {}
                Ok(None) => {
                    self.is_childless = false;
                    break;
                }
                Err(error) => {
                    self.is_childless = error == Errno::CHILD;
                    break;
                }
            }
        }
        ended
    }

    /// Whether any process of ours is left, agents and what they have started.
    ///
    /// The kernel knows: whatever one of ours leaves behind is our child at once, so who has no child has no
    /// descendant. A list of `/proc` is made one by one, and misses what is forked meanwhile.
    pub(crate) fn any_left(&self) -> bool {
        if self.app.is_some() {
            // Orphans of the app come to an init as well.
            return self.running().next().is_some();
        }
        !self.is_childless
    }

    /// Every process of ours. Where the app is a child of this process, so is every orphan, and of those it
    /// cannot be known whose they were: then only what an agent has below it.
    fn all(&self) -> Vec<Process> {
        if self.app.is_none() {
            return processes::descendants(std::process::id());
        }
        self.running()
            .flat_map(|agent| processes::descendants(processes::number(agent)))
            .collect()
    }

    /// Sends `signal` to every process of ours: to the agents' groups first, which is one step for the kernel,
    /// then to what has left them.
    pub(crate) fn signal(&self, signal: Signal) {
        let groups: Vec<Pid> = self.running().collect();
        for group in &groups {
            // Fails only if it has just ended.
            let _ = kill_process_group(*group, signal);
        }
        signal_outside(&groups, self.all(), signal);
    }

    /// Sends `signal` to the group of one agent.
    pub(crate) fn signal_agent(&self, agent: usize, signal: Signal) {
        if let Some(pid) = self.agents[agent].pid {
            let _ = kill_process_group(pid, signal);
        }
    }

    /// Sends `signal` to what agents that have ended have left behind: all of ours but the agents that run, what they
    /// have started, and what is in their groups. An init has the app's orphans as well: there it is what holds a
    /// lifeline of an agent that has ended.
    pub(crate) fn signal_leftovers(&self, signal: Signal) {
        let running: Vec<Pid> = self.running().collect();
        let mut left = processes::descendants(std::process::id());
        if self.app.is_some() {
            let ended = || self.agents.iter().filter(|agent| agent.pid.is_none());
            left.retain(|process| {
                let mut lifelines = ended().filter_map(|agent| agent.lifeline.as_ref());
                lifelines.any(|lifeline| lifeline.is_held_by(process.pid))
            });
        } else {
            for agent in &running {
                let own = processes::descendants(processes::number(*agent));
                left.retain(|process| !own.contains(process));
            }
        }
        signal_outside(&running, left, signal);
    }

    /// The agents that run.
    fn running(&self) -> impl Iterator<Item = Pid> {
        self.agents.iter().filter_map(|agent| agent.pid)
    }

    /// The process of an agent, while it runs.
    pub(crate) fn pid(&self, agent: usize) -> Option<u32> {
        let pid = self.agents[agent].pid?;
        Some(pid.as_raw_nonzero().get().cast_unsigned())
    }

    /// How often an agent was started.
    pub(crate) fn starts(&self, agent: usize) -> u32 {
        self.agents[agent].starts
    }

    /// The last lines of an agent as they went to the log.
    pub(crate) fn last_lines(&self, agent: usize) -> Vec<String> {
        self.agents[agent].lines.iter().cloned().collect()
    }

    /// How many sessions an agent serves, as far as its lines tell.
    pub(crate) fn open_sessions(&self, agent: usize) -> usize {
        self.conditions.open_sessions(agent)
    }

    /// What is wrong with an agent that runs, as far as its lines tell.
    pub(crate) fn condition(&self, agent: usize, now: Duration) -> Option<ConditionStatus> {
        let condition = self.conditions.current(agent)?;
        Some(ConditionStatus {
            id: condition.failure.id().to_owned(),
            text: self.masks.apply(&condition.wrong, masks::End::Whole).into_owned(),
            seconds: now.saturating_sub(condition.since).as_secs(),
        })
    }

    /// The output of the process of an agent that runs.
    fn output(&self, agent: usize) -> Option<&Output> {
        let pid = self.agents[agent].pid?;
        self.outputs.iter().find(|output| output.pid == pid)
    }

    /// Why agents can be looked into by other processes of their user.
    pub(crate) fn gap(&self) -> Result<(), Gap> {
        let is_hidden = |agent| self.pid(agent).is_none_or(shield::is_hidden);
        if !(0..self.agents.len()).all(is_hidden) {
            return Err(self.gap.clone().err().unwrap_or(Gap::Unexplained));
        }
        // Nothing runs that could be looked into; what is next started is as its file.
        match self.running().next() {
            Some(_) => Ok(()),
            None => self.gap.clone(),
        }
    }

    /// How much memory an agent that runs has of its own.
    pub(crate) fn own_memory(&self, agent: usize) -> Option<u64> {
        memory::own(self.pid(agent)?)
    }

    /// Whether it is certain that an agent serves nobody: its lines, its children and its connections say so,
    /// as far as they can be known.
    pub(crate) fn serves_nobody(&self, agent: usize) -> bool {
        let (Some(pid), Some(output)) = (self.pid(agent), self.output(agent)) else {
            return false;
        };
        // A line that was not read yet may be that of a session.
        if rustix::io::ioctl_fionread(&output.pipe) != Ok(0) || self.open_sessions(agent) > 0 {
            return false;
        }
        if !processes::descendants(pid).is_empty() {
            return false;
        }
        // Agents that publish names with one key are one to the gateway: where the stream of any of them ends, it ends
        // the sessions of all, in other dynos as well (`gateway/transport/plugins/audit`, 1.148.0).
        let is_one_of_many = self.agent_set.commands[agent].connection.is_some();
        if is_one_of_many && (self.conditions.has_stream(agent) || !self.logs_sessions()) {
            return false;
        }
        let gateway = self.agent_set.gateway.as_ref().map(|gateway| gateway.port);
        match sockets::has_other_than(pid, gateway) {
            Some(any) => !any,
            None => self.logs_sessions(),
        }
    }

    /// Whether the agent logs its sessions: it does at level info, and reads `LOG_LEVEL`.
    fn logs_sessions(&self) -> bool {
        let level = self.agent_set.environment.text("LOG_LEVEL").unwrap_or_default();
        !["warn", "error"].iter().any(|quiet| level.eq_ignore_ascii_case(quiet))
    }
}

impl Child {
    /// Keeps the last of `lines`, as many as `kept`.
    fn keep_lines(&mut self, lines: &str, kept: usize) {
        let mut last: Vec<&str> = lines.lines().rev().take(kept).collect();
        while let Some(line) = last.pop() {
            if self.lines.len() == kept {
                self.lines.pop_front();
            }
            self.lines.push_back(text::excerpt(line, LINE_KEPT));
        }
    }
}

/// Sends `signal` to those of `processes` that are in none of `groups`.
fn signal_outside(groups: &[Pid], processes: Vec<Process>, signal: Signal) {
    for process in processes {
        let Some(pid) = Pid::from_raw(process.pid.cast_signed()) else {
            continue;
        };
        let in_group = getpgid(Some(pid)).is_ok_and(|group| groups.contains(&group));
        if !in_group {
            let _ = kill_process(pid, signal).map_err(io::Error::from);
        }
    }
}

/// A secret in lower case.
fn lower(secret: &Secret) -> Secret {
    Secret::new(secret.expose().to_lowercase())
}

/// How a process ended.
fn ending(status: WaitStatus) -> Ending {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(status), _) => Ending::Status(status),
        (None, Some(signal)) => Ending::Signal(signal),
        (None, None) => Ending::Status(0),
    }
}
