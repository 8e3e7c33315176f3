//! `report`.

use crate::classic::{compile, report};
use crate::cli::exit;
use crate::os::environment::Environment;
use clap::Args;
use std::ffi::OsString;
use std::path::PathBuf;

/// Print facts of the build just done, also of a failed one (bin/report)
#[derive(Debug, Args)]
#[command(after_long_help = "\
EXIT STATUS:
  0  The facts, if there are any, are on stdout as flat YAML.
  1  They cannot be read.

EXAMPLE:
  hoop-buildpack report ~/my-app /tmp/cache /tmp/env")]
pub(super) struct ReportArgs {
    /// The folder of the app
    build_dir: PathBuf,
    /// A folder kept between the builds of the app, not used
    cache_dir: Option<PathBuf>,
    /// A folder with a file for each config var, not used
    env_dir: Option<OsString>,
    /// Further arguments of other platforms, not used
    #[arg(hide = true)]
    rest: Vec<OsString>,
}

pub(super) fn run(args: &ReportArgs, environment: &Environment) -> i32 {
    match report::read(&compile::temp_dir(environment), &args.build_dir) {
        Ok(facts) => exit::print(&facts),
        Err(error) => exit::complain(&format!(
            "hoop-buildpack report: cannot read the facts of the build: {error}"
        )),
    }
}
