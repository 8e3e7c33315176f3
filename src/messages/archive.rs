//! What to tell a person whose agent came in an archive that cannot be used.

use crate::acquire::archive::ArchiveError;
use crate::messages::message::{ISSUES_URL, Message, Tone};
use indoc::formatdoc;

/// The message of `error`.
pub(super) fn message(error: &ArchiveError, tone: Tone) -> Message {
    let consequence = tone.consequence();
    let explained = match error {
        ArchiveError::Damaged { .. } => "Its digest is right, so it arrived as it was published. It is not a complete \
            gzip-compressed tar file."
            .to_owned(),
        ArchiveError::NoAgent { found, .. } => formatdoc! {"
            Its digest is right, so it arrived as it was published. A release has a regular file named hoop at the top
            of its archive.

            Found: {}",
            if found.is_empty() { "nothing".to_owned() } else { found.join(", ") }
        },
        ArchiveError::TooLarge { .. } => "A release of the agent is about 100 MB. Unpacking was stopped.".to_owned(),
        ArchiveError::Duplicate { .. } => {
            "There is no way to tell which of the two is meant, so neither was used.".to_owned()
        }
    };
    let block = formatdoc! {"
        {error}.

        {explained}

        {consequence}

        1. Use another version, and deploy again:
           heroku config:set HOOP_VERSION=<version>
        2. If HOOP_RELEASES_URL names a mirror, compare its file with the original.
        3. Otherwise tell us:
           {ISSUES_URL}
    "};
    let message = Message::about(error.failure(), tone, block);
    match error {
        ArchiveError::Damaged { source, .. } => message.details(source),
        _ => message,
    }
}
