//! `hoop-addon reconcile`

use std::process::ExitCode;

use super::{print, tell};
use crate::work::{Finding, Provider};

/// The exit status where something does not fit together and was not mended.
const FOUND: u8 = 2;

pub(super) async fn run(provider: &Provider, fix: bool) -> anyhow::Result<ExitCode> {
    let findings = provider.reconcile().await?;
    let mut left = 0;
    for finding in &findings {
        print(&said(finding));
        if !fix {
            left += 1;
            continue;
        }
        match provider.mend(finding).await {
            Ok(done) => print(&format!("  {}", done.text())),
            Err(error) => {
                left += 1;
                let cause = std::error::Error::source(&error)
                    .map(|cause| format!(" ({cause})"))
                    .unwrap_or_default();
                tell(&format!("  Not mended: {error}{cause}"));
            }
        }
    }
    if findings.is_empty() {
        print("Every agent heroku-* has a resource, and every resource has its agent.");
    } else if !fix {
        tell("To delete such agents and make those that are missing: hoop-addon reconcile --fix");
    }
    Ok(if left == 0 { ExitCode::SUCCESS } else { FOUND.into() })
}

fn said(finding: &Finding) -> String {
    match finding {
        Finding::AgentWithoutResource {
            agent,
            is_connected: true,
        } => {
            format!("The agent {agent} has no resource, and is connected.")
        }
        Finding::AgentWithoutResource {
            agent,
            is_connected: false,
        } => format!("The agent {agent} has no resource."),
        Finding::ResourceWithoutAgent { id } => format!("The resource {id} has no agent."),
    }
}
