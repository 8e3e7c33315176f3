//! Releases a slug to apps, by the API of the platform
//! (<https://devcenter.heroku.com/articles/platform-api-deploying-slugs>).
//!
//! A slug is uploaded once and released to each app in turn. A release is never made twice: where it is not known
//! whether the platform has made one, it is looked for before another is asked for.

mod api;
mod app;
mod fault;
mod key;
mod netrc;
mod release;
mod upload;

pub use crate::slug::publish::fault::PublishFault;

use crate::acquire::fetch::Patience;
use crate::os::environment::Environment;
use crate::os::stderr;
use crate::secret::redact::redacted;
use crate::slug::inspect::{InspectFault, Slug};
use crate::slug::publish::api::Api;
use crate::slug::publish::app::App;
use crate::slug::publish::release::Releases;
use crate::slug::publish::upload::Upload;
use crate::text;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use url::Url;

/// What to release.
#[derive(Debug)]
pub struct Request {
    pub slug: PathBuf,
    /// The names of the apps, in the order in which they are released.
    pub apps: Vec<String>,
    /// What `slug build --json` has written of this slug.
    pub build: Option<PathBuf>,
    pub stack: Option<String>,
    pub commit: Option<String>,
    /// What the app is, such as `Python`.
    pub description: Option<String>,
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

/// What `slug build --json` writes, as far as the platform is told of it.
#[derive(Debug, Default, Deserialize)]
struct Built {
    sha256: Option<String>,
    stack: Option<String>,
    commit: Option<String>,
    description: Option<String>,
    #[serde(default)]
    process_types: BTreeMap<String, String>,
}

/// A slug as it is told to the platform.
#[derive(Debug)]
struct Facts {
    process_types: BTreeMap<String, String>,
    stack: Option<String>,
    commit: Option<String>,
    description: String,
}

/// What the platform shows of an app whose slug says nothing of it: the name of the agent's buildpack.
const DESCRIPTION: &str = "Hoop agent";

/// Uploads and releases.
pub fn run(request: &Request, environment: &Environment) -> Result<(), PublishError> {
    let slug = Slug::open(&request.slug)?;
    let facts = Facts::of(request, &slug)?;
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

impl Facts {
    /// What is known of the slug: from the options, from its build, or from itself.
    fn of(request: &Request, slug: &Slug) -> Result<Self, PublishFault> {
        let built = request
            .build
            .as_deref()
            .map(|file| Built::read(file, slug))
            .transpose()?;
        let is_built = built.is_some();
        let built = built.unwrap_or_default();
        let process_types = if is_built {
            built.process_types
        } else {
            slug.process_types()
        };
        if process_types.is_empty() {
            return Err(PublishFault::NoProcessTypes);
        }
        // As the platform has it: https://github.com/heroku/platform-api/blob/main/schema.json
        let is_name = |name: &String| {
            (1..=128).contains(&name.len())
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        if let Some(name) = process_types.keys().find(|name| !is_name(name)) {
            return Err(PublishFault::ProcessTypeInvalid {
                name: text::quoted(name, 40),
            });
        }
        Ok(Self {
            process_types,
            stack: request.stack.clone().or(built.stack),
            commit: request.commit.clone().or(built.commit),
            description: request
                .description
                .clone()
                .or(built.description)
                .filter(|text| !text.is_empty())
                .unwrap_or_else(|| DESCRIPTION.to_owned()),
        })
    }
}

impl Built {
    fn read(file: &Path, slug: &Slug) -> Result<Self, PublishFault> {
        let name = || text::visible(&file.to_string_lossy());
        let unreadable = |cause: String| PublishFault::BuildUnreadable { file: name(), cause };
        let bytes = std::fs::read(file).map_err(|error| unreadable(error.to_string()))?;
        let built: Self = serde_json::from_slice(&bytes).map_err(|error| unreadable(error.to_string()))?;
        let sha256 = slug.sha256().to_string();
        match &built.sha256 {
            Some(of_build) if *of_build != sha256 => Err(PublishFault::BuildOfOther { file: name() }),
            _ => Ok(built),
        }
    }
}

/// Writes a step.
fn say(line: &str) {
    write_line(&format!("-----> {line}"));
}

/// Writes what belongs to the last step.
fn detail(line: &str) {
    write_line(&format!("       {line}"));
}

fn write_line(line: &str) {
    let mut stdout = std::io::stdout();
    // Nobody may be reading.
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}

/// Tells of something that is not as it was meant, while the work goes on.
fn warn(what: &str) {
    stderr::say(&format!("hoop-buildpack slug publish: warning: {what}"));
}
