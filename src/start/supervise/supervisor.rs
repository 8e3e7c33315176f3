//! The supervisor: waits for events, asks the policy, does what it says.
//!
//! It has one thread, and sleeps in one `poll` until something happens: no timer wakes it while nothing does.

use crate::os::processes;
use crate::os::signals::Received;
use crate::start::app::AppProcess;
use crate::start::fault::ended::{Ended, Ending};
use crate::start::fault::gap::Gap;
use crate::start::log::app_log::Log;
use crate::start::plan::agent_set::AgentSet;
use crate::start::supervise::children::Children;
use crate::start::supervise::footprint::Code;
use crate::start::supervise::forward::{Forward, Source};
use crate::start::supervise::inquiry::Inquiries;
use crate::start::supervise::memory::Watch;
use crate::start::supervise::restart::{Action, AgentPhase, Event, Policy};
use crate::start::supervise::shield;
use crate::start::supervise::status::{AgentStatus, AppStatus, State, Status};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitStatus};
use std::cell::Cell;
use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

/// How often an app is looked after on a kernel without pidfds.
pub(crate) const APP_POLL: Duration = Duration::from_secs(1);

/// Before a sleep that may be longer than this, memory is given back that would soon be needed again in a shorter one.
const LONG_SLEEP: Duration = Duration::from_secs(10);

/// How often it is looked whether processes that are not our children have ended, after the app has.
const LEFTOVER_POLL: Duration = Duration::from_millis(50);

/// How long an init waits for agents to close their streams, after the app. Whoever started the container waits for it.
const FAREWELL: Duration = Duration::from_secs(1);

/// Supervises until the app has gone and nothing of ours is left.
pub(crate) fn run(app: &AppProcess<'_>, agent_set: &AgentSet) -> io::Result<()> {
    let received = Received::new()?;
    // Whatever an agent leaves behind comes to us and not to the app.
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).map_err(io::Error::from)?;
    Supervisor::new(app, agent_set, Source::Own(received)).run();
    Ok(())
}

/// Supervises beside the app `pid`, a child of this process, whose signals come through `forward`. Returns how it has
/// ended.
pub(crate) fn run_as_init(
    pid: Pid,
    agent_set: &AgentSet,
    claim: Option<BorrowedFd<'_>>,
    forward: &mut Forward,
) -> Option<WaitStatus> {
    let app = AppProcess::child(pid, claim);
    let mut supervisor = Supervisor::new(&app, agent_set, Source::Forwarded(forward));
    supervisor.run();
    supervisor.children.app_status()
}

struct Supervisor<'a> {
    app: &'a AppProcess<'a>,
    agent_set: &'a AgentSet,
    signals: Source<'a>,
    policy: Policy,
    children: Children<'a>,
    started: Instant,
    log: Log,
    code: Option<Code>,
    /// One for each agent of the set.
    memory: Vec<Watch>,
    inquiries: Inquiries<'a>,
    app_gone: bool,
    /// Whether the last `poll` has failed.
    is_blind: Cell<bool>,
    /// Since when an init waits for agents alone.
    farewell: Option<Duration>,
}

/// What a `poll` has found.
#[derive(Default)]
struct Ready {
    app: bool,
    log: bool,
    inquiry: bool,
    outputs: Vec<usize>,
}

impl<'a> Supervisor<'a> {
    fn new(app: &'a AppProcess<'a>, agent_set: &'a AgentSet, signals: Source<'a>) -> Self {
        let (policy, actions) = Policy::new(agent_set.commands.len(), agent_set.incurable);
        let mut supervisor = Self {
            app,
            agent_set,
            signals,
            policy,
            children: Children::new(agent_set, app.child),
            started: Instant::now(),
            log: Log::new(),
            code: Code::of_this_program(),
            memory: vec![Watch::new(agent_set.memory, Duration::ZERO); agent_set.commands.len()],
            inquiries: Inquiries::new(app.claim),
            app_gone: false,
            is_blind: Cell::new(false),
            farewell: None,
        };
        // All that is needed of `/proc/self` is open, and no agent is there to have a session yet.
        shield::hide_this_process();
        supervisor.act(actions);
        supervisor
    }

    /// The loop.
    fn run(&mut self) {
        loop {
            let now = self.started.elapsed();
            let left = self.app_gone && self.children.any_left();
            if self.policy.is_done(now, left) || self.farewell.is_some_and(|since| now >= since + FAREWELL) {
                return;
            }
            let ready = self.wait(self.time_to_wait(now));
            self.read_outputs(&ready.outputs);
            if ready.log {
                self.log.write();
            }
            let ended = self.reap();
            // Looked at after the children: the platform tells everyone at once, and an agent that ended of it is
            // not one to start again, whichever of the two is seen first.
            if self.signals.take_told() {
                self.children.conditions.stopping();
                self.event(if self.app.child.is_some() {
                    Event::AppTold
                } else {
                    Event::Told
                });
            }
            // Before the app's end: an agent that ended before the app is not one that ended because of it.
            for (agent, ending) in ended {
                let now = self.started.elapsed();
                let incurable = self.log.add(|log| self.children.ended(agent, &ending, now, log));
                self.event(Event::AgentEnded {
                    agent,
                    ending,
                    incurable,
                });
            }
            if !self.app_gone && (ready.app || self.app_is_gone()) {
                self.app_gone = true;
                self.farewell = self.app.child.map(|_| self.started.elapsed());
                self.event(Event::AppGone);
            }
            self.event(Event::TimePassed);
            let now = self.started.elapsed();
            self.log.add(|log| self.children.time_passed(now, log));
            self.look_at_memory();
            // Last, so that the answer is about what is.
            if ready.inquiry {
                let now = self.started.elapsed();
                let mut inquiries = std::mem::take(&mut self.inquiries);
                inquiries.take(now, || self.status(now).into_datagram());
                self.inquiries = inquiries;
            }
        }
    }

    /// Looks at agents whose time has come, and has those restarted that have grown too large and serve nobody.
    fn look_at_memory(&mut self) {
        let now = self.started.elapsed();
        for agent in 0..self.memory.len() {
            if !self.watches_memory(agent) || !self.memory[agent].is_due(now) {
                continue;
            }
            let own = self.children.own_memory(agent);
            if self.memory[agent].looked(now, own) && self.children.serves_nobody(agent) {
                self.event(Event::Outgrown(agent));
            }
        }
    }

    /// Reaps every child that has ended, and returns those that were agents.
    fn reap(&mut self) -> Vec<(usize, Ending)> {
        let mut ended = Vec::new();
        loop {
            ended.extend(self.children.reap());
            self.signals
                .set_app(self.app.child.filter(|_| self.children.app_status().is_none()));
            // A child may have ended after that and told so before this.
            if !self.signals.take_child() {
                return ended;
            }
        }
    }

    /// Whether the memory of an agent matters: it runs, and could be restarted.
    fn watches_memory(&self, agent: usize) -> bool {
        self.policy.is_app_running() && matches!(self.policy.agents()[agent], AgentPhase::Running { .. })
    }

    /// Asks the policy and does what it says.
    fn event(&mut self, event: Event) {
        let actions = self.policy.on(event, self.started.elapsed(), fastrand::f64());
        self.act(actions);
    }

    fn act(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Start(agent) => {
                    self.memory[agent] = Watch::new(self.agent_set.memory, self.started.elapsed());
                    if let Err(error) = self.children.start(agent, self.started.elapsed()) {
                        self.event(Event::AgentEnded {
                            agent,
                            ending: Ending::not_started(&error),
                            incurable: false,
                        });
                    }
                }
                Action::TellEnd {
                    agent,
                    ending,
                    age,
                    pause,
                    incurable,
                } => {
                    let several = self.agent_set.commands.len() > 1;
                    let ended = Ended {
                        connection: self.agent_set.commands[agent].connection.clone().filter(|_| several),
                        ending,
                        age,
                        pause,
                    };
                    let now = self.started.elapsed();
                    self.log
                        .add(|log| self.children.tell_end(agent, &ended, incurable, now, log));
                    // They have until the next start.
                    self.children.signal_leftovers(Signal::TERM);
                }
                Action::Renew(agent) => {
                    self.children.conditions.renewing(agent);
                    self.children.signal_agent(agent, Signal::TERM);
                }
                Action::KillAgent(agent) => self.children.signal_agent(agent, Signal::KILL),
                Action::LetGoOfLog => self.log.let_go(),
                Action::Terminate => self.children.signal(Signal::TERM),
                Action::Kill => self.children.signal(Signal::KILL),
            }
        }
    }

    /// What there is to say at the time `now`.
    fn status(&self, now: Duration) -> Status {
        let agents: Vec<_> = (0..self.agent_set.commands.len())
            .map(|agent| self.status_of(agent, now))
            .collect();
        // One that is restarted for its size is about to run again, and nothing is wrong with it.
        let is_well =
            |agent: &AgentStatus| matches!(agent.state, State::Running | State::Renewing) && agent.condition.is_none();
        let gap = match self.children.gap() {
            Ok(()) if !shield::is_hidden(std::process::id()) => Err(Gap::Unexplained),
            gap => gap,
        };
        Status {
            app: AppStatus {
                pid: self.app.pid,
                name: processes::name(self.app.pid).unwrap_or_default(),
            },
            healthy: self.policy.is_app_running() && agents.iter().all(is_well),
            buildpack_version: env!("CARGO_PKG_VERSION").to_owned(),
            agent_version: self.agent_set.version.to_string(),
            seconds: now.as_secs(),
            key_hidden: gap.is_ok(),
            key_visible_because: gap.err().map(|gap| gap.to_string()),
            agents,
        }
    }

    /// What there is to say of one agent.
    fn status_of(&self, agent: usize, now: Duration) -> AgentStatus {
        let seconds_since = |since: Duration| now.saturating_sub(since).as_secs();
        let (state, seconds, next) = match self.policy.agents()[agent] {
            AgentPhase::Running { since, .. } => (State::Running, Some(seconds_since(since)), None),
            AgentPhase::Renewing { .. } => (State::Renewing, None, None),
            AgentPhase::Waiting { until, .. } => (State::Waiting, None, Some(until.saturating_sub(now).as_secs())),
            AgentPhase::Ended => (State::Ended, None, None),
        };
        // One that has ended for good keeps what was wrong with it to itself.
        let condition = self.children.condition(agent, now).filter(|_| state != State::Ended);
        AgentStatus {
            connection: self.agent_set.commands[agent].connection.clone(),
            publishes: self.agent_set.commands[agent].description.clone(),
            state,
            pid: self.children.pid(agent),
            seconds,
            next_start_in_seconds: next,
            restarts: self.children.starts(agent).saturating_sub(1),
            memory: self.children.own_memory(agent),
            sessions: self.children.open_sessions(agent),
            condition,
            lines: self.children.last_lines(agent),
        }
    }

    /// How long to wait at most, or `None` for as long as nothing happens.
    fn time_to_wait(&self, now: Duration) -> Option<Duration> {
        let wakes = [self.policy.next_wake(), self.children.conditions.next_wake()];
        let due = wakes.into_iter().flatten().min().map(|wake| wake.saturating_sub(now));
        let look = match self.app_gone {
            true => Some(LEFTOVER_POLL),
            false if self.app.pidfd.is_some() || self.app.child.is_some() => None,
            false => Some(APP_POLL),
        };
        let memory = (0..self.memory.len())
            .filter(|agent| self.watches_memory(*agent))
            .filter_map(|agent| self.memory[agent].next_wake())
            .min()
            .map(|wake| wake.saturating_sub(now));
        let inquiries = self.inquiries.deaf_until(now).map(|over| over.saturating_sub(now));
        [due, look, memory, inquiries].into_iter().flatten().min()
    }

    /// Waits until something happens or `limit` has passed.
    fn wait(&self, limit: Option<Duration>) -> Ready {
        let stderr = rustix::stdio::stderr();
        let app = self.app.pidfd.as_ref().filter(|_| !self.app_gone);
        let signals = self.signals.files();
        let mut files: Vec<PollFd> = signals.iter().map(|file| PollFd::new(file, PollFlags::IN)).collect();
        // A file that nothing is asked of would still wake us when its other end closes, so what is not wanted is
        // left out.
        let app_place = files.len();
        files.extend(app.map(|pidfd| PollFd::new(pidfd, PollFlags::IN)));
        let inquiry = self.inquiries.socket(self.started.elapsed());
        let inquiry_place = files.len();
        files.extend(inquiry.iter().map(|socket| PollFd::new(socket, PollFlags::IN)));
        let log_place = files.len();
        if self.log.is_waiting() {
            files.push(PollFd::new(&stderr, PollFlags::OUT));
        }
        let first_output = files.len();
        if self.log.has_room() {
            files.extend(self.children.pipes().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        }
        let is_long = limit.is_none_or(|limit| limit >= LONG_SLEEP);
        let limit = limit.map(timespec);
        // The last thing before the sleep: what runs behind it is held for as long as that lasts.
        if let Some(code) = self.code.as_ref().filter(|_| is_long && !self.log.is_waiting()) {
            code.give_back();
        }
        match poll(&mut files, limit.as_ref()) {
            Ok(_) => {}
            // By a signal, whose byte is in its pipe: the next poll returns at once.
            Err(Errno::INTR) => return Ready::default(),
            // A sandbox forbids it, or there is no memory for it. The app's end must be noticed all the same.
            Err(_) => {
                self.is_blind.set(true);
                std::thread::sleep(
                    limit
                        .and_then(|limit| limit.try_into().ok())
                        .unwrap_or(APP_POLL)
                        .min(APP_POLL),
                );
                return Ready::default();
            }
        }
        self.is_blind.set(false);
        let is_ready = |place: usize| !files[place].revents().is_empty();
        Ready {
            app: app.is_some() && is_ready(app_place),
            inquiry: inquiry.is_some() && is_ready(inquiry_place),
            log: self.log.is_waiting() && is_ready(log_place),
            outputs: (first_output..files.len())
                .filter(|place| is_ready(*place))
                .map(|place| place - first_output)
                .collect(),
        }
    }

    /// Reads from agents that have written something.
    fn read_outputs(&mut self, ready: &[usize]) {
        let (mut closed, now) = (Vec::new(), self.started.elapsed());
        for output in ready {
            if !self.log.add(|lines| self.children.read(*output, now, lines)) {
                closed.push(*output);
            }
        }
        self.children.forget_closed(&closed);
    }

    /// Whether an app that is watched by its pid has gone.
    fn app_is_gone(&self) -> bool {
        if self.app.child.is_some() {
            return self.children.app_status().is_some();
        }
        if self.app.pidfd.is_some() && !self.is_blind.get() {
            return false;
        }
        self.app.is_gone()
    }
}

/// `duration` as the kernel takes it.
fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: duration.subsec_nanos().into(),
    }
}
