//! Proves that the agent runs on this machine, before it goes into the slug.

use crate::agent::version::Version;
use crate::os::offspring::Offspring;
use crate::os::stop::Stop;
use crate::text;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::fs::File;
use std::io::{self, Read, Seek as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long `hoop version` may take. It takes some 50 ms.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// How often the agent is looked after while it runs: the build waits half of it in vain.
const POLL: Duration = Duration::from_millis(1);

/// The most output that is taken, in bytes.
const OUTPUT_LIMIT: u64 = 64 * 1024;

/// The folder in the scratch folder that is the agent's home meanwhile: it makes a `.cache` there. It must be there.
pub const HOME: &str = "proof";

/// The files in [`HOME`] that take the agent's stdout and stderr. They must be there.
pub const OUTPUTS: [&str; 2] = ["proof/stdout", "proof/stderr"];

/// How the agent failed to prove itself.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// The kernel cannot start it, most often because it is for another machine.
    #[error("cannot start the agent: {0}")]
    NotStarted(io::Error),
    /// It ended with a failure.
    #[error("the agent ended with {status}")]
    Failed {
        /// How.
        status: String,
        /// What it wrote to stderr, the beginning.
        stderr: String,
    },
    /// It did not end in time.
    #[error("the agent did not answer within 10 s")]
    TimedOut,
    /// It printed something else than its version.
    #[error("the agent's answer is not its version: {0}")]
    NotVersion(String),
    /// It is another version than was asked for.
    #[error("the agent says it is {0}")]
    OtherVersion(Version),
    /// What it has started cannot be ended.
    #[error("processes that the agent started cannot be stopped")]
    Lingers,
    /// It has changed what was verified before it was started, or what is to go into the slug with it.
    #[error("the agent has changed {what}")]
    Changed {
        /// The path, below the scratch folder.
        what: String,
    },
}

/// Runs `agent version` and compares the answer with `expected`. Its output goes through [`OUTPUTS`] in `scratch`,
/// so that an agent that floods it cannot block or fill memory. Nothing that it has started is left afterwards.
pub fn agent_runs(agent: &Path, expected: &Version, scratch: &Path, stop: &Stop) -> Result<(), ProofError> {
    let home = scratch.join(HOME);
    let [stdout, stderr] = OUTPUTS.map(|name| File::options().read(true).write(true).open(scratch.join(name)));
    let (stdout, stderr) = (
        stdout.map_err(ProofError::NotStarted)?,
        stderr.map_err(ProofError::NotStarted)?,
    );
    let mut command = Command::new(agent);
    command
        .arg("version")
        // It needs no variable, so it gets none: not the build's, and no key by accident.
        .env_clear()
        .env("HOME", &home)
        .current_dir(&home)
        .stdin(Stdio::null())
        .stdout(stdout.try_clone().map_err(ProofError::NotStarted)?)
        .stderr(stderr.try_clone().map_err(ProofError::NotStarted)?)
        // Its own group, so that what stays in it can be ended at one stroke.
        .process_group(0);
    let mut held = stop.hold();
    let offspring = Offspring::adopt();
    let mut child = command.spawn().map_err(ProofError::NotStarted)?;
    held.set_offspring(Some(offspring.clone()));
    drop(held);
    limit_output(&child);
    let status = wait(&mut child);
    let is_alone = offspring.end();
    stop.hold().set_offspring(None);
    let status = status?;
    if !is_alone {
        return Err(ProofError::Lingers);
    }
    if !status.success() && is_of_another_machine(agent) {
        return Err(ProofError::NotStarted(Errno::NOEXEC.into()));
    }
    if !status.success() {
        return Err(ProofError::Failed {
            status: status_words(status),
            stderr: text::excerpt(beginning(&stderr).trim_end(), 300),
        });
    }
    let answer = beginning(&stdout);
    let version = read_version(&answer).ok_or_else(|| ProofError::NotVersion(text::excerpt(answer.trim_end(), 120)))?;
    if version == *expected {
        Ok(())
    } else {
        Err(ProofError::OtherVersion(version))
    }
}

/// Keeps `child` from writing more than [`OUTPUT_LIMIT`] to a file: it would fill the build's disk.
fn limit_output(child: &Child) {
    use rustix::process::{Resource, Rlimit, prlimit};
    let limit = Rlimit {
        current: Some(OUTPUT_LIMIT),
        maximum: Some(OUTPUT_LIMIT),
    };
    // Fails only if it has ended.
    let _ = prlimit(Pid::from_raw(child.id().cast_signed()), Resource::Fsize, limit);
}

/// Waits for `child` to end, or ends it after [`TIME_LIMIT`]. Its process group ends with it.
fn wait(child: &mut Child) -> Result<ExitStatus, ProofError> {
    let started = Instant::now();
    let pid = Pid::from_child(child);
    // Left unreaped meanwhile, so that the group's number stays its own.
    let ended = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    let mut is_late = false;
    while !is_late && matches!(waitid(WaitId::Pid(pid), ended), Ok(None)) {
        std::thread::sleep(POLL);
        is_late = started.elapsed() > TIME_LIMIT;
    }
    let _ = kill_process_group(pid, Signal::KILL);
    let status = child.wait().map_err(ProofError::NotStarted)?;
    if is_late { Err(ProofError::TimedOut) } else { Ok(status) }
}

/// Answers whether `program` is one of another machine than this program. The kernel does not start such a one, but
/// the C library then has a shell read it as a script, whose complaints tell nobody what is wrong.
fn is_of_another_machine(program: &Path) -> bool {
    let machine = |path: &Path| {
        let mut header = [0; 20];
        File::open(path).ok()?.read_exact(&mut header).ok()?;
        // Of an ELF file: class and byte order, then the machine (<https://man7.org/linux/man-pages/man5/elf.5.html>).
        header
            .starts_with(b"\x7fELF")
            .then(|| [header[4], header[5], header[18], header[19]])
    };
    let of_program = machine(program);
    of_program.is_some() && of_program != machine(Path::new("/proc/self/exe"))
}

/// Returns the version in the one line of JSON that `hoop version` prints. JSON is read as the YAML it is.
fn read_version(answer: &str) -> Option<Version> {
    #[derive(serde::Deserialize)]
    struct Answer {
        version: String,
    }
    let answer: Answer = serde_yaml::from_str(answer).ok()?;
    answer.version.parse().ok()
}

/// Returns how a program ended, as a person reads it.
fn status_words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}

/// Returns the beginning of `file`, with what is not UTF-8 replaced. Not by its name, which is the agent's to change.
fn beginning(mut file: &File) -> String {
    let mut bytes = Vec::new();
    if file.rewind().is_ok() {
        let _ = file.take(OUTPUT_LIMIT).read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::read_version;

    #[test]
    fn the_version_is_read_from_the_answer() {
        let answer = r#"{"version":"1.148.0","git_commit":"0123abc","build_date":"2026-08-21T10:00:00Z","go_version":"go1.24.1","compiler":"gc","platform":"linux/amd64"}"#;

        assert_eq!(read_version(answer).unwrap().to_string(), "1.148.0");
        assert_eq!(read_version("version: unknown"), None);
        assert_eq!(read_version("Usage: hoop [command]"), None);
        assert_eq!(read_version(""), None);
    }
}
