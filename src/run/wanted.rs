//! Which agents to run: the program of the slug, with the command lines and the environment that its generation and the
//! agent key ask for. Without effects.

use super::credential::{Credential, Gateway, masks};
use super::fault::Fault;
use super::generation::{self, AgentCommand, Generation};
use super::lines::Settings;
use super::slug::{AgentFile, Slug};
use crate::agent_limits::Limit;
use crate::conceal;
use crate::config;
use crate::connections::{Connections, ConnectionsFault};
use crate::environment::Environment;
use crate::secret::Secret;
use crate::text;
use crate::version::Version;
use std::path::PathBuf;

/// The agents to run.
#[derive(Clone, Debug)]
pub(super) struct Agents {
    /// The agent's program.
    pub program: PathBuf,
    /// Its version.
    pub version: Version,
    /// How it publishes connections.
    pub generation: Generation,
    /// One process each.
    pub commands: Vec<AgentCommand>,
    /// The environment of all of them.
    pub environment: Environment,
    /// Texts that must not be shown: the key and its secret part.
    pub masks: Vec<Secret>,
    /// How their lines are shown.
    pub log: Settings,
    /// Whether something is wrong that a restart will not cure.
    pub incurable: bool,
    /// The gateway, where it is named.
    pub gateway: Option<Gateway>,
}

impl Agents {
    /// Settles which agents to run. Faults that let them run are added to `faults`.
    pub(super) fn wanted(environment: &Environment, slug: &Slug, faults: &mut Vec<Fault>) -> Result<Self, Fault> {
        let manifest = slug.manifest.as_ref().map_err(|cause| Fault::ManifestUnreadable {
            path: slug.manifest_path.display().to_string(),
            cause: text::excerpt(cause, 120),
        })?;
        let program = slug.programs.join("hoop");
        let path = program.display().to_string();
        let version = match (&manifest.agent, slug.agent) {
            (Some(record), AgentFile::Program) => &record.version,
            (Some(_), AgentFile::NotExecutable) => return Err(Fault::AgentNotExecutable { path }),
            (None, _) | (_, AgentFile::Missing) => return Err(Fault::AgentMissing { path }),
        };
        let credential = Credential::find(environment).ok_or(Fault::KeyMissing)?;
        let mode = credential.mode();
        let generation = Generation::of(version, mode);
        let masks = masks(environment);

        let mut incurable = false;
        if let Credential::Key {
            name, read: Err(fault), ..
        } = &credential
        {
            faults.push(Fault::KeyMalformed { name, fault: *fault });
            incurable = true;
        } else if let Some(limit) = mode.and_then(|mode| Limit::of(version, mode)) {
            let version = version.clone();
            faults.push(Fault::AgentTooOld { version, limit });
            incurable = limit.is_fatal();
        }

        let variable = |name: &str| {
            environment
                .value(name)
                .map(|value| value.to_string_lossy().into_owned())
        };
        let connections = match environment.text(config::CONNECTION) {
            Some(value) => Connections::parse(value, variable),
            None => Ok(Connections::default()),
        };
        let connections = if generation.needs_names() {
            let connections = connections.map_err(Fault::ConnectionInvalid)?;
            if connections.is_empty() {
                return Err(Fault::ConnectionMissing);
            }
            // It would stand in a command line, which every process of the dyno can read.
            let is_secret = |name: &String| conceal::looks_like_key(name) || conceal::holds(&masks, name);
            if connections.names().iter().any(is_secret) {
                return Err(Fault::ConnectionInvalid(ConnectionsFault::HoldsKey));
            }
            connections
        } else {
            let connections = connections.unwrap_or_default();
            if !connections.is_empty() && version.at_least(1, 20, 0) && !incurable {
                let version = version.clone();
                faults.push(Fault::ConnectionNotPublished { version });
            }
            connections
        };
        let entrypoint = environment.value(config::COMMAND);
        let is_published = matches!(generation, Generation::RunWithArguments | Generation::RunWithCommand);
        if is_published && entrypoint.is_some_and(|line| conceal::holds(&masks, &line.to_string_lossy())) {
            return Err(Fault::CommandHoldsKey);
        }

        let programs = slug.programs.to_string_lossy();
        let log = Settings::of(environment, faults);
        let mut agent_environment =
            generation::agent_environment(environment, version, generation, &credential, &connections, &programs);
        let commands = generation::commands(generation, &connections, entrypoint, &agent_environment)?;
        // The app's own variables of these names are not meant for the agent.
        agent_environment.set("LOG_LEVEL", log.level);
        agent_environment.set("LOG_ENCODING", "json");
        Ok(Self {
            program,
            version: version.clone(),
            generation,
            commands,
            environment: agent_environment,
            masks,
            log,
            incurable,
            gateway: credential.gateway(environment),
        })
    }
}
