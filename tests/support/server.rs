//! A release server on a loopback port, over http or https, that answers as the test tells it to.
//!
//! It speaks just enough HTTP/1.1 (<https://www.rfc-editor.org/rfc/rfc9110>): one request on each connection,
//! one range of the form `bytes=N-`. It ends all connections and threads when it is dropped, so that no test
//! can hang on it.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, date_time_ymd};
use rustix::net::sockopt::set_socket_linger;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tempfile::NamedTempFile;

/// A URL of a server that is not there: nothing listens on this port of this loopback address.
pub(crate) const NOBODY: &str = "http://127.0.0.99:1/release";

/// One answer to one request.
#[derive(Clone)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    length: Length,
    end: End,
    etag: Option<String>,
    ranges: Ranges,
}

/// What an answer says about the length of its body.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Length {
    True,
    Announced(u64),
    Unknown,
    /// The body comes in pieces, each with its own length.
    Chunked,
}

/// How an answer ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// As it should.
    Whole,
    /// The connection is closed after so many bytes of the body.
    CutAfter(usize),
    /// The connection is reset after so many bytes of the body.
    ResetAfter(usize),
    /// Nothing more comes after so many bytes of the body, and the connection stays.
    StallAfter(usize),
    /// Not even a status comes, and the connection stays.
    Silence,
    /// Headers come without end, as fast as they are taken.
    EndlessHead,
    /// A header comes without end, a byte at a time.
    TricklingHead,
    /// The body comes a byte at a time.
    Trickle,
}

/// The pause between two bytes of an answer that trickles: far below any limit on a server that sends nothing.
const TRICKLE: Duration = Duration::from_millis(50);

/// The size of a piece of a chunked body: more than one read takes, and no divisor of anything.
const CHUNK: usize = 50_021;

/// What a server makes of a request for the rest of a file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ranges {
    /// It sends the rest, unless `If-Range` names another file than it has.
    Honoured,
    /// It sends the rest of whatever it has.
    Careless,
    /// It sends everything, as a server that knows no ranges.
    Ignored,
    /// It answers 416.
    Refused,
}

impl Reply {
    /// `200 OK` with this body. Requests for the rest of it are honored where it has an `ETag`.
    pub(crate) fn ok(body: impl AsRef<[u8]>) -> Self {
        Self::status(200, body)
    }

    /// Any status with this body.
    pub(crate) fn status(status: u16, body: impl AsRef<[u8]>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.as_ref().to_vec(),
            length: Length::True,
            end: End::Whole,
            etag: None,
            ranges: Ranges::Ignored,
        }
    }

    /// A page as it comes from a proxy or a captive portal that answers for everyone.
    pub(crate) fn html_page() -> Self {
        Self::ok("<!DOCTYPE html>\n<html><body><h1>Please sign in to the network</h1></body></html>\n")
            .header("Content-Type", "text/html")
    }

    /// `302 Found`, elsewhere.
    pub(crate) fn redirect(location: &str) -> Self {
        Self::status(302, "moved").header("Location", location)
    }

    /// No answer at all, on a connection that stays.
    pub(crate) fn silence() -> Self {
        Self {
            end: End::Silence,
            ..Self::ok("")
        }
    }

    /// Headers that never end, as fast as they are taken.
    pub(crate) fn endless_head() -> Self {
        Self {
            end: End::EndlessHead,
            ..Self::ok("")
        }
    }

    /// A header that never ends and comes a byte at a time.
    pub(crate) fn trickling_head() -> Self {
        Self {
            end: End::TricklingHead,
            ..Self::ok("")
        }
    }

    /// Sends the body a byte at a time.
    pub(crate) fn trickling(self) -> Self {
        Self {
            end: End::Trickle,
            ..self
        }
    }

    /// Adds a header.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Gives the file a name of its content, and says what happens to requests for the rest of it.
    pub(crate) fn etag(mut self, etag: &str, ranges: Ranges) -> Self {
        self.etag = Some(format!("\"{etag}\""));
        self.ranges = ranges;
        self
    }

    /// Announces another length than the body has.
    pub(crate) fn announcing(mut self, length: u64) -> Self {
        self.length = Length::Announced(length);
        self
    }

    /// Announces no length: the body ends where the connection does.
    pub(crate) fn without_length(mut self) -> Self {
        self.length = Length::Unknown;
        self
    }

    /// Announces no length, and sends the body in pieces that tell theirs.
    pub(crate) fn chunked(mut self) -> Self {
        self.length = Length::Chunked;
        self
    }

    /// Closes the connection after `length` bytes of the body.
    pub(crate) fn cut_after(self, length: usize) -> Self {
        Self {
            end: End::CutAfter(length),
            ..self
        }
    }

    /// Resets the connection after `length` bytes of the body.
    pub(crate) fn reset_after(self, length: usize) -> Self {
        Self {
            end: End::ResetAfter(length),
            ..self
        }
    }

    /// Falls silent after `length` bytes of the body.
    pub(crate) fn stall_after(self, length: usize) -> Self {
        Self {
            end: End::StallAfter(length),
            ..self
        }
    }
}

/// One request as it was received.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
}

impl Request {
    /// Reads the text of a request. A proxy is asked with a whole URL, of which only the path is kept.
    fn read(head: &str) -> Option<Self> {
        let mut lines = head.lines();
        let mut words = lines.next()?.split(' ');
        let (method, target) = (words.next()?, words.next()?);
        let target = match target.split_once("://") {
            Some((_, rest)) => rest.find('/').map_or("/", |start| &rest[start..]),
            None => target,
        };
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
        Some(Self {
            method: method.to_owned(),
            path: target.to_owned(),
            headers: headers.collect(),
        })
    }

    /// The byte from which on the file is asked for.
    pub(crate) fn range_start(&self) -> Option<usize> {
        self.headers
            .get("range")?
            .strip_prefix("bytes=")?
            .strip_suffix('-')?
            .parse()
            .ok()
    }
}

/// The certificate of a server. The authority's is good in any case.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Certificate {
    /// For this machine.
    Good,
    /// For this machine, until a day long ago.
    Expired,
    /// For another machine.
    OfAnotherName,
}

/// A server that takes connections and never says a word: the kernel makes them, and nobody accepts them.
pub(crate) struct MuteServer(TcpListener);

impl MuteServer {
    /// Starts to listen.
    pub(crate) fn new() -> Self {
        Self(TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port can be had"))
    }

    /// Its URL over `scheme`.
    pub(crate) fn url(&self, scheme: &str) -> String {
        let address = self.0.local_addr().expect("a bound socket has an address");
        format!("{scheme}://{address}")
    }
}

/// A server of something else than HTTP: it may greet who connects, and answers whatever it is asked with the same
/// bytes.
pub(crate) struct BareServer {
    address: SocketAddr,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl BareServer {
    /// Starts a server that says `greeting` before it is asked, and `answer` afterwards.
    pub(crate) fn new(greeting: &'static [u8], answer: &'static [u8]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port can be had");
        let address = listener.local_addr().expect("a bound socket has an address");
        let stopping = Arc::new(AtomicBool::new(false));
        let is_stopping = Arc::clone(&stopping);
        let serve = move |mut stream: TcpStream| {
            stream.set_read_timeout(Some(Duration::from_secs(10)))?;
            stream.write_all(greeting)?;
            // One read takes a small request whole.
            let _ = stream.read(&mut [0; 8192])?;
            stream.write_all(answer)
        };
        let thread = thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if is_stopping.load(Ordering::SeqCst) {
                    return;
                }
                // Fails where the other side went away, which is its right.
                let _ = serve(stream);
            }
        });
        Self {
            address,
            stopping,
            thread: Some(thread),
        }
    }

    /// Its URL over `scheme`.
    pub(crate) fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}", self.address)
    }
}

impl Drop for BareServer {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// A server whose queue is full: the kernel lets no connection in any more, and does not say so either.
pub(crate) struct FullServer {
    server: MuteServer,
    /// Who stands in the queue.
    _waiting: Vec<TcpStream>,
}

impl FullServer {
    /// Starts to listen, and fills the queue.
    pub(crate) fn new() -> Self {
        let server = MuteServer::new();
        let address = server.0.local_addr().expect("a bound socket has an address");
        let mut waiting = Vec::new();
        // A busy machine may be slow once.
        let mut in_vain = 0;
        while in_vain < 3 {
            match TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
                Ok(stream) => {
                    waiting.push(stream);
                    in_vain = 0;
                }
                Err(_) => in_vain += 1,
            }
        }
        Self {
            server,
            _waiting: waiting,
        }
    }

    /// Its URL over `scheme`.
    pub(crate) fn url(&self, scheme: &str) -> String {
        self.server.url(scheme)
    }
}

/// A running release server.
pub(crate) struct ReleaseServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
    authority: Option<NamedTempFile>,
}

/// What the server's threads share.
struct Shared {
    routes: Mutex<BTreeMap<String, VecDeque<Reply>>>,
    requests: Mutex<Vec<Request>>,
    connections: Mutex<Connections>,
    tls: Option<Arc<ServerConfig>>,
}

/// The connections that are open, and the threads that serve them.
#[derive(Default)]
struct Connections {
    stopping: bool,
    count: u64,
    open: BTreeMap<u64, TcpStream>,
    threads: Vec<JoinHandle<()>>,
}

impl ReleaseServer {
    /// Starts a server without a file, over http.
    pub(crate) fn plain() -> Self {
        Self::start(None, None)
    }

    /// Starts a server without a file, over https, with an authority of its own.
    pub(crate) fn over_tls() -> Self {
        Self::over_tls_with(Certificate::Good)
    }

    /// Starts a server without a file, over https, with such a certificate.
    pub(crate) fn over_tls_with(certificate: Certificate) -> Self {
        let (config, authority) = identity(certificate);
        Self::start(Some(Arc::new(config)), Some(authority))
    }

    fn start(tls: Option<Arc<ServerConfig>>, authority: Option<NamedTempFile>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port can be had");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared {
            routes: Mutex::default(),
            requests: Mutex::default(),
            connections: Mutex::default(),
            tls,
        });
        let acceptor = thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        });
        Self {
            address,
            shared,
            acceptor: Some(acceptor),
            authority,
        }
    }

    /// Says how requests for `path` are answered: one reply for each, the last one again and again. What was
    /// said before about `path` is forgotten.
    pub(crate) fn answer(&self, path: &str, replies: impl IntoIterator<Item = Reply>) {
        let replies: VecDeque<_> = replies.into_iter().collect();
        assert!(!replies.is_empty(), "at least one reply is needed");
        locked(&self.shared.routes).insert(path.to_owned(), replies);
    }

    /// The URL of the server's root, without a slash at its end.
    pub(crate) fn url(&self) -> String {
        let scheme = if self.shared.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// The root's URL with a user and a password in it.
    pub(crate) fn url_with(&self, user: &str, password: &str) -> String {
        self.url().replace("://", &format!("://{user}:{password}@"))
    }

    /// The file with the certificate of the server's authority.
    pub(crate) fn authority(&self) -> &Path {
        self.authority
            .as_ref()
            .expect("only a server over TLS has an authority")
            .path()
    }

    /// The requests so far, and forgets them.
    pub(crate) fn take_requests(&self) -> Vec<Request> {
        std::mem::take(&mut locked(&self.shared.requests))
    }

    /// The requests for `path` so far.
    pub(crate) fn requests_for(&self, path: &str) -> Vec<Request> {
        locked(&self.shared.requests)
            .iter()
            .filter(|request| request.path == path)
            .cloned()
            .collect()
    }
}

impl Drop for ReleaseServer {
    fn drop(&mut self) {
        let threads = {
            let mut connections = locked(&self.shared.connections);
            connections.stopping = true;
            for stream in connections.open.values() {
                // Fails where the other side was faster.
                let _ = stream.shutdown(Shutdown::Both);
            }
            std::mem::take(&mut connections.threads)
        };
        // Wakes the acceptor, which then sees that it is time to go.
        drop(TcpStream::connect(self.address));
        for thread in self.acceptor.take().into_iter().chain(threads) {
            // A panic in there was shown already; a second one here would end all tests.
            let _ = thread.join();
        }
    }
}

/// Locks even what a failed test left behind.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Serves each connection in a thread of its own until the server stops.
fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        let mut connections = locked(&shared.connections);
        if connections.stopping {
            return;
        }
        // Fails where the other side is gone again.
        let Some((stream, copy)) = stream.and_then(|stream| Ok((stream.try_clone()?, stream))).ok() else {
            continue;
        };
        connections.count += 1;
        let number = connections.count;
        connections.open.insert(number, copy);
        connections.threads.push(thread::spawn({
            let shared = Arc::clone(shared);
            move || {
                // Fails where the other side went away, which is its right.
                let _ = match &shared.tls {
                    None => serve(&shared, &stream),
                    Some(config) => serve_over_tls(&shared, config, &stream),
                };
                // The copy would keep the connection open.
                locked(&shared.connections).open.remove(&number);
            }
        }));
    }
}

/// Answers one request on a bare connection.
fn serve(shared: &Shared, mut stream: &TcpStream) -> io::Result<()> {
    let mut first = [0];
    if stream.peek(&mut first)? == 1 && !first[0].is_ascii_alphabetic() {
        // Someone wants to shake hands over TLS; a server that does not know it answers so.
        return stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    }
    let (request, reply) = receive(shared, &mut stream)?;
    // A socket that is closed while something unread is in it resets the connection, so a reset is to leave the
    // last byte of the request there.
    if !matches!(reply.end, End::ResetAfter(_)) {
        stream.read_exact(&mut [0])?;
    }
    send(&request, &reply, &mut stream)
}

/// Answers one request on an encrypted connection.
fn serve_over_tls(shared: &Shared, config: &Arc<ServerConfig>, stream: &TcpStream) -> io::Result<()> {
    let connection = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(connection, stream);
    let (request, reply) = receive(shared, &mut stream)?;
    stream.read_exact(&mut [0])?;
    send(&request, &reply, &mut stream)?;
    match reply.end {
        End::Whole => {
            stream.conn.send_close_notify();
            stream.flush()
        }
        // To close a socket that may not linger resets its connection (`man 7 socket`).
        End::ResetAfter(_) => Ok(set_socket_linger(stream.sock, Some(Duration::ZERO))?),
        _ => Ok(()),
    }
}

/// Reads a request but for its very last byte, and finds the reply that is due.
fn receive(shared: &Shared, stream: &mut impl Read) -> io::Result<(Request, Reply)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let request = Request::read(&String::from_utf8_lossy(&head)).ok_or_else(|| io::Error::other("not a request"))?;
    locked(&shared.requests).push(request.clone());
    let mut routes = locked(&shared.routes);
    let reply = match routes.get_mut(&request.path) {
        Some(replies) if replies.len() > 1 => replies.pop_front(),
        Some(replies) => replies.front().cloned(),
        None => None,
    };
    Ok((
        request,
        reply.unwrap_or_else(|| Reply::status(404, "there is no such file here")),
    ))
}

/// Sends a reply, as far as it goes.
fn send(request: &Request, reply: &Reply, stream: &mut (impl Read + Write)) -> io::Result<()> {
    match reply.end {
        End::Silence => return wait(stream),
        End::EndlessHead => return endless_head(stream),
        End::TricklingHead => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nX-Endless: ")?;
            return trickle(stream, &mut io::repeat(b'x'));
        }
        End::Whole | End::CutAfter(_) | End::ResetAfter(_) | End::StallAfter(_) | End::Trickle => {}
    }
    let size = reply.body.len();
    let start = request.range_start().filter(|_| reply.status == 200);
    let same_file = request
        .headers
        .get("if-range")
        .is_none_or(|wanted| Some(wanted) == reply.etag.as_ref());
    let (status, start) = match (start, reply.ranges) {
        (Some(start), Ranges::Honoured) if same_file && start < size => (206, start),
        (Some(start), Ranges::Careless) if start < size => (206, start),
        (Some(_), Ranges::Refused) => (416, size),
        _ => (reply.status, 0),
    };
    let body = &reply.body[start..];

    let mut head = format!("HTTP/1.1 {status} {}\r\nConnection: close\r\n", reason(status));
    let length = match reply.length {
        Length::True => Some(body.len() as u64),
        Length::Announced(length) => Some(length),
        Length::Unknown | Length::Chunked => None,
    };
    if reply.length == Length::Chunked {
        head.push_str("Transfer-Encoding: chunked\r\n");
    }
    if let Some(length) = length {
        // Writing to a String cannot fail.
        let _ = write!(head, "Content-Length: {length}\r\n");
    }
    if status == 206 {
        let _ = write!(head, "Content-Range: bytes {start}-{}/{size}\r\n", size - 1);
    }
    if let Some(etag) = &reply.etag {
        let _ = write!(head, "ETag: {etag}\r\nAccept-Ranges: bytes\r\n");
    }
    for (name, value) in &reply.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    head.push_str("\r\n");

    stream.write_all(head.as_bytes())?;
    let sent = match reply.end {
        End::CutAfter(length) | End::ResetAfter(length) | End::StallAfter(length) => length.min(body.len()),
        End::Trickle => {
            stream.flush()?;
            return trickle(stream, &mut &*body);
        }
        End::Whole | End::Silence | End::EndlessHead | End::TricklingHead => body.len(),
    };
    if reply.length == Length::Chunked {
        for piece in body[..sent].chunks(CHUNK) {
            write!(stream, "{:x}\r\n", piece.len())?;
            stream.write_all(piece)?;
            stream.write_all(b"\r\n")?;
        }
        if reply.end == End::Whole {
            stream.write_all(b"0\r\n\r\n")?;
        }
    } else if request.method != "HEAD" {
        stream.write_all(&body[..sent])?;
    }
    stream.flush()?;
    if matches!(reply.end, End::StallAfter(_)) {
        wait(stream)
    } else {
        Ok(())
    }
}

/// Sends headers until the other side goes away.
fn endless_head(stream: &mut impl Write) -> io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
    let line = format!("X-Endless: {}\r\n", "x".repeat(1000));
    loop {
        stream.write_all(line.as_bytes())?;
    }
}

/// Sends `bytes` one by one, as slowly as it takes to look alive for ever.
fn trickle(stream: &mut impl Write, bytes: &mut impl Read) -> io::Result<()> {
    let mut byte = [0];
    while bytes.read(&mut byte)? == 1 {
        stream.write_all(&byte)?;
        stream.flush()?;
        thread::sleep(TRICKLE);
    }
    Ok(())
}

/// Waits until the other side goes away or this server stops.
fn wait(stream: &mut impl Read) -> io::Result<()> {
    io::copy(stream, &mut io::sink()).map(drop)
}

/// The words that go with a status.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        206 => "Partial Content",
        302 => "Found",
        403 => "Forbidden",
        404 => "Not Found",
        416 => "Range Not Satisfiable",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Whatever",
    }
}

/// Makes an authority and a certificate of it for this machine; the authority's own goes into a file.
pub(crate) fn identity(kind: Certificate) -> (ServerConfig, NamedTempFile) {
    let mut params = CertificateParams::new(Vec::new()).expect("no name is a bad name");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    params
        .distinguished_name
        .push(DnType::CommonName, "Authority of one test");
    let key = KeyPair::generate().expect("ring makes keys");
    let authority = params.self_signed(&key).expect("ring signs");
    let issuer = Issuer::new(params, key);

    let names: &[&str] = match kind {
        Certificate::OfAnotherName => &["releases.example"],
        Certificate::Good | Certificate::Expired => &["127.0.0.1", "localhost"],
    };
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("these are names");
    if kind == Certificate::Expired {
        params.not_after = date_time_ymd(2001, 1, 1);
    }
    let key = KeyPair::generate().expect("ring makes keys");
    let certificate = params.signed_by(&key, &issuer).expect("ring signs");

    let file = NamedTempFile::new().expect("a scratch file can be made");
    fs::write(file.path(), authority.pem()).expect("a scratch file can be written");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring knows all versions of TLS")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("the key is the certificate's");
    (config, file)
}
