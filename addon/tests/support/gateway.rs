//! A gateway that answers as hoop's of version 1.148.0 does, from memory. It can be slow, wrong or down.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use uuid::Uuid;

/// A key to its API with the group admin.
pub(crate) const API_KEY: &str = "hpk_of-the-stand-in-gateway";

/// A key without that group.
pub(crate) const WEAK_API_KEY: &str = "hpk_without-a-group";

/// How it misbehaves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fault {
    /// Which calls it is about, such as `POST /api/agents`. All if empty.
    pub(crate) call: String,
    pub(crate) kind: FaultKind,
}

#[derive(Clone, Debug, Default)]
pub(crate) enum FaultKind {
    #[default]
    None,
    /// Takes as long before it does what it is asked for. Like the real one, it does so even if nobody waits any more.
    SlowBefore(Duration),
    /// And as long after that.
    SlowAfter(Duration),
    /// Does nothing and answers this.
    Status(u16),
    /// Does what it is asked for, and answers this.
    StatusAfter(u16),
    /// Does what it is asked for, and answers with this text.
    Text(&'static str),
}

/// An agent, and the key that it was last made with.
#[derive(Clone, Debug)]
pub(crate) struct Agent {
    pub(crate) id: String,
    pub(crate) mode: String,
    pub(crate) key: String,
    pub(crate) connected: bool,
}

#[derive(Default)]
struct Kept {
    agents: BTreeMap<String, Agent>,
    connections: BTreeMap<String, Value>,
    fault: Fault,
}

/// A running gateway. A clone is the same one.
#[derive(Clone)]
pub(crate) struct Gateway {
    kept: Arc<Mutex<Kept>>,
    made: Arc<AtomicUsize>,
    begun: Arc<AtomicUsize>,
    address: SocketAddr,
}

impl Gateway {
    pub(crate) async fn start() -> Self {
        Self::start_at("127.0.0.1:0").await
    }

    pub(crate) async fn start_at(address: &str) -> Self {
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let gateway = Self {
            kept: Arc::default(),
            made: Arc::default(),
            begun: Arc::default(),
            address,
        };
        let router = Router::new()
            .route("/api/agents", post(create_agent).get(agents))
            .route("/api/agents/{name}", get(agent).delete(delete_agent))
            .route("/api/connections", post(create_connection).get(connections))
            .route(
                "/api/connections/{name}",
                get(connection).put(update_connection).delete(delete_connection),
            )
            .layer(middleware::from_fn_with_state(gateway.clone(), misbehave))
            .with_state(gateway.clone());
        tokio::spawn(async { axum::serve(listener, router).await });
        gateway
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn misbehave(&self, call: &str, kind: FaultKind) {
        self.kept().fault = Fault {
            call: call.to_owned(),
            kind,
        };
    }

    pub(crate) fn behave(&self) {
        self.kept().fault = Fault::default();
    }

    pub(crate) fn agents(&self) -> BTreeMap<String, Agent> {
        self.kept().agents.clone()
    }

    pub(crate) fn agent(&self, name: &str) -> Option<Agent> {
        self.kept().agents.get(name).cloned()
    }

    /// The connections by name.
    pub(crate) fn connections(&self) -> BTreeMap<String, Value> {
        self.kept().connections.clone()
    }

    /// How many agents were ever made.
    pub(crate) fn made(&self) -> usize {
        self.made.load(Ordering::SeqCst)
    }

    /// How many calls have come in.
    pub(crate) fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }

    /// Does what an agent that connects does, if its key is right.
    pub(crate) fn connect(&self, key: &str) -> bool {
        let mut kept = self.kept();
        let agent = kept.agents.values_mut().find(|agent| agent.key == key);
        agent.map(|agent| agent.connected = true).is_some()
    }

    /// Adds an agent by hand.
    pub(crate) fn add_agent(&self, name: &str) {
        self.make_agent(name, "standard");
    }

    /// Removes an agent by hand.
    pub(crate) fn remove_agent(&self, name: &str) {
        self.kept().agents.remove(name);
    }

    /// Adds a connection by hand.
    pub(crate) fn add_connection(&self, name: &str, agent_id: &str) {
        self.kept()
            .connections
            .insert(name.to_owned(), json!({ "name": name, "agent_id": agent_id }));
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap()
    }

    fn make_agent(&self, name: &str, mode: &str) -> Option<String> {
        let mut kept = self.kept();
        if kept.agents.contains_key(name) {
            return None;
        }
        let secret = format!(
            "xagt-{}{}",
            Uuid::new_v4().simple(),
            &Uuid::new_v4().simple().to_string()[..11]
        );
        let key = format!("grpc://{name}:{secret}@127.0.0.1:8010?mode={mode}");
        // The real one makes the id of the name, too: an agent made again has the same.
        let id = Uuid::from_u64_pair(fnv(name, 1), fnv(name, 2)).to_string();
        let agent = Agent {
            id,
            mode: mode.to_owned(),
            key: key.clone(),
            connected: false,
        };
        kept.agents.insert(name.to_owned(), agent);
        self.made.fetch_add(1, Ordering::SeqCst);
        Some(key)
    }
}

fn fnv(text: &str, seed: u64) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325 ^ seed, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}

/// Checks the key, and does the fault that is set.
async fn misbehave(State(gateway): State<Gateway>, request: Request, next: Next) -> Response {
    gateway.begun.fetch_add(1, Ordering::SeqCst);
    let bearer = request
        .headers()
        .get("authorization")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let key = request.headers().get("api-key").and_then(|value| value.to_str().ok());
    let key = key
        .or_else(|| bearer.strip_prefix("Bearer "))
        .unwrap_or_default()
        .to_owned();
    if key != API_KEY && key != WEAK_API_KEY {
        return refuse(StatusCode::UNAUTHORIZED, "access denied");
    }
    if key == WEAK_API_KEY && request.method() != "GET" {
        return refuse(StatusCode::FORBIDDEN, "forbidden");
    }
    let fault = gateway.kept().fault.clone();
    let call = format!("{} {}", request.method(), request.uri().path());
    if !call.starts_with(&fault.call) {
        return next.run(request).await;
    }
    // In a task of its own, since the real one does not stop when the client leaves.
    let work = async move {
        match fault.kind {
            FaultKind::None => next.run(request).await,
            FaultKind::SlowBefore(time) => {
                tokio::time::sleep(time).await;
                next.run(request).await
            }
            FaultKind::SlowAfter(time) => {
                let answer = next.run(request).await;
                tokio::time::sleep(time).await;
                answer
            }
            FaultKind::Status(status) => refuse(StatusCode::from_u16(status).unwrap(), "a fault"),
            FaultKind::StatusAfter(status) => {
                next.run(request).await;
                refuse(StatusCode::from_u16(status).unwrap(), "a fault")
            }
            FaultKind::Text(text) => {
                next.run(request).await;
                (StatusCode::CREATED, text).into_response()
            }
        }
    };
    tokio::spawn(work).await.unwrap()
}

async fn create_agent(State(gateway): State<Gateway>, body: Bytes) -> Response {
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return refuse(StatusCode::BAD_REQUEST, "bad body");
    };
    let Some(name) = body["name"].as_str() else {
        return refuse(StatusCode::BAD_REQUEST, "name is required");
    };
    let mode = body["mode"].as_str().unwrap_or("standard");
    if !is_name(name) {
        return refuse(StatusCode::UNPROCESSABLE_ENTITY, "invalid name");
    }
    if !matches!(mode, "standard" | "embedded") {
        return refuse(StatusCode::UNPROCESSABLE_ENTITY, "invalid mode");
    }
    match gateway.make_agent(name, mode) {
        Some(key) => (StatusCode::CREATED, axum::Json(json!({ "token": key }))).into_response(),
        None => refuse(StatusCode::CONFLICT, "agent already exists"),
    }
}

async fn agents(State(gateway): State<Gateway>) -> Response {
    let all: Vec<Value> = gateway
        .agents()
        .iter()
        .map(|(name, agent)| shown(name, agent))
        .collect();
    axum::Json(all).into_response()
}

async fn agent(State(gateway): State<Gateway>, Path(name): Path<String>) -> Response {
    let agents = gateway.agents();
    let found = agents.iter().find(|(known, agent)| **known == name || agent.id == name);
    found.map_or_else(
        || refuse(StatusCode::NOT_FOUND, "agent not found"),
        |(name, agent)| axum::Json(shown(name, agent)).into_response(),
    )
}

async fn delete_agent(State(gateway): State<Gateway>, Path(name): Path<String>) -> StatusCode {
    gateway
        .kept()
        .agents
        .retain(|known, agent| *known != name && agent.id != name);
    StatusCode::NO_CONTENT
}

fn shown(name: &str, agent: &Agent) -> Value {
    let status = if agent.connected { "CONNECTED" } else { "DISCONNECTED" };
    let (hostname, version) = if agent.connected {
        ("web.1", "1.148.0")
    } else {
        ("", "")
    };
    json!({
        "id": agent.id, "token": "", "name": name, "mode": agent.mode, "status": status,
        "metadata": { "hostname": hostname, "version": version }, "hostname": hostname, "version": version,
    })
}

async fn create_connection(State(gateway): State<Gateway>, body: Bytes) -> Response {
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return refuse(StatusCode::BAD_REQUEST, "bad body");
    };
    if let Some(missing) = missing(&body) {
        return refuse(StatusCode::BAD_REQUEST, &format!("{missing} is required"));
    }
    let name = body["name"].as_str().unwrap_or_default().to_owned();
    if !is_name(&name) {
        return refuse(StatusCode::UNPROCESSABLE_ENTITY, "invalid name");
    }
    let mut kept = gateway.kept();
    if kept.connections.contains_key(&name) {
        return refuse(StatusCode::CONFLICT, "connection already exists");
    }
    kept.connections.insert(name, body.clone());
    (StatusCode::CREATED, axum::Json(body)).into_response()
}

fn missing(body: &Value) -> Option<&'static str> {
    let required = [
        "name",
        "type",
        "agent_id",
        "access_mode_runbooks",
        "access_mode_exec",
        "access_mode_connect",
        "access_schema",
    ];
    required
        .into_iter()
        .find(|field| body[field].as_str().is_none_or(str::is_empty))
}

async fn connections(State(gateway): State<Gateway>, Query(query): Query<BTreeMap<String, String>>) -> Response {
    let wanted = query.get("agent_id");
    let kept = gateway.kept();
    let online = |connection: &Value| {
        kept.agents
            .values()
            .any(|agent| agent.connected && connection["agent_id"] == agent.id.as_str())
    };
    let all = kept
        .connections
        .values()
        .filter(|it| wanted.is_none_or(|id| it["agent_id"] == id.as_str()));
    let all = all.map(|connection| {
        let mut shown = connection.clone();
        shown["status"] = json!(if online(connection) { "online" } else { "offline" });
        shown
    });
    axum::Json(all.collect::<Vec<_>>()).into_response()
}

async fn connection(State(gateway): State<Gateway>, Path(name): Path<String>) -> Response {
    let found = gateway.kept().connections.get(&name).cloned();
    found.map_or_else(
        || refuse(StatusCode::NOT_FOUND, "not found"),
        |found| axum::Json(found).into_response(),
    )
}

async fn update_connection(State(gateway): State<Gateway>, Path(name): Path<String>, body: Bytes) -> Response {
    let body = serde_json::from_slice::<Value>(&body).unwrap_or_default();
    if let Some(missing) = missing(&body) {
        return refuse(StatusCode::BAD_REQUEST, &format!("{missing} is required"));
    }
    let mut kept = gateway.kept();
    let Some(found) = kept.connections.get_mut(&name) else {
        return refuse(StatusCode::NOT_FOUND, "not found");
    };
    *found = body.clone();
    axum::Json(body).into_response()
}

async fn delete_connection(State(gateway): State<Gateway>, Path(name): Path<String>, _: HeaderMap) -> Response {
    match gateway.kept().connections.remove(&name) {
        Some(_) => StatusCode::NO_CONTENT.into_response(),
        None => refuse(StatusCode::NOT_FOUND, "not found"),
    }
}

/// `^[a-zA-Z0-9_]+(?:[-\.]?[a-zA-Z0-9_]+){2,253}$`
fn is_name(name: &str) -> bool {
    let is_word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    name.split(['-', '.']).all(is_word) && name.chars().filter(|c| !matches!(c, '-' | '.')).count() >= 3
}

fn refuse(status: StatusCode, message: &str) -> Response {
    (status, axum::Json(json!({ "message": message }))).into_response()
}
