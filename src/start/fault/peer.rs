//! What answers in place of the gateway, or why nothing does.

use crate::text;
use std::fmt;
use std::time::Duration;

/// A peer that is not the gateway's gRPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// It closes the connection without an answer.
    Silent,
    Http1,
    Http2,
    Tls,
    Ssh,
    /// Something that begins with this text.
    Unknown(String),
    /// Something else where TLS was expected.
    NotTls(Box<Peer>),
    /// TLS, but not HTTP/2.
    NoHttp2,
    /// TLS without the ALPN that agents require.
    NoAlpn,
    /// HTTP/2 with a flaw.
    Broken(Broken),
    OtherService,
    GrpcStatus {
        status: String,
        message: String,
    },
    /// HTTP/2 without gRPC.
    HttpStatus(String),
    /// The connection broke.
    Lost(Unanswered),
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Peer::Silent => "it closes the connection without an answer",
            Peer::Http1 => "it speaks HTTP/1, as the gateway's API does",
            Peer::Http2 => "it speaks HTTP/2",
            Peer::Tls => "it speaks TLS",
            Peer::Ssh => "it speaks SSH",
            Peer::Unknown(first) => return write!(f, "it begins with {}", text::quoted(first, 40)),
            Peer::NotTls(peer) => return write!(f, "it does not speak TLS: {peer}"),
            Peer::NoHttp2 => "it speaks TLS, but not HTTP/2",
            Peer::NoAlpn => "it does not agree on a protocol in the handshake (ALPN h2), which the agent requires",
            Peer::Broken(broken) => {
                let broken = text::excerpt(&broken.to_string(), 120);
                return write!(f, "it speaks HTTP/2, but {broken}");
            }
            Peer::OtherService => "it speaks gRPC, but is another service",
            Peer::GrpcStatus { status, message } => {
                let (status, message) = (text::excerpt(status, 8), text::quoted(message, 100));
                return write!(f, "it speaks gRPC, but answers with status {status} and {message}");
            }
            Peer::HttpStatus(status) => {
                let status = text::excerpt(status, 8);
                return write!(
                    f,
                    "it answers with HTTP status {status} and no gRPC, as the gateway's API or a web server does"
                );
            }
            Peer::Lost(unanswered) => return unanswered.fmt(f),
        })
    }
}

/// How HTTP/2 can go wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// A frame of this number of bytes, more than was agreed on.
    LongFrame(usize),
    /// The end of the connection, with this text.
    GoAway(String),
    /// The end of the call, with this error code.
    Reset(u8),
    UnreadableHeaders,
    EndlessFrames,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Broken::LongFrame(length) => return write!(f, "it sends a frame of {length} bytes"),
            Broken::GoAway(reason) if reason.is_empty() => "it ended the connection",
            Broken::GoAway(reason) => return write!(f, "it ended the connection ({reason})"),
            Broken::Reset(code) => return write!(f, "it refused the call with error {code}"),
            Broken::UnreadableHeaders => "it sends headers that cannot be read",
            Broken::EndlessFrames => "it keeps sending frames without an answer",
        })
    }
}

/// Why there is no answer from `who`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unanswered {
    TimedOut {
        who: &'static str,
        limit: Duration,
    },
    Closed {
        who: &'static str,
    },
    Refused,
    /// The name servers know no such name.
    NoName,
    /// The name servers know no address for the name.
    NoAddress,
    Other(String),
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unanswered::TimedOut { who, limit } => {
                return write!(f, "no answer from {who} within {} s", limit.as_secs());
            }
            Unanswered::Closed { who } => return write!(f, "{who} closed the connection"),
            Unanswered::Refused => "connection refused",
            Unanswered::NoName => "there is no such name",
            Unanswered::NoAddress => "the name has no address",
            Unanswered::Other(cause) => cause,
        })
    }
}
