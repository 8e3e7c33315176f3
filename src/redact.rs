//! Takes secrets out of text that people have written, such as a line of a Procfile, before it is shown.
//!
//! What is a secret can only be told by where it stands: in a URL before the `@`, behind a name that says so, as many
//! hex digits as a digest has. In doubt it is one.

use crate::conceal::MASK;

/// Parts of names whose values are secrets.
const SECRET_NAMES: [&str; 9] = [
    "key",
    "token",
    "secret",
    "passw",
    "pwd",
    "dsn",
    "credential",
    "auth",
    "cookie",
];

/// So many hex digits in a row are a secret: those of an old agent key, or a token of 128 bits.
const HEX_DIGITS: usize = 32;

/// Returns `line` with each secret in it as `****`.
pub fn redacted(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    let mut is_next_secret = false;
    for (blank, word) in blanks_and_words(line) {
        shown.push_str(blank);
        let is_value = is_next_secret && !word.starts_with(['-', '$']) && !word.is_empty();
        is_next_secret = is_secret_option(word);
        if is_value {
            shown.push_str(MASK);
        } else {
            shown.push_str(&redacted_word(word));
        }
    }
    shown
}

/// Splits `line` into pairs of white space and the word behind it. What stands in quotes is one word.
fn blanks_and_words(line: &str) -> Vec<(&str, &str)> {
    let mut pairs = Vec::new();
    let mut rest = line;
    while !rest.is_empty() {
        let (blank, behind) = rest.split_at(rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len()));
        let mut open: Option<char> = None;
        let end = behind.find(|character: char| {
            match open {
                Some(quote) if quote == character => open = None,
                None if matches!(character, '"' | '\'') => open = Some(character),
                _ => {}
            }
            open.is_none() && character.is_whitespace()
        });
        let (word, after) = behind.split_at(end.unwrap_or(behind.len()));
        // A whole command in quotes has words of its own.
        if word.contains(char::is_whitespace) && !is_assignment_of_secret(word) {
            let place = word.find(char::is_whitespace).unwrap_or(word.len());
            pairs.push((blank, &word[..place]));
            rest = &rest[blank.len() + place..];
        } else {
            pairs.push((blank, word));
            rest = after;
        }
    }
    pairs
}

/// Answers whether the value of something called `name` is a secret.
fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let is_path = ["file", "path", "dir"].iter().any(|end| name.ends_with(end));
    !is_path && SECRET_NAMES.iter().any(|part| name.contains(part))
}

/// Answers whether `word` is an option whose value, the next word, is a secret.
fn is_secret_option(word: &str) -> bool {
    word.starts_with('-') && !word.contains('=') && is_secret_name(word)
}

/// Answers whether `word` gives a value to a name that says that it is a secret.
fn is_assignment_of_secret(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, value)| {
        is_secret_name(name.trim_start_matches(['"', '\'', '(']))
            && !name.contains(char::is_whitespace)
            && !value.is_empty()
    })
}

/// Returns one word without its secrets.
fn redacted_word(word: &str) -> String {
    if is_assignment_of_secret(word) {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        // Another variable's name is no secret.
        let is_reference = value.trim_matches('"').strip_prefix('$').is_some_and(|name| {
            name.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'{' | b'}'))
        });
        return if is_reference {
            word.to_owned()
        } else {
            format!("{name}={MASK}")
        };
    }
    let mut shown = without_hex(&without_user(word));
    // Parameters of a URL.
    if let Some(place) = shown.find(['?', '&']).filter(|_| shown.contains("://")) {
        let (front, query) = shown.split_at(place);
        let parameters: Vec<String> = query.split('&').map(without_parameter).collect();
        shown = format!("{front}{}", parameters.join("&"));
    }
    shown
}

/// Returns a parameter of a URL without its value, where its name says that it is a secret.
fn without_parameter(parameter: &str) -> String {
    match parameter.split_once('=') {
        Some((name, _)) if is_secret_name(name) => format!("{name}={MASK}"),
        _ => parameter.to_owned(),
    }
}

/// Returns `word` without the user and the password of URLs. A password may hold what should have been escaped, so it
/// reaches to the last `@`.
fn without_user(word: &str) -> String {
    let Some(place) = word.find("://") else {
        return word.to_owned();
    };
    let (scheme, rest) = word.split_at(place + 3);
    match rest.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}{MASK}@{host}"),
        None => word.to_owned(),
    }
}

/// Returns `word` without long runs of hex digits.
fn without_hex(word: &str) -> String {
    let mut shown = String::with_capacity(word.len());
    let mut rest = word;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
        if digits >= HEX_DIGITS {
            shown.push_str(MASK);
        } else {
            shown.push_str(&rest[..digits]);
        }
        rest = &rest[digits..];
        let other = rest.find(|c: char| c.is_ascii_hexdigit()).unwrap_or(rest.len());
        shown.push_str(&rest[..other]);
        rest = &rest[other..];
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::redacted;
    use proptest::prelude::*;

    #[test]
    fn secrets_of_every_form_are_masked() {
        let old_form = format!("grpcs://gateway.example:8443/{}", "a1".repeat(32));
        for (line, shown) in [
            ("hoopstart -- puma -p $PORT", "hoopstart -- puma -p $PORT"),
            (
                "HOOP_KEY=grpcs://web:s3cr3t@gw.example:8443?mode=standard hoopstart puma",
                "HOOP_KEY=**** hoopstart puma",
            ),
            ("HOOP_DSN=\"s3cr3t with a blank\" puma", "HOOP_DSN=**** puma"),
            ("HOOP_KEY='s3cr3t' puma", "HOOP_KEY=**** puma"),
            ("export HOOP_KEY=s3cr3t; puma", "export HOOP_KEY=**** puma"),
            (
                "agent grpcs://web:s3cr3t@gw.example:8443",
                "agent grpcs://****@gw.example:8443",
            ),
            ("agent ws://web:s3/cr@3t@gw:80/x", "agent ws://****@gw:80/x"),
            (&old_form, "grpcs://gateway.example:8443/****"),
            (
                "bash -c \"DB=postgres://u:s3cr3t@db/x puma -q\"",
                "bash -c \"DB=postgres://****@db/x puma -q\"",
            ),
            ("puma --password s3cr3t --port 1", "puma --password **** --port 1"),
            ("puma --api-token=s3cr3t", "puma --api-token=****"),
            (
                "curl https://x.example/?a=1&token=s3cr3t&b=2",
                "curl https://x.example/?a=1&token=****&b=2",
            ),
            // These are none.
            ("env HOOP_KEY=$OTHER_KEY puma", "env HOOP_KEY=$OTHER_KEY puma"),
            (
                "puma --key-file config/key.pem --keys",
                "puma --key-file config/key.pem --keys",
            ),
            ("", ""),
            ("  a  'b c'  ", "  a  'b c'  "),
        ] {
            assert_eq!(redacted(line), shown, "{line}");
        }
    }

    proptest! {
        #[test]
        fn a_key_in_any_place_is_not_shown(before in "[a-z \"'=-]{0,12}", behind in "[a-z \"';&-]{0,12}") {
            for key in ["grpcs://web:s3cr3t@gw.example:8443", "HOOP_KEY=s3cr3t", "HOOP_DSN='s3cr3t s3cr3t'"] {
                let line = format!("{before} {key} {behind}");
                prop_assert!(!redacted(&line).contains("s3cr3t"), "{line}: {}", redacted(&line));
            }
        }

        #[test]
        fn any_text_can_be_redacted(text in "\\PC{0,40}") {
            redacted(&text);
        }
    }
}
