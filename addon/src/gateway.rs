//! The REST API of a hoop gateway: agents and connections.
//!
//! What it answers is seen with a gateway of version 1.148.0.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;
use thiserror::Error;
use tokio::time::Instant;
use url::Url;

use crate::plan::{AccessMode, AgentMode, ConnectionType, WantedConnection};

/// A gateway, and the key to its API.
#[derive(Clone)]
pub struct Gateway {
    http: reqwest::Client,
    base: Url,
    key: SecretString,
    deadline: Option<Instant>,
}

/// The longest that one call waits where no deadline is set.
const LONGEST: Duration = Duration::from_secs(10);

#[derive(Debug, Error)]
pub enum GatewayError {
    /// Nothing can have been done.
    #[error("the gateway cannot be reached: {0}")]
    Unreachable(&'static str),
    /// It may have done what it was asked for.
    #[error("the gateway does not answer: {0}")]
    NoAnswer(&'static str),
    #[error("the gateway answered {status} to {call}: {message}")]
    Refused {
        call: String,
        status: StatusCode,
        message: String,
    },
    #[error("the answer of the gateway to {call} cannot be used: {reason}")]
    Unusable { call: String, reason: &'static str },
}

impl GatewayError {
    /// Whether the gateway may still carry the call out, now or later.
    pub const fn may_come_through(&self) -> bool {
        matches!(self, Self::NoAnswer(_))
    }

    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }
}

/// An agent as the gateway shows it.
#[derive(Clone, Debug, Deserialize)]
pub struct Agent {
    pub id: String,
    pub name: String,
    #[serde(default)]
    pub status: String,
    #[serde(default)]
    pub version: String,
    #[serde(default)]
    pub hostname: String,
}

impl Agent {
    pub fn is_connected(&self) -> bool {
        self.status == "CONNECTED"
    }
}

/// A connection as the gateway shows it.
#[derive(Clone, Debug, Deserialize)]
pub struct Connection {
    pub name: String,
    #[serde(default)]
    pub agent_id: String,
    #[serde(default)]
    pub status: String,
}

/// Whether the gateway made what was asked for, or had one with that name.
#[derive(Debug)]
pub enum Made<T> {
    New(T),
    Exists,
}

#[derive(Deserialize)]
struct Token {
    token: SecretString,
}

#[derive(Serialize)]
struct NewConnection<'a> {
    name: &'a str,
    r#type: ConnectionType,
    subtype: &'a str,
    command: &'a [String],
    agent_id: &'a str,
    access_mode_connect: &'static str,
    access_mode_exec: &'static str,
    access_mode_runbooks: &'static str,
    access_schema: &'static str,
}

impl<'a> NewConnection<'a> {
    fn new(wanted: &'a WantedConnection, agent_id: &'a str) -> Self {
        let mode = |mode| {
            if wanted.access_modes.contains(&mode) {
                "enabled"
            } else {
                "disabled"
            }
        };
        Self {
            name: &wanted.name,
            r#type: wanted.kind,
            subtype: &wanted.subtype,
            command: &wanted.command,
            agent_id,
            access_mode_connect: mode(AccessMode::Connect),
            access_mode_exec: mode(AccessMode::Exec),
            access_mode_runbooks: mode(AccessMode::Runbooks),
            access_schema: mode(AccessMode::Schema),
        }
    }
}

impl Gateway {
    /// `key` is one of `POST /api/api-keys`, the gateway's own API key, or the token of a person.
    pub fn new(http: reqwest::Client, base: Url, key: SecretString) -> Self {
        Self {
            http,
            base,
            key,
            deadline: None,
        }
    }

    /// The same gateway, for calls that all end by then.
    #[must_use]
    pub fn by(&self, deadline: Instant) -> Self {
        Self {
            deadline: Some(deadline),
            ..self.clone()
        }
    }

    pub const fn address(&self) -> &Url {
        &self.base
    }

    /// Makes an agent and returns its key, which the gateway shows only now.
    pub async fn create_agent(&self, name: &str, mode: AgentMode) -> Result<Made<SecretString>, GatewayError> {
        let call = "POST /api/agents";
        let request = self
            .request(Method::POST, &["agents"])
            .json(&json!({ "name": name, "mode": mode }));
        let Token { token } = match self.send(call, request).await {
            Ok(answer) => read(call, answer).await?,
            Err(error) if error.status() == Some(StatusCode::CONFLICT) => return Ok(Made::Exists),
            Err(error) => return Err(error),
        };
        // Anything else than a key in a config var would fail much later, at the start of the agent.
        let is_key = Url::parse(token.expose_secret()).is_ok_and(|url| {
            matches!(url.scheme(), "grpc" | "grpcs" | "http" | "https") && url.has_host() && url.password().is_some()
        });
        if !is_key {
            return Err(GatewayError::Unusable {
                call: call.to_owned(),
                reason: "its token is not an agent key",
            });
        }
        Ok(Made::New(token))
    }

    /// Makes an agent in the place of one with that name, whose key then ends. Both have the same id.
    pub async fn replace_agent(&self, name: &str, mode: AgentMode) -> Result<SecretString, GatewayError> {
        // A call that was given up earlier can still come through in between.
        for _ in 0..3 {
            self.delete_agent(name).await?;
            if let Made::New(key) = self.create_agent(name, mode).await? {
                return Ok(key);
            }
        }
        let call = "POST /api/agents".to_owned();
        Err(GatewayError::Unusable {
            call,
            reason: "it has an agent of this name right after that was deleted",
        })
    }

    /// Makes sure that there is no such agent.
    pub async fn delete_agent(&self, name: &str) -> Result<(), GatewayError> {
        self.delete("DELETE /api/agents", &["agents", name]).await
    }

    pub async fn agent(&self, name: &str) -> Result<Option<Agent>, GatewayError> {
        self.get("GET /api/agents", &["agents", name], &[]).await
    }

    pub async fn agents(&self) -> Result<Vec<Agent>, GatewayError> {
        Ok(self.get("GET /api/agents", &["agents"], &[]).await?.unwrap_or_default())
    }

    pub async fn create_connection(&self, wanted: &WantedConnection, agent_id: &str) -> Result<Made<()>, GatewayError> {
        let request = self
            .request(Method::POST, &["connections"])
            .json(&NewConnection::new(wanted, agent_id));
        match self.send("POST /api/connections", request).await {
            Ok(_) => Ok(Made::New(())),
            Err(error) if error.status() == Some(StatusCode::CONFLICT) => Ok(Made::Exists),
            Err(error) => Err(error),
        }
    }

    /// Gives a connection what the plan says now.
    pub async fn update_connection(&self, wanted: &WantedConnection, agent_id: &str) -> Result<(), GatewayError> {
        let request = self.request(Method::PUT, &["connections", &wanted.name]);
        self.send(
            "PUT /api/connections",
            request.json(&NewConnection::new(wanted, agent_id)),
        )
        .await?;
        Ok(())
    }

    pub async fn connection(&self, name: &str) -> Result<Option<Connection>, GatewayError> {
        self.get("GET /api/connections", &["connections", name], &[]).await
    }

    /// The connections of an agent.
    pub async fn connections(&self, agent_id: &str) -> Result<Vec<Connection>, GatewayError> {
        let all: Vec<Connection> = self
            .get("GET /api/connections", &["connections"], &[("agent_id", agent_id)])
            .await?
            .unwrap_or_default();
        Ok(all
            .into_iter()
            .filter(|connection| connection.agent_id == agent_id)
            .collect())
    }

    /// Makes sure that there is no such connection.
    pub async fn delete_connection(&self, name: &str) -> Result<(), GatewayError> {
        self.delete("DELETE /api/connections", &["connections", name]).await
    }

    async fn get<T: DeserializeOwned>(
        &self,
        call: &str,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Option<T>, GatewayError> {
        match self.send(call, self.request(Method::GET, path).query(query)).await {
            Ok(answer) => read(call, answer).await.map(Some),
            Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn delete(&self, call: &str, path: &[&str]) -> Result<(), GatewayError> {
        match self.send(call, self.request(Method::DELETE, path)).await {
            Err(error) if error.status() != Some(StatusCode::NOT_FOUND) => Err(error),
            _ => Ok(()),
        }
    }

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("api").extend(path);
        }
        let timeout = self
            .deadline
            .map_or(LONGEST, |deadline| deadline.saturating_duration_since(Instant::now()));
        let request = self.http.request(method, url).timeout(timeout.min(LONGEST));
        let key = self.key.expose_secret();
        // Keys with a name start with hpk_ and stand where a person's token does. The gateway's own has a header.
        if key.starts_with("xapi-") || key.contains('|') {
            request.header("api-key", key)
        } else {
            request.bearer_auth(key)
        }
    }

    async fn send(&self, call: &str, request: RequestBuilder) -> Result<reqwest::Response, GatewayError> {
        let answer = request.send().await.map_err(|error| no_answer(&error));
        let outcome = match &answer {
            Ok(answer) => answer.status().as_str().to_owned(),
            Err(_) => "none".to_owned(),
        };
        metrics::counter!("hoop_addon_gateway_calls_total", "call" => call.to_owned(), "status" => outcome)
            .increment(1);
        let answer = answer?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let message = answer
            .json::<Message>()
            .await
            .map(|message| message.message)
            .unwrap_or_default();
        let message = message.chars().filter(|c| !c.is_control()).take(200).collect();
        Err(GatewayError::Refused {
            call: call.to_owned(),
            status,
            message,
        })
    }
}

#[derive(Deserialize)]
struct Message {
    message: String,
}

async fn read<T: DeserializeOwned>(call: &str, answer: reqwest::Response) -> Result<T, GatewayError> {
    let bytes = answer.bytes().await.map_err(|error| no_answer(&error))?;
    // The library's error can quote the answer, and an answer can be a key.
    serde_json::from_slice(&bytes).map_err(|_| GatewayError::Unusable {
        call: call.to_owned(),
        reason: "it is not the JSON that was expected",
    })
}

fn no_answer(error: &reqwest::Error) -> GatewayError {
    if error.is_connect() && error.is_timeout() {
        GatewayError::Unreachable("no connection in time")
    } else if error.is_connect() {
        GatewayError::Unreachable("it accepts no connection")
    } else if error.is_timeout() {
        GatewayError::NoAnswer("not in time")
    } else {
        GatewayError::NoAnswer("it broke the connection off")
    }
}
