//! `checksums.txt`, and bytes that are not what it says.

use crate::OTHER;
use crate::case;
use crate::checksums_path;
use crate::support::build::{Build, cached_name};
use crate::support::mirror::{Archive, Mirror, PLATFORM, VERSION, archive_name, checksum_line, gzip};
use crate::support::server::Reply;
use crate::support::tree::sha256;
use crate::tarball_path;

#[test]
fn the_digest_covers_what_follows_the_end_of_the_archive() {
    // A tar reader may stop at the end mark, long before the last byte.
    let mut tarball = Archive::of_agent(VERSION).packed();
    let sound = tarball.clone();
    tarball.extend(gzip(&vec![0; 1_000_000]));
    let mirror = Mirror::with(VERSION, &tarball);
    let server = mirror.serve();
    let build = Build::from(&server.url());

    server.answer(&tarball_path(), [Reply::ok(&sound)]);
    build.compile_fails("fetch::checksum-mismatch");

    server.answer(&tarball_path(), [Reply::ok(&tarball)]);
    build.compile_installs(VERSION);
    assert_eq!(build.cached(), [cached_name(VERSION, &mirror.digest(VERSION))]);
}

#[test]
fn a_digest_that_agrees_is_accepted_in_either_case() {
    let mirror = Mirror::of(VERSION);
    let server = mirror.serve();
    for digest in [mirror.digest(VERSION), mirror.digest(VERSION).to_uppercase()] {
        let build = Build::from(&server.url()).with("HOOP_SHA256", &digest);
        build.compile_installs(VERSION);
    }
}

#[test]
fn a_digest_that_differs_from_the_published_one_stops_the_build() {
    let mirror = Mirror::of(VERSION);
    let server = mirror.serve();
    let other = sha256(b"another file");
    let build = Build::from(&server.url()).with("HOOP_SHA256", &other);

    let run = build.compile_fails("release::digest-differs");

    run.tells(&["HOOP_SHA256", &other, &mirror.digest(VERSION)]);
    assert!(server.requests_for(&tarball_path()).is_empty());
}

#[test]
fn checksums_that_are_none_are_refused() {
    let listed = archive_name(VERSION);
    for (what, reply) in [
        ("a page", Reply::html_page()),
        (
            "no hex",
            Reply::ok(format!("{}  ./dist/binaries/{listed}\n", "x".repeat(64))),
        ),
        (
            "too few digits",
            Reply::ok(format!("{}  ./dist/binaries/{listed}\n", "a".repeat(40))),
        ),
        ("not text", Reply::ok(b"\xff\xfe\x00\n")),
    ] {
        let server = Mirror::of(VERSION).serve();
        server.answer(&checksums_path(), [reply]);
        let build = Build::from(&server.url());

        let run = build.compile_fails("release::checksums-invalid");

        run.tells(&["/checksums.txt"]);
        assert!(server.requests_for(&tarball_path()).is_empty(), "{what}");
    }
}

#[test]
fn checksums_without_this_platform_are_an_error() {
    let other = checksum_line(&format!("hoop_{VERSION}_Darwin_arm64.tar.gz"), b"");
    let similar = checksum_line(&format!("old-{}", archive_name(VERSION)), b"");
    let longer = checksum_line(&format!("{}.sig", archive_name(VERSION)), b"");
    for text in [String::new(), format!("{other}{similar}{longer}")] {
        let server = Mirror::of(VERSION).serve();
        server.answer(&checksums_path(), [Reply::ok(text)]);
        let build = Build::from(&server.url());

        build
            .compile_fails("release::platform-missing")
            .tells(&[VERSION, PLATFORM.architecture]);
    }
}

#[test]
fn a_file_listed_with_two_digests_is_an_error() {
    let mirror = Mirror::of(VERSION);
    let server = mirror.serve();
    let name = archive_name(VERSION);
    let text = checksum_line(&name, mirror.archive(VERSION)) + &checksum_line(&name, b"another");
    server.answer(&checksums_path(), [Reply::ok(text)]);
    let build = Build::from(&server.url());

    build
        .compile_fails("release::checksums-conflict")
        .tells(&[&name, &mirror.digest(VERSION), &sha256(b"another")]);
}

#[test]
fn checksum_mismatch_leaves_slug_and_cache_untouched() {
    let mirror = Mirror::of(VERSION);
    let server = mirror.serve();
    let other = Archive::of_agent(VERSION).folder("more").packed();
    for reply in [Reply::ok(&other), Reply::html_page(), Reply::ok("")] {
        server.answer(&tarball_path(), [reply]);
        let build = Build::from(&server.url());

        build.compile_fails("fetch::checksum-mismatch").tells(&[
            &archive_name(VERSION),
            &mirror.digest(VERSION),
            "Expected",
            "Received",
        ]);
    }
}

#[test]
fn a_wrong_digest_is_not_asked_for_again() {
    let server = Mirror::of(VERSION).serve();
    server.answer(&tarball_path(), [Reply::html_page()]);
    let build = Build::from(&server.url());

    build.compile_fails("fetch::checksum-mismatch");

    assert_eq!(server.requests_for(&tarball_path()).len(), 1);
}

#[test]
fn a_tarball_listed_only_for_another_version_is_missing() {
    let mirror = Mirror::of(VERSION);
    let server = mirror.serve();
    let line = checksum_line(&archive_name(OTHER), mirror.archive(VERSION));
    server.answer(&checksums_path(), [Reply::ok(line)]);
    let build = Build::from(&server.url());

    build
        .compile_fails("release::platform-missing")
        .tells(&[VERSION, PLATFORM.architecture]);
    assert!(server.requests_for(&tarball_path()).is_empty());
}

#[test]
fn checksums_are_read_however_they_were_made() {
    let mirror = Mirror::of(VERSION);
    let server = mirror.serve();
    let (name, digest) = (archive_name(VERSION), mirror.digest(VERSION));
    for text in [
        format!("{}  {name}\n", digest.to_uppercase()),
        format!("{digest}  ./dist/binaries/{name}\r\n"),
        format!("{digest} *{name}\n"),
        format!("{digest} *{name}\n{digest}  ./{name}"),
        format!("# {}\n\n{digest}  {name}", "a comment ".repeat(1000)),
    ] {
        case(&text);
        server.answer(&checksums_path(), [Reply::ok(text)]);

        Build::from(&server.url()).compile_installs(VERSION);
    }
}
