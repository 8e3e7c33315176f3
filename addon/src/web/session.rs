//! The session of someone who came from Heroku: a signed cookie for one resource.

use std::time::{SystemTime, UNIX_EPOCH};

use axum_extra::extract::SignedCookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde::{Deserialize, Serialize};

use super::auth;
use crate::resource::ResourceId;

const NAME: &str = "hoop_session";

/// How long a session lasts, in seconds.
const LONGEST: u64 = 3_600;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Session {
    resource: String,
    /// The app that it was opened from.
    pub(super) app: Option<String>,
    pub(super) email: Option<String>,
    /// Stands in each form of the page, so that no other page can send one.
    pub(super) form_token: String,
    ends_at: u64,
}

impl Session {
    pub(super) fn new(id: ResourceId, app: Option<&str>, email: Option<String>, now: u64) -> Self {
        let form_token = BASE64.encode(rand::random::<[u8; 24]>());
        Self {
            resource: id.to_string(),
            app: app.map(Into::into),
            email,
            form_token,
            ends_at: now + LONGEST,
        }
    }

    /// The session for a resource, if there is one that has not ended.
    pub(super) fn of(jar: &SignedCookieJar, id: ResourceId) -> Option<Self> {
        let cookie = jar.get(NAME)?;
        let session: Self = serde_json::from_slice(&BASE64.decode(cookie.value()).ok()?).ok()?;
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
        (session.resource == id.to_string() && now < session.ends_at).then_some(session)
    }

    pub(super) fn id(&self) -> ResourceId {
        ResourceId::parse(&self.resource).expect("a session is made for a resource, and signed")
    }

    /// The cookie. Its path keeps the sessions of two resources apart.
    pub(super) fn cookie(&self) -> Cookie<'static> {
        let value = BASE64.encode(serde_json::to_vec(self).expect("texts are JSON"));
        Cookie::build((NAME, value))
            .path(format!("/resources/{}", self.resource))
            .http_only(true)
            .secure(true)
            .same_site(SameSite::Lax)
            .max_age(time::Duration::seconds(LONGEST.cast_signed()))
            .build()
    }

    pub(super) fn sent(&self, form_token: &str) -> bool {
        auth::is_same(&self.form_token, form_token)
    }
}
