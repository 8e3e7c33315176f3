//! What a build says while it gets the agent.

use crate::acquire::event::Event;
use crate::acquire::fetch::Retry;
use crate::acquire::release_server::ReleasesUrl;
use crate::messages::message::Message;
use crate::text::megabytes;
use indoc::formatdoc;
use std::io;
use std::path::Path;

/// An event in words.
#[derive(Debug)]
pub enum Said {
    /// A step begins.
    Step(String),
    /// Something about the step.
    Detail(String),
    /// Something to be noticed.
    Warning(Message),
}

/// What to say of `event`.
pub fn said(event: &Event<'_>) -> Said {
    match event {
        Event::Installing { version, origin } => {
            Said::Step(format!("Installing hoop agent {version} ({})", origin.word()))
        }
        Event::Retrying(Retry {
            location,
            cause,
            pause,
            attempt,
            attempts,
        }) => Said::Detail(format!(
            "{location}: {cause}; trying again in {:.1} s ({attempt} of {attempts})",
            pause.as_secs_f64()
        )),
        Event::StartingOver(location) => Said::Detail(format!("{location}: starting over")),
        Event::Downloaded { name, bytes } => {
            Said::Detail(format!("Downloaded {name} ({}), sha256 verified", megabytes(*bytes)))
        }
        Event::Cached { bytes } => Said::Detail(format!(
            "Using the copy of the last build ({}), sha256 verified",
            megabytes(*bytes)
        )),
        Event::CacheUnreadable(error) => Said::Detail(format!("The cached copy is not used: {error}")),
        Event::CacheDamaged => Said::Detail("The cached copy is damaged and is not used".to_owned()),
        Event::CacheUnwritable { path, error } => Said::Warning(cache_unwritable(path, error)),
        Event::LeftOut { names, more } => Said::Detail(match more {
            0 => format!("Left out of the slug: {}", names.join(", ")),
            more => format!("Left out of the slug: {} and {more} more", names.join(", ")),
        }),
        Event::StandingIn { error, version } => {
            let block = formatdoc! {"
                the latest agent could not be fetched, so the one of the last build is used: {version}.

                Its bytes are in the app's build cache and are verified again. The next build tries again.
            "};
            // The error without its cause is the title of a failure, and this is none.
            Said::Warning(Message::warning(block).details(format!("{}: {}", error.location, error.fault)))
        }
    }
}

/// Tells that this build leaves nothing for the next one.
pub fn cache_unwritable(cache_dir: &Path, error: &io::Error) -> Message {
    let block = formatdoc! {"
        the build cache cannot be used, so the next build downloads the agent again.

        This build is not affected.
    "};
    Message::warning(block).details(format!("cannot write below {}: {error}", cache_dir.display()))
}

/// Tells that the connection to the release server is not protected.
pub fn exposed(releases: &ReleasesUrl) -> Message {
    Message::warning(formatdoc! {"
        HOOP_RELEASES_URL is plain http, which anyone on the network can read and change.

        It is {releases}. The download is compared with checksums.txt from the same place, so this protects against
        damage but not against an attacker. Use https, or set HOOP_SHA256 to a digest from a source you trust.
    "})
}
