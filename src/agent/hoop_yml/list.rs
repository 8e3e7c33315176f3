//! The lists of the file.
//!
//! Nothing behind the key of one, as where all of its items are comments, is no empty list: a rule that was meant must
//! not be left out.

use crate::agent::hoop_yml::Item;
use serde::de::{Deserializer, SeqAccess, Visitor};
use std::fmt;

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
