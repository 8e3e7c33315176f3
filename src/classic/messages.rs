//! What to tell a person whose agent could not be put into the slug.

use crate::classic::error::BuildError;
use crate::classic::slug::{Displaced, InstallError};
use crate::messages::message::{Message, Tone};
use crate::messages::shortage::{explained_or, own_program_unreadable, write_failed};
use crate::messages::{config, of_acquire_error};
use indoc::formatdoc;

/// What to tell the person whose build met `error`.
pub fn of_build_error(error: &BuildError, tone: Tone) -> Message {
    match error {
        BuildError::Config(error) => config::message(error, tone),
        BuildError::Acquire(error) => of_acquire_error(error, tone),
        BuildError::Install(error) => of_install_error(error, tone),
    }
}

fn of_install_error(error: &InstallError, tone: Tone) -> Message {
    let consequence = tone.consequence();
    let (block, source) = match error {
        InstallError::Write(error) => return write_failed(error, tone),
        InstallError::BuildDirMissing { source, .. } => (
            formatdoc! {"
                {error}.

                bin/compile takes the folder of the app as its first argument:

                    bin/compile BUILD_DIR CACHE_DIR ENV_DIR

                {consequence}

                1. Check the path, and that the user who builds may enter it.
            "},
            source,
        ),
        InstallError::BuildDirUnwritable { path, source } => {
            let path = path.display();
            let explained = explained_or(source, tone, || {
                formatdoc! {"
                    {consequence}

                    1. Check the owner and mode of the folder, and that its disk is not full or read-only:
                       ls -ld {path}
                       df {path}
                    2. Build again.
                "}
            });
            (
                formatdoc! {"
                    {error}.

                    The agent goes into the folder of the app, and no file can be created there.

                    {explained}
                "},
                source,
            )
        }
        InstallError::Blocked { path, source } => (
            formatdoc! {"
                {error}.

                It is a file, a link that leads out of the app, or a folder that cannot be opened or written. Nothing is
                ever written through a link that leads out of the app.

                {consequence}

                1. Look at it:
                   ls -ld {path}
                2. Make it a folder, or remove it from the repo:
                   git rm --cached {path}
                3. Deploy again.
            "},
            source,
        ),
        InstallError::OwnBinary(source) => (own_program_unreadable(error, source, tone), source),
    };
    Message::about(error.failure(), tone, block).details(source)
}

/// Tells that a file of the app had to make way for one of ours.
pub fn displaced(displaced: &Displaced) -> Message {
    let Displaced { path, was, is_replaced } = displaced;
    let what = if *is_replaced { "replaced" } else { "removed" };
    Message::warning(formatdoc! {"
        {path} of the app was {what} by this buildpack.

        It was {was}. Your repository still has it, but the slug does not, because the name belongs to this buildpack.
        Rename it or, if it is a copy of what an earlier build made, remove it:

            git rm --cached {path}
    "})
}
