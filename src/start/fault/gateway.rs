//! What `--check`, with or without `--connect`, finds wrong on the way to the gateway.

use crate::agent::version::Version;
use crate::failure::Failure;
use crate::start::fault::peer::{Peer, Unanswered};
use crate::start::fault::sentence::{Kind, NEWER_AGENT, Sentence};
use crate::text;
use std::fmt;
use std::net::SocketAddr;

/// Something wrong on the way to the gateway at `place`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GatewayFault {
    /// A TLS variable is set that this agent does not obey.
    VariableIgnored { name: &'static str, reason: Ignored },
    /// A TLS variable that the agent reads and cannot use.
    VariableInvalid { name: &'static str, cause: InvalidVariable },
    /// The gateway's name does not resolve.
    Unresolved { host: String, cause: Unanswered },
    /// No connection to the gateway.
    Unreachable {
        place: String,
        /// Why not, for each of its addresses.
        causes: Vec<(SocketAddr, Unanswered)>,
    },
    /// No TLS connection to the gateway.
    Tls {
        place: String,
        cause: TlsCause,
        remedy: TlsRemedy,
    },
    /// What answers is not the gateway's gRPC.
    Other { place: String, peer: Peer },
    /// Either the agent or the gateway uses TLS, but not both.
    Mismatch {
        place: String,
        version: Version,
        /// Whether it is the agent.
        agent_has_tls: bool,
        /// Whether the agent would follow a key with another scheme.
        obeys_scheme: bool,
    },
}

/// Why an agent does not obey a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// It is too old to know it.
    OldAgent {
        version: Version,
        /// The first release that does.
        since: &'static str,
    },
    /// It has a token instead of a key.
    Token,
    /// The value is this one, and only `true` counts.
    Value(String),
}

/// Why the value of a variable cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvalidVariable {
    /// What follows `base64://` is not valid, for this reason.
    Base64(String),
    NotAFile {
        path: String,
    },
    Unreadable {
        path: String,
        /// What the kernel says.
        cause: String,
    },
    NoCertificate,
}

impl fmt::Display for InvalidVariable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InvalidVariable::Base64(cause) => write!(f, "the text after base64:// is not valid: {cause}"),
            InvalidVariable::NotAFile { path } => write!(f, "it names {path}, which is not a file"),
            InvalidVariable::Unreadable { path, cause } => write!(f, "it names {path}: {cause}"),
            InvalidVariable::NoCertificate => f.write_str("it holds no certificate"),
        }
    }
}

/// Why there is no TLS connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsCause {
    /// In the words of the TLS library.
    Refused(String),
    /// No certificate can be for this name.
    ServerName(String),
    Lost(Unanswered),
}

impl fmt::Display for TlsCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TlsCause::Refused(cause) => f.write_str(&text::excerpt(cause, 200)),
            TlsCause::ServerName(name) => {
                write!(f, "{} cannot be the name in a certificate", text::quoted(name, 60))
            }
            TlsCause::Lost(unanswered) => f.write_str(&text::excerpt(&unanswered.to_string(), 200)),
        }
    }
}

/// What makes a TLS connection possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsRemedy {
    /// Trust the gateway's authority.
    Authority,
    /// Expect the name in the certificate.
    Name,
    /// A newer agent, which can be told these things.
    NewerAgent,
    /// Nothing that we know.
    Gateway,
}

impl Kind for GatewayFault {
    fn failure(&self) -> Failure {
        match self {
            GatewayFault::VariableIgnored { .. } => Failure::TlsVariableIgnored,
            GatewayFault::VariableInvalid { .. } => Failure::TlsVariableInvalid,
            GatewayFault::Unresolved { .. } => Failure::GatewayUnresolved,
            GatewayFault::Unreachable { .. } => Failure::GatewayUnreachable,
            GatewayFault::Tls { .. } | GatewayFault::Mismatch { .. } => Failure::GatewayTls,
            GatewayFault::Other { .. } => Failure::GatewayOther,
        }
    }

    fn sentence(&self) -> Sentence {
        match self {
            GatewayFault::VariableIgnored { name, reason } => Sentence::new(
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
            GatewayFault::VariableInvalid { name, cause } => Sentence::new(
                format!("{name} cannot be used: {cause}"),
                CANNOT_CONNECT,
                if *name == "HOOP_TLSCA" {
                    "Set it to your CA's certificate: heroku config:set HOOP_TLSCA=\"$(cat <file>)\"".to_owned()
                } else {
                    format!("Remove it with: heroku config:unset {name}")
                },
            ),
            GatewayFault::Unresolved { host, cause } => Sentence::new(
                format!(
                    "the gateway's name \"{host}\" does not resolve ({})",
                    text::excerpt(&cause.to_string(), 120)
                ),
                CANNOT_CONNECT,
                "Copy the agent key again, or correct the name in it",
            ),
            GatewayFault::Unreachable { place, causes } => Sentence::new(
                format!("cannot connect to the gateway at {place} ({})", listed(causes)),
                ", and neither can the agent; the app is not affected",
                "Check that the gateway is running, that the agent key has its gRPC port, and that its firewall lets \
                 this dyno in",
            ),
            GatewayFault::Tls { place, cause, remedy } => Sentence::new(
                format!("the gateway at {place} answers, but a TLS connection cannot be made ({cause})"),
                CANNOT_CONNECT,
                match remedy {
                    TlsRemedy::Authority => {
                        "For a certificate from your own CA: heroku config:set HOOP_TLSCA=\"$(cat <file>)\""
                    }
                    TlsRemedy::Name => {
                        "For a certificate with another name: heroku config:set HOOP_TLSSERVERNAME=<name>"
                    }
                    TlsRemedy::NewerAgent => NEWER_AGENT,
                    TlsRemedy::Gateway => "Check that the agent key has the gateway's gRPC port",
                },
            ),
            GatewayFault::Other { place, peer } => Sentence::new(
                format!("what answers at {place} is not the gRPC service of a hoop gateway: {peer}"),
                CANNOT_CONNECT,
                "Use the gateway's gRPC port in the agent key (8010 on a self-hosted gateway, where 8009 is the API): \
                 heroku config:set HOOP_KEY=<key>",
            ),
            GatewayFault::Mismatch {
                place,
                version,
                agent_has_tls,
                obeys_scheme,
            } => Sentence::new(
                if *agent_has_tls {
                    format!("agent {version} speaks TLS, but what answers at {place} does not")
                } else {
                    format!("agent {version} does not speak TLS, but what answers at {place} does")
                },
                CANNOT_CONNECT,
                match (agent_has_tls, obeys_scheme) {
                    (true, true) => {
                        "Use the port with TLS or, on a private network, a key that begins with grpc://: heroku \
                         config:set HOOP_KEY=<key>"
                    }
                    (true, false) => NEWER_AGENT,
                    (false, _) => "Use a key that begins with grpcs://: heroku config:set HOOP_KEY=<key>",
                },
            ),
        }
    }
}

const CANNOT_CONNECT: &str = ", so the agent cannot connect; the app is not affected";

/// What happened at each address.
fn listed(causes: &[(SocketAddr, Unanswered)]) -> String {
    let causes: Vec<String> = causes
        .iter()
        .map(|(address, cause)| format!("{address}: {cause}"))
        .collect();
    causes.join(", ")
}
