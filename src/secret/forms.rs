//! All forms in which an agent, or the Go library in it, prints a credential.
//!
//! An agent prints a key that it cannot read: whole, as Go's `%q` has it, and the log encodes that once more as JSON.
//! Of a key that falls apart it prints a part, and a log that is no JSON has the line breaks of a key as they are.

use crate::secret::Secret;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The fewest characters of a secret that is masked wherever it stands. Shorter ones would take ordinary words
/// with them.
const SHORTEST: usize = 6;

/// The number of bytes of a percent sign and its digits.
const ESCAPE: usize = 3;

/// All forms of `credentials`, whole and of their secret parts, the longest first: a short one must not take
/// from a long one the part by which it would be found.
pub fn of<'a>(credentials: impl IntoIterator<Item = &'a [u8]>) -> Vec<Secret> {
    printed(credentials.into_iter().flat_map(texts))
}

/// The same of texts of which a part alone is no secret.
pub fn of_whole<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Vec<Secret> {
    printed(secrets.into_iter().map(|secret| secret.as_bytes().to_vec()))
}

/// Every way to print one of these texts.
fn printed(texts: impl Iterator<Item = Vec<u8>>) -> Vec<Secret> {
    let mut forms = BTreeSet::new();
    for text in texts {
        for bytes in [percent_decoded(&text), text] {
            add_printed(&bytes, &mut forms);
            for keeps in [is_of_user_info, is_unreserved] {
                add_printed(percent_encoded(&bytes, keeps).as_bytes(), &mut forms);
            }
        }
    }
    let mut forms: Vec<String> = forms
        .into_iter()
        // Go tells what of a key is no escape.
        .filter(|form| form.chars().count() >= SHORTEST || (form.starts_with('%') && form.len() == ESCAPE))
        .collect();
    forms.sort_unstable_by_key(|form| std::cmp::Reverse(form.len()));
    forms.into_iter().map(Secret::new).collect()
}

/// The texts in `credential` that must not be shown: all of it, what is left without what was pasted around
/// it, and its secret part, each also in the pieces into which a line break or a URL parser takes it apart.
fn texts(credential: &[u8]) -> Vec<Vec<u8>> {
    let around = |byte: &u8| byte.is_ascii_whitespace() || byte.is_ascii_control() || b"\"'`".contains(byte);
    let between = |byte: &u8| byte.is_ascii_whitespace() || byte.is_ascii_control();
    let trimmed = trim(credential, around);
    // Go reads a URL up to here, and prints it up to here.
    let before_fragment = trimmed.split(|byte| *byte == b'#').next().unwrap_or_default();
    let mut texts: Vec<&[u8]> = vec![credential, trimmed, before_fragment];
    texts.extend(credential.split(between));
    let is_escape = |window: &&[u8]| window[0] == b'%' && !window[1..].iter().all(u8::is_ascii_hexdigit);
    texts.extend(trimmed.windows(ESCAPE).filter(is_escape));
    for secret in secret_parts(trimmed) {
        texts.push(secret);
        texts.extend(secret.split(between));
        texts.extend(secret.split(|byte| b"/?#@".contains(byte)));
    }
    texts.into_iter().map(<[u8]>::to_vec).collect()
}

/// `text` without what `is_around` it.
fn trim(text: &[u8], is_around: impl Fn(&u8) -> bool) -> &[u8] {
    let begin = text.iter().position(|byte| !is_around(byte)).unwrap_or(text.len());
    let end = text
        .iter()
        .rposition(|byte| !is_around(byte))
        .map_or(begin, |last| last + 1);
    &text[begin..end]
}

/// What of a key is the secret, as it stands in the text: behind the agent's name, and in the old form
/// the path. A text without either has no part of its own.
fn secret_parts(key: &[u8]) -> [&[u8]; 2] {
    let rest = key
        .windows(3)
        .position(|window| window == b"://")
        .map_or(&key[key.len()..], |place| &key[place + 3..]);
    let (user, place) = match rest.iter().rposition(|byte| *byte == b'@') {
        Some(at) => (&rest[..at], &rest[at + 1..]),
        None => (&rest[..0], rest),
    };
    let path = behind(b'/', place).split(|byte| b"?#".contains(byte)).next();
    [behind(b':', user), path.unwrap_or_default()]
}

/// What stands behind the first `mark` in `text`, which may be nothing.
fn behind(mark: u8, text: &[u8]) -> &[u8] {
    text.iter()
        .position(|byte| *byte == mark)
        .map_or(&text[text.len()..], |place| &text[place + 1..])
}

/// Adds the forms in which a log can hold `bytes`.
fn add_printed(bytes: &[u8], forms: &mut BTreeSet<String>) {
    let lossy = String::from_utf8_lossy(bytes).into_owned();
    for is_escaped in [is_hidden_by_go, |character: char| {
        is_hidden_by_go(character) || !character.is_ascii()
    }] {
        let quoted = go_quoted(bytes, is_escaped);
        forms.insert(json(&quoted, false));
        forms.insert(quoted);
    }
    forms.insert(json(&lossy, false));
    forms.insert(json(&lossy, true));
    forms.insert(lossy);
}

/// `bytes` as `strconv.Quote` has them (<https://pkg.go.dev/strconv#Quote>), without the quotation marks.
fn go_quoted(bytes: &[u8], is_escaped: impl Fn(char) -> bool) -> String {
    let mut quoted = String::new();
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            let code = u32::from(character);
            // Writing to a String cannot fail.
            let _ = match character {
                '"' | '\\' => write!(quoted, "\\{character}"),
                '\u{7}' => write!(quoted, "\\a"),
                '\u{8}' => write!(quoted, "\\b"),
                '\u{c}' => write!(quoted, "\\f"),
                '\n' => write!(quoted, "\\n"),
                '\r' => write!(quoted, "\\r"),
                '\t' => write!(quoted, "\\t"),
                '\u{b}' => write!(quoted, "\\v"),
                _ if !is_escaped(character) => write!(quoted, "{character}"),
                _ if code < 0x80 => write!(quoted, "\\x{code:02x}"),
                _ if code < 0x1_0000 => write!(quoted, "\\u{code:04x}"),
                _ => write!(quoted, "\\U{code:08x}"),
            };
        }
        for byte in chunk.invalid() {
            let _ = write!(quoted, "\\x{byte:02x}");
        }
    }
    quoted
}

/// Whether Go does not print `character` as it is: of the blanks only the one of ASCII.
fn is_hidden_by_go(character: char) -> bool {
    character != ' ' && (character.is_whitespace() || crate::text::is_hidden(character))
}

/// `text` as it stands in a JSON string: as the agent's log has it, or `for_pages`, as Go's own encoder has it
/// (<https://pkg.go.dev/encoding/json#HTMLEscape>).
fn json(text: &str, for_pages: bool) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        let code = u32::from(character);
        // Writing to a String cannot fail.
        let _ = match character {
            '"' | '\\' => write!(escaped, "\\{character}"),
            '\n' => write!(escaped, "\\n"),
            '\r' => write!(escaped, "\\r"),
            '\t' => write!(escaped, "\\t"),
            '\u{8}' if for_pages => write!(escaped, "\\b"),
            '\u{c}' if for_pages => write!(escaped, "\\f"),
            '\u{fffd}' => write!(escaped, "\\ufffd"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' if for_pages => write!(escaped, "\\u{code:04x}"),
            _ if code < 0x20 => write!(escaped, "\\u{code:04x}"),
            _ => write!(escaped, "{character}"),
        };
    }
    escaped
}

/// What `text` stands for in a URL. What is no escape stays as it is.
fn percent_decoded(text: &[u8]) -> Vec<u8> {
    percent_encoding::percent_decode(text).collect()
}

/// `bytes` with all percent-encoded but what `keeps` names.
fn percent_encoded(bytes: &[u8], keeps: impl Fn(u8) -> bool) -> String {
    let mut encoded = String::new();
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = match *byte {
            byte if keeps(byte) => write!(encoded, "{}", char::from(byte)),
            byte => write!(encoded, "%{byte:02X}"),
        };
    }
    encoded
}

/// What Go leaves as it is in the secret of a URL.
fn is_of_user_info(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~$&+,;=".contains(&byte)
}

/// What Go leaves as it is in a query.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::{SHORTEST, of};
    use proptest::prelude::*;

    /// The forms of one credential.
    fn forms(credential: &[u8]) -> Vec<String> {
        of([credential]).iter().map(|mask| mask.expose().to_owned()).collect()
    }

    /// `line` as hoopstart shows it.
    fn masked(credential: &[u8], line: &str) -> String {
        let line = line.to_owned();
        of([credential])
            .iter()
            .fold(line, |line, mask| line.replace(mask.expose(), "****"))
    }

    #[test]
    fn an_ordinary_key_has_few_forms_and_the_longest_is_first() {
        let key = "grpcs://web:xagt-s3cr3t0@gateway.example:8443?mode=standard";
        assert_eq!(
            forms(key.as_bytes()),
            [
                "grpcs%3A%2F%2Fweb%3Axagt-s3cr3t0%40gateway.example%3A8443%3Fmode%3Dstandard",
                "grpcs%3A%2F%2Fweb%3Axagt-s3cr3t0%40gateway.example%3A8443%3Fmode=standard",
                key,
                "xagt-s3cr3t0",
            ]
        );
    }

    #[test]
    fn a_key_is_masked_whole_and_its_secret_alone() {
        for (key, secret) in [
            ("grpcs://web:s3cr3t0@gateway.example:8443?mode=standard", "s3cr3t0"),
            ("grpcs://web:s3c@r3t0@gateway.example:8443", "s3c@r3t0"),
            ("grpcs://gateway.example:8443/0123456789abcdef", "0123456789abcdef"),
            ("\"grpcs://web:s3cr3t0@gateway.example:8443\"", "s3cr3t0"),
            (" grpcs://web:s3cr3t0@gateway.example:8443\r\n", "s3cr3t0"),
        ] {
            let forms = forms(key.as_bytes());
            assert!(forms.iter().any(|form| form == key), "{forms:?}");
            assert!(forms.iter().any(|form| form == secret), "{forms:?}");
        }
        assert_eq!(forms(b"nonsense"), ["nonsense"]);
        // Too short to be told from ordinary words.
        assert!(!forms(b"grpcs://web:abc@gateway.example:1").contains(&"abc".to_owned()));
    }

    #[test]
    fn what_an_agent_prints_of_a_key_it_cannot_read_holds_nothing_of_it() {
        // As agents of 1.14 to 1.148 print it: in Go's quotes, within JSON or not.
        for (key, printed) in [
            (
                &b"grpcs://web:s3cr3t\n-0f-a-test@gw.example:8443"[..],
                r#"parse \"grpcs://web:s3cr3t\\n-0f-a-test@gw.example:8443\": net/url: invalid control"#,
            ),
            (
                b"grpcs://web:s3cr3t\t0f\x7f\x1ba-test@gw.example:8443",
                r#"parse "grpcs://web:s3cr3t\t0f\x7f\x1ba-test@gw.example:8443": net/url"#,
            ),
            (
                b"grpcs://web:s3cr3t\n-0f-a-test@gw.example:8443",
                "parse of grpcs://web:s3cr3t\n-0f-a-test@gw.example:8443",
            ),
            (
                b"\"grpcs://web:s3cr3t-0f-a-test@gw.example:8443\"",
                r#"parse \"\\\"grpcs://web:s3cr3t-0f-a-test@gw.example:8443\\\"\": first path segment"#,
            ),
            (
                b"grpcs://web:s3cr3t\xff-0f-a-test@gw.example:8443",
                r#"parse \"grpcs://web:s3cr3t\\xff-0f-a-test@gw.example:8443\": invalid userinfo"#,
            ),
            (
                b"grpcs://web:s3cr3t\xff-0f-a-test@gw.example:8443",
                "s3cr3t\u{fffd}-0f-a-test and s3cr3t\\ufffd-0f-a-test",
            ),
            (
                "grpcs://web:s3cr3t\u{a0}\u{e9}-0f-a-test@gw.example:8443".as_bytes(),
                r"s3cr3t\u00a0é-0f-a-test and s3cr3t\u00a0\u00e9-0f-a-test and s3cr3t%C2%A0%C3%A9-0f-a-test",
            ),
            (
                b"grpcs://web:s3cr3t%2F%zz-0f-a-test@gw.example:8443",
                "s3cr3t/%zz-0f-a-test and s3cr3t%252F%25zz-0f-a-test",
            ),
            (
                b"grpcs://web:s3cr3t%0f-a-test%s3@gw.example:8443",
                r#"parse \"grpcs://web:s3cr3t%0f-a-test%s3@gw.example:8443\": invalid URL escape \"%s3\""#,
            ),
            (
                b"grpcs://web:s3cr3t<0f>&a-test@gw.example:8443",
                r"s3cr3t\u003c0f\u003e\u0026a-test",
            ),
            (
                b"grpcs://web:s3cr3t/0f-a-test@gw.example:8443",
                r#"invalid port \":s3cr3t\" after host, path 0f-a-test"#,
            ),
            (
                b"grpcs://web:s3cr3t#0f-a-test@gw.example:8443",
                r#"parse "grpcs://web:s3cr3t": invalid port ":s3cr3t" after host"#,
            ),
        ] {
            let shown = masked(key, printed);
            assert!(
                ["s3cr3t", "0f-a", "%s3"].iter().all(|part| !shown.contains(part)),
                "{shown}"
            );
            assert!(shown.contains("****"), "{shown}");
        }
    }

    proptest! {
        #[test]
        fn forms_are_sorted_unique_and_long_enough(credential in proptest::collection::vec(any::<u8>(), 0..60)) {
            let forms = forms(&credential);
            prop_assert!(forms.iter().all(|form| form.chars().count() >= SHORTEST || form.starts_with('%')));
            prop_assert!(forms.windows(2).all(|pair| pair[0].len() >= pair[1].len() && pair[0] != pair[1]));
        }

        #[test]
        fn any_secret_is_masked_as_it_is(secret in "[ -~\\n\\t\u{e9}\u{2028}]{6,30}", name in "[a-z]{1,5}") {
            let key = format!("grpcs://{name}:{secret}@gw.example:8443");
            prop_assert!(forms(key.as_bytes()).contains(&key));
            prop_assert_eq!(masked(key.as_bytes(), &format!("<{key}>")), "<****>");
        }
    }
}
