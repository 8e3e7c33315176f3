//! `compile`: the real program against release servers on loopback, good ones and bad ones.
//!
//! Every failure is checked for three things: its id, its exit status, and that build dir, cache and env dir
//! are byte for byte as they were (`Build::compile_fails`).

#[path = "../support/mod.rs"]
mod support;

mod advice;
mod agents;
mod answers;
mod archives;
mod build_dirs;
mod cache;
mod config_vars;
mod digests;
mod disks;
mod faults;
mod hoop_yml;
mod install_optional;
mod installs;
mod killed;
mod others;
mod proofs;
mod secrets;
mod threads;
mod tls;
mod transfers;
mod ways;

use std::fmt::Display;
use std::path::Path;
use std::process::Command;
use support::build::Build;
use support::mirror::{Mirror, VERSION, archive_path};
use support::run::Run;
use support::server::ReleaseServer;

/// Another version than the one most tests install.
const OTHER: &str = "1.150.2";

/// The path under which a server has the tarball of [`VERSION`].
fn tarball_path() -> String {
    format!("/{}", archive_path(VERSION))
}

/// The path under which a server has the checksums of [`VERSION`].
fn checksums_path() -> String {
    format!("/{VERSION}/checksums.txt")
}

/// The paths a server was asked for, in order, since the last time.
fn take_paths(server: &ReleaseServer) -> Vec<String> {
    server.take_requests().into_iter().map(|request| request.path).collect()
}

/// Makes a named pipe.
#[track_caller]
fn make_pipe(path: &Path) {
    let status = Command::new("mkfifo").arg(path).status();
    assert!(status.is_ok_and(|status| status.success()));
}

/// Builds with a tarball whose checksum is right, and asserts that it fails.
#[track_caller]
fn archive_fails(tarball: &[u8], id: &str) -> Run {
    let server = Mirror::with(VERSION, tarball).serve();
    Build::from(&server.url()).with_memory_limit().compile_fails(id)
}

/// Names what a test of many cases does now. It is shown where the test fails.
#[expect(clippy::print_stderr, reason = "the test harness keeps it for a test that fails")]
fn case(what: impl Display) {
    eprintln!("case: {what}");
}
