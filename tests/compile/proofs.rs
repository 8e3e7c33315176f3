//! What an agent does while it proves itself, beside answering: it may change nothing that goes into the slug, and
//! nothing that it starts lives longer.

use crate::case;
use crate::support::build::Build;
use crate::support::dyno::eventually;
use crate::support::kernel::refusing;
use crate::support::mirror::{Archive, Mirror, VERSION, agent_that, noise};
use crate::support::run::Run;
use crate::support::server::ReleaseServer;
use crate::support::signals::hear_signals;
use crate::support::tree::Tree;
use nix::libc;
use rustix::process::{Pid, test_kill_process};
use std::fs;
use std::path::Path;

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
fn on_a_kernel_without_pidfds_an_agent_proves_itself_all_the_same() {
    let slow = agent_that(&format!("sleep 0.05\n{}", answer()));
    let server = Mirror::with(VERSION, &Archive::holding(&slow).packed()).serve();
    for errno in [libc::ENOSYS, libc::EPERM] {
        let Some(refuse) = refusing(vec![(libc::SYS_pidfd_open, Vec::new())], errno) else {
            return;
        };
        let build = Build::from(&server.url());
        let run = Run::after(refuse, build.command(build.compile_arguments()));
        run.exits(0);
        assert!(build.app().join(".hoop/bin/hoop").is_file());
    }
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

        run.fails_with("install::agent-changed")
            .tells(&[VERSION, "hoop version"]);
        let _ = fs::remove_file(build.app().join("still-mine"));
        assert_eq!(Tree::of(build.app()), before);
        assert_eq!(Tree::of(build.cache()).paths(), Vec::<&str>::new());
    }
}

#[test]
fn a_build_that_may_go_without_an_agent_goes_without_one_that_changes_itself() {
    for deed in [
        "echo '# more' >>\"$0\"",
        "echo x >../manifest.yml; mkdir ../hoopstart; chmod 0 ..",
    ] {
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

/// The ids that `list` holds, one on each line.
fn pids(list: &Path) -> Vec<i32> {
    let text = fs::read_to_string(list).unwrap_or_default();
    let ids = text.lines().map(|line| line.trim().parse());
    ids.map(|id| id.expect("it is a number")).collect()
}

/// Asserts that of the processes in `list`, at least one, none lives.
#[track_caller]
fn assert_gone(list: &Path, run: &Run) {
    run.assert(!pids(list).is_empty(), "expected the agent to start something");
    assert_all_end(list);
}

/// Asserts that no process of `list` lives.
#[track_caller]
fn assert_all_end(list: &Path) {
    let is_alive = |pid: &i32| Pid::from_raw(*pid).is_some_and(|pid| test_kill_process(pid).is_ok());
    // Who has been killed may still be waiting for the reaper of this machine.
    eventually("all that the agent has started is gone", || {
        (!pids(list).iter().any(is_alive)).then_some(())
    });
}

/// Writes a script `note` that notes its process in `list`, does `deed`, and stays for ten minutes.
fn note(list: &Path, deed: &str) -> String {
    format!(
        "list=\"{}\"; export list\ncat >note <<'SCRIPT'\n{deed}\necho $$ >>\"$list\"\n\
         while :; do sleep 600; done\nSCRIPT\n",
        list.display()
    )
}

/// Starts the script in the background, in these words, and waits until it is noted so often.
fn start(words: &str, times: u32) -> String {
    format!(
        "{words} >/dev/null 2>&1 </dev/null &\n\
         until [ \"$(cat \"$list\" 2>/dev/null | wc -l)\" -ge {times} ]; do sleep 0.01; done"
    )
}

#[test]
fn nothing_that_an_agent_starts_outlives_the_proof() {
    for (what, deed, words, times) in [
        ("a child", "", "sh note", 1),
        ("a session of its own", "", "setsid sh note", 1),
        (
            "a fork of a fork",
            "",
            "setsid sh -c 'setsid sh -c \"setsid sh note &\" &'",
            1,
        ),
        (
            "one that is deaf to signals",
            "trap '' TERM HUP INT QUIT",
            "setsid sh note",
            1,
        ),
        (
            "one that has forgotten all",
            "",
            "env -i list=\"$list\" setsid sh note",
            1,
        ),
        (
            "one that is stopped",
            "(sleep 0.1; kill -STOP $$) &",
            "setsid sh note",
            1,
        ),
        ("a crowd", "", "for i in 1 2 3 4 5 6 7 8; do setsid sh note & done", 8),
        (
            "a family",
            "[ -n \"$child\" ] || { child=1 setsid sh note & child=2 sh note & }",
            "setsid sh note",
            3,
        ),
        (
            "one that starts another when its own is ended",
            "[ -n \"$child\" ] || while :; do child=1 setsid sh note; done",
            "setsid sh note",
            1,
        ),
    ] {
        case(what);
        let build = Build::new();
        let list = build.root().join("list");
        let server = release(&format!("{}{}", note(&list, deed), start(words, times)));
        build.set("HOOP_RELEASES_URL", server.url());

        let run = build.compile();

        run.succeeds_quietly();
        assert_gone(&list, &run);
    }
}

#[test]
fn what_an_agent_starts_ends_also_where_the_build_is_stopped() {
    let build = Build::new();
    let list = build.root().join("list");
    let deaf = note(&list, "trap '' TERM HUP INT QUIT");
    let server = release(&format!("{deaf}{}\nexec sleep 600", start("setsid sh note", 1)));
    build.set("HOOP_RELEASES_URL", server.url());
    let before = build.snapshot();
    let mut command = build.command(build.compile_arguments());
    let silent = std::process::Stdio::null;
    command.stdin(silent()).stdout(silent()).stderr(silent());
    hear_signals();
    let mut child = command.spawn().unwrap();
    eventually("the agent has started something", || {
        (!pids(&list).is_empty()).then_some(())
    });

    rustix::process::kill_process(Pid::from_child(&child), rustix::process::Signal::TERM).unwrap();

    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert_eq!(build.snapshot(), before);
    assert_all_end(&list);
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
        let server = release(&format!("{}{}\n{ending}", note(&list, ""), start("setsid sh note", 1)));
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
    let server = release(&format!("{}{}", note(&list, ""), start("setsid sh note", 1)));
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
