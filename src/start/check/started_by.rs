//! What starts the agent in a dyno, as far as it is known.

use crate::procfile::invocation::{corrected, starts_agent};
use crate::procfile::{Procfile, shown};
use crate::start::fault::dynos::DynosFault;
use crate::start::plan::Plan;
use crate::start::plan::starter::Starter;
use crate::text;

/// What starts the agent, as far as files and environment tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartedBy {
    /// Lines of the Procfile; with their types, if not the type of this dyno.
    Procfile(Vec<String>),
    /// Processes of the image; with their types, if not the type of this process.
    Image(Vec<String>),
    /// A script of the app that the line of the Procfile runs.
    Script,
    /// The slug's `.profile.d`.
    Autostart,
    /// The command line that is being checked.
    CommandLine,
    /// Nothing; with the type of this dyno and its line in the Procfile, if any.
    Nothing(Option<(String, String)>),
}

impl StartedBy {
    /// Finds out what starts the agent in the dyno of the plan `here` or, if the agent does not run there, in other
    /// dynos. `autostart` says whether `HOOP_AUTOSTART` is on, and `has_command` whether a command line is being
    /// checked.
    pub(crate) fn find(here: &Plan, procfile: &Procfile, autostart: bool, has_command: bool) -> Self {
        let runs_here = here.not_here().is_none();
        let process_type = here.dyno.process_type.as_str();
        let line = procfile.command(process_type).filter(|_| runs_here);
        if line.is_some_and(starts_agent) {
            return StartedBy::Procfile(Vec::new());
        }
        if autostart {
            return StartedBy::Autostart;
        }
        if let Some(line) = line {
            return StartedBy::Nothing(Some((process_type.to_owned(), line.to_owned())));
        }
        // A laptop runs all lines, and in a one-off dyno people ask about the others.
        if !runs_here || here.dyno.is_local() {
            // Lists that exclude every type are a fault of their own.
            let leaves_some = here.choice.leaves_some(procfile);
            let starting = procfile.processes().filter(|(name, command)| {
                let is_left = || here.choice.runs_in_type(name, procfile, Starter::CommandLine);
                starts_agent(command) && (!leaves_some || is_left())
            });
            let types: Vec<String> = starting.map(|(name, _)| text::visible(name)).collect();
            if !types.is_empty() {
                return StartedBy::Procfile(types);
            }
        }
        if has_command {
            StartedBy::CommandLine
        } else {
            StartedBy::Nothing(None)
        }
    }

    /// What is wrong with it.
    pub(crate) fn fault(&self, in_image: bool) -> Option<DynosFault> {
        let StartedBy::Nothing(line) = self else { return None };
        let right = line
            .as_ref()
            .and_then(|(process_type, command)| Some(shown(process_type, &corrected(command)?)));
        let line = line
            .as_ref()
            .map(|(process_type, command)| (text::visible(process_type), shown(process_type, command)));
        Some(DynosFault::NotStarted { line, right, in_image })
    }
}
