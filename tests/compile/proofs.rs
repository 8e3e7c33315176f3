//! What an agent does while it proves itself, beside answering: it may change nothing that goes into the slug, and
//! nothing that it starts lives longer.

use crate::case;
use crate::support::build::Build;
use crate::support::mirror::{Archive, Mirror, VERSION, agent_that, noise};
use crate::support::run::Run;
use crate::support::server::ReleaseServer;
use crate::support::tree::Tree;
use rustix::process::{Pid, test_kill_process};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// The line with which an agent gives the right answer.
fn answer() -> String {
    format!("echo '{{\"version\":\"{VERSION}\"}}'")
}

/// A release whose agent does `deeds` before it gives the right answer.
fn release(deeds: &str) -> ReleaseServer {
    let agent = agent_that(&format!("{deeds}\n{}", answer()));
    let tarball = Archive::holding(&agent).file("./hoop_rs", 0o755, &noise(1000)).packed();
    Mirror::with(VERSION, &tarball).serve()
}

#[test]
fn an_agent_that_changes_what_was_verified_is_not_installed() {
    for deed in [
        "echo '# more' >>\"$0\"",
        "printf x | dd of=\"$0\" conv=notrunc seek=3 bs=1 2>/dev/null",
        "cp \"$0\" new; echo '# more' >>new; mv new \"$0\"",
        // With the time of the old one.
        "cp -p \"$0\" old; echo '# more' >>\"$0\"; touch -r old \"$0\"",
        "chmod 4755 \"$0\"",
        "chmod 777 \"$0\"",
        "ln \"$0\" \"${0%/*}/../../still-mine\"",
        "mv \"$0\" new; ln -s ../proof/new \"$0\"",
        "rm \"$0\"",
        "mv \"$0\" new; mkfifo \"$0\"",
        "echo x >>\"${0%/*}/hoop_rs\"",
        "rm \"${0%/*}/hoop_rs\"",
        "echo x >\"${0%/*}/hoop_more\"",
        "mv \"${0%/*}\" new; ln -s proof/new \"${0%/*}\"",
        "mv \"${0%/*}\" new",
        "echo 'agent_version: 9.9.9' >../manifest.yml",
        "ln -s /dev/null ../hoopstart",
        "mkdir ../hoop.sh",
        "echo x >../kept-0",
        "ln -s /etc/passwd ../manifest.yml",
    ] {
        case(deed);
        let build = Build::from(&release(deed).url());
        let server = release(deed);
        build.set("HOOP_RELEASES_URL", server.url());
        let before = Tree::of(build.app());

        let run = build.compile();

        run.fails_with("install::agent-changed").tells(&[VERSION, "hoop version"]);
        let _ = fs::remove_file(build.app().join("still-mine"));
        assert_eq!(Tree::of(build.app()), before);
        assert_eq!(Tree::of(build.cache()).paths(), Vec::<&str>::new());
    }
}

#[test]
fn a_build_that_may_go_without_an_agent_goes_without_one_that_changes_itself() {
    for deed in ["echo '# more' >>\"$0\"", "echo x >../manifest.yml; mkdir ../hoopstart; chmod 0 .."] {
        case(deed);
        let server = release(deed);
        let Some(build) = Build::from(&server.url()).by_someone_without_privileges() else {
            return;
        };
        build.set("HOOP_INSTALL", "optional");

        build.compile_leaves_agent_out(&["changed files of the build"]);
        assert_eq!(build.report()["failure_id"], "install::agent-changed");
    }
}

#[test]
fn an_agent_may_use_its_home_and_nothing_of_it_is_left() {
    for deed in [
        "mkdir -p \"$HOME/.cache/goimports\"",
        "mkdir -p a/b; echo x >a/b/c; chmod 0 a/b a; chmod 0 .",
        "ln -s / root; ln -s \"$0\" me; mkfifo pipe",
        "cp \"$0\" again; echo x >stdout; rm stderr",
    ] {
        case(deed);
        let server = release(deed);
        let Some(build) = Build::from(&server.url()).by_someone_without_privileges() else {
            return;
        };
        let run = build.compile();

        run.succeeds_quietly();
        let slug = Tree::of(build.app());
        let expected = [".hoop", ".profile.d", "Procfile", "bin"];
        let top: Vec<_> = slug.paths().into_iter().filter(|path| !path.contains('/')).collect();
        assert_eq!(top, expected);
    }
}

/// Returns the ids that `list` holds, one on each line.
fn pids(list: &Path) -> Vec<i32> {
    let text = fs::read_to_string(list).unwrap_or_default();
    text.lines().map(|line| line.trim().parse().unwrap()).collect()
}

/// Asserts that of the processes in `list`, at least one, none lives.
#[track_caller]
fn assert_gone(list: &Path, run: &Run) {
    let started = pids(list);
    run.assert(!started.is_empty(), "expected the agent to start something");
    let is_alive = |pid: &i32| Pid::from_raw(*pid).is_some_and(|pid| test_kill_process(pid).is_ok());
    let began = Instant::now();
    // Who has been killed may still be waiting for the reaper of this machine.
    while let Some(pid) = started.iter().find(|pid| is_alive(pid)) {
        run.assert(
            began.elapsed() < Duration::from_secs(10),
            &format!("process {pid} of the agent still lives"),
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn nothing_that_an_agent_starts_outlives_the_proof() {
    let note = "echo $$ >>\"$list\"";
    for (what, deed) in [
        ("a child", format!("( sh -c '{note}; exec sleep 600' & ) ; sleep 0.2")),
        (
            "a session of its own",
            format!("setsid sh -c '{note}; exec sleep 600' >/dev/null 2>&1 </dev/null & sleep 0.2"),
        ),
        (
            "a fork of a fork, deaf to signals",
            format!("setsid sh -c \"setsid sh -c 'trap \\\"\\\" TERM HUP INT QUIT; {note}; while :; do sleep 600; done' & \" >/dev/null 2>&1 & sleep 0.3")
                .replace("$$", "\\$\\$"),
        ),
        (
            "one that is stopped",
            format!("setsid sh -c '{note}; kill -STOP $$; sleep 600' >/dev/null 2>&1 & sleep 0.2"),
        ),
        (
            "a crowd",
            format!("for i in 1 2 3 4 5 6 7 8; do setsid sh -c '{note}; sleep 600; :' >/dev/null 2>&1 & done; sleep 0.4"),
        ),
        (
            "one that starts another when it is ended",
            format!("setsid sh -c '{note}; sh -c \"{note}; sleep 600\" ; setsid sh -c \"{note}; sleep 600\"' >/dev/null 2>&1 & sleep 0.2"),
        ),
    ] {
        case(what);
        let build = Build::new();
        let list = build.root().join("list");
        let deed = format!("list=\"{}\"; export list\n{deed}", list.display());
        let server = release(&deed);
        build.set("HOOP_RELEASES_URL", server.url());

        let run = build.compile();

        run.succeeds_quietly();
        assert_gone(&list, &run);
    }
}

#[test]
fn what_an_agent_starts_ends_also_where_the_proof_fails() {
    for (ending, id) in [
        ("exit 3", "install::agent-does-not-run"),
        ("kill -KILL $$", "install::agent-does-not-run"),
        ("echo nonsense; exit 0", "install::agent-does-not-run"),
        ("echo '# more' >>\"$0\"", "install::agent-changed"),
    ] {
        case(ending);
        let build = Build::new();
        let list = build.root().join("list");
        let start = "setsid sh -c 'echo $$ >>\"$list\"; exec sleep 600' >/dev/null 2>&1 & sleep 0.2";
        let deed = format!("list=\"{}\"; export list\n{start}\n{ending}", list.display());
        let server = release(&deed);
        build.set("HOOP_RELEASES_URL", server.url());

        let run = build.compile_fails(id);

        assert_gone(&list, &run);
    }
}

/// As a shell leaves it that starts something and becomes the build.
#[test]
fn a_child_that_the_build_had_before_is_not_touched() {
    let build = Build::new();
    let theirs = build.root().join("theirs");
    let list = build.root().join("list");
    let start = "setsid sh -c 'echo $$ >>\"$list\"; exec sleep 600' >/dev/null 2>&1 & sleep 0.2";
    let server = release(&format!("list=\"{}\"; export list\n{start}", list.display()));
    build.set("HOOP_RELEASES_URL", server.url());
    let program = build.command(build.compile_arguments());
    let mut command = std::process::Command::new("/bin/sh");
    command
        .arg("-c")
        .arg("sleep 600 >/dev/null 2>&1 & echo $! >\"$theirs\"; exec \"$@\"")
        .arg("sh")
        .arg(program.get_program())
        .args(program.get_args())
        .env_clear()
        .envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .env("theirs", &theirs);

    let run = Run::of(command);

    run.succeeds_quietly();
    assert_gone(&list, &run);
    let theirs = Pid::from_raw(pids(&theirs)[0]).unwrap();
    test_kill_process(theirs).expect("it still lives");
    rustix::process::kill_process(theirs, rustix::process::Signal::KILL).unwrap();
}
