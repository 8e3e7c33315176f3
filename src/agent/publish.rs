//! Which connections an app publishes: those of `hoop.yml`, and those that only `HOOP_CONNECTION` names.
//!
//! One connection that cannot be published is a [`PublishFault`] and keeps no other from being published. Nothing is
//! ever published without the rule that the file has for it.

mod databases;
mod fault;

pub use crate::agent::publish::databases::Databases;
pub use crate::agent::publish::fault::{NameFault, PublishFault};

use crate::agent::connections::{Connections, NAME_LIMIT, published_name};
use crate::agent::database::{self, Database};
use crate::agent::hoop_yml::{Connection, HoopYml, Item, Name, Target};
use crate::agent::key::AgentKey;
use crate::agent::session;
use crate::agent::version::Version;
use crate::secret::redact::redacted;
use crate::secret::{Secret, conceal};
use crate::text;
use std::cell::Cell;
use std::ffi::OsStr;
use wildmatch::WildMatch;

/// A connection to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its name, as the agent publishes it.
    pub name: String,
    /// What the file says of it.
    pub connection: Connection,
    /// Whether it is in the file, and not only in `HOOP_CONNECTION`.
    pub is_of_file: bool,
}

/// A connection of `hoop.yml` that a dyno does not publish, and nothing is wrong with that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotHere {
    /// Other dynos do.
    Elsewhere { name: String, description: String },
    /// `HOOP_CONNECTION` leaves it out.
    LeftOut { name: String },
}

/// The connections to publish, in the order of the file, and what keeps others from it.
#[derive(Clone, Debug, Default)]
pub struct Publication {
    pub connections: Vec<Published>,
    /// All databases of the file, whether they are published or not.
    pub databases: Databases,
    /// Those of the file that are not chosen.
    pub left_out: Vec<String>,
    pub faults: Vec<PublishFault>,
}

impl Publication {
    /// Decides what an agent of `version` publishes. `chosen` are the names of `HOOP_CONNECTION`, as they are
    /// published: they choose among those of `file`, and any other of them is a shell; without any, all of the file are
    /// published.
    /// `entrypoint` is what runs where a connection has no command of its own, `variable` has the config vars, and
    /// `keys` the agent key in all its forms.
    pub fn of(
        file: Option<&HoopYml>,
        chosen: &Connections,
        version: &Version,
        entrypoint: Option<&str>,
        variable: impl Fn(&str) -> Option<String>,
        keys: &[Secret],
    ) -> Self {
        let mut publication = Self {
            databases: Databases::of(file, &variable),
            ..Self::default()
        };
        let mut written_names: Vec<(String, &Name)> = Vec::new();
        let mut nameless: Vec<WildMatch> = Vec::new();
        for (written, connection) in file.iter().flat_map(|file| &file.connections) {
            let name = match name(written, version, &variable, &publication.databases, keys) {
                Ok(name) if chosen.is_empty() || chosen.names().contains(&name) => name,
                Ok(name) => {
                    publication.left_out.push(name);
                    continue;
                }
                Err(fault) => {
                    let pattern = WildMatch::new(&published_name(&written.pattern(), version));
                    let may_be = |name: &String| pattern.matches(name);
                    if chosen.is_empty() || chosen.names().iter().any(may_be) {
                        publication.faults.push(fault);
                    } else if !is_secret(written.as_str(), &publication.databases, keys) {
                        publication.left_out.push(written.as_str().to_owned());
                    }
                    nameless.push(pattern);
                    continue;
                }
            };
            if let Some((_, first)) = written_names.iter().find(|(known, _)| *known == name) {
                let first_rules = publication
                    .connections
                    .iter()
                    .position(|published| published.name == name);
                let differ = first_rules.is_none_or(|place| publication.connections[place].connection != *connection);
                // It is not known which of them was meant.
                if let Some(place) = first_rules.filter(|_| differ) {
                    publication.connections.remove(place);
                }
                publication.faults.push(PublishFault::Merged {
                    first: first.as_str().to_owned(),
                    other: written.as_str().to_owned(),
                    name,
                    differ,
                });
                continue;
            }
            written_names.push((name.clone(), written));
            if connection.holds_secret(&publication.databases, keys) {
                publication.faults.push(PublishFault::HoldsSecret { connection: name });
                continue;
            }
            let runs_entrypoint = connection.target.is_none();
            if runs_entrypoint && entrypoint.is_some_and(|line| publication.databases.stand_in(line)) {
                publication
                    .faults
                    .push(PublishFault::EntrypointHoldsSecret { connection: name });
                continue;
            }
            publication.connections.push(Published {
                name,
                connection: connection.clone(),
                is_of_file: true,
            });
        }
        let of_file = |name: &String| written_names.iter().any(|(known, _)| known == name);
        // It may be one of the file, with rules that a plain one does not have.
        let may_be_of_file = |name: &String| nameless.iter().any(|pattern| pattern.matches(name));
        for name in chosen.names() {
            if of_file(name) || may_be_of_file(name) {
                continue;
            }
            if publication.databases.stand_in(name) {
                publication.faults.push(PublishFault::ListHoldsSecret);
            } else if entrypoint.is_some_and(|line| publication.databases.stand_in(line)) {
                publication.faults.push(PublishFault::EntrypointHoldsSecret {
                    connection: name.clone(),
                });
            } else {
                publication.connections.push(Published {
                    name: name.clone(),
                    connection: Connection::default(),
                    is_of_file: false,
                });
            }
        }
        publication
    }
}

impl Connection {
    /// Whether the key of an agent, or the password of a database, stands in what will be part of a command line, which
    /// every process of the dyno can read.
    fn holds_secret(&self, databases: &Databases, keys: &[Secret]) -> bool {
        let target = match &self.target {
            Some(Target::Command(text) | Target::Database(text)) => Some(text.as_str()),
            None => None,
        };
        let items = self.review.iter().chain(&self.mask);
        let items = items
            .chain(self.export.iter().flatten())
            .chain(self.process_types.iter().flatten());
        target
            .into_iter()
            .chain(items.map(Item::as_str))
            .any(|text| conceal::holds(keys, text) || has_key(text) || databases.stand_in(text))
    }
}

/// Whether a word of a command line is an agent key.
fn has_key(text: &str) -> bool {
    let is_around = |character: char| character.is_whitespace() || "\"'`=".contains(character);
    text.split(is_around)
        .any(|word| word.starts_with("grpc") && AgentKey::parse(&Secret::new(word)).is_ok())
}

/// Whether `text` has an agent key or the password of a database in it.
fn is_secret(text: &str, databases: &Databases, keys: &[Secret]) -> bool {
    conceal::holds(keys, text) || conceal::looks_like_key(text) || databases.stand_in(text)
}

impl Published {
    /// What it is and by which rules, for a person who reads a report. `None` if the file does not have it.
    /// `entrypoint` is what runs where it has no command of its own.
    pub fn description(&self, entrypoint: Option<&OsStr>) -> Option<String> {
        let Connection {
            target,
            review,
            mask,
            export,
            process_types,
        } = &self.connection;
        let target = match target {
            Some(Target::Database(variable)) => format!("database, URL from {variable}"),
            Some(Target::Command(line)) => format!("command {}", text::excerpt(&redacted(line), 60)),
            None => match entrypoint.map(OsStr::to_string_lossy) {
                Some(line) if !line.trim().is_empty() => {
                    format!(
                        "command {}, from HOOP_COMMAND",
                        text::excerpt(&redacted(line.trim()), 60)
                    )
                }
                _ => "shell".to_owned(),
            },
        };
        let list = |items: &[Item]| {
            let items: Vec<&str> = items.iter().map(Item::as_str).collect();
            text::excerpt(&redacted(&items.join(", ")), 100)
        };
        let seen = export.as_ref().map(|items| {
            let items = items.iter().filter(|item| session::can_see(item.as_str()));
            items.cloned().collect::<Vec<_>>()
        });
        let rules = [
            ("review by", Some(review)),
            ("masks", Some(mask)),
            ("sessions see", seen.as_ref()),
            ("only in", process_types.as_ref()),
        ];
        let rules = rules.into_iter().filter_map(|(what, items)| {
            let items = items.filter(|items| !items.is_empty())?;
            Some(format!("; {what} {}", list(items)))
        });
        let nothing = seen
            .as_ref()
            .filter(|items| items.is_empty())
            .map(|_| "; sessions see only PATH");
        self.is_of_file
            .then(|| target + &rules.collect::<String>() + nothing.unwrap_or_default())
    }

    /// Its database, if it is one, once it is known that an agent of `version` can publish it. `variable` has the
    /// config vars.
    pub fn resolved(
        &self,
        version: &Version,
        variable: impl Fn(&str) -> Option<Secret>,
    ) -> Result<Option<Database>, PublishFault> {
        if let Some(fault) = self.needs_newer_agent(version) {
            return Err(fault);
        }
        self.database(variable)
    }

    /// Its database, if it is one whose URL an agent can take.
    fn database(&self, variable: impl Fn(&str) -> Option<Secret>) -> Result<Option<Database>, PublishFault> {
        let Some(Target::Database(name)) = &self.connection.target else {
            return Ok(None);
        };
        let connection = self.name.clone();
        let name = name.clone();
        match variable(&name).filter(|url| !url.expose().trim().is_empty()) {
            None => Err(PublishFault::DatabaseUnset {
                connection,
                variable: name,
            }),
            Some(url) => Database::parse(&url)
                .map(Some)
                .map_err(|fault| PublishFault::DatabaseUrlInvalid {
                    connection,
                    variable: name,
                    fault,
                }),
        }
    }

    /// What an agent of `version` cannot do of it.
    fn needs_newer_agent(&self, version: &Version) -> Option<PublishFault> {
        let needs = self.connection.needs();
        // The first one with HOOP_DB_URI, --review, --data-masking, and an --export that does something
        // (https://github.com/hoophq/hoop/blob/1.21.23/client/cmd/run.go).
        (!needs.is_empty() && !version.at_least(1, 21, 23)).then(|| PublishFault::NeedsNewerAgent {
            connection: self.name.clone(),
            needs,
            version: version.clone(),
        })
    }

    /// That none of its process types is one where the agent runs. `runs_in` says that of one.
    pub fn never_published(&self, runs_in: impl Fn(&str) -> bool) -> Option<PublishFault> {
        let items: Vec<&str> = self
            .connection
            .process_types
            .iter()
            .flatten()
            .map(Item::as_str)
            .collect();
        let type_of = |item: &str| item.split('.').next().unwrap_or_default().to_owned();
        let is_nowhere = !items.is_empty() && !items.iter().any(|item| runs_in(&type_of(item)));
        is_nowhere.then(|| PublishFault::NeverPublished {
            connection: self.name.clone(),
            process_types: items.into_iter().map(|item| text::excerpt(item, 40)).collect(),
        })
    }

    /// The variables of its `export:` that no session ever sees.
    pub fn kept_from_sessions(&self) -> Option<PublishFault> {
        let items = self.connection.export.iter().flatten().map(Item::as_str);
        let is_database = matches!(self.connection.target, Some(Target::Database(_)));
        let variables: Vec<String> = items
            .filter(|name| !session::can_see(name) || is_database && database::SETTINGS.contains(name))
            .map(|name| text::excerpt(name, 40))
            .collect();
        (!variables.is_empty()).then(|| PublishFault::ExportWithoutEffect {
            connection: self.name.clone(),
            variables,
        })
    }

    /// The items of its process types that are none of `known`; `is_known` says whether an item is one. Without a
    /// Procfile nothing is known to be wrong.
    pub fn unknown_process_types(&self, known: &[&str], is_known: impl Fn(&str) -> bool) -> Option<PublishFault> {
        let items = self.connection.process_types.iter().flatten().map(Item::as_str);
        let unknown: Vec<String> = items
            .filter(|item| !is_known(item))
            .map(|item| text::excerpt(item, 40))
            .collect();
        (!unknown.is_empty() && !known.is_empty()).then(|| PublishFault::ProcessTypeUnknown {
            connection: self.name.clone(),
            unknown,
            known: known.iter().map(|name| text::visible(name)).collect(),
        })
    }
}

/// The name of a connection of the file, as an agent of `version` publishes it.
fn name(
    written: &Name,
    version: &Version,
    variable: impl Fn(&str) -> Option<String>,
    databases: &Databases,
    keys: &[Secret],
) -> Result<String, PublishFault> {
    // It may be the secret itself.
    let connection = || {
        let is_secret = is_secret(written.as_str(), databases, keys);
        let shown = if is_secret { conceal::MASK } else { written.as_str() };
        shown.to_owned()
    };
    let invalid = |fault| PublishFault::NameInvalid {
        connection: connection(),
        fault,
    };
    let is_of_database = Cell::new(false);
    let told = |name: &str| {
        let value = variable(name)?;
        is_of_database.set(is_of_database.get() || databases.are_in(name, &value));
        Some(value)
    };
    let expanded = written.expanded(told).map_err(|variable| {
        if is_secret(&variable, databases, keys) {
            return invalid(NameFault::HoldsSecret);
        }
        PublishFault::NameUnset {
            connection: connection(),
            variable,
        }
    })?;
    // It will be part of a command line, which every process of the dyno can read.
    if is_of_database.get() || expanded.contains("://") || is_secret(&expanded, databases, keys) {
        return Err(invalid(NameFault::HoldsSecret));
    }
    if expanded.contains(',') || expanded.contains(char::is_control) {
        return Err(invalid(NameFault::NotName));
    }
    let name = published_name(&expanded, version);
    match name.len() {
        0 => Err(invalid(NameFault::Vanishes)),
        1..=NAME_LIMIT => Ok(name),
        length => Err(invalid(NameFault::TooLong(length))),
    }
}

#[cfg(test)]
mod tests;
