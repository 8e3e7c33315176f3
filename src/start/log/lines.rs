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
mod tests {
    use super::{LINE_LIMIT, Lines, Reader, Settings};
    use crate::os::environment::Environment;
    use crate::secret::Secret;
    use crate::secret::masks::Masks;
    use crate::start::log::condition::Conditions;
    use proptest::prelude::*;
    use std::time::Duration;

    /// The settings of these config vars, and whether there was a fault.
    fn settings(variables: &[(&str, &str)]) -> (Settings, Vec<String>) {
        let (environment, mut faults) = (variables.iter().copied().collect::<Environment>(), Vec::new());
        let settings = Settings::of(&environment, &mut faults);
        (settings, faults.iter().map(crate::start::fault::Fault::line).collect())
    }

    /// The log of `pieces`, as they come one after the other.
    fn log_with(variables: &[(&str, &str)], pieces: &[&[u8]], masks: &[&str]) -> String {
        let masks = Masks::new(&masks.iter().map(|mask| Secret::new(*mask)).collect::<Vec<_>>());
        let mut reader = Reader {
            settings: settings(variables).0,
            masks: &masks,
            gateway: "gateway.example:8443",
            conditions: &mut Conditions::new(1),
            agent: 0,
            now: Duration::ZERO,
        };
        let (mut lines, mut log) = (Lines::new(None, &masks), String::new());
        for piece in pieces {
            lines.push(piece, &mut reader, &mut log);
        }
        lines.finish(&mut reader, &mut log);
        log
    }

    fn log(pieces: &[&[u8]], masks: &[&str]) -> String {
        log_with(&[], pieces, masks)
    }

    #[test]
    fn lines_are_whole_and_prefixed_however_the_bytes_come() {
        assert_eq!(
            log(&[b"one\ntw", b"o\n", b"\nlast"], &[]),
            "hoop | one\nhoop | two\nhoop | \nhoop | last\n"
        );

        let masks = Masks::new(&[Secret::new("s3cret")]);
        assert_eq!(Lines::new(Some("orders-db"), &masks).prefix, "hoop:orders-db | ");
        assert_eq!(Lines::new(Some("a-s3cret"), &masks).prefix, "hoop:a-**** | ");
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

    /// A line of the agent's logger.
    fn json(rest: &str) -> String {
        format!("{{\"level\":\"info\",\"timestamp\":\"t\",\"logger\":\"agent/main.go:1\",{rest}}}\n")
    }

    #[test]
    fn a_line_of_the_logger_is_shown_for_a_person_and_any_other_as_it_is() {
        let line = json(r#""msg":"agent started, args=0","version":"1.148.0""#);
        assert_eq!(
            log(&[line.as_bytes(), b"Error: unknown flag: --x\n{\"a\":1}\n"], &[]),
            "hoop | agent started, args=0\nhoop | Error: unknown flag: --x\nhoop | {\"a\":1}\n"
        );
        let as_json = [("HOOP_LOG_FORMAT", "json")];
        assert_eq!(
            log_with(&as_json, &[line.as_bytes(), b"plain\n"], &[]),
            format!("{line}hoop | plain\n")
        );
    }

    #[test]
    fn what_nobody_can_act_on_is_shown_at_debug_and_to_programs() {
        let workings = [
            json(r#""msg":"featureflagstate: updated 13 flags""#),
            r#"{"level":"warn","msg":"DLP_MODE unknown value (\"\"), fallback to best-effort"}"#.to_owned() + "\n",
        ]
        .concat();
        let pieces = [workings.as_bytes(), b"featureflagstate: updated by none\n"];
        for (variables, expected) in [
            (&[][..], "hoop | featureflagstate: updated by none\n".to_owned()),
            (
                &[("HOOP_LOG_LEVEL", "warn")],
                "hoop | featureflagstate: updated by none\n".to_owned(),
            ),
            (
                &[("HOOP_LOG_LEVEL", "debug")],
                "hoop | featureflagstate: updated 13 flags\n\
                 hoop | warning: DLP_MODE unknown value (\"\"), fallback to best-effort\n\
                 hoop | featureflagstate: updated by none\n"
                    .to_owned(),
            ),
            (
                &[("HOOP_LOG_FORMAT", "json")],
                format!("{workings}hoop | featureflagstate: updated by none\n"),
            ),
        ] {
            assert_eq!(log_with(variables, &pieces, &[]), expected, "{variables:?}");
        }
    }

    #[test]
    fn what_a_user_types_is_shown_in_no_format_but_at_debug() {
        let line = json(r#""msg":"executing command:[psql]","input":"select 'typed'""#);
        for (variables, is_shown) in [
            (&[][..], false),
            (&[("HOOP_LOG_FORMAT", "json")], false),
            (&[("HOOP_LOG_LEVEL", "info")], false),
            (&[("HOOP_LOG_LEVEL", "debug")], true),
            (&[("HOOP_LOG_LEVEL", "debug"), ("HOOP_LOG_FORMAT", "json")], true),
        ] {
            let log = log_with(variables, &[line.as_bytes()], &[]);
            assert_eq!(
                (log.contains("typed"), log.contains("psql")),
                (is_shown, is_shown),
                "{log}"
            );
        }
        // Also where the line is cut within it.
        let cut = json(&format!(r#""msg":"x","input":"{}""#, "typed ".repeat(4000)));
        for variables in [&[][..], &[("HOOP_LOG_FORMAT", "json")]] {
            let log = log_with(variables, &[cut.as_bytes()], &[]);
            assert!(!log.contains("typed") && log.contains("[cut by hoopstart"), "{log}");
        }
    }

    #[test]
    fn log_settings_are_read_in_any_case_and_what_is_none_is_told() {
        for (level, expected) in [
            ("info", "info"),
            (" DEBUG ", "debug"),
            ("Warn", "warn"),
            ("error", "error"),
            ("", "info"),
        ] {
            let (settings, faults) = settings(&[("HOOP_LOG_LEVEL", level)]);
            assert_eq!((settings.level, faults.len()), (expected, 0), "{level}");
        }
        for (name, value) in [
            ("HOOP_LOG_LEVEL", "verbose"),
            ("HOOP_LOG_LEVEL", "0"),
            ("HOOP_LOG_FORMAT", "yaml"),
        ] {
            let (settings, faults) = settings(&[(name, value)]);
            assert_eq!((settings.level, settings.is_json), ("info", false));
            assert!(
                faults.len() == 1 && faults[0].contains(value) && faults[0].ends_with(" [start::value-invalid]"),
                "{faults:?}"
            );
        }
    }

    #[test]
    fn a_key_is_masked_in_every_form_that_a_line_may_give_it() {
        let key = "grpcs://web:s3\"cr\\et@h:1";
        let masks = [key, r#"s3"cr\et"#, r#"s3\"cr\\et"#];
        for line in [
            // As it is, as the logger escapes it, as it escapes what `%q` has escaped.
            json(r#""msg":"key grpcs://web:s3\"cr\\et@h:1.""#),
            json(r#""msg":"parse \"grpcs://web:s3\\\"cr\\\\et@h:1\": no""#),
            json(r#""msg":"x","key":"s3\u0022cr\u005cet""#),
            json(r#""msg":"x","nested":{"key":"s3\"cr\\et"}"#),
            format!("plain {key}\n"),
            format!("plain {key}"),
        ] {
            for variables in [&[][..], &[("HOOP_LOG_FORMAT", "json")], &[("HOOP_LOG_LEVEL", "debug")]] {
                let log = log_with(variables, &[line.as_bytes()], &masks);
                assert!(log.contains("****"), "{line} {log}");
                assert!(
                    !log.contains("u0022") && !log.contains("s3\"cr") && !log.contains("s3\\\"cr"),
                    "{line} {log}"
                );
            }
        }
        // What is rendered must not put a key together again.
        let split = json(r#""msg":"abc","x":"def""#);
        assert_eq!(log(&[split.as_bytes()], &["abc x=def"]), "hoop | ****\n");
    }

    #[test]
    fn the_beginning_of_a_key_in_a_last_line_without_an_end_is_masked() {
        for (pieces, expected) in [
            (&[&b"key grpcs://web:s3cr"[..]][..], "hoop | key ****\n"),
            (&[b"key grpcs:", b"//web:s3cr"], "hoop | key ****\n"),
            (&[b"its secret s3cret-k"], "hoop | its secret ****\n"),
            (&[b"no line end"], "hoop | no line end\n"),
        ] {
            assert_eq!(log(pieces, &["grpcs://web:s3cret-key@h:1", "s3cret-key"]), expected);
        }
    }

    #[test]
    fn a_stack_trace_is_counted_and_not_shown() {
        let trace = b"panic: runtime error\n\ngoroutine 1 [running]:\nmain.run(0x1)\n\t/go/main.go:1 +0x1\n\
            \ngoroutine 2 [select]:\nnet.read(...)\ncreated by net.new in goroutine 1\n";
        assert_eq!(
            log(&[trace, b"more\n"], &[]),
            "hoop | panic: runtime error\nhoop | \n\
             hoop | (7 lines of a stack trace are not shown; HOOP_LOG_LEVEL=debug shows them)\nhoop | more\n"
        );
        let all = log_with(&[("HOOP_LOG_LEVEL", "debug")], &[trace], &[]);
        assert_eq!(all.lines().count(), 9, "{all}");
        let error = json(r#""msg":"x","stacktrace":"a\nb""#).replace("info", "error");
        assert_eq!(log(&[error.as_bytes()], &[]), "hoop | error: x\n");
    }

    #[test]
    fn a_trouble_is_told_once_and_its_lines_are_folded() {
        let again = [
            json(r#""msg":"connecting to h:1, tls=true","version":"1.148.0","backoff":"8s""#),
            json(r#""msg":"unauthenticated","version":"1.148.0","backoff":"8s""#),
            json(r#""msg":"shutting down agent controller""#),
        ]
        .concat();
        let text = log(&[again.repeat(50).as_bytes()], &[]);

        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert_eq!(lines[0], "hoop | connecting to h:1, tls=true");
        assert!(lines[1].starts_with("hoopstart: warning: ") && lines[1].ends_with(" [start::key-rejected]"));
        // For a program nothing is left out.
        let text = log_with(&[("HOOP_LOG_FORMAT", "json")], &[again.repeat(50).as_bytes()], &[]);
        assert_eq!((text.lines().count(), text.matches("\n{").count()), (151, 149));
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
