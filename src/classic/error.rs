//! Why a build failed.

use crate::acquire::config::ConfigError;
use crate::acquire::error::AcquireError;
use crate::classic::slug::InstallError;
use crate::failure::Failure;

/// Why a build failed.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A config var cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// There is no verified agent.
    #[error(transparent)]
    Acquire(#[from] AcquireError),
    /// The slug cannot be written.
    #[error(transparent)]
    Install(#[from] InstallError),
}

impl BuildError {
    /// The failure id.
    pub fn failure(&self) -> Failure {
        match self {
            BuildError::Config(error) => error.failure(),
            BuildError::Acquire(error) => error.failure(),
            BuildError::Install(error) => error.failure(),
        }
    }

    /// Whether `HOOP_INSTALL=optional` turns this failure into a warning. A wrong config var and a build dir that
    /// cannot be written stay errors, since no waiting cures them.
    pub fn leaves_app_intact(&self) -> bool {
        matches!(self, BuildError::Acquire(error) if error.leaves_app_intact())
    }
}
