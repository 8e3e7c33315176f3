//! `HOOP_COMMAND` is a shell command line: what a session of it prints is what `sh -c` prints, in every generation.

use crate::support::dyno::{Dyno, MULTI, ORGANIZATION, Slug};
use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Command, Stdio};

/// Lines. Those without a variable of the app mean the same in every generation.
const LINES: &[&str] = &[
    "printf %s plain",
    "printf [%s] 'two  words' \"and  more\" '' x\"y\"z",
    "echo $((6 * 7))",
    "echo $HOME | tr / _",
    "echo \"$HOME\" '$HOME' \\$HOME",
    "false || echo or && echo and",
    "echo one; echo two; exit 3",
    "echo to-stderr >&2; echo out 2>/dev/null",
    "X=assigned; echo \"<$X>\"",
    "X=for-one sh -c 'echo \"<$X>\"'",
    "for i in a b c; do printf '%s-' \"$i\"; done",
    "if [ -d / ]; then echo folder; else echo none; fi",
    "echo \"a\\\"b\" 'c\\d' e\\ f",
    "cd / && pwd",
    "echo `echo back quotes`",
    "(echo group); { echo braces; }",
    "echo a # and a comment, it's said",
    "cat <<E\nhere $((1 + 1))\nE",
    "echo first\necho second",
    "echo /bi[n] /et? /us*",
    "printf '%s\\n' \"tab\there\" | cat",
    "echo ~ | tr / _",
    "set -- a b; echo $# $2",
    "! true; echo $?",
    "echo \u{e9}\u{2603} 'gr\u{fc}n'",
    "cat; echo after",
    "no-such-program-at-all",
    "exec printf replaced",
    "echo ${HOME:+set} ${NO_SUCH_NAME:-unset}",
    "echo -n x; printf -- '-y\\n'",
    "echo a carriage return \r",
    "\recho",
    "\n \techo a no-break space\u{a0}\n ",
];

/// Lines that use the app's own variables.
const LINES_WITH_VARIABLES: &[&str] = &[
    "echo $ANIMAL",
    "printf '[%s]' \"$ANIMAL\" $ANIMAL",
    "echo ${ANIMAL#* }",
    "env | grep -c '^ANIMAL='",
    "printf %s \"$ODD\"",
    "eval \"$SCRIPT\"",
];

/// What a line prints, with its messages but without the shell's own name, and its status.
fn by_shell(slug: &Slug, line: &OsStr) -> (String, i32) {
    let mut child = Command::new("sh")
        .args([OsStr::new("-c"), line])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").expect("there is a PATH"))
        .env("HOME", slug.home())
        .envs(VARIABLES)
        .current_dir(slug.home())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("sh can be started");
    // A line that reads nothing may have ended already.
    let _ = child.stdin.take().expect("it is piped").write_all(b"typed\n");
    let output = child.wait_with_output().expect("it is our child");
    (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        output.status.code().expect("it ends by itself"),
    )
}

/// Variables of the app.
const VARIABLES: [(&str, &str); 3] = [
    ("ANIMAL", "a  brown cat"),
    ("ODD", "q\"uo't\\e $HOME\n\n%s*"),
    ("SCRIPT", "echo from $((1 + 2)) a script"),
];

/// What a session prints, and its status.
fn in_session(slug: &Slug, key: &str, line: &OsStr) -> (String, i32) {
    let sessions = slug.path("sessions");
    std::fs::create_dir_all(&sessions).expect("a folder can be made");
    let mut launch = slug
        .web()
        .with("HOOP_KEY", key)
        .with("HOOP_CONNECTION", "console")
        .with("HOOP_COMMAND", line)
        .with("STAND_IN_SESSIONS", sessions.as_os_str())
        .with("STAND_IN_INPUT", "typed\n");
    for (name, value) in VARIABLES {
        launch = launch.with(name, value);
    }
    let dyno = launch.start(["sleep", "600"]);
    let result = result_of(&dyno, slug);
    std::fs::remove_dir_all(sessions).expect("the folder is there");
    result
}

/// Waits for the session of a dyno to end.
fn result_of(dyno: &Dyno, slug: &Slug) -> (String, i32) {
    let status = dyno.until("the end of a session", || {
        slug.read("sessions/console.status").parse().ok()
    });
    // What the user typed does not appear in the app's log, in whatever form the release prints it.
    dyno.logs("cleaning up session");
    for typed in ["typed", "116 121 112 101 100"] {
        dyno.assert(!dyno.stderr().contains(typed), typed);
    }
    let output = std::fs::read(slug.path("sessions/console.out")).expect("a session has output");
    (String::from_utf8_lossy(&output).into_owned(), status)
}

#[test]
fn a_session_of_the_current_release_prints_what_the_shell_prints() {
    let slug = Slug::of_release("1.148.0");
    for line in LINES.iter().chain(LINES_WITH_VARIABLES) {
        let line = OsStr::new(line);
        assert_eq!(in_session(&slug, ORGANIZATION, line), by_shell(&slug, line), "{line:?}");
    }
}

#[test]
fn a_session_of_the_oldest_release_that_takes_a_command_by_its_flag_prints_what_the_shell_prints() {
    let slug = Slug::of_version("1.21.23");
    for line in LINES.iter().chain(LINES_WITH_VARIABLES).step_by(3) {
        let line = OsStr::new(line);
        assert_eq!(in_session(&slug, MULTI, line), by_shell(&slug, line), "{line:?}");
    }
}

#[test]
fn a_session_of_a_release_that_takes_a_command_as_arguments_prints_what_the_shell_prints() {
    let slug = Slug::of_release("1.21.22");
    for line in LINES {
        let line = OsStr::new(line);
        assert_eq!(in_session(&slug, MULTI, line), by_shell(&slug, line), "{line:?}");
    }
}

#[test]
fn a_line_that_is_no_utf8_runs_as_it_is() {
    let line = OsString::from(OsStr::from_bytes(b"printf '%s|' caf\xe9 $HOME \xff"));
    for version in ["1.148.0", "1.21.22"] {
        let slug = Slug::of_release(version);
        assert_eq!(in_session(&slug, MULTI, &line), by_shell(&slug, &line), "{version}");
    }
}

#[test]
fn plain_words_are_what_the_gateway_shows() {
    for (version, line, shown) in [
        (
            "1.148.0",
            "bundle exec rails console -e production",
            "--command|bundle exec rails console -e production",
        ),
        ("1.148.0", "rails console | cat", "--command|sh -c $HOOP_COMMAND"),
        ("1.21.22", "bundle exec rails console", "--|bundle|exec|rails|console"),
        ("1.21.22", "rails runner 'puts 1'", "--|rails|runner|puts 1"),
        ("1.21.22", "rails console | cat", "--|sh|-c|rails console | cat"),
    ] {
        let slug = Slug::of_release(version);
        let launch = slug.web().with("HOOP_KEY", MULTI).with("HOOP_CONNECTION", "a");
        let dyno = launch.with("HOOP_COMMAND", line).start(["sleep", "600"]);
        let arguments = dyno.has_agents(1)[0].agent_arguments().unwrap().join("|");
        assert!(arguments.ends_with(shown), "{arguments}");
    }
}

#[test]
fn variables_that_would_break_a_session_are_not_exported() {
    let slug = Slug::of_release("1.148.0");
    let sessions = slug.path("sessions");
    std::fs::create_dir_all(&sessions).unwrap();
    let launch = slug
        .web()
        .with("HOOP_KEY", ORGANIZATION)
        .with("HOOP_CONNECTION", "console")
        .with(
            "HOOP_COMMAND",
            "env | grep -ci -e 'a-t[o]ken' -e colon -e comma -e ^log_; echo $ANIMAL; cat",
        )
        .with("STAND_IN_SESSIONS", sessions.as_os_str())
        .with("STAND_IN_INPUT", "typed")
        .with("ANIMAL", "cat")
        .with("a:colon", "x")
        .with("a,comma", "x")
        .with("LOG_LEVEL", "error")
        .with("HOOP_TOKEN", "a-token");
    let dyno = launch.start(["sleep", "600"]);
    // The variable of the command is exported too.
    assert_eq!(result_of(&dyno, &slug), ("1\ncat\ntyped".to_owned(), 0));
}
