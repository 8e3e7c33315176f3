//! What the program does in a dyno, as `hoopstart`: it starts the agent beside the app.
//!
//! # Theory of operation
//!
//! `hoopstart -- cmd` **becomes the app**. It starts a supervisor that is not its child, and then execs `cmd` in its
//! own process. So there is nothing to forward, nothing to wait for, no status to translate, and no terminal to share:
//! on a dyno, where every process gets SIGTERM at once, the app gets it once; under Docker, where only the first
//! process gets it, the app is that process.
//!
//! ```text
//! hoopstart ── reads config and manifest, decides (plan)
//!     │  claims the app, so that no second hoopstart runs an agent beside it (claim)
//!     ├─> intermediate (detach), in hoopstart's memory: takes a session of its own, lets go of the app's files,
//!     │       │  and opens a pidfd of the app, which waits, so that its pid is still its own
//!     │       └─> supervisor, a fork: holds the claim and the pidfd, and of the app's files its log
//!     │       exits, and is reaped, so that the app never has a child that it did not make
//!     └─ execs cmd (exec), which closes a pipe
//!
//! supervisor ── waits for the end of that pipe, looks for another supervisor above the app, watches the app by the
//!               pidfd, runs the agents, writes their lines to stderr
//! ```
//!
//! If hoopstart is the first process of a container, a supervisor without a parent would become a child of the app.
//! There the app is a child of hoopstart, which is its init and the supervisor in one process (init, forward).
//!
//! With `HOOP_AUTOSTART`, a script of `.profile.d` asks for an agent beside its shell. The supervisor then waits until
//! the shell runs the app's command, and takes that command's environment (attach).
//!
//! The supervisor is a fork, and not hoopstart started again, because the app waits: to start a program takes longer
//! than all the rest. A fork also holds only those pages of the program that it uses.
//!
//! `restart` decides what to do when, from events and the time, without effects; `supervisor` has the effects. `spawn`
//! starts an agent so that it ends with its supervisor, `shield` keeps its key from other processes, and `memory` tells
//! when an idle agent has grown too large.
//!
//! ```text
//! agent's pipe ── lines ── record (made readable) ── masks ── app_log (never waits)
//!                   └── sign (what it says of the agent) ── condition, told (what is reported, and when)
//! ```
//!
//! `hoopstart --check` makes the same plan and starts nothing (check), looks at the command (program, elf, misread),
//! and takes the steps to the gateway (transport, connect, dial, http2, hpack). `hoopstart --status` asks the
//! supervisors through the sockets of their claims (status, inquiry). What they print is in `report` and
//! `status_report`; each line in the log is in `fault`.

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

/// The exit status for a wrong command line.
const USAGE: i32 = 2;

/// What hoopstart is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Become this command, with the agent beside it.
    Become(Vec<OsString>),
    /// Start the agent beside the process with this id.
    Attach(u32),
    /// Report what would be started.
    Check {
        /// Connect to the gateway as well.
        connect: bool,
        /// The command that would become the app; may be empty.
        command: Vec<OsString>,
    },
    /// Report what the supervisors of this container say.
    Status {
        /// For programs.
        as_json: bool,
    },
}

/// Does what is asked and returns the exit status. Does not return if the process becomes the app.
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
                    // Without an init, start the app as if there were no agent.
                    status.unwrap_or_else(|| command.exec(hide_key))
                }
                beside::Outcome::StopBoot => plan::NOT_CONFIGURED,
            }
        }
        Request::Attach(pid) => {
            // The shell goes on whatever happens here, so no status can tell it anything.
            if beside::is_autostart_on(environment) {
                beside::whatever_happens(Some(pid), environment);
            }
            0
        }
        Request::Check { connect, command } => check::run(environment, connect, &command),
        Request::Status { as_json } => check::status::run(as_json),
    }
}

/// Keeps the agent keys of `environment` out of everything that this process says from now on.
pub fn know_secrets(environment: &Environment) {
    conceal::keep(plan::credential::all(environment));
}
