//! The agent's lines in the app's log: whole, prefixed, without the key, and never on stdout.

use crate::shutdown::PROMISE;
use crate::support::dyno::{Dyno, Launch, MULTI, QUIET_AGENT, SECRET, STANDARD, Slug};
use crate::support::kernel::refusing;
use crate::terminal::Terminal;
use nix::libc;
use seccompiler::{SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompRule};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::time::Instant;

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

/// An agent's logger in a shell: `log LEVEL MESSAGE MEMBERS`.
const LOGGER: &str = r#"#!/bin/sh
log() {
  printf '{"level":"%s","timestamp":"2026-01-02T03:04:05Z","logger":"agent/main.go:1","msg":"%s"%s}\n' "$1" "$2" "$3"
}
"#;

/// A slug whose agent does this, and then waits.
fn logging(script: &str) -> Slug {
    Slug::of_agent(&format!("{LOGGER}{script}\necho at the end\nexec sleep 600\n"))
}

#[test]
fn the_agents_log_is_shown_for_a_person_and_its_settings_are_not_the_apps() {
    let slug = logging(
        r#"
echo "level=$LOG_LEVEL encoding=$LOG_ENCODING"
log info 'connected with success to gateway.example:8443'
log warn 'two\nlines' ',"sid":"s1","version":"1.148.0","backoff":"8s"'
log error 'failed' ',"stacktrace":"main.go:1\nmain.go:2"'
log info 'tty=false - executing command:[typed]' ',"input":"typed","input_size":5'"#,
    );
    let launch = slug.web().with("LOG_LEVEL", "error").with("LOG_ENCODING", "console");
    let shown = |launch: &Launch| {
        let dyno = launch.start(["sleep", "600"]);
        dyno.logs("hoop | at the end\n");
        dyno.stderr()
    };
    let expected = "\
hoop | level=info encoding=json
hoop | connected gateway=gateway.example:8443
hoop | warning: two\\nlines sid=s1
hoop | error: failed
hoop | tty=false - executing command: (hidden) input_size=5
hoop | at the end
";
    assert_eq!(shown(&launch), expected);

    let debug = shown(&launch.clone().with("HOOP_LOG_LEVEL", "DEBUG"));
    let command = "hoop | tty=false - executing command:[typed] input=typed input_size=5\n";
    assert!(
        debug.starts_with("hoop | level=debug encoding=json\n") && debug.contains(command),
        "{debug}"
    );

    let json = shown(&launch.clone().with("HOOP_LOG_FORMAT", "json"));
    let lines: Vec<_> = json.lines().collect();
    assert_eq!(lines.len(), 6, "{json}");
    assert_eq!(
        lines[1],
        concat!(
            r#"{"level":"info","timestamp":"2026-01-02T03:04:05Z","logger":"agent/main.go:1","msg":"connected with "#,
            r#"success to gateway.example:8443"}"#,
        )
    );
    assert!(lines[3].contains("main.go:2") && !json.contains("typed"), "{json}");
    assert_eq!(
        (lines[0], lines[5]),
        ("hoop | level=info encoding=json", "hoop | at the end")
    );

    let wrong = shown(&launch.with("HOOP_LOG_LEVEL", "loud").with("HOOP_LOG_FORMAT", "xml"));
    let (told, rest) = wrong.split_at(wrong.len() - expected.len());
    assert_eq!((told.lines().count(), rest), (2, expected));
    assert!(
        told.lines().all(|line| line.ends_with(" [start::value-invalid]")),
        "{told}"
    );
}

#[test]
fn a_trouble_is_told_when_it_begins_and_when_it_is_over_and_its_repeats_are_folded() {
    let slug = logging(
        r#"
for i in 1 2 3 4 5 6 7 8 9; do
  log info 'connecting to gateway.example:8443, tls=true' ',"backoff":"8s"'
  log info 'unauthenticated' ',"backoff":"8s"'
  log info 'shutting down agent controller'
done
log info 'something new'
log info 'connected with success to gateway.example:8443'
log info 'received connect request' ',"sid":"s1"'"#,
    );
    let dyno = slug.web().start(["sleep", "600"]);
    dyno.logs("hoop | at the end\n");
    let said = dyno.stderr();
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines[0], "hoop | connecting to gateway.example:8443, tls=true");
    assert!(lines[1].starts_with("hoopstart: warning: ") && lines[1].ends_with(" [start::key-rejected]"));
    assert_eq!(lines[2], "hoop | something new");
    assert_eq!(lines[3], "hoopstart: connected again after 0 s [start::key-rejected]");
    assert_eq!(
        lines[4..],
        ["hoop | received connect request sid=s1", "hoop | at the end"]
    );
}

#[test]
fn every_trouble_has_its_id_and_its_cure() {
    let unavailable = "failed to connect to h:1, reason=failed connecting to streaming RPC server, err=rpc error: code \
        = Unavailable desc =";
    for (message, id, cure) in [
        (
            "disconnected from h:1, reason=rpc error: code = FailedPrecondition desc = agent already connected",
            "already-connected",
            "HOOP_PROCESS_TYPES=web.1",
        ),
        (
            "disconnected from h:1, reason=rpc error: code = FailedPrecondition desc = missing connection-name \
             attribute",
            "connection-name-missing",
            "hoop admin get orgkeys",
        ),
        (
            "fail connecting to server, reason=connection orders is not being managed by this process, choose another \
             name",
            "connection-taken",
            "\"orders\"",
        ),
        (
            &format!(
                "{unavailable} connection error: desc = \\\"transport: Error while dialing: dial tcp 127.0.0.1:1: \
                 connect: connection refused\\\""
            ),
            "gateway-unreachable",
            "gateway.example:8443",
        ),
        (
            &format!("{unavailable} name resolver error: produced zero addresses"),
            "gateway-unresolved",
            "the name in it",
        ),
        (
            &format!(
                "{unavailable} connection error: desc = \\\"transport: authentication handshake failed: tls: first \
                 record does not look like a TLS handshake\\\""
            ),
            "gateway-tls",
            "HOOP_TLSCA",
        ),
    ] {
        let slug = logging(&format!(
            "for i in 1 2 3; do log info '{message}' ',\"backoff\":\"8s\"'; done"
        ));
        let dyno = slug.web().start(["sleep", "600"]);
        dyno.logs("hoop | at the end\n");
        let lines = dyno.own_lines();
        dyno.assert(
            lines.len() == 1 && lines[0].ends_with(&format!(" [start::{id}]")) && lines[0].contains(cure),
            "expected one line with the id and the cure",
        );
        dyno.assert(dyno.lines_of_stderr() == 2, "expected no line of the agent's");
    }
}

#[test]
fn an_agent_that_cannot_work_with_what_it_was_told_is_left_alone_for_five_minutes() {
    let fatal = "log fatal 'HOOP_KEY is in wrong format, reason=invalid agent mode' ',\"version\":\"1.148.0\"'";
    for (script, is_told) in [
        (format!("{fatal}\nexit 1"), true),
        // As those of before 1.16.
        ("log error 'missing HOOP_CONNECTION env'\nexit 0".to_owned(), true),
        // A gateway that is away for a moment, as those of before 1.17 tell it.
        (
            "log fatal 'disconnected from h:1, err=rpc error: code = Unavailable desc = EOF'\nexit 1".to_owned(),
            false,
        ),
        ("log error 'no configuration'\nexit 1".to_owned(), false),
    ] {
        let slug = Slug::of_agent(&format!("{LOGGER}{script}\n"));
        let dyno = slug.web().start(["sleep", "600"]);
        dyno.logs("; next try in ");
        let said = dyno.stderr();
        let pause = said
            .split_once("; next try in ")
            .and_then(|(_, rest)| rest.split_once("s,"));
        let pause: u32 = pause.expect("a pause is told").0.parse().expect("it is a number");
        dyno.assert((300..=375).contains(&pause) == is_told, "expected another pause");
        dyno.assert(
            said.contains(" [start::agent-misconfigured]") == is_told,
            "expected another id",
        );
    }
}

#[test]
fn an_agent_that_crashes_again_and_again_is_told_four_times_and_its_stack_traces_are_counted() {
    let slug = Slug::of_agent(
        "#!/bin/sh\necho 'panic: boom'\n\
         printf 'goroutine 1 [running]:\\nmain.main()\\n\\t/go/main.go:1 +0x1\\n'\nexit 2\n",
    );
    let dyno = slug.web().start(["sleep", "600"]);
    dyno.logs(" [start::agent-crashing]\n");
    let said = dyno.stderr();
    let trace = "hoop | (3 lines of a stack trace are not shown; HOOP_LOG_LEVEL=debug shows them)";
    dyno.assert(said.matches("hoop | panic: boom\n").count() == 4, "expected each crash");
    dyno.assert(
        said.matches(trace).count() == 4,
        "expected each stack trace to be counted",
    );
    dyno.assert(
        dyno.own_lines().len() == 4 && !said.contains("main.go"),
        "expected four ends",
    );
    // The fifth adds nothing.
    dyno.until("the next start", || (dyno.agents().is_empty()).then_some(()));
    dyno.assert(dyno.own_lines().len() == 4, "expected no other line");
}

#[test]
fn a_key_where_a_name_should_be_is_masked() {
    let slug = logging("echo hello");
    let key = STANDARD.replace("standard", "multi-connection");
    let launch = slug.web().with("HOOP_KEY", &key).with("NAME", &key);
    let launch = launch.with("HOOP_CONNECTION", "orders,env.NAME");
    let dyno = launch.start(["sleep", "600"]);
    // Whether an agent is started with such a name or not.
    dyno.until("a line", || dyno.stderr().ends_with('\n').then_some(()));
    dyno.assert(!dyno.stderr().contains(SECRET), "the key must not be shown");
}

/// Starts `script` under hoopstart with stderr going to `stderr`.
fn with_stderr(launch: &Launch, slug: &Slug, script: &str, stderr: impl Into<Stdio>) -> Dyno {
    let mut command = Command::new("sh");
    command
        .args([
            "-c",
            "cd \"$HOME\"; trap '' PIPE; trap - PIPE; ulimit -c 0; ulimit -f 4; exec \"$0\" -- sh -c \"$1\"",
        ])
        .arg(slug.hoopstart())
        .arg(script)
        .env_clear()
        .envs(launch.variables().iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(stderr);
    Dyno::of(launch, command)
}

#[test]
fn a_log_that_is_a_file_at_its_size_limit_ends_neither_app_nor_supervisor() {
    let slug = Slug::of_agent("#!/bin/sh\nwhile :; do echo 'a line of the agent'; done\n");
    for append in [true, false] {
        let path = slug.path("tmp/log");
        let _ = fs::remove_file(&path);
        let file = File::options()
            .create(true)
            .write(true)
            .append(append)
            .open(&path)
            .unwrap();
        // Two lines of the boot as well.
        let launch = slug.web().with("HOOP_HIDE_KEY", "perhaps");
        let mut dyno = with_stderr(&launch, &slug, "echo up; read line; exit 7", file);
        dyno.prints("up\n");
        let size = || fs::metadata(&path).map_or(0, |file| file.len());
        dyno.until("a full file", || (size() > 2048 - 64).then_some(()));
        let first = dyno.has_agents(1)[0].pid;
        let other = slug.web().with("HOOP_HIDE_KEY", "perhaps");
        // A second app with the same log, which is full by now.
        let file = File::options().append(true).open(&path).unwrap();
        with_stderr(&other, &slug, "exit 9", file).exits(9);
        dyno.assert(dyno.supervisors().len() == 1, "the supervisor must go on");
        dyno.assert(
            dyno.agents().iter().any(|agent| agent.pid == first),
            "the agent must go on",
        );
        dyno.write("go\n");
        dyno.exits(7);
        dyno.is_gone_within(PROMISE, Instant::now());
        assert!(size() <= 2048, "{}", size());
    }
}

#[test]
fn a_log_whose_reader_has_gone_ends_neither_app_nor_supervisor() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let launch = slug.web().with("HOOP_HIDE_KEY", "perhaps");
    let mut dyno = with_stderr(&launch, &slug, "echo up; read line; exit 7", writer);
    dyno.prints("up\n");
    dyno.has_agents(1);
    dyno.write("go\n");
    dyno.exits(7);
    dyno.is_gone_within(PROMISE, Instant::now());
}

#[test]
fn a_log_that_is_a_socket_is_written_and_waits_for_nobody() {
    let slug = Slug::of_agent("#!/bin/sh\nwhile :; do echo 'a line of the agent'; done\n");
    let (mut ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let mut dyno = with_stderr(
        &slug.web(),
        &slug,
        "read line; exit 7",
        std::os::fd::OwnedFd::from(theirs),
    );
    let mut first = [0; 26];
    std::io::Read::read_exact(&mut ours, &mut first).unwrap();
    assert_eq!(&first, b"hoop | a line of the agent");
    // Nobody reads on, and the agent fills whatever there is.
    dyno.until("a full socket", || {
        let waiting = rustix::io::ioctl_fionread(&ours).unwrap();
        let sleeps = dyno.agents().iter().any(|agent| agent.status("State").starts_with('S'));
        (waiting > 32 * 1024 && sleeps).then_some(())
    });
    dyno.write("go\n");
    dyno.exits(7);
    dyno.is_gone_within(PROMISE, Instant::now());
}

#[test]
fn a_terminal_that_stands_still_keeps_no_end_of_the_app_from_being_noticed() {
    let Some(terminal) = Terminal::open() else { return };
    let slug = Slug::of_agent("#!/bin/sh\nwhile :; do echo \"$(printf '%900s' x)\"; done\n");
    // A terminal whose window nobody reads takes a few thousand bytes, and then no more.
    let end = || {
        let mut options = File::options();
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NOCTTY);
        options.read(true).write(true).open(&terminal.path).unwrap()
    };
    let mut dyno = with_stderr(&slug.web(), &slug, "echo up; read line; exit 7", end());
    dyno.prints("up\n");
    let supervisor = dyno.until("the supervisor", || dyno.supervisors().pop());
    dyno.until("an agent that waits", || {
        let waits = |pid: u32| fs::read_to_string(format!("/proc/{pid}/wchan")).unwrap_or_default();
        let agents = dyno.agents();
        (supervisor.status("State").starts_with('S')
            && agents
                .iter()
                .any(|agent| waits(agent.pid).contains("pipe") || agent.status("State").starts_with('S')))
        .then_some(())
    });
    dyno.write("go\n");
    dyno.exits(7);
    dyno.is_gone_within(PROMISE, Instant::now());
}

#[test]
fn where_neither_a_second_open_nor_a_write_that_does_not_wait_is_permitted_lines_come_all_the_same() {
    // The flag that no other file of ours is opened with.
    let flag = u64::from(libc::O_NOCTTY.cast_unsigned());
    let condition = SeccompCondition::new(2, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(flag), flag);
    let rule = condition.and_then(|condition| SeccompRule::new(vec![condition]));
    let rule = vec![rule.expect("the flags are the third argument")];
    let script = "#!/bin/sh\necho first\nprintf '%9000s end\\n' x\necho last\nexec sleep 600\n";
    let slug = Slug::of_agent(script);
    for errno in [libc::EPERM, libc::ENOSYS, libc::EACCES] {
        let calls = vec![(libc::SYS_openat, rule.clone()), (libc::SYS_pwritev2, Vec::new())];
        let Some(refuse) = refusing(calls, errno) else { return };
        let mut dyno = slug
            .web()
            .started_after(refuse)
            .with_stdin()
            .script("read line; exit 7");
        dyno.logs("hoop | first\n").logs(" end\n").logs("hoop | last\n");
        dyno.write("go\n");
        dyno.exits(7);
        dyno.is_gone_within(PROMISE, Instant::now());
    }
}

#[test]
fn a_line_of_ours_goes_into_a_pipe_whole_however_long_what_it_quotes_is() {
    let slug = Slug::of_agent(QUIET_AGENT);
    slug.put("Procfile", "web: hoopstart -- true\n");
    let types: Vec<String> = (0..3000).map(|number| format!("type{number}")).collect();
    let dyno = slug.web().with("HOOP_PROCESS_TYPES", types.join(",")).start(["true"]);
    dyno.logs(" [start::process-type-unknown]\n");
    let said = dyno.stderr();
    assert!(said.len() <= 4096 && said.contains("type1,"), "{} bytes", said.len());
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
