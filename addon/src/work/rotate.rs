//! Gives a resource another agent key: the agent is made anew under its name, by which it keeps its id and so its
//! connections. A connected agent keeps its stream until it connects again, which needs the new key.

use tokio::time::Instant;

use super::{FOR_GATEWAY, Provider, WorkError};
use crate::gateway::Gateway;
use crate::resource::{Resource, ResourceId, State};
use crate::store::{Hold, Outcome, StoreError};

impl Provider {
    /// Makes the new key, and leaves it to [`Self::push`] to give it to the app.
    pub async fn rotate(&self, id: ResourceId) -> Result<Resource, WorkError> {
        let (hold, resource) = self
            .hold(id, &[State::Ready, State::Rotating], Some(State::Rotating))
            .await?;
        let gateway = self.gateway.by(Instant::now() + FOR_GATEWAY);
        let plan = resource.order.plan.clone();
        self.renew(&gateway, hold, &resource, &plan).await
    }

    /// Makes the agent anew, in the mode of the plan. If that fails, the state says that it must be done.
    pub(super) async fn renew(
        &self,
        gateway: &Gateway,
        hold: Hold,
        resource: &Resource,
        plan: &str,
    ) -> Result<Resource, WorkError> {
        let id = hold.id;
        // A plan that the table does not have any more had some mode, most likely the usual one.
        let mode = self.plans.get(plan).map(|plan| plan.agent_mode).unwrap_or_default();
        match gateway.replace_agent(&id.agent_name(), mode).await {
            Ok(key) => {
                let agent_id = resource.agent_id.as_deref();
                let outcome = Outcome::Ready {
                    key: &key,
                    plan,
                    agent_id,
                    unpushed: true,
                };
                self.store.finish(hold, outcome).await?;
                Ok(self.store.get(id).await?.ok_or(StoreError::Lost(id))?)
            }
            Err(error) => {
                self.leave(hold, State::Rotating).await?;
                Err(error.into())
            }
        }
    }
}
