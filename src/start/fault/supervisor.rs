//! What can be wrong with hoopstart itself.

use crate::failure::Failure;
use crate::start::fault::sentence::{Kind, Sentence};
use std::fmt;

/// There is no supervisor, and therefore no agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SupervisorFault {
    /// It could not be started, for this reason.
    NotStarted(String),
    /// A bug, reported by [`InternalError`].
    Internal,
}

impl Kind for SupervisorFault {
    fn failure(&self) -> Failure {
        Failure::SupervisorFailed
    }

    fn sentence(&self) -> Sentence {
        let cause = match self {
            SupervisorFault::NotStarted(cause) => cause,
            SupervisorFault::Internal => "an internal error, see above",
        };
        Sentence::new(
            format!("the agent's supervisor could not be started ({cause})"),
            "; the app runs without the agent",
            "Restart the dyno to try again",
        )
    }
}

/// The line that says where in our code a bug is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InternalError {
    /// File, line, and column.
    pub place: String,
}

impl fmt::Display for InternalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = &self.place;
        write!(f, "hoopstart: warning: an internal error at {place}; please report it")
    }
}
