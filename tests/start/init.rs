//! hoopstart as the first process of a container, compared with tini and dumb-init.

use crate::consoles::{BASH, WINDOW_WATCHER, until_runs};
use crate::shutdown::{PROMISE, namespace};
use crate::signals::{WITNESS, witnessed};
use crate::support::dyno::{Dyno, Launch, Process, QUIET_AGENT, Slug, eventually, program};
use crate::support::signals::hear_signals;
use crate::terminal::{CTRL_C, CTRL_D, CTRL_Z, Terminal};
use rustix::process::Signal;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Makes the first process of a container.
const CONTAINER: [&str; 3] = ["--pid", "--fork", "--mount-proc"];

/// The inits of this machine, hoopstart first, each as the words before an app.
fn inits(slug: &Slug) -> Vec<Vec<String>> {
    let hoopstart = slug.hoopstart().to_str().expect("the path is text").to_owned();
    let others = ["tini", "dumb-init"].into_iter().filter(|name| program(name).is_some());
    let inits = [hoopstart].into_iter().chain(others.map(str::to_owned));
    inits.map(|init| vec![init, "--".to_owned()]).collect()
}

/// The words that start `app` under `init` as the first process of a container, if that is permitted.
fn words<A: AsRef<str>>(init: &[String], app: impl IntoIterator<Item = A>) -> Option<Vec<String>> {
    let mut words = namespace(&CONTAINER)?;
    words.extend(init.iter().cloned());
    words.extend(app.into_iter().map(|word| word.as_ref().to_owned()));
    Some(words)
}

/// A running container.
struct Container {
    dyno: Dyno,
    /// Its first process.
    init: Process,
}

impl Container {
    /// Starts `app` under `init`, and waits until it has printed `up`.
    #[track_caller]
    fn start<A: AsRef<str>>(
        launch: &Launch,
        init: &[String],
        app: impl IntoIterator<Item = A>,
        up: &str,
    ) -> Option<Self> {
        let dyno = launch.plain(&words(init, app)?);
        dyno.prints(up);
        let init = Process::children_of(dyno.pid()).remove(0);
        Some(Self { dyno, init })
    }

    /// The app, a child of the first process.
    fn app(&self) -> Process {
        self.dyno.until("the app", || {
            let mut children = Process::children_of(self.init.pid);
            children.retain(|process| process.agent_arguments().is_none() && process.name != "hoopstart");
            children.into_iter().next()
        })
    }

    /// Sends signals to the first process from outside.
    fn send(&self, signals: &[i32]) {
        let numbers: Vec<String> = signals.iter().map(ToString::to_string).collect();
        let script = "for number in $1; do kill -\"$number\" \"$0\"; done";
        let status = Command::new("sh")
            .args(["-c", script, &self.init.pid.to_string(), &numbers.join(" ")])
            .status();
        assert!(status.expect("sh can be started").success());
    }
}

/// Runs each of `scripts` in its own container and returns their statuses. Several run at a time, since the kernel is
/// slow to end a container.
fn statuses(launch: &Launch, init: &[String], scripts: &[String]) -> Option<Vec<Option<i32>>> {
    hear_signals();
    let words = words(init, ["sh", "-c"])?;
    let run = |script: &String| {
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).arg(script).current_dir(launch.home());
        command.env_clear();
        command.envs(launch.variables().iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().expect("it can be started").code()
    };
    let statuses = thread::scope(|scope| {
        let parts: Vec<_> = scripts
            .chunks(scripts.len() / 8 + 1)
            .map(|part| scope.spawn(|| part.iter().map(run).collect::<Vec<_>>()))
            .collect();
        parts
            .into_iter()
            .flat_map(|part| part.join().expect("it is our thread"))
            .collect()
    });
    Some(statuses)
}

#[test]
fn every_status_is_what_other_inits_make_of_it() {
    let slug = Slug::of_agent(QUIET_AGENT);
    // Signals that end a process, and that anyone may send to itself.
    let deadly = (1..=64).filter(|number| ![17, 18, 19, 20, 21, 22, 23, 28, 32, 33].contains(number));
    let scripts: Vec<String> = (0..=255)
        .map(|code| format!("exit {code}"))
        .chain(deadly.clone().map(|number| format!("ulimit -c 0; kill -{number} $$")))
        .collect();
    let expected: Vec<Option<i32>> = (0..=255).chain(deadly.map(|number| 128 + number)).map(Some).collect();
    for init in inits(&slug) {
        let Some(statuses) = statuses(&slug.web(), &init, &scripts) else {
            return;
        };
        assert_eq!(statuses, expected, "{init:?}");
    }
}

#[test]
fn an_app_that_waits_for_all_its_children_ends_there() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let mut apps = vec![vec!["sh", "-c", "sleep 0.2 & wait; exit 6"]];
    let python = "
import os, subprocess, sys
subprocess.Popen(['sleep', '0.2'])
try:
    while True: os.wait()
except ChildProcessError:
    sys.exit(6)
";
    if program("python3").is_some() {
        apps.push(vec!["python3", "-c", python]);
    }
    if program("perl").is_some() {
        apps.push(vec![
            "perl",
            "-e",
            "if (!fork) { sleep 1; exit } 1 while wait != -1; exit 6",
        ]);
    }
    for init in inits(&slug) {
        for app in &apps {
            let Some(words) = words(&init, app) else { return };
            slug.web().plain(&words).exits(6);
        }
    }
}

#[test]
fn every_signal_is_passed_on_once() {
    if program("python3").is_none() {
        return;
    }
    let slug = Slug::of_agent(QUIET_AGENT);
    // Not those that cannot be caught, that tell of a child, that stop, or that the C library uses for its threads.
    let all: Vec<i32> = (1..=64)
        .filter(|number| ![9, 17, 19, 20, 21, 22, 32, 33].contains(number))
        .collect();
    let mut seen = Vec::new();
    for init in inits(&slug) {
        let Some(container) = Container::start(&slug.web(), &init, ["python3", "-c", WITNESS], "ready\n") else {
            return;
        };
        container.send(&all);
        // The kernel keeps their order, so an earlier one would have arrived before this one.
        container.send(&[64]);
        let last = || {
            witnessed(&container.dyno)
                .iter()
                .filter(|(number, _)| *number == 64)
                .count()
        };
        container.dyno.until("the last signal", || (last() == 2).then_some(()));
        let mut witnessed = witnessed(&container.dyno);
        assert!(witnessed.iter().all(|(_, sender)| *sender == 1), "{witnessed:?}");
        witnessed.sort_unstable();
        seen.push(witnessed.into_iter().map(|(number, _)| number).collect::<Vec<_>>());
    }
    let all_and_last: Vec<i32> = all.into_iter().chain([64]).collect();
    assert_eq!(seen[0], all_and_last);
    // tini keeps those for faults to itself.
    for other in &seen[1..] {
        assert!(other.iter().all(|number| seen[0].contains(number)), "{other:?}");
    }
}

#[test]
fn a_burst_of_signals_is_passed_on_as_often_as_it_was_sent() {
    if program("python3").is_none() {
        return;
    }
    let slug = Slug::of_agent(QUIET_AGENT);
    for init in inits(&slug) {
        let Some(container) = Container::start(&slug.web(), &init, ["python3", "-c", WITNESS], "ready\n") else {
            return;
        };
        // The kernel counts these, and merges the others.
        container.send(&[40; 300]);
        container.send(&[10; 300]);
        container.send(&[64]);
        let seen = |number| {
            witnessed(&container.dyno)
                .iter()
                .filter(|(seen, _)| *seen == number)
                .count()
        };
        container
            .dyno
            .until("the last signal", || (seen(64) == 1).then_some(()));
        container.dyno.until("the others", || (seen(40) == 300).then_some(()));
        assert!((1..=300).contains(&seen(10)), "{}", container.dyno.stdout());
    }
}

/// An app that counts. It starts no other program: a shell that waits for one to be started does not stop.
const COUNTER: &str = r#"mkfifo "$HOME/silent" 2>/dev/null; exec 3<>"$HOME/silent"
i=0; while :; do i=$((i + 1)); echo $i; read -t 0.02 -u 3; done"#;

#[test]
fn an_app_is_stopped_and_goes_on() {
    let slug = Slug::of_agent(QUIET_AGENT);
    for init in inits(&slug) {
        for stop in [20, 21, 22] {
            // tini keeps two of the three to itself.
            if init[0] == "tini" && stop != 20 {
                continue;
            }
            let Some(container) = Container::start(&slug.web(), &init, ["bash", "-c", COUNTER], "1\n") else {
                return;
            };
            let app = container.app();
            container.send(&[stop]);
            container
                .dyno
                .until("a stop", || app.status("State").starts_with('T').then_some(()));
            let printed = container.dyno.stdout().lines().count();
            container.send(&[18]);
            container.dyno.until("more", || {
                (container.dyno.stdout().lines().count() > printed).then_some(())
            });
            container.send(&[15]);
            let mut dyno = container.dyno;
            dyno.exits(143);
        }
    }
}

#[test]
fn a_stop_that_the_app_catches_or_ignores_does_not_stop_it() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let init = &inits(&slug)[0];
    for (trap, printed) in [("trap 'echo caught' TSTP", "caught\n"), ("trap '' TSTP", "1000\n")] {
        let app = format!("{trap}; i=0; while :; do i=$((i + 1)); echo $i; sleep 0.001; done");
        let Some(container) = Container::start(&slug.web(), init, ["sh", "-c", &app], "1\n") else {
            return;
        };
        container.send(&[20]);
        container.dyno.prints(printed);
    }
}

#[test]
fn orphans_are_reaped_there() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let app = "for i in 1 2 3 4 5 6 7 8 9; do (sleep 0.01 & exit); done; echo made; exec sleep 600";
    for init in inits(&slug) {
        let Some(container) = Container::start(&slug.web(), &init, ["sh", "-c", app], "made\n") else {
            return;
        };
        let app = container.app();
        // A shell that becomes its last command may have reaped nothing, so its own children do not count.
        container.dyno.until("no orphan", || {
            let left = Process::children_of(container.init.pid);
            let strangers = left.iter().filter(|process| process.pid != app.pid);
            (strangers.filter(|process| process.agent_arguments().is_none()).count() == 0).then_some(())
        });
    }
}

#[test]
fn it_is_one_process_with_the_agent_beside_the_app() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let init = &inits(&slug)[0];
    let Some(mut container) = Container::start(
        &slug.web().with_stdin(),
        init,
        ["sh", "-c", "echo up; read line; exit 5"],
        "up\n",
    ) else {
        return;
    };
    container.dyno.logs("hoop | agent up\n");
    let agent = container.dyno.has_agents(1).remove(0);
    assert_eq!(agent.parent, container.init.pid);
    assert_eq!(container.dyno.supervisors().len(), 1);
    assert_eq!(container.init.status("Threads"), "1");
    // What the init blocks and ignores is not inherited by what it starts.
    assert_eq!(agent.status("SigBlk").trim_start_matches('0'), "");
    // A killed agent is started again, and so is one whose group still has processes.
    agent.signal(Signal::KILL);
    container
        .dyno
        .logs("was killed by signal 9")
        .logs("hoop | agent up\nhoopstart")
        .has_agents(1);
    container.dyno.write("go\n");
    container.dyno.exits(5);
    container.dyno.is_gone_within(PROMISE, Instant::now());
}

#[test]
fn where_no_agent_runs_the_app_is_the_first_process_itself() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let init = &inits(&slug)[0];
    for launch in [
        slug.web().with("HOOP_DISABLE", "1"),
        slug.web().without("HOOP_KEY"),
        slug.web().with("DYNO", "run.1"),
    ] {
        let Some(words) = words(init, ["sh", "-c", "echo first is $$; exit 9"]) else {
            return;
        };
        let mut dyno = launch.plain(&words);
        dyno.exits(9).closes_output();
        assert_eq!(dyno.stdout(), "first is 1\n");
    }
}

#[test]
fn a_program_that_is_not_there_ends_it_with_127_and_one_line() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let init = &inits(&slug)[0];
    slug.put("no-program", "");
    for (app, status, id) in [
        ("no-such-program", 127, "[start::not-found]"),
        ("./no-program", 126, "[start::not-executable]"),
    ] {
        let Some(words) = words(init, [app]) else { return };
        let mut dyno = slug.web().plain(&words);
        dyno.exits(status).closes_output();
        let lines = dyno.own_lines();
        dyno.assert(lines.len() == 1 && lines[0].ends_with(id), "expected one line");
    }
}

#[test]
fn an_agent_that_will_not_end_holds_the_container_for_no_longer_than_a_second() {
    let slug = Slug::of_agent("#!/bin/sh\ntrap '' TERM\necho \"agent up\"\nwhile :; do sleep 60; done\n");
    let init = &inits(&slug)[0];
    let Some(mut container) = Container::start(
        &slug.web().with_stdin(),
        init,
        ["sh", "-c", "echo up; read line; exit 5"],
        "up\n",
    ) else {
        return;
    };
    container.dyno.logs("hoop | agent up\n");
    container.dyno.write("go\n");
    let begin = Instant::now();
    container.dyno.exits(5);
    // The agent was told to end, and given its time.
    assert!(begin.elapsed() >= Duration::from_secs(1), "{:?}", begin.elapsed());
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    container.dyno.is_gone_within(PROMISE, begin);
}

#[test]
fn a_log_without_a_reader_is_no_signal_to_the_app() {
    if program("python3").is_none() {
        return;
    }
    let slug = Slug::of_agent("#!/bin/sh\ni=0\nwhile :; do i=$((i + 1)); echo $i >\"$HOME/count\"; echo line; done\n");
    let init = &inits(&slug)[0];
    // Its stderr is a pipe without a reader.
    let Some(words) = words(init, ["python3", "-c", WITNESS]) else {
        return;
    };
    let broken = ["sh", "-c", "{ exec \"$@\" 2>&3; } 3>&1 >&4 4>&1 | :", "sh"];
    let script: Vec<String> = broken.iter().map(|word| (*word).to_owned()).chain(words).collect();
    let dyno = slug.web().after("exec 4>&1").plain(&script);
    dyno.prints("ready\n");
    eventually("an agent that writes", || {
        slug.read("count")
            .trim()
            .parse::<u32>()
            .is_ok_and(|count| count > 20)
            .then_some(())
    });
    let witness = dyno
        .processes()
        .into_iter()
        .find(|process| process.name == "python3")
        .expect("it runs");
    witness.signal(Signal::USR2);
    dyno.until("the last signal", || (!witnessed(&dyno).is_empty()).then_some(()));
    assert_eq!(
        witnessed(&dyno).iter().map(|(number, _)| *number).collect::<Vec<_>>(),
        [12]
    );
}

#[test]
fn an_app_stands_where_it_would_without_an_agent() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let hoopstart = &inits(&slug)[0];
    // Parent, process group, session, terminal, and the foreground group.
    let fields = |launch: &Launch, before: &[&str]| -> Option<Vec<String>> {
        let mut words = namespace(&CONTAINER)?;
        words.extend(before.iter().map(|word| (*word).to_owned()));
        words.extend(hoopstart.iter().cloned());
        words.extend(["cat", "/proc/self/stat"].map(str::to_owned));
        let mut dyno = launch.plain(&words);
        dyno.exits(0).closes_output();
        let stat = dyno.stdout();
        let (pid, _) = stat.split_once(' ')?;
        let (_, fields) = stat.rsplit_once(") ")?;
        let fields = fields.split(' ').skip(2).take(4);
        Some(
            fields
                .map(|field| {
                    if field == pid {
                        "its own".to_owned()
                    } else {
                        field.to_owned()
                    }
                })
                .collect(),
        )
    };
    let launch = slug.web();
    for before in [vec![], vec!["setsid"]] {
        if before.is_empty() || program("setsid").is_some() {
            let Some(with) = fields(&launch, &before) else { return };
            assert_eq!(
                with,
                fields(&launch.clone().with("HOOP_DISABLE", "1"), &before).unwrap(),
                "{before:?}"
            );
        }
    }
}

/// Makes the process a subreaper, and then becomes the command in the words.
const SUBREAPER: &str = "
import ctypes, os, sys
assert ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0
os.execvp(sys.argv[1], sys.argv[1:])
";

/// Prints whether its process is a subreaper, and waits for all its children.
const ADOPTING_APP: &str = "
import ctypes, os, subprocess, sys
flag = ctypes.c_int()
ctypes.CDLL(None).prctl(37, ctypes.byref(flag), 0, 0, 0)
print('subreaper', flag.value, 'pid', os.getpid(), flush=True)
subprocess.run(['sh', '-c', 'sleep 0.3 & exit'])
ended = 0
try:
    while True:
        os.wait()
        ended += 1
except ChildProcessError:
    print('ended', ended, flush=True)
    sys.exit(6)
";

#[test]
fn where_the_process_adopts_orphans_it_never_adopts_one_of_ours() {
    if program("python3").is_none() {
        return;
    }
    let slug = Slug::of_agent("#!/bin/sh\n(sleep 600 & exit)\necho up\nexit 3\n");
    let hoopstart = slug.hoopstart();
    let mut dyno = slug.web().plain([
        "python3",
        "-c",
        SUBREAPER,
        hoopstart.to_str().unwrap(),
        "--",
        "python3",
        "-c",
        ADOPTING_APP,
    ]);
    dyno.exits(6).closes_output();
    assert_eq!(dyno.stdout(), format!("subreaper 1 pid {}\nended 1\n", dyno.pid()));
    dyno.is_gone_within(PROMISE, Instant::now());
}

/// Works in an interactive bash: stops a job, takes it back, and resizes the window.
#[track_caller]
fn assert_job_control(terminal: &Terminal, rows: u16, slug: &Slug, mut dyno: Dyno) {
    slug.put_program("watcher", WINDOW_WATCHER);
    dyno.write("sleep 611\n");
    until_runs(&dyno, &["sleep", "611"], true);
    dyno.write(CTRL_C);
    until_runs(&dyno, &["sleep", "611"], false);
    dyno.prints("<130>");

    dyno.write("sleep 612\n");
    until_runs(&dyno, &["sleep", "612"], true);
    dyno.write(CTRL_Z);
    dyno.prints("Stopped");
    dyno.write("fg\n");
    until_runs(&dyno, &["sleep", "612"], true);
    dyno.write(CTRL_C);
    until_runs(&dyno, &["sleep", "612"], false);

    dyno.write("./watcher\n");
    dyno.prints("watching ./watcher.");
    terminal.resize(rows, 77);
    dyno.prints(&format!("window {rows} 77."));
    dyno.write(CTRL_C);
    dyno.write("sh -c 'exit 5'\n");
    dyno.prints("<5>");
    assert!(!dyno.stdout().contains("no job control"), "{}", dyno.stdout());
    dyno.write(CTRL_D);
    dyno.exits(5);
    dyno.is_gone_within(PROMISE, Instant::now());
}

#[test]
fn job_control_works_there_however_the_container_was_given_its_terminal() {
    let (Some(_), Some(terminal)) = (program("bash"), Terminal::open()) else {
        return;
    };
    let slug = Slug::of_agent(QUIET_AGENT);
    let launch = slug.web().with("PS1", "<$?>");
    // As the leader of a session, as under Docker; with others in the session; and as a member of a group.
    let settings: [(&[&str], bool); 3] = [
        (&["setsid", "-c"], false),
        (&["setsid", "-c", "sh", "-c", "sleep 600 & exec \"$@\"", "sh"], false),
        (&[], true),
    ];
    let mut rows = 30;
    for (number, init) in inits(&slug).into_iter().enumerate() {
        for (before, by_setsid) in settings {
            // The other inits are compared only as Docker starts them.
            if number > 0 && before != ["setsid", "-c"] {
                continue;
            }
            let Some(words) = namespace(&CONTAINER) else { return };
            let words: Vec<&str> = words
                .iter()
                .map(String::as_str)
                .chain(before.iter().copied())
                .chain(init.iter().map(String::as_str))
                .chain(BASH)
                .collect();
            let dyno = if by_setsid {
                terminal.start(&launch, &words)
            } else {
                terminal.start_without_session(&launch, &words)
            };
            if number == 0 {
                dyno.prints("hoop | agent up");
            }
            rows += 1;
            assert_job_control(&terminal, rows, &slug, dyno);
        }
    }
}

#[test]
fn keys_reach_the_app_once_there() {
    let (Some(_), Some(terminal)) = (program("python3"), Terminal::open()) else {
        return;
    };
    let slug = Slug::of_agent(QUIET_AGENT);
    for init in inits(&slug) {
        let Some(words) = namespace(&CONTAINER) else { return };
        let words: Vec<&str> = words
            .iter()
            .map(String::as_str)
            .chain(["setsid", "-c"])
            .chain(init.iter().map(String::as_str))
            .chain(["python3", "-c", WITNESS])
            .collect();
        let mut dyno = terminal.start_without_session(&slug.web(), &words);
        dyno.prints("ready");
        let mut sent = Vec::new();
        for (key, number) in [(CTRL_C, 2), ("\x1c", 3), (CTRL_C, 2), (CTRL_Z, 20)] {
            dyno.write(key);
            sent.push(number);
            dyno.until("the signal", || (witnessed(&dyno).len() >= sent.len()).then_some(()));
        }
        let first = Process::children_of(dyno.pid()).remove(0);
        first.signal(Signal::USR2);
        sent.push(12);
        dyno.until("the last signal", || {
            (witnessed(&dyno).len() >= sent.len()).then_some(())
        });
        assert_eq!(
            witnessed(&dyno).iter().map(|(number, _)| *number).collect::<Vec<_>>(),
            sent,
            "{init:?}"
        );
    }
}

#[test]
fn an_init_says_how_its_agents_are_and_hides_the_key_as_any_supervisor() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let init = &inits(&slug)[0];
    let app = "until .hoop/bin/hoopstart --status >\"$HOME/status\"; do sleep 0.05; done; echo told; read line; exit 5";
    let launch = slug.web().with_stdin();
    let Some(mut container) = Container::start(&launch, init, ["sh", "-c", app], "told\n") else {
        return;
    };
    let status = slug.read("status");
    container.dyno.assert(
        status.contains("healthy"),
        &format!("expected a healthy agent: {status}"),
    );
    container.dyno.write("go\n");
    container.dyno.exits(5);
}

#[test]
fn what_a_crashed_agent_has_left_is_ended_there_too_and_the_orphans_of_the_app_are_not() {
    if program("setsid").is_none() {
        return;
    }
    // Outside its group, at first deaf to its end; one more with each start.
    let slug = Slug::of_agent(
        r#"#!/bin/sh
# What was killed may take a moment to be gone.
for try in 1 2 3 4 5 6 7 8 9 10; do
    left=0
    for file in "$HOME"/left-*; do
        [ -e "$file" ] && kill -0 "${file##*-}" 2>/dev/null && left=$((left + 1))
    done
    [ "$left" -gt 0 ] || break
    sleep 0.05
done
echo "agent up, left: $left"
for deaf in "" "trap '' TERM;"; do
    setsid sh -c "$deaf"'echo >"$HOME/left-$$"; sleep 600; sleep 601' &
done
until [ "$(ls "$HOME" | grep -c left-)" -ge "$(($(cat "$HOME/count" 2>/dev/null || echo 0) + 2))" ]; do sleep 0.02; done
ls "$HOME" | grep -c left- >"$HOME/count"
exit 3
"#,
    );
    let app = "(setsid sleep 602 &); echo up; read line; exit 5";
    let launch = slug.web().with_stdin();
    let Some(mut container) = Container::start(&launch, &inits(&slug)[0], ["sh", "-c", app], "up\n") else {
        return;
    };
    let dyno = &container.dyno;
    dyno.until("two more starts", || {
        (dyno.stderr().matches(" | agent up, left: 0\n").count() == 3).then_some(())
    });
    let is_of_app = |process: &Process| process.command_line().iter().any(|word| word == "602");
    dyno.assert(dyno.processes().iter().any(is_of_app), "the app's orphan stays");
    container.dyno.write("go\n");
    container.dyno.exits(5);
}
