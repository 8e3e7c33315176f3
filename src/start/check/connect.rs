//! `hoopstart --check --connect`: takes the same steps to the gateway as an agent, up to the one where an agent shows
//! its key. Instead, it asks for something that a gateway tells everyone.

use crate::os::environment::Environment;
use crate::os::tls;
use crate::start::check::dial::{Timed, connect, is_closed, resolve, unanswered};
use crate::start::check::http2::{Answer, Question};
use crate::start::check::report::Fact;
use crate::start::check::transport::{Tls, Transport};
use crate::start::fault::gateway::{GatewayFault, TlsCause, TlsRemedy};
use crate::start::fault::peer::Peer;
use crate::start::plan::credential::Gateway;
use crate::text;
use rustls::pki_types::ServerName;
use rustls::{AlertDescription, CertificateError, ClientConnection, Error as TlsError, StreamOwned};
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::sync::Arc;

/// The protocol that agents offer in the handshake.
const ALPN: &[u8] = b"h2";

/// From this release on, agents refuse a server that does not agree on [`ALPN`], as gRPC for Go does from 1.67 on
/// (<https://github.com/grpc/grpc-go/releases/tag/v1.67.0>).
const WANTS_ALPN: (u64, u64, u64) = (1, 34, 37);

/// A method of the gateway that needs no credentials. A gateway that is too old to have it answers that the method is
/// unknown, and so confirms its service (<https://github.com/hoophq/hoop/blob/main/common/proto/transport.proto>).
const HEALTH_CHECK: &str = "/protobuf.Transport/HealthCheck";

/// Statuses of gRPC (<https://grpc.github.io/grpc/core/md_doc_statuscodes.html>).
const OK: &str = "0";
const UNIMPLEMENTED: &str = "12";
const UNAUTHENTICATED: &str = "16";

/// How far a check has come.
pub(crate) struct Reach {
    /// What each step has found.
    pub(crate) facts: Vec<Fact>,
    /// What stopped it.
    pub(crate) fault: Option<GatewayFault>,
}

/// Resolves the name of `gateway`, connects, makes a TLS handshake if the agent does, and asks for an answer.
pub(crate) fn reach(gateway: &Gateway, transport: &Transport, environment: &Environment) -> Reach {
    let mut facts = Vec::new();
    // The variables that the agent's gRPC library reads, in its order.
    if let Some(name) = ["HTTPS_PROXY", "https_proxy"]
        .into_iter()
        .find(|name| environment.text(name).is_some())
    {
        facts.push(Fact::Proxy(name));
    }
    let fault = take_steps(gateway, transport, environment, &mut facts).err();
    Reach { facts, fault }
}

/// Takes the steps, and adds what each finds to `facts`.
fn take_steps(
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
            steps.ask(&mut { stream })?
        }
        Some(tls) => {
            let mut stream = steps.handshake(stream, tls, environment, facts)?;
            stream.sock.begin_step();
            steps.ask(&mut stream)?
        }
    };
    facts.push(answer);
    Ok(())
}

/// The steps that follow the connection.
struct Steps<'a> {
    gateway: &'a Gateway,
    transport: &'a Transport,
    addresses: &'a [IpAddr],
}

impl Steps<'_> {
    /// Makes the TLS handshake over `stream`.
    fn handshake(
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

    /// The TLS connection that the agent would make.
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

    /// Why a handshake failed. `first` are the first bytes that came.
    fn failed_handshake(&self, error: &io::Error, first: &[u8]) -> GatewayFault {
        // A TLS record begins with its type and the major version.
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
                    // The latter: an authority with the name of a trusted one, and another key.
                    CertificateError::UnknownIssuer | CertificateError::BadSignature => TlsRemedy::Authority,
                    _ => TlsRemedy::Gateway,
                };
                (TlsCause::Refused(error.to_string()), remedy)
            }
            _ => (TlsCause::Lost(unanswered(error, "the gateway")), TlsRemedy::Gateway),
        };
        self.no_tls(cause, remedy)
    }

    /// Asks for an answer that only a gateway gives.
    fn ask(&self, stream: &mut (impl Read + Write)) -> Result<Fact, GatewayFault> {
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
                Peer::Silent if self.expects_tls() => self.mismatch(false),
                peer => self.other(peer),
            }),
            Err(error) if is_closed(&error) && self.expects_tls() => Err(self.mismatch(false)),
            Err(error) => Err(self.other(Peer::Lost(unanswered(&error, "it")))),
        }
    }

    /// Whether a server that closed a connection in plain text answers a TLS handshake, as a gateway with TLS does.
    fn expects_tls(&self) -> bool {
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

    /// Judges by its headers whether an answer comes from a gateway.
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
        // The head of a SETTINGS frame, the first one of HTTP/2.
        [0, _, _, 4, ..] => Peer::Http2,
        _ if first.starts_with(b"HTTP/1") => Peer::Http1,
        _ if first.starts_with(b"SSH-") => Peer::Ssh,
        _ => Peer::Unknown(String::from_utf8_lossy(first).into_owned()),
    }
}
