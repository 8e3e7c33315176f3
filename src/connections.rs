//! `HOOP_CONNECTION`: the names to publish.

use crate::text;

/// The most bytes the whole value may have, as in the first generation of agents.
const LENGTH_LIMIT: usize = 255;

/// The most bytes a name may have: `hoop run` refuses one of 253
/// (<https://github.com/hoophq/hoop/blob/main/client/cmd/run.go>).
const NAME_LIMIT: usize = 252;

/// What stands before the name of a variable that holds a connection's name.
const REFERENCE: &str = "env.";

/// The names of the connections to publish: trimmed, lower-cased, in the order given, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connections(Vec<String>);

/// Why `HOOP_CONNECTION` cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionsFault {
    /// The value is too long, as it stands or with what its items refer to.
    #[error("it has {0} bytes, and 255 is the most")]
    TooLong(usize),
    /// A name is too long.
    #[error("a name in it has {0} bytes, and 252 is the most")]
    NameTooLong(usize),
    /// An item stands for no name: it refers to a list or another reference, or has `env.` in capitals.
    #[error("its item \"{0}\" must stand for one name, not for a list or another env.NAME, with env. in small letters")]
    NotName(String),
    /// An item `env.NAME` refers to a variable that is not set, or empty.
    #[error("its item \"env.{0}\" refers to the variable {0}, which is not set")]
    Unset(String),
    /// A name is an agent key, or holds one.
    #[error("a name in it is an agent key")]
    HoldsKey,
}

impl Connections {
    /// Reads `value`. `variable` returns what an item `env.NAME` stands for. Empty items are skipped.
    pub fn parse(value: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConnectionsFault> {
        if value.len() > LENGTH_LIMIT {
            return Err(ConnectionsFault::TooLong(value.len()));
        }
        let mut names: Vec<String> = Vec::new();
        for item in value.split(',').map(str::trim) {
            let name = match item.strip_prefix(REFERENCE) {
                Some(referred) => variable(referred)
                    .filter(|value| !value.trim().is_empty())
                    .ok_or_else(|| ConnectionsFault::Unset(text::visible(referred)))?,
                None => item.to_owned(),
            };
            let name = name.trim().to_lowercase();
            if name.contains(',') || name.starts_with(REFERENCE) {
                return Err(ConnectionsFault::NotName(text::visible(item)));
            }
            if name.len() > NAME_LIMIT {
                return Err(ConnectionsFault::NameTooLong(name.len()));
            }
            if !name.is_empty() && !names.contains(&name) {
                names.push(name);
            }
        }
        // Some agents get the names in the place of the value, and count again.
        match names.join(",").len() {
            length if length > LENGTH_LIMIT => Err(ConnectionsFault::TooLong(length)),
            _ => Ok(Self(names)),
        }
    }

    /// Returns the names.
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// Answers whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::{Connections, ConnectionsFault};
    use proptest::prelude::*;

    fn parse(value: &str) -> Result<Vec<String>, ConnectionsFault> {
        let variable = |name: &str| match name {
            "DB" => Some(" Orders-DB ".to_owned()),
            "EMPTY" => Some(" ".to_owned()),
            "LONG" => Some("l".repeat(200)),
            "LIST" => Some("one,two".to_owned()),
            "OTHER" => Some("Env.DB".to_owned()),
            _ => None,
        };
        Connections::parse(value, variable).map(|connections| connections.names().to_vec())
    }

    #[test]
    fn names_are_trimmed_lower_cased_and_kept_once() {
        for (value, names) in [
            ("prod-db", vec!["prod-db"]),
            (" Prod-DB , rails ,,prod-db, ", vec!["prod-db", "rails"]),
            ("env.DB,rails", vec!["orders-db", "rails"]),
            ("", vec![]),
            (" , ", vec![]),
        ] {
            assert_eq!(parse(value).unwrap(), names, "{value:?}");
        }
    }

    #[test]
    fn a_reference_to_nothing_is_a_fault() {
        for value in ["rails,env.NOPE", "env.EMPTY", "env."] {
            assert!(matches!(parse(value), Err(ConnectionsFault::Unset(_))), "{value:?}");
        }
    }

    #[test]
    fn the_length_counts_bytes_and_its_limit_is_255() {
        assert!(parse(&format!("{},b", "a".repeat(252))).is_ok());
        assert_eq!(parse(&"a".repeat(253)), Err(ConnectionsFault::NameTooLong(253)));
        assert_eq!(
            parse(&format!("env.LONG,{}", "a".repeat(60))),
            Err(ConnectionsFault::TooLong(261))
        );
        assert_eq!(parse(&"a".repeat(256)), Err(ConnectionsFault::TooLong(256)));
        assert_eq!(parse(&"é".repeat(128)), Err(ConnectionsFault::TooLong(256)));
    }

    #[test]
    fn an_item_stands_for_one_name() {
        for item in ["env.LIST", "env.OTHER", "Env.DB"] {
            assert_eq!(parse(item), Err(ConnectionsFault::NotName(item.to_owned())));
        }
    }

    /// An item of a list as someone may write it, with the name it stands for, if any.
    fn any_item() -> impl Strategy<Value = (String, Option<String>)> {
        let padded = |item: &str, before: usize, after: usize| format!("{:before$}{item}{:after$}", "", "");
        prop_oneof![
            ("[a-zA-Z0-9][a-zA-Z0-9 ._-]{0,6}[a-zA-Z0-9]", 0..3_usize, 0..3_usize)
                .prop_filter("no reference", |(name, ..)| !name.starts_with("env."))
                .prop_map(move |(name, before, after)| (padded(&name, before, after), Some(name.to_lowercase()))),
            (0..3_usize, 0..3_usize)
                .prop_map(move |(before, after)| (padded("env.DB", before, after), Some("orders-db".to_owned()))),
            (0..3_usize).prop_map(|spaces| (" ".repeat(spaces), None)),
        ]
    }

    proptest! {
        #[test]
        fn reading_the_names_again_gives_the_names(value in "[a-zA-Z0-9 ,_-]{0,60}") {
            let names = parse(&value).unwrap();
            prop_assert_eq!(parse(&names.join(",")).unwrap(), names);
        }

        #[test]
        fn every_item_is_its_name_in_the_order_given_and_once(items in proptest::collection::vec(any_item(), 0..12)) {
            let written: Vec<&str> = items.iter().map(|(item, _)| item.as_str()).collect();
            let mut expected: Vec<String> = Vec::new();
            for name in items.iter().filter_map(|(_, name)| name.clone()) {
                if !expected.contains(&name) {
                    expected.push(name);
                }
            }
            prop_assert_eq!(parse(&written.join(",")).unwrap(), expected);
        }

        #[test]
        fn any_text_is_a_list_of_clean_names_or_a_fault(
            value in "([a-zA-Z \u{a0}\u{130}\u{3a3},.]|env\\.[A-Z]|\\PC|,){0,50}|\\PC{50,90}",
        ) {
            match parse(&value) {
                Err(ConnectionsFault::TooLong(bytes)) => prop_assert!(bytes > 255),
                Err(ConnectionsFault::NameTooLong(bytes)) => prop_assert!(bytes > 252),
                Err(ConnectionsFault::Unset(_)) => prop_assert!(value.contains("env.")),
                Err(ConnectionsFault::NotName(_)) => prop_assert!(value.to_lowercase().contains("env.")),
                // It is not for the parser to know.
                Err(ConnectionsFault::HoldsKey) => prop_assert!(false),
                Ok(names) => {
                    prop_assert!(value.len() <= 255);
                    for (place, name) in names.iter().enumerate() {
                        prop_assert!(!name.is_empty() && name.trim() == name && !name.contains(','), "{name:?}");
                        prop_assert_eq!(&name.to_lowercase(), name);
                        prop_assert!(!names[..place].contains(name));
                    }
                }
            }
        }
    }
}
