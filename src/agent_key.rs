//! The agent key: what an agent shows its gateway, and where that gateway is.
//!
//! ```text
//! grpcs://agent-name:secret@gateway.example:8443?mode=standard
//! grpcs://gateway.example:8443/<64 hex digits>            the old form; the path is the secret
//! ```

use crate::secret::Secret;
use url::Url;

/// How the gateway knows the agent, and so how its connections are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyMode {
    /// Always connected; connections are set up in the gateway.
    Standard,
    /// Connects when a user waits.
    Embedded,
    /// One process for each connection; the key of a whole organisation.
    MultiConnection,
    /// The key does not say.
    Unstated,
}

/// An agent key, read as far as its holder needs to know it. The secret part is not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentKey {
    /// How the gateway knows the agent.
    pub mode: KeyMode,
    /// The gateway's host name or address.
    pub host: String,
    /// The gateway's port.
    pub port: u16,
    /// Whether the connection to the gateway is encrypted.
    pub tls: bool,
}

/// What is wrong with an agent key, in words that do not repeat it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// It has not the form of a URL.
    #[error("it has not the form scheme://name:secret@host:port")]
    NotUrl,
    /// The scheme is none that an agent knows.
    #[error("its scheme is not one of grpc, grpcs, http, https, ws, wss")]
    Scheme,
    /// There is no host.
    #[error("it names no gateway host")]
    NoHost,
    /// There is no port, which agents of every release refuse, or port 0, where nobody can listen.
    #[error("it names no gateway port")]
    NoPort,
    /// There is neither a name with a secret nor the old form's path.
    #[error("it holds no secret")]
    NoSecret,
    /// The mode is none that an agent knows.
    #[error("its mode is not one of standard, embedded, multi-connection")]
    Mode,
}

/// The number of characters of the old form's path: a slash and a SHA-256 in hex.
const OLD_FORM_PATH: usize = 65;

impl AgentKey {
    /// Reads `key`.
    pub fn parse(key: &Secret) -> Result<Self, KeyFault> {
        let url = Url::parse(key.expose().trim()).map_err(|_| KeyFault::NotUrl)?;
        let tls = match url.scheme() {
            "grpc" | "http" | "ws" => false,
            "grpcs" | "https" | "wss" => true,
            _ => return Err(KeyFault::Scheme),
        };
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(KeyFault::NoHost)?;
        // The url crate leaves a scheme's own port out, such as 443 of https; in the text it is there.
        let port = url
            .port()
            .or_else(|| has_written_port(key).then(|| url.port_or_known_default()).flatten())
            .filter(|port| *port != 0)
            .ok_or(KeyFault::NoPort)?;
        let is_old_form = url.path().len() == OLD_FORM_PATH && url.username().is_empty();
        if !is_old_form && url.password().is_none_or(str::is_empty) {
            return Err(KeyFault::NoSecret);
        }
        let stated = url.query_pairs().find(|(name, _)| name == "mode").map(|(_, mode)| mode);
        let mode = match stated.as_deref() {
            _ if is_old_form => KeyMode::Embedded,
            None | Some("") => KeyMode::Unstated,
            Some("standard") => KeyMode::Standard,
            Some("embedded") => KeyMode::Embedded,
            Some("multi-connection") => KeyMode::MultiConnection,
            Some(_) => return Err(KeyFault::Mode),
        };
        Ok(Self {
            mode,
            host: host.to_owned(),
            port,
            tls,
        })
    }
}

/// Answers whether a port stands in the text of `key`.
fn has_written_port(key: &Secret) -> bool {
    let rest = key.expose().split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
    let port = place.trim().rsplit_once(':').map_or("", |(_, port)| port);
    // The colons of an IPv6 address stand in brackets, so what follows the last one is then no number.
    !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::{AgentKey, KeyFault, KeyMode};
    use crate::secret::Secret;
    use proptest::prelude::*;

    fn parse(key: &str) -> Result<AgentKey, KeyFault> {
        AgentKey::parse(&Secret::new(key))
    }

    #[test]
    fn every_published_form_is_read() {
        let old_form = format!("grpcs://gateway.example:8443/{}", "a1".repeat(32));
        for (key, mode, port, tls) in [
            (
                "grpcs://web:s3cr3t@gateway.example:8443?mode=standard",
                KeyMode::Standard,
                8443,
                true,
            ),
            (
                "grpc://web:s3cr3t@gateway.example:8010?mode=embedded",
                KeyMode::Embedded,
                8010,
                false,
            ),
            (
                "https://web:s3cr3t@gateway.example:443?mode=multi-connection",
                KeyMode::MultiConnection,
                443,
                true,
            ),
            ("http://web:s3cr3t@gateway.example:80", KeyMode::Unstated, 80, false),
            (
                "wss://web:s3cr3t@gateway.example:8443?mode=",
                KeyMode::Unstated,
                8443,
                true,
            ),
            (old_form.as_str(), KeyMode::Embedded, 8443, true),
            (
                "https://web:s3cr3t@Gateway.Example:443?mode=standard",
                KeyMode::Standard,
                443,
                true,
            ),
            // A config var pasted with its line's end.
            (
                "ws://web:s3cr3t@gateway.example:1?mode=standard\n",
                KeyMode::Standard,
                1,
                false,
            ),
        ] {
            let host = "gateway.example".to_owned();
            assert_eq!(parse(key), Ok(AgentKey { mode, host, port, tls }), "{key}");
        }
    }

    #[test]
    fn what_an_agent_would_refuse_is_refused_with_its_reason() {
        for (key, fault) in [
            ("", KeyFault::NotUrl),
            ("xagt-0123456789", KeyFault::NotUrl),
            ("ftp://web:s3cr3t@gateway.example:21", KeyFault::Scheme),
            ("gateway.example:8443", KeyFault::Scheme),
            ("grpcs://web:s3cr3t@gateway.example", KeyFault::NoPort),
            ("https://web:s3cr3t@gateway.example", KeyFault::NoPort),
            ("https://web:s3cr3t@[::1]", KeyFault::NoPort),
            ("grpcs://web:s3cr3t@gateway.example:0", KeyFault::NoPort),
            ("grpcs://gateway.example:8443", KeyFault::NoSecret),
            ("grpcs://web@gateway.example:8443", KeyFault::NoSecret),
            ("grpcs://gateway.example:8443/short", KeyFault::NoSecret),
            ("grpcs://web:s3cr3t@gateway.example:8443?mode=standart", KeyFault::Mode),
        ] {
            assert_eq!(parse(key), Err(fault), "{key}");
        }
    }

    proptest! {
        #[test]
        fn a_key_of_any_parts_is_read_as_what_it_was_made_of(
            (scheme, tls) in prop_oneof![
                Just(("grpc", false)), Just(("grpcs", true)), Just(("http", false)),
                Just(("https", true)), Just(("ws", false)), Just(("wss", true)),
            ],
            name in "[a-zA-Z0-9][a-zA-Z0-9._-]{0,20}",
            secret in "[a-zA-Z0-9_.~!$&'()*+,;=-]{1,64}",
            host in "([a-z](-?[a-z0-9]){0,8}\\.){1,3}example|10\\.[1-9]\\.0\\.7|\\[::1\\]",
            port in 1..=u16::MAX,
            (query, mode) in prop_oneof![
                Just(("", KeyMode::Unstated)),
                Just(("?mode=", KeyMode::Unstated)),
                Just(("?mode=standard", KeyMode::Standard)),
                Just(("?a=b&mode=embedded", KeyMode::Embedded)),
                Just(("?mode=multi-connection&a=b", KeyMode::MultiConnection)),
            ],
            slash in prop_oneof![Just(""), Just("/")],
        ) {
            let key = format!("{scheme}://{name}:{secret}@{host}:{port}{slash}{query}");
            prop_assert_eq!(parse(&key), Ok(AgentKey { mode, host: host.clone(), port, tls }), "{}", key);

            // Without one of its parts it is refused for that part.
            let without_port = format!("{scheme}://{name}:{secret}@{host}{slash}{query}");
            prop_assert_eq!(parse(&without_port), Err(KeyFault::NoPort), "{}", without_port);
            let without_secret = format!("{scheme}://{name}@{host}:{port}{slash}{query}");
            prop_assert_eq!(parse(&without_secret), Err(KeyFault::NoSecret), "{}", without_secret);
            let with_other_mode = format!("{scheme}://{name}:{secret}@{host}:{port}{slash}?mode={name}-");
            prop_assert_eq!(parse(&with_other_mode), Err(KeyFault::Mode), "{}", with_other_mode);
        }

        #[test]
        fn a_key_of_the_old_form_is_read_whatever_its_digest(
            digest in "[0-9a-f]{64}", port in 1..=u16::MAX, scheme in "(grpc|http|ws)s?",
        ) {
            let key = parse(&format!("{scheme}://gateway.example:{port}/{digest}"));
            let (mode, host) = (KeyMode::Embedded, "gateway.example".to_owned());
            let tls = ["grpcs", "https", "wss"].contains(&scheme.as_str());
            prop_assert_eq!(key, Ok(AgentKey { mode, host, port, tls }));
            // With one digit less it is a path, and no secret.
            let short = format!("{scheme}://gateway.example:{port}/{}", &digest[1..]);
            prop_assert_eq!(parse(&short), Err(KeyFault::NoSecret));
        }

        #[test]
        fn any_text_that_is_a_key_names_a_gateway(
            key in prop_oneof![
                "\\PC{0,40}",
                "(grpcs|https|ws)(://|:|/)[a-z0-9:@/?#\\[\\]%.=&]{0,40}",
                "grpcs://[a:@%/é]{0,12}h:[0-9]{0,6}\\PC{0,8}",
            ],
        ) {
            if let Ok(key) = parse(&key) {
                prop_assert!(!key.host.is_empty());
            }
        }

        #[test]
        fn nothing_of_a_key_is_in_what_is_shown_of_it(secret in "[a-zA-Z0-9]{12,40}", key in "\\PC{0,30}") {
            let shown = format!("{:?}", parse(&format!("grpcs://web:{secret}@gateway.example:8443?mode=standard")));
            prop_assert!(!shown.contains(&secret));
            // Any text at all is read or refused.
            let _ = parse(&key);
        }
    }
}
