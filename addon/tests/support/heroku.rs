//! Heroku's side of the Platform API for Partners: grants, tokens, config vars.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, post};
use axum::{Form, Json, Router};
use serde_json::{Value, json};

/// The OAuth client secret of the add-on.
pub(crate) const CLIENT_SECRET: &str = "the-client-secret-of-the-add-on";

#[derive(Default)]
pub(crate) struct Kept {
    /// The code of each grant that was not exchanged yet.
    pub(crate) grants: Vec<String>,
    /// The access token that is accepted.
    pub(crate) access: String,
    pub(crate) refresh: String,
    pub(crate) issued: u32,
    /// How long a token lives, in seconds.
    pub(crate) expires_in: u64,
    /// The config vars by resource.
    pub(crate) config: BTreeMap<String, BTreeMap<String, String>>,
    pub(crate) is_down: bool,
}

#[derive(Clone)]
pub(crate) struct Heroku {
    kept: Arc<Mutex<Kept>>,
    address: SocketAddr,
}

impl Heroku {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heroku = Self {
            kept: Arc::new(Mutex::new(Kept {
                expires_in: 28_799,
                ..Kept::default()
            })),
            address,
        };
        let router = Router::new()
            .route("/oauth/token", post(token))
            .route("/addons/{id}/config", patch(set_config))
            .route("/addons/{id}", get(add_on))
            .with_state(heroku.clone());
        tokio::spawn(async { axum::serve(listener, router).await });
        heroku
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap()
    }

    /// A grant as it stands in a request to make a resource.
    pub(crate) fn grant(&self, code: &str) -> Value {
        self.kept().grants.push(code.to_owned());
        json!({ "code": code, "expires_at": "2030-01-01T00:00:00Z", "type": "authorization_code" })
    }
}

async fn token(State(heroku): State<Heroku>, Form(form): Form<BTreeMap<String, String>>) -> Response {
    let mut kept = heroku.kept();
    if kept.is_down {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    if form.get("client_secret").is_none_or(|secret| secret != CLIENT_SECRET) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let is_right = match form.get("grant_type").map(String::as_str) {
        Some("authorization_code") => {
            let before = kept.grants.len();
            kept.grants.retain(|code| Some(code) != form.get("code"));
            kept.grants.len() < before
        }
        Some("refresh_token") => form.get("refresh_token") == Some(&kept.refresh),
        _ => false,
    };
    if !is_right {
        return (
            StatusCode::UNAUTHORIZED,
            Json(json!({ "id": "unauthorized", "message": "invalid" })),
        )
            .into_response();
    }
    kept.issued += 1;
    kept.access = format!("access-token-{}", kept.issued);
    "the-refresh-token".clone_into(&mut kept.refresh);
    Json(json!({
        "access_token": kept.access, "refresh_token": kept.refresh, "expires_in": kept.expires_in,
        "token_type": "Bearer", "user_id": "7", "session_nonce": "nonce",
    }))
    .into_response()
}

fn is_let_in(kept: &Kept, headers: &HeaderMap) -> Result<(), StatusCode> {
    let header = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned()
    };
    if kept.is_down {
        return Err(StatusCode::SERVICE_UNAVAILABLE);
    }
    if header("accept") != "application/vnd.heroku+json; version=3" {
        return Err(StatusCode::NOT_ACCEPTABLE);
    }
    if header("authorization") != format!("Bearer {}", kept.access) {
        return Err(StatusCode::UNAUTHORIZED);
    }
    Ok(())
}

async fn set_config(
    State(heroku): State<Heroku>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let mut kept = heroku.kept();
    if let Err(status) = is_let_in(&kept, &headers) {
        return status.into_response();
    }
    let vars = body["config"].as_array().unwrap().clone();
    let app = kept.config.entry(id).or_default();
    for var in &vars {
        app.insert(
            var["name"].as_str().unwrap().to_owned(),
            var["value"].as_str().unwrap().to_owned(),
        );
    }
    Json(vars).into_response()
}

async fn add_on(State(heroku): State<Heroku>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    match is_let_in(&heroku.kept(), &headers) {
        Ok(()) => Json(json!({ "id": id, "app": { "name": "orders" } })).into_response(),
        Err(status) => status.into_response(),
    }
}
