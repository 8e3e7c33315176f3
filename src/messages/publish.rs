//! What an app will publish by its `hoop.yml`, and what a build can tell is wrong with that.

use crate::acquire::config::RunTimeVars;
use crate::agent::connections::Connections;
use crate::agent::generation::Generation;
use crate::agent::hoop_yml::{self, Connection, HoopYml, Mistake, PATH, Target};
use crate::agent::key::AgentKey;
use crate::agent::publish::{Publication, PublishFault, Published};
use crate::agent::version::Version;
use crate::config;
use crate::messages::message::Message;
use crate::procfile::NOT_RUN_BY_DEFAULT;
use crate::secret::{Secret, forms};
use crate::text;
use std::ffi::OsStr;
use std::path::Path;

/// What there is to say of a `hoop.yml`.
#[derive(Debug, Default)]
pub struct Announcement {
    /// A line for each connection that will be published, and for what its sessions do not see.
    pub lines: Vec<String>,
    pub warnings: Vec<Message>,
}

/// A file, and what a build knows of its app.
#[derive(Debug)]
pub struct Announced<'a> {
    pub file: &'a Result<HoopYml, Mistake>,
    /// The agent, if there is one.
    pub agent: Option<&'a Version>,
    pub run_time: &'a RunTimeVars,
    /// Whether a build sees the config vars of the dynos.
    pub sees_config: bool,
    /// The process types of the app; none if they are not known.
    pub process_types: &'a [&'a str],
}

impl Announced<'_> {
    /// What there is to say. `is_known` says whether an item of `process_types` may be one of the app.
    pub fn announcement(&self, is_known: impl Fn(&str) -> bool) -> Announcement {
        let file = match self.file {
            Ok(file) => file,
            Err(mistake) => return warning(invalid(mistake)),
        };
        let Some(version) = self.agent else {
            return Announcement::default();
        };
        let key = self.run_time.key.as_ref().map(|(_, key)| key);
        if let Some(key) = key.and_then(|key| AgentKey::parse(key).ok())
            && !Generation::of(version, Some(key.mode)).is_run()
        {
            return warning(if key.mode.publishes_by_name() {
                agent_too_old(version)
            } else {
                no_effect(version)
            });
        }
        let entrypoint = self.run_time.value(config::COMMAND);
        let entrypoint = entrypoint.as_ref().map(Secret::expose);
        let mut announcement = Announcement::default();
        let keys = forms::of(key.map(|key| key.expose().as_bytes()));
        let Publication {
            connections, faults, ..
        } = self.publication(file, version, entrypoint, &keys);
        for published in &connections {
            let unknown = published.unknown_process_types(self.process_types, &is_known);
            announcement.warnings.extend(unknown.iter().map(told));
            announcement
                .warnings
                .extend(published.kept_from_sessions().iter().map(told));
            // Lists of dynos may change that, and are read at run time.
            let runs_in = |name: &str| {
                self.run_time.process_types.is_some()
                    || self.run_time.ignored_types.is_some()
                    || !NOT_RUN_BY_DEFAULT.contains(&name)
            };
            announcement
                .warnings
                .extend(published.never_published(runs_in).iter().map(told));
            match published.resolved(version, |name| self.run_time.value(name)) {
                // The add-on may come later.
                Err(PublishFault::DatabaseUnset { variable, .. }) if self.sees_config => {
                    let note = format!(" ({variable} is not set yet)");
                    announcement.lines.push(line(published, entrypoint, &note));
                }
                Ok(_) | Err(PublishFault::DatabaseUnset { .. }) => {
                    announcement.lines.push(line(published, entrypoint, ""));
                }
                Err(fault) => announcement.warnings.push(told(&fault)),
            }
        }
        for fault in &faults {
            match fault {
                // The platform may set it for dynos only.
                PublishFault::NameUnset { connection, .. } => {
                    announcement.lines.extend(as_written(file, connection, entrypoint));
                }
                fault => announcement.warnings.push(told(fault)),
            }
        }
        if version.at_least(1, 21, 23) {
            announcement.lines.extend(unseen(file, &connections));
        }
        announcement
    }

    fn publication(&self, file: &HoopYml, version: &Version, entrypoint: Option<&str>, keys: &[Secret]) -> Publication {
        let variable = |name: &str| self.run_time.value(name).map(|value| value.expose().to_owned());
        // What a reference stands for may only be known at run time. What is wrong has advice of its own.
        let chosen = self.run_time.connection.as_deref().unwrap_or_default();
        let chosen = Connections::parse(chosen, |name| Some(variable(name).unwrap_or_else(|| name.to_owned())));
        let chosen = chosen.and_then(|chosen| chosen.published(version)).unwrap_or_default();
        Publication::of(Some(file), &chosen, version, entrypoint, variable, keys)
    }
}

/// What there is to say of the app in `folder`. `of` says it of a file that is there.
pub fn of_app(folder: &Path, of: impl FnOnce(&Result<HoopYml, Mistake>) -> Announcement) -> Announcement {
    if let Some(name) = hoop_yml::misnamed(folder) {
        return warning(misnamed(&name));
    }
    HoopYml::of_app(folder).map(|file| of(&file)).unwrap_or_default()
}

/// Tells that the file has another name than it must have.
fn misnamed(name: &str) -> Message {
    Message::warning(format!("the app has no {PATH}, but it has a file named {name}."))
        .text("Only a file of exactly that name is read, so nothing of it is published. Rename it:")
        // A file system that knows no case needs two steps.
        .quote(format!("git mv -f {name} {PATH}"))
}

fn warning(message: Message) -> Announcement {
    Announcement {
        lines: Vec::new(),
        warnings: vec![message],
    }
}

/// The line of a connection. `entrypoint` is what runs where it has no command of its own.
fn line(published: &Published, entrypoint: Option<&str>, note: &str) -> String {
    let entrypoint = entrypoint.map(OsStr::new);
    let description = published.description(entrypoint).unwrap_or_else(|| "shell".to_owned());
    format!("{}: {description}{note}", text::excerpt(&published.name, 100))
}

/// The line of a connection whose name is only known in the dyno.
fn as_written(file: &HoopYml, name: &str, entrypoint: Option<&str>) -> Option<String> {
    let (name, connection) = file.connections.iter().find(|(written, _)| written.as_str() == name)?;
    let published = Published {
        name: name.as_str().to_owned(),
        connection: connection.clone(),
        is_of_file: true,
    };
    Some(line(&published, entrypoint, ""))
}

/// What the sessions of shells and commands do not see without `export:`.
fn unseen(file: &HoopYml, connections: &[Published]) -> Option<String> {
    let mut names: Vec<&str> = file.database_variables().collect();
    names.sort_unstable();
    names.dedup();
    let is_shell = |connection: &Connection| !matches!(connection.target, Some(Target::Database(_)));
    let sees_all_else =
        |published: &&Published| is_shell(&published.connection) && published.connection.export.is_none();
    let blind: Vec<String> = connections
        .iter()
        .filter(sees_all_else)
        .map(|published| text::excerpt(&published.name, 60))
        .collect();
    let is_worth_telling = !names.is_empty() && !blind.is_empty();
    is_worth_telling.then(|| {
        format!(
            "Sessions of {} do not see {}; with export: [\"*\"] they see all",
            blind.join(", "),
            names.join(", ")
        )
    })
}

/// Tells that the file cannot be read.
fn invalid(mistake: &Mistake) -> Message {
    Message::warning("hoop.yml has a mistake, so the app will publish nothing.")
        .text(format!("{mistake}."))
        .text("It should look like this:")
        .text(EXAMPLE)
}

/// A file without a mistake.
const EXAMPLE: &str = "    connections:
      orders-db:
        database: DATABASE_URL
        review: [dba]
      orders-console:
        command: bundle exec rails console";

/// Tells that the file is of no use.
fn no_effect(version: &Version) -> Message {
    Message::warning("hoop.yml has no effect with this agent key.")
        .text(format!(
            "Agent {version} publishes the connections of the file with an organization's key. With this one, they are \
             set up in the gateway's web app. This command shows the other:"
        ))
        .quote("hoop admin get orgkeys")
}

/// Tells that the file is of no use before there is a newer agent.
fn agent_too_old(version: &Version) -> Message {
    Message::warning(format!(
        "hoop.yml has no effect with agent {version}, which is too old."
    ))
    .text("Use the newest agent:")
    .quote("heroku config:unset HOOP_VERSION")
}

/// Tells what keeps a connection from being published.
fn told(fault: &PublishFault) -> Message {
    let sentence = fault.to_string();
    Message::warning(format!("{sentence}.")).text(format!("{}.", fault.remedy()))
}
