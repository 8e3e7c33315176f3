//! What is told of an agent that goes on and on: a state when it begins and when it is over, and not each of its
//! signs. A pure function of signs and the time, so that days of trouble are tested in no time.
//!
//! An agent with a standard key says when it has connected. One of `hoop run`, or with an embedded key, asks its
//! gateway every 5 s whether it is wanted, says so where that fails, and nothing when it no longer does
//! (`agent/main.go`, 1.20 to 1.148); before 1.20 it asked every 10 s. So there a trouble is over when nothing has been
//! heard of it for `SILENCE`, while the agent ran. What a gateway is asked for can take 15 to 20 s to fail.

use crate::failure::Failure;
use crate::start::fault::Fault;
use crate::start::fault::ended::{Ended, EndedFault, steady};
use crate::start::fault::sentence::Kind as _;
use crate::start::fault::trouble::Trouble;
use crate::start::log::sign::Sign;
use crate::start::log::told::{AGAIN, Telling, WINDOW};
use std::time::Duration;

/// How long nothing must be heard of a trouble for it to be over, of an agent that does not say so.
const SILENCE: Duration = Duration::from_mins(1);

/// How many ends of an agent are told each, before they are told once an hour.
const ENDS: u64 = 3;

/// How long an agent must have run for its earlier ends to be forgotten.
const STEADY: Duration = WINDOW;

/// How many sessions are kept in mind.
const SESSIONS: usize = 1024;

/// How many lines of an agent are known again when it says them once more.
const REMEMBERED: usize = 64;

/// A state that is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    /// What it is.
    pub(crate) failure: Failure,
    /// Since when, from the supervisor's start.
    pub(crate) since: Duration,
    /// What is wrong, in a sentence without its end.
    pub(crate) wrong: String,
}

/// What is to be done with a line of the agent's, and what is told beside it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    /// Whether the line adds nothing to what has been told.
    pub(crate) is_folded: bool,
    /// Lines of our own.
    pub(crate) lines: Vec<String>,
}

/// What is known of all agents of a supervisor. They share key and gateway, so what keeps one from connecting mostly
/// keeps all, and is told once.
#[derive(Debug)]
pub(crate) struct Conditions {
    agents: Vec<History>,
    /// Whether the dyno is stopping: what agents say of their ends is no trouble.
    is_stopping: bool,
    /// One for each kind of trouble, and behind them one for each agent, whose name may be taken.
    told: Vec<Telling>,
}

/// What is known of one agent.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, about this process or the one before"
)]
#[derive(Debug, Default)]
struct History {
    down: Option<Down>,
    /// When its process began, while it runs.
    running: Option<Duration>,
    /// Whether this process has said that it cannot work with what it was told.
    is_fatal: bool,
    /// Whether an error was the last that this process has said.
    is_error: bool,
    /// Whether this process has a stream to the gateway.
    has_stream: bool,
    renewal: Renewal,
    /// Whether the one before has ended because of its configuration.
    was_incurable: bool,
    ends: u64,
    first_end: Duration,
    told_end: Duration,
    /// The hashes of the ids of its open sessions.
    sessions: Vec<u64>,
    /// How many lines this process has shown, up to [`REMEMBERED`].
    shown: usize,
    /// The hashes of the first lines that were shown of it, of all its processes.
    lines: Vec<u64>,
}

/// Whether an agent is restarted though nothing is wrong with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Renewal {
    #[default]
    No,
    /// Its process was told to end.
    Ending,
    /// Its process is the new one.
    Done,
}

/// An agent that is not connected.
#[derive(Debug)]
struct Down {
    /// The troubles it has had since it was connected, as places in [`Conditions::told`], the present one last.
    troubles: Vec<usize>,
    /// When the last sign came.
    last: Duration,
    tells_recovery: bool,
}

impl Conditions {
    /// Begins with `agents` agents that do not run yet.
    pub(crate) fn new(agents: usize) -> Self {
        Self {
            agents: (0..agents).map(|_| History::default()).collect(),
            is_stopping: false,
            told: (0..Trouble::KINDS + agents).map(|_| Telling::default()).collect(),
        }
    }

    /// Takes in that an agent has been started.
    pub(crate) fn started(&mut self, agent: usize, now: Duration) {
        let agent = &mut self.agents[agent];
        agent.running = Some(now);
        agent.renewal = match agent.renewal {
            Renewal::Ending => Renewal::Done,
            Renewal::No | Renewal::Done => Renewal::No,
        };
        (agent.is_fatal, agent.is_error, agent.has_stream) = (false, false, false);
        agent.sessions.clear();
        agent.shown = 0;
    }

    /// Takes in that an agent is told to end, to be restarted: what it says until then is no news, and is not told.
    pub(crate) fn renewing(&mut self, agent: usize) {
        self.agents[agent].renewal = Renewal::Ending;
    }

    /// Takes in that the dyno is stopping.
    pub(crate) fn stopping(&mut self) {
        self.is_stopping = true;
    }

    /// Takes in what a line says.
    pub(crate) fn heard(&mut self, agent: usize, sign: &Sign, now: Duration) -> Heard {
        if self.is_stopping {
            return Heard::default();
        }
        let state = &mut self.agents[agent];
        state.is_error = *sign == Sign::Error;
        if state.renewal == Renewal::Ending {
            return Heard {
                is_folded: !matches!(sign, Sign::Error | Sign::Fatal),
                lines: Vec::new(),
            };
        }
        match sign {
            Sign::Connected | Sign::SessionBegun(_) => state.has_stream = true,
            Sign::Trouble { .. } | Sign::Closing => state.has_stream = false,
            _ => {}
        }
        match sign {
            Sign::Trouble {
                trouble,
                tells_recovery,
            } => Heard {
                is_folded: true,
                lines: self.trouble(agent, trouble, *tells_recovery, now).into_iter().collect(),
            },
            // An agent that was down is told to be connected again.
            Sign::Connected => {
                // With the stream before, its sessions are over.
                state.sessions.clear();
                Heard {
                    is_folded: state.down.is_some(),
                    lines: self.recovered(agent, now, now),
                }
            }
            Sign::SessionBegun(id) => {
                let id = hash(id);
                if state.sessions.len() < SESSIONS && !state.sessions.contains(&id) {
                    state.sessions.push(id);
                }
                Heard {
                    is_folded: false,
                    lines: self.recovered(agent, now, now),
                }
            }
            Sign::SessionEnded(id) => {
                state.sessions.retain(|session| *session != hash(id));
                Heard::default()
            }
            Sign::Closing => {
                state.sessions.clear();
                self.while_down(agent)
            }
            Sign::Trying => self.while_down(agent),
            Sign::Fatal => {
                state.is_fatal = true;
                Heard::default()
            }
            Sign::Error | Sign::Workings | Sign::Other => Heard::default(),
        }
    }

    /// Folds a line that stands beside each sign of a trouble.
    fn while_down(&self, agent: usize) -> Heard {
        Heard {
            is_folded: self.agents[agent].down.is_some(),
            lines: Vec::new(),
        }
    }

    /// Takes in a trouble of an agent.
    fn trouble(&mut self, agent: usize, trouble: &Trouble, tells_recovery: bool, now: Duration) -> Option<String> {
        let place = match trouble {
            Trouble::NameTaken { .. } => Trouble::KINDS + agent,
            _ => trouble.kind(),
        };
        let down = self.agents[agent].down.get_or_insert(Down {
            troubles: Vec::new(),
            last: now,
            tells_recovery,
        });
        down.troubles.retain(|earlier| *earlier != place);
        down.troubles.push(place);
        (down.last, down.tells_recovery) = (now, tells_recovery);
        self.told[place].on(trouble.clone(), now)
    }

    /// Takes in that an agent is connected, or that nothing has been heard of its trouble since `until`.
    fn recovered(&mut self, agent: usize, until: Duration, now: Duration) -> Vec<String> {
        let Some(down) = self.agents[agent].down.take() else {
            return Vec::new();
        };
        // The troubles of no other agent. The longest is told, and the others with it.
        let mut over = down.troubles;
        over.retain(|place| {
            !self
                .agents
                .iter()
                .filter_map(|agent| agent.down.as_ref())
                .any(|down| down.troubles.contains(place))
        });
        let first = over
            .iter()
            .copied()
            .filter(|place| self.told[*place].is_told)
            .min_by_key(|place| self.told[*place].since);
        let line = first.and_then(|place| self.told[place].off(until, now));
        for place in over {
            let told = &mut self.told[place];
            told.is_on = false;
            told.is_told &= Some(place) == first;
        }
        line.into_iter().collect()
    }

    /// Takes in that an agent has ended, and returns what is told of it.
    pub(crate) fn ended(&mut self, agent: usize, ended: &Ended, is_incurable: bool, now: Duration) -> Option<String> {
        let state = &mut self.agents[agent];
        state.running = None;
        state.sessions.clear();
        if ended.age >= STEADY {
            state.ends = 0;
            state.lines.clear();
        }
        if state.ends == 0 {
            state.first_end = now;
        }
        state.was_incurable = is_incurable;
        state.ends += 1;
        let times = state.ends;
        if times > ENDS + 1 && now < state.told_end + AGAIN {
            return None;
        }
        state.told_end = now;
        let fault = if times > ENDS {
            let ended = ended.clone();
            EndedFault::Crashing { ended, times }
        } else if is_incurable {
            EndedFault::Misconfigured(ended.clone())
        } else {
            return Some(ended.line());
        };
        Some(Fault::from(fault).line())
    }

    /// Whether an agent that has ended, with status 0 or not, did so because of its configuration.
    pub(crate) fn is_misconfigured(&self, agent: usize, with_success: bool) -> bool {
        let state = &self.agents[agent];
        state.is_fatal || (state.is_error && with_success)
    }

    /// Whether an agent that ends again and again, or was restarted, says in `line` what its earlier processes
    /// have said.
    pub(crate) fn is_repeated(&mut self, agent: usize, line: &str) -> bool {
        let state = &mut self.agents[agent];
        // Only of the first lines of a process: a flood must not be slowed down.
        if state.shown >= REMEMBERED {
            return false;
        }
        state.shown += 1;
        let line = hash(line);
        if state.lines.contains(&line) {
            return state.ends > ENDS || state.was_incurable || state.renewal == Renewal::Done;
        }
        if state.lines.len() < REMEMBERED {
            state.lines.push(line);
        }
        false
    }

    /// Takes in that time has passed, and returns what is to be told.
    pub(crate) fn time_passed(&mut self, now: Duration) -> Vec<String> {
        let mut lines = Vec::new();
        if self.is_stopping {
            return lines;
        }
        for agent in 0..self.agents.len() {
            if self.silent_since(agent).is_some_and(|last| now >= last + SILENCE) {
                let last = self.agents[agent].down.as_ref().map_or(now, |down| down.last);
                lines.extend(self.recovered(agent, last, now));
            }
            let state = &mut self.agents[agent];
            if state.ends > ENDS && state.running.is_some_and(|since| now >= since + STEADY) {
                let period = now.saturating_sub(STEADY + state.first_end);
                lines.push(steady(STEADY, state.ends, period));
                state.ends = 0;
            }
        }
        let late = self
            .told
            .iter_mut()
            .filter(|told| told.next_wake().is_some_and(|wake| now >= wake));
        lines.extend(late.filter_map(|told| told.tell(now)));
        lines
    }

    /// Since when nothing has been heard of the trouble of an agent that runs and does not say when it is over.
    fn silent_since(&self, agent: usize) -> Option<Duration> {
        let state = &self.agents[agent];
        let down = state.down.as_ref().filter(|down| !down.tells_recovery)?;
        Some(down.last.max(state.running?))
    }

    /// When [`Conditions::time_passed`] is due. While nothing is wrong it never is.
    pub(crate) fn next_wake(&self) -> Option<Duration> {
        if self.is_stopping {
            return None;
        }
        let agents = (0..self.agents.len()).flat_map(|agent| {
            let state = &self.agents[agent];
            let steady = state.running.filter(|_| state.ends > ENDS).map(|since| since + STEADY);
            [self.silent_since(agent).map(|last| last + SILENCE), steady]
        });
        agents.chain(self.told.iter().map(Telling::next_wake)).flatten().min()
    }

    /// Why an agent is not connected, if it is known not to be.
    pub(crate) fn current(&self, agent: usize) -> Option<Condition> {
        let down = self.agents[agent].down.as_ref()?;
        let told = &self.told[*down.troubles.last()?];
        let trouble = told.trouble.as_ref()?;
        Some(Condition {
            failure: trouble.failure(),
            since: told.since,
            wrong: trouble.wrong(),
        })
    }

    /// Whether an agent has a stream to the gateway, as far as its lines tell.
    pub(crate) fn has_stream(&self, agent: usize) -> bool {
        self.agents[agent].has_stream
    }

    /// How many sessions an agent serves, as far as its lines tell.
    pub(crate) fn open_sessions(&self, agent: usize) -> usize {
        self.agents[agent].sessions.len()
    }
}

/// A number that stands for a text.
fn hash(text: &str) -> u64 {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
