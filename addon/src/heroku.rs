//! Heroku's Platform API for Partners: the grant of a resource becomes tokens, and with these the provider sets the
//! app's config vars.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::StatusCode;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;
use thiserror::Error;
use url::Url;

use crate::resource::ResourceId;

/// Heroku's two addresses, and the secret of the add-on there.
pub struct Heroku {
    http: reqwest::Client,
    pub api: Url,
    pub id: Url,
    client_secret: SecretString,
}

const TIMEOUT: Duration = Duration::from_secs(10);

/// A token is refreshed this long before it ends, in seconds.
const MARGIN: u64 = 300;

#[derive(Debug, Error)]
pub enum HerokuError {
    #[error("Heroku does not answer")]
    NoAnswer,
    #[error("Heroku answered {status} to {call}")]
    Refused { call: &'static str, status: StatusCode },
    #[error("the answer of Heroku to {0} cannot be used")]
    Unusable(&'static str),
}

impl HerokuError {
    /// Whether the same call will fail in the same way.
    pub fn is_final(&self) -> bool {
        let Self::Refused { status, .. } = self else {
            return false;
        };
        status.is_client_error() && *status != StatusCode::TOO_MANY_REQUESTS
    }
}

/// What an app's access to Heroku is made of.
pub struct Tokens {
    access: SecretString,
    refresh: SecretString,
    /// In seconds since 1970.
    ends_at: u64,
}

/// How tokens are written before they are sealed.
#[derive(Serialize, Deserialize)]
struct Written {
    access: String,
    refresh: String,
    ends_at: u64,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: SecretString,
    refresh_token: Option<SecretString>,
    expires_in: u64,
}

#[derive(Deserialize)]
struct AddOn {
    app: App,
}

#[derive(Deserialize)]
struct App {
    name: String,
}

impl Tokens {
    pub fn to_secret(&self) -> SecretString {
        let written = Written {
            access: self.access.expose_secret().to_owned(),
            refresh: self.refresh.expose_secret().to_owned(),
            ends_at: self.ends_at,
        };
        serde_json::to_string(&written)
            .expect("texts and a number are JSON")
            .into()
    }

    pub fn of_secret(secret: &SecretString) -> Option<Self> {
        let Written {
            access,
            refresh,
            ends_at,
        } = serde_json::from_str(secret.expose_secret()).ok()?;
        Some(Self {
            access: access.into(),
            refresh: refresh.into(),
            ends_at,
        })
    }

    pub fn is_fresh(&self) -> bool {
        now() + MARGIN < self.ends_at
    }
}

impl Heroku {
    pub const fn new(http: reqwest::Client, api: Url, id: Url, client_secret: SecretString) -> Self {
        Self {
            http,
            api,
            id,
            client_secret,
        }
    }

    /// Exchanges the code of a grant, which Heroku accepts for five minutes, and once.
    pub async fn exchange(&self, code: &SecretString) -> Result<Tokens, HerokuError> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.expose_secret()),
            ("client_secret", self.client_secret.expose_secret()),
        ];
        self.tokens(&form, None).await
    }

    pub async fn refresh(&self, tokens: &Tokens) -> Result<Tokens, HerokuError> {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", tokens.refresh.expose_secret()),
            ("client_secret", self.client_secret.expose_secret()),
        ];
        self.tokens(&form, Some(&tokens.refresh)).await
    }

    async fn tokens(&self, form: &[(&str, &str)], refresh: Option<&SecretString>) -> Result<Tokens, HerokuError> {
        let call = "POST /oauth/token";
        let url = self.id.join("oauth/token").expect("a path is joined to any address");
        let answer: TokenAnswer = json_of(call, self.http.post(url).form(form).timeout(TIMEOUT)).await?;
        let refresh = answer
            .refresh_token
            .or_else(|| refresh.cloned())
            .ok_or(HerokuError::Unusable(call))?;
        Ok(Tokens {
            access: answer.access_token,
            refresh,
            ends_at: now() + answer.expires_in,
        })
    }

    /// Sets config vars of the app. A running app restarts with them.
    pub async fn set_config(
        &self,
        id: ResourceId,
        tokens: &Tokens,
        config: &[(&'static str, SecretString)],
    ) -> Result<(), HerokuError> {
        let vars = config
            .iter()
            .map(|(name, value)| json!({ "name": name, "value": value.expose_secret() }));
        let body = json!({ "config": vars.collect::<Vec<_>>() });
        let url = self
            .api
            .join(&format!("addons/{id}/config"))
            .expect("a path is joined to any address");
        send(
            "PATCH /addons/config",
            with_token(self.http.patch(url), tokens).json(&body),
        )
        .await?;
        Ok(())
    }

    /// The name of the app that the add-on was made for.
    pub async fn app(&self, id: ResourceId, tokens: &Tokens) -> Result<String, HerokuError> {
        let url = self
            .api
            .join(&format!("addons/{id}"))
            .expect("a path is joined to any address");
        let add_on: AddOn = json_of("GET /addons", with_token(self.http.get(url), tokens)).await?;
        Ok(add_on.app.name)
    }
}

fn with_token(request: reqwest::RequestBuilder, tokens: &Tokens) -> reqwest::RequestBuilder {
    let accept = "application/vnd.heroku+json; version=3";
    request
        .bearer_auth(tokens.access.expose_secret())
        .header("accept", accept)
        .timeout(TIMEOUT)
}

async fn json_of<T: serde::de::DeserializeOwned>(
    call: &'static str,
    request: reqwest::RequestBuilder,
) -> Result<T, HerokuError> {
    let answer = send(call, request).await?;
    answer.json().await.map_err(|_| HerokuError::Unusable(call))
}

async fn send(call: &'static str, request: reqwest::RequestBuilder) -> Result<reqwest::Response, HerokuError> {
    let answer = request.send().await.map_err(|_| HerokuError::NoAnswer)?;
    metrics::counter!("hoop_addon_heroku_calls_total", "call" => call, "status" => answer.status().as_str().to_owned())
        .increment(1);
    let status = answer.status();
    if status.is_success() {
        Ok(answer)
    } else {
        Err(HerokuError::Refused { call, status })
    }
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}
