//! `slug build`.

use crate::cli::exit::{FAILED, USAGE, complain};
use crate::os::environment::Environment;
use crate::slug::build::{self, BuildError, Request};
use clap::Args;
use std::ffi::OsString;
use std::path::PathBuf;

/// Build the slug of an app, as the platform would
///
/// This buildpack runs first, unless it is among those that are named, and then each `--buildpack`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
The build gets what a push would bring, including files that are not committed yet, but not
what git ignores or .slugignore names. Of each buildpack detect and compile run, with the few
variables that a build on the platform has.

BUILDPACKS:
  A folder, a gzip tar, its URL, https://github.com/OWNER/REPOSITORY[#TAG], or a name of the
  registry such as heroku/python.

.slugignore AND --prune:
  Each line is a pattern as in .gitignore, without !. .slugignore counts before the build,
  --prune and the app's .slug-post-clean after it.

EXIT STATUS:
  0 where the slug is written, 1 where it is not, or has more than the platform takes,
  2 where the arguments are wrong, 130 if a signal ended the build.

EXAMPLE:
  hoop-buildpack slug build . -o slug.tgz --buildpack heroku/python --json slug.json")]
pub(super) struct BuildArgs {
    /// The folder of the app
    app_dir: PathBuf,
    /// Where to write the slug
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// A buildpack to run, in the order given
    #[arg(long, value_name = "BUILDPACK")]
    buildpack: Vec<String>,
    /// Keep what the buildpacks cache in this folder
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// A folder with a file for each config var
    #[arg(long, value_name = "DIR", conflicts_with_all = ["env_file", "env"])]
    env_dir: Option<PathBuf>,
    /// Read config vars from a file such as .env
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,
    /// Set a config var; without a value it is taken from the environment
    #[arg(long, value_name = "NAME[=VALUE]")]
    env: Vec<OsString>,
    /// The stack of the app
    #[arg(long, default_value = "heroku-24")]
    stack: String,
    /// Remove files after the build
    #[arg(long, value_name = "PATTERN")]
    prune: Vec<String>,
    /// Write what there is to say of the slug as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Include what git ignores
    #[arg(long)]
    no_git: bool,
}

pub(super) fn run(args: BuildArgs, environment: &Environment) -> i32 {
    let request = Request {
        app_dir: args.app_dir,
        output: args.output,
        buildpacks: args.buildpack,
        cache_dir: args.cache,
        env_dir: args.env_dir,
        env_file: args.env_file,
        env: args.env,
        stack: args.stack,
        prune: args.prune,
        json: args.json,
        takes_ignored: args.no_git,
    };
    match build::run(&request, environment) {
        Ok(()) => 0,
        Err(error) => {
            complain(&format!("hoop-buildpack slug build: {error}"));
            match error {
                BuildError::Arguments(_) => USAGE,
                BuildError::Compile(_) | BuildError::Failed(_) => FAILED,
                BuildError::Interrupted => INTERRUPTED,
            }
        }
    }
}

/// 128 and the number of SIGINT, as shells have it.
const INTERRUPTED: i32 = 130;
