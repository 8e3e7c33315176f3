//! What asks hoopstart for an agent.

/// What asks hoopstart to run an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Starter {
    /// A command line: `hoopstart -- command`.
    CommandLine,
    /// The slug's `.profile.d`, with `HOOP_AUTOSTART`.
    Autostart,
}
