//! How an app ends is how its parent sees it end.

use crate::support::dyno::{Launch, QUIET_AGENT, Slug, program};
use nix::libc::{
    SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGKILL, SIGQUIT, SIGSEGV, SIGSTOP, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG,
    SIGWINCH,
};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitStatus, Stdio};

/// All signals that end a process by default, and that anyone may send; those from 34 on are the real-time ones.
fn deadly() -> impl Iterator<Item = i32> {
    let harmless = [SIGCHLD, SIGCONT, SIGURG, SIGWINCH];
    let stopping = [SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU];
    let named = (1..=31).filter(move |signal| !harmless.contains(signal) && !stopping.contains(signal));
    named.chain(34..=64)
}

/// Runs many scripts under hoopstart, one after the other, and returns how each has ended. What they leave behind is
/// looked after once, at the end.
fn ends(launch: &Launch, scripts: impl IntoIterator<Item = String>) -> Vec<ExitStatus> {
    // The end of this one is the end of all that have its variables.
    let _all = launch.start(["sleep", "600"]);
    let hoopstart = launch.home().join(".hoop/bin/hoopstart");
    let run = |script: String| {
        let mut command = Command::new(&hoopstart);
        command
            .args(["--", "sh", "-c", &script])
            .current_dir(launch.home())
            .env_clear();
        command.envs(launch.variables().iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().expect("hoopstart can be started")
    };
    scripts.into_iter().map(run).collect()
}

#[test]
fn every_exit_code_is_the_apps() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let alone = slug.web().with("HOOP_DISABLE", "1");
    for (launch, codes) in [
        (slug.web(), (0..=255).collect::<Vec<i32>>()),
        (alone, vec![0, 1, 2, 78, 126, 127, 128, 137, 143, 255]),
    ] {
        let ends = ends(&launch, codes.iter().map(|code| format!("exit {code}")));
        let seen: Vec<Option<i32>> = ends.iter().map(ExitStatus::code).collect();
        assert_eq!(seen, codes.into_iter().map(Some).collect::<Vec<_>>());
    }
}

#[test]
fn exit_codes_and_deaths_long_after_the_agent_has_come_up_are_the_apps() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let launch = slug.web().after("ulimit -c 0").with_stdin();
    let codes = [0, 9, 126, 127, 128, 137, 143, 255].map(|code| (format!("exit {code}"), Ok(code)));
    let deaths =
        [SIGHUP, SIGINT, SIGQUIT, SIGKILL, SIGSEGV, SIGTERM].map(|signal| (format!("kill -{signal} $$"), Err(signal)));
    for (end, expected) in codes.into_iter().chain(deaths) {
        let mut dyno = launch.script(&format!("read line; {end}"));
        dyno.logs("hoop | agent up");
        dyno.write("go\n");
        match expected {
            Ok(code) => dyno.exits(code),
            Err(signal) => dyno.dies_by(signal),
        };
    }
}

#[test]
fn death_by_a_signal_is_seen_as_one() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let scripts = deadly().map(|signal| format!("ulimit -c 0; kill -{signal} $$"));
    let signals: Vec<Option<i32>> = ends(&slug.web(), scripts).iter().map(ExitStatus::signal).collect();
    assert_eq!(signals, deadly().map(Some).collect::<Vec<_>>());
    // Those that do no harm do none.
    let harmless = "for signal in CHLD CONT URG WINCH; do kill -$signal $$; done; exit 5".to_owned();
    assert_eq!(ends(&slug.web(), [harmless])[0].code(), Some(5));
}

#[test]
fn a_program_that_is_not_there_is_exit_127_and_one_line() {
    let slug = Slug::of_agent(QUIET_AGENT);
    for (program, shown) in [
        ("no-such-program", "\"no-such-program\""),
        ("./no/such/program", "\"./no/such/program\""),
        (".hoop/manifest.yml/x", "\".hoop/manifest.yml/x\""),
    ] {
        for launch in [slug.web(), slug.web().with("HOOP_DISABLE", "1")] {
            let mut dyno = launch.start([program]);
            dyno.exits(127).closes_output();
            let lines = dyno.own_lines();
            dyno.assert(
                lines.len() == 1
                    && lines[0].starts_with("hoopstart: error: ")
                    && lines[0].contains(shown)
                    && lines[0].ends_with("[start::not-found]"),
                "expected one line that names the program",
            );
            dyno.assert(dyno.stdout().is_empty(), "nothing of ours goes to stdout");
        }
    }
}

#[test]
fn a_program_that_cannot_be_run_is_exit_126_and_one_line() {
    let slug = Slug::of_agent(QUIET_AGENT);
    slug.put("not-executable", "#!/bin/sh\n");
    for (program, remedy) in [
        ("./not-executable", "git update-index --chmod=+x <file>"),
        ("./bin", "it is a folder; nothing was started, exit 126. Name a program"),
    ] {
        let mut dyno = slug.web().start([program]);
        dyno.exits(126).closes_output();
        let lines = dyno.own_lines();
        dyno.assert(
            lines.len() == 1 && lines[0].contains(program) && lines[0].ends_with("[start::not-executable]"),
            "expected one line that names the program",
        );
        dyno.assert(
            lines[0].contains(remedy) && (program == "./not-executable" || !lines[0].contains("chmod")),
            "expected what helps",
        );
    }
}

/// What a shell or `env` ends with that is to start this program.
fn status_under(launch: &Launch, words: &[&str], program: &str) -> Option<i32> {
    let mut dyno = launch.plain(words.iter().copied().chain([program]));
    dyno.ends().code()
}

#[test]
fn a_program_that_is_none_has_the_status_that_shells_have_for_it_and_one_line() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let elf = |bytes: &[u8]| [b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0", bytes].concat();
    let (this, other): (u8, u8) = if cfg!(target_arch = "x86_64") {
        (62, 183)
    } else {
        (183, 62)
    };
    let mut foreign = elf(&[other, 0, 1, 0, 0, 0]);
    foreign.resize(256, 0);
    // Without the folders of a machine that not everybody may search, of which `env` makes another status.
    let path = format!("{}:/usr/bin:/bin", slug.path("tools").display());
    let launch = slug.web().with("PATH", path);
    std::fs::create_dir(slug.path("tools")).unwrap();
    for (name, bytes, status, told) in [
        ("foreign", foreign, 126, "it is a program for "),
        ("damaged", elf(&[this, 0, 1, 0, 0, 0]), 126, "damaged or truncated"),
        ("header", b"\x7fELF".to_vec(), 126, "damaged or truncated"),
        (
            "windows",
            b"MZ\x90\0\x03\0\0\0\n".to_vec(),
            126,
            "it is not a program for Linux",
        ),
        (
            "apple",
            b"\xcf\xfa\xed\xfe\x07\0\0\x01\n".to_vec(),
            126,
            "it is not a program for Linux",
        ),
        (
            "packed",
            b"\x1f\x8b\x08\0\0\0\0\0\0\x03\n".to_vec(),
            126,
            "it is not a program for Linux",
        ),
        (
            "carriage",
            b"#!/bin/sh\r\necho never\r\n".to_vec(),
            127,
            "carriage return",
        ),
        (
            "behind-env",
            b"#!/usr/bin/env sh\r\necho never\r\n".to_vec(),
            127,
            "carriage return",
        ),
        (
            "missing",
            b"#!/no/such/interpreter\n".to_vec(),
            127,
            "\"/no/such/interpreter\"",
        ),
        ("closed", b"#!/etc/passwd\n".to_vec(), 126, "\"/etc/passwd\""),
        ("folder", b"#!/etc\n".to_vec(), 126, "\"/etc\""),
    ] {
        slug.put_program_of(&format!("tools/{name}"), &bytes);
        for program in [format!("./tools/{name}"), name.to_owned()] {
            let mut dyno = launch.start([&program]);
            dyno.exits(status).closes_output();
            let lines = dyno.own_lines();
            let id = if status == 127 {
                "[start::not-found]"
            } else {
                "[start::not-executable]"
            };
            dyno.assert(
                dyno.stderr().lines().count() == lines.len() + dyno.stderr().matches("hoop | ").count(),
                "nobody else has anything to say",
            );
            dyno.assert(
                lines.len() == 1 && lines[0].contains(told) && lines[0].contains(&program) && lines[0].ends_with(id),
                &format!("expected one line that says {told:?}"),
            );
        }
        // Only what a text begins with does a shell take for one, and dash takes anything.
        let mut shells = vec![vec!["bash", "-c"]];
        if status == 127 {
            shells.extend([vec!["dash", "-c"], vec!["env"]]);
        }
        for words in shells {
            if program(words[0]).is_some() {
                let seen = status_under(&launch, &words, &format!("./tools/{name}"));
                assert_eq!(seen, Some(status), "{words:?} {name}");
            }
        }
    }
}

#[test]
fn a_carriage_return_that_env_takes_off_is_none() {
    let slug = Slug::of_agent(QUIET_AGENT);
    slug.put_program("script", "#!/usr/bin/env -S sh\r\nexit 5\n");
    let mut dyno = slug.web().start(["./script"]);
    dyno.exits(5).closes_output();
    dyno.assert(dyno.own_lines().is_empty(), "nothing is wrong");
}

#[test]
fn a_program_of_another_folder_of_path_is_found_behind_one_that_is_none() {
    let slug = Slug::of_agent(QUIET_AGENT);
    for folder in ["first", "first/app", "second"] {
        std::fs::create_dir(slug.path(folder)).unwrap();
    }
    slug.put("first/tool", "not a program");
    for name in ["app", "tool"] {
        slug.put_program(&format!("second/{name}"), "#!/bin/sh\nexit 5\n");
    }
    let path = std::env::var("PATH").expect("it is set");
    let folders = ["first", "second"].map(|name| slug.path(name).display().to_string());
    let launch = slug.web().with("PATH", format!("{}:{path}", folders.join(":")));
    for name in ["app", "tool"] {
        launch.start([name]).exits(5);
    }
}

#[test]
fn an_app_that_the_system_finds_too_large_is_exit_126_and_says_so() {
    let slug = Slug::of_agent(QUIET_AGENT);
    // The kernel hands on a quarter of the stack's limit, and to a script its interpreter's long name as well.
    let interpreter = format!("tools-{}", "x".repeat(200));
    std::os::unix::fs::symlink("/bin/sh", slug.path(&interpreter)).unwrap();
    slug.put_program("script", &format!("#!{interpreter}\nexit 5\n"));
    let launch = slug.web().with("DYNO", "web.1").after("ulimit -s 512");
    let run = |size: usize| {
        let arguments: Vec<String> = (0..size / 1000)
            .map(|_| "x".repeat(999))
            .chain(["y".repeat(size % 1000)])
            .collect();
        let mut dyno = launch.start(["./script".to_owned()].into_iter().chain(arguments));
        let status = dyno.ends();
        dyno.closes_output();
        (status.code(), dyno.own_lines())
    };
    let (mut fits, mut too_large) = (1000, 200_000);
    while too_large - fits > 8 {
        let size = usize::midpoint(fits, too_large);
        if run(size).0 == Some(5) {
            fits = size;
        } else {
            too_large = size;
        }
    }
    let (status, lines) = run(too_large);
    assert_eq!(status, Some(126));
    assert!(
        lines.len() == 1
            && lines[0].contains("larger than the system allows")
            && lines[0].ends_with("[start::not-executable]"),
        "{lines:?}"
    );
}

#[test]
fn a_script_that_names_no_interpreter_is_run_by_sh_as_a_shell_would() {
    let slug = Slug::of_agent(QUIET_AGENT);
    slug.put_program("script", "echo \"script $1\"; exit 5\n");
    let mut dyno = slug.web().start(["./script", "argument"]);
    dyno.exits(5).closes_output();
    assert_eq!(dyno.stdout(), "script argument\n");
}

#[test]
fn an_agent_started_for_a_program_that_is_not_there_goes_as_well() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let mut dyno = slug.web().start(["no-such-program"]);
    dyno.exits(127);
    dyno.is_gone_within(std::time::Duration::from_secs(10), std::time::Instant::now());
}

#[test]
fn no_command_at_all_is_exit_2_and_one_line() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let hoopstart = slug.hoopstart();
    for arguments in [vec![], vec!["--"]] {
        let mut words = vec![hoopstart.to_str().unwrap()];
        words.extend(arguments);
        let mut dyno = slug.web().plain(words);
        dyno.exits(2).closes_output();
        let lines = dyno.own_lines();
        dyno.assert(
            lines.len() == 1 && lines[0].ends_with("[start::command-missing]"),
            "expected one line",
        );
        dyno.assert(dyno.processes().is_empty(), "nothing is started");
    }
}

#[test]
fn arguments_reach_the_app_as_they_are() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let arguments = [
        "", "a b", "--check", "-h", "--", "*", "$HOME", "'\"", "\n", "é", "--attach", "1",
    ];
    let mut dyno = slug.web().start(["cat", "/proc/self/cmdline"]);
    dyno.exits(0).closes_output();
    assert_eq!(dyno.stdout(), "cat\0/proc/self/cmdline\0");

    let hoopstart = slug.hoopstart();
    for launcher in [vec!["--"], vec![]] {
        let mut words = vec![hoopstart.to_str().unwrap()];
        words.extend(launcher);
        words.extend(["sh", "-c", "cat /proc/$$/cmdline", "sh"]);
        words.extend(arguments);
        let mut dyno = slug.web().plain(words);
        dyno.exits(0).closes_output();
        let shown = dyno.stdout();
        let shown: Vec<_> = shown.split_terminator('\0').skip(4).collect();
        assert_eq!(shown, arguments);
    }
}

#[test]
fn bytes_that_are_not_utf8_reach_the_app() {
    use std::os::unix::ffi::OsStrExt as _;
    let slug = Slug::of_agent(QUIET_AGENT);
    let odd = std::ffi::OsStr::from_bytes(b"\xff\xfe");
    let words = ["sh", "-c", "printf %s \"$1\" \"$ODD\" | od -An -tx1", "sh"].map(std::ffi::OsStr::new);
    let mut dyno = slug.web().with("ODD", odd).start(words.into_iter().chain([odd]));
    dyno.exits(0).closes_output();
    assert_eq!(dyno.stdout().trim(), "ff fe ff fe");
}

#[test]
fn stdin_is_the_apps() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let mut dyno = slug.web().with_stdin().start(["cat"]);
    dyno.logs("hoop | agent up");
    for line in ["one\n", "two\n"] {
        dyno.write(line);
        dyno.prints(line);
    }
    dyno.close_stdin();
    dyno.exits(0);
}

#[test]
fn the_old_name_works_as_well() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let hoopwrapper = slug.path(".hoop/bin/hoopwrapper");
    let mut dyno = slug.web().with_stdin().plain([
        hoopwrapper.as_os_str(),
        "sh".as_ref(),
        "-c".as_ref(),
        "read line; exit 5".as_ref(),
    ]);
    dyno.logs("hoop | agent up");
    dyno.write("\n");
    dyno.exits(5);
}
