//! In which dynos the agent runs.

use crate::support::dyno::{Launch, QUIET_AGENT, SECRET, Slug};

/// Asserts that the app runs with one agent and without a word, or with none.
#[track_caller]
fn assert_agents(launch: &Launch, count: usize) {
    let mut dyno = launch.clone().with_stdin().script("echo up; read line");
    dyno.prints("up\n");
    if count == 0 {
        // What would run an agent is there before the app is.
        dyno.assert(dyno.supervisors().is_empty(), "no agent belongs here");
        assert_eq!(dyno.processes().len(), 1);
    } else {
        dyno.logs("hoop | agent up\n").has_agents(count);
    }
    dyno.write("go\n");
    dyno.exits(0).closes_output();
    let said = dyno.stderr().replace("hoop | agent up\n", "");
    dyno.assert(said.is_empty(), "nothing is to be said");
}

#[test]
fn the_agent_runs_everywhere_but_in_one_off_dynos() {
    let slug = Slug::of_agent(QUIET_AGENT);
    for (dyno, agents) in [
        ("web.1", 1),
        ("worker.2", 1),
        ("web-12a34b56d-e78f9", 1),
        ("my-worker-12a34b56d-e78f9", 1),
        ("run.1", 0),
        ("run.1234", 0),
        ("release.3", 0),
        ("scheduler.9", 0),
        ("run-12a34b56d-e78f9", 0),
        ("release-12a34b56d-e78f9", 0),
    ] {
        assert_agents(&slug.web().with("DYNO", dyno), agents);
    }
    // A laptop, a container.
    assert_agents(&slug.web().without("DYNO"), 1);
}

#[test]
fn one_off_dynos_stay_silent_whatever_is_wrong() {
    let slug = Slug::without_agent();
    for variables in [
        vec![],
        vec![("HOOP_KEY", "nonsense")],
        vec![("HOOP_REQUIRED", "true")],
        vec![("HOOP_PROCESS_TYPES", "wbe")],
        vec![("HOOP_DISABLE", "maybe"), ("HOOP_CONNECTION", "env.NO_SUCH")],
    ] {
        let mut launch = slug.dyno().with("DYNO", "run.1");
        for (name, value) in variables {
            launch = launch.with(name, value);
        }
        let mut dyno = launch.script("echo '[1, 2]'");
        dyno.exits(0).closes_output();
        assert_eq!(dyno.stdout(), "[1, 2]\n");
        assert_eq!(dyno.stderr(), "");
    }
}

#[test]
fn lists_name_types_and_single_dynos() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let launch = |dyno: &str, only: Option<&str>, never: Option<&str>| {
        let mut launch = slug.web().with("DYNO", dyno);
        if let Some(only) = only {
            launch = launch.with("HOOP_PROCESS_TYPES", only);
        }
        if let Some(never) = never {
            launch = launch.with("HOOP_IGNORE_PROCESS_TYPES", never);
        }
        launch
    };
    // One of three dynos: the cure for "agent already connected".
    assert_agents(&launch("web.1", Some("web.1"), None), 1);
    assert_agents(&launch("web.2", Some("web.1"), None), 0);
    assert_agents(&launch("worker.1", Some("web"), None), 0);
    assert_agents(&launch("run.7", Some("web,run"), None), 1);
    assert_agents(&launch("web.1", None, Some("worker")), 1);
    assert_agents(&launch("worker.1", None, Some("web, worker")), 0);
    assert_agents(&launch("web.1", Some("web"), Some("web.1")), 0);
    assert_agents(&launch("web.2", Some("web"), Some("web.1")), 1);
    assert_agents(&launch("worker.1", Some("web"), Some("web.1")), 0);
    // A list of those to ignore replaces the one that is there without it.
    assert_agents(&launch("run.7", None, Some("worker")), 1);
    assert_agents(&launch("release.3", Some(" release , web "), Some("run")), 1);
    // On Fir.
    let (web, other) = ("web-12a34b56d-e78f9", "web-12a34b56d-0a1b2");
    assert_agents(&launch(web, Some("web"), None), 1);
    assert_agents(&launch(web, Some(web), None), 1);
    assert_agents(&launch(web, Some(other), None), 0);
    assert_agents(&launch(web, None, Some(web)), 0);
    assert_agents(&launch(web, None, Some(other)), 1);
    // In no dyno.
    let nowhere = |only, never| launch("", only, never).without("DYNO");
    assert_agents(&nowhere(Some("web"), None), 0);
    assert_agents(&nowhere(Some("web,local"), None), 1);
    assert_agents(&nowhere(None, Some("local")), 0);
}

#[test]
fn a_type_the_procfile_does_not_have_is_told_with_those_it_has() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let rest = "only the rest of the list counts";
    for (name, list, wrong, state, agents) in [
        (
            "HOOP_IGNORE_PROCESS_TYPES",
            "wroker",
            "wroker",
            "the list keeps the agent out of no dyno",
            1,
        ),
        ("HOOP_PROCESS_TYPES", "wbe", "wbe", "the agent runs in no dyno", 0),
        (
            "HOOP_PROCESS_TYPES",
            "web worker",
            "web worker",
            "Put a comma between two of them: ",
            0,
        ),
        ("HOOP_PROCESS_TYPES", "web,wbe.1 , clock", "wbe.1, clock", rest, 1),
        (
            "HOOP_IGNORE_PROCESS_TYPES",
            "worker.2,run,wbe-12a34b56d-e78f9",
            "wbe-12a34b56d-e78f9",
            rest,
            1,
        ),
    ] {
        let mut dyno = slug.web().with(name, list).with_stdin().script("echo up; read line");
        dyno.prints("up\n").has_agents(agents);
        assert_eq!(dyno.supervisors().len(), agents, "{name}={list}");
        dyno.write("go\n");
        dyno.exits(0).closes_output();
        let lines = dyno.own_lines();
        dyno.assert(
            lines.len() == 1
                && lines[0].contains(&format!("{name} names {wrong}, and the Procfile has no such"))
                && lines[0].contains("The Procfile has: web, worker.")
                && lines[0].contains(state),
            "expected one line with the wrong types and the right ones",
        );
        dyno.assert(!dyno.stderr().contains(SECRET), "the key must not be shown");
    }
}

#[test]
fn where_no_process_types_were_recorded_none_is_wrong() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let manifest = slug.read(".hoop/manifest.yml");
    let (without, _) = manifest
        .split_once("process_types:")
        .expect("the manifest has them last");
    slug.put(".hoop/manifest.yml", without);
    assert_agents(&slug.web().with("HOOP_PROCESS_TYPES", "web,clock"), 1);
}
