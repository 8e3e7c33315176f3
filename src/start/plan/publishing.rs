//! The connections of `hoop.yml` and `HOOP_CONNECTION`, for this dyno.

use crate::agent::connections::Connections;
use crate::agent::database::Database;
use crate::agent::generation::Generation;
use crate::agent::hoop_yml::HoopYml;
use crate::agent::key::KeyMode;
use crate::agent::publish::{Databases, NotHere, Publication, Published};
use crate::agent::version::Version;
use crate::config;
use crate::os::environment::Environment;
use crate::procfile::Procfile;
use crate::secret::Secret;
use crate::start::fault::Fault;
use crate::start::fault::publish::FileFault;
use crate::start::plan::choice::DynoList;
use crate::start::plan::dyno::Dyno;
use crate::start::plan::installed::Installed;
use std::ffi::OsStr;

/// The connections for this dyno.
#[derive(Debug)]
pub(crate) struct Publishing {
    pub(crate) here: Vec<Here>,
    /// Those for other dynos.
    pub(crate) elsewhere: Vec<Published>,
    pub(crate) databases: Databases,
    /// Those that `HOOP_CONNECTION` leaves out.
    pub(crate) left_out: Vec<String>,
    pub(crate) faults: Vec<Fault>,
}

/// A connection for this dyno.
#[derive(Debug)]
pub(crate) struct Here {
    pub(crate) published: Published,
    pub(crate) database: Option<Database>,
}

/// The app's `hoop.yml`, where it has an effect. What is wrong with it is added to `faults`.
///
/// # Errors
///
/// It cannot be read.
pub(crate) fn file<'a>(
    installed: &'a Installed,
    version: &Version,
    mode: Option<KeyMode>,
    faults: &mut Vec<Fault>,
) -> Result<Option<&'a HoopYml>, Fault> {
    match &installed.hoop_yml {
        None => Ok(None),
        Some(_) if !Generation::of(version, mode).is_run() => {
            let agent_is_too_old = mode.is_some_and(KeyMode::publishes_by_name);
            faults.push(FileFault::NoEffect { agent_is_too_old }.into());
            Ok(None)
        }
        Some(Ok(file)) => Ok(Some(file)),
        // Its rules may be for the names of HOOP_CONNECTION, too.
        Some(Err(mistake)) => Err(FileFault::Invalid {
            mistake: mistake.to_string(),
        }
        .into()),
    }
}

impl Publishing {
    /// Decides what `dyno` publishes with an agent of `version`. `chosen` are the names of `HOOP_CONNECTION`, `masks`
    /// the agent key.
    pub(crate) fn of(
        file: Option<&HoopYml>,
        chosen: &Connections,
        version: &Version,
        environment: &Environment,
        procfile: &Procfile,
        dyno: &Dyno,
        masks: &[Secret],
    ) -> Self {
        let Publication {
            connections,
            databases,
            left_out,
            faults,
        } = {
            let entrypoint = environment.lossy(config::COMMAND);
            let variable = |name: &str| environment.lossy(name);
            Publication::of(file, chosen, version, entrypoint.as_deref(), variable, masks)
        };
        let mut publishing = Self {
            here: Vec::new(),
            elsewhere: Vec::new(),
            databases,
            left_out,
            faults: faults.into_iter().map(Fault::from).collect(),
        };
        let known: Vec<&str> = procfile.process_types().collect();
        let can_run = |item: &str| {
            let item = DynoList::parse(item);
            item.impossible().is_empty() && item.unknown(&known, dyno).is_empty()
        };
        for published in connections {
            let unknown = published.unknown_process_types(&known, can_run);
            publishing.faults.extend(unknown.map(Fault::from));
            publishing
                .faults
                .extend(published.kept_from_sessions().map(Fault::from));
            let process_types = published.connection.process_types.as_ref();
            let is_here = process_types.is_none_or(|items| {
                // Outside of a dyno there are no others.
                dyno.is_local() || items.iter().any(|item| dyno.is_named_by(item.as_str()))
            });
            if !is_here {
                publishing.elsewhere.push(published);
                continue;
            }
            match published.resolved(version, |name| environment.lossy(name).map(Secret::new)) {
                Ok(database) => publishing.here.push(Here { published, database }),
                Err(fault) => publishing.faults.push(fault.into()),
            }
        }
        publishing
    }

    /// The connections that are not for this dyno.
    pub(crate) fn not_here(&self, entrypoint: Option<&OsStr>) -> Vec<NotHere> {
        let elsewhere = self.elsewhere.iter().map(|published| NotHere::Elsewhere {
            name: published.name.clone(),
            description: published.description(entrypoint).unwrap_or_default(),
        });
        let left_out = self.left_out.iter().map(|name| NotHere::LeftOut { name: name.clone() });
        elsewhere.chain(left_out).collect()
    }

    /// All connections that dynos publish.
    pub(crate) fn anywhere(&self) -> Vec<Published> {
        let here = self.here.iter().map(|here| &here.published);
        here.chain(&self.elsewhere).cloned().collect()
    }

    /// Takes out the last fault that keeps a connection from being published, if none is.
    pub(crate) fn take_cause(&mut self) -> Option<Fault> {
        let last = self.faults.iter().rposition(Fault::stops_a_required_agent)?;
        self.here.is_empty().then(|| self.faults.remove(last))
    }
}
