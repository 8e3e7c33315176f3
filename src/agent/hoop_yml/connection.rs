//! One connection of the file: every rule of its keys is checked while it is read.

use crate::agent::hoop_yml::list::{self, Item, is_nothing};
use crate::procfile::command_line;
use crate::text;
use serde::Deserialize;
use serde::de::Deserializer;

/// A connection: a database, a command, or a shell where neither is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(!try_from, with = "Written"))]
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

/// A connection: a database, a command, or a shell where neither is given.
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
