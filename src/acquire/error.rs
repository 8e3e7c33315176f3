//! Why there is no verified agent.

use crate::acquire::archive::ArchiveError;
use crate::acquire::fetch::error::{FetchError, TransferError};
use crate::acquire::latest::VersionError;
use crate::acquire::proof::ProofError;
use crate::acquire::resolve::ReleaseError;
use crate::acquire::resources::NoResources;
use crate::acquire::scratch::WriteError;
use crate::agent::version::Version;
use crate::failure::Failure;

/// Why there is no verified agent.
#[derive(Debug, thiserror::Error)]
pub enum AcquireError {
    /// There is no version to install.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// There is no tarball to trust.
    #[error(transparent)]
    Release(#[from] ReleaseError),
    /// A file was not fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The archive cannot be used.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A file of the agent cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The machine has no thread or file to work with.
    #[error(transparent)]
    NoResources(#[from] NoResources),
    /// The agent did not prove that it runs.
    #[error("{}", error.title(version))]
    Proof {
        /// The version that was asked for.
        version: Version,
        /// What happened.
        error: ProofError,
    },
}

impl AcquireError {
    /// The failure id.
    pub fn failure(&self) -> Failure {
        match self {
            AcquireError::Version(error) => error.failure(),
            AcquireError::Release(error) => error.failure(),
            AcquireError::Fetch(error) => error.failure(),
            AcquireError::Archive(error) => error.failure(),
            AcquireError::Write(_) => Failure::WriteFailed,
            AcquireError::NoResources(_) => Failure::NoResources,
            AcquireError::Proof { error, .. } => error.failure(),
        }
    }

    /// Whether it leaves an app that could go without an agent. A folder that cannot be written does not.
    pub fn leaves_app_intact(&self) -> bool {
        !matches!(self, AcquireError::Write(_))
    }
}

impl From<TransferError> for AcquireError {
    fn from(error: TransferError) -> Self {
        match error {
            TransferError::Fetch(error) => error.into(),
            TransferError::NoResources(error) => error.into(),
        }
    }
}
