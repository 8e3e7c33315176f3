//! What to tell a person whose agent could not be put into the slug.

use crate::acquire::proof::ProofError;
use crate::agent::version::Version;
use crate::classic::install::InstallError;
use crate::classic::slug::SlugError;
use crate::failure::Failure;
use crate::messages::shortage::Shortage;
use crate::messages::{ISSUES_URL, Message};
use crate::text;
use rustix::io::Errno;
use std::io::{self, ErrorKind};

/// The failure id of `error`.
pub(super) fn failure(error: &InstallError) -> Failure {
    match error {
        InstallError::Slug(error) => match error {
            SlugError::BuildDirMissing { .. } => Failure::BuildDirMissing,
            SlugError::BuildDirUnwritable { .. } => Failure::BuildDirUnwritable,
            SlugError::Blocked { .. } => Failure::Blocked,
            SlugError::WriteFailed { .. } => Failure::WriteFailed,
        },
        InstallError::OwnBinary(_) => Failure::WriteFailed,
        InstallError::Proof { error, .. } => match error {
            ProofError::NotStarted(_)
            | ProofError::Failed { .. }
            | ProofError::TimedOut
            | ProofError::NotVersion(_)
            | ProofError::Lingers => Failure::AgentDoesNotRun,
            ProofError::OtherVersion(_) => Failure::AgentVersionDiffers,
            ProofError::Changed { .. } => Failure::AgentChanged,
        },
    }
}

pub(super) fn message(error: &InstallError) -> Message {
    match error {
        InstallError::Slug(SlugError::BuildDirMissing { path, source }) => {
            of(error, format!("there is no build dir {}.", path.display()))
                .text("bin/compile takes the folder of the app as its first argument:")
                .quote("bin/compile BUILD_DIR CACHE_DIR ENV_DIR")
                .consequence()
                .step("Check the path, and that the user who builds may enter it.", &[])
                .details(source)
        }
        InstallError::Slug(SlugError::BuildDirUnwritable { path, source }) => {
            let message = of(error, format!("the build dir {} cannot be written.", path.display()))
                .text("The agent goes into the folder of the app, and no file can be made there.");
            if let Some(shortage) = Shortage::of(source) {
                return shortage.explain(message).details(source);
            }
            message
                .consequence()
                .step("Check the owner and mode of the folder, and that its disk is not full or read-only:", &[&format!("ls -ld {}", path.display()), &format!("df {}", path.display())])
                .step("Build again.", &[])
                .details(source)
        }
        InstallError::Slug(SlugError::Blocked { path, source }) => {
            of(error, format!("\"{path}\" in the app stands where a folder of the agent must go."))
                .text("It is a file, a link that leads out of the app, or a folder that cannot be opened or written. Nothing is ever written through a link that leads out of the app.")
                .consequence()
                .step("Look at it:", &[&format!("ls -ld {path}")])
                .step("Make it a folder, or remove it from the repo:", &[&format!("git rm --cached {path}")])
                .step("Deploy again.", &[])
                .details(source)
        }
        InstallError::Slug(SlugError::WriteFailed { path, source }) => {
            let message = of(error, format!("writing {path} failed."));
            let message = match Shortage::of(source) {
                Some(shortage) => shortage.explain(message),
                None => message
                    .text("A disk that fails or may not be written is the usual cause.")
                    .consequence()
                    .step("Where the machine is yours, look at the disk of the build dir:", &["df -h", "mount"])
                    .step("Deploy again.", &[]),
            };
            message.step("If it happens again, tell us:", &[ISSUES_URL]).details(source)
        }
        InstallError::OwnBinary(source) => {
            let message = of(error, "this program cannot copy itself into the slug.")
                .text("hoopstart is a copy of hoop-buildpack, which is read from /proc/self/exe.");
            let message = match Shortage::of(source) {
                Some(shortage) => shortage.explain(message),
                None => message.consequence().step("Build where /proc is mounted.", &[]),
            };
            message.details(source)
        }
        InstallError::Proof { version, error: proof } => proof_message(error, version, proof),
    }
}

/// The messages of an agent that did not prove itself.
fn proof_message(error: &InstallError, version: &Version, proof: &ProofError) -> Message {
    let does_not_run = || {
        of(error, format!("hoop agent {version} does not run on this machine."))
            .text("Its digest is the expected one. It was asked for its version before it went into the slug, with")
            .quote("hoop version")
    };
    let message = match proof {
        ProofError::NotStarted(source) => return not_started(does_not_run(), source),
        ProofError::Failed { status, .. } => does_not_run().text(format!("and it ended with {status}.")),
        ProofError::TimedOut => does_not_run().text("and it had not answered after 10 s, so it was ended."),
        ProofError::NotVersion(_) => does_not_run().text("and its answer was not the line of JSON it should be."),
        ProofError::Lingers => does_not_run().text("and it left processes behind that could not be stopped."),
        ProofError::Changed { what } => of(error, format!("hoop agent {version} changed files of the build."))
            .text("Its digest is the expected one. It was asked for its version before it went into the slug, with")
            .quote("hoop version")
            .text(format!("and meanwhile it changed {what} in the build's scratch folder. So what would have been installed is not what was verified.")),
        ProofError::OtherVersion(reported) => of(error, format!("the agent in the archive of {version} says it is {reported}."))
            .text("Its digest is the expected one, so the archive was published with the wrong program, or a mirror's files were mixed up."),
    };
    let message = another_version(message.consequence());
    match proof {
        ProofError::Failed { stderr, .. } if stderr.is_empty() => message.details("it wrote nothing to stderr"),
        ProofError::Failed { stderr, .. } => message.details(stderr),
        ProofError::NotVersion(answer) => message.details(format!("it answered {}", text::in_quotes(answer))),
        ProofError::NotStarted(_)
        | ProofError::TimedOut
        | ProofError::OtherVersion(_)
        | ProofError::Lingers
        | ProofError::Changed { .. } => message,
    }
}

/// Goes on with the `message` about an agent that was not started, because of `source`: the agent is not always at
/// fault.
fn not_started(message: Message, source: &io::Error) -> Message {
    if let Some(shortage) = Shortage::of(source) {
        return shortage
            .explain(message.text("and it was not started."))
            .step("If it happens again, tell us:", &[ISSUES_URL])
            .details(source);
    }
    let message = match source.kind() {
        ErrorKind::PermissionDenied => message
            .text("and the kernel does not let it be executed. A build dir on a disk that is mounted with noexec is the usual cause.")
            .consequence()
            .step("Where the machine is yours, build on a disk from which programs may be run. Those from which none may be:", &["findmnt -O noexec"])
            .step("Deploy again.", &[])
            .step("If it happens again, tell us:", &[ISSUES_URL]),
        ErrorKind::NotFound => another_version(message.text("and the kernel did not start it. An agent that needs an interpreter or a loader that is not here is the usual cause.").consequence()),
        _ if Errno::from_io_error(source) == Some(Errno::NOEXEC) => another_version(message.text("and the kernel did not start it. An archive with the agent of another architecture is the usual cause.").consequence()),
        _ => another_version(message.text("and the kernel did not start it.").consequence()),
    };
    message.details(source)
}

/// Adds the steps against an agent that is not what it should be.
fn another_version(message: Message) -> Message {
    message
        .step(
            "Use another version, and deploy again:",
            &["heroku config:set HOOP_VERSION=<version>"],
        )
        .step(
            "If HOOP_RELEASES_URL names a mirror, compare its files with the originals.",
            &[],
        )
        .step("Otherwise tell us:", &[ISSUES_URL])
}

/// Starts the message of `error`.
fn of(error: &InstallError, title: impl Into<String>) -> Message {
    Message::about(failure(error), title)
}
