//! Makes a resource: its row, its agent, its connections.

use secrecy::SecretString;
use tokio::time::Instant;

use super::{BETWEEN_LOOKS, FOR_CLEANING, FOR_GATEWAY, FOR_OTHERS, Provider, WorkError};
use crate::gateway::{GatewayError, Made};
use crate::resource::{Order, Resource, ResourceId, State};
use crate::store::{Claim, Hold, Outcome, StoreError};

impl Provider {
    /// Makes the resource, or returns the one that was made by the same request before.
    pub async fn provision(&self, id: ResourceId, order: &Order) -> Result<Resource, WorkError> {
        self.plans.get(&order.plan)?.check(id, order)?;
        let until = Instant::now() + FOR_OTHERS;
        loop {
            match self.store.claim_new(id, order).await? {
                Claim::Held(hold, _) => return self.make(hold, order).await,
                Claim::Other(Resource {
                    state: State::Gone | State::Going,
                    ..
                }) => return Err(WorkError::Gone),
                Claim::Other(resource) if resource.state == State::Ready => return Ok(resource),
                Claim::Busy | Claim::Other(_) | Claim::Unknown => {}
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
            // Whoever had it has failed. To try once more would take as long again, and Heroku repeats the request.
            let has_failed = self
                .store
                .get(id)
                .await?
                .is_none_or(|found| found.state == State::Undoing);
            if has_failed || Instant::now() >= until {
                return Err(WorkError::Busy);
            }
        }
    }

    async fn make(&self, hold: Hold, order: &Order) -> Result<Resource, WorkError> {
        let id = hold.id;
        match self.make_at_gateway(&hold, order).await {
            Ok((key, agent_id)) => {
                let agent_id = agent_id.as_deref();
                let outcome = Outcome::Ready {
                    key: &key,
                    plan: &order.plan,
                    agent_id,
                    unpushed: false,
                };
                self.store.finish(hold, outcome).await?;
                Ok(self.store.get(id).await?.ok_or(StoreError::Lost(id))?)
            }
            Err(error) => {
                self.take_back(hold, &error).await?;
                Err(error)
            }
        }
    }

    async fn make_at_gateway(&self, hold: &Hold, order: &Order) -> Result<(SecretString, Option<String>), WorkError> {
        let gateway = self.gateway.by(Instant::now() + FOR_GATEWAY);
        let plan = self.plans.get(&order.plan)?;
        let name = hold.id.agent_name();
        let key = match gateway.create_agent(&name, plan.agent_mode).await? {
            Made::New(key) => key,
            // It is of a request that was killed, and its key was never seen.
            Made::Exists => gateway.replace_agent(&name, plan.agent_mode).await?,
        };
        let wanted = plan.connections(hold.id, order)?;
        let agent_id = self.make_connections(&gateway, hold, &wanted).await?;
        Ok((key, agent_id))
    }

    /// Removes what was made so far. Where the gateway does not confirm that, the row stays for [`Self::finish_all`].
    async fn take_back(&self, hold: Hold, error: &WorkError) -> Result<(), StoreError> {
        let gateway = self.gateway.by(Instant::now() + FOR_CLEANING);
        let nothing_was_sent = matches!(error, WorkError::Gateway(GatewayError::Unreachable(_)));
        let may_come_later = matches!(error, WorkError::Gateway(error) if error.may_come_through());
        let is_clean = nothing_was_sent || self.remove_from_gateway(&gateway, &hold).await.is_ok();
        if is_clean && !may_come_later {
            return self.store.forget(hold).await;
        }
        self.leave(hold, State::Undoing).await
    }
}
