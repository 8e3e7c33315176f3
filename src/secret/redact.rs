//! Takes secrets out of text that people have written, such as a line of a Procfile, before it is shown.
//!
//! What is a secret can only be told by where it stands: in a URL before the `@`, behind a name that says so, as many
//! hex digits as a digest has. In doubt it is one.

use crate::secret::conceal::MASK;

/// What a word may stand between.
const QUOTES: [char; 5] = ['"', '\'', '`', '{', '}'];

/// Parts of names whose values are secrets.
const SECRET_NAMES: [&str; 9] = [
    "key",
    "token",
    "secret",
    "pass",
    "pwd",
    "dsn",
    "credential",
    "auth",
    "cookie",
];

/// Names that contain one of these and are harmless.
const NO_SECRET_NAMES: [&str; 4] = ["bypass", "compass", "passenger", "passive"];

/// Words that the secret of a header follows.
const SCHEMES: [&str; 2] = ["bearer", "basic"];

/// What the tokens of some services begin with.
const TOKEN_PREFIXES: [&str; 12] = [
    "AKIA",
    "eyJ",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "rk_live_",
    "sk_live_",
    "xoxb-",
    "xoxp-",
    "HRKU-",
];

/// The fewest characters that follow the beginning of a token.
const TOKEN_LENGTH: usize = 16;

/// This many hex digits in a row are a secret: those of an old agent key, or a token of 128 bits.
const HEX_DIGITS: usize = 32;

/// `line` with each secret in it as `****`.
pub fn redacted(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    let mut is_next_secret = false;
    let mut before = "";
    for (blank, word) in blanks_and_words(line) {
        shown.push_str(blank);
        let bare = word.trim_matches(QUOTES);
        let is_scheme = SCHEMES.contains(&bare.to_ascii_lowercase().as_str());
        let is_value = is_next_secret && !bare.starts_with(['-', '$']) && !bare.is_empty();
        is_next_secret = is_secret_option(word) || is_scheme;
        if is_value && !is_scheme {
            shown.push_str(MASK);
        } else if let Some((user, _)) = bare.split_once(':').filter(|_| matches!(before, "-u" | "--user")) {
            shown.extend([user, ":", MASK]);
        } else {
            shown.push_str(&redacted_word(word));
        }
        before = word;
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
        let (mut is_escaped, mut before) = (false, ' ');
        let end = behind.find(|character: char| {
            let is_meant = !std::mem::take(&mut is_escaped);
            match open {
                _ if !is_meant => {}
                _ if character == '\\' && open != Some('\'') => is_escaped = true,
                Some(quote) if quote == character => open = None,
                None if matches!(character, '"' | '\'' | '`') => open = Some(character),
                None if character == '(' && before == '$' => open = Some(')'),
                _ => {}
            }
            before = character;
            is_meant && open.is_none() && character.is_whitespace()
        });
        let (word, after) = behind.split_at(end.unwrap_or(behind.len()));
        // A whole command in quotes has words of its own.
        let is_one = is_assignment_of_secret(word) || has_user(word);
        if word.contains(char::is_whitespace) && !is_one {
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

/// Whether the value of something called `name` is a secret.
fn is_secret_name(name: &str) -> bool {
    let mut name = name.to_ascii_lowercase();
    for other in NO_SECRET_NAMES {
        name = name.replace(other, "");
    }
    let is_path = ["file", "path", "dir"].iter().any(|end| name.ends_with(end));
    !is_path && SECRET_NAMES.iter().any(|part| name.contains(part))
}

/// Whether `word` is an option or a header whose value, the next word, is a secret.
fn is_secret_option(word: &str) -> bool {
    let bare = word.trim_matches(QUOTES);
    let is_name = bare.starts_with('-') && !bare.contains(['=', ':']);
    (is_name || bare.ends_with(':')) && is_secret_name(bare.trim_end_matches(':').trim_end_matches(QUOTES))
}

/// Whether `word` has a URL with a user and a password, in which there may be a blank.
fn has_user(word: &str) -> bool {
    let user = word.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@'));
    user.is_some_and(|(user, _)| user.contains(':') && !user.contains('/'))
}

/// Splits `word`, `name:value`, where the name says that the value is a secret. Tasks have such names, too:
/// `rake tokens:expire`.
fn header_of_secret(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once(':').filter(|(_, value)| !value.starts_with("//"))?;
    let is_variable = name
        .bytes()
        .all(|byte| byte.is_ascii_uppercase() || matches!(byte, b'_' | b'0'..=b'9'));
    let is_value = is_variable || value.starts_with(QUOTES) || value.bytes().any(|byte| byte.is_ascii_digit());
    (is_secret_name(name.trim_end_matches(QUOTES)) && is_value && !value.is_empty()).then_some((name, value))
}

/// Whether `word` gives a value to a name that says that it is a secret.
fn is_assignment_of_secret(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, value)| {
        is_secret_name(name.trim_start_matches(['"', '\'', '(']))
            && !name.contains(char::is_whitespace)
            && !value.is_empty()
    })
}

/// One word without its secrets.
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
    if let Some((name, _)) = header_of_secret(word) {
        return format!("{name}:{MASK}");
    }
    let mut shown = without_hex(&without_token(&without_user(word)));
    // Parameters of a URL.
    if let Some(place) = shown.find(['?', '&', '#']).filter(|_| shown.contains("://")) {
        let (front, query) = shown.split_at(place);
        let parameters = query.split_inclusive(['&', '#', '?']).map(without_parameter);
        shown = format!("{front}{}", parameters.collect::<String>());
    }
    shown
}

/// A parameter of a URL without its value, where its name says that it is a secret.
fn without_parameter(parameter: &str) -> String {
    match parameter.split_once('=') {
        Some((name, value)) if is_secret_name(name) => {
            let end = &value[value.trim_end_matches(['&', '#', '?']).len()..];
            format!("{name}={MASK}{end}")
        }
        _ => parameter.to_owned(),
    }
}

/// `word` without the user and the password of URLs. A password may hold what should have been escaped, so it
/// reaches to the last `@`.
fn without_user(word: &str) -> String {
    let Some(place) = word.find("://") else {
        // user:password@host
        return match word.rsplit_once('@') {
            Some((user, host)) if user.contains(':') => format!("{MASK}@{host}"),
            _ => word.to_owned(),
        };
    };
    let (scheme, rest) = word.split_at(place + 3);
    match rest.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}{MASK}@{host}"),
        None => word.to_owned(),
    }
}

/// `word` without a token of a service.
fn without_token(word: &str) -> String {
    let is_of_token = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.');
    let place = TOKEN_PREFIXES.iter().find_map(|prefix| {
        let place = word.find(prefix)?;
        let length = word[place + prefix.len()..].find(|c| !is_of_token(c));
        let length = length.unwrap_or(word.len() - place - prefix.len());
        (length >= TOKEN_LENGTH).then_some((place, place + prefix.len() + length))
    });
    match place {
        Some((start, end)) => format!("{}{MASK}{}", &word[..start], &word[end..]),
        None => word.to_owned(),
    }
}

/// `word` without long runs of hex digits.
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
            (
                "curl -H \"Authorization: Bearer s3cr3t\" x",
                "curl -H \"Authorization: Bearer **** x",
            ),
            ("puma -H 'X-Api-Key: s3cr3t'", "puma -H 'X-Api-Key: ****"),
            ("puma '{\"token\": \"s3cr3t\"}' x", "puma '{\"token\": **** x"),
            ("puma {\"token\":\"s3cr3t\"}", "puma {\"token\":****"),
            ("puma token:s3cr3t HOOP_KEY:secret", "puma token:**** HOOP_KEY:****"),
            ("curl -u user:s3cr3t x", "curl -u user:**** x"),
            ("puma user:s3cr3t@host", "puma ****@host"),
            ("redis-server --requirepass s3cr3t", "redis-server --requirepass ****"),
            ("puma \"--token\" s3cr3t", "puma \"--token\" ****"),
            ("TOKEN=a\\ s3cr3t puma", "TOKEN=**** puma"),
            ("TOKEN=$(echo a s3cr3t) puma", "TOKEN=**** puma"),
            ("TOKEN=`echo s3cr3t` puma", "TOKEN=**** puma"),
            (
                "puma --db \"postgres://u:s3cr3t x@h/db\"",
                "puma --db \"postgres://****@h/db\"",
            ),
            ("puma ghp_s3cr3tAbCdEf0123456789", "puma ****"),
            (
                "open https://x/?a=1#access_token=s3cr3t&b",
                "open https://x/?a=1#access_token=****&b",
            ),
            // These are none.
            ("rake tokens:expire auth:sync", "rake tokens:expire auth:sync"),
            (
                "PASSENGER_ENV=production passenger start -p $PORT",
                "PASSENGER_ENV=production passenger start -p $PORT",
            ),
            ("git clone git@github.com:a/b", "git clone git@github.com:a/b"),
            (
                "bash -c \"curl https://a.example/x && mail a@b\"",
                "bash -c \"curl https://a.example/x && mail a@b\"",
            ),
            ("puma -b tcp://0.0.0.0:$PORT", "puma -b tcp://0.0.0.0:$PORT"),
            ("puma $(cat x) 'a b' \\ c", "puma $(cat x) 'a b' \\ c"),
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
