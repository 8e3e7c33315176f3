//! The dynos of `try`, and how they are stopped as the platform stops them
//! (<https://devcenter.heroku.com/articles/dyno-shutdown-behavior>).

use crate::os::processes;
use crate::r#try::dyno::Running;
use crate::r#try::log::say;
use crate::r#try::smoke::Smoke;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, wait};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long the platform waits between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(30);

/// How long the rest of a dyno may live after its first process: what hoopstart promises.
const LEFTOVER_GRACE: Duration = Duration::from_secs(10);

/// How often the dynos are looked at.
const POLL: Duration = Duration::from_millis(20);

/// The exit status of a smoke test that failed.
const FAILED: i32 = 1;

/// What ends the dynos before their first processes do.
pub(super) struct EarlyEnd {
    /// Ctrl-C, or another signal to us.
    interrupted: Arc<AtomicBool>,
    /// Time.
    after: Option<Duration>,
}

impl EarlyEnd {
    /// Listens for signals from now on. Until a dyno runs they end the build, which shares our terminal, and
    /// not us: the scratch folder is to go.
    pub(super) fn new(after: Option<Duration>) -> anyhow::Result<Self> {
        let interrupted = Arc::new(AtomicBool::new(false));
        for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
            signal_hook::flag::register(signal.as_raw(), Arc::clone(&interrupted))?;
        }
        Ok(Self { interrupted, after })
    }
}

/// Dynos that run.
pub(super) struct Formation {
    dynos: Vec<Running>,
    stop: EarlyEnd,
    /// How the dyno ended that did so first.
    first: Option<WaitStatus>,
    /// Whether SIGKILL was needed.
    was_killed: bool,
}

impl Formation {
    pub(super) fn new(dynos: Vec<Running>, stop: EarlyEnd) -> Self {
        Self {
            dynos,
            stop,
            first: None,
            was_killed: false,
        }
    }

    /// Watches the dynos to their end: when one ends, all do. Returns the exit status of the first to end, or what
    /// `smoke` found.
    pub(super) fn watch(mut self, smoke: Option<Smoke>) -> i32 {
        let started = Instant::now();
        let mut found = None;
        let has_ended_early = loop {
            self.reap();
            if let Some(dyno) = self.dynos.iter().find(|dyno| dyno.status.is_some()) {
                if self.dynos.len() > 1 {
                    say(&format!("{} has ended, so all are stopped", dyno.name));
                }
                break true;
            }
            found = smoke.as_ref().and_then(Smoke::result);
            let is_over = self.stop.after.is_some_and(|limit| started.elapsed() >= limit);
            if found.is_some() || is_over || self.stop.interrupted.swap(false, Ordering::Relaxed) {
                break false;
            }
            std::thread::sleep(POLL);
        };
        if !self.have_ended() {
            self.stop();
        }
        self.end_leftovers();
        let several = self.dynos.len() > 1;
        for dyno in &mut self.dynos {
            dyno.read_to_end();
            let number = dyno.status.map_or(FAILED, number);
            if several {
                say(&format!("{} exited with status {number}", dyno.name));
            } else {
                say(&format!("Process exited with status {number}"));
            }
        }
        match smoke {
            None => self.first.map_or(FAILED, number),
            Some(smoke) => self.verdict(&smoke, found, has_ended_early),
        }
    }

    /// Ends the dynos, since another could not be started.
    pub(super) fn end(mut self) {
        if !self.have_ended() {
            self.stop();
        }
        self.end_leftovers();
    }

    /// The exit status of a smoke test: 0 only if the answer was as it should be, and every process ended as it was
    /// told to.
    fn verdict(&self, smoke: &Smoke, found: Option<Result<String, String>>, has_ended_early: bool) -> i32 {
        let is_clean = |dyno: &Running| {
            dyno.status
                .map(number)
                .is_some_and(|number| [0, TERMINATED].contains(&number))
        };
        let fault = match found {
            _ if has_ended_early => Some("a process ended before there was an answer".to_owned()),
            None => Some("it was stopped before there was an answer".to_owned()),
            Some(Err(fault)) => Some(fault),
            Some(Ok(_)) if self.was_killed => Some("not every process ended on SIGTERM".to_owned()),
            Some(Ok(_)) if !self.dynos.iter().all(is_clean) => {
                Some("a process that was stopped ended with another status than 0 or 143".to_owned())
            }
            Some(Ok(answer)) => {
                say(&format!(
                    "{} answered {answer}, and all processes ended when told to",
                    smoke.path
                ));
                None
            }
        };
        if let Some(fault) = &fault {
            say(&format!("{}: {fault}", smoke.path));
        }
        fault.map_or(0, |_| FAILED)
    }

    /// Stops the dynos: SIGTERM to every process, and SIGKILL to those left after 30 s, or at a second Ctrl-C.
    fn stop(&mut self) {
        say("Stopping all processes with SIGTERM");
        signal_all(Signal::TERM);
        let told = Instant::now();
        while !self.have_ended() {
            if told.elapsed() >= GRACE || self.stop.interrupted.load(Ordering::Relaxed) {
                say("Stopping remaining processes with SIGKILL");
                self.was_killed = true;
                signal_all(Signal::KILL);
                while !self.have_ended() {
                    std::thread::sleep(POLL);
                }
                return;
            }
            std::thread::sleep(POLL);
        }
    }

    /// Waits for what the first processes have left behind, and ends what stays.
    fn end_leftovers(&mut self) {
        let ended = Instant::now();
        while !processes::descendants(std::process::id()).is_empty() {
            if ended.elapsed() >= LEFTOVER_GRACE {
                say("Processes were left 10 s after the app had ended; stopping them with SIGKILL");
                self.was_killed = true;
                signal_all(Signal::KILL);
                return;
            }
            std::thread::sleep(POLL);
            self.reap();
        }
    }

    /// Reaps what has ended, and answers whether the first process of each dyno has.
    fn have_ended(&mut self) -> bool {
        self.reap();
        self.dynos.iter().all(|dyno| dyno.status.is_some())
    }

    fn reap(&mut self) {
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            if let Some(dyno) = self.dynos.iter_mut().find(|dyno| dyno.first == pid) {
                dyno.status = Some(status);
                self.first.get_or_insert(status);
            }
        }
    }
}

/// What a shell shows of a process that SIGTERM has ended.
const TERMINATED: i32 = 128 + 15;

/// An exit status as shells have it.
fn number(status: WaitStatus) -> i32 {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(status), _) => status,
        (None, Some(signal)) => 128 + signal,
        (None, None) => FAILED,
    }
}

/// Sends `signal` to every process of the dynos, which are all our descendants.
fn signal_all(signal: Signal) {
    for process in processes::descendants(std::process::id()) {
        if let Some(pid) = Pid::from_raw(process.pid.cast_signed()) {
            // Fails only if it has just ended.
            let _ = kill_process(pid, signal);
        }
    }
}
