//! The add-on partner API: a resource is made, its plan is changed, it is removed.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use url::Url;

use super::body::{BodyError, Dialect, Provision, new_plan};
use super::{Shared, to_its_end};
use crate::resource::{Resource, ResourceId};
use crate::work::WorkError;

pub(super) async fn provision(State(app): Shared, headers: HeaderMap, body: Bytes) -> Response {
    let dialect = Dialect::of(&headers);
    let request = match Provision::read(dialect, &body) {
        Ok(request) => request,
        Err(error) => return refuse(dialect, &error),
    };
    if let Some(Err(error)) = request
        .region
        .as_deref()
        .map(|region| app.provider.plans.check_region(region))
    {
        return fail(dialect, &error.into());
    }
    let Provision {
        id,
        order,
        grant,
        callback,
        ..
    } = request;
    let work = {
        let app = Arc::clone(&app);
        async move {
            let made = app.provider.provision(id, &order).await;
            // The code lives five minutes, so it is kept before Heroku hears that all went well.
            if let (Ok(resource), Some(grant), Some(_)) = (&made, &grant, &app.provider.heroku)
                && !resource.has_tokens
                && let Err(error) = app.provider.store.keep_grant(id, grant).await
            {
                tracing::warn!(resource = %id, %error, "the grant is lost");
            }
            made
        }
    };
    let resource = match to_its_end(&app, work).await {
        Ok(Ok(resource)) => resource,
        Ok(Err(error)) => return fail(dialect, &error),
        Err(answer) => return answer,
    };
    tracing::info!(resource = %id, plan = resource.order.plan, "provisioned");
    let exchanger = Arc::clone(&app);
    app.tasks.spawn(async move {
        if let Err(error) = exchanger.provider.exchange(id).await {
            tracing::warn!(resource = %id, %error, "the grant is not exchanged");
        }
    });
    let message = "hoop's agent is ready for this app. To start it, begin a line of the Procfile with hoopstart, such \
                   as: web: hoopstart -- bundle exec puma";
    let answer = resource_json(dialect, &resource, message);
    if let Some(callback) = callback {
        app.tasks.spawn(call_back(callback, answer.clone()));
    }
    let status = if dialect == Dialect::V3 {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    respond(dialect, status, &answer)
}

pub(super) async fn change_plan(
    State(app): Shared,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let dialect = Dialect::of(&headers);
    let Some(id) = ResourceId::parse(&id) else {
        return fail(dialect, &WorkError::Unknown);
    };
    let plan = match new_plan(&body) {
        Ok(plan) => plan,
        Err(error) => return refuse(dialect, &error),
    };
    let worker = Arc::clone(&app);
    match to_its_end(&app, async move { worker.provider.change_plan(id, &plan).await }).await {
        Ok(Ok(resource)) => {
            tracing::info!(resource = %id, plan = resource.order.plan, "plan changed");
            let message = format!("The plan is {}.", resource.order.plan);
            respond(dialect, StatusCode::OK, &resource_json(dialect, &resource, &message))
        }
        Ok(Err(error)) => fail(dialect, &error),
        Err(answer) => answer,
    }
}

pub(super) async fn deprovision(State(app): Shared, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let dialect = Dialect::of(&headers);
    let Some(id) = ResourceId::parse(&id) else {
        return fail(dialect, &WorkError::Gone);
    };
    let worker = Arc::clone(&app);
    match to_its_end(&app, async move { worker.provider.deprovision(id).await }).await {
        Ok(Ok(())) => {
            tracing::info!(resource = %id, "deprovisioned");
            StatusCode::NO_CONTENT.into_response()
        }
        // What was never here is gone, too. Heroku would repeat the request at a 404.
        Ok(Err(WorkError::Unknown)) => fail(dialect, &WorkError::Gone),
        Ok(Err(error)) => fail(dialect, &error),
        Err(answer) => answer,
    }
}

fn resource_json(dialect: Dialect, resource: &Resource, message: &str) -> Value {
    let config = resource.config().unwrap_or_default();
    let config: serde_json::Map<_, _> = config
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.expose_secret().into()))
        .collect();
    let id = match dialect {
        Dialect::V1 => resource.id.letters(),
        Dialect::V3 => resource.id.to_string(),
    };
    json!({ "id": id, "config": config, "message": message })
}

/// Tells the old dialect's callback. It only ever is Heroku's own, or the tester's on this machine: the answer holds
/// the key.
async fn call_back(address: String, answer: Value) {
    let is_known = |url: &Url| match url.host_str() {
        Some("localhost" | "127.0.0.1" | "[::1]") => url.scheme() == "http",
        Some(host) => url.scheme() == "https" && (host == "heroku.com" || host.ends_with(".heroku.com")),
        None => false,
    };
    let Some(url) = Url::parse(&address).ok().filter(is_known) else {
        return;
    };
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build();
    let Ok(client) = client else { return };
    // The tester listens only if it is told to, so a failure says nothing.
    let _ = client
        .put(url)
        .timeout(Duration::from_secs(5))
        .json(&answer)
        .send()
        .await;
}

fn refuse(dialect: Dialect, error: &BodyError) -> Response {
    respond(dialect, error.status(), &json!({ "message": error.to_string() }))
}

fn fail(dialect: Dialect, error: &WorkError) -> Response {
    let status = match error {
        WorkError::Order(_) | WorkError::ConnectionTaken { .. } | WorkError::ConnectionRefused { .. } => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        WorkError::Gone => StatusCode::GONE,
        WorkError::Unknown => StatusCode::NOT_FOUND,
        WorkError::Busy | WorkError::Gateway(_) | WorkError::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    if status == StatusCode::SERVICE_UNAVAILABLE {
        let cause = std::error::Error::source(error).map(ToString::to_string);
        tracing::error!(cause, "{error}");
    }
    respond(dialect, status, &json!({ "message": error.to_string() }))
}

fn respond(dialect: Dialect, status: StatusCode, answer: &Value) -> Response {
    (
        status,
        [(header::CONTENT_TYPE, dialect.content_type())],
        answer.to_string(),
    )
        .into_response()
}
