//! Finishes what was begun: by a request that failed halfway, or by a program that was killed.

use std::time::Duration;

use tokio::time::Instant;

use super::{FOR_GATEWAY, Provider, WorkError};
use crate::resource::{Resource, State};
use crate::store::{Claim, StoreError};

/// How long the gateway may take to carry out a call that was given up. Until then an agent can still appear.
const LATE_CALLS: Duration = Duration::from_mins(1);

impl Provider {
    /// Does each thing once that is left to do. What fails is left for the next time.
    pub async fn finish_all(&self) -> Result<(), StoreError> {
        for id in self.store.with_grant().await? {
            self.exchange(id).await?;
        }
        for resource in self
            .store
            .resting(&[State::Going, State::Undoing, State::Rotating], Duration::ZERO)
            .await?
        {
            if let Err(error) = self.finish(&resource).await {
                let state = resource.state.word();
                tracing::warn!(resource = %resource.id, state, error = format!("{error:#}"), "not finished yet");
            }
        }
        for id in self.store.to_push().await? {
            if let Some(resource) = self.store.get(id).await? {
                self.push(&resource).await?;
            }
        }
        Ok(())
    }

    async fn finish(&self, resource: &Resource) -> Result<(), WorkError> {
        let id = resource.id;
        let Claim::Held(hold, resource) = self.store.claim(id, &[resource.state], None).await? else {
            return Ok(()); // a request is at it
        };
        match resource.state {
            State::Going => self.remove(hold).await,
            State::Rotating => {
                let gateway = self.gateway.by(Instant::now() + FOR_GATEWAY);
                let plan = resource.order.plan.clone();
                self.renew(&gateway, hold, &resource, &plan).await.map(drop)
            }
            State::Undoing => {
                let gateway = self.gateway.by(Instant::now() + FOR_GATEWAY);
                let removed = self.remove_from_gateway(&gateway, &hold).await;
                if removed.is_ok() && resource.unchanged_for >= LATE_CALLS {
                    self.store.forget(hold).await?;
                } else {
                    self.store.release(hold).await?;
                }
                removed
            }
            State::Making | State::Ready | State::Gone => Ok(self.store.release(hold).await?),
        }
    }
}
