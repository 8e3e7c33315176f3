//! The command line: which of the binary's lives is asked for. A file for each command, with its arguments and help.
//!
//! The name it is called by comes first: as `hoopstart` (or by its old name, `hoopwrapper`) it is the launcher,
//! by any other name it is `hoop-buildpack` with its commands.

mod build;
mod color;
mod compile;
mod config_vars;
mod detect;
mod exit;
mod release;
mod report;
mod slug;
mod start;
mod r#try;

use crate::os::environment::Environment;
use crate::os::{audience, signals, standard_files};
use crate::start::{Request, beside};
use clap::{CommandFactory as _, Parser, Subcommand};
use rustix::process::Signal;
use std::ffi::OsString;

/// Puts the verified hoop agent into a Heroku slug or an image and starts it beside the app.
#[derive(Debug, Parser)]
// Whatever the program's file is called: the published ones have the architecture in their names.
#[command(
    name = "hoop-buildpack",
    bin_name = "hoop-buildpack",
    version,
    about,
    after_help = "hoop: https://hoop.dev"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Detect(detect::DetectArgs),
    Compile(compile::CompileArgs),
    Build(build::BuildArgs),
    Release(release::ReleaseArgs),
    Report(report::ReportArgs),
    /// Become an app, with the agent beside it (hoopstart)
    Start(start::StartArgs),
    Try(r#try::TryArgs),
    Slug(slug::SlugArgs),
}

/// Does what `args` (the program's name first) ask for, and gives the exit status. Does not return where the process
/// becomes the app.
pub fn run(args: Vec<OsString>, environment: &Environment) -> i32 {
    audience::address(environment);
    // The line of every Procfile, whatever name hoopstart is called by: no other command begins so. It leaves nothing
    // to parse, and the app waits for it.
    if let [_, dashes, command @ ..] = args.as_slice()
        && dashes == "--"
    {
        return crate::start::run(Request::Become(command.to_vec()), environment);
    }
    if start::is_notice(args.first()) {
        crate::start::know_secrets(environment);
        beside::notice(environment);
        return 0;
    }
    if start::is_hoopstart(args.first(), environment) {
        return start::run_as_hoopstart(args, environment);
    }
    match Cli::try_parse_from(args) {
        Ok(cli) => dispatch(cli.command, environment),
        Err(error) => exit::usage(&error),
    }
}

fn dispatch(command: Command, environment: &Environment) -> i32 {
    // The app must find everything as it was given to us.
    if !matches!(command, Command::Start(_)) {
        ready_for_work();
    }
    match command {
        Command::Detect(args) => detect::run(&args, environment),
        Command::Compile(args) => compile::run(args, environment),
        Command::Build(args) => build::run(args, environment),
        Command::Release(_) => release::run(),
        Command::Report(args) => report::run(&args, environment),
        Command::Start(args) => start::run(args, environment),
        Command::Try(args) => r#try::run(args, environment),
        Command::Slug(args) => slug::run(args, environment),
    }
}

/// Makes up for what Rust's own start-up would have done, see `main.rs`: the file descriptors 0 to 2 must be
/// open, or a file that is written could take the place of stdout; and a reader of our output that goes away
/// must be an error to us, not our end. So must a file that grows beyond the limit of the build system.
fn ready_for_work() {
    standard_files::open();
    signals::survive(&[Signal::PIPE, Signal::XFSZ]);
}

/// The whole command line, for the test that reads all help texts.
pub fn command() -> clap::Command {
    Cli::command()
}

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
