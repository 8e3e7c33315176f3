//! What can be wrong with `hoop.yml`, and with the connections that it publishes.

use crate::agent::publish::PublishFault;
use crate::failure::Failure;
use crate::start::fault::sentence::{Kind, NOT_STARTED, Sentence};

/// The file as a whole cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileFault {
    /// It cannot be read, so the rules of no connection are known.
    Invalid { mistake: String },
    /// This agent does not publish by name, or none does with this kind of key.
    NoEffect {
        /// Whether a newer agent would.
        agent_is_too_old: bool,
    },
}

impl Kind for FileFault {
    fn failure(&self) -> Failure {
        match self {
            FileFault::Invalid { .. } => Failure::HoopYmlInvalid,
            FileFault::NoEffect { .. } => Failure::HoopYmlNoEffect,
        }
    }

    fn stops_a_required_agent(&self) -> bool {
        matches!(self, FileFault::Invalid { .. })
    }

    fn sentence(&self) -> Sentence {
        match self {
            FileFault::Invalid { mistake } => Sentence::new(mistake, NOT_STARTED, "Correct it and deploy again"),
            FileFault::NoEffect { agent_is_too_old: true } => Sentence::new(
                "hoop.yml has no effect with this agent, which is too old",
                ". The app runs anyway",
                "Deploy again with a newer agent: heroku config:unset HOOP_VERSION",
            ),
            FileFault::NoEffect {
                agent_is_too_old: false,
            } => Sentence::new(
                "hoop.yml has no effect with this agent and this kind of key",
                ". The agent and the app run anyway",
                "Either set up the connections in the gateway's web app, or set HOOP_KEY to an organization's key \
                 (hoop admin get orgkeys) and use agent 1.21.23 or later",
            ),
        }
    }
}

impl Kind for PublishFault {
    fn failure(&self) -> Failure {
        match self {
            PublishFault::NameUnset { .. } | PublishFault::NameInvalid { .. } | PublishFault::ListHoldsSecret => {
                Failure::ConnectionInvalid
            }
            PublishFault::Merged { .. } => Failure::ConnectionMerged,
            PublishFault::DatabaseUnset { .. } => Failure::DatabaseUnset,
            PublishFault::DatabaseUrlInvalid { .. } => Failure::DatabaseUrlInvalid,
            PublishFault::NeedsNewerAgent { .. } => Failure::ConnectionNeedsNewerAgent,
            PublishFault::ProcessTypeUnknown { .. } => Failure::ProcessTypeUnknown,
            PublishFault::HoldsSecret { .. } | PublishFault::EntrypointHoldsSecret { .. } => Failure::CommandInvalid,
            PublishFault::NeverPublished { .. } => Failure::ConnectionNowhere,
            PublishFault::ExportWithoutEffect { .. } => Failure::ExportWithoutEffect,
        }
    }

    fn stops_a_required_agent(&self) -> bool {
        self.is_fatal()
    }

    fn sentence(&self) -> Sentence {
        let state = match self {
            PublishFault::Merged { differ, .. } if *differ => {
                ", so neither is published; the others and the app are not affected"
            }
            PublishFault::Merged { .. } => ", so the second is not published; the app is not affected",
            PublishFault::NeverPublished { .. }
            | PublishFault::ProcessTypeUnknown { .. }
            | PublishFault::ExportWithoutEffect { .. } => "; the app is not affected",
            _ => ", so this connection is not published; the others and the app are not affected",
        };
        Sentence::new(self.to_string(), state, self.remedy())
    }
}
