//! Changes the plan of a resource: what the new plan has more is made, what it has less is deleted.

use tokio::time::Instant;

use super::{FOR_CLEANING, FOR_GATEWAY, Provider, WorkError};
use crate::gateway::Gateway;
use crate::plan::WantedConnection;
use crate::resource::{Order, Resource, ResourceId, State};
use crate::store::{Hold, Outcome, StoreError};

/// What is to be done at the gateway.
struct Change {
    to_make: Vec<WantedConnection>,
    to_update: Vec<WantedConnection>,
    to_delete: Vec<String>,
    /// Whether the agent gets another mode, which only a new agent with a new key can have.
    key_ends: bool,
}

impl Provider {
    /// Makes the change and returns the resource with the config vars that its app has from now on.
    pub async fn change_plan(&self, id: ResourceId, plan: &str) -> Result<Resource, WorkError> {
        // A wrong plan is told before anything waits, and an unknown resource before a wrong plan.
        match self.store.get(id).await?.map(|known| known.state) {
            None | Some(State::Undoing) => return Err(WorkError::Unknown),
            Some(State::Going | State::Gone) => return Err(WorkError::Gone),
            Some(State::Making | State::Ready | State::Rotating) => {}
        }
        self.plans.get(plan)?;
        let (hold, resource) = self.hold(id, &[State::Ready, State::Rotating], None).await?;
        let gateway = self.gateway.by(Instant::now() + FOR_GATEWAY);
        let change = match self.change(&hold, &resource, plan).await {
            Ok(change) => change,
            Err(error) => {
                self.store.release(hold).await?;
                return Err(error);
            }
        };
        let agent_id = match self.carry_out(&gateway, &hold, &resource, &change).await {
            Ok(agent_id) => agent_id,
            Err(error) => {
                self.undo(&hold, &change).await;
                self.leave(hold, resource.state).await?;
                return Err(error);
            }
        };
        let resource = Resource { agent_id, ..resource };
        let Some(key) = resource
            .key
            .as_ref()
            .filter(|_| !change.key_ends && resource.state == State::Ready)
        else {
            self.store.mark(&hold, State::Rotating).await?;
            return self.renew(&gateway, hold, &resource, plan).await;
        };
        let agent_id = resource.agent_id.as_deref();
        self.store
            .finish(
                hold,
                Outcome::Ready {
                    key,
                    plan,
                    agent_id,
                    unpushed: resource.unpushed,
                },
            )
            .await?;
        Ok(self.store.get(id).await?.ok_or(StoreError::Lost(id))?)
    }

    async fn change(&self, hold: &Hold, resource: &Resource, plan: &str) -> Result<Change, WorkError> {
        let order = &resource.order;
        let new_plan = self.plans.get(plan)?;
        let wanted = new_plan.connections(
            hold.id,
            &Order {
                plan: plan.to_owned(),
                ..order.clone()
            },
        )?;
        // The table may not have the old plan any more.
        let old_plan = self.plans.get(&order.plan).ok();
        let old = old_plan
            .map(|plan| plan.connections(hold.id, order))
            .transpose()?
            .unwrap_or_default();
        let made = self.store.connections(hold.id).await?;
        let to_delete = made
            .iter()
            .filter(|name| wanted.iter().all(|wanted| wanted.name != **name))
            .cloned()
            .collect();
        let (kept, to_make): (Vec<_>, Vec<_>) = wanted.into_iter().partition(|wanted| made.contains(&wanted.name));
        Ok(Change {
            to_make,
            to_update: kept.into_iter().filter(|kept| !old.contains(kept)).collect(),
            to_delete,
            key_ends: old_plan.is_some_and(|old| old.agent_mode != new_plan.agent_mode),
        })
    }

    /// Returns the id of the agent, if it was needed.
    async fn carry_out(
        &self,
        gateway: &Gateway,
        hold: &Hold,
        resource: &Resource,
        change: &Change,
    ) -> Result<Option<String>, WorkError> {
        let made_for = self.make_connections(gateway, hold, &change.to_make).await?;
        let agent_id = made_for.or_else(|| resource.agent_id.clone());
        if let Some(agent_id) = &agent_id {
            for connection in &change.to_update {
                gateway.update_connection(connection, agent_id).await?;
            }
        }
        self.delete_connections(gateway, hold, &change.to_delete).await?;
        Ok(agent_id)
    }

    /// Deletes what was made of a change that failed. What cannot be deleted now goes with the resource.
    async fn undo(&self, hold: &Hold, change: &Change) {
        let gateway = self.gateway.by(Instant::now() + FOR_CLEANING);
        let noted = self.store.connections(hold.id).await.unwrap_or_default();
        let made = change
            .to_make
            .iter()
            .map(|made| made.name.clone())
            .filter(|name| noted.contains(name));
        if let Err(error) = self.delete_connections(&gateway, hold, &made.collect::<Vec<_>>()).await {
            tracing::warn!(resource = %hold.id, %error, "connections of a failed change of the plan are left");
        }
    }
}
