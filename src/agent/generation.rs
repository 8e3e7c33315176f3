//! How an agent publishes connections: its version and the mode of its key decide.
//!
//! Facts read from the agent's source, tags 1.14 to 1.148:
//!
//! | agent | key mode | what runs |
//! |---|---|---|
//! | before 1.16.0 | any | `hoop start agent`, which reads the list in `HOOP_CONNECTION` itself |
//! | 1.16.0 to before 1.20.0 | embedded, old form | the same |
//! | 1.20.0 to 1.21.22 | multi-connection | `hoop run --name NAME -- ENTRYPOINT…`, a process for each connection |
//! | 1.21.0 to 1.21.22 | an organization's without a mode | the same |
//! | 1.21.23 and later | either of these | `hoop run --name NAME --command ENTRYPOINT --export …`, the same |
//! | any | any other | `hoop start agent`; connections are set up in the gateway |
//!
//! [`Limit`] has the combinations that never work.

use crate::agent::key::KeyMode;
use crate::agent::limits::Limit;
use crate::agent::version::Version;
use std::fmt;

/// A way of publishing connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// `hoop start agent` reads the names from `HOOP_CONNECTION`.
    NamesInEnvironment,
    /// `hoop start agent`; the names are set up in the gateway.
    NamesInGateway,
    /// `hoop run --name NAME -- ENTRYPOINT…`.
    RunWithArguments,
    /// `hoop run --name NAME --command ENTRYPOINT --export …`.
    RunWithCommand,
}

impl Generation {
    /// The generation of an agent of `version` with a key of `mode`; `None` stands for a token, a SPIFFE document, or a
    /// key that cannot be read.
    pub fn of(version: &Version, mode: Option<KeyMode>) -> Self {
        use KeyMode::{MultiConnection, Organization};
        let Some(mode) = mode else {
            return Generation::NamesInGateway;
        };
        match (mode, Limit::of(version, mode)) {
            (_, Some(Limit::NeedsOldGateway { .. })) => Generation::NamesInEnvironment,
            (_, Some(limit)) if limit.is_fatal() => Generation::NamesInGateway,
            (MultiConnection | Organization, _) if version.at_least(1, 21, 23) => Generation::RunWithCommand,
            (MultiConnection | Organization, _) => Generation::RunWithArguments,
            _ => Generation::NamesInGateway,
        }
    }

    /// Whether nothing is published without `HOOP_CONNECTION`.
    pub fn needs_names(self) -> bool {
        match self {
            Generation::NamesInEnvironment | Generation::RunWithArguments | Generation::RunWithCommand => true,
            Generation::NamesInGateway => false,
        }
    }
}

impl Generation {
    /// Whether it is `hoop run`: a process for each connection.
    pub fn is_run(self) -> bool {
        matches!(self, Generation::RunWithArguments | Generation::RunWithCommand)
    }
}

impl fmt::Display for Generation {
    /// What runs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Generation::NamesInEnvironment => "hoop start agent, names from HOOP_CONNECTION for an old gateway",
            Generation::NamesInGateway => "hoop start agent, connections set up in the gateway",
            Generation::RunWithArguments | Generation::RunWithCommand => "hoop run, a process for each connection",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Generation;
    use crate::agent::key::KeyMode;

    #[test]
    fn version_and_key_mode_choose_the_generation() {
        use Generation::{
            NamesInEnvironment as Environment, NamesInGateway as Gateway, RunWithArguments as Arguments,
            RunWithCommand as Command,
        };
        use KeyMode::{Embedded, MultiConnection, Organization, Standard, Unstated};
        let modes = [Standard, Embedded, Unstated, MultiConnection, Organization];
        for (version, generations) in [
            ("1.14.7", [Gateway; 5]),
            ("1.14.10", [Environment, Environment, Environment, Gateway, Environment]),
            ("1.15.28", [Environment, Environment, Environment, Gateway, Environment]),
            ("1.16.0", [Gateway, Environment, Gateway, Gateway, Gateway]),
            ("1.19.63", [Gateway, Environment, Gateway, Gateway, Gateway]),
            ("1.20.0-rc.1", [Gateway, Gateway, Gateway, Arguments, Gateway]),
            ("1.20.0", [Gateway, Gateway, Gateway, Arguments, Gateway]),
            ("1.20.11", [Gateway, Gateway, Gateway, Arguments, Gateway]),
            ("1.21.0-rc.1", [Gateway, Gateway, Gateway, Arguments, Arguments]),
            ("1.21.0", [Gateway, Gateway, Gateway, Arguments, Arguments]),
            ("1.21.22", [Gateway, Gateway, Gateway, Arguments, Arguments]),
            ("1.21.23-rc.1", [Gateway, Gateway, Gateway, Command, Command]),
            ("1.21.23", [Gateway, Gateway, Gateway, Command, Command]),
            ("1.148.0", [Gateway, Gateway, Gateway, Command, Command]),
        ] {
            let version = version.parse().unwrap();
            assert_eq!(
                modes.map(|mode| Generation::of(&version, Some(mode))),
                generations,
                "{version}"
            );
            // A token, or a key that cannot be read.
            assert_eq!(Generation::of(&version, None), Gateway, "{version}");
        }
    }
}
