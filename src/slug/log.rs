//! What the commands of slugs write while they work, in the form of the platform's own build log.

use crate::os::stderr;
use std::io::Write as _;

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
