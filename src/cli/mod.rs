//! The command line: which of the binary's lives is asked for, and what its help says.
//!
//! The name it is called by comes first: as `hoopstart` (or by its old name, `hoopwrapper`) it is the launcher,
//! by any other name it is `hoop-buildpack` with its commands.

use crate::build_log::BuildLog;
use crate::classic::compile::{self, Folders};
use crate::classic::{detect, release, report};
use crate::os::environment::Environment;
use crate::os::{audience, signals, standard_files};
use crate::secret::conceal::conceal;
use crate::start::fault::{self, Fault};
use crate::start::launch::detach;
use crate::start::{self, Request};
use crate::text;
use crate::r#try;
use crate::r#try::TryError;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use rustix::process::Signal;
use std::ffi::OsString;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Exit status of a build that failed, and of a command that could not do its work.
const FAILED: i32 = 1;

/// Exit status of arguments that are wrong, as clap has it.
const USAGE: i32 = 2;

/// Puts the verified hoop agent into a Heroku slug and starts it beside the app.
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
    /// Say whether this buildpack applies to an app (bin/detect)
    #[command(after_long_help = "\
EXIT STATUS:
  0  It applies, which it does to every folder. The name is on stdout.
  1  BUILD_DIR is not a folder that can be read.

EXAMPLE:
  hoop-buildpack detect ~/my-app")]
    Detect {
        /// The folder of the app
        build_dir: PathBuf,
        /// Further arguments of other platforms, not used
        #[arg(hide = true)]
        rest: Vec<OsString>,
    },
    /// Put the verified agent and hoopstart into an app (bin/compile)
    #[command(after_long_help = "\
CONFIG VARS (a file each in ENV_DIR):
  HOOP_VERSION       exact version of the agent, or latest (the default)
  HOOP_SHA256        the digest the tarball must have
  HOOP_RELEASES_URL  a mirror of the release server: https, file or http
  HOOP_INSTALL       required (the default), or optional: build on without an agent

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
  hoop-buildpack compile ~/my-app /tmp/cache /tmp/env")]
    Compile {
        /// The folder of the app
        build_dir: PathBuf,
        /// A folder kept between the builds of the app
        cache_dir: PathBuf,
        /// A folder with a file for each config var; none if it is left out or empty
        env_dir: Option<OsString>,
        /// Further arguments of other platforms, not used
        #[arg(hide = true)]
        rest: Vec<OsString>,
    },
    /// Print what the platform should add to an app: nothing (bin/release)
    #[command(after_long_help = "\
EXIT STATUS:
  0  Always. YAML is on stdout.

EXAMPLE:
  hoop-buildpack release ~/my-app")]
    Release {
        /// The folder of the app
        build_dir: PathBuf,
        /// Further arguments of other platforms, not used
        #[arg(hide = true)]
        rest: Vec<OsString>,
    },
    /// Print facts of the build just done, also of a failed one (bin/report)
    #[command(after_long_help = "\
EXIT STATUS:
  0  The facts, if there are any, are on stdout as flat YAML.
  1  They cannot be read.

EXAMPLE:
  hoop-buildpack report ~/my-app /tmp/cache /tmp/env")]
    Report {
        /// The folder of the app
        build_dir: PathBuf,
        /// A folder kept between the builds of the app, not used
        cache_dir: Option<PathBuf>,
        /// A folder with a file for each config var, not used
        env_dir: Option<OsString>,
        /// Further arguments of other platforms, not used
        #[arg(hide = true)]
        rest: Vec<OsString>,
    },
    /// Become an app, with the agent beside it (hoopstart)
    Start(StartArgs),
    /// Build an app and run it as a dyno would, on this machine
    Try(r#try::TryArgs),
}

/// Becomes COMMAND, with the hoop agent beside it.
///
/// The app keeps this process: its pid, parent, terminal, open files and exit status are those it would have
/// without hoopstart. Only as the first process of a container does hoopstart stay, as a small init with the app as
/// its child. An agent that is missing, wrong or crashing never stops, delays or signals the app.
#[derive(Debug, Args)]
#[command(after_long_help = "\
CONFIG VARS:
  HOOP_KEY, HOOP_DSN           the agent key; HOOP_KEY wins
  HOOP_CONNECTION              names to publish, separated by commas
  HOOP_COMMAND                 shell command line behind a published connection
  HOOP_PROCESS_TYPES           types (web) or dynos (web.1) in which the agent runs
  HOOP_IGNORE_PROCESS_TYPES    those in which it does not. If set, it replaces the default:
                               run,release,scheduler,cron,build
  HOOP_AUTOSTART               on: .profile.d starts the agent, whatever the Procfile says
  HOOP_HIDE_KEY                on: the app does not see HOOP_KEY and HOOP_DSN
  HOOP_DISABLE                 on: the app alone
  HOOP_REQUIRED                on: exit 78 where no agent can be configured or found
  HOOP_LOG_LEVEL               how much the agent logs: debug, info, warn, error; default info
  HOOP_LOG_FORMAT              text: for people, with repeats folded; json: unchanged
  HOOP_AGENT_MEMORY            megabytes of its own above which an agent that serves
                               nobody is restarted; default 64, 0 means never
  HOOPSTART_DEBUG              on: one line for each decision

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
  web: hoopstart -- bundle exec puma -C config/puma.rb")]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
pub struct StartArgs {
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

/// Does what `args` (the program's name first) ask for and returns the exit status. Does not return where the
/// process becomes the app.
pub fn run(args: Vec<OsString>, environment: &Environment) -> i32 {
    audience::address(environment);
    // The line of every Procfile, whatever name hoopstart is called by: no other command begins so. It leaves nothing
    // to parse, and the app waits for it.
    if let [_, dashes, command @ ..] = args.as_slice()
        && dashes == "--"
    {
        return start::run(Request::Become(command.to_vec()), environment);
    }
    if is_hoopstart(args.first(), environment) {
        let parser = clap::Command::new("hoopstart")
            .bin_name("hoopstart")
            .version(env!("CARGO_PKG_VERSION"));
        let parser = StartArgs::augment_args(parser);
        return match parser
            .try_get_matches_from(args)
            .and_then(|matches| StartArgs::from_arg_matches(&matches))
        {
            Ok(args) => start(args, environment),
            Err(error) => {
                // What is wrong is quoted, and may be a key.
                start::know_secrets(environment);
                option_unknown(&error).unwrap_or_else(|| usage(&error))
            }
        };
    }
    match Cli::try_parse_from(args) {
        Ok(cli) => dispatch(cli.command, environment),
        Err(error) => usage(&error),
    }
}

/// Whether the program is the launcher: by its file, whatever name it was called by (`exec -a web hoopstart`, the
/// `-hoopstart` of a login shell), and elsewhere by that name, such as a link's.
fn is_hoopstart(called: Option<&OsString>, environment: &Environment) -> bool {
    let is_name = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // So the kernel names a file that has been replaced since.
        detach::NAMES.contains(&name.trim_start_matches('-').trim_end_matches(" (deleted)"))
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
    fault::tell(&Fault::OptionUnknown {
        option: text::excerpt(&value(ContextKind::InvalidArg)?, 40),
        meant: value(ContextKind::SuggestedArg),
    });
    Some(USAGE)
}

/// Prints help, version or what is wrong with the arguments.
fn usage(error: &clap::Error) -> i32 {
    let plain = error.to_string();
    let shown = conceal(&plain);
    // Nobody may be reading.
    let _ = if shown == plain {
        error.print()
    } else {
        std::io::stderr().write_all(shown.as_bytes())
    };
    error.exit_code()
}

fn dispatch(command: Command, environment: &Environment) -> i32 {
    // The app must find everything as it was given to us.
    if !matches!(command, Command::Start(_)) {
        ready_for_work();
    }
    match command {
        Command::Detect { build_dir, .. } => match detect::applies_to(&build_dir) {
            Ok(()) => print(&format!("{}\n", detect::NAME)),
            Err(error) => complain(&format!("hoop-buildpack detect: {error}")),
        },
        Command::Compile {
            build_dir,
            cache_dir,
            env_dir,
            ..
        } => {
            let folders = Folders {
                build_dir,
                cache_dir,
                env_dir: env_dir.map(PathBuf::from),
            };
            let succeeded = compile::run(
                &folders,
                environment,
                &mut BuildLog::of_process(forbids_colour(environment)),
            );
            if succeeded { 0 } else { FAILED }
        }
        Command::Release { .. } => print(release::ANSWER),
        Command::Report { build_dir, .. } => match report::read(&compile::temp_dir(environment), &build_dir) {
            Ok(facts) => print(&facts),
            Err(error) => complain(&format!(
                "hoop-buildpack report: cannot read the facts of the build: {error}"
            )),
        },
        Command::Start(args) => start(args, environment),
        Command::Try(args) => match r#try::run(&args, environment) {
            Ok(status) => status,
            Err(error) => {
                complain(&format!("hoop-buildpack try: {error}"));
                match error {
                    TryError::Arguments(_) => USAGE,
                    TryError::Failed(_) => FAILED,
                }
            }
        },
    }
}

/// Whether a terminal is to get no colour: by <https://no-color.org>, or since it knows none.
fn forbids_colour(environment: &Environment) -> bool {
    environment.text("NO_COLOR").is_some() || environment.text("TERM") == Some("dumb")
}

fn start(args: StartArgs, environment: &Environment) -> i32 {
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

/// Writes data to stdout.
fn print(text: &str) -> i32 {
    let mut stdout = std::io::stdout();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => 0,
        Err(_) => FAILED,
    }
}

/// Writes a sentence to stderr.
fn complain(sentence: &str) -> i32 {
    let _ = writeln!(std::io::stderr(), "{sentence}");
    FAILED
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

/// The config vars that the help texts name must exist.
#[cfg(test)]
mod tests {
    use super::{Cli, forbids_colour};
    use crate::config;
    use clap::CommandFactory as _;

    #[test]
    fn colour_is_forbidden_by_the_person_or_by_the_terminal() {
        for (variables, forbidden) in [
            (vec![], false),
            (vec![("TERM", "xterm-256color")], false),
            (vec![("TERM", "xterm"), ("NO_COLOR", "1")], true),
            (vec![("TERM", "dumb")], true),
        ] {
            let environment = variables.iter().copied().collect();
            assert_eq!(forbids_colour(&environment), forbidden, "{variables:?}");
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_names_every_config_var_where_it_is_read() {
        let mut cli = Cli::command();
        let mut help = |name: &str| cli.find_subcommand_mut(name).unwrap().render_long_help().to_string();
        let (build, run) = (help("compile"), help("start"));

        for var in config::ALL.iter().filter(|var| var.name != config::AUTOSTART) {
            let text = match var.read_at {
                config::ReadAt::Build => &build,
                config::ReadAt::Run => &run,
            };
            assert!(text.contains(var.name), "{}", var.name);
        }
    }
}
