//! The form of a report: a fact a line, aligned.

use std::fmt::Write as _;

/// The connections of an agent that publishes none by name.
pub(crate) const UNNAMED: &str = "those of this agent";

/// Adds the line of a fact. A fact without a name continues the one before.
pub(crate) fn add(report: &mut String, name: &str, value: &str) {
    let name = if name.is_empty() {
        String::new()
    } else {
        format!("{name}:")
    };
    // Writing to a String cannot fail.
    let _ = writeln!(report, "{name:14}{value}");
}
