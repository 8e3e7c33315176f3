//! One dyno of `try`: a process type of an app, started as the platform starts it.

use crate::os::audience;
use crate::os::environment::Environment;
use crate::secret::redact::redacted;
use crate::r#try::log::Prefix;
use crate::r#try::log::say;
use anyhow::Context as _;
use rustix::process::{Pid, WaitStatus};
use std::ffi::OsString;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::JoinHandle;

/// Sourced by the shell before the command, in place of what a dyno's `/etc/profile` does. The shell of a laptop
/// is not made a login shell: its profile may replace PATH.
const PROFILE: &str = r#"unset BASH_ENV
for profile in "$HOME"/.profile.d/*.sh; do
  if [ -r "$profile" ]; then . "$profile"; fi
done
unset profile
if [ -r "$HOME/.profile" ]; then . "$HOME/.profile"; fi
"#;

/// An app that can be started.
pub(super) struct App<'a> {
    /// Its folder.
    pub(super) slug: &'a Path,
    pub(super) config_vars: &'a [(String, OsString)],
    pub(super) environment: &'a Environment,
}

/// A dyno that runs.
pub(super) struct Running {
    /// Such as `web.1`.
    pub(super) name: String,
    pub(super) port: u16,
    /// Its first process: when that ends, the dyno does.
    pub(super) first: Pid,
    /// How it ended.
    pub(super) status: Option<WaitStatus>,
    /// What copies its lines.
    logs: Vec<JoinHandle<()>>,
}

impl App<'_> {
    /// Starts the first dyno of `process_type`. With a prefix its lines are behind that, without one it has our own
    /// output.
    pub(super) fn start(
        &self,
        process_type: &str,
        command_line: &str,
        prefix: Option<&Prefix>,
    ) -> anyhow::Result<Running> {
        let Self {
            slug,
            config_vars,
            environment,
        } = self;
        let port = free_port().context("cannot find a free port")?;
        let profile = slug.with_file_name("profile.sh");
        fs_err::write(&profile, PROFILE)?;
        let name = format!("{process_type}.1");

        say(&format!("Starting process with command `{}`", redacted(command_line)));
        say(&format!("It is {name}, and its PORT is {port}"));
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
            .env("DYNO", &name)
            .env(audience::UNDER_TRY, "1")
            .stdin(Stdio::null())
            // Ctrl-C is for us: a dyno has no terminal.
            .process_group(0);
        if prefix.is_some() {
            shell.stdout(Stdio::piped()).stderr(Stdio::piped());
        }
        let mut child = shell.spawn().context("cannot start a shell")?;
        let logs = prefix.into_iter().flat_map(|prefix| {
            let stdout = child.stdout.take().map(|stdout| prefix.copy(stdout));
            let stderr = child.stderr.take().map(|stderr| prefix.copy(stderr));
            stdout.into_iter().chain(stderr)
        });
        let logs = logs.collect();
        let first = Pid::from_raw(child.id().cast_signed()).context("the shell has no pid")?;
        Ok(Running {
            name,
            port,
            first,
            status: None,
            logs,
        })
    }
}

impl Running {
    /// Waits for its last line. All who could write one have ended.
    pub(super) fn read_to_end(&mut self) {
        for log in self.logs.drain(..) {
            // It only copies.
            let _ = log.join();
        }
    }
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
