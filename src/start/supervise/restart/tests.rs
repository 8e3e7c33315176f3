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
