//! Sign-in from Heroku: a form, or a link in the old dialect, with a token that only Heroku can make.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Form;
use axum::extract::{ConnectInfo, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum_extra::extract::SignedCookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use serde::Deserialize;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::session::Session;
use super::{App, Shared, auth, page};
use crate::resource::{ResourceId, State as ResourceState};

/// How far the time of a sign-in may be from ours.
const FURTHEST: Duration = Duration::from_mins(5);

/// What Heroku sends with a sign-in. It is not trusted until a token says so.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SignIn {
    id: String,
    resource_id: String,
    token: String,
    resource_token: String,
    user_scoped_resource_token: String,
    timestamp: String,
    user_id: String,
    email: String,
    app: String,
    #[serde(rename = "nav-data")]
    nav_data: String,
}

/// What a token proves.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Proven {
    pub(super) id: ResourceId,
    /// Only the newest kind of token covers who signs in.
    pub(super) email: Option<String>,
}

impl SignIn {
    /// Checks the best token there is. A wrong one is not made up for by another kind.
    ///
    /// `now` is in seconds since 1970.
    pub(super) fn prove(&self, salt: &str, now: u64) -> Option<Proven> {
        let time: u64 = self.timestamp.parse().ok()?;
        if time.abs_diff(now) > FURTHEST.as_secs() {
            return None;
        }
        let signed = |parts: &[&str]| parts.join(":");
        let (resource, time) = (&self.resource_id, self.timestamp.as_str());
        let (is_right, id, email) = if !self.user_scoped_resource_token.is_empty() {
            let right = hex::<Sha256>(&signed(&[resource, salt, time, &self.user_id, &self.email]));
            (
                auth::is_same(&self.user_scoped_resource_token, &right),
                resource,
                Some(self.email.clone()),
            )
        } else if !self.resource_token.is_empty() {
            let right = hex::<Sha1>(&signed(&[resource, salt, time]));
            (auth::is_same(&self.resource_token, &right), resource, None)
        } else {
            let right = hex::<Sha1>(&signed(&[&self.id, salt, time]));
            (auth::is_same(&self.token, &right), &self.id, None)
        };
        let id = ResourceId::parse(id).filter(|_| is_right)?;
        Some(Proven { id, email })
    }

    /// The name of the app, if it can be one: it is shown in a command line.
    fn app(&self) -> Option<&str> {
        let is_name = |app: &str| {
            (1..=30).contains(&app.len())
                && app.starts_with(|c: char| c.is_ascii_lowercase())
                && app
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        };
        Some(self.app.as_str()).filter(|app| is_name(app))
    }

    /// What Heroku's own script on the page reads.
    fn nav_cookie(&self) -> Option<Cookie<'static>> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_=+/.".contains(c);
        let is_fit = !self.nav_data.is_empty() && self.nav_data.len() <= 3_500 && self.nav_data.chars().all(is_plain);
        let cookie = || {
            Cookie::build(("heroku-nav-data", self.nav_data.clone()))
                .path("/")
                .same_site(SameSite::Lax)
        };
        is_fit.then(|| cookie().build())
    }
}

pub(super) async fn by_form(
    State(app): Shared,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    form: Result<Form<SignIn>, axum::extract::rejection::FormRejection>,
) -> Response {
    let sign_in = form.map(|Form(sign_in)| sign_in).unwrap_or_default();
    enter(app, peer, headers, sign_in).await
}

/// The old dialect without a form: the id is in the path, and the rest in the query.
pub(super) async fn by_link(
    State(app): Shared,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Path(id): Path<String>,
    query: Result<Query<SignIn>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let Query(sign_in) = query.unwrap_or_default();
    enter(app, peer, headers, SignIn { id, ..sign_in }).await
}

async fn enter(app: Arc<App>, peer: SocketAddr, headers: HeaderMap, sign_in: SignIn) -> Response {
    let salt = secrecy::ExposeSecret::expose_secret(&app.settings.sso_salt);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let Some(Proven { id, email }) = sign_in.prove(salt, now) else {
        let status = app
            .failures
            .answer(auth::client(&app, peer, &headers), StatusCode::FORBIDDEN);
        return page::refusal(status);
    };
    match app.provider.store.get(id).await {
        Ok(Some(resource)) if !matches!(resource.state, ResourceState::Gone | ResourceState::Going) => {}
        Ok(_) => return page::refusal(StatusCode::NOT_FOUND),
        Err(error) => {
            tracing::error!(%error, "sign-in");
            return page::refusal(StatusCode::SERVICE_UNAVAILABLE);
        }
    }
    let session = Session::new(id, sign_in.app(), email, now);
    let jar = SignedCookieJar::from_headers(&headers, app.cookie_key.clone()).add(session.cookie());
    let nav = axum_extra::extract::CookieJar::new();
    let nav = sign_in
        .nav_cookie()
        .map(|cookie| nav.clone().add(cookie))
        .unwrap_or(nav);
    // The page stands here at once, for who follows no link, and goes on to its own address.
    (jar, nav, page::at_sign_in(&app, &session).await).into_response()
}

fn hex<D: Digest>(text: &str) -> String {
    D::digest(text).iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a text can be written to");
        hex
    })
}
