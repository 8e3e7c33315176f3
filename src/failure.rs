//! The stable ids of every failure a user can meet.
//!
//! An id is what people search for, what `bin/report` tells the platform, and what docs/troubleshooting.md has an
//! anchor for. An id is never reused for another meaning.

use std::fmt;

macro_rules! failures {
    ($( $(#[$doc:meta])* $variant:ident => $id:literal, )*) => {
        /// One kind of failure. Shown as `phase::slug`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Failure {
            $( $(#[$doc])* $variant, )*
        }

        impl Failure {
            /// Every failure, in the order in which a build and then a boot can meet them.
            pub const ALL: &'static [Failure] = &[ $( Failure::$variant, )* ];

            /// Returns the stable id.
            pub const fn id(self) -> &'static str {
                match self { $( Failure::$variant => $id, )* }
            }
        }
    };
}

failures! {
    /// `HOOP_VERSION` is set to nothing.
    VersionEmpty => "config::version-empty",
    /// `HOOP_VERSION` is not a version.
    VersionInvalid => "config::version-invalid",
    /// `HOOP_SHA256` is not a SHA-256.
    Sha256Invalid => "config::sha256-invalid",
    /// `HOOP_RELEASES_URL` is not a URL this buildpack can read from.
    ReleasesUrlInvalid => "config::releases-url-invalid",
    /// `HOOP_INSTALL` is neither `required` nor `optional`.
    InstallInvalid => "config::install-invalid",
    /// A config var of ours is not UTF-8.
    NotUtf8 => "config::not-utf8",
    /// The env dir or a file of it cannot be read.
    EnvDirUnreadable => "config::env-dir-unreadable",
    /// `latest.txt` does not hold a version.
    LatestInvalid => "version::latest-invalid",
    /// The release server has no `latest.txt`.
    LatestNotFound => "version::latest-not-found",
    /// The release server does not know the version.
    VersionNotFound => "version::not-found",
    /// The version was not built for this platform.
    PlatformMissing => "release::platform-missing",
    /// `checksums.txt` is not a list of checksums.
    ChecksumsInvalid => "release::checksums-invalid",
    /// `checksums.txt` gives one file two digests.
    ChecksumsConflict => "release::checksums-conflict",
    /// `HOOP_SHA256` and `checksums.txt` differ.
    DigestDiffers => "release::digest-differs",
    /// The bytes of a version changed after this app had built with it.
    DigestChanged => "release::digest-changed",
    /// No connection to the release server.
    Unreachable => "fetch::unreachable",
    /// The release server's certificate was not accepted, or TLS failed otherwise.
    Tls => "fetch::tls",
    /// What answers in the release server's place does not speak HTTP.
    NotHttp => "fetch::not-http",
    /// The release server refused the request.
    Refused => "fetch::refused",
    /// The release server answered with an error of its own, more than once.
    ServerError => "fetch::server-error",
    /// The release server stopped sending.
    Stalled => "fetch::stalled",
    /// The connection broke before the end, more than once.
    CutShort => "fetch::cut-short",
    /// The download is larger than any release of the agent.
    DownloadTooLarge => "fetch::too-large",
    /// The proxy cannot be used.
    Proxy => "fetch::proxy",
    /// A file of a `file:` release server cannot be read.
    FileUnreadable => "fetch::file-unreadable",
    /// The download is not the file that was published.
    ChecksumMismatch => "fetch::checksum-mismatch",
    /// The archive is the published one and still cannot be unpacked.
    ArchiveDamaged => "archive::damaged",
    /// The archive holds no agent.
    NoAgent => "archive::no-agent",
    /// The archive unpacks to more than any release of the agent.
    ArchiveTooLarge => "archive::too-large",
    /// The archive holds a file twice.
    ArchiveDuplicate => "archive::duplicate",
    /// There is no build dir.
    BuildDirMissing => "install::build-dir-missing",
    /// The build dir cannot be written.
    BuildDirUnwritable => "install::build-dir-unwritable",
    /// Something in the app stands where a folder of the agent must go.
    Blocked => "install::blocked",
    /// There are no more threads or open files.
    NoResources => "install::no-resources",
    /// Writing a file failed.
    WriteFailed => "install::write-failed",
    /// The agent does not run on this machine.
    AgentDoesNotRun => "install::agent-does-not-run",
    /// The agent reports another version than was asked for.
    AgentVersionDiffers => "install::agent-version-differs",
    /// The agent changed what was verified while it was asked for its version.
    AgentChanged => "install::agent-changed",
    /// No agent key is set.
    KeyMissing => "start::key-missing",
    /// The agent key cannot be parsed.
    KeyMalformed => "start::key-malformed",
    /// The agent in the slug can never do what this key asks for.
    AgentTooOld => "start::agent-too-old",
    /// The slug holds no agent.
    AgentMissing => "start::agent-missing",
    /// The manifest in the slug cannot be read.
    ManifestUnreadable => "start::manifest-unreadable",
    /// The agent's generation needs `HOOP_CONNECTION` and it is not set.
    ConnectionMissing => "start::connection-missing",
    /// `HOOP_CONNECTION` cannot be used as it is.
    ConnectionInvalid => "start::connection-invalid",
    /// Names of `HOOP_CONNECTION` become one connection.
    ConnectionMerged => "start::connection-merged",
    /// The agent runs, and does not publish the names of `HOOP_CONNECTION`.
    ConnectionNotPublished => "start::connection-not-published",
    /// `HOOP_COMMAND` has a quote that is not closed, or holds the agent key.
    CommandInvalid => "start::command-invalid",
    /// An on/off config var has another value.
    ValueInvalid => "start::value-invalid",
    /// A config var has no effect together with `HOOP_AUTOSTART`.
    NotWithAutostart => "start::not-with-autostart",
    /// A process type list names a type the Procfile does not have.
    ProcessTypeUnknown => "start::process-type-unknown",
    /// The gateway's name does not resolve.
    GatewayUnresolved => "start::gateway-unresolved",
    /// No connection to the gateway.
    GatewayUnreachable => "start::gateway-unreachable",
    /// What answers at the gateway's place is something else.
    GatewayOther => "start::gateway-other-service",
    /// A variable for TLS is set that this agent does not obey.
    TlsVariableIgnored => "start::tls-variable-ignored",
    /// A variable for TLS cannot be used.
    TlsVariableInvalid => "start::tls-variable-invalid",
    /// Nothing starts the agent.
    NotStarted => "start::not-started",
    /// No TLS connection to the gateway.
    GatewayTls => "start::gateway-tls",
    /// The gateway does not know the agent key.
    KeyRejected => "start::key-rejected",
    /// The gateway has an agent with this key already.
    AlreadyConnected => "start::already-connected",
    /// The gateway wants a connection name that the agent does not send.
    ConnectionNameMissing => "start::connection-name-missing",
    /// A connection name belongs to another agent.
    ConnectionTaken => "start::connection-taken",
    /// The gateway turns the agent away for another reason.
    AgentTurnedAway => "start::agent-turned-away",
    /// The agent ends because of its configuration.
    AgentMisconfigured => "start::agent-misconfigured",
    /// The agent ends again and again.
    AgentCrashing => "start::agent-crashing",
    /// The supervisor could not be started.
    SupervisorFailed => "start::supervisor-failed",
    /// hoopstart was given no command.
    CommandMissing => "start::command-missing",
    /// hoopstart has no such option.
    OptionUnknown => "start::option-unknown",
    /// The app's program does not exist.
    CommandNotFound => "start::not-found",
    /// The app's program cannot be run.
    CommandNotExecutable => "start::not-executable",
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::Failure;
    use std::collections::BTreeSet;

    #[test]
    fn ids_are_unique_and_have_the_form_phase_slug() {
        let ids: BTreeSet<_> = Failure::ALL.iter().map(|failure| failure.id()).collect();

        assert_eq!(ids.len(), Failure::ALL.len());
        for id in ids {
            let (phase, slug) = id.split_once("::").expect("an id has two parts");
            let plain = |text: &str| {
                text.bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            };
            assert!(plain(phase) && plain(slug), "{id}");
        }
    }
}
