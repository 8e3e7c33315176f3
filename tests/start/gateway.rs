//! The other end of the way to the gateway: servers of HTTP/2 that answer as a gateway does, or as others do, and
//! listeners that say what they are told to.
//!
//! A gateway answers a call without credentials as its source says (`gateway/transport/server.go`, `authunary.go`), and
//! a gRPC server in Go says of a call that it does not know which part of it that is.

use crate::support::server::{Certificate, identity};
use bytes::Bytes;
use h2::server::SendResponse;
use http::{HeaderMap, HeaderValue, Request, Response};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;
use tempfile::NamedTempFile;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

/// How a server of HTTP/2 answers to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Says {
    /// As a gateway that knows the health check: it is well.
    Health,
    /// As a gateway that knows the service, and not this method of it.
    UnknownMethod,
    /// As a gateway that wants credentials for everything.
    Unauthenticated,
    /// As a gRPC server of something else.
    UnknownService,
    /// As a proxy in front of a gateway that is down.
    Unavailable,
    /// As a web server: with a page.
    Page,
    /// As the gateway's API: it knows no such path.
    NotFound,
    /// It refuses the call.
    Refusal,
}

/// A server of HTTP/2 on a loopback port. It lasts as long as the tests, and serves until then.
pub(crate) struct Http2Server {
    address: SocketAddr,
    authority: Option<NamedTempFile>,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Http2Server {
    /// Starts a server in plain text.
    pub(crate) fn plain(says: Says) -> Self {
        Self::start(says, None, None)
    }

    /// Starts a server over TLS, which agrees on HTTP/2 in the handshake.
    pub(crate) fn over_tls(says: Says) -> Self {
        Self::over_tls_with(says, Certificate::Good, &[b"h2"])
    }

    /// Starts a server over TLS with such a certificate, which agrees on one of these protocols.
    pub(crate) fn over_tls_with(says: Says, certificate: Certificate, protocols: &[&[u8]]) -> Self {
        let (mut config, authority) = identity(certificate);
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Self::start(says, Some(Arc::new(config)), Some(authority))
    }

    fn start(says: Says, tls: Option<Arc<ServerConfig>>, authority: Option<NamedTempFile>) -> Self {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let address = listen({
            let heard = Arc::clone(&heard);
            move |stream| {
                stream.set_nonblocking(true).expect("a socket can be");
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                let runtime = runtime.expect("a runtime can be made");
                let heard = Arc::clone(&heard);
                let tls = tls.clone();
                runtime.block_on(async move {
                    let stream = tokio::net::TcpStream::from_std(stream).expect("the runtime takes it");
                    match tls {
                        None => serve(stream, says, &heard).await,
                        Some(config) => {
                            // Fails where the other side goes, which is its right.
                            if let Ok(stream) = TlsAcceptor::from(config).accept(stream).await {
                                serve(stream, says, &heard).await;
                            }
                        }
                    }
                });
            }
        });
        Self {
            address,
            authority,
            heard,
        }
    }

    /// Its host and port.
    pub(crate) fn place(&self) -> String {
        self.address.to_string()
    }

    /// The file with the certificate of its authority.
    pub(crate) fn authority(&self) -> &Path {
        self.authority.as_ref().expect("only a server over TLS has one").path()
    }

    /// Everything that was heard: methods, paths and headers.
    pub(crate) fn heard(&self) -> String {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).join("\n")
    }
}

/// Answers every call on a connection.
async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, says: Says, heard: &Mutex<Vec<String>>) {
    let Ok(mut connection) = h2::server::handshake(stream).await else {
        return;
    };
    while let Some(Ok((request, respond))) = connection.accept().await {
        let note = |request: &Request<h2::RecvStream>| {
            format!("{} {} {:?}", request.method(), request.uri(), request.headers())
        };
        heard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(note(&request));
        // Fails where the other side goes, which is its right.
        let _ = answer(respond, says);
    }
}

/// Answers a call.
fn answer(mut respond: SendResponse<Bytes>, says: Says) -> Result<(), h2::Error> {
    let trailers = |status: &'static str, message: &'static str| {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static(status));
        trailers.insert("grpc-message", HeaderValue::from_static(message));
        trailers
    };
    let grpc = || Response::builder().header("content-type", "application/grpc");
    // A call that fails has its trailers in the place of headers.
    let mut refused = |status, message| {
        let mut response = grpc().body(()).expect("it is a response");
        response.headers_mut().extend(trailers(status, message));
        respond.send_response(response, true).map(drop)
    };
    match says {
        Says::UnknownMethod => refused("12", "unknown method HealthCheck for service protobuf.Transport"),
        Says::UnknownService => refused("12", "unknown service protobuf.Transport"),
        Says::Unauthenticated => refused("16", "invalid authentication"),
        Says::Unavailable => refused("14", "no healthy upstream"),
        Says::Health => {
            let mut body = respond.send_response(grpc().body(()).expect("it is a response"), false)?;
            body.send_data(Bytes::from_static(b"\0\0\0\0\x04\n\x02OK"), false)?;
            body.send_trailers(trailers("0", ""))
        }
        Says::Page | Says::NotFound => {
            let status = if says == Says::Page { 200 } else { 404 };
            let response = Response::builder()
                .status(status)
                .header("content-type", "text/html")
                .body(());
            let mut body = respond.send_response(response.expect("it is a response"), false)?;
            body.send_data(Bytes::from_static(b"<!DOCTYPE html>"), true)
        }
        Says::Refusal => {
            respond.send_reset(h2::Reason::REFUSED_STREAM);
            Ok(())
        }
    }
}

/// Listens on a loopback port until the tests end, and serves each connection in a thread of its own.
fn listen(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port can be had");
    let address = listener.local_addr().expect("it is bound");
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = Arc::clone(&serve);
            thread::spawn(move || serve(stream));
        }
    });
    address
}

/// Starts a listener that says `bytes` to whoever comes, at once or when it has heard something, and then hears the
/// other side out. Returns its place.
pub(crate) fn speaker(bytes: &'static [u8], hears_first: bool) -> String {
    let address = listen(move |mut stream| {
        let mut heard = [0; 1024];
        if hears_first {
            let _ = stream.read(&mut heard);
        }
        let _ = stream.write_all(bytes);
        while stream.read(&mut heard).is_ok_and(|count| count > 0) {}
    });
    address.to_string()
}

/// Starts a listener that closes each connection when it has heard something. Returns its place.
pub(crate) fn closer() -> String {
    let address = listen(|mut stream| {
        let _ = stream.read(&mut [0; 1024]);
    });
    address.to_string()
}

/// Starts a listener that says `bytes` one by one, with pauses far below any limit, and then the last of them without
/// end. Returns its place.
pub(crate) fn dripper(bytes: &'static [u8]) -> String {
    let address = listen(move |mut stream| {
        let mut bytes = bytes.iter().chain(std::iter::repeat(bytes.last().unwrap_or(&0)));
        while bytes.next().is_some_and(|byte| stream.write_all(&[*byte]).is_ok()) {
            thread::sleep(Duration::from_millis(100));
        }
    });
    address.to_string()
}

/// Starts a listener in front of a server with TLS, which closes each connection that does not begin as one of TLS.
/// Its place.
pub(crate) fn reticent(behind: &str) -> String {
    let behind = behind.to_owned();
    let address = listen(move |mut near| {
        let mut first = [0; 1];
        let is_tls = near.peek(&mut first).is_ok() && first == [0x16];
        if is_tls
            && let Ok(mut far) = TcpStream::connect(&behind)
            && let (Ok(mut to_near), Ok(mut from_far)) = (near.try_clone(), far.try_clone())
        {
            thread::spawn(move || std::io::copy(&mut from_far, &mut to_near));
            let _ = std::io::copy(&mut near, &mut far);
        }
    });
    address.to_string()
}
