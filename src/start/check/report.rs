//! What `hoopstart --check` prints: one fact per line, aligned.

use crate::agent::connections::Merged;
use crate::agent::generation::Generation;
use crate::agent::publish::NotHere;
use crate::agent::version::Version;
use crate::start::check::started_by::StartedBy;
use crate::start::check::transport::{Certificate, Encryption};
use crate::start::fault::config::written;
use crate::start::fault::dynos::Reason;
use crate::text;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// The connections of an agent that publishes none by name.
pub(crate) const UNNAMED: &str = "all of this agent's";

/// A fact of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    Dyno {
        name: String,
        has_agent: bool,
        reason: Reason,
    },
    StartedBy(StartedBy),
    Agent(Version),
    NoAgent(Option<Reason>),
    Generation(Generation),
    /// Both config vars for a key are set.
    TwoKeys,
    Gateway {
        /// Its host and port.
        place: String,
        encryption: Encryption,
        is_grpc: bool,
    },
    GatewayUnknown,
    Certificate(Certificate),
    /// The name of a connection, or `None` for those of an agent that publishes none by name.
    Connection {
        name: Option<String>,
        /// What it is and by which rules, if `hoop.yml` says so.
        description: Option<String>,
    },
    NotHere(NotHere),
    Merged(Merged),
    App {
        hides_key: bool,
    },
    /// The path of the app's program.
    Command(PathBuf),
    /// A variable that names a proxy is set.
    Proxy(&'static str),
    Resolved(Vec<IpAddr>),
    Connected(SocketAddr),
    /// There is no handshake in plain text.
    NoHandshake,
    Handshake {
        is_tls_1_2: bool,
        is_checked: bool,
    },
    /// The gateway has answered.
    Answer,
    /// The gateway was not asked, since this agent does not start with gRPC.
    NotAsked,
}

impl Fact {
    fn name(&self) -> &'static str {
        match self {
            Fact::Dyno { .. } => "dyno",
            Fact::StartedBy(_) => "started by",
            Fact::Agent(_) | Fact::NoAgent(_) => "agent",
            Fact::Generation(_) => "runs",
            Fact::TwoKeys => "key",
            Fact::Gateway { .. } | Fact::GatewayUnknown => "gateway",
            Fact::Certificate(_) => "certificate",
            Fact::Connection { .. } => "connection",
            Fact::NotHere(NotHere::Elsewhere { .. }) => "elsewhere",
            Fact::NotHere(NotHere::LeftOut { .. }) => "left out",
            Fact::Merged(_) => "one name",
            Fact::App { .. } => "app",
            Fact::Command(_) => "command",
            Fact::Proxy(_) => "proxy",
            Fact::Resolved(_) => "resolved",
            Fact::Connected(_) => "connected",
            Fact::NoHandshake | Fact::Handshake { .. } => "handshake",
            Fact::Answer | Fact::NotAsked => "answer",
        }
    }

    fn value(&self) -> String {
        let value = match self {
            Fact::Dyno {
                name,
                has_agent,
                reason,
            } => {
                let name = text::excerpt(name, 100);
                return match has_agent {
                    true => format!("{name} ({reason})"),
                    false => format!("{name}, without the agent ({reason})"),
                };
            }
            Fact::StartedBy(started) => return started.to_string(),
            Fact::Agent(version) => return version.to_string(),
            Fact::NoAgent(Some(reason)) => return format!("not started: {reason}"),
            Fact::NoAgent(None) => "not started",
            Fact::Generation(generation) => return generation.to_string(),
            Fact::TwoKeys => "HOOP_KEY; HOOP_DSN is also set, but not used",
            Fact::Gateway {
                place,
                encryption,
                is_grpc,
            } => {
                return match is_grpc {
                    true => format!("{place} ({encryption})"),
                    false => format!("{place} ({encryption}, an HTTP API)"),
                };
            }
            Fact::GatewayUnknown => "unknown: the agent key cannot be read",
            Fact::Certificate(certificate) => return certificate.to_string(),
            // The name that users see in the gateway.
            Fact::Connection { name, description } => {
                let name = text::visible(name.as_deref().unwrap_or(UNNAMED));
                let description = description.as_ref().map(|text| format!(" ({text})"));
                return name + &description.unwrap_or_default();
            }
            Fact::NotHere(NotHere::Elsewhere { name, description }) => {
                return format!("{} ({description})", text::visible(name));
            }
            Fact::NotHere(NotHere::LeftOut { name }) => {
                return format!(
                    "{} (in hoop.yml, but HOOP_CONNECTION does not name it)",
                    text::visible(name)
                );
            }
            Fact::Merged(merged) => return written(merged),
            Fact::App { hides_key: true } => "without HOOP_KEY and HOOP_DSN",
            Fact::App { hides_key: false } => "with its environment unchanged",
            Fact::Command(path) => return text::excerpt(&path.to_string_lossy(), 200),
            Fact::Proxy(name) => {
                return format!("{name} is set: the agent may use it, but this check connects directly");
            }
            Fact::Resolved(addresses) => {
                let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                return addresses.join(", ");
            }
            Fact::Connected(address) => return address.to_string(),
            Fact::NoHandshake => "none: the agent uses plain text here",
            Fact::Handshake { is_tls_1_2, is_checked } => {
                let protocol = if *is_tls_1_2 { "TLS 1.2" } else { "TLS 1.3" };
                let certificate = if *is_checked { "accepted" } else { "not checked" };
                return format!("{protocol}, certificate {certificate}");
            }
            Fact::Answer => "the gateway's gRPC",
            Fact::NotAsked => "not checked, since this agent posts its names to an HTTP API first",
        };
        value.to_owned()
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&line(self.name(), &self.value()))
    }
}

impl fmt::Display for StartedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StartedBy::Procfile(types) if types.is_empty() => "hoopstart in the Procfile",
            StartedBy::Procfile(types) => return write!(f, "hoopstart in the Procfile ({})", types.join(", ")),
            StartedBy::Image(types) if types.is_empty() => "hoopstart in the image's process",
            StartedBy::Image(types) => return write!(f, "hoopstart in the image's processes ({})", types.join(", ")),
            StartedBy::Script => "hoopstart in a script of the Procfile",
            StartedBy::Autostart => "HOOP_AUTOSTART",
            StartedBy::CommandLine => "this command line",
            StartedBy::Nothing(_) => "nothing",
        })
    }
}

impl fmt::Display for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Encryption::PlainText => "plain text",
            Encryption::Tls => "TLS",
            Encryption::TlsForWs => "TLS: agents before 1.43.0 use it for ws:// as well",
            Encryption::TlsAlways => "TLS: agents before 1.23.3 use it whatever the key's scheme",
        })
    }
}

impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Certificate::Unused(variables) => write!(f, "none: plain text does not use {}", variables.join(" and ")),
            Certificate::Any { variable } => write!(f, "any, {variable} is true"),
            Certificate::Restricted { ca, name } => {
                let ca = ca.map(|variable| format!("signed by the CA in {variable}"));
                let name = name
                    .as_ref()
                    .map(|(variable, name)| format!("for {} ({variable})", text::excerpt(name, 100)));
                let parts: Vec<String> = ca.into_iter().chain(name).collect();
                f.write_str(&parts.join(", "))
            }
        }
    }
}

/// A line of a report. A line without a name continues the one before.
pub(crate) fn line(name: &str, value: &str) -> String {
    let name = if name.is_empty() {
        String::new()
    } else {
        format!("{name}:")
    };
    format!("{name:14}{value}\n")
}
