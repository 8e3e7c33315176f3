//! The slug under launchers that users have: the login shell of a dyno, honcho, and node-foreman, which
//! `heroku local` is built on. Whatever a launcher does with an app, it does the same with one under hoopstart.
//!
//! `.ci/run` installs honcho and node-foreman. A test whose launcher is not on the PATH says that it was skipped.

mod support;

use rustix::process::Signal;
use std::ffi::{OsStr, OsString};
use std::process::ExitStatus;
use std::time::{Duration, Instant};
use support::dyno::{Dyno, Launch, Process, STANDARD, Slug, program};

/// Nothing of ours is left so long after the app's end.
const PROMISE: Duration = Duration::from_secs(10);

/// An app that drains on SIGTERM and on SIGINT until the file `drained` is there. It is told once or twice, as the
/// launcher likes, and drains once.
const DRAINING_APP: &str = r#"
stop() {
  trap '' TERM INT
  echo "app: draining"
  until [ -e "$HOME/drained" ]; do sleep 0.05; done
  echo "app: drained"
  kill -KILL "$!" 2>/dev/null # its own child, not one of ours
  exit 3
}
trap stop TERM INT
echo "app: up"
while :; do sleep 600 >/dev/null 2>&1 & wait "$!"; done
"#;

/// An app that exits by itself with 7, once the file `go` is there.
const EXITING_APP: &str = r#"
echo "app: up"
until [ -e "$HOME/go" ]; do sleep 0.05; done
echo "app: exits"
exit 7
"#;

/// An app that dies by a signal, once the file `go` is there.
const DYING_APP: &str = r#"
echo "app: up"
until [ -e "$HOME/go" ]; do sleep 0.05; done
kill -KILL "$$"
"#;

/// An app that reads a line and exits with 7.
const READING_APP: &str = r#"
echo "app: up"
read -r line
echo "app: has read $line"
exit 7
"#;

/// An app that does not end when it is told to.
const STUBBORN_APP: &str = r#"
trap '' TERM INT
echo "app: up"
while :; do sleep 0.05; done
"#;

/// An agent that notes when it is told to end, and then takes as long as the supervisor lets it, or until the file
/// `agent-may-go` is there.
const SLOW_AGENT: &str = r#"#!/bin/sh
stop() {
  trap '' TERM INT
  echo told >>"$HOME/told"
  kill "$!"
  until [ -e "$HOME/agent-may-go" ]; do sleep 0.05; done
  exit 0
}
trap stop TERM INT
echo "agent up"
while :; do sleep 60 >/dev/null 2>&1 & wait "$!"; done
"#;

/// Sources `.profile.d` in a login shell, as `/etc/profile` does in a dyno. A machine's own may set PATH anew, and
/// comes before it.
const PROFILE: &str = "for script in \"$HOME\"/.profile.d/*.sh; do . \"$script\"; done; unset script\n";

/// A slug with all the apps and the slow agent, and with the key where a laptop has it.
fn slug() -> Slug {
    let slug = Slug::of_agent(SLOW_AGENT);
    for (path, text) in [
        ("draining.sh", DRAINING_APP),
        ("exiting.sh", EXITING_APP),
        ("dying.sh", DYING_APP),
        ("reading.sh", READING_APP),
        ("stubborn.sh", STUBBORN_APP),
        (".profile", PROFILE),
        (".env", &format!("HOOP_KEY={STANDARD}\n")),
    ] {
        slug.put(path, text);
    }
    slug
}

/// The environment of a laptop with the slug's programs on the PATH: no dyno, and no key but in `.env`.
fn laptop(slug: &Slug) -> Launch {
    with_programs(slug.dyno(), &slug.path(".hoop/bin"))
}

/// Puts the programs in `folder` before all others.
fn with_programs(launch: Launch, folder: &std::path::Path) -> Launch {
    let mut path = OsString::from(folder);
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    launch.with("PATH", path)
}

/// Asserts that the launcher has not waited for the agent, lets the agent go, and asserts that nothing is left.
#[track_caller]
fn only_the_agent_is_left(slug: &Slug, dyno: &Dyno, agents: usize) {
    let ended = Instant::now();
    dyno.assert(
        dyno.agents().len() == agents,
        "the launcher ended, and the agents take longer",
    );
    slug.put("agent-may-go", "");
    dyno.is_gone_within(PROMISE, ended);
}

/// A launcher that starts what a Procfile says.
#[derive(Clone, Copy)]
struct Launcher {
    /// Its program.
    name: &'static str,
    /// Its own exit status after Ctrl-C.
    interrupted: i32,
    /// Its own exit status where an app has exited with 7.
    after_seven: i32,
}

/// <https://honcho.readthedocs.io>: each process type in a session of its own, SIGTERM to all where one has ended
/// or it is told to end itself, SIGKILL after 5 s to those that are left.
const HONCHO: Launcher = Launcher {
    name: "honcho",
    interrupted: 130,
    after_seven: 7,
};

/// <https://github.com/strongloop/node-foreman>: all in its own process group, SIGINT to the shells of all where
/// one has ended or it is told SIGINT itself. It does not handle SIGTERM, and exits with 0 whatever happened.
const NODE_FOREMAN: Launcher = Launcher {
    name: "nf",
    interrupted: 0,
    after_seven: 0,
};

impl Launcher {
    /// Starts what `procfile` says, if there is such a launcher on this machine.
    fn start(self, slug: &Slug, launch: &Launch, procfile: &str) -> Option<Dyno> {
        slug.put("Procfile", procfile);
        Some(launch.plain([program(self.name)?.as_os_str(), OsStr::new("start")]))
    }

    /// Does the same in the foreground of a terminal, whose keyboard is stdin.
    fn start_on_terminal(self, slug: &Slug, launch: &Launch, procfile: &str) -> Option<Dyno> {
        slug.put("Procfile", procfile);
        program(self.name)?;
        let (script, command_line) = (program("script")?, format!("exec {} start", self.name));
        let words = [
            script.as_os_str(),
            OsStr::new("-qfec"),
            OsStr::new(&command_line),
            OsStr::new("/dev/null"),
        ];
        Some(launch.clone().with_stdin().plain(words))
    }
}

/// The lines that a launcher shows of `process`.
fn shown(dyno: &Dyno, process: &str) -> Vec<String> {
    let stdout = without_colors(&dyno.stdout());
    let lines = stdout.lines().filter_map(|line| line.split_once('|'));
    lines
        .filter(|(name, _)| name.split_whitespace().last() == Some(process))
        .map(|(_, text)| text.trim().to_owned())
        .collect()
}

/// The lines that a launcher shows of the app in `process`. A shell may add what became of a child.
fn shown_of_app(dyno: &Dyno, process: &str) -> Vec<String> {
    let mut lines = shown(dyno, process);
    lines.retain(|line| line.starts_with("app: "));
    lines
}

/// `text` without the sequences that color it.
fn without_colors(text: &str) -> String {
    let mut pieces = text.split("\x1b[");
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        plain.push_str(piece.split_once('m').map_or(piece, |(_, rest)| rest));
    }
    plain
}

/// Waits until the launcher shows `line` of `process`.
#[track_caller]
fn shows(dyno: &Dyno, process: &str, line: &str) {
    dyno.until(&format!("{line:?} of {process}"), || {
        shown(dyno, process).iter().any(|shown| shown == line).then_some(())
    });
}

/// The app in `web` drains when the launcher is told to `stop`, with its agent beside it. The launcher waits for the
/// app, and not for the agent.
#[track_caller]
fn drains(slug: &Slug, mut dyno: Dyno, stop: impl Fn(&mut Dyno), status: i32) {
    shows(&dyno, "web.1", "app: up");
    shows(&dyno, "web.1", "hoop | agent up");
    let agent = dyno.has_agents(1)[0].pid;

    stop(&mut dyno);
    shows(&dyno, "web.1", "app: draining");
    assert_eq!(dyno.has_agents(1)[0].pid, agent);
    dyno.assert(slug.read("told").is_empty(), "the agent is not to be told yet");
    slug.put("drained", "");
    dyno.exits(status).closes_output();
    let lines = shown_of_app(&dyno, "web.1");
    assert_eq!(lines, ["app: up", "app: draining", "app: drained"]);
    only_the_agent_is_left(slug, &dyno, 1);
}

/// Asserts that an app drains at Ctrl-C.
#[track_caller]
fn drains_at_ctrl_c(launcher: Launcher) {
    let slug = slug();
    let started = launcher.start_on_terminal(&slug, &laptop(&slug), "web: hoopstart -- sh draining.sh\n");
    let Some(dyno) = started else { return };
    drains(&slug, dyno, |dyno| dyno.write("\x03"), launcher.interrupted);
}

#[test]
fn an_app_under_honcho_drains_at_ctrl_c() {
    drains_at_ctrl_c(HONCHO);
}

#[test]
fn an_app_under_node_foreman_drains_at_ctrl_c() {
    drains_at_ctrl_c(NODE_FOREMAN);
}

#[test]
fn an_app_under_honcho_drains_when_honcho_is_told_to_end() {
    let slug = slug();
    let started = HONCHO.start(&slug, &laptop(&slug), "web: hoopstart -- sh draining.sh\n");
    let Some(dyno) = started else { return };
    drains(&slug, dyno, |dyno| dyno.signal(Signal::TERM), 143);
}

/// node-foreman dies of SIGTERM and leaves the app behind, so the agent stays as well.
#[test]
fn an_app_that_node_foreman_leaves_behind_keeps_its_agent_to_its_end() {
    let slug = slug();
    let started = NODE_FOREMAN.start(&slug, &laptop(&slug), "web: hoopstart -- sh exiting.sh\n");
    let Some(mut dyno) = started else { return };
    shows(&dyno, "web.1", "app: up");
    shows(&dyno, "web.1", "hoop | agent up");
    let agent = dyno.has_agents(1)[0].pid;
    let is_app = |process: &Process| process.command_line() == ["sh", "exiting.sh"];

    dyno.signal(Signal::TERM);
    dyno.dies_by(15);
    dyno.assert(
        dyno.processes().iter().any(is_app),
        "node-foreman does not stop the app",
    );
    assert_eq!(dyno.has_agents(1)[0].pid, agent);

    slug.put("go", "");
    dyno.until("the end of the app", || {
        (!dyno.processes().iter().any(is_app)).then_some(())
    });
    only_the_agent_is_left(&slug, &dyno, 1);
}

/// How a launcher ended, and what it has shown of the apps.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    status: ExitStatus,
    web: Vec<String>,
    worker: Vec<String>,
}

/// Runs `procfile` to the end of the app in `web`, with `hoopstart --` in the place of each `{}`, or nothing.
fn outcome(launcher: Launcher, procfile: &str, hoopstart: &str) -> Option<Outcome> {
    let slug = slug();
    slug.put("drained", "");
    let mut dyno = launcher.start(&slug, &laptop(&slug), &procfile.replace("{}", hoopstart))?;
    let processes = ["web", "worker"].map(|name| (procfile.contains(name), format!("{name}.1")));
    let mut agents = 0;
    for (_, process) in processes.iter().filter(|(is_there, _)| *is_there) {
        shows(&dyno, process, "app: up");
        if !hoopstart.is_empty() {
            shows(&dyno, process, "hoop | agent up");
            agents += 1;
        }
    }
    dyno.has_agents(agents);
    assert_eq!(dyno.supervisors().len(), agents);

    slug.put("go", "");
    let status = dyno.ends();
    dyno.closes_output();
    only_the_agent_is_left(&slug, &dyno, agents);
    Some(Outcome {
        status,
        web: shown_of_app(&dyno, "web.1"),
        worker: shown_of_app(&dyno, "worker.1"),
    })
}

/// Asserts that `procfile` ends with hoopstart as without, and returns how.
#[track_caller]
fn ends_as_without_hoopstart(launcher: Launcher, procfile: &str) -> Option<Outcome> {
    let without = outcome(launcher, procfile, "")?;
    let with = outcome(launcher, procfile, "hoopstart -- ")?;
    assert_eq!(with, without, "{} with {procfile}", launcher.name);
    Some(with)
}

/// An app that exits by itself ends the launcher as it would without hoopstart.
#[track_caller]
fn ends_with_its_app(launcher: Launcher) {
    let Some(ended) = ends_as_without_hoopstart(launcher, "web: {}sh exiting.sh\n") else {
        return;
    };
    assert_eq!(ended.status.code(), Some(launcher.after_seven));
    assert_eq!(ended.web, ["app: up", "app: exits"]);
    // What becomes of a signal depends on the machine's sh.
    ends_as_without_hoopstart(launcher, "web: {}sh dying.sh\n");
}

#[test]
fn honcho_ends_with_its_app_as_without_hoopstart() {
    ends_with_its_app(HONCHO);
}

#[test]
fn node_foreman_ends_with_its_app_as_without_hoopstart() {
    ends_with_its_app(NODE_FOREMAN);
}

/// Two apps have an agent each, and the end of one ends both.
#[track_caller]
fn two_apps_end_together(launcher: Launcher, procfile: &str) {
    let Some(ended) = ends_as_without_hoopstart(launcher, procfile) else {
        return;
    };
    assert_eq!(ended.status.code(), Some(launcher.after_seven));
    assert_eq!(ended.web, ["app: up", "app: exits"]);
    assert_eq!(ended.worker, ["app: up", "app: draining", "app: drained"]);
}

#[test]
fn two_apps_under_honcho_have_an_agent_each_and_end_together() {
    two_apps_end_together(HONCHO, "web: {}sh exiting.sh\nworker: {}sh draining.sh\n");
}

#[test]
fn two_apps_under_node_foreman_have_an_agent_each_and_end_together() {
    // With `exec`, since the signal goes to the shell alone, and not every sh becomes its last command.
    two_apps_end_together(
        NODE_FOREMAN,
        "web: exec {}sh exiting.sh\nworker: exec {}sh draining.sh\n",
    );
}

#[test]
fn an_app_that_honcho_has_to_kill_takes_its_agent_along() {
    let procfile = "web: {}sh exiting.sh\nworker: {}sh stubborn.sh\n";
    let Some(ended) = ends_as_without_hoopstart(HONCHO, procfile) else {
        return;
    };
    assert_eq!(ended.status.code(), Some(7));
    assert_eq!(ended.worker, ["app: up"]);
}

/// A launcher sets no DYNO, so the process type is `local`, and sources no `.profile.d`, so nothing starts by itself.
#[track_caller]
fn is_no_dyno(launcher: Launcher) {
    for (variable, procfile, agents) in [
        ("HOOP_PROCESS_TYPES=local", "web: hoopstart -- sh draining.sh\n", 1),
        ("HOOP_PROCESS_TYPES=web", "web: hoopstart -- sh draining.sh\n", 0),
        ("HOOP_AUTOSTART=true", "web: sh draining.sh\n", 0),
    ] {
        let slug = slug();
        slug.put(".env", &format!("HOOP_KEY={STANDARD}\n{variable}\n"));
        let Some(dyno) = launcher.start(&slug, &laptop(&slug), procfile) else {
            return;
        };
        shows(&dyno, "web.1", "app: up");
        // What would run an agent is there before the app is.
        assert_eq!(dyno.supervisors().len(), agents, "{variable}");
        dyno.has_agents(agents);
    }
}

#[test]
fn honcho_is_no_dyno() {
    is_no_dyno(HONCHO);
}

#[test]
fn node_foreman_is_no_dyno() {
    is_no_dyno(NODE_FOREMAN);
}

#[test]
fn honcho_under_hoopstart_has_one_agent_for_all_its_apps() {
    let slug = slug();
    let Some(honcho) = program(HONCHO.name) else { return };
    slug.put(
        "Procfile",
        "web: hoopstart -- sh exiting.sh\nworker: hoopstart -- sh draining.sh\n",
    );
    slug.put("drained", "");
    let launch = laptop(&slug).with("HOOP_KEY", STANDARD).with("DYNO", "web.1");
    let mut dyno = launch.start([honcho.as_os_str(), OsStr::new("start")]);
    shows(&dyno, "web.1", "app: up");
    shows(&dyno, "worker.1", "app: up");
    dyno.logs("hoop | agent up\n").has_agents(1);
    assert_eq!(dyno.supervisors().len(), 1);

    slug.put("go", "");
    dyno.exits(7).closes_output();
    only_the_agent_is_left(&slug, &dyno, 1);
}

/// The stand-in for `hoopstart` that docs/local.md shows for a checkout.
fn stand_in() -> String {
    let page = include_str!("../docs/local.md");
    let blocks = page.split("```sh\n").skip(1);
    let mut programs = blocks.filter(|block| block.trim_start().starts_with("#!/bin/sh\n"));
    let program = programs.next().expect("the page shows a program");
    let lines = program.lines().take_while(|line| line.trim() != "```");
    lines.flat_map(|line| [line.trim_start(), "\n"]).collect()
}

/// With the stand-in the app runs alone, and without it not at all.
#[track_caller]
fn runs_the_app_alone_with_the_stand_in(launcher: Launcher) {
    let slug = slug();
    slug.put_program("tmp/hoopstart", &stand_in());
    slug.put("go", "");
    for (folder, lines) in [("tmp", &["app: up", "app: exits"][..]), ("nowhere", &[])] {
        let launch = with_programs(slug.dyno(), &slug.path(folder));
        let started = launcher.start(&slug, &launch, "web: hoopstart -- sh exiting.sh\n");
        let Some(mut dyno) = started else { return };
        dyno.ends();
        dyno.closes_output();
        assert_eq!(shown_of_app(&dyno, "web.1"), lines);
        dyno.assert(dyno.processes().is_empty(), "nothing but the app is started");
    }
}

#[test]
fn honcho_runs_the_app_alone_with_the_stand_in() {
    runs_the_app_alone_with_the_stand_in(HONCHO);
}

#[test]
fn node_foreman_runs_the_app_alone_with_the_stand_in() {
    runs_the_app_alone_with_the_stand_in(NODE_FOREMAN);
}

/// How the agent is started in a dyno.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    /// Not at all: what the others are compared with.
    Alone,
    /// By `hoopstart` in the Procfile.
    Procfile,
    /// By `HOOP_AUTOSTART`, with the Procfile untouched.
    Autostart,
    /// By both at the same time.
    Both,
}

impl Start {
    /// Starts `line` as a dyno does, with the command of the app in the place of `APP`, and waits for the agent.
    #[track_caller]
    fn dyno(self, slug: &Slug, line: &str, app: &str) -> Dyno {
        let mut launch = slug.web().with_stdin();
        if matches!(self, Start::Autostart | Start::Both) {
            launch = launch.with("HOOP_AUTOSTART", "true");
        }
        let app = match self {
            Start::Alone | Start::Autostart => format!("sh {app}"),
            Start::Procfile | Start::Both => format!("hoopstart -- sh {app}"),
        };
        let dyno = launch.plain(["bash", "--login", "-c", &line.replace("APP", &app)]);
        dyno.prints("app: up\n");
        if self != Start::Alone {
            dyno.logs("hoop | agent up\n");
        }
        dyno.has_agents(self.agents());
        // What would run another agent is there before the app is.
        dyno.has_supervisors(self.agents());
        dyno
    }

    /// How many agents there are.
    fn agents(self) -> usize {
        usize::from(self != Start::Alone)
    }
}

/// Command lines of a Procfile: simple ones, which the shell becomes, and compound ones.
const LINES: [&str; 5] = ["APP", "exec APP", "true && APP", "APP && true", "cat | APP"];

/// Runs each of [`LINES`] in each way, and asserts that each ends, with what is on stdout, as it would alone. Returns
/// how the simple line has ended.
#[track_caller]
fn dynos_end_as_without_hoopstart(app: &str, end: impl Fn(&Slug, &mut Dyno)) -> Option<ExitStatus> {
    program("bash")?;
    let mut simple = None;
    for line in LINES {
        let mut expected = None;
        for start in [Start::Alone, Start::Procfile, Start::Autostart, Start::Both] {
            let slug = slug();
            let mut dyno = start.dyno(&slug, line, app);
            end(&slug, &mut dyno);
            let status = dyno.ends();
            dyno.closes_output();
            only_the_agent_is_left(&slug, &dyno, start.agents());
            let outcome = (status, dyno.stdout());
            simple.get_or_insert(status);
            assert_eq!(
                outcome,
                *expected.get_or_insert_with(|| outcome.clone()),
                "{start:?} {line}"
            );
        }
    }
    simple
}

#[test]
fn a_dyno_exits_as_without_hoopstart_and_its_app_has_stdin() {
    let status = dynos_end_as_without_hoopstart("reading.sh", |_, dyno| {
        dyno.write("a line\n");
        dyno.close_stdin();
        dyno.prints("app: up\napp: has read a line\n");
    });
    if let Some(status) = status {
        assert_eq!(status.code(), Some(7));
    }
}

#[test]
fn a_dyno_whose_app_dies_by_a_signal_ends_as_without_hoopstart() {
    use std::os::unix::process::ExitStatusExt as _;
    let status = dynos_end_as_without_hoopstart("dying.sh", |slug, dyno| {
        dyno.close_stdin();
        slug.put("go", "");
    });
    if let Some(status) = status {
        assert_eq!(status.signal(), Some(9));
    }
}

/// The shell of a compound command line dies of SIGTERM at once, and the app drains all the same.
#[test]
fn an_app_drains_in_a_dyno_that_is_stopped_as_without_hoopstart() {
    let status = dynos_end_as_without_hoopstart("draining.sh", |slug, dyno| {
        dyno.signal_all(Signal::TERM);
        dyno.prints("app: draining\n");
        slug.put("drained", "");
        dyno.prints("app: up\napp: draining\napp: drained\n");
    });
    if let Some(status) = status {
        assert_eq!(status.code(), Some(3));
    }
}

#[test]
fn several_hoopstarts_in_one_command_line_share_the_agent_of_autostart() {
    if program("bash").is_none() {
        return;
    }
    let slug = slug();
    let line = "hoopstart -- true && hoopstart -- sh -c 'echo up; cat' | APP";
    let mut dyno = Start::Both.dyno(&slug, line, "reading.sh");
    dyno.prints("app: has read up\n");
    dyno.close_stdin();
    dyno.exits(7).closes_output();
    only_the_agent_is_left(&slug, &dyno, 1);
}

#[test]
fn a_shell_that_somebody_opens_in_a_dyno_starts_nothing() {
    if program("bash").is_none() {
        return;
    }
    let slug = slug();
    let dyno = Start::Autostart.dyno(&slug, "true && APP", "draining.sh");
    let agent = dyno.has_agents(1)[0].pid;

    // As `ps:exec` does: no config vars. Then as if it had them after all.
    let bare = slug.dyno().with("DYNO", "web.1").with("SSH_CLIENT", "10.0.0.1 1 2");
    let full = bare.clone().with("HOOP_KEY", STANDARD).with("HOOP_AUTOSTART", "true");
    for launch in [bare, full] {
        let mut shell = launch.with_stdin().plain(["bash", "--login"]);
        shell.write("command -v hoopstart\n");
        shell.prints("/.hoop/bin/hoopstart\n");
        shell.assert(shell.processes().len() == 1, "nothing is to be started");
        shell.write("exit 5\n");
        shell.exits(5).closes_output();
        shell.assert(shell.own_lines().is_empty(), "nothing is to be said");
    }
    assert_eq!(dyno.has_agents(1)[0].pid, agent);
}
