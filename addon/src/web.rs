//! The provider as a web server: the API that Heroku calls, and the page that app owners open.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum_extra::extract::cookie::Key;
use metrics_exporter_prometheus::PrometheusHandle;
use secrecy::ExposeSecret as _;
use tokio_util::task::TaskTracker;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer};
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;

use crate::config::ServerSettings;
use crate::work::Provider;

mod api;
mod auth;
pub mod body;
mod operate;
mod page;
mod session;
mod sso;

/// The longest body that is read, in bytes.
pub const LONGEST_BODY: usize = 64 * 1024;

/// How long a request may take, with the reading of its body. Heroku gives up after 25 seconds.
const LONGEST_REQUEST: Duration = Duration::from_secs(20);

/// What all requests share.
pub struct App {
    provider: Provider,
    settings: ServerSettings,
    failures: auth::Failures,
    cookie_key: Key,
    metrics: PrometheusHandle,
    /// Work goes on when the client leaves, and the program ends after it.
    pub tasks: TaskTracker,
}

impl App {
    pub fn new(provider: Provider, settings: ServerSettings, metrics: PrometheusHandle) -> Self {
        let cookie_key = Key::derive_from(settings.secret.expose_secret().as_bytes());
        let (failures, tasks) = (auth::Failures::default(), TaskTracker::new());
        Self {
            provider,
            settings,
            failures,
            cookie_key,
            metrics,
            tasks,
        }
    }

    pub const fn provider(&self) -> &Provider {
        &self.provider
    }

    /// Forgets addresses that have not failed for a while.
    pub fn forget_failures(&self) {
        self.failures.forget();
    }
}

pub fn router(app: &Arc<App>) -> Router {
    // The password is checked before any of this, and so before a body is read and an id is looked up.
    let api = Router::new()
        .route("/heroku/resources", post(api::provision))
        .route("/heroku/resources/{id}", put(api::change_plan).delete(api::deprovision))
        .route(
            "/heroku/resources/{id}/{*rest}",
            axum::routing::any(|| async { StatusCode::NOT_FOUND }),
        )
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .layer(middleware::from_fn_with_state(Arc::clone(app), auth::require_password));
    let sso = Router::new()
        .route("/heroku/resources/{id}", get(sso::by_link))
        .route("/heroku/sso", post(sso::by_form))
        .route("/resources/{id}", get(page::show))
        .route("/resources/{id}/rotate", post(page::rotate))
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .layer(middleware::from_fn(page::security_headers));
    let operate = Router::new()
        .route("/healthz", get(operate::health))
        .route("/metrics", get(operate::metrics))
        .route("/page.css", get(page::style))
        .route("/page.js", get(page::script));
    let request_id = HeaderName::from_static("x-request-id");
    api.merge(sso)
        .merge(operate)
        .with_state(Arc::clone(app))
        .layer(CatchPanicLayer::new())
        .layer(TimeoutLayer::with_status_code(
            StatusCode::REQUEST_TIMEOUT,
            LONGEST_REQUEST,
        ))
        .layer(middleware::from_fn(operate::count_request))
        .layer(PropagateRequestIdLayer::new(request_id.clone()))
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(span)
                .on_response(log_answer)
                .on_failure(()),
        )
        .layer(SetRequestIdLayer::new(request_id.clone(), MakeRequestUuid))
        .layer(middleware::from_fn(move |request: Request, next: Next| {
            plain_request_id(request_id.clone(), request, next)
        }))
}

/// Drops an id that is no id, so that nobody writes lines of his own into the log.
async fn plain_request_id(name: HeaderName, mut request: Request, next: Next) -> Response {
    let is_plain = |id: &HeaderValue| {
        id.len() <= 100
            && id
                .as_bytes()
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_,".contains(byte))
    };
    if request.headers().get(&name).is_some_and(|id| !is_plain(id)) {
        request.headers_mut().remove(&name);
    }
    next.run(request).await
}

fn span(request: &axum::http::Request<axum::body::Body>) -> tracing::Span {
    let id = request.extensions().get::<RequestId>();
    let id = id.and_then(|id| id.header_value().to_str().ok()).unwrap_or_default();
    // Without the query, which holds the token of a sign-in.
    tracing::info_span!("request", id, method = %request.method(), path = request.uri().path())
}

fn log_answer<B>(answer: &axum::http::Response<B>, took: Duration, _: &tracing::Span) {
    tracing::info!(
        status = answer.status().as_u16(),
        seconds = took.as_secs_f64(),
        "answered"
    );
}

/// Does work that goes on when the client leaves: half of it would be worse than all of it.
async fn to_its_end<T: Send + 'static>(
    app: &Arc<App>,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, Response> {
    let span = tracing::Span::current();
    let task = app.tasks.spawn(tracing::Instrument::instrument(work, span));
    task.await
        .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

/// A kind of file that does not change while the program runs.
fn asset(kind: &'static str, text: &'static str) -> Response {
    (
        [
            (header::CONTENT_TYPE, kind),
            (header::CACHE_CONTROL, "public, max-age=3600"),
        ],
        text,
    )
        .into_response()
}

type Shared = State<Arc<App>>;
