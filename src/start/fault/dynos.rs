//! Why the agent runs in a dyno or does not, and what can be wrong with the lists that decide it.

use crate::failure::Failure;
use crate::start::fault::sentence::{Kind, Sentence, WITHOUT_IT};
use crate::text;
use std::fmt;

/// Why the agent runs in a dyno, or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// `HOOP_DISABLE` is on.
    Disabled,
    /// `HOOP_IGNORE_PROCESS_TYPES` names the dyno.
    Ignored,
    /// It is set and does not name the dyno.
    NotIgnored,
    /// `HOOP_PROCESS_TYPES` names the dyno.
    Listed,
    NotListed,
    /// The Procfile's own line starts the agent, in a process type that usually has none.
    Wrapped,
    ByDefault,
    NotByDefault,
    /// Every connection of `hoop.yml` is for other dynos.
    NoConnection,
    /// `HOOP_AUTOSTART` is on, but this is not a dyno.
    Local,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::Disabled => "HOOP_DISABLE is on",
            Reason::Ignored => "HOOP_IGNORE_PROCESS_TYPES names it",
            Reason::NotIgnored => "HOOP_IGNORE_PROCESS_TYPES does not name it",
            Reason::Listed => "HOOP_PROCESS_TYPES names it",
            Reason::NotListed => "HOOP_PROCESS_TYPES does not name it",
            Reason::Wrapped => "its line in the Procfile starts the agent",
            Reason::ByDefault => "the agent runs in every process type except run, release, scheduler, cron, and build",
            Reason::NotByDefault => "the agent does not run in this process type unless it is named",
            Reason::NoConnection => "hoop.yml has no connection for it",
            Reason::Local => "HOOP_AUTOSTART starts no agent where DYNO is not set",
        })
    }
}

/// What is left of a list of process types without the items that match no dyno.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remainder {
    /// Other items, which count.
    Items,
    /// Nothing, and the agent runs only where the list says.
    Nowhere,
    /// Nothing, and the agent runs except where the list says.
    Everywhere,
}

impl Remainder {
    /// What that means, with the punctuation before it.
    fn state(self) -> &'static str {
        match self {
            Remainder::Items => ", so only the rest of the list counts",
            Remainder::Nowhere => ", so the agent does not run in any dyno",
            Remainder::Everywhere => ", so the list excludes no dyno",
        }
    }
}

/// The agent runs in no dyno, or not in the intended ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DynosFault {
    /// A list names process types that the app does not have.
    ProcessTypeUnknown {
        /// The config var.
        name: &'static str,
        unknown: Vec<String>,
        /// The types of the Procfile.
        known: Vec<String>,
        remainder: Remainder,
    },
    /// A list has items that can never match a dyno, or none at all.
    NoDynoName {
        /// The config var.
        name: &'static str,
        items: Vec<String>,
        /// What was probably meant.
        right: String,
        remainder: Remainder,
    },
    /// Nothing starts the agent in this process type, or in any.
    NotStarted {
        /// The type and its line in the Procfile, if it has one.
        line: Option<(String, String)>,
        /// The line that would start the agent, if there is one.
        right: Option<String>,
        /// Whether this is an image of Cloud Native Buildpacks.
        in_image: bool,
    },
    /// The lists exclude every process type.
    Nowhere,
}

impl Kind for DynosFault {
    fn failure(&self) -> Failure {
        match self {
            DynosFault::ProcessTypeUnknown { .. } | DynosFault::NoDynoName { .. } => Failure::ProcessTypeUnknown,
            DynosFault::NotStarted { .. } | DynosFault::Nowhere => Failure::NotStarted,
        }
    }

    fn sentence(&self) -> Sentence {
        match self {
            DynosFault::ProcessTypeUnknown {
                name,
                unknown,
                known,
                remainder,
            } => Sentence::new(
                format!(
                    "{name} names {}, and the Procfile has no such process type",
                    unknown.join(", ")
                ),
                remainder.state(),
                format!(
                    "The Procfile has: {}. Set it with: heroku config:set {name}=<types>",
                    known.join(", ")
                ),
            ),
            DynosFault::NoDynoName {
                name,
                items,
                right,
                remainder,
            } => Sentence::new(
                match items.as_slice() {
                    [] => format!("{name} names nothing"),
                    items => {
                        let items: Vec<String> = items.iter().map(|item| text::in_quotes(item)).collect();
                        format!("{name} has {}, which can never match a dyno", items.join(", "))
                    }
                },
                remainder.state(),
                format!(
                    "Use process types (web) or single dynos (web.1), separated by commas: heroku config:set \
                     {name}={right}"
                ),
            ),
            DynosFault::NotStarted { line, right, in_image } => {
                let or = match (in_image, line) {
                    (false, _) => format!("or run: {AUTOSTART}"),
                    (true, Some((process_type, _))) => format!("or build with BP_HOOP_WRAP={process_type}"),
                    (true, None) => "or build with BP_HOOP_WRAP=<types>".to_owned(),
                };
                Sentence::new(
                    match line {
                        Some((process_type, _)) => format!("nothing starts the agent in {process_type}"),
                        None => "nothing starts the agent".to_owned(),
                    },
                    WITHOUT_IT,
                    match (line, right) {
                        (Some((_, line)), Some(right)) => {
                            format!("Change the line \"{line}\" of the Procfile to \"{right}\", {or}")
                        }
                        (Some((process_type, line)), None) => format!(
                            "Put its commands into a file, such as bin/start, and change the line \"{line}\" of the \
                         Procfile to \"{process_type}: hoopstart -- bash bin/start\", {or}"
                        ),
                        (None, _) => format!("Begin a line of the Procfile with \"hoopstart -- \", {or}"),
                    },
                )
            }
            DynosFault::Nowhere => Sentence::new(
                "HOOP_PROCESS_TYPES and HOOP_IGNORE_PROCESS_TYPES together exclude every process type of the Procfile",
                ", so the agent does not run in any dyno; the app runs without it",
                "Run: heroku config:unset HOOP_IGNORE_PROCESS_TYPES",
            ),
        }
    }
}

/// Starts the agent without a change of the Procfile.
const AUTOSTART: &str = "heroku config:set HOOP_AUTOSTART=true";
