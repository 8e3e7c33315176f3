//! The app gets each signal as often as it was sent, and none of ours.

use crate::support::dyno::{Dyno, Slug, program};
use rustix::process::Signal;
use std::process::Command;

/// An app that prints a line for every signal. It ends when its stdin does not matter: never by itself.
const LISTENER: &str = r#"
for name in HUP INT QUIT USR1 USR2 ALRM WINCH TERM; do trap "echo got $name" "$name"; done
echo ready
while :; do
  sleep 600 >/dev/null 2>&1 &
  wait "$!"
  kill -KILL "$!"
done 2>/dev/null
"#;

/// An agent that writes a line into a file for every signal, and ends at none.
const LISTENING_AGENT: &str = r#"#!/bin/sh
for name in HUP INT QUIT TERM; do trap "echo got $name >>\"$HOME/agent-signals\"" "$name"; done
echo "agent up"
while :; do
  sleep 600 >/dev/null 2>&1 &
  wait "$!"
  kill -KILL "$!"
done 2>/dev/null
"#;

/// An app that logs every signal it is sent, with its sender and the time. It takes them from the kernel one by one.
pub(crate) const WITNESS: &str = "
import signal, time
signals = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
signal.pthread_sigmask(signal.SIG_BLOCK, signals)
print('ready', flush=True)
while True:
    info = signal.sigwaitinfo(signals)
    print('signal', info.si_signo, 'of', info.si_pid, 'at', time.monotonic_ns(), flush=True)
";

/// All signals the listener tells apart, but the one that marks the end.
const SIGNALS: [(Signal, &str); 7] = [
    (Signal::HUP, "HUP"),
    (Signal::INT, "INT"),
    (Signal::QUIT, "QUIT"),
    (Signal::USR1, "USR1"),
    (Signal::ALARM, "ALRM"),
    (Signal::WINCH, "WINCH"),
    (Signal::TERM, "TERM"),
];

/// How often the app has got a signal.
fn count(dyno: &Dyno, name: &str) -> usize {
    dyno.stdout().matches(&format!("got {name}\n")).count()
}

/// Starts the listener with an agent beside it.
fn listener(slug: &Slug) -> Dyno {
    let dyno = slug.web().after("ulimit -c 0").script(LISTENER);
    dyno.prints("ready\n").logs("hoop | agent up\n");
    dyno
}

/// Sends each signal twice by `send`, and asserts that the app gets each twice and no other. Two of a kind at once
/// are one to the kernel, so the next is sent when `arrived` says that the last was seen by all.
#[track_caller]
fn assert_each_is_seen_once(dyno: &Dyno, send: impl Fn(Signal), arrived: impl Fn(&str, usize) -> bool) {
    for (signal, name) in SIGNALS {
        for time in 1..=2 {
            send(signal);
            dyno.until(&format!("{name} number {time}"), || {
                (count(dyno, name) >= time && arrived(name, time)).then_some(())
            });
        }
    }
    // What comes behind this one would have come before it.
    dyno.signal(Signal::USR2);
    dyno.prints("got USR2\n");
    let expected: String = SIGNALS
        .iter()
        .flat_map(|(_, name)| [format!("got {name}\n"), format!("got {name}\n")])
        .collect();
    dyno.assert(
        dyno.stdout() == format!("ready\n{expected}got USR2\n"),
        "expected each signal twice",
    );
}

#[test]
fn signals_to_the_pid_reach_the_app_once_and_the_agent_never() {
    let slug = Slug::of_agent(LISTENING_AGENT);
    let dyno = listener(&slug);

    assert_each_is_seen_once(&dyno, |signal| dyno.signal(signal), |_, _| true);

    assert_eq!(slug.read("agent-signals"), "");
    assert_eq!(dyno.agents().len(), 1);
}

#[test]
fn signals_to_the_process_group_reach_the_app_once_and_the_agent_never() {
    let slug = Slug::of_agent(LISTENING_AGENT);
    let dyno = listener(&slug);

    assert_each_is_seen_once(&dyno, |signal| dyno.signal_group(signal), |_, _| true);

    assert_eq!(slug.read("agent-signals"), "");
    assert_eq!(dyno.supervisors().len(), 1);
}

#[test]
fn signals_to_the_whole_dyno_reach_app_and_agent_once_each() {
    let slug = Slug::of_agent(LISTENING_AGENT);
    let dyno = listener(&slug);
    let agent = dyno.has_agents(1)[0].pid;

    // The agent is not written to survive the others.
    let shared = ["HUP", "INT", "QUIT", "TERM"];
    let of_agent = |name: &str| slug.read("agent-signals").matches(&format!("got {name}\n")).count();
    assert_each_is_seen_once(
        &dyno,
        |signal| {
            let (_, name) = SIGNALS.iter().find(|(listed, _)| *listed == signal).unwrap();
            if shared.contains(name) {
                dyno.signal_all(signal);
            } else {
                dyno.signal(signal);
                dyno.supervisors()[0].signal(signal);
            }
        },
        |name, time| !shared.contains(&name) || of_agent(name) >= time,
    );

    assert_eq!(
        slug.read("agent-signals"),
        "got HUP\ngot HUP\ngot INT\ngot INT\ngot QUIT\ngot QUIT\ngot TERM\ngot TERM\n"
    );
    // The supervisor outlives them all, and stops nothing before the app has gone.
    assert_eq!(dyno.has_agents(1)[0].pid, agent);
    assert_eq!(dyno.supervisors().len(), 1);
}

#[test]
fn repeated_hangups_reach_the_app_as_often_as_they_were_sent() {
    let slug = Slug::of_agent(LISTENING_AGENT);
    let dyno = listener(&slug);
    for time in 1..=20 {
        dyno.signal_all(Signal::HUP);
        dyno.until(&format!("hangup {time}"), || {
            (count(&dyno, "HUP") >= time).then_some(())
        });
    }
    dyno.signal(Signal::USR2);
    dyno.prints("got USR2\n");
    assert_eq!(count(&dyno, "HUP"), 20);
}

/// Starts the witness beside `agent`, where there is a python.
pub(crate) fn witness(slug: &Slug) -> Option<Dyno> {
    program("python3")?;
    let dyno = slug.web().start(["python3", "-c", WITNESS]);
    dyno.prints("ready\n").logs("hoop | agent up\n");
    Some(dyno)
}

/// The signals that the witness has seen by now, with their senders.
pub(crate) fn witnessed(dyno: &Dyno) -> Vec<(i32, u32)> {
    let shown = dyno.stdout();
    let seen = shown.lines().filter_map(|line| {
        // A terminal shows the key before it.
        let (_, seen) = line.split_once("signal ")?;
        let (signal, rest) = seen.split_once(" of ")?;
        let (sender, _) = rest.split_once(" at ")?;
        Some((signal.parse().ok()?, sender.parse().ok()?))
    });
    seen.collect()
}

/// Waits until the witness has seen as many signals as were sent.
#[track_caller]
fn until_witnessed(dyno: &Dyno, sent: &[(i32, u32)]) {
    dyno.until(&format!("{} signals", sent.len()), || {
        (witnessed(dyno).len() >= sent.len()).then_some(())
    });
}

#[test]
fn a_witness_sees_each_signal_as_often_as_it_was_sent_and_none_of_ours() {
    let slug = Slug::of_agent(LISTENING_AGENT);
    let Some(dyno) = witness(&slug) else { return };
    let test = std::process::id();
    let mut sent = Vec::new();

    let of_agent = |name: &str| slug.read("agent-signals").matches(&format!("got {name}\n")).count();
    let mut of_dyno = 0;
    for (signal, name) in SIGNALS {
        // A console that closes hangs up again and again.
        for _ in 0..if name == "HUP" { 20 } else { 2 } {
            dyno.signal(signal);
            sent.push((signal.as_raw(), test));
            until_witnessed(&dyno, &sent);
            dyno.signal_group(signal);
            sent.push((signal.as_raw(), test));
            until_witnessed(&dyno, &sent);
        }
        // The agent is not written to survive the others.
        for time in 1..=if ["HUP", "INT", "QUIT", "TERM"].contains(&name) {
            10
        } else {
            0
        } {
            dyno.signal_all(signal);
            sent.push((signal.as_raw(), test));
            until_witnessed(&dyno, &sent);
            dyno.until("the agent", || (of_agent(name) == time).then_some(()));
            of_dyno += 1;
        }
    }
    // The kernel keeps count of real-time signals, so these need not be waited for one by one.
    for target in [dyno.pid().to_string(), format!("-{}", dyno.pid())] {
        let burst = "i=0; while [ $i -lt 50 ]; do kill -40 \"$0\"; i=$((i + 1)); done";
        let mut sender = Command::new("sh").args(["-c", burst, &target]).spawn().unwrap();
        assert!(sender.wait().unwrap().success());
        sent.extend([(40, sender.id()); 50]);
    }
    until_witnessed(&dyno, &sent);
    // What comes behind this one would have come before it.
    dyno.signal(Signal::USR2);
    sent.push((Signal::USR2.as_raw(), test));
    until_witnessed(&dyno, &sent);

    assert_eq!(witnessed(&dyno), sent, "{}", dyno.stdout());
    assert_eq!(slug.read("agent-signals").lines().count(), of_dyno);
    assert_eq!((dyno.supervisors().len(), dyno.agents().len()), (1, 1));
}

#[test]
fn a_stopped_app_goes_on_where_it_was() {
    let slug = Slug::of_agent(LISTENING_AGENT);
    let dyno = listener(&slug);
    let state = || {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", dyno.pid())).unwrap();
        text.rsplit_once(") ").unwrap().1.chars().next().unwrap()
    };

    for (time, signal) in [Signal::STOP, Signal::TSTP, Signal::TTIN, Signal::TTOU]
        .into_iter()
        .enumerate()
    {
        dyno.signal(signal);
        dyno.until("a stop", || (state() == 'T').then_some(()));
        assert_eq!(dyno.supervisors().len(), 1);
        dyno.signal(Signal::CONT);
        dyno.signal(Signal::USR1);
        dyno.until("the app", || (count(&dyno, "USR1") == time + 1).then_some(()));
    }
    assert_eq!(dyno.agents().len(), 1);
}
