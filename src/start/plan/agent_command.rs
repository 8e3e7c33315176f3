//! The command lines of the agents, and their environment.

use crate::agent::connections::Connections;
use crate::agent::generation::Generation;
use crate::agent::version::Version;
use crate::config;
use crate::os::environment::Environment;
use crate::start::fault::config::ConfigFault;
use crate::start::plan::credential::{CREDENTIALS, Credential};
use crate::start::plan::entrypoint;
use std::ffi::{OsStr, OsString};

/// Turns a connection of `hoop run` into a database connection wherever it is set. An app may use it for its own
/// purposes, while hoopstart publishes command lines.
const DATABASE_URI: &str = "HOOP_DB_URI";

/// Which lines an agent logs, and in which form. The app's own values of these variables do not reach the agent, and
/// the agent's do not reach the sessions of published connections.
const LOGGING: [&str; 2] = ["LOG_LEVEL", "LOG_ENCODING"];

/// The form that hoopstart reads.
const LOG_ENCODING: &str = "json";

/// One agent process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AgentCommand {
    /// The connection it publishes, if any.
    pub connection: Option<String>,
    /// The arguments of `hoop`.
    pub arguments: Vec<OsString>,
}

/// The agent processes to run, at least one. `entrypoint` is the shell command line behind each connection.
pub(crate) fn commands(
    generation: Generation,
    connections: &Connections,
    entrypoint: Option<&OsStr>,
    environment: &Environment,
) -> Result<Vec<AgentCommand>, ConfigFault> {
    let one = |connection: &String, rest: Vec<OsString>| {
        let mut arguments: Vec<OsString> = vec!["run".into(), "--name".into(), connection.into()];
        arguments.extend(rest);
        AgentCommand {
            connection: Some(connection.clone()),
            arguments,
        }
    };
    let entrypoint = entrypoint.filter(|line| !line.to_string_lossy().trim().is_empty());
    let mut rest: Vec<OsString> = Vec::new();
    match generation {
        Generation::NamesInEnvironment | Generation::NamesInGateway => {
            return Ok(vec![AgentCommand {
                connection: None,
                arguments: vec!["start".into(), "agent".into()],
            }]);
        }
        Generation::RunWithArguments => {
            if let Some(line) = entrypoint {
                rest.push("--".into());
                rest.extend(entrypoint::arguments(line)?);
            }
        }
        Generation::RunWithCommand => {
            rest.extend(["--export".into(), exported_names(environment).into()]);
            if let Some(line) = entrypoint {
                rest.extend(["--command".into(), entrypoint::command(line)?]);
            }
        }
    }
    Ok(connections
        .names()
        .iter()
        .map(|connection| one(connection, rest.clone()))
        .collect())
}

/// The names of all variables that a session may see: all but the credentials and the agent's own. Without such a list,
/// an agent hands out its own key with the rest. It does the same with a list of names that are not set, so `PATH`,
/// which every agent has, is always on it. A comma would split a name, and a colon in one breaks every session.
fn exported_names(environment: &Environment) -> String {
    let is_kept = |name: &&str| {
        !name.is_empty()
            && !name.contains([',', ':'])
            && !CREDENTIALS.contains(name)
            && !LOGGING.contains(name)
            && *name != DATABASE_URI
    };
    let names = environment.iter().filter_map(|(name, _)| name.to_str());
    let mut names: Vec<&str> = names.filter(is_kept).collect();
    if !names.contains(&"PATH") {
        names.push("PATH");
    }
    names.join(",")
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
