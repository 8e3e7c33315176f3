//! The agent's output as lines of the app's log: whole, prefixed, harmless, without the key, and for a person to read.

use crate::config;

use crate::os::audience;
use crate::os::environment::Environment;
use crate::os::stderr::bounded;
use crate::secret::masks::{End, Masks};
use crate::start::fault::Fault;
use crate::start::fault::addition::Addition;
use crate::start::fault::config::ConfigFault;
use crate::start::log::condition::Conditions;
use crate::start::log::record::{Record, passed_on, push_visible};
use crate::start::log::sign::Sign;
use crate::text;
use std::fmt::Write as _;
use std::time::Duration;

/// The longest line that is passed on, in bytes. Longer ones are cut: log drains have limits of their own, at
/// 10,000 bytes and more (<https://devcenter.heroku.com/articles/logplex>).
const LINE_LIMIT: usize = 16 * 1024;

/// The values of `HOOP_LOG_LEVEL`, which are the agent's own, the default first.
const LEVELS: [&str; 4] = ["info", "debug", "warn", "error"];

/// The values of `HOOP_LOG_FORMAT`, the default first.
const FORMATS: [&str; 2] = ["text", "json"];

/// How the agent's lines are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// What the agent is told to log, in its own word.
    pub(crate) level: &'static str,
    /// Whether its lines are passed on as they are.
    is_json: bool,
}

impl Settings {
    /// Reads them from the config vars. A value that is none becomes a fault, and the default.
    pub(crate) fn of(environment: &Environment, faults: &mut Vec<Fault>) -> Self {
        let mut choice = |name, known: &'static [&'static str]| {
            let Some(value) = environment.text(name) else {
                return known[0];
            };
            let wanted = value.trim().to_ascii_lowercase();
            known.iter().copied().find(|known| *known == wanted).unwrap_or_else(|| {
                let value = text::excerpt(value, 40);
                faults.push(ConfigFault::ValueUnknown { name, value, known }.into());
                known[0]
            })
        };
        Self {
            level: choice(config::LOG_LEVEL, &LEVELS),
            is_json: choice(config::LOG_FORMAT, &FORMATS) == "json",
        }
    }

    /// Whether everything is shown, also what a session's user has typed.
    fn is_debug(self) -> bool {
        self.level == "debug"
    }
}

/// What is needed to show a line of one agent.
pub(crate) struct Reader<'a> {
    /// How it is shown.
    pub(crate) settings: Settings,
    /// What must not be shown.
    pub(crate) masks: &'a Masks,
    /// What the agent connects to.
    pub(crate) gateway: &'a str,
    /// What has been told.
    pub(crate) conditions: &'a mut Conditions,
    /// Which agent it is, by its place in the plan.
    pub(crate) agent: usize,
    /// The time since the supervisor's start.
    pub(crate) now: Duration,
}

/// Makes lines from the bytes of one agent process.
#[derive(Debug)]
pub(crate) struct Lines {
    prefix: String,
    /// The beginning of a line whose end has not come yet.
    line: Vec<u8>,
    /// Whether the rest of a line that is too long is being dropped.
    dropping: bool,
    /// How many lines of a stack trace were left out, while it goes on.
    trace: Option<usize>,
}

impl Lines {
    /// Begins with no bytes. `connection` is named where there are several agents to tell apart.
    pub(crate) fn new(connection: Option<&str>, masks: &Masks) -> Self {
        Self {
            prefix: match connection {
                Some(name) => format!("hoop:{} | ", masks.apply(&text::visible(name), End::Whole)),
                None => "hoop | ".to_owned(),
            },
            line: Vec::new(),
            dropping: false,
            trace: None,
        }
    }

    /// Takes in `bytes` and appends each line that is now whole to `log`.
    pub(crate) fn push(&mut self, bytes: &[u8], reader: &mut Reader, log: &mut String) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (content, is_end) = match piece.strip_suffix(b"\n") {
                Some(content) => (content, true),
                None => (piece, false),
            };
            if self.dropping {
                self.dropping = !is_end;
                continue;
            }
            if is_end && self.line.is_empty() && content.len() <= LINE_LIMIT {
                self.show(content, End::Whole, reader, log);
                continue;
            }
            let room = LINE_LIMIT - self.line.len();
            self.line.extend_from_slice(&content[..content.len().min(room)]);
            if content.len() > room {
                self.end_line(End::Cut, reader, log);
                self.dropping = !is_end;
            } else if is_end {
                self.end_line(End::Whole, reader, log);
            }
        }
    }

    /// Ends a last line that has no line end.
    pub(crate) fn finish(&mut self, reader: &mut Reader, log: &mut String) {
        if !self.line.is_empty() {
            self.end_line(End::Unfinished, reader, log);
        }
        self.end_trace(log);
    }

    /// Shows the line that has been put together.
    fn end_line(&mut self, end: End, reader: &mut Reader, log: &mut String) {
        let line = std::mem::take(&mut self.line);
        self.show(&line, end, reader, log);
        // What it took of memory stays for the next one, but for what a flood of long ones has taken.
        self.line = line;
        self.line.clear();
        self.line.shrink_to(READ_AHEAD);
    }

    /// Appends a line to `log`, or what it says about the agent's state.
    fn show(&mut self, line: &[u8], end: End, reader: &mut Reader, log: &mut String) {
        let text = String::from_utf8_lossy(line);
        let text = text.strip_suffix('\r').unwrap_or(&text);
        // The line as it came holds a secret in the form that the logger gives it; what is shown, in its own.
        let text = &*reader.masks.apply(text, end);
        let record = Record::read(text, end != End::Whole);
        let shows_all = reader.settings.is_debug();
        if let Some(record) = &record {
            let sign = Sign::of(record, reader.gateway);
            let heard = reader.conditions.heard(reader.agent, &sign, reader.now);
            for line in heard.lines {
                push_own(&line, reader.masks, log);
            }
            let is_of_no_use = sign == Sign::Workings && !shows_all;
            if (heard.is_folded || is_of_no_use) && !reader.settings.is_json {
                return;
            }
        }
        if record.is_none() && !shows_all && !reader.settings.is_json && self.is_in_trace(text) {
            return;
        }
        self.end_trace(log);
        let begin = log.len();
        log.push_str(&self.prefix);
        let shown = log.len();
        match record {
            Some(record) if !reader.settings.is_json => {
                record.render(shows_all, reader.masks, log);
            }
            // For a program to read: nothing stands before it.
            Some(_) if end == End::Whole => {
                log.truncate(begin);
                push_visible(&passed_on(text, shows_all, reader.masks), log);
            }
            _ => push_visible(&passed_on(text, shows_all, reader.masks), log),
        }
        // What was put together of parts must not be a secret as a whole.
        let shown = shown.min(log.len());
        if let std::borrow::Cow::Owned(masked) = reader.masks.apply(&log[shown..], End::Whole) {
            log.truncate(shown);
            log.push_str(&masked);
        }
        if reader.conditions.is_repeated(reader.agent, &log[shown..]) {
            return log.truncate(begin);
        }
        if end == End::Cut {
            let _ = write!(log, " {}", Addition::Cut(LINE_LIMIT));
        }
        log.push('\n');
    }

    /// Takes in a line that is none of the logger's, and answers whether it belongs to a stack trace, as Go prints one
    /// when a program fails (<https://pkg.go.dev/runtime#hdr-Environment_Variables>).
    fn is_in_trace(&mut self, text: &str) -> bool {
        let begins = text.starts_with("goroutine ") && text.ends_with("]:");
        let goes_on = self.trace.is_some()
            && (text.is_empty()
                || text.starts_with(['\t', '.'])
                || text.starts_with("created by ")
                || text.ends_with(')'));
        if begins || goes_on {
            *self.trace.get_or_insert(0) += 1;
        }
        begins || goes_on
    }

    /// Says what was left out of a stack trace.
    fn end_trace(&mut self, log: &mut String) {
        if let Some(count) = self.trace.take() {
            let _ = writeln!(log, "{}{}", self.prefix, Addition::Trace(count));
        }
    }
}

/// How many bytes of memory are kept for lines that come in pieces.
const READ_AHEAD: usize = 1024;

/// Appends a line of our own, which may quote one of an agent's.
pub(crate) fn push_own(line: &str, masks: &Masks, log: &mut String) {
    log.push_str(&bounded(&masks.apply(&audience::words(line.to_owned()), End::Whole)));
    log.push('\n');
}

#[cfg(test)]
mod tests;
