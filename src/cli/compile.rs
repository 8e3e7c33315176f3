//! `compile`.

use crate::build_log::BuildLog;
use crate::classic::compile::{self, Folders};
use crate::cli::{color, config_vars, exit};
use crate::config::ReadAt;
use crate::os::environment::Environment;
use clap::Args;
use std::ffi::OsString;
use std::path::PathBuf;

/// Put the verified agent and hoopstart into an app (bin/compile)
#[derive(Debug, Args)]
#[command(after_long_help = help())]
pub(super) struct CompileArgs {
    /// The folder of the app
    build_dir: PathBuf,
    /// A folder kept between the builds of the app
    cache_dir: PathBuf,
    /// A folder with a file for each config var; none if it is left out or empty
    env_dir: Option<OsString>,
    /// Further arguments of other platforms, not used
    #[arg(hide = true)]
    rest: Vec<OsString>,
}

fn help() -> String {
    format!(
        "\
CONFIG VARS (a file each in ENV_DIR):
{}
ENVIRONMENT:
  CURL_CONNECT_TIMEOUT, CURL_TIMEOUT     seconds for a connection, for a whole file
  HTTPS_PROXY, HTTP_PROXY, NO_PROXY      the way to the release server
  SSL_CERT_FILE, SSL_CERT_DIR            CA certificates to trust
  NO_COLOR, TERM=dumb                    no color on a terminal
  TMPDIR                                 where the facts for `report` wait

EXIT STATUS:
  0  The slug is complete.
  1  It is not. Build dir and cache are as they were; stderr says why.
  2  The arguments are wrong.

EXAMPLE:
  mkdir -p /tmp/env && printf 1.148.0 > /tmp/env/HOOP_VERSION
  hoop-buildpack compile ~/my-app /tmp/cache /tmp/env",
        config_vars::list(ReadAt::Build)
    )
}

pub(super) fn run(args: CompileArgs, environment: &Environment) -> i32 {
    let folders = Folders {
        build_dir: args.build_dir,
        cache_dir: args.cache_dir,
        env_dir: args.env_dir.map(PathBuf::from),
    };
    let mut log = BuildLog::of_process(color::is_forbidden(environment));
    if compile::run(&folders, environment, &mut log) {
        0
    } else {
        exit::FAILED
    }
}
