//! In which dynos the agent runs.

use crate::support::dyno::{Launch, QUIET_AGENT, SECRET, Slug};

/// Asserts that the app runs, without any line, with one agent or none.
#[track_caller]
fn assert_agents(launch: &Launch, count: usize) {
    let mut dyno = launch.clone().with_stdin().script("echo up; read line");
    dyno.prints("up\n");
    if count == 0 {
        // The supervisor exists before the app starts.
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
        ("cron.5", 0),
        ("build.1", 0),
        ("run-12a34b56d-e78f9", 0),
        ("release-12a34b56d-e78f9", 0),
    ] {
        assert_agents(&slug.web().with("DYNO", dyno), agents);
    }
    // A laptop or a container.
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
    // A list of process types to ignore replaces the default one.
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

/// Asserts that the app runs with this many agents, and with one line about the lists that has all of `parts`.
#[track_caller]
fn assert_told(launch: &Launch, agents: usize, parts: &[&str]) {
    let mut dyno = launch.clone().with_stdin().script("echo up; read line");
    dyno.prints("up\n").has_agents(agents);
    dyno.assert(
        dyno.supervisors().len() == agents,
        "the supervisors are those of the agents",
    );
    dyno.write("go\n");
    dyno.exits(0).closes_output();
    let lines = dyno.own_lines();
    let has_all = |line: &String| parts.iter().all(|part| line.contains(part));
    dyno.assert(
        lines.len() == 1 && lines.iter().all(has_all),
        &format!("expected one line with {parts:?}"),
    );
    dyno.assert(!dyno.stderr().contains(SECRET), "the key must not be shown");
}

#[test]
fn a_type_the_procfile_does_not_have_is_told_with_those_it_has() {
    let slug = Slug::of_agent(QUIET_AGENT);
    slug.put("Procfile", "web: hoopstart -- puma\napi: hoopstart -- api\n");
    let rest = "only the rest of the list counts";
    for (name, list, wrong, state, agents) in [
        (
            "HOOP_IGNORE_PROCESS_TYPES",
            "wroker",
            "wroker",
            "the list excludes no dyno",
            1,
        ),
        (
            "HOOP_PROCESS_TYPES",
            "wbe",
            "wbe",
            "the agent does not run in any dyno",
            0,
        ),
        ("HOOP_PROCESS_TYPES", "web,wbe.1 , clock", "wbe.1, clock", rest, 1),
        (
            "HOOP_IGNORE_PROCESS_TYPES",
            "api.2,run,wbe-12a34b56d-e78f9",
            "wbe-12a34b56d-e78f9",
            rest,
            1,
        ),
    ] {
        let names = format!("{name} names {wrong}, and the Procfile has no such");
        assert_told(
            &slug.web().with(name, list),
            agents,
            &[&names, "The Procfile has: web, api.", state],
        );
    }
}

#[test]
fn a_type_that_the_procfile_of_this_slug_or_this_dyno_has_is_known() {
    let slug = Slug::of_agent(QUIET_AGENT);
    // The manifest has other types: those of the build, before the Procfile was changed.
    slug.put("Procfile", "release: rake db:migrate\nqueue: hoopstart -- sidekiq\n");
    let with = |dyno: &str, name: &str, list: &str| slug.web().with("DYNO", dyno).with(name, list);
    // A language's buildpack has added it.
    assert_agents(&with("web.1", "HOOP_PROCESS_TYPES", "web"), 1);
    assert_agents(&with("queue.1", "HOOP_PROCESS_TYPES", "web"), 0);
    assert_agents(
        &with("queue.1", "HOOP_IGNORE_PROCESS_TYPES", "web,worker,rake,console"),
        1,
    );
    assert_agents(&with("events.3", "HOOP_PROCESS_TYPES", "events.3,queue"), 1);
    assert_told(
        &with("queue.1", "HOOP_PROCESS_TYPES", "events"),
        0,
        &["HOOP_PROCESS_TYPES names events,", "The Procfile has: release, queue."],
    );
}

#[test]
fn what_no_dyno_can_be_called_is_told_whatever_the_procfile_holds() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let only = "HOOP_PROCESS_TYPES";
    for procfile in [None, Some("web: hoopstart -- puma\n")] {
        if let Some(procfile) = procfile {
            slug.put("Procfile", procfile);
        }
        for (name, list, agents, told, right) in [
            (only, "web.*", 0, "has \"web.*\", which can never match a dyno", "=web "),
            (only, "web worker", 0, "has \"web worker\", which", "=web,worker "),
            (only, "\"web\"", 0, "has '\"web\"', which", "=web "),
            (only, ",", 0, "HOOP_PROCESS_TYPES names nothing", "=web "),
            (only, " ", 0, "HOOP_PROCESS_TYPES names nothing", "=web "),
            (only, "web.1, web.1-3", 1, "has \"web.1-3\", which", "=web.1,web "),
            (only, "web:1", 0, "has \"web:1\", which", "=web,1 "),
            (
                "HOOP_IGNORE_PROCESS_TYPES",
                ",,",
                1,
                "HOOP_IGNORE_PROCESS_TYPES names nothing, so the list excludes no dyno",
                "=run,release,scheduler,cron,build ",
            ),
        ] {
            let right = format!("heroku config:set {name}{right}");
            let launch = slug.web().with(name, list);
            assert_told(&launch, agents, &[told, &right, "[start::process-type-unknown]"]);
        }
    }
}

#[test]
fn a_line_of_the_procfile_that_starts_the_agent_counts_where_none_runs_by_default() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let scheduler = slug.web().with("DYNO", "scheduler.1");
    assert_agents(&scheduler, 0);
    slug.put("Procfile", "web: puma\nscheduler: bundle exec clockwork clock.rb\n");
    assert_agents(&scheduler, 0);
    slug.put(
        "Procfile",
        "web: puma\nscheduler: hoopstart -- bundle exec clockwork clock.rb\n",
    );
    assert_agents(&scheduler, 1);
    assert_agents(&scheduler.clone().with("DYNO", "run.1"), 0);
    assert_agents(&scheduler.clone().with("HOOP_PROCESS_TYPES", "web"), 0);
    assert_agents(&scheduler.with("HOOP_IGNORE_PROCESS_TYPES", "scheduler"), 0);
}

#[test]
fn autostart_starts_nothing_and_says_nothing_where_there_is_no_dyno() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let attach = |launch: &Launch, agents: usize| {
        let script = "\"$HOME/.hoop/bin/hoopstart\" --attach \"$$\" </dev/null; echo up; read line";
        let mut dyno = launch.clone().with_stdin().plain(["sh", "-c", script]);
        dyno.prints("up\n").has_agents(agents);
        dyno.assert(dyno.supervisors().len() == agents, "as many supervisors");
        dyno.write("go\n");
        dyno.exits(0).closes_output();
        assert_eq!(dyno.stderr().replace("hoop | agent up\n", ""), "");
    };
    let launch = slug.web().with("HOOP_AUTOSTART", "true");
    attach(&launch, 1);
    // Dokku's predeploy and release.
    let nowhere = launch.without("DYNO");
    attach(&nowhere, 0);
    attach(&nowhere.clone().with("HOOP_PROCESS_TYPES", "web,"), 0);
    attach(&nowhere.with("HOOP_PROCESS_TYPES", "web,local"), 1);
}

#[test]
fn a_pipe_in_the_place_of_the_procfile_keeps_nothing_waiting() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let path = slug.path("Procfile");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &path,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .expect("a pipe can be made");
    assert_agents(&slug.web().with("HOOP_PROCESS_TYPES", "web,clock"), 1);
}
