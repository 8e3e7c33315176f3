use super::{Record, passed_on, unescaped};
use crate::secret::Secret;
use crate::secret::masks::Masks;
use proptest::prelude::*;

/// Renders a line, or returns `None` where it is none of the logger's.
fn shown(line: &str, shows_input: bool) -> Option<String> {
    let mut log = String::new();
    Record::read(line, false)?.render(shows_input, &Masks::new(&[]), &mut log);
    Some(log)
}

#[test]
fn a_line_is_shown_with_its_level_its_message_and_what_belongs_to_it() {
    for (line, expected) in [
        (
            concat!(
                r#"{"level":"info","timestamp":"2026-01-02T03:04:05Z","logger":"controller/agent.go:262","msg":"#,
                r#""connected with success to gateway.example:8443"}"#,
            ),
            "connected gateway=gateway.example:8443",
        ),
        (
            concat!(
                r#"{"level":"info","timestamp":"t","logger":"agent/main.go:1","msg":"disconnected from h:1, "#,
                r#"reason=EOF","version":"1.148.0","backoff":"8s","status":"Code(99)"}"#,
            ),
            "disconnected from h:1, reason=EOF status=Code(99)",
        ),
        (
            r#"{"level":"warn","msg":"one\ntwo\u001b[31m","sid":"s 1","n":[1,{"a":"}\""}],"ok":true,"empty":""}"#,
            r#"warning: one\ntwo\u{1b}[31m sid="s 1" n=[1,{"a":"}\""}] ok=true empty="""#,
        ),
        (
            r#"{"level":"error","msg":"x","stacktrace":"a.go:1\nb.go:2"}"#,
            "error: x",
        ),
        (
            r#"{"level":"fatal","msg":"HOOP_KEY is in wrong format"}"#,
            "fatal: HOOP_KEY is in wrong format",
        ),
        (r#"{"msg":"","level":"debug"}"#, "debug: "),
    ] {
        assert_eq!(shown(line, false).as_deref(), Some(expected), "{line}");
    }
}

#[test]
fn what_a_user_types_is_not_shown_unless_asked_for() {
    let line = concat!(
        r#"{"level":"info","msg":"tty=false, stdinsize=8 - executing command:[psql -c 'select 1']","#,
        r#""sid":"s1","input":"select \"1\"","input_size":8}"#,
    );

    assert_eq!(
        shown(line, false).unwrap(),
        "tty=false, stdinsize=8 - executing command: (hidden) sid=s1 input_size=8"
    );
    assert_eq!(
        shown(line, true).unwrap(),
        concat!(
            r#"tty=false, stdinsize=8 - executing command:[psql -c 'select 1'] sid=s1 input="select \"1\"" "#,
            r#"input_size=8"#,
        )
    );
    assert_eq!(
        passed_on(line, false, &Masks::new(&[])),
        concat!(
            r#"{"level":"info","msg":"tty=false, stdinsize=8 - executing "#,
            r#"command:(hidden)","sid":"s1","input":"(hidden)","input_size":8}"#,
        )
    );
    for (line, expected) in [
        (r#"{"input":{"a":"typed"},"b":1}"#, r#"{"input":null,"b":1}"#),
        (
            r#"{"level":"info","input":"typed and cu"#,
            r#"{"level":"info","input":"#,
        ),
        (
            r#"{"level":"info","msg":"executing command:[ls"#,
            r#"{"level":"info","msg":"executing command:(hidden)"#,
        ),
        (r#"{"level":"info","msg":"x"}"#, r#"{"level":"info","msg":"x"}"#),
        ("no JSON, \"input\":\"x\"", "no JSON, \"input\":\"x\""),
    ] {
        assert_eq!(passed_on(line, false, &Masks::new(&[])), expected, "{line}");
    }
}

#[test]
fn a_secret_that_only_a_reader_of_json_sees_is_passed_on_to_none() {
    let masks = Masks::new(&[Secret::new("s3\"cr")]);
    for (line, expected) in [
        (r#"{"msg":"a s3\u0022cr b","n":1}"#, r#"{"msg":"****","n":1}"#),
        (r#"{"msg":"a","n":{"k":["s3\"cr"]}}"#, r#"{"msg":"a","n":"****"}"#),
        (
            r#"{"msg":"s3\"cr executing command:[x]","input":"s3\"cr"}"#,
            r#"{"msg":"****(hidden)","input":"(hidden)"}"#,
        ),
        (r#"{"msg":"s3\"c r"}"#, r#"{"msg":"s3\"c r"}"#),
    ] {
        assert_eq!(passed_on(line, false, &masks), expected, "{line}");
    }
}

#[test]
fn what_is_none_of_the_loggers_lines_is_told_from_one() {
    for line in [
        "",
        "{}",
        "agent up",
        "{\"level\":\"info\"}",
        "{\"msg\":\"x\"}",
        "{\"level\":1,\"msg\":\"x\"}",
        "{\"level\":\"info\",\"msg\":\"x\"",
        "{\"level\":\"info\",\"msg\":\"x\"} and more",
        "{\"level\":\"info\",\"msg\":\"x\",}",
        "{\"level\":\"info\",\"msg\":\"x\",\"n\":}",
        "{\"level\":\"info\",\"msg\":\"x\\\"}",
        "[{\"level\":\"info\",\"msg\":\"x\"}]",
    ] {
        assert_eq!(shown(line, false), None, "{line}");
    }
}

#[test]
fn of_a_line_that_was_cut_only_what_is_whole_is_shown() {
    let mut log = String::new();
    let line = r#"{"level":"info","msg":"x","sid":"s1","input":"typed and cu"#;
    Record::read(line, true)
        .unwrap()
        .render(false, &Masks::new(&[]), &mut log);

    assert_eq!(log, "x sid=s1");
}

#[test]
fn escapes_are_read_as_a_json_reader_does() {
    for (inside, text) in [
        (r#"a\"b\\c\/d"#, "a\"b\\c/d"),
        (r"\u0041\u00e9\ud83d\ude00", "Aé😀"),
        (r"\ud83d x \ude00", "\u{fffd} x \u{fffd}"),
        (r"\ud83d\u0041", "\u{fffd}A"),
        (r"\u12", "\u{fffd}12"),
        (r"\u+123", "\u{fffd}+123"),
        (r"\té\b\f\r\n", "\té\u{8}\u{c}\r\n"),
        ("\\", ""),
    ] {
        assert_eq!(unescaped(inside), text, "{inside}");
    }
}

proptest! {
    #[test]
    fn any_line_is_read_without_a_fault(line in "[{}\"\\\\:,\\[\\]lmi\u{e9}0u ]{0,40}", cut in any::<bool>()) {
        let mut log = String::new();
        if let Some(record) = Record::read(&line, cut) {
            record.render(false, &Masks::new(&[]), &mut log);
        }
        passed_on(&line, cut, &Masks::new(&[Secret::new("l")]));
    }

    #[test]
    fn any_message_is_shown_on_one_line(message in "\\PC{0,30}", control in "[\u{0}-\u{1f}\u{7f}-\u{9f}]{0,3}") {
        let escape = |c: char| format!("\\u{:04x}", u32::from(c).min(0xffff));
        let quoted = format!("{message}{control}").chars().map(escape).collect::<Vec<_>>().concat();
        let line = format!("{{\"level\":\"info\",\"msg\":\"{quoted}\",\"a\":\"{quoted}\"}}");
        let shown = shown(&line, false).unwrap();
        prop_assert!(!shown.chars().any(|c| c.is_control() && c != '\t'));
    }
}
