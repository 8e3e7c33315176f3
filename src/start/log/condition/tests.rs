//! Hours and days of an agent's troubles, in no time.

use crate::failure::Failure;
use crate::start::fault::ended::{Ended, Ending};
use crate::start::fault::trouble::Trouble;
use crate::start::log::condition::{Conditions, SILENCE};
use crate::start::log::sign::Sign;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn sign(trouble: Trouble, tells_recovery: bool) -> Sign<'static> {
    Sign::Trouble {
        trouble,
        tells_recovery,
    }
}

fn unreachable() -> Trouble {
    Trouble::Unreachable {
        place: "gateway.example:8443".to_owned(),
        cause: "connection refused".to_owned(),
    }
}

/// Conditions of agents that have just been started, and what they have told.
struct Scene {
    conditions: Conditions,
    now: Duration,
    told: Vec<(Duration, String)>,
}

impl Scene {
    fn of(agents: usize) -> Self {
        let mut conditions = Conditions::new(agents);
        for agent in 0..agents {
            conditions.started(agent, Duration::ZERO);
        }
        let now = Duration::ZERO;
        Self {
            conditions,
            now,
            told: Vec::new(),
        }
    }

    /// Lets time pass, and wakes the conditions whenever they want to be.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(wake) = self.conditions.next_wake().filter(|wake| *wake <= end) {
            assert!(wake >= self.now, "{wake:?} is before {:?}", self.now);
            self.now = wake;
            let lines = self.conditions.time_passed(wake);
            assert!(
                self.conditions.next_wake().is_none_or(|next| next > wake),
                "it would be woken for ever"
            );
            self.told.extend(lines.into_iter().map(|line| (wake, line)));
        }
        self.now = end;
    }

    /// Takes in a sign, and answers whether its line is folded.
    fn hear(&mut self, agent: usize, sign: &Sign) -> bool {
        let heard = self.conditions.heard(agent, sign, self.now);
        self.told.extend(heard.lines.into_iter().map(|line| (self.now, line)));
        heard.is_folded
    }

    /// Ends an agent that has run for `age`.
    fn end(&mut self, agent: usize, age: u64, is_incurable: bool) {
        let ended = Ended {
            connection: None,
            ending: Ending::Status(1),
            age: seconds(age),
            pause: seconds(1),
        };
        let told = self.conditions.ended(agent, &ended, is_incurable, self.now);
        self.told.extend(told.map(|line| (self.now, line)));
    }

    /// The seconds and the lines of what was told, and forgets it.
    fn take(&mut self) -> Vec<(u64, String)> {
        self.told.drain(..).map(|(when, text)| (when.as_secs(), text)).collect()
    }
}

#[test]
fn a_trouble_is_told_when_it_begins_once_an_hour_and_when_it_is_over() {
    let mut scene = Scene::of(1);
    for _ in 0..(2 * 3600 + 240) / 8 {
        scene.hear(0, &Sign::Trying);
        assert!(scene.hear(0, &sign(Trouble::KeyRejected, true)));
        assert!(scene.hear(0, &Sign::Closing));
        scene.pass(seconds(8));
    }
    assert_eq!(scene.conditions.current(0).unwrap().failure, Failure::KeyRejected);
    assert!(scene.hear(0, &Sign::Connected));
    assert_eq!(scene.conditions.current(0), None);

    assert_eq!(
        scene.told.iter().map(|(when, _)| when.as_secs()).collect::<Vec<_>>(),
        [0, 3600, 7200, 7440]
    );
    let lines: Vec<_> = scene.told.iter().map(|(_, line)| line.as_str()).collect();
    assert!(
        lines[0].starts_with(
            "hoopstart: warning: the gateway does not accept the agent key, so the agent is not connected"
        )
    );
    assert_eq!(
        lines[1..],
        [
            "hoopstart: warning: for 60 min now, 451 times: the gateway does not accept the agent key \
             [start::key-rejected]",
            "hoopstart: warning: for 2 h now, 901 times: the gateway does not accept the agent key \
             [start::key-rejected]",
            "hoopstart: connected again after 2 h [start::key-rejected]",
        ]
    );
    // Connected, nothing is folded and nothing wakes anyone.
    assert!(!scene.hear(0, &Sign::Connected) && !scene.hear(0, &Sign::Trying));
    assert_eq!(scene.conditions.next_wake(), None);
}

#[test]
fn an_agent_that_is_silent_when_it_is_well_is_taken_to_be_after_a_minute() {
    let mut scene = Scene::of(1);
    for _ in 0..=48 {
        scene.hear(0, &sign(unreachable(), false));
        scene.pass(seconds(5));
    }
    scene.pass(seconds(600));

    let said = scene.take();
    assert_eq!(said.len(), 2, "{said:?}");
    // Four minutes from the first sign to the last.
    assert_eq!(
        said[1],
        (
            240 + SILENCE.as_secs(),
            "hoopstart: connected again after 4 min [start::gateway-unreachable]".to_owned()
        )
    );
    assert_eq!(scene.conditions.next_wake(), None);
}

#[test]
fn the_silence_of_one_that_tells_its_recovery_or_does_not_run_means_nothing() {
    let mut scene = Scene::of(1);
    scene.hear(0, &sign(unreachable(), true));
    assert_eq!(scene.conditions.next_wake(), None);
    scene.pass(seconds(3600));
    assert_eq!(scene.take().len(), 1);

    let mut scene = Scene::of(1);
    scene.hear(0, &sign(unreachable(), false));
    scene.end(0, 1, false);
    scene.pass(seconds(3600));
    assert!(scene.conditions.current(0).is_some());
    scene.conditions.started(0, scene.now);
    scene.pass(SILENCE);
    assert_eq!(scene.conditions.current(0), None);
}

#[test]
fn a_trouble_of_all_agents_is_told_once_and_over_when_it_is_for_all() {
    let mut scene = Scene::of(8);
    for agent in 0..8 {
        scene.hear(agent, &sign(unreachable(), true));
    }
    scene.pass(seconds(120));
    for agent in 0..8 {
        scene.hear(agent, &Sign::Connected);
    }
    assert_eq!(scene.take().iter().map(|(when, _)| *when).collect::<Vec<_>>(), [0, 120]);
    // A name is a trouble of its own.
    for (agent, name) in ["orders", "users"].into_iter().enumerate() {
        scene.hear(agent, &sign(Trouble::NameTaken { name: name.to_owned() }, false));
        scene.hear(agent, &sign(Trouble::NameTaken { name: name.to_owned() }, false));
    }
    assert_eq!(scene.take().len(), 2);
    let current = |agent| scene.conditions.current(agent).unwrap().wrong;
    assert!(current(0).contains("\"orders\"") && current(1).contains("\"users\""));
}

#[test]
fn one_trouble_that_turns_into_another_is_told_and_both_are_over_in_one_line() {
    let mut scene = Scene::of(1);
    for trouble in [unreachable(), Trouble::KeyRejected, unreachable(), Trouble::KeyRejected] {
        scene.hear(0, &sign(trouble, true));
        scene.pass(seconds(60));
    }
    scene.hear(0, &Sign::Connected);

    let said = scene.take();
    assert_eq!(said.iter().map(|(when, _)| *when).collect::<Vec<_>>(), [0, 60, 240]);
    assert!(said[2].1.contains("connected again after 4 min"), "{said:?}");
    // The next is told again.
    scene.pass(seconds(600));
    scene.hear(0, &sign(Trouble::KeyRejected, true));
    assert_eq!(scene.take().len(), 1);
}

#[test]
fn what_comes_and_goes_is_told_a_few_times_and_at_last_as_it_is() {
    let mut scene = Scene::of(1);
    for _ in 0..140 {
        scene.hear(0, &sign(unreachable(), true));
        scene.pass(seconds(2));
        assert!(scene.hear(0, &Sign::Connected));
        scene.pass(seconds(2));
    }
    // It stays connected, and whoever reads the log learns so in the end.
    let said = scene.take();
    assert_eq!(said.len(), 4, "{said:?}");
    assert!(said[3].1.contains("connected again"));
    scene.hear(0, &sign(unreachable(), true));
    assert_eq!(scene.take(), []);
    scene.pass(seconds(600));
    let said = scene.take();
    assert!(
        said.len() == 1 && said[0].1.contains("cannot reach the gateway"),
        "{said:?}"
    );
}

#[test]
fn ends_are_told_three_times_then_with_an_id_then_once_an_hour_and_at_last_that_it_runs() {
    let mut scene = Scene::of(1);
    for pause in [1, 2, 4, 8, 16, 32].into_iter().chain([60; 130]) {
        scene.end(0, 0, false);
        scene.pass(seconds(pause));
        scene.conditions.started(0, scene.now);
    }
    let began = scene.now.as_secs();
    scene.pass(seconds(3600));
    let said = scene.take();
    let whens: Vec<_> = said.iter().map(|(when, _)| *when).collect();
    assert_eq!(whens, [0, 1, 3, 7, 3663, 7263, began + 600]);
    assert_eq!(
        said[2].1,
        "hoopstart: warning: agent exited with status 1 after 0s; next try in 1s, the app is not affected"
    );
    assert!(
        said[3].1.contains("exited 4 times") && said[3].1.ends_with(" [start::agent-crashing]"),
        "{said:?}"
    );
    assert_eq!(
        said[6].1,
        "hoopstart: the agent has now run for 10 min, after it exited 136 times in 2 h [start::agent-crashing]"
    );
    assert_eq!(scene.conditions.next_wake(), None);
}

#[test]
fn an_agent_that_ends_every_few_minutes_is_told_no_more_often() {
    for age in [61, 120, 599] {
        let mut scene = Scene::of(1);
        for _ in 0..40 {
            scene.pass(seconds(age));
            scene.end(0, age, false);
            scene.conditions.started(0, scene.now);
        }
        let whens: Vec<_> = scene.take().iter().map(|(when, _)| *when).collect();
        assert!(whens.windows(5).all(|five| five[4] > five[0] + 600), "{whens:?}");
    }
}

#[test]
fn a_line_that_a_crashing_agent_says_again_is_folded_and_a_new_one_is_not() {
    let mut scene = Scene::of(1);
    for times in 0..8 {
        assert_eq!(scene.conditions.is_repeated(0, "boom"), times > 3, "{times}");
        assert!(!scene.conditions.is_repeated(0, &format!("line {times}")));
        scene.end(0, 0, false);
        scene.conditions.started(0, scene.now);
    }
    // Beyond the first lines of a process nothing is looked at.
    for line in 0..1000 {
        assert!(!scene.conditions.is_repeated(0, &format!("flood {line}")));
    }
    assert!(!scene.conditions.is_repeated(0, "boom"));

    let mut scene = Scene::of(1);
    for times in 0..3 {
        assert_eq!(scene.conditions.is_repeated(0, "HOOP_DSN is deprecated"), times > 0);
        scene.hear(0, &Sign::Fatal);
        assert!(scene.conditions.is_misconfigured(0, false));
        assert_eq!(scene.conditions.is_repeated(0, "fatal: no"), times > 0);
        scene.end(0, 0, true);
        scene.pass(seconds(300));
        scene.conditions.started(0, scene.now);
    }
    assert_eq!(scene.take().len(), 3);
}

#[test]
fn an_error_means_a_wrong_configuration_only_before_an_end_with_success() {
    let mut scene = Scene::of(1);
    scene.hear(0, &Sign::Error);
    assert!(scene.conditions.is_misconfigured(0, true) && !scene.conditions.is_misconfigured(0, false));
    scene.hear(0, &Sign::Other);
    assert!(!scene.conditions.is_misconfigured(0, true));
}

#[test]
fn sessions_are_counted_as_they_begin_and_end() {
    let mut scene = Scene::of(1);
    for id in ["a", "b", "a-longer-one"] {
        scene.hear(0, &Sign::SessionBegun(id.into()));
    }
    scene.hear(0, &Sign::SessionEnded("b".into()));
    scene.hear(0, &Sign::SessionEnded("never begun".into()));
    assert_eq!(scene.conditions.open_sessions(0), 2);
    scene.hear(0, &Sign::Closing);
    assert_eq!(scene.conditions.open_sessions(0), 0);
}

#[test]
fn a_stream_is_known_from_its_begin_to_its_end() {
    let mut scene = Scene::of(2);
    for end in [Sign::Closing, sign(unreachable(), false)] {
        scene.hear(0, &Sign::Connected);
        scene.hear(0, &Sign::Trying);
        assert_eq!([0, 1].map(|agent| scene.conditions.has_stream(agent)), [true, false]);
        scene.hear(0, &end);
        assert_eq!([0, 1].map(|agent| scene.conditions.has_stream(agent)), [false, false]);
    }
    scene.hear(0, &Sign::SessionBegun("a".into()));
    scene.hear(0, &Sign::SessionEnded("a".into()));
    assert!(scene.conditions.has_stream(0));
    scene.conditions.started(0, seconds(60));
    assert!(!scene.conditions.has_stream(0));
}

#[test]
fn what_an_agent_says_while_the_dyno_stops_is_no_trouble() {
    let mut scene = Scene::of(1);
    scene.conditions.stopping();
    assert!(!scene.hear(0, &sign(unreachable(), true)));
    assert_eq!((scene.take(), scene.conditions.next_wake()), (vec![], None));
}

fn any_step() -> impl Strategy<Value = (usize, u8, u64)> {
    (0..2_usize, 0..9_u8, prop_oneof![0..10_u64, 0..100_u64, 0..4000_u64])
}

proptest! {
    #[test]
    fn whatever_happens_no_condition_is_told_more_than_five_times_in_ten_minutes(
        steps in proptest::collection::vec(any_step(), 0..300)
    ) {
        let mut scene = Scene::of(2);
        for (agent, what, time) in steps {
            let name = || Trouble::NameTaken { name: format!("name{agent}") };
            match what {
                0 => drop(scene.hear(agent, &sign(unreachable(), true))),
                1 => drop(scene.hear(agent, &sign(unreachable(), false))),
                2 => drop(scene.hear(agent, &sign(Trouble::KeyRejected, true))),
                3 => drop(scene.hear(agent, &sign(name(), false))),
                4 | 5 => drop(scene.hear(agent, &Sign::Connected)),
                6 => drop(scene.hear(agent, &Sign::SessionBegun("s".into()))),
                7 => {
                    scene.end(agent, time, false);
                    scene.conditions.started(agent, scene.now);
                }
                _ => {}
            }
            scene.pass(seconds(time));
        }
        let down = [0, 1].map(|agent| scene.conditions.current(agent).is_some());
        // When all is quiet, the last word of each condition is true.
        scene.pass(seconds(700));
        for (agent, down) in down.into_iter().enumerate() {
            prop_assert!(down || scene.conditions.current(agent).is_none());
        }
        prop_assert!(scene.conditions.told.iter().all(|told| told.is_on == told.is_told));
        let mut told: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for (when, line) in &scene.told {
            let agent = if line.contains("\"name1\"") { " 1" } else { "" };
            let id = line.rsplit_once('[').map_or("", |(_, id)| id);
            // That a taken name is free again does not say which, and is counted with both.
            let twins = id.contains("connection-taken") && line.contains("connected again");
            if !twins {
                told.entry(format!("{id}{agent}")).or_default().push(when.as_secs());
            }
        }
        for (id, whens) in told {
            // The ends of two agents are two conditions without an id in their first lines.
            let limit = if id.is_empty() || id.contains("crashing") { 10 } else { 5 };
            prop_assert!(whens.windows(limit + 1).all(|w| w[limit] >= w[0] + 600), "{} {:?}", id, whens);
        }
    }
}

#[test]
fn what_an_agent_says_while_it_is_started_anew_is_nothing_to_tell() {
    let mut scene = Scene::of(1);
    assert!(!scene.conditions.is_repeated(0, "agent started"));
    scene.conditions.renewing(0);
    for sign in [
        sign(unreachable(), true),
        sign(Trouble::KeyRejected, false),
        Sign::Closing,
        Sign::Connected,
        Sign::Other,
    ] {
        assert!(scene.hear(0, &sign), "{sign:?}");
    }
    assert!(!scene.hear(0, &Sign::Fatal));
    scene.conditions.started(0, scene.now);
    assert!(scene.conditions.is_repeated(0, "agent started"));
    scene.pass(Duration::from_hours(1));
    assert_eq!(scene.told, []);

    // What is wrong with the new one is told.
    scene.hear(0, &sign(unreachable(), true));
    assert_eq!(scene.told.len(), 1);
}
