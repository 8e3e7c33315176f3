//! How many sessions an agent serves, as far as its log says.
//!
//! Agents of all releases log at level info when a session begins and when it is cleaned up, with its id: as a field
//! `sid`, or in older ones in the message itself (`agent/controller/agent.go` of <https://github.com/hoophq/hoop>).

use std::collections::BTreeSet;

/// What an agent logs when a session begins.
const BEGINS: &str = "received connect request";

/// What it logs when one has ended.
const ENDS: &str = "cleaning up session";

/// What it logs when its stream to the gateway is over, and with it every session, or when it has a new one.
const ALL_END: [&str; 2] = ["shutting down agent controller", "connected with success to "];

/// How many sessions are counted at most; above that there is at least one.
const LIMIT: usize = 1024;

/// How much of a line is looked at. What tells a session is far below.
const LINE_LIMIT: usize = 1024;

/// The sessions that have begun and not ended.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    open: BTreeSet<String>,
    line: Vec<u8>,
}

impl Sessions {
    /// Takes in what the agent has written.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = LINE_LIMIT - self.line.len();
            self.line.extend_from_slice(&piece[..piece.len().min(room)]);
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                self.line(&String::from_utf8_lossy(&line));
                self.line = line;
                self.line.clear();
            }
        }
    }

    /// Takes in a line of the agent.
    fn line(&mut self, line: &str) {
        // Only the agent's own message: what a session's user types is in other fields, and has its quotes escaped.
        let Some(message) = field(line, "msg") else {
            return;
        };
        if ALL_END.iter().any(|text| message.starts_with(text)) {
            self.open.clear();
            return;
        }
        let (id, message) = match message.strip_prefix("session=").and_then(|rest| rest.split_once(" - ")) {
            Some(parts) => parts,
            None => (field(line, "sid").unwrap_or_default(), message),
        };
        if message == BEGINS && self.open.len() < LIMIT {
            self.open.insert(id.to_owned());
        } else if message == ENDS {
            self.open.remove(id);
        }
    }

    /// Returns how many there are.
    pub(super) fn count(&self) -> usize {
        self.open.len()
    }
}

/// Returns the text of a field of a line of JSON, up to the first quote.
fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let begin = format!("\"{name}\":\"");
    let (_, rest) = line.split_once(&begin)?;
    rest.split_once('"').map(|(value, _)| value)
}

#[cfg(test)]
mod tests {
    use super::Sessions;

    fn count(lines: &[&str]) -> usize {
        let mut sessions = Sessions::default();
        for line in lines {
            // In pieces, as a pipe may give them.
            let (begin, end) = line.split_at(line.len() / 2);
            for piece in [begin, end, "\n"] {
                sessions.push(piece.as_bytes());
            }
        }
        sessions.count()
    }

    const OLD: [&str; 2] = [
        r#"{"level":"info","timestamp":"t","logger":"controller/agent.go:156","msg":"session=5701046A - received connect request"}"#,
        r#"{"level":"info","timestamp":"t","logger":"controller/agent.go:261","msg":"session=5701046A - cleaning up session"}"#,
    ];
    const NEW: [&str; 2] = [
        r#"{"level":"info","timestamp":"t","logger":"controller/agent.go:388","msg":"received connect request","sid":"b1"}"#,
        r#"{"level":"info","timestamp":"t","logger":"controller/agent.go:488","msg":"cleaning up session","sid":"b1"}"#,
    ];

    #[test]
    fn a_session_is_open_from_its_request_to_its_cleaning_up() {
        for [begin, end] in [OLD, NEW] {
            assert_eq!(count(&[begin]), 1);
            assert_eq!(count(&[begin, begin]), 1);
            assert_eq!(count(&[begin, end]), 0);
            // Once for each of its connections.
            assert_eq!(count(&[begin, end, end]), 0);
        }
        assert_eq!(count(&[OLD[0], NEW[0], OLD[1]]), 1);
    }

    #[test]
    fn with_the_stream_all_sessions_are_over() {
        for line in [
            r#"{"level":"info","msg":"shutting down agent controller"}"#,
            r#"{"level":"info","msg":"connected with success to grpcs://gateway.example:8443"}"#,
        ] {
            assert_eq!(count(&[OLD[0], NEW[0], line]), 0, "{line}");
        }
    }

    #[test]
    fn what_a_user_types_is_no_message_of_the_agent() {
        let typed =
            r#"{"level":"debug","msg":"stdin","input":"\"msg\":\"shutting down agent controller\"","sid":"b1"}"#;
        assert_eq!(count(&[NEW[0], typed]), 1);
        let long = "x".repeat(100_000);
        for line in ["", "{", "{\"msg\":\"", "received connect request", &long] {
            assert_eq!(count(&[line]), 0, "{line}");
            assert_eq!(count(&[line, NEW[0]]), 1, "the next line is a line of its own");
        }
    }
}
