//! The agent's output as lines of the app's log: whole, prefixed, harmless, without the key.

use crate::secret::Secret;
use std::fmt::Write as _;

/// The longest line that is passed on, in bytes. Longer ones are cut: log drains have limits of their own, at
/// 10,000 bytes and more (<https://devcenter.heroku.com/articles/logplex>).
const LINE_LIMIT: usize = 16 * 1024;

/// What stands in the place of a secret.
const MASK: &str = "****";

/// Makes lines from the bytes of one agent process.
#[derive(Debug)]
pub(super) struct Lines {
    prefix: String,
    line: Vec<u8>,
    /// Whether the rest of a line that is too long is being dropped.
    dropping: bool,
}

impl Lines {
    /// Begins with no bytes. `connection` is named where there are several agents to tell apart.
    pub(super) fn new(connection: Option<&str>) -> Self {
        Self {
            prefix: match connection {
                Some(name) => format!("hoop:{} | ", crate::text::visible(name)),
                None => "hoop | ".to_owned(),
            },
            line: Vec::new(),
            dropping: false,
        }
    }

    /// Takes in `bytes` and appends each line that is now whole to `log`.
    pub(super) fn push(&mut self, bytes: &[u8], masks: &[Secret], log: &mut String) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (content, is_end) = match piece.strip_suffix(b"\n") {
                Some(content) => (content, true),
                None => (piece, false),
            };
            if !self.dropping {
                let room = LINE_LIMIT - self.line.len();
                self.line.extend_from_slice(&content[..content.len().min(room)]);
                if content.len() > room {
                    self.end_line(masks, log, true);
                    self.dropping = true;
                }
            }
            if is_end {
                if !self.dropping {
                    self.end_line(masks, log, false);
                }
                self.dropping = false;
            }
        }
    }

    /// Ends a last line that has no line end.
    pub(super) fn finish(&mut self, masks: &[Secret], log: &mut String) {
        if !self.line.is_empty() {
            self.end_line(masks, log, false);
        }
    }

    /// Appends the line to `log`.
    fn end_line(&mut self, masks: &[Secret], log: &mut String, is_cut: bool) {
        let mut text = String::from_utf8_lossy(&self.line).into_owned();
        self.line.clear();
        if text.ends_with('\r') {
            text.pop();
        }
        for mask in masks {
            text = text.replace(mask.expose(), MASK);
            if is_cut {
                drop_beginning_of(mask, &mut text);
            }
        }
        log.push_str(&self.prefix);
        for character in text.chars() {
            if character.is_control() && character != '\t' {
                // Writing to a String cannot fail.
                let _ = write!(log, "{}", character.escape_default());
            } else {
                log.push(character);
            }
        }
        if is_cut {
            let _ = write!(log, " [cut by hoopstart after {LINE_LIMIT} bytes]");
        }
        log.push('\n');
    }
}

/// Takes off the end of `text` what may be the beginning of `mask`, cut in the middle.
fn drop_beginning_of(mask: &Secret, text: &mut String) {
    let secret = mask.expose();
    let longest = secret
        .char_indices()
        .map(|(end, _)| end)
        .rev()
        .find(|end| *end > 0 && text.ends_with(&secret[..*end]));
    if let Some(length) = longest {
        text.truncate(text.len() - length);
        text.push_str(MASK);
    }
}

#[cfg(test)]
mod tests {
    use super::{LINE_LIMIT, Lines};
    use crate::secret::Secret;
    use proptest::prelude::*;

    /// Returns the log of `pieces`, as they come one after the other.
    fn log(pieces: &[&[u8]], masks: &[&str]) -> String {
        let masks: Vec<Secret> = masks.iter().map(|mask| Secret::new(*mask)).collect();
        let (mut lines, mut log) = (Lines::new(None), String::new());
        for piece in pieces {
            lines.push(piece, &masks, &mut log);
        }
        lines.finish(&masks, &mut log);
        log
    }

    #[test]
    fn lines_are_whole_and_prefixed_however_the_bytes_come() {
        assert_eq!(
            log(&[b"one\ntw", b"o\n", b"\nlast"], &[]),
            "hoop | one\nhoop | two\nhoop | \nhoop | last\n"
        );

        let mut text = String::new();
        Lines::new(Some("orders-db")).push(b"ready\r\n", &[], &mut text);
        assert_eq!(text, "hoop:orders-db | ready\n");
    }

    #[test]
    fn control_characters_are_spelled_out_and_bad_utf8_is_replaced() {
        assert_eq!(
            log(&[b"a\tb\x1b[31m\x07 \xff\n"], &[]),
            "hoop | a\tb\\u{1b}[31m\\u{7} \u{fffd}\n"
        );
    }

    #[test]
    fn keys_are_masked_also_across_pieces() {
        assert_eq!(log(&[b"key=abcd", b"efgh!\n"], &["abcdefgh"]), "hoop | key=****!\n");
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_and_says_so() {
        let mut long = vec![b'x'; LINE_LIMIT + 5];
        long.extend(b"\nnext\n");
        let text = log(&[&long[..100], &long[100..]], &[]);

        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].ends_with("xxx [cut by hoopstart after 16384 bytes]"));
        assert_eq!(lines[1], "hoop | next");
    }

    #[test]
    fn a_key_is_masked_also_where_the_cut_goes_through_it() {
        let mut long = vec![b'x'; LINE_LIMIT - 4];
        long.extend(b"secret-key and more\n");

        assert!(log(&[&long], &["secret-key"]).contains("xxx**** [cut"));
    }

    proptest! {
        #[test]
        fn any_bytes_become_prefixed_lines_without_the_key(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..8),
            key in "[a-z]{8}",
            at in 0..8_usize,
        ) {
            let mut pieces = pieces;
            pieces.insert(at.min(pieces.len()), key.clone().into_bytes());
            let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
            let log = log(&pieces, &[&key]);
            prop_assert!(!log.contains(&key));
            for line in log.lines() {
                prop_assert!(line.starts_with("hoop | "));
                prop_assert!(!line.chars().any(|c| c.is_control() && c != '\t'));
            }
        }
    }
}
