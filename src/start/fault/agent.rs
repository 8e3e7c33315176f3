//! What can be wrong with the agent that is installed.

use crate::agent::limits::Limit;
use crate::agent::version::Version;
use crate::failure::Failure;
use crate::start::fault::program::Unfit;
use crate::start::fault::sentence::{Kind, NEWER_AGENT, NOT_CONNECTED, NOT_STARTED, Sentence, WITHOUT_IT};

/// An agent that is missing, cannot run, or cannot do what is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentFault {
    /// It can never do what this key, or `HOOP_CONNECTION` with it, asks for.
    TooOld {
        version: Version,
        limit: Limit,
    },
    Missing {
        /// Where it was looked for.
        path: String,
    },
    NotExecutable {
        path: String,
    },
    /// It cannot run on this machine.
    Unfit {
        path: String,
        cause: Unfit,
    },
    ManifestUnreadable {
        path: String,
        cause: String,
    },
}

impl Kind for AgentFault {
    fn failure(&self) -> Failure {
        match self {
            AgentFault::TooOld { .. } => Failure::AgentTooOld,
            AgentFault::Missing { .. } | AgentFault::NotExecutable { .. } | AgentFault::Unfit { .. } => {
                Failure::AgentMissing
            }
            AgentFault::ManifestUnreadable { .. } => Failure::ManifestUnreadable,
        }
    }

    fn stops_a_required_agent(&self) -> bool {
        match self {
            AgentFault::TooOld { limit, .. } => limit.is_fatal(),
            AgentFault::Missing { .. } | AgentFault::NotExecutable { .. } | AgentFault::ManifestUnreadable { .. } => {
                true
            }
            AgentFault::Unfit { .. } => false,
        }
    }

    fn sentence(&self) -> Sentence {
        match self {
            AgentFault::TooOld { version, limit } => Sentence::new(
                format!("agent {version} {limit}"),
                match limit {
                    limit if limit.is_fatal() => NOT_CONNECTED,
                    Limit::ServesNoSession => ". The agent and the app run anyway",
                    _ => ". With a newer gateway nothing is published; the app is not affected",
                },
                match limit {
                    Limit::NeedsOldGateway { .. } => {
                        "Deploy again with a newer agent (heroku config:unset HOOP_VERSION) and an organization's key \
                         (hoop admin get orgkeys)"
                    }
                    _ => NEWER_AGENT,
                },
            ),
            AgentFault::Missing { path } => Sentence::new(
                format!("there is no hoop agent at {path}"),
                WITHOUT_IT,
                "The build log says why; deploy again to install it",
            ),
            AgentFault::NotExecutable { path } => Sentence::new(
                format!("the hoop agent at {path} cannot be executed"),
                NOT_STARTED,
                "Something has changed its mode since the build, or its disk is mounted with noexec; deploy again to \
                 reinstall it",
            ),
            AgentFault::Unfit { path, cause } => Sentence::new(
                format!("the hoop agent at {path} cannot run here: {cause}"),
                WITHOUT_IT,
                "Deploy again to reinstall it",
            ),
            AgentFault::ManifestUnreadable { path, cause } => Sentence::new(
                format!("cannot read {path} ({cause})"),
                NOT_STARTED,
                "Deploy again to recreate it",
            ),
        }
    }
}
