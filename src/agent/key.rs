//! The agent key: what an agent shows its gateway, and where that gateway is.
//!
//! ```text
//! grpcs://agent-name:secret@gateway.example:8443?mode=standard
//! grpcs://_default:secret@gateway.example:8443            an organization's key, from gateway 1.21.0 on
//! grpcs://gateway.example:8443/<64 hex digits>            the old form; the path is the secret
//! ```
//!
//! An agent reads it by Go's `net/url` (<https://pkg.go.dev/net/url#Parse>) and trims nothing, so that is how it is
//! read here: what Go refuses is refused, with a reason that does not repeat the key.

use crate::agent::key_fault::KeyFault;
use crate::secret::Secret;
use crate::secret::conceal::KEY_SCHEMES;

/// How the gateway knows the agent, and so how its connections are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyMode {
    /// Always connected; connections are set up in the gateway.
    Standard,
    /// Connects when a user waits.
    Embedded,
    /// One process for each connection; the key of a whole organization, as gateways up to 1.20.11 print it.
    MultiConnection,
    /// The key of a whole organization as gateways print it from 1.21.0 on: the user name is the gateway's own
    /// constant, which no other agent can have.
    Organization,
    /// The key does not say.
    Unstated,
}

impl KeyMode {
    /// Whether agents with such a key publish connections by name, once they are new enough.
    pub fn publishes_by_name(self) -> bool {
        matches!(self, KeyMode::MultiConnection | KeyMode::Organization)
    }
}

/// What is known of an agent key. Its secret is not kept.
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

/// The number of bytes of the old form's path: a slash and a SHA-256 in hex.
const OLD_FORM_PATH: usize = 65;

/// The user name of an organization's key.
const ORGANIZATION: &str = "_default";

impl AgentKey {
    /// Reads `key`.
    pub fn parse(key: &Secret) -> Result<Self, KeyFault> {
        let key = key.expose();
        if let Some(fault) = KeyFault::of_characters(key) {
            return Err(fault);
        }
        let (url, fragment) = key.split_once('#').unwrap_or((key, ""));
        let (scheme, rest) = url.split_once(':').ok_or(KeyFault::NotUrl)?;
        if !is_scheme(scheme) {
            return Err(KeyFault::NotUrl);
        }
        let scheme = scheme.to_ascii_lowercase();
        if !KEY_SCHEMES.contains(&scheme.as_str()) {
            return Err(KeyFault::Scheme);
        }
        let rest = rest.strip_prefix("//").ok_or(KeyFault::NotUrl)?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, ""),
        };
        let (user_info, place) = authority.rsplit_once('@').unwrap_or(("", authority));
        if !user_info.bytes().all(is_of_user_info) {
            return Err(KeyFault::UserInfo);
        }
        let (name, secret) = user_info.split_once(':').unwrap_or((user_info, ""));
        let [name, secret, path] = [name, secret, path].map(unescape);
        let (name, secret, path) = (name?, secret?, path?);
        unescape(fragment)?;
        let (host, port) = place_of(place)?;
        let is_old_form = path.len() == OLD_FORM_PATH;
        if !is_old_form && secret.is_empty() {
            return Err(KeyFault::NoSecret);
        }
        let mode = match mode_in(query).as_deref() {
            _ if is_old_form => KeyMode::Embedded,
            Some(b"multi-connection") => KeyMode::MultiConnection,
            // The gateway goes by the agent, which is the organization's whatever the key says of its mode.
            _ if name == ORGANIZATION.as_bytes() => KeyMode::Organization,
            None | Some(b"") => KeyMode::Unstated,
            Some(b"standard") => KeyMode::Standard,
            Some(b"embedded") => KeyMode::Embedded,
            Some(_) => return Err(KeyFault::Mode),
        };
        Ok(Self {
            mode,
            host,
            port,
            tls: matches!(scheme.as_str(), "grpcs" | "https" | "wss"),
        })
    }
}

/// Whether `text` is a scheme (<https://www.rfc-editor.org/rfc/rfc3986#section-3.1>).
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// Whether `byte` may stand between `//` and `@`.
fn is_of_user_info(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&byte)
}

/// Whether `byte` may stand in a host name. Go takes any that is not ASCII, too.
fn is_of_host(byte: u8) -> bool {
    !byte.is_ascii() || byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:[]<>".contains(&byte)
}

/// What `text` stands for, with `%41` as `A`.
fn unescape(text: &str) -> Result<Vec<u8>, KeyFault> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        rest = behind;
        if first != b'%' {
            decoded.push(first);
            continue;
        }
        let (digits, behind) = behind.split_at_checked(2).ok_or(KeyFault::Escape)?;
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let (Some(high), Some(low)) = (digit(digits[0]), digit(digits[1])) else {
            return Err(KeyFault::Escape);
        };
        decoded.push(high * 16 + low);
        rest = behind;
    }
    Ok(decoded)
}

/// Reads host and port.
fn place_of(place: &str) -> Result<(String, u16), KeyFault> {
    let (host, port) = match place.rfind(']').filter(|_| place.starts_with('[')) {
        // The colons of an IPv6 address do not begin a port.
        Some(end) => match place.split_at(end + 1) {
            (host, "") => (host, None),
            (host, rest) => (host, Some(rest.strip_prefix(':').ok_or(KeyFault::Port)?)),
        },
        None if place.starts_with('[') => return Err(KeyFault::Host),
        None => match place.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    if host.is_empty() {
        return Err(KeyFault::NoHost);
    }
    if !host.bytes().all(|byte| is_of_host(byte) || byte == b'%') {
        return Err(KeyFault::Host);
    }
    // Within a host name an escape stands for a byte that is not ASCII, or for the percent sign of an IPv6 zone.
    let is_of_ascii = |escape: &str| escape.starts_with(|c: char| ('0'..'8').contains(&c)) && !escape.starts_with("25");
    let decoded = unescape(host)?;
    if host.split('%').skip(1).any(is_of_ascii) {
        return Err(KeyFault::Host);
    }
    let port = port.filter(|port| !port.is_empty()).ok_or(KeyFault::NoPort)?;
    // Not by the standard library alone, which takes a sign as well.
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse() {
        Ok(port) if is_number && port != 0 => Ok((String::from_utf8_lossy(&decoded).to_ascii_lowercase(), port)),
        _ => Err(KeyFault::Port),
    }
}

/// The first `mode` of `query`. Go leaves out pairs that it cannot decode, and those with a semicolon.
fn mode_in(query: &str) -> Option<Vec<u8>> {
    let pairs = query.split('&').filter(|pair| !pair.contains(';'));
    pairs
        .filter_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decode = |text: &str| unescape(&text.replace('+', " ")).ok();
            Some((decode(name)?, decode(value)?))
        })
        .find_map(|(name, value)| (name == b"mode").then_some(value))
}

#[cfg(test)]
mod tests;
