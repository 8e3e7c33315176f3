//! `hoopstart --check`: tells what would be started, and everything that is wrong.

use super::NOT_CONFIGURED;
use super::plan::{Plan, Slug};
use crate::environment::Environment;
use crate::text;
use std::fmt::Write as _;
use std::io::Write as _;

/// Prints the plan and returns 0, or 78 where something is wrong.
pub(super) fn run(environment: &Environment) -> i32 {
    let plan = Plan::make(environment, &Slug::of_this_program(environment));
    // Whoever reads this may have gone.
    let _ = std::io::stdout().write_all(report(&plan).as_bytes());
    if plan.faults().is_empty() { 0 } else { NOT_CONFIGURED }
}

/// Returns the plan as text, without secrets.
fn report(plan: &Plan) -> String {
    let mut report = String::new();
    let mut fact = |name: &str, value: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(report, "{:14}{value}", format!("{name}:"));
    };
    fact(
        "dyno",
        &format!("{} ({})", text::visible(&plan.dyno.name), plan.dyno_reason),
    );
    match (plan.agents(), plan.not_here()) {
        (Some(agents), _) => {
            fact("agent", &agents.version.to_string());
            fact("runs", agents.generation.words());
            match &agents.gateway {
                Some(key) => {
                    let tls = if key.tls { "TLS" } else { "plain text" };
                    fact("gateway", &format!("{}:{} ({tls})", text::visible(&key.host), key.port));
                }
                None => fact("gateway", "not named by an agent key"),
            }
            for command in &agents.commands {
                fact(
                    "connection",
                    command.connection.as_deref().unwrap_or("those of this agent"),
                );
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
    for fault in plan.faults() {
        let _ = writeln!(report, "{}", fault.line());
    }
    report
}
