//! Connections that break, stall or never end.

use crate::support::build::Build;
use crate::support::mirror::{Mirror, VERSION, archive_name, noise};
use crate::support::server::{Ranges, Reply, Request};
use crate::tarball_path;

#[test]
fn a_broken_download_is_resumed_where_it_stopped() {
    let mirror = Mirror::of(VERSION);
    let whole = Reply::ok(mirror.archive(VERSION)).etag("one", Ranges::Honoured);
    let server = mirror.serve();
    server.answer(
        &tarball_path(),
        [whole.clone().cut_after(100_000), whole.clone().cut_after(50_000), whole],
    );
    let build = Build::from(&server.url());

    build.compile_installs(VERSION);
    let requests = server.requests_for(&tarball_path());
    let starts: Vec<_> = requests.iter().map(Request::range_start).collect();
    assert_eq!(starts, [None, Some(100_000), Some(150_000)]);
    for request in &requests[1..] {
        assert_eq!(request.headers["if-range"], "\"one\"");
    }
}

#[test]
fn a_reset_download_is_resumed() {
    let mirror = Mirror::of(VERSION);
    let whole = Reply::ok(mirror.archive(VERSION)).etag("one", Ranges::Honoured);
    let server = mirror.serve();
    server.answer(&tarball_path(), [whole.clone().reset_after(100_000), whole]);
    let build = Build::from(&server.url());

    build.compile_installs(VERSION);
    assert_eq!(server.requests_for(&tarball_path()).len(), 2);
}

#[test]
fn a_download_of_another_file_than_before_starts_over() {
    let mirror = Mirror::of(VERSION);
    let before = Reply::ok(noise(150_000))
        .etag("one", Ranges::Honoured)
        .cut_after(100_000);
    // All of the other file, or the rest of it, which must not be taken.
    for ranges in [Ranges::Honoured, Ranges::Careless] {
        let server = mirror.serve();
        let after = Reply::ok(mirror.archive(VERSION)).etag("two", ranges);
        server.answer(&tarball_path(), [before.clone(), after]);
        let build = Build::from(&server.url());

        build.compile_installs(VERSION);
    }
}

#[test]
fn a_rest_from_another_place_than_asked_for_is_not_taken() {
    let mirror = Mirror::of(VERSION);
    let archive = mirror.archive(VERSION);
    let whole = Reply::ok(archive).etag("one", Ranges::Honoured);
    let elsewhere = Reply::status(206, &archive[10..])
        .header(
            "Content-Range",
            &format!("bytes 10-{}/{}", archive.len() - 1, archive.len()),
        )
        .etag("one", Ranges::Ignored);
    let server = mirror.serve();
    server.answer(&tarball_path(), [whole.clone().cut_after(100_000), elsewhere, whole]);
    let build = Build::from(&server.url());

    build.compile_installs(VERSION);
}

#[test]
fn a_server_that_knows_no_ranges_starts_over() {
    let mirror = Mirror::of(VERSION);
    for ranges in [Ranges::Ignored, Ranges::Refused] {
        let whole = Reply::ok(mirror.archive(VERSION)).etag("one", ranges);
        let server = mirror.serve();
        server.answer(&tarball_path(), [whole.clone().cut_after(100_000), whole]);
        let build = Build::from(&server.url());

        build.compile_installs(VERSION);
    }
}

#[test]
fn a_server_that_does_not_name_its_files_starts_over() {
    let mirror = Mirror::of(VERSION);
    let whole = Reply::ok(mirror.archive(VERSION));
    let server = mirror.serve();
    server.answer(&tarball_path(), [whole.clone().cut_after(100_000), whole]);
    let build = Build::from(&server.url());

    build.compile_installs(VERSION);
}

#[test]
fn a_download_that_breaks_every_time_is_given_up() {
    let mirror = Mirror::of(VERSION);
    let whole = Reply::ok(mirror.archive(VERSION));
    for reply in [whole.clone().cut_after(100_000), whole.cut_after(0)] {
        let server = mirror.serve();
        server.answer(&tarball_path(), [reply]);
        let build = Build::from(&server.url());

        build.compile_fails("fetch::cut-short").tells(&[&archive_name(VERSION)]);
        assert_eq!(server.requests_for(&tarball_path()).len(), 6);
    }
}

#[test]
fn a_download_that_starts_over_every_time_is_given_up_as_soon() {
    let mirror = Mirror::of(VERSION);
    let another = |number: i32| {
        let whole = Reply::ok(mirror.archive(VERSION)).etag(&number.to_string(), Ranges::Honoured);
        whole.cut_after(100_000)
    };
    let server = mirror.serve();
    server.answer(&tarball_path(), (1..20).map(another));
    let build = Build::from(&server.url());

    build.compile_fails("fetch::cut-short").tells(&[&archive_name(VERSION)]);
    let requests = server.requests_for(&tarball_path());
    let wholes = requests.iter().filter(|request| request.range_start().is_none());
    assert_eq!(wholes.count(), 6);
    // And between two of them, one for the rest.
    assert_eq!(requests.len(), 11);
}

#[test]
fn a_server_that_falls_silent_is_given_up() {
    let mirror = Mirror::of(VERSION);
    for (path, reply) in [
        ("/latest.txt".to_owned(), Reply::silence()),
        (tarball_path(), Reply::ok(mirror.archive(VERSION)).stall_after(100_000)),
    ] {
        let server = mirror.serve();
        server.answer(&path, [reply]);
        let build = Build::from(&server.url())
            .variable("HOOP_BUILDPACK_STALL_MS", "200")
            // The head of an answer is waited for no shorter than a connection.
            .variable("CURL_CONNECT_TIMEOUT", "1");

        build.compile_fails("fetch::stalled").tells(&[&path]);
    }
}

#[test]
fn a_download_that_falls_silent_once_is_resumed() {
    let mirror = Mirror::of(VERSION);
    let whole = Reply::ok(mirror.archive(VERSION)).etag("one", Ranges::Honoured);
    let server = mirror.serve();
    server.answer(&tarball_path(), [whole.clone().stall_after(100_000), whole]);
    let build = Build::from(&server.url())
        .variable("HOOP_BUILDPACK_STALL_MS", "2000")
        .variable("CURL_CONNECT_TIMEOUT", "1");

    build.compile_installs(VERSION);
    assert_eq!(server.requests_for(&tarball_path())[1].range_start(), Some(100_000));
}

#[test]
fn a_download_larger_than_any_release_is_refused_before_it_is_received() {
    let mirror = Mirror::of(VERSION);
    let server = mirror.serve();
    server.answer(
        &tarball_path(),
        [Reply::ok(mirror.archive(VERSION)).announcing((512 << 20) + 1)],
    );
    let build = Build::from(&server.url());

    build.compile_fails("fetch::too-large");

    assert_eq!(server.requests_for(&tarball_path()).len(), 1);
}
