//! How a command ends.

use crate::secret::conceal::conceal;
use std::io::Write as _;

/// The exit status of a build that failed, and of a command that could not do its work.
pub(super) const FAILED: i32 = 1;

/// The exit status of wrong arguments, as clap has it.
pub(super) const USAGE: i32 = 2;

/// The exit status where the lifecycle expects another Buildpack API, as others have it.
pub(super) const API_UNKNOWN: i32 = 254;

/// Writes `text` to stdout, and nothing else.
pub(super) fn print(text: &str) -> i32 {
    let mut stdout = std::io::stdout();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => 0,
        Err(_) => FAILED,
    }
}

/// Writes a sentence to stderr.
pub(super) fn complain(sentence: &str) -> i32 {
    let _ = writeln!(std::io::stderr(), "{sentence}");
    FAILED
}

/// Prints help, the version, or what is wrong with the arguments.
pub(super) fn usage(error: &clap::Error) -> i32 {
    let plain = error.to_string();
    let shown = conceal(&plain);
    // Nobody may be reading.
    let _ = if shown == plain {
        error.print()
    } else {
        std::io::stderr().write_all(shown.as_bytes())
    };
    error.exit_code()
}
