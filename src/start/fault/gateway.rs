//! What can be wrong on the way to the gateway, each with its sentence.

use crate::agent::version::Version;
use crate::failure::Failure;
use crate::start::fault::parts::Parts;
use crate::text;

/// What `--check`, with or without `--connect`, finds wrong on the way to the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GatewayFault {
    /// A variable for TLS is set that this agent does not obey.
    VariableIgnored {
        /// The variable.
        name: &'static str,
        /// Why not.
        reason: Ignored,
    },
    /// A variable for TLS that the agent reads and cannot use.
    VariableInvalid {
        /// The variable.
        name: &'static str,
        /// What is wrong with it.
        cause: String,
    },
    /// The gateway's name does not resolve.
    Unresolved {
        /// The name.
        host: String,
        /// What the name servers say.
        cause: String,
    },
    /// No connection to the gateway.
    Unreachable {
        /// Its host and port.
        place: String,
        /// What happened at each address.
        cause: String,
    },
    /// No TLS connection to the gateway.
    Tls {
        /// Its host and port.
        place: String,
        /// What TLS says.
        cause: String,
        /// What is to be changed.
        remedy: TlsRemedy,
    },
    /// What answers at the gateway's place is not its gRPC.
    Other {
        /// Its host and port.
        place: String,
        /// What it is.
        what: String,
    },
    /// One of the two speaks TLS and the other does not.
    Mismatch {
        /// The gateway's host and port.
        place: String,
        /// The agent's version.
        version: Version,
        /// Whether it is the agent who does.
        agent_has_tls: bool,
        /// Whether a key with another scheme makes the agent do as the gateway does.
        obeys_scheme: bool,
    },
}

/// Why an agent does not obey a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// It is of a release that does not know it.
    OldAgent {
        /// The agent's version.
        version: Version,
        /// The first release that does.
        since: &'static str,
    },
    /// It has a token in the place of a key.
    Token,
    /// Another value than `true` counts as none: this one.
    Value(String),
}

/// What makes a TLS connection possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsRemedy {
    /// To trust the gateway's authority.
    Authority,
    /// To expect the name that the certificate has.
    Name,
    /// An agent that can be told such things.
    NewerAgent,
    /// None of ours.
    Gateway,
}

impl GatewayFault {
    /// The failure id.
    pub fn failure(&self) -> Failure {
        match self {
            GatewayFault::VariableIgnored { .. } => Failure::TlsVariableIgnored,
            GatewayFault::VariableInvalid { .. } => Failure::TlsVariableInvalid,
            GatewayFault::Unresolved { .. } => Failure::GatewayUnresolved,
            GatewayFault::Unreachable { .. } => Failure::GatewayUnreachable,
            GatewayFault::Tls { .. } | GatewayFault::Mismatch { .. } => Failure::GatewayTls,
            GatewayFault::Other { .. } => Failure::GatewayOther,
        }
    }

    /// The sentence in its parts.
    pub(crate) fn parts(&self) -> Parts {
        match self {
            GatewayFault::VariableIgnored { name, reason } => Parts::new(
                match reason {
                    Ignored::OldAgent { version, since } => {
                        format!("{name} has no effect: agent {version} does not read it; agents from {since} on do")
                    }
                    Ignored::Token => format!("{name} has no effect: an agent with a token does not read it"),
                    Ignored::Value(value) => {
                        let value = text::in_quotes(value);
                        format!("{name} has no effect: it is {value}, and agents accept only true")
                    }
                },
                "; the app is not affected",
                match reason {
                    Ignored::OldAgent { .. } => NEWER_AGENT.to_owned(),
                    Ignored::Token => format!("Remove it, or set HOOP_KEY: heroku config:unset {name}"),
                    Ignored::Value(_) => format!("Set it with: heroku config:set {name}=true"),
                },
            ),
            GatewayFault::VariableInvalid { name, cause } => Parts::new(
                format!("{name} cannot be used: {cause}"),
                ", so the agent cannot connect; the app is not affected",
                if *name == "HOOP_TLSCA" {
                    "Set it to your CA's certificate: heroku config:set HOOP_TLSCA=\"$(cat <file>)\"".to_owned()
                } else {
                    format!("Remove it with: heroku config:unset {name}")
                },
            ),
            GatewayFault::Unresolved { host, cause } => Parts::new(
                format!("the gateway's name \"{host}\" does not resolve ({cause})"),
                ", so the agent cannot connect; the app is not affected",
                "Copy the agent key again, or correct the name in it",
            ),
            GatewayFault::Unreachable { place, cause } => Parts::new(
                format!("cannot connect to the gateway at {place} ({cause})"),
                ", and neither can the agent; the app is not affected",
                "Check that the gateway runs, that the port in the agent key is that of its gRPC, and that its \
                 firewall lets this dyno in",
            ),
            GatewayFault::Tls { place, cause, remedy } => Parts::new(
                format!("the gateway at {place} answers, but a TLS connection cannot be made ({cause})"),
                ", so the agent cannot connect; the app is not affected",
                match remedy {
                    TlsRemedy::Authority => {
                        "For a certificate from your own CA: heroku config:set HOOP_TLSCA=\"$(cat <file>)\""
                    }
                    TlsRemedy::Name => {
                        "For a certificate with another name: heroku config:set HOOP_TLSSERVERNAME=<name>"
                    }
                    TlsRemedy::NewerAgent => NEWER_AGENT,
                    TlsRemedy::Gateway => "Check that the port in the agent key is that of the gateway's gRPC",
                },
            ),
            GatewayFault::Other { place, what } => Parts::new(
                format!("what answers at {place} is not the gRPC of a hoop gateway: {what}"),
                ", so the agent cannot connect; the app is not affected",
                "Use the port of the gateway's gRPC in the agent key (a self-hosted gateway has it at 8010, and its \
                 API at 8009): heroku config:set HOOP_KEY=<key>",
            ),
            GatewayFault::Mismatch {
                place,
                version,
                agent_has_tls,
                obeys_scheme,
            } => Parts::new(
                if *agent_has_tls {
                    format!("agent {version} speaks TLS, but what answers at {place} does not")
                } else {
                    format!("agent {version} does not speak TLS, but what answers at {place} does")
                },
                ", so the agent cannot connect; the app is not affected",
                match (agent_has_tls, obeys_scheme) {
                    (true, true) => {
                        "Use the port that has TLS, or, on a network that nobody else can read, a key that begins with \
                         grpc://: heroku config:set HOOP_KEY=<key>"
                    }
                    (true, false) => NEWER_AGENT,
                    (false, _) => "Use a key that begins with grpcs://: heroku config:set HOOP_KEY=<key>",
                },
            ),
        }
    }
}

/// How to get an agent that can do more.
const NEWER_AGENT: &str = "Deploy again with a newer agent: heroku config:unset HOOP_VERSION";
