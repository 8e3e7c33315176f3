//! Why a running agent is not connected, according to its log.

use crate::failure::Failure;
use crate::start::fault::duration::words;
use crate::start::fault::sentence::{Kind, Sentence, notice, warning};
use std::time::Duration;

/// Why a running agent is not connected: `place` is the gateway, `cause` what the agent logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The gateway does not know the agent key, or does not know it any longer.
    KeyRejected,
    /// The gateway accepts one agent for each key, or each name, and has one.
    AlreadyConnected,
    /// The gateway accepts agents with this key only if they publish a name.
    NameMissing,
    /// The name belongs to another agent.
    NameTaken { name: String },
    /// The gateway turns the agent away for another reason.
    TurnedAway { cause: String },
    /// The gateway's name does not resolve.
    Unresolved { place: String, cause: String },
    /// The gateway does not answer, or does not answer any longer.
    Unreachable { place: String, cause: String },
    /// What answers is not the gateway's gRPC.
    OtherService { place: String, cause: String },
    /// The gateway and the agent do not agree on TLS.
    Tls { place: String, cause: String },
}

impl Trouble {
    /// How many kinds there are.
    pub(crate) const KINDS: usize = 9;

    /// Which kind it is, below [`Trouble::KINDS`].
    pub(crate) fn kind(&self) -> usize {
        match self {
            Trouble::KeyRejected => 0,
            Trouble::AlreadyConnected => 1,
            Trouble::NameMissing => 2,
            Trouble::NameTaken { .. } => 3,
            Trouble::TurnedAway { .. } => 4,
            Trouble::Unresolved { .. } => 5,
            Trouble::Unreachable { .. } => 6,
            Trouble::Tls { .. } => 7,
            Trouble::OtherService { .. } => 8,
        }
    }

    /// What is wrong, without a period.
    pub(crate) fn wrong(&self) -> String {
        match self {
            Trouble::KeyRejected => "the gateway does not accept the agent key".to_owned(),
            Trouble::AlreadyConnected => "the gateway already has an agent connected with this key".to_owned(),
            Trouble::NameMissing => {
                "the gateway expects a connection name from an agent with this key, and this one sends none".to_owned()
            }
            Trouble::NameTaken { name } => {
                format!("the connection name \"{name}\" belongs to another agent, or was set up by hand in hoop")
            }
            Trouble::TurnedAway { cause } => format!("the gateway rejects the agent ({cause})"),
            Trouble::Unresolved { place, cause } => {
                format!("the agent cannot resolve the gateway {place} ({cause})")
            }
            Trouble::Unreachable { place, cause } => {
                format!("the agent cannot reach the gateway at {place} ({cause})")
            }
            Trouble::OtherService { place, cause } => {
                format!("what answers at {place} is not the gRPC service of a hoop gateway ({cause})")
            }
            Trouble::Tls { place, cause } => {
                format!("the agent and the gateway at {place} do not agree on TLS ({cause})")
            }
        }
    }

    /// What that means, with the punctuation before it.
    fn state(&self) -> &'static str {
        match self {
            Trouble::NameTaken { .. } => ", so it is not published; the app is not affected",
            Trouble::Unresolved { .. } | Trouble::Unreachable { .. } => "; the app is not affected",
            _ => ", so the agent is not connected; the app is not affected",
        }
    }

    /// What to do.
    fn remedy(&self) -> &'static str {
        match self {
            Trouble::KeyRejected => {
                "It was copied wrong, or its agent was deleted or recreated in hoop: copy the key again and set it \
                 with: heroku config:set HOOP_KEY=<key>"
            }
            Trouble::AlreadyConnected => {
                "If several dynos use this key, run the agent in only one of them: heroku config:set \
                 HOOP_PROCESS_TYPES=web.1. After a restart or a deploy, just wait: up to 30 s if a dyno vanished, up \
                 to 3 min with preboot, until the old dynos are gone"
            }
            Trouble::NameMissing => {
                "Set HOOP_KEY to an organization's key as printed by: hoop admin get orgkeys. Then set the names with: \
                 heroku config:set HOOP_CONNECTION=<name>"
            }
            Trouble::NameTaken { .. } => {
                "Choose another name with: heroku config:set HOOP_CONNECTION=<name>. Or delete the connection in hoop, \
                 and this agent takes the name within seconds"
            }
            Trouble::TurnedAway { .. } => "Whoever runs the gateway can find the reason in its log",
            Trouble::Unresolved { .. } => {
                "It keeps trying. If this lasts, copy the agent key again, or correct the name in it"
            }
            Trouble::Unreachable { .. } => {
                "It keeps trying. If this lasts, check that the gateway is running, that the agent key has its gRPC \
                 port, and that its firewall lets this dyno in; try it with: heroku run hoopstart --check --connect"
            }
            Trouble::OtherService { .. } => {
                "The agent key needs the gateway's gRPC port, usually 8010 or 8443, not the port of its API or web app"
            }
            Trouble::Tls { .. } => {
                "For a certificate from your own CA, set HOOP_TLSCA; for one with another name, HOOP_TLSSERVERNAME; \
                 for a gateway without TLS, use an agent key that begins with grpc://"
            }
        }
    }

    /// The line that says that it has lasted for `duration`, with `times` signs of it.
    pub fn lasting(&self, duration: Duration, times: u64) -> String {
        let (duration, wrong) = (words(duration), self.wrong());
        warning(
            format_args!("for {duration} now, {times} times: {wrong}"),
            self.failure(),
        )
    }

    /// The line that says that it is over, after `duration`.
    pub fn over(&self, duration: Duration) -> String {
        notice(
            format_args!("connected again after {}", words(duration)),
            self.failure(),
        )
    }
}

impl Kind for Trouble {
    fn failure(&self) -> Failure {
        match self {
            Trouble::KeyRejected => Failure::KeyRejected,
            Trouble::AlreadyConnected => Failure::AlreadyConnected,
            Trouble::NameMissing => Failure::ConnectionNameMissing,
            Trouble::NameTaken { .. } => Failure::ConnectionTaken,
            Trouble::TurnedAway { .. } => Failure::AgentTurnedAway,
            Trouble::Unresolved { .. } => Failure::GatewayUnresolved,
            Trouble::Unreachable { .. } => Failure::GatewayUnreachable,
            Trouble::Tls { .. } => Failure::GatewayTls,
            Trouble::OtherService { .. } => Failure::GatewayOther,
        }
    }

    fn sentence(&self) -> Sentence {
        Sentence::new(self.wrong(), self.state(), self.remedy())
    }
}
