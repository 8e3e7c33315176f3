//! `hoop.yml`: what an app publishes with the key of an organization, and by which rules.
//!
//! ```yaml
//! connections:
//!   orders-console:
//!     command: bundle exec rails console
//!   orders-db:
//!     database: DATABASE_URL
//!     review: [dba]
//!     mask: [EMAIL_ADDRESS]
//!   ${HEROKU_APP_NAME}-shell: {}
//! ```
//!
//! Every rule of the file is part of reading it, so that each mistake has a line and a column. No mistake repeats a
//! value that may be a secret.

use crate::secret::redact::redacted;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};
use std::fmt;

/// Where the file is, below the app's root.
pub const PATH: &str = "hoop.yml";

/// The most bytes of a name, as an agent takes it.
const NAME_LIMIT: usize = 252;

/// The file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a line `connections:`")]
pub struct HoopYml {
    /// The connections to publish, by name, in the order of the file.
    #[serde(deserialize_with = "connections")]
    pub connections: Vec<(Name, Connection)>,
}

/// A connection: a database, a command, or a shell where neither is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Connection {
    /// What a session runs; `None` stands for a shell.
    pub target: Option<Target>,
    /// The groups that approve a session.
    pub review: Vec<Item>,
    /// The types of data that a session does not show.
    pub mask: Vec<Item>,
    /// The variables that a session sees: names, in which `*` stands for any characters.
    pub export: Option<Vec<Item>>,
    /// The process types and dynos that publish it.
    pub process_types: Option<Vec<Item>>,
}

/// What is behind a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A shell command line.
    Command(String),
    /// The database whose URL is in this config var.
    Database(String),
}

/// A connection as it is written.
#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "what it publishes, such as command: bash or database: DATABASE_URL"
)]
struct Written {
    command: Option<Command>,
    database: Option<Variable>,
    #[serde(default)]
    review: Vec<Item>,
    #[serde(default)]
    mask: Vec<Item>,
    export: Option<Vec<Item>>,
    process_types: Option<Vec<Item>>,
}

impl TryFrom<Written> for Connection {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        let target = match (written.command, written.database) {
            (Some(_), Some(_)) => return Err("a connection has a command or a database, not both"),
            (Some(Command(line)), None) => Some(Target::Command(line)),
            (None, Some(Variable(name))) => Some(Target::Database(name)),
            (None, None) => None,
        };
        Ok(Self {
            target,
            review: written.review,
            mask: written.mask,
            export: written.export,
            process_types: written.process_types,
        })
    }
}

/// The name of a connection. `${VARIABLE}` in it stands for the value of a config var.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Name(String);

impl Name {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// With the values of its variables, or the name of one that is not set or is empty.
    pub fn expanded(&self, variable: impl Fn(&str) -> Option<String>) -> Result<String, String> {
        let mut expanded = String::new();
        let mut rest = self.0.as_str();
        while let Some((before, behind)) = rest.split_once("${") {
            let (name, behind) = behind.split_once('}').unwrap_or((behind, ""));
            let value = variable(name).filter(|value| !value.trim().is_empty());
            expanded.push_str(before);
            expanded.push_str(value.ok_or_else(|| name.to_owned())?.trim());
            rest = behind;
        }
        expanded.push_str(rest);
        Ok(expanded)
    }
}

impl TryFrom<String> for Name {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        let name = name.trim();
        if name.is_empty() {
            return Err("a connection needs a name, such as orders-db");
        }
        if name.contains(',') || name.contains("://") || name.contains(char::is_control) {
            return Err("a connection's name has no comma, no URL, and no control characters, such as orders-db");
        }
        if name.len() > NAME_LIMIT {
            return Err("a connection's name has at most 252 bytes");
        }
        let mut rest = name;
        while let Some((_, behind)) = rest.split_once('$') {
            let variable = behind.strip_prefix('{').and_then(|text| text.split_once('}'));
            rest = match variable {
                Some((variable, behind)) if is_variable(variable) => behind,
                _ => return Err("a variable in a name is written with braces, such as ${HEROKU_APP_NAME}"),
            };
        }
        Ok(Self(name.to_owned()))
    }
}

/// A shell command line.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Command(String);

impl TryFrom<String> for Command {
    type Error = &'static str;

    fn try_from(line: String) -> Result<Self, Self::Error> {
        match line.trim() {
            "" => Err("a command is a shell command line, such as bundle exec rails console"),
            _ if line.contains('\0') => Err("a command has no NUL characters"),
            line => Ok(Self(line.to_owned())),
        }
    }
}

/// The name of a config var.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Variable(String);

impl TryFrom<String> for Variable {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        if is_variable(&name) {
            return Ok(Self(name));
        }
        Err("a database is the name of the config var that holds its URL, such as DATABASE_URL")
    }
}

/// Whether `text` is the name of a variable of a shell.
fn is_variable(text: &str) -> bool {
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.bytes().all(is_of_name) && text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
}

/// An item of a list: one that an agent, which splits its lists at commas and reads quotes in them, takes as it is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
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
        if item.is_empty() || item.contains([',', '"']) || item.contains(char::is_control) {
            return Err("an item of a list has no comma, quotes, or control characters, such as [dba, leads]");
        }
        Ok(Self(item.to_owned()))
    }
}

/// Reads the connections, in which no name stands twice.
fn connections<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(Name, Connection)>, D::Error> {
    deserializer.deserialize_map(Connections)
}

struct Connections;

impl<'de> Visitor<'de> for Connections {
    type Value = Vec<(Name, Connection)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a connection's name and a colon in each line")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut connections = Vec::new();
        while let Some(name) = map.next_key_seed(NewName(&connections))? {
            // Nothing behind a name is a shell, as `{}` is.
            let connection: Option<Connection> = map.next_value()?;
            connections.push((name, connection.unwrap_or_default()));
        }
        Ok(connections)
    }
}

/// Reads a name that is not one of these. By a seed, so that the error has the place of the name.
struct NewName<'a>(&'a [(Name, Connection)]);

impl<'de> DeserializeSeed<'de> for NewName<'_> {
    type Value = Name;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Name, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NewName<'_> {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a connection's name, such as orders-db")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Name, E> {
        let name = Name::try_from(text.to_owned()).map_err(E::custom)?;
        if self.0.iter().any(|(known, _)| *known == name) {
            return Err(E::custom("this connection stands in the file twice"));
        }
        Ok(name)
    }
}

/// What is wrong with the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// From 1 on; 0 where the file as a whole is meant.
    pub line: usize,
    /// From 1 on; 0 where the file as a whole is meant.
    pub column: usize,
    /// What is wrong, and what would be right.
    pub text: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, text } = self;
        match line {
            0 => write!(f, "{PATH}: {text}"),
            _ => write!(f, "{PATH}, line {line}, column {column}: {text}"),
        }
    }
}

impl HoopYml {
    /// Reads the file's text.
    pub fn parse(text: &str) -> Result<Self, Mistake> {
        let file: Self = serde_yaml::from_str(text).map_err(|error| Mistake::of(&error))?;
        if file.connections.is_empty() {
            return Err(Mistake::of(&serde_yaml::Error::custom(
                "it names no connection; write one below connections:, such as orders-console: {}",
            )));
        }
        Ok(file)
    }
}

impl Mistake {
    fn of(error: &serde_yaml::Error) -> Self {
        let whole = error.to_string();
        let Some(location) = error.location() else {
            return Self {
                line: 0,
                column: 0,
                text: without_values(&whole),
            };
        };
        let (line, column) = (location.line(), location.column());
        let place = format!(" at line {line} column {column}");
        Self {
            line,
            column,
            text: without_values(&whole.replace(&place, "")),
        }
    }
}

/// `text` without the values that were read, one of which may be a password: serde repeats what has a wrong type, and
/// keys that it does not know.
fn without_values(text: &str) -> String {
    let text = redacted(text);
    let Some((before, behind)) = text.split_once("invalid type: ") else {
        return text;
    };
    let (found, expected) = behind.rsplit_once(", expected ").unwrap_or((behind, "something else"));
    let found = match found.split(['"', '`']).next().unwrap_or_default().trim() {
        "sequence" => "a list",
        "map" => "names with values",
        "unit value" => "nothing",
        "string" => "text",
        _ => "another value",
    };
    let expected = if expected == "a sequence" {
        "a list, such as [dba]"
    } else {
        expected
    };
    format!("{before}this is {found}, expected {expected}")
}

#[cfg(test)]
mod tests {
    use super::{HoopYml, Target};
    use proptest::prelude::*;

    fn mistake(text: &str) -> String {
        HoopYml::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn connections_are_read_in_their_order() {
        let text = "connections:\n  orders-console:\n    command: bundle exec rails console\n  orders-db:\n    \
                    database: DATABASE_URL\n    review: [dba]\n    mask: [EMAIL_ADDRESS, PHONE_NUMBER]\n    \
                    process_types: [web.1]\n  ${HEROKU_APP_NAME}-shell: {}\n  plain:\n";
        let file = HoopYml::parse(text).unwrap();
        let names: Vec<&str> = file.connections.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            ["orders-console", "orders-db", "${HEROKU_APP_NAME}-shell", "plain"]
        );
        let connection = |number: usize| &file.connections[number].1;
        assert_eq!(
            connection(0).target,
            Some(Target::Command("bundle exec rails console".to_owned()))
        );
        assert_eq!(connection(1).target, Some(Target::Database("DATABASE_URL".to_owned())));
        assert_eq!(connection(1).review[0].as_str(), "dba");
        assert_eq!(connection(1).mask.len(), 2);
        assert_eq!(connection(2).target, None);
        assert_eq!(connection(2), connection(3));

        let expanded = |value: Option<&str>| file.connections[2].0.expanded(|_| value.map(str::to_owned));
        assert_eq!(expanded(Some("orders")), Ok("orders-shell".to_owned()));
        assert_eq!(expanded(Some(" ")), Err("HEROKU_APP_NAME".to_owned()));
        assert_eq!(expanded(None), Err("HEROKU_APP_NAME".to_owned()));
    }

    #[test]
    fn every_mistake_has_its_place_and_the_right_form() {
        for (text, expected) in [
            ("", "hoop.yml, line 1, column 1: missing field `connections`"),
            (
                "connections: {}",
                "hoop.yml: it names no connection; write one below connections:, such as orders-console: {}",
            ),
            (
                "connection:\n  a: {}",
                "hoop.yml, line 1, column 1: unknown field `connection`, expected `connections`",
            ),
            (
                "connections:\n  a:\n    databse: X",
                "hoop.yml, line 3, column 5: connections.a: unknown field `databse`, expected one of `command`, \
                 `database`, `review`, `mask`, `export`, `process_types`",
            ),
            (
                "connections:\n  a:\n    review: dba",
                "hoop.yml, line 3, column 13: connections.a.review: this is text, expected a list, such as [dba]",
            ),
            (
                "connections:\n  a:\n    review: ['a,b']",
                "hoop.yml, line 3, column 13: connections.a.review: an item of a list has no comma, quotes, or \
                 control characters, such as [dba, leads]",
            ),
            (
                "connections:\n  a:\n    command: x\n    database: Y",
                "hoop.yml, line 2, column 3: connections: a connection has a command or a database, not both",
            ),
            (
                "connections:\n  a:\n    database: postgres://u:hunter22@h/d",
                "hoop.yml, line 3, column 5: connections.a: a database is the name of the config var that holds its \
                 URL, such as DATABASE_URL",
            ),
            (
                "connections:\n  a:\n    review: postgres://u:hunter22@h/d",
                "hoop.yml, line 3, column 13: connections.a.review: this is text, expected a list, such as [dba]",
            ),
            (
                "connections: postgres://u:hunter22@h/d",
                "hoop.yml, line 1, column 14: connections: this is text, expected a connection's name and a colon in \
                 each line",
            ),
            (
                "connections:\n  a: {}\n  a: {}",
                "hoop.yml, line 3, column 3: connections: this connection stands in the file twice",
            ),
            (
                "connections:\n  $APP-shell: {}",
                "hoop.yml, line 2, column 3: connections: a variable in a name is written with braces, such as \
                 ${HEROKU_APP_NAME}",
            ),
            (
                "connections:\n  a,b: {}",
                "hoop.yml, line 2, column 3: connections: a connection's name has no comma, no URL, and no control \
                 characters, such as orders-db",
            ),
            (
                "connections:\n  a: [x]",
                "hoop.yml, line 2, column 6: connections.a: this is a list, expected what it publishes, such as \
                 command: bash or database: DATABASE_URL",
            ),
            (
                "connections:\n  a:\n    command: ''",
                "hoop.yml, line 3, column 5: connections.a: a command is a shell command line, such as bundle exec \
                 rails console",
            ),
            (
                "connections:\n  a: {}\n  command: y",
                "hoop.yml, line 3, column 12: connections.command: this is text, expected what it publishes, such as \
                 command: bash or database: DATABASE_URL",
            ),
            (
                "connections:\n  a:\n    export: [{a: b}]",
                "hoop.yml, line 3, column 14: connections.a.export[0]: this is names with values, expected a string",
            ),
            (
                "connections:\n\ta: {}",
                "hoop.yml, line 2, column 1: found character that cannot start any token, while scanning for the next \
                 token",
            ),
            (
                "connections:\n  a: {}\n---\n",
                "hoop.yml: deserializing from YAML containing more than one document is not supported",
            ),
            (
                "- a",
                "hoop.yml, line 1, column 1: this is a list, expected a line `connections:`",
            ),
        ] {
            assert_eq!(mistake(text), expected, "{text}");
        }
    }

    #[test]
    fn a_password_in_the_wrong_place_is_not_repeated() {
        for text in [
            "postgres://u:hunter22@h/d: {}",
            "connections:\n  a:\n    postgres://u:hunter22@h/d: x",
            "connections:\n  postgres://u:hunter22@h/d: {}",
            "connections:\n  a: postgres://u:hunter22@h/d",
            "connections:\n  a:\n    command: [postgres://u:hunter22@h/d]",
            "connections:\n  a:\n    review: ['postgres://u:hunter22@h/d,x']",
            "postgres://u:hunter22@h/d",
        ] {
            let mistake = mistake(text);
            assert!(!mistake.contains("hunter22"), "{mistake}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_file_or_a_mistake_without_a_password(
            text in "(connections:\n|  a:\n|    review: |    database: |postgres://u:hunter22@h\n|\\[|\\{\\}|\\PC|\n)\
                     {0,12}"
        ) {
            if let Err(mistake) = HoopYml::parse(&text) {
                prop_assert!(!mistake.to_string().contains("hunter22"), "{mistake}");
            }
        }
    }
}
