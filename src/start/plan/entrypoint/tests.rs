use super::{arguments, command};
use crate::start::fault::config::ConfigFault;
use proptest::prelude::*;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::process::Command;

#[test]
fn plain_words_go_as_they_are() {
    for line in [
        "bundle exec rails console",
        "  bin/rails\tconsole -e production ",
        "rails runner --x=y a=b user@host:1 50% +x a,b ./c",
        "psql",
        "echo a b",
        "rails runner Gr\u{fc}\u{df}e",
    ] {
        assert_eq!(command(OsStr::new(line)).unwrap().into_value(), line.trim());
        let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        assert_eq!(arguments(OsStr::new(line)).unwrap(), words);
    }
}

#[test]
fn what_needs_a_shell_gets_one() {
    for line in [
        "echo 'a b'",
        "echo \"a b\"",
        "echo $HOME",
        "a | b",
        "a && b",
        "a; b",
        "a > b",
        "a < b",
        "A=b c",
        "ls *",
        "ls ?",
        "ls [ab]",
        "echo {a,b}",
        "cd ~",
        "ls ~/x",
        "a # b",
        "a &",
        "(a)",
        "{ a; }",
        "! a",
        "a\\ b",
        "a\nb",
        "echo `a`",
        "cd /tmp",
        "exec rails console",
        ". ./env",
        "export A=b",
        "if a",
        "for i",
        "[ -e a ]",
        "[[ a ]]",
        "echo -n a",
        "printf -- a",
        "time a",
        "type a",
        "pwd",
        "a^b",
        "x a\u{a0}b",
    ] {
        assert_eq!(
            command(OsStr::new(line)).unwrap().into_value(),
            "sh -c $HOOP_COMMAND",
            "{line}"
        );
    }
    let bytes = OsStr::from_bytes(b"echo \xff");
    assert_eq!(command(bytes).unwrap().into_value(), "sh -c $HOOP_COMMAND");
}

#[test]
fn arguments_keep_what_quotes_hold_together() {
    let of = |line: &str| arguments(OsStr::new(line)).unwrap();
    assert_eq!(
        of("bundle exec 'rails console' --x"),
        ["bundle", "exec", "rails console", "--x"]
    );
    assert_eq!(of("a '' \"b  c\"d"), ["a", "", "b  cd"]);
    assert_eq!(of("a | b"), ["sh", "-c", "a | b"]);
    // An agent would replace these.
    for line in ["echo $HOME", "echo '$HOME'", "echo \"$HOME\""] {
        let arguments = of(line);
        assert_eq!(arguments[..2], ["sh", "-c"]);
        assert!(!arguments[2].to_string_lossy().contains('$'), "{arguments:?}");
    }
}

#[test]
fn a_quote_that_is_not_closed_is_a_fault() {
    for line in ["it's", "bash -c \"x", "echo 'a", "echo \"it's"] {
        assert_eq!(command(OsStr::new(line)), Err(ConfigFault::CommandInvalid));
        assert_eq!(arguments(OsStr::new(line)), Err(ConfigFault::CommandInvalid));
    }
    // Quotes in inner commands do not belong to the line, and those in a comment are not quotes.
    for line in [
        "psql \"$(sed \"s/'//g\" url)\"",
        "echo \"${X:-\"it's\"}\"",
        "echo $'it\\'s'",
        "cat <<E\nit's\nE",
        "echo a # it's",
    ] {
        assert!(command(OsStr::new(line)).is_ok(), "{line}");
    }
}

/// The output of a program and its arguments.
fn output(words: &[OsString]) -> (String, Option<i32>) {
    let output = Command::new(&words[0])
        .args(&words[1..])
        .env("ANIMAL", "a  cat")
        .output()
        .unwrap();
    (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        output.status.code(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn arguments_do_what_a_shell_does(words in proptest::collection::vec(
        "[a-zA-Z0-9%=.,@+:_/ -]{1,6}|\
         '[ -&(-~\\n]{0,8}'|\"[ a-z*;|<>]{0,8}\"|\\$ANIMAL|\"\\$ANIMAL\"|\\\\[ -~]|\u{e9}", 0..6,
    )) {
        let words: Vec<String> = std::iter::once("printf '[%s]' x".to_owned()).chain(words).collect();
        let line = words.join(" ");
        let through_shell = ["sh", "-c", &line].map(OsString::from);
        prop_assert_eq!(output(&arguments(OsStr::new(&line)).unwrap()), output(&through_shell), "{}", line);
    }
}
