//! What becomes of an app beside the same without hoopstart: a table, and signals at the worst moments.

use crate::shutdown::PROMISE;
use crate::support::dyno::{Dyno, Launch, QUIET_AGENT, STANDARD, Slug, eventually};
use crate::support::signals::hear_signals;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// What happens to an app.
#[derive(Clone, Copy)]
enum Act {
    /// It has printed this.
    Prints(&'static str),
    /// It reads a line.
    Line,
    /// It reads the end of its input.
    End,
    /// It is sent a signal.
    Signal(Signal),
    /// Its process group is.
    Group(Signal),
    /// Every process of the dyno is.
    All(Signal),
}

/// An app, and what happens to it.
type Scenario = (&'static str, &'static [Act]);

/// An app that prints each signal, and ends at the last.
const TRAPS: &str = "for name in HUP INT QUIT USR1 TERM; do trap \"echo got $name\" $name; done; \
    trap 'kill -KILL $!; exit 3' USR2; sleep 600 >/dev/null 2>&1 & echo up; \
    while :; do wait $!; done 2>/dev/null";

/// The table.
const SCENARIOS: [Scenario; 24] = [
    ("exit 0", &[]),
    ("exit 7", &[]),
    ("exit 255", &[]),
    ("kill -KILL $$", &[]),
    ("ulimit -c 0; kill -SEGV $$", &[]),
    ("no-such-program", &[]),
    (
        "echo up; exec sleep 600",
        &[Act::Prints("up\n"), Act::Signal(Signal::TERM)],
    ),
    (
        "echo up; exec sleep 600",
        &[Act::Prints("up\n"), Act::Signal(Signal::INT)],
    ),
    (
        "echo up; exec sleep 600",
        &[Act::Prints("up\n"), Act::Signal(Signal::HUP)],
    ),
    (
        "echo up; exec sleep 600",
        &[Act::Prints("up\n"), Act::Signal(Signal::USR1)],
    ),
    (
        "echo up; exec sleep 600",
        &[Act::Prints("up\n"), Act::Signal(Signal::KILL)],
    ),
    (
        "echo up; exec sleep 600",
        &[Act::Prints("up\n"), Act::Group(Signal::TERM)],
    ),
    (
        "echo up; exec sleep 600",
        &[Act::Prints("up\n"), Act::All(Signal::TERM)],
    ),
    ("echo up; exec sleep 600", &[Act::Prints("up\n"), Act::All(Signal::HUP)]),
    (
        "echo up; exec cat",
        &[Act::Prints("up\n"), Act::Line, Act::Prints("line\n"), Act::End],
    ),
    (
        TRAPS,
        &[
            Act::Prints("up\n"),
            Act::Signal(Signal::HUP),
            Act::Prints("got HUP\n"),
            Act::Signal(Signal::TERM),
            Act::Prints("got TERM\n"),
            Act::Signal(Signal::USR2),
        ],
    ),
    (
        TRAPS,
        &[
            Act::Prints("up\n"),
            Act::Signal(Signal::QUIT),
            Act::Prints("got QUIT\n"),
            Act::Signal(Signal::INT),
            Act::Prints("got INT\n"),
            Act::Signal(Signal::USR2),
        ],
    ),
    (
        "trap '' TERM; echo up; read line; exit 5",
        &[Act::Prints("up\n"), Act::All(Signal::TERM), Act::Line],
    ),
    (
        "trap 'echo drained; exit 0' TERM; echo up; while :; do sleep 0.05; done",
        &[Act::Prints("up\n"), Act::Signal(Signal::TERM)],
    ),
    ("sleep 0.2 & wait; exit 6", &[]),
    ("echo one | cat; echo two >&2; exit 4", &[]),
    ("sh -c 'sleep 0.3; echo late' & exit 2", &[]),
    ("exec >&-; sleep 0.1; exit 8", &[]),
    (
        "echo up; kill -STOP $$; exit 9",
        &[Act::Prints("up\n"), Act::Signal(Signal::CONT)],
    ),
];

/// What can be seen of an app from outside.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    code: Option<i32>,
    signal: Option<i32>,
    stdout: String,
}

/// Plays a scenario, and returns what was seen, and how long it took until the output was closed.
fn play(mut dyno: Dyno, acts: &[Act]) -> (Seen, Duration) {
    let begin = Instant::now();
    for act in acts {
        match *act {
            Act::Prints(text) => drop(dyno.prints(text)),
            Act::Line => dyno.write("line\n"),
            Act::End => dyno.close_stdin(),
            Act::Signal(signal) => {
                if signal == Signal::CONT {
                    let stopped = || std::fs::read_to_string(format!("/proc/{}/stat", dyno.pid())).ok();
                    dyno.until("a stop", || stopped()?.contains(") T ").then_some(()));
                }
                dyno.signal(signal);
            }
            Act::Group(signal) => dyno.signal_group(signal),
            Act::All(signal) => dyno.signal_all(signal),
        }
    }
    let status = dyno.ends();
    dyno.closes_output();
    let took = begin.elapsed();
    let seen = Seen {
        code: status.code(),
        signal: status.signal(),
        stdout: dyno.stdout(),
    };
    dyno.is_gone_within(PROMISE, Instant::now());
    (seen, took)
}

/// The ways in which an app is started where there is hoopstart.
const WAYS: [&str; 5] = ["hoopstart", "autostart", "both", "disabled", "without a key"];

/// Starts an app in one of the ways.
fn start(slug: &Slug, way: &str, script: &str) -> Dyno {
    let launch = slug.web().with_stdin();
    let sourced = |launch: Launch, command: &str| {
        let source = format!(". \"$HOME/.profile.d/zz-hoop-buildpack.sh\"\nexec {command} \"$1\"");
        launch
            .with("HOOP_AUTOSTART", "on")
            .plain(["sh", "-c", &source, "sh", script])
    };
    match way {
        "hoopstart" => launch.script(script),
        "autostart" => sourced(launch, "sh -c"),
        "both" => sourced(launch, "hoopstart -- sh -c"),
        "disabled" => launch.with("HOOP_DISABLE", "1").script(script),
        "without a key" => launch.without("HOOP_KEY").script(script),
        _ => panic!("no such way: {way}"),
    }
}

#[test]
fn what_becomes_of_an_app_is_what_becomes_of_it_without_hoopstart() {
    let slug = Slug::of_agent(QUIET_AGENT);
    thread::scope(|scope| {
        for part in SCENARIOS.chunks(6) {
            let slug = &slug;
            scope.spawn(move || {
                for (script, acts) in part {
                    let (alone, took_alone) = play(slug.web().with_stdin().plain(["sh", "-c", script]), acts);
                    for way in WAYS {
                        let (seen, took) = play(start(slug, way, script), acts);
                        assert_eq!(seen, alone, "{way}: {script}");
                        // Far less than an agent is given for its end.
                        let limit = took_alone + Duration::from_secs(4);
                        assert!(took < limit, "{way}: {script}: {took:?}, and alone {took_alone:?}");
                    }
                }
            });
        }
    });
}

/// How many starts are disturbed, unless this variable names another number.
const STARTS: (&str, usize) = ("HOOP_TEST_STARTS", 500);

/// The time within which all of a start happens.
const FIRST_MOMENTS: Duration = Duration::from_millis(50);

/// Starts an app, sends it a signal after `moment`, and returns the number of the signal that has ended it.
fn disturbed(launch: &Launch, words: &[String], signal: Signal, moment: Duration, group: bool) -> Option<i32> {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).current_dir(launch.home()).env_clear();
    command.envs(launch.variables().iter().map(|(name, value)| (name, value)));
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    let mut child = command.spawn().expect("it can be started");
    // Not a wait for something: the moment is what is tried.
    thread::sleep(moment);
    let pid = Pid::from_child(&child);
    let sent = if group {
        kill_process_group(pid, signal)
    } else {
        kill_process(pid, signal)
    };
    sent.expect("it is not reaped");
    child.wait().expect("it is our child").signal()
}

#[test]
fn a_signal_at_any_moment_of_a_start_ends_the_app_and_leaves_nothing() {
    hear_signals();
    let slug = Slug::of_agent(QUIET_AGENT);
    let count = std::env::var(STARTS.0).map_or(STARTS.1, |number| number.parse().expect("it is a number"));
    let launch = slug.web();
    let autostart = launch.clone().with("HOOP_AUTOSTART", "on");
    let hoopstart = slug.hoopstart().to_str().expect("the path is text").to_owned();
    let direct: Vec<String> = [&hoopstart, "--", "sleep", "600"].map(str::to_owned).to_vec();
    let source = ". \"$HOME/.profile.d/zz-hoop-buildpack.sh\"\nexec sleep 600";
    let sourced: Vec<String> = ["sh", "-c", source].map(str::to_owned).to_vec();
    let signals = [Signal::TERM, Signal::INT, Signal::HUP, Signal::KILL, Signal::USR1];
    thread::scope(|scope| {
        for worker in 0..4 {
            let (launch, autostart, direct, sourced) = (&launch, &autostart, &direct, &sourced);
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(worker);
                for _ in 0..count / 4 {
                    let signal = signals[random.usize(..signals.len())];
                    let moment = FIRST_MOMENTS.mul_f64(random.f64());
                    let group = random.bool();
                    let (launch, words) = if random.u8(..5) == 0 {
                        (autostart, sourced)
                    } else {
                        (launch, direct)
                    };
                    let ended = disturbed(launch, words, signal, moment, group);
                    assert_eq!(
                        ended,
                        Some(signal.as_raw()),
                        "{signal:?} after {moment:?}, group {group}: {words:?}"
                    );
                }
            });
        }
    });
    // All had the variables of this one.
    let left = launch.plain(["sleep", "600"]);
    eventually("the end of all that was started", || {
        let processes = left.processes();
        (processes.len() == 1).then_some(())
    });
}

#[test]
fn a_key_that_a_profile_sets_is_found_at_every_start_whenever_the_shell_is_looked_at() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let script = ". .profile.d/zz-hoop-buildpack.sh; export HOOP_KEY=\"$LATE\"; exec sleep 60";
    thread::scope(|scope| {
        for _ in 0..4 {
            let slug = &slug;
            scope.spawn(move || {
                for _ in 0..20 {
                    let launch = slug.dyno().with("DYNO", "web.1").with("LATE", STANDARD);
                    let dyno = launch.with("HOOP_AUTOSTART", "on").plain(["sh", "-c", script]);
                    dyno.until("a line", || (!dyno.stderr().is_empty()).then_some(()));
                    assert_eq!(dyno.stderr(), "hoop | agent up\n");
                }
            });
        }
    });
}
