//! `hoopstart --check --connect`: goes the way that an agent goes to its gateway, step by step, up to where it would
//! show its key. In the place of that it asks for what a gateway tells everyone.

use crate::os::environment::Environment;
use crate::os::{host_names, tls};
use crate::start::check::http2::{Answer, Question};
use crate::start::check::report::Fact;
use crate::start::check::transport::{Tls, Transport};
use crate::start::fault::gateway::{GatewayFault, TlsCause, TlsRemedy};
use crate::start::fault::peer::{Peer, Unanswered};
use crate::start::plan::credential::Gateway;
use crate::text;
use hickory_resolver::net::NetError;
use rustls::pki_types::ServerName;
use rustls::{AlertDescription, CertificateError, ClientConnection, Error as TlsError, StreamOwned};
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long each step may take, whatever comes meanwhile. A gateway that is well answers in a tenth of it, and a person
/// waits.
const LIMIT: Duration = Duration::from_secs(5);

/// What agents ask for in the handshake.
const ALPN: &[u8] = b"h2";

/// From this release on agents refuse a server that does not agree on [`ALPN`]: that of gRPC for Go does, from 1.67 on
/// (<https://github.com/grpc/grpc-go/releases/tag/v1.67.0>).
const WANTS_ALPN: (u64, u64, u64) = (1, 34, 37);

/// A method of the gateway that asks for no credentials. Gateways that do not know it yet say so, and in naming it name
/// its service (<https://github.com/hoophq/hoop/blob/main/common/proto/transport.proto>).
const HEALTH_CHECK: &str = "/protobuf.Transport/HealthCheck";

/// What answers of gRPC mean (<https://grpc.github.io/grpc/core/md_doc_statuscodes.html>).
const OK: &str = "0";
const UNIMPLEMENTED: &str = "12";
const UNAUTHENTICATED: &str = "16";

/// How far it is to the gateway.
pub(crate) struct Reach {
    /// What was found at each step.
    pub(crate) facts: Vec<Fact>,
    /// Where it ended, if not at the gateway.
    pub(crate) fault: Option<GatewayFault>,
}

/// Resolves the name of `gateway`, connects, shakes TLS hands where the agent does, and asks who is there.
pub(crate) fn reach(gateway: &Gateway, transport: &Transport, environment: &Environment) -> Reach {
    let mut facts = Vec::new();
    // The variable that an agent's gRPC library reads, in the order in which it does.
    if let Some(name) = ["HTTPS_PROXY", "https_proxy"]
        .into_iter()
        .find(|name| environment.text(name).is_some())
    {
        facts.push(Fact::Proxy(name));
    }
    let fault = walk(gateway, transport, environment, &mut facts).err();
    Reach { facts, fault }
}

/// Takes the steps, and notes what each has found.
fn walk(
    gateway: &Gateway,
    transport: &Transport,
    environment: &Environment,
    facts: &mut Vec<Fact>,
) -> Result<(), GatewayFault> {
    let addresses = resolve(&gateway.host).map_err(|cause| GatewayFault::Unresolved {
        host: text::visible(&gateway.host),
        cause,
    })?;
    facts.push(Fact::Resolved(addresses.clone()));

    let stream = connect(&addresses, gateway.port).map_err(|causes| GatewayFault::Unreachable {
        place: gateway.to_string(),
        causes,
    })?;
    if let Ok(peer) = stream.peer_addr() {
        facts.push(Fact::Connected(peer));
    }

    let steps = Steps {
        gateway,
        transport,
        addresses: &addresses,
    };
    let stream = Timed::new(stream);
    let answer = match &transport.tls {
        None => {
            facts.push(Fact::NoHandshake);
            steps.question(&mut { stream })?
        }
        Some(tls) => {
            let mut stream = steps.shake_hands(stream, tls, environment, facts)?;
            stream.sock.begin();
            steps.question(&mut stream)?
        }
    };
    facts.push(answer);
    Ok(())
}

/// Looks `host` up as the build does: not by the C library, which cannot from a static program.
fn resolve(host: &str) -> Result<Vec<IpAddr>, Unanswered> {
    if let Ok(address) = host.trim_matches(['[', ']']).parse() {
        return Ok(vec![address]);
    }
    let cause = |error: NetError| match () {
        () if error.is_nx_domain() => Unanswered::NoName,
        () if error.is_no_records_found() => Unanswered::NoAddress,
        () => Unanswered::Other(error.to_string()),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Unanswered::Other(error.to_string()))?;
    runtime.block_on(async {
        let lookup = tokio::time::timeout(LIMIT, host_names::addresses(host)).await;
        lookup.map_err(|_| timed_out("the name servers"))?.map_err(cause)
    })
}

/// Connects to the first of `addresses` that answers.
fn connect(addresses: &[IpAddr], port: u16) -> Result<TcpStream, Vec<(SocketAddr, Unanswered)>> {
    let mut causes = Vec::new();
    let limit = LIMIT / u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX);
    for address in addresses {
        let address = SocketAddr::new(*address, port);
        match TcpStream::connect_timeout(&address, limit) {
            Ok(stream) => return Ok(stream),
            Err(error) => causes.push((address, unanswered(&error, "it"))),
        }
    }
    Err(causes)
}

/// What comes once there is a connection.
struct Steps<'a> {
    gateway: &'a Gateway,
    transport: &'a Transport,
    addresses: &'a [IpAddr],
}

impl Steps<'_> {
    /// Shakes hands over `stream`, and notes what that was.
    fn shake_hands(
        &self,
        mut stream: Timed,
        tls: &Tls,
        environment: &Environment,
        facts: &mut Vec<Fact>,
    ) -> Result<StreamOwned<ClientConnection, Timed>, GatewayFault> {
        let mut connection = self
            .prepare(tls, environment)
            .map_err(|cause| self.no_tls(cause, TlsRemedy::Gateway))?;
        while connection.is_handshaking() {
            if let Err(error) = connection.complete_io(&mut stream) {
                return Err(self.failed_handshake(&error, &stream.first));
            }
        }
        facts.push(Fact::Handshake {
            is_tls_1_2: connection.protocol_version() == Some(rustls::ProtocolVersion::TLSv1_2),
            is_checked: tls.is_checked,
        });
        let (major, minor, patch) = WANTS_ALPN;
        if connection.alpn_protocol().is_none()
            && self.transport.is_grpc
            && self.transport.version.at_least(major, minor, patch)
        {
            return Err(self.other(Peer::NoAlpn));
        }
        Ok(StreamOwned::new(connection, stream))
    }

    /// Prepares a connection as the agent would have it.
    fn prepare(&self, tls: &Tls, environment: &Environment) -> Result<ClientConnection, TlsCause> {
        let mut config = if tls.is_checked {
            let roots = match &tls.authorities {
                Some(authorities) => authorities.clone(),
                None => tls::roots_of_go(environment).map_err(TlsCause::Refused)?,
            };
            tls::client_config(roots)
        } else {
            tls::unchecked_client_config()
        };
        config.alpn_protocols = vec![ALPN.to_vec()];
        let name = tls
            .server_name
            .as_ref()
            .map_or(self.gateway.host.as_str(), |(_, name)| name);
        let name = name.trim_matches(['[', ']']);
        let server_name = ServerName::try_from(name.to_owned()).map_err(|_| TlsCause::ServerName(name.to_owned()))?;
        ClientConnection::new(Arc::new(config), server_name).map_err(|error| TlsCause::Refused(error.to_string()))
    }

    /// The fault of a handshake that failed. `first` are the first bytes that came.
    fn failed_handshake(&self, error: &io::Error, first: &[u8]) -> GatewayFault {
        // A record of TLS begins with its kind and with the first half of a version.
        let is_tls = matches!(first, [20..=23, 3, ..] | [20..=23] | []);
        if !is_tls {
            return match peer(first) {
                Peer::Http2 => self.mismatch(true),
                peer => self.other(Peer::NotTls(Box::new(peer))),
            };
        }
        let of_tls = error.get_ref().and_then(|error| error.downcast_ref::<TlsError>());
        let newer = !self.transport.version.at_least(1, 23, 3);
        let (cause, remedy) = match of_tls {
            Some(TlsError::AlertReceived(AlertDescription::NoApplicationProtocol)) => {
                return self.other(Peer::NoHttp2);
            }
            Some(error @ TlsError::InvalidCertificate(of_certificate)) => {
                let remedy = match of_certificate {
                    _ if newer => TlsRemedy::NewerAgent,
                    CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                        TlsRemedy::Name
                    }
                    // The latter is of an authority that has the name of one that is trusted, and another key.
                    CertificateError::UnknownIssuer | CertificateError::BadSignature => TlsRemedy::Authority,
                    _ => TlsRemedy::Gateway,
                };
                (TlsCause::Refused(error.to_string()), remedy)
            }
            _ => (TlsCause::Lost(unanswered(error, "the gateway")), TlsRemedy::Gateway),
        };
        self.no_tls(cause, remedy)
    }

    /// Asks who is there, and returns it in words where it is the gateway.
    fn question(&self, stream: &mut (impl Read + Write)) -> Result<Fact, GatewayFault> {
        if !self.transport.is_grpc {
            return Ok(Fact::NotAsked);
        }
        let authority = self.gateway.to_string();
        let question = Question {
            authority: &authority,
            is_tls: self.transport.tls.is_some(),
            path: HEALTH_CHECK,
        };
        match question.ask(stream) {
            Ok(Answer::Headers(fields)) => self.judge(&fields),
            Ok(Answer::Broken(broken)) => Err(self.other(Peer::Broken(broken))),
            Ok(Answer::Other(first)) => Err(match peer(&first) {
                Peer::Tls => self.mismatch(false),
                Peer::Silent if self.shakes_hands() => self.mismatch(false),
                peer => self.other(peer),
            }),
            Err(error) if is_closed(&error) && self.shakes_hands() => Err(self.mismatch(false)),
            Err(error) => Err(self.other(Peer::Lost(unanswered(&error, "it")))),
        }
    }

    /// Whether what closed a connection in plain text begins one with TLS, as the gateway does that has it.
    fn shakes_hands(&self) -> bool {
        if self.transport.tls.is_some() {
            return false;
        }
        let anyone = Tls {
            authorities: None,
            server_name: None,
            is_checked: false,
        };
        let no_environment = Environment::default();
        let (Ok(stream), Ok(mut connection)) = (
            connect(self.addresses, self.gateway.port),
            self.prepare(&anyone, &no_environment),
        ) else {
            return false;
        };
        let mut stream = Timed::new(stream);
        while connection.is_handshaking() && connection.complete_io(&mut stream).is_ok() {}
        peer(&stream.first) == Peer::Tls
    }

    /// Judges by the headers of an answer whether it is a gateway's.
    fn judge(&self, fields: &[(String, String)]) -> Result<Fact, GatewayFault> {
        let field = |name: &str| {
            fields
                .iter()
                .find(|(of, _)| of == name)
                .map(|(_, value)| value.as_str())
        };
        let message = field("grpc-message").unwrap_or_default();
        match field("grpc-status") {
            Some(OK | UNAUTHENTICATED) => Ok(Fact::Answer),
            Some(UNIMPLEMENTED) if message.contains("unknown method") => Ok(Fact::Answer),
            Some(UNIMPLEMENTED) => Err(self.other(Peer::OtherService)),
            Some(status) => Err(self.other(Peer::GrpcStatus {
                status: status.to_owned(),
                message: message.to_owned(),
            })),
            None => {
                let status = field(":status").unwrap_or("none");
                Err(self.other(Peer::HttpStatus(status.to_owned())))
            }
        }
    }

    fn other(&self, peer: Peer) -> GatewayFault {
        GatewayFault::Other {
            place: self.gateway.to_string(),
            peer,
        }
    }

    fn no_tls(&self, cause: TlsCause, remedy: TlsRemedy) -> GatewayFault {
        GatewayFault::Tls {
            place: self.gateway.to_string(),
            cause,
            remedy,
        }
    }

    fn mismatch(&self, agent_has_tls: bool) -> GatewayFault {
        GatewayFault::Mismatch {
            place: self.gateway.to_string(),
            version: self.transport.version.clone(),
            agent_has_tls,
            obeys_scheme: self.transport.version.at_least(1, 23, 3),
        }
    }
}

/// What answers, by its first bytes.
fn peer(first: &[u8]) -> Peer {
    match first {
        [] => Peer::Silent,
        [20..=23, 3, ..] => Peer::Tls,
        // The head of a SETTINGS frame.
        [0, _, _, 4, ..] => Peer::Http2,
        _ if first.starts_with(b"HTTP/1") => Peer::Http1,
        _ if first.starts_with(b"SSH-") => Peer::Ssh,
        _ => Peer::Unknown(String::from_utf8_lossy(first).into_owned()),
    }
}

/// A connection whose step has an end, however slowly the bytes come.
struct Timed {
    stream: TcpStream,
    end: Instant,
    /// The first bytes that came.
    first: Vec<u8>,
}

impl Timed {
    fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            end: Instant::now() + LIMIT,
            first: Vec::new(),
        }
    }

    /// Begins another step.
    fn begin(&mut self) {
        self.end = Instant::now() + LIMIT;
    }

    /// How much of the step is left.
    fn left(&self) -> io::Result<Option<Duration>> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(Some(left))
    }
}

impl Read for Timed {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.left()?)?;
        let count = self.stream.read(bytes)?;
        let wanted = 9_usize.saturating_sub(self.first.len()).min(count);
        self.first.extend_from_slice(&bytes[..wanted]);
        Ok(count)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.left()?)?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Whether the other side has closed the connection.
fn is_closed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
    )
}

/// Why there is no answer, where `who` was to give it.
fn unanswered(error: &io::Error, who: &'static str) -> Unanswered {
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => timed_out(who),
        _ if is_closed(error) => Unanswered::Closed { who },
        io::ErrorKind::ConnectionRefused => Unanswered::Refused,
        _ => Unanswered::Other(error.to_string()),
    }
}

fn timed_out(who: &'static str) -> Unanswered {
    Unanswered::TimedOut { who, limit: LIMIT }
}
