//! `hoop-buildpack try`: builds an app and runs it as a dyno would, on this machine.
//!
//! The same road as on the platform: a copy of the app in a build dir, `detect`, `compile` and `release` as
//! processes of their own with a small environment, the result moved to another folder, and there the Procfile's
//! command line under a shell that has sourced `.profile.d`. What a laptop cannot give is said in the help.

mod build;
mod dyno;

use crate::classic::survey::{ProcfileFault, ProcfileState};
use crate::config;
use crate::os::environment::Environment;
use crate::os::stderr;
use crate::slug::config_vars::ConfigVars;
use crate::slug::source;
use crate::text;
use anyhow::{Context as _, anyhow};
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What to build and run.
#[derive(Debug)]
pub struct Request {
    /// The folder of the app.
    pub app_dir: PathBuf,
    /// The process type to run.
    pub process_type: String,
    /// Config vars, as `NAME=VALUE`, or `NAME` for one of the environment.
    pub env: Vec<OsString>,
    /// Files of config vars.
    pub env_file: Vec<PathBuf>,
    /// The release server, if it is not the usual one.
    pub releases: Option<String>,
    /// When to stop the dyno.
    pub stop_after: Option<Duration>,
}

/// Why nothing came of it.
#[derive(Debug, thiserror::Error)]
pub enum TryError {
    /// The arguments are wrong.
    #[error("{0:#}")]
    Arguments(anyhow::Error),
    /// Something else.
    #[error("{0:#}")]
    Failed(#[from] anyhow::Error),
}

/// Builds and runs. Returns the exit status.
pub fn run(request: &Request, environment: &Environment) -> Result<i32, TryError> {
    let app_dir = request
        .app_dir
        .canonicalize()
        .with_context(|| format!("cannot open {}", request.app_dir.display()))
        .map_err(TryError::Arguments)?;
    if !app_dir.is_dir() {
        return Err(TryError::Arguments(anyhow!("{} is not a folder", app_dir.display())));
    }
    let ConfigVars { mut vars, warnings } =
        ConfigVars::collect(&request.env_file, &request.env, environment).map_err(TryError::Arguments)?;
    for warning in &warnings {
        warn(warning);
    }
    if let Some(releases) = request.releases.clone().or_else(|| fixture_mirror(&app_dir)) {
        vars.push((config::RELEASES_URL.to_owned(), releases.into()));
    }
    let stop = dyno::EarlyEnd::new(request.stop_after)?;
    let scratch = tempfile::Builder::new()
        .prefix("hoop-try-")
        .tempdir()
        .context("cannot make a scratch folder")?;
    let build_dir = build::build_dir(scratch.path());
    for note in source::copy(&app_dir, &build_dir, Some(environment))?.notes {
        warn(&note);
    }
    // Before the build, which takes time.
    let command_line = command_line(&app_dir, &build_dir, &request.process_type)?;
    let Some(slug) = build::slug(scratch.path(), &vars, environment)? else {
        return Ok(1);
    };
    let process = (request.process_type.as_str(), command_line.as_str());
    Ok(dyno::run(&slug, process, &vars, environment, stop)?)
}

/// The command line of `process_type` in the Procfile of the app that was copied from `app_dir` to `build_dir`.
fn command_line(app_dir: &Path, build_dir: &Path, process_type: &str) -> Result<String, TryError> {
    let state = |folder: &Path| {
        let root = Dir::open_ambient_dir(folder, ambient_authority());
        root.map(|root| ProcfileState::of(&root))
            .with_context(|| format!("cannot open {}", folder.display()))
    };
    let why = match state(build_dir)? {
        ProcfileState::Read(procfile) => {
            if let Some(command) = procfile.command(process_type) {
                return Ok(command.to_owned());
            }
            let types: Vec<_> = procfile.process_types().collect();
            return Err(TryError::Arguments(anyhow!(
                "the Procfile has no process type {}. It has: {}",
                text::quoted(process_type, 40),
                types.join(", ")
            )));
        }
        ProcfileState::Missing if state(app_dir)? != ProcfileState::Missing => {
            "git or .slugignore excludes the Procfile".to_owned()
        }
        ProcfileState::Missing => "the app has no file named Procfile".to_owned(),
        ProcfileState::Misnamed { path } => format!(
            "the app has no Procfile, but it has a file named {}",
            text::visible(&path)
        ),
        ProcfileState::NoFile { what } => format!("the Procfile is {what}"),
        ProcfileState::Faulty(ProcfileFault::Utf16) => "the Procfile is in UTF-16; save it as UTF-8".to_owned(),
        ProcfileState::Faulty(ProcfileFault::Empty) => "the Procfile is empty".to_owned(),
        ProcfileState::Faulty(ProcfileFault::NoLine { .. }) => {
            "no line of the Procfile is a process type, a colon and a command".to_owned()
        }
    };
    Err(TryError::Failed(anyhow!("there is no process to run: {why}")))
}

/// Tells of something that is not as it was meant, while the work goes on.
fn warn(what: &str) {
    stderr::say(&format!("hoop-buildpack try: warning: {what}"));
}

/// The URL of the mirror beside `app_dir`, if that is `…/apps/NAME` with a release mirror in
/// `…/releases`.
fn fixture_mirror(app_dir: &Path) -> Option<String> {
    let apps = app_dir.parent().filter(|parent| parent.ends_with("apps"))?;
    let mirror = apps.parent()?.join("releases");
    mirror.join("latest.txt").is_file().then_some(())?;
    url::Url::from_file_path(mirror).ok().map(String::from)
}
