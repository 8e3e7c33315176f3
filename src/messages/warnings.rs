//! What a build tells while it goes on.

use super::Message;
use crate::build::fetch::FetchError;
use crate::build::releases::ReleasesUrl;
use crate::version::Version;
use std::io;
use std::path::Path;

/// Tells that the last build's agent stands in for one that cannot be looked up.
pub fn outage(error: &FetchError, version: &Version) -> Message {
    Message::new(format!(
        "the latest agent cannot be had, so that of the last build is used: {version}."
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
