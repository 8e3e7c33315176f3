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
mod tests {
    use super::{Sign, Trouble};
    use crate::start::log::record::Record;

    const GATEWAY: &str = "gateway.example:8443";

    fn trouble(message: &str) -> Trouble {
        let line = format!(
            "{{\"level\":\"info\",\"msg\":\"{}\",\"backoff\":\"8s\"}}",
            message.replace('\\', "\\\\").replace('"', "\\\"")
        );
        match Sign::of(&Record::read(&line, false).unwrap(), GATEWAY) {
            Sign::Trouble {
                trouble,
                tells_recovery: true,
            } => trouble,
            other => panic!("{message}: {other:?}"),
        }
    }

    #[test]
    fn every_reason_an_agent_gives_is_known() {
        use Trouble::{AlreadyConnected, KeyRejected, NameMissing, NameTaken};
        let name = |name: &str| NameTaken { name: name.to_owned() };
        for (message, expected) in [
            ("unauthenticated", KeyRejected),
            (
                "failed pre-connect, reason=rpc error: code = Unauthenticated desc = invalid authentication",
                KeyRejected,
            ),
            ("dsn is disabled or invalid, contact the administrator", KeyRejected),
            (
                "disconnected from h:1, err=rpc error: code = Unauthenticated desc = invalid authentication",
                KeyRejected,
            ),
            (
                "disconnected from h:1, reason=rpc error: code = FailedPrecondition desc = agent already connected",
                AlreadyConnected,
            ),
            (
                "disconnected from h:1, reason=rpc error: code = FailedPrecondition desc = missing connection-name \
                 attribute",
                NameMissing,
            ),
            (
                "fail connecting to server, reason=connection orders is not being managed by this process, choose \
                 another name",
                name("orders"),
            ),
            (
                "disconnected from h:1, reason=rpc error: code = InvalidArgument desc = connection orders is not \
                 managed by agent web",
                name("orders"),
            ),
        ] {
            assert_eq!(trouble(message), expected, "{message}");
        }
        let place = || GATEWAY.to_owned();
        for (message, inner) in [
            (
                concat!(
                    r#"failed to connect to h:1, reason=failed connecting to streaming RPC server, err=rpc error: "#,
                    r#"code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial "#,
                    r#"tcp 127.0.0.1:1: connect: connection refused""#,
                ),
                "Error while dialing: dial tcp 127.0.0.1:1: connect: connection refused",
            ),
            (
                "disconnected from h:1, reason=rpc error: code = Unavailable desc = error reading from server: EOF",
                "error reading from server: EOF",
            ),
            ("disconnected from h:1, reason=EOF", "EOF"),
            // A port that accepts and says nothing, without TLS and with it.
            (
                concat!(
                    r#"failed pre-connect, reason=rpc error: code = Unavailable desc = connection error: desc = "#,
                    r#""error reading server preface: raw-read tcp 10.0.0.2:5->10.0.0.3:1: use of closed network "#,
                    r#"connection""#,
                ),
                "error reading server preface: raw-read tcp 10.0.0.2:5->10.0.0.3:1: use of closed network connection",
            ),
            (
                concat!(
                    r#"failed pre-connect, reason=rpc error: code = Unavailable desc = connection error: desc = "#,
                    r#""transport: authentication handshake failed: context deadline exceeded""#,
                ),
                "authentication handshake failed: context deadline exceeded",
            ),
            ("disconnected from h:1", "disconnected from h:1"),
            ("context canceled", "context canceled"),
            (
                "failed connecting to api, err=Post \"https://h/api\": dial tcp 10.0.0.1:443: i/o timeout",
                "Post \"https://h/api\": dial tcp 10.0.0.1:443: i/o timeout",
            ),
        ] {
            let cause = inner.to_owned();
            assert_eq!(
                trouble(message),
                Trouble::Unreachable { place: place(), cause },
                "{message}"
            );
        }
        for (message, inner) in [
            (
                "failed pre-connect, reason=rpc error: code = Unavailable desc = name resolver error: produced zero \
                 addresses",
                "name resolver error: produced zero addresses",
            ),
            (
                concat!(
                    r#"failed pre-connect, reason=rpc error: code = Unavailable desc = connection error: desc = "#,
                    r#""transport: Error while dialing: dial tcp: lookup nope.example on 10.0.0.2:53: no such host""#,
                ),
                "Error while dialing: dial tcp: lookup nope.example on 10.0.0.2:53: no such host",
            ),
        ] {
            let cause = inner.to_owned();
            assert_eq!(
                trouble(message),
                Trouble::Unresolved { place: place(), cause },
                "{message}"
            );
        }
        for (message, inner) in [
            (
                concat!(
                    r#"failed to connect to h:1, reason=failed connecting to streaming RPC server, err=rpc error: "#,
                    r#"code = Unavailable desc = connection error: desc = "transport: authentication handshake "#,
                    r#"failed: tls: first record does not look like a TLS handshake""#,
                ),
                "authentication handshake failed: tls: first record does not look like a TLS handshake",
            ),
            (
                concat!(
                    r#"failed pre-connect, reason=rpc error: code = Unavailable desc = connection error: desc = "#,
                    r#""error reading server preface: EOF""#,
                ),
                "error reading server preface: EOF",
            ),
            (
                "failed to connect to h:1, reason=failed to append root CA into cert pool",
                "failed to append root CA into cert pool",
            ),
        ] {
            let cause = inner.to_owned();
            assert_eq!(trouble(message), Trouble::Tls { place: place(), cause }, "{message}");
        }
        for (message, inner) in [
            (
                concat!(
                    r#"failed pre-connect, reason=rpc error: code = Unavailable desc = connection error: desc = "#,
                    r#""error reading server preface: http2: failed reading the frame payload: http2: frame too "#,
                    r#"large, note that the frame header looked like an HTTP/1.1 header""#,
                ),
                "error reading server preface: http2: failed reading the frame payload: http2: frame too large, note \
                 that the frame header looked like an HTTP/1.1 header",
            ),
            (
                concat!(
                    r#"disconnected from h:1, reason=rpc error: code = Unimplemented desc = unexpected HTTP status "#,
                    r#"code received from server: 404 (Not Found); transport: received unexpected content-type "#,
                    r#""text/plain""#,
                ),
                concat!(
                    r#"unexpected HTTP status code received from server: 404 (Not Found); transport: received "#,
                    r#"unexpected content-type "text/plain"#,
                ),
            ),
        ] {
            let cause = crate::text::excerpt(inner, super::CAUSE);
            let other = Trouble::OtherService { place: place(), cause };
            assert_eq!(trouble(message), other, "{message}");
        }
        for (message, inner) in [
            ("fail connecting to server, reason=license expired", "license expired"),
            (
                "pre-connect status \"X\" not implement",
                "pre-connect status \"X\" not implement",
            ),
            (
                "disconnected from h:1, reason=rpc error: code = Internal desc = failed validating connection",
                "failed validating connection",
            ),
        ] {
            assert_eq!(
                trouble(message),
                Trouble::TurnedAway {
                    cause: inner.to_owned()
                },
                "{message}"
            );
        }
    }

    #[test]
    fn what_a_healthy_agent_says_of_its_workings_is_known_and_nothing_like_it() {
        let sign = |level: &str, message: &str| {
            let line = format!("{{\"level\":\"{level}\",\"msg\":\"{message}\"}}");
            Sign::of(&Record::read(&line, false).unwrap(), GATEWAY) == Sign::Workings
        };
        for (level, message, is_workings) in [
            ("info", "HOOP_GATEWAY_URL not set, skipping hoop_rs agent startup", true),
            ("info", "featureflagstate: updated 13 flags", true),
            (
                "warn",
                r#"DLP_MODE unknown value (\"\"), fallback to best-effort"#,
                true,
            ),
            (
                "info",
                "session=7a1f - dlp is unavailable for this connection, missing gcp credentials",
                true,
            ),
            (
                "info",
                "session=7a1f - connection params decoded with success, dlp-info-types=0",
                true,
            ),
            ("info", "[stdout] - done copying, written=274", true),
            ("info", "[stderr] - done copying, written=0", true),
            ("info", "closing process 13013 ...", true),
            // A value that somebody has set can be mended.
            (
                "warn",
                r#"DLP_MODE unknown value (\"stric\"), fallback to best-effort"#,
                false,
            ),
            ("error", "featureflagstate: updated 13 flags", false),
            ("warn", "featureflagstate: failed updating", false),
            ("info", "session=7a1f - sent gateway connect ok", false),
            (
                "info",
                "session=7a1f, tty=false, stdinsize=1 - executing command:/bin/sh",
                false,
            ),
            ("info", "exitcode=0 - err=", false),
            ("info", "agent started, args=0", false),
        ] {
            assert_eq!(sign(level, message), is_workings, "{message}");
        }
    }

    #[test]
    fn every_other_line_that_tells_a_state_is_known() {
        for (line, expected) in [
            (
                r#"{"level":"info","msg":"connected with success to h:1"}"#,
                Sign::Connected,
            ),
            (
                r#"{"level":"info","msg":"connecting to h:1, tls=true","backoff":"2s"}"#,
                Sign::Trying,
            ),
            (
                r#"{"level":"info","msg":"connecting to grpc server h:1"}"#,
                Sign::Trying,
            ),
            (
                r#"{"level":"info","msg":"shutting down agent controller"}"#,
                Sign::Closing,
            ),
            (
                r#"{"level":"info","msg":"received connect request","sid":"s1"}"#,
                Sign::SessionBegun("s1".into()),
            ),
            (
                r#"{"level":"info","msg":"session=s2 - received connect request"}"#,
                Sign::SessionBegun("s2".into()),
            ),
            (
                r#"{"level":"info","msg":"session=s2 - cleaning up session"}"#,
                Sign::SessionEnded("s2".into()),
            ),
            (
                r#"{"level":"fatal","msg":"HOOP_KEY is in wrong format, reason=invalid agent mode"}"#,
                Sign::Fatal,
            ),
            (r#"{"level":"error","msg":"missing HOOP_CONNECTION env"}"#, Sign::Error),
            (r#"{"level":"info","msg":"agent started, args=0"}"#, Sign::Other),
            (r#"{"level":"info","msg":"I am connecting to h"}"#, Sign::Other),
        ] {
            assert_eq!(
                Sign::of(&Record::read(line, false).unwrap(), GATEWAY),
                expected,
                "{line}"
            );
        }
        let silent = r#"{"level":"info","msg":"failed pre-connect, reason=EOF","version":"1.148.0"}"#;
        assert!(matches!(
            Sign::of(&Record::read(silent, false).unwrap(), GATEWAY),
            Sign::Trouble {
                tells_recovery: false,
                ..
            }
        ));
    }
}
