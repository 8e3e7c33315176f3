//! What is done for a resource: each in a file of its own, and each such that it can be killed at any point and asked
//! for again.

use std::time::Duration;

use thiserror::Error;

use crate::gateway::{Gateway, GatewayError};
use crate::heroku::Heroku;
use crate::plan::{OrderError, Plans};
use crate::resource::{Resource, ResourceId, State};
use crate::store::{Claim, Hold, Store, StoreError};

mod change_plan;
mod connect;
mod deprovision;
mod finish;
mod provision;
mod reconcile;
mod rotate;
mod tokens;

pub use reconcile::Finding;
pub use tokens::Push;

/// Everything that work on a resource needs.
pub struct Provider {
    pub plans: Plans,
    pub store: Store,
    pub gateway: Gateway,
    /// Absent without the secret of the add-on.
    pub heroku: Option<Heroku>,
}

/// How long the gateway has for one request of Heroku, which should be answered within 3 seconds.
const FOR_GATEWAY: Duration = Duration::from_secs(2);

/// And to take back what was made by then.
const FOR_CLEANING: Duration = Duration::from_millis(500);

/// How long a request waits for another one that works on the same resource. One that was killed loses its hold in
/// this time.
const FOR_OTHERS: Duration = Duration::from_secs(4);

const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// Why a request is not met.
#[derive(Debug, Error)]
pub enum WorkError {
    #[error("{0}")]
    Order(#[from] OrderError),
    #[error(
        "The connection {name} exists at the hoop gateway and belongs to something else. Choose another name with \
         --connection."
    )]
    ConnectionTaken { name: String },
    #[error("The hoop gateway does not accept the connection {name}: {message}.")]
    ConnectionRefused { name: String, message: String },
    #[error("The add-on was removed.")]
    Gone,
    #[error("There is no such add-on.")]
    Unknown,
    #[error("The add-on is being changed. Try again in a minute.")]
    Busy,
    #[error("The hoop gateway cannot do this now. Try again in a few minutes.")]
    Gateway(#[from] GatewayError),
    #[error("The add-on cannot do this now. Try again in a few minutes.")]
    Store(#[from] StoreError),
}

impl Provider {
    /// Holds a resource, and waits for another one that has it.
    async fn hold(&self, id: ResourceId, from: &[State], to: Option<State>) -> Result<(Hold, Resource), WorkError> {
        let until = tokio::time::Instant::now() + FOR_OTHERS;
        loop {
            match self.store.claim(id, from, to).await? {
                Claim::Held(hold, resource) => return Ok((hold, resource)),
                Claim::Unknown
                | Claim::Other(Resource {
                    state: State::Undoing, ..
                }) => {
                    return Err(WorkError::Unknown);
                }
                Claim::Other(Resource {
                    state: State::Gone | State::Going,
                    ..
                }) => return Err(WorkError::Gone),
                Claim::Busy | Claim::Other(_) if tokio::time::Instant::now() < until => {
                    tokio::time::sleep(BETWEEN_LOOKS).await;
                }
                Claim::Busy | Claim::Other(_) => return Err(WorkError::Busy),
            }
        }
    }

    /// Leaves a resource to be finished later, by a repeated request or by [`Self::finish_all`].
    async fn leave(&self, hold: Hold, state: State) -> Result<(), StoreError> {
        self.store.finish(hold, crate::store::Outcome::Unfinished(state)).await
    }
}
