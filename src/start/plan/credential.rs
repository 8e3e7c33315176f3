//! How an agent authenticates itself to its gateway, and what of that must never be shown.

use crate::config;

use crate::agent::key::{AgentKey, KeyMode};
use crate::agent::key_fault::KeyFault;
use crate::agent::session::SPIFFE;
use crate::os::environment::Environment;
use crate::secret::{Secret, forms};
use crate::text;
use std::cmp::Reverse;
use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use url::Url;

/// The gateway, for credentials that do not name it.
const GATEWAY_URL: &str = "HOOP_GRPCURL";

/// What the agent shows its gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Credential {
    /// An agent key.
    Key {
        /// The config var it is in.
        name: &'static str,
        read: Result<AgentKey, KeyFault>,
    },
    /// One that comes with `HOOP_GRPCURL`: a token, or a SPIFFE document in a file.
    WithUrl {
        /// The variable that holds the token or names the file.
        name: &'static str,
    },
}

impl Credential {
    /// Finds the credential in `environment`, in the same order as agents.
    pub(crate) fn find(environment: &Environment) -> Option<Self> {
        for name in [config::KEY, config::DSN] {
            if let Some(value) = environment.value(name).filter(|value| !value.is_empty()) {
                let read = match value.to_str() {
                    Some(text) => AgentKey::parse(&Secret::new(text)),
                    None => Err(KeyFault::NotUtf8),
                };
                return Some(Credential::Key { name, read });
            }
        }
        environment.text(GATEWAY_URL)?;
        [SPIFFE, "TOKEN", "HOOP_TOKEN"]
            .into_iter()
            .find(|name| environment.text(name).is_some())
            .map(|name| Credential::WithUrl { name })
    }

    /// The gateway that the agent connects to, if its name can be read.
    pub(crate) fn gateway(&self, environment: &Environment) -> Option<Gateway> {
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

    /// The mode of the key, if there is a key that can be read.
    pub(crate) fn mode(&self) -> Option<KeyMode> {
        match self {
            Credential::Key { read, .. } => read.as_ref().ok().map(|key| key.mode),
            Credential::WithUrl { .. } => None,
        }
    }
}

/// Where an agent connects to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gateway {
    /// A name or an address.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Whether the connection is encrypted.
    pub(crate) tls: bool,
}

impl Gateway {
    /// Reads a gateway as agents read `HOOP_GRPCURL`: a URL, or a host and a port. `plain` says that the connection is
    /// not encrypted; the one to a gateway on the same machine never is.
    fn of_url(text: &str, plain: bool) -> Option<Self> {
        let (rest, default) = match text.split_once("://") {
            Some((_, rest)) => (rest, Some(GRPC_PORT)),
            None => (text, None),
        };
        // With a scheme that has no default port, so that a written port is never left out.
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

/// The port of a gateway whose URL has none (<https://pkg.go.dev/google.golang.org/grpc#NewClient>).
const GRPC_PORT: u16 = 443;

/// Every credential in `environment`.
pub(crate) fn all(environment: &Environment) -> impl Iterator<Item = &[u8]> {
    let credentials = [config::KEY, config::DSN, "HOOP_TOKEN"]
        .into_iter()
        .filter_map(|name| environment.value(name))
        // Other programs use this name too: it is a credential only together with this variable.
        .chain(environment.text(GATEWAY_URL).and(environment.value("TOKEN")));
    credentials.map(OsStr::as_bytes)
}

/// The credentials of a dyno, which must not be shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    /// What authenticates the agent.
    own: Vec<Vec<u8>>,
    others: Vec<Secret>,
}

impl Credentials {
    /// All credentials in `environment`.
    pub(crate) fn of(environment: &Environment) -> Self {
        Self {
            own: all(environment).map(<[u8]>::to_vec).collect(),
            others: Vec::new(),
        }
    }

    /// Adds secrets that an agent may only print as a whole, such as the password of a database.
    pub(crate) fn add(&mut self, secrets: &[Secret]) {
        self.others.extend_from_slice(secrets);
    }

    /// The texts that an agent must not print: every credential and its secret part, in all forms in which an agent
    /// could print it, the longest first. Making them takes a fifth of a millisecond, which no app needs to wait for.
    pub(crate) fn masks(&self) -> Vec<Secret> {
        let mut masks = forms::of(self.own.iter().map(Vec::as_slice));
        masks.extend(forms::of_whole(self.others.iter().map(Secret::expose)));
        masks.sort_unstable_by_key(|mask| Reverse(mask.expose().len()));
        masks
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("****")
    }
}

#[cfg(test)]
mod tests {
    use super::{Credential, Credentials, Gateway};
    use crate::agent::key_fault::KeyFault;
    use crate::os::environment::Environment;
    use crate::secret::Secret;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

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
    fn every_credential_is_masked_also_one_that_is_no_text() {
        let key = OsStr::from_bytes(b"grpcs://web:s3cr3t\xff0f@gateway.example:8443");
        let mut environment: Environment = [("HOOP_DSN", key), ("TOKEN", OsStr::new("another"))]
            .into_iter()
            .collect();
        let is_masked =
            |environment: &Environment, text| Credentials::of(environment).masks().contains(&Secret::new(text));

        assert!(is_masked(&environment, "s3cr3t\\xff0f"));
        // Probably not ours.
        assert!(!is_masked(&environment, "another"));
        environment.set("HOOP_GRPCURL", "gateway.example:8443");
        environment.set("HOOP_TOKEN", "a-third");
        for token in ["another", "a-third"] {
            assert!(is_masked(&environment, token), "{token}");
        }
    }

    #[test]
    fn a_key_that_is_no_text_is_malformed_and_keeps_its_bytes() {
        let key = OsStr::from_bytes(b"grpcs://web:s3cr3t\xff@gateway.example:8443");
        let environment = [("HOOP_KEY", key)].into_iter().collect();

        let read = Err(KeyFault::NotUtf8);
        let name = "HOOP_KEY";
        assert_eq!(Credential::find(&environment), Some(Credential::Key { name, read }));
    }
}
