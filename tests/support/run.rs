//! One run of the program: its status and both texts, and assertions that show all three when they fail.

use super::signals::hear_signals;
use rustix::process::{Pid, Signal, kill_process_group};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// No run takes this long unless it hangs.
const LIMIT: Duration = Duration::from_mins(2);

/// What a run left on its status, stdout and stderr.
pub(crate) struct Run {
    command: String,
    status: ExitStatus,
    stdout: String,
    stderr: String,
}

impl Run {
    /// Runs `command` to its end. A run that hangs is killed and fails the test.
    #[track_caller]
    pub(crate) fn of(command: Command) -> Self {
        Self::after(|| {}, command)
    }

    /// Does the same from a thread that is prepared for it.
    #[track_caller]
    pub(crate) fn after(prepare: impl FnOnce() + Send, mut command: Command) -> Self {
        hear_signals();
        let shown = format!("{command:?}");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let start = || {
            prepare();
            command.spawn()
        };
        let child = thread::scope(|scope| scope.spawn(start).join().expect("it is prepared"));
        let child = child.unwrap_or_else(|error| panic!("cannot start {shown}: {error}"));
        let group = Pid::from_child(&child);
        let (sender, receiver) = mpsc::channel();
        let waiter = thread::spawn(move || {
            // The receiver is gone only when the limit was over.
            let _ = sender.send(child.wait_with_output());
        });
        let Ok(output) = receiver.recv_timeout(LIMIT) else {
            let _ = kill_process_group(group, Signal::KILL);
            panic!("{shown} did not end within {LIMIT:?}, or left someone behind who holds its stdout");
        };
        waiter.join().expect("the waiting thread only sends");
        let output = output.expect("a child's output can be read");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the program prints UTF-8");
        Self {
            command: shown,
            status: output.status,
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// What was printed on stdout.
    pub(crate) fn stdout(&self) -> &str {
        &self.stdout
    }

    /// What was printed on stderr.
    pub(crate) fn stderr(&self) -> &str {
        &self.stderr
    }

    /// Stderr without the frame and the line breaks of the house style, so that sentences can be looked for.
    pub(crate) fn prose(&self) -> String {
        let words = self
            .stderr
            .lines()
            .flat_map(|line| line.strip_prefix(" !").unwrap_or(line).split_whitespace());
        words.collect::<Vec<_>>().join(" ")
    }

    /// Ends the test with everything there is to know about this run.
    #[track_caller]
    pub(crate) fn fail(&self, what: &str) -> ! {
        panic!(
            "{what}\n{}\n{}\n----- stdout\n{}----- stderr\n{}-----",
            self.command, self.status, self.stdout, self.stderr
        );
    }

    /// Asserts a fact about this run.
    #[track_caller]
    pub(crate) fn assert(&self, fact: bool, what: &str) -> &Self {
        if !fact {
            self.fail(what);
        }
        self
    }

    /// Asserts the exit code.
    #[track_caller]
    pub(crate) fn exits(&self, code: i32) -> &Self {
        if let Some(signal) = self.status.signal() {
            self.fail(&format!("expected exit {code}, but signal {signal} ended it"));
        }
        self.assert(self.status.code() == Some(code), &format!("expected exit {code}"))
    }

    /// Asserts that the build went well.
    #[track_caller]
    pub(crate) fn succeeds(&self) -> &Self {
        self.exits(0)
            .assert(!self.stderr.contains("Error:"), "a good build shows no error")
    }

    /// Asserts that the build went well and had nothing to complain about.
    #[track_caller]
    pub(crate) fn succeeds_quietly(&self) -> &Self {
        self.succeeds()
            .assert(self.stderr.is_empty(), "expected nothing on stderr")
    }

    /// Asserts that the build failed with this id: one error block that begins with a title and ends with it.
    #[track_caller]
    pub(crate) fn fails_with(&self, id: &str) -> &Self {
        let last = self
            .stderr
            .lines()
            .rev()
            .find(|line| !line.is_empty())
            .unwrap_or_default();
        self.exits(1)
            .assert(
                last == format!(" !     Failure id: {id}"),
                &format!("expected the failure {id}"),
            )
            .assert(
                self.stderr.matches(" !     Error: ").count() == 1,
                "expected exactly one block that begins with \"Error: \"",
            )
    }

    /// Asserts that there is a warning which holds each of `phrases`, line breaks aside.
    #[track_caller]
    pub(crate) fn warns(&self, phrases: &[&str]) -> &Self {
        self.assert(self.stderr.contains(" !     Warning: "), "expected a warning")
            .tells(phrases)
    }

    /// Asserts that stderr holds each of `phrases`, line breaks aside.
    #[track_caller]
    pub(crate) fn tells(&self, phrases: &[&str]) -> &Self {
        let prose = self.prose();
        for phrase in phrases {
            self.assert(prose.contains(phrase), &format!("expected stderr to say {phrase:?}"));
        }
        self
    }

    /// Asserts that stdout holds each of `phrases`.
    #[track_caller]
    pub(crate) fn shows(&self, phrases: &[&str]) -> &Self {
        for phrase in phrases {
            self.assert(
                self.stdout.contains(phrase),
                &format!("expected stdout to show {phrase:?}"),
            );
        }
        self
    }

    /// Asserts that none of `needles` was printed.
    #[track_caller]
    pub(crate) fn hides(&self, needles: &[&str]) -> &Self {
        for needle in needles {
            let seen = self.stdout.contains(needle) || self.stderr.contains(needle);
            self.assert(!seen, &format!("{needle:?} must not be printed"));
        }
        self
    }

    /// Asserts that every line has the look of a build log and nothing is colored.
    #[track_caller]
    pub(crate) fn looks_like_a_build(&self) -> &Self {
        for line in self.stdout.lines() {
            let fits = line.is_empty() || line.starts_with("-----> ") || line.starts_with("       ");
            self.assert(fits, &format!("not a line of a build log: {line:?}"));
        }
        for line in self.stderr.lines() {
            let fits = line.is_empty() || line == " !" || line.starts_with(" !     ");
            self.assert(fits, &format!("not a line of a warning or an error: {line:?}"));
        }
        let plain = |text: &str| {
            !text
                .chars()
                .any(|character| character.is_control() && character != '\n')
        };
        self.assert(
            plain(&self.stdout) && plain(&self.stderr),
            "expected no control character where nothing is a terminal",
        )
    }
}
