//! Makes the release of an app, once, and waits for its release phase.

use crate::secret::Secret;
use crate::slug::log::detail;
use crate::slug::publish::api::{Answer, Api, Sent};
use crate::slug::publish::app::App;
use crate::slug::publish::fault::PublishFault;
use reqwest::StatusCode;
use reqwest::header::{ACCEPT, RANGE};
use serde_json::json;
use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

/// The newest releases of an app, the last one first
/// (<https://devcenter.heroku.com/articles/platform-api-reference#ranges>).
const NEWEST: &str = "version ..; order=desc,max=20";

/// The longest pause between two looks at a release.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A release (<https://devcenter.heroku.com/articles/platform-api-reference#release>).
#[derive(Clone, Debug)]
struct Release {
    id: String,
    version: u64,
    status: String,
    /// The id of its slug.
    slug: Option<String>,
    /// Only where the app has a release phase. It is signed.
    output_stream_url: Option<Secret>,
}

impl Release {
    fn of(answer: &Answer) -> Result<Self, PublishFault> {
        Ok(Self {
            id: answer.text("/id")?.to_owned(),
            version: answer.number("/version")?,
            status: answer.text("/status")?.to_owned(),
            slug: answer.optional("/slug/id").map(str::to_owned),
            output_stream_url: answer.optional("/output_stream_url").map(Secret::new),
        })
    }
}

/// The releases of an app.
pub(super) struct Releases<'a> {
    pub(super) api: &'a Api,
    pub(super) app: &'a App,
    /// The id of the slug.
    pub(super) slug: &'a str,
    /// How long the release phase may take.
    pub(super) timeout: Duration,
}

impl Releases<'_> {
    /// Releases the slug, and returns the version of the release.
    pub(super) fn run(&self) -> Result<u64, PublishFault> {
        let release = self.make()?;
        detail(&format!("v{} of {}", release.version, self.app.name));
        let release = self.wait(release)?;
        match release.status.as_str() {
            "succeeded" => Ok(release.version),
            status => Err(PublishFault::ReleaseFailed {
                app: self.app.name.clone(),
                version: release.version,
                status: match status {
                    "failed" => "failed".to_owned(),
                    other => format!("ended as {}", crate::text::excerpt(other, 40)),
                },
            }),
        }
    }

    /// Makes the release. Before a second attempt it is looked for: one may have been made.
    fn make(&self) -> Result<Release, PublishFault> {
        let before = self.newest()?.first().map_or(0, |release| release.version);
        let what = format!("cannot release to {}", self.app.name);
        let body = json!({ "slug": self.slug });
        let mut number = 1;
        loop {
            let (wait, cause) = match self.api.post(&["apps", &self.app.name, "releases"], &body, &what) {
                Sent::Done(answer) => match Release::of(&answer) {
                    Ok(release) => return Ok(release),
                    Err(fault) => (Duration::ZERO, Some(fault.to_string())),
                },
                Sent::Later(wait) => (wait, None),
                Sent::Unknown(cause) | Sent::Refused(PublishFault::ApiNotUnderstood { cause, .. }) => {
                    (Duration::ZERO, Some(cause))
                }
                Sent::Refused(fault) => return Err(fault),
            };
            if let Some(cause) = &cause
                && let Some(made) = self.made_since(before, cause)?
            {
                return Ok(made);
            }
            let told = cause
                .clone()
                .unwrap_or_else(|| "the platform asks for a pause".to_owned());
            if number >= self.api.patience.attempts {
                return Err(match cause {
                    Some(cause) => self.unknown(cause),
                    None => PublishFault::ApiUnreachable { what, cause: told },
                });
            }
            self.api.pause(number, wait, &format!("{what}: {told}"));
            // It may have been on its way.
            if let Some(cause) = cause
                && let Some(made) = self.made_since(before, &cause)?
            {
                return Ok(made);
            }
            number += 1;
        }
    }

    /// The newest releases.
    fn newest(&self) -> Result<Vec<Release>, PublishFault> {
        let what = format!("cannot read the releases of {}", self.app.name);
        let list = self
            .api
            .get_range(&["apps", &self.app.name, "releases"], Some(NEWEST), &what)?;
        list.items()?.map(|item| Release::of(&item)).collect()
    }

    /// The release of the slug that is newer than version `before`, if there is one. `cause` says why that is not
    /// known.
    fn made_since(&self, before: u64, cause: &str) -> Result<Option<Release>, PublishFault> {
        let newest = self.newest().map_err(|_| self.unknown(cause.to_owned()))?;
        let is_ours = |release: &Release| release.version > before && release.slug.as_deref() == Some(self.slug);
        Ok(newest.into_iter().find(is_ours))
    }

    fn unknown(&self, cause: String) -> PublishFault {
        PublishFault::ReleaseUnknown {
            app: self.app.name.clone(),
            cause,
        }
    }

    /// Waits until a release has ended, and shows what its release phase writes.
    fn wait(&self, mut release: Release) -> Result<Release, PublishFault> {
        let started = Instant::now();
        let mut output = Output { shown: 0 };
        let mut number = 1;
        let what = format!("cannot read release v{} of {}", release.version, self.app.name);
        loop {
            let is_over = release.status != "pending";
            if let Some(url) = &release.output_stream_url {
                output.show(self.api, url);
            }
            if is_over {
                return Ok(release);
            }
            if started.elapsed() >= self.timeout {
                return Err(PublishFault::ReleaseTimeout {
                    app: self.app.name.clone(),
                    version: release.version,
                    limit: self.timeout,
                });
            }
            std::thread::sleep(self.api.patience.pause(number, fastrand::f64()).min(LONGEST_PAUSE));
            number += 1;
            let url = release.output_stream_url.take();
            let path = ["apps", &self.app.name, "releases", &release.id];
            let looked = self.api.get(&path, &what).and_then(|answer| Release::of(&answer));
            release = looked.map_err(|fault| PublishFault::ReleaseUnwatched {
                app: self.app.name.clone(),
                version: release.version,
                cause: fault.to_string(),
            })?;
            release.output_stream_url = release.output_stream_url.or(url);
        }
    }
}

/// What a release phase has written, as far as it was shown.
struct Output {
    /// In bytes.
    shown: u64,
}

impl Output {
    /// Shows what there is, to the end of the stream. It may not be there yet, and may break: the next look goes on
    /// where this one ended.
    fn show(&mut self, api: &Api, url: &Secret) {
        let mut request = api.plain_client().get(url.expose()).header(ACCEPT, "text/plain");
        if self.shown > 0 {
            request = request.header(RANGE, format!("bytes={}-", self.shown));
        }
        let Ok(mut response) = request.send() else {
            return;
        };
        // Who does not know ranges sends it from the beginning.
        let mut known = match response.status() {
            StatusCode::PARTIAL_CONTENT => 0,
            StatusCode::OK => self.shown,
            _ => return,
        };
        let mut buffer = vec![0; 16 * 1024];
        let mut stdout = std::io::stdout();
        while let Ok(read @ 1..) = response.read(&mut buffer) {
            let skipped = known.min(read as u64);
            known -= skipped;
            let new = &buffer[usize::try_from(skipped).unwrap_or(read)..read];
            self.shown += new.len() as u64;
            // Nobody may be reading.
            let _ = stdout.write_all(new).and_then(|()| stdout.flush());
        }
    }
}
