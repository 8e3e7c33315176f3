//! Which texts of a URL are its password, also where no URL can be read.

use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// Names of parameters whose values are passwords, as drivers have them.
const PARAMETERS: [&str; 4] = ["password", "passwd", "pass", "pwd"];

/// The texts of `url` that may be its password: each as it is written, and decoded.
pub(super) fn passwords(url: &str) -> Vec<String> {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    // A password that is not encoded may have any of these in it, and another part of the URL an @.
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let in_user = [authority, rest].into_iter().filter_map(|part| {
        let (user, _) = part.rsplit_once('@')?;
        Some(user.split_once(':')?.1)
    });
    let in_parameters = url.split(['?', '&', ';']).filter_map(|part| {
        let (name, value) = part.split_once('=')?;
        PARAMETERS
            .contains(&name.trim().to_ascii_lowercase().as_str())
            .then_some(value)
    });
    let mut found: Vec<String> = in_user
        .chain(in_parameters)
        .flat_map(|password| [password.to_owned(), decoded(password).into_owned()])
        .filter(|password| !password.is_empty())
        .collect();
    found.sort();
    found.dedup();
    found
}

/// Whether `password` stands in `text`, percent-encoded in any way or not.
pub fn has_password(text: &str, password: &str) -> bool {
    let once = decoded(text);
    // A URL within a URL is encoded twice.
    let twice = decoded(&once);
    [text, &once, &twice].into_iter().any(|text| stands_in(text, password))
}

/// A shorter password may be a part of a word by accident, so it counts only where a password would stand.
const SHORTEST: usize = 8;

fn stands_in(text: &str, password: &str) -> bool {
    if password.len() >= SHORTEST {
        return text.contains(password);
    }
    let is_quote_or_blank = |character: char| character.is_whitespace() || "\"'`".contains(character);
    text.match_indices(password).any(|(place, _)| {
        let before = text[..place].chars().next_back();
        let behind = text[place + password.len()..].chars().next();
        before.is_none_or(|character| ":=".contains(character) || is_quote_or_blank(character))
            && behind.is_none_or(|character| "@;&,".contains(character) || is_quote_or_blank(character))
    })
}

fn decoded(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

#[cfg(test)]
mod tests {
    use super::{has_password, passwords};
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    #[test]
    fn a_password_is_found_in_what_is_no_url() {
        for (url, expected) in [
            ("postgres://u:p@h/d", &["p"][..]),
            ("postgres://u:a%2fb@h/d", &["a%2fb", "a/b"]),
            ("mongodb://u:p@a:1,b:2/d", &["p"]),
            ("postgres://u:a/b@h/d", &["a/b"]),
            ("postgres://u:p@q@h/d", &["p@q"]),
            ("postgres://:p@h", &["p"]),
            ("jdbc:postgresql://h/d?user=u&password=p", &["p"]),
            ("jdbc:sqlserver://h;user=u;Password=p", &["p"]),
            ("postgres://h/d", &[]),
            ("nothing", &[]),
        ] {
            assert_eq!(passwords(url), expected, "{url}");
        }
    }

    #[test]
    fn a_short_password_counts_where_a_password_stands() {
        for text in [
            "dev",
            "postgres://u:dev@h/d",
            "host=h password=dev dbname=d",
            "{\"password\":\"dev\"}",
            "jdbc:x?password=dev&user=u",
            "postgres://u:%64ev@h/d",
            "https://p.example/?url=postgres%3A%2F%2Fu%3Adev%40h",
        ] {
            assert!(has_password(text, "dev"), "{text}");
        }
        for text in ["development", "/dev/null", "https://dev.example/", "a-dev"] {
            assert!(!has_password(text, "dev"), "{text}");
        }
    }

    proptest! {
        #[test]
        fn one_password_is_found_in_every_spelling(
            password in "\\PC{1,20}",
            lower in any::<bool>(),
            times in 0..3_usize,
        ) {
            let mut written = password.clone();
            for _ in 0..times {
                written = utf8_percent_encode(&written, NON_ALPHANUMERIC).to_string();
                if lower {
                    written = with_small_digits(&written);
                }
            }
            let url = format!("mysql2://other:{written}@other.example/d");
            // What is read as an escape may have been meant as text.
            prop_assume!(times > 0 || !password.contains('%'));
            prop_assert!(has_password(&url, &password), "{url}");
            if times == 1 {
                prop_assert!(passwords(&url).contains(&password), "{url}");
            }
        }
    }

    /// `text` with the digits of its escapes in small letters.
    fn with_small_digits(text: &str) -> String {
        let mut parts = text.split('%');
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |text, part| {
            format!("{text}%{}{}", part[..2].to_lowercase(), &part[2..])
        })
    }
}
