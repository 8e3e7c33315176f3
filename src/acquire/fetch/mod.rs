//! Gets bytes from the release server: whole small files, and tarballs as a stream.
//!
//! Only transport: what the bytes must be is decided by their reader. A stream that breaks goes on where it
//! stopped (`download.rs`), so that whoever reads it need not know.

mod download;
pub mod error;
mod http;
mod proxy;
mod retry;

pub use crate::acquire::fetch::download::{Effort, Retry};
pub(crate) use crate::acquire::fetch::http::Resolver;
pub use crate::acquire::fetch::retry::Patience;

use crate::acquire::fetch::download::{Download, Notice};
use crate::acquire::fetch::error::{FetchError, FetchFault, StartOver, TransferError};
use crate::acquire::fetch::http::HttpClient;
use crate::acquire::fetch::proxy::Proxies;
use crate::acquire::release_server::Location;
use crate::os::environment::Environment;
use crate::os::{regular_file, tls};
use std::cell::OnceCell;
use std::io::{self, Read};

/// The largest tarball that is downloaded, in bytes. Releases have 20 to 45 MB.
pub const ARCHIVE_LIMIT: u64 = 512 * 1024 * 1024;

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

    /// A file of at most `limit` bytes whole.
    pub fn whole(&self, location: &Location, limit: u64, notice: &mut Notice) -> Result<Vec<u8>, TransferError> {
        let mut effort = Effort::begin();
        // A small file that breaks in the middle is asked for again from its start.
        loop {
            let mut bytes = Vec::new();
            let stream = self.stream(location, limit, &mut effort, notice)?;
            match stream.take(limit + 1).read_to_end(&mut bytes) {
                Ok(_) if bytes.len() as u64 > limit => {
                    return Err(FetchFault::TooLarge { limit }.at(location).into());
                }
                Ok(_) => return Ok(bytes),
                Err(error) => {
                    if let Some(error) = from_io(error, location) {
                        return Err(error.into());
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
    ) -> Result<Box<dyn Read + 'a>, TransferError> {
        if let Some(path) = location.file() {
            return match regular_file::open(&path) {
                Ok(file) => Ok(Box::new(FileStream {
                    file,
                    location: location.clone(),
                })),
                // Not if a file stands in the place of its folder, either.
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                    let answer = "no such file".to_owned();
                    Err(FetchFault::NotFound { answer }.at(location).into())
                }
                Err(source) => Err(FetchFault::FileUnreadable(source).at(location).into()),
            };
        }
        self.proxies.check(location.url()).map_err(|fault| {
            let cause = fault.to_string();
            FetchFault::Proxy { cause }.at(location)
        })?;
        let download = Download::open(self.http(location)?, location.clone(), &self.patience, effort, notice)?;
        if download.expected().is_some_and(|bytes| bytes > limit) {
            return Err(FetchFault::TooLarge { limit }.at(location).into());
        }
        Ok(Box::new(download))
    }

    /// The HTTP client, made at the first call, which is for `location`.
    fn http(&self, location: &Location) -> Result<&HttpClient, TransferError> {
        if let Some(client) = self.http.get() {
            return Ok(client);
        }
        let roots = tls::system_roots().map_err(|cause| FetchFault::NoRoots { cause }.at(location))?;
        let client = HttpClient::new(roots, &self.patience, self.proxies.clone())?;
        Ok(self.http.get_or_init(|| client))
    }
}

/// A file of a `file:` release server whose read errors are [`FetchError`]s.
struct FileStream {
    file: std::fs::File,
    location: Location,
}

impl Read for FileStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file
            .read(buffer)
            .map_err(|source| io::Error::other(FetchFault::FileUnreadable(source).at(&self.location)))
    }
}

/// What ended a stream, by the error of its `read`. `None` means that the file must be asked for again, from its
/// start.
pub fn from_io(error: io::Error, location: &Location) -> Option<FetchError> {
    let error = match error.downcast() {
        Ok(StartOver) => return None,
        Err(error) => error,
    };
    let error = error.downcast::<FetchError>().unwrap_or_else(|error| {
        let cut = FetchFault::CutShort {
            attempts: 1,
            received: 0,
            cause: error.to_string(),
        };
        cut.at(location)
    });
    Some(error)
}
