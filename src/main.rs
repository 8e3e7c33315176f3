//! The entry point, and nothing else.
//!
//! It is declared to the C runtime, not to Rust's, for hoopstart's sake: Rust's start-up ignores SIGPIPE and opens
//! file descriptors that were closed, and neither can be told from what the app was given once it has happened.
//! What the other commands need of that start-up they do themselves (`cli::run`).

#![no_main]

use hoop_buildpack::cli;
use hoop_buildpack::os::environment::Environment;
use std::ffi::{c_char, c_int};

/// Runs the command and ends the process with its exit status.
#[expect(
    unsafe_code,
    reason = "the C runtime finds the entry point by this name; nothing here is unsafe to call"
)]
#[unsafe(no_mangle)]
pub extern "C" fn main(_argc: c_int, _argv: *const *const c_char) -> c_int {
    let status = cli::run(std::env::args_os().collect(), &Environment::of_process());
    // Unlike a return it flushes stdout.
    std::process::exit(status)
}
