//! The dyno of `try`: runs a process type and stops it as the platform does
//! (<https://devcenter.heroku.com/articles/dyno-shutdown-behavior>).

use crate::os::environment::Environment;
use crate::os::{audience, processes};
use crate::secret::redact::redacted;
use anyhow::Context as _;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, wait};
use std::ffi::OsString;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long the platform waits between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(30);

/// How long the rest of a dyno may live after its first process: what hoopstart promises.
const LEFTOVER_GRACE: Duration = Duration::from_secs(10);

/// How often the dyno is looked at.
const POLL: Duration = Duration::from_millis(20);

/// Sourced by the shell before the command, in place of what a dyno's `/etc/profile` does. The shell of a laptop
/// is not made a login shell: its profile may replace PATH.
const PROFILE: &str = r#"unset BASH_ENV
for profile in "$HOME"/.profile.d/*.sh; do
  if [ -r "$profile" ]; then . "$profile"; fi
done
unset profile
if [ -r "$HOME/.profile" ]; then . "$HOME/.profile"; fi
"#;

/// What ends a dyno before its first process does.
pub(super) struct EarlyEnd {
    /// Ctrl-C, or another signal to us.
    interrupted: Arc<AtomicBool>,
    /// Time.
    after: Option<Duration>,
}

impl EarlyEnd {
    /// Listens for signals from now on. Until the dyno runs they end the build, which shares our terminal, and
    /// not us: the scratch folder is to go.
    pub(super) fn new(after: Option<Duration>) -> anyhow::Result<Self> {
        let interrupted = Arc::new(AtomicBool::new(false));
        for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
            signal_hook::flag::register(signal.as_raw(), Arc::clone(&interrupted))?;
        }
        Ok(Self { interrupted, after })
    }
}

/// Runs `process_type` of the app in `slug` until it ends or is stopped. Returns its exit status.
pub(super) fn run(
    slug: &Path,
    (process_type, command_line): (&str, &str),
    config_vars: &[(String, OsString)],
    environment: &Environment,
    stop: EarlyEnd,
) -> anyhow::Result<i32> {
    let port = free_port().context("cannot find a free port")?;
    let profile = slug.with_file_name("profile.sh");
    fs_err::write(&profile, PROFILE)?;

    // Orphans of the dyno become our children, as those of a dyno become its first process's.
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;

    say(&format!("Starting process with command `{}`", redacted(command_line)));
    say(&format!("It is {process_type}.1, and its PORT is {port}"));
    let mut shell = shell(environment, &profile, command_line);
    shell
        .current_dir(slug)
        .env_clear()
        .env("PATH", environment.value("PATH").unwrap_or_default())
        .env("HOME", slug)
        .env("LANG", "C.UTF-8")
        .env("BASH_ENV", &profile)
        .envs(toolchain(environment))
        .envs(config_vars.iter().map(|(name, value)| (name, value)))
        // The platform's own, whatever else there is.
        .env("PORT", port.to_string())
        .env("DYNO", format!("{process_type}.1"))
        .env(audience::UNDER_TRY, "1")
        .stdin(Stdio::null())
        // Ctrl-C is for us: a dyno has no terminal.
        .process_group(0);
    let child = shell.spawn().context("cannot start a shell")?;
    let first = Pid::from_raw(child.id().cast_signed()).context("the shell has no pid")?;
    Dyno {
        first,
        status: None,
        stop,
    }
    .watch()
}

/// A shell that sources `profile` and then becomes or runs `command_line`.
fn shell(environment: &Environment, profile: &Path, command_line: &str) -> Command {
    if let Some(bash) = in_path(environment, "bash") {
        // Sources BASH_ENV by itself, and execs a simple command as a dyno's bash does.
        let mut command = Command::new(bash);
        command.arg("-c").arg(command_line);
        command
    } else {
        // Unlike bash, it may stay as the parent of a simple command. SIGTERM, which comes to it as well, must then
        // not end it before the app has drained; a handler, other than an ignored signal, is not handed on.
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg(r#". "$0"; trap : TERM; eval "$1""#)
            .arg(profile)
            .arg(command_line);
        command
    }
}

/// The first program called `name` on the PATH.
fn in_path(environment: &Environment, name: &str) -> Option<PathBuf> {
    std::env::split_paths(environment.value("PATH")?)
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
}

/// Where rustup and cargo keep their things, which they look for in HOME unless they are told.
fn toolchain(environment: &Environment) -> Vec<(&'static str, OsString)> {
    let home = environment.value("HOME").map(PathBuf::from).unwrap_or_default();
    [("RUSTUP_HOME", ".rustup"), ("CARGO_HOME", ".cargo")]
        .into_iter()
        .filter_map(|(name, folder)| {
            let folder = environment.value(name).map_or_else(|| home.join(folder), PathBuf::from);
            folder.is_dir().then(|| (name, folder.into_os_string()))
        })
        .collect()
}

/// A port that is free now.
fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// A dyno that runs.
struct Dyno {
    /// Its first process: when that ends, the dyno does.
    first: Pid,
    /// How it ended.
    status: Option<WaitStatus>,
    /// What stops it.
    stop: EarlyEnd,
}

impl Dyno {
    /// Watches the dyno to its end. Returns the exit status of its first process.
    fn watch(mut self) -> anyhow::Result<i32> {
        let started = Instant::now();
        while !self.has_ended() {
            let is_over = self.stop.after.is_some_and(|limit| started.elapsed() >= limit);
            if is_over || self.stop.interrupted.swap(false, Ordering::Relaxed) {
                self.stop();
                break;
            }
            std::thread::sleep(POLL);
        }
        self.end_leftovers();
        let status = self.status.context("the process cannot be waited for")?;
        let number = match (status.exit_status(), status.terminating_signal()) {
            (Some(status), _) => status,
            (None, Some(signal)) => 128 + signal,
            (None, None) => 1,
        };
        say(&format!("Process exited with status {number}"));
        Ok(number)
    }

    /// Stops the dyno: SIGTERM to every process, and SIGKILL to those left after 30 s, or at a second Ctrl-C.
    fn stop(&mut self) {
        say("Stopping all processes with SIGTERM");
        signal_all(Signal::TERM);
        let told = Instant::now();
        while !self.has_ended() {
            if told.elapsed() >= GRACE || self.stop.interrupted.load(Ordering::Relaxed) {
                say("Stopping remaining processes with SIGKILL");
                signal_all(Signal::KILL);
                while !self.has_ended() {
                    std::thread::sleep(POLL);
                }
                return;
            }
            std::thread::sleep(POLL);
        }
    }

    /// Waits for what the first process has left behind, and ends what stays.
    fn end_leftovers(&mut self) {
        let ended = Instant::now();
        while !processes::descendants(std::process::id()).is_empty() {
            if ended.elapsed() >= LEFTOVER_GRACE {
                say("Processes were left 10 s after the app had ended; stopping them with SIGKILL");
                signal_all(Signal::KILL);
                return;
            }
            std::thread::sleep(POLL);
            self.has_ended();
        }
    }

    /// Reaps what has ended, and answers whether the first process has.
    fn has_ended(&mut self) -> bool {
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            if pid == self.first {
                self.status = Some(status);
            }
        }
        self.status.is_some()
    }
}

/// Sends `signal` to every process of the dyno, which are all our descendants.
fn signal_all(signal: Signal) {
    for process in processes::descendants(std::process::id()) {
        if let Some(pid) = Pid::from_raw(process.pid.cast_signed()) {
            // Fails only if it has just ended.
            let _ = kill_process(pid, signal);
        }
    }
}

/// Writes a line of the platform's.
pub(super) fn say(line: &str) {
    let mut stdout = std::io::stdout();
    // Nobody may be reading.
    let _ = writeln!(stdout, "-----> {line}").and_then(|()| stdout.flush());
}
