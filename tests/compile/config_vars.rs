//! Config vars that a build cannot go by.

use crate::support::build::Build;
use crate::support::mirror::{Mirror, VERSION};
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
                &format!("the config var {name} is set to nothing."),
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

#[test]
fn an_env_dir_that_is_none_is_refused() {
    let build = Build::new();
    let before = build.snapshot();
    let file = build.app().join("Procfile");

    let run = build.run([
        OsStr::new("compile"),
        build.app().as_ref(),
        build.cache().as_ref(),
        file.as_ref(),
    ]);

    run.fails_with("config::env-dir-unreadable")
        .tells(&[file.to_str().unwrap()]);
    build.assert_unchanged(&before, &run);
}

#[test]
fn a_config_var_that_cannot_be_read_is_refused() {
    let build = Build::new();
    fs::create_dir(build.env().join("HOOP_VERSION")).unwrap();

    build
        .compile_fails("config::env-dir-unreadable")
        .tells(&["HOOP_VERSION"]);
}
