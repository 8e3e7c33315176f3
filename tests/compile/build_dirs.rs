//! Build dirs that cannot be written, or in which something is in the way.

use crate::case;
use crate::make_pipe;
use crate::support::build::{Build, built_from};
use crate::support::mirror::{Archive, Mirror, VERSION, agent};
use crate::support::run::Run;
use crate::support::tree::Tree;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

#[test]
fn a_missing_build_dir_is_an_error_before_anything_is_asked_for() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url());
    let missing = build.root().join("no such app");
    let build = build.with_app(&missing);

    build
        .compile_fails("install::build-dir-missing")
        .tells(&["no such app"]);

    assert!(!missing.exists());
    assert!(server.take_requests().is_empty());
}

#[test]
fn a_read_only_build_dir_is_an_error() {
    let server = Mirror::of(VERSION).serve();
    // Nobody can make a file here, root included.
    let build = Build::from(&server.url()).with_app("/sys");

    let run = build.compile();

    run.fails_with("install::build-dir-unwritable").tells(&["/sys"]);
    assert_eq!(Tree::of(build.cache()).paths(), Vec::<&str>::new());
}

#[test]
fn a_build_dir_of_someone_else_is_an_error() {
    let server = Mirror::of(VERSION).serve();
    let Some(build) = Build::from(&server.url()).by_someone_without_privileges() else {
        return;
    };
    fs::set_permissions(build.app(), fs::Permissions::from_mode(0o555)).unwrap();

    build.compile_fails("install::build-dir-unwritable");

    fs::set_permissions(build.app(), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn files_of_the_app_are_kept() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url());
    build.put("bin/hoopstart", "#!/bin/sh\n# the app's own\n");
    build.put("bin/rails", "#!/bin/sh\n");
    build.put(".profile.d/app.sh", "export APP=1\n");
    build.put(".hoop/config.toml", "theirs = true\n");
    let before = Tree::of(build.app());

    build.compile_installs(VERSION);
    let lost = before.lost_in(&Tree::of(build.app()));
    assert!(lost.paths().is_empty(), "{lost:?}");
}

#[test]
fn a_link_within_the_app_does_not_make_hoopstart_a_link_to_itself() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url());
    build.link(".hoop", ".");

    let run = build.compile();

    run.succeeds();
    let hoopstart = build.app().join(".hoop/bin/hoopstart");
    assert!(fs::symlink_metadata(hoopstart).unwrap().is_file());
}

#[test]
fn nothing_is_written_through_a_link_out_of_the_build_dir() {
    let server = Mirror::of(VERSION).serve();
    for (path, target, id) in [
        (".hoop", "../outside", Some("install::blocked")),
        (".hoop/bin", "../../outside", Some("install::blocked")),
        (".profile.d", "../outside", Some("install::blocked")),
        (".hoop", "../outside/dangling", Some("install::blocked")),
        (".profile.d", "../outside/dangling", Some("install::blocked")),
        ("bin", "../outside", None),
        ("bin", "../outside/dangling", None),
        ("bin/hoopstart", "../../outside/precious", None),
        (".hoop/manifest.yml", "../../outside/precious", None),
        (".hoop/bin/hoop", "../../../outside/precious", None),
        (".hoop/bin/hoopstart", "../../../outside/precious", None),
        (".profile.d/zz-hoop-buildpack.sh", "../../outside/precious", None),
        (".profile.d/zz-hoop-buildpack.sh", "../../outside/dangling", None),
        ("Procfile", "../outside/precious", None),
    ] {
        for absolute in [false, true] {
            let build = Build::from(&server.url());
            let outside = build.root().join("outside");
            fs::create_dir(&outside).unwrap();
            fs::write(outside.join("precious"), "web: not yours\n").unwrap();
            let before = Tree::of(&outside);
            if path == "Procfile" {
                fs::remove_file(build.app().join(path)).unwrap();
            }
            let name = target.rsplit("../").next().unwrap();
            if absolute {
                build.link(path, build.root().join(name));
            } else {
                build.link(path, target);
            }

            let untouched = build.snapshot();
            let run = build.compile();

            run.assert(
                Tree::of(&outside) == before,
                &format!("something outside changed through {path}"),
            );
            if let Some(id) = id {
                run.fails_with(id).tells(&[path]);
                build.assert_unchanged(&untouched, &run);
                continue;
            }
            build.assert_installed(VERSION, run.succeeds());
            if path != "Procfile" {
                tells_of(&run, path, "a link");
            }
        }
    }
}

#[test]
fn a_file_where_a_folder_is_needed_is_an_error() {
    let server = Mirror::of(VERSION).serve();
    for path in [".hoop", ".hoop/bin", ".profile.d"] {
        let build = Build::from(&server.url());
        build.put(path, "a file of the app\n");

        build.compile_fails("install::blocked").tells(&[path]);
    }
}

#[test]
fn a_folder_where_a_file_is_needed_is_an_error() {
    let server = Mirror::of(VERSION).serve();
    for path in [
        ".hoop/bin/hoop",
        ".hoop/bin/hoopstart",
        ".hoop/manifest.yml",
        ".profile.d/zz-hoop-buildpack.sh",
    ] {
        let build = Build::from(&server.url());
        build.put(&format!("{path}/file"), "a file of the app\n");

        build.compile_fails("install::blocked").tells(&[path]);
    }
}

#[test]
fn a_build_in_the_build_dir_of_another_replaces_what_is_ours_without_a_word() {
    let build = built_from(&Mirror::of(VERSION).serve().url());
    build.set("HOOP_VERSION", VERSION);

    let words = ["replaced", "removed", "Made no link"];
    build.compile_installs(VERSION).hides(&words);
}

#[test]
fn a_manifest_of_the_app_makes_nothing_ours_that_is_the_apps() {
    let server = Mirror::of(VERSION).serve();
    for manifest in ["theirs: true\n", "", "- a\n", "platform: linux/amd64\n", "\u{0}"] {
        let build = Build::from(&server.url());
        build.put(".hoop/manifest.yml", manifest);
        build.put(".hoop/bin/hoop", "the app's own\n");

        build.compile_warns(
            VERSION,
            &[
                ".hoop/manifest.yml of the app was replaced by this buildpack. It was a file.",
                ".hoop/bin/hoop of the app was replaced by this buildpack. It was a file.",
            ],
        );
    }
}

#[test]
fn what_the_app_has_in_the_place_of_a_file_that_a_release_has_not_is_removed_and_told() {
    let server = Mirror::with(VERSION, &Archive::holding(&agent(VERSION)).packed()).serve();
    let build = Build::from(&server.url());
    build.put(".hoop/bin/hoop_rs", "the app's own\n");

    let run = build.compile();
    run.warns(&[".hoop/bin/hoop_rs of the app was removed by this buildpack. It was a file."]);
    assert!(!build.app().join(".hoop/bin/hoop_rs").exists());
}

#[test]
fn a_script_called_hoop_in_profile_d_stays_unless_it_is_ours_of_an_earlier_build() {
    let server = Mirror::of(VERSION).serve();
    for (text, stays) in [
        ("export HOOP_OF_THE_APP=1\n", true),
        ("", true),
        ("#!/bin/sh\n# Not written by the hoop buildpack\n", true),
        (include_str!("../../src/classic/hoop.sh"), false),
        (
            "# shellcheck shell=sh\n# Written by the hoop buildpack. Of another version\n",
            false,
        ),
    ] {
        let build = Build::from(&server.url());
        build.put(".profile.d/hoop.sh", text);

        let run = build.compile();
        build.assert_installed(VERSION, &run);
        if stays {
            run.succeeds_quietly();
            assert_eq!(build.read(".profile.d/hoop.sh"), text);
        } else {
            run.warns(&[".profile.d/hoop.sh of the app was removed by this buildpack."]);
            assert!(!build.app().join(".profile.d/hoop.sh").exists());
        }
    }
    // Nor does anything else of that name matter.
    let build = Build::from(&server.url());
    put_pipe(&build, ".profile.d/hoop.sh");
    build.compile_installs(VERSION);
    let build = Build::from(&server.url());
    build.link(".profile.d/hoop.sh", "/dev/zero");
    build.compile_installs(VERSION);
}

#[test]
fn a_folder_called_hoopstart_in_bin_stays() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url());
    build.put("bin/hoopstart/file", "a file of the app\n");

    tells_of(&build.compile_installs(VERSION), "bin/hoopstart", "a folder");
    assert_eq!(build.read("bin/hoopstart/file"), "a file of the app\n");
}

#[test]
fn a_file_called_bin_costs_only_the_short_way_to_hoopstart() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url());
    build.put("bin", "a file of the app\n");

    tells_of(&build.compile_installs(VERSION), "bin", "a file");
    assert_eq!(build.read("bin"), "a file of the app\n");
}

/// Asserts what the log says of `path` where it was no file of ours, and `was` something else.
#[track_caller]
fn tells_of(run: &Run, path: &str, was: &str) {
    if path.starts_with("bin") {
        let link = format!("Made no link bin/hoopstart, for {path} is in its way");
        run.succeeds_quietly().shows(&[&link]);
    } else {
        let replaced = format!("{path} of the app was replaced by this buildpack. It was {was}.");
        run.warns(&[&replaced, &format!("git rm --cached {path}")]);
    }
}

/// What is done to the Procfile of a build.
type Harm = fn(&Build, &Path);

/// Every path of ours in a build dir, and whether it is a folder. The first three are needed.
const OURS: [(&str, bool); 10] = [
    (".hoop", true),
    (".hoop/bin", true),
    (".profile.d", true),
    ("bin", true),
    (".hoop/bin/hoop", false),
    (".hoop/bin/hoopstart", false),
    (".hoop/bin/hoopwrapper", false),
    (".hoop/manifest.yml", false),
    (".profile.d/zz-hoop-buildpack.sh", false),
    ("bin/hoopstart", false),
];

/// Makes a named pipe in the app, the folders above it as well.
fn put_pipe(build: &Build, path: &str) {
    let path = build.app().join(path);
    fs::create_dir_all(path.parent().expect("it is below the app")).expect("a folder can be made");
    make_pipe(&path);
}

#[test]
fn a_named_pipe_in_the_place_of_anything_hangs_nothing() {
    let server = Mirror::of(VERSION).serve();
    for (path, is_folder) in OURS {
        case(path);
        let build = Build::from(&server.url());
        put_pipe(&build, path);

        if is_folder && path != "bin" {
            build.compile_fails("install::blocked").tells(&[path]);
        } else {
            let run = build.compile();
            build.assert_installed(VERSION, &run);
            tells_of(&run, path, "a named pipe");
            let is_pipe = Tree::of(build.app()).entry(path).unwrap().starts_with("pipe ");
            // What is the app's in bin stays; a file of ours takes its place.
            assert_eq!(is_pipe, path.starts_with("bin"), "{path}");
        }
    }
}

#[test]
fn a_dangling_link_in_the_place_of_anything_is_not_written_through() {
    let server = Mirror::of(VERSION).serve();
    for (path, is_folder) in OURS {
        for target in ["nowhere", "/nowhere/at/all", "../nowhere"] {
            case(format!("{path} to {target}"));
            let build = Build::from(&server.url());
            build.link(path, target);
            let target_of = build.app().join(path).parent().unwrap().join(target);

            if is_folder && path != "bin" {
                build.compile_fails("install::blocked").tells(&[path]);
            } else {
                let run = build.compile();
                build.assert_installed(VERSION, &run);
                tells_of(&run, path, "a link");
            }
            assert!(!target_of.exists());
        }
    }
}

#[test]
fn what_nobody_may_read_or_write_is_an_error_that_names_it() {
    let server = Mirror::of(VERSION).serve();
    for (path, mode, id) in [
        (".hoop", 0o000, Some("install::blocked")),
        (".hoop/bin", 0o000, Some("install::blocked")),
        (".profile.d", 0o000, Some("install::blocked")),
        (".hoop", 0o555, Some("install::blocked")),
        (".hoop/bin", 0o555, Some("install::blocked")),
        (".profile.d", 0o555, Some("install::blocked")),
        // Only a convenience is there.
        ("bin", 0o000, None),
        ("bin", 0o555, None),
        (".hoop/bin/hoop", 0o000, None),
        (".hoop/manifest.yml", 0o000, None),
        (".profile.d/zz-hoop-buildpack.sh", 0o000, None),
        ("bin/hoopstart", 0o000, None),
    ] {
        case(format!("{path} {mode:o}"));
        let build = Build::from(&server.url());
        if [".hoop", ".hoop/bin", ".profile.d", "bin"].contains(&path) {
            fs::create_dir_all(build.app().join(path)).unwrap();
        } else {
            build.put(path, "a file of the app\n");
        }
        let Some(build) = build.by_someone_without_privileges() else {
            return;
        };
        let before = [Tree::of(build.app()), Tree::of(build.cache())];
        let place = build.app().join(path);
        let normal = fs::metadata(&place).unwrap().permissions();
        fs::set_permissions(&place, fs::Permissions::from_mode(mode)).unwrap();

        let run = build.run(build.compile_arguments());

        if id.is_some() || path.starts_with("bin") {
            fs::set_permissions(&place, normal).unwrap();
        }
        if let Some(id) = id {
            run.fails_with(id).tells(&[path]);
            assert_eq!([Tree::of(build.app()), Tree::of(build.cache())], before);
        } else {
            build.assert_installed(VERSION, run.succeeds());
            tells_of(&run, path, "a file");
        }
    }
}

#[test]
fn a_procfile_of_any_kind_hangs_nothing_and_is_never_followed_out_of_the_app() {
    let server = Mirror::of(VERSION).serve();
    let cases: [(&str, &str, Harm); 7] = [
        ("a named pipe", "is not a file", |build, _| put_pipe(build, "Procfile")),
        ("a folder", "is a folder", |_, path| fs::create_dir(path).unwrap()),
        (
            "a dangling link",
            "is a link that does not lead to a file of the app",
            |_, path| symlink("nowhere", path).unwrap(),
        ),
        (
            "a link to itself",
            "is a link that does not lead to a file of the app",
            |_, path| symlink("Procfile", path).unwrap(),
        ),
        (
            "a link out of the app",
            "is a link that does not lead to a file of the app",
            |_, path| {
                symlink("/proc/self/environ", path).unwrap();
            },
        ),
        (
            "a relative link out of the app",
            "is a link that does not lead to a file of the app",
            |build, path| {
                fs::write(build.root().join("outside"), "web: not yours\n").unwrap();
                symlink("../outside", path).unwrap();
            },
        ),
        ("a gigabyte of nothing", "defines no process", |_, path| {
            fs::File::create(path).unwrap().set_len(1 << 30).unwrap();
        }),
    ];
    for (what, told, harm) in cases {
        case(what);
        let build = Build::from(&server.url()).with_memory_limit();
        let path = build.app().join("Procfile");
        fs::remove_file(&path).unwrap();
        harm(&build, &path);

        let run = build.run(build.compile_arguments());

        run.succeeds()
            .warns(&[&format!("the Procfile {told}")])
            .hides(&["not yours"]);
        // Its bytes would be read to be compared otherwise.
        if path.is_file() {
            fs::remove_file(path).unwrap();
        }
        build.assert_installed(VERSION, &run);
        assert_eq!(build.manifest()["process_types"].as_sequence().map(Vec::len), Some(0));
    }
}

#[test]
fn a_procfile_nobody_may_read_costs_a_warning() {
    let server = Mirror::of(VERSION).serve();
    let Some(build) = Build::from(&server.url()).by_someone_without_privileges() else {
        return;
    };
    let procfile = build.app().join("Procfile");
    fs::set_permissions(&procfile, fs::Permissions::from_mode(0o000)).unwrap();

    let run = build.run(build.compile_arguments());

    fs::set_permissions(&procfile, fs::Permissions::from_mode(0o644)).unwrap();
    run.succeeds().warns(&["the Procfile is not readable,"]);
    build.assert_installed(VERSION, &run);
}
