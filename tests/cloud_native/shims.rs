//! `bin/detect` and `bin/build` as the lifecycle starts them, without it.

use crate::support::run::Run;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;

fn run(buildpack_dir: &Path, arguments: &[&OsStr]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hoop-buildpack"));
    command
        .args(arguments)
        .env_clear()
        .env("CNB_BUILDPACK_DIR", buildpack_dir);
    Run::of(command)
}

#[test]
fn the_descriptor_is_that_of_this_program() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("buildpack.toml")).unwrap();
    let descriptor: toml::Table = toml::from_str(&text).unwrap();

    assert_eq!(descriptor["api"].as_str(), Some("0.10"));
    assert_eq!(
        descriptor["buildpack"]["version"].as_str(),
        Some(env!("CARGO_PKG_VERSION"))
    );
    // The classic registry's parser knows none.
    assert!(!text.contains('{'), "no inline tables");
}

#[test]
fn another_api_and_wrong_arguments_have_a_status_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let toml = folder.path().join("buildpack.toml");
    let (detect, build): (&[&OsStr], &[&OsStr]) = (
        &["detect".as_ref(), "/p".as_ref(), "/plan".as_ref()],
        &["build".as_ref(), "/l".as_ref(), "/p".as_ref(), "/plan".as_ref()],
    );
    for (text, sentence) in [
        (
            "api = \"0.99\"\n",
            "buildpack.toml declares Buildpack API \"0.99\", and this program speaks 0.10 only",
        ),
        ("", "declares no Buildpack API that can be read"),
        ("api = [\n", "declares no Buildpack API that can be read"),
    ] {
        fs::write(&toml, text).unwrap();
        for arguments in [detect, build] {
            let run = run(folder.path(), arguments);
            run.exits(254).assert(run.stderr().contains(sentence), sentence);
            assert_eq!(run.stderr().lines().count(), 1);
        }
    }
    fs::write(&toml, "api = \"0.10\"\n").unwrap();
    run(folder.path(), detect).exits(0);
    run(folder.path(), &detect[..2]).exits(2);
    run(folder.path(), &build[..3]).exits(2);
    let run = run(folder.path(), build);
    run.exits(1).assert(
        run.stderr().contains("! Failure id: install::layers-unwritable\n"),
        "there is no such folder",
    );
}
