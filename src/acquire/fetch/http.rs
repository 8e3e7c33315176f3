//! One HTTP request and what its answer means.

use crate::acquire::fetch::error::FetchFault;
use crate::acquire::fetch::proxy::{Proxies, ProxyFault};
use crate::acquire::fetch::retry::{Patience, retry_after};
use crate::acquire::release_server::Location;
use crate::acquire::resources::NoResources;
use crate::os::{host_names, tls};
use reqwest::StatusCode;
use reqwest::blocking::{Client, RequestBuilder, Response};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_RANGE, ETAG, HeaderMap, IF_RANGE, RANGE, RETRY_AFTER};
use reqwest::redirect::Policy;
use rustls::RootCertStore;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// How many redirects are followed. Object stores need one or two.
const MOST_REDIRECTS: usize = 10;

/// Asks a release server.
pub(super) struct HttpClient(Client);

/// Looks names up for reqwest.
pub(crate) struct Resolver;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let addresses = host_names::addresses(name.as_str()).await?;
            let addresses: Addrs = Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}

/// Why one request got no bytes.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Asking again may help.
    Passing {
        /// What kind of trouble it is.
        kind: PassingKind,
        /// What went wrong, in words.
        cause: String,
        /// How long the server asks us to wait.
        wait: Option<Duration>,
    },
    /// Asking again will not help.
    Lasting(FetchFault),
}

/// The kinds of trouble that may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PassingKind {
    /// No connection.
    Connect,
    /// The server says it is at fault, or that it has too much to do.
    Server,
    /// Nothing came for too long.
    Stall,
    /// The connection broke.
    Broken,
    /// What answers spoke before it was asked, as no HTTP server does.
    NotHttp,
}

/// The bytes of a file that are still to come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rest<'a> {
    /// The first of them.
    pub(super) from: u64,
    /// The entity tag of the answer that gave the bytes before it: the rest of another file is not this one's.
    pub(super) validator: &'a str,
}

impl Rest<'_> {
    /// Whether an answer with these `headers` holds them. It must have the tag, too
    /// (<https://www.rfc-editor.org/rfc/rfc9110#section-15.3.7>).
    fn is_in(&self, headers: &HeaderMap) -> bool {
        range_start(headers) == Some(self.from)
            && headers
                .get(ETAG)
                .is_some_and(|tag| tag.as_bytes() == self.validator.as_bytes())
    }
}

impl HttpClient {
    /// Makes a client that trusts `roots`, obeys the proxy variables of the process
    /// environment and looks names up by itself: the C library's lookup cannot be used from a static program.
    /// `proxies` are what those variables say.
    pub(super) fn new(roots: RootCertStore, patience: &Patience, proxies: Proxies) -> Result<Self, NoResources> {
        let client = Client::builder()
            .tls_backend_preconfigured(tls::client_config(roots))
            .dns_resolver(Arc::new(Resolver))
            // The URL of a mirror is nobody else's business.
            .referer(false)
            .user_agent(concat!("hoop-buildpack/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(patience.connect)
            // Of the blocking client: for the answer's head, and for each piece of its body.
            .timeout(patience.silence())
            .redirect(Policy::custom(move |attempt| {
                let previous = attempt.previous();
                if previous.len() > MOST_REDIRECTS {
                    attempt.error("more than 10 redirects")
                } else if !matches!(attempt.url().scheme(), "http" | "https") {
                    // Left to reqwest this would look like a connection that broke, and be tried again.
                    attempt.error("a redirect to something else than http and https")
                } else if attempt.url().scheme() != "https" && previous.iter().any(|url| url.scheme() == "https") {
                    attempt.error("a redirect from https to plain http")
                } else if let Err(fault) = proxies.check(attempt.url()) {
                    attempt.error(fault)
                } else {
                    attempt.follow()
                }
            }))
            .build()
            // It has a thread of its own, and a file to wait on.
            .map_err(|error| NoResources {
                cause: innermost(&error),
            })?;
        Ok(Self(client))
    }

    /// Asks for all of `location`.
    pub(super) fn ask(&self, location: &Location) -> Result<Response, Trouble> {
        let response = send(self.0.get(location.url().clone()))?;
        match response.status() {
            StatusCode::OK => Ok(response),
            _ => Err(trouble_of_status(&response)),
        }
    }

    /// Asks for the `rest` of `location`. `None` is an answer that does not hold it: the server has another file by
    /// now, or takes no range.
    pub(super) fn ask_rest(&self, location: &Location, rest: Rest) -> Result<Option<Response>, Trouble> {
        let request = self
            .0
            .get(location.url().clone())
            .header(RANGE, format!("bytes={}-", rest.from))
            .header(IF_RANGE, rest.validator);
        let response = send(request)?;
        match response.status() {
            StatusCode::PARTIAL_CONTENT if rest.is_in(response.headers()) => Ok(Some(response)),
            StatusCode::OK | StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => Ok(None),
            _ => Err(trouble_of_status(&response)),
        }
    }
}

/// Sends `request`, and waits for the head of the answer.
fn send(request: RequestBuilder) -> Result<Response, Trouble> {
    request.send().map_err(|error| trouble(&error))
}

/// The trouble of an answer without the file.
fn trouble_of_status(response: &Response) -> Trouble {
    let status = response.status();
    let answer = status_words(status);
    match status {
        StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::GONE => {
            Trouble::Lasting(FetchFault::NotFound { answer })
        }
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => Trouble::Lasting(FetchFault::Proxy {
            cause: format!("it answered \"{answer}\""),
        }),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => server_trouble(response, answer),
        _ if status.is_server_error() => server_trouble(response, answer),
        _ => Trouble::Lasting(FetchFault::Refused { answer }),
    }
}

/// The entity tag of `response` where it promises the same bytes. A weak one does not.
pub(super) fn strong_validator(response: &Response) -> Option<String> {
    let tag = response.headers().get(ETAG)?.to_str().ok()?;
    (!tag.starts_with("W/")).then(|| tag.to_owned())
}

/// The trouble that `error` of a request is.
fn trouble(error: &reqwest::Error) -> Trouble {
    let cause = innermost(error);
    if let Some(fault) = find::<ProxyFault>(error) {
        return Trouble::Lasting(FetchFault::Proxy {
            cause: fault.to_string(),
        });
    }
    if error.is_redirect() {
        let answer = cause;
        return Trouble::Lasting(FetchFault::Refused { answer });
    }
    match find::<rustls::Error>(error) {
        // A greeting of its own, or an answer to what it took for a bad request.
        Some(rustls::Error::InvalidMessage(_)) => {
            return Trouble::Lasting(FetchFault::NotTls { cause });
        }
        Some(_) => return Trouble::Lasting(FetchFault::Tls { cause }),
        None => {}
    }
    // A head without an end is one of HTTP.
    if find::<hyper::Error>(error).is_some_and(hyper::Error::is_parse) && cause != TOO_LARGE {
        return Trouble::Lasting(FetchFault::NotHttp { cause });
    }
    // What a proxy that was asked for a tunnel to an https server has answered: there is no other way to tell.
    if error.is_connect() && cause.contains("proxy authorization required") {
        return Trouble::Lasting(FetchFault::Proxy { cause });
    }
    let kind = if error.is_connect() {
        PassingKind::Connect
    } else if cause == UNEXPECTED {
        PassingKind::NotHttp
    } else {
        return trouble_on_the_way(error);
    };
    let wait = None;
    Trouble::Passing { kind, cause, wait }
}

/// The trouble that `error` of a connection that was made is. Even a fault of TLS is then one of this
/// connection, and none of whom it is to.
pub(super) fn trouble_on_the_way(error: &reqwest::Error) -> Trouble {
    let kind = if error.is_timeout() {
        PassingKind::Stall
    } else {
        PassingKind::Broken
    };
    Trouble::Passing {
        kind,
        cause: innermost(error),
        wait: None,
    }
}

/// The trouble of an answer by which the server says it is at fault.
fn server_trouble(response: &Response, answer: String) -> Trouble {
    Trouble::Passing {
        kind: PassingKind::Server,
        cause: answer,
        wait: response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|header| retry_after(header.to_str().ok()?, SystemTime::now())),
    }
}

/// The status as a person reads it: `404 Not Found`.
fn status_words(status: StatusCode) -> String {
    format!("{} {}", status.as_str(), status.canonical_reason().unwrap_or_default())
        .trim_end()
        .to_owned()
}

/// The first byte of a `Content-Range: bytes 5-9/10`.
fn range_start(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
    range.split('-').next()?.trim().parse().ok()
}

/// What hyper says of a head without an end. To a client, it tells so in words only.
const TOO_LARGE: &str = "message head is too large";

/// What it says of one who speaks before it was asked, likewise.
const UNEXPECTED: &str = "received unexpected message from connection";

/// The words of the last error in the chain, which is the one that says what happened.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause = String::new();
    let mut next = error.source();
    while let Some(inner) = next {
        cause = inner.to_string();
        next = inner.source();
    }
    // The words of the libraries for names and connections are about records, queries and messages.
    if cause.starts_with("no records found") {
        "there is no such name".to_owned()
    } else if cause == "tunnel error: unsuccessful" {
        "the proxy refused the connection, or is not a proxy".to_owned()
    } else if cause == "tls handshake eof" {
        "the connection was closed during the TLS handshake".to_owned()
    } else if find::<hyper::Error>(error).is_some_and(hyper::Error::is_incomplete_message) {
        "the connection was closed before the answer was complete".to_owned()
    } else if cause.is_empty() {
        "the request could not be made".to_owned()
    } else {
        cause
    }
}

/// The first error of this kind in the chain below `error`. An `io::Error` may stand between reqwest and it.
fn find<E: Error + 'static>(error: &reqwest::Error) -> Option<&E> {
    let mut next: Option<&(dyn Error + 'static)> = error.source();
    while let Some(inner) = next {
        if let Some(found) = inner.downcast_ref() {
            return Some(found);
        }
        // The source of an `io::Error` is that of the error it holds, which would skip that one.
        next = match inner.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(held) => Some(held),
            None => inner.source(),
        };
    }
    None
}
