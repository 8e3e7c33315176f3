//! Which agents to run: the installed program, with the command lines and the environment that its generation and the
//! agent key ask for. Without effects.

use crate::config;

use crate::agent::connections::{Connections, ConnectionsFault, Merged};
use crate::agent::generation::Generation;
use crate::agent::limits::Limit;
use crate::agent::publish::{NotHere, Published};
use crate::agent::version::Version;
use crate::os::environment::Environment;
use crate::secret::conceal;
use crate::start::fault::Fault;
use crate::start::fault::agent::AgentFault;
use crate::start::fault::config::ConfigFault;
use crate::start::log::lines::Settings;
use crate::start::plan::agent_command::{self, AgentCommand, Withheld};
use crate::start::plan::credential::{Credential, Credentials, Gateway};
use crate::start::plan::dyno::Dyno;
use crate::start::plan::installed::{AgentFile, Installed};
use crate::start::plan::memory_limit::MemoryLimit;
use crate::start::plan::publishing::{self, Publishing};
use crate::text;
use std::cell::LazyCell;
use std::path::PathBuf;

/// The agents to run.
#[derive(Clone, Debug)]
pub(crate) struct AgentSet {
    /// The agent's program.
    pub program: PathBuf,
    pub version: Version,
    /// How it publishes connections.
    pub generation: Generation,
    /// One for each process.
    pub commands: Vec<AgentCommand>,
    /// The connections of `HOOP_CONNECTION`, whether they are published or not.
    pub connections: Connections,
    /// The connections that this dyno or others publish.
    pub published: Vec<Published>,
    /// The connections of `hoop.yml` that are not for this dyno.
    pub not_here: Vec<NotHere>,
    /// What the environment of each of them begins with.
    pub environment: Environment,
    pub credentials: Credentials,
    pub log: Settings,
    /// Whether something is wrong that a restart does not fix.
    pub incurable: bool,
    /// The gateway, if it is known.
    pub gateway: Option<Gateway>,
    pub memory: MemoryLimit,
}

/// What a dyno is to run.
#[derive(Clone, Debug)]
pub(crate) enum Wanted {
    Agents(Box<AgentSet>),
    /// None, since every connection of `hoop.yml` is for other dynos.
    Nothing,
}

impl AgentSet {
    /// The environment of the agent number `agent`.
    pub(crate) fn environment_of(&self, agent: usize) -> Environment {
        let own = self.commands[agent].own.iter();
        let all = self.environment.iter().chain(own);
        all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// Decides which agents to run. Faults that do not keep them from running are added to `faults`.
    pub(crate) fn wanted(
        environment: &Environment,
        installed: &Installed,
        dyno: &Dyno,
        faults: &mut Vec<Fault>,
    ) -> Result<Wanted, Fault> {
        let manifest = installed
            .manifest
            .as_ref()
            .map_err(|cause| AgentFault::ManifestUnreadable {
                path: installed.manifest_path.display().to_string(),
                cause: text::excerpt(cause, 120),
            })?;
        let program = installed.programs.join("hoop");
        let path = program.display().to_string();
        let version = match (&manifest.agent, installed.agent) {
            (Some(record), AgentFile::Program) => &record.version,
            (Some(_), AgentFile::NotExecutable) => return Err(AgentFault::NotExecutable { path }.into()),
            (None, _) | (_, AgentFile::Missing) => return Err(AgentFault::Missing { path }.into()),
        };
        let credential = Credential::find(environment).ok_or(ConfigFault::KeyMissing)?;
        let mode = credential.mode();
        let generation = Generation::of(version, mode);
        let credentials = Credentials::of(environment);
        // Made only if there are names to check.
        let masks = LazyCell::new(|| credentials.masks());

        let mut incurable = false;
        if let Credential::Key {
            name, read: Err(fault), ..
        } = &credential
        {
            faults.push(ConfigFault::KeyMalformed { name, fault: *fault }.into());
            incurable = true;
        } else if let Some(limit) = mode.and_then(|mode| Limit::of(version, mode)) {
            let version = version.clone();
            faults.push(AgentFault::TooOld { version, limit }.into());
            incurable = limit.is_fatal();
        }

        let connections = match environment.text(config::CONNECTION) {
            Some(value) => Connections::parse(value, |name| environment.lossy(name)),
            None => Ok(Connections::default()),
        };
        // Of a key that cannot be read it is not known what it publishes.
        let is_known = !matches!(&credential, Credential::Key { read: Err(_), .. });
        let file = if is_known {
            publishing::file(installed, version, mode, faults)?
        } else {
            None
        };
        let connections = if generation.needs_names() {
            let connections = connections.map_err(ConfigFault::ConnectionInvalid)?;
            if connections.is_empty() && file.is_none() {
                return Err(ConfigFault::ConnectionMissing.into());
            }
            // Names are part of a command line, which every process of the dyno can read.
            let is_secret = |name: &String| conceal::looks_like_key(name) || conceal::holds(&masks, name);
            if connections.names().iter().any(is_secret) {
                return Err(ConfigFault::ConnectionInvalid(ConnectionsFault::HoldsKey).into());
            }
            let connections = if generation == Generation::NamesInEnvironment {
                connections
            } else {
                connections.published(version).map_err(ConfigFault::ConnectionInvalid)?
            };
            let merged = connections.merged().into_iter();
            let surprising = merged.filter(Merged::is_surprising);
            faults.extend(surprising.map(|merged| ConfigFault::ConnectionsMerged(merged).into()));
            connections
        } else {
            let connections = connections.unwrap_or_default();
            if !connections.is_empty() && version.at_least(1, 20, 0) && !incurable {
                let version = version.clone();
                faults.push(ConfigFault::ConnectionNotPublished { version }.into());
            }
            connections
        };
        let entrypoint = environment.value(config::COMMAND);
        if generation.is_run() && entrypoint.is_some_and(|line| conceal::holds(&masks, &line.to_string_lossy())) {
            return Err(ConfigFault::CommandHoldsKey.into());
        }

        let programs = installed.programs.to_string_lossy();
        let log = Settings::of(environment, faults);
        let agent_environment = agent_command::agent_environment(
            environment,
            version,
            generation,
            &credential,
            &connections,
            &programs,
            log.level,
        );
        let mut credentials = credentials.clone();
        let (mut published, mut not_here) = (Vec::new(), Vec::new());
        let commands = if generation.is_run() {
            let mut publishing = Publishing::of(
                file,
                &connections,
                version,
                environment,
                &installed.procfile,
                dyno,
                &masks,
            );
            let cause = publishing.take_cause();
            faults.append(&mut publishing.faults);
            if let Some(cause) = cause {
                return Err(cause);
            }
            if publishing.here.is_empty() {
                return Ok(Wanted::Nothing);
            }
            not_here = publishing.not_here(entrypoint);
            published = publishing.anywhere();
            let databases = publishing.databases;
            credentials.add(databases.secrets());
            let withheld = Withheld::of(&agent_environment, &databases, &masks);
            let run = |here| AgentCommand::run(here, generation, entrypoint, &agent_environment, &withheld);
            publishing.here.iter().map(run).collect::<Result<_, _>>()?
        } else {
            vec![AgentCommand::start_agent()]
        };
        Ok(Wanted::Agents(Box::new(Self {
            program,
            version: version.clone(),
            generation,
            commands,
            connections,
            environment: agent_environment,
            not_here,
            published,
            credentials,
            log,
            incurable,
            gateway: credential.gateway(environment),
            memory: MemoryLimit::of(environment, faults),
        })))
    }
}
