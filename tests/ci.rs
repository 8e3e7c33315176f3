//! The checks of `.ci` that a machine of ours seldom runs to their end, or that never fail here: what they refuse, and
//! what they call.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::executable::write_executable;
use support::run::Run;
use tempfile::TempDir;

/// What a program may have: 6 MiB.
const MOST: u64 = 6 << 20;

/// A script of `.ci`.
fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci").join(name)
}

/// Writes a program of one line of sh that stands for another.
fn stand_in(path: &Path, line: &str) {
    write_executable(path, &format!("#!/bin/sh\n{line}\n"));
}

fn check_static(program: &Path) -> Run {
    let mut command = Command::new(script("static"));
    command.arg(program);
    Run::of(command)
}

#[test]
fn a_program_that_is_dynamic_or_none_or_large_is_refused() {
    let scratch = TempDir::new().unwrap();
    // Each machine of ours has sh, and links it with its C library.
    let dynamic = fs::canonicalize("/bin/sh").unwrap();
    check_static(&dynamic).exits(1).tells(&["is not static"]);

    let text = scratch.path().join("text");
    stand_in(&text, "true");
    check_static(&text).exits(1).tells(&["is not a program"]);

    let large = scratch.path().join("large");
    fs::copy(env!("CARGO_BIN_EXE_hoop-buildpack"), &large).unwrap();
    let file = fs::OpenOptions::new().write(true).open(&large).unwrap();
    file.set_len(MOST.max(file.metadata().unwrap().len()) + 1).unwrap();
    check_static(&large).exits(1).tells(&["may have 6291456"]);
}

/// Runs `.ci/images` on a machine of this kind with a docker that writes down what it is told.
fn images(machine: &str) -> Vec<String> {
    let scratch = TempDir::new().unwrap();
    let at = |name: &str| scratch.path().join(name);
    stand_in(&at("docker"), &format!("echo \"$*\" >>'{}'", at("told").display()));
    stand_in(&at("uname"), &format!("echo {machine}"));
    fs::write(at("buildpack.tgz"), "").unwrap();
    let path = std::env::var_os("PATH").unwrap();
    let folders = [scratch.path().to_owned()]
        .into_iter()
        .chain(std::env::split_paths(&path));
    let mut command = Command::new(script("images"));
    command
        .arg(at("buildpack.tgz"))
        .env("PATH", std::env::join_paths(folders).unwrap());
    Run::of(command).exits(0);
    let told = fs::read_to_string(at("told")).unwrap();
    told.lines().map(str::to_owned).collect()
}

#[test]
fn every_stack_of_a_machine_is_built_on_and_booted_on_by_someone_without_privileges() {
    for (machine, stacks) in [("x86_64", &["22", "24", "26"][..]), ("aarch64", &["24", "26"])] {
        let calls = images(machine);
        let mut expected = Vec::new();
        for stack in stacks {
            expected.push(format!(
                " heroku/heroku:{stack}-build /src/.ci/smoke /buildpack.tgz /slugs/{stack}"
            ));
            expected.push(format!(" heroku/heroku:{stack} /src/.ci/smoke --boot /slugs/{stack}"));
        }
        assert_eq!(calls.len(), expected.len(), "{calls:#?}");
        for (number, call) in calls.iter().enumerate() {
            let stack = format!(" --env STACK=heroku-{} ", stacks[number / 2]);
            assert!(call.contains(&stack), "{call}");
        }
        for (call, expected) in calls.iter().zip(&expected) {
            assert!(call.starts_with("run --rm --network none --user "), "{call}");
            assert!(!call.contains("--user 0:"), "{call}");
            assert!(call.ends_with(expected.as_str()), "{call}");
        }
    }
}
