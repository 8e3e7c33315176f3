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
