//! What can be wrong at run time, each with its line.
//!
//! One event is one line on stderr, since dyno logs are read line by line. Each line says what is wrong, what it
//! means for the app, what to do, and ends with the failure id.

pub mod gateway;
pub mod parts;
pub mod trouble;

use crate::agent::connections::{ConnectionsFault, Merged};
use crate::agent::key_fault::KeyFault;
use crate::agent::limits::Limit;
use crate::agent::version::Version;
use crate::failure::Failure;
use crate::os::stderr;
use crate::start::fault::gateway::GatewayFault;
use crate::start::fault::parts::Parts;
use crate::start::fault::trouble::Trouble;
use crate::text;
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

impl Rest {
    /// What that means, with the mark before it.
    fn state(self) -> &'static str {
        match self {
            Rest::Items => ", so only the rest of the list counts",
            Rest::Nowhere => ", so the agent does not run in any dyno",
            Rest::Everywhere => ", so the list excludes no dyno",
        }
    }
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
    /// Names of `HOOP_CONNECTION` become one connection.
    ConnectionsMerged(Merged),
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
    /// `HOOP_AGENT_MEMORY` is no number of megabytes; its default is used.
    MemoryInvalid {
        /// Its value.
        value: String,
        /// The default.
        default: u64,
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
    /// A list of process types has items that no dyno can be called, or none at all.
    NoDynoName {
        /// The config var.
        name: &'static str,
        /// Those items.
        items: Vec<String>,
        /// What was probably meant.
        right: String,
        /// What is left of the list.
        rest: Rest,
    },
    /// Something is wrong on the way to the gateway.
    Gateway(GatewayFault),
    /// Nothing starts the agent in this process type, or in any.
    NotStarted {
        /// The type and its line in the Procfile, if it has one.
        line: Option<(String, String)>,
        /// The line that would start the agent, where one can be told.
        right: Option<String>,
    },
    /// No process type of the app has the agent.
    Nowhere,
    /// The agent's program cannot run on this machine.
    AgentUnfit {
        /// Where it is.
        path: String,
        /// What is wrong with it.
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
    /// The app's program is there, and what runs it is not.
    CommandWithoutInterpreter {
        /// Its name as given.
        command: String,
        /// What is missing.
        cause: String,
    },
    /// What was given as the app's program is something that a shell understands.
    CommandMisread {
        /// What was given.
        command: String,
        /// What it is.
        cause: &'static str,
        /// The line that works, unless it takes a script.
        line: Option<String>,
    },
    /// hoopstart has no such option.
    OptionUnknown {
        /// The option as given.
        option: String,
        /// What was meant.
        meant: Option<String>,
    },
    /// What should be the app's program is none, or one for another machine.
    CommandNotProgram {
        /// Its name as given.
        command: String,
        /// What it is.
        cause: String,
    },
    /// The arguments and variables of the app are more than the system hands on.
    CommandTooLarge {
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
    /// The failure id.
    pub fn failure(&self) -> Failure {
        match self {
            Fault::KeyMissing => Failure::KeyMissing,
            Fault::KeyMalformed { .. } => Failure::KeyMalformed,
            Fault::AgentTooOld { .. } => Failure::AgentTooOld,
            Fault::AgentMissing { .. } | Fault::AgentNotExecutable { .. } | Fault::AgentUnfit { .. } => {
                Failure::AgentMissing
            }
            Fault::ManifestUnreadable { .. } => Failure::ManifestUnreadable,
            Fault::ConnectionMissing => Failure::ConnectionMissing,
            Fault::ConnectionInvalid(_) => Failure::ConnectionInvalid,
            Fault::ConnectionsMerged(_) => Failure::ConnectionMerged,
            Fault::ConnectionNotPublished { .. } => Failure::ConnectionNotPublished,
            Fault::CommandInvalid | Fault::CommandHoldsKey => Failure::CommandInvalid,
            Fault::ValueInvalid { .. } | Fault::ValueUnknown { .. } | Fault::MemoryInvalid { .. } => {
                Failure::ValueInvalid
            }
            Fault::NotWithAutostart { .. } => Failure::NotWithAutostart,
            Fault::ProcessTypeUnknown { .. } | Fault::NoDynoName { .. } => Failure::ProcessTypeUnknown,
            Fault::Gateway(fault) => fault.failure(),
            Fault::NotStarted { .. } | Fault::Nowhere => Failure::NotStarted,
            Fault::NotConnected(trouble) => trouble.failure(),
            Fault::AgentMisconfigured { .. } => Failure::AgentMisconfigured,
            Fault::AgentCrashing { .. } => Failure::AgentCrashing,
            Fault::SupervisorFailed { .. } => Failure::SupervisorFailed,
            Fault::CommandMissing => Failure::CommandMissing,
            Fault::CommandNotFound { .. } | Fault::CommandMisread { .. } | Fault::CommandWithoutInterpreter { .. } => {
                Failure::CommandNotFound
            }
            Fault::OptionUnknown { .. } => Failure::OptionUnknown,
            Fault::CommandIsFolder { .. }
            | Fault::CommandNotExecutable { .. }
            | Fault::CommandNotProgram { .. }
            | Fault::CommandTooLarge { .. } => Failure::CommandNotExecutable,
        }
    }

    /// Whether the agent cannot be configured or found because of it, which is what `HOOP_REQUIRED`
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
            Fault::ConnectionsMerged(_)
            | Fault::ConnectionNotPublished { .. }
            | Fault::ValueInvalid { .. }
            | Fault::ValueUnknown { .. }
            | Fault::MemoryInvalid { .. }
            | Fault::NotWithAutostart { .. }
            | Fault::ProcessTypeUnknown { .. }
            | Fault::NoDynoName { .. }
            | Fault::Gateway(_)
            | Fault::NotStarted { .. }
            | Fault::Nowhere
            | Fault::AgentUnfit { .. }
            | Fault::NotConnected(_)
            | Fault::AgentMisconfigured { .. }
            | Fault::AgentCrashing { .. }
            | Fault::SupervisorFailed { .. }
            | Fault::CommandMissing
            | Fault::CommandNotFound { .. }
            | Fault::CommandWithoutInterpreter { .. }
            | Fault::CommandIsFolder { .. }
            | Fault::CommandNotExecutable { .. }
            | Fault::CommandNotProgram { .. }
            | Fault::CommandTooLarge { .. }
            | Fault::CommandMisread { .. }
            | Fault::OptionUnknown { .. } => false,
        }
    }

    /// The whole line that tells it.
    pub fn line(&self) -> String {
        let kind = if self.is_error() { "error" } else { "warning" };
        format!("hoopstart: {kind}: {self} [{}]", self.failure())
    }

    /// The whole line that tells it where `HOOP_REQUIRED` is on. It is another one if that stops the boot.
    pub fn line_if_required(&self) -> String {
        if !self.stops_a_required_agent() {
            return self.line();
        }
        let Parts { wrong, remedy, .. } = self.parts();
        let stopped = "HOOP_REQUIRED is on, so nothing was started, exit 78";
        format!("hoopstart: error: {wrong}; {stopped}. {remedy} [{}]", self.failure())
    }

    /// Whether nothing at all is started because of it.
    fn is_error(&self) -> bool {
        matches!(
            self,
            Fault::CommandMissing
                | Fault::CommandNotFound { .. }
                | Fault::CommandWithoutInterpreter { .. }
                | Fault::CommandIsFolder { .. }
                | Fault::CommandNotExecutable { .. }
                | Fault::CommandNotProgram { .. }
                | Fault::CommandTooLarge { .. }
                | Fault::CommandMisread { .. }
                | Fault::OptionUnknown { .. }
        )
    }

    /// The sentence in its parts.
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
                    KeyFault::Mode | KeyFault::Scheme => ". The agent is started anyway; the app is not affected",
                    _ => NOT_CONNECTED,
                },
                format!("Copy the key again and set it with: heroku config:set {name}=<key>"),
            ),
            Fault::AgentTooOld { version, limit } => Parts::new(
                format!("agent {version} {limit}"),
                match limit {
                    limit if limit.is_fatal() => NOT_CONNECTED,
                    Limit::ServesNoSession => ". The agent and the app run anyway",
                    _ => ". With a newer gateway nothing is published; the app is not affected",
                },
                match limit {
                    Limit::NeedsOldGateway { .. } => {
                        "Deploy again with a newer agent (heroku config:unset HOOP_VERSION) and an organization's key \
                         (hoop admin get orgkeys)"
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
                format!("the hoop agent at {path} cannot be executed"),
                NOT_STARTED,
                "Something has changed its mode since the build, or its disk is mounted with noexec; deploy again to \
                 reinstall it",
            ),
            Fault::ManifestUnreadable { path, cause } => Parts::new(
                format!("cannot read {path} ({cause})"),
                NOT_STARTED,
                "Deploy again to recreate it",
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
            Fault::ConnectionsMerged(Merged { name, written }) => {
                let written: Vec<String> = written.iter().map(|text| text::quoted(text, 60)).collect();
                let name = text::visible(name);
                Parts::new(
                    format!(
                        "HOOP_CONNECTION has {}, which become the same name",
                        written.join(" and ")
                    ),
                    ", so one connection is published for them; the app is not affected",
                    format!("Give them names that differ in more than accents or spaces, or keep only one: {name}"),
                )
            }
            Fault::ConnectionNotPublished { version } => Parts::new(
                format!("agent {version} does not publish the names of HOOP_CONNECTION with this kind of key"),
                ". The agent and the app run anyway",
                if version.at_least(1, 21, 0) {
                    "Either set up the connections in the gateway's web app and bind them to this agent, or set \
                     HOOP_KEY to an organization's key (hoop admin get orgkeys)"
                } else {
                    "Either set up the connections in the gateway's web app and bind them to this agent, or deploy \
                     again with a newer agent (heroku config:unset HOOP_VERSION) and an organization's key \
                     (hoop admin get orgkeys)"
                },
            ),
            Fault::CommandInvalid => Parts::new(
                "HOOP_COMMAND has a quote that is not closed",
                NOT_STARTED,
                "Set it with: heroku config:set HOOP_COMMAND=<command>",
            ),
            Fault::CommandHoldsKey => Parts::new(
                "HOOP_COMMAND contains the agent key, where every process of the dyno and every session could read it",
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
                    "{name} is {}, which is not one of {}",
                    text::in_quotes(value),
                    known.join(", ")
                ),
                format!(", so it counts as {}", known[0]),
                format!("Set it with: heroku config:set {name}={}", known[0]),
            ),
            Fault::MemoryInvalid { value, default } => Parts::new(
                format!(
                    "HOOP_AGENT_MEMORY is {}, which is not a whole number of megabytes",
                    text::in_quotes(value)
                ),
                ", so the default is used; the app is not affected",
                format!("Set it with: heroku config:set HOOP_AGENT_MEMORY={default}"),
            ),
            Fault::NotWithAutostart { name } => Parts::new(
                format!("{name} has no effect with HOOP_AUTOSTART"),
                ": hoopstart cannot change or stop the shell that starts the app",
                "Start the app with hoopstart in your Procfile instead",
            ),
            Fault::ProcessTypeUnknown {
                name,
                unknown,
                known,
                rest,
            } => Parts::new(
                format!(
                    "{name} names {}, and the Procfile has no such process type",
                    unknown.join(", ")
                ),
                rest.state(),
                format!(
                    "The Procfile has: {}. Set it with: heroku config:set {name}=<types>",
                    known.join(", ")
                ),
            ),
            Fault::NoDynoName {
                name,
                items,
                right,
                rest,
            } => Parts::new(
                match items.as_slice() {
                    [] => format!("{name} names nothing"),
                    items => {
                        let items: Vec<String> = items.iter().map(|item| text::in_quotes(item)).collect();
                        format!("{name} has {}, which can never match a dyno", items.join(", "))
                    }
                },
                rest.state(),
                format!(
                    "Use process types (web) or single dynos (web.1), separated by commas: heroku config:set \
                     {name}={right}"
                ),
            ),
            Fault::Gateway(fault) => fault.parts(),
            Fault::NotStarted { line, right } => Parts::new(
                match line {
                    Some((process_type, _)) => format!("nothing starts the agent in {process_type}"),
                    None => "nothing starts the agent".to_owned(),
                },
                "; the app runs without it",
                match (line, right) {
                    (Some((_, line)), Some(right)) => {
                        format!("Change the line \"{line}\" of the Procfile to \"{right}\", or run: {AUTOSTART}")
                    }
                    _ => format!("Begin a line of the Procfile with \"hoopstart -- \", or run: {AUTOSTART}"),
                },
            ),
            Fault::Nowhere => Parts::new(
                "HOOP_PROCESS_TYPES and HOOP_IGNORE_PROCESS_TYPES together exclude every process type of the Procfile",
                ", so the agent does not run in any dyno; the app runs without it",
                "Run: heroku config:unset HOOP_IGNORE_PROCESS_TYPES",
            ),
            Fault::AgentUnfit { path, cause } => Parts::new(
                format!("the hoop agent at {path} cannot run here: {cause}"),
                "; the app runs without it",
                "Deploy again to reinstall it",
            ),
            Fault::NotConnected(trouble) => Parts::new(trouble.wrong(), trouble.state(), trouble.remedy()),
            Fault::AgentMisconfigured { end } => Parts::new(
                end,
                ", the app is not affected",
                "Its last line says what is wrong with its configuration: fix that with heroku config:set, which \
                 restarts the dyno",
            ),
            Fault::AgentCrashing { end, times } => Parts::new(
                end,
                ", the app is not affected",
                format!(
                    "It has exited {times} times so far; from now on this is reported once an hour. If its log does \
                     not say why, try another release: heroku config:set HOOP_VERSION=<version>, and deploy"
                ),
            ),
            Fault::SupervisorFailed { cause } => Parts::new(
                format!("the agent's supervisor could not be started ({cause})"),
                "; the app runs without the agent",
                "Restart the dyno to try again",
            ),
            Fault::CommandMissing => Parts::new(
                "no command was given",
                "; nothing was started, exit 2",
                "Write it after two hyphens: hoopstart -- <command>",
            ),
            Fault::CommandNotFound { command } => Parts::new(
                format!("cannot run \"{command}\": no such program"),
                "; nothing was started, exit 127",
                "Check the command after hoopstart in your Procfile",
            ),
            Fault::CommandWithoutInterpreter { command, cause } => Parts::new(
                format!("cannot run \"{command}\": {cause}"),
                "; nothing was started, exit 127",
                "Correct the first line of that file, or install what it names",
            ),
            Fault::CommandMisread { command, cause, line } => Parts::new(
                format!("cannot run \"{command}\": {cause}"),
                "; nothing was started, exit 127",
                match line {
                    Some(line) => format!("Write: {line}"),
                    None => "Put the commands into a file, such as bin/start, and write: hoopstart -- bash bin/start"
                        .to_owned(),
                },
            ),
            Fault::OptionUnknown { option, meant } => Parts::new(
                format!("there is no option \"{option}\""),
                "; nothing was started, exit 2",
                match meant {
                    Some(meant) => format!("Did you mean {meant}? For all options: hoopstart --help"),
                    None => "The app's command goes after two hyphens: hoopstart -- <command>".to_owned(),
                },
            ),
            Fault::CommandNotProgram { command, cause } => Parts::new(
                format!("cannot run \"{command}\": {cause}"),
                "; nothing was started, exit 126",
                "Deploy a complete program that was built for this machine",
            ),
            Fault::CommandTooLarge { command } => Parts::new(
                format!(
                    "cannot run \"{command}\": its arguments and config vars together are larger than the system allows"
                ),
                "; nothing was started, exit 126",
                "Put the largest of them into a file",
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

/// What starts the agent without a change of the Procfile.
const AUTOSTART: &str = "heroku config:set HOOP_AUTOSTART=true";

/// What most faults mean for the app.
const NOT_STARTED: &str = ", so the agent was not started; the app runs without it";

/// What a fault means for the app with which the agent is started all the same.
const NOT_CONNECTED: &str = ". The agent will not connect; the app is not affected";

impl fmt::Display for Fault {
    /// Writes the sentence, without `hoopstart: ` and without the failure id.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { wrong, state, remedy } = self.parts();
        write!(f, "{wrong}{state}. {remedy}")
    }
}

/// Writes the line of `fault` to stderr, for a boot that goes on.
pub(crate) fn tell(fault: &Fault) {
    stderr::say(&fault.line());
}
