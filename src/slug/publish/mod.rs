//! Releases a slug to apps, by the API of the platform
//! (<https://devcenter.heroku.com/articles/platform-api-deploying-slugs>).
//!
//! A slug is uploaded once and released to each app in turn. A release is never made twice: where it is not known
//! whether the platform has made one, it is looked for before another is asked for.

mod api;
mod app;
mod facts;
mod fault;
mod key;
mod netrc;
mod release;
mod upload;

pub use crate::slug::publish::facts::Given;
pub use crate::slug::publish::fault::{ApiAnswer, PublishFault};

use crate::acquire::fetch::Patience;
use crate::os::environment::Environment;
use crate::os::stderr;
use crate::secret::redact::redacted;
use crate::slug::inspect::{InspectFault, Slug};
use crate::slug::log::{self, detail, say};
use crate::slug::publish::api::Api;
use crate::slug::publish::app::App;
use crate::slug::publish::facts::Facts;
use crate::slug::publish::release::Releases;
use crate::slug::publish::upload::Upload;
use crate::text;
use std::path::PathBuf;
use std::time::Duration;
use url::Url;

/// What to release.
#[derive(Debug)]
pub struct Request {
    pub slug: PathBuf,
    /// The names of the apps, in the order in which they are released.
    pub apps: Vec<String>,
    /// What is said of the slug.
    pub given: Given,
    /// The base of the platform's API.
    pub api: Url,
    /// How long a release phase may take.
    pub timeout: Duration,
    pub stops_on_failure: bool,
    /// Whether only to say what would be done.
    pub is_dry_run: bool,
    /// Whether only to upload.
    pub is_without_release: bool,
}

/// Why not every app has the slug.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    #[error("{0} [{id}]", id = .0.failure().id())]
    Slug(#[from] InspectFault),
    #[error("{0} [{id}]", id = .0.failure().id())]
    Publish(#[from] PublishFault),
    /// Each has been told.
    #[error("{failed} of {all} apps do not have the slug")]
    Some { failed: usize, all: usize },
}

/// Uploads and releases.
pub fn run(request: &Request, environment: &Environment) -> Result<(), PublishError> {
    let slug = Slug::open(&request.slug)?;
    let facts = Facts::of(&request.given, &slug)?;
    let key = key::find(environment, &request.api)?;
    let api = Api::new(&request.api, key, Patience::of(environment))?;
    let mut apps = Vec::new();
    for name in &request.apps {
        let app = App::look_at(&api, name)?;
        app.takes(&facts)?;
        apps.push(app);
    }
    let (Some(first), names) = (apps.first(), request.apps.join(", ")) else {
        return Ok(());
    };
    say(&format!(
        "{} ({}, sha256 {})",
        text::visible(&request.slug.to_string_lossy()),
        text::megabytes(slug.size()),
        slug.sha256()
    ));
    for (name, command) in &facts.process_types {
        detail(&format!("{name}: {}", text::excerpt(&redacted(command), 100)));
    }
    if request.is_dry_run {
        let what = if request.is_without_release {
            "uploaded for"
        } else {
            "released to"
        };
        say(&format!("It would be {what} {names}; nothing was sent"));
        return Ok(());
    }
    say("Uploading");
    let id = Upload {
        api: &api,
        app: first,
        slug: &slug,
        path: &request.slug,
        facts: &facts,
    }
    .run()?;
    detail(&format!("slug {id}"));
    if request.is_without_release {
        warn("a slug of no release is destroyed by the platform; release it soon");
        return Ok(());
    }
    let mut failed = 0;
    let mut results = Vec::new();
    for app in &apps {
        if failed > 0 && request.stops_on_failure {
            results.push(format!("{}: not released, since another failed", app.name));
            failed += 1;
            continue;
        }
        say(&format!("Releasing to {}", app.name));
        let releases = Releases {
            api: &api,
            app,
            slug: &id,
            timeout: request.timeout,
        };
        match releases.run() {
            Ok(version) => results.push(format!("{}: released as v{version}", app.name)),
            Err(fault) => {
                failed += 1;
                stderr::say(&format!(
                    "hoop-buildpack slug publish: {fault} [{}]",
                    fault.failure().id()
                ));
                results.push(format!("{}: failed", app.name));
            }
        }
    }
    for result in &results {
        say(result);
    }
    match failed {
        0 => Ok(()),
        failed => Err(PublishError::Some {
            failed,
            all: apps.len(),
        }),
    }
}

fn warn(what: &str) {
    log::warn("publish", what);
}
