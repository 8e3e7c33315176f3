//! What the supervisor does when: a pure function of events and the time, so that hours of crashes are tested in
//! no time.
//!
//! The agent is a guest: no event of it ever leads to anything that the app could feel.

use crate::start::fault::ended::Ending;
use std::time::Duration;

/// The pause before an agent that has exited is started again; doubled at each exit.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause between two starts.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// How long an agent must have run for its next pause to be the first one again.
const HEALTHY: Duration = Duration::from_mins(1);

/// The pause where a restart cures nothing, such as a malformed key. Not never: a config var that refers to
/// something outside may come right.
const INCURABLE_PAUSE: Duration = Duration::from_mins(5);

/// How long agents have to end after they were told to. They close their streams within 10 s, mostly at once,
/// and nothing of ours may outlive the app by more than 10 s.
const GRACE: Duration = Duration::from_secs(8);

/// How long an agent has to end that is restarted. It closes its streams within 10 s.
const OBEDIENCE: Duration = Duration::from_secs(15);

/// How long after the app's end the supervisor leaves whatever is left.
const LAST_CALL: Duration = Duration::from_millis(9_500);

/// How often what is killed is looked for again, since a dying process can leave children behind.
const KILL_AGAIN: Duration = Duration::from_millis(100);

/// Something that has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The app has ended.
    AppGone,
    /// The platform told all processes of the dyno to stop.
    Told,
    /// The platform told the app to stop, and nobody else.
    AppTold,
    /// An agent has ended.
    AgentEnded {
        /// Which, by its place in the plan.
        agent: usize,
        /// How.
        ending: Ending,
        /// Whether it will end so again whenever it is started.
        incurable: bool,
    },
    /// An agent has grown past its bound and serves nobody.
    Outgrown(usize),
    /// Nothing but that time has passed.
    TimePassed,
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Start an agent.
    Start(usize),
    /// Tell that an agent ended, and when it is started again.
    TellEnd {
        /// Which.
        agent: usize,
        /// How it ended.
        ending: Ending,
        /// How long it had run.
        age: Duration,
        /// The pause before the next start.
        pause: Duration,
        /// Whether it will end so again whenever it is started.
        incurable: bool,
    },
    /// Tell an agent to end, which is started again then.
    Renew(usize),
    /// End an agent that does not end when it is told to.
    KillAgent(usize),
    /// Close stdout and stderr, so that nobody waits for our end of them.
    LetGoOfLog,
    /// Tell every process of ours to end.
    Terminate,
    /// End every process of ours.
    Kill,
}

/// What is known of one agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AgentPhase {
    /// It runs.
    Running {
        /// Since when.
        since: Duration,
        /// The pause when it ends soon.
        next_pause: Duration,
    },
    /// It was told to end, to be restarted.
    Renewing {
        /// When it is ended if it does not obey.
        kill_at: Duration,
        /// The pause when it ends soon after its restart.
        next_pause: Duration,
    },
    /// It has ended and is to be started again.
    Waiting {
        /// When.
        until: Duration,
        /// The pause after the next.
        next_pause: Duration,
    },
    /// It has ended for good.
    Ended,
}

/// What is known of the app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AppPhase {
    /// It runs.
    Running,
    /// It was told to stop, and maybe the agents were as well.
    Stopping { agents_were_told: bool },
    /// It has ended.
    Gone { since: Duration, kill_at: Duration },
}

/// The supervisor's state. Times are measured from its start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    app: AppPhase,
    agents: Vec<AgentPhase>,
    incurable: bool,
}

impl Policy {
    /// Begins with `agents` agents to start. `incurable` says that something is wrong that a restart will not
    /// cure.
    pub(crate) fn new(agents: usize, incurable: bool) -> (Self, Vec<Action>) {
        let running = AgentPhase::Running {
            since: Duration::ZERO,
            next_pause: FIRST_PAUSE,
        };
        let policy = Self {
            app: AppPhase::Running,
            agents: vec![running; agents],
            incurable,
        };
        (policy, (0..agents).map(Action::Start).collect())
    }

    /// Takes in `event` at the time `now` and returns what to do. `jitter`, from 0 to 1, spreads the restarts of
    /// many dynos.
    pub(crate) fn on(&mut self, event: Event, now: Duration, jitter: f64) -> Vec<Action> {
        match event {
            Event::AppGone => self.app_gone(now),
            Event::Told | Event::AppTold => {
                if self.app == AppPhase::Running {
                    let agents_were_told = event == Event::Told;
                    self.app = AppPhase::Stopping { agents_were_told };
                    self.give_up_waiting();
                }
                Vec::new()
            }
            Event::AgentEnded {
                agent,
                ending,
                incurable,
            } => self.agent_ended(agent, ending, incurable, now, jitter),
            Event::Outgrown(agent) => self.outgrown(agent, now),
            Event::TimePassed => self.time_passed(now),
        }
    }

    /// What is known of the agents.
    pub(crate) fn agents(&self) -> &[AgentPhase] {
        &self.agents
    }

    /// Whether the app runs and was not told to stop.
    pub(crate) fn is_app_running(&self) -> bool {
        self.app == AppPhase::Running
    }

    fn app_gone(&mut self, now: Duration) -> Vec<Action> {
        let mut actions = vec![Action::LetGoOfLog];
        match self.app {
            AppPhase::Gone { .. } => return Vec::new(),
            // A second signal would tell an agent that is closing its streams to drop them.
            AppPhase::Stopping { agents_were_told: true } => {}
            AppPhase::Stopping { .. } | AppPhase::Running => actions.push(Action::Terminate),
        }
        self.app = AppPhase::Gone {
            since: now,
            kill_at: now + GRACE,
        };
        self.give_up_waiting();
        actions
    }

    fn outgrown(&mut self, agent: usize, now: Duration) -> Vec<Action> {
        let AgentPhase::Running { next_pause, .. } = self.agents[agent] else {
            return Vec::new();
        };
        if self.app != AppPhase::Running {
            return Vec::new();
        }
        self.agents[agent] = AgentPhase::Renewing {
            kill_at: now + OBEDIENCE,
            next_pause,
        };
        vec![Action::Renew(agent)]
    }

    fn agent_ended(
        &mut self,
        agent: usize,
        ending: Ending,
        incurable: bool,
        now: Duration,
        jitter: f64,
    ) -> Vec<Action> {
        if self.app != AppPhase::Running {
            self.agents[agent] = AgentPhase::Ended;
            return Vec::new();
        }
        let (since, next_pause) = match self.agents[agent] {
            AgentPhase::Running { since, next_pause } => (since, next_pause),
            AgentPhase::Renewing { next_pause, .. } => {
                self.agents[agent] = AgentPhase::Running { since: now, next_pause };
                return vec![Action::Start(agent)];
            }
            AgentPhase::Waiting { .. } | AgentPhase::Ended => return Vec::new(),
        };
        let age = now.saturating_sub(since);
        let base = match () {
            () if self.incurable || incurable => INCURABLE_PAUSE,
            () if age >= HEALTHY => FIRST_PAUSE,
            () => next_pause,
        };
        let pause = base.mul_f64(1.0 + 0.25 * jitter);
        self.agents[agent] = AgentPhase::Waiting {
            until: now + pause,
            next_pause: (base * 2).min(LONGEST_PAUSE),
        };
        vec![Action::TellEnd {
            agent,
            ending,
            age,
            pause,
            incurable,
        }]
    }

    fn time_passed(&mut self, now: Duration) -> Vec<Action> {
        if let AppPhase::Gone { kill_at, .. } = &mut self.app {
            if now < *kill_at {
                return Vec::new();
            }
            *kill_at = now + KILL_AGAIN;
            return vec![Action::Kill];
        }
        if matches!(self.app, AppPhase::Stopping { .. }) {
            return Vec::new();
        }
        let mut actions = Vec::new();
        for (number, agent) in self.agents.iter_mut().enumerate() {
            match agent {
                AgentPhase::Waiting { until, next_pause } if now >= *until => {
                    *agent = AgentPhase::Running {
                        since: now,
                        next_pause: *next_pause,
                    };
                    actions.push(Action::Start(number));
                }
                AgentPhase::Renewing { kill_at, .. } if now >= *kill_at => {
                    *kill_at = now + OBEDIENCE;
                    actions.push(Action::KillAgent(number));
                }
                _ => {}
            }
        }
        actions
    }

    /// Agents that wait for their next start will not have one.
    fn give_up_waiting(&mut self) {
        for agent in &mut self.agents {
            if matches!(agent, AgentPhase::Waiting { .. }) {
                *agent = AgentPhase::Ended;
            }
        }
    }

    /// When [`Event::TimePassed`] is due, if time alone changes anything.
    pub(crate) fn next_wake(&self) -> Option<Duration> {
        match self.app {
            AppPhase::Gone { since, kill_at } => Some(kill_at.min(since + LAST_CALL)),
            AppPhase::Stopping { .. } => None,
            AppPhase::Running => self
                .agents
                .iter()
                .filter_map(|agent| match agent {
                    AgentPhase::Waiting { until, .. } => Some(*until),
                    AgentPhase::Renewing { kill_at, .. } => Some(*kill_at),
                    AgentPhase::Running { .. } | AgentPhase::Ended => None,
                })
                .min(),
        }
    }

    /// Whether the supervisor's work is done. It never is before the app has gone: where the app is the
    /// first process of its container, a supervisor that leaves would be a zombie of the app's.
    pub(crate) fn is_done(&self, now: Duration, processes_left: bool) -> bool {
        match self.app {
            AppPhase::Gone { since, .. } => !processes_left || now >= since + LAST_CALL,
            AppPhase::Running | AppPhase::Stopping { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests;
