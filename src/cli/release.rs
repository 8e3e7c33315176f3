//! `release`.

use crate::classic::release;
use crate::cli::exit;
use clap::Args;
use std::ffi::OsString;
use std::path::PathBuf;

/// Print what the platform should add to an app: nothing (bin/release)
#[derive(Debug, Args)]
#[command(after_long_help = "\
EXIT STATUS:
  0  Always. YAML is on stdout.

EXAMPLE:
  hoop-buildpack release ~/my-app")]
pub(super) struct ReleaseArgs {
    /// The folder of the app, not used
    build_dir: PathBuf,
    /// Further arguments of other platforms, not used
    #[arg(hide = true)]
    rest: Vec<OsString>,
}

pub(super) fn run() -> i32 {
    exit::print(release::ANSWER)
}
