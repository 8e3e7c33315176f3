//! What belongs to others: nothing of it is removed or changed, wherever the folders of a build lie, and nothing of
//! ours stays where it has no place.

use crate::case;
use crate::make_pipe;
use crate::support::build::{Build, cached_name};
use crate::support::mirror::{Mirror, VERSION};
use crate::support::tree::{Tree, own_name};
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Puts a package `hoop` into the folder at `path`, with names that begin or end like ours.
fn put_package(path: &Path) {
    let long_ago = SystemTime::now() - Duration::from_hours(24);
    for name in [
        "hoop/__init__.py",
        "hoop/deep/er/module.py",
        "hoop/download-controller",
        "hoop/hoop-buildpack-0.0.1-linux-amd64.md",
        "hoop/hoop_1.0.0_linux_amd64_x.tar.gz",
        "hoop/partial-1",
        "hoop/partial-of-a-thing.rs",
    ] {
        let file = path.join(name);
        fs::create_dir_all(file.parent().expect("it is in a folder")).expect("a folder can be made");
        fs::write(&file, format!("{name} of the app")).expect("a file can be written");
        let file = fs::File::options().write(true).open(file).expect("it was just made");
        file.set_modified(long_ago).expect("its time can be set");
    }
}

/// Asserts that all of `before` is at `path` as it was, beside what a build adds.
#[track_caller]
fn assert_kept(before: &Tree, path: &Path) {
    let lost = before.lost_in(&Tree::of(path));
    assert!(lost.paths().is_empty(), "lost or changed: {lost:?}");
}

#[test]
fn a_package_called_hoop_keeps_its_files_wherever_the_cache_is() {
    let server = Mirror::of(VERSION).serve();
    for place in [
        "the build dir",
        "a link to it",
        "its child",
        "its parent",
        "home",
        "a folder of its own",
    ] {
        case(place);
        let mut build = Build::from(&server.url());
        put_package(build.app());
        build = match place {
            "the build dir" => {
                let app = build.app().to_owned();
                build.with_cache(app)
            }
            "a link to it" => {
                let link = build.root().join("link");
                symlink(build.app(), &link).unwrap();
                build.with_cache(link)
            }
            "its child" => {
                let child = build.app().join("child");
                put_package(&child);
                build.with_cache(child)
            }
            // So that the folder for the cache is the app itself.
            "its parent" => {
                let parent = build.root().join("parent");
                put_package(&parent.join("hoop"));
                fs::rename(build.app().join("Procfile"), parent.join("hoop/Procfile")).unwrap();
                build.with_app(parent.join("hoop")).with_cache(parent)
            }
            "home" => {
                let home = build.root().join("home");
                put_package(&home);
                build.with_cache(home)
            }
            _ => build,
        };
        let (app, cache) = (Tree::of(build.app()), Tree::of(build.cache()));

        for _ in 0..2 {
            let run = build.compile();
            run.succeeds_quietly();
            build.assert_installed(VERSION, &run);
            assert_kept(&app, build.app());
            assert_kept(&cache, build.cache());
        }
        let kept = cached_name(VERSION, &Mirror::of(VERSION).digest(VERSION));
        assert!(build.cache().join("hoop").join(kept).is_file());
    }
}

#[test]
fn a_build_that_fails_removes_nothing_of_others_either() {
    let build = Build::from("file:///nowhere/at/all");
    put_package(build.app());
    let app = build.app().to_owned();

    build.with_cache(app).compile_fails("version::latest-not-found");
}

#[test]
fn a_cache_in_the_build_dir_is_told_of() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url());
    let app = build.app().to_owned();

    let words = "The cache dir is in the build dir";
    build.compile().succeeds_quietly().hides(&[words]);
    build.with_cache(app).compile().succeeds_quietly().shows(&[words]);
}

#[test]
fn relative_folders_are_those_of_the_working_directory() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url());
    put_package(build.app());
    let before = Tree::of(build.app());
    let mut command = build.command(["compile", ".", "."]);
    command.arg(build.env()).current_dir(build.app());

    let run = crate::support::run::Run::of(command);

    run.succeeds_quietly();
    build.assert_installed(VERSION, &run);
    assert_kept(&before, build.app());
}

#[test]
fn a_full_folder_by_the_name_of_the_cached_archive_stays_and_costs_a_warning() {
    let mirror = Mirror::of(VERSION);
    let build = Build::from(&mirror.serve().url());
    let server = mirror.serve();
    build.set("HOOP_RELEASES_URL", server.url());
    let name = cached_name(VERSION, &mirror.digest(VERSION));
    let folder = build.cache().join("hoop").join(name);
    fs::create_dir_all(folder.join("more/of/it")).unwrap();
    let before = Tree::of(build.cache());

    build.compile_warns(VERSION, &["the build cache cannot be used"]);

    assert_kept(&before, build.cache());
}

#[test]
fn what_only_looks_like_scratch_of_ours_stays() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url());
    for name in [
        ".hoop-scratch-mine/notes",
        ".hoop-scratch-/notes",
        ".hoop-scratch-0123456789abcdef01234567/notes",
        ".hoop-scratch-aBcD12/notes",
        ".hoop/bin/notes",
        ".hoop/cache/notes",
        ".profile.d/hoop.sh.orig",
    ] {
        build.put(name, "of the app");
    }
    fs::write(build.app().join(own_name(".hoop-scratch-")), "a file").unwrap();
    let outside = build.root().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("precious"), "theirs").unwrap();
    build.link(&own_name(".hoop-scratch-"), &outside);
    make_pipe(&build.app().join(own_name(".hoop-scratch-")));
    // But what a killed build has left goes.
    let killed = own_name(".hoop-scratch-");
    build.put(&format!("{killed}/agent/hoop"), "half of it");
    let before = Tree::of(build.app());

    let run = build.run(build.compile_arguments());

    run.succeeds_quietly();
    let lost = before.lost_in(&Tree::of(build.app()));
    let expected = ["", "/agent", "/agent/hoop"].map(|path| format!("{killed}{path}"));
    assert_eq!(lost.paths(), expected);
    assert_eq!(fs::read_to_string(outside.join("precious")).unwrap(), "theirs");
}

#[test]
fn every_umask_gives_the_same_slug_and_leaves_nothing() {
    let server = Mirror::of(VERSION).serve();
    let usual = Build::from(&server.url());
    usual.compile_installs(VERSION);
    for umask in ["0777", "0077", "0277", "0177", "0000"] {
        case(umask);
        let Some(build) = Build::from(&server.url())
            .with_umask(umask)
            .by_someone_without_privileges()
        else {
            return;
        };
        let cache = build.cache().join("new/folder");
        let build = build.with_cache(cache);

        build.compile_installs(VERSION);
        assert_eq!(Tree::of(build.app()), Tree::of(usual.app()));
        // The cache serves the next one.
        build
            .compile_installs(VERSION)
            .shows(&["Using the copy of the last build"]);
        assert_eq!(build.report()["outcome"], "success");
        assert_eq!(Tree::of(build.scratch()).paths(), Vec::<&str>::new());
        build.set("HOOP_VERSION", "1.2.3");
        build.compile_fails("version::not-found");
    }
}

#[test]
fn a_folder_for_temporary_files_that_is_none_costs_the_report_and_not_the_build() {
    let server = Mirror::of(VERSION).serve();
    for place in ["missing", "a file", "a pipe", "closed", "relative", "empty"] {
        case(place);
        let Some(mut build) = Build::from(&server.url()).by_someone_without_privileges() else {
            return;
        };
        let temporary = build.root().join("other tmp");
        match place {
            "a file" => fs::write(&temporary, "theirs").unwrap(),
            "a pipe" => make_pipe(&temporary),
            "closed" => {
                fs::create_dir(&temporary).unwrap();
                fs::set_permissions(&temporary, fs::Permissions::from_mode(0o555)).unwrap();
            }
            _ => {}
        }
        build.give_away();
        build = match place {
            "relative" => build.variable("TMPDIR", "app"),
            "empty" => build.variable("TMPDIR", ""),
            _ => build.variable("TMPDIR", &temporary),
        };
        let usual = Tree::of(&temporary);
        let run = |arguments: &[&str]| {
            let mut command = build.command(arguments);
            command
                .args([build.app(), build.cache(), build.env()])
                .current_dir(build.root());
            crate::support::run::Run::of(command)
        };

        run(&["compile"]).succeeds_quietly();
        let app = Tree::of(build.app());
        run(&["report"]);

        assert_eq!(Tree::of(&temporary), usual);
        assert_eq!(Tree::of(build.app()), app);
        let ours = |path: &&str| path.contains("hoop-buildpack") && *path != ".profile.d/zz-hoop-buildpack.sh";
        assert_eq!(app.paths().into_iter().find(ours), None);
    }
}

#[test]
fn reports_that_nobody_asks_for_do_not_pile_up() {
    let server = Mirror::of(VERSION).serve();
    let first = Build::from(&server.url());
    let temporary = tempfile::tempdir().unwrap();
    fs::write(temporary.path().join("hoop-buildpack-notes.yml"), "theirs").unwrap();
    let build = || {
        let build = Build::from(&server.url()).with_cache(first.cache());
        build.variable("TMPDIR", temporary.path())
    };
    for _ in 0..12 {
        build().compile().succeeds_quietly();
    }

    let left = Tree::of(temporary.path());
    assert_eq!(left.paths().len(), 9 + 1, "{left:?}");
    assert!(left.entry("hoop-buildpack-notes.yml").is_some());
    // One that is asked for is told once, and gone.
    let last = build();
    last.compile().succeeds_quietly();
    let before = Tree::of(temporary.path()).paths().len();
    assert_eq!(last.report()["outcome"], "success");
    assert_eq!(Tree::of(temporary.path()).paths().len(), before - 1);
}
