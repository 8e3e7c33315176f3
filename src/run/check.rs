//! `hoopstart --check`: tells what would be started, and everything that is wrong.

use super::NOT_CONFIGURED;
use super::connect;
use super::fault::Fault;
use super::plan::Plan;
use super::slug::Slug;
use crate::conceal::conceal;
use crate::config;
use crate::environment::Environment;
use crate::text;
use std::fmt::Write as _;
use std::io::Write as _;

/// Prints the plan and returns 0, or 78 where something is wrong. With `connect`, the way to the gateway is tried.
pub(super) fn run(environment: &Environment, connect: bool) -> i32 {
    let slug = Slug::of_this_program(environment);
    let here = Plan::make(environment, &slug);
    let elsewhere = Plan::make(&anywhere(environment), &slug);
    // In a one-off dyno, where people look for what is wrong, the plan for a dyno with the agent is what they want.
    let plan = if here.not_here().is_some() { &elsewhere } else { &here };
    let mut report = facts(&here, plan);
    let gateway = plan.agents().and_then(|agents| agents.gateway.as_ref());
    let reach = gateway
        .filter(|_| connect)
        .map(|gateway| connect::reach(gateway, environment));
    for (name, value) in reach.iter().flat_map(|reach| &reach.facts) {
        add(&mut report, name, value);
    }
    let far = reach.as_ref().and_then(|reach| reach.fault.as_ref());
    let faults: Vec<&Fault> = faults(&here, plan).chain(far).collect();
    for fault in &faults {
        report.push_str(&plan.line(fault));
        report.push('\n');
    }
    // Whoever reads this may have gone.
    let _ = std::io::stdout().write_all(conceal(&report).as_bytes());
    if faults.is_empty() { 0 } else { NOT_CONFIGURED }
}

/// Returns `environment` as it would be in a dyno in which the agent runs.
fn anywhere(environment: &Environment) -> Environment {
    let mut anywhere = environment.clone();
    for name in ["DYNO", config::PROCESS_TYPES, config::IGNORE_PROCESS_TYPES] {
        anywhere.remove(name);
    }
    anywhere
}

/// Returns what is wrong with `plan`, and with the choice of dynos, of which only the plan `here` knows.
fn faults<'a>(here: &'a Plan, plan: &'a Plan) -> impl Iterator<Item = &'a Fault> {
    let of_choice = here.not_here().map_or(&[][..], |_| here.faults());
    of_choice.iter().chain(plan.faults())
}

/// Returns `plan` as text, without secrets, and whether the agent runs `here`.
fn facts(here: &Plan, plan: &Plan) -> String {
    let mut report = String::new();
    let mut fact = |name: &str, value: &str| add(&mut report, name, value);
    let name = text::visible(&here.dyno.name);
    match here.not_here() {
        Some(reason) => fact("dyno", &format!("{name}, without the agent ({reason})")),
        None => fact("dyno", &format!("{name} ({})", here.dyno_reason)),
    }
    match (plan.agents(), plan.not_here()) {
        (Some(agents), _) => {
            fact("agent", &agents.version.to_string());
            fact("runs", agents.generation.words());
            match &agents.gateway {
                Some(gateway) => {
                    let tls = if gateway.tls { "TLS" } else { "plain text" };
                    fact("gateway", &format!("{gateway} ({tls})"));
                }
                None => fact("gateway", "not named in a form that can be read"),
            }
            for command in &agents.commands {
                let name = command.connection.as_deref().unwrap_or("those of this agent");
                fact("connection", &text::visible(name));
            }
        }
        (None, Some(reason)) => fact("agent", &format!("not started: {reason}")),
        (None, None) => fact("agent", "not started"),
    }
    fact(
        "app",
        if plan.hides_key() {
            "without HOOP_KEY and HOOP_DSN"
        } else {
            "with its environment as it is"
        },
    );
    report
}

/// Adds a line to `report`.
fn add(report: &mut String, name: &str, value: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(report, "{:14}{value}", format!("{name}:"));
}
