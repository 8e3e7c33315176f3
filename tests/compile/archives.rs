//! Archives that are the published ones and cannot be used.

use crate::archive_fails;
use crate::support::build::Build;
use crate::support::mirror::{Archive, Mirror, VERSION, agent, gzip, noise};
use crate::support::tree::Tree;

#[test]
fn an_archive_cut_short_before_it_was_listed_is_damaged() {
    let whole = Archive::of_agent(VERSION).packed();

    for length in [0, 1, 10, 100_000, whole.len() - 1] {
        archive_fails(&whole[..length], "archive::damaged").tells(&[VERSION]);
    }
}

#[test]
fn an_archive_that_is_none_is_damaged() {
    let page = b"<!DOCTYPE html>\n<html></html>\n".repeat(100);
    let mut flipped = Archive::of_agent(VERSION).packed();
    let last = flipped.len() - 6;
    // A byte of the checksum gzip keeps at its end.
    flipped[last] ^= 1;
    let short_tar = Archive::of_agent(VERSION).packed_short(100_000);

    for tarball in [
        &page[..],
        &noise(5000),
        &gzip(&page),
        &gzip(&noise(5000)),
        &flipped,
        &short_tar,
    ] {
        archive_fails(tarball, "archive::damaged");
    }
}

#[test]
fn an_archive_without_an_agent_is_an_error() {
    let agent = agent(VERSION);
    let bytes = agent.as_bytes();
    for (what, archive) in [
        ("nothing", Archive::default()),
        (
            "only the helper",
            Archive::default().folder("./").file("./hoop_rs", 0o755, bytes),
        ),
        (
            "deeper",
            Archive::default().folder("bin").file("./bin/hoop", 0o755, bytes),
        ),
        ("above", Archive::default().file("../hoop", 0o755, bytes)),
        ("way above", Archive::default().file("./x/../../hoop", 0o755, bytes)),
        ("absolute", Archive::default().file("/hoop", 0o755, bytes)),
        ("a folder", Archive::default().folder("./hoop/")),
        ("a pipe", Archive::default().pipe("./hoop")),
        ("a link", Archive::default().symlink("./hoop", "/bin/sh")),
        (
            "a hard link",
            Archive::default()
                .file("./other", 0o755, bytes)
                .hard_link("./hoop", "./other"),
        ),
        ("another case", Archive::default().file("./Hoop", 0o755, bytes)),
    ] {
        let run = archive_fails(&archive.packed(), "archive::no-agent");
        run.assert(run.prose().contains(VERSION), what);
    }
}

#[test]
fn entries_that_lead_out_of_the_archive_write_nothing() {
    let tarball = Archive::of_agent(VERSION)
        .file("../outside", 0o644, b"out")
        .file("../../outside", 0o644, b"out")
        .symlink("./link", "../..")
        .file("./link/outside", 0o644, b"out")
        .packed();
    let server = Mirror::with(VERSION, &tarball).serve();
    let build = Build::from(&server.url());

    build.compile_installs(VERSION);
    let everything = Tree::of(build.root());
    assert!(
        !everything.paths().iter().any(|path| path.contains("outside")),
        "{everything:?}"
    );
}

#[test]
fn an_archive_with_two_agents_is_an_error() {
    let agent = agent(VERSION);
    for second in ["./hoop", "hoop"] {
        let archive = Archive::of_agent(VERSION).file(second, 0o755, agent.as_bytes());
        archive_fails(&archive.packed(), "archive::duplicate");
    }
    let helpers = Archive::of_agent(VERSION).file("./hoop_rs", 0o755, b"again");
    archive_fails(&helpers.packed(), "archive::duplicate");
}

#[test]
fn an_archive_that_unpacks_to_too_much_is_an_error() {
    let archive = Archive::default().claim("./hoop", (2 << 30) + 1);

    archive_fails(&archive.packed(), "archive::too-large");
}
