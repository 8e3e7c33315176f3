//! Decides what to start, or why not: from the environment and what is installed, without effects.

pub mod agent_command;
pub mod agent_set;
pub mod choice;
pub mod credential;
pub mod dyno;
pub mod entrypoint;
pub mod installed;
pub mod memory_limit;
pub mod publishing;
pub mod starter;

use crate::config;
use crate::failure::Failure;
use crate::os::environment::Environment;
use crate::procfile::invocation::starts_agent;
use crate::start::fault::Fault;
use crate::start::fault::config::ConfigFault;
use crate::start::fault::debug::Decided;
use crate::start::fault::dynos::Reason;
use crate::start::plan::agent_set::{AgentSet, Wanted};
use crate::start::plan::choice::{Choice, DynoList};
use crate::start::plan::dyno::Dyno;
use crate::start::plan::installed::Installed;
use crate::start::plan::starter::Starter;
use crate::text;
use std::borrow::Cow;

/// The exit status of a boot that `HOOP_REQUIRED` stops: a configuration error (`EX_CONFIG` in
/// <https://man.openbsd.org/sysexits>).
pub(crate) const NOT_CONFIGURED: i32 = 78;

/// What to do.
#[derive(Clone, Debug)]
enum Decision {
    /// Run these agents.
    Run(Box<AgentSet>),
    /// Run none, for this reason, which is not a fault.
    NotHere(Reason),
    /// Run none, because of a fault.
    Cannot,
}

/// What hoopstart will do and why.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a config var of its own")]
pub(crate) struct Plan {
    decision: Decision,
    faults: Vec<Fault>,
    /// The dyno this is for.
    pub dyno: Dyno,
    /// Why the agent runs in this dyno, or does not.
    pub dyno_reason: Reason,
    /// The lists that decide where the agent runs.
    pub choice: Choice,
    /// Whether the line of the Procfile for this dyno starts the agent.
    is_wrapped: bool,
    disabled: bool,
    required: bool,
    hide_key: bool,
    debug: bool,
}

impl Plan {
    /// Makes the plan for an agent that was asked for by `starter`.
    pub(crate) fn make(environment: &Environment, installed: &Installed, starter: Starter) -> Self {
        let mut faults = Vec::new();
        let mut switch = |name: &'static str| match text(environment, name) {
            None => false,
            Some(value) => config::switch(&value).unwrap_or_else(|| {
                let value = text::excerpt(&value, 40);
                faults.push(ConfigFault::SwitchInvalid { name, value }.into());
                false
            }),
        };
        let disabled = switch(config::DISABLE);
        let required = switch(config::REQUIRED);
        let hide_key = switch(config::HIDE_KEY);
        let debug = switch(config::DEBUG) || switch(config::DEBUG_OLD);

        let list = |name| text(environment, name).map(|value| DynoList::parse(&value));
        let choice = Choice {
            only: list(config::PROCESS_TYPES),
            never: list(config::IGNORE_PROCESS_TYPES),
        };
        let dyno = Dyno::parse(environment.text("DYNO"));
        let (runs_here, dyno_reason) = match choice.runs_in(&dyno, &installed.procfile, starter) {
            Ok(reason) => (true, reason),
            Err(reason) => (false, reason),
        };
        faults.extend(choice.faults(&dyno, &installed.procfile).into_iter().map(Fault::from));
        let decision = if disabled {
            Decision::NotHere(Reason::Disabled)
        } else if runs_here {
            match AgentSet::wanted(environment, installed, &dyno, &mut faults) {
                Ok(Wanted::Agents(agent_set)) => Decision::Run(agent_set),
                Ok(Wanted::Nothing) => Decision::NotHere(Reason::NoConnection),
                Err(fault) => {
                    faults.push(fault);
                    Decision::Cannot
                }
            }
        } else {
            Decision::NotHere(dyno_reason)
        };
        // In a dyno without the agent nothing is said, since scripts read the output of one-off dynos. But a misspelled
        // process type may be what keeps the agent out of a dyno.
        if matches!(decision, Decision::NotHere(_)) {
            let is_one_off = dyno.is_ignored_by_default() || dyno.is_local() && starter == Starter::Autostart;
            let may_belong = !disabled && !is_one_off;
            let is_of_choice =
                |fault: &Fault| fault.failure() == Failure::ProcessTypeUnknown || matches!(fault, Fault::Dynos(_));
            faults.retain(|fault| may_belong && is_of_choice(fault));
        }
        Self {
            decision,
            faults,
            is_wrapped: installed.procfile.command(&dyno.process_type).is_some_and(starts_agent),
            dyno,
            dyno_reason,
            choice,
            disabled,
            required,
            hide_key,
            debug,
        }
    }

    /// The agents to run, if any.
    pub(crate) fn agent_set(&self) -> Option<&AgentSet> {
        match &self.decision {
            Decision::Run(agent_set) => Some(agent_set),
            Decision::NotHere(_) | Decision::Cannot => None,
        }
    }

    /// Why no agent runs here, if nothing is wrong.
    pub(crate) fn not_here(&self) -> Option<Reason> {
        match self.decision {
            Decision::NotHere(reason) => Some(reason),
            Decision::Run(_) | Decision::Cannot => None,
        }
    }

    /// Everything that is wrong.
    pub(crate) fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// Whether `HOOP_REQUIRED` stops this boot.
    pub(crate) fn stops_the_boot(&self) -> bool {
        self.required && self.faults.iter().any(Fault::stops_a_required_agent)
    }

    /// Whether the agent key is kept from the app.
    pub(crate) fn hides_key(&self) -> bool {
        self.hide_key
    }

    /// Whether the line of the Procfile for this dyno starts the agent.
    pub(crate) fn is_wrapped(&self) -> bool {
        self.is_wrapped
    }

    /// Whether `HOOP_REQUIRED` is on.
    pub(crate) fn is_required(&self) -> bool {
        self.required
    }

    /// Whether `HOOP_DISABLE` is on.
    pub(crate) fn is_disabled(&self) -> bool {
        self.disabled
    }

    /// The config vars that are on and have no effect on an agent beside a shell. If the shell runs hoopstart, that one
    /// hides the key.
    pub(crate) fn powerless_with_autostart(&self) -> impl Iterator<Item = &'static str> {
        let is_here = self.not_here().is_none();
        let shows_key = self.hide_key && !self.is_wrapped;
        [(config::HIDE_KEY, shows_key), (config::REQUIRED, self.required)]
            .into_iter()
            .filter(move |(_, is_on)| is_here && *is_on)
            .map(|(name, _)| name)
    }

    /// The line for `fault` in a boot that `HOOP_REQUIRED` may stop.
    pub(crate) fn line(&self, fault: &Fault) -> String {
        if self.required {
            fault.line_if_required()
        } else {
            fault.line()
        }
    }

    /// The lines for every fault and, with `HOOPSTART_DEBUG`, for every decision. `obeys_required` says whether
    /// `HOOP_REQUIRED` can stop the boot.
    pub(crate) fn lines(&self, obeys_required: bool) -> Vec<String> {
        let dyno = self.debug_line(&Decided::Dyno {
            name: &self.dyno.name,
            reason: self.dyno_reason,
        });
        let faults = self
            .faults
            .iter()
            .map(|fault| if obeys_required { self.line(fault) } else { fault.line() });
        let decision = self.debug_line(&match &self.decision {
            Decision::NotHere(reason) => Decided::NotHere(*reason),
            Decision::Cannot => Decided::NotStarted,
            Decision::Run(agent_set) => Decided::Agents {
                version: &agent_set.version,
                generation: agent_set.generation,
                count: agent_set.commands.len(),
            },
        });
        dyno.into_iter().chain(faults).chain(decision).collect()
    }

    /// The line for a decision, if `HOOPSTART_DEBUG` is on.
    pub(crate) fn debug_line(&self, decided: &Decided) -> Option<String> {
        self.debug.then(|| decided.to_string())
    }

    /// Whether [`Plan::lines`] is empty.
    pub(crate) fn is_silent(&self) -> bool {
        self.faults.is_empty() && !self.debug
    }
}

/// The value of a config var, unless it is empty. A value that is not UTF-8 is a wrong one, not a missing one.
fn text<'a>(environment: &'a Environment, name: &str) -> Option<Cow<'a, str>> {
    let value = environment.value(name).filter(|value| !value.is_empty())?;
    Some(value.to_string_lossy())
}

#[cfg(test)]
mod tests;
