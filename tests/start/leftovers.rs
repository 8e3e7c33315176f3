//! Nothing of ours outlives what it is for: an agent its supervisor, a session's processes their agent.

use crate::shutdown::PROMISE;
use crate::support::dyno::{Dyno, MULTI, Process, QUIET_AGENT, Slug, program};
use rustix::process::Signal;
use std::time::Instant;

/// Waits for a living process with this command line.
#[track_caller]
fn process(dyno: &Dyno, words: &[&str]) -> Process {
    dyno.until(&format!("{words:?}"), || {
        let mut processes = dyno.processes();
        processes.retain(|process| process.command_line() == words && !process.is_zombie);
        processes.pop()
    })
}

/// Waits until no process with this command line is left.
#[track_caller]
fn no_process(dyno: &Dyno, words: &[&str]) {
    dyno.until(&format!("the end of {words:?}"), || {
        let is_left = dyno.processes().iter().any(|process| process.command_line() == words);
        (!is_left).then_some(())
    });
}

/// Asserts that with its supervisor an agent is gone and all that is in its group, and that the app is not.
#[track_caller]
fn assert_gone_with_supervisor(mut dyno: Dyno, signal: Signal) {
    let supervisor = dyno.supervisors().remove(0);
    let killed = Instant::now();
    supervisor.signal(signal);
    dyno.until("the app alone", || {
        let processes = dyno.processes();
        let [app] = processes.as_slice() else { return None };
        (app.pid == dyno.pid()).then_some(())
    });
    assert!(killed.elapsed() < PROMISE, "{:?}", killed.elapsed());
    dyno.write("go\n");
    dyno.exits(6);
}

#[test]
fn with_the_supervisor_the_agent_goes_whatever_ends_it() {
    // Out of memory, a fault of its own: whoever sends them.
    for signal in [Signal::KILL, Signal::SEGV, Signal::ABORT, Signal::BUS] {
        let slug = Slug::of_agent(QUIET_AGENT);
        let dyno = slug.web().after("ulimit -c 0").with_stdin().script("read line; exit 6");
        dyno.logs("hoop | agent up\n");
        assert_gone_with_supervisor(dyno, signal);
    }
}

#[test]
fn with_the_supervisor_go_an_agent_that_ignores_its_end_and_the_sessions_of_its_group() {
    let slug = Slug::of_agent(
        r#"#!/bin/sh
trap '' TERM INT HUP QUIT
sh -c 'sleep 601 & wait' &
(sleep 602 &)
echo "agent up"
while :; do sleep 603; done
"#,
    );
    let dyno = slug.web().with_stdin().script("read line; exit 6");
    dyno.logs("hoop | agent up\n");
    for sleeper in ["601", "602", "603"] {
        process(&dyno, &["sleep", sleeper]);
    }
    assert_gone_with_supervisor(dyno, Signal::KILL);
}

#[test]
fn with_the_supervisor_every_agent_goes_also_one_that_was_started_again() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let launch = slug.web().with("HOOP_KEY", MULTI).with("HOOP_CONNECTION", "one,two");
    let dyno = launch.with_stdin().script("read line; exit 6");
    dyno.logs("hoop:one | agent up\n").logs("hoop:two | agent up\n");
    dyno.agents()[0].signal(Signal::KILL);
    dyno.until("another start", || {
        (dyno.stderr().matches(" | agent up\n").count() == 3).then_some(())
    });
    assert_gone_with_supervisor(dyno, Signal::KILL);
}

#[test]
fn with_the_supervisor_an_agent_goes_that_is_a_program_which_nobody_may_read() {
    let Some(slug) = Slug::of_program() else { return };
    let Some(launch) = slug.web().by_ordinary_user() else {
        return;
    };
    let dyno = launch.with_stdin().script("read line; exit 6");
    dyno.logs("hoop | agent up\n");
    assert_gone_with_supervisor(dyno, Signal::KILL);
}

#[test]
fn what_a_crashed_agent_has_left_is_ended_before_the_next_is_started() {
    let setsid = if program("setsid").is_some() { "setsid" } else { "" };
    // Left in its group, out of it, and deaf to its end; with each start others.
    let slug = Slug::of_agent(&format!(
        r#"#!/bin/sh
left=$(ps -e -o args | grep -c "[s]leep 6[0-9][0-9].$PPID")
echo "agent up, left: $left"
(sleep 600.$PPID &)
({setsid} sleep 601.$PPID &)
(trap '' TERM; sleep 602.$PPID &)
({setsid} sh -c 'trap "" TERM; sleep 603.'$PPID'; sleep 604.'$PPID &)
exit 3
"#
    ));
    if program("ps").is_none() {
        return;
    }
    let dyno = slug.web().start(["sleep", "600"]);
    dyno.until("three more starts", || {
        (dyno.stderr().matches(" | agent up, left: 0\n").count() == 4).then_some(())
    });
    dyno.assert(!dyno.stderr().contains("left: 1"), "something was left");
}

#[test]
fn what_a_living_agent_has_started_stays_when_another_crashes() {
    let slug = Slug::of_agent(
        r#"#!/bin/sh
case "$*" in
*one*) echo "agent up"; read line <"$HOME/crash"; exit 3 ;;
*) sleep 601 & (sleep 602 &); echo "agent up"; while :; do wait; sleep 60; done ;;
esac
"#,
    );
    let launch = slug.web().with("HOOP_KEY", MULTI).with("HOOP_CONNECTION", "one,two");
    let dyno = launch.after("mkfifo crash").start(["sleep", "600"]);
    dyno.logs("hoop:one | agent up\n").logs("hoop:two | agent up\n");
    let sessions = ["601", "602"].map(|sleeper| process(&dyno, &["sleep", sleeper]).pid);
    slug.put("crash", "now\n");
    dyno.until("another start", || {
        (dyno.stderr().matches("hoop:one | agent up\n").count() == 2).then_some(())
    });
    assert_eq!(
        ["601", "602"].map(|sleeper| process(&dyno, &["sleep", sleeper]).pid),
        sessions
    );
}

#[test]
fn what_the_agent_forks_while_it_ends_goes_too() {
    // Twice, so that for a moment it has no parent that is ours, and out of its group.
    let setsid = if program("setsid").is_some() { "setsid" } else { "" };
    let slug = Slug::of_agent(&format!(
        r#"#!/bin/sh
helper() {{ ({setsid} sh -c "$1" </dev/null >/dev/null 2>&1 &) }}
trap 'helper "trap \"\" TERM; sleep 601"; helper "sleep 602"; exit 15' TERM
echo "agent up"
while :; do sleep 60 & wait "$!"; done
"#
    ));
    // How the two run side by side is another each time.
    for _ in 0..5 {
        let mut dyno = slug.web().with_stdin().script("read line; exit 6");
        dyno.logs("hoop | agent up\n");
        dyno.write("go\n");
        dyno.exits(6);
        dyno.is_gone_within(PROMISE, Instant::now());
    }
}

#[test]
fn a_supervisor_that_is_killed_leaves_an_app_that_was_attached_to_alone() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let launch = slug.web().with("HOOP_AUTOSTART", "on");
    let mut dyno = launch
        .with_stdin()
        .plain(["sh", "-c", ". .profile.d/zz-hoop-buildpack.sh; read line; exit 6"]);
    dyno.logs("hoop | agent up\n");
    for supervisor in dyno.supervisors() {
        supervisor.signal(Signal::KILL);
    }
    dyno.has_agents(0);
    no_process(&dyno, &["sleep", "60"]);
    dyno.write("go\n");
    dyno.exits(6);
}
