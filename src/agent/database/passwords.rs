//! Which texts of a URL are its password, also where no URL can be read.

use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// Names of parameters whose values are passwords, as drivers have them.
const PARAMETERS: [&str; 5] = ["password", "passwd", "pass", "pwd", "sslpassword"];

/// The texts of `url` that may be its password: each as it is written, and decoded.
pub(super) fn passwords(url: &str) -> Vec<String> {
    let in_parameters = parameters(url).filter_map(|part| {
        let (name, value) = part.split_once('=')?;
        let value = value.trim_matches(['{', '}', '\'', '"']);
        PARAMETERS
            .contains(&name.trim().to_ascii_lowercase().as_str())
            .then_some(value)
    });
    let mut found: Vec<String> = url
        .split("://")
        .flat_map(in_user)
        .chain(in_parameters)
        .flat_map(|password| [password.to_owned(), decoded(password).into_owned()])
        .filter(|password| !password.is_empty())
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// What may be the password in what stands behind a scheme: behind each colon before an @, of which an unencoded
/// password may have some, and another part of the URL, too.
fn in_user(behind: &str) -> Vec<&str> {
    let place = behind.split(['/', '?', '#']).next().unwrap_or_default();
    let users = [place, behind]
        .into_iter()
        .filter_map(|part| Some(part.rsplit_once('@')?.0));
    users
        .flat_map(|user| user.match_indices(':').map(|(colon, _)| &user[colon + 1..]))
        .collect()
}

/// The parameters of a URL, or of a text in the form of libpq or JDBC. A value in braces may have any character.
fn parameters(url: &str) -> impl Iterator<Item = &str> {
    let mut is_in_braces = false;
    url.split(move |character: char| {
        match character {
            '{' => is_in_braces = true,
            '}' => is_in_braces = false,
            _ => {}
        }
        !is_in_braces && ("?&;".contains(character) || character.is_whitespace())
    })
}

/// Whether one of `passwords` stands in the value of a variable, percent-encoded in any way or not.
pub fn is_in_value<'a>(text: &str, passwords: impl IntoIterator<Item = &'a str>) -> bool {
    has(text, passwords, |text, password| {
        if password.len() >= SHORTEST {
            return text.contains(password);
        }
        let is_around = |character: char| character.is_whitespace() || "\"'`".contains(character);
        stands_in(text, password, |before| {
            before.is_none_or(|character| ":=".contains(character) || is_around(character))
        })
    })
}

/// Whether one of `passwords` stands in what a person has written: a name, a command. A password that is a word, as
/// people choose it for a database of their own, counts only where a password stands.
pub fn is_in_prose<'a>(text: &str, passwords: impl IntoIterator<Item = &'a str>) -> bool {
    has(text, passwords, |text, password| {
        let is_word = password.chars().all(char::is_alphabetic);
        if password.len() >= SHORTEST && !is_word {
            return text.contains(password);
        }
        stands_in(text, password, |before| {
            before.is_some_and(|character| ":=".contains(character))
        })
    })
}

/// A shorter password may be a part of a word by accident, so it counts only where a password would stand.
const SHORTEST: usize = 8;

fn has<'a>(text: &str, passwords: impl IntoIterator<Item = &'a str>, is_in: impl Fn(&str, &str) -> bool) -> bool {
    let once = decoded(text);
    // A URL within a URL is encoded twice.
    let twice = decoded(&once);
    let readings = match (once == text, twice == once) {
        (true, _) => vec![text],
        (false, true) => vec![text, &once],
        (false, false) => vec![text, &once, &twice],
    };
    passwords
        .into_iter()
        .any(|password| readings.iter().any(|text| is_in(text, password)))
}

/// Whether a password stands somewhere with something before it that `can_be_before`, and an end behind it.
fn stands_in(text: &str, password: &str, can_be_before: impl Fn(Option<char>) -> bool) -> bool {
    text.match_indices(password).any(|(place, _)| {
        let before = text[..place].chars().next_back();
        let behind = text[place + password.len()..].chars().next();
        let ends = |character: char| character.is_whitespace() || "@;&,\"'`".contains(character);
        can_be_before(before) && behind.is_none_or(ends)
    })
}

fn decoded(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

#[cfg(test)]
mod tests {
    use super::{is_in_prose, is_in_value, passwords};
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
            ("postgres://u:p:q@h/d", &["p:q", "q"]),
            ("host=h user=u password=p dbname=d", &["p"]),
            ("u:p@h/d", &["p"]),
            ("postgres:/u:p@h/d", &["/u:p", "p"]),
            ("jdbc:sqlserver://h;user=u;password={p;q};x=y", &["p;q"]),
            ("postgres://u:p@h/d?sslpassword=q", &["p", "q"]),
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
            assert!(is_in_value(text, ["dev"]), "{text}");
        }
        for text in ["development", "/dev/null", "https://dev.example/", "a-dev"] {
            assert!(!is_in_value(text, ["dev"]), "{text}");
        }
    }

    #[test]
    fn a_word_in_prose_is_a_password_only_where_one_stands() {
        for (text, password, expected) in [
            ("postgres-db", "postgres", false),
            ("rake postgres:dump", "postgres", false),
            ("dba", "dba", false),
            ("psql postgres://u:postgres@h/d", "postgres", true),
            ("PGPASSWORD=postgres psql", "postgres", true),
            ("psql -p hunter22secret", "hunter22secret", true),
            ("x-hunter22secret", "hunter22secret", true),
        ] {
            assert_eq!(is_in_prose(text, [password]), expected, "{text}");
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
            prop_assert!(is_in_value(&url, [password.as_str()]), "{url}");
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
