//! One question in HTTP/2 (<https://www.rfc-editor.org/rfc/rfc9113>), and the answer, whoever gives it.

use crate::start::check::hpack::{self, Field};
use crate::start::fault::peer::Broken;
use std::io::{self, Read, Write};

/// What a client sends first.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Types of frames.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GO_AWAY: u8 = 7;
const CONTINUATION: u8 = 9;

/// Flags of frames.
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const PRIORITY: u8 = 0x20;

/// The most bytes in a frame, unless both sides agree on more.
const LONGEST_FRAME: usize = 16_384;

/// The most bytes of headers that are read.
const LONGEST_HEADERS: usize = 65_536;

/// The most frames that are read: an answer to such a question has six.
const MOST_FRAMES: usize = 64;

/// A question without secrets: a gRPC call with an empty message.
pub(crate) struct Question<'a> {
    /// The host and port.
    pub(crate) authority: &'a str,
    /// Whether the connection is encrypted.
    pub(crate) is_tls: bool,
    /// The method.
    pub(crate) path: &'a str,
}

/// What answers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// HTTP/2, with these headers and trailers.
    Headers(Vec<Field>),
    /// HTTP/2 that went wrong.
    Broken(Broken),
    /// Something else: its first bytes, if any.
    Other(Vec<u8>),
}

impl Question<'_> {
    /// Asks, and waits for headers and trailers.
    pub(crate) fn ask(&self, peer: &mut (impl Read + Write)) -> io::Result<Answer> {
        let mut hello = PREFACE.to_vec();
        // SETTINGS_HEADER_TABLE_SIZE is 0, and the server must not push.
        frame(&mut hello, SETTINGS, 0, 0, &[0, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0]);
        frame(&mut hello, HEADERS, END_HEADERS, 1, &self.headers());
        // One message that is uncompressed and empty.
        frame(&mut hello, DATA, END_STREAM, 1, &[0; 5]);
        // A peer that answers first, or closes at once, may still have said something.
        let sent = peer.write_all(&hello).and_then(|()| peer.flush());
        let mut first = [0; 9];
        let count = read_as_much(peer, &mut first);
        let is_http2 = matches!(count, Ok(9)) && is_settings(&first);
        match (is_http2, count) {
            (true, _) => {}
            (false, Err(error)) => return Err(error),
            (false, Ok(0)) => return sent.map(|()| Answer::Other(Vec::new())),
            (false, Ok(count)) => return Ok(Answer::Other(first[..count].to_vec())),
        }
        Conversation::default().listen(peer, first)
    }

    fn headers(&self) -> Vec<u8> {
        let mut block = Vec::new();
        hpack::encode_whole(&mut block, 3); // :method POST
        hpack::encode_whole(&mut block, if self.is_tls { 7 } else { 6 }); // :scheme
        hpack::encode_indexed(&mut block, 4, self.path);
        hpack::encode_indexed(&mut block, 1, self.authority);
        hpack::encode(&mut block, "te", "trailers");
        hpack::encode_indexed(&mut block, 31, "application/grpc");
        hpack::encode_indexed(&mut block, 58, concat!("hoopstart/", env!("CARGO_PKG_VERSION")));
        block
    }
}

/// What has been received.
#[derive(Default)]
struct Conversation {
    fields: Vec<Field>,
    block: Vec<u8>,
    /// Whether the current block of headers is the last one.
    is_last: bool,
}

impl Conversation {
    /// Reads frames until the answer is complete. `head` is the head of the first frame.
    fn listen(mut self, peer: &mut (impl Read + Write), mut head: [u8; 9]) -> io::Result<Answer> {
        for _ in 0..MOST_FRAMES {
            let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
            let [_, _, _, kind, flags, stream @ ..] = head;
            if length > LONGEST_FRAME {
                return Ok(Answer::Broken(Broken::LongFrame(length)));
            }
            let mut content = vec![0; length];
            peer.read_exact(&mut content)?;
            match kind {
                SETTINGS if flags & ACK == 0 => confirm(peer, SETTINGS, &[]),
                PING if flags & ACK == 0 => confirm(peer, PING, &content),
                GO_AWAY => {
                    let reason = String::from_utf8_lossy(content.get(8..).unwrap_or_default());
                    return Ok(Answer::Broken(Broken::GoAway(reason.trim_end().to_owned())));
                }
                RESET => {
                    let code = content.last().copied().unwrap_or_default();
                    return Ok(Answer::Broken(Broken::Reset(code)));
                }
                HEADERS | CONTINUATION if stream == [0, 0, 0, 1] => {
                    if !self.take_headers(kind, flags, &content) {
                        return Ok(Answer::Broken(Broken::UnreadableHeaders));
                    }
                    if flags & END_HEADERS != 0 && self.is_complete() {
                        return Ok(Answer::Headers(self.fields));
                    }
                }
                DATA if flags & END_STREAM != 0 => return Ok(Answer::Headers(self.fields)),
                _ => {}
            }
            peer.read_exact(&mut head)?;
        }
        Ok(Answer::Broken(Broken::EndlessFrames))
    }

    /// Takes a part of a block of headers. False if it cannot be read.
    fn take_headers(&mut self, kind: u8, flags: u8, content: &[u8]) -> bool {
        let mut piece = content;
        if kind == HEADERS {
            self.block.clear();
            self.is_last = flags & END_STREAM != 0;
            if flags & PADDED != 0 {
                let Some((padding, rest)) = piece.split_first() else {
                    return false;
                };
                let Some(length) = rest.len().checked_sub(usize::from(*padding)) else {
                    return false;
                };
                piece = &rest[..length];
            }
            if flags & PRIORITY != 0 {
                let Some((_, rest)) = piece.split_at_checked(5) else {
                    return false;
                };
                piece = rest;
            }
        }
        self.block.extend_from_slice(piece);
        if self.block.len() > LONGEST_HEADERS {
            return false;
        }
        if flags & END_HEADERS == 0 {
            return true;
        }
        hpack::decode(&self.block)
            .map(|fields| self.fields.extend(fields))
            .is_some()
    }

    /// Whether nothing that matters can follow: trailers are the last part of a gRPC call, and other answers have none.
    fn is_complete(&self) -> bool {
        let is_grpc = |(name, value): &Field| name == "content-type" && value.starts_with("application/grpc");
        self.is_last || !self.fields.iter().any(is_grpc)
    }
}

/// Confirms a frame of the peer.
fn confirm(peer: &mut impl Write, kind: u8, content: &[u8]) {
    let mut bytes = Vec::new();
    frame(&mut bytes, kind, ACK, 0, content);
    // A peer may have left after its last word.
    let _ = peer.write_all(&bytes).and_then(|()| peer.flush());
}

/// Whether `head` belongs to the frame that every server sends first.
fn is_settings(head: &[u8; 9]) -> bool {
    let length = usize::from(head[1]) << 8 | usize::from(head[2]);
    head[0] == 0 && length <= LONGEST_FRAME && length.is_multiple_of(6) && head[3..] == [SETTINGS, 0, 0, 0, 0, 0]
}

/// Appends a frame.
fn frame(bytes: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, content: &[u8]) {
    let length = u32::try_from(content.len()).unwrap_or(u32::MAX).to_be_bytes();
    bytes.extend_from_slice(&length[1..]);
    bytes.extend_from_slice(&[kind, flags]);
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(content);
}

/// Fills `bytes` as far as possible, and returns how far.
fn read_as_much(peer: &mut impl Read, bytes: &mut [u8]) -> io::Result<usize> {
    let mut count = 0;
    while count < bytes.len() {
        match peer.read(&mut bytes[count..]) {
            Ok(0) => break,
            Ok(more) => count += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // The rest is missing, but the beginning says enough.
            Err(_) if count > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}
