//! What happens while an agent is acquired, for whoever keeps a log of it.

use crate::acquire::fetch::Retry;
use crate::acquire::fetch::error::FetchError;
use crate::acquire::release_server::Location;
use crate::agent::version::Version;
use std::io;
use std::path::Path;

/// How the version was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionOrigin {
    /// `HOOP_VERSION` names it.
    ConfigVar,
    /// `latest.txt` names it.
    Latest,
    /// The last build used it, and the latest version cannot be looked up.
    LastBuild,
}

impl VersionOrigin {
    /// The word for the build log and the report.
    pub fn word(self) -> &'static str {
        match self {
            VersionOrigin::ConfigVar => "HOOP_VERSION",
            VersionOrigin::Latest => "latest",
            VersionOrigin::LastBuild => "last build",
        }
    }
}

/// Something that happens on the way to a verified agent.
#[derive(Debug)]
pub enum Event<'a> {
    /// The version is settled.
    Installing {
        version: &'a Version,
        /// How it was settled.
        origin: VersionOrigin,
    },
    /// A transfer is tried again.
    Retrying(Retry<'a>),
    /// The bytes that came cannot be continued, so the file is asked for from its start.
    StartingOver(&'a Location),
    /// The tarball was downloaded and verified.
    Downloaded {
        /// Its name on the release server.
        name: &'a str,
        /// Its size.
        bytes: u64,
    },
    /// The tarball was in the cache and was verified again.
    Cached {
        /// Its size.
        bytes: u64,
    },
    /// The cached tarball cannot be read.
    CacheUnreadable(&'a io::Error),
    /// The cached tarball is not what its name says.
    CacheDamaged,
    /// What was downloaded cannot be cached.
    CacheUnwritable {
        /// The cache dir.
        path: &'a Path,
        error: &'a io::Error,
    },
    /// The tarball holds files beside the agent, which are left out.
    LeftOut {
        /// The first of them.
        names: &'a [String],
        /// How many more there are.
        more: u64,
    },
    /// The last build's agent stands in for the latest one, which cannot be looked up.
    StandingIn {
        error: &'a FetchError,
        /// The version of the last build.
        version: &'a Version,
    },
}

/// Is told what happens.
pub type Listener<'a> = dyn FnMut(Event<'_>) + 'a;
