//! The agent's lines in the app's log: whole, prefixed, without the key, and never on stdout.

use crate::support::dyno::{MULTI, SECRET, STANDARD, Slug};
use std::collections::BTreeMap;

/// How many lines each of two writers writes at once.
const LINES: usize = 10_000;

#[test]
fn lines_of_app_and_agents_never_tear() {
    // Of many lengths, and some in pieces.
    let agent = r#"#!/bin/sh
tail=$(printf '%300s' '' | tr ' ' x)
i=0
while [ "$i" -lt 10000 ]; do
  printf 'agent %s' "$i"
  printf ' %s end\n' "$tail"
  i=$((i + 1))
done
exec sleep 600
"#;
    // To stdout and stderr in turn, which are one pipe, as in a dyno.
    let app = r#"
tail=$(printf '%700s' '' | tr ' ' y)
i=0
while [ "$i" -lt 10000 ]; do
  echo "app $i $tail end"
  echo "app $((i + 1)) $tail end" >&2
  i=$((i + 2))
done
exec sleep 600
"#;
    let slug = Slug::of_agent(agent);
    let launch = slug.web().with("HOOP_KEY", MULTI).with("HOOP_CONNECTION", "one,two");
    let dyno = launch.after("exec >&2").script(app);
    dyno.until("the last lines", || (dyno.lines_of_stderr() >= 3 * LINES).then_some(()));

    let (agent_tail, app_tail) = ("x".repeat(300), "y".repeat(700));
    let mut next: BTreeMap<&str, usize> = BTreeMap::new();
    let said = dyno.stderr();
    for line in said.lines() {
        let who = line.split_inclusive(' ').next().unwrap();
        let number = next.entry(who).or_default();
        let expected = match who {
            "app " => format!("app {number} {app_tail} end"),
            "hoop:one " | "hoop:two " => format!("{who}| agent {number} {agent_tail} end"),
            _ => panic!("a torn line: {line:?}"),
        };
        assert_eq!(line, expected);
        *number += 1;
    }
    assert_eq!(
        next,
        BTreeMap::from([("app ", LINES), ("hoop:one ", LINES), ("hoop:two ", LINES)])
    );
    assert_eq!(dyno.stdout(), "");
}

#[test]
fn a_line_longer_than_a_pipe_promises_to_take_is_whole_where_there_is_room() {
    // Together they fit into a pipe (64 KiB), so there is room whoever is the faster.
    let agent = r#"#!/bin/sh
tail=$(printf '%9000s' '' | tr ' ' x)
for i in 1 2 3 4; do printf '%s end\n' "$tail"; done
exec sleep 600
"#;
    let app = r#"
for i in 1 2 3 4 5 6 7 8 9; do for j in 1 2 3 4 5 6 7 8 9; do echo "app end" >&2; done; done
exec sleep 600
"#;
    let slug = Slug::of_agent(agent);
    let dyno = slug.web().script(app);
    dyno.until("all lines", || (dyno.lines_of_stderr() >= 4 + 81).then_some(()));

    let long = format!("hoop | {} end", "x".repeat(9000));
    for line in dyno.stderr().lines() {
        assert!(line == "app end" || line == long, "a torn line: {line:?}");
    }
}

#[test]
fn keys_are_masked_even_where_the_agent_prints_them() {
    let slug = Slug::of_agent(
        r#"#!/bin/sh
echo "the key is $HOOP_KEY."
echo "its secret is ${HOOP_KEY#*:*:}"
printf '%s' "in pieces: s3cr3t-0f"
sleep 0.2
echo "-the-test."
env
echo "old: $OLD" >&2
echo done
exec sleep 600
"#,
    );
    let dyno = slug.web().with("HOOP_TOKEN", "another-secret").start(["sleep", "600"]);
    dyno.logs("hoop | done\n");

    let said = dyno.stderr();
    for secret in [SECRET, STANDARD, "another-secret"] {
        dyno.assert(!said.contains(secret), &format!("{secret:?} must not be shown"));
    }
    dyno.logs("hoop | the key is ****.\n").logs("hoop | in pieces: ****.\n");
    assert_eq!(dyno.stdout(), "");
}

#[test]
fn the_secret_path_of_an_old_key_is_masked() {
    let slug = Slug::of_agent("#!/bin/sh\necho \"path ${HOOP_KEY##*/}.\"\nexec sleep 600\n");
    let key = format!("grpcs://gateway.example:8443/{}", "5ec4e700".repeat(8));
    let dyno = slug.web().with("HOOP_KEY", key).start(["sleep", "600"]);
    dyno.logs("hoop | path ****.\n");
}

#[test]
fn odd_bytes_are_made_harmless_and_long_lines_are_cut() {
    let slug = Slug::of_agent(
        r"#!/bin/sh
printf 'red \033[31m bell \a tab \t end\n'
printf 'bad \377 utf8\n'
printf 'windows\r\n'
printf '%20000s\n' x
printf 'whole%16379s\n' x
printf 'c1 \302\233 next\n'
printf 'no line end'
exit 5
",
    );
    let dyno = slug.web().start(["sleep", "600"]);
    dyno.logs("hoop | red \\u{1b}[31m bell \\u{7} tab \t end\n")
        .logs("hoop | bad \u{fffd} utf8\n")
        .logs("hoop | windows\n")
        .logs(" [cut by hoopstart after 16384 bytes]\n")
        .logs(&format!("hoop | whole{}x\n", " ".repeat(16378)))
        .logs("hoop | c1 \\u{9b} next\n")
        .logs("hoop | no line end\n")
        .logs("exited with status 5");
    for line in dyno.stderr().lines() {
        assert!(line.len() < 17_000, "{} bytes", line.len());
    }
}

#[test]
fn stdout_of_the_agent_is_not_the_apps() {
    let slug = Slug::of_agent("#!/bin/sh\necho to stdout\necho to stderr >&2\nexec sleep 600\n");
    let mut dyno = slug.web().with_stdin().script("echo '{\"json\": true}'; read line");
    dyno.logs("hoop | to stdout\n").logs("hoop | to stderr\n");
    dyno.write("go\n");
    dyno.exits(0).closes_output();
    assert_eq!(dyno.stdout(), "{\"json\": true}\n");
}
