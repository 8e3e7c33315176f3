//! What a build tells while it goes on.

use crate::acquire::fetch::FetchError;
use crate::acquire::release_server::ReleasesUrl;
use crate::agent::version::Version;
use crate::classic::slug::Displaced;
use crate::messages::Message;
use std::io;
use std::path::Path;

/// Tells that the last build's agent stands in for one that cannot be looked up.
pub fn outage(error: &FetchError, version: &Version) -> Message {
    Message::new(format!(
        "the latest agent could not be fetched, so the one of the last build is used: {version}."
    ))
    .text("Its bytes are in the app's build cache and are verified again. The next build tries again.")
    .details(error)
}

/// Tells that this build leaves nothing for the next one.
pub fn cache_unwritable(cache_dir: &Path, error: &io::Error) -> Message {
    Message::new("the build cache cannot be used, so the next build downloads the agent again.")
        .text("This build is not affected.")
        .details(format!("cannot write below {}: {error}", cache_dir.display()))
}

/// Tells that the way to the release server can be listened to.
pub fn exposed(releases: &ReleasesUrl) -> Message {
    Message::new("HOOP_RELEASES_URL is plain http, which anyone on the way can read and change.")
        .text(format!("It is {releases}. What is downloaded is compared with checksums.txt from the same place, so this protects against damage and not against an attacker. Use https, or set HOOP_SHA256 to a digest from a source you trust."))
}

/// Tells that a file of the app had to make way for one of ours.
pub fn displaced(displaced: &Displaced) -> Message {
    let Displaced { path, was, is_replaced } = displaced;
    let what = if *is_replaced { "replaced" } else { "removed" };
    Message::new(format!("{path} of the app was {what} by this buildpack."))
        .text(format!("It was {was}. Your repository still has it, but the slug does not, because the name belongs to this buildpack. Rename it or, if it is a copy of what an earlier build made, remove it:"))
        .quote(format!("git rm --cached {path}"))
}
