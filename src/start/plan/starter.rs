//! What starts the agent in a dyno.

use crate::classic::advise;

/// By what hoopstart is asked to run an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Starter {
    /// By a command line: `hoopstart -- command`.
    CommandLine,
    /// By the slug's `.profile.d`, with `HOOP_AUTOSTART`.
    Autostart,
}

/// Answers whether `command`, the line of a process type in the Procfile, starts the agent.
pub(crate) fn starts_agent(command: &str) -> bool {
    advise::starts_agent(command)
}
