//! `build`.

use crate::build_log::BuildLog;
use crate::cli::{color, config_vars, exit};
use crate::cnb::build::{self, Folders, NAME};
use crate::cnb::contract;
use crate::config::ReadAt;
use crate::os::audience::{self, Audience};
use crate::os::environment::Environment;
use clap::Args;
use std::path::PathBuf;

/// Put the verified agent and hoopstart into a layer of an image (bin/build)
#[derive(Debug, Args)]
#[command(after_long_help = help())]
pub(super) struct BuildArgs {
    /// The folder for the layers of this buildpack
    layers_dir: PathBuf,
    /// The folder of the platform: env/ has a file for each config var, bindings/ a folder for each service binding
    platform_dir: PathBuf,
    /// The buildpack plan, not used
    plan: PathBuf,
}

fn help() -> String {
    format!(
        "\
The lifecycle of Cloud Native Buildpacks calls this, with CNB_BUILDPACK_DIR set.
On Heroku's classic platform, the command is compile.

CONFIG VARS (a file each in PLATFORM_DIR/env):
{}  BP_HOOP_WRAP       Process types of earlier buildpacks that are to start hoopstart,
                     separated by commas.

SERVICE BINDING (type hoop): version, sha256, releases-url

EXIT STATUS:
    0  The layers are complete.
    1  They are not, and are as they were; stderr says why.
    2  The arguments are wrong.
  254  buildpack.toml declares a Buildpack API that this program does not speak.

EXAMPLE:
  pack build my-app --env HOOP_VERSION=1.148.0 --buildpack heroku/ruby \\
    --buildpack heroku/procfile --buildpack ./hoop-buildpack.cnb",
        config_vars::list(ReadAt::Build)
    )
}

pub(super) fn run(args: BuildArgs, environment: &Environment) -> i32 {
    audience::address_to(Audience::CloudNative);
    if let Err(error) = check_api(environment) {
        return error;
    }
    let folders = Folders {
        layers_dir: args.layers_dir,
        platform_dir: args.platform_dir,
    };
    let mut log = BuildLog::of_process(color::is_forbidden(environment)).cloud_native(NAME);
    if build::run(&folders, environment, &mut log) {
        0
    } else {
        exit::FAILED
    }
}

/// Makes sure that the lifecycle is served as `buildpack.toml` has promised. Without one, a person has called. The
/// error is the exit status.
pub(super) fn check_api(environment: &Environment) -> Result<(), i32> {
    let Some(buildpack_dir) = contract::buildpack_dir(environment) else {
        return Ok(());
    };
    contract::check_api(buildpack_dir).map_err(|error| {
        exit::complain(&format!("hoop-buildpack: {error}"));
        exit::API_UNKNOWN
    })
}
