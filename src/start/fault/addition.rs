//! What hoopstart adds to the lines of an agent.

use crate::config;
use std::fmt;

/// A note in place of what is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addition {
    /// The rest of a line that is longer than this number of bytes.
    Cut(usize),
    /// This number of lines of a stack trace.
    Trace(usize),
}

impl fmt::Display for Addition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Addition::Cut(bytes) => write!(f, "[cut by hoopstart after {bytes} bytes]"),
            Addition::Trace(lines) => write!(
                f,
                "({lines} lines of a stack trace are not shown; {}=debug shows them)",
                config::LOG_LEVEL
            ),
        }
    }
}
