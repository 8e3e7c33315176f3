//! What to tell a person whose build found no tarball that it trusts.

use crate::acquire::checksums::ChecksumsError;
use crate::acquire::resolve::ReleaseError;
use crate::messages::message::{AGENT_RELEASES_URL, ISSUES_URL, Message, Tone};
use indoc::formatdoc;

/// The message of `error`.
pub(super) fn message(error: &ReleaseError, tone: Tone) -> Message {
    let consequence = tone.consequence();
    let block = match error {
        ReleaseError::PlatformMissing { wanted, location, .. } => {
            let [first, second] = wanted;
            formatdoc! {"
                {error}.

                Read:       {location}
                Looked for: {first}
                and:        {second}

                {consequence}

                1. Use another version:
                   heroku config:set HOOP_VERSION=<version>
                2. For a mirror: its checksums.txt must list the tarball.
                3. Deploy again.
            "}
        }
        ReleaseError::Checksums {
            location,
            error: ChecksumsError::Line { line, content },
        } => formatdoc! {"
            {error}.

            Asked for: {location}
            Line:      {line}: \"{content}\"

            Each line must be a SHA-256 of 64 hex digits and a file name. The usual cause is an error page that is sent
            with status 200.

            {consequence}

            1. Look at it:
               curl {location}
            2. If HOOP_RELEASES_URL is set, check that it is the mirror's base URL:
               heroku config:get HOOP_RELEASES_URL
            3. Deploy again.
        "},
        ReleaseError::Checksums {
            location,
            error: ChecksumsError::Conflict { first, second, .. },
        } => formatdoc! {"
            {error}.

            Asked for: {location}
            First:     sha256 {first}
            Then:      sha256 {second}

            There is no way to tell which of them was published.

            {consequence}

            1. Use another version, and deploy again:
               heroku config:set HOOP_VERSION=<version>
            2. Tell whoever runs the release server. For hoop's own:
               {ISSUES_URL}
        "},
        ReleaseError::DigestDiffers {
            version,
            name,
            wanted,
            published,
        } => formatdoc! {"
            {error}.

            Version:     {version}
            File:        {name}
            HOOP_SHA256: {wanted}
            Published:   {published}

            One of the two is wrong, so nothing was downloaded. The usual cause is the digest of another version or
            another platform: HOOP_SHA256 belongs to one HOOP_VERSION.

            {consequence}

            1. Compare both with a source you trust.
            2. Set the right one, or name the version it belongs to:
               heroku config:set HOOP_SHA256=<64 hex digits> HOOP_VERSION=<version>
            3. Deploy again. If the published one is wrong, do not work around this check; tell us:
               {ISSUES_URL}
        "},
        ReleaseError::DigestChanged {
            version,
            name,
            cached,
            published,
        } => formatdoc! {"
            {error}.

            File:          {name}
            Last build:    sha256 {cached}
            Published now: sha256 {published}

            This app was built with this version before, and the release server now lists another digest for it. A
            published version should never change, so this build does not choose between them.

            {consequence}

            1. Find out whether the change is intended:
               {AGENT_RELEASES_URL}
            2. If it is, say so, and deploy again:
               heroku config:set HOOP_SHA256={published} HOOP_VERSION={version}
            3. If it is not, stay with the bytes of the last build, and tell us:
               heroku config:set HOOP_VERSION={version}
               {ISSUES_URL}
        "},
    };
    Message::about(error.failure(), tone, block)
}
