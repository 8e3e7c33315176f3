//! Gets an agent to run beside a process: plans, claims the process, tells what is wrong, and starts the supervisor.

use crate::config;
use crate::os::environment::Environment;
use crate::os::stderr;
use crate::secret::conceal;
use crate::start::fault;
use crate::start::fault::config::ConfigFault;
use crate::start::fault::debug::Decided;
use crate::start::fault::supervisor::{InternalError, SupervisorFault};
use crate::start::launch::attach::Shell;
use crate::start::launch::claim::{self, Claim};
use crate::start::launch::{detach, init};
use crate::start::plan::agent_set::AgentSet;
use crate::start::plan::installed::Installed;
use crate::start::plan::starter::Starter;
use crate::start::plan::{Plan, credential};
use crate::start::supervise::supervisor;
use crate::text;
use std::io;
use std::os::fd::OwnedFd;

/// Whether `HOOP_AUTOSTART` is on. Tells if it is neither on nor off.
pub(crate) fn is_autostart_on(environment: &Environment) -> bool {
    let Some(value) = environment.text(config::AUTOSTART) else {
        return false;
    };
    config::switch(value).unwrap_or_else(|| {
        fault::tell(ConfigFault::SwitchInvalid {
            name: config::AUTOSTART,
            value: text::excerpt(value, 40),
        });
        false
    })
}

/// Tells, before a process of an image starts, what has no effect there. Starts nothing, and writes nothing but to the
/// log: what it wrote to its third file would be variables for the app.
pub fn notice(environment: &Environment) {
    if is_autostart_on(environment) {
        fault::tell(ConfigFault::AutostartInImage);
    }
}

/// What hoopstart does next.
pub(crate) enum Outcome {
    BecomeApp {
        hide_key: bool,
    },
    /// Stay beside the app as its init, with these agents.
    StayAsInit {
        hide_key: bool,
        agent_set: Box<AgentSet>,
        claim: Option<OwnedFd>,
    },
    /// `HOOP_REQUIRED` wants the agent, and something keeps it from running.
    StopBoot,
}

/// As [`beside`], whatever is wrong with hoopstart itself: the app must start.
pub(crate) fn whatever_happens(attach_to: Option<u32>, environment: &Environment) -> Outcome {
    // The default hook would wait for the reader of the log, and so would the app.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        stderr::say(&InternalError { place }.to_string());
    }));
    std::panic::catch_unwind(|| beside(attach_to, environment)).unwrap_or_else(|_| {
        fault::tell(SupervisorFault::Internal);
        let hide_key = environment.text(config::HIDE_KEY).and_then(config::switch);
        Outcome::BecomeApp {
            hide_key: hide_key.unwrap_or_default(),
        }
    })
}

/// Gets an agent to run beside this process, which is to become the app, or beside the shell `attach_to`.
fn beside(attach_to: Option<u32>, environment: &Environment) -> Outcome {
    match attach_to {
        None => beside_this_process(environment),
        Some(shell) => {
            beside_shell(shell, environment);
            Outcome::BecomeApp { hide_key: false }
        }
    }
}

/// Starts the supervisor beside this process, if the plan says so, and tells its faults.
fn beside_this_process(environment: &Environment) -> Outcome {
    let plan = Plan::make(
        environment,
        &Installed::of_this_program(environment),
        Starter::CommandLine,
    );
    let hide_key = plan.hides_key();
    let Claim::Ours(claim) = claim_for(&plan, std::process::id()) else {
        return Outcome::BecomeApp { hide_key };
    };
    tell(plan.lines(true));
    if plan.stops_the_boot() {
        return Outcome::StopBoot;
    }
    if let Some(agent_set) = plan.agent_set() {
        if init::is_needed() {
            let agent_set = Box::new(agent_set.clone());
            return Outcome::StayAsInit {
                hide_key,
                agent_set,
                claim,
            };
        }
        tell_failure(detach::start_beside(std::process::id(), claim.as_ref(), |app| {
            supervisor::run(app, agent_set)
        }));
    }
    Outcome::BecomeApp { hide_key }
}

/// Starts the supervisor beside the shell `pid`, which will run the app's command in an environment of its own.
/// Whatever goes wrong, the shell goes on.
fn beside_shell(pid: u32, environment: &Environment) {
    let early = Plan::make(
        environment,
        &Installed::of_this_program(environment),
        Starter::Autostart,
    );
    let Claim::Ours(claim) = claim_for(&early, pid) else {
        return;
    };
    if early.not_here().is_some() {
        tell(early.lines(false));
        return;
    }
    let shell = Shell::find(pid);
    tell_failure(detach::start_beside(pid, claim.as_ref(), |app| {
        let found = shell.as_ref().map_or_else(
            || Some(environment.clone()),
            |shell| shell.environment(app, environment),
        );
        let Some(environment) = found else { return Ok(()) };
        // The key may have been set since.
        conceal::keep(credential::all(&environment));
        let plan = Plan::make(
            &environment,
            &Installed::of_this_program(&environment),
            Starter::Autostart,
        );
        tell(plan.lines(false));
        for name in plan.powerless_with_autostart() {
            fault::tell(ConfigFault::NotWithAutostart { name });
        }
        plan.agent_set()
            .map_or(Ok(()), |agent_set| supervisor::run(app, agent_set))
    }));
}

/// Claims the process `pid` for the agents of `plan`, if it may have any. If it or an ancestor already has a
/// supervisor, nothing is said: that one has said what is wrong, and it may have changed the environment that we see.
/// With nothing to say, ancestors are left to the supervisor, for which no app waits.
fn claim_for(plan: &Plan, pid: u32) -> Claim {
    if plan.not_here().is_some() {
        return Claim::Ours(None);
    }
    let claim = claim::claim(pid);
    let elder = match claim {
        Claim::Taken => Some(pid),
        Claim::Ours(_) if plan.is_silent() => None,
        Claim::Ours(_) => claim::elder(pid),
    };
    let Some(elder) = elder else { return claim };
    tell(plan.debug_line(&Decided::RunsAlready(elder)));
    Claim::Taken
}

/// Writes lines to stderr.
fn tell(lines: impl IntoIterator<Item = String>) {
    lines.into_iter().for_each(|line| stderr::say(&line));
}

/// Tells why there is no supervisor.
fn tell_failure(started: io::Result<()>) {
    if let Err(error) = started {
        fault::tell(SupervisorFault::NotStarted(error.to_string()));
    }
}
