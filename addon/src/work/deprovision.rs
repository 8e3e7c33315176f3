//! Removes a resource: its connections, its agent, and every secret. The row stays and says that it is gone.

use tokio::time::Instant;

use super::{FOR_GATEWAY, Provider, WorkError};
use crate::resource::{ResourceId, State};
use crate::store::{Hold, Outcome};

impl Provider {
    pub async fn deprovision(&self, id: ResourceId) -> Result<(), WorkError> {
        let (hold, _) = self.hold_to_remove(id).await?;
        self.remove(hold).await
    }

    pub(super) async fn remove(&self, hold: Hold) -> Result<(), WorkError> {
        let gateway = self.gateway.by(Instant::now() + FOR_GATEWAY);
        if let Err(error) = self.remove_from_gateway(&gateway, &hold).await {
            self.leave(hold, State::Going).await?;
            return Err(error);
        }
        self.store.finish(hold, Outcome::Gone).await?;
        Ok(())
    }

    async fn hold_to_remove(&self, id: ResourceId) -> Result<(Hold, crate::resource::Resource), WorkError> {
        let from = [State::Making, State::Ready, State::Rotating, State::Going];
        self.hold(id, &from, Some(State::Going)).await
    }
}
