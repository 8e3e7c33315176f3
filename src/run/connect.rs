//! `hoopstart --check --connect`: goes the way that an agent goes to its gateway, step by step, up to where it would
//! show its key.

use super::credential::Gateway;
use super::fault::Fault;
use crate::environment::Environment;
use crate::text;
use crate::tls;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use hickory_resolver::net::NetError;
use hickory_resolver::{ResolverBuilder, TokioResolver};
use rustls::ClientConnection;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// How long each step waits for an answer. A gateway that is well answers in a tenth of it, and a person waits.
const LIMIT: Duration = Duration::from_secs(5);

/// What agents ask for in the handshake; a server of gRPC may refuse whoever does not.
const ALPN: &[u8] = b"h2";

/// The certificate authority to trust in place of the system's: PEM text, or `file://` and a path, or `base64://`
/// and a PEM text in that form.
const CA: &str = "HOOP_TLSCA";

/// The name that the gateway's certificate must have, where it is not the host's.
const SERVER_NAME: &str = "HOOP_TLSSERVERNAME";

/// Where it is `true`, an agent accepts any certificate.
const SKIP_VERIFY: &str = "HOOP_TLS_SKIP_VERIFY";

/// How far it is to the gateway.
pub(super) struct Reach {
    /// What was found at each step: its name, and the fact.
    pub(super) facts: Vec<(&'static str, String)>,
    /// Where it ended, if not at the gateway.
    pub(super) fault: Option<Fault>,
}

/// Resolves the name of `gateway`, connects, and shakes TLS hands.
pub(super) fn reach(gateway: &Gateway, environment: &Environment) -> Reach {
    let mut facts = Vec::new();
    // The variable that an agent's gRPC library reads, in the order in which it does.
    if let Some(name) = ["HTTPS_PROXY", "https_proxy"]
        .into_iter()
        .find(|name| environment.text(name).is_some())
    {
        facts.push((
            "proxy",
            format!("{name} is set: the agent may go through it, this check goes straight"),
        ));
    }
    let fault = walk(gateway, environment, &mut facts).err();
    Reach { facts, fault }
}

/// Takes the steps, and notes what each has found.
fn walk(gateway: &Gateway, environment: &Environment, facts: &mut Vec<(&'static str, String)>) -> Result<(), Fault> {
    let addresses = resolve(&gateway.host).map_err(|cause| Fault::GatewayUnresolved {
        host: text::visible(&gateway.host),
        cause: text::excerpt(&cause, 120),
    })?;
    let listed: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    facts.push(("resolved", listed.join(", ")));

    let stream = connect(&addresses, gateway.port).map_err(|cause| Fault::GatewayUnreachable {
        place: gateway.to_string(),
        cause,
    })?;
    if let Ok(peer) = stream.peer_addr() {
        facts.push(("connected", peer.to_string()));
    }

    if !gateway.tls {
        facts.push(("handshake", "none, the key asks for plain text".to_owned()));
    } else if environment.text(SKIP_VERIFY) == Some("true") {
        facts.push(("handshake", format!("not tried, {SKIP_VERIFY} accepts any certificate")));
    } else {
        let protocol = shake_hands(stream, gateway, environment).map_err(|cause| Fault::GatewayTls {
            place: gateway.to_string(),
            cause: text::excerpt(&cause, 200),
        })?;
        facts.push(("handshake", format!("{protocol}, certificate accepted")));
    }
    Ok(())
}

/// Looks `host` up as the build does: not by the C library, which cannot from a static program.
fn resolve(host: &str) -> Result<Vec<IpAddr>, String> {
    if let Ok(address) = host.trim_matches(['[', ']']).parse() {
        return Ok(vec![address]);
    }
    let words = |error: NetError| match () {
        () if error.is_nx_domain() => "there is no such name".to_owned(),
        () if error.is_no_records_found() => "the name has no address".to_owned(),
        () => error.to_string(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let resolver = TokioResolver::builder_tokio().and_then(ResolverBuilder::build);
        let resolver = resolver.map_err(words)?;
        let lookup = tokio::time::timeout(LIMIT, resolver.lookup_ip(host)).await;
        let lookup = lookup.map_err(|_| no_answer("the name servers"))?;
        Ok(lookup.map_err(words)?.iter().collect())
    })
}

/// Connects to the first of `addresses` that answers.
fn connect(addresses: &[IpAddr], port: u16) -> Result<TcpStream, String> {
    let mut causes = Vec::new();
    let limit = LIMIT / u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX);
    for address in addresses {
        let address = SocketAddr::new(*address, port);
        match TcpStream::connect_timeout(&address, limit) {
            Ok(stream) => return Ok(stream),
            Err(error) => causes.push(format!("{address}: {}", words(&error, "it"))),
        }
    }
    Err(causes.join(", "))
}

/// Shakes hands over `stream`, and returns the protocol.
fn shake_hands(mut stream: TcpStream, gateway: &Gateway, environment: &Environment) -> Result<&'static str, String> {
    let mut config = tls::client_config(roots(environment)?);
    config.alpn_protocols = vec![ALPN.to_vec()];
    let name = environment
        .text(SERVER_NAME)
        .unwrap_or(&gateway.host)
        .trim_matches(['[', ']']);
    let name = ServerName::try_from(name.to_owned()).map_err(|error| error.to_string())?;
    let mut connection = ClientConnection::new(Arc::new(config), name).map_err(|error| error.to_string())?;
    let told = |error: io::Error| words(&error, "the gateway");
    stream.set_read_timeout(Some(LIMIT)).map_err(told)?;
    stream.set_write_timeout(Some(LIMIT)).map_err(told)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream).map_err(told)?;
    }
    Ok(match connection.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_2) => "TLS 1.2",
        _ => "TLS 1.3",
    })
}

/// Returns the certificates that an agent would trust.
fn roots(environment: &Environment) -> Result<RootCertStore, String> {
    let Some(value) = environment.text(CA) else {
        return tls::system_roots();
    };
    let pem = match (value.strip_prefix("file://"), value.strip_prefix("base64://")) {
        (Some(path), _) => std::fs::read(path).map_err(|error| format!("{CA} names {path}: {error}"))?,
        (_, Some(text)) => BASE64_STANDARD.decode(text).map_err(|error| format!("{CA}: {error}"))?,
        (None, None) => value.as_bytes().to_vec(),
    };
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&pem).flatten().collect();
    let roots = tls::roots_of(certificates);
    if roots.is_empty() {
        return Err(format!("{CA} holds no certificate"));
    }
    Ok(roots)
}

/// Returns `error` in words, where `who` was to answer.
fn words(error: &io::Error, who: &str) -> String {
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => no_answer(who),
        io::ErrorKind::UnexpectedEof => format!("{who} closed the connection"),
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        _ => error.to_string(),
    }
}

fn no_answer(who: &str) -> String {
    format!("no answer from {who} within {} s", LIMIT.as_secs())
}
