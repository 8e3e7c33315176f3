//! The cache: what is kept from build to build, and what is made of it.

use crate::OTHER;
use crate::case;
use crate::checksums_path;
use crate::make_pipe;
use crate::support::build::{Build, NOBODY_UID, built_from, cached_name};
use crate::support::dyno::skipped;
use crate::support::mirror::{Archive, Mirror, VERSION, agent, agent_that, archive_path, noise};
use crate::support::server::{NOBODY, Reply};
use crate::support::tree::{Tree, own_name, sha256};
use crate::take_paths;
use crate::tarball_path;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

#[test]
fn a_build_from_the_cache_gives_the_same_slug_as_one_from_the_network() {
    let server = Mirror::of(VERSION).serve();
    let first = built_from(&server.url());
    let second = Build::from(&server.url()).with_cache(first.cache());

    let run = second.compile();

    run.succeeds_quietly();
    assert_eq!(Tree::of(first.app()), Tree::of(second.app()));
}

#[test]
fn a_newer_version_replaces_the_agent_and_the_cached_archive() {
    let mirror = Mirror::of(VERSION).release(OTHER, &Archive::holding(&agent(OTHER)).packed());
    let server = mirror.serve();
    let build = built_from(&server.url());

    server.answer("/latest.txt", [Reply::ok(OTHER)]);
    build.compile_installs(OTHER);
    assert_eq!(build.cached(), [cached_name(OTHER, &mirror.digest(OTHER))]);
    // The other version came without the helper; an old one must not stay beside it.
    assert!(!build.app().join(".hoop/bin/hoop_rs").exists());
}

#[test]
fn a_missing_cache_dir_is_made() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url());
    let cache = build.root().join("not/there/yet");
    let build = build.with_cache(cache);

    let run = build.compile();

    run.succeeds_quietly();
    assert_eq!(build.cached().len(), 1);
}

#[test]
fn a_failed_build_does_not_make_a_missing_cache_dir() {
    let server = Mirror::of(VERSION).serve();
    server.answer(&tarball_path(), [Reply::ok("not the archive")]);
    let build = Build::from(&server.url());
    let cache = build.root().join("not/there/yet");
    let build = build.with_cache(cache);

    build.compile_fails("fetch::checksum-mismatch");

    assert!(!build.root().join("not").exists());
}

#[test]
fn files_of_other_buildpacks_in_the_cache_are_left_alone() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url());
    fs::create_dir(build.cache().join("node")).unwrap();
    fs::write(build.cache().join("node/modules.tar"), "theirs").unwrap();
    let theirs = Tree::of(build.cache());

    build.compile().succeeds_quietly();

    assert!(theirs.lost_in(&Tree::of(build.cache())).paths().is_empty());
}

#[test]
fn a_pinned_and_cached_version_touches_no_network() {
    let server = Mirror::of(VERSION).serve();
    let build = built_from(&server.url());
    server.take_requests();

    build.set("HOOP_VERSION", VERSION);
    build.compile_installs(VERSION);
    assert_eq!(take_paths(&server), Vec::<String>::new());
}

#[test]
fn a_pinned_cached_and_digest_pinned_version_touches_no_network() {
    let mirror = Mirror::of(VERSION);
    let server = mirror.serve();
    let build = built_from(&server.url());
    server.take_requests();

    build.set("HOOP_VERSION", VERSION);
    build.set("HOOP_SHA256", mirror.digest(VERSION));
    let run = build.compile();

    run.succeeds_quietly();
    assert_eq!(take_paths(&server), Vec::<String>::new());
}

#[test]
fn an_unchanged_latest_version_is_not_downloaded_again() {
    let server = Mirror::of(VERSION).serve();
    let build = built_from(&server.url());
    server.take_requests();

    build.compile().succeeds_quietly();

    assert_eq!(take_paths(&server), ["/latest.txt", &checksums_path()]);
}

#[test]
fn a_cached_archive_that_was_damaged_is_downloaded_again() {
    let server = Mirror::of(VERSION).serve();
    // The last one is an archive without a fault, but for its digest.
    let another = Archive::holding(&agent_that("echo 'another agent'")).packed();
    for harm in [noise(50_000), Vec::new(), another] {
        let build = built_from(&server.url());
        let before = build.snapshot();
        let cached = build.cache().join("hoop").join(&build.cached()[0]);
        fs::write(&cached, harm).unwrap();
        build.set("HOOP_VERSION", VERSION);
        server.take_requests();

        let run = build.compile_installs(VERSION);
        run.shows(&["The cached copy is damaged"]);
        assert!(take_paths(&server).contains(&tarball_path()));
        build.unset("HOOP_VERSION");
        build.assert_unchanged(&before, &run);
    }
}

#[test]
fn what_older_and_broken_builds_left_in_our_part_of_the_cache_goes() {
    let mirror = Mirror::of(VERSION);
    let server = mirror.serve();
    let build = Build::from(&server.url());
    let long_ago = SystemTime::now() - Duration::from_hours(24);
    fs::create_dir(build.cache().join("hoop")).unwrap();
    for name in [&own_name("partial-"), &cached_name("1.0.0", &sha256(b"old"))] {
        let file = fs::File::create(build.cache().join("hoop").join(name)).unwrap();
        // A young one may belong to a build that is still going on.
        file.set_modified(long_ago).unwrap();
    }

    build.compile_installs(VERSION);

    assert_eq!(build.cached(), [cached_name(VERSION, &mirror.digest(VERSION))]);
}

#[test]
fn what_a_killed_build_left_in_the_cache_goes_also_where_nothing_is_downloaded() {
    let mirror = Mirror::of(VERSION);
    let build = built_from(&mirror.serve().url());
    build.set("HOOP_VERSION", VERSION);
    // A moment ago: nobody holds its lock any more.
    fs::write(build.cache().join("hoop").join(own_name("partial-")), noise(50_000)).unwrap();

    build.compile().succeeds_quietly();

    assert_eq!(build.cached(), [cached_name(VERSION, &mirror.digest(VERSION))]);
}

#[test]
fn a_named_pipe_by_the_name_of_a_partial_copy_hangs_nothing() {
    let mirror = Mirror::of(VERSION);
    let build = built_from(&mirror.serve().url());
    build.set("HOOP_VERSION", VERSION);
    make_pipe(&build.cache().join("hoop").join(own_name("partial-")));

    build.compile().succeeds_quietly();

    assert_eq!(build.cached(), [cached_name(VERSION, &mirror.digest(VERSION))]);
}

#[test]
fn builds_at_the_same_time_may_share_a_cache() {
    let mirror = Mirror::of(VERSION);
    let server = mirror.serve();
    let first = Build::from(&server.url());
    let others: Vec<_> = (0..3)
        .map(|_| Build::from(&server.url()).with_cache(first.cache()))
        .collect();

    std::thread::scope(|scope| {
        for build in others.iter().chain([&first]) {
            scope.spawn(|| {
                // Without looking into the cache, in which the other builds are still at work.
                let run = build.run(build.compile_arguments());
                run.succeeds();
                build.assert_installed(VERSION, &run);
            });
        }
    });

    assert_eq!(first.cached(), [cached_name(VERSION, &mirror.digest(VERSION))]);
}

#[test]
fn the_cached_version_is_used_where_the_server_of_the_latest_is_down() {
    let server = Mirror::of(VERSION).serve();
    let build = built_from(&server.url());
    drop(server);
    build.set("HOOP_RELEASES_URL", NOBODY);
    let before = Tree::of(build.cache());

    build.compile_warns(VERSION, &[VERSION, "127.0.0.99"]);
    assert_eq!(Tree::of(build.cache()), before);
}

/// From the first file on that cannot be had, for every way in which a server gives no answer.
#[test]
fn the_cached_version_is_used_where_the_latest_one_cannot_be_had() {
    let mirror = Mirror::of(VERSION);
    let newer = Mirror::of(OTHER);
    for (what, reply) in [
        ("an error", Reply::status(503, "not now")),
        ("silence", Reply::silence()),
        ("no end", Reply::ok("1.150.2\n").announcing(20)),
    ] {
        for path in [
            "/latest.txt".to_owned(),
            format!("/{OTHER}/checksums.txt"),
            format!("/{}", archive_path(OTHER)),
        ] {
            case(format!("{what} for {path}"));
            let build = built_from(&mirror.serve().url())
                .variable("HOOP_BUILDPACK_STALL_MS", "300")
                .variable("CURL_CONNECT_TIMEOUT", "1")
                .variable("CURL_TIMEOUT", "2");
            let server = newer.serve();
            server.answer(&path, [reply.clone()]);
            build.set("HOOP_RELEASES_URL", server.url());
            let before = Tree::of(build.cache());

            build.compile_warns(VERSION, &[VERSION, "the latest agent could not be fetched"]);
            assert_eq!(Tree::of(build.cache()), before);
        }
    }
}

#[test]
fn the_cached_version_is_used_also_where_the_cache_cannot_be_written() {
    let server = Mirror::of(OTHER).serve();
    server.answer(&format!("/{}", archive_path(OTHER)), [Reply::status(503, "not now")]);
    let first = Mirror::of(VERSION).serve();
    let Some(build) = Build::from(&first.url()).by_someone_without_privileges() else {
        return;
    };
    build.compile_installs(VERSION);
    build.set("HOOP_RELEASES_URL", server.url());
    let folder = build.cache().join("hoop");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o555)).unwrap();

    build.compile_warns(VERSION, &[VERSION, "the latest agent could not be fetched"]);
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_damaged_cached_version_stands_in_for_nothing_and_nothing_is_asked_for_again() {
    let build = built_from(&Mirror::of(VERSION).serve().url());
    fs::write(cached_path(&build), noise(1000)).unwrap();
    let server = Mirror::of(OTHER).serve();
    server.answer(&format!("/{OTHER}/checksums.txt"), [Reply::status(503, "not now")]);
    build.set("HOOP_RELEASES_URL", server.url());

    build.compile_fails("fetch::server-error").tells(&[OTHER]);
    let asked_for = |path: &String| path.contains(VERSION);
    assert!(!take_paths(&server).iter().any(asked_for));
}

/// The name of a file that is not ours says nothing of the bytes that a version had.
#[test]
fn a_digest_that_somebody_else_has_put_into_the_cache_stops_nothing() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url());
    fs::create_dir(build.cache().join("hoop")).unwrap();
    let name = cached_name(VERSION, &sha256(b"other bytes"));
    let path = build.cache().join("hoop").join(name);
    symlink("/dev/null", &path).unwrap();
    build.compile_installs(VERSION);

    if rustix::process::geteuid().is_root() {
        fs::write(&path, "other bytes").unwrap();
        chown(&path, Some(NOBODY_UID), None).unwrap();
        build.compile_installs(VERSION);
    }
}

#[test]
fn a_cached_version_that_is_not_the_wanted_one_stands_in_for_nothing() {
    let build = built_from(&Mirror::of(VERSION).serve().url());
    build.set("HOOP_RELEASES_URL", NOBODY);
    build.set("HOOP_SHA256", sha256(b"another agent"));

    build.compile_fails("fetch::unreachable");
}

#[test]
fn a_server_that_is_down_fails_the_build_where_nothing_is_cached() {
    let build = Build::from(NOBODY);

    build.compile_fails("fetch::unreachable").tells(&["127.0.0.99"]);
}

#[test]
fn the_cache_does_not_stand_in_for_another_version() {
    let server = Mirror::of(VERSION).serve();
    let build = built_from(&server.url());
    build.set("HOOP_RELEASES_URL", NOBODY);
    build.set("HOOP_VERSION", OTHER);

    build.compile_fails("fetch::unreachable");
}

#[test]
fn republished_bytes_of_the_latest_version_stop_the_build() {
    let server = Mirror::of(VERSION).serve();
    let build = built_from(&server.url());
    let republished = Mirror::with(VERSION, &Archive::holding(&agent(VERSION)).packed());
    let old = build.manifest()["sha256"].as_str().unwrap().to_owned();
    let server = republished.serve();
    build.set("HOOP_RELEASES_URL", server.url());

    let run = build.compile_fails("release::digest-changed");

    run.tells(&[&old, &republished.digest(VERSION), "HOOP_SHA256"]);
    assert!(server.requests_for(&tarball_path()).is_empty());

    // The way out the message names.
    build.set("HOOP_SHA256", republished.digest(VERSION));
    build.compile_installs(VERSION);
    assert_eq!(build.cached(), [cached_name(VERSION, &republished.digest(VERSION))]);
}

#[test]
fn republished_bytes_stop_the_build_also_where_the_cached_archive_is_damaged() {
    let build = built_from(&Mirror::of(VERSION).serve().url());
    let cached = build.cache().join("hoop").join(&build.cached()[0]);
    fs::write(cached, "damaged").unwrap();
    let republished = Mirror::with(VERSION, &Archive::holding(&agent(VERSION)).packed());
    let server = republished.serve();
    build.set("HOOP_RELEASES_URL", server.url());
    build.set("HOOP_VERSION", VERSION);

    build.compile_fails("release::digest-changed");
}

#[test]
fn republished_bytes_of_a_pinned_version_are_taken_where_their_digest_is_given() {
    let server = Mirror::of(VERSION).serve();
    let build = built_from(&server.url());
    let republished = Mirror::with(VERSION, &Archive::holding(&agent(VERSION)).packed());
    let server = republished.serve();
    build.set("HOOP_RELEASES_URL", server.url());
    build.set("HOOP_VERSION", VERSION);
    build.set("HOOP_SHA256", republished.digest(VERSION));

    let run = build.compile();

    run.succeeds_quietly();
    assert_eq!(build.cached(), [cached_name(VERSION, &republished.digest(VERSION))]);
}

#[test]
fn a_cache_that_cannot_be_written_costs_a_warning() {
    let server = Mirror::of(VERSION).serve();
    let other = Build::new();
    other.put("a file", "not a folder");
    let file = other.app().join("a file");

    // Unwritable for root as well: no folder can be made in the kernel's own file systems, nor below a file.
    for cache in [Path::new("/proc/no-such-cache"), Path::new("/sys"), &file] {
        let build = Build::from(&server.url()).with_cache(cache);
        build.compile_warns(VERSION, &[cache.to_str().unwrap()]);
    }
    assert_eq!(other.read("a file"), "not a folder");
}

#[test]
fn a_file_where_our_part_of_the_cache_should_be_costs_a_warning() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url());
    fs::write(build.cache().join("hoop"), "not a folder").unwrap();
    let before = Tree::of(build.cache());

    build.compile_warns(VERSION, &["cache"]);
    assert_eq!(Tree::of(build.cache()), before);
}

#[test]
fn nothing_is_written_through_a_link_in_the_cache() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url());
    let outside = build.root().join("outside");
    fs::create_dir(&outside).unwrap();
    symlink(&outside, build.cache().join("hoop")).unwrap();

    build.compile_warns(VERSION, &["cache"]);
    assert_eq!(Tree::of(&outside).paths(), Vec::<&str>::new());
}

/// What is put into the place of the cached archive, of which there is a good copy elsewhere.
type Harm = fn(&Path, copy: &Path);

/// The one archive in the cache of `build`.
fn cached_path(build: &Build) -> PathBuf {
    build.cache().join("hoop").join(&build.cached()[0])
}

#[test]
fn what_is_no_file_in_the_place_of_the_cached_archive_is_a_miss() {
    let server = Mirror::of(VERSION).serve();
    let cases: [(&str, Harm); 4] = [
        ("a named pipe", |path, _| {
            make_pipe(path);
        }),
        ("an empty folder", |path, _| fs::create_dir(path).unwrap()),
        ("a dangling link", |path, _| symlink("nowhere", path).unwrap()),
        ("a link to a good copy elsewhere", |path, copy| {
            symlink(copy, path).unwrap();
        }),
    ];
    for (what, harm) in cases {
        case(what);
        let build = built_from(&server.url());
        let before = build.snapshot();
        let path = cached_path(&build);
        let copy = build.root().join("copy");
        fs::rename(&path, &copy).unwrap();
        harm(&path, &copy);
        server.take_requests();

        let run = build.compile_installs(VERSION);

        run.shows(&["The cached copy is not used: it is "]);
        assert!(take_paths(&server).contains(&tarball_path()));
        build.assert_unchanged(&before, &run);
    }
}

#[test]
fn a_link_to_another_folder_of_the_cache_is_not_ours_to_tidy_up() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url());
    fs::create_dir(build.cache().join("node")).unwrap();
    fs::write(build.cache().join("node/modules.tar"), "theirs").unwrap();
    symlink("node", build.cache().join("hoop")).unwrap();
    let before = Tree::of(build.cache());

    build.compile_warns(VERSION, &["cache", "hoop is a link"]);
    assert_eq!(Tree::of(build.cache()), before);
}

#[test]
fn a_truncated_cached_archive_is_a_miss() {
    let server = Mirror::of(VERSION).serve();
    for left in [0, 1, 100_000] {
        case(left);
        let build = built_from(&server.url());
        let before = build.snapshot();
        let path = cached_path(&build);
        let size = fs::metadata(&path).unwrap().len();
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_len(size - left.max(1)).unwrap();

        let run = build.compile_installs(VERSION);

        run.shows(&["The cached copy is damaged and is not used"]);
        build.assert_unchanged(&before, &run);
    }
}

#[test]
fn a_cache_that_modes_close_is_a_miss() {
    let server = Mirror::of(VERSION).serve();
    for (what, folder, file, words) in [
        ("a file nobody may read", 0o755, 0o000, "The cached copy is not used"),
        (
            "a folder nobody may enter",
            0o000,
            0o644,
            "the build cache cannot be used",
        ),
        (
            "a folder nobody may write",
            0o555,
            0o000,
            "the build cache cannot be used",
        ),
    ] {
        case(what);
        let Some(build) = Build::from(&server.url()).by_someone_without_privileges() else {
            return;
        };
        build.compile_installs(VERSION);
        let archive = cached_path(&build);
        let ours = build.cache().join("hoop");
        fs::set_permissions(&archive, fs::Permissions::from_mode(file)).unwrap();
        fs::set_permissions(&ours, fs::Permissions::from_mode(folder)).unwrap();

        let run = build.run(build.compile_arguments());

        fs::set_permissions(&ours, fs::Permissions::from_mode(0o755)).unwrap();
        run.succeeds();
        run.assert(
            run.stdout().contains(words) || run.prose().contains(words),
            &format!("expected {words:?}"),
        );
        build.assert_installed(VERSION, &run);
    }
}

#[test]
fn a_cache_of_someone_else_is_a_miss() {
    let server = Mirror::of(VERSION).serve();
    let Some(build) = Build::from(&server.url()).by_someone_without_privileges() else {
        return;
    };
    build.compile_installs(VERSION);
    let archive = cached_path(&build);
    // What only root may read is someone else's in any case; root itself may read everything.
    if !rustix::process::geteuid().is_root() {
        skipped("only root can give a file to someone else");
        return;
    }
    build.set("HOOP_VERSION", VERSION);
    chown(&archive, Some(0), Some(0)).unwrap();
    build
        .compile_installs(VERSION)
        .shows(&["The cached copy is not used: it belongs to someone else"]);
    // It has been replaced by one of ours.
    build
        .compile_installs(VERSION)
        .shows(&["Using the copy of the last build"]);

    for path in [&archive, &build.cache().join("hoop")] {
        chown(path, Some(0), Some(0)).unwrap();
    }
    let before = Tree::of(build.cache());
    build
        .compile_warns(VERSION, &["the build cache cannot be used"])
        .shows(&["The cached copy is not used"]);
    assert_eq!(Tree::of(build.cache()), before);
}

#[test]
fn an_archive_for_another_machine_is_never_used() {
    let mirror = Mirror::of(VERSION);
    let server = mirror.serve();
    let build = built_from(&server.url());
    let ours = cached_path(&build);
    let other = ["_amd64_", "_arm64_"].map(|name| {
        let renamed = build.cached()[0].replace("_amd64_", name).replace("_arm64_", name);
        build.cache().join("hoop").join(renamed)
    });
    let other = other.iter().find(|path| **path != ours).unwrap();
    fs::rename(&ours, other).unwrap();
    build.set("HOOP_VERSION", VERSION);
    server.take_requests();

    build.compile_installs(VERSION);

    assert!(take_paths(&server).contains(&tarball_path()));
    assert_eq!(build.cached(), [cached_name(VERSION, &mirror.digest(VERSION))]);

    // Nor does it stand in for a server that is down.
    fs::rename(&ours, other).unwrap();
    build.set("HOOP_RELEASES_URL", NOBODY);
    build.compile_fails("fetch::unreachable");
    build.unset("HOOP_VERSION");
    build.compile_fails("fetch::unreachable");
}

#[test]
fn another_stack_gets_the_same_verified_bytes() {
    let server = Mirror::of(VERSION).serve();
    let first = built_from(&server.url());
    let second = Build::from(&server.url())
        .with_cache(first.cache())
        .variable("STACK", "heroku-22");

    second.compile_installs(VERSION);

    assert_eq!(Tree::of(first.app()), Tree::of(second.app()));
}

#[test]
fn builds_of_different_versions_may_share_a_cache() {
    let mirror = Mirror::of(VERSION).release(OTHER, &Archive::of_agent(OTHER).packed());
    let server = mirror.serve();
    let cold = Build::from(&server.url()).with("HOOP_VERSION", VERSION);
    let others: Vec<_> = (0..5)
        .map(|number| Build::from(&server.url()).with("HOOP_VERSION", [VERSION, OTHER][number % 2]))
        .map(|build| build.with_cache(cold.cache()))
        .collect();

    // At first all are cold, then some find a cached archive of theirs, which others take away.
    for _ in 0..3 {
        std::thread::scope(|scope| {
            for build in others.iter().chain([&cold]) {
                scope.spawn(|| {
                    let version = fs::read_to_string(build.env().join("HOOP_VERSION")).unwrap();
                    let run = build.run(build.compile_arguments());
                    run.succeeds_quietly();
                    build.assert_installed(&version, &run);
                });
            }
        });
    }

    let kept = cold.cached();
    let versions = [VERSION, OTHER].map(|version| cached_name(version, &mirror.digest(version)));
    assert!(kept.iter().all(|name| versions.contains(name)), "{kept:?}");
}

#[test]
fn only_the_archive_of_the_last_build_is_kept() {
    let mirror = Mirror::of(VERSION).release(OTHER, &Archive::of_agent(OTHER).packed());
    let server = mirror.serve();
    let build = Build::from(&server.url());

    for version in [VERSION, OTHER, VERSION] {
        build.set("HOOP_VERSION", version);
        build.compile_installs(version);
        assert_eq!(build.cached(), [cached_name(version, &mirror.digest(version))]);
    }
}
