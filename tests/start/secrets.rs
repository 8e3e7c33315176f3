//! No form of an agent key reaches the app's log or a command line, whatever is wrong with it and wherever it was put.

use crate::support::dyno::{Dyno, Launch, MULTI, ORGANIZATION, SECRET, STANDARD, Slug};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

/// Parts of the secret of the keys in these tests, in letters of any case.
const PARTS: [&str; 3] = ["s3cr3t", "0f-the", "the-test"];

/// Asserts that nothing that is shown, and no command line but the app's, has a part of the secret.
#[track_caller]
fn assert_hidden(dyno: &Dyno, what: &str) {
    let shown = (dyno.stdout() + &dyno.stderr()).to_lowercase();
    for part in PARTS {
        dyno.assert(!shown.contains(part), &format!("{what}: {part:?} is shown"));
    }
    for process in dyno.processes() {
        for word in process.command_line() {
            let word = word.to_string_lossy().to_lowercase();
            let hides = PARTS.iter().all(|part| !word.contains(part));
            dyno.assert(hides, &format!("{what}: in a command line"));
        }
    }
}

/// Keys that no agent can read, with what hoopstart says of them.
fn malformed_keys() -> Vec<(OsString, &'static str)> {
    let within = |text: &[u8]| {
        let (before, behind) = STANDARD.split_at(STANDARD.find("-0f").expect("it is in the key"));
        OsString::from_vec([before.as_bytes(), text, behind.as_bytes()].concat())
    };
    let around = |before: &str, behind: &str| OsString::from(format!("{before}{STANDARD}{behind}"));
    vec![
        (within(b"\n"), "a line break"),
        (around("", "\n"), "a line break"),
        (around("\r\n", "\r\n"), "a line break"),
        (around("", "\r"), "a carriage return"),
        (within(b"\t"), "a tab"),
        (within(b"\x1b[31m\x7f"), "a control character"),
        (within(b"%zz"), "a % without two hex digits"),
        (within(b"%"), "a % without two hex digits"),
        (within(b"\xff\xfe"), "not UTF-8"),
        (within(b"\xc3"), "not UTF-8"),
        (around("\"", "\""), "quotation marks"),
        (around("'", "'"), "quotation marks"),
        (within(b"\""), "quotation marks"),
        (around(" ", ""), "a space"),
        (within(b" "), "a space"),
        (within(" \u{a0}".as_bytes()), "a space"),
        (within("\u{200b}".as_bytes()), "an invisible character"),
        (around("\u{feff}", ""), "an invisible character"),
        (within("\u{e9}<>&\\".as_bytes()), "percent-encoded"),
        (within(b"/"), "not a number from 1 to 65535"),
        (within(b"#"), "not a number from 1 to 65535"),
        (within(b"?"), "not a number from 1 to 65535"),
    ]
}

#[test]
fn a_malformed_key_is_told_by_its_kind_and_no_form_of_it_is_shown() {
    let assert_all = |version: &str| {
        let slug = Slug::of_release(version);
        for (key, kind) in malformed_keys() {
            let what = format!("{version} {key:?}");
            let dyno = slug.web().with("HOOP_KEY", &key).start(["sleep", "600"]);
            // The agent prints it, as Go does, and ends.
            dyno.logs("wrong format, reason=").logs("exited with status 1");
            let lines = dyno.own_lines();
            dyno.assert(
                lines[0].contains(kind) && lines[0].ends_with("[start::key-malformed]"),
                &format!("{what}: expected {kind:?}"),
            );
            assert_hidden(&dyno, &what);
        }
    };
    // Each waits more than it works.
    std::thread::scope(|scope| {
        for version in ["1.148.0", "1.21.22", "1.19.63"] {
            scope.spawn(move || assert_all(version));
        }
    });
}

#[test]
fn a_malformed_key_is_not_shown_in_a_log_that_is_no_json_either() {
    // As agents print it that do not obey, and libraries in them.
    let slug = Slug::of_agent("#!/bin/sh\nprintf 'raw: %s, end\\n' \"$HOOP_KEY\"\nprintf 'last: %s' \"$HOOP_KEY\"\n");
    for (key, _) in malformed_keys() {
        let dyno = slug.web().with("HOOP_KEY", &key).start(["sleep", "600"]);
        dyno.logs("exited with status 0");
        assert_hidden(&dyno, &format!("{key:?}"));
    }
}

/// An app that prints, so that all of ours has been said.
fn app_alone(launch: &Launch) -> Dyno {
    let mut dyno = launch.script("exit 7");
    dyno.exits(7).closes_output();
    dyno
}

#[test]
fn a_key_in_the_wrong_variable_is_not_shown_by_hoopstart() {
    let slug = Slug::of_release("1.148.0");
    slug.put("Procfile", "web: hoopstart -- puma\n");
    let reference = slug.web().with("HOOP_KEY", ORGANIZATION);
    let nowhere = slug.dyno().with("DYNO", "web.1");
    for (what, launch, said) in [
        // The key is known.
        (
            "reference",
            reference.clone().with("HOOP_CONNECTION", "env.HOOP_KEY"),
            "a name in it is an agent key",
        ),
        (
            "name",
            reference.clone().with("HOOP_CONNECTION", ORGANIZATION),
            "a name in it is an agent key",
        ),
        (
            "no name",
            reference.clone().with("HOOP_CONNECTION", format!("env.{SECRET}")),
            "HOOP_CONNECTION",
        ),
        (
            "capitals",
            reference.clone().with("HOOP_CONNECTION", SECRET.to_uppercase()),
            "a name in it is an agent key",
        ),
        (
            "command",
            reference
                .clone()
                .with("HOOP_CONNECTION", "a")
                .with("HOOP_COMMAND", format!("echo {SECRET}")),
            "HOOP_COMMAND",
        ),
        (
            "list",
            reference.clone().with("HOOP_PROCESS_TYPES", STANDARD),
            "HOOP_PROCESS_TYPES",
        ),
        (
            "items",
            reference
                .clone()
                .with("HOOP_IGNORE_PROCESS_TYPES", format!("a,{SECRET}.1")),
            "HOOP_IGNORE_PROCESS_TYPES",
        ),
        (
            "switch",
            reference
                .clone()
                .with("HOOP_CONNECTION", "a")
                .with("HOOP_HIDE_KEY", ORGANIZATION),
            "neither on nor off",
        ),
        (
            "debug",
            reference
                .clone()
                .with("HOOPSTART_DEBUG", "1")
                .with("DYNO", ORGANIZATION),
            "dyno ",
        ),
        // It is nowhere else.
        (
            "unknown switch",
            nowhere.clone().with("HOOP_REQUIRED", STANDARD),
            "neither on nor off",
        ),
        (
            "unknown list",
            nowhere.clone().with("HOOP_PROCESS_TYPES", STANDARD),
            "HOOP_PROCESS_TYPES",
        ),
        (
            "unknown dyno",
            nowhere.clone().with("HOOPSTART_DEBUG", "1").with("DYNO", STANDARD),
            "dyno ",
        ),
        (
            "old form",
            nowhere
                .clone()
                .with("HOOP_HIDE_KEY", format!("ws://h:1/{}", "5ec4e700".repeat(8))),
            "neither on nor off",
        ),
    ] {
        let dyno = app_alone(&launch);
        assert_hidden(&dyno, what);
        dyno.assert(!dyno.stderr().contains("5ec4e700"), what);
        dyno.assert(dyno.stderr().contains(said), &format!("{what}: expected {said:?}"));
        let mut check = launch.plain([slug.hoopstart().as_os_str(), OsStr::new("--check")]);
        check.ends();
        check.closes_output();
        assert_hidden(&check, what);
    }
}

#[test]
fn a_key_as_the_apps_command_is_not_shown() {
    let slug = Slug::of_release("1.148.0");
    for key in [STANDARD.to_owned(), format!("/{STANDARD}"), format!("./{SECRET}")] {
        let mut dyno = slug.web().with("HOOP_DISABLE", "1").start([key.as_str()]);
        dyno.exits(127).closes_output();
        let shown = dyno.stderr().to_lowercase();
        assert!(
            shown.contains("cannot run") && PARTS.iter().all(|part| !shown.contains(part)),
            "{shown}"
        );
    }
}

#[test]
fn a_key_that_is_the_name_of_a_connection_reaches_no_command_line_in_any_generation() {
    for (version, key) in [("1.148.0", MULTI), ("1.21.22", ORGANIZATION), ("1.20.11", MULTI)] {
        let slug = Slug::of_release(version);
        for names in [
            "env.HOOP_KEY".to_owned(),
            format!("a, {SECRET} "),
            format!("x-{SECRET}-x"),
        ] {
            let launch = slug.web().with("HOOP_KEY", key).with("HOOP_CONNECTION", &names);
            let dyno = launch.start(["sleep", "600"]);
            dyno.logs("[start::connection-invalid]\n");
            dyno.assert(dyno.supervisors().is_empty(), "no agent may start");
            assert_hidden(&dyno, &names);
        }
    }
}

#[test]
fn the_bytes_of_a_key_that_is_no_text_reach_the_agent_as_they_are() {
    let slug = Slug::of_agent("#!/bin/sh\nprintf %s \"$HOOP_KEY\" | wc -c\nexec sleep 600\n");
    let key = OsStr::from_bytes(b"grpcs://web:s3cr3t\xff@gateway.example:8443");
    let dyno = slug.web().with("HOOP_KEY", key).start(["sleep", "600"]);
    dyno.logs(&format!("hoop | {}\n", key.len()));
}

#[test]
fn a_key_that_a_profile_sets_is_not_shown_wherever_else_it_puts_it() {
    let slug = Slug::of_release("1.148.0");
    let secret = format!("{SECRET} of a profile");
    slug.put(
        ".profile",
        &format!(
            "export HOOP_KEY='grpcs://_default:{secret}@gateway.example:8443'\n\
             export HOOP_LOG_LEVEL='{secret}' HOOP_AGENT_MEMORY='{secret}' HOOP_LOG_FORMAT='{secret}'\n"
        ),
    );
    let start = ". .profile.d/zz-hoop-buildpack.sh; . ./.profile; exec sleep 60";
    let launch = slug.dyno().with("DYNO", "web.1").with("HOOP_AUTOSTART", "on");
    let dyno = launch.plain(["sh", "-c", start]);

    dyno.logs("hoopstart: warning: HOOP_LOG_LEVEL is \"****\"")
        .logs("hoopstart: warning: HOOP_AGENT_MEMORY is \"****\"");
    let shown = dyno.stderr().to_lowercase();
    for part in PARTS {
        dyno.assert(!shown.contains(part), &format!("{part:?} is shown"));
    }
}

#[test]
fn a_key_among_the_options_is_not_shown_by_what_says_that_they_are_wrong() {
    let slug = Slug::of_release("1.148.0");
    for options in [
        vec![format!("--{SECRET}")],
        vec![format!("--attach={STANDARD}")],
        vec![format!("--attach={SECRET}")],
        vec![format!("--check={SECRET}")],
        vec![format!("--json={STANDARD}")],
    ] {
        let mut words = vec![slug.hoopstart().into_os_string()];
        words.extend(options.iter().map(OsString::from));
        let mut dyno = slug.web().plain(words);
        dyno.exits(2).closes_output();
        let shown = dyno.stderr();
        assert!(shown.contains("****"), "{options:?}: {shown}");
        assert!(PARTS.iter().all(|part| !shown.contains(part)), "{options:?}: {shown}");
    }
}
