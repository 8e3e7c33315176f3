//! Makes a slug on the platform, and sends its bytes to the place that the platform names.

use crate::agent::sha256::Hasher;
use crate::secret::Secret;
use crate::slug::inspect::Slug;
use crate::slug::log::{self, Progress};
use crate::slug::publish::api::{Api, innermost};
use crate::slug::publish::app::App;
use crate::slug::publish::facts::Facts;
use crate::slug::publish::fault::PublishFault;
use crate::text;
use reqwest::blocking::Body;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use serde_json::json;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use url::Url;

/// How many slugs are made where the URL of one expires.
const MOST_SLUGS: u32 = 3;

/// The slowest that an upload may be, in bytes for each second.
const SLOWEST: u64 = 50_000;

/// A slug to upload.
pub(super) struct Upload<'a> {
    pub(super) api: &'a Api,
    /// The app that the slug is made for.
    pub(super) app: &'a App,
    pub(super) slug: &'a Slug,
    pub(super) path: &'a Path,
    pub(super) facts: &'a Facts,
}

/// What became of the bytes.
enum Sent {
    Done,
    /// The URL takes no more.
    Expired(String),
    /// It may be better the next time.
    Failed(String),
}

impl Upload<'_> {
    /// Uploads the slug, and returns its id.
    pub(super) fn run(&self) -> Result<String, PublishFault> {
        let mut cause = String::new();
        for number in 1..=MOST_SLUGS {
            // https://devcenter.heroku.com/articles/platform-api-reference#slug
            let path = ["apps", &self.app.name, "slugs"];
            let made = self.api.post_again(&path, &self.body(), "cannot make a slug")?;
            // It is signed: who has it may write the slug.
            let url = Secret::new(made.text("/blob/url")?);
            let url = Url::parse(url.expose()).map_err(|error| PublishFault::UploadFailed {
                cause: format!("the platform named no URL to send it to ({error})"),
            })?;
            match self.send(&url)? {
                Ok(()) => return Ok(made.text("/id")?.to_owned()),
                Err(expired) => cause = expired,
            }
            if number < MOST_SLUGS {
                log::warn("publish", &format!("{cause}; making another slug"));
            }
        }
        Err(PublishFault::UploadFailed { cause })
    }

    /// What the API is told of the slug.
    fn body(&self) -> serde_json::Value {
        let mut body = json!({
            "process_types": self.facts.process_types,
            "checksum": format!("SHA256:{}", self.slug.sha256()),
            "buildpack_provided_description": self.facts.description,
        });
        for (name, value) in [("commit", &self.facts.commit), ("stack", &self.facts.stack)] {
            if let Some(value) = value {
                body[name] = json!(value);
            }
        }
        body
    }

    /// Sends the bytes. The inner error says that the URL has expired.
    fn send(&self, url: &Url) -> Result<Result<(), String>, PublishFault> {
        let mut number = 1;
        loop {
            match self.send_once(url)? {
                Sent::Done => return Ok(Ok(())),
                Sent::Expired(cause) => return Ok(Err(cause)),
                Sent::Failed(cause) if number >= self.api.patience.attempts => {
                    return Err(PublishFault::UploadFailed { cause });
                }
                Sent::Failed(cause) => self
                    .api
                    .pause(number, Duration::ZERO, &format!("the upload failed: {cause}")),
            }
            number += 1;
        }
    }

    fn send_once(&self, url: &Url) -> Result<Sent, PublishFault> {
        let size = self.slug.size();
        let unreadable = |error: io::Error| PublishFault::UploadFailed {
            cause: format!("it cannot be read any more ({error})"),
        };
        let file = File::open(self.path).map_err(unreadable)?;
        if file.metadata().map_err(unreadable)?.len() != size {
            return Err(PublishFault::SlugChanged);
        }
        let digest = Arc::new(Mutex::new(Hasher::default()));
        let body = Passed {
            file,
            digest: Arc::clone(&digest),
            progress: Progress::of(size),
            done: 0,
        };
        let limit = self.api.patience.silence() + Duration::from_secs(size / SLOWEST);
        let response = self
            .api
            .plain_client()
            .put(url.clone())
            // It is part of what was signed.
            .header(CONTENT_TYPE, HeaderValue::from_static(""))
            .timeout(limit)
            .body(Body::sized(body, size))
            .send();
        let response = match response {
            Ok(response) => response,
            Err(error) => return Ok(Sent::Failed(innermost(&error))),
        };
        let status = response.status();
        if status.is_success() {
            let digest = std::mem::take(&mut *digest.lock().unwrap_or_else(PoisonError::into_inner));
            // The platform would refuse it at each boot, see its checksum.
            return if digest.finish() == self.slug.sha256() {
                Ok(Sent::Done)
            } else {
                Err(PublishFault::SlugChanged)
            };
        }
        let said = response.text().unwrap_or_default();
        let code = element(&said, "Code");
        let cause = format!("the store answered {status}{}", self::said(&said));
        // What S3 says of a URL whose time is over
        // (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html).
        let has_expired = [
            "AccessDenied",
            "ExpiredToken",
            "RequestTimeTooSkewed",
            "TokenRefreshRequired",
        ];
        Ok(match status.as_u16() {
            403 if code.is_none_or(|code| has_expired.contains(&code)) => Sent::Expired(cause),
            // A space that is new has no bucket for a while.
            404 | 429 | 500.. => Sent::Failed(cause),
            _ => return Err(PublishFault::UploadFailed { cause }),
        })
    }
}

/// What the store says of an error, in words.
fn said(text: &str) -> String {
    let told = match (element(text, "Code"), element(text, "Message")) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(only), None) | (None, Some(only)) => only.to_owned(),
        (None, None) => text.trim().to_owned(),
    };
    if told.is_empty() {
        String::new()
    } else {
        format!(", {}", text::excerpt(&told, 200))
    }
}

/// The text of an element of a short XML document without attributes.
fn element<'a>(document: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = document.split_once(&format!("<{name}>"))?;
    Some(rest.split_once(&format!("</{name}>"))?.0)
}

/// A file whose digest is taken as its bytes pass.
struct Passed {
    file: File,
    digest: Arc<Mutex<Hasher>>,
    progress: Progress,
    /// In bytes.
    done: u64,
}

impl Read for Passed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        let mut digest = self.digest.lock().unwrap_or_else(PoisonError::into_inner);
        digest.update(&buffer[..read]);
        self.done += read as u64;
        self.progress.show(self.done);
        Ok(read)
    }
}
