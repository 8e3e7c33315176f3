//! What `slug inspect` and `slug publish` say when something is wrong: each kind at least once.

use hoop_buildpack::failure::Failure;
use hoop_buildpack::slug::inspect::{Damage, InspectFault};
use hoop_buildpack::slug::publish::{ApiAnswer, PublishFault};
use std::io;
use std::time::Duration;

/// Failures and texts.
pub(super) fn faults() -> Vec<(Failure, String)> {
    let inspect = inspect().into_iter().map(|fault| (fault.failure(), fault.to_string()));
    inspect
        .chain(publish().into_iter().map(|fault| (fault.failure(), fault.to_string())))
        .collect()
}

fn inspect() -> Vec<InspectFault> {
    let slug = || "slug.tgz".to_owned();
    let damages = [
        Damage::Empty,
        Damage::NotGzip,
        Damage::NotTar { at: 1_024 },
        Damage::Cut { name: None },
        Damage::Cut {
            name: Some("./app/bin/web".to_owned()),
        },
        Damage::Gzip(io::Error::other("corrupt deflate stream")),
        Damage::NameTooLong(65_536),
        Damage::TooManyEntries(1_000_000),
        Damage::TooManyNames(134_217_728),
        Damage::TooLarge(68_719_476_736),
    ];
    let mut faults = vec![
        InspectFault::Unreadable {
            slug: slug(),
            cause: io::Error::from_raw_os_error(2),
        },
        InspectFault::NothingInApp { slug: slug() },
    ];
    faults.extend(damages.map(|cause| InspectFault::Broken { slug: slug(), cause }));
    faults
}

fn publish() -> Vec<PublishFault> {
    let text = |text: &str| text.to_owned();
    let answer = |what: &str, status: u16, said: &str, request_id: Option<&str>| ApiAnswer {
        what: text(what),
        status,
        said: text(said),
        request_id: request_id.map(str::to_owned),
    };
    let app = || text("my-app");
    vec![
        PublishFault::KeyMissing {
            host: text("api.heroku.com"),
        },
        PublishFault::NetrcUnreadable {
            cause: text("permission denied"),
        },
        PublishFault::KeyInvalid {
            source_name: "HEROKU_API_KEY",
        },
        PublishFault::KeyRefused(answer(
            "cannot read the app my-app",
            401,
            "unauthorized: Invalid credentials provided.",
            Some("f00"),
        )),
        PublishFault::AppNotFound(answer(
            "cannot read the app my-app",
            404,
            "not_found: Couldn't find that app.",
            Some("f00"),
        )),
        PublishFault::AppTakesNoSlugs {
            app: app(),
            what: text("a Fir app"),
        },
        PublishFault::StackDiffers {
            app: app(),
            slug: text("heroku-22"),
            of_app: text("heroku-24"),
        },
        PublishFault::NoProcessTypes,
        PublishFault::ProcessTypeInvalid { name: text("\"w b\"") },
        PublishFault::BuildUnreadable {
            file: text("slug.json"),
            cause: text("expected value at line 1 column 1"),
        },
        PublishFault::BuildOfOther {
            file: text("slug.json"),
        },
        PublishFault::ApiRefused(answer("cannot make a slug", 422, "", None)),
        PublishFault::ApiUnreachable {
            what: text("cannot make a slug"),
            cause: text("Connection refused (os error 111)"),
        },
        PublishFault::ApiNotUnderstood {
            what: text("cannot read the app my-app"),
            cause: text("expected value at line 1 column 1"),
        },
        PublishFault::UploadFailed {
            cause: text("the store answered 400 Bad Request, BadDigest: no"),
        },
        PublishFault::SlugChanged,
        PublishFault::ReleaseUnknown {
            app: app(),
            cause: text("nothing came in time"),
        },
        PublishFault::ReleaseUnwatched {
            app: app(),
            version: 12,
            cause: text("cannot read release v12 of my-app: nothing came in time. Try again"),
        },
        PublishFault::ReleaseFailed {
            app: app(),
            version: 12,
            status: text("failed"),
        },
        PublishFault::ReleaseTimeout {
            app: app(),
            version: 12,
            limit: Duration::from_mins(30),
        },
    ]
}
