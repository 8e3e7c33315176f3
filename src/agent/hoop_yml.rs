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

mod list;
mod mistake;

pub use crate::agent::hoop_yml::mistake::{Mistake, PATH};

use crate::agent::connections::NAME_LIMIT;
use crate::os::regular_file;
use crate::procfile::command_line;
use crate::text;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
#[cfg(test)]
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read as _};
use std::path::Path;

/// What an app publishes with the key of a hoop organization.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(title = "hoop.yml"))]
#[serde(deny_unknown_fields, expecting = "a line `connections:`")]
pub struct HoopYml {
    /// The connections to publish, by name. `${NAME}` in a name stands for the value of a config var.
    #[cfg_attr(test, schemars(with = "BTreeMap<String, Written>", extend("minProperties" = 1)))]
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

impl Connection {
    /// What only agents from 1.21.23 on can do of it.
    pub fn needs(&self) -> Vec<&'static str> {
        let is_database = matches!(self.target, Some(Target::Database(_)));
        let all = [
            (is_database, "database:"),
            (!self.review.is_empty(), "review:"),
            (!self.mask.is_empty(), "mask:"),
            (self.export.is_some(), "export:"),
        ];
        all.into_iter()
            .filter_map(|(is_needed, what)| is_needed.then_some(what))
            .collect()
    }
}

/// What is behind a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A shell command line.
    Command(String),
    /// The database whose URL is in this config var.
    Database(String),
}

/// A database, a command, or a shell where neither is given.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "Connection", extend("not" = { "required": ["command", "database"] })))]
#[serde(deny_unknown_fields)]
struct Written {
    /// The shell command line that a session runs, such as `bundle exec rails console`.
    #[cfg_attr(test, schemars(with = "Command"))]
    #[serde(default, deserialize_with = "given")]
    command: Option<Command>,
    /// The config var that holds the URL of a database, such as `DATABASE_URL`.
    #[cfg_attr(test, schemars(with = "Variable"))]
    #[serde(default, deserialize_with = "given")]
    database: Option<Variable>,
    /// The groups of hoop that approve a session.
    #[serde(default, deserialize_with = "list::groups")]
    review: Vec<Item>,
    /// The types of data that a session does not show, such as `EMAIL_ADDRESS`.
    #[serde(default, deserialize_with = "list::types_of_data")]
    mask: Vec<Item>,
    /// The variables that a session sees. `*` stands for any characters.
    #[cfg_attr(test, schemars(with = "Vec<Item>"))]
    #[serde(default, deserialize_with = "list::variables")]
    export: Option<Vec<Item>>,
    /// The process types and dynos that publish it, such as `web` or `web.1`.
    #[cfg_attr(test, schemars(with = "Vec<Item>", length(min = 1)))]
    #[serde(default, deserialize_with = "list::process_types")]
    process_types: Option<Vec<Item>>,
}

/// Whether a text is one of those that YAML has for nothing.
fn is_nothing(text: &str) -> bool {
    ["", "~", "null", "Null", "NULL"].contains(&text)
}

/// Reads what stands behind a key. Nothing is not taken for a key that is not there: it was meant to say something.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
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
        if written.process_types.as_ref().is_some_and(Vec::is_empty) {
            return Err("process_types names at least one, such as [web]");
        }
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

    /// A pattern of what it may stand for, in which `*` is any text.
    pub fn pattern(&self) -> String {
        let mut parts = self.0.split("${");
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |pattern, part| {
            let behind = part.split_once('}').map_or("", |(_, behind)| behind);
            format!("{pattern}*{behind}")
        })
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
                Some((variable, behind)) if text::is_variable_name(variable) => behind,
                _ => return Err("a variable in a name is written with braces, such as ${HEROKU_APP_NAME}"),
            };
        }
        Ok(Self(name.to_owned()))
    }
}

/// A shell command line.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(inline, extend("pattern" = r"\S")))]
#[serde(try_from = "String")]
struct Command(String);

impl TryFrom<String> for Command {
    type Error = &'static str;

    fn try_from(line: String) -> Result<Self, Self::Error> {
        match line.trim() {
            line if is_nothing(line) => Err("a command is a shell command line, such as bundle exec rails console"),
            line if command_line::has_open_quote(line) => Err("a quote in this command is not closed"),
            _ if line.contains('\0') => Err("a command has no NUL characters"),
            line => Ok(Self(line.to_owned())),
        }
    }
}

/// The name of a config var.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(inline, extend("pattern" = "^[A-Za-z_][A-Za-z0-9_]*$")))]
#[serde(try_from = "String")]
struct Variable(String);

impl TryFrom<String> for Variable {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        if text::is_variable_name(&name) && !is_nothing(&name) {
            return Ok(Self(name));
        }
        Err("a database is the name of the config var that holds its URL, such as DATABASE_URL")
    }
}

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
            connections.push((name, map.next_value_seed(Something)?));
        }
        Ok(connections)
    }
}

/// Reads a connection. Nothing behind a name, as where all that belongs to it are comments, is none: a shell without
/// rules must be meant.
struct Something;

impl<'de> DeserializeSeed<'de> for Something {
    type Value = Connection;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Connection, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Something {
    type Value = Connection;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(WHAT_IT_PUBLISHES)
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Connection, M::Error> {
        Connection::deserialize(MapAccessDeserializer::new(map))
    }
}

/// What is expected behind a name.
const WHAT_IT_PUBLISHES: &str = "what it publishes, such as command: bash or database: DATABASE_URL, or {} for a shell";

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
            return Err(E::custom("the file has this connection twice"));
        }
        Ok(name)
    }
}

/// The most bytes of the file that are read: 128 connections with rules have fewer.
const LIMIT: u64 = 16 * 1024;

/// The most connections. Each is a process of a dyno, which has 256 of them, threads included
/// (<https://devcenter.heroku.com/articles/dyno-scaling-and-process-limits>).
const MOST: usize = 128;

/// The most lists and maps in one another: the parser takes seconds for some thousands. The file needs three, and a few
/// more where a command has brackets.
const DEEPEST: usize = 500;

impl HoopYml {
    /// Reads the file in the folder of an app. `None` if there is none, not even under a name that was meant to be it.
    pub fn of_app(folder: &Path) -> Option<Result<Self, Mistake>> {
        let path = folder.join(PATH);
        let mut text = String::new();
        let read = regular_file::open(&path).and_then(|file| file.take(LIMIT + 1).read_to_string(&mut text));
        Some(match read {
            Err(error) if error.kind() == io::ErrorKind::NotFound && path.is_symlink() => {
                Err(Mistake::of_file("it is a link to a file that is not there"))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let name = misnamed(folder)?;
                Err(Mistake::of_file(format!(
                    "the app has no file of this name, but one named {name}, which is not read"
                )))
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(Mistake::of_file("it is not UTF-8 text")),
            Err(error) => Err(Mistake::of_file(format!("it cannot be read: {error}"))),
            Ok(bytes) if bytes as u64 > LIMIT => Err(Mistake::of_file(format!("it has more than {LIMIT} bytes"))),
            Ok(_) => Self::parse(&text),
        })
    }

    /// Reads the file where it is now, in the first of `folders` that has one. `was_there` says that the build saw one:
    /// its rules are not known if it is gone.
    pub fn of_folders<'a>(
        folders: impl IntoIterator<Item = &'a Path>,
        was_there: bool,
    ) -> Option<Result<Self, Mistake>> {
        let gone = || Err(Mistake::of_file("it was in the app when this was built, and is gone"));
        let found = folders.into_iter().find_map(Self::of_app);
        found.or_else(|| was_there.then(gone))
    }

    /// The config vars that have the URL of a database.
    pub fn database_variables(&self) -> impl Iterator<Item = &str> {
        self.connections
            .iter()
            .filter_map(|(_, connection)| match &connection.target {
                Some(Target::Database(variable)) => Some(variable.as_str()),
                _ => None,
            })
    }

    /// Reads the file's text.
    pub fn parse(text: &str) -> Result<Self, Mistake> {
        if depth(text) > DEEPEST {
            return Err(Mistake::of_file(format!(
                "it has lists nested more than {DEEPEST} deep"
            )));
        }
        let file: Self = serde_yaml::from_str(text)?;
        match file.connections.len() {
            0 => Err(Mistake::of_file(
                "it names no connection; write one below connections:, such as orders-console: {}",
            )),
            1..=MOST => Ok(file),
            number => Err(Mistake::of_file(format!(
                "it names {number} connections, and the limit is {MOST}"
            ))),
        }
    }
}

/// Whether there is anything in the place of the file.
pub fn is_in(folder: &Path) -> bool {
    folder.join(PATH).symlink_metadata().is_ok()
}

/// A file in the folder of an app that was meant to be the `hoop.yml` it does not have.
pub fn misnamed(folder: &Path) -> Option<String> {
    if is_in(folder) {
        return None;
    }
    let names = std::fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let meant = ["hoop.yml", "hoop.yaml", ".hoop.yml", ".hoop.yaml"];
    let mut found: Vec<String> = names
        .filter(|name| meant.contains(&name.to_lowercase().as_str()))
        .collect();
    found.sort_unstable();
    found.into_iter().next()
}

/// How many lists and maps of `text` are begun and not yet ended: brackets, and the marks that a line begins with.
fn depth(text: &str) -> usize {
    let (mut open, mut deepest) = (0_usize, 0);
    for line in text.lines().map(str::trim_start).filter(|line| !line.starts_with('#')) {
        let marks = line
            .split(' ')
            .take_while(|word| ["-", "?", ":"].contains(word))
            .count();
        deepest = deepest.max(marks);
        for character in line.chars() {
            match character {
                '[' | '{' => open += 1,
                ']' | '}' => open = open.saturating_sub(1),
                _ => {}
            }
            deepest = deepest.max(open);
        }
    }
    deepest
}

#[cfg(test)]
mod tests;
