//! What to tell a person whose config vars cannot be used by a build.

use crate::acquire::config::{ConfigError, DEFAULT_RELEASES_URL};
use crate::acquire::release_server::ReleasesUrlError;
use crate::messages::message::{AGENT_RELEASES_URL, Message, Tone};
use crate::text;
use indoc::formatdoc;

/// The message of `error`.
pub fn message(error: &ConfigError, tone: Tone) -> Message {
    let consequence = tone.consequence();
    let block = match error {
        ConfigError::VersionEmpty => formatdoc! {"
            {error}.

            It must be a version of the hoop agent, or not be set at all.

            {consequence}

            1. Use the newest version in each build:
               heroku config:unset HOOP_VERSION
            2. Or name one:
               heroku config:set HOOP_VERSION=1.148.0
            3. Deploy again.
        "},
        ConfigError::VersionInvalid { .. } => formatdoc! {"
            {error}.

            A version of the hoop agent has three numbers, such as 1.148.0, or 1.149.0-rc.1 for a prerelease. A \"v\"
            before it is allowed, and so is the word latest. Quotation marks are not.

            {consequence}

            1. Look up a published version:
               {AGENT_RELEASES_URL}
            2. Set it:
               heroku config:set HOOP_VERSION=1.148.0
               or use the newest one in each build:
               heroku config:unset HOOP_VERSION
            3. Deploy again.
        "},
        ConfigError::Sha256Empty => formatdoc! {"
            {error}.

            It must be the 64 hex digits of the tarball's SHA-256, or not be set at all.

            {consequence}

            1. Use the release server's own checksums.txt:
               heroku config:unset HOOP_SHA256
            2. Or set the digest, from a source you trust:
               heroku config:set HOOP_SHA256=<64 hex digits>
            3. Deploy again.
        "},
        ConfigError::Sha256Invalid { value } => formatdoc! {"
            {error}.

            It is: {value}

            It must be the 64 hex digits of the tarball's SHA-256 and nothing else: no file name, no \"sha256:\" before
            it, no quotation marks.

            {consequence}

            1. Copy the digest again, from a source you trust, and set it:
               heroku config:set HOOP_SHA256=<64 hex digits>
            2. Or use the release server's own checksums.txt:
               heroku config:unset HOOP_SHA256
            3. Deploy again.
            ",
            value = text::quoted(value, 80),
        },
        ConfigError::ReleasesUrlEmpty => formatdoc! {"
            {error}.

            It must be the base URL of a mirror that has latest.txt and a folder for each version, or not be set at all.

            {consequence}

            1. Use {DEFAULT_RELEASES_URL}:
               heroku config:unset HOOP_RELEASES_URL
            2. Or set the mirror's URL:
               heroku config:set HOOP_RELEASES_URL=https://mirror.example/hoop
            3. Deploy again.
        "},
        ConfigError::ReleasesUrlInvalid { reason } => formatdoc! {"
            {error}.

            It must be the base URL of a mirror that has latest.txt and a folder for each version. Its value is not
            shown here, since it may hold a token.

            {hint}

            {consequence}

            1. Set the mirror's URL:
               heroku config:set HOOP_RELEASES_URL=https://mirror.example/hoop
            2. Or use {DEFAULT_RELEASES_URL} again:
               heroku config:unset HOOP_RELEASES_URL
            3. Deploy again.
            ",
            hint = hint(*reason),
        },
        ConfigError::InstallInvalid { .. } => formatdoc! {"
            {error}.

            With required, which is the default, a build that cannot get the agent fails. With optional it goes on
            without one.

            {consequence}

            1. Set it to the one you mean:
               heroku config:set HOOP_INSTALL=optional
               or go back to the default, required:
               heroku config:unset HOOP_INSTALL
            2. Deploy again.
        "},
        ConfigError::NotUtf8 { name, position } => formatdoc! {"
            {error}.

            Its first {position} bytes are valid; the next one is not. The usual cause is a key or a file that was
            pasted in another encoding.

            {consequence}

            1. Set it again:
               heroku config:set {name}=<value>
            2. Deploy again.
        "},
        ConfigError::EnvDirUnreadable { path, .. } => formatdoc! {"
            {error}.

            The platform passes them to a build as files in a folder. {path} cannot be read.

            {consequence}

            1. Deploy again.
            2. If it happens again outside Heroku, check the third argument of bin/compile: a folder with a file for
               each config var, readable by the user that runs the build.
            ",
            path = path.display(),
        },
    };
    let message = Message::about(error.failure(), tone, block);
    match error {
        ConfigError::EnvDirUnreadable { source, .. } => message.details(source),
        _ => message,
    }
}

/// How to write what the URL has in another form.
fn hint(reason: ReleasesUrlError) -> &'static str {
    match reason {
        ReleasesUrlError::Query => "A token belongs before the host: https://user:token@host/path.",
        ReleasesUrlError::UserInfo => {
            "In the user name and token, percent-encode each @ / ? # \\ and space: %40 %2F %3F %23 %5C %20. \
            Do the same with an @ in the path."
        }
        ReleasesUrlError::NotUrl | ReleasesUrlError::Scheme | ReleasesUrlError::File => "",
    }
}
