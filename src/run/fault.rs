//! What can be wrong at run time, each with its line.
//!
//! One event is one line on stderr, since dyno logs are read line by line. Each line says what is wrong, what it
//! means for the app, what to do, and ends with the failure id.

use super::trouble::Trouble;
use crate::agent_limits::Limit;
use crate::connections::ConnectionsFault;
use crate::failure::Failure;
use crate::key_fault::KeyFault;
use crate::stderr;
use crate::text;
use crate::version::Version;
use std::borrow::Cow;
use std::fmt;

/// What is left of a list of process types without those the app does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// Other items, which count.
    Items,
    /// Nothing, and the agent runs only where the list says.
    Nowhere,
    /// Nothing, and the agent runs but where the list says.
    Everywhere,
}

/// Something that is wrong at run time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No agent key is set.
    KeyMissing,
    /// The agent key cannot be parsed.
    KeyMalformed {
        /// The config var it is in.
        name: &'static str,
        /// What is wrong with it.
        fault: KeyFault,
    },
    /// The agent in the slug can never do what this key, or `HOOP_CONNECTION` with it, asks for.
    AgentTooOld {
        /// The agent's version.
        version: Version,
        /// What it cannot do.
        limit: Limit,
    },
    /// The agent's program is not in the slug.
    AgentMissing {
        /// Where it was looked for.
        path: String,
    },
    /// The agent's program is in the slug and may not be executed.
    AgentNotExecutable {
        /// Where it is.
        path: String,
    },
    /// The manifest is missing or is not one.
    ManifestUnreadable {
        /// Where it was looked for.
        path: String,
        /// Why it cannot be read.
        cause: String,
    },
    /// `HOOP_CONNECTION` is needed and is not set.
    ConnectionMissing,
    /// `HOOP_CONNECTION` cannot be used.
    ConnectionInvalid(ConnectionsFault),
    /// The agent runs, and does not publish the names of `HOOP_CONNECTION`.
    ConnectionNotPublished {
        /// The agent's version.
        version: Version,
    },
    /// `HOOP_COMMAND` has a quote that is not closed.
    CommandInvalid,
    /// The agent key stands in `HOOP_COMMAND`.
    CommandHoldsKey,
    /// A config var has a value that is none of those it may have; its default is used.
    ValueUnknown {
        /// The config var.
        name: &'static str,
        /// Its value.
        value: String,
        /// The values it may have, the default first.
        known: &'static [&'static str],
    },
    /// An on/off config var has another value; its default is used.
    ValueInvalid {
        /// The config var.
        name: &'static str,
        /// Its value.
        value: String,
    },
    /// A config var has no effect together with `HOOP_AUTOSTART`.
    NotWithAutostart {
        /// The config var.
        name: &'static str,
    },
    /// A list names process types that the app does not have.
    ProcessTypeUnknown {
        /// The config var.
        name: &'static str,
        /// The unknown types.
        unknown: Vec<String>,
        /// The types of the Procfile.
        known: Vec<String>,
        /// What is left of the list.
        rest: Rest,
    },
    /// The gateway's name does not resolve.
    GatewayUnresolved {
        /// The name.
        host: String,
        /// What the name servers say.
        cause: String,
    },
    /// No connection to the gateway.
    GatewayUnreachable {
        /// Its host and port.
        place: String,
        /// What happened at each address.
        cause: String,
    },
    /// No TLS connection to the gateway.
    GatewayTls {
        /// Its host and port.
        place: String,
        /// What TLS says.
        cause: String,
    },
    /// The agent runs and is not connected.
    NotConnected(Trouble),
    /// The agent has ended because of its configuration, which it has told.
    AgentMisconfigured {
        /// How it ended, and when it is started again.
        end: String,
    },
    /// The agent has ended more than once.
    AgentCrashing {
        /// How it ended, and when it is started again.
        end: String,
        /// How many times.
        times: u64,
    },
    /// The supervisor could not be started.
    SupervisorFailed {
        /// Why.
        cause: String,
    },
    /// hoopstart was given no command.
    CommandMissing,
    /// The app's program does not exist.
    CommandNotFound {
        /// Its name as given.
        command: String,
    },
    /// What should be the app's program is a folder.
    CommandIsFolder {
        /// Its name as given.
        command: String,
    },
    /// The app's program cannot be run.
    CommandNotExecutable {
        /// Its name as given.
        command: String,
        /// What the kernel says.
        cause: String,
    },
}

impl Fault {
    /// Returns the failure id.
    pub fn failure(&self) -> Failure {
        match self {
            Fault::KeyMissing => Failure::KeyMissing,
            Fault::KeyMalformed { .. } => Failure::KeyMalformed,
            Fault::AgentTooOld { .. } => Failure::AgentTooOld,
            Fault::AgentMissing { .. } | Fault::AgentNotExecutable { .. } => Failure::AgentMissing,
            Fault::ManifestUnreadable { .. } => Failure::ManifestUnreadable,
            Fault::ConnectionMissing => Failure::ConnectionMissing,
            Fault::ConnectionInvalid(_) => Failure::ConnectionInvalid,
            Fault::ConnectionNotPublished { .. } => Failure::ConnectionNotPublished,
            Fault::CommandInvalid | Fault::CommandHoldsKey => Failure::CommandInvalid,
            Fault::ValueInvalid { .. } | Fault::ValueUnknown { .. } => Failure::ValueInvalid,
            Fault::NotWithAutostart { .. } => Failure::NotWithAutostart,
            Fault::ProcessTypeUnknown { .. } => Failure::ProcessTypeUnknown,
            Fault::GatewayUnresolved { .. } => Failure::GatewayUnresolved,
            Fault::GatewayUnreachable { .. } => Failure::GatewayUnreachable,
            Fault::GatewayTls { .. } => Failure::GatewayTls,
            Fault::NotConnected(trouble) => trouble.failure(),
            Fault::AgentMisconfigured { .. } => Failure::AgentMisconfigured,
            Fault::AgentCrashing { .. } => Failure::AgentCrashing,
            Fault::SupervisorFailed { .. } => Failure::SupervisorFailed,
            Fault::CommandMissing => Failure::CommandMissing,
            Fault::CommandNotFound { .. } => Failure::CommandNotFound,
            Fault::CommandIsFolder { .. } | Fault::CommandNotExecutable { .. } => Failure::CommandNotExecutable,
        }
    }

    /// Answers whether the agent cannot be configured or found because of it, which is what `HOOP_REQUIRED`
    /// stops a boot for.
    pub fn stops_a_required_agent(&self) -> bool {
        match self {
            Fault::AgentTooOld { limit, .. } => limit.is_fatal(),
            Fault::KeyMissing
            | Fault::KeyMalformed { .. }
            | Fault::AgentMissing { .. }
            | Fault::AgentNotExecutable { .. }
            | Fault::ManifestUnreadable { .. }
            | Fault::ConnectionMissing
            | Fault::ConnectionInvalid(_)
            | Fault::CommandInvalid
            | Fault::CommandHoldsKey => true,
            Fault::ConnectionNotPublished { .. }
            | Fault::ValueInvalid { .. }
            | Fault::ValueUnknown { .. }
            | Fault::NotWithAutostart { .. }
            | Fault::ProcessTypeUnknown { .. }
            | Fault::GatewayUnresolved { .. }
            | Fault::GatewayUnreachable { .. }
            | Fault::GatewayTls { .. }
            | Fault::NotConnected(_)
            | Fault::AgentMisconfigured { .. }
            | Fault::AgentCrashing { .. }
            | Fault::SupervisorFailed { .. }
            | Fault::CommandMissing
            | Fault::CommandNotFound { .. }
            | Fault::CommandIsFolder { .. }
            | Fault::CommandNotExecutable { .. } => false,
        }
    }

    /// Returns the whole line that tells it.
    pub fn line(&self) -> String {
        let kind = if self.is_error() { "error" } else { "warning" };
        format!("hoopstart: {kind}: {self} [{}]", self.failure())
    }

    /// Returns the whole line that tells it where `HOOP_REQUIRED` is on. It is another one if that stops the boot.
    pub fn line_if_required(&self) -> String {
        if !self.stops_a_required_agent() {
            return self.line();
        }
        let Parts { wrong, remedy, .. } = self.parts();
        let stopped = "HOOP_REQUIRED is on, so nothing was started, exit 78";
        format!("hoopstart: error: {wrong}; {stopped}. {remedy} [{}]", self.failure())
    }

    /// Answers whether nothing at all is started because of it.
    fn is_error(&self) -> bool {
        matches!(
            self,
            Fault::CommandMissing
                | Fault::CommandNotFound { .. }
                | Fault::CommandIsFolder { .. }
                | Fault::CommandNotExecutable { .. }
        )
    }

    /// Returns the sentence in its parts.
    fn parts(&self) -> Parts {
        match self {
            Fault::KeyMissing => Parts::new(
                "HOOP_KEY is not set",
                NOT_STARTED,
                "Set it with: heroku config:set HOOP_KEY=<key>",
            ),
            Fault::KeyMalformed { name, fault } => Parts::new(
                format!("the agent key in {name} cannot be used: {fault}"),
                match fault {
                    // Agents from 1.21.0 on do not look at them, and may connect.
                    KeyFault::Mode | KeyFault::Scheme => ". The agent is started all the same; the app is not affected",
                    _ => NOT_CONNECTED,
                },
                format!("Copy the key again and set it with: heroku config:set {name}=<key>"),
            ),
            Fault::AgentTooOld { version, limit } => Parts::new(
                format!("agent {version} {limit}"),
                match limit {
                    limit if limit.is_fatal() => NOT_CONNECTED,
                    Limit::ServesNoSession => ". Agent and app run all the same",
                    _ => ". With a newer gateway nothing is published; the app is not affected",
                },
                match limit {
                    Limit::NeedsOldGateway { .. } => {
                        "Deploy again with a newer agent (heroku config:unset HOOP_VERSION) and an organisation's key (hoop admin get orgkeys)"
                    }
                    _ => "Deploy again with a newer agent: heroku config:unset HOOP_VERSION",
                },
            ),
            Fault::AgentMissing { path } => Parts::new(
                format!("there is no hoop agent at {path}"),
                "; the app runs without it",
                "The build log says why; deploy again to install it",
            ),
            Fault::AgentNotExecutable { path } => Parts::new(
                format!("the hoop agent at {path} may not be executed"),
                NOT_STARTED,
                "Something has changed its mode since the build, or its disk is mounted with noexec; deploy again to install it anew",
            ),
            Fault::ManifestUnreadable { path, cause } => Parts::new(
                format!("cannot read {path} ({cause})"),
                NOT_STARTED,
                "Deploy again to write it",
            ),
            Fault::ConnectionMissing => Parts::new(
                "HOOP_CONNECTION is not set, and this agent key needs it",
                NOT_STARTED,
                "Set it with: heroku config:set HOOP_CONNECTION=<name>",
            ),
            Fault::ConnectionInvalid(fault) => Parts::new(
                format!("HOOP_CONNECTION cannot be used: {fault}"),
                NOT_STARTED,
                "Set it with: heroku config:set HOOP_CONNECTION=<name>",
            ),
            Fault::ConnectionNotPublished { version } => Parts::new(
                format!("agent {version} does not publish the names of HOOP_CONNECTION with this kind of key"),
                ". The agent and the app run all the same",
                if version.at_least(1, 21, 0) {
                    "Either set up the connections in the gateway's web app and bind them to this agent, or set HOOP_KEY to an organisation's key (hoop admin get orgkeys)"
                } else {
                    "Either set up the connections in the gateway's web app and bind them to this agent, or deploy again with a newer agent (heroku config:unset HOOP_VERSION) and an organisation's key (hoop admin get orgkeys)"
                },
            ),
            Fault::CommandInvalid => Parts::new(
                "HOOP_COMMAND has a quote that is not closed",
                NOT_STARTED,
                "Set it with: heroku config:set HOOP_COMMAND=<command>",
            ),
            Fault::CommandHoldsKey => Parts::new(
                "the agent key stands in HOOP_COMMAND, which every process of the dyno and every session could read",
                NOT_STARTED,
                "Set it with: heroku config:set HOOP_COMMAND=<command>",
            ),
            Fault::ValueInvalid { name, value } => Parts::new(
                format!("{name} is {}, which is neither on nor off", text::in_quotes(value)),
                ", so it counts as off",
                format!("Use true or false: heroku config:set {name}=true"),
            ),
            Fault::ValueUnknown { name, value, known } => Parts::new(
                format!(
                    "{name} is {}, which is none of {}",
                    text::in_quotes(value),
                    known.join(", ")
                ),
                format!(", so it counts as {}", known[0]),
                format!("Set it with: heroku config:set {name}={}", known[0]),
            ),
            Fault::NotWithAutostart { name } => Parts::new(
                format!("{name} has no effect with HOOP_AUTOSTART"),
                ": the shell that starts the app is not ours to change or stop",
                "Start the app with hoopstart in your Procfile instead",
            ),
            Fault::ProcessTypeUnknown {
                name,
                unknown,
                known,
                rest,
            } => {
                let set = if unknown.iter().any(|item| item.contains([' ', '<'])) {
                    format!("Put a comma between two of them: heroku config:set {name}=<type>,<type>")
                } else {
                    format!("Set it with: heroku config:set {name}=<types>")
                };
                Parts::new(
                    format!(
                        "{name} names {}, and the Procfile has no such process type",
                        unknown.join(", ")
                    ),
                    match rest {
                        Rest::Items => ", so only the rest of the list counts",
                        Rest::Nowhere => ", so the agent runs in no dyno",
                        Rest::Everywhere => ", so the list keeps the agent out of no dyno",
                    },
                    format!("The Procfile has: {}. {set}", known.join(", ")),
                )
            }
            Fault::GatewayUnresolved { host, cause } => Parts::new(
                format!("the gateway's name \"{host}\" does not resolve ({cause})"),
                ", so the agent cannot connect; the app is not affected",
                "Copy the agent key again, or correct the name in it",
            ),
            Fault::GatewayUnreachable { place, cause } => Parts::new(
                format!("cannot connect to the gateway at {place} ({cause})"),
                ", nor can the agent; the app is not affected",
                "Check that the gateway runs, that the port in the agent key is that of its gRPC, and that its firewall lets this dyno in",
            ),
            Fault::GatewayTls { place, cause } => Parts::new(
                format!("the gateway at {place} answers, and no TLS connection could be made ({cause})"),
                ", so the agent cannot connect; the app is not affected",
                "For a certificate of your own authority set HOOP_TLSCA; for one with another name, HOOP_TLSSERVERNAME; for a gateway without TLS, an agent key that begins with grpc://",
            ),
            Fault::NotConnected(trouble) => Parts::new(trouble.wrong(), trouble.state(), trouble.remedy()),
            Fault::AgentMisconfigured { end } => Parts::new(
                end,
                ", the app is not affected",
                "Its last line says what is wrong with its configuration: correct that with heroku config:set, which restarts the dyno",
            ),
            Fault::AgentCrashing { end, times } => Parts::new(
                end,
                ", the app is not affected",
                format!(
                    "It has ended {times} times so far; from now on this is told once an hour. If its lines do not say why, try another release: heroku config:set HOOP_VERSION=<version>, and deploy"
                ),
            ),
            Fault::SupervisorFailed { cause } => Parts::new(
                format!("the agent's supervisor could not be started ({cause})"),
                "; the app runs without the agent",
                "Restart the dyno to try again",
            ),
            Fault::CommandMissing => Parts::new(
                "there is no command to become",
                "; nothing was started, exit 2",
                "Write it behind two dashes: hoopstart -- <command>",
            ),
            Fault::CommandNotFound { command } => Parts::new(
                format!("cannot run \"{command}\": no such program"),
                "; nothing was started, exit 127",
                "Check the command after hoopstart in your Procfile",
            ),
            Fault::CommandIsFolder { command } => Parts::new(
                format!("cannot run \"{command}\": it is a folder"),
                "; nothing was started, exit 126",
                "Name a program after hoopstart in your Procfile",
            ),
            Fault::CommandNotExecutable { command, cause } => Parts::new(
                format!("cannot run \"{command}\": {cause}"),
                "; nothing was started, exit 126",
                "Check the file after hoopstart in your Procfile and its mode (git update-index --chmod=+x <file>)",
            ),
        }
    }
}

/// What most faults mean for the app.
const NOT_STARTED: &str = ", so the agent was not started; the app runs without it";

/// What a fault means for the app with which the agent is started all the same.
const NOT_CONNECTED: &str = ". The agent will not connect; the app is not affected";

/// The sentence of a fault, in parts: where `HOOP_REQUIRED` stops the boot, it means something else for the app.
struct Parts {
    /// What is wrong.
    wrong: String,
    /// What that means for the app, with the mark before it.
    state: Cow<'static, str>,
    /// What to do.
    remedy: String,
}

impl Parts {
    /// Takes the three parts.
    fn new(wrong: impl Into<String>, state: impl Into<Cow<'static, str>>, remedy: impl Into<String>) -> Self {
        Self {
            wrong: wrong.into(),
            state: state.into(),
            remedy: remedy.into(),
        }
    }
}

impl fmt::Display for Fault {
    /// Writes the sentence, without `hoopstart: ` and without the failure id.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { wrong, state, remedy } = self.parts();
        write!(f, "{wrong}{state}. {remedy}")
    }
}

/// Writes the line of `fault` to stderr, for a boot that goes on.
pub(super) fn tell(fault: &Fault) {
    stderr::say(&fault.line());
}
