//! Config vars that a build cannot go by.

use crate::make_pipe;
use crate::support::build::Build;
use crate::support::mirror::{Mirror, VERSION};
use crate::support::run::Run;
use crate::support::server::{NOBODY, ReleaseServer};
use std::ffi::OsStr;
use std::fs;

#[test]
fn an_empty_version_is_refused() {
    for value in ["", "\n", " "] {
        let build = Build::from(NOBODY).with("HOOP_VERSION", value);
        build.compile_fails("config::version-empty").tells(&["HOOP_VERSION"]);
    }
}

#[test]
fn what_is_not_a_version_is_refused_and_quoted() {
    let server = ReleaseServer::plain();
    for value in [
        "1.2",
        "banana",
        "../../etc",
        "1.148.0/../../etc",
        "1.148.0?x",
        "%2e%2e",
        "-1.2.3",
    ] {
        let build = Build::from(&server.url()).with("HOOP_VERSION", value);
        build
            .compile_fails("config::version-invalid")
            .tells(&["HOOP_VERSION", value]);
    }
    assert!(server.take_requests().is_empty());
}

#[test]
fn what_a_version_hides_is_shown_in_words() {
    let build = Build::from(NOBODY).with("HOOP_VERSION", "1.2.3\u{1b}[31m");

    build
        .compile_fails("config::version-invalid")
        .tells(&["\"1.2.3<escape>[31m\""]);
}

#[test]
fn a_digest_or_url_that_is_set_to_nothing_is_told_with_how_to_unset_it() {
    for (name, id) in [
        ("HOOP_SHA256", "config::sha256-invalid"),
        ("HOOP_RELEASES_URL", "config::releases-url-invalid"),
    ] {
        for value in ["", "\n", " "] {
            let build = Build::from(NOBODY).with(name, value);
            build.compile_fails(id).tells(&[
                &format!("the config var {name} is empty."),
                &format!("heroku config:unset {name}"),
            ]);
        }
    }
}

#[test]
fn a_digest_that_is_none_is_refused() {
    for value in [
        "abc",
        &"g".repeat(64),
        &"a".repeat(63),
        &format!("sha256:{}", "a".repeat(64)),
    ] {
        let build = Build::from(NOBODY).with("HOOP_SHA256", value);
        build.compile_fails("config::sha256-invalid").tells(&["HOOP_SHA256"]);
    }
}

#[test]
fn a_releases_url_that_cannot_be_read_from_is_refused_and_its_token_not_shown() {
    for value in [
        "",
        "releases.example/release",
        "ftp://robot:T0K3N@releases.example/",
        "https://robot:T0K3N@releases.example/?a=b",
        "https://robot:T0K3N@",
        "https://robot:/T0K3N@releases.example/",
        "https://robot:more/T0K3N@releases.example/",
        "https://T0K3N/more@releases.example/",
        "https://robot:more\\T0K3N@releases.example/",
        "https://robot:more T0K3N@releases.example/",
        "https://robot:more\tT0K3N@releases.example/",
        "https://robot:more\nT0K3N@releases.example/",
        "https://robot:more@T0K3N@releases.example/",
        "http:robot:more/T0K3N@releases.example/",
    ] {
        let build = Build::new().with("HOOP_RELEASES_URL", value);
        build
            .compile_fails("config::releases-url-invalid")
            .tells(&["HOOP_RELEASES_URL"])
            .hides(&["T0K3N", "more"]);
    }
}

#[test]
fn an_install_that_is_neither_required_nor_optional_is_refused() {
    for value in ["", "maybe", "true"] {
        let build = Build::from(NOBODY).with("HOOP_INSTALL", value);
        build
            .compile_fails("config::install-invalid")
            .tells(&["HOOP_INSTALL", "optional", "required"]);
    }
}

#[test]
fn a_config_var_of_ours_that_is_not_utf8_is_refused() {
    for name in [
        "HOOP_VERSION",
        "HOOP_SHA256",
        "HOOP_RELEASES_URL",
        "HOOP_INSTALL",
        "HOOP_KEY",
        "HOOP_CONNECTION",
    ] {
        let build = Build::from(NOBODY);
        build.set(name, b"S3CR3T\xff\xfe");

        build
            .compile_fails("config::not-utf8")
            .tells(&[name])
            .hides(&["S3CR3T"]);
    }
}

#[test]
fn a_config_var_of_others_may_hold_anything() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url());
    build.set("BLOB", b"\xff\x00\xfe");
    fs::create_dir(build.env().join("FOLDER")).unwrap();

    build.compile().succeeds_quietly();
}

/// Runs compile with `env_dir` as its third argument.
fn compile_with(build: &Build, env_dir: impl AsRef<OsStr>) -> Run {
    build.run([
        OsStr::new("compile"),
        build.app().as_ref(),
        build.cache().as_ref(),
        env_dir.as_ref(),
    ])
}

#[test]
fn an_env_dir_that_is_none_is_refused() {
    let build = Build::new();
    build.link("nowhere", "/no/such/folder");
    make_pipe(&build.app().join("pipe"));
    let before = build.snapshot();
    for path in [
        "Procfile",
        "missing",
        "missing/below",
        "Procfile/below",
        "nowhere",
        "pipe",
    ] {
        let env_dir = build.app().join(path);
        let run = compile_with(&build, &env_dir);

        run.fails_with("config::env-dir-unreadable")
            .tells(&[env_dir.to_str().unwrap()]);
        build.assert_unchanged(&before, &run);
    }
    compile_with(&build, "no/such/folder").fails_with("config::env-dir-unreadable");
    compile_with(&build, " ").fails_with("config::env-dir-unreadable");
}

#[test]
fn an_env_dir_that_is_empty_or_a_link_to_a_folder_is_read() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url());
    build.link("env", build.env());
    compile_with(&build, build.app().join("env")).succeeds_quietly();

    // As left out: no config var says where releases are, and the real server is not asked for a version that is none.
    build.set("HOOP_VERSION", "none");
    let proxy = Build::new()
        .variable("HTTPS_PROXY", "http://127.0.0.1:1")
        .variable("CURL_TIMEOUT", "1");
    compile_with(&proxy, "").exits(1).tells(&["releases.hoop.dev"]);
}

#[test]
fn config_vars_that_are_nearly_ours_are_told_by_name_and_never_by_value() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url());
    for name in [
        "HOOP_CONECTION",
        "HOOP_SHA",
        "HOOP_VERISON",
        "hoop_key",
        "HOOP_AUTO_START",
    ] {
        build.set(name, "S3CR3T");
    }
    // Of the agent, and of others.
    for name in ["HOOP_TLSCA", "HOOP_GRPCURL", "HOOK_KEY", "PATH"] {
        build.set(name, "S3CR3T");
    }
    let run = build.compile_warns(VERSION, &["5 config vars have no effect"]);
    run.hides(&["S3CR3T", "HOOP_TLSCA", "HOOP_GRPCURL", "HOOK_KEY"]);
    for (name, meant) in [
        ("HOOP_CONECTION", "HOOP_CONNECTION"),
        ("HOOP_SHA", "HOOP_SHA256"),
        ("HOOP_VERISON", "HOOP_VERSION"),
        ("hoop_key", "HOOP_KEY"),
        ("HOOP_AUTO_START", "HOOP_AUTOSTART"),
    ] {
        run.tells(&[
            &format!("heroku config:set {meant}=\"$(heroku config:get {name})\""),
            &format!("heroku config:unset {name}"),
        ]);
    }
    // Also where the build then fails.
    let build = Build::from(NOBODY)
        .with("HOOP_RELEASE_URL", "S3CR3T")
        .with("HOOP_INSTALL", "maybe");
    build.compile_fails("config::install-invalid").hides(&["S3CR3T"]);
    let build = Build::from(NOBODY).with("HOOP_RELEASE_URL", "S3CR3T");
    build
        .compile_fails("fetch::unreachable")
        .tells(&["the config var HOOP_RELEASE_URL has no effect. Did you mean HOOP_RELEASES_URL?"])
        .hides(&["S3CR3T"]);
}

#[test]
fn run_time_config_vars_are_judged_as_far_as_a_build_can() {
    let server = Mirror::of(VERSION).serve();
    for (name, value, line) in [
        ("HOOP_AUTOSTART", "enabled", "heroku config:set HOOP_AUTOSTART=true"),
        ("HOOP_REQUIRED", "\"on\"", "heroku config:set HOOP_REQUIRED=true"),
        (
            "HOOP_PROCESS_TYPES",
            "web.*",
            "heroku config:set HOOP_PROCESS_TYPES=web",
        ),
        ("HOOP_PROCESS_TYPES", "wbe", "heroku config:set HOOP_PROCESS_TYPES=web"),
        (
            "HOOP_PROCESS_TYPES",
            "console",
            "heroku config:set HOOP_PROCESS_TYPES=web",
        ),
        (
            "HOOP_IGNORE_PROCESS_TYPES",
            "web",
            "heroku config:unset HOOP_IGNORE_PROCESS_TYPES",
        ),
        (
            "HOOP_IGNORE_PROCESS_TYPES",
            "run;web",
            "heroku config:set HOOP_IGNORE_PROCESS_TYPES=run,web",
        ),
    ] {
        let build = Build::from(&server.url()).with(name, value);
        build.compile_warns(VERSION, &[line]);
    }
    for (name, value) in [
        ("HOOP_AUTOSTART", "off"),
        ("HOOP_PROCESS_TYPES", "web.1"),
        ("HOOP_PROCESS_TYPES", "web,worker"),
        ("HOOP_IGNORE_PROCESS_TYPES", "run,release"),
        ("HOOPSTART_XTRACE", "1"),
    ] {
        Build::from(&server.url())
            .with(name, value)
            .compile()
            .succeeds_quietly();
    }
}

#[test]
fn a_config_var_that_cannot_be_read_is_refused() {
    let build = Build::new();
    fs::create_dir(build.env().join("HOOP_VERSION")).unwrap();

    build
        .compile_fails("config::env-dir-unreadable")
        .tells(&["HOOP_VERSION"]);
}

#[test]
fn a_releases_url_of_a_file_has_no_releases() {
    let folder = tempfile::tempdir().expect("a scratch folder can be made");
    let file = folder.path().join("latest.txt");
    fs::write(&file, "1.148.0\n").expect("a file can be written");

    Build::from(&format!("file://{}", file.display())).compile_fails("version::latest-not-found");
}
