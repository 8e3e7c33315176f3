//! Heroku's classic buildpack API: puts the agent into a build dir, and says what the app's owner should know.

pub mod advise;
pub mod compile;
pub mod detect;
pub mod install;
pub mod release;
pub mod report;
pub mod slug;
pub mod survey;

use crate::acquire::{archive, config, fetch, resolve};

/// Why a build failed.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A config var cannot be used.
    #[error(transparent)]
    Config(#[from] config::ConfigError),
    /// There is no release to trust.
    #[error(transparent)]
    Release(#[from] resolve::ReleaseError),
    /// A file could not be had.
    #[error(transparent)]
    Fetch(#[from] fetch::FetchError),
    /// The archive cannot be used.
    #[error(transparent)]
    Archive(#[from] archive::ArchiveError),
    /// The slug cannot be written, or the agent does not run.
    #[error(transparent)]
    Install(#[from] install::InstallError),
}

impl BuildError {
    /// Answers whether `HOOP_INSTALL=optional` turns this failure into a warning: where the agent cannot be
    /// had. A wrong config var and a build dir that cannot be written stay errors, since no waiting cures them.
    pub fn leaves_app_intact(&self) -> bool {
        match self {
            BuildError::Release(_) | BuildError::Fetch(_) | BuildError::Archive(_) => true,
            BuildError::Install(error) => matches!(error, install::InstallError::Proof { .. }),
            BuildError::Config(_) => false,
        }
    }
}
