//! `release`: YAML on stdout, byte for byte the same for every app, and nothing else.

mod support;

use std::ffi::OsStr;
use support::build::Build;
use support::tree::Tree;

const NOTHING_TO_ADD: &str = "addons: []\ndefault_process_types: {}\n";

#[test]
fn a_release_adds_nothing() {
    let build = Build::new();
    let before = Tree::of(build.root());

    let run = build.run([OsStr::new("release"), build.app().as_ref()]);

    run.exits(0);
    assert_eq!((run.stdout(), run.stderr()), (NOTHING_TO_ADD, ""));
    assert_eq!(Tree::of(build.root()), before);
}

#[test]
fn a_release_is_yaml_of_the_two_fields_the_platform_knows() {
    let build = Build::new();
    let run = build.run([OsStr::new("release"), build.app().as_ref()]);

    let yaml: serde_yaml::Value = serde_yaml::from_str(run.stdout()).unwrap();
    let fields: Vec<_> = yaml
        .as_mapping()
        .unwrap()
        .keys()
        .filter_map(serde_yaml::Value::as_str)
        .collect();
    assert_eq!(fields, ["addons", "default_process_types"]);
}
