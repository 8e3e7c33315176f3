//! Archives that are the published ones and cannot be used.

use crate::archive_fails;
use crate::case;
use crate::support::build::Build;
use crate::support::mirror::{Archive, Mirror, VERSION, agent, agent_that, gzip, gzip_of, noise};
use crate::support::run::Run;
use crate::support::tree::Tree;
use tar::EntryType;

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

/// The header of an entry that claims more than any archive may unpack to.
const THREE_GIB: u64 = 3 << 30;

/// How many times [`zeros`] make three gibibytes, and a hundred mebibytes.
const TIMES_TO_3_GIB: usize = 48;
const TIMES_TO_100_MIB: usize = 2;

/// Zeros to be repeated: as a member of gzip they are compressed once.
fn zeros() -> Vec<u8> {
    vec![0; 64 << 20]
}

/// Builds with a tarball whose checksum is right, and asserts that it installs, within the memory of a good build.
#[track_caller]
fn archive_installs(tarball: &[u8]) -> Run {
    let server = Mirror::with(VERSION, tarball).serve();
    Build::from(&server.url()).with_memory_limit().compile_installs(VERSION)
}

#[test]
fn what_follows_the_last_member_of_gzip_makes_an_archive_damaged() {
    let whole = Archive::of_agent(VERSION).packed();

    for (what, more) in [
        ("rubbish", noise(5000)),
        ("one byte", vec![7]),
        ("zeros", vec![0; 5000]),
    ] {
        case(what);
        archive_fails(&[whole.clone(), more].concat(), "archive::damaged");
    }
}

#[test]
fn an_archive_may_come_in_several_members_of_gzip() {
    let whole = Archive::of_agent(VERSION).entries();
    let (first, second) = whole.split_at(100_000);
    archive_installs(&gzip_of(&[(first, 1), (second, 1), (&[0; 10_240], 1)]));

    // A whole archive behind the end of one is not looked into.
    let other = Archive::holding(&agent_that("exit 3")).packed();
    archive_installs(&[Archive::of_agent(VERSION).packed(), other].concat());
}

#[test]
fn an_entry_of_another_type_is_no_agent() {
    let agent = agent(VERSION);
    for (what, kind) in [
        ("a character device", EntryType::Char),
        ("a block device", EntryType::Block),
        ("a sparse file", EntryType::GNUSparse),
        ("a long name", EntryType::GNULongName),
        ("a long name of a link", EntryType::GNULongLink),
        ("a PAX header", EntryType::XHeader),
        ("a PAX header for all", EntryType::XGlobalHeader),
        ("a type nobody knows", EntryType::new(b'Z')),
    ] {
        case(what);
        let archive = Archive::default().odd("./hoop", kind, agent.as_bytes());
        archive_fails(&archive.packed(), "archive::no-agent");
    }
}

#[test]
fn no_header_gives_the_next_entry_the_name_of_the_agent() {
    let agent = agent(VERSION);
    let pax = b"18 path=./hoop\n";
    for (what, kind, payload) in [
        ("GNU", EntryType::GNULongName, b"./hoop\0".as_slice()),
        ("PAX", EntryType::XHeader, pax),
        ("PAX for all", EntryType::XGlobalHeader, pax),
    ] {
        case(what);
        let archive = Archive::default()
            .odd("././@LongLink", kind, payload)
            .file("./other", 0o755, agent.as_bytes());
        archive_fails(&archive.packed(), "archive::no-agent").tells(&["other"]);
    }
}

#[test]
fn a_sparse_file_in_the_form_of_pax_is_not_unpacked_and_does_not_run() {
    let header = b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n28 GNU.sparse.name=./hoop\n";
    let mut map = b"1\n0\n100\n".to_vec();
    map.resize(512, 0);
    map.extend(noise(100));

    let as_it_is_written = Archive::default().odd("./PaxHeaders/hoop", EntryType::XHeader, header);
    let sparse_name = as_it_is_written.file("./GNUSparseFile.0/hoop", 0o755, &map);
    archive_fails(&sparse_name.packed(), "archive::no-agent");

    let with_our_name = Archive::default()
        .odd("./PaxHeaders/hoop", EntryType::XHeader, header)
        .file("./hoop", 0o755, &map);
    archive_fails(&with_our_name.packed(), "install::agent-does-not-run");
}

#[test]
fn a_header_of_100_mib_costs_no_memory() {
    for kind in [EntryType::GNULongName, EntryType::XHeader, EntryType::XGlobalHeader] {
        case(format!("{kind:?}"));
        let zeros = zeros();
        let size = (zeros.len() * TIMES_TO_100_MIB) as u64;
        let header = Archive::default().odd_claim("././@LongLink", kind, size).entries();
        let agent = Archive::of_agent(VERSION).entries();

        archive_installs(&gzip_of(&[
            (&header, 1),
            (&zeros, TIMES_TO_100_MIB),
            (&agent, 1),
            (&[0; 10_240], 1),
        ]));
    }
}

#[test]
fn a_million_entries_cost_no_memory() {
    let thousand = (0..1000).fold(Archive::default(), |archive, number| {
        archive.file(&format!("./entry-{number}"), 0o644, b"")
    });
    let agent = Archive::of_agent(VERSION).entries();
    let tarball = gzip_of(&[(&agent, 1), (&thousand.entries(), 1000), (&[0; 10_240], 1)]);

    archive_installs(&tarball).shows(&["entry-7 and 999992 more"]);
}

#[test]
fn a_bomb_is_put_out_wherever_it_lies() {
    let agent = Archive::of_agent(VERSION).entries();
    let claim = |name: &str| Archive::default().claim(name, THREE_GIB).entries();
    let end = [0; 10_240];
    let zeros = zeros();
    for (what, before) in [
        ("in the agent", claim("./hoop")),
        ("in another entry", [agent.clone(), claim("./other")].concat()),
        ("behind the end", [agent, end.to_vec()].concat()),
    ] {
        case(what);
        let tarball = gzip_of(&[(&before, 1), (&zeros, TIMES_TO_3_GIB), (&end, 1)]);
        assert!(tarball.len() < 40 << 20, "{}", tarball.len());

        archive_fails(&tarball, "archive::too-large");
    }
}

#[test]
fn a_size_that_is_none_is_refused() {
    for (size, id) in [
        (THREE_GIB, "archive::too-large"),
        (u64::MAX / 2, "archive::too-large"),
        // Rounded up to whole blocks this is no number.
        (u64::MAX, "archive::damaged"),
    ] {
        case(size);
        let agent = Archive::default().claim("./hoop", size);
        archive_fails(&agent.packed(), id);

        // Nobody needs what is cut off, but the archive is not what it should be.
        let other = Archive::of_agent(VERSION).claim("./other", size);
        archive_fails(&other.packed(), "archive::damaged");
    }
}
