//! `slug` and its commands. A file for each, with its arguments and help.

mod build;
mod inspect;
mod publish;

use crate::os::environment::Environment;
use clap::{Args, Subcommand};

/// Build a slug, look into it, and release it, as a CI pipeline does
#[derive(Debug, Args)]
pub(super) struct SlugArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Build(Box<build::BuildArgs>),
    Inspect(inspect::InspectArgs),
    Publish(Box<publish::PublishArgs>),
}

pub(super) fn run(args: SlugArgs, environment: &Environment) -> i32 {
    match args.command {
        Command::Build(args) => build::run(*args, environment),
        Command::Inspect(args) => inspect::run(&args),
        Command::Publish(args) => publish::run(*args, environment),
    }
}
