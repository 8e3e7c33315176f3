//! Build dirs that cannot be written, or in which something is in the way.

use crate::support::build::Build;
use crate::support::mirror::{Mirror, VERSION};
use crate::support::tree::Tree;
use std::fs;

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
    use std::os::unix::fs::PermissionsExt as _;
    if rustix::process::geteuid().is_root() {
        // Root may write everywhere; the test before this one covers it.
        return;
    }
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url());
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
        (".profile.d/hoop.sh", "../../outside/precious", None),
        (".profile.d/hoop.sh", "../../outside/dangling", None),
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
            match id {
                Some(id) => {
                    run.fails_with(id).tells(&[path]);
                    build.assert_unchanged(&untouched, &run);
                }
                None => build.assert_installed(VERSION, run.succeeds()),
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
        ".profile.d/hoop.sh",
    ] {
        let build = Build::from(&server.url());
        build.put(&format!("{path}/file"), "a file of the app\n");

        build.compile_fails("install::blocked").tells(&[path]);
    }
}

#[test]
fn a_file_called_bin_costs_only_the_short_way_to_hoopstart() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url());
    build.put("bin", "a file of the app\n");

    build.compile_installs(VERSION);
    assert_eq!(build.read("bin"), "a file of the app\n");
}
