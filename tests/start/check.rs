//! `hoopstart --check`: what would be started, and what is wrong, without the key.

use crate::support::dyno::{Dyno, Launch, MULTI, SECRET, Slug};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

fn check(slug: &Slug, launch: &Launch, code: i32) -> Dyno {
    let mut dyno = launch.plain([slug.hoopstart().as_os_str(), "--check".as_ref()]);
    dyno.exits(code).closes_output();
    dyno.assert(dyno.processes().is_empty(), "nothing must be started");
    let shown = dyno.stdout() + &dyno.stderr();
    dyno.assert(!shown.contains(SECRET), "the key must not be shown");
    dyno
}

#[test]
fn a_plan_without_a_fault_is_exit_0() {
    let slug = Slug::of_release("1.148.0");
    let launch = slug
        .web()
        .with("HOOP_KEY", MULTI)
        .with("HOOP_CONNECTION", "Orders,console");
    let dyno = check(&slug, &launch, 0);
    for fact in [
        "web.1",
        "1.148.0",
        "hoop run, a process for each connection",
        "gateway.example:8443 (TLS)",
        "orders",
        "console",
    ] {
        dyno.assert(dyno.stdout().contains(fact), &format!("expected {fact:?}"));
    }
    assert_eq!(dyno.stderr(), "");
}

#[test]
fn every_fault_is_told_with_exit_78() {
    let slug = Slug::of_release("1.148.0");
    for (launch, ids) in [
        (slug.dyno(), vec!["[start::key-missing]"]),
        (slug.web().with("HOOP_KEY", "nonsense"), vec!["[start::key-malformed]"]),
        (
            slug.web().with("HOOP_CONNECTION", "a").with("HOOP_HIDE_KEY", "maybe"),
            vec!["[start::connection-not-published]", "[start::value-invalid]"],
        ),
    ] {
        let dyno = check(&slug, &launch, 78);
        for id in ids {
            dyno.assert(dyno.stdout().contains(id), &format!("expected {id}"));
        }
    }
    let slug = Slug::without_agent();
    let dyno = check(&slug, &slug.web(), 78);
    dyno.assert(dyno.stdout().contains("[start::agent-missing]"), "expected the fault");
}

#[test]
fn a_dyno_without_an_agent_says_why() {
    let slug = Slug::of_release("1.148.0");
    for (launch, reason) in [
        (slug.web().with("HOOP_DISABLE", "1"), "HOOP_DISABLE is on"),
        (slug.web().with("DYNO", "run.1"), "does not run in this process type"),
        (
            slug.web().with("HOOP_PROCESS_TYPES", "worker"),
            "HOOP_PROCESS_TYPES does not name it",
        ),
    ] {
        let dyno = check(&slug, &launch, 0);
        dyno.assert(dyno.stdout().contains(reason), &format!("expected {reason:?}"));
    }
}

#[test]
fn a_one_off_dyno_shows_the_plan_for_the_others() {
    let slug = Slug::of_release("1.148.0");
    let dyno = check(&slug, &slug.web().with("DYNO", "run.1"), 0);
    for fact in ["run.1, without the agent", "1.148.0", "gateway.example:8443"] {
        dyno.assert(dyno.stdout().contains(fact), &format!("expected {fact:?}"));
    }
    let dyno = check(&slug, &slug.dyno().with("DYNO", "run.1"), 78);
    dyno.assert(dyno.stdout().contains("[start::key-missing]"), "expected the fault");
}

#[test]
fn the_old_form_of_a_key_is_not_shown_either() {
    let slug = Slug::of_release("1.148.0");
    let secret = "5ec4e700".repeat(8);
    let launch = slug
        .web()
        .with("HOOP_KEY", format!("grpcs://gateway.example:8443/{secret}"));
    let dyno = check(&slug, &launch, 0);
    dyno.assert(!dyno.stdout().contains(&secret), "the key must not be shown");
    dyno.assert(dyno.stdout().contains("gateway.example:8443"), "expected the host");
}

#[test]
fn a_required_agent_that_cannot_be_started_is_told_as_at_the_boot() {
    let slug = Slug::of_release("1.148.0");
    let dyno = check(&slug, &slug.dyno().with("HOOP_REQUIRED", "1"), 78);
    let expected = "hoopstart: error: HOOP_KEY is not set; HOOP_REQUIRED is on, so nothing was started, exit 78. ";
    dyno.assert(dyno.stdout().contains(expected), "expected the line of the boot");
}

#[test]
fn what_the_start_would_fail_at_is_told() {
    let slug = Slug::of_release("1.148.0");
    let open_quote = slug
        .web()
        .with("HOOP_KEY", MULTI)
        .with("HOOP_CONNECTION", "a")
        .with("HOOP_COMMAND", "bash -c \"x");
    let dyno = check(&slug, &open_quote, 78);
    dyno.assert(dyno.stdout().contains("[start::command-invalid]"), "expected the fault");

    std::fs::set_permissions(slug.path(".hoop/bin/hoop"), Permissions::from_mode(0o644)).unwrap();
    let dyno = check(&slug, &slug.web(), 78);
    dyno.assert(
        dyno.stdout().contains("may not be executed") && dyno.stdout().contains("[start::agent-missing]"),
        "expected the fault",
    );
}

#[test]
fn the_name_of_a_connection_cannot_make_a_line() {
    let slug = Slug::of_release("1.148.0");
    let launch = slug
        .web()
        .with("HOOP_KEY", MULTI)
        .with("HOOP_CONNECTION", "a\nhoopstart: b\u{1b}[31m");
    let dyno = check(&slug, &launch, 0);
    dyno.assert(
        dyno.stdout()
            .contains("connection:   a<newline>hoopstart: b<escape>[31m\n"),
        "expected a name of one line",
    );
}
