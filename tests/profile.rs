//! `.profile.d/zz-hoop-buildpack.sh`: sourced into the dyno's own shell, by bash and by sh, as strict as they can be.

mod support;

use rustix::process::Signal;
use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};
use support::dyno::{Dyno, Launch, Process, QUIET_AGENT, STANDARD, Slug, program};

/// Sources the script as `herokuish` does, and stays strict.
const STRICT_BASH: &str = "set -eu -o pipefail; . \"$HOME/.profile.d/zz-hoop-buildpack.sh\"\n";

/// The same where there is no `pipefail`.
const STRICT_SH: &str = "set -eu; . \"$HOME/.profile.d/zz-hoop-buildpack.sh\"\n";

/// The shells of this machine, with the line that sources the script in each.
fn shells() -> Vec<(&'static str, &'static str)> {
    let mut shells = vec![("sh", STRICT_SH)];
    if program("bash").is_some() {
        shells.push(("bash", STRICT_BASH));
    }
    shells
}

/// A dyno with the key and `HOOP_AUTOSTART`.
fn autostarted(slug: &Slug) -> Launch {
    slug.web().with("HOOP_AUTOSTART", "true")
}

/// Starts a command line as the platform does: in a shell that has sourced the script.
fn sourced(launch: &Launch, (shell, source): (&str, &str), command_line: &str) -> Dyno {
    launch.plain([shell, "-c", &format!("{source}{command_line}")])
}

/// The pid of the process that the supervisor watches, as the kernel tells it of the supervisor's pidfd
/// (<https://man7.org/linux/man-pages/man2/pidfd_open.2.html>). Only root can see its files; others ask it.
fn watched(dyno: &Dyno) -> u32 {
    let supervisors = dyno.supervisors();
    dyno.assert(supervisors.len() == 1, "expected one supervisor");
    let Ok(files) = fs::read_dir(format!("/proc/{}/fdinfo", supervisors[0].pid)) else {
        return told(dyno);
    };
    files
        .filter_map(|file| fs::read_to_string(file.ok()?.path()).ok())
        .find_map(|text| {
            text.lines()
                .find_map(|line| line.strip_prefix("Pid:")?.trim().parse().ok())
        })
        .expect("the supervisor has a pidfd")
}

/// The pid of the process that the supervisor says it watches.
fn told(dyno: &Dyno) -> u32 {
    let agents = dyno.agents();
    let answer = Command::new(env!("CARGO_BIN_EXE_hoop-buildpack"))
        .args(["start", "--status", "--json"])
        .output()
        .expect("it can be started");
    let answer: serde_json::Value = serde_json::from_slice(&answer.stdout).expect("it is JSON");
    let apps = answer["apps"].as_array().expect("it is a list");
    let is_ours = |app: &&serde_json::Value| agents.iter().any(|agent| app["agents"][0]["pid"] == agent.pid);
    let app = apps.iter().find(is_ours).expect("the supervisor answers");
    let pid = app["app"]["pid"].as_u64().expect("it is a number");
    u32::try_from(pid).expect("it is a pid")
}

#[test]
fn hoopstart_is_found_behind_the_apps_own_programs() {
    let slug = Slug::of_agent(QUIET_AGENT);
    for shell in shells() {
        let mut dyno = sourced(
            &slug.web().with("PATH", "/usr/bin:/bin"),
            shell,
            "echo \"$PATH\"; command -v hoopstart",
        );
        dyno.exits(0).closes_output();
        let programs = slug.path(".hoop/bin");
        let programs = programs.display();
        assert_eq!(
            dyno.stdout(),
            format!("/usr/bin:/bin:{programs}\n{programs}/hoopstart\n")
        );
        assert_eq!(dyno.stderr(), "");
    }
}

#[test]
fn the_path_grows_once_however_often_the_script_is_sourced() {
    let slug = Slug::of_agent(QUIET_AGENT);
    for shell in shells() {
        let again = ". \"$HOME/.profile.d/zz-hoop-buildpack.sh\"; . \"$HOME/.profile.d/zz-hoop-buildpack.sh\"; echo \
            \"$PATH\"; sh -c '. \"$HOME/.profile.d/zz-hoop-buildpack.sh\"; echo \"$PATH\"'";
        let mut dyno = sourced(&slug.web().with("PATH", "/usr/bin:/bin"), shell, again);
        dyno.exits(0).closes_output();
        let path = format!("/usr/bin:/bin:{}\n", slug.path(".hoop/bin").display());
        assert_eq!(dyno.stdout(), format!("{path}{path}"));
    }
}

#[test]
fn without_home_and_path_the_script_succeeds_all_the_same() {
    let slug = Slug::of_agent(QUIET_AGENT);
    for (shell, source) in shells() {
        let source = source.replace("$HOME", &slug.home().display().to_string());
        let command_line = format!("{source}echo \"${{PATH-none}}\" \"${{HOME-none}}\" \"$?\"");
        let shell = program(shell).unwrap();
        // Unset by the shell: bash sets a PATH of its own where it is given none.
        let mut dyno = autostarted(&slug).plain([
            shell.as_os_str(),
            "-c".as_ref(),
            format!("unset HOME PATH; {command_line}").as_ref(),
        ]);
        dyno.exits(0).closes_output();
        assert_eq!(dyno.stdout(), "/app/.hoop/bin none 0\n");
        assert_eq!(dyno.stderr(), "");
    }
}

#[test]
fn without_autostart_nothing_is_started_and_nothing_is_said() {
    let slug = Slug::of_agent(QUIET_AGENT);
    for shell in shells() {
        for value in [None, Some(""), Some("false"), Some("0"), Some("OFF"), Some("no")] {
            let mut launch = slug.web().with_stdin();
            if let Some(value) = value {
                launch = launch.with("HOOP_AUTOSTART", value);
            }
            let mut dyno = sourced(&launch, shell, "echo up; read line; exit 3");
            dyno.prints("up\n");
            dyno.assert(dyno.processes().len() == 1, "nothing is to be started");
            dyno.write("go\n");
            dyno.exits(3).closes_output();
            assert_eq!(dyno.stderr(), "");
        }
    }
}

#[test]
fn autostart_with_another_value_is_one_line_and_counts_as_off() {
    let slug = Slug::of_agent(QUIET_AGENT);
    for shell in shells() {
        let mut dyno = sourced(&autostarted(&slug).with("HOOP_AUTOSTART", "maybe"), shell, "exit 3");
        dyno.exits(3).closes_output();
        let lines = dyno.own_lines();
        dyno.assert(
            lines.len() == 1 && lines[0].contains("HOOP_AUTOSTART") && lines[0].ends_with("[start::value-invalid]"),
            "expected one line",
        );
        dyno.assert(dyno.processes().is_empty(), "nothing is to be started");
    }
}

#[test]
fn what_autostart_cannot_do_is_told_and_the_app_runs() {
    let slug = Slug::of_agent(QUIET_AGENT);
    for shell in shells() {
        let launch = autostarted(&slug)
            .with("HOOP_HIDE_KEY", "on")
            .without("HOOP_KEY")
            .with_stdin();
        let mut dyno = sourced(
            &launch.with("HOOP_REQUIRED", "on"),
            shell,
            "exec sh -c 'read line; exit 3'",
        );
        for told in [
            "HOOP_HIDE_KEY has no effect",
            "HOOP_REQUIRED has no effect",
            "[start::key-missing]",
        ] {
            dyno.logs(told);
        }
        dyno.write("go\n");
        dyno.exits(3).closes_output();
    }
}

#[test]
fn a_simple_command_has_the_agent_beside_it() {
    let slug = Slug::of_agent(QUIET_AGENT);
    for shell in shells() {
        for exec in ["", "exec "] {
            let launch = autostarted(&slug).with_stdin();
            let mut dyno = sourced(&launch, shell, &format!("{exec}sh -c 'echo up; read line; exit 9'"));
            dyno.prints("up\n").logs("hoop | agent up\n");
            dyno.has_agents(1);
            assert_eq!(watched(&dyno), dyno.pid());
            dyno.write("go\n");
            dyno.exits(9);
            dyno.is_gone_within(Duration::from_secs(10), Instant::now());
        }
    }
}

#[test]
fn a_compound_command_line_keeps_its_agent_to_its_end() {
    let slug = Slug::of_agent(QUIET_AGENT);
    for shell in shells() {
        for command_line in [
            "true && sh -c 'echo first' && sh -c 'read line; exit 9'",
            "echo first | cat; read line; exit 9",
            "( echo first; read line ); sh -c 'exit 9'",
            "for step in first; do echo \"$step\"; done; read line; false || exit 9",
        ] {
            let mut dyno = sourced(&autostarted(&slug).with_stdin(), shell, command_line);
            dyno.prints("first\n").logs("hoop | agent up\n");
            dyno.has_agents(1);
            dyno.write("go\n");
            dyno.exits(9);
            dyno.is_gone_within(Duration::from_secs(10), Instant::now());
        }
    }
}

#[test]
fn a_shell_that_is_killed_takes_the_agent_along() {
    let slug = Slug::of_agent(QUIET_AGENT);
    for shell in shells() {
        let mut dyno = sourced(&autostarted(&slug), shell, "exec sleep 600");
        dyno.logs("hoop | agent up\n");
        dyno.signal(Signal::TERM);
        dyno.dies_by(15);
        dyno.is_gone_within(Duration::from_secs(10), Instant::now());
    }
}

#[test]
fn the_shell_has_no_child_it_did_not_make() {
    let slug = Slug::of_agent(QUIET_AGENT);
    for shell in shells() {
        let dyno = sourced(&autostarted(&slug).with_stdin(), shell, "echo up; read line");
        dyno.prints("up\n").has_agents(1);
        let children = Process::children_of(dyno.pid());
        dyno.assert(children.is_empty(), &format!("children of the shell: {children:?}"));
    }
}

#[test]
fn hoopstart_in_the_procfile_as_well_is_one_agent() {
    let slug = Slug::of_agent(QUIET_AGENT);
    for shell in shells() {
        for command_line in [
            "hoopstart -- sh -c 'echo up; read line; exit 9'",
            "exec hoopstart -- sh -c 'echo up; read line; exit 9'",
            "true && hoopstart -- sh -c 'echo up; read line; exit 9'",
        ] {
            let launch = autostarted(&slug).with("HOOPSTART_DEBUG", "1").with_stdin();
            let mut dyno = sourced(&launch, shell, command_line);
            dyno.prints("up\n")
                .logs("already runs beside process")
                .logs("hoop | agent up\n");
            dyno.has_supervisors(1);
            assert_eq!(dyno.agents().len(), 1);
            dyno.write("go\n");
            dyno.exits(9);
        }
    }
}

#[test]
fn a_shell_below_the_dynos_own_starts_no_other_agent() {
    let slug = Slug::of_agent(QUIET_AGENT);
    for shell in shells() {
        let mut dyno = sourced(
            &autostarted(&slug).with_stdin(),
            shell,
            "sh -c '. \"$HOME/.profile.d/zz-hoop-buildpack.sh\"; echo up; read line'; exit 9",
        );
        dyno.prints("up\n").logs("hoop | agent up\n");
        dyno.has_supervisors(1);
        dyno.write("go\n");
        dyno.exits(9);
    }
}

#[test]
fn a_shell_somebody_opened_in_a_running_dyno_starts_nothing() {
    let slug = Slug::of_agent(QUIET_AGENT);
    for shell in shells() {
        let launch = autostarted(&slug).with("SSH_CLIENT", "10.0.0.1 1 2").with_stdin();
        let mut dyno = sourced(&launch, shell, "echo up; command -v hoopstart; read line");
        dyno.prints("hoopstart\n");
        dyno.assert(dyno.processes().len() == 1, "nothing is to be started");
        dyno.write("go\n");
        dyno.exits(0).closes_output();
        assert_eq!(dyno.stderr(), "");
    }
}

#[test]
fn where_no_agent_belongs_the_script_starts_none() {
    let slug = Slug::of_agent(QUIET_AGENT);
    for shell in shells() {
        for (name, value) in [
            ("DYNO", "run.7"),
            ("HOOP_DISABLE", "1"),
            ("HOOP_PROCESS_TYPES", "worker"),
        ] {
            let mut dyno = sourced(
                &autostarted(&slug).with(name, value).with_stdin(),
                shell,
                "echo up; read line",
            );
            dyno.prints("up\n");
            dyno.assert(dyno.processes().len() == 1, "nothing is to be started");
            dyno.write("go\n");
            dyno.exits(0).closes_output();
            assert_eq!(dyno.stderr(), "");
        }
    }
}

#[test]
fn whatever_is_wrong_with_the_agent_the_shell_goes_on() {
    let without_agent = Slug::without_agent();
    let without_key = Slug::of_agent(QUIET_AGENT);
    let broken = Slug::of_agent(QUIET_AGENT);
    broken.put_program(".hoop/bin/hoopstart-broken", "#!/bin/sh\nexit 3\n");
    broken.remove(".hoop/bin/hoopstart");
    std::fs::rename(broken.path(".hoop/bin/hoopstart-broken"), broken.hoopstart()).unwrap();
    let without_hoopstart = Slug::of_agent(QUIET_AGENT);
    without_hoopstart.remove(".hoop/bin/hoopstart");
    for shell in shells() {
        for launch in [
            autostarted(&without_agent),
            autostarted(&without_agent).with("HOOP_REQUIRED", "1"),
            autostarted(&without_key).without("HOOP_KEY"),
            autostarted(&broken),
            autostarted(&without_hoopstart),
        ] {
            let mut dyno = sourced(&launch, shell, "echo \"app $?\"; exit 4");
            dyno.exits(4).closes_output();
            assert_eq!(dyno.stdout(), "app 0\n");
        }
    }
}

#[test]
fn stdin_stays_with_the_command_line() {
    let slug = Slug::of_agent(QUIET_AGENT);
    for shell in shells() {
        let mut dyno = sourced(&autostarted(&slug).with_stdin(), shell, "exec cat");
        dyno.write("first\n");
        dyno.prints("first\n");
        dyno.close_stdin();
        dyno.exits(0);
    }
}

/// Runs `snapshot` before and after the script was sourced, and returns what it printed each time.
fn before_and_after(launch: &Launch, shell: &str, options: &str, snapshot: &str) -> (String, String) {
    let mut dyno = launch.plain([
        shell,
        "-c",
        &format!(
            "{options}\n{snapshot} >\"$HOME/before\" 2>&1\n\
             . \"$HOME/.profile.d/zz-hoop-buildpack.sh\"\n{snapshot} >\"$HOME/after\" 2>&1\nread line"
        ),
    ]);
    // Where an agent is to be started it is there, so that what is compared has been through all of it.
    let home = launch.home();
    dyno.until("the second snapshot", || {
        std::fs::read_to_string(home.join("after"))
            .is_ok_and(|text| text.ends_with("end\n"))
            .then_some(())
    });
    dyno.write("go\n");
    dyno.exits(0);
    let read = |name: &str| std::fs::read_to_string(home.join(name)).expect("the shell wrote it");
    let texts = (read("before"), read("after"));
    std::fs::remove_file(home.join("after")).expect("the shell wrote it");
    texts
}

#[test]
fn the_script_leaves_nothing_behind_but_path() {
    let slug = Slug::of_agent(QUIET_AGENT);
    for launch in [slug.web().with_stdin(), autostarted(&slug).with_stdin()] {
        for (shell, options) in [
            ("sh", "set -eu"),
            ("sh", "set -f"),
            ("bash", "set -eu -o pipefail"),
            ("bash", "shopt -s nullglob extglob; set -f -o posix"),
        ] {
            if program(shell).is_none() {
                continue;
            }
            let mut snapshot = "{ set; set +o; echo \"flags $-\"; trap; alias; umask; pwd; jobs; echo \"last ${!-none} \
                $#\"; echo end; }";
            if shell == "bash" {
                snapshot = "{ declare -p; declare -f; shopt -p; set +o; echo \"flags $-\"; trap -p; alias; umask; pwd; \
                    dirs; jobs; ulimit -a; echo \"last ${!-none} $#\"; echo end; }";
            }
            let (before, after) = before_and_after(&launch, shell, options, snapshot);
            assert!(before.lines().count() > 15, "{before}");
            assert_eq!(variables(&after), variables(&before), "{shell} {options}");
        }
    }
}

/// The lines of a snapshot without those that change by themselves, and without PATH.
fn variables(snapshot: &str) -> BTreeMap<usize, &str> {
    let changing = [
        "PATH",
        "_",
        "LINENO",
        "RANDOM",
        "SRANDOM",
        "SECONDS",
        "EPOCHSECONDS",
        "EPOCHREALTIME",
        "BASH_LINENO",
        "BASH_ARGC",
        "BASH_ARGV",
        "PIPESTATUS",
        "BASH_COMMAND",
        "BASH_SUBSHELL",
        "BASH_CMDS",
    ];
    snapshot
        .lines()
        .filter(|line| {
            let assignment = line
                .strip_prefix("declare ")
                .and_then(|rest| rest.split_once(' '))
                .map_or(*line, |(_, rest)| rest);
            let name = assignment.split('=').next().unwrap_or_default();
            !changing.contains(&name)
        })
        .enumerate()
        .collect()
}

#[test]
fn a_login_shell_has_it_as_well() {
    if program("bash").is_none() {
        return;
    }
    let slug = Slug::of_agent(QUIET_AGENT);
    // The platform's own profile does this; a machine's may set PATH anew, so it comes first.
    slug.put(
        ".profile",
        "for script in \"$HOME\"/.profile.d/*.sh; do . \"$script\"; done; unset script\n",
    );
    let launch = autostarted(&slug).with("HOOP_KEY", STANDARD).with_stdin();
    let mut dyno = launch.plain([
        "bash",
        "--login",
        "-c",
        "hoopstart -- sh -c 'echo up; read line; exit 9'",
    ]);
    dyno.prints("up\n").logs("hoop | agent up\n");
    assert_eq!(dyno.agents().len(), 1);
    dyno.write("go\n");
    dyno.exits(9);
}

/// The scripts that the platform runs before a command, as it runs them.
const PLATFORM: &str = "for script in \"$HOME\"/.profile.d/*.sh; do . \"$script\"; done; unset script\n\
    if [ -r \"$HOME/.profile\" ]; then . \"$HOME/.profile\"; fi\n";

/// A slug whose scripts set variables after ours has run: of a language, and of the app itself.
fn late(slow: bool) -> Slug {
    let slug = Slug::of_agent(QUIET_AGENT);
    std::fs::create_dir(slug.path("gems")).expect("a folder can be made");
    let sleep = if slow { "sleep 1.5\n" } else { "" };
    slug.put(
        ".profile.d/zzz-ruby.sh",
        &format!(
            "{sleep}export PATH=\"$HOME/gems:$PATH\" GEM_PATH=\"$HOME/gems\" CPUS=\"$(nproc 2>/dev/null || echo 1)\"\n"
        ),
    );
    let key = format!("sed -n 1p /etc/passwd >/dev/null\n{sleep}export HOOP_KEY='{STANDARD}' FROM_PROFILE=yes\n");
    slug.put(".profile", &key);
    slug
}

/// Command lines that take a shell to their end, or do not.
const COMMAND_LINES: [&str; 12] = [
    "sh -c 'echo up; read line; exit 9'",
    "exec sh -c 'echo up; read line; exit 9'",
    "cd bin && sh -c 'echo up; read line; exit 9'",
    "true && sh -c 'echo up; read line; exit 9'; exit 9",
    "sh -c 'echo up; read line; exit 9' | cat; exit 9",
    "cat | sh -c 'echo up; read line; exit 9'",
    "( cd bin; sh -c 'echo up; read line; exit 9' ); exit 9",
    "exec 5<&0; sh -c 'echo up; read line <&5; exit 9' & wait $!; exit 9",
    "if true; then sh -c 'echo up; read line'; fi; exit 9",
    "env A=1 sh -c 'echo up; read line; exit 9'",
    "A=1 sh -c 'echo up; read line; exit 9'",
    "echo up; read line; exit 9",
];

#[test]
fn the_agent_has_the_environment_that_the_command_starts_with() {
    for slow in [false, true] {
        let slug = late(slow);
        for (shell, _) in shells() {
            for line in &COMMAND_LINES[..if slow { 3 } else { COMMAND_LINES.len() }] {
                // What only a shell does shows nowhere, and of slow scripts it takes one to be seen.
                let is_seen = line.contains("sh -c");
                let launch = autostarted(&slug).without("HOOP_KEY").with_stdin();
                let launch = if is_seen {
                    launch
                } else {
                    launch.with("HOOP_KEY", STANDARD)
                };
                let mut dyno = launch.plain([shell, "-c", &format!("{PLATFORM}{line}")]);
                dyno.prints("up\n").logs("hoop | agent up\n");
                let agent = dyno.has_agents(1).remove(0);
                if is_seen {
                    let gems = slug.path("gems").into_os_string();
                    assert_eq!(agent.variable("GEM_PATH"), Some(gems.as_os_str()), "{shell} {line}");
                    assert_eq!(agent.variable("FROM_PROFILE"), Some("yes".as_ref()), "{shell} {line}");
                    let path = agent
                        .variable("PATH")
                        .and_then(std::ffi::OsStr::to_str)
                        .expect("it is a text")
                        .to_owned();
                    assert!(path.contains(&gems.to_string_lossy().into_owned()), "{path}");
                    dyno.assert(dyno.own_lines().is_empty(), "nothing is wrong");
                }
                dyno.write("go\n");
                dyno.close_stdin();
                dyno.exits(9);
                dyno.is_gone_within(Duration::from_secs(10), Instant::now());
            }
        }
    }
}

#[test]
fn a_login_shell_has_it_from_its_own_profile() {
    if program("bash").is_none() {
        return;
    }
    for line in [
        "sh -c 'echo up; read line; exit 9'",
        "cd bin && sh -c 'echo up; read line'; exit 9",
    ] {
        let slug = late(false);
        let profile = slug.read(".profile");
        slug.put(
            ".profile",
            &format!("for script in \"$HOME\"/.profile.d/*.sh; do . \"$script\"; done; unset script\n{profile}"),
        );
        let launch = autostarted(&slug).without("HOOP_KEY").with_stdin();
        let mut dyno = launch.plain(["bash", "--login", "-c", line]);
        dyno.prints("up\n").logs("hoop | agent up\n");
        let agent = dyno.has_agents(1).remove(0);
        assert_eq!(agent.variable("FROM_PROFILE"), Some("yes".as_ref()), "{line}");
        dyno.write("go\n");
        dyno.exits(9);
    }
}

#[test]
fn a_key_that_hoopstart_hides_from_the_app_is_the_agents() {
    let slug = Slug::of_agent(QUIET_AGENT);
    for shell in shells() {
        let launch = autostarted(&slug).with("HOOP_HIDE_KEY", "on").with_stdin();
        let mut dyno = sourced(
            &launch,
            shell,
            "exec hoopstart -- sh -c 'echo \"key ${HOOP_KEY-none}\"; read line; exit 9'",
        );
        dyno.prints("key none\n").logs("hoop | agent up\n");
        dyno.write("go\n");
        dyno.exits(9);
    }
}

#[test]
fn a_switch_that_a_later_script_turns_off_is_off() {
    let slug = Slug::of_agent(QUIET_AGENT);
    slug.put(".profile", "export HOOP_DISABLE=1\n");
    for (shell, _) in shells() {
        let launch = autostarted(&slug).with("HOOPSTART_DEBUG", "1").with_stdin();
        let mut dyno = launch.plain([
            shell,
            "-c",
            &format!("{PLATFORM}exec sh -c 'echo up; read line; exit 9'"),
        ]);
        dyno.prints("up\n").logs("no agent is started: HOOP_DISABLE is on");
        dyno.until("nothing but the app", || (dyno.processes().len() == 1).then_some(()));
        dyno.write("go\n");
        dyno.exits(9);
    }
}

#[test]
fn a_shell_that_ends_before_its_command_leaves_nothing() {
    let slug = Slug::of_agent(QUIET_AGENT);
    for shell in shells() {
        for line in ["exit 3", "kill -KILL $$", "sleep 0.2; exit 3"] {
            let mut dyno = sourced(&autostarted(&slug), shell, line);
            dyno.ends();
            dyno.is_gone_within(Duration::from_secs(10), Instant::now());
        }
    }
}
