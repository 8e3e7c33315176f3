//! Why a slug was not released.

use crate::failure::Failure;
use std::time::Duration;

/// Why a slug was not released.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishFault {
    #[error(
        "there is no key for {host}: HEROKU_API_KEY is not set, and ~/.netrc has no line for it. Make one with: \
         heroku authorizations:create"
    )]
    KeyMissing { host: String },
    #[error("~/.netrc cannot be read: {cause}. Correct it, or set HEROKU_API_KEY")]
    NetrcUnreadable { cause: String },
    #[error("the key in {source_name} cannot be sent: it has a character that no key has. Set it again")]
    KeyInvalid { source_name: &'static str },
    #[error("{0}. Check the key, and that it may deploy to this app: heroku authorizations")]
    KeyRefused(ApiAnswer),
    #[error("{0}. Check the name of the app: heroku apps")]
    AppNotFound(ApiAnswer),
    #[error(
        "{app} takes no slugs: it is {what}. Only apps on a stack such as heroku-24 do; this one is deployed by \
         git push or as an image"
    )]
    AppTakesNoSlugs { app: String, what: String },
    #[error(
        "the slug is for {slug}, and {app} is on {of_app}. Build it with --stack {of_app}, or change the app: \
         heroku stack:set {slug} --app {app}"
    )]
    StackDiffers { app: String, slug: String, of_app: String },
    #[error(
        "the slug has no process type, so no dyno of it can be started. Add a Procfile, or name what slug build \
         --json has written with --build"
    )]
    NoProcessTypes,
    #[error(
        "{name} is no name of a process type: the platform takes letters, digits, - and _, 128 at most. Change \
         the Procfile"
    )]
    ProcessTypeInvalid { name: String },
    #[error("{file} is not what slug build --json writes: {cause}. Build the slug again, or leave out --build")]
    BuildUnreadable { file: String, cause: String },
    #[error("{file} is of another slug: its sha256 is not the one of this file. Name those of one build")]
    BuildOfOther { file: String },
    #[error("{0}")]
    ApiRefused(ApiAnswer),
    #[error("{what}: {cause}. Try again")]
    ApiUnreachable { what: String, cause: String },
    #[error(
        "{what}: the answer cannot be understood ({cause}). Check that --api-url is the platform's, and that no \
         proxy answers in its place"
    )]
    ApiNotUnderstood { what: String, cause: String },
    #[error("the slug cannot be uploaded: {cause}. Nothing was released; try again")]
    UploadFailed { cause: String },
    #[error("the slug has changed while it was uploaded. Nothing was released; wait until its build is done")]
    SlugChanged,
    #[error(
        "it is not known whether {app} was released: {cause}. Look at it before you try again: heroku releases \
         --app {app}"
    )]
    ReleaseUnknown { app: String, cause: String },
    #[error(
        "release v{version} of {app} was made, and how it ends is not known: {cause}. See: heroku releases:output \
         v{version} --app {app}"
    )]
    ReleaseUnwatched { app: String, version: u64, cause: String },
    #[error(
        "release v{version} of {app} {status}; {app} still runs what it ran before. See its output above, or: \
         heroku releases:output v{version} --app {app}"
    )]
    ReleaseFailed { app: String, version: u64, status: String },
    #[error(
        "release v{version} of {app} has not ended after {} s. It goes on; see: heroku releases:output v{version} \
         --app {app}", .limit.as_secs()
    )]
    ReleaseTimeout { app: String, version: u64, limit: Duration },
}

/// An answer of the API that is an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiAnswer {
    /// What was asked for, such as `cannot read the app orders`.
    pub what: String,
    /// The HTTP status.
    pub status: u16,
    /// What the platform calls the error, and says of it; where it does neither, the beginning of what it sent.
    pub said: String,
    /// What the platform's support asks for.
    pub request_id: Option<String>,
}

impl std::fmt::Display for ApiAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            what,
            status,
            said,
            request_id,
        } = self;
        write!(f, "{what}: the platform answered {status}")?;
        if !said.is_empty() {
            write!(f, ", {said}")?;
        }
        if let Some(id) = request_id {
            write!(f, " (Request-Id {id})")?;
        }
        Ok(())
    }
}

impl PublishFault {
    /// The failure id.
    pub fn failure(&self) -> Failure {
        match self {
            PublishFault::KeyMissing { .. }
            | PublishFault::NetrcUnreadable { .. }
            | PublishFault::KeyInvalid { .. } => Failure::SlugKeyMissing,
            PublishFault::KeyRefused(_) => Failure::SlugKeyRefused,
            PublishFault::AppNotFound(_) => Failure::SlugAppNotFound,
            PublishFault::AppTakesNoSlugs { .. } => Failure::SlugAppTakesNone,
            PublishFault::StackDiffers { .. } => Failure::SlugStackDiffers,
            PublishFault::NoProcessTypes | PublishFault::ProcessTypeInvalid { .. } => Failure::SlugProcessTypes,
            PublishFault::BuildUnreadable { .. } | PublishFault::BuildOfOther { .. } => Failure::SlugBuildDiffers,
            PublishFault::ApiRefused(_) => Failure::SlugApiRefused,
            PublishFault::ApiUnreachable { .. } | PublishFault::ApiNotUnderstood { .. } => Failure::SlugApiUnreachable,
            PublishFault::UploadFailed { .. } | PublishFault::SlugChanged => Failure::SlugUploadFailed,
            PublishFault::ReleaseUnknown { .. } | PublishFault::ReleaseUnwatched { .. } => Failure::SlugReleaseUnknown,
            PublishFault::ReleaseFailed { .. } => Failure::SlugReleaseFailed,
            PublishFault::ReleaseTimeout { .. } => Failure::SlugReleaseTimeout,
        }
    }
}
