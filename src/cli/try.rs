//! `try`.

use crate::cli::color;
use crate::cli::exit::{FAILED, USAGE, complain};
use crate::os::environment::Environment;
use crate::r#try::{self, Request, TryError};
use clap::Args;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Builds `APP_DIR` in scratch folders as the platform would, then runs processes of its Procfile as dynos would,
/// in the foreground. Ctrl-C, or --stop-after, stops them as the platform stops a dyno: SIGTERM to every process,
/// after 30 s SIGKILL. If one of several ends, all are stopped.
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
  That of the process that ended first; 128 plus the signal's number if a signal ended it.
  With --smoke: 0 if PATH was answered with a status of 2xx or 3xx, and all processes ended
  on SIGTERM with 0 or 143, else 1.
  1 where the build fails or there is no process to run, 2 where the arguments are wrong.

EXAMPLES:
  hoop-buildpack try ~/my-app worker --env HOOP_VERSION=1.148.0 --env HOOP_KEY
  hoop-buildpack try ~/my-app --all
  hoop-buildpack try --slug slug.tgz --smoke /healthz")]
pub(super) struct TryArgs {
    /// The folder of the app
    #[arg(required_unless_present = "slug")]
    app_dir: Option<PathBuf>,
    /// The process types to run [default: web]
    #[arg(value_name = "TYPE")]
    process_types: Vec<String>,
    /// Run this slug instead of building a folder; all arguments are process types then
    #[arg(long, value_name = "FILE", conflicts_with = "releases")]
    slug: Option<PathBuf>,
    /// Run all process types that dynos run all the time
    #[arg(long, conflicts_with = "process_types")]
    all: bool,
    /// Once web listens on its PORT, ask it for a path, then stop
    #[arg(long, value_name = "PATH", value_parser = path)]
    smoke: Option<String>,
    /// How long the answer to --smoke may take
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "60", requires = "smoke")]
    timeout: Duration,
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

pub(super) fn run(args: TryArgs, environment: &Environment) -> i32 {
    let mut process_types = args.process_types;
    let mut app_dir = args.app_dir.unwrap_or_default();
    if args.slug.is_some() && !app_dir.as_os_str().is_empty() {
        process_types.insert(0, std::mem::take(&mut app_dir).to_string_lossy().into_owned());
    }
    let request = Request {
        app_dir,
        slug: args.slug,
        process_types,
        runs_all: args.all,
        smoke: args.smoke.map(|path| (path, args.timeout)),
        may_have_color: !color::is_forbidden(environment),
        env: args.env,
        env_file: args.env_file,
        releases: args.releases,
        stop_after: args.stop_after,
    };
    r#try::run(&request, environment).unwrap_or_else(|error| {
        complain(&format!("hoop-buildpack try: {error}"));
        match error {
            TryError::Arguments(_) => USAGE,
            TryError::Failed(_) => FAILED,
        }
    })
}

/// Reads the value of `--smoke`.
fn path(text: &str) -> Result<String, String> {
    if text.starts_with('/') && !text.contains(char::is_whitespace) {
        return Ok(text.to_owned());
    }
    Err("it is no path of the app, such as / or /healthz".to_owned())
}

/// Reads the value of `--stop-after` and `--timeout`.
fn seconds(text: &str) -> Result<Duration, String> {
    let is_decimal = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && text.bytes().filter(|byte| *byte == b'.').count() <= 1;
    let seconds = text.parse().ok().filter(|_| is_decimal);
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "it is not a number of seconds, such as 10 or 2.5".to_owned())
}
