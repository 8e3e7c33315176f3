//! `hoopstart --check`: reports what would be started, and everything that is wrong.

pub mod connect;
pub mod dial;
pub mod hpack;
pub mod http2;
pub mod report;
pub mod started_by;
pub mod status;
pub mod status_report;
pub mod transport;

use crate::config;
use crate::os::environment::Environment;
use crate::procfile::invocation::starts_agent;
use crate::secret::conceal::conceal;
use crate::start::check::report::Fact;
use crate::start::check::started_by::StartedBy;
use crate::start::check::transport::Transport;
use crate::start::fault::Fault;
use crate::start::fault::agent::AgentFault;
use crate::start::fault::config::ConfigFault;
use crate::start::fault::dynos::DynosFault;
use crate::start::fault::gateway::GatewayFault;
use crate::start::launch::program;
use crate::start::plan::agent_set::AgentSet;
use crate::start::plan::credential::Gateway;
use crate::start::plan::installed::Installed;
use crate::start::plan::starter::Starter;
use crate::start::plan::{NOT_CONFIGURED, Plan};
use crate::text;
use std::ffi::OsString;
use std::io::Write as _;

/// Prints the plan, and returns 0, or 78 if something is wrong. `command` would become the app; may be empty. `connect`
/// says whether to connect to the gateway.
pub(crate) fn run(environment: &Environment, connect: bool, command: &[OsString]) -> i32 {
    let (report, is_fine) = Check::new(environment, command).report(connect);
    // The reader may have gone.
    let _ = std::io::stdout().write_all(conceal(&report).as_bytes());
    if is_fine { 0 } else { NOT_CONFIGURED }
}

/// What is checked.
struct Check<'a> {
    environment: &'a Environment,
    command: &'a [OsString],
    installed: Installed,
    /// What happens in this dyno.
    here: Plan,
    /// What happens in a dyno in which the agent runs.
    elsewhere: Plan,
    /// What starts the agent.
    started_by: StartedBy,
    /// Whether `HOOP_AUTOSTART` is on.
    autostart: bool,
}

impl<'a> Check<'a> {
    fn new(environment: &'a Environment, command: &'a [OsString]) -> Self {
        let installed = Installed::of_this_program(environment);
        let autostart = is_autostart_on(environment) && !installed.is_image;
        let make = |environment, starter| Plan::make(environment, &installed, starter);
        let here = make(environment, Starter::CommandLine);
        // Without `hoopstart` in its line, the shell starts the agent.
        let here = if autostart && !here.is_wrapped() && command.is_empty() {
            make(environment, Starter::Autostart)
        } else {
            here
        };
        let elsewhere = make(&anywhere(environment), Starter::CommandLine);
        let started_by = match StartedBy::find(&here, &installed.procfile, autostart, !command.is_empty()) {
            StartedBy::Nothing(line) if installed.starts_by_script(line.as_ref().map(|(name, _)| name.as_str())) => {
                StartedBy::Script
            }
            StartedBy::Procfile(types) if installed.is_image => StartedBy::Image(types),
            started_by => started_by,
        };
        Self {
            environment,
            command,
            installed,
            here,
            elsewhere,
            started_by,
            autostart,
        }
    }

    /// The plan to report: in a one-off dyno, where people look for what is wrong, they want the plan for a dyno with
    /// the agent.
    fn plan(&self) -> &Plan {
        if self.here.not_here().is_some() {
            &self.elsewhere
        } else {
            &self.here
        }
    }

    /// The whole report, and whether nothing is wrong.
    fn report(&self, connect: bool) -> (String, bool) {
        let plan = self.plan();
        let mut faults = self.faults();
        let mut facts = self.start();
        let way = if let Some(agent_set) = plan.agent_set() {
            self.agents(agent_set, &mut facts, &mut faults)
        } else {
            facts.push(Fact::NoAgent(plan.not_here()));
            None
        };
        facts.push(Fact::App {
            hides_key: plan.hides_key() && !self.shows_key(),
        });
        if let Some(program) = self.command.first() {
            match program::resolve(program, self.environment.value("PATH")) {
                Ok(place) => facts.push(Fact::Command(place)),
                Err(cause) => faults.push(program::fault(self.command, cause).into()),
            }
        }
        if let Some((gateway, transport)) = way.filter(|_| connect) {
            let reach = connect::reach(gateway, &transport, self.environment);
            facts.extend(reach.facts);
            faults.extend(reach.fault.map(Fault::from));
        }
        let mut report: String = facts.iter().map(Fact::to_string).collect();
        for fault in &faults {
            // With HOOP_AUTOSTART the shell starts the app whatever is required.
            let line = if self.autostart { fault.line() } else { plan.line(fault) };
            report.push_str(&line);
            report.push('\n');
        }
        (report, faults.is_empty())
    }

    /// Which dyno this is, and what starts the agent.
    fn start(&self) -> Vec<Fact> {
        let not_here = self.here.not_here();
        let dyno = Fact::Dyno {
            name: self.here.dyno.name.clone(),
            has_agent: not_here.is_none(),
            reason: not_here.unwrap_or(self.here.dyno_reason),
        };
        let started_by = (!self.here.is_disabled()).then(|| Fact::StartedBy(self.started_by.clone()));
        [dyno].into_iter().chain(started_by).collect()
    }

    /// Adds the facts about the agents and their gateway, and what is wrong with them. Returns the gateway, if an agent
    /// can connect to it.
    fn agents<'p>(
        &self,
        agent_set: &'p AgentSet,
        facts: &mut Vec<Fact>,
        faults: &mut Vec<Fault>,
    ) -> Option<(&'p Gateway, Transport)> {
        if let Err(cause) = program::look_at(&agent_set.program, self.environment.value("PATH")) {
            let path = agent_set.program.display().to_string();
            faults.push(AgentFault::Unfit { path, cause }.into());
        }
        facts.push(Fact::Agent(agent_set.version.clone()));
        facts.push(Fact::Generation(agent_set.generation));
        let is_set = |name| self.environment.value(name).is_some_and(|value| !value.is_empty());
        if is_set(config::KEY) && is_set(config::DSN) {
            facts.push(Fact::TwoKeys);
        }
        let mut wrong = Vec::new();
        let way = agent_set.gateway.as_ref().map(|gateway| {
            let transport = Transport::of(agent_set, gateway, self.environment, &mut wrong);
            facts.push(Fact::Gateway {
                place: gateway.to_string(),
                encryption: transport.encryption,
                is_grpc: transport.is_grpc,
            });
            facts.extend(transport.certificate(self.environment).map(Fact::Certificate));
            (gateway, transport)
        });
        if way.is_none() {
            facts.push(Fact::GatewayUnknown);
        }
        let connections = agent_set.commands.iter().map(|command| Fact::Connection {
            name: command.connection.clone(),
            description: command.description.clone(),
        });
        facts.extend(connections);
        facts.extend(agent_set.not_here.iter().cloned().map(Fact::NotHere));
        facts.extend(agent_set.connections.merged().into_iter().map(Fact::Merged));
        let is_cut = wrong
            .iter()
            .any(|fault| matches!(fault, GatewayFault::VariableInvalid { .. }));
        faults.extend(wrong.into_iter().map(Fault::from));
        way.filter(|_| !is_cut)
    }

    /// Whether the app sees the key although `HOOP_HIDE_KEY` is on: it does if the shell starts it.
    fn shows_key(&self) -> bool {
        self.autostart && self.started_by == StartedBy::Autostart
    }

    /// Whether an agent runs in a process type: the lists leave it, and something starts it. Of a type that the
    /// Procfile does not have, nothing is known.
    fn runs_in(&self, process_type: &str) -> bool {
        let procfile = &self.installed.procfile;
        let starts = |line| self.autostart || starts_agent(line) || self.installed.starts_by_script(Some(process_type));
        let is_left = self
            .here
            .choice
            .runs_in_type(process_type, procfile, Starter::CommandLine);
        is_left && procfile.command(process_type).is_none_or(starts)
    }

    /// What is wrong with the plan, the choice of dynos, and what starts the agent.
    fn faults(&self) -> Vec<Fault> {
        let plan = self.plan();
        let mut faults: Vec<Fault> = if self.here.is_disabled() {
            Vec::new()
        } else {
            // A boot of a one-off dyno says nothing about the lists, but here someone asks.
            let faults = self.here.choice.faults(&self.here.dyno, &self.installed.procfile);
            faults.into_iter().map(Fault::from).collect()
        };
        let is_well_chosen = faults.is_empty() && self.here.not_here().is_some();
        for fault in plan.faults() {
            if !faults.contains(fault) {
                faults.push(fault.clone());
            }
        }
        if let Some(value) = self.environment.value(config::AUTOSTART)
            && let value = value.to_string_lossy()
            && !value.is_empty()
            && config::switch(&value).is_none()
        {
            let name = config::AUTOSTART;
            let value = text::excerpt(&value, 40);
            faults.push(ConfigFault::SwitchInvalid { name, value }.into());
        }
        if self.here.is_disabled() {
            return faults;
        }
        let published = plan.agent_set().map(|agent_set| &agent_set.published);
        let nowhere = published.into_iter().flatten();
        let nowhere = nowhere.filter_map(|published| published.never_published(|name| self.runs_in(name)));
        faults.extend(nowhere.map(Fault::from));
        if self.installed.is_image && is_autostart_on(self.environment) {
            faults.push(ConfigFault::AutostartInImage.into());
        }
        for (name, is_powerless) in [
            (config::HIDE_KEY, plan.hides_key() && self.shows_key()),
            (config::REQUIRED, plan.is_required() && self.autostart),
        ] {
            if is_powerless {
                faults.push(ConfigFault::NotWithAutostart { name }.into());
            }
        }
        faults.extend(self.started_by.fault(self.installed.is_image).map(Fault::from));
        if is_well_chosen && self.here.choice.leaves_none(&self.installed.procfile) {
            faults.push(DynosFault::Nowhere.into());
        }
        faults
    }
}

/// `environment` as in a dyno with the agent.
fn anywhere(environment: &Environment) -> Environment {
    let mut anywhere = environment.clone();
    for name in ["DYNO", config::PROCESS_TYPES, config::IGNORE_PROCESS_TYPES] {
        anywhere.remove(name);
    }
    anywhere
}

/// Whether `HOOP_AUTOSTART` is on.
fn is_autostart_on(environment: &Environment) -> bool {
    environment.text(config::AUTOSTART).and_then(config::switch) == Some(true)
}
