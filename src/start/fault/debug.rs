//! What `HOOPSTART_DEBUG` adds to the log.

use crate::agent::generation::Generation;
use crate::agent::version::Version;
use crate::start::fault::dynos::Reason;
use crate::text;
use std::fmt;

/// A decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decided<'a> {
    /// Whether the agent runs in this dyno.
    Dyno { name: &'a str, reason: Reason },
    /// No agent runs in this dyno.
    NotHere(Reason),
    /// No agent runs, because of a fault.
    NotStarted,
    /// Agents run.
    Agents {
        version: &'a Version,
        generation: Generation,
        count: usize,
    },
    /// An agent already runs beside the process with this id.
    RunsAlready(u32),
}

impl fmt::Display for Decided<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("hoopstart: debug: ")?;
        match self {
            Decided::Dyno { name, reason } => write!(f, "dyno {}: {reason}", text::visible(name)),
            Decided::NotHere(reason) => write!(f, "no agent is started: {reason}"),
            Decided::NotStarted => f.write_str("no agent is started"),
            Decided::Agents {
                version,
                generation,
                count,
            } => write!(f, "agent {version}: {generation}, {count} in all"),
            Decided::RunsAlready(pid) => write!(f, "the agent already runs beside process {pid}"),
        }
    }
}
