//! What a line of the agent's log says about its state.
//!
//! The messages are those of the agent's source, tags 1.14 to 1.148 (`agent/main.go`, `agent/controller/agent.go`),
//! and, in what stands behind `reason=` or `err=`, of the gateway's (`gateway/transport`) and of Go's gRPC.

use crate::start::fault::trouble::Trouble;
use crate::start::log::record::Record;
use crate::text;
use std::borrow::Cow;

/// How many characters of a cause are quoted.
const CAUSE: usize = 200;

/// What a line says about the agent's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sign<'a> {
    /// The agent is not connected, and will try again.
    Trouble {
        /// Why.
        trouble: Trouble,
        /// Whether it is of an agent that says when it has connected. The others are silent then.
        tells_recovery: bool,
    },
    /// The agent is connected.
    Connected,
    /// What an agent says before and after each try to connect.
    Trying,
    /// The stream to the gateway has ended, and all sessions with it.
    Closing,
    /// A session has begun.
    SessionBegun(Cow<'a, str>),
    /// A session has ended.
    SessionEnded(Cow<'a, str>),
    /// The agent ends, since it cannot work with what it was told.
    Fatal,
    /// Something failed. An agent of before 1.16 may end after it, with status 0.
    Error,
    /// What an agent that is well says of its inner workings, and nobody can act on.
    Workings,
    /// None of these.
    Other,
}

/// How a line begins by which an agent tells that it is not connected, or what it holds. Behind it stands why.
const TROUBLES: [&str; 12] = [
    "disconnected from ",
    "failed pre-connect, ",
    "fail connecting to server, ",
    "failed to connect to ",
    "failed connecting to gateway, ",
    "failed connecting to grpc gateway, ",
    "failed connecting to api, ",
    "api responded status=",
    "dsn is disabled or invalid",
    "unauthenticated",
    "context canceled",
    "pre-connect status ",
];

/// How a line begins that an agent writes at each try.
const TRIES: [&str; 5] = [
    "connecting to ",
    "waiting for connection request",
    "reseting backoff",
    "failed refreshing HOOP_SPIFFE_KEY_FILE",
    "webregister - connecting",
];

/// How a line begins that a healthy agent writes at its start or in a session, and that tells nobody anything: what is
/// off unless it was set, and what other lines say as well. Some have the session before them, `session=ID - `.
const WORKINGS: [&str; 8] = [
    "HOOP_GATEWAY_URL not set, skipping hoop_rs agent startup",
    "featureflagstate: updated ",
    // A warning at every session. Of a value that was set it can be acted on.
    "DLP_MODE unknown value (\"\"), fallback to best-effort",
    "dlp is unavailable for this connection, missing gcp credentials",
    "connection params decoded with success, ",
    "[stdout] - done copying, written=",
    "[stderr] - done copying, written=",
    "closing process ",
];

impl<'a> Sign<'a> {
    /// Reads a line. `gateway` is what the agent connects to.
    pub(crate) fn of(record: &Record<'a>, gateway: &str) -> Self {
        let message = &*record.message;
        if message.starts_with("connected with success to ") {
            return Sign::Connected;
        }
        if TROUBLES.iter().any(|begin| message.starts_with(begin)) {
            return Sign::Trouble {
                trouble: trouble(message, gateway),
                tells_recovery: record.text("backoff").is_some(),
            };
        }
        if TRIES.iter().any(|begin| message.starts_with(begin)) {
            return Sign::Trying;
        }
        if message == "shutting down agent controller" {
            return Sign::Closing;
        }
        if message.ends_with("received connect request") {
            return Sign::SessionBegun(session(record));
        }
        if message.ends_with("cleaning up session") {
            return Sign::SessionEnded(session(record));
        }
        let event = match message.strip_prefix("session=") {
            Some(rest) => rest.split_once(" - ").map_or(rest, |(_, event)| event),
            None => message,
        };
        if ["info", "warn"].contains(&record.level) && WORKINGS.iter().any(|begin| event.starts_with(begin)) {
            return Sign::Workings;
        }
        match record.level {
            "fatal" | "panic" => Sign::Fatal,
            "error" => Sign::Error,
            _ => Sign::Other,
        }
    }
}

/// The id of the session that a line is about: a member, and before 1.43 a part of the message.
fn session<'a>(record: &Record<'a>) -> Cow<'a, str> {
    record.text("sid").unwrap_or_else(|| {
        let id = record.message.strip_prefix("session=").unwrap_or_default();
        Cow::Owned(id.split(' ').next().unwrap_or_default().to_owned())
    })
}

/// Why an agent is not connected that says `message`.
fn trouble(message: &str, gateway: &str) -> Trouble {
    let has = |parts: &[&str]| parts.iter().any(|part| message.contains(part));
    if message == "unauthenticated" || has(&["code = Unauthenticated", "dsn is disabled or invalid", "status=401"]) {
        return Trouble::KeyRejected;
    }
    if has(&["agent already connected"]) {
        return Trouble::AlreadyConnected;
    }
    if has(&["missing connection-name attribute"]) {
        return Trouble::NameMissing;
    }
    for not_ours in [" is not being managed by this process", " is not managed by agent"] {
        if let Some((before, _)) = message.split_once(not_ours) {
            let name = before.rsplit_once("connection ").map_or(before, |(_, name)| name);
            let name = text::excerpt(name, CAUSE);
            return Trouble::NameTaken { name };
        }
    }
    let (place, cause) = (gateway.to_owned(), cause(message));
    // An HTTP server's answer: the port is another one than that of the gateway's gRPC, most often its API's.
    if has(&[
        "looked like an HTTP/1.1 header",
        "unexpected HTTP status code",
        "unexpected content-type",
    ]) {
        Trouble::OtherService { place, cause }
    } else if has(&["context deadline exceeded", "use of closed network connection"]) {
        // Nobody has answered, on whatever layer.
        Trouble::Unreachable { place, cause }
    } else if has(&[
        "authentication handshake failed",
        "x509: ",
        "tls: ",
        "error reading server preface",
        "HTTP response to HTTPS client",
        "root CA into cert pool",
    ]) {
        Trouble::Tls { place, cause }
    } else if has(&[
        "no such host",
        "produced zero addresses",
        "record lookup error",
        "server misbehaving",
        "dial tcp: lookup ",
    ]) {
        Trouble::Unresolved { place, cause }
    } else if has(&[
        "code = Unavailable",
        "code = DeadlineExceeded",
        "code = Canceled",
        "context canceled",
        "context deadline exceeded",
        "Client.Timeout",
        "dial tcp",
        "connection re",
        "EOF",
    ]) || (message.starts_with("disconnected from ") && !message.contains('='))
    {
        Trouble::Unreachable { place, cause }
    } else {
        Trouble::TurnedAway { cause }
    }
}

/// What a message says of the cause: the innermost, since what is around it is the same in all.
fn cause(message: &str) -> String {
    let inner = ["desc = ", "reason=", "err="]
        .iter()
        .find_map(|mark| Some(message.rsplit_once(mark)?.1))
        .unwrap_or(message);
    let inner = inner.trim_matches(['"', '\\', ' ']);
    let inner = inner.strip_prefix("transport: ").unwrap_or(inner);
    text::excerpt(inner, CAUSE)
}

#[cfg(test)]
mod tests;
