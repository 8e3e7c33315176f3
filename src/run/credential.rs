//! By what an agent knows itself to its gateway, and what of it must never be shown.

use crate::agent_key::{AgentKey, KeyFault, KeyMode};
use crate::config;
use crate::environment::Environment;
use crate::secret::Secret;

/// Variables by which an agent knows itself to its gateway. None of them may reach a session that the agent
/// serves, nor an agent that would take it for the wrong one.
pub(super) const CREDENTIALS: [&str; 5] = [
    config::KEY,
    config::DSN,
    "HOOP_TOKEN",
    "HOOP_SPIFFE_KEY_FILE",
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
        environment.text("HOOP_GRPCURL")?;
        ["HOOP_SPIFFE_KEY_FILE", "TOKEN", "HOOP_TOKEN"]
            .into_iter()
            .find(|name| environment.text(name).is_some())
            .map(|name| Credential::WithUrl { name })
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

/// The fewest characters of a secret that is masked wherever it stands. Shorter ones would take ordinary words
/// with them.
const SHORTEST_MASK: usize = 6;

/// Returns the texts an agent must not print: every credential, whole, and a key's secret part alone.
pub(super) fn masks(environment: &Environment) -> Vec<Secret> {
    let credentials = [config::KEY, config::DSN, "HOOP_TOKEN"]
        .into_iter()
        .filter_map(|name| environment.text(name))
        // A name that others use as well, and a credential only beside this variable.
        .chain(environment.text("HOOP_GRPCURL").and(environment.text("TOKEN")))
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
    use super::masks;

    fn masked(key: &str) -> Vec<String> {
        let environment = [("HOOP_DSN", key)].into_iter().collect();
        masks(&environment)
            .iter()
            .map(|mask| mask.expose().to_owned())
            .collect()
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
