//! The connections of a resource at the gateway.

use reqwest::StatusCode;

use super::{Provider, WorkError};
use crate::gateway::{Gateway, GatewayError, Made};
use crate::plan::WantedConnection;
use crate::resource::ResourceId;
use crate::store::Hold;

impl Provider {
    /// Makes the connections that are missing, and returns the id of the agent if there is any connection.
    pub(super) async fn make_connections(
        &self,
        gateway: &Gateway,
        hold: &Hold,
        wanted: &[WantedConnection],
    ) -> Result<Option<String>, WorkError> {
        if wanted.is_empty() {
            return Ok(None);
        }
        let agent_id = agent_id(gateway, hold.id).await?;
        for connection in wanted {
            self.make_connection(gateway, hold, connection, &agent_id).await?;
        }
        Ok(Some(agent_id))
    }

    async fn make_connection(
        &self,
        gateway: &Gateway,
        hold: &Hold,
        wanted: &WantedConnection,
        agent_id: &str,
    ) -> Result<(), WorkError> {
        let name = &wanted.name;
        self.store.note_connection(hold, name).await?;
        match gateway.create_connection(wanted, agent_id).await {
            Ok(Made::New(())) => Ok(()),
            Ok(Made::Exists) => {
                // It can be our own, from a request that was killed.
                let is_own = gateway
                    .connection(name)
                    .await?
                    .is_some_and(|found| found.agent_id == agent_id);
                if is_own {
                    return Ok(());
                }
                self.store.forget_connection(hold, name).await?;
                Err(WorkError::ConnectionTaken { name: name.clone() })
            }
            Err(GatewayError::Refused {
                status: StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY,
                message,
                ..
            }) => {
                self.store.forget_connection(hold, name).await?;
                Err(WorkError::ConnectionRefused {
                    name: name.clone(),
                    message,
                })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes connections that were made for the resource, except one that has another agent by now.
    pub(super) async fn delete_connections(
        &self,
        gateway: &Gateway,
        hold: &Hold,
        names: &[String],
    ) -> Result<(), WorkError> {
        if names.is_empty() {
            return Ok(());
        }
        // The id outlives the agent, and connections keep it.
        let known = self.store.get(hold.id).await?.and_then(|resource| resource.agent_id);
        let agent_id = match known {
            Some(id) => Some(id),
            None => gateway.agent(&hold.id.agent_name()).await?.map(|agent| agent.id),
        };
        for name in names {
            let found = gateway.connection(name).await?;
            if found.is_some_and(|connection| Some(connection.agent_id) == agent_id) {
                gateway.delete_connection(name).await?;
            }
            self.store.forget_connection(hold, name).await?;
        }
        Ok(())
    }

    /// Removes the agent and its connections.
    pub(super) async fn remove_from_gateway(&self, gateway: &Gateway, hold: &Hold) -> Result<(), WorkError> {
        let names = self.store.connections(hold.id).await?;
        self.delete_connections(gateway, hold, &names).await?;
        gateway.delete_agent(&hold.id.agent_name()).await?;
        Ok(())
    }
}

async fn agent_id(gateway: &Gateway, id: ResourceId) -> Result<String, WorkError> {
    let call = "GET /api/agents".to_owned();
    let agent = gateway.agent(&id.agent_name()).await?;
    let agent = agent.ok_or(GatewayError::Unusable {
        call,
        reason: "it does not have the agent it has just made",
    })?;
    Ok(agent.id)
}
