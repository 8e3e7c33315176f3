//! By what an agent knows itself to its gateway, and what of it must never be shown.

use crate::agent_key::{AgentKey, KeyFault, KeyMode};
use crate::config;
use crate::environment::Environment;
use crate::secret::Secret;
use crate::text;
use std::fmt;
use url::Url;

/// Names the gateway, for the credentials that do not.
const GATEWAY_URL: &str = "HOOP_GRPCURL";

/// Names the file of a SPIFFE document.
const SPIFFE: &str = "HOOP_SPIFFE_KEY_FILE";

/// Variables by which an agent knows itself to its gateway. None of them may reach a session that the agent
/// serves, nor an agent that would take it for the wrong one.
pub(super) const CREDENTIALS: [&str; 5] = [
    config::KEY,
    config::DSN,
    "HOOP_TOKEN",
    SPIFFE,
    // A name others use as well; agents read it before HOOP_TOKEN wherever HOOP_GRPCURL is set.
    "TOKEN",
];

/// What the agent shows its gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Credential {
    /// An agent key.
    Key {
        /// The config var it is in.
        name: &'static str,
        /// The key.
        secret: Secret,
        /// What it says.
        read: Result<AgentKey, KeyFault>,
    },
    /// One of the forms that come with `HOOP_GRPCURL`: a token, or a SPIFFE document in a file.
    WithUrl {
        /// The variable that holds the token or names the file.
        name: &'static str,
    },
}

impl Credential {
    /// Finds the credential in `environment`, in the order in which agents look.
    pub(super) fn find(environment: &Environment) -> Option<Self> {
        for name in [config::KEY, config::DSN] {
            if let Some(text) = environment.value(name).filter(|value| !value.is_empty()) {
                // What is not UTF-8 is no URL either, and becomes a malformed key.
                let secret = Secret::new(text.to_string_lossy().trim());
                let read = AgentKey::parse(&secret);
                return Some(Credential::Key { name, secret, read });
            }
        }
        environment.text(GATEWAY_URL)?;
        [SPIFFE, "TOKEN", "HOOP_TOKEN"]
            .into_iter()
            .find(|name| environment.text(name).is_some())
            .map(|name| Credential::WithUrl { name })
    }

    /// Returns the gateway that the agent connects to, where it is named in a form that can be read.
    pub(super) fn gateway(&self, environment: &Environment) -> Option<Gateway> {
        match self {
            Credential::Key { read, .. } => {
                let key = read.as_ref().ok()?;
                Some(Gateway {
                    host: key.host.clone(),
                    port: key.port,
                    tls: key.tls,
                })
            }
            Credential::WithUrl { name } => {
                let plain = *name == SPIFFE && environment.text("HOOP_GRPC_INSECURE") == Some("true");
                Gateway::of_url(environment.text(GATEWAY_URL)?, plain)
            }
        }
    }

    /// Returns the mode of the key. Tokens and SPIFFE documents are of agents that are always connected.
    pub(super) fn mode(&self) -> KeyMode {
        match self {
            Credential::Key { read: Ok(key), .. } => key.mode,
            Credential::Key { read: Err(_), .. } => KeyMode::Unstated,
            Credential::WithUrl { .. } => KeyMode::Standard,
        }
    }
}

/// Where an agent connects to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Gateway {
    /// Its host name or address.
    pub(super) host: String,
    /// Its port.
    pub(super) port: u16,
    /// Whether the connection is encrypted.
    pub(super) tls: bool,
}

impl Gateway {
    /// Reads a gateway as agents read `HOOP_GRPCURL`: a URL, or a host and a port. `plain` says that the connection
    /// is not to be encrypted; the one to the gateway's own machine never is.
    fn of_url(text: &str, plain: bool) -> Option<Self> {
        let (rest, default) = match text.split_once("://") {
            Some((_, rest)) => (rest, Some(GRPC_PORT)),
            None => (text, None),
        };
        // By a scheme of no port of its own, so that one that is written is never left out.
        let url = Url::parse(&format!("grpcs://{rest}")).ok()?;
        let (host, port) = (url.host_str()?.to_owned(), url.port().or(default)?);
        let tls = !plain && text != "127.0.0.1:8010";
        (!host.is_empty()).then_some(Self { host, port, tls })
    }
}

impl fmt::Display for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", text::visible(&self.host), self.port)
    }
}

/// The port of a gateway whose URL names none (<https://pkg.go.dev/google.golang.org/grpc#NewClient>).
const GRPC_PORT: u16 = 443;

/// The fewest characters of a secret that is masked wherever it stands. Shorter ones would take ordinary words
/// with them.
const SHORTEST_MASK: usize = 6;

/// Returns the texts an agent must not print: every credential, whole, and a key's secret part alone.
pub(super) fn masks(environment: &Environment) -> Vec<Secret> {
    let credentials = [config::KEY, config::DSN, "HOOP_TOKEN"]
        .into_iter()
        .filter_map(|name| environment.text(name))
        // A name that others use as well, and a credential only beside this variable.
        .chain(environment.text(GATEWAY_URL).and(environment.text("TOKEN")))
        .map(str::trim);
    credentials
        .flat_map(|credential| std::iter::once(credential).chain(secret_parts(credential)))
        .filter(|text| text.len() >= SHORTEST_MASK)
        .map(Secret::new)
        .collect()
}

/// Returns what of a key is the secret, as it stands in the text: behind the agent's name, and in the old form
/// the path. A text without either has no part of its own.
fn secret_parts(key: &str) -> impl Iterator<Item = &str> {
    let rest = key.split_once("://").map_or("", |(_, rest)| rest);
    let (user, place) = rest.rsplit_once('@').unwrap_or(("", rest));
    let password = user.split_once(':').map_or("", |(_, secret)| secret);
    let path = place
        .split_once('/')
        .map_or("", |(_, path)| path.split('?').next().unwrap_or(path));
    [password, path].into_iter()
}

#[cfg(test)]
mod tests {
    use super::{Gateway, masks};

    fn masked(key: &str) -> Vec<String> {
        let environment = [("HOOP_DSN", key)].into_iter().collect();
        masks(&environment)
            .iter()
            .map(|mask| mask.expose().to_owned())
            .collect()
    }

    #[test]
    fn a_gateway_is_read_as_agents_read_it() {
        let gateway = |host: &str, port, tls| {
            Some(Gateway {
                host: host.to_owned(),
                port,
                tls,
            })
        };
        for (url, plain, expected) in [
            (
                "grpcs://gateway.example:8443",
                false,
                gateway("gateway.example", 8443, true),
            ),
            ("grpcs://gateway.example", false, gateway("gateway.example", 443, true)),
            ("gateway.example:8443", false, gateway("gateway.example", 8443, true)),
            ("gateway.example:8443", true, gateway("gateway.example", 8443, false)),
            ("127.0.0.1:8010", false, gateway("127.0.0.1", 8010, false)),
            ("http://gateway.example:80", false, gateway("gateway.example", 80, true)),
            (
                "web:s3cr3t@gateway.example:8443",
                false,
                gateway("gateway.example", 8443, true),
            ),
            ("gateway.example", false, None),
            (":8443", false, None),
        ] {
            assert_eq!(Gateway::of_url(url, plain), expected, "{url}");
        }
    }

    #[test]
    fn a_key_is_masked_whole_and_its_secret_alone() {
        for (key, secret) in [
            ("grpcs://web:s3cr3t0@gateway.example:8443?mode=standard", "s3cr3t0"),
            ("grpcs://web:s3c@r3t0@gateway.example:8443", "s3c@r3t0"),
            ("grpcs://gateway.example:8443/0123456789abcdef", "0123456789abcdef"),
        ] {
            assert_eq!(masked(key), [key, secret]);
        }
        assert_eq!(masked("nonsense"), ["nonsense"]);
        // Too short to be told from ordinary words.
        assert_eq!(
            masked("grpcs://web:abc@gateway.example:1"),
            ["grpcs://web:abc@gateway.example:1"]
        );
    }
}
