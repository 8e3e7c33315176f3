//! Builds that are killed: whatever they leave behind, the next one is right.

use crate::OTHER;
use crate::case;
use crate::support::build::{Build, built_from, cached_name};
use crate::support::mirror::{Archive, Mirror, VERSION};
use crate::support::server::Reply;
use crate::support::tree::{Tree, sha256};
use crate::tarball_path;
use std::fs;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// How often a build is killed.
const TIMES: u32 = 20;

/// Starts a build and does not wait for it.
fn start(build: &Build) -> Child {
    let mut command = build.command(build.compile_arguments());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("the program can be started")
}

/// Kills a build as nothing can be prepared for.
fn kill(mut child: Child) {
    // Fails where it had ended before.
    let _ = child.kill();
    child.wait().expect("a child can be waited for");
}

/// Asserts that each archive in the cache is what its name says. What was being written has another name.
fn assert_sound_cache(build: &Build) {
    let folder = build.cache().join("hoop");
    for name in Tree::of(&folder).paths() {
        let digest = sha256(&fs::read(folder.join(name)).expect("the cache can be read"));
        assert!(
            name.starts_with("partial-") || name.ends_with(&format!("_{digest}.tar.gz")),
            "{name} has the digest {digest}"
        );
    }
}

/// Asserts that each file in its place is a whole one of `slugs`.
fn assert_whole_files(build: &Build, slugs: &[&Tree]) {
    let now = Tree::of(build.app());
    for path in now.paths() {
        if !path.starts_with(".hoop-scratch-") {
            let is_whole = slugs.iter().any(|slug| slug.entry(path) == now.entry(path));
            // A folder that was just made has not got its mode yet.
            let is_folder = now.entry(path).is_some_and(|entry| entry.starts_with("folder "));
            assert!(is_folder || is_whole, "{path}: {now:?}");
        }
    }
}

#[test]
fn a_build_killed_at_any_moment_does_no_harm_to_the_next_one() {
    let mirror = Mirror::of(VERSION).release(OTHER, &Archive::of_agent(OTHER).packed());
    let server = mirror.serve();
    let other = Build::from(&server.url()).with("HOOP_VERSION", OTHER);
    other.compile_installs(OTHER);
    let began = Instant::now();
    let good = built_from(&server.url());
    let duration = began.elapsed();
    let (slug, slug_of_other) = (Tree::of(good.app()), Tree::of(other.app()));

    for number in 0..TIMES {
        // In every other round there is a slug and a cache of another version to be spoilt.
        let build = Build::from(&server.url());
        if number % 2 == 1 {
            build.set("HOOP_VERSION", OTHER);
            build.compile_installs(OTHER);
            build.unset("HOOP_VERSION");
        }
        // Spread over the whole of a build, and at no round moment of it. Any moment will do.
        let moment = duration.mul_f64((f64::from(number) + fastrand::f64()) / f64::from(TIMES));
        case(format!("killed after {moment:?} of about {duration:?}"));
        let child = start(&build);
        std::thread::sleep(moment);
        kill(child);
        // Where the facts for the report were being written. The platform throws that folder away with the build.
        fs::remove_dir_all(build.scratch()).expect("it can be removed");
        fs::create_dir(build.scratch()).expect("it can be made");

        assert_whole_files(&build, &[&slug, &slug_of_other]);
        assert_sound_cache(&build);
        let run = build.compile();
        run.succeeds_quietly();
        assert_eq!(Tree::of(build.app()), slug, "something of the killed build is left");
        assert_sound_cache(&build);
        let kept = cached_name(VERSION, &mirror.digest(VERSION));
        assert!(build.cache().join("hoop").join(kept).exists());
    }
}

#[test]
fn a_build_killed_in_the_middle_of_a_download_leaves_nothing_to_the_next_slug() {
    let mirror = Mirror::of(VERSION);
    let server = mirror.serve();
    let whole = Reply::ok(mirror.archive(VERSION));
    server.answer(&tarball_path(), [whole.clone().stall_after(150_000), whole]);
    let build = Build::from(&server.url());

    let child = start(&build);
    wait_for("the download to be written", || {
        let cached = Tree::of(&build.cache().join("hoop"));
        cached.paths().iter().any(|path| path.starts_with("partial-"))
    });
    kill(child);
    let left = Tree::of(build.app());
    assert!(
        left.paths().iter().any(|path| path.starts_with(".hoop-scratch-")),
        "{left:?}"
    );

    build.compile().succeeds_quietly();
    assert_eq!(Tree::of(build.app()), Tree::of(built_from(&server.url()).app()));
}

/// Looks again until `is_so`, and ends the test where that takes for ever.
fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_mins(1), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
