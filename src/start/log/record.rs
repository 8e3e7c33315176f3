//! One line of the agent's own log, and how it is shown.
//!
//! Without a terminal all agents, 1.14 to 1.148, log one JSON object a line, with the members `level`, `timestamp`,
//! `logger` and `msg` first, then what belongs to the message
//! (<https://github.com/hoophq/hoop/blob/main/common/log/log.go>). Only that form is read here, since a reader of all
//! of JSON is larger than the rest of the supervisor: a flat object, whose inner values are kept as they are.

use crate::secret::conceal::MASK;
use crate::secret::masks::{End, Masks};
use std::borrow::Cow;
use std::fmt::Write as _;

/// What the agent shows of its own workings, and nobody needs who looks after an app: when (the log has its own time),
/// where in its source, which release, and how long it will wait.
const DULL: [&str; 8] = [
    "level",
    "timestamp",
    "logger",
    "msg",
    "version",
    "stacktrace",
    "backoff",
    "current-backoff",
];

/// The member with what the user of a session has typed.
const INPUT: &str = "input";

/// What stands before the command line of a session, which its user may have had a part in.
const COMMAND: &str = "executing command:";

/// What stands in the place of what a session's user has typed.
const HIDDEN: &str = "(hidden)";

/// What stands before the gateway's address in the line of an agent that has connected.
const CONNECTED: &str = "connected with success to ";

/// The value of a member, as it stands in the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value<'a> {
    /// A string, without its quotation marks, escaped.
    Text(&'a str),
    /// Anything else.
    Other(&'a str),
    /// A value without its end.
    Unfinished(&'a str),
}

/// One line of the agent's log.
#[derive(Clone, Debug)]
pub(crate) struct Record<'a> {
    line: &'a str,
    /// How serious it is, by the agent's word: `info`, `warn`, `error`, `fatal`, `debug`.
    pub(crate) level: &'a str,
    /// What happened.
    pub(crate) message: Cow<'a, str>,
}

impl<'a> Record<'a> {
    /// Reads a line, also one that was cut. `None` means that it is none of the logger's.
    pub(crate) fn read(line: &'a str, is_cut: bool) -> Option<Self> {
        let (mut level, mut message) = (None, None);
        let is_whole = members(line, |name, value| match (name, value) {
            ("level", Value::Text(text)) => level = Some(text),
            ("msg", Value::Text(text)) => message = Some(unescaped(text)),
            // Of a line that was cut within its message.
            ("msg", Value::Unfinished(text)) => message = Some(unescaped(text.trim_start_matches('"'))),
            _ => {}
        });
        (is_whole || is_cut).then_some(())?;
        Some(Self {
            line,
            level: level?,
            message: message?,
        })
    }

    /// A member that is a string.
    pub(crate) fn text(&self, wanted: &str) -> Option<Cow<'a, str>> {
        let mut found = None;
        members(self.line, |name, value| match value {
            Value::Text(text) if name == wanted => found = Some(unescaped(text)),
            _ => {}
        });
        found
    }

    /// Appends it to `log`, for a person to read: the level where it is not `info`, the message, and what belongs to
    /// it. What a session's user has typed is shown only with `shows_input`. The line has been masked as it
    /// came; `masks` takes out what is a secret only now that it is no longer escaped.
    pub(crate) fn render(&self, shows_input: bool, masks: &Masks, log: &mut String) {
        match self.level {
            "info" => {}
            "warn" => log.push_str("warning: "),
            level => {
                push_visible(level, log);
                log.push_str(": ");
            }
        }
        let clean = |text: Cow<'a, str>| match text {
            // A part of the line.
            Cow::Borrowed(text) => Cow::Borrowed(text),
            Cow::Owned(text) => Cow::Owned(masks.apply(&text, End::Whole).into_owned()),
        };
        let message = clean(self.message.clone());
        if let Some(gateway) = message.strip_prefix(CONNECTED) {
            log.push_str("connected");
            push_member("gateway", gateway, log);
        } else {
            let shown = if shows_input { None } else { command(&message) };
            push_visible(shown.map_or(&*message, |end| &message[..end]).trim_end(), log);
            if shown.is_some() {
                let _ = write!(log, " {HIDDEN}");
            }
        }
        members(self.line, |name, value| {
            if DULL.contains(&name) || (name == INPUT && !shows_input) {
                return;
            }
            match value {
                Value::Text(text) => push_member(name, &clean(unescaped(text)), log),
                // Numbers and lists of any kind, on one line already.
                Value::Other(text) => {
                    log.push(' ');
                    push_visible(name, log);
                    log.push('=');
                    push_visible(if hides_secret(text, masks) { MASK } else { text }, log);
                }
                Value::Unfinished(_) => {}
            }
        });
    }
}

/// `line`, which may be cut, as it is but without what a session's user has typed, unless `shows_input`, and
/// without what is a secret to whoever reads the object.
pub(crate) fn passed_on<'a>(line: &'a str, shows_input: bool, masks: &Masks) -> Cow<'a, str> {
    let mut hidden: Vec<(&str, &str)> = Vec::new();
    members(line, |name, value| {
        let (text, instead) = match value {
            Value::Text(text) if name == INPUT && !shows_input => (text, HIDDEN),
            Value::Other(text) if name == INPUT && !shows_input => (text, "null"),
            Value::Unfinished(text) if name == INPUT && !shows_input => (text, ""),
            Value::Text(text) | Value::Unfinished(text) => {
                let command = if name == "msg" && !shows_input {
                    command(text)
                } else {
                    None
                };
                if let Some(end) = command {
                    hidden.push((&text[end..], HIDDEN));
                }
                let rest = &text[..command.unwrap_or(text.len())];
                if hides_secret(rest, masks) {
                    hidden.insert(hidden.len() - usize::from(command.is_some()), (rest, MASK));
                }
                return;
            }
            Value::Other(text) if hides_secret(text, masks) => (text, "\"****\""),
            Value::Other(_) => return,
        };
        hidden.push((text, instead));
    });
    if hidden.is_empty() {
        return Cow::Borrowed(line);
    }
    let (mut shown, mut from) = (String::with_capacity(line.len()), 0);
    for (part, instead) in hidden {
        let start = part.as_ptr() as usize - line.as_ptr() as usize;
        shown.push_str(&line[from..start]);
        shown.push_str(instead);
        from = start + part.len();
    }
    shown.push_str(&line[from..]);
    Cow::Owned(shown)
}

/// Whether what is escaped in `text` hides a secret from whoever looks at it as it is.
fn hides_secret(text: &str, masks: &Masks) -> bool {
    match unescaped(text) {
        Cow::Borrowed(_) => false,
        Cow::Owned(text) => matches!(masks.apply(&text, End::Whole), Cow::Owned(_)),
    }
}

/// Where the command line of a session begins in a message.
fn command(message: &str) -> Option<usize> {
    Some(message.find(COMMAND)? + COMMAND.len())
}

/// Appends a member, in quotation marks where it would be more than one word.
fn push_member(name: &str, value: &str, log: &mut String) {
    log.push(' ');
    push_visible(name, log);
    log.push('=');
    if value.is_empty() || value.contains([' ', '"', '=', '\t']) {
        log.push('"');
        push_visible(&value.replace('"', "\\\""), log);
        log.push('"');
    } else {
        push_visible(value, log);
    }
}

/// Appends `text` with control characters written as their names: none of them may end the line or act on a terminal.
pub(crate) fn push_visible(text: &str, log: &mut String) {
    // Nearly all text has none; of those beyond ASCII each begins with the byte C2.
    if !text.bytes().any(|byte| byte < b' ' || byte == 0x7f || byte == 0xc2) {
        return log.push_str(text);
    }
    for character in text.chars() {
        if character.is_control() && character != '\t' {
            // Writing to a String cannot fail.
            let _ = write!(log, "{}", character.escape_default());
        } else {
            log.push(character);
        }
    }
}

/// Hands each member of the object `line` to `each`, and answers whether the object is whole and nothing else is in
/// the line.
fn members<'a>(line: &'a str, mut each: impl FnMut(&'a str, Value<'a>)) -> bool {
    let Some(mut rest) = line.strip_prefix('{') else {
        return false;
    };
    loop {
        let Some((name, behind)) = rest.strip_prefix('"').and_then(string) else {
            return rest == "}" && line.len() == 2;
        };
        let Some(value) = behind.strip_prefix(':') else {
            return false;
        };
        let end = if let Some(text) = value.strip_prefix('"') {
            let Some((text, behind)) = string(text) else {
                each(name, Value::Unfinished(value));
                return false;
            };
            each(name, Value::Text(text));
            behind
        } else {
            let Some((other, behind)) = other(value) else {
                each(name, Value::Unfinished(value));
                return false;
            };
            each(name, Value::Other(other));
            behind
        };
        match end.strip_prefix(',') {
            Some(more) => rest = more,
            None => return end == "}",
        }
    }
}

/// Splits `text`, which begins within a string, at the end of the string.
fn string(text: &str) -> Option<(&str, &str)> {
    let bytes = text.as_bytes();
    let mut place = 0;
    loop {
        place += bytes
            .get(place..)?
            .iter()
            .position(|byte| matches!(byte, b'"' | b'\\'))?;
        if bytes[place] == b'"' {
            return Some((&text[..place], &text[place + 1..]));
        }
        // What is escaped is one byte or more; none of the more is a quotation mark.
        place += 2;
    }
}

/// Splits `text`, which begins with a value that is no string, at the end of the value.
fn other(text: &str) -> Option<(&str, &str)> {
    let (mut depth, mut place) = (0_usize, 0);
    while let Some(byte) = text.as_bytes().get(place) {
        match byte {
            b'"' => {
                let (_, rest) = string(&text[place + 1..])?;
                place = text.len() - rest.len();
                continue;
            }
            b'[' | b'{' => depth += 1,
            b',' | b'}' if depth == 0 => return (place > 0).then(|| text.split_at(place)),
            b']' | b'}' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        place += 1;
    }
    None
}

/// The text that a string's inside stands for.
fn unescaped(inside: &str) -> Cow<'_, str> {
    if !inside.contains('\\') {
        return Cow::Borrowed(inside);
    }
    let mut text = String::with_capacity(inside.len());
    let mut rest = inside;
    while let Some((before, escape)) = rest.split_once('\\') {
        text.push_str(before);
        let kind = escape.chars().next();
        rest = kind.map_or("", |kind| &escape[kind.len_utf8()..]);
        match kind {
            Some('n') => text.push('\n'),
            Some('r') => text.push('\r'),
            Some('t') => text.push('\t'),
            Some('b') => text.push('\u{8}'),
            Some('f') => text.push('\u{c}'),
            Some('u') => {
                let units = [
                    code_unit(rest),
                    rest.get(4..).and_then(|rest| code_unit(rest.strip_prefix("\\u")?)),
                ];
                let [first, second] = units;
                let pair = first.zip(second).and_then(|(first, second)| {
                    char::decode_utf16([first, second])
                        .next()?
                        .ok()
                        .filter(|_| (0xd800..0xdc00).contains(&first))
                });
                let (character, length) = match (pair, first) {
                    (Some(character), _) => (character, 10),
                    (None, Some(unit)) => (char::from_u32(unit.into()).unwrap_or(char::REPLACEMENT_CHARACTER), 4),
                    (None, None) => (char::REPLACEMENT_CHARACTER, 0),
                };
                text.push(character);
                rest = &rest[length..];
            }
            Some(itself) => text.push(itself),
            None => {}
        }
    }
    text.push_str(rest);
    Cow::Owned(text)
}

/// Reads the four hexadecimal digits of an escape.
fn code_unit(text: &str) -> Option<u16> {
    let digits = text
        .get(..4)
        .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests;
