//! `hoop-buildpack try`: builds an app and runs it as a dyno would, on this machine.
//!
//! The same road as on the platform: a copy of the app in a build dir, `detect`, `compile` and `release` as
//! processes of their own with a small environment, the result moved to another folder, and there the Procfile's
//! command line under a shell that has sourced `.profile.d`. What a laptop cannot give is said in the help.

mod build;
mod dyno;

use crate::environment::Environment;
use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Builds `APP_DIR` in scratch folders as the platform would, then runs a process of its Procfile as a dyno would,
/// in the foreground. Ctrl-C, or --stop-after, stops it as the platform stops a dyno: SIGTERM to every process of
/// it, after 30 s SIGKILL.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Only hoop's buildpack runs: what the app needs to start must be installed here.
bash is used where there is one, else sh.

THE PROCESS GETS:
  PATH                     as it is here
  HOME                     the slug's folder
  LANG, PORT, DYNO         C.UTF-8, a free port, TYPE.1
  RUSTUP_HOME, CARGO_HOME  where your toolchain is, since HOME is another
  the config vars

ENVIRONMENT:
  HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE, CURL_TIMEOUT and friends reach the build.

EXIT STATUS:
  The app's; 128 and the signal's number if it was ended by one.
  1 where the build fails or there is no process to run, 2 where the arguments are wrong.

EXAMPLE:
  hoop-buildpack try ~/my-app worker --env HOOP_VERSION=1.148.0 --env HOOP_KEY")]
pub struct TryArgs {
    /// The folder of the app
    app_dir: PathBuf,
    /// The process type to run
    #[arg(value_name = "TYPE", default_value = "web")]
    process_type: String,
    /// Set a config var; without a value it is taken from the environment
    #[arg(long, value_name = "NAME[=VALUE]")]
    env: Vec<OsString>,
    /// Read config vars from a file of NAME=VALUE lines; lines that begin with # are skipped
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,
    /// The release server; by default the mirror beside the fixtures for an app among them, else the real one
    #[arg(long, value_name = "URL")]
    releases: Option<String>,
    /// Stop the dyno after so many seconds
    #[arg(long, value_name = "SECONDS")]
    stop_after: Option<u64>,
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
pub fn run(args: &TryArgs, environment: &Environment) -> Result<i32, TryError> {
    let app_dir = args
        .app_dir
        .canonicalize()
        .with_context(|| format!("cannot open {}", args.app_dir.display()))
        .map_err(TryError::Arguments)?;
    if !app_dir.is_dir() {
        return Err(TryError::Arguments(anyhow!("{} is not a folder", app_dir.display())));
    }
    let config_vars = config_vars(args, &app_dir, environment).map_err(TryError::Arguments)?;
    // Before the build, so that nobody waits for one in vain. An app without a Procfile is built all the same.
    if let Ok(procfile) = dyno::procfile(&app_dir) {
        dyno::command_line(&procfile, &args.process_type).map_err(TryError::Arguments)?;
    }
    let stop = dyno::Stop::new(args.stop_after.map(Duration::from_secs))?;
    let scratch = tempfile::Builder::new()
        .prefix("hoop-try-")
        .tempdir()
        .context("cannot make a scratch folder")?;
    let Some(slug) = build::slug(&app_dir, scratch.path(), &config_vars, environment)? else {
        return Ok(1);
    };
    Ok(dyno::run(&slug, &args.process_type, &config_vars, environment, stop)?)
}

/// Collects the config vars: files first, then single ones.
fn config_vars(args: &TryArgs, app_dir: &Path, environment: &Environment) -> anyhow::Result<Vec<(String, OsString)>> {
    let mut vars = Vec::new();
    for file in &args.env_file {
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let Some((name, value)) = line.split_once('=') else {
                // The line itself may be a secret.
                bail!("line {} of {} is not NAME=VALUE", number + 1, file.display());
            };
            vars.push((checked_name(name)?, value.into()));
        }
    }
    for var in &args.env {
        let Some(text) = var.to_str() else {
            bail!("a config var is not UTF-8")
        };
        if let Some((name, value)) = text.split_once('=') {
            vars.push((checked_name(name)?, value.into()));
        } else {
            let name = checked_name(text)?;
            let Some(value) = environment.value(&name) else {
                bail!("--env {name}: there is no such variable in the environment");
            };
            vars.push((name, value.to_owned()));
        }
    }
    let releases = args.releases.clone().or_else(|| fixture_mirror(app_dir));
    if let Some(releases) = releases {
        vars.push((crate::config::RELEASES_URL.to_owned(), releases.into()));
    }
    Ok(vars)
}

/// Checks that `name` can be a config var's: a file is named after it.
fn checked_name(name: &str) -> anyhow::Result<String> {
    let is_name = !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !is_name {
        bail!("\"{}\" is not the name of a config var", crate::text::excerpt(name, 40));
    }
    Ok(name.to_owned())
}

/// Returns the URL of the mirror beside `app_dir`, if that is `…/apps/NAME` with a release mirror in
/// `…/releases`.
fn fixture_mirror(app_dir: &Path) -> Option<String> {
    let apps = app_dir.parent().filter(|parent| parent.ends_with("apps"))?;
    let mirror = apps.parent()?.join("releases");
    mirror.join("latest.txt").is_file().then_some(())?;
    url::Url::from_file_path(mirror).ok().map(String::from)
}
