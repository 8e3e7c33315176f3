//! An agent that grows is started anew when it serves nobody.

use crate::status::status_with;
use crate::support::dyno::{Dyno, Launch, MULTI, Slug};
use std::net::TcpListener;

/// The bound of these tests, in megabytes. An idle stand-in has less than one.
const BOUND: &str = "20";

/// A dyno whose agent may have [`BOUND`] megabytes and is looked at often.
fn bounded(slug: &Slug) -> Launch {
    slug.web()
        .with("HOOP_AGENT_MEMORY", BOUND)
        .with("HOOP_BUILDPACK_LOOK_MS", "50")
}

/// Starts the agent, lets it do `before`, has it grow past the bound, and returns it with its pid.
#[track_caller]
fn growing(slug: &Slug, before: &[&str]) -> (Dyno, u32) {
    let dyno = bounded(slug).start(["sleep", "600"]);
    dyno.logs("hoop | agent up\n");
    let agent = dyno.has_agents(1)[0].pid;
    for order in before {
        slug.order(order);
    }
    slug.order("grow 40");
    (dyno, agent)
}

/// The same of an agent that serves somebody, and so can tell that it has grown.
#[track_caller]
fn grown(slug: &Slug, before: &[&str]) -> (Dyno, u32) {
    let (dyno, agent) = growing(slug, before);
    dyno.logs("hoop | grown by 40\n");
    (dyno, agent)
}

/// Waits until the agent was started anew, and asserts that nothing was said.
#[track_caller]
fn assert_renewed(slug: &Slug, dyno: &Dyno, agent: u32) {
    let status = status_with(&slug.dyno(), dyno, |status| {
        status["agents"][0]["restarts"] == 1 && status["healthy"] == true
    });
    assert_ne!(status["agents"][0]["pid"], agent);
    // A line after those with which it begins.
    slug.order("say after that");
    dyno.logs("hoop | after that\n");
    dyno.assert(dyno.own_lines().is_empty(), "it is nothing to tell");
    dyno.assert(
        dyno.stderr().matches("hoop | agent up\n").count() == 1,
        "that it begins is no news",
    );
    assert!(status_with(&slug.dyno(), dyno, |_| true)["agents"][0]["memory"].as_u64() < Some(20 << 20));
}

/// Asserts that the agent is looked at a few times and stays.
#[track_caller]
fn assert_stays(slug: &Slug, dyno: &Dyno, agent: u32) {
    let supervisor = dyno.supervisors().remove(0);
    let wakes = || supervisor.status("voluntary_ctxt_switches").parse::<u64>().unwrap_or(0);
    let begin = wakes();
    dyno.until("ten looks", || (wakes() >= begin + 10).then_some(()));
    let status = status_with(&slug.dyno(), dyno, |_| true);
    assert_eq!(status["agents"][0]["pid"], agent, "{status}");
    assert!(status["agents"][0]["memory"].as_u64() > Some(40 << 20), "{status}");
}

#[test]
fn one_that_serves_nobody_is_started_anew_without_a_word() {
    let Some(slug) = Slug::of_program() else { return };
    let (dyno, agent) = growing(&slug, &[]);
    assert_renewed(&slug, &dyno, agent);
}

#[test]
fn what_one_says_when_it_ends_to_be_started_anew_is_no_trouble_and_not_shown() {
    let Some(slug) = Slug::of_program() else { return };
    // As the real one does, whose stream to the gateway is open.
    let lines = [
        "cleaning agent instance, reason=received signal 'terminated' from the operating system",
        "shutting down agent controller",
        r#"context canceled","version":"1.148.0","backoff":"1s"#,
        r#"disconnected from gateway.example:8443, reason=EOF","version":"1.148.0","backoff":"1s"#,
    ];
    let dyno = bounded(&slug).start(["sleep", "600"]);
    dyno.logs("hoop | agent up\n");
    let agent = dyno.has_agents(1)[0].pid;
    for line in lines {
        slug.order(&format!(r#"farewell {{"level":"info","msg":"{line}"}}"#));
    }
    slug.order("grow 40");
    assert_renewed(&slug, &dyno, agent);
    for word in ["cleaning", "shutting", "canceled", "disconnected"] {
        dyno.assert(!dyno.stderr().contains(word), word);
    }
}

#[test]
fn one_whose_log_says_that_it_has_a_session_is_left_alone_until_that_is_over() {
    let Some(slug) = Slug::of_program() else { return };
    let begin = r#"say {"level":"info","msg":"received connect request","sid":"a"}"#;
    let (dyno, agent) = grown(&slug, &[begin]);
    assert_stays(&slug, &dyno, agent);
    slug.order(r#"say {"level":"info","msg":"cleaning up session","sid":"a"}"#);
    assert_renewed(&slug, &dyno, agent);
}

#[test]
fn one_that_publishes_a_name_is_left_alone_while_it_has_a_stream() {
    // With the stream the gateway would end the sessions of every other agent that has this key.
    let Some(slug) = Slug::of_program() else { return };
    let launch = bounded(&slug).with("HOOP_KEY", MULTI).with("HOOP_CONNECTION", "orders");
    let dyno = launch.start(["sleep", "600"]);
    dyno.logs("hoop | agent up\n");
    let agent = dyno.has_agents(1)[0].pid;
    slug.order(r#"say {"level":"info","msg":"connected with success to gateway.example:8443"}"#);
    dyno.logs("hoop | connected gateway=");
    slug.order("grow 40");
    dyno.logs("hoop | grown by 40\n");
    assert_stays(&slug, &dyno, agent);
    slug.order(r#"say {"level":"info","msg":"shutting down agent controller"}"#);
    assert_renewed(&slug, &dyno, agent);
}

#[test]
fn one_that_has_a_child_is_left_alone_until_that_has_ended() {
    let Some(slug) = Slug::of_program() else { return };
    // Behind a shell that is the session's own, and in a process group of its own.
    let session = "session set -m; (sh -c 'until [ -e over ]; do sleep 0.05; done') & wait; echo over";
    let (dyno, agent) = grown(&slug, &[session]);
    assert_stays(&slug, &dyno, agent);
    slug.put("over", "");
    dyno.logs("hoop | over\n");
    assert_renewed(&slug, &dyno, agent);
}

#[test]
fn one_that_has_a_connection_is_left_alone_until_that_is_closed() {
    if !rustix::process::geteuid().is_root() {
        // Of an agent that cannot be looked into only root sees the connections; its log tells of the sessions.
        return;
    }
    let Some(slug) = Slug::of_program() else { return };
    let database = TcpListener::bind("127.0.0.1:0").expect("there is loopback");
    let port = database.local_addr().expect("it is bound").port();
    let (dyno, agent) = grown(&slug, &[&format!("connect {port}")]);
    dyno.logs(&format!("hoop | connected to {port}\n"));
    assert_stays(&slug, &dyno, agent);
    // Only then: the other end of a connection that waits to be accepted is established as well.
    drop(database);
    assert_renewed(&slug, &dyno, agent);
}

#[test]
fn one_that_does_not_end_when_it_is_told_to_is_killed_and_started_anew() {
    let Some(slug) = Slug::of_program() else { return };
    let (dyno, agent) = grown(&slug, &["ignore"]);
    let status = status_with(&slug.dyno(), &dyno, |status| status["agents"][0]["state"] == "renewing");
    assert_eq!(status["healthy"], true, "nothing is wrong with it: {status}");
    assert_renewed(&slug, &dyno, agent);
}

#[test]
fn without_a_bound_no_agent_is_started_anew() {
    let Some(slug) = Slug::of_program() else { return };
    let dyno = bounded(&slug).with("HOOP_AGENT_MEMORY", "0").start(["sleep", "600"]);
    dyno.logs("hoop | agent up\n");
    let agent = dyno.has_agents(1)[0].pid;
    slug.order("grow 100");
    // Each line wakes the supervisor, which would look.
    for number in 0..10 {
        slug.order(&format!("say {number}"));
        dyno.logs(&format!("hoop | {number}\n"));
    }
    let status = status_with(&slug.dyno(), &dyno, |_| true);
    assert_eq!(status["agents"][0]["pid"], agent);
    assert!(status["agents"][0]["memory"].as_u64() > Some(100 << 20), "{status}");
}

#[test]
fn a_bound_that_is_no_number_is_told_in_one_line_and_the_agent_runs() {
    let Some(slug) = Slug::of_program() else { return };
    for value in ["64MB", "-1", "lots", "1.5"] {
        let dyno = slug.web().with("HOOP_AGENT_MEMORY", value).start(["sleep", "600"]);
        dyno.logs("hoop | agent up\n");
        let lines = dyno.own_lines();
        dyno.assert(
            lines.len() == 1
                && lines[0].starts_with(&format!("hoopstart: warning: HOOP_AGENT_MEMORY is \"{value}\""))
                && lines[0].ends_with(" [start::value-invalid]"),
            "expected one line about the value",
        );
    }
}
