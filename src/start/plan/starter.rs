//! What asks hoopstart for an agent.

/// By what hoopstart is asked to run an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Starter {
    /// By a command line: `hoopstart -- command`.
    CommandLine,
    /// By the slug's `.profile.d`, with `HOOP_AUTOSTART`.
    Autostart,
}
