//! Advice on the app, given with a build that goes well.

use crate::support::build::Build;
use crate::support::mirror::{Mirror, VERSION};
use std::fs;

#[test]
fn a_procfile_that_forgets_hoopstart_is_quoted_with_the_line_that_would_be_right() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url());
    build.put("Procfile", "web: bundle exec puma -C config/puma.rb\n");

    build.compile_warns(
        VERSION,
        &[
            "web: bundle exec puma -C config/puma.rb",
            "web: hoopstart -- bundle exec puma -C config/puma.rb",
        ],
    );
}

#[test]
fn a_procfile_that_forgets_hoopstart_is_fine_where_the_agent_starts_by_itself() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url()).with("HOOP_AUTOSTART", "on");
    build.put("Procfile", "web: ./server\n");

    build.compile().succeeds_quietly();
}

#[test]
fn every_way_to_reach_hoopstart_counts() {
    let server = Mirror::of(VERSION).serve();
    for line in [
        "web: hoopstart -- ./server",
        "web: bin/hoopstart -- ./server",
        "web: ./bin/hoopstart -- ./server",
        "web: .hoop/bin/hoopstart -- ./server",
        "web: hoopwrapper -- ./server",
        "web: env A=1 hoopstart -- ./server",
    ] {
        let build = Build::from(&server.url());
        build.put("Procfile", &format!("{line}\nworker: ./worker\n"));

        let run = build.compile();

        run.succeeds().assert(run.stderr().is_empty(), line);
    }
}

#[test]
fn hoopstart_without_its_dashes_is_quoted_with_the_line_that_would_be_right() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url());
    build.put("Procfile", "web: hoopstart bundle exec puma\n");

    build.compile_warns(
        VERSION,
        &["web: hoopstart bundle exec puma", "web: hoopstart -- bundle exec puma"],
    );
}

#[test]
fn an_app_without_a_procfile_builds() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url());
    fs::remove_file(build.app().join("Procfile")).unwrap();

    build.compile_warns(VERSION, &["Procfile"]);
}

#[test]
fn a_procfile_that_cannot_be_read_does_not_fail_a_build() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url());
    fs::write(build.app().join("Procfile"), b"web: caf\xe9 --serve\n\x00\x1b[31m\n").unwrap();

    build.compile_warns(VERSION, &["Procfile"]);
}

#[test]
fn connections_that_cannot_be_published_are_quoted() {
    let server = Mirror::of(VERSION).serve();
    // One byte more than any generation of the agent takes.
    let build = Build::from(&server.url()).with("HOOP_CONNECTION", &"orders-db,".repeat(26)[..256]);

    build.compile_warns(VERSION, &["HOOP_CONNECTION", "256", "orders-db,orders-db"]);
}

#[test]
fn a_pinned_version_that_can_never_do_what_the_key_asks_for_is_told_with_the_way_out() {
    let multi = "grpcs://_default:xagt-S3CR3T@gateway.example:8443?mode=multi-connection";
    let organisation = "grpcs://_default:xagt-S3CR3T@gateway.example:8443";
    for (version, key, told) in [
        ("1.20.11", multi, "no session of"),
        ("1.20.11", organisation, "refuses an agent key without ?mode="),
        ("1.19.63", multi, "refuses an agent key of mode multi-connection"),
        ("1.20.11", "", "no session of"),
    ] {
        let server = Mirror::of(version).serve();
        let build = Build::from(&server.url()).with("HOOP_VERSION", version);
        build.put("Procfile", "web: hoopstart -- ./server\n");
        let build = if key.is_empty() {
            build
        } else {
            build.with("HOOP_KEY", key)
        };
        let run = build.compile_warns(version, &[told, "heroku config:unset HOOP_VERSION"]);
        run.hides(&["S3CR3T"]);
    }
    // An agent that is not asked for by its number is the newest one at the next build.
    let server = Mirror::of("1.20.11").serve();
    let build = Build::from(&server.url()).with("HOOP_KEY", multi);
    build.put("Procfile", "web: hoopstart -- ./server\n");
    build.compile().succeeds_quietly();
}
