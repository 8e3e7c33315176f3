//! `report`: flat facts of the build just done, whatever came of it.

mod support;

use std::ffi::OsStr;
use support::build::Build;
use support::mirror::{Archive, Mirror, VERSION, archive_path};
use support::server::{NOBODY, Reply};
use support::tree::Tree;

#[test]
fn a_good_build_is_reported_with_its_origins_and_sizes() {
    let mirror = Mirror::of(VERSION);
    let server = mirror.serve();
    let build = Build::from(&server.url());
    let archive_bytes = mirror.archive(VERSION).len().to_string();

    build.compile().succeeds();
    let facts = build.report();

    assert_eq!(facts["outcome"], "success");
    assert_eq!(facts["agent_version"], VERSION);
    assert_eq!(facts["archive_origin"], "download");
    assert_eq!(facts["archive_bytes"], archive_bytes);
    assert_eq!(facts["buildpack_version"], env!("CARGO_PKG_VERSION"));
    assert!(facts["slug_bytes"].parse::<u64>().unwrap() > 200_000, "{facts:?}");
    assert!(facts["duration_ms"].parse::<u64>().is_ok(), "{facts:?}");
    assert!(!facts.contains_key("failure_id"), "{facts:?}");

    let latest = facts["version_origin"].clone();
    build.set("HOOP_VERSION", VERSION);
    build.compile().succeeds();
    let facts = build.report();

    assert_eq!(facts["archive_origin"], "cache");
    assert_ne!(facts["version_origin"], latest);
}

#[test]
fn a_failed_build_is_reported_with_its_failure_id() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url()).with("HOOP_VERSION", "1.2.3");

    build.compile_fails("version::not-found");
    let facts = build.report();

    assert_eq!(facts["outcome"], "failure");
    assert_eq!(facts["failure_id"], "version::not-found");
}

#[test]
fn a_config_var_that_is_wrong_is_reported_too() {
    let build = Build::from(NOBODY).with("HOOP_VERSION", "banana");

    build.compile_fails("config::version-invalid");

    assert_eq!(build.report()["failure_id"], "config::version-invalid");
}

#[test]
fn a_build_that_goes_on_without_an_agent_is_reported_with_the_reason() {
    let build = Build::from(NOBODY).with("HOOP_INSTALL", "optional");

    build.compile().succeeds();
    let facts = build.report();

    assert_eq!(facts["outcome"], "without-agent");
    assert_eq!(facts["failure_id"], "fetch::unreachable");
}

#[test]
fn a_report_is_about_the_latest_build_of_its_own_app() {
    let mirror = Mirror::of(VERSION);
    let server = mirror.serve();
    let build = Build::from(&server.url());

    build.compile().succeeds();
    server.answer(
        &format!("/{}", archive_path(VERSION)),
        [Reply::ok(Archive::of_agent("9.9.9").packed())],
    );
    std::fs::remove_dir_all(build.cache().join("hoop")).unwrap();
    build.compile_fails("fetch::checksum-mismatch");

    assert_eq!(build.report()["outcome"], "failure");
}

#[test]
fn a_report_without_a_build_changes_nothing_and_does_not_fail() {
    let build = Build::new();
    let before = Tree::of(build.root());

    let run = build.run([
        OsStr::new("report"),
        build.app().as_ref(),
        build.cache().as_ref(),
        build.env().as_ref(),
    ]);

    run.exits(0);
    assert_eq!(Tree::of(build.root()), before);
}

#[test]
fn a_report_tells_no_secrets() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url_with("robot", "T0K3N-in-a-url"))
        .with("HOOP_KEY", "grpcs://agent:xagt-S3CR3T@127.0.0.1:8443?mode=standard");

    build.compile().succeeds();
    let facts = format!("{:?}", build.report());

    for secret in ["T0K3N-in-a-url", "xagt-S3CR3T"] {
        assert!(!facts.contains(secret), "{facts}");
    }
}
