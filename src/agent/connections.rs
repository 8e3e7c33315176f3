//! `HOOP_CONNECTION`: the names to publish.

use crate::agent::version::Version;
use crate::text;
use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use icu_properties::CodePointMapData;
use icu_properties::props::GeneralCategory;

/// The most bytes the whole value may have, as in the first generation of agents.
const LENGTH_LIMIT: usize = 255;

/// The most bytes a name may have: `hoop run` refuses one of 253
/// (<https://github.com/hoophq/hoop/blob/main/client/cmd/run.go>).
pub(crate) const NAME_LIMIT: usize = 252;

/// What stands before the name of a variable that holds a connection's name.
const REFERENCE: &str = "env.";

/// The names of the connections to publish: trimmed, lower-cased, in the order given, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connections {
    names: Vec<String>,
    /// For each item that stands for a name: how it is written there, and the name.
    written: Vec<(String, String)>,
}

/// Names that are written differently and become one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// The connection's name.
    pub name: String,
    /// How it is written in the list, each once.
    pub written: Vec<String>,
}

impl Merged {
    /// Whether they differ in more than capitals, which never made two names.
    pub fn is_surprising(&self) -> bool {
        let first = self.written.first().map(|written| lower_case(written));
        self.written.iter().any(|written| Some(lower_case(written)) != first)
    }
}

/// Why `HOOP_CONNECTION` cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionsFault {
    /// The value is too long, as it stands or with what its items refer to.
    #[error("it is {0} bytes long, and the limit is 255")]
    TooLong(usize),
    /// A name is too long.
    #[error("a name in it is {0} bytes long, and the limit is 252")]
    NameTooLong(usize),
    /// An item stands for no name: it refers to a list or another reference, or has `env.` in capitals.
    #[error("its item \"{0}\" must stand for one name, not for a list or another env.NAME, with env. in lowercase")]
    NotName(String),
    /// Nothing is left of a name when an agent is done with it: it is all accents.
    #[error("nothing is left of its item \"{0}\" once the agent has removed the accents")]
    Vanishes(String),
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
        let mut connections = Self::default();
        for item in value.split(',').map(str::trim) {
            let name = match item.strip_prefix(REFERENCE) {
                Some(referred) => variable(referred)
                    .filter(|value| !value.trim().is_empty())
                    .ok_or_else(|| ConnectionsFault::Unset(text::visible(referred)))?,
                None => item.to_owned(),
            };
            let written = name.trim();
            let name = lower_case(written);
            if name.contains(',') || name.starts_with(REFERENCE) {
                return Err(ConnectionsFault::NotName(text::visible(item)));
            }
            if name.len() > NAME_LIMIT {
                return Err(ConnectionsFault::NameTooLong(name.len()));
            }
            if !name.is_empty() {
                connections.add(written.to_owned(), name);
            }
        }
        // Some agents get the names in the place of the value, and count again.
        match connections.names.join(",").len() {
            length if length > LENGTH_LIMIT => Err(ConnectionsFault::TooLong(length)),
            _ => Ok(connections),
        }
    }

    /// The connections as `hoop run` of an agent of `version` publishes them, see [`published_name`].
    pub fn published(&self, version: &Version) -> Result<Self, ConnectionsFault> {
        let mut published = Self::default();
        for (written, name) in &self.written {
            let name = published_name(name, version);
            if name.is_empty() {
                return Err(ConnectionsFault::Vanishes(text::visible(written)));
            }
            if name.len() > NAME_LIMIT {
                return Err(ConnectionsFault::NameTooLong(name.len()));
            }
            published.add(written.clone(), name);
        }
        Ok(published)
    }

    fn add(&mut self, written: String, name: String) {
        if !self.names.contains(&name) {
            self.names.push(name.clone());
        }
        if !self.written.contains(&(written.clone(), name.clone())) {
            self.written.push((written, name));
        }
    }

    /// How `name` is written in the list: more than one way where some became one.
    pub fn written(&self, name: &str) -> Vec<String> {
        let of_name = self.written.iter().filter(|(_, of)| of == name);
        of_name.map(|(written, _)| written.clone()).collect()
    }

    /// The names that became one.
    pub fn merged(&self) -> Vec<Merged> {
        let merged = |name: &String| Merged {
            name: name.clone(),
            written: self.written(name),
        };
        let all = self.names.iter().map(merged);
        all.filter(|merged| merged.written.len() > 1).collect()
    }

    /// The names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

/// `name` as `hoop run` of an agent of `version` publishes it: decomposed, without accents, composed again, in
/// lower case, its spaces as underscores (<https://github.com/hoophq/hoop/blob/main/client/cmd/admin/apiutils.go>). The
/// first of these agents, below 1.20.6, leave the spaces out.
pub fn published_name(name: &str, version: &Version) -> String {
    let categories = CodePointMapData::<GeneralCategory>::new();
    let decomposed = DecomposingNormalizerBorrowed::new_nfd().normalize(name);
    let is_accent = |character: &char| categories.get(*character) == GeneralCategory::NonspacingMark;
    let plain: String = decomposed.chars().filter(|character| !is_accent(character)).collect();
    let composed = ComposingNormalizerBorrowed::new_nfc().normalize(&plain);
    let space = if version.at_least(1, 20, 6) { "_" } else { "" };
    lower_case(&composed).replace(' ', space)
}

/// `text` in lower case as Go's `strings.ToLower` does: each character becomes one, wherever it stands.
fn lower_case(text: &str) -> String {
    text.chars()
        .filter_map(|character| character.to_lowercase().next())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Connections, ConnectionsFault, Merged, published_name};
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
    fn a_name_is_published_as_the_agent_spells_it() {
        // What `hoop run --name` of the releases makes of them; the last three are what Go's tables say.
        for (given, since_1_20_6, before) in [
            ("orders-db", "orders-db", "orders-db"),
            ("Órders  Console", "orders__console", "ordersconsole"),
            ("Größe\u{a0}Ärger", "große\u{a0}arger", "große\u{a0}arger"),
            ("a\tb c", "a\tb_c", "a\tbc"),
            ("\u{1e69}e\u{301}\u{327}", "se", "se"),
            ("Ørsted Łódź", "ørsted_łodz", "ørstedłodz"),
            ("ΟΔΟΣ İI", "οδοσ_ii", "οδοσii"),
            ("각 \u{1100}\u{1161}", "각_가", "각가"),
            ("\u{212b}\u{2126}", "aω", "aω"),
        ] {
            let published = |version: &str| published_name(given, &version.parse().unwrap());
            assert_eq!(published("1.148.0"), since_1_20_6, "{given}");
            assert_eq!(published("1.20.6"), since_1_20_6, "{given}");
            assert_eq!(published("1.20.5"), before, "{given}");
        }
    }

    #[test]
    fn names_that_become_one_are_known() {
        let published = |value: &str| {
            let connections = Connections::parse(value, |_| Some("Orders".to_owned())).unwrap();
            connections.published(&"1.148.0".parse().unwrap())
        };
        let merged = |name: &str, written: &[&str]| Merged {
            name: name.to_owned(),
            written: written.iter().map(|text| (*text).to_owned()).collect(),
        };

        let one = published("Órders,b c,orders,env.X,B_C,b c,d,d").unwrap();
        assert_eq!(one.names(), ["orders", "b_c", "d"]);
        assert_eq!(
            one.merged(),
            [
                merged("orders", &["Órders", "orders", "Orders"]),
                merged("b_c", &["b c", "B_C"])
            ]
        );
        assert_eq!(one.written("d"), ["d"]);
        assert_eq!(published("a,b").unwrap().merged(), []);
        assert_eq!(
            published("a,\u{301}"),
            Err(ConnectionsFault::Vanishes("\u{301}".to_owned()))
        );
        // Composition can make a name longer: this letter has no composed form.
        assert_eq!(published(&"\u{958}".repeat(80)).unwrap().names()[0].len(), 240,);
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
        fn a_published_name_is_published_as_itself(value in "[^,]{1,20}", minor in 20..150_u64) {
            let version = format!("1.{minor}.0").parse().unwrap();
            let once = published_name(&value, &version);
            prop_assert_eq!(published_name(&once, &version), once);
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
                Err(ConnectionsFault::Vanishes(_)) => prop_assert!(false, "only when it is published"),
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
