//! The page of a resource: whether its agent is connected, and what to do so that it is.

use std::sync::Arc;
use std::time::Duration;

use axum::Form;
use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::SignedCookieJar;
use secrecy::SecretString;
use serde::Deserialize;

use super::session::Session;
use super::{App, Shared, asset, to_its_end};
use crate::gateway::{Agent, Connection};
use crate::resource::{Resource, ResourceId, Seen, State as ResourceState};
use crate::work::{Push, WorkError};

mod view;

/// How long the page waits for the gateway.
const FOR_GATEWAY: Duration = Duration::from_secs(3);

/// What the page shows.
struct Page {
    resource: Resource,
    session: Session,
    /// `None` where the gateway does not answer.
    agent: Option<AgentView>,
    gateway: String,
    notice: Option<Notice>,
    /// Whether it stands at its own address. Else it goes there.
    is_at_home: bool,
}

/// The agent as the gateway says it is.
struct AgentView {
    agent: Option<Agent>,
    connections: Vec<Connection>,
    seen: Option<Seen>,
}

/// What came of the last thing that was asked for on the page.
enum Notice {
    Pushed,
    PushedLater,
    /// The provider cannot set the config var, so it shows the line that does, once.
    Key(SecretString),
    Failed(WorkError),
}

#[derive(Deserialize)]
pub(super) struct PageQuery {
    notice: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct RotateForm {
    #[serde(default)]
    form_token: String,
}

pub(super) async fn show(
    State(app): Shared,
    Path(id): Path<String>,
    query: Result<Query<PageQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let Some(session) = session(&app, &id, &headers) else {
        return refusal(StatusCode::FORBIDDEN);
    };
    let notice = match query.ok().and_then(|Query(query)| query.notice).as_deref() {
        Some("pushed") => Some(Notice::Pushed),
        Some("later") => Some(Notice::PushedLater),
        _ => None,
    };
    answer(&app, session, notice, true).await
}

pub(super) async fn rotate(
    State(app): Shared,
    Path(id): Path<String>,
    headers: HeaderMap,
    form: Result<Form<RotateForm>, FormRejection>,
) -> Response {
    let Some(session) = session(&app, &id, &headers) else {
        return refusal(StatusCode::FORBIDDEN);
    };
    if !form.is_ok_and(|Form(form)| session.sent(&form.form_token)) {
        return refusal(StatusCode::FORBIDDEN);
    }
    let id = session.id();
    let worker = Arc::clone(&app);
    let work = async move {
        let resource = worker.provider.rotate(id).await?;
        let push = worker.provider.push(&resource).await?;
        Ok::<_, WorkError>((resource, push))
    };
    match to_its_end(&app, work).await {
        Ok(Ok((resource, push))) => {
            tracing::info!(resource = %id, ?push, email = session.email, "key rotated");
            let to = |notice| Redirect::to(&format!("/resources/{id}?notice={notice}")).into_response();
            match (push, resource.key) {
                (Push::Done, _) => to("pushed"),
                (Push::NoGrant, Some(key)) => answer(&app, session, Some(Notice::Key(key)), true).await,
                _ => to("later"),
            }
        }
        Ok(Err(error)) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(resource = %id, cause, "{error}");
            answer(&app, session, Some(Notice::Failed(error)), true).await
        }
        Err(answer) => answer,
    }
}

/// The page as the answer to a sign-in.
pub(super) async fn at_sign_in(app: &Arc<App>, session: &Session) -> Response {
    answer(app, session.clone(), None, false).await
}

async fn answer(app: &Arc<App>, session: Session, notice: Option<Notice>, is_at_home: bool) -> Response {
    let id = session.id();
    let resource = match app.provider.store.get(id).await {
        Ok(Some(resource)) if !matches!(resource.state, ResourceState::Gone | ResourceState::Going) => resource,
        Ok(_) => return refusal(StatusCode::NOT_FOUND),
        Err(error) => {
            tracing::error!(%error, "page");
            return refusal(StatusCode::SERVICE_UNAVAILABLE);
        }
    };
    let status = match &notice {
        Some(Notice::Failed(_)) => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::OK,
    };
    let agent = match look(app, &resource).await {
        Ok(agent) => Some(agent),
        Err(error) => {
            tracing::warn!(resource = %id, %error, "the agent's status is not known");
            None
        }
    };
    let gateway = app.provider.gateway.address().to_string();
    let page = Page {
        resource,
        session,
        agent,
        gateway,
        notice,
        is_at_home,
    };
    // It can show a key.
    (status, [(header::CACHE_CONTROL, "no-store")], view::page(&page)).into_response()
}

/// Asks the gateway for the agent and its connections.
async fn look(app: &App, resource: &Resource) -> Result<AgentView, WorkError> {
    let gateway = app.provider.gateway.by(tokio::time::Instant::now() + FOR_GATEWAY);
    let agent = gateway.agent(&resource.id.agent_name()).await?;
    let Some(agent) = agent else {
        return Ok(AgentView {
            agent: None,
            connections: Vec::new(),
            seen: None,
        });
    };
    let connections = gateway.connections(&agent.id).await?;
    let seen = app.provider.store.see(resource, &agent.status).await?;
    Ok(AgentView {
        agent: Some(agent),
        connections,
        seen: Some(seen),
    })
}

fn session(app: &App, id: &str, headers: &HeaderMap) -> Option<Session> {
    let jar = SignedCookieJar::from_headers(headers, app.cookie_key.clone());
    Session::of(&jar, ResourceId::parse(id)?)
}

/// The page of those who do not come from Heroku.
pub(super) fn refusal(status: StatusCode) -> Response {
    (status, [(header::CACHE_CONTROL, "no-store")], view::refusal(status)).into_response()
}

pub(super) async fn style() -> Response {
    asset("text/css; charset=utf-8", include_str!("page/page.css"))
}

pub(super) async fn script() -> Response {
    asset("text/javascript; charset=utf-8", include_str!("page/page.js"))
}

pub(super) async fn security_headers(request: Request, next: Next) -> Response {
    let mut answer = next.run(request).await;
    // The icon is an empty `data:`, so that browsers do not ask for one.
    let policy = "default-src 'none'; img-src data:; style-src 'self'; script-src 'self'; connect-src 'self'; \
                  form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    let headers = [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    for (name, value) in headers {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}
