//! Takes agent keys out of what this program itself writes, whatever variable they were put into by mistake.
//!
//! [`crate::secret::forms`] lists the forms of a key. Other text has readers of its own: what the agent writes goes
//! through [`crate::secret::masks`], which is made for a flood of lines and for secrets that are cut; what people have
//! written, where secrets may stand that nobody knows, goes through [`crate::secret::redact`].
//!
//! The masks of the credentials are known once for the whole process, and whatever writes must know them, also where
//! nothing hands them on: the report of a panic, a line of the supervisor. So they are kept here, at the edge.

use crate::secret::{Secret, forms};
use crate::text;
use std::sync::{Mutex, PoisonError};

/// The schemes that an agent key can have.
pub const KEY_SCHEMES: [&str; 6] = ["grpc", "grpcs", "http", "https", "ws", "wss"];

/// What stands in the place of a secret.
pub const MASK: &str = "****";

/// The mark behind a text that was cut.
const CUT: char = '…';

/// The fewest characters of what may be the beginning of a secret that was cut.
const SHORTEST_BEGINNING: usize = 4;

/// The fewest hex digits of a path that is taken for the secret of a key of the old form, which has 64.
const SHORTEST_DIGEST: usize = 20;

/// What the secret of every agent key begins with, but those of the old form.
const TOKEN: &str = "xagt-";

/// Words that stand in the place of a secret in our own texts.
const PLACEHOLDERS: [&str; 3] = ["password", "secret", "token"];

/// What is known of the credentials of this process.
static KNOWN: Mutex<Known> = Mutex::new(Known {
    credentials: Vec::new(),
    masks: None,
});

/// The credentials, and the forms of them that must not be shown: made when something is said for the first time, since
/// most starts of an app say nothing, and the app waits.
struct Known {
    credentials: Vec<Vec<u8>>,
    masks: Option<Vec<Secret>>,
}

/// Has [`conceal`] know `credentials`, beside those it knows, for the life of the process.
pub fn keep<'a>(credentials: impl IntoIterator<Item = &'a [u8]>) {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known.credentials.extend(credentials.into_iter().map(<[u8]>::to_vec));
    known.masks = None;
}

/// `text` without the credentials of this process, and without the secret of anything that looks like an
/// agent key.
pub fn conceal(text: &str) -> String {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let Known { credentials, masks } = &mut *known;
    let masks = masks.get_or_insert_with(|| forms::of(credentials.iter().map(Vec::as_slice)));
    without_tokens(&without_keys(&without(masks, text)))
}

/// Whether one of `secrets` is in `text`.
pub fn holds(secrets: &[Secret], text: &str) -> bool {
    without(secrets, text) != text
}

/// Whether something in `text` has the form of an agent key.
pub fn looks_like_key(text: &str) -> bool {
    without_tokens(&without_keys(text)) != text
}

/// `text` without `secrets`: in letters of any case, since names are shown in small ones, as
/// [`text::visible`] has them, and cut.
fn without(secrets: &[Secret], text: &str) -> String {
    let mut text = text.to_owned();
    for secret in secrets {
        let visible = text::visible(secret.expose());
        for form in [secret.expose(), visible.as_str()] {
            text = replaced(&text, form);
            text = without_beginning(&text, form);
        }
    }
    text
}

/// `text` with a mask wherever it has `secret`, in letters of any case.
fn replaced(text: &str, secret: &str) -> String {
    let (lower, secret) = (text.to_ascii_lowercase(), secret.to_ascii_lowercase());
    let mut shown = String::with_capacity(text.len());
    let mut begin = 0;
    for (place, _) in lower.match_indices(&secret) {
        shown.push_str(&text[begin..place]);
        shown.push_str(MASK);
        begin = place + secret.len();
    }
    shown.push_str(&text[begin..]);
    shown
}

/// `text` with a mask for the beginning of `secret`, wherever it is cut in the middle.
fn without_beginning(text: &str, secret: &str) -> String {
    let secret = secret.to_ascii_lowercase();
    let mut parts: Vec<String> = Vec::new();
    let mut pieces = text.split(CUT).peekable();
    while let Some(piece) = pieces.next() {
        let is_cut = pieces.peek().is_some();
        let lower = piece.to_ascii_lowercase();
        let ends = secret
            .char_indices()
            .map(|(end, _)| end)
            .skip(SHORTEST_BEGINNING)
            .collect::<Vec<_>>();
        let longest = ends
            .into_iter()
            .rev()
            .find(|end| is_cut && lower.ends_with(&secret[..*end]));
        parts.push(match longest {
            Some(length) => format!("{}{MASK}", &piece[..piece.len() - length]),
            None => piece.to_owned(),
        });
    }
    parts.join(&CUT.to_string())
}

/// `text` with a mask for name and secret of whatever has the form of an agent key, also where it was cut.
fn without_keys(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(place) = rest.find("://") {
        let (before, behind) = rest.split_at(place + 3);
        shown.push_str(before);
        let letters = before[..place].rsplit(|c: char| !c.is_ascii_alphanumeric()).next();
        let scheme = letters.unwrap_or_default().to_ascii_lowercase();
        rest = behind;
        if !KEY_SCHEMES.contains(&scheme.as_str()) {
            continue;
        }
        match secret_in(behind) {
            None => {}
            Some((begin, end)) => {
                shown.push_str(&behind[..begin]);
                shown.push_str(MASK);
                rest = &behind[end..];
            }
        }
    }
    shown.push_str(rest);
    shown
}

/// `text` with a mask for the secret of an agent key that stands alone, whole or cut.
fn without_tokens(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let mut shown = String::with_capacity(text.len());
    let mut begin = 0;
    for (place, _) in lower.match_indices(TOKEN) {
        let behind = place + TOKEN.len();
        let is_of_token = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        let length = text[behind..].find(|c| !is_of_token(c)).unwrap_or(text.len() - behind);
        if place >= begin && length > 0 {
            shown.push_str(&text[begin..place]);
            shown.push_str(MASK);
            begin = behind + length;
        }
    }
    shown.push_str(&text[begin..]);
    shown
}

/// Where the secret of a key is, in what stands behind its scheme.
fn secret_in(behind: &str) -> Option<(usize, usize)> {
    let run = &behind[..end_of_run(behind)];
    if let Some(at) = run.rfind('@') {
        let (_, secret) = run[..at].split_once(':')?;
        return (!PLACEHOLDERS.contains(&secret)).then_some((0, at));
    }
    let end_of_place = run.find(['/', '?', '#']).unwrap_or(run.len());
    let (place, path) = run.split_at(end_of_place);
    if let Some((_, port)) = place.split_once(':').filter(|_| !place.starts_with('[')) {
        let is_port = port.starts_with(|c: char| c.is_ascii_digit())
            && !port.contains(|c: char| c.is_alphanumeric() && !c.is_ascii_digit());
        if !is_port && !is_reference(port) && !port.is_empty() {
            // A secret that was cut, or one with a character in it that ends what one takes for a URL.
            return Some((0, behind.rfind('@').unwrap_or(run.len())));
        }
    }
    let digest = path.strip_prefix('/')?;
    let digits = digest.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(digest.len());
    (digits >= SHORTEST_DIGEST).then_some((end_of_place + 1, end_of_place + 1 + digits))
}

/// Whether `port` is a variable of a shell, as in `--urls http://*:$PORT`.
fn is_reference(port: &str) -> bool {
    let name = port.trim_end_matches(['\'', ')', ';', ',', '.']).strip_prefix('$');
    name.is_some_and(|name| {
        name.starts_with(|first: char| first == '{' || first.is_ascii_uppercase())
            && name.bytes().all(|byte| {
                byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'{' | b'}' | b':' | b'-')
            })
    })
}

/// Where a URL ends within a sentence. A blank within `<carriage return>` does not end it.
fn end_of_run(text: &str) -> usize {
    let mut is_name = false;
    for (place, character) in text.char_indices() {
        match character {
            '<' => is_name = true,
            '>' => is_name = false,
            '"' | CUT => return place,
            _ if character.is_whitespace() && !is_name => return place,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::{looks_like_key, without, without_keys, without_tokens};
    use crate::secret::forms;

    const KEY: &str = "grpcs://web:s3cr3t-0f-a-test@gateway.example:8443?mode=standard";

    #[test]
    fn a_port_that_a_shell_puts_in_is_no_secret() {
        for text in [
            "dotnet App.dll --urls http://*:$PORT",
            "sh -c 'x --urls http://0.0.0.0:${PORT:-3000}'",
            "x http://+:$PORT, y",
        ] {
            assert_eq!(without_keys(text), text);
        }
        for text in ["grpcs://web:$ecret…", "http://web:$3cr3t/x", "http://web:$Ab1/x@y"] {
            assert!(without_keys(text).contains("****"), "{text}");
        }
    }

    #[test]
    fn a_known_key_is_hidden_in_any_case_and_cut_anywhere() {
        let secrets = forms::of([KEY.as_bytes()]);
        for line in [
            format!("item \"{KEY}\" of the list"),
            format!("the name {} is not one", KEY.to_lowercase().to_uppercase()),
            "S3CR3T-0F-A-TEST alone".to_owned(),
            format!("HOOP_DISABLE is \"{}…\", which", &KEY[..25]),
            "is s3cr3t-0f-…, which".to_owned(),
        ] {
            let shown = without(&secrets, &line);
            assert!(
                !shown.to_lowercase().contains("s3cr3t") && shown.contains("****"),
                "{shown}"
            );
        }
        assert_eq!(without(&secrets, "nothing of it…"), "nothing of it…");
    }

    #[test]
    fn a_key_with_control_characters_is_hidden_as_it_is_made_visible() {
        let key = "grpcs://web:s3cr3t\r\n-0f-a-test@gateway.example:8443";
        let shown = without(
            &forms::of([key.as_bytes()]),
            &crate::text::visible(&format!("it is {key}.")),
        );
        assert_eq!(shown, "it is ****.");
    }

    #[test]
    fn what_looks_like_a_key_is_hidden_though_it_is_not_known() {
        for (line, shown) in [
            (
                format!("HOOP_VERSION is not a version: \"{KEY}\""),
                "HOOP_VERSION is not a version: \"grpcs://****@gateway.example:8443?mode=standard\"",
            ),
            (
                "HOOP_DISABLE is \"grpcs://web:s3cr3t-0f-…\", which".to_owned(),
                "HOOP_DISABLE is \"grpcs://****…\", which",
            ),
            (
                format!("at https://gateway.example:8443/{} it", "5ec4e700".repeat(8)),
                "at https://gateway.example:8443/**** it",
            ),
            (
                "names GRPCS://web:s3c<carriage return>r3t@gw:1, and".to_owned(),
                "names GRPCS://****@gw:1, and",
            ),
            (
                "names grpcs://web:s3c, r3t-0f-a-test@gw:1, and".to_owned(),
                "names grpcs://****@gw:1, and",
            ),
            ("is 'ws://web:s3c\"r3t@gw:1'".to_owned(), "is 'ws://****@gw:1'"),
        ] {
            assert_eq!(without_keys(&line), shown);
        }
        assert!(looks_like_key(KEY));
    }

    #[test]
    fn the_secret_of_a_key_is_hidden_where_it_stands_alone() {
        for (line, shown) in [
            ("is \"xagt-h4DsLT3_rs-7\", and XAGT-H4D…", "is \"****\", and ****…"),
            (
                "a secret begins with xagt-, as you know",
                "a secret begins with xagt-, as you know",
            ),
            ("xagt-xagt-a xagt-b", "**** ****"),
        ] {
            assert_eq!(without_tokens(line), shown);
            assert_eq!(looks_like_key(line), line != shown);
        }
    }

    #[test]
    fn other_urls_stay_as_they_are() {
        for line in [
            "https://releases.hoop.dev/release/1.148.0/checksums.txt",
            "http://127.0.0.1:8080/release, and https://[::1]:8443/a",
            "https://token@mirror.example:8443/release",
            "postgres://user:pa55w0rd@db:5432/orders",
            "Correct it: http://user:password@host:port, with each of @ /",
            "A token belongs before the host: https://user:token@host/path.",
            "https://****@mirror.example",
            "it does not have the form scheme://name:secret@host:port",
            "an agent key that begins with grpc://",
            "no connection to https://mirror.example:8443: refused",
        ] {
            assert_eq!(without_keys(line), line);
            assert!(!looks_like_key(line), "{line}");
        }
    }
}
