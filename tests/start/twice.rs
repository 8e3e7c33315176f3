//! Starting twice is harmless.

use crate::support::dyno::{QUIET_AGENT, Slug};

#[test]
fn hoopstart_in_hoopstart_runs_one_agent() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let hoopstart = slug.hoopstart();
    let hoopstart = hoopstart.to_str().unwrap();
    let mut dyno = slug.web().with_stdin().start([
        hoopstart,
        "--",
        hoopstart,
        "--",
        "sh",
        "-c",
        "echo up; read line; exit 6",
    ]);
    dyno.prints("up\n").logs("hoop | agent up\n");

    dyno.has_supervisors(1);
    assert_eq!(dyno.agents().len(), 1);
    dyno.write("go\n");
    dyno.exits(6);
}

#[test]
fn a_second_hoopstart_that_sees_no_key_neither_complains_nor_stops_the_boot() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let mut dyno = slug
        .web()
        .with("HOOP_HIDE_KEY", "1")
        .with("HOOP_REQUIRED", "1")
        .with_stdin()
        .script("read line; exec bin/hoopstart -- sh -c 'exit 6'");
    dyno.logs("hoop | agent up\n");
    dyno.write("go\n");
    dyno.exits(6).closes_output();
    dyno.assert(
        dyno.own_lines().is_empty(),
        "nothing is wrong, so nothing is to be said",
    );
}

#[test]
fn hoopstart_in_a_child_of_the_app_runs_no_other_agent() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let mut dyno = slug
        .web()
        .with("HOOPSTART_DEBUG", "1")
        .with_stdin()
        .script("read line; bin/hoopstart -- sh -c 'echo child; read line'; exit 6");
    dyno.logs("hoop | agent up\n");
    dyno.write("go\n");
    dyno.prints("child\n").logs("already runs beside process");

    dyno.has_supervisors(1);
    dyno.write("go\n");
    dyno.exits(6);
}

#[test]
fn two_apps_side_by_side_have_an_agent_each() {
    let slug = Slug::of_agent(QUIET_AGENT);
    // As foreman and honcho do.
    let dyno = slug.web().plain([
        "sh",
        "-c",
        "bin/hoopstart -- sleep 600 & bin/hoopstart -- sleep 600 & wait",
    ]);
    dyno.has_agents(2);
    dyno.has_supervisors(2);
}

/// An app that has ended has no ancestors any more, so its supervisor cannot see the one above it.
#[test]
fn commands_that_end_at_once_start_no_other_agent() {
    let slug = Slug::of_agent(&QUIET_AGENT.replacen("echo \"agent up\"", "echo \"agent up\"; echo up >> agents", 1));
    let app = "read line; for i in 1 2 3 4 5 6 7 8 9; do bin/hoopstart -- true; done; echo done; read line";
    let mut dyno = slug.web().with_stdin().script(app);
    dyno.logs("hoop | agent up\n");
    dyno.write("go\n");
    dyno.prints("done\n").has_supervisors(1);
    assert_eq!(slug.read("agents"), "up\n");
    dyno.write("go\n");
    dyno.exits(0);
}
