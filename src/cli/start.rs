//! `start`, which is `hoopstart`.

use crate::cli::config_vars;
use crate::cli::exit::{self, USAGE};
use crate::cnb::layers;
use crate::config::ReadAt;
use crate::os::environment::Environment;
use crate::procfile::invocation::STARTERS;
use crate::start::fault;
use crate::start::fault::command::CommandFault;
use crate::start::{self, Request};
use crate::text;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, FromArgMatches as _};
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Becomes COMMAND, with the hoop agent beside it.
///
/// The app keeps this process: its pid, parent, terminal, open files and exit status are those it would have
/// without hoopstart. Only as the first process of a container does hoopstart stay, as a small init with the app as
/// its child. An agent that is missing, wrong or crashing never stops, delays or signals the app.
#[derive(Debug, Args)]
#[command(after_long_help = help())]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
pub(super) struct StartArgs {
    /// Print what would be started and every fault, and start nothing. Also looks up COMMAND
    #[arg(long)]
    check: bool,
    /// With --check: resolve the gateway's name, connect, do the TLS handshake and ask who answers, with 5 seconds for
    /// each step
    #[arg(long, requires = "check")]
    connect: bool,
    /// Print how the agents of this dyno are doing, as their supervisors say, and start nothing
    #[arg(long, conflicts_with_all = ["check", "connect", "attach", "command"])]
    status: bool,
    /// With --status: print it as JSON
    #[arg(long, requires = "status", conflicts_with_all = ["check", "attach"])]
    json: bool,
    /// With `HOOP_AUTOSTART` on, start the agent beside the process PID, as .profile.d/zz-hoop-buildpack.sh does
    #[arg(long, value_name = "PID", conflicts_with = "check", hide_short_help = true)]
    attach: Option<u32>,
    /// The app's command and its arguments
    #[arg(value_name = "COMMAND", trailing_var_arg = true)]
    command: Vec<OsString>,
}

fn help() -> String {
    format!(
        "\
CONFIG VARS:
{}
EXIT STATUS:
  The app's. Without an app:
    127  COMMAND was not found
    126  COMMAND cannot be run
     78  HOOP_REQUIRED is on and no agent can be started
      2  there is no COMMAND, or an option is unknown
  With --check: 0, or 78 where something is wrong.
  With --status: 0 where all is well, 1 where something is not, 2 where no agent
  is supervised for this user.

EXAMPLE (in a one-off dyno):
  hoopstart --check --connect -- bundle exec puma

EXAMPLE (Procfile):
  web: hoopstart -- bundle exec puma -C config/puma.rb",
        config_vars::list(ReadAt::Run)
    )
}

/// Reads the arguments of a process that is called hoopstart, and does what they ask for.
pub(super) fn run_as_hoopstart(args: Vec<OsString>, environment: &Environment) -> i32 {
    let parser = clap::Command::new("hoopstart")
        .bin_name("hoopstart")
        .version(env!("CARGO_PKG_VERSION"));
    let parser = StartArgs::augment_args(parser);
    let matches = parser.try_get_matches_from(args);
    match matches.and_then(|matches| StartArgs::from_arg_matches(&matches)) {
        Ok(args) => run(args, environment),
        Err(error) => {
            // What is wrong is quoted, and may be a key.
            start::know_secrets(environment);
            option_unknown(&error).unwrap_or_else(|| exit::usage(&error))
        }
    }
}

pub(super) fn run(args: StartArgs, environment: &Environment) -> i32 {
    let request = match (args.check, args.attach) {
        _ if args.status => Request::Status { as_json: args.json },
        (true, _) => Request::Check {
            connect: args.connect,
            command: args.command,
        },
        (false, Some(pid)) => Request::Attach(pid),
        (false, None) => Request::Become(args.command),
    };
    start::run(request, environment)
}

/// Whether the lifecycle's launcher has called the program before a process starts.
pub(super) fn is_notice(called: Option<&OsString>) -> bool {
    called.is_some_and(|called| Path::new(called).file_name() == Some(layers::NOTICE.as_ref()))
}

/// Whether the program is the launcher: by its file, whatever name it was called by (`exec -a web hoopstart`, the
/// `-hoopstart` of a login shell), and elsewhere by that name, such as a link's.
pub(super) fn is_hoopstart(called: Option<&OsString>, environment: &Environment) -> bool {
    let is_name = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // So the kernel names a file that has been replaced since.
        STARTERS.contains(&name.trim_start_matches('-').trim_end_matches(" (deleted)"))
    };
    called.is_some_and(|called| is_name(Path::new(called)))
        || std::env::current_exe().is_ok_and(|file| is_name(&file) || is_that_of_slug(&file, environment))
}

/// Whether `file` is the slug's hoopstart by another name, other than those of the buildpack's own program.
fn is_that_of_slug(file: &Path, environment: &Environment) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    if name.starts_with("hoop-buildpack") {
        return false;
    }
    let home = Path::new(environment.text("HOME").unwrap_or("/app"));
    let identity = |path: &Path| std::fs::metadata(path).map(|found| (found.dev(), found.ino())).ok();
    let of_slug = identity(&home.join(".hoop/bin/hoopstart"));
    of_slug.is_some() && of_slug == identity(file)
}

/// Tells of an option that hoopstart does not have, in one line as all that a dyno logs, and returns the exit status.
/// `None` where something else is wrong.
fn option_unknown(error: &clap::Error) -> Option<i32> {
    if error.kind() != ErrorKind::UnknownArgument {
        return None;
    }
    let value = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    fault::tell(CommandFault::OptionUnknown {
        option: text::excerpt(&value(ContextKind::InvalidArg)?, 40),
        meant: value(ContextKind::SuggestedArg),
    });
    Some(USAGE)
}
