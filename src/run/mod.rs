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
//!     │  claims the app, so that no second hoopstart runs an agent beside it (claim)
//!     ├─> intermediate (detach), a fork: own session, lets go of the app's files, and opens a pidfd of the app,
//!     │       │  which waits meanwhile, so that its pid is nobody else's
//!     │       └─> supervisor, a fork: holds the claim and the pidfd, and of the app's files its log
//!     │       exits, and is reaped, so that the app never has a child it did not make
//!     └─ execs cmd (exec)
//!
//! supervisor ── watches the app by the pidfd, runs the agents, writes their lines to stderr
//! ```
//!
//! Forks, where most programs of today would start themselves again: the app waits for this, and a start of a
//! program takes longer than all the rest; and a fork has of the program only the pages that it uses.
//!
//! What to do when is decided in `policy`, from events and the time, without effects; `supervisor` has the effects.

mod agents;
mod check;
mod claim;
mod condition;
mod connect;
mod credential;
mod detach;
mod dyno;
mod ending;
mod entrypoint;
mod exec;
mod fault;
mod footprint;
mod generation;
mod lines;
mod log;
mod masking;
mod plan;
mod policy;
pub(crate) mod processes;
mod record;
mod sign;
mod signals;
mod slug;
mod supervisor;
mod told;
mod trouble;
mod wanted;

pub use fault::{Fault, Rest};
pub use signals::{is_ignored, survive as survive_signals};
pub use trouble::Trouble;

use crate::conceal;
use crate::config;
use crate::environment::Environment;
use crate::stderr;
use crate::text;
use claim::Claim;
use plan::Plan;
use slug::Slug;
use std::ffi::OsString;
use std::io;

/// The exit status of a boot that `HOOP_REQUIRED` stops: a configuration error
/// (`EX_CONFIG` of <https://man.openbsd.org/sysexits>).
const NOT_CONFIGURED: i32 = 78;

/// The exit status of a wrong command line.
const USAGE: i32 = 2;

/// What hoopstart is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Become this command, with the agent beside it.
    Become(Vec<OsString>),
    /// Start the agent beside the process with this id.
    Attach(u32),
    /// Tell what would be started.
    Check {
        /// And try the way to the gateway.
        connect: bool,
    },
}

/// Does what is asked and returns the exit status. Does not return where the process becomes the app.
pub fn run(request: Request, environment: &Environment) -> i32 {
    // Before anything can be said.
    conceal::keep(credential::masks(environment));
    match request {
        Request::Become(command) => {
            let Some(command) = exec::Command::new(command) else {
                fault::tell(&Fault::CommandMissing);
                return USAGE;
            };
            match beside_whatever_happens(None, environment) {
                Outcome::Go { hide_key } => command.exec(hide_key),
                Outcome::Stop => NOT_CONFIGURED,
            }
        }
        Request::Attach(pid) => {
            // The shell that asks goes on whatever happens here, so nothing is to be reported by a status.
            if autostart(environment) {
                beside_whatever_happens(Some(pid), environment);
            }
            0
        }
        Request::Check { connect } => check::run(environment, connect),
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

/// As [`beside`]. The app must start whatever is wrong with us, a fault in our own code included.
fn beside_whatever_happens(attach_to: Option<u32>, environment: &Environment) -> Outcome {
    // The usual report of a panic would wait for the reader of the log, and so would the app.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        stderr::say(&format!(
            "hoopstart: warning: an internal error at {place}; please report it"
        ));
    }));
    std::panic::catch_unwind(|| beside(attach_to, environment)).unwrap_or_else(|_| {
        fault::tell(&Fault::SupervisorFailed {
            cause: "an internal error, see above".to_owned(),
        });
        let hide_key = environment.text(config::HIDE_KEY).and_then(config::switch);
        Outcome::Go {
            hide_key: hide_key.unwrap_or_default(),
        }
    })
}

/// Starts the supervisor beside this process, or beside `attach_to`, as the plan says, and tells its faults.
fn beside(attach_to: Option<u32>, environment: &Environment) -> Outcome {
    let plan = Plan::make(environment, &Slug::of_this_program(environment));
    let app = attach_to.unwrap_or_else(std::process::id);
    let go = Outcome::Go {
        hide_key: plan.hides_key(),
    };
    let claim = if plan.not_here().is_some() {
        None
    } else {
        match claim::claim(app) {
            Claim::Ours(claim) => claim,
            // That hoopstart has told what is wrong, and what we find of the environment may be what it left of it.
            Claim::Taken(elder) => {
                plan.debug(|| format!("the agent already runs beside process {elder}"));
                return go;
            }
        }
    };
    // The shell that has us attached goes on whatever we say.
    let obeys_required = attach_to.is_none();
    plan.tell(obeys_required);
    if obeys_required && plan.stops_the_boot() {
        return Outcome::Stop;
    }
    if !obeys_required {
        for name in plan.powerless_with_autostart() {
            fault::tell(&Fault::NotWithAutostart { name });
        }
    }
    if let Some(agents) = plan.agents()
        && let Err(error) = detach::start_supervisor(app, agents, claim.as_ref())
    {
        fault::tell(&Fault::SupervisorFailed {
            cause: error.to_string(),
        });
    }
    go
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
