//! `detect`: says yes to any folder, since a listed buildpack was asked for.

mod support;

use std::ffi::OsStr;
use support::build::Build;
use support::tree::Tree;

#[test]
fn any_folder_is_detected() {
    let build = Build::new();
    let empty = build.root().join("empty app");
    std::fs::create_dir(&empty).unwrap();

    for folder in [build.app(), &empty] {
        let before = Tree::of(folder);
        let run = build.run([OsStr::new("detect"), folder.as_ref()]);

        run.exits(0);
        assert_eq!((run.stdout(), run.stderr()), ("Hoop agent\n", ""));
        assert_eq!(Tree::of(folder), before);
    }
}

#[test]
fn what_is_not_a_folder_is_not_detected() {
    let build = Build::new();
    let procfile = build.app().join("Procfile");
    let missing = build.app().join("no such folder");

    for path in [&procfile, &missing] {
        let run = build.run([OsStr::new("detect"), path.as_ref()]);

        run.exits(1).assert(run.stdout().is_empty(), "nothing was detected");
        run.assert(
            run.prose().contains(path.to_str().unwrap()),
            "expected a sentence that names the path",
        );
    }
}

#[test]
fn detect_without_a_folder_is_wrong_usage() {
    Build::new().run(["detect"]).exits(2);
}
