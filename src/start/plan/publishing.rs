//! The connections of `hoop.yml` and `HOOP_CONNECTION`, for this dyno.

use crate::agent::connections::Connections;
use crate::agent::database::Database;
use crate::agent::generation::Generation;
use crate::agent::hoop_yml::HoopYml;
use crate::agent::publish::{Databases, Publication, Published};
use crate::agent::version::Version;
use crate::os::environment::Environment;
use crate::procfile::Procfile;
use crate::secret::Secret;
use crate::start::fault::Fault;
use crate::start::fault::publish::FileFault;
use crate::start::plan::choice::DynoList;
use crate::start::plan::dyno::Dyno;
use crate::start::plan::installed::Installed;

/// The connections for this dyno.
#[derive(Debug)]
pub(crate) struct Publishing {
    pub(crate) here: Vec<Here>,
    /// Those for other dynos.
    pub(crate) elsewhere: Vec<Published>,
    pub(crate) databases: Databases,
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
    generation: Generation,
    faults: &mut Vec<Fault>,
) -> Result<Option<&'a HoopYml>, Fault> {
    match &installed.hoop_yml {
        None => Ok(None),
        Some(_) if !generation.is_run() => {
            faults.push(FileFault::NoEffect.into());
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
            faults,
        } = Publication::of(file, chosen, version, |name| environment.lossy(name), masks);
        let mut publishing = Self {
            here: Vec::new(),
            elsewhere: Vec::new(),
            databases,
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
            let process_types = published.connection.process_types.as_ref();
            let is_here = process_types.is_none_or(|items| {
                // Outside of a dyno there are no others.
                dyno.is_local() || items.iter().any(|item| dyno.is_named_by(item.as_str()))
            });
            if !is_here {
                publishing.elsewhere.push(published);
                continue;
            }
            match published.resolved(version, masks, |name| environment.lossy(name).map(Secret::new)) {
                Ok(database) => publishing.here.push(Here { published, database }),
                Err(fault) => publishing.faults.push(fault.into()),
            }
        }
        publishing
    }

    /// Takes out the last fault that keeps a connection from being published, if none is.
    pub(crate) fn take_cause(&mut self) -> Option<Fault> {
        let last = self.faults.iter().rposition(Fault::stops_a_required_agent)?;
        self.here.is_empty().then(|| self.faults.remove(last))
    }
}
