//! `try`.

use crate::cli::exit::{FAILED, USAGE, complain};
use crate::os::environment::Environment;
use crate::r#try::{self, Request, TryError};
use clap::Args;
use std::ffi::OsString;
use std::path::PathBuf;
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
pub(super) struct TryArgs {
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

pub(super) fn run(args: TryArgs, environment: &Environment) -> i32 {
    let request = Request {
        app_dir: args.app_dir,
        process_type: args.process_type,
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

/// Reads the value of `--stop-after`.
fn seconds(text: &str) -> Result<Duration, String> {
    let is_decimal = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && text.bytes().filter(|byte| *byte == b'.').count() <= 1;
    let seconds = text.parse().ok().filter(|_| is_decimal);
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "it is not a number of seconds, such as 10 or 2.5".to_owned())
}
