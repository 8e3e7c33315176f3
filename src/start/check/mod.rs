//! `hoopstart --check`: tells what would be started, and everything that is wrong.

pub mod connect;
pub mod hpack;
pub mod http2;
pub mod report;
pub mod started;
pub mod status;
pub mod status_report;
pub mod transport;

use crate::config;

use crate::os::environment::Environment;
use crate::secret::conceal::conceal;
use crate::start::check::report::{UNNAMED, add};
use crate::start::check::started::Started;
use crate::start::check::transport::Transport;
use crate::start::fault::Fault;
use crate::start::fault::gateway::GatewayFault;
use crate::start::launch::program::{self, Verdict};
use crate::start::plan::agent_set::AgentSet;
use crate::start::plan::credential::Gateway;
use crate::start::plan::installed::Installed;
use crate::start::plan::starter::Starter;
use crate::start::plan::{NOT_CONFIGURED, Plan, choice_faults};
use crate::text;
use std::ffi::OsString;
use std::io::Write as _;

/// Prints the plan and returns 0, or 78 where something is wrong. `command` is what would be the app, if it is given.
/// With
/// `connect`, the way to the gateway is tried.
pub(crate) fn run(environment: &Environment, connect: bool, command: &[OsString]) -> i32 {
    let (report, is_fine) = Check::new(environment, command).report(connect);
    // Whoever reads this may have gone.
    let _ = std::io::stdout().write_all(conceal(&report).as_bytes());
    if is_fine { 0 } else { NOT_CONFIGURED }
}

/// What there is to check.
struct Check<'a> {
    environment: &'a Environment,
    command: &'a [OsString],
    installed: Installed,
    /// What happens in this dyno.
    here: Plan,
    /// What happens in a dyno in which the agent runs.
    elsewhere: Plan,
    /// What starts the agent.
    started: Started,
    /// Whether `HOOP_AUTOSTART` is on.
    autostart: bool,
}

impl<'a> Check<'a> {
    fn new(environment: &'a Environment, command: &'a [OsString]) -> Self {
        let installed = Installed::of_this_program(environment);
        let autostart = environment.text(config::AUTOSTART).and_then(config::switch) == Some(true);
        let make = |environment, starter| Plan::make(environment, &installed, starter);
        let here = make(environment, Starter::CommandLine);
        // Without a line of its own the shell is what starts it.
        let here = if autostart && !here.is_wrapped() && command.is_empty() {
            make(environment, Starter::Autostart)
        } else {
            here
        };
        let elsewhere = make(&anywhere(environment), Starter::CommandLine);
        let started = match Started::find(&here, &installed.procfile, autostart, !command.is_empty()) {
            Started::Nothing(line) if installed.starts_by_script(line.as_ref().map(|(name, _)| name.as_str())) => {
                Started::Script
            }
            started => started,
        };
        Self {
            environment,
            command,
            installed,
            here,
            elsewhere,
            started,
            autostart,
        }
    }

    /// The plan to tell of: in a one-off dyno, where people look for what is wrong, the plan for a dyno with
    /// the agent is what they want.
    fn plan(&self) -> &Plan {
        if self.here.not_here().is_some() {
            &self.elsewhere
        } else {
            &self.here
        }
    }

    /// Everything there is to tell, and whether nothing is wrong.
    fn report(&self, connect: bool) -> (String, bool) {
        let plan = self.plan();
        let mut faults = self.faults();
        let mut report = String::new();
        self.tell_start(&mut report);
        let way = match (plan.agents(), plan.not_here()) {
            (Some(agents), _) => self.tell_agents(agents, &mut report, &mut faults),
            (None, reason) => {
                let reason = reason.map_or(String::new(), |reason| format!(": {reason}"));
                add(&mut report, "agent", &format!("not started{reason}"));
                None
            }
        };
        let hides_key = plan.hides_key() && !self.shows_key();
        add(
            &mut report,
            "app",
            if hides_key {
                "without HOOP_KEY and HOOP_DSN"
            } else {
                "with its environment unchanged"
            },
        );
        if let Some(program) = self.command.first() {
            let verdict = program::resolve(program, self.environment.value("PATH"));
            if let Verdict::Runs(place) = &verdict {
                add(&mut report, "command", &text::excerpt(&place.to_string_lossy(), 200));
            }
            faults.extend(verdict.fault(self.command));
        }
        if let Some((gateway, transport)) = way.filter(|_| connect) {
            let reach = connect::reach(gateway, &transport, self.environment);
            for (name, value) in &reach.facts {
                add(&mut report, name, value);
            }
            faults.extend(reach.fault.map(Fault::Gateway));
        }
        for fault in &faults {
            // The shell that starts the app with HOOP_AUTOSTART goes on whatever is required.
            let line = if self.autostart { fault.line() } else { plan.line(fault) };
            report.push_str(&line);
            report.push('\n');
        }
        (report, faults.is_empty())
    }

    /// Tells which dyno this is, and what starts the agent.
    fn tell_start(&self, report: &mut String) {
        let name = text::excerpt(&self.here.dyno.name, 100);
        match self.here.not_here() {
            Some(reason) => add(report, "dyno", &format!("{name}, without the agent ({reason})")),
            None => add(report, "dyno", &format!("{name} ({})", self.here.dyno_reason)),
        }
        if !self.here.is_disabled() {
            add(report, "started by", &self.started.words());
        }
    }

    /// Tells of the agents and their gateway, and adds what is wrong with them to `faults`. Returns the way to the
    /// gateway, where an agent can take it.
    fn tell_agents<'p>(
        &self,
        agents: &'p AgentSet,
        report: &mut String,
        faults: &mut Vec<Fault>,
    ) -> Option<(&'p Gateway, Transport)> {
        let verdict = program::look_at(&agents.program, self.environment.value("PATH"));
        if let Some(cause) = verdict.words() {
            let path = agents.program.display().to_string();
            faults.push(Fault::AgentUnfit { path, cause });
        }
        add(report, "agent", &agents.version.to_string());
        add(report, "runs", agents.generation.words());
        let is_set = |name| self.environment.value(name).is_some_and(|value| !value.is_empty());
        if is_set(config::KEY) && is_set(config::DSN) {
            add(report, "key", "HOOP_KEY; HOOP_DSN is also set, but not used");
        }
        let mut wrong = Vec::new();
        let way = agents.gateway.as_ref().map(|gateway| {
            let transport = Transport::of(agents, gateway, self.environment, &mut wrong);
            let protocol = if transport.is_grpc { "" } else { ", an HTTP API" };
            add(
                report,
                "gateway",
                &format!("{gateway} ({}{protocol})", transport.words()),
            );
            if let Some(certificate) = transport.certificate(self.environment) {
                add(report, "certificate", &certificate);
            }
            (gateway, transport)
        });
        if way.is_none() {
            add(report, "gateway", "unknown: the agent key cannot be read");
        }
        for command in &agents.commands {
            // By the name that a user finds in the gateway.
            let name = command.connection.as_deref().unwrap_or(UNNAMED);
            add(report, "connection", &text::visible(name));
        }
        for merged in agents.connections.merged() {
            let written: Vec<String> = merged.written.iter().map(|text| text::quoted(text, 60)).collect();
            add(report, "one name", &written.join(" and "));
        }
        let is_cut = wrong
            .iter()
            .any(|fault| matches!(fault, GatewayFault::VariableInvalid { .. }));
        faults.extend(wrong.into_iter().map(Fault::Gateway));
        way.filter(|_| !is_cut)
    }

    /// Whether the app sees the key in spite of `HOOP_HIDE_KEY`: where the shell starts it.
    fn shows_key(&self) -> bool {
        self.autostart && self.started == Started::Autostart
    }

    /// What is wrong with the plan, the choice of dynos, and what starts the agent.
    fn faults(&self) -> Vec<Fault> {
        let plan = self.plan();
        let mut faults = if self.here.is_disabled() {
            Vec::new()
        } else {
            // In a one-off dyno nothing is said of them at the boot. Here they are asked for.
            choice_faults(&self.here.choice, &self.here.dyno, &self.installed)
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
            faults.push(Fault::ValueInvalid { name, value });
        }
        if self.here.is_disabled() {
            return faults;
        }
        for (name, is_powerless) in [
            (config::HIDE_KEY, plan.hides_key() && self.shows_key()),
            (config::REQUIRED, plan.is_required() && self.autostart),
        ] {
            if is_powerless {
                faults.push(Fault::NotWithAutostart { name });
            }
        }
        faults.extend(self.started.fault());
        if is_well_chosen && self.here.choice.leaves_none(&self.installed.procfile) {
            faults.push(Fault::Nowhere);
        }
        faults
    }
}

/// `environment` as it would be in a dyno in which the agent runs.
fn anywhere(environment: &Environment) -> Environment {
    let mut anywhere = environment.clone();
    for name in ["DYNO", config::PROCESS_TYPES, config::IGNORE_PROCESS_TYPES] {
        anywhere.remove(name);
    }
    anywhere
}
