//! Why a file of the release server was not fetched.

use crate::acquire::release_server::Location;
use crate::acquire::resources::NoResources;
use crate::agent::sha256::Sha256;
use crate::failure::Failure;
use std::io;
use std::time::Duration;

/// A file could not be fetched: which, and why.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.title())]
pub struct FetchError {
    /// What was asked for.
    pub location: Location,
    /// What went wrong.
    pub fault: FetchFault,
}

/// What can go wrong with a file that is fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchFault {
    /// The release server says that it has no such file. S3 answers 403 for a file that does not exist.
    #[error("{answer}")]
    NotFound {
        /// How the server said so.
        answer: String,
    },
    /// No connection, however often it was tried.
    #[error("{cause}")]
    Unreachable {
        /// How often it was tried.
        attempts: u32,
        /// What went wrong the last time.
        cause: String,
    },
    /// TLS failed, most often because the certificate is not accepted.
    #[error("{cause}")]
    Tls {
        /// What rustls says.
        cause: String,
    },
    /// The server does not speak TLS.
    #[error("{cause}")]
    NotTls {
        /// What rustls says.
        cause: String,
    },
    /// The server does not speak HTTP.
    #[error("{cause}")]
    NotHttp {
        /// What the HTTP library says.
        cause: String,
    },
    /// An answer that asking again will not change.
    #[error("{answer}")]
    Refused { answer: String },
    /// The server reports a fault of its own, however often it was tried.
    #[error("{answer}")]
    ServerError {
        /// How often it was tried.
        attempts: u32,
        /// The last answer.
        answer: String,
    },
    /// Nothing came for too long.
    #[error("nothing more came after {received} bytes")]
    Stalled {
        /// Bytes received before that.
        received: u64,
        /// How long the build waited.
        waited: Duration,
    },
    /// The file was still coming when its time was up.
    #[error("{received} bytes in {} s", limit.as_secs_f64())]
    Overlong {
        /// Bytes received by then.
        received: u64,
        /// The time for one file, all attempts together.
        limit: Duration,
    },
    /// The connection broke before the end, however often it was tried.
    #[error("broke after {received} bytes: {cause}")]
    CutShort {
        /// How often it was tried.
        attempts: u32,
        /// Bytes received.
        received: u64,
        /// What went wrong the last time.
        cause: String,
    },
    /// More bytes than the file can have.
    #[error("more than {limit} bytes")]
    TooLarge {
        /// Bytes that are accepted.
        limit: u64,
    },
    /// The bytes are not the published ones.
    #[error("{name} is {received}, expected {expected}")]
    ChecksumMismatch {
        /// The tarball.
        name: String,
        /// Its size in bytes.
        bytes: u64,
        /// The published digest.
        expected: Sha256,
        /// The digest of what came.
        received: Sha256,
    },
    /// A file of a `file:` release server cannot be read.
    #[error("cannot read it: {0}")]
    FileUnreadable(io::Error),
    /// The system's certificates cannot be read, so none can be judged.
    #[error("no CA certificates: {cause}")]
    NoRoots {
        /// Where they were looked for, and why that failed.
        cause: String,
    },
    /// The proxy that the build's environment names cannot be used.
    #[error("the proxy: {cause}")]
    Proxy { cause: String },
}

impl FetchFault {
    /// Says of which file it is.
    pub fn at(self, location: &Location) -> FetchError {
        FetchError {
            location: location.clone(),
            fault: self,
        }
    }
}

impl FetchError {
    /// The failure id.
    pub fn failure(&self) -> Failure {
        match self.fault {
            FetchFault::Unreachable { .. } => Failure::Unreachable,
            FetchFault::Tls { .. } | FetchFault::NotTls { .. } | FetchFault::NoRoots { .. } => Failure::Tls,
            FetchFault::NotHttp { .. } => Failure::NotHttp,
            FetchFault::NotFound { .. } | FetchFault::Refused { .. } => Failure::Refused,
            FetchFault::ServerError { .. } => Failure::ServerError,
            FetchFault::Stalled { .. } | FetchFault::Overlong { .. } => Failure::Stalled,
            FetchFault::Proxy { .. } => Failure::Proxy,
            FetchFault::CutShort { .. } => Failure::CutShort,
            FetchFault::TooLarge { .. } => Failure::DownloadTooLarge,
            FetchFault::ChecksumMismatch { .. } => Failure::ChecksumMismatch,
            FetchFault::FileUnreadable(_) => Failure::FileUnreadable,
        }
    }

    fn title(&self) -> String {
        let host = self.location.host();
        let place = self.location.host_and_port();
        // A `file:` URL has no host to name.
        let server = match host {
            "" => "the release folder".to_owned(),
            host => format!("the release server {host}"),
        };
        match self.fault {
            FetchFault::Unreachable { .. } => format!("{server} cannot be reached"),
            FetchFault::Tls { .. } => format!("the connection to {host} is not trusted"),
            FetchFault::NotTls { .. } => format!("what answers at {place} does not speak TLS"),
            FetchFault::NotHttp { .. } => format!("what answers at {place} does not speak HTTP"),
            FetchFault::NoRoots { .. } => "the CA certificates of this machine cannot be read".to_owned(),
            FetchFault::NotFound { .. } => format!("{server} does not have the tarball"),
            FetchFault::Refused { .. } => format!("{server} refused to send a file"),
            FetchFault::ServerError { .. } => format!("{server} reports an error of its own"),
            FetchFault::Stalled { .. } => format!("the download from {host} stopped"),
            FetchFault::Overlong { .. } => format!("the download from {host} took too long"),
            FetchFault::Proxy { .. } => "the proxy cannot be used".to_owned(),
            FetchFault::CutShort { .. } => format!("the connection to {host} broke each time"),
            FetchFault::TooLarge { .. } => "the release server sends more than the file can have".to_owned(),
            FetchFault::ChecksumMismatch { .. } => {
                "the hoop agent download is not the file that was published".to_owned()
            }
            FetchFault::FileUnreadable(_) => "a file of the release folder cannot be read".to_owned(),
        }
    }

    /// Whether the release server gave no meaningful answer, so that a copy from an earlier build may stand in for it.
    pub fn is_outage(&self) -> bool {
        match self.fault {
            FetchFault::Unreachable { .. }
            | FetchFault::Tls { .. }
            | FetchFault::NotTls { .. }
            | FetchFault::NotHttp { .. }
            | FetchFault::ServerError { .. }
            | FetchFault::Stalled { .. }
            | FetchFault::Overlong { .. }
            | FetchFault::CutShort { .. } => true,
            FetchFault::NotFound { .. }
            | FetchFault::Refused { .. }
            | FetchFault::TooLarge { .. }
            | FetchFault::ChecksumMismatch { .. }
            | FetchFault::FileUnreadable(_)
            | FetchFault::NoRoots { .. }
            | FetchFault::Proxy { .. } => false,
        }
    }
}

/// Why a transfer did not begin or end well: the file's fault, or this machine's.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The file was not fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// There is no thread or file to fetch it with.
    #[error(transparent)]
    NoResources(#[from] NoResources),
}

/// The rest of a file cannot be fetched: the whole file must be asked for again, and there are attempts left for that.
#[derive(Debug, thiserror::Error)]
#[error("the file must be asked for again from its start")]
pub(super) struct StartOver;
