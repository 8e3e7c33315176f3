//! Consoles: an app on a terminal, as in one-off dynos and on laptops.

use crate::shutdown::PROMISE;
use crate::support::dyno::{Dyno, Launch, Slug, program};
use crate::terminal::{CTRL_C, CTRL_D, CTRL_Z, Terminal};
use std::time::Instant;

/// An agent that writes down every signal from keys and windows. It ends when it is told to.
const WATCHFUL_AGENT: &str = r#"#!/bin/sh
for name in HUP INT QUIT TSTP CONT WINCH; do trap "echo $name >>\"$HOME/agent-signals\"" "$name"; done
trap 'kill "$!"; exit 15' TERM
echo "agent up"
while :; do
  sleep 600 >/dev/null 2>&1 &
  wait "$!"
  kill -KILL "$!"
done 2>/dev/null
"#;

/// A program that prints each new size of its window, until Ctrl-C.
pub(crate) const WINDOW_WATCHER: &str = r#"#!/bin/sh
trap 'echo "window $(stty size)."' WINCH
trap 'kill "$!"; exit 130' INT
echo "watching $0."
while :; do
  sleep 600 >/dev/null 2>&1 &
  wait "$!"
  kill "$!"
done 2>/dev/null
"#;

/// An interactive bash that reads none of the user's files.
pub(crate) const BASH: [&str; 4] = ["bash", "--norc", "--noprofile", "-i"];

/// A terminal and the program on it.
struct Console {
    slug: Slug,
    terminal: Terminal,
    launch: Launch,
    hoopstart: String,
}

impl Console {
    /// Prepares a console for this program, if the machine has what it takes.
    fn of(name: &str) -> Option<Self> {
        program(name)?;
        let terminal = Terminal::open()?;
        let slug = Slug::of_agent(WATCHFUL_AGENT);
        Some(Self {
            terminal,
            launch: slug.web().with("PS1", "<$?>").with("PYTHON_BASIC_REPL", "1"),
            hoopstart: slug.hoopstart().to_str().expect("the path is text").to_owned(),
            slug,
        })
    }

    /// Starts a program under hoopstart.
    fn start(&self, words: &[&str]) -> Dyno {
        let words = [&[self.hoopstart.as_str(), "--"], words].concat();
        let dyno = self.terminal.start(&self.launch, &words);
        dyno.prints("hoop | agent up");
        dyno
    }

    /// Asserts that the one agent runs and has heard nothing from the terminal.
    #[track_caller]
    fn assert_agent_untouched(&self, dyno: &Dyno) {
        let agent = dyno.has_agents(1).remove(0);
        let state = agent.status("State");
        dyno.assert(!state.starts_with('T'), "the agent was stopped");
        assert_eq!(self.slug.read("agent-signals"), "");
        assert_eq!(dyno.stdout().matches("hoop | agent up").count(), 1);
    }
}

/// Waits until a job with this command line runs, or has ended.
#[track_caller]
pub(crate) fn until_runs(dyno: &Dyno, words: &[&str], expected: bool) {
    dyno.until(&format!("{words:?} to run: {expected}"), || {
        let processes = dyno.processes();
        let runs = processes.iter().any(|process| {
            // Not just before it becomes that program.
            process.command_line() == words && process.status("State").starts_with('S')
        });
        (runs == expected).then_some(())
    });
}

#[test]
fn keys_and_windows_work_in_bash_and_the_agent_sees_none_of_them() {
    let Some(console) = Console::of("bash") else { return };
    console.slug.put_program("watcher", WINDOW_WATCHER);
    let mut dyno = console.start(&BASH);

    // Ctrl-C ends the job in the foreground, and the shell goes on.
    dyno.write("sleep 611\n");
    until_runs(&dyno, &["sleep", "611"], true);
    dyno.write(CTRL_C);
    until_runs(&dyno, &["sleep", "611"], false);
    dyno.prints("<130>");

    // Ctrl-Z stops it, and `fg` takes it back.
    dyno.write("sleep 612\n");
    until_runs(&dyno, &["sleep", "612"], true);
    dyno.write(CTRL_Z);
    dyno.prints("Stopped");
    dyno.write("fg\n");
    until_runs(&dyno, &["sleep", "612"], true);
    dyno.write(CTRL_C);
    until_runs(&dyno, &["sleep", "612"], false);

    // The program in the foreground learns the new size of its window.
    dyno.write("./watcher\n");
    dyno.prints("watching ./watcher.");
    for (rows, columns) in [(33, 77), (50, 132)] {
        console.terminal.resize(rows, columns);
        dyno.prints(&format!("window {rows} {columns}."));
    }
    dyno.write(CTRL_C);
    console.assert_agent_untouched(&dyno);

    // Ctrl-D ends the shell, with the status of its last command. The shell reads that key only at its prompt.
    dyno.write("sh -c 'exit 5'\n");
    dyno.prints("<5>");
    dyno.write(CTRL_D);
    dyno.exits(5);
    dyno.is_gone_within(PROMISE, Instant::now());
}

#[test]
fn keys_and_windows_work_in_python_and_the_agent_sees_none_of_them() {
    let Some(console) = Console::of("python3") else { return };
    let mut dyno = console.start(&["python3", "-i"]);

    dyno.write("import os, signal, time; print('six times seven is', 6 * 7)\n");
    dyno.prints("is 42");
    dyno.write("print('now', 'asleep'); time.sleep(600)\n");
    dyno.prints("now asleep");
    dyno.write(CTRL_C);
    dyno.prints("KeyboardInterrupt");

    dyno.write("blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGWINCH]); print('now', 'watching')\n");
    dyno.prints("now watching");
    console.terminal.resize(33, 77);
    dyno.write("print('signal', int(signal.sigwait([signal.SIGWINCH])), tuple(os.get_terminal_size()))\n");
    dyno.prints("signal 28 (77, 33)");
    console.assert_agent_untouched(&dyno);
    dyno.until("the prompt", || dyno.stdout().ends_with(">>> ").then_some(()));

    dyno.write(CTRL_D);
    dyno.exits(0);
    dyno.is_gone_within(PROMISE, Instant::now());
}

#[test]
fn under_a_shell_of_a_laptop_the_app_is_a_job_as_any_other() {
    let (Some(console), Some(_)) = (Console::of("python3"), program("bash")) else {
        return;
    };
    let mut dyno = console.terminal.start(&console.launch, &BASH);
    dyno.write(".hoop/bin/hoopstart -- python3 -i\n");
    dyno.prints("hoop | agent up");

    dyno.write("import time; print('now', 'asleep'); time.sleep(600)\n");
    dyno.prints("now asleep");
    dyno.write(CTRL_Z);
    dyno.prints("Stopped");
    dyno.write("echo the shell is $((40 + 2))\n");
    dyno.prints("the shell is 42");
    dyno.write("fg\n");
    dyno.until("python in front", || {
        let processes = dyno.processes();
        let app = processes
            .iter()
            .find(|process| process.command_line().ends_with(&["-i".into()]) && process.parent == dyno.pid())?;
        app.status("State").starts_with('S').then_some(())
    });
    dyno.write(CTRL_C);
    dyno.prints("KeyboardInterrupt");
    console.assert_agent_untouched(&dyno);

    dyno.write("raise SystemExit(9)\n");
    dyno.prints("<9>");
    dyno.write("exit 0\n");
    dyno.exits(0);
    dyno.is_gone_within(PROMISE, Instant::now());
}
