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
