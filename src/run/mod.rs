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
//! Where hoopstart is the first process of a container, a supervisor that is nobody's child would be the app's: there
//! the app is a child of hoopstart, which is its init and the supervisor in one process (init, forward).
//!
//! With `HOOP_AUTOSTART` a script of `.profile.d` asks for an agent beside its shell. The supervisor then waits until
//! the shell has come to the app's command, and takes the environment of that (attach).
//!
//! Forks, where most programs of today would start themselves again: the app waits for this, and a start of a
//! program takes longer than all the rest; and a fork has of the program only the pages that it uses.
//!
//! What to do when is decided in `policy`, from events and the time, without effects; `supervisor` has the effects.
//! `spawn` starts an agent so that it ends with its supervisor, `shield` keeps its key from other processes, and
//! `memory` says when one that serves nobody has grown too large.
//!
//! ```text
//! agent's pipe ── lines ── record (read, made readable) ── masking ── log (never waits)
//!                   └── sign (what it says of the agent) ── condition, told (what is reported, and when) ── trouble
//! ```
//!
//! `hoopstart --check` makes the same plan and starts nothing (check), looks at the command (program, elf, misread),
//! and goes the way to the gateway (transport, connect, http2, hpack). `hoopstart --status` asks the supervisors by the
//! sockets of their claims (status, inquiry).

mod agents;
mod attach;
mod check;
mod choice;
mod claim;
mod condition;
mod connect;
mod credential;
mod detach;
mod dyno;
mod elf;
mod ending;
mod entrypoint;
mod exec;
mod fault;
mod footprint;
mod forward;
mod gateway_fault;
mod generation;
mod hpack;
mod http2;
mod init;
mod inquiry;
mod lines;
mod log;
mod masking;
mod memory;
mod misread;
mod plan;
mod policy;
pub(crate) mod processes;
mod program;
mod record;
mod shield;
mod sign;
mod signals;
mod slug;
mod sockets;
mod spawn;
mod starter;
mod status;
mod supervisor;
mod told;
mod transport;
mod trouble;
mod wanted;

pub use detach::NAMES;
pub use fault::{Fault, Rest};
pub use gateway_fault::{GatewayFault, Ignored, TlsRemedy};
pub use signals::{is_ignored, survive as survive_signals};
pub use trouble::Trouble;

use crate::conceal;
use crate::config;
use crate::environment::Environment;
use crate::stderr;
use crate::text;
use attach::Shell;
use claim::Claim;
use plan::Plan;
use slug::Slug;
use starter::Starter;
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use wanted::Agents;

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
        /// The command that would be the app, or nothing.
        command: Vec<OsString>,
    },
    /// Tell what the supervisors of this container say.
    Status {
        /// In a form for programs.
        as_json: bool,
    },
}

/// Does what is asked and returns the exit status. Does not return where the process becomes the app.
pub fn run(request: Request, environment: &Environment) -> i32 {
    know_secrets(environment);
    match request {
        Request::Become(command) => {
            let Some(command) = exec::Command::new(command) else {
                fault::tell(&Fault::CommandMissing);
                return USAGE;
            };
            match beside_whatever_happens(None, environment) {
                Outcome::Go { hide_key } => command.exec(hide_key),
                Outcome::Stay {
                    hide_key,
                    agents,
                    claim,
                } => {
                    let status = init::run(&command, hide_key, &agents, claim.as_ref());
                    // Without an init the app is what it would be without an agent.
                    status.unwrap_or_else(|| command.exec(hide_key))
                }
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
        Request::Check { connect, command } => check::run(environment, connect, &command),
        Request::Status { as_json } => status::run(as_json),
    }
}

/// Has whatever this process says from now on be without the agent keys of `environment`.
pub fn know_secrets(environment: &Environment) {
    conceal::keep(credential::all(environment));
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
    /// Stay beside the app as its init, with these agents.
    Stay {
        /// Without the agent key in its environment.
        hide_key: bool,
        /// What to run beside it.
        agents: Box<Agents>,
        /// The claim on this process.
        claim: Option<OwnedFd>,
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

/// Sees to the agent beside this process, which is to be the app, or beside the shell `attach_to`.
fn beside(attach_to: Option<u32>, environment: &Environment) -> Outcome {
    match attach_to {
        None => beside_this_process(environment),
        Some(shell) => {
            beside_shell(shell, environment);
            Outcome::Go { hide_key: false }
        }
    }
}

/// Starts the supervisor beside this process, as the plan says, and tells its faults.
fn beside_this_process(environment: &Environment) -> Outcome {
    let plan = Plan::make(environment, &Slug::of_this_program(environment), Starter::CommandLine);
    let hide_key = plan.hides_key();
    let Claim::Ours(claim) = claim_for(&plan, std::process::id()) else {
        return Outcome::Go { hide_key };
    };
    plan.tell(true);
    if plan.stops_the_boot() {
        return Outcome::Stop;
    }
    if let Some(agents) = plan.agents() {
        if init::is_needed() {
            let agents = Box::new(agents.clone());
            return Outcome::Stay {
                hide_key,
                agents,
                claim,
            };
        }
        tell_failure(detach::start_supervisor(std::process::id(), agents, claim.as_ref()));
    }
    Outcome::Go { hide_key }
}

/// Starts the supervisor beside the shell `pid`, which is to run the app's command in an environment of its own. The
/// shell goes on whatever is said here.
fn beside_shell(pid: u32, environment: &Environment) {
    let early = Plan::make(environment, &Slug::of_this_program(environment), Starter::Autostart);
    let Claim::Ours(claim) = claim_for(&early, pid) else {
        return;
    };
    if early.not_here().is_some() {
        early.tell(false);
        return;
    }
    let shell = Shell::find(pid);
    tell_failure(detach::start_beside(pid, claim.as_ref(), |app| {
        let found = shell.as_ref().map_or_else(
            || Some(environment.clone()),
            |shell| shell.environment(app, environment),
        );
        let Some(environment) = found else { return Ok(()) };
        // The key may be one that was set since.
        know_secrets(&environment);
        let plan = Plan::make(&environment, &Slug::of_this_program(&environment), Starter::Autostart);
        plan.tell(false);
        for name in plan.powerless_with_autostart() {
            fault::tell(&Fault::NotWithAutostart { name });
        }
        plan.agents().map_or(Ok(()), |agents| detach::supervise(app, agents))
    }));
}

/// Claims the process `pid` for the agents of `plan`, if it may have any. What has a supervisor already is told: that one
/// has said what is wrong, and what we find of the environment may be what it left of it.
fn claim_for(plan: &Plan, pid: u32) -> Claim {
    if plan.not_here().is_some() {
        return Claim::Ours(None);
    }
    let claim = claim::claim(pid);
    if let Claim::Taken(elder) = claim {
        plan.debug(|| format!("the agent already runs beside process {elder}"));
    }
    claim
}

/// Tells why there is no supervisor.
fn tell_failure(started: io::Result<()>) {
    if let Err(error) = started {
        fault::tell(&Fault::SupervisorFailed {
            cause: error.to_string(),
        });
    }
}

/// Writes the line of `fault` to stderr.
pub fn tell(fault: &Fault) {
    fault::tell(fault);
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
