//! The lists of the file.
//!
//! Nothing behind the key of one, as where all of its items are comments, is no empty list: a rule that was meant must
//! not be left out.

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use std::fmt;

/// An item of a list: one that an agent, which splits its lists at commas and reads quotes in them, takes as it is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(
    test,
    schemars(inline, description = "A text without commas and quotes.", extend("pattern" = r#"^[^,"]*[^,"\s][^,"]*$"#))
)]
#[serde(try_from = "String")]
pub struct Item(String);

impl Item {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Item {
    type Error = &'static str;

    fn try_from(item: String) -> Result<Self, Self::Error> {
        let item = item.trim();
        if is_nothing(item) || item.contains([',', '"']) || item.contains(char::is_control) {
            return Err(
                "an item of a list is a text without comma, quotes, or control characters; write [a, b] for two",
            );
        }
        Ok(Self(item.to_owned()))
    }
}

/// Whether a text is one of those that YAML has for nothing.
pub(super) fn is_nothing(text: &str) -> bool {
    ["", "~", "null", "Null", "NULL"].contains(&text)
}

/// Reads those who approve a session.
pub(super) fn groups<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Item>, D::Error> {
    deserializer.deserialize_any(List("[dba]"))
}

/// Reads what a session does not show.
pub(super) fn types_of_data<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Item>, D::Error> {
    deserializer.deserialize_any(List("[EMAIL_ADDRESS]"))
}

/// Reads what a session sees.
pub(super) fn variables<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Item>>, D::Error> {
    deserializer.deserialize_any(List("[RAILS_ENV]")).map(Some)
}

/// Reads where a connection is published.
pub(super) fn process_types<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Item>>, D::Error> {
    deserializer.deserialize_any(List("[web]")).map(Some)
}

/// A list, with an example of one.
struct List(&'static str);

impl<'de> Visitor<'de> for List {
    type Value = Vec<Item>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list, such as {}", self.0)
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut sequence: S) -> Result<Self::Value, S::Error> {
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element()? {
            items.push(item);
        }
        Ok(items)
    }
}
