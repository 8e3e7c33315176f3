//! The file as a whole: where it is, what is in it, and what keeps it from being read.

use crate::agent::hoop_yml::connection::{Connection, Target};
use crate::agent::hoop_yml::connections;
use crate::agent::hoop_yml::mistake::{Mistake, PATH};
use crate::agent::hoop_yml::name::Name;
use crate::os::regular_file;
use serde::Deserialize;
#[cfg(test)]
use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::Path;

/// What an app publishes with the key of a hoop organization.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(title = "hoop.yml"))]
#[serde(deny_unknown_fields, expecting = "a line `connections:`")]
pub struct HoopYml {
    /// The connections to publish, by name. `${NAME}` in a name stands for the value of a config var.
    #[cfg_attr(test, schemars(with = "BTreeMap<String, Connection>", extend("minProperties" = 1)))]
    #[serde(deserialize_with = "connections::of_map")]
    pub connections: Vec<(Name, Connection)>,
}

impl HoopYml {
    /// The config vars that have the URL of a database.
    pub fn database_variables(&self) -> impl Iterator<Item = &str> {
        self.connections
            .iter()
            .filter_map(|(_, connection)| match &connection.target {
                Some(Target::Database(variable)) => Some(variable.as_str()),
                _ => None,
            })
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
