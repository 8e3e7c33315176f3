//! Proves that the agent runs on this machine, before it goes into the slug.

use crate::acquire::archive::AGENT;
use crate::acquire::one_pass::VerifiedAgent;
use crate::acquire::scratch::{Scratch, UNPACKED, WriteError};
use crate::agent::version::Version;
use crate::failure::Failure;
use crate::os::offspring::Offspring;
use crate::os::stop::Stop;
use crate::text;
use cap_std::fs::Dir;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_open, waitid};
use std::fs::File;
use std::io::{self, Read, Seek as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long `hoop version` may take. It takes some 50 ms.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// The pause between two looks at the agent, where the kernel does not tell of its end.
const PAUSE: Duration = Duration::from_millis(1);

/// The most output that is taken, in bytes.
const OUTPUT_LIMIT: u64 = 64 * 1024;

/// The folder in the scratch folder that is the agent's home for the proof: it makes a `.cache` there. It must exist.
const HOME: &str = "proof";

/// The files in [`HOME`] that take the agent's stdout and stderr. They must be there.
const OUTPUTS: [&str; 2] = ["proof/stdout", "proof/stderr"];

/// How the agent failed to prove that it runs.
#[derive(Debug)]
pub enum ProofError {
    /// The kernel cannot start it, most often because it is for another machine.
    NotStarted(io::Error),
    /// It ended with a failure.
    Failed {
        /// How.
        status: String,
        /// The beginning of what it wrote to stderr.
        stderr: String,
    },
    /// It did not end within 10 seconds.
    TimedOut,
    /// It printed something other than its version.
    NotVersion(String),
    /// It is not the version that was asked for.
    OtherVersion(Version),
    /// Processes that it started cannot be stopped.
    Lingers,
    /// It changed what was verified, or what goes into the slug with it.
    Changed {
        /// The path, below the scratch folder.
        what: String,
    },
}

impl ProofError {
    /// The failure id.
    pub fn failure(&self) -> Failure {
        match self {
            ProofError::NotStarted(_)
            | ProofError::Failed { .. }
            | ProofError::TimedOut
            | ProofError::NotVersion(_)
            | ProofError::Lingers => Failure::AgentDoesNotRun,
            ProofError::OtherVersion(_) => Failure::AgentVersionDiffers,
            ProofError::Changed { .. } => Failure::AgentChanged,
        }
    }

    /// The sentence of an agent that was to be `version`.
    pub fn title(&self, version: &Version) -> String {
        match self {
            ProofError::OtherVersion(reported) => {
                format!("the agent in the archive of {version} says it is {reported}")
            }
            ProofError::Changed { .. } => format!("hoop agent {version} changed files of the build"),
            _ => format!("hoop agent {version} does not run on this machine"),
        }
    }
}

/// Makes what the proof needs in the scratch folder. Apart from it, so that a full disk is told as that, and not as an
/// agent that does not run.
pub fn prepare(scratch: &Scratch) -> Result<(), WriteError> {
    scratch.make_folder(HOME)?;
    OUTPUTS.iter().try_for_each(|output| scratch.write(output, &[], 0o600))
}

/// Proves that the agent in the scratch folder is `version` and runs here, and that it is still what was verified
/// afterwards: it runs as the user of the build, who may change all there is. Of one that does not prove itself nothing
/// is left.
pub fn prove(scratch: &Scratch, stop: &Stop, agent: &VerifiedAgent, version: &Version) -> Result<(), ProofError> {
    let program = scratch.path().join(UNPACKED).join(AGENT);
    let proved = agent_runs(&program, version, scratch.path(), stop).and_then(|()| match changed(scratch, agent) {
        Some(what) => Err(ProofError::Changed { what }),
        None => Ok(()),
    });
    // The build may go on without an agent.
    proved.inspect_err(|_| scratch.empty())
}

/// What in the scratch folder is not as it was before `agent` ran, if there is something. What is written there
/// later must be new, so nothing may be in its place.
fn changed(scratch: &Scratch, agent: &VerifiedAgent) -> Option<String> {
    let scratch = scratch.dir();
    let files = &agent.unpacked().files;
    // No link in its place is followed.
    let unpacked = match scratch.symlink_metadata(UNPACKED) {
        Ok(found) if found.is_dir() => scratch.open_dir(UNPACKED).ok(),
        _ => None,
    };
    let Some(unpacked) = unpacked else {
        return Some(UNPACKED.to_owned());
    };
    let beside = other_name(scratch, |name| [UNPACKED, HOME].contains(&name));
    let within = || {
        let other = other_name(&unpacked, |name| files.contains_key(name));
        let differing = || files.iter().find(|(name, file)| !file.is_at(&unpacked, name));
        let name = other.or_else(|| differing().map(|(name, _)| (*name).to_owned()))?;
        Some(format!("{UNPACKED}/{name}"))
    };
    beside.or_else(within)
}

/// The name of something in `folder` that is not `known`. A folder that cannot be listed is not known either.
fn other_name(folder: &Dir, known: impl Fn(&str) -> bool) -> Option<String> {
    let Ok(entries) = folder.entries() else {
        return Some(".".to_owned());
    };
    let names = entries.map(|entry| entry.map(|entry| entry.file_name()).unwrap_or_default());
    let mut others = names.filter(|name| !name.to_str().is_some_and(&known));
    others.next().map(|name| text::excerpt(&name.to_string_lossy(), 60))
}

/// Runs `agent version` and compares the answer with `expected`. Its output goes through [`OUTPUTS`] in `scratch`,
/// so that an agent that floods it cannot block or fill memory. Nothing that it has started is left afterwards.
fn agent_runs(agent: &Path, expected: &Version, scratch: &Path, stop: &Stop) -> Result<(), ProofError> {
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
        // Its own group, so that all that stays in it can be ended together.
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
    let pid = Pid::from_child(child);
    let is_late = !ends_within(pid, TIME_LIMIT);
    let _ = kill_process_group(pid, Signal::KILL);
    let status = child.wait().map_err(ProofError::NotStarted)?;
    if is_late { Err(ProofError::TimedOut) } else { Ok(status) }
}

/// Whether the child `pid` ends within `limit`. It is not reaped, so that the group's number stays its own.
fn ends_within(pid: Pid, limit: Duration) -> bool {
    let deadline = Instant::now() + limit;
    let pidfd = pidfd_open(pid, PidfdFlags::empty());
    let ended = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    while matches!(waitid(WaitId::Pid(pid), ended), Ok(None)) {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        match (&pidfd, Timespec::try_from(left)) {
            (Ok(pidfd), Ok(left)) => {
                let _ = poll(&mut [PollFd::new(pidfd, PollFlags::IN)], Some(&left));
            }
            // A kernel before 5.3, or a sandbox that forbids it.
            _ => std::thread::sleep(PAUSE.min(left)),
        }
    }
    true
}

/// Whether `program` is one of another machine than this program. The kernel does not start such a one, but
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

/// The version in the one line of JSON that `hoop version` prints. JSON is read as the YAML it is.
fn read_version(answer: &str) -> Option<Version> {
    #[derive(serde::Deserialize)]
    struct Answer {
        version: String,
    }
    let answer: Answer = serde_yaml::from_str(answer).ok()?;
    answer.version.parse().ok()
}

/// How a program ended, as a person reads it.
fn status_words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}

/// The beginning of `file`, with what is not UTF-8 replaced. Not by its name, which is the agent's to change.
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
        let answer = concat!(
            r#"{"version":"1.148.0","git_commit":"0123abc","build_date":"2026-08-21T10:00:00Z","#,
            r#""go_version":"go1.24.1","compiler":"gc","platform":"linux/amd64"}"#,
        );

        assert_eq!(read_version(answer).unwrap().to_string(), "1.148.0");
        assert_eq!(read_version("version: unknown"), None);
        assert_eq!(read_version("Usage: hoop [command]"), None);
        assert_eq!(read_version(""), None);
    }
}
