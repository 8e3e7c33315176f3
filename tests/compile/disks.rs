//! Disks that are full, and limits on the size of files that have the same effect.

use crate::support::build::{Build, built_from, cached_name};
use crate::support::dyno::skipped;
use crate::support::mirror::{Archive, Mirror, VERSION, gzip_stored};
use crate::support::tree::{Tree, own_name};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A tarball of this many bytes and more, almost all of them of an entry that does not go into the slug.
fn large_tarball(size: usize) -> Vec<u8> {
    let mut archive = Archive::of_agent(VERSION)
        .file("./other", 0o644, &vec![0; size])
        .entries();
    archive.extend([0; 10_240]);
    gzip_stored(&archive)
}

/// The size of the program, which is the largest file of a slug.
fn program_size() -> usize {
    let program = fs::metadata(env!("CARGO_BIN_EXE_hoop-buildpack")).expect("the program is there");
    usize::try_from(program.len()).expect("it fits into memory")
}

#[test]
fn a_file_that_may_not_grow_so_large_fails_the_build_and_leaves_nothing() {
    let server = Mirror::of(VERSION).serve();
    // Too little for the agent's helper, then too little for hoopstart.
    for limit in [100_000, 1_000_000] {
        let build = Build::from(&server.url()).with_file_limit(limit);

        build
            .compile_fails("install::write-failed")
            .tells(&["there is a limit on the size of files", "ulimit -f"]);
    }
}

#[test]
fn a_build_with_too_few_files_ends_whatever_the_limit_is() {
    let releases = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/releases");
    let releases = url::Url::from_file_path(releases).expect("the path is absolute");
    let mut told = 0;
    for limit in 10..24 {
        let run = Build::from(releases.as_str()).with_open_files_limit(limit).compile();
        if run.prose().contains("reached the limit on open files") {
            run.exits(1).tells(&["ulimit -n", "Failure id: "]);
            told += 1;
        }
    }
    assert!(told > 0, "some limit is the one that a write meets");
}

#[test]
fn a_limit_that_stops_a_rebuild_leaves_the_last_one_as_it_was() {
    let server = Mirror::of(VERSION).serve();
    let build = built_from(&server.url()).with_file_limit(1_000_000);

    build.compile_fails("install::write-failed");
}

#[test]
fn an_optional_agent_does_not_make_a_full_disk_a_success() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url())
        .with("HOOP_INSTALL", "optional")
        .with_file_limit(1_000_000);

    build.compile_fails("install::write-failed");
}

#[test]
fn a_cached_copy_that_may_not_grow_so_large_costs_a_warning() {
    let size = program_size() + 2_000_000;
    let server = Mirror::with(VERSION, &large_tarball(size)).serve();
    let limit = u64::try_from(size).unwrap() - 1_000_000;
    let build = Build::from(&server.url()).with_file_limit(limit);

    build.compile_warns(VERSION, &["the build cache cannot be used"]);
    assert_eq!(Tree::of(build.cache()).paths(), Vec::<&str>::new());

    // What a killed build has left may be what has filled the disk.
    fs::create_dir(build.cache().join("hoop")).unwrap();
    fs::write(
        build.cache().join("hoop").join(own_name("partial-")),
        "half of an archive",
    )
    .unwrap();
    build.compile_warns(VERSION, &["the build cache cannot be used"]);
    assert_eq!(Tree::of(build.cache()).paths(), ["hoop"]);
}

/// A small disk of its own, as long as this value lives.
struct Disk(PathBuf);

impl Disk {
    /// Mounts a disk of `size` bytes at the folder `at`. `None` where that is not allowed.
    fn mounted(at: &Path, size: usize) -> Option<Self> {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(at)
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            Some(Self(at.to_owned()))
        } else {
            skipped("no disk can be mounted here");
            None
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // If this fails the folder cannot be removed, and that shows.
        let _ = Command::new("umount").arg(&self.0).output();
    }
}

#[test]
fn a_full_disk_fails_the_build_and_leaves_nothing() {
    let server = Mirror::of(VERSION).serve();
    // No room for the helper, for hoopstart, and for not even a folder.
    for size in [100_000, 2_000_000] {
        let build = Build::from(&server.url());
        let Some(_disk) = Disk::mounted(build.app(), size) else {
            return;
        };
        build.put("Procfile", "web: hoopstart -- ./server\n");

        build
            .compile_fails("install::write-failed")
            .tells(&["No space left on device"]);
    }
}

#[test]
fn a_full_disk_under_the_cache_costs_a_warning() {
    let mirror = Mirror::of(VERSION);
    let server = mirror.serve();
    let build = Build::from(&server.url());
    let Some(disk) = Disk::mounted(build.cache(), 100_000) else {
        return;
    };

    build.compile_warns(VERSION, &["the build cache cannot be used", "No space left on device"]);
    assert_eq!(Tree::of(build.cache()).paths(), Vec::<&str>::new());

    // The next build has room again.
    drop(disk);
    build.compile_installs(VERSION);
    assert_eq!(build.cached(), [cached_name(VERSION, &mirror.digest(VERSION))]);
}
