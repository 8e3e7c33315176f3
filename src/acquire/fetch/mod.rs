//! Gets bytes from the release server: whole small files, and tarballs as a stream.
//!
//! Only transport: what the bytes must be is decided by their reader. A stream that breaks goes on where it
//! stopped (`download.rs`), so that whoever reads it need not know.

mod download;
mod http;
mod proxy;
mod retry;

pub use crate::acquire::fetch::download::Effort;
pub use crate::acquire::fetch::retry::Patience;

use crate::acquire::fetch::download::Download;
use crate::acquire::fetch::http::HttpClient;
use crate::acquire::fetch::proxy::Proxies;
use crate::acquire::release_server::Location;
use crate::os::environment::Environment;
use crate::os::regular_file;
use std::cell::OnceCell;
use std::io::{self, Read};
use std::path::PathBuf;
use std::time::Duration;

/// The largest tarball that is downloaded, in bytes. Releases have 20 to 45 MB.
pub const ARCHIVE_LIMIT: u64 = 512 * 1024 * 1024;

/// Why bytes could not be had.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The release server says that it has no such file. S3 answers 403 for a file that does not exist.
    #[error("{location}: {answer}")]
    NotFound {
        /// What was asked for.
        location: Location,
        /// How the server said so.
        answer: String,
    },
    /// No connection, as often as it was tried.
    #[error("{location}: {cause}")]
    Unreachable {
        /// What was asked for.
        location: Location,
        /// How often it was tried.
        attempts: u32,
        /// What went wrong the last time.
        cause: String,
    },
    /// TLS failed, most often because the certificate is not accepted.
    #[error("{location}: {cause}")]
    Tls {
        /// What was asked for.
        location: Location,
        /// What rustls says.
        cause: String,
    },
    /// TLS was asked for, and what answers does not speak it.
    #[error("{location}: {cause}")]
    NotTls {
        /// What was asked for.
        location: Location,
        /// What rustls says.
        cause: String,
    },
    /// What answers does not speak HTTP.
    #[error("{location}: {cause}")]
    NotHttp {
        /// What was asked for.
        location: Location,
        /// What the HTTP library says.
        cause: String,
    },
    /// An answer that asking again will not change.
    #[error("{location}: {answer}")]
    Refused {
        /// What was asked for.
        location: Location,
        /// The answer.
        answer: String,
    },
    /// An answer that says the fault is the server's, as often as it was tried.
    #[error("{location}: {answer}")]
    ServerError {
        /// What was asked for.
        location: Location,
        /// How often it was tried.
        attempts: u32,
        /// The last answer.
        answer: String,
    },
    /// Nothing came for too long, or all of it took too long.
    #[error("{location}: nothing more came after {received} bytes")]
    Stalled {
        /// What was asked for.
        location: Location,
        /// The bytes that had come.
        received: u64,
        /// How long was waited.
        waited: Duration,
    },
    /// The connection broke before the end, as often as it was tried.
    #[error("{location}: broke after {received} bytes: {cause}")]
    CutShort {
        /// What was asked for.
        location: Location,
        /// How often it was tried.
        attempts: u32,
        /// The bytes that had come.
        received: u64,
        /// What went wrong the last time.
        cause: String,
    },
    /// More bytes than the file can have.
    #[error("{location}: more than {limit} bytes")]
    TooLarge {
        /// What was asked for.
        location: Location,
        /// How many bytes are accepted.
        limit: u64,
    },
    /// A file of a `file:` release server cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    FileUnreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The system's certificates cannot be read, so no certificate could be judged.
    #[error("no CA certificates: {cause}")]
    NoRoots {
        /// Where they were looked for, and why that failed.
        cause: String,
    },
    /// The proxy that the build's environment names cannot be used.
    #[error("the proxy: {cause}")]
    Proxy {
        /// Why not.
        cause: String,
    },
    /// This machine gives the build no more threads or open files.
    #[error("no more threads or files: {cause}")]
    NoResources {
        /// What it said.
        cause: String,
    },
    /// The file was still coming when the time for it was over.
    #[error("{location}: {received} bytes in {} s", limit.as_secs_f64())]
    Overlong {
        /// What was asked for.
        location: Location,
        /// How many bytes had come.
        received: u64,
        /// The time that one file has, all attempts together.
        limit: Duration,
    },
}

/// The rest of a file cannot be had: all of it must be asked for again, and there are attempts left to do so.
#[derive(Debug, thiserror::Error)]
#[error("the file must be asked for again from its start")]
struct StartOver;

impl FetchError {
    /// Answers whether the release server gave no answer that means anything, so that a copy from an earlier
    /// build may stand in for it.
    pub fn is_outage(&self) -> bool {
        match self {
            FetchError::Unreachable { .. }
            | FetchError::Tls { .. }
            | FetchError::NotTls { .. }
            | FetchError::NotHttp { .. }
            | FetchError::ServerError { .. }
            | FetchError::Stalled { .. }
            | FetchError::Overlong { .. }
            | FetchError::CutShort { .. } => true,
            FetchError::NotFound { .. }
            | FetchError::Refused { .. }
            | FetchError::TooLarge { .. }
            | FetchError::FileUnreadable { .. }
            | FetchError::NoRoots { .. }
            | FetchError::Proxy { .. }
            | FetchError::NoResources { .. } => false,
        }
    }
}

/// Tells the build log about a transfer that is tried again.
pub type Notice<'a> = dyn FnMut(String) + 'a;

/// Gets files of a release server.
pub struct Fetcher {
    patience: Patience,
    proxies: Proxies,
    /// Made at the first use: a cached build must not pay for reading the system's certificates.
    http: OnceCell<HttpClient>,
}

impl Fetcher {
    /// Makes a fetcher that waits, and tries again, as `environment` says.
    pub fn of(environment: &Environment) -> Self {
        Self {
            patience: Patience::of(environment),
            proxies: Proxies::of(environment),
            http: OnceCell::new(),
        }
    }

    /// Returns a file of at most `limit` bytes whole.
    pub fn whole(&self, location: &Location, limit: u64, notice: &mut Notice) -> Result<Vec<u8>, FetchError> {
        let mut effort = Effort::begin();
        // A small file that breaks in the middle is asked for again from its start.
        loop {
            let mut bytes = Vec::new();
            let stream = self.stream(location, limit, &mut effort, notice)?;
            match stream.take(limit + 1).read_to_end(&mut bytes) {
                Ok(_) if bytes.len() as u64 > limit => {
                    return Err(FetchError::TooLarge {
                        location: location.clone(),
                        limit,
                    });
                }
                Ok(_) => return Ok(bytes),
                Err(error) => {
                    if let Some(error) = from_io(error, location) {
                        return Err(error);
                    }
                }
            }
        }
    }

    /// Opens a file as a stream, unless the server says that it has more than `limit` bytes. `effort` is what was
    /// spent on the file before. What the errors of its `read` mean is told by [`from_io`].
    pub fn stream<'a>(
        &'a self,
        location: &Location,
        limit: u64,
        effort: &'a mut Effort,
        notice: &'a mut Notice<'a>,
    ) -> Result<Box<dyn Read + 'a>, FetchError> {
        if let Some(path) = location.file() {
            return match regular_file::open(&path) {
                Ok(file) => Ok(Box::new(FileStream { file, path })),
                // Where a file is in the place of its folder there is none either.
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                    Err(FetchError::NotFound {
                        location: location.clone(),
                        answer: "no such file".to_owned(),
                    })
                }
                Err(source) => Err(FetchError::FileUnreadable { path, source }),
            };
        }
        self.proxies.check(location.url()).map_err(|fault| FetchError::Proxy {
            cause: fault.to_string(),
        })?;
        let download = Download::open(self.http()?, location.clone(), &self.patience, effort, notice)?;
        if download.expected().is_some_and(|bytes| bytes > limit) {
            return Err(FetchError::TooLarge {
                location: location.clone(),
                limit,
            });
        }
        Ok(Box::new(download))
    }

    /// Returns the HTTP client, made at the first call.
    fn http(&self) -> Result<&HttpClient, FetchError> {
        if let Some(client) = self.http.get() {
            return Ok(client);
        }
        let client = HttpClient::new(&self.patience, self.proxies.clone())?;
        Ok(self.http.get_or_init(|| client))
    }
}

/// A file of a `file:` release server whose read errors are [`FetchError`]s.
struct FileStream {
    file: std::fs::File,
    path: PathBuf,
}

impl Read for FileStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer).map_err(|source| {
            io::Error::other(FetchError::FileUnreadable {
                path: self.path.clone(),
                source,
            })
        })
    }
}

/// Returns what ended a stream, by the error of its `read`. `None` means that the file must be asked for again, from its
/// start.
pub fn from_io(error: io::Error, location: &Location) -> Option<FetchError> {
    let error = match error.downcast() {
        Ok(StartOver) => return None,
        Err(error) => error,
    };
    let error = error
        .downcast::<FetchError>()
        .unwrap_or_else(|error| FetchError::CutShort {
            location: location.clone(),
            attempts: 1,
            received: 0,
            cause: error.to_string(),
        });
    Some(error)
}
