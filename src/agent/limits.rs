//! What an agent of some version can never do with some key, read from its source (tags 1.14.0 to 1.148.0) and tried
//! with a gateway of 1.148.0. Without effects.

use crate::agent::key::KeyMode;
use crate::agent::version::Version;
use std::fmt;

/// A combination of agent and key that can never work, or only with a gateway of long ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// `hoop start agent` does not look for a key.
    TakesNoKey,
    /// It ends at once.
    RefusesUnstated,
    /// It ends at once.
    RefusesMultiConnection,
    /// It publishes connections, and does not tell the gateway which of them it serves.
    ServesNoSession,
    /// It publishes names by an HTTP API that later gateways do not have.
    NeedsOldGateway {
        /// Whether it takes the whole of `HOOP_CONNECTION` for one name.
        takes_one_name: bool,
    },
}

impl Limit {
    /// What an agent of `version` cannot do with a key of `mode`.
    pub fn of(version: &Version, mode: KeyMode) -> Option<Self> {
        use KeyMode::{Embedded, MultiConnection, Organization, Standard, Unstated};
        if !version.at_least(1, 14, 10) {
            return Some(Limit::TakesNoKey);
        }
        match mode {
            MultiConnection if !version.at_least(1, 20, 0) => Some(Limit::RefusesMultiConnection),
            MultiConnection if !version.at_least(1, 21, 0) => Some(Limit::ServesNoSession),
            // Whatever the key says of its mode.
            _ if !version.at_least(1, 16, 0) => Some(Limit::NeedsOldGateway {
                takes_one_name: !version.at_least(1, 14, 15),
            }),
            Unstated | Organization if !version.at_least(1, 21, 0) => Some(Limit::RefusesUnstated),
            Embedded if !version.at_least(1, 20, 0) => Some(Limit::NeedsOldGateway { takes_one_name: false }),
            Standard | Embedded | MultiConnection | Organization | Unstated => None,
        }
    }

    /// All that an agent of `version` cannot do with a key of one mode or another.
    pub fn all_of(version: &Version) -> Vec<Self> {
        let mut limits = Vec::new();
        for mode in [KeyMode::MultiConnection, KeyMode::Organization, KeyMode::Embedded] {
            limits.extend(Self::of(version, mode).filter(|limit| !limits.contains(limit)));
        }
        limits
    }

    /// Whether the agent ends at once, or never looks for the gateway, so that a restart cures nothing.
    pub fn is_fatal(self) -> bool {
        match self {
            Limit::TakesNoKey | Limit::RefusesUnstated | Limit::RefusesMultiConnection => true,
            Limit::ServesNoSession | Limit::NeedsOldGateway { .. } => false,
        }
    }
}

impl fmt::Display for Limit {
    /// Writes what an agent does, behind its name and version.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Limit::TakesNoKey => "does not read an agent key",
            Limit::RefusesUnstated => "refuses an agent key without ?mode=",
            Limit::RefusesMultiConnection => "refuses an agent key of mode multi-connection",
            Limit::ServesNoSession => {
                "publishes the names of HOOP_CONNECTION with a key of mode multi-connection, but no session on them \
                 ever starts"
            }
            Limit::NeedsOldGateway { takes_one_name: false } => {
                "publishes the names of HOOP_CONNECTION only to gateways up to 1.19.63"
            }
            Limit::NeedsOldGateway { takes_one_name: true } => {
                "publishes only one name of HOOP_CONNECTION, and only to gateways up to 1.19.63"
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Limit;
    use crate::agent::key::KeyMode;

    #[test]
    fn the_borders_are_exact_and_a_pre_release_counts_as_its_release() {
        use KeyMode::{Embedded, MultiConnection, Organization, Standard, Unstated};
        const ONE: Option<Limit> = Some(Limit::NeedsOldGateway { takes_one_name: true });
        const LIST: Option<Limit> = Some(Limit::NeedsOldGateway { takes_one_name: false });
        const NO_KEY: Option<Limit> = Some(Limit::TakesNoKey);
        const NO_MULTI: Option<Limit> = Some(Limit::RefusesMultiConnection);
        const NO_MODE: Option<Limit> = Some(Limit::RefusesUnstated);
        const NO_SESSION: Option<Limit> = Some(Limit::ServesNoSession);
        let modes = [Standard, Embedded, Unstated, MultiConnection, Organization];
        for (version, limits) in [
            ("1.14.6", [NO_KEY; 5]),
            ("1.14.9", [NO_KEY; 5]),
            ("1.14.10", [ONE, ONE, ONE, NO_MULTI, ONE]),
            ("1.14.14", [ONE, ONE, ONE, NO_MULTI, ONE]),
            ("1.14.15", [LIST, LIST, LIST, NO_MULTI, LIST]),
            ("1.15.28", [LIST, LIST, LIST, NO_MULTI, LIST]),
            ("1.16.0-rc.1", [None, LIST, NO_MODE, NO_MULTI, NO_MODE]),
            ("1.16.0", [None, LIST, NO_MODE, NO_MULTI, NO_MODE]),
            ("1.19.63", [None, LIST, NO_MODE, NO_MULTI, NO_MODE]),
            ("1.20.0-pre", [None, None, NO_MODE, NO_SESSION, NO_MODE]),
            ("1.20.0", [None, None, NO_MODE, NO_SESSION, NO_MODE]),
            ("1.20.11", [None, None, NO_MODE, NO_SESSION, NO_MODE]),
            ("1.21.0-rc.1", [None; 5]),
            ("1.21.0", [None; 5]),
            ("1.148.0", [None; 5]),
            ("2.0.0", [None; 5]),
        ] {
            let version = version.parse().unwrap();
            assert_eq!(modes.map(|mode| Limit::of(&version, mode)), limits, "{version}");
        }
    }

    #[test]
    fn what_is_certain_of_a_version_is_known_without_a_key() {
        let all = |version: &str| Limit::all_of(&version.parse().unwrap());

        assert_eq!(all("1.14.6"), [Limit::TakesNoKey]);
        assert_eq!(
            all("1.19.63"),
            [
                Limit::RefusesMultiConnection,
                Limit::RefusesUnstated,
                Limit::NeedsOldGateway { takes_one_name: false }
            ]
        );
        assert_eq!(all("1.20.11"), [Limit::ServesNoSession, Limit::RefusesUnstated]);
        assert_eq!(all("1.21.0"), []);
    }
}
