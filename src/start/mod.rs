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
//! agent's pipe ── lines ── record (made readable) ── masks ── app_log (never waits)
//!                   └── sign (what it says of the agent) ── condition, told (what is reported, and when)
//! ```
//!
//! `hoopstart --check` makes the same plan and starts nothing (check), looks at the command (program, elf, misread),
//! and goes the way to the gateway (transport, connect, http2, hpack). `hoopstart --status` asks the supervisors by the
//! sockets of their claims (status, inquiry).

pub mod app;
pub mod beside;
pub mod check;
pub mod fault;
pub mod launch;
pub mod log;
pub mod plan;
pub mod supervise;

use crate::os::environment::Environment;
use crate::secret::conceal;
use std::ffi::OsString;

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
            let Some(command) = launch::exec::Command::new(command) else {
                fault::tell(fault::command::CommandFault::Missing);
                return USAGE;
            };
            match beside::whatever_happens(None, environment) {
                beside::Outcome::BecomeApp { hide_key } => command.exec(hide_key),
                beside::Outcome::StayAsInit {
                    hide_key,
                    agent_set,
                    claim,
                } => {
                    let status = launch::init::run(&command, hide_key, &agent_set, claim.as_ref());
                    // Without an init the app is what it would be without an agent.
                    status.unwrap_or_else(|| command.exec(hide_key))
                }
                beside::Outcome::StopBoot => plan::NOT_CONFIGURED,
            }
        }
        Request::Attach(pid) => {
            // The shell that asks goes on whatever happens here, so nothing is to be reported by a status.
            if beside::is_autostart_on(environment) {
                beside::whatever_happens(Some(pid), environment);
            }
            0
        }
        Request::Check { connect, command } => check::run(environment, connect, &command),
        Request::Status { as_json } => check::status::run(as_json),
    }
}

/// Has whatever this process says from now on be without the agent keys of `environment`.
pub fn know_secrets(environment: &Environment) {
    conceal::keep(plan::credential::all(environment));
}
