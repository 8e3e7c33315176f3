//! What is wrong with the file, and where.

use crate::secret::redact::redacted;
use std::fmt;

/// Where the file is, below the app's root.
pub const PATH: &str = "hoop.yml";

/// What is wrong with the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Line and column, both from 1 on; `None` where the file as a whole is meant.
    pub place: Option<(usize, usize)>,
    /// What is wrong, and what would be right.
    pub text: String,
}

impl Mistake {
    /// A mistake of the file as a whole.
    pub(super) fn of_file(text: impl Into<String>) -> Self {
        Self {
            place: None,
            text: text.into(),
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &self.text;
        match self.place {
            None => write!(f, "{PATH}: {text}"),
            Some((line, column)) => write!(f, "{PATH}, line {line}, column {column}: {text}"),
        }
    }
}

impl From<serde_yaml::Error> for Mistake {
    fn from(error: serde_yaml::Error) -> Self {
        let place = error.location().map(|location| (location.line(), location.column()));
        let told = place.map(|(line, column)| format!(" at line {line} column {column}"));
        let whole = error.to_string();
        let text = without_values(&told.map_or(whole.clone(), |told| whole.replace(&told, "")));
        // What is missing has no place.
        let place = place.filter(|_| !whole.starts_with("missing field"));
        Self { place, text }
    }
}

/// `text` without the values that were read, one of which may be a password: serde repeats what has a wrong type, and
/// keys that it does not know.
fn without_values(text: &str) -> String {
    let text = in_words_of_the_file(&without_unknown_key(&redacted(text)));
    let Some((before, behind)) = text.split_once("invalid type: ") else {
        return text;
    };
    let (found, expected) = behind.rsplit_once(", expected ").unwrap_or((behind, "something else"));
    let found = match found.split(['"', '`']).next().unwrap_or_default().trim() {
        "sequence" => "a list",
        "map" => "a map",
        "unit value" => "nothing",
        "string" => "text",
        _ => "another value",
    };
    let expected = match expected {
        "a string" => "text",
        expected => expected,
    };
    format!("{before}this is {found}, expected {expected}")
}

/// `text` in words of the file where a key is not known, without a key that may be a password: no key that was meant to
/// be one of the file has a digit.
fn without_unknown_key(text: &str) -> String {
    let Some((before, behind)) = text.split_once("unknown field `") else {
        return text.to_owned();
    };
    let (key, behind) = behind.split_once('`').unwrap_or((behind, ""));
    let is_word = key.len() <= 20
        && key
            .chars()
            .all(|character| character.is_alphabetic() || "_- ".contains(character));
    if is_word {
        format!("{before}unknown key `{key}`{behind}")
    } else {
        format!("{before}unknown key{behind}")
    }
}

/// `text` of the libraries as someone who has never seen their code would say it.
fn in_words_of_the_file(text: &str) -> String {
    for (of_library, of_file) in [
        ("duplicate field ", "duplicate key "),
        ("missing field `connections`", "the line `connections:` is missing"),
        (
            "found character that cannot start any token, while scanning for the next token",
            "a line is indented with spaces, without tabs, and a text that begins with @, `, or % is in quotes",
        ),
        (
            "deserializing from YAML containing more than one document is not supported",
            "the file has a second document; take out the line --- before it",
        ),
    ] {
        if text.contains(of_library) {
            return text.replace(of_library, of_file);
        }
    }
    text.to_owned()
}
