//! What the release server says: answers of every status, redirects, and a `latest.txt` that is none.

use crate::OTHER;
use crate::support::build::{Build, built_from, cached_name};
use crate::support::mirror::{Archive, Mirror, VERSION, archive_name, archive_path};
use crate::support::server::Reply;
use crate::take_paths;
use crate::tarball_path;
use std::fs;
use url::Url;

#[test]
fn a_version_that_does_not_exist_is_named() {
    for status in [403, 404] {
        let server = Mirror::of(VERSION).serve();
        server.answer("/1.36.99/checksums.txt", [Reply::status(status, "no")]);
        let build = Build::from(&server.url()).with("HOOP_VERSION", "1.36.99");

        let run = build.compile_fails("version::not-found");

        run.tells(&["1.36.99", "HOOP_VERSION", &status.to_string(), "/1.36.99/checksums.txt"]);
        // Asking again would not help.
        assert_eq!(take_paths(&server), ["/1.36.99/checksums.txt"]);
    }
}

#[test]
fn a_version_that_does_not_exist_in_a_folder_is_named() {
    let build = Build::new();
    let folder = build.root().join("mirror");
    Mirror::of(VERSION).write_to(&folder);
    build.set("HOOP_RELEASES_URL", Url::from_directory_path(&folder).unwrap().as_str());
    build.set("HOOP_VERSION", "1.36.99");

    build.compile_fails("version::not-found").tells(&["1.36.99"]);
}

#[test]
fn a_release_server_without_a_latest_version_is_an_error() {
    for status in [403, 404] {
        let server = Mirror::of(VERSION).serve();
        server.answer("/latest.txt", [Reply::status(status, "no")]);
        let build = Build::from(&server.url());

        build
            .compile_fails("version::latest-not-found")
            .tells(&["/latest.txt", &status.to_string()]);
        assert_eq!(take_paths(&server), ["/latest.txt"]);
    }
}

#[test]
fn a_folder_without_a_latest_version_is_an_error() {
    let build = Build::new();
    build.set(
        "HOOP_RELEASES_URL",
        Url::from_directory_path(build.root()).unwrap().as_str(),
    );

    build.compile_fails("version::latest-not-found").tells(&["latest.txt"]);
}

#[test]
fn a_tarball_that_cannot_be_read_from_a_folder_is_an_error() {
    let build = Build::new();
    let folder = build.root().join("mirror");
    Mirror::of(VERSION).write_to(&folder);
    let tarball = folder.join(archive_path(VERSION));
    build.set("HOOP_RELEASES_URL", Url::from_directory_path(&folder).unwrap().as_str());

    fs::remove_file(&tarball).unwrap();
    build
        .compile_fails("fetch::refused")
        .tells(&[&archive_name(VERSION), "no such file"]);

    // Not even root can read a folder as a file.
    fs::create_dir(&tarball).unwrap();
    build
        .compile_fails("fetch::file-unreadable")
        .tells(&[tarball.to_str().unwrap()]);
}

#[test]
fn a_latest_version_that_is_none_is_refused() {
    for (what, reply) in [
        ("a page", Reply::html_page()),
        ("nothing", Reply::ok("")),
        ("two numbers", Reply::ok("1.148")),
        ("a path", Reply::ok("../../etc")),
        ("two versions", Reply::ok("1.148.0\n1.149.0\n")),
        (
            "more than a version is long",
            Reply::ok(format!("1.148.0{}", " ".repeat(100))),
        ),
        ("not text", Reply::ok(b"\xff\xfe1\x00")),
    ] {
        let server = Mirror::of(VERSION).serve();
        server.answer("/latest.txt", [reply]);
        let build = Build::from(&server.url());

        let run = build.compile_fails("version::latest-invalid");

        run.tells(&["/latest.txt"]);
        assert_eq!(take_paths(&server), ["/latest.txt"], "{what}");
    }
}

#[test]
fn a_latest_version_may_end_its_line() {
    let server = Mirror::of(VERSION).latest(&format!("{VERSION}\n")).serve();

    built_from(&server.url());
}

#[test]
fn a_failed_build_keeps_the_slug_and_the_cache_of_the_last_one() {
    let mirror = Mirror::of(VERSION).release(OTHER, &Archive::of_agent(OTHER).packed());
    let server = mirror.serve();
    let build = built_from(&server.url());
    server.answer("/latest.txt", [Reply::ok(OTHER)]);
    server.answer(&format!("/{}", archive_path(OTHER)), [Reply::ok("something else")]);

    let run = build.compile_fails("fetch::checksum-mismatch");

    build.assert_installed(VERSION, &run);
    assert_eq!(build.cached(), [cached_name(VERSION, &mirror.digest(VERSION))]);
}

#[test]
fn an_answer_that_trying_again_does_not_change_is_not_tried_again() {
    for status in [400, 401, 405, 451] {
        let server = Mirror::of(VERSION).serve();
        server.answer("/latest.txt", [Reply::status(status, "no")]);
        let build = Build::from(&server.url());

        build.compile_fails("fetch::refused").tells(&[&status.to_string()]);
        assert_eq!(take_paths(&server).len(), 1, "{status}");
    }
}

#[test]
fn a_listed_tarball_that_is_not_there_is_not_asked_for_again() {
    let server = Mirror::of(VERSION).without(&archive_path(VERSION)).serve();
    let build = Build::from(&server.url());

    build
        .compile_fails("fetch::refused")
        .tells(&[&archive_name(VERSION), "404"]);

    assert_eq!(server.requests_for(&tarball_path()).len(), 1);
}

#[test]
fn a_server_that_recovers_is_asked_again() {
    let mirror = Mirror::of(VERSION);
    for (path, body) in [
        ("/latest.txt".to_owned(), VERSION.as_bytes()),
        (tarball_path(), mirror.archive(VERSION)),
    ] {
        let server = mirror.serve();
        let troubles = [500, 502, 503, 408].map(|status| Reply::status(status, "not now"));
        server.answer(&path, troubles.into_iter().chain([Reply::ok(body)]));
        let build = Build::from(&server.url());

        build.compile_installs(VERSION);
        assert_eq!(server.requests_for(&path).len(), 5);
    }
}

#[test]
fn a_server_that_says_when_to_come_back_is_asked_again() {
    let server = Mirror::of(VERSION).serve();
    let busy = Reply::status(429, "slow down").header("Retry-After", "1");
    server.answer("/latest.txt", [busy, Reply::ok(VERSION)]);
    // A pause of our own would be seen: it is half a minute and more.
    let build = Build::from(&server.url()).variable("HOOP_BUILDPACK_RETRY_BASE_MS", "50000");

    let run = build.compile_installs(VERSION);
    run.shows(&["429 Too Many Requests; trying again in 1.0 s (2 of 6)"]);
    assert_eq!(server.requests_for("/latest.txt").len(), 2);
}

#[test]
fn a_server_that_does_not_recover_is_given_up_after_five_retries() {
    for status in [429, 500, 503] {
        let server = Mirror::of(VERSION).serve();
        server.answer("/latest.txt", [Reply::status(status, "not now")]);
        let build = Build::from(&server.url());

        build.compile_fails("fetch::server-error").tells(&[&status.to_string()]);
        assert_eq!(take_paths(&server).len(), 6, "{status}");
    }
}

#[test]
fn a_redirect_is_followed() {
    let mirror = Mirror::of(VERSION);
    let (server, storage) = (mirror.serve(), mirror.serve());
    server.answer(
        &tarball_path(),
        [Reply::redirect(&format!("{}{}", storage.url(), tarball_path()))],
    );
    let build = Build::from(&server.url());

    build.compile_installs(VERSION);
    assert_eq!(take_paths(&storage), [tarball_path()]);
}

#[test]
fn a_redirect_takes_no_token_to_another_server() {
    let mirror = Mirror::of(VERSION);
    let (server, storage) = (mirror.serve(), mirror.serve());
    server.answer(
        &tarball_path(),
        [Reply::redirect(&format!("{}{}", storage.url(), tarball_path()))],
    );
    let build = Build::from(&server.url_with("robot", "T0K3N"));

    build.compile().succeeds_quietly();

    assert!(
        server
            .take_requests()
            .iter()
            .all(|request| request.headers.contains_key("authorization"))
    );
    assert!(
        storage
            .take_requests()
            .iter()
            .all(|request| !request.headers.contains_key("authorization"))
    );
}

#[test]
fn a_redirect_that_leads_nowhere_is_refused() {
    let server = Mirror::of(VERSION).serve();
    server.answer("/latest.txt", [Reply::redirect("/latest.txt")]);
    let build = Build::from(&server.url());

    build.compile_fails("fetch::refused");
}
