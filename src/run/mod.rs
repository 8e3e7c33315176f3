//! The second life of the binary: it runs in the dyno and starts the agent beside the app.
//!
//! # Theory of operation
//!
//! `hoopstart -- cmd` **becomes the app**. It starts a supervisor that is nobody's child and then execs `cmd` in
//! its own process. So there is nothing to forward, nothing to wait for, no status to translate and no terminal to
//! share: on a dyno, where every process gets SIGTERM at once, the app gets it once; under Docker, where only the
//! first process gets it, the app is that process.
//!
//! ```text
//! hoopstart ── reads config and manifest, decides (plan)
//!     │  opens a pidfd of itself
//!     ├─> intermediate (detach): own session, lets go of the app's files
//!     │       └─> supervisor: stdin is the pidfd, stderr the app's log
//!     │       exits, and is reaped, so that the app never has a child it did not make
//!     └─ execs cmd (exec)
//!
//! supervisor ── watches the app by the pidfd, runs the agents, writes their lines to stderr
//! ```
//!
//! The supervisor plans again, from the same environment and manifest: planning is a pure function, so nothing
//! needs to be handed over, and no key stands in a command line.
//!
//! What to do when is decided in `policy`, from events and the time, without effects; `supervisor` has the effects.

mod agents;
mod check;
mod credential;
mod detach;
mod dyno;
mod exec;
mod fault;
mod generation;
mod lines;
mod plan;
mod policy;
pub(crate) mod processes;
mod signals;
mod slug;
mod supervisor;

pub use fault::Fault;
pub use signals::survive as survive_signals;

use crate::config;
use crate::environment::Environment;
use crate::text;
use plan::Plan;
use slug::Slug;
use std::ffi::OsString;
use std::io;

/// The exit status of a boot that `HOOP_REQUIRED` stops: a configuration error
/// (`EX_CONFIG` of <https://man.openbsd.org/sysexits>).
const NOT_CONFIGURED: i32 = 78;

/// The exit status of a wrong command line.
const USAGE: i32 = 2;

/// What is said where `HOOP_REQUIRED` stops a boot, after the line of the fault.
const STOPPED_BY_REQUIRED: &str =
    "hoopstart: error: HOOP_REQUIRED is on and the agent cannot be started; nothing was started, exit 78";

/// What hoopstart is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Become this command, with the agent beside it.
    Become(Vec<OsString>),
    /// Start the agent beside the process with this id.
    Attach(u32),
    /// Tell what would be started.
    Check,
}

/// Does what is asked and returns the exit status. Does not return where the process becomes the app.
pub fn run(request: Request, environment: &Environment) -> i32 {
    match request {
        Request::Become(command) => {
            let Some(command) = exec::Command::new(command) else {
                fault::tell(&Fault::CommandMissing);
                return USAGE;
            };
            // The app must start whatever is wrong with us, a fault in our own code included.
            let beside = std::panic::catch_unwind(|| beside(None, environment));
            let outcome = beside.unwrap_or_else(|_| {
                fault::tell(&Fault::SupervisorFailed {
                    cause: "an internal error, see above".to_owned(),
                });
                Outcome::Go { hide_key: false }
            });
            match outcome {
                Outcome::Go { hide_key } => command.exec(hide_key),
                Outcome::Stop => NOT_CONFIGURED,
            }
        }
        Request::Attach(pid) => {
            // The shell that asks goes on whatever happens here, so nothing is to be reported by a status.
            if autostart(environment) {
                beside(Some(pid), environment);
            }
            0
        }
        Request::Check => check::run(environment),
    }
}

/// Answers whether `HOOP_AUTOSTART` is on, and tells if it is neither on nor off.
fn autostart(environment: &Environment) -> bool {
    let Some(value) = environment.text(config::AUTOSTART) else {
        return false;
    };
    config::switch(value).unwrap_or_else(|| {
        fault::tell(&Fault::ValueInvalid {
            name: config::AUTOSTART,
            value: text::excerpt(value, 40),
        });
        false
    })
}

/// What hoopstart does after the agent has been seen to.
enum Outcome {
    /// Become the app.
    Go {
        /// Without the agent key in its environment.
        hide_key: bool,
    },
    /// Stop the boot.
    Stop,
}

/// Starts the supervisor beside this process, or beside `attach_to`, as the plan says, and tells its faults.
fn beside(attach_to: Option<u32>, environment: &Environment) -> Outcome {
    let plan = Plan::make(environment, &Slug::of_this_program(environment));
    let app = attach_to.unwrap_or_else(std::process::id);
    let elder = plan
        .not_here()
        .is_none()
        .then(|| processes::supervisor_of_ancestor(app))
        .flatten();
    if let Some(elder) = elder {
        // It has told what is wrong, and what we find of the environment may be what it has left of it.
        plan.debug(|| format!("the agent is already run by the supervisor with pid {elder}"));
        return Outcome::Go {
            hide_key: plan.hides_key(),
        };
    }
    plan.tell();
    if attach_to.is_none() && plan.stops_the_boot() {
        fault::say(STOPPED_BY_REQUIRED);
        return Outcome::Stop;
    }
    if attach_to.is_some() {
        for name in plan.powerless_with_autostart() {
            fault::tell(&Fault::NotWithAutostart { name });
        }
    }
    if plan.agents().is_some()
        && let Err(error) = detach::start_supervisor(app)
    {
        fault::tell(&Fault::SupervisorFailed {
            cause: error.to_string(),
        });
    }
    Outcome::Go {
        hide_key: plan.hides_key(),
    }
}

/// Runs the parts of hoopstart that it starts itself. `None` means that `args` ask for something else.
pub fn internal(args: &[OsString], environment: &Environment) -> Option<i32> {
    let (role, app) = detach::Role::parse(args)?;
    open_standard_files();
    let result = match role {
        detach::Role::Intermediate => detach::intermediate(&app),
        detach::Role::Supervisor => supervisor::run(&app, environment),
    };
    match result {
        Ok(()) => Some(0),
        Err(error) => {
            fault::tell(&Fault::SupervisorFailed {
                cause: error.to_string(),
            });
            Some(1)
        }
    }
}

/// Opens `/dev/null` in the place of each of stdin, stdout and stderr that is closed, so that no other file can
/// come to stand there and be written to as if it were a log.
pub fn open_standard_files() {
    use std::os::fd::{AsRawFd as _, IntoRawFd as _};
    while let Ok(file) = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null") {
        if file.as_raw_fd() > 2 {
            break;
        }
        // Stays open for the life of the process.
        let _ = file.into_raw_fd();
    }
}

/// Turns a rustix error into the standard library's.
fn io_error(error: rustix::io::Errno) -> io::Error {
    io::Error::from(error)
}
