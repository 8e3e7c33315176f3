//! What to tell a person whose config vars a build cannot go by.

use crate::acquire::config::{ConfigError, DEFAULT_RELEASES_URL};
use crate::acquire::release_server::ReleasesUrlError;
use crate::failure::Failure;
use crate::messages::{AGENT_RELEASES_URL, Message};
use crate::text;

/// The failure id of `error`.
pub(super) fn failure(error: &ConfigError) -> Failure {
    match error {
        ConfigError::VersionEmpty => Failure::VersionEmpty,
        ConfigError::VersionInvalid { .. } => Failure::VersionInvalid,
        ConfigError::Sha256Empty | ConfigError::Sha256Invalid { .. } => Failure::Sha256Invalid,
        ConfigError::ReleasesUrlEmpty | ConfigError::ReleasesUrlInvalid { .. } => Failure::ReleasesUrlInvalid,
        ConfigError::InstallInvalid { .. } => Failure::InstallInvalid,
        ConfigError::NotUtf8 { .. } => Failure::NotUtf8,
        ConfigError::EnvDirUnreadable { .. } => Failure::EnvDirUnreadable,
    }
}

pub(super) fn message(error: &ConfigError) -> Message {
    match error {
        ConfigError::VersionEmpty => of(error, "the config var HOOP_VERSION is set to nothing.")
            .text("It must be a version of the hoop agent, or not be set at all.")
            .consequence()
            .step("Follow the newest version at each build:", &["heroku config:unset HOOP_VERSION"])
            .step("Or name one:", &["heroku config:set HOOP_VERSION=1.148.0"])
            .step("Deploy again.", &[]),
        ConfigError::VersionInvalid { value } => {
            of(error, format!("HOOP_VERSION is not a version: {}.", text::quoted(value, 60)))
                .text("A version of the hoop agent has three numbers, such as 1.148.0, or 1.149.0-rc.1 for one that is not final. A \"v\" before it is allowed, and so is the word latest. Quotation marks are not.")
                .consequence()
                .step("Look up a published version:", &[AGENT_RELEASES_URL])
                .step("Set it:", &["heroku config:set HOOP_VERSION=1.148.0", "or follow the newest one at each build:", "heroku config:unset HOOP_VERSION"])
                .step("Deploy again.", &[])
        }
        ConfigError::Sha256Empty => of(error, "the config var HOOP_SHA256 is set to nothing.")
            .text("It must be the 64 hex digits of the tarball's SHA-256, or not be set at all.")
            .consequence()
            .step("Go by the release server's own checksums.txt:", &["heroku config:unset HOOP_SHA256"])
            .step("Or set the digest, from a source you trust:", &["heroku config:set HOOP_SHA256=<64 hex digits>"])
            .step("Deploy again.", &[]),
        ConfigError::Sha256Invalid { value } => {
            of(error, "HOOP_SHA256 is not a SHA-256.")
                .facts(vec![("It is", text::quoted(value, 80))])
                .text("It must be the 64 hex digits of the tarball's SHA-256 and nothing else: no file name, no \"sha256:\" before it, no quotation marks.")
                .consequence()
                .step("Copy the digest again, from a source you trust, and set it:", &["heroku config:set HOOP_SHA256=<64 hex digits>"])
                .step("Or go by the release server's own checksums.txt:", &["heroku config:unset HOOP_SHA256"])
                .step("Deploy again.", &[])
        }
        ConfigError::ReleasesUrlEmpty => of(error, "the config var HOOP_RELEASES_URL is set to nothing.")
            .text("It must be the base URL of a mirror that has latest.txt and a folder for each version, or not be set at all.")
            .consequence()
            .step(format!("Use {DEFAULT_RELEASES_URL}:"), &["heroku config:unset HOOP_RELEASES_URL"])
            .step("Or set the mirror's URL:", &["heroku config:set HOOP_RELEASES_URL=https://mirror.example/hoop"])
            .step("Deploy again.", &[]),
        ConfigError::ReleasesUrlInvalid { reason } => {
            let message = of(error, format!("HOOP_RELEASES_URL cannot be used: {reason}."))
                .text("It must be the base URL of a mirror that has latest.txt and a folder for each version. Its value is not shown here, since it may hold a token.");
            match reason {
                ReleasesUrlError::Query => message.text("A token belongs before the host: https://user:token@host/path."),
                ReleasesUrlError::UserInfo => message.text("In the user name and token, each @ / ? # \\ and space must be percent-encoded: %40 %2F %3F %23 %5C %20. So must an @ in the path."),
                ReleasesUrlError::NotUrl | ReleasesUrlError::Scheme | ReleasesUrlError::File => message,
            }
            .consequence()
            .step("Set the mirror's URL:", &["heroku config:set HOOP_RELEASES_URL=https://mirror.example/hoop"])
            .step(format!("Or use {DEFAULT_RELEASES_URL} again:"), &["heroku config:unset HOOP_RELEASES_URL"])
            .step("Deploy again.", &[])
        }
        ConfigError::InstallInvalid { value } => {
            of(error, format!("HOOP_INSTALL is neither \"required\" nor \"optional\": {}.", text::quoted(value, 60)))
                .text("With required, which is the default, a build that cannot get the agent fails. With optional it goes on without one.")
                .consequence()
                .step("Set it to the one that is meant:", &["heroku config:set HOOP_INSTALL=optional", "or go back to the default, required:", "heroku config:unset HOOP_INSTALL"])
                .step("Deploy again.", &[])
        }
        ConfigError::NotUtf8 { name, position } => of(error, format!("the config var {name} is not UTF-8 text."))
            .text(format!("Its first {position} bytes are; the next one is not. A key or a file pasted in another encoding is the usual cause."))
            .consequence()
            .step("Set it again:", &[&format!("heroku config:set {name}=<value>")])
            .step("Deploy again.", &[]),
        ConfigError::EnvDirUnreadable { path, source } => of(error, "the app's config vars cannot be read.")
            .text(format!("The platform passes them to a build as files in a folder. {} cannot be read.", path.display()))
            .consequence()
            .step("Deploy again.", &[])
            .step("If it happens again outside Heroku, check the third argument of bin/compile: a folder with a file for each config var, readable by the user that runs the build.", &[])
            .details(source),
    }
}

/// Starts the message of `error`.
fn of(error: &ConfigError, title: impl Into<String>) -> Message {
    Message::about(failure(error), title)
}
