//! What those who run the provider ask it for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum_extra::TypedHeader;
use axum_extra::headers::{Authorization, authorization::Bearer};
use axum_extra::typed_header::TypedHeaderRejection;

use super::{App, Shared, auth};

/// Whether the program and its database work. A gateway that is down is no reason to start the program anew.
pub(super) async fn health(State(app): Shared) -> (StatusCode, &'static str) {
    match tokio::time::timeout(Duration::from_secs(2), app.provider.store.answers()).await {
        Ok(Ok(())) => (StatusCode::OK, "ok\n"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n"),
    }
}

/// The figures for Prometheus, for who has the token.
pub(super) async fn metrics(
    State(app): State<Arc<App>>,
    given: Result<TypedHeader<Authorization<Bearer>>, TypedHeaderRejection>,
) -> Response {
    let Some(token) = &app.settings.metrics_token else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if !given.is_ok_and(|TypedHeader(Authorization(given))| auth::has_token(given.token(), token)) {
        return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer")]).into_response();
    }
    let Ok(counts) = app.provider.store.count().await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    for (state, count) in counts {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        metrics::gauge!("hoop_addon_resources", "state" => state.word()).set(count);
    }
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
        app.metrics.render(),
    )
        .into_response()
}

pub(super) async fn count_request(request: Request, next: Next) -> Response {
    let path = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("none", |path| path.as_str())
        .to_owned();
    // Anyone can think of a method, and each would be a line of the figures.
    let known = [Method::GET, Method::POST, Method::PUT, Method::DELETE];
    let method = known.into_iter().find(|known| known == request.method());
    let method = method.map_or("other".to_owned(), |method| method.as_str().to_owned());
    let start = Instant::now();
    let answer = next.run(request).await;
    let status = answer.status().as_str().to_owned();
    metrics::counter!("hoop_addon_requests_total", "method" => method, "path" => path.clone(), "status" => status)
        .increment(1);
    metrics::histogram!("hoop_addon_request_seconds", "path" => path).record(start.elapsed());
    answer
}
