//! The other end of the connection: HTTP/2 servers that answer as a gateway does, or as others do, and listeners that
//! say what they are told to.
//!
//! A gateway answers a call without credentials as in its source (`gateway/transport/server.go`, `authunary.go`). A
//! gRPC server in Go says which part of a call it does not know.

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

/// How an HTTP/2 server answers a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Says {
    /// Like a gateway that has the health check: it is well.
    Health,
    /// Like a gateway that has the service, but not this method.
    UnknownMethod,
    /// Like a gateway that requires credentials for everything.
    Unauthenticated,
    /// Like another gRPC service.
    UnknownService,
    /// Like a proxy in front of a gateway that is down.
    Unavailable,
    /// Like a web server: with a page.
    Page,
    /// Like the gateway's API: it has no such path.
    NotFound,
    /// It refuses the call.
    Refusal,
}

/// An HTTP/2 server on a loopback port, which runs until the tests end.
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

    /// Starts a server with TLS that agrees on HTTP/2 in the handshake.
    pub(crate) fn over_tls(says: Says) -> Self {
        Self::over_tls_with(says, Certificate::Good, &[b"h2"])
    }

    /// Starts a server with TLS and this certificate, which agrees on one of these protocols.
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
                            // Fails if the peer leaves, which it may.
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

    /// The file with its authority's certificate.
    pub(crate) fn authority(&self) -> &Path {
        self.authority.as_ref().expect("only a server over TLS has one").path()
    }

    /// Everything it was sent: methods, paths, and headers.
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
        // Fails if the peer leaves, which it may.
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
    // A call that fails has trailers instead of headers.
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

/// Listens on a loopback port until the tests end, and serves each connection in its own thread.
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

/// Starts a listener that says `bytes` to every peer, at once or when it has heard something, and then reads what the
/// peer sends. Returns its address.
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

/// Starts a listener that closes each connection when it has heard something. Returns its address.
pub(crate) fn closer() -> String {
    let address = listen(|mut stream| {
        let _ = stream.read(&mut [0; 1024]);
    });
    address.to_string()
}

/// Starts a listener that says `bytes` one by one, with pauses far below any limit, and then repeats the last one for
/// ever. Returns its address.
pub(crate) fn dripper(bytes: &'static [u8]) -> String {
    let address = listen(move |mut stream| {
        let mut bytes = bytes.iter().chain(std::iter::repeat(bytes.last().unwrap_or(&0)));
        while bytes.next().is_some_and(|byte| stream.write_all(&[*byte]).is_ok()) {
            thread::sleep(Duration::from_millis(100));
        }
    });
    address.to_string()
}

/// Starts a listener in front of a server with TLS that closes each connection without TLS. Returns its address.
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
