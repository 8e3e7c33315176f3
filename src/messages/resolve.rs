//! What to tell a person whose build could not settle on a release it trusts.

use crate::acquire::checksums::ChecksumsError;
use crate::acquire::config::DEFAULT_RELEASES_URL;
use crate::acquire::resolve::ReleaseError;
use crate::failure::Failure;
use crate::messages::{AGENT_RELEASES_URL, ISSUES_URL, Message};
use crate::text;

/// The failure id of `error`.
pub(super) fn failure(error: &ReleaseError) -> Failure {
    match error {
        ReleaseError::LatestInvalid { .. } => Failure::LatestInvalid,
        ReleaseError::LatestNotFound { .. } => Failure::LatestNotFound,
        ReleaseError::VersionNotFound { .. } => Failure::VersionNotFound,
        ReleaseError::PlatformMissing { .. } => Failure::PlatformMissing,
        ReleaseError::Checksums { error, .. } => match error {
            ChecksumsError::Line { .. } => Failure::ChecksumsInvalid,
            ChecksumsError::Conflict { .. } => Failure::ChecksumsConflict,
        },
        ReleaseError::DigestDiffers { .. } => Failure::DigestDiffers,
        ReleaseError::DigestChanged { .. } => Failure::DigestChanged,
        ReleaseError::ChecksumMismatch { .. } => Failure::ChecksumMismatch,
    }
}

pub(super) fn message(error: &ReleaseError) -> Message {
    match error {
        ReleaseError::LatestInvalid { location, content } => {
            of(error, "the release server's latest.txt does not hold a version.")
                .facts(vec![
                    ("Asked for", location.to_string()),
                    ("Content", text::excerpt(content, 48)),
                ])
                .text("It must be one version, such as 1.148.0. An error page that is sent with status 200 is the usual cause.")
                .consequence()
                .step("Look at it:", &[&format!("curl {location}")])
                .step("Or name a version, so that latest.txt is not needed:", &["heroku config:set HOOP_VERSION=1.148.0"])
                .step("Deploy again.", &[])
        }
        ReleaseError::LatestNotFound { location, answer } => of(error, "the release server has no latest.txt.")
            .facts(vec![("Asked for", location.to_string()), ("Answer", answer.clone())])
            .text("HOOP_VERSION names no version, so the newest one was looked up there. If HOOP_RELEASES_URL is set, its path may be wrong.")
            .consequence()
            .step("Check the release server's URL. latest.txt must be right below it:", &["heroku config:get HOOP_RELEASES_URL"])
            .step("Or name a version, so that latest.txt is not needed:", &["heroku config:set HOOP_VERSION=1.148.0"])
            .step("Deploy again.", &[]),
        ReleaseError::VersionNotFound { version, location, answer, is_latest } => {
            if *is_latest {
                of(error, format!("the newest hoop agent, {version}, is not on the release server."))
                    .text(format!("HOOP_VERSION does not name a version, and latest.txt says {version}, but the release server answered \"{answer}\" for"))
                    .quote(location.to_string())
                    .text("A release that is being published at this moment, or a mirror that was copied in part, is the usual cause.")
                    .consequence()
                    .step("Deploy again in some minutes.", &[])
                    .step("Or name an older version:", &[AGENT_RELEASES_URL, "heroku config:set HOOP_VERSION=<version>"])
                    .step("For a mirror: copy the whole folder of the version before latest.txt.", &[])
            } else {
                let message = of(error, format!("hoop agent version {version} does not exist."))
                    .text(format!("The config var HOOP_VERSION asks for {version}, but the release server answered \"{answer}\" for"))
                    .quote(location.to_string());
                let message = if location.to_string().starts_with(DEFAULT_RELEASES_URL) {
                    message
                } else {
                    message.text("That server is the one of HOOP_RELEASES_URL. A wrong path in it, or a mirror without this version, looks the same.")
                };
                message
                    .consequence()
                    .step("Look up a published version:", &[AGENT_RELEASES_URL])
                    .step(
                        "Set it:",
                        &[
                            "heroku config:set HOOP_VERSION=<version>",
                            "or follow the newest one at each build:",
                            "heroku config:unset HOOP_VERSION",
                        ],
                    )
                    .step("Deploy again.", &[])
            }
        }
        ReleaseError::PlatformMissing { version, platform, wanted, location } => {
            of(error, format!("hoop agent {version} was not published for {platform}."))
                .facts(vec![
                    ("Read", location.to_string()),
                    ("Looked for", wanted[0].clone()),
                    ("and", wanted[1].clone()),
                ])
                .consequence()
                .step("Use another version:", &["heroku config:set HOOP_VERSION=<version>"])
                .step("For a mirror: its checksums.txt must list the tarball.", &[])
                .step("Deploy again.", &[])
        }
        ReleaseError::Checksums { location, error: ChecksumsError::Line { line, content } } => {
            of(error, "checksums.txt is not a list of checksums.")
                .facts(vec![
                    ("Asked for", location.to_string()),
                    (
                        "Line",
                        format!("{line}: \"{content}\""),
                    ),
                ])
                .text("Each line must be a SHA-256 of 64 hex digits and a file name. An error page that is sent with status 200 is the usual cause.")
                .consequence()
                .step("Look at it:", &[&format!("curl {location}")])
                .step("If HOOP_RELEASES_URL is set, check that it is the mirror's base URL:", &["heroku config:get HOOP_RELEASES_URL"])
                .step("Deploy again.", &[])
        }
        ReleaseError::Checksums { location, error: ChecksumsError::Conflict { name, first, second } } => {
            of(error, format!("checksums.txt gives {name} two digests."))
                .facts(vec![
                    ("Asked for", location.to_string()),
                    ("First", format!("sha256 {first}")),
                    ("Then", format!("sha256 {second}")),
                ])
                .text("Which of them is the published one cannot be known.")
                .consequence()
                .step("Use another version, and deploy again:", &["heroku config:set HOOP_VERSION=<version>"])
                .step("Tell who runs the release server. For hoop's own:", &[ISSUES_URL])
        }
        ReleaseError::DigestDiffers { version, name, wanted, published } => {
            of(error, "HOOP_SHA256 is not the digest that was published.")
                .facts(vec![
                    ("Version", version.to_string()),
                    ("File", name.clone()),
                    ("HOOP_SHA256", wanted.to_string()),
                    ("Published", published.to_string()),
                ])
                .text("One of the two is wrong, so nothing was downloaded. A digest of another version or another platform is the usual cause: HOOP_SHA256 belongs to one HOOP_VERSION.")
                .consequence()
                .step("Compare both with a source you trust.", &[])
                .step("Set the right one, or name the version it belongs to:", &["heroku config:set HOOP_SHA256=<64 hex digits> HOOP_VERSION=<version>"])
                .step("Deploy again. If the published one is wrong, do not work around this check; tell us:", &[ISSUES_URL])
        }
        ReleaseError::DigestChanged { version, name, cached, published } => {
            of(error, format!("the published bytes of hoop agent {version} have changed."))
                .facts(vec![
                    ("File", name.clone()),
                    ("Last build", format!("sha256 {cached}")),
                    ("Published now", format!("sha256 {published}")),
                ])
                .text("This app has built with this version before, and the release server now gives it another digest. A published version is not meant to change, so this build does not choose between them.")
                .consequence()
                .step("Find out whether the change is meant:", &[AGENT_RELEASES_URL])
                .step("If it is, say so, and deploy again:", &[&format!("heroku config:set HOOP_SHA256={published} HOOP_VERSION={version}")])
                .step("If it is not, stay on the bytes of the last build, and tell us:", &[&format!("heroku config:set HOOP_VERSION={version}"), ISSUES_URL])
        }
        ReleaseError::ChecksumMismatch { name, bytes, from, expected, received } => {
            of(error, "the hoop agent download is not the file that was published.")
                .facts(vec![
                    ("File", format!("{name} ({bytes} bytes)")),
                    ("From", from.to_string()),
                    ("Expected", format!("sha256 {expected}")),
                    ("Received", format!("sha256 {received}")),
                ])
                .text("The download was deleted. A proxy that rewrites downloads, a mirror that was copied in part, or a HOOP_SHA256 of another file is the usual cause.")
                .consequence()
                .step("Deploy again.", &[])
                .step("If \"Received\" is the same the second time, do not work around this check. Send the four lines above to", &[ISSUES_URL])
        }
    }
}

/// Starts the message of `error`.
fn of(error: &ReleaseError, title: impl Into<String>) -> Message {
    Message::about(failure(error), title)
}
