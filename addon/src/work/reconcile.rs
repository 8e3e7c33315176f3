//! Compares the resources with the agents at the gateway.

use super::{Provider, Push, WorkError};
use crate::resource::{ResourceId, State};
use crate::store::Claim;

/// What does not fit together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The gateway has an agent of ours that no resource has.
    AgentWithoutResource { agent: String, is_connected: bool },
    /// A resource has no agent, so its key opens nothing.
    ResourceWithoutAgent { id: ResourceId },
}

/// What was done about a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mended {
    AgentDeleted,
    AgentMade(Push),
    /// It was none any more.
    NotNeeded,
}

impl Mended {
    pub const fn text(self) -> &'static str {
        match self {
            Self::AgentDeleted => "It is deleted. Its connections stay, since they may be your own.",
            Self::AgentMade(Push::Done) => "It is made again, and the app has the new key.",
            Self::AgentMade(Push::Later) => "It is made again. The app gets the new key when Heroku takes it.",
            Self::AgentMade(Push::NoGrant) => {
                "It is made again. Rotate the key on the add-on's page, which shows the new key for the app."
            }
            Self::NotNeeded => "Something is being done about it.",
        }
    }
}

impl Provider {
    pub async fn reconcile(&self) -> Result<Vec<Finding>, WorkError> {
        let agents = self.gateway.agents().await?;
        // In this order: the row of a resource is there before its agent.
        let resources = self.store.resting(&State::ALL, std::time::Duration::ZERO).await?;
        let mut findings = Vec::new();
        for agent in &agents {
            let Some(id) = ResourceId::of_agent(&agent.name) else {
                continue;
            };
            let state = self.store.get(id).await?.map(|resource| resource.state);
            if matches!(state, None | Some(State::Gone)) {
                let (agent, is_connected) = (agent.name.clone(), agent.is_connected());
                findings.push(Finding::AgentWithoutResource { agent, is_connected });
            }
        }
        for resource in resources.iter().filter(|resource| resource.state == State::Ready) {
            let name = resource.id.agent_name();
            // One that was made since the list was read is no finding.
            if agents.iter().all(|agent| agent.name != name) && self.gateway.agent(&name).await?.is_none() {
                findings.push(Finding::ResourceWithoutAgent { id: resource.id });
            }
        }
        Ok(findings)
    }

    /// Mends one finding, if it still is one.
    pub async fn mend(&self, finding: &Finding) -> Result<Mended, WorkError> {
        match finding {
            Finding::AgentWithoutResource { agent, .. } => {
                // Its connections may be the team's own, so they stay.
                self.gateway.delete_agent(agent).await?;
                Ok(Mended::AgentDeleted)
            }
            Finding::ResourceWithoutAgent { id } => {
                let Claim::Held(hold, resource) = self.store.claim(*id, &[State::Ready], Some(State::Rotating)).await?
                else {
                    return Ok(Mended::NotNeeded);
                };
                let plan = resource.order.plan.clone();
                let gateway = self.gateway.by(tokio::time::Instant::now() + super::FOR_GATEWAY);
                let renewed = self.renew(&gateway, hold, &resource, &plan).await?;
                Ok(Mended::AgentMade(self.push(&renewed).await?))
            }
        }
    }
}
