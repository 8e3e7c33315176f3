//! Whatever is wrong with the agent, the app runs, and one line says what to do.

use crate::signals::{witness, witnessed};
use crate::support::dyno::{Dyno, MULTI, Process, QUIET_AGENT, SECRET, STANDARD, Slug};
use rustix::process::Signal;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

/// Runs an app that prints and exits, and returns the dyno with all its output.
fn app_alone(launch: &crate::support::dyno::Launch) -> Dyno {
    let mut dyno = launch.script("echo app; exit 7");
    dyno.exits(7).closes_output();
    dyno.assert(dyno.stdout() == "app\n", "nothing of ours goes to stdout");
    dyno
}

/// Asserts that hoopstart has written only this one line.
#[track_caller]
fn assert_one_line(dyno: &Dyno, phrases: &[&str], id: &str) {
    let lines = dyno.own_lines();
    dyno.assert(lines.len() == 1, "expected one line of hoopstart's");
    for phrase in phrases {
        dyno.assert(lines[0].contains(phrase), &format!("expected {phrase:?}"));
    }
    dyno.assert(lines[0].starts_with("hoopstart: warning: "), "expected a warning");
    dyno.assert(lines[0].ends_with(&format!(" [{id}]")), &format!("expected [{id}]"));
}

#[test]
fn an_agent_that_exits_is_one_line_and_comes_back() {
    let slug = Slug::of_agent("#!/bin/sh\necho tried\nexit 9\n");
    let mut dyno = slug.web().with_stdin().script("read line; exit 8");
    dyno.until("three tries", || {
        (dyno.stderr().matches("hoop | tried\n").count() == 3).then_some(())
    });

    dyno.write("go\n");
    dyno.exits(8).closes_output();
    let lines = dyno.own_lines();
    dyno.assert((2..=3).contains(&lines.len()), "expected a line for each end");
    for (line, next) in lines.iter().zip(["1s", "2s", "4s"]) {
        let next = if next == "4s" { "in " } else { next };
        let expected = "hoopstart: warning: agent exited with status 9 after 0s; next try in ";
        dyno.assert(
            line.starts_with(expected) && line.contains(next) && line.ends_with(", the app is not affected"),
            &format!("expected status, age and next try ({next}): {line}"),
        );
    }
}

#[test]
fn an_agent_that_a_signal_ends_is_one_line_and_comes_back() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let dyno = slug.web().start(["sleep", "600"]);
    dyno.logs("hoop | agent up\n");
    let first = dyno.has_agents(1).remove(0);

    first.signal(Signal::KILL);
    dyno.logs("hoopstart: warning: agent was killed by signal 9 after ");
    dyno.until("another agent", || {
        dyno.agents().iter().any(|agent| agent.pid != first.pid).then_some(())
    });
}

#[test]
fn an_app_is_sent_no_signal_and_has_no_child_when_its_agent_dies_again_and_again() {
    let slug = Slug::of_agent("#!/bin/sh\nsleep 0 &\necho \"agent up\"\nkill -KILL $$\n");
    let Some(dyno) = witness(&slug) else { return };
    dyno.until("three ends", || {
        let children = Process::children_of(dyno.pid());
        dyno.assert(children.is_empty(), &format!("children of the app: {children:?}"));
        (dyno.own_lines().len() == 3).then_some(())
    });
    // A signal before this one would have arrived first.
    dyno.signal(Signal::USR2);
    dyno.until("a signal", || (!witnessed(&dyno).is_empty()).then_some(()));
    assert_eq!(witnessed(&dyno), [(Signal::USR2.as_raw(), std::process::id())]);
}

#[test]
fn of_several_agents_the_one_that_ends_is_named_and_the_others_are_left_alone() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let launch = slug.web().with("HOOP_KEY", MULTI).with("HOOP_CONNECTION", "one,two");
    let dyno = launch.start(["sleep", "600"]);
    dyno.logs("hoop:one | agent up\n").logs("hoop:two | agent up\n");
    let of = |name: &str| {
        let mut agents = dyno.agents();
        agents.retain(|agent| agent.agent_arguments().is_some_and(|words| words[2] == name));
        agents.pop()
    };
    let (one, two) = (of("one").unwrap(), of("two").unwrap());

    for time in 1..=2 {
        of("one").unwrap().signal(Signal::KILL);
        dyno.until("another start", || {
            (dyno.stderr().matches("hoop:one | agent up\n").count() == 1 + time).then_some(())
        });
        let lines = dyno.own_lines();
        dyno.assert(lines.len() == time, "expected one line for each end");
        let expected = "hoopstart: warning: agent of one was killed by signal 9 after ";
        dyno.assert(
            lines[time - 1].starts_with(expected),
            "expected the name of the connection",
        );
        dyno.assert(
            lines[time - 1].contains(&format!("next try in {time}s")),
            "expected the next try",
        );
    }
    assert_ne!(of("one").unwrap().pid, one.pid);
    assert_eq!(of("two").unwrap().pid, two.pid);
    assert_eq!(dyno.stderr().matches("hoop:two | agent up\n").count(), 1);
}

#[test]
fn an_agent_that_cannot_be_run_is_one_line_with_the_cause() {
    let slug = Slug::of_agent("#!/no/such/interpreter\n");
    let mut dyno = slug.web().with_stdin().script("read line; exit 8");
    dyno.logs("hoopstart: warning: agent could not be started (");
    dyno.logs("next try in 1s, the app is not affected. Deploy again to reinstall it [start::agent-missing]\n");
    dyno.write("go\n");
    dyno.exits(8);
}

#[test]
fn an_agent_that_may_not_be_executed_is_one_line_and_is_not_tried() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let path = slug.path(".hoop/bin/hoop");
    std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    assert_one_line(
        &app_alone(&slug.web()),
        &[path.to_str().unwrap(), "cannot be executed", "deploy again"],
        "start::agent-missing",
    );
}

#[test]
fn without_a_key_one_line_says_how_to_set_it() {
    let slug = Slug::of_agent(QUIET_AGENT);
    for launch in [
        slug.dyno(),
        slug.dyno().with("HOOP_KEY", ""),
        slug.dyno().with("DYNO", "worker.2"),
    ] {
        let dyno = app_alone(&launch);
        assert_one_line(
            &dyno,
            &[
                "HOOP_KEY is not set",
                "the app runs without it",
                "heroku config:set HOOP_KEY=<key>",
            ],
            "start::key-missing",
        );
    }
}

#[test]
fn a_malformed_key_is_said_once_and_never_shown() {
    let slug = Slug::of_release("1.148.0");
    for (name, key) in [
        ("HOOP_KEY", format!("://{SECRET}")),
        ("HOOP_DSN", format!("xagt-{SECRET}")),
        (
            "HOOP_KEY",
            format!("grpcs://web:{SECRET}@gateway.example:8443?mode=nonsense"),
        ),
    ] {
        let dyno = slug.dyno().with(name, &key).script("echo app; exec sleep 600");
        dyno.prints("app\n").logs("[start::key-malformed]\n");
        dyno.logs(&format!("the agent key in {name} cannot be used"));
        if !key.ends_with("nonsense") {
            // The agent ends at once, and a restart would not help, so it is left alone for minutes.
            dyno.logs("exited with status 1");
            let line = dyno.own_lines().pop().unwrap();
            let pause: u64 = line
                .split_once("next try in ")
                .and_then(|(_, rest)| rest.split_once('s'))
                .and_then(|(number, _)| number.parse().ok())
                .unwrap_or_else(|| dyno.fail("expected the next try"));
            dyno.assert((300..=375).contains(&pause), "expected a pause of five minutes");
        }
        let said = dyno.stderr();
        dyno.assert(said.matches("[start::key-malformed]").count() == 1, "it is said once");
        dyno.assert(!said.contains(SECRET), "the key must not be shown");
    }
}

#[test]
fn a_missing_agent_is_one_line_that_says_where_it_should_be() {
    let slug = Slug::of_agent(QUIET_AGENT);
    slug.remove(".hoop/bin/hoop");
    let path = slug.path(".hoop/bin/hoop");
    assert_one_line(
        &app_alone(&slug.web()),
        &[path.to_str().unwrap()],
        "start::agent-missing",
    );
    // As after a build with HOOP_INSTALL=optional.
    assert_one_line(
        &app_alone(&Slug::without_agent().web()),
        &["build log"],
        "start::agent-missing",
    );
}

#[test]
fn a_manifest_that_cannot_be_read_is_one_line() {
    let slug = Slug::of_agent(QUIET_AGENT);
    slug.put(".hoop/manifest.yml", "- no manifest\n\u{1b}[31m");
    assert_one_line(&app_alone(&slug.web()), &["manifest.yml"], "start::manifest-unreadable");
    slug.remove(".hoop/manifest.yml");
    assert_one_line(&app_alone(&slug.web()), &["manifest.yml"], "start::manifest-unreadable");
}

#[test]
fn connections_that_cannot_be_published_are_one_line() {
    let slug = Slug::of_release("1.148.0");
    let long = "a".repeat(256);
    for (key, value, id) in [
        (MULTI, None, "start::connection-missing"),
        (MULTI, Some(" , "), "start::connection-missing"),
        (MULTI, Some("a,env.NO_SUCH"), "start::connection-invalid"),
        (MULTI, Some(long.as_str()), "start::connection-invalid"),
        (STANDARD, Some("a"), "start::connection-not-published"),
    ] {
        let mut launch = slug.web().with("HOOP_KEY", key);
        if let Some(value) = value {
            launch = launch.with("HOOP_CONNECTION", value);
        }
        assert_one_line(&app_alone(&launch), &["HOOP_CONNECTION"], id);
    }
    let launch = slug.web().with("HOOP_KEY", STANDARD).with("HOOP_CONNECTION", "a");
    launch.start(["sleep", "600"]).has_agents(1);
}

#[test]
fn a_switch_with_another_value_is_one_line_and_counts_as_off() {
    let slug = Slug::of_agent(QUIET_AGENT);
    for name in ["HOOP_DISABLE", "HOOP_REQUIRED", "HOOP_HIDE_KEY", "HOOPSTART_DEBUG"] {
        let dyno = app_alone(&slug.web().with(name, "maybe"));
        assert_one_line(&dyno, &[name, "\"maybe\"", "counts as off"], "start::value-invalid");
    }
}

#[test]
fn required_stops_the_boot_for_what_keeps_the_agent_from_running() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let without_agent = Slug::without_agent();
    let without_manifest = Slug::of_agent(QUIET_AGENT);
    without_manifest.remove(".hoop/manifest.yml");
    for (launch, id) in [
        (slug.dyno(), "start::key-missing"),
        (slug.web().with("HOOP_KEY", "nonsense"), "start::key-malformed"),
        (slug.web().with("HOOP_KEY", MULTI), "start::connection-missing"),
        (without_agent.web(), "start::agent-missing"),
        (without_manifest.web(), "start::manifest-unreadable"),
    ] {
        let mut dyno = launch.with("HOOP_REQUIRED", "true").script("echo app");
        dyno.exits(78).closes_output();
        dyno.assert(dyno.stdout().is_empty(), "the app must not start");
        dyno.assert(dyno.processes().is_empty(), "nothing must be left");
        let lines = dyno.own_lines();
        dyno.assert(lines.len() == 1, "one event is one line");
        dyno.assert(lines[0].starts_with("hoopstart: error: "), "expected an error");
        dyno.assert(lines[0].ends_with(&format!(" [{id}]")), &format!("expected [{id}]"));
        dyno.assert(
            lines[0].contains("; HOOP_REQUIRED is on, so nothing was started, exit 78. "),
            "expected the reason of the exit",
        );
        for untrue in ["runs", "not affected", "was not started", "will not connect"] {
            dyno.assert(!lines[0].contains(untrue), &format!("{untrue:?} is not true here"));
        }
    }
    // Nothing to stop for: an agent that can be started, and a dyno without an agent.
    app_alone(&slug.web().with("HOOP_REQUIRED", "1"));
    app_alone(&slug.dyno().with("HOOP_REQUIRED", "1").with("DYNO", "run.1"));
    app_alone(&slug.dyno().with("HOOP_REQUIRED", "1").with("HOOP_DISABLE", "1"));
}

#[test]
fn disabled_is_silent_and_starts_nothing() {
    for slug in [Slug::of_agent(QUIET_AGENT), Slug::without_agent()] {
        for value in ["1", "true", "YES", "On"] {
            let mut dyno = slug.web().with("HOOP_DISABLE", value).with_stdin().script("read line");
            dyno.until("the app", || {
                dyno.processes()
                    .iter()
                    .any(|process| process.command_line().first().is_some_and(|word| word == "sh"))
                    .then_some(())
            });
            assert_eq!(dyno.processes().len(), 1);
            dyno.write("go\n");
            dyno.exits(0).closes_output();
            assert_eq!(dyno.stderr(), "");
        }
    }
}

#[test]
fn debug_tells_each_decision_under_both_names() {
    let slug = Slug::of_agent(QUIET_AGENT);
    for name in ["HOOPSTART_DEBUG", "HOOPSTART_XTRACE"] {
        let dyno = app_alone(&slug.web().with(name, "1").with("HOOP_DISABLE", "1"));
        let lines = dyno.own_lines();
        dyno.assert(
            lines.iter().any(|line| line.contains("web.1"))
                && lines.iter().any(|line| line.contains("HOOP_DISABLE is on")),
            "expected dyno and reason",
        );
    }
    let dyno = app_alone(&slug.web().with("HOOPSTART_DEBUG", "1"));
    dyno.assert(!dyno.stderr().contains(SECRET), "the key must not be shown");
}

#[test]
fn a_flood_of_output_does_not_disturb_the_app() {
    let slug = Slug::of_agent("#!/bin/sh\nexec yes flood\n");
    let mut dyno = slug
        .web()
        .script("i=0; while [ $i -lt 500 ]; do echo \"out $i\"; echo \"err $i\" >&2; i=$((i + 1)); done; exit 11");
    dyno.exits(11).closes_output();
    let expected: Vec<String> = (0..500).map(|number| format!("out {number}")).collect();
    assert_eq!(dyno.stdout().lines().collect::<Vec<_>>(), expected);
    let said = dyno.stderr();
    let own: Vec<&str> = said.lines().filter(|line| *line != "hoop | flood").collect();
    let expected: Vec<String> = (0..500).map(|number| format!("err {number}")).collect();
    assert_eq!(own, expected);
}

#[test]
fn a_log_whose_reader_has_gone_ends_neither_app_nor_agent() {
    let slug = Slug::of_agent("#!/bin/sh\nwhile :; do echo line; sleep 0.05; done\n");
    let launch = slug.web();
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = std::process::Command::new(slug.hoopstart());
    command
        .args(["--", "sh", "-c", "read line; exit 7"])
        .env_clear()
        .envs(launch.variables().iter().map(|(name, value)| (name, value)))
        .stdin(std::process::Stdio::piped())
        .stderr(writer);
    drop(reader);
    let mut dyno = Dyno::of(&launch, command);
    let agent = dyno.has_agents(1)[0].pid;
    // The agent's own children come and go while it writes.
    let mut seen = std::collections::BTreeSet::new();
    dyno.until("ten more lines", || {
        seen.extend(
            dyno.processes()
                .iter()
                .filter(|process| process.parent == agent)
                .map(|process| process.pid),
        );
        (seen.len() > 10).then_some(())
    });
    assert_eq!(dyno.has_agents(1)[0].pid, agent);
    dyno.write("go\n");
    dyno.exits(7);
}

#[test]
fn what_stands_in_the_place_of_a_file_of_ours_and_is_none_does_not_hold_the_app() {
    for (place, id) in [
        (".hoop/manifest.yml", "[start::manifest-unreadable]"),
        (".hoop/bin/hoop", "[start::agent-missing]"),
    ] {
        let put: [&dyn Fn(&std::path::Path); 4] = [
            &|path| {
                let made = std::process::Command::new("mkfifo").arg(path).status();
                assert!(made.expect("there is mkfifo").success());
            },
            &|path| std::os::unix::fs::symlink("/dev/zero", path).unwrap(),
            &|path| std::fs::create_dir(path).unwrap(),
            &|path| drop(std::os::unix::net::UnixListener::bind(path).unwrap()),
        ];
        for put in put {
            let slug = Slug::of_agent(QUIET_AGENT);
            slug.remove(place);
            // A socket's path must be short.
            let short = tempfile::tempdir().unwrap();
            put(&short.path().join("x"));
            let moved = std::process::Command::new("mv")
                .arg(short.path().join("x"))
                .arg(slug.path(place))
                .status();
            assert!(moved.expect("there is mv").success());
            let mut dyno = slug.web().script("echo up; exit 7");
            dyno.exits(7).closes_output();
            assert_eq!(dyno.stdout(), "up\n");
            let lines = dyno.own_lines();
            dyno.assert(lines.len() == 1 && lines[0].ends_with(id), "expected one line");
        }
    }
}
