//! Asks the platform's API (<https://devcenter.heroku.com/articles/platform-api-reference>).

use crate::acquire::fetch::{Patience, Resolver};
use crate::os::tls;
use crate::secret::Secret;
use crate::slug::log;
use crate::slug::publish::fault::{ApiAnswer, PublishFault};
use crate::text;
use reqwest::blocking::{Client, Response};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RANGE, RETRY_AFTER};
use reqwest::redirect::Policy;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// The version of the API.
const VERSION: &str = "application/vnd.heroku+json; version=3";

/// The longest that a `Retry-After` is obeyed.
const LONGEST_WAIT: Duration = Duration::from_mins(2);

/// The most bytes of an answer that is an error that are shown where nothing in it is understood.
const SHOWN: usize = 300;

/// The API, with the key of a person.
pub(super) struct Api {
    base: Url,
    key: Secret,
    client: Client,
    pub(super) patience: Patience,
}

/// What became of a request that changes something.
#[derive(Debug)]
pub(super) enum Sent {
    Done(Answer),
    /// It was refused, and has changed nothing.
    Refused(PublishFault),
    /// It was not taken now, and has changed nothing.
    Later(Duration),
    /// It may have been done or not.
    Unknown(String),
}

/// What the API has answered.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// What was asked for.
    what: String,
    value: Value,
}

impl Answer {
    /// The text at `place`, of which each step is a field.
    pub(super) fn text(&self, place: &str) -> Result<&str, PublishFault> {
        self.optional(place).ok_or_else(|| self.without(place))
    }

    /// The same, where there may be none.
    pub(super) fn optional(&self, place: &str) -> Option<&str> {
        self.value.pointer(place)?.as_str()
    }

    /// The number at `place`.
    pub(super) fn number(&self, place: &str) -> Result<u64, PublishFault> {
        let number = self.value.pointer(place).and_then(Value::as_u64);
        number.ok_or_else(|| self.without(place))
    }

    /// The items of a list.
    pub(super) fn items(&self) -> Result<impl Iterator<Item = Self>, PublishFault> {
        let items = self.value.as_array().ok_or_else(|| self.without("a list"))?;
        Ok(items.iter().map(|item| Self {
            what: self.what.clone(),
            value: item.clone(),
        }))
    }

    fn without(&self, place: &str) -> PublishFault {
        PublishFault::ApiNotUnderstood {
            what: self.what.clone(),
            cause: format!("it has no {}", place.trim_start_matches('/')),
        }
    }
}

impl Api {
    pub(super) fn new(base: &Url, key: Secret, patience: Patience) -> Result<Self, PublishFault> {
        let unreachable = |cause: String| PublishFault::ApiUnreachable {
            what: "cannot ask the platform".to_owned(),
            cause,
        };
        let client = Client::builder()
            .tls_backend_preconfigured(tls::client_config(tls::system_roots().map_err(unreachable)?))
            .dns_resolver(Arc::new(Resolver))
            .user_agent(concat!("hoop-buildpack/", env!("CARGO_PKG_VERSION")))
            .referer(false)
            // The key is for this place alone.
            .redirect(Policy::none())
            .connect_timeout(patience.connect)
            .timeout(patience.silence())
            .build()
            .map_err(|error| unreachable(innermost(&error)))?;
        Ok(Self {
            base: base.clone(),
            key,
            client,
            patience,
        })
    }

    /// A client that has no key, for the URLs that the API hands out.
    pub(super) fn plain_client(&self) -> &Client {
        &self.client
    }

    /// Reads something. Tried again while there is hope.
    pub(super) fn get(&self, path: &[&str], what: &str) -> Result<Answer, PublishFault> {
        self.get_range(path, None, what)
    }

    /// Reads a part of a list, as a header `Range` has it.
    pub(super) fn get_range(
        &self,
        path: &[&str],
        range: Option<&'static str>,
        what: &str,
    ) -> Result<Answer, PublishFault> {
        self.again(what, &|| {
            let mut request = self.client.get(self.url(path)).headers(self.headers());
            if let Some(range) = range {
                request = request.header(RANGE, range);
            }
            sent(request.send(), what)
        })
    }

    /// Makes something of which a second one does no harm. Tried again while there is hope.
    pub(super) fn post_again(&self, path: &[&str], body: &Value, what: &str) -> Result<Answer, PublishFault> {
        self.again(what, &|| self.post(path, body, what))
    }

    /// Makes something, or not. Tried once.
    pub(super) fn post(&self, path: &[&str], body: &Value, what: &str) -> Sent {
        let request = self.client.post(self.url(path)).headers(self.headers());
        let request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        sent(request.send(), what)
    }

    fn again(&self, what: &str, attempt: &dyn Fn() -> Sent) -> Result<Answer, PublishFault> {
        let mut number = 1;
        loop {
            let (wait, cause) = match attempt() {
                Sent::Done(value) => return Ok(value),
                Sent::Refused(fault) => return Err(fault),
                Sent::Later(wait) => (wait, "the platform asks for a pause".to_owned()),
                Sent::Unknown(cause) => (Duration::ZERO, cause),
            };
            if number >= self.patience.attempts {
                return Err(PublishFault::ApiUnreachable {
                    what: what.to_owned(),
                    cause,
                });
            }
            self.pause(number, wait, &format!("{what}: {cause}"));
            number += 1;
        }
    }

    /// Waits before the next attempt, and says so.
    pub(super) fn pause(&self, attempt: u32, at_least: Duration, why: &str) {
        let pause = self.patience.pause(attempt, fastrand::f64()).max(at_least);
        log::warn(
            "publish",
            &format!("{why}; trying again in {:.0} s", pause.as_secs_f64().ceil()),
        );
        std::thread::sleep(pause);
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(VERSION));
        if let Ok(mut key) = HeaderValue::from_str(&format!("Bearer {}", self.key.expose())) {
            key.set_sensitive(true);
            headers.insert(AUTHORIZATION, key);
        }
        headers
    }
}

/// What became of a request.
fn sent(response: reqwest::Result<Response>, what: &str) -> Sent {
    let response = match response {
        Ok(response) => response,
        // What never reached the platform has changed nothing, but is not told apart: asking is cheap.
        Err(error) => return Sent::Unknown(innermost(&error)),
    };
    let status = response.status();
    let header = |name: &str| Some(text::excerpt(response.headers().get(name)?.to_str().ok()?, 80));
    let request_id = header("Request-Id");
    let wait = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    let wait = wait.map_or(Duration::ZERO, Duration::from_secs).min(LONGEST_WAIT);
    if status.as_u16() == 429 {
        return Sent::Later(wait);
    }
    let bytes = match response.bytes() {
        Ok(bytes) => bytes,
        Err(error) => return Sent::Unknown(format!("the answer is cut ({})", innermost(&error))),
    };
    if status.is_success() {
        return match serde_json::from_slice(&bytes) {
            Ok(value) => Sent::Done(Answer {
                what: what.to_owned(),
                value,
            }),
            Err(error) => Sent::Refused(PublishFault::ApiNotUnderstood {
                what: what.to_owned(),
                cause: error.to_string(),
            }),
        };
    }
    let answer = ApiAnswer {
        what: what.to_owned(),
        status: status.as_u16(),
        said: said(&bytes),
        request_id,
    };
    if status.is_server_error() {
        return Sent::Unknown(answer.to_string().replace(&format!("{what}: "), ""));
    }
    Sent::Refused(match status.as_u16() {
        401 | 403 => PublishFault::KeyRefused(answer),
        404 => PublishFault::AppNotFound(answer),
        _ => PublishFault::ApiRefused(answer),
    })
}

/// What an error says: its id and its message, or what there is.
fn said(bytes: &[u8]) -> String {
    let value: Value = serde_json::from_slice(bytes).unwrap_or_default();
    match (value["id"].as_str(), value["message"].as_str()) {
        (Some(id), Some(message)) => text::excerpt(&format!("{id}: {message}"), SHOWN),
        (Some(only), None) | (None, Some(only)) => text::excerpt(only, SHOWN),
        (None, None) => text::excerpt(String::from_utf8_lossy(bytes).trim(), SHOWN),
    }
}

/// What went wrong first, without the URL, which may be signed.
pub(super) fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    match error.source() {
        Some(source) => innermost(source),
        None => match error.downcast_ref::<reqwest::Error>() {
            Some(error) if error.is_timeout() => "nothing came in time".to_owned(),
            Some(_) => "the request failed".to_owned(),
            None => text::excerpt(&error.to_string(), 200),
        },
    }
}
