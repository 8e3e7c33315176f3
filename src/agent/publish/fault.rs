//! What keeps a connection from being published as it should be.

use crate::agent::database::DatabaseFault;
use crate::agent::version::Version;
use crate::text;
use std::fmt;

/// What keeps a connection from being published as it should be. Connections of the file whose name is not known yet
/// are called as they are written there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublishFault {
    /// A config var in its name is not set.
    NameUnset { connection: String, variable: String },
    /// What its name stands for is none.
    NameInvalid { connection: String, fault: NameFault },
    /// Two names of the file become one.
    Merged {
        first: String,
        other: String,
        /// What they become.
        name: String,
        /// Whether they are different connections, so that it is not known which is meant.
        differ: bool,
    },
    /// The config var that has its URL is not set.
    DatabaseUnset { connection: String, variable: String },
    /// An agent cannot take its URL.
    DatabaseUrlInvalid {
        connection: String,
        variable: String,
        fault: DatabaseFault,
    },
    /// The agent cannot publish it, or not with its rules.
    NeedsNewerAgent {
        connection: String,
        /// What it cannot do.
        needs: Vec<&'static str>,
        version: Version,
    },
    /// Its process types name some that the app does not have.
    ProcessTypeUnknown {
        connection: String,
        unknown: Vec<String>,
        /// Those of the app.
        known: Vec<String>,
    },
    /// Its command or one of its lists has an agent key or the password of a database.
    HoldsSecret { connection: String },
    /// `HOOP_COMMAND`, which it runs, has the password of a database.
    EntrypointHoldsSecret { connection: String },
    /// A name in `HOOP_CONNECTION` has the password of a database.
    ListHoldsSecret,
    /// The agent runs in none of its process types.
    NeverPublished {
        connection: String,
        process_types: Vec<String>,
    },
    /// Its `export:` names variables that no session ever sees.
    ExportWithoutEffect { connection: String, variables: Vec<String> },
}

/// Why what a name of the file stands for cannot be the name of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameFault {
    #[error("it has a comma or a control character")]
    NotName,
    #[error("nothing is left of it once the agent has removed the accents")]
    Vanishes,
    #[error("it is {0} bytes long, and the limit is 252")]
    TooLong(usize),
    #[error("it has a URL, an agent key, or the password of a database in it")]
    HoldsSecret,
}

impl PublishFault {
    /// Whether the connection is not published.
    pub fn is_fatal(&self) -> bool {
        !matches!(
            self,
            PublishFault::Merged { differ: false, .. }
                | PublishFault::NeverPublished { .. }
                | PublishFault::ProcessTypeUnknown { .. }
                | PublishFault::ExportWithoutEffect { .. }
        )
    }

    /// What to do about it, as a sentence without its full stop.
    pub fn remedy(&self) -> String {
        match self {
            PublishFault::NameUnset { variable, .. } if variable.starts_with("HEROKU_") => {
                "Have the platform set it: heroku labs:enable runtime-dyno-metadata".to_owned()
            }
            PublishFault::NameUnset { variable, .. } => format!("Set it with: heroku config:set {variable}=<name>"),
            PublishFault::NameInvalid { .. } => {
                "Change the name in hoop.yml, or the config vars that it stands for".to_owned()
            }
            PublishFault::Merged { .. } => {
                "Give them names that differ in more than capitals, accents, or spaces, or keep only one".to_owned()
            }
            PublishFault::DatabaseUnset { .. } => {
                "Attach the add-on that sets it, or name another config var in hoop.yml (heroku config lists them)"
                    .to_owned()
            }
            PublishFault::DatabaseUrlInvalid { .. } => "Name a config var in hoop.yml that has a URL such as \
                                                        SCHEME://USER:PASSWORD@HOST:PORT/NAME (heroku config lists \
                                                        them)"
                .to_owned(),
            PublishFault::NeedsNewerAgent { .. } => {
                "Deploy again with a newer agent: heroku config:unset HOOP_VERSION".to_owned()
            }
            PublishFault::ProcessTypeUnknown { known, .. } => {
                format!("Change process_types in hoop.yml; the app has {}", known.join(", "))
            }
            PublishFault::HoldsSecret { .. } => {
                "Take it out of hoop.yml; a command can read it from a config var".to_owned()
            }
            PublishFault::EntrypointHoldsSecret { .. } => {
                "Have it read the password from a config var: heroku config:set HOOP_COMMAND=<command>".to_owned()
            }
            PublishFault::ListHoldsSecret => "Set other names: heroku config:set HOOP_CONNECTION=<names>".to_owned(),
            PublishFault::NeverPublished { .. } => {
                "Name process types in hoop.yml whose line in the Procfile begins with hoopstart --, and that \
                 HOOP_PROCESS_TYPES and HOOP_IGNORE_PROCESS_TYPES leave to the agent"
                    .to_owned()
            }
            PublishFault::ExportWithoutEffect { .. } => "Take them out of export: in hoop.yml".to_owned(),
        }
    }
}

impl fmt::Display for PublishFault {
    /// What is wrong, as a sentence without its full stop.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PublishFault::NameUnset { connection, variable } => {
                let connection = shown(connection);
                write!(
                    f,
                    "the name {connection} in hoop.yml refers to {variable}, which is not set"
                )
            }
            PublishFault::NameInvalid { connection, fault } => {
                let connection = shown(connection);
                write!(f, "the name {connection} in hoop.yml cannot be used: {fault}")
            }
            PublishFault::Merged { first, other, name, .. } => {
                let (first, other, name) = (shown(first), shown(other), shown(name));
                write!(
                    f,
                    "hoop.yml has {first} and {other}, which become the same name, {name}"
                )
            }
            PublishFault::DatabaseUnset { connection, variable } => {
                let connection = shown(connection);
                write!(
                    f,
                    "{variable} is not set, and hoop.yml takes the URL of {connection} from it"
                )
            }
            PublishFault::DatabaseUrlInvalid {
                connection,
                variable,
                fault,
            } => {
                let connection = shown(connection);
                write!(f, "{variable} is not the URL of a database for {connection}: {fault}")
            }
            PublishFault::NeedsNewerAgent {
                connection,
                needs,
                version,
            } => {
                let connection = shown(connection);
                let verb = if needs.len() == 1 { "needs" } else { "need" };
                let needs = needs.join(" and ");
                write!(
                    f,
                    "agent {version} cannot publish {connection} as hoop.yml has it: {needs} {verb} agent 1.21.23 or \
                     later"
                )
            }
            PublishFault::ProcessTypeUnknown {
                connection, unknown, ..
            } => {
                let (connection, unknown) = (shown(connection), unknown.join(", "));
                write!(
                    f,
                    "hoop.yml names process types for {connection} that the app does not have: {unknown}"
                )
            }
            PublishFault::HoldsSecret { connection } => {
                let connection = shown(connection);
                write!(
                    f,
                    "{connection} in hoop.yml has an agent key or the password of a database in it, where every \
                     process of the dyno could read it"
                )
            }
            PublishFault::EntrypointHoldsSecret { connection } => {
                let connection = shown(connection);
                write!(
                    f,
                    "HOOP_COMMAND, which {connection} runs, has the password of a database in it, where every process \
                     of the dyno and every session could read it"
                )
            }
            PublishFault::ListHoldsSecret => f.write_str(
                "a name in HOOP_CONNECTION has the password of a database in it, where every process of the dyno could \
                 read it",
            ),
            PublishFault::NeverPublished {
                connection,
                process_types,
            } => {
                let (connection, types) = (shown(connection), process_types.join(", "));
                write!(f, "no dyno publishes {connection}: the agent does not run in {types}")
            }
            PublishFault::ExportWithoutEffect { connection, variables } => {
                let (connection, variables) = (shown(connection), variables.join(", "));
                write!(
                    f,
                    "hoop.yml exports what no session of {connection} ever sees: {variables}"
                )
            }
        }
    }
}

/// A name as it can be shown in a line.
fn shown(name: &str) -> String {
    text::excerpt(name, 60)
}
