//! What a build needs of its machine beside disk and network.

use std::io;

/// The machine has no more threads or open files for the build.
#[derive(Debug, thiserror::Error)]
#[error("the build has run out of threads or open files")]
pub struct NoResources {
    /// What the system said.
    pub cause: String,
}

impl From<io::Error> for NoResources {
    fn from(error: io::Error) -> Self {
        Self {
            cause: error.to_string(),
        }
    }
}
