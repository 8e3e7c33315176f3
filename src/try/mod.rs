//! `hoop-buildpack try`: builds an app and runs it as a dyno would, on this machine.
//!
//! The same road as on the platform: a copy of the app in a build dir, `detect`, `compile` and `release` as
//! processes of their own with a small environment, the result moved to another folder, and there the Procfile's
//! command line under a shell that has sourced `.profile.d`. What a laptop cannot give is said in the help.

mod build;
mod checkout;
mod dyno;
mod env_file;
mod ignore;

use crate::classic::survey::ProcfileState;
use crate::os::environment::Environment;
use crate::os::stderr;
use crate::procfile::ProcfileFault;
use crate::text;
use crate::r#try::env_file::{EnvFile, Note, OF_PLATFORM};
use anyhow::{Context as _, anyhow, bail};
use cap_std::ambient_authority;
use cap_std::fs::Dir;
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

The build gets what a push would bring, including files that are not committed yet, but not
what git ignores or .slugignore names.

FILES OF CONFIG VARS:
  Lines of NAME=VALUE, as in a .env for heroku local or dotenv: with export before the name,
  with a comment, with the value in quotation marks, where it may have several lines.
  Nothing in a value is expanded. A line that cannot be read is reported and left out.

THE PROCESS GETS:
  PATH                     as it is here
  HOME                     the slug's folder
  LANG, PORT, DYNO         C.UTF-8, a free port, TYPE.1
  RUSTUP_HOME, CARGO_HOME  where your toolchain is, since HOME is different
  HOOP_BUILDPACK_TRY       1: messages name the options of try
  the config vars, except HOME, PORT and DYNO, which are the platform's

ENVIRONMENT:
  HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE, CURL_TIMEOUT and friends reach the build.

EXIT STATUS:
  The app's; 128 plus the signal's number if a signal ended it.
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
    /// Read config vars from a file such as .env
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,
    /// The release server; by default the mirror beside the fixtures for an app among them, else the real one
    #[arg(long, value_name = "URL")]
    releases: Option<String>,
    /// Stop the dyno after so many seconds, such as 10 or 2.5
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    stop_after: Option<Duration>,
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
    let stop = dyno::Stop::new(args.stop_after)?;
    let scratch = tempfile::Builder::new()
        .prefix("hoop-try-")
        .tempdir()
        .context("cannot make a scratch folder")?;
    let build_dir = build::build_dir(scratch.path());
    for note in checkout::copy(&app_dir, &build_dir, environment)? {
        warn(&note);
    }
    // Before the build, so that nobody waits for one in vain.
    let command_line = command_line(&app_dir, &build_dir, &args.process_type)?;
    let Some(slug) = build::slug(scratch.path(), &config_vars, environment)? else {
        return Ok(1);
    };
    let process = (args.process_type.as_str(), command_line.as_str());
    Ok(dyno::run(&slug, process, &config_vars, environment, stop)?)
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

/// Reads the value of `--stop-after`.
fn seconds(text: &str) -> Result<Duration, String> {
    let is_decimal = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && text.bytes().filter(|byte| *byte == b'.').count() <= 1;
    let seconds = text.parse().ok().filter(|_| is_decimal);
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "it is not a number of seconds, such as 10 or 2.5".to_owned())
}

/// Collects the config vars: files first, then single ones.
fn config_vars(args: &TryArgs, app_dir: &Path, environment: &Environment) -> anyhow::Result<Vec<(String, OsString)>> {
    let mut vars: Vec<(String, OsString)> = Vec::new();
    for file in &args.env_file {
        let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        let EnvFile { vars: read, notes } = EnvFile::read(&bytes);
        for Note { line, last, what } in notes {
            let to = if last == line {
                String::new()
            } else {
                format!("-{last}")
            };
            warn(&format!("{}:{line}{to}: {what}", file.display()));
        }
        vars.extend(read.into_iter().map(|(name, value)| (name, value.into())));
    }
    for var in &args.env {
        let Some(text) = var.to_str() else {
            bail!("a config var is not UTF-8")
        };
        let (name, value) = if let Some((name, value)) = text.split_once('=') {
            (checked_name(name)?, OsString::from(value))
        } else {
            let name = checked_name(text)?;
            let Some(value) = environment.value(&name) else {
                bail!("--env {name}: there is no such variable in the environment");
            };
            (name, value.to_owned())
        };
        if OF_PLATFORM.contains(&name.as_str()) {
            warn(&format!(
                "--env {name}: {name} is set by the platform, so it is left out"
            ));
        } else {
            vars.push((name, value));
        }
    }
    let releases = args.releases.clone().or_else(|| fixture_mirror(app_dir));
    if let Some(releases) = releases {
        vars.push((crate::config::RELEASES_URL.to_owned(), releases.into()));
    }
    Ok(vars)
}

/// Whether `name` can be a config var's: a file is named after it.
fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Checks that `name` can be a config var's: a file is named after it.
fn checked_name(name: &str) -> anyhow::Result<String> {
    if !is_name(name) {
        bail!("\"{}\" is not the name of a config var", text::excerpt(name, 40));
    }
    Ok(name.to_owned())
}

/// The URL of the mirror beside `app_dir`, if that is `…/apps/NAME` with a release mirror in
/// `…/releases`.
fn fixture_mirror(app_dir: &Path) -> Option<String> {
    let apps = app_dir.parent().filter(|parent| parent.ends_with("apps"))?;
    let mirror = apps.parent()?.join("releases");
    mirror.join("latest.txt").is_file().then_some(())?;
    url::Url::from_file_path(mirror).ok().map(String::from)
}
