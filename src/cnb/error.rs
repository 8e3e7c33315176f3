//! Why a build failed.

use crate::acquire::config::ConfigError;
use crate::acquire::error::AcquireError;
use crate::cnb::layers::LayersError;
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
    /// A layer cannot be written.
    #[error(transparent)]
    Layers(#[from] LayersError),
}

impl BuildError {
    /// The failure id.
    pub fn failure(&self) -> Failure {
        match self {
            BuildError::Config(error) => error.failure(),
            BuildError::Acquire(error) => error.failure(),
            BuildError::Layers(error) => error.failure(),
        }
    }
}
