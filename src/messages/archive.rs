//! What to tell a person whose agent came in an archive that cannot be used.

use crate::acquire::archive::ArchiveError;
use crate::failure::Failure;
use crate::messages::{ISSUES_URL, Message};

/// The failure id of `error`.
pub(super) fn failure(error: &ArchiveError) -> Failure {
    match error {
        ArchiveError::Damaged { .. } => Failure::ArchiveDamaged,
        ArchiveError::NoAgent { .. } => Failure::NoAgent,
        ArchiveError::TooLarge { .. } => Failure::ArchiveTooLarge,
        ArchiveError::Duplicate { .. } => Failure::ArchiveDuplicate,
    }
}

pub(super) fn message(error: &ArchiveError) -> Message {
    match error {
        ArchiveError::Damaged { name, source } => {
            let message = of(error, format!("{name} cannot be unpacked."))
                .text("Its digest is the expected one, so it arrived as it was published. It is not a whole gzip-compressed tar file.")
                .consequence();
            other_version(message).details(source)
        }
        ArchiveError::NoAgent { name, found } => {
            let found = if found.is_empty() {
                "nothing".to_owned()
            } else {
                found.join(", ")
            };
            let message = of(error, format!("there is no hoop agent in {name}."))
                .text("Its digest is the expected one, so it arrived as it was published. A release has a regular file named hoop at the top of its archive.")
                .facts(vec![("Found", found)])
                .consequence();
            other_version(message)
        }
        ArchiveError::TooLarge { name } => {
            let message = of(error, format!("{name} unpacks to more than 2 GiB."))
                .text("A release of the agent has about 100 MB. Unpacking was stopped.")
                .consequence();
            other_version(message)
        }
        ArchiveError::Duplicate { name, file } => {
            let message = of(error, format!("{name} holds {file} twice."))
                .text("Which of the two is meant cannot be known, so neither was taken.")
                .consequence();
            other_version(message)
        }
    }
}

/// Adds the way out of a release that is broken where it is published.
fn other_version(message: Message) -> Message {
    message
        .step(
            "Use another version, and deploy again:",
            &["heroku config:set HOOP_VERSION=<version>"],
        )
        .step(
            "If HOOP_RELEASES_URL names a mirror, compare its file with the original.",
            &[],
        )
        .step("Otherwise tell us:", &[ISSUES_URL])
}

/// Starts the message of `error`.
fn of(error: &ArchiveError, title: impl Into<String>) -> Message {
    Message::about(failure(error), title)
}
