//! Why a slug cannot be looked into.

use crate::failure::Failure;
use std::io;

/// Why a slug cannot be looked into.
#[derive(Debug, thiserror::Error)]
pub enum InspectFault {
    /// The file cannot be opened.
    #[error("cannot read {slug}: {cause}. Name a file that slug build or the platform has made")]
    Unreadable { slug: String, cause: io::Error },
    /// It is not what it should be.
    #[error("{slug} is broken: {cause}. Build it again, or download it again")]
    Broken { slug: String, cause: Damage },
    /// A dyno of it would be empty.
    #[error(
        "{slug} has nothing below ./app/. The platform takes such a slug, releases it, and unpacks nothing of it. Pack \
         it with slug build, or with: tar -czf slug.tgz ./app"
    )]
    NothingInApp { slug: String },
}

impl InspectFault {
    /// The failure id.
    pub fn failure(&self) -> Failure {
        match self {
            InspectFault::Unreadable { .. } => Failure::SlugUnreadable,
            InspectFault::Broken { .. } => Failure::SlugBroken,
            InspectFault::NothingInApp { .. } => Failure::SlugEmpty,
        }
    }
}

/// What is wrong with the bytes of a slug.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    #[error("it is empty")]
    Empty,
    #[error("it is not a gzip file")]
    NotGzip,
    #[error("what it unpacks to is not a tar archive: the header at byte {at} is none")]
    NotTar {
        /// Where the header begins in the archive that was unpacked.
        at: u64,
    },
    #[error("it ends in the middle of {}", place(.name.as_deref()))]
    Cut {
        /// The file that is cut, as it can be shown.
        name: Option<String>,
    },
    #[error("it cannot be unpacked: {0}")]
    Gzip(io::Error),
    #[error("a name in it has more than {0} bytes")]
    NameTooLong(u64),
    #[error("it has more than {0} entries")]
    TooManyEntries(usize),
    #[error("its names have more than {0} bytes")]
    TooManyNames(usize),
    #[error("it unpacks to more than {0} bytes")]
    TooLarge(u64),
}

/// Where an archive ends that is cut.
fn place(name: Option<&str>) -> String {
    name.map_or("its list of files".to_owned(), |name| format!("the file {name}"))
}
