//! `detect`.

use crate::classic::detect;
use crate::cli::{build, exit};
use crate::cnb::contract;
use crate::os::environment::Environment;
use clap::Args;
use std::ffi::OsString;
use std::path::PathBuf;

/// Say whether this buildpack applies to an app (bin/detect)
#[derive(Debug, Args)]
#[command(after_long_help = "\
EXIT STATUS:
    0  It applies, which it does to every folder. The name is on stdout.
    1  BUILD_DIR is not a folder that can be read.
    2  The arguments are wrong.
  254  buildpack.toml declares a Buildpack API that this program does not speak.

The lifecycle of Cloud Native Buildpacks, which sets CNB_BUILDPACK_DIR, gives
PLATFORM_DIR and PLAN instead.

EXAMPLE:
  hoop-buildpack detect ~/my-app")]
pub(super) struct DetectArgs {
    /// The folder of the app
    build_dir: PathBuf,
    /// Further arguments of other platforms
    #[arg(hide = true)]
    rest: Vec<OsString>,
}

pub(super) fn run(args: &DetectArgs, environment: &Environment) -> i32 {
    if contract::buildpack_dir(environment).is_some() {
        return for_lifecycle(args, environment);
    }
    match detect::applies_to(&args.build_dir) {
        Ok(()) => exit::print(&format!("{}\n", detect::NAME)),
        Err(error) => exit::complain(&format!("hoop-buildpack detect: {error}")),
    }
}

/// Every app can have the agent, and none needs anything of another buildpack, so the plan stays empty.
fn for_lifecycle(args: &DetectArgs, environment: &Environment) -> i32 {
    if args.rest.len() != 1 {
        exit::complain("Usage: bin/detect PLATFORM_DIR PLAN, where CNB_BUILDPACK_DIR is set");
        return exit::USAGE;
    }
    build::check_api(environment).map_or_else(|status| status, |()| 0)
}
