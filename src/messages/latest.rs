//! What to tell a person whose build found no version to install.

use crate::acquire::config::DEFAULT_RELEASES_URL;
use crate::acquire::latest::VersionError;
use crate::acquire::release_server::Location;
use crate::messages::message::{AGENT_RELEASES_URL, Message, Tone};
use crate::text;
use indoc::formatdoc;

/// The message of `error`.
pub(super) fn message(error: &VersionError, tone: Tone) -> Message {
    let consequence = tone.consequence();
    let block = match error {
        VersionError::LatestInvalid { location, content } => formatdoc! {"
            {error}.

            Asked for: {location}
            Content:   {content}

            It must be one version, such as 1.148.0. The usual cause is an error page that is sent with status 200.

            {consequence}

            1. Look at it:
               curl {location}
            2. Or name a version, so that latest.txt is not needed:
               heroku config:set HOOP_VERSION=1.148.0
            3. Deploy again.
            ",
            content = text::excerpt(content, 48),
        },
        VersionError::LatestNotFound { location, answer } => formatdoc! {"
            {error}.

            Asked for: {location}
            Answer:    {answer}

            HOOP_VERSION names no version, so the build looked up the newest one there. If HOOP_RELEASES_URL is set, its
            path may be wrong.

            {consequence}

            1. Check the release server's URL. latest.txt must be right below it:
               heroku config:get HOOP_RELEASES_URL
            2. Or name a version, so that latest.txt is not needed:
               heroku config:set HOOP_VERSION=1.148.0
            3. Deploy again.
        "},
        VersionError::VersionNotFound {
            version,
            location,
            answer,
            is_latest: true,
        } => formatdoc! {"
            {error}.

            HOOP_VERSION names no version, and latest.txt says {version}, but the release server answered \"{answer}\"
            for

                {location}

            The usual cause is a release that is being published right now, or an incomplete mirror.

            {consequence}

            1. Deploy again in a few minutes.
            2. Or name an older version:
               {AGENT_RELEASES_URL}
               heroku config:set HOOP_VERSION=<version>
            3. For a mirror: copy the whole folder of the version before latest.txt.
        "},
        VersionError::VersionNotFound {
            version,
            location,
            answer,
            is_latest: false,
        } => formatdoc! {"
            {error}.

            The config var HOOP_VERSION asks for {version}, but the release server answered \"{answer}\" for

                {location}

            {of_mirror}

            {consequence}

            1. Look up a published version:
               {AGENT_RELEASES_URL}
            2. Set it:
               heroku config:set HOOP_VERSION=<version>
               or use the newest one in each build:
               heroku config:unset HOOP_VERSION
            3. Deploy again.
            ",
            of_mirror = of_mirror(location),
        },
    };
    Message::about(error.failure(), tone, block)
}

/// What to add where the server is not hoop's own.
fn of_mirror(location: &Location) -> &'static str {
    if location.to_string().starts_with(DEFAULT_RELEASES_URL) {
        ""
    } else {
        "That server is the one in HOOP_RELEASES_URL. A wrong path in it, or a mirror without this version, looks the \
         same."
    }
}
