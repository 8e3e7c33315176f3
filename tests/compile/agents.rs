//! Agents that do not prove themselves.

use crate::OTHER;
use crate::archive_fails;
use crate::support::build::Build;
use crate::support::mirror::{Archive, Mirror, VERSION, agent, agent_that};
use crate::tarball_path;

#[test]
fn an_agent_that_does_not_run_here_is_an_error() {
    for (what, archive) in [
        ("for another machine", Archive::of_foreign_machine()),
        ("nothing", Archive::holding("")),
        ("without its interpreter", Archive::holding("#!/no/such/interpreter\n")),
        (
            "fails",
            Archive::holding(&agent_that("echo 'no luck today' >&2; exit 3")),
        ),
        ("crashes", Archive::holding(&agent_that("kill -SEGV $$"))),
        ("says nothing", Archive::holding(&agent_that(":"))),
        (
            "says something else",
            Archive::holding(&agent_that("echo hoop 1.148.0")),
        ),
        (
            "talks without a point",
            Archive::holding(&agent_that("head -c 1000000 /dev/zero")),
        ),
    ] {
        let run = archive_fails(&archive.packed(), "install::agent-does-not-run");
        run.assert(run.prose().contains(VERSION), what);
    }
}

#[test]
fn an_agent_that_does_not_answer_is_an_error() {
    // Takes the ten seconds an agent is given.
    let archive = Archive::holding(&agent_that("exec sleep 600"));

    archive_fails(&archive.packed(), "install::agent-does-not-run");
}

#[test]
fn the_usual_cause_is_the_one_that_fits() {
    for (archive, cause) in [
        (
            Archive::of_foreign_machine(),
            "an archive with the agent for another architecture",
        ),
        (
            Archive::holding("#!/no/such/interpreter\n"),
            "an agent that needs an interpreter",
        ),
        // The kernel says the same of a disk that is mounted with noexec.
        (Archive::holding("#!/\n"), "mounted with noexec"),
    ] {
        let run = archive_fails(&archive.packed(), "install::agent-does-not-run");
        run.assert(run.prose().contains(cause), cause);
    }
}

#[test]
fn an_agent_of_another_version_is_an_error() {
    let archive = Archive::holding(&agent(OTHER));

    archive_fails(&archive.packed(), "install::agent-version-differs").tells(&[VERSION, OTHER]);
}

#[test]
fn an_agent_that_does_not_run_is_not_kept_in_the_cache() {
    let server = Mirror::with(VERSION, &Archive::of_foreign_machine().packed()).serve();
    let build = Build::from(&server.url()).with("HOOP_VERSION", VERSION);

    for _ in 0..2 {
        build.compile_fails("install::agent-does-not-run");
    }

    assert_eq!(server.requests_for(&tarball_path()).len(), 2);
}
