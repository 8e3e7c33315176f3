//! Secrets: in no text and no file.

use crate::checksums_path;
use crate::support::build::Build;
use crate::support::mirror::{Mirror, VERSION};
use crate::support::run::Run;
use crate::support::server::{NOBODY, Reply, Request};
use crate::support::tree::places_with;
use crate::tarball_path;

/// Asserts that the secrets are in no text and no file of a build.
#[track_caller]
fn assert_kept(secrets: &[&str], build: &Build, run: &Run) {
    run.hides(secrets);
    let facts = format!("{:?}", build.report());
    for secret in secrets {
        for folder in [build.app(), build.cache(), build.scratch()] {
            let places = places_with(folder, secret);
            run.assert(
                places.is_empty(),
                &format!("{secret} is in {places:?} of {}", folder.display()),
            );
        }
        assert!(!facts.contains(secret), "{facts}");
    }
}

#[test]
fn secrets_are_neither_printed_nor_written() {
    let server = Mirror::of(VERSION).serve();
    let secrets = ["xagt-S3CR3T", "T0K3N-in-a-url", "robot-with-a-name"];
    let key = "grpcs://agent:xagt-S3CR3T@127.0.0.1:8443?mode=standard";
    let base = Build::from(&server.url_with("robot-with-a-name", "T0K3N-in-a-url"));
    for name in ["HOOP_KEY", "HOOP_DSN"] {
        base.set(name, key);
    }

    let run = base.compile();
    run.succeeds();
    assert_kept(&secrets, &base, &run);
    let authorized = |request: &Request| request.headers.contains_key("authorization");
    assert!(server.take_requests().iter().all(authorized), "the token was not used");

    // Most failures quote the URL.
    for (path, reply) in [
        ("/latest.txt".to_owned(), Reply::status(404, "no")),
        ("/latest.txt".to_owned(), Reply::status(401, "no")),
        ("/latest.txt".to_owned(), Reply::status(503, "no")),
        ("/latest.txt".to_owned(), Reply::html_page()),
        ("/latest.txt".to_owned(), Reply::ok(VERSION).announcing(20)),
        (checksums_path(), Reply::html_page()),
        (tarball_path(), Reply::html_page()),
        (tarball_path(), Reply::ok("x").announcing(5_000_000)),
        (
            tarball_path(),
            Reply::redirect("https://robot:T0K3N-in-a-url@127.0.0.99:1/?sig=T0K3N-in-a-url"),
        ),
    ] {
        let server = Mirror::of(VERSION).serve();
        server.answer(&path, [reply]);
        let build = Build::from(&server.url_with("robot-with-a-name", "T0K3N-in-a-url")).with("HOOP_KEY", key);

        let run = build.compile();

        run.exits(1);
        assert_kept(&secrets, &build, &run);
    }

    let nobody = NOBODY.replace("://", "://robot-with-a-name:T0K3N-in-a-url@");
    let build = Build::from(&nobody)
        .with("HOOP_KEY", key)
        .with("HOOP_INSTALL", "optional");
    let run = build.compile();
    run.succeeds();
    assert_kept(&secrets, &build, &run);
}

#[test]
fn an_agent_key_that_cannot_be_read_is_advised_on_without_being_shown() {
    let server = Mirror::of(VERSION).serve();
    for key in [
        "S3CR3T",
        "grpcs://S3CR3T",
        "grpcs://agent:S3CR3T@",
        "ftp://agent:S3CR3T@127.0.0.1:8443",
        "grpcs://agent:S3CR3T@127.0.0.1:port",
        "'grpcs://agent:S3CR3T@127.0.0.1:8443'",
    ] {
        let build = Build::from(&server.url()).with("HOOP_KEY", key);
        let run = build.compile_warns(VERSION, &["HOOP_KEY"]);
        assert_kept(&["S3CR3T"], &build, &run);
    }
}

#[test]
fn a_key_in_the_wrong_config_var_is_not_shown() {
    let server = Mirror::of(VERSION).serve();
    let key = "grpcs://agent:xagt-S3CR3T@127.0.0.1:8443?mode=standard";
    let old_form = format!("grpcs://127.0.0.1:8443/{}", "5ec4e700".repeat(8));
    let secrets = ["xagt-S3CR3T", "5ec4e7005ec4"];
    for key in [
        key,
        &old_form,
        &key.replace("S3CR3T", "S3CR3T\r\n-2"),
        &format!(" {key}\t"),
    ] {
        for name in ["HOOP_VERSION", "HOOP_SHA256", "HOOP_INSTALL", "HOOP_RELEASES_URL"] {
            let alone = Build::from(&server.url()).with(name, "xagt-S3CR3T");
            let run = alone.compile();
            run.exits(1);
            assert_kept(&secrets, &alone, &run);
            // Whether it is where it belongs as well, or nowhere.
            for build in [
                Build::from(&server.url()),
                Build::from(&server.url()).with("HOOP_DSN", key),
            ] {
                let build = build.with(name, key);
                let run = build.compile();
                run.exits(1);
                assert_kept(&secrets, &build, &run);
            }
        }
        let build = Build::from(&server.url()).with("HOOP_CONNECTION", &format!("{key},{}", "x".repeat(256)));
        let run = build.compile_warns(VERSION, &["HOOP_CONNECTION"]);
        assert_kept(&secrets, &build, &run);
    }
}
