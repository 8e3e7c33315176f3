//! What to tell a person whose agent did not prove that it runs.

use crate::acquire::proof::ProofError;
use crate::agent::version::Version;
use crate::messages::message::{ISSUES_URL, Message, Tone};
use crate::messages::shortage::Shortage;
use crate::text;
use indoc::formatdoc;
use rustix::io::Errno;
use std::io::{self, ErrorKind};

/// The message of the agent `version`, which failed by `error`.
pub(super) fn message(version: &Version, error: &ProofError, tone: Tone) -> Message {
    let title = error.title(version);
    let rest = match error {
        ProofError::OtherVersion(_) => formatdoc! {"
            Its digest is right, so the archive was published with the wrong program, or a mirror's files were mixed up.

            {}",
            use_another_version(tone)
        },
        _ => formatdoc! {"
            Its digest is right. Before it went into the slug, it was asked for its version, with

                hoop version

            {}",
            outcome(error, tone)
        },
    };
    let message = Message::about(error.failure(), tone, format!("{title}.\n\n{rest}"));
    match error {
        ProofError::NotStarted(source) => message.details(source),
        ProofError::Failed { stderr, .. } if stderr.is_empty() => message.details("it wrote nothing to stderr"),
        ProofError::Failed { stderr, .. } => message.details(stderr),
        ProofError::NotVersion(answer) => message.details(format!("it answered {}", text::in_quotes(answer))),
        ProofError::TimedOut | ProofError::OtherVersion(_) | ProofError::Lingers | ProofError::Changed { .. } => {
            message
        }
    }
}

/// What came of the question, and what to do.
fn outcome(error: &ProofError, tone: Tone) -> String {
    let outcome = match error {
        ProofError::NotStarted(source) => return not_started(source, tone),
        ProofError::Failed { status, .. } => format!("It ended with {status}."),
        ProofError::TimedOut => "It had not answered after 10 s, so it was ended.".to_owned(),
        ProofError::NotVersion(_) => "Its answer was not the expected line of JSON.".to_owned(),
        ProofError::Lingers => "It left processes behind that could not be stopped.".to_owned(),
        ProofError::Changed { what } => format!(
            "While it ran, it changed {what} in the build's scratch folder, so the files are no longer those that were \
             verified."
        ),
        ProofError::OtherVersion(_) => String::new(),
    };
    format!("{outcome}\n\n{}", use_another_version(tone))
}

/// What to say of an agent that was not started, because of `source`. The agent is not always at fault.
fn not_started(source: &io::Error, tone: Tone) -> String {
    if let Some(shortage) = Shortage::of(source) {
        return formatdoc! {"
            It was not started.

            {explained}3. If it happens again, tell us:
               {ISSUES_URL}
            ",
            explained = shortage.explained(tone),
        };
    }
    let cause = match source.kind() {
        ErrorKind::PermissionDenied => {
            return formatdoc! {"
                The kernel does not allow it to be executed. The usual cause is a build dir on a disk that is mounted
                with noexec.

                {consequence}

                1. If the machine is yours, build on a disk from which programs may be run. These are mounted with
                   noexec:
                   findmnt -O noexec
                2. Deploy again.
                3. If it happens again, tell us:
                   {ISSUES_URL}
                ",
                consequence = tone.consequence(),
            };
        }
        ErrorKind::NotFound => " The usual cause is an agent that needs an interpreter or a loader that is not here.",
        _ if Errno::from_io_error(source) == Some(Errno::NOEXEC) => {
            " The usual cause is an archive with the agent for another architecture."
        }
        _ => "",
    };
    format!("The kernel did not start it.{cause}\n\n{}", use_another_version(tone))
}

/// What to do about an agent that is not what it should be.
fn use_another_version(tone: Tone) -> String {
    formatdoc! {"
        {consequence}

        1. Use another version, and deploy again:
           heroku config:set HOOP_VERSION=<version>
        2. If HOOP_RELEASES_URL names a mirror, compare its files with the originals.
        3. Otherwise tell us:
           {ISSUES_URL}
        ",
        consequence = tone.consequence(),
    }
}
