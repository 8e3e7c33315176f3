//! hoopstart under any name, and with any words after it.

use crate::shutdown::PROMISE;
use crate::support::dyno::{QUIET_AGENT, Slug, program};
use std::time::Instant;

#[test]
fn it_is_hoopstart_by_whatever_name_it_is_called() {
    if program("bash").is_none() {
        return;
    }
    let slug = Slug::of_agent(QUIET_AGENT);
    std::os::unix::fs::symlink("../.hoop/bin/hoopstart", slug.path("bin/web")).unwrap();
    std::fs::hard_link(slug.hoopstart(), slug.path("bin/worker")).unwrap();
    for (called, behind) in [
        ("exec -a web .hoop/bin/hoopstart", "--"),
        ("exec -a web .hoop/bin/hoopstart", ""),
        ("exec -a hoop-buildpack .hoop/bin/hoopstart", ""),
        ("exec -l .hoop/bin/hoopstart", "--"),
        ("exec -a -hoopstart .hoop/bin/hoopstart", ""),
        ("exec -a '' .hoop/bin/hoopstart", ""),
        ("exec bin/web", ""),
        ("exec bin/worker", ""),
        ("exec bin/worker", "--"),
        ("exec -a detect bin/hoopstart", ""),
    ] {
        let line = format!("{called} {behind} sh -c 'echo \"up $$\"; read line; exit 9'");
        let mut dyno = slug.web().with_stdin().plain(["bash", "-c", &line]);
        dyno.prints(&format!("up {}\n", dyno.pid())).logs("hoop | agent up\n");
        // Whoever looks for the app by its name does not find the supervisor.
        let agent = dyno.has_agents(1).remove(0);
        dyno.assert(
            dyno.supervisors()
                .iter()
                .any(|supervisor| supervisor.pid == agent.parent),
            &format!("expected the supervisor to have the name of hoopstart: {line}"),
        );
        dyno.write("go\n");
        dyno.exits(9);
        dyno.is_gone_within(PROMISE, Instant::now());
    }
}

#[test]
fn what_bash_says_of_the_program_is_the_apps_by_any_name() {
    if program("bash").is_none() {
        return;
    }
    let slug = Slug::of_agent(QUIET_AGENT);
    let underscore = |line: &str| {
        let mut dyno = slug.web().plain(["bash", "-c", line]);
        dyno.exits(0).closes_output();
        let shown = dyno.stdout();
        shown
            .split('\0')
            .find(|variable| variable.starts_with("_="))
            .map(str::to_owned)
    };
    assert_eq!(
        underscore("bin/hoopstart -- cat /proc/self/environ; true"),
        underscore("cat /proc/self/environ; true")
    );
}

#[test]
fn an_unknown_option_is_exit_2_and_one_line_with_what_was_meant() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let hoopstart = slug.hoopstart();
    for (options, told) in [
        (&["--chek"][..], "Did you mean --check?"),
        (&["--chekc", "puma"], "Did you mean --check?"),
        (&["--check", "--conect"], "Did you mean --connect?"),
        (&["--verson"], "Did you mean --version?"),
        (&["-e", "x", "puma"], "hoopstart -- <command>"),
        (&["--bundle", "exec", "puma"], "hoopstart -- <command>"),
        (&["-x"], "there is no option \"-x\""),
    ] {
        let words = [hoopstart.to_str().unwrap()].into_iter().chain(options.iter().copied());
        let mut dyno = slug.web().plain(words);
        dyno.exits(2).closes_output();
        let lines = dyno.own_lines();
        dyno.assert(
            lines.len() == 1
                && dyno.stderr().lines().count() == 1
                && lines[0].contains(told)
                && lines[0].ends_with("[start::option-unknown]"),
            &format!("expected one line that says {told:?}"),
        );
        dyno.assert(dyno.stdout().is_empty(), "nothing of ours goes to stdout");
        dyno.assert(dyno.processes().is_empty(), "nothing is started");
    }
}

#[test]
fn what_only_a_shell_understands_is_exit_127_and_one_line_with_what_works() {
    let slug = Slug::of_agent(QUIET_AGENT);
    for (words, told) in [
        (&["bundle exec puma"][..], "Write: hoopstart -- bundle exec puma ["),
        (&["FOO=1", "puma", "-p", "1"], "hoopstart -- env FOO=1 puma -p 1 ["),
        (&["cd", "x"], "hoopstart -- bash bin/start ["),
        (&["export", "A=1"], "hoopstart -- bash bin/start ["),
        (&["cd x && puma"], "hoopstart -- bash bin/start ["),
        (&["–", "puma"], "Write: hoopstart -- puma ["),
        (
            &["HOOP_KEY=grpcs://web:s3cr3t@h:1?mode=standard", "puma"],
            "hoopstart -- env HOOP_KEY=... puma [",
        ),
    ] {
        let mut dyno = slug.web().start(words);
        dyno.exits(127).closes_output();
        let lines = dyno.own_lines();
        dyno.assert(
            lines.len() == 1 && lines[0].contains(told) && lines[0].ends_with("[start::not-found]"),
            &format!("expected one line that says {told:?}"),
        );
        dyno.assert(!dyno.stderr().contains("s3cr3t"), "no secret is shown");
        // The check says the same.
        let hoopstart = slug.hoopstart();
        let check = [hoopstart.to_str().unwrap(), "--check", "--"]
            .into_iter()
            .chain(words.iter().copied());
        let mut check = slug.web().plain(check);
        check.exits(78).closes_output();
        check.assert(check.stdout().contains(&lines[0]), "the check tells the same line");
    }
}

#[test]
fn a_line_that_works_does_work() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let mut dyno = slug
        .web()
        .start(["FOO=a-b", "sh", "-c", "echo \"$FOO $1\"; exit 4", "sh", "it's"]);
    dyno.exits(127).closes_output();
    let line = dyno.own_lines().remove(0);
    let (_, line) = line.split_once("Write: hoopstart -- ").unwrap();
    let (line, _) = line.rsplit_once(" [").unwrap();
    let mut dyno = slug.web().plain(["sh", "-c", &format!("exec bin/hoopstart -- {line}")]);
    dyno.exits(4).closes_output();
    assert_eq!(dyno.stdout(), "a-b it's\n");
}
