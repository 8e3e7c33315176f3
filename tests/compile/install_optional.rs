//! `HOOP_INSTALL=optional`: builds that go on without an agent.

use crate::OTHER;
use crate::support::build::{Build, built_from};
use crate::support::mirror::{Archive, Mirror, VERSION, agent_that};
use crate::support::server::{NOBODY, Reply};
use crate::tarball_path;

#[test]
fn an_optional_agent_that_cannot_be_had_costs_a_warning() {
    let build = Build::from(NOBODY).with("HOOP_INSTALL", "optional");

    build.compile_leaves_agent_out(&["127.0.0.99", "HOOP_INSTALL"]);
}

#[test]
fn an_optional_agent_is_never_an_unverified_one() {
    let server = Mirror::of(VERSION).serve();
    server.answer(
        &tarball_path(),
        [Reply::ok(Archive::of_agent(VERSION).folder("more").packed())],
    );
    let build = Build::from(&server.url()).with("HOOP_INSTALL", "optional");

    build.compile_leaves_agent_out(&["Expected", "HOOP_INSTALL"]);
    assert_eq!(build.cached(), Vec::<String>::new());
}

#[test]
fn an_optional_agent_that_does_not_run_is_left_out() {
    let server = Mirror::with(VERSION, &Archive::of_foreign_machine().packed()).serve();
    let build = Build::from(&server.url()).with("HOOP_INSTALL", "optional");

    build.compile_leaves_agent_out(&["HOOP_INSTALL"]);
}

#[test]
fn an_agent_that_does_not_run_leaves_the_cached_one_of_the_last_build() {
    let build = built_from(&Mirror::of(VERSION).serve().url());
    let cached = build.cached();
    let server = Mirror::with("1.149.0", &Archive::holding(&agent_that("exit 3")).packed()).serve();
    build.set("HOOP_RELEASES_URL", server.url());
    build.set("HOOP_INSTALL", "optional");

    build.compile_leaves_agent_out(&["does not run"]);
    assert_eq!(build.cached(), cached);
}

#[test]
fn an_optional_agent_that_can_be_had_is_installed() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url()).with("HOOP_INSTALL", "optional");

    build.compile_installs(VERSION);
}

#[test]
fn a_build_without_an_agent_takes_the_one_of_an_earlier_build_away() {
    let server = Mirror::of(VERSION).serve();
    let build = built_from(&server.url());
    build.set("HOOP_RELEASES_URL", NOBODY);
    build.set("HOOP_VERSION", OTHER);
    build.set("HOOP_INSTALL", "optional");

    // An agent nobody asked for must not start under a manifest that does not know it.
    build.compile_leaves_agent_out(&["HOOP_INSTALL"]);
}
