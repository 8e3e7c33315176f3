//! What can be wrong with the config vars.

use crate::agent::connections::{ConnectionsFault, Merged};
use crate::agent::key_fault::KeyFault;
use crate::agent::version::Version;
use crate::failure::Failure;
use crate::start::fault::sentence::{Kind, NOT_CONNECTED, NOT_STARTED, Sentence};
use crate::text;

/// A config var that is missing, wrong, or without effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigFault {
    KeyMissing,
    KeyMalformed {
        /// The config var it is in.
        name: &'static str,
        fault: KeyFault,
    },
    /// This key needs `HOOP_CONNECTION`.
    ConnectionMissing,
    ConnectionInvalid(ConnectionsFault),
    /// Several names of `HOOP_CONNECTION` become one connection.
    ConnectionsMerged(Merged),
    /// The agent runs, and does not publish the names of `HOOP_CONNECTION`.
    ConnectionNotPublished {
        version: Version,
    },
    /// `HOOP_COMMAND` has a quote that is not closed.
    CommandInvalid,
    CommandHoldsKey,
    /// An on/off config var has another value, and counts as off.
    SwitchInvalid {
        name: &'static str,
        value: String,
    },
    /// Not one of the known values; the default is used.
    ValueUnknown {
        name: &'static str,
        value: String,
        /// The values it may have, the default first.
        known: &'static [&'static str],
    },
    /// `HOOP_AGENT_MEMORY` is not a number of megabytes; the default is used.
    MemoryInvalid {
        value: String,
        default: u64,
    },
    NotWithAutostart {
        name: &'static str,
    },
    /// `HOOP_AUTOSTART` is on in an image.
    AutostartInImage,
}

impl Kind for ConfigFault {
    fn failure(&self) -> Failure {
        match self {
            ConfigFault::KeyMissing => Failure::KeyMissing,
            ConfigFault::KeyMalformed { .. } => Failure::KeyMalformed,
            ConfigFault::ConnectionMissing => Failure::ConnectionMissing,
            ConfigFault::ConnectionInvalid(_) => Failure::ConnectionInvalid,
            ConfigFault::ConnectionsMerged(_) => Failure::ConnectionMerged,
            ConfigFault::ConnectionNotPublished { .. } => Failure::ConnectionNotPublished,
            ConfigFault::CommandInvalid | ConfigFault::CommandHoldsKey => Failure::CommandInvalid,
            ConfigFault::SwitchInvalid { .. }
            | ConfigFault::ValueUnknown { .. }
            | ConfigFault::MemoryInvalid { .. } => Failure::ValueInvalid,
            ConfigFault::NotWithAutostart { .. } => Failure::NotWithAutostart,
            ConfigFault::AutostartInImage => Failure::AutostartInImage,
        }
    }

    fn stops_a_required_agent(&self) -> bool {
        match self {
            ConfigFault::KeyMissing
            | ConfigFault::KeyMalformed { .. }
            | ConfigFault::ConnectionMissing
            | ConfigFault::ConnectionInvalid(_)
            | ConfigFault::CommandInvalid
            | ConfigFault::CommandHoldsKey => true,
            ConfigFault::ConnectionsMerged(_)
            | ConfigFault::ConnectionNotPublished { .. }
            | ConfigFault::SwitchInvalid { .. }
            | ConfigFault::ValueUnknown { .. }
            | ConfigFault::MemoryInvalid { .. }
            | ConfigFault::NotWithAutostart { .. }
            | ConfigFault::AutostartInImage => false,
        }
    }

    fn sentence(&self) -> Sentence {
        match self {
            ConfigFault::KeyMissing => Sentence::new(
                "HOOP_KEY is not set",
                NOT_STARTED,
                "Set it with: heroku config:set HOOP_KEY=<key>",
            ),
            ConfigFault::KeyMalformed { name, fault } => Sentence::new(
                format!("the agent key in {name} cannot be used: {fault}"),
                match fault {
                    // Agents from 1.21.0 on ignore these, and may connect.
                    KeyFault::Mode | KeyFault::Scheme => ". The agent is started anyway; the app is not affected",
                    _ => NOT_CONNECTED,
                },
                format!("Copy the key again and set it with: heroku config:set {name}=<key>"),
            ),
            ConfigFault::ConnectionMissing => Sentence::new(
                "HOOP_CONNECTION is not set, and this agent key needs it",
                NOT_STARTED,
                SET_CONNECTION,
            ),
            ConfigFault::ConnectionInvalid(fault) => Sentence::new(
                format!("HOOP_CONNECTION cannot be used: {fault}"),
                NOT_STARTED,
                SET_CONNECTION,
            ),
            ConfigFault::ConnectionsMerged(merged) => {
                let name = text::visible(&merged.name);
                Sentence::new(
                    format!("HOOP_CONNECTION has {}, which become the same name", written(merged)),
                    ", so one connection is published for them; the app is not affected",
                    format!("Give them names that differ in more than accents or spaces, or keep only one: {name}"),
                )
            }
            ConfigFault::ConnectionNotPublished { version } => Sentence::new(
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
            ConfigFault::CommandInvalid => {
                Sentence::new("HOOP_COMMAND has a quote that is not closed", NOT_STARTED, SET_COMMAND)
            }
            ConfigFault::CommandHoldsKey => Sentence::new(
                "HOOP_COMMAND contains the agent key, where every process of the dyno and every session could read it",
                NOT_STARTED,
                SET_COMMAND,
            ),
            ConfigFault::SwitchInvalid { name, value } => Sentence::new(
                format!("{name} is {}, which is neither on nor off", text::in_quotes(value)),
                ", so it counts as off",
                format!("Use true or false: heroku config:set {name}=true"),
            ),
            ConfigFault::ValueUnknown { name, value, known } => Sentence::new(
                format!(
                    "{name} is {}, which is not one of {}",
                    text::in_quotes(value),
                    known.join(", ")
                ),
                format!(", so it counts as {}", known[0]),
                format!("Set it with: heroku config:set {name}={}", known[0]),
            ),
            ConfigFault::MemoryInvalid { value, default } => Sentence::new(
                format!(
                    "HOOP_AGENT_MEMORY is {}, which is not a whole number of megabytes",
                    text::in_quotes(value)
                ),
                ", so the default is used; the app is not affected",
                format!("Set it with: heroku config:set HOOP_AGENT_MEMORY={default}"),
            ),
            ConfigFault::NotWithAutostart { name } => Sentence::new(
                format!("{name} has no effect with HOOP_AUTOSTART"),
                ": hoopstart cannot change or stop the shell that starts the app",
                "Start the app with hoopstart in your Procfile instead",
            ),
            ConfigFault::AutostartInImage => Sentence::new(
                "HOOP_AUTOSTART has no effect in an image of a Cloud Native Buildpack",
                ": a process without hoopstart has no agent; the app is not affected",
                "Start the app with hoopstart in your Procfile, or name its process type in BP_HOOP_WRAP at build",
            ),
        }
    }
}

const SET_CONNECTION: &str = "Set it with: heroku config:set HOOP_CONNECTION=<name>";

const SET_COMMAND: &str = "Set it with: heroku config:set HOOP_COMMAND=<command>";

/// The names that become one, as written in `HOOP_CONNECTION`.
pub(crate) fn written(merged: &Merged) -> String {
    let written: Vec<String> = merged.written.iter().map(|name| text::quoted(name, 60)).collect();
    written.join(" and ")
}
