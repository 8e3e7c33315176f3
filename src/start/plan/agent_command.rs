//! The command lines of the agents, and their environment.

use crate::agent::connections::Connections;
use crate::agent::database::SETTINGS;
use crate::agent::generation::Generation;
use crate::agent::hoop_yml::{Connection, Item, Target};
use crate::agent::publish::{Databases, Published};
use crate::agent::session::{self, DATABASE_URI, LOGGING};
use crate::agent::version::Version;
use crate::config;
use crate::os::environment::Environment;
use crate::secret::Secret;
use crate::start::fault::config::ConfigFault;
use crate::start::plan::credential::Credential;
use crate::start::plan::entrypoint::{self, Entrypoint};
use crate::start::plan::publishing::Here;
use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use wildmatch::WildMatch;

/// The form that hoopstart reads.
const LOG_ENCODING: &str = "json";

/// One agent process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AgentCommand {
    /// The connection it publishes, if any.
    pub connection: Option<String>,
    /// What and by which rules, as reports say it.
    pub description: Option<String>,
    /// The arguments of `hoop`.
    pub arguments: Vec<OsString>,
    /// The variables that only this process has.
    pub own: Environment,
}

impl AgentCommand {
    /// An agent whose connections are named in its environment, or set up in the gateway.
    pub(crate) fn start_agent() -> Self {
        Self {
            arguments: vec!["start".into(), "agent".into()],
            ..Self::default()
        }
    }

    /// An agent that publishes one connection. `entrypoint` is the shell command line behind it, unless the file has
    /// one or it is a database; `environment` is that of all agents, `withheld` is what
    /// of it no session sees.
    ///
    /// # Errors
    ///
    /// No shell could run the command line.
    pub(crate) fn run(
        here: &Here,
        generation: Generation,
        entrypoint: Option<&OsStr>,
        environment: &Environment,
        withheld: &Withheld,
    ) -> Result<Self, ConfigFault> {
        let Published { name, connection, .. } = &here.published;
        let mut arguments: Vec<OsString> = vec!["run".into(), "--name".into(), name.into()];
        let mut own = Environment::default();
        let line = match &connection.target {
            Some(Target::Command(line)) => Some(OsStr::new(line)),
            Some(Target::Database(_)) => None,
            None => entrypoint.filter(|line| !line.to_string_lossy().trim().is_empty()),
        };
        if generation == Generation::RunWithArguments {
            if let Some(line) = line {
                arguments.push("--".into());
                arguments.extend(entrypoint::arguments(line)?);
            }
        } else {
            let mut seen = seen(here, environment, withheld);
            if let Some(database) = &here.database {
                own.set(DATABASE_URI, database.uri.expose());
                for (name, value) in &database.variables {
                    own.set(name, value.expose());
                    seen.push(name);
                }
            }
            let command = line.map(entrypoint::command).transpose()?;
            if let Some((line, Entrypoint::Variable)) = line.zip(command.as_ref()) {
                own.set(config::COMMAND, line);
                seen.push(config::COMMAND);
            }
            seen.sort_unstable();
            seen.dedup();
            arguments.extend(["--export".into(), seen.join(",").into()]);
            arguments.extend(
                command
                    .into_iter()
                    .flat_map(|command| ["--command".into(), command.into_value()]),
            );
            for (option, items) in [("--review", &connection.review), ("--data-masking", &connection.mask)] {
                let items: Vec<&str> = items.iter().map(Item::as_str).collect();
                if !items.is_empty() {
                    arguments.push(format!("{option}={}", items.join(",")).into());
                }
            }
        }
        Ok(Self {
            connection: Some(name.clone()),
            description: here.published.description(entrypoint),
            arguments,
            own,
        })
    }
}

/// The variables of an app that sessions do not see, since they hold credentials. Found once, for all sessions.
#[derive(Debug, Default)]
pub(crate) struct Withheld {
    /// Those of a database of the file.
    of_databases: HashSet<OsString>,
    /// Those that hold the agent key, under whatever name.
    of_agent: HashSet<OsString>,
}

impl Withheld {
    /// Looks for those of `databases`, and for the agent key, of which `keys` has all forms.
    pub(crate) fn of(environment: &Environment, databases: &Databases, keys: &[Secret]) -> Self {
        let mut found = Self::default();
        for (name, value) in environment.iter() {
            let value = value.to_string_lossy();
            if databases.are_in(&name.to_string_lossy(), &value) {
                found.of_databases.insert(name.to_owned());
            }
            if keys.iter().any(|key| value.contains(key.expose())) {
                found.of_agent.insert(name.to_owned());
            }
        }
        found
    }
}

/// The names of the variables that a session sees, with `PATH`, which every agent has: with a list of names of which
/// none is set, an agent hands out all.
fn seen<'a>(here: &Here, environment: &'a Environment, withheld: &Withheld) -> Vec<&'a str> {
    let Connection { export, target, .. } = &here.published.connection;
    let is_database = matches!(target, Some(Target::Database(_)));
    let patterns = export.as_ref().map(|items| {
        let patterns = items.iter().map(|item| WildMatch::new(item.as_str()));
        patterns.collect::<Vec<_>>()
    });
    let is_wanted = |name: &str| match &patterns {
        Some(patterns) => patterns.iter().any(|pattern| pattern.matches(name)),
        None => !is_database && !withheld.of_databases.contains(OsStr::new(name)),
    };
    // An agent would take the app's own for what its URL says of the database.
    let is_setting = |name: &str| is_database && SETTINGS.contains(&name);
    let has_key = |name: &str| withheld.of_agent.contains(OsStr::new(name));
    let is_seen = |name: &&str| session::can_see(name) && !is_setting(name) && is_wanted(name) && !has_key(name);
    let names = environment.iter().filter_map(|(name, _)| name.to_str());
    let mut seen: Vec<&str> = names.filter(is_seen).collect();
    if !seen.contains(&"PATH") {
        seen.push("PATH");
    }
    seen
}

/// The environment of an agent process: the app's, with the credential only where this agent looks for it, with a log
/// that hoopstart can read, and with the folder of the agent's helper on the PATH.
pub(crate) fn agent_environment(
    app: &Environment,
    version: &Version,
    generation: Generation,
    credential: &Credential,
    connections: &Connections,
    programs: &str,
    log_level: &str,
) -> Environment {
    let mut environment = app.clone();
    if let Credential::Key { name: found, .. } = credential {
        let key = app.value(found).unwrap_or_default().to_owned();
        environment.remove(config::KEY);
        environment.remove(config::DSN);
        // The first release to read HOOP_KEY. Later ones tell users of HOOP_DSN that it is deprecated.
        let name = if version.at_least(1, 21, 5) {
            config::KEY
        } else {
            config::DSN
        };
        environment.set(name, key);
    }
    match generation {
        Generation::NamesInEnvironment => environment.set(config::CONNECTION, connections.names().join(",")),
        Generation::RunWithArguments | Generation::RunWithCommand => environment.remove(DATABASE_URI),
        // Agents before 1.16.0 look for a key if it is set.
        Generation::NamesInGateway if !version.at_least(1, 16, 0) => environment.remove(config::CONNECTION),
        Generation::NamesInGateway => {}
    }
    for (name, value) in LOGGING.into_iter().zip([log_level, LOG_ENCODING]) {
        environment.set(name, value);
    }
    let mut path = app.value("PATH").unwrap_or_default().to_owned();
    if !path.is_empty() {
        path.push(":");
    }
    path.push(programs);
    environment.set("PATH", path);
    environment
}

#[cfg(test)]
mod tests;
