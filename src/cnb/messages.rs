//! What to tell a person whose agent could not be put into a layer, and what cannot be wrapped.

use crate::cnb::error::BuildError;
use crate::cnb::layers::LayersError;
use crate::cnb::wrap::WRAP;
use crate::messages::message::{Message, Tone};
use crate::messages::shortage::{explained_or, own_program_unreadable, write_failed};
use crate::messages::{config, of_acquire_error};
use crate::text;
use indoc::formatdoc;
use std::io;

/// What to tell the person whose build met `error`.
pub fn of_build_error(error: &BuildError, tone: Tone) -> Message {
    match error {
        BuildError::Config(error) => config::message(error, tone),
        BuildError::Acquire(error) => of_acquire_error(error, tone),
        BuildError::Layers(error) => of_layers_error(error, tone),
    }
}

fn of_layers_error(error: &LayersError, tone: Tone) -> Message {
    let consequence = tone.consequence();
    let (block, source) = match error {
        LayersError::Write(error) => return write_failed(error, tone),
        LayersError::Unwritable { path, source } => {
            let path = path.display();
            let explained = explained_or(source, tone, || {
                formatdoc! {"
                    {consequence}

                    1. Check that the folder exists, that the user who builds may write to it, and that its disk is not
                       full or read-only:
                       ls -ld {path}
                       df {path}
                    2. Build again.
                "}
            });
            (
                formatdoc! {"
                    {error}.

                    The agent goes into a layer there, and no file can be created.

                    {explained}
                "},
                source,
            )
        }
        LayersError::OwnBinary(source) => (own_program_unreadable(error, source, tone), source),
    };
    Message::about(error.failure(), tone, block).details(source)
}

/// Tells that a process type that was asked for is none that can be wrapped.
pub fn not_there(process_type: &str, there: &[String]) -> Message {
    let process_type = text::visible(process_type);
    let there = match there {
        [] => "none at all".to_owned(),
        there => there
            .iter()
            .map(|name| text::visible(name))
            .collect::<Vec<_>>()
            .join(", "),
    };
    Message::warning(formatdoc! {"
        {WRAP} names {process_type}, which no earlier buildpack provides, so it starts without an agent.

        Provided: {there}

        Only a process of a buildpack that comes before this one can be wrapped. If it is in the Procfile, put this
        buildpack after heroku/procfile, or start hoopstart in the Procfile:

            {process_type}: hoopstart -- <command>
    "})
}

/// Tells that the command of a process type cannot be wrapped.
pub fn for_a_shell(process_type: &str) -> Message {
    let process_type = text::visible(process_type);
    Message::warning(formatdoc! {"
        {WRAP} names {process_type}, which cannot be wrapped, so it starts without an agent.

        Its buildpack gives it a command line for a shell, as APIs before 0.9 have it. Start hoopstart in the Procfile:

            {process_type}: hoopstart -- <command>
    "})
}

/// Tells that nothing can be wrapped.
pub fn nothing_wrapped(error: &io::Error) -> Message {
    Message::warning(formatdoc! {"
        {WRAP} has no effect, because what earlier buildpacks provide cannot be read.

        The image is complete, but no process was wrapped. Start hoopstart in the Procfile instead:

            web: hoopstart -- <command>
    "})
    .details(error)
}
