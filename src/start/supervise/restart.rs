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

/// How long an agent has to end that is started anew. It closes its streams within 10 s.
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
pub(crate) enum Agent {
    /// It runs.
    Running {
        /// Since when.
        since: Duration,
        /// The pause when it ends soon.
        next_pause: Duration,
    },
    /// It was told to end, to be started anew.
    Renewing {
        /// When it is ended if it does not obey.
        kill_at: Duration,
        /// The pause when it ends soon after it was started anew.
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
enum App {
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
    app: App,
    agents: Vec<Agent>,
    incurable: bool,
}

impl Policy {
    /// Begins with `agents` agents to start. `incurable` says that something is wrong that a restart will not
    /// cure.
    pub(crate) fn new(agents: usize, incurable: bool) -> (Self, Vec<Action>) {
        let running = Agent::Running {
            since: Duration::ZERO,
            next_pause: FIRST_PAUSE,
        };
        let policy = Self {
            app: App::Running,
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
                if self.app == App::Running {
                    let agents_were_told = event == Event::Told;
                    self.app = App::Stopping { agents_were_told };
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
    pub(crate) fn agents(&self) -> &[Agent] {
        &self.agents
    }

    /// Whether the app runs and was not told to stop.
    pub(crate) fn is_app_running(&self) -> bool {
        self.app == App::Running
    }

    fn app_gone(&mut self, now: Duration) -> Vec<Action> {
        let mut actions = vec![Action::LetGoOfLog];
        match self.app {
            App::Gone { .. } => return Vec::new(),
            // A second signal would tell an agent that is closing its streams to drop them.
            App::Stopping { agents_were_told: true } => {}
            App::Stopping { .. } | App::Running => actions.push(Action::Terminate),
        }
        self.app = App::Gone {
            since: now,
            kill_at: now + GRACE,
        };
        self.give_up_waiting();
        actions
    }

    fn outgrown(&mut self, agent: usize, now: Duration) -> Vec<Action> {
        let Agent::Running { next_pause, .. } = self.agents[agent] else {
            return Vec::new();
        };
        if self.app != App::Running {
            return Vec::new();
        }
        self.agents[agent] = Agent::Renewing {
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
        if self.app != App::Running {
            self.agents[agent] = Agent::Ended;
            return Vec::new();
        }
        let (since, next_pause) = match self.agents[agent] {
            Agent::Running { since, next_pause } => (since, next_pause),
            Agent::Renewing { next_pause, .. } => {
                self.agents[agent] = Agent::Running { since: now, next_pause };
                return vec![Action::Start(agent)];
            }
            Agent::Waiting { .. } | Agent::Ended => return Vec::new(),
        };
        let age = now.saturating_sub(since);
        let base = match () {
            () if self.incurable || incurable => INCURABLE_PAUSE,
            () if age >= HEALTHY => FIRST_PAUSE,
            () => next_pause,
        };
        let pause = base.mul_f64(1.0 + 0.25 * jitter);
        self.agents[agent] = Agent::Waiting {
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
        if let App::Gone { kill_at, .. } = &mut self.app {
            if now < *kill_at {
                return Vec::new();
            }
            *kill_at = now + KILL_AGAIN;
            return vec![Action::Kill];
        }
        if matches!(self.app, App::Stopping { .. }) {
            return Vec::new();
        }
        let mut actions = Vec::new();
        for (number, agent) in self.agents.iter_mut().enumerate() {
            match agent {
                Agent::Waiting { until, next_pause } if now >= *until => {
                    *agent = Agent::Running {
                        since: now,
                        next_pause: *next_pause,
                    };
                    actions.push(Action::Start(number));
                }
                Agent::Renewing { kill_at, .. } if now >= *kill_at => {
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
            if matches!(agent, Agent::Waiting { .. }) {
                *agent = Agent::Ended;
            }
        }
    }

    /// When [`Event::TimePassed`] is due, if time alone changes anything.
    pub(crate) fn next_wake(&self) -> Option<Duration> {
        match self.app {
            App::Gone { since, kill_at } => Some(kill_at.min(since + LAST_CALL)),
            App::Stopping { .. } => None,
            App::Running => self
                .agents
                .iter()
                .filter_map(|agent| match agent {
                    Agent::Waiting { until, .. } => Some(*until),
                    Agent::Renewing { kill_at, .. } => Some(*kill_at),
                    Agent::Running { .. } | Agent::Ended => None,
                })
                .min(),
        }
    }

    /// Whether the supervisor's work is done. It never is before the app has gone: where the app is the
    /// first process of its container, a supervisor that leaves would be a zombie of the app's.
    pub(crate) fn is_done(&self, now: Duration, processes_left: bool) -> bool {
        match self.app {
            App::Gone { since, .. } => !processes_left || now >= since + LAST_CALL,
            App::Running | App::Stopping { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Action, Ending, Event, GRACE, LAST_CALL, LONGEST_PAUSE, Policy};
    use proptest::prelude::*;
    use std::time::Duration;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn ended() -> Event {
        Event::AgentEnded {
            agent: 0,
            ending: Ending::Status(1),
            incurable: false,
        }
    }

    /// Ends agent 0 at `now` and returns the pause it is given.
    fn pause_after(policy: &mut Policy, now: Duration) -> Duration {
        match policy.on(ended(), now, 0.0).as_slice() {
            [Action::TellEnd { pause, .. }] => *pause,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn restarts_back_off_and_forget_after_a_minute_of_health() {
        let (mut policy, first) = Policy::new(1, false);
        assert_eq!(first, [Action::Start(0)]);

        let mut now = Duration::ZERO;
        for expected in [1, 2, 4, 8, 16, 32, 60, 60] {
            let pause = pause_after(&mut policy, now);
            assert_eq!(pause, seconds(expected));
            assert_eq!(policy.next_wake(), Some(now + pause));
            assert_eq!(policy.on(Event::TimePassed, now + pause.mul_f64(0.999), 0.0), []);
            now += pause;
            assert_eq!(policy.on(Event::TimePassed, now, 0.0), [Action::Start(0)]);
        }
        assert_eq!(policy.next_wake(), None);
        assert_eq!(pause_after(&mut policy, now + seconds(59)), seconds(60));
        now += seconds(59 + 60);
        policy.on(Event::TimePassed, now, 0.0);
        assert_eq!(pause_after(&mut policy, now + seconds(60)), seconds(1));
    }

    #[test]
    fn what_a_restart_does_not_cure_is_tried_every_five_minutes() {
        let (mut policy, _) = Policy::new(1, true);

        for now in [seconds(0), seconds(300)] {
            policy.on(Event::TimePassed, now, 0.0);
            assert_eq!(pause_after(&mut policy, now), seconds(300));
        }
    }

    #[test]
    fn an_agent_that_says_it_cannot_work_is_tried_again_after_five_minutes_and_the_other_at_once() {
        let (mut policy, _) = Policy::new(2, false);
        let ended = |agent, incurable| Event::AgentEnded {
            agent,
            ending: Ending::Status(1),
            incurable,
        };
        for (agent, incurable, expected) in [(0, true, 300), (1, false, 1)] {
            assert!(matches!(
                policy.on(ended(agent, incurable), seconds(0), 0.0).as_slice(),
                [Action::TellEnd { pause, .. }] if *pause == seconds(expected)
            ));
        }
        // What it says another time may be something else.
        policy.on(Event::TimePassed, seconds(300), 0.0);
        assert_eq!(pause_after(&mut policy, seconds(300)), seconds(60));
    }

    #[test]
    fn the_end_of_the_app_ends_the_agent_and_then_the_supervisor() {
        let (mut policy, _) = Policy::new(1, false);

        assert_eq!(
            policy.on(Event::AppGone, seconds(5), 0.0),
            [Action::LetGoOfLog, Action::Terminate]
        );
        assert!(!policy.is_done(seconds(5), true));
        assert_eq!(policy.on(ended(), seconds(6), 0.0), []);
        assert!(policy.is_done(seconds(6), false));
    }

    #[test]
    fn an_agent_that_ignores_its_end_is_killed() {
        let (mut policy, _) = Policy::new(1, false);
        policy.on(Event::AppGone, seconds(5), 0.0);

        assert_eq!(policy.next_wake(), Some(seconds(5) + GRACE));
        assert_eq!(policy.on(Event::TimePassed, seconds(5) + GRACE, 0.0), [Action::Kill]);
        assert!(!policy.is_done(seconds(5) + GRACE, true));
        assert!(policy.is_done(seconds(5) + LAST_CALL, true));
    }

    #[test]
    fn what_the_platform_has_told_is_not_told_again() {
        let (mut policy, _) = Policy::new(2, false);
        policy.on(ended(), seconds(1), 0.0);
        policy.on(Event::Told, seconds(1), 0.0);

        assert_eq!(policy.next_wake(), None);
        assert_eq!(policy.on(Event::AppGone, seconds(20), 0.0), [Action::LetGoOfLog]);
    }

    #[test]
    fn an_agent_that_is_being_renewed_is_left_alone_once_the_dyno_stops() {
        let (mut policy, _) = Policy::new(1, false);
        assert_eq!(policy.on(Event::Outgrown(0), seconds(1), 0.0), [Action::Renew(0)]);
        assert_eq!(policy.on(Event::Outgrown(0), seconds(2), 0.0), []);
        policy.on(Event::Told, seconds(3), 0.0);

        assert_eq!(policy.on(Event::TimePassed, seconds(60), 0.0), []);
    }

    #[test]
    fn two_agents_have_a_back_off_each() {
        let (mut policy, _) = Policy::new(2, false);
        pause_after(&mut policy, seconds(0));

        assert_eq!(policy.on(Event::TimePassed, seconds(1), 0.0), [Action::Start(0)]);
        assert_eq!(pause_after(&mut policy, seconds(1)), seconds(2));
        let other = Event::AgentEnded {
            agent: 1,
            ending: Ending::Signal(9),
            incurable: false,
        };
        assert!(matches!(
            policy.on(other, seconds(2), 0.0).as_slice(),
            [Action::TellEnd { agent: 1, pause, .. }] if *pause == seconds(1)
        ));
    }

    #[test]
    fn an_agent_that_has_grown_too_large_is_started_anew_at_once_and_without_a_word() {
        let (mut policy, _) = Policy::new(2, false);

        assert_eq!(policy.on(Event::Outgrown(0), seconds(600), 0.0), [Action::Renew(0)]);
        assert_eq!(policy.on(Event::Outgrown(0), seconds(601), 0.0), []);
        assert_eq!(policy.on(ended(), seconds(602), 0.0), [Action::Start(0)]);
        // What it does then is its own: a crash is told, and has the first pause.
        assert_eq!(pause_after(&mut policy, seconds(603)), seconds(1));
        assert_eq!(policy.on(Event::Outgrown(0), seconds(603), 0.0), [], "it does not run");
    }

    #[test]
    fn an_agent_that_does_not_end_to_be_started_anew_is_killed() {
        let (mut policy, _) = Policy::new(1, false);
        policy.on(Event::Outgrown(0), seconds(600), 0.0);

        assert_eq!(policy.next_wake(), Some(seconds(615)));
        assert_eq!(policy.on(Event::TimePassed, seconds(614), 0.0), []);
        assert_eq!(policy.on(Event::TimePassed, seconds(615), 0.0), [Action::KillAgent(0)]);
        assert_eq!(policy.on(ended(), seconds(615), 0.0), [Action::Start(0)]);
    }

    #[test]
    fn an_agent_is_not_started_anew_once_the_app_stops() {
        let (mut policy, _) = Policy::new(1, false);
        policy.on(Event::Outgrown(0), seconds(600), 0.0);
        policy.on(Event::Told, seconds(601), 0.0);
        assert_eq!(policy.on(ended(), seconds(602), 0.0), []);

        let (mut policy, _) = Policy::new(1, false);
        policy.on(Event::Told, seconds(601), 0.0);
        assert_eq!(policy.on(Event::Outgrown(0), seconds(602), 0.0), []);
    }

    fn any_event() -> impl Strategy<Value = Event> {
        prop_oneof![
            (0..2_usize).prop_map(Event::Outgrown),
            Just(Event::AppGone),
            Just(Event::Told),
            Just(Event::TimePassed),
            (0..2_usize).prop_map(|agent| Event::AgentEnded {
                agent,
                ending: Ending::Signal(15),
                incurable: false,
            }),
        ]
    }

    #[test]
    fn jitter_makes_a_pause_longer_by_up_to_a_quarter() {
        let pause = |jitter| {
            let (mut policy, _) = Policy::new(1, false);
            match policy.on(ended(), Duration::ZERO, jitter).as_slice() {
                [Action::TellEnd { pause, .. }] => *pause,
                other => panic!("{other:?}"),
            }
        };

        assert_eq!((pause(0.0), pause(1.0)), (seconds(1), Duration::from_millis(1250)));
    }

    proptest! {
        #[test]
        fn in_any_order_of_events_the_promises_hold(
            events in proptest::collection::vec((any_event(), 0..20_000_u64, 0.0..1.0_f64), 0..60)
        ) {
            let (mut policy, _) = Policy::new(2, false);
            let (mut now, mut stopping, mut gone) = (Duration::ZERO, false, None);
            for (event, step, jitter) in events {
                now += Duration::from_millis(step);
                let actions = policy.on(event.clone(), now, jitter);
                if event == Event::AppGone && gone.is_none() {
                    gone = Some(now);
                    prop_assert_eq!(actions.contains(&Action::Terminate), !stopping);
                }
                stopping |= matches!(event, Event::Told | Event::AppGone);
                for action in &actions {
                    match action {
                        Action::Start(_) | Action::TellEnd { .. } | Action::Renew(_) | Action::KillAgent(_) => {
                            prop_assert!(!stopping);
                        }
                        Action::LetGoOfLog | Action::Terminate => prop_assert_eq!(gone, Some(now)),
                        Action::Kill => prop_assert!(gone.is_some_and(|gone| now >= gone + GRACE)),
                    }
                    if let Action::TellEnd { pause, .. } = action {
                        prop_assert!(*pause >= Duration::from_secs(1) && *pause <= LONGEST_PAUSE.mul_f64(1.25));
                    }
                }
                match gone {
                    None => prop_assert!(!policy.is_done(now, false)),
                    Some(gone) => {
                        prop_assert!(policy.is_done(now, false));
                        prop_assert!(policy.is_done(gone + LAST_CALL, true));
                        prop_assert!(policy.next_wake().is_some_and(|wake| wake <= gone + LAST_CALL));
                    }
                }
            }
        }
    }
}
