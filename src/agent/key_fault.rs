//! What can be wrong with an agent key, in words that do not repeat it.

use crate::text;

/// What is wrong with an agent key, in words that do not repeat it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// Some of its bytes are not text.
    #[error("it is not UTF-8 text")]
    NotUtf8,
    /// It has a line feed, often because it was pasted in two lines.
    #[error("it has a line break in it")]
    LineBreak,
    /// It holds a carriage return, often from a file that was made on Windows.
    #[error("it has a carriage return in it")]
    CarriageReturn,
    /// It holds a tab.
    #[error("it has a tab in it")]
    Tab,
    /// It holds another control character.
    #[error("it has a control character in it")]
    Control,
    /// It has white space, most often at an end.
    #[error("it has a space in it or at one of its ends")]
    Blank,
    /// It has an invisible character.
    #[error("it has an invisible character in it")]
    Invisible,
    /// Quotation marks were pasted with it.
    #[error("it has quotation marks around it or in it")]
    Quotes,
    /// It is not a URL.
    #[error("it does not have the form scheme://name:secret@host:port")]
    NotUrl,
    /// A percent sign stands alone.
    #[error("it has a % without two hex digits after it; a percent sign itself is written %25")]
    Escape,
    /// A character that must be encoded stands in the name or the secret.
    #[error("its name or its secret has a character that must be percent-encoded")]
    UserInfo,
    /// The host holds a character that no host name has.
    #[error("its gateway host has a character that host names cannot have")]
    Host,
    /// What follows the host is not a port.
    #[error("its gateway port is not a number from 1 to 65535")]
    Port,
    /// No agent knows the scheme.
    #[error("its scheme is not one of grpc, grpcs, http, https, ws, wss")]
    Scheme,
    /// There is no host.
    #[error("it names no gateway host")]
    NoHost,
    /// There is no port, which agents of every release refuse.
    #[error("it names no gateway port")]
    NoPort,
    /// There is neither a name with a secret nor the old form's path.
    #[error("it holds no secret")]
    NoSecret,
    /// No agent knows the mode.
    #[error("its mode is not one of standard, embedded, multi-connection")]
    Mode,
}

impl KeyFault {
    /// Looks for characters that no key has, in the order in which a person would want to know of them.
    pub fn of_characters(key: &str) -> Option<Self> {
        let has = |what: &[char]| key.contains(what);
        match () {
            () if has(&['\n']) => Some(KeyFault::LineBreak),
            () if has(&['\r']) => Some(KeyFault::CarriageReturn),
            () if has(&['\t']) => Some(KeyFault::Tab),
            () if key.contains(char::is_control) => Some(KeyFault::Control),
            () if key.contains(text::is_hidden) => Some(KeyFault::Invisible),
            () if key.contains(char::is_whitespace) => Some(KeyFault::Blank),
            // A single one may stand in a secret, but not where a key begins or ends.
            () if has(&['"', '`', '“', '”', '„', '‘', '’', '«', '»']) => Some(KeyFault::Quotes),
            () if key.starts_with('\'') || key.ends_with('\'') => Some(KeyFault::Quotes),
            () => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::KeyFault;
    use crate::agent::key::{AgentKey, KeyMode};
    use crate::secret::Secret;

    fn parse(key: &str) -> Result<AgentKey, KeyFault> {
        AgentKey::parse(&Secret::new(key))
    }

    #[test]
    fn what_is_no_url_for_an_agent_is_told_by_its_kind() {
        const KEY: &str = "grpcs://web:s3cr3t@gateway.example:8443?mode=standard";
        let within = |text: &str| KEY.replace("s3cr3t", &format!("s3c{text}r3t"));
        for (texts, fault) in [
            (&["\n", "\r\n"][..], KeyFault::LineBreak),
            (&["\r"], KeyFault::CarriageReturn),
            (&["\t"], KeyFault::Tab),
            (&["\u{1}", "\u{1b}[31m", "\u{7f}", "\u{85}"], KeyFault::Control),
            (&["\u{200b}", "\u{feff}", "\u{ad}", "\u{202e}"], KeyFault::Invisible),
            (&[" ", "\u{a0}", "\u{3000}"], KeyFault::Blank),
            (&["\"", "`", "\u{201c}", "\u{2019}"], KeyFault::Quotes),
        ] {
            for text in texts {
                let keys = [
                    within(text),
                    format!("{text}{KEY}"),
                    format!("{KEY}{text}"),
                    format!("{text}{KEY}{text}"),
                ];
                for key in keys {
                    assert_eq!(parse(&key), Err(fault), "{key:?}");
                }
            }
        }
        assert_eq!(parse(&format!("'{KEY}'")), Err(KeyFault::Quotes));
        for escape in ["%", "%2", "%zz", "%2g", "100%25%"] {
            for key in [
                within(escape),
                KEY.replace("web", escape),
                KEY.replace("gateway", escape),
                KEY.replace("?mode", &format!("/{escape}?mode")),
                format!("{KEY}#{escape}"),
            ] {
                assert_eq!(parse(&key), Err(KeyFault::Escape), "{key}");
            }
        }
        for text in ["<", ">", "[", "]", "{", "}", "|", "\\", "^", "\u{e9}"] {
            assert_eq!(parse(&within(text)), Err(KeyFault::UserInfo), "{text}");
        }
        // These may stand in a secret as they are.
        assert_eq!(
            parse(&within("!$&'()*+,;=-._~:@")).map(|key| key.mode),
            Ok(KeyMode::Standard)
        );
    }
}
