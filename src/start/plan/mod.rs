//! Decides what to start, or why not: from the environment and what is installed, without effects.

pub mod agent_command;
pub mod agent_set;
pub mod choice;
pub mod credential;
pub mod dyno;
pub mod entrypoint;
pub mod installed;
pub mod memory_limit;
pub mod starter;

use crate::config;

use crate::os::environment::Environment;
use crate::os::stderr;
use crate::procfile::NOT_RUN_BY_DEFAULT;
use crate::procfile::invocation::starts_agent;
use crate::start::fault::Fault;
use crate::start::fault::config::ConfigFault;
use crate::start::fault::debug::Decided;
use crate::start::fault::dynos::{DynosFault, Reason, Remainder};
use crate::start::plan::agent_set::AgentSet;
use crate::start::plan::choice::{Choice, DynoList};
use crate::start::plan::dyno::Dyno;
use crate::start::plan::installed::Installed;
use crate::start::plan::starter::Starter;
use crate::text;
use std::borrow::Cow;

/// The exit status of a boot that `HOOP_REQUIRED` stops: a configuration error
/// (`EX_CONFIG` of <https://man.openbsd.org/sysexits>).
pub(crate) const NOT_CONFIGURED: i32 = 78;

/// What to do.
#[derive(Clone, Debug)]
enum Decision {
    /// Run these agents.
    Run(Box<AgentSet>),
    /// Run none, for this reason, which is no fault.
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
    /// The lists that decide on it.
    pub choice: Choice,
    /// Whether the line of the Procfile for this dyno starts the agent.
    is_wrapped: bool,
    disabled: bool,
    required: bool,
    hide_key: bool,
    debug: bool,
}

impl Plan {
    /// Makes the plan for an agent that `starter` asks for.
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
        faults.extend(choice_faults(&choice, &dyno, installed).into_iter().map(Fault::from));
        let decision = if disabled {
            Decision::NotHere(Reason::Disabled)
        } else if runs_here {
            match AgentSet::wanted(environment, installed, &mut faults) {
                Ok(agents) => Decision::Run(Box::new(agents)),
                Err(fault) => {
                    faults.push(fault);
                    Decision::Cannot
                }
            }
        } else {
            Decision::NotHere(dyno_reason)
        };
        // In a dyno without the agent nothing is said, since scripts read what one-off dynos print. A misspelt
        // process type is what may keep the agent out of a dyno it belongs in.
        if matches!(decision, Decision::NotHere(_)) {
            let is_one_off = dyno.is_ignored_by_default() || dyno.is_local() && starter == Starter::Autostart;
            let may_belong = !disabled && !is_one_off;
            let is_of_choice = |fault: &Fault| matches!(fault, Fault::Dynos(_));
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
    pub(crate) fn agents(&self) -> Option<&AgentSet> {
        match &self.decision {
            Decision::Run(agents) => Some(agents),
            Decision::NotHere(_) | Decision::Cannot => None,
        }
    }

    /// Why no agent runs although nothing is wrong.
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

    /// Whether `HOOP_REQUIRED` ends the boot here.
    pub(crate) fn stops_the_boot(&self) -> bool {
        self.required && self.faults.iter().any(Fault::stops_a_required_agent)
    }

    /// Whether the app is not to see the agent key.
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

    /// The config vars that are on and that an agent beside somebody else's shell cannot obey. The key is
    /// hidden all the same by a hoopstart that the shell runs.
    pub(crate) fn powerless_with_autostart(&self) -> impl Iterator<Item = &'static str> {
        let is_here = self.not_here().is_none();
        let shows_key = self.hide_key && !self.is_wrapped;
        [(config::HIDE_KEY, shows_key), (config::REQUIRED, self.required)]
            .into_iter()
            .filter(move |(_, is_on)| is_here && *is_on)
            .map(|(name, _)| name)
    }

    /// The line that tells `fault` in a boot that `HOOP_REQUIRED` may stop.
    pub(crate) fn line(&self, fault: &Fault) -> String {
        if self.required {
            fault.line_if_required()
        } else {
            fault.line()
        }
    }

    /// Writes a line for every fault, and with `HOOPSTART_DEBUG` one for every decision. `obeys_required` says
    /// whether `HOOP_REQUIRED` can stop the boot.
    pub(crate) fn tell(&self, obeys_required: bool) {
        self.debug(&Decided::Dyno {
            name: &self.dyno.name,
            reason: self.dyno_reason,
        });
        for fault in &self.faults {
            stderr::say(&if obeys_required { self.line(fault) } else { fault.line() });
        }
        self.debug(&match &self.decision {
            Decision::NotHere(reason) => Decided::NotHere(*reason),
            Decision::Cannot => Decided::NotStarted,
            Decision::Run(agents) => Decided::Agents {
                version: &agents.version,
                generation: agents.generation,
                count: agents.commands.len(),
            },
        });
    }

    /// Whether [`Plan::tell`] has nothing to write.
    pub(crate) fn is_silent(&self) -> bool {
        self.faults.is_empty() && !self.debug
    }

    /// Writes a line if `HOOPSTART_DEBUG` is on.
    pub(crate) fn debug(&self, decided: &Decided) {
        if self.debug {
            stderr::say(&decided.to_string());
        }
    }
}

/// The value of a config var, unless it is not set or empty. What is not UTF-8 is a wrong value, not none.
fn text<'a>(environment: &'a Environment, name: &str) -> Option<Cow<'a, str>> {
    let value = environment.value(name).filter(|value| !value.is_empty())?;
    Some(value.to_string_lossy())
}

/// What is wrong with the lists of dynos.
pub(crate) fn choice_faults(choice: &Choice, dyno: &Dyno, installed: &Installed) -> Vec<DynosFault> {
    let known: Vec<&str> = installed.procfile.process_types().collect();
    let mut faults = Vec::new();
    let ignored = NOT_RUN_BY_DEFAULT.join(",");
    for (name, list, without_any, otherwise) in [
        (config::PROCESS_TYPES, &choice.only, Remainder::Nowhere, "web"),
        (
            config::IGNORE_PROCESS_TYPES,
            &choice.never,
            Remainder::Everywhere,
            ignored.as_str(),
        ),
    ] {
        let Some(list) = list else { continue };
        let (impossible, unknown) = (list.impossible(), list.unknown(&known, dyno));
        let remainder = if impossible.len() + unknown.len() == list.len() {
            without_any
        } else {
            Remainder::Items
        };
        if !impossible.is_empty() || list.len() == 0 {
            faults.push(DynosFault::NoDynoName {
                name,
                items: impossible,
                right: list.repaired(otherwise),
                remainder,
            });
        }
        if !unknown.is_empty() {
            faults.push(DynosFault::ProcessTypeUnknown {
                name,
                unknown,
                known: known.iter().map(|name| text::visible(name)).collect(),
                remainder,
            });
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::Plan;
    use crate::agent::manifest::{AgentRecord, Manifest};
    use crate::os::environment::Environment;
    use crate::procfile::Procfile;
    use crate::start::plan::installed::{AgentFile, Installed};
    use crate::start::plan::starter::Starter;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    use std::path::PathBuf;

    const STANDARD: &str = "grpcs://web:s3cr3t0@gateway.example:8443?mode=standard";
    const MULTI: &str = "grpcs://web:s3cr3t0@gateway.example:8443?mode=multi-connection";

    fn installed(version: &str) -> Installed {
        let manifest = Manifest {
            agent: Some(AgentRecord {
                version: version.parse().unwrap(),
                sha256: "ab".repeat(32).parse().unwrap(),
                source: "https://releases.example".to_owned(),
            }),
            platform: "linux/amd64".to_owned(),
            buildpack_version: "0.1.0".to_owned(),
            process_types: Vec::new(),
        };
        Installed {
            programs: PathBuf::from("/app/.hoop/bin"),
            manifest_path: PathBuf::from("/app/.hoop/manifest.yml"),
            manifest: Ok(manifest),
            agent: AgentFile::Program,
            folder: None,
            procfile: Procfile::parse("web: hoopstart -- puma"),
        }
    }

    fn environment(variables: &[(&str, &str)]) -> Environment {
        variables.iter().copied().collect()
    }

    /// Makes a plan and returns its failure ids, the number of agents, and whether the boot stops.
    fn outcome(installed: &Installed, variables: &[(&str, &str)]) -> (Vec<&'static str>, usize, bool) {
        let plan = Plan::make(&environment(variables), installed, Starter::CommandLine);
        let ids = plan.faults().iter().map(|fault| fault.failure().id()).collect();
        (
            ids,
            plan.agents().map_or(0, |agents| agents.commands.len()),
            plan.stops_the_boot(),
        )
    }

    #[test]
    fn faults_are_told_and_only_a_required_agent_stops_the_boot() {
        let current = installed("1.148.0");
        let required = ("HOOP_REQUIRED", "1");
        for (variables, ids, agents) in [
            (vec![], vec!["start::key-missing"], 0),
            (vec![("HOOP_KEY", "")], vec!["start::key-missing"], 0),
            (vec![("HOOP_KEY", "nonsense")], vec!["start::key-malformed"], 1),
            (vec![("HOOP_KEY", MULTI)], vec!["start::connection-missing"], 0),
            (
                vec![("HOOP_KEY", MULTI), ("HOOP_CONNECTION", "env.NOPE")],
                vec!["start::connection-invalid"],
                0,
            ),
        ] {
            assert_eq!(
                outcome(&current, &variables),
                (ids.clone(), agents, false),
                "{variables:?}"
            );
            let mut variables = variables;
            variables.push(required);
            assert_eq!(outcome(&current, &variables), (ids, agents, true), "{variables:?}");
        }
    }

    #[test]
    fn what_is_only_worth_a_warning_never_stops_the_boot() {
        let current = installed("1.148.0");
        for (variables, ids, agents) in [
            (vec![("HOOP_KEY", STANDARD)], vec![], 1),
            (vec![("HOOP_DSN", STANDARD)], vec![], 1),
            (vec![("HOOP_KEY", MULTI), ("HOOP_CONNECTION", "a,b,a")], vec![], 2),
            (
                vec![("HOOP_KEY", MULTI), ("HOOP_CONNECTION", "a,b,Á")],
                vec!["start::connection-merged"],
                2,
            ),
            (
                vec![("HOOP_KEY", STANDARD), ("HOOP_CONNECTION", "a")],
                vec!["start::connection-not-published"],
                1,
            ),
            (
                vec![("HOOP_KEY", STANDARD), ("HOOP_HIDE_KEY", "ja")],
                vec!["start::value-invalid"],
                1,
            ),
            (
                vec![("HOOP_KEY", STANDARD), ("HOOP_PROCESS_TYPES", "wbe,local")],
                vec!["start::process-type-unknown"],
                1,
            ),
            (vec![("HOOP_GRPCURL", "h:1"), ("HOOP_TOKEN", "token")], vec![], 1),
            (vec![("HOOP_GRPCURL", "h:1"), ("HOOP_SPIFFE_KEY_FILE", "/f")], vec![], 1),
        ] {
            let mut variables = variables;
            variables.push(("HOOP_REQUIRED", "on"));
            assert_eq!(outcome(&current, &variables), (ids, agents, false), "{variables:?}");
        }
    }

    #[test]
    fn where_no_agent_belongs_nothing_is_said() {
        for extra in [
            ("DYNO", "run.1"),
            ("HOOP_DISABLE", "yes"),
            ("HOOP_IGNORE_PROCESS_TYPES", "local"),
        ] {
            let variables = [extra, ("HOOP_HIDE_KEY", "ja"), ("HOOP_REQUIRED", "1")];
            assert_eq!(
                outcome(&installed("1.148.0"), &variables),
                (vec![], 0, false),
                "{extra:?}"
            );
        }
    }

    #[test]
    fn a_misspelt_process_type_is_told_where_the_agent_may_belong() {
        let told = |dyno, name| outcome(&installed("1.148.0"), &[("DYNO", dyno), (name, "wbe")]);

        assert_eq!(
            told("web.1", "HOOP_PROCESS_TYPES"),
            (vec!["start::process-type-unknown"], 0, false)
        );
        assert_eq!(told("run.1", "HOOP_PROCESS_TYPES"), (vec![], 0, false));
        // What is not UTF-8 is a wrong list and not none.
        let mut environment = environment(&[("DYNO", "web.1"), ("HOOP_KEY", STANDARD)]);
        for name in ["HOOP_PROCESS_TYPES", "HOOP_HIDE_KEY"] {
            environment.set(name, OsStr::from_bytes(b"web\xff"));
        }
        let plan = Plan::make(&environment, &installed("1.148.0"), Starter::CommandLine);
        let ids: Vec<&str> = plan.faults().iter().map(|fault| fault.failure().id()).collect();
        assert_eq!(ids, ["start::process-type-unknown"]);
        assert!(plan.agents().is_none());
    }

    #[test]
    fn an_agent_or_manifest_that_is_not_there_is_told() {
        let with = |agent| Installed {
            agent,
            ..installed("1.148.0")
        };
        let without_manifest = Installed {
            manifest: Err("no such file".to_owned()),
            ..installed("1.148.0")
        };

        let key = [("HOOP_KEY", STANDARD)];
        for agent in [AgentFile::Missing, AgentFile::NotExecutable] {
            assert_eq!(outcome(&with(agent), &key), (vec!["start::agent-missing"], 0, false));
        }
        assert_eq!(
            outcome(&without_manifest, &key),
            (vec!["start::manifest-unreadable"], 0, false)
        );
    }

    #[test]
    fn a_key_the_old_agent_refuses_is_a_fault_that_a_restart_does_not_cure() {
        let plan = Plan::make(
            &environment(&[("HOOP_KEY", MULTI)]),
            &installed("1.19.63"),
            Starter::CommandLine,
        );

        assert!(plan.agents().unwrap().incurable);
        assert_eq!(plan.faults().len(), 1);
    }

    #[test]
    fn nothing_that_is_shown_of_a_plan_holds_the_key() {
        let plan = Plan::make(
            &environment(&[("HOOP_KEY", MULTI), ("HOOP_CONNECTION", "a")]),
            &installed("1.148.0"),
            Starter::CommandLine,
        );

        assert!(!format!("{plan:?}").contains("s3cr3t0"));
        let masks = plan.agents().unwrap().credentials.masks();
        assert!(masks.iter().any(|mask| mask.expose() == "s3cr3t0") && masks.iter().any(|mask| mask.expose() == MULTI));
    }
}
