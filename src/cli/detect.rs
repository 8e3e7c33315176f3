//! `detect`.

use crate::classic::detect;
use crate::cli::exit;
use clap::Args;
use std::ffi::OsString;
use std::path::PathBuf;

/// Say whether this buildpack applies to an app (bin/detect)
#[derive(Debug, Args)]
#[command(after_long_help = "\
EXIT STATUS:
  0  It applies, which it does to every folder. The name is on stdout.
  1  BUILD_DIR is not a folder that can be read.

EXAMPLE:
  hoop-buildpack detect ~/my-app")]
pub(super) struct DetectArgs {
    /// The folder of the app
    build_dir: PathBuf,
    /// Further arguments of other platforms, not used
    #[arg(hide = true)]
    rest: Vec<OsString>,
}

pub(super) fn run(args: &DetectArgs) -> i32 {
    match detect::applies_to(&args.build_dir) {
        Ok(()) => exit::print(&format!("{}\n", detect::NAME)),
        Err(error) => exit::complain(&format!("hoop-buildpack detect: {error}")),
    }
}
