//! What the commands of slugs write while they work, in the form of the platform's own build log.

use crate::os::stderr;
use std::io::{IsTerminal as _, Write as _};

/// Writes a step.
pub(super) fn say(line: &str) {
    write(&format!("-----> {line}"));
}

/// Writes what belongs to the last step.
pub(super) fn detail(line: &str) {
    write(&format!("       {line}"));
}

fn write(line: &str) {
    let mut stdout = std::io::stdout();
    // Nobody may be reading.
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}

/// Tells of something that is not as it was meant, while the work of `command` goes on.
pub(super) fn warn(command: &str, what: &str) {
    stderr::say(&format!("hoop-buildpack slug {command}: warning: {what}"));
}

/// How far a long piece of work is: one line on a terminal, and nothing elsewhere.
pub(super) struct Progress {
    /// The bytes of all of it.
    total: u64,
    /// The percentage that is shown.
    shown: Option<u64>,
    is_terminal: bool,
}

impl Progress {
    pub(super) fn of(total: u64) -> Self {
        Self {
            total,
            shown: None,
            is_terminal: std::io::stderr().is_terminal(),
        }
    }

    /// Shows that `done` bytes are done.
    pub(super) fn show(&mut self, done: u64) {
        let percentage = done.saturating_mul(100) / self.total.max(1);
        if self.is_terminal && self.shown != Some(percentage) {
            self.shown = Some(percentage);
            // Nobody may be reading.
            let _ = write!(std::io::stderr(), "\r       {percentage} %");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.is_some() {
            let _ = write!(std::io::stderr(), "\r            \r");
        }
    }
}
