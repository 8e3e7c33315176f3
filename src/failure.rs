//! The stable ids of every failure a user can meet.
//!
//! An id is what people search for, what `bin/report` tells the platform, and what docs/troubleshooting.md has an
//! anchor for. An id is never reused for another meaning.

use std::fmt;

macro_rules! failures {
    ($( $(#[doc = $doc:literal])+ $variant:ident => $id:literal, )*) => {
        /// One kind of failure. Shown as `phase::slug`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Failure {
            $( $(#[doc = $doc])+ $variant, )*
        }

        impl Failure {
            /// Every failure, in the order in which a build and then a boot can meet them.
            pub const ALL: &'static [Failure] = &[ $( Failure::$variant, )* ];

            /// What it means, in the words of `docs/troubleshooting.md`.
            pub fn meaning(self) -> &'static str {
                match self { $( Failure::$variant => concat!($($doc),+).trim_start(), )* }
            }

            /// The stable id.
            pub const fn id(self) -> &'static str {
                match self { $( Failure::$variant => $id, )* }
            }
        }
    };
}

failures! {
    /// `HOOP_VERSION` is empty.
    VersionEmpty => "config::version-empty",
    /// `HOOP_VERSION` is not a version.
    VersionInvalid => "config::version-invalid",
    /// `HOOP_SHA256` is not 64 hex digits, or is empty.
    Sha256Invalid => "config::sha256-invalid",
    /// `HOOP_RELEASES_URL` is not an https, http, or file URL, has a `?` or `#`, has a token that is not
    /// percent-encoded, or is empty.
    ReleasesUrlInvalid => "config::releases-url-invalid",
    /// `HOOP_INSTALL` is neither `required` nor `optional`.
    InstallInvalid => "config::install-invalid",
    /// A config var of this buildpack is not UTF-8 text.
    NotUtf8 => "config::not-utf8",
    /// The files in which the platform passes config vars to the build cannot be read, or their folder is not a folder.
    EnvDirUnreadable => "config::env-dir-unreadable",
    /// The release server's `latest.txt` does not hold a version. Often it is an error page.
    LatestInvalid => "version::latest-invalid",
    /// The release server has no `latest.txt`.
    LatestNotFound => "version::latest-not-found",
    /// The release server does not have this version.
    VersionNotFound => "version::not-found",
    /// This version was not published for the build machine's architecture.
    PlatformMissing => "release::platform-missing",
    /// `checksums.txt` is not a list of checksums. Often it is an error page.
    ChecksumsInvalid => "release::checksums-invalid",
    /// `checksums.txt` lists two digests for the tarball.
    ChecksumsConflict => "release::checksums-conflict",
    /// `HOOP_SHA256` and `checksums.txt` differ.
    DigestDiffers => "release::digest-differs",
    /// The published bytes of this version have changed since this app's last build with it.
    DigestChanged => "release::digest-changed",
    /// No connection to the release server.
    Unreachable => "fetch::unreachable",
    /// The server's certificate was not accepted, the port does not speak TLS, or the CA certificates cannot be read.
    Tls => "fetch::tls",
    /// Something answers in place of the release server and does not speak HTTP.
    NotHttp => "fetch::not-http",
    /// The server did not send the file, and asking again would not help.
    Refused => "fetch::refused",
    /// The server answered every attempt with an error of its own.
    ServerError => "fetch::server-error",
    /// The server stopped sending, or the download took too long.
    Stalled => "fetch::stalled",
    /// The connection broke at every attempt.
    CutShort => "fetch::cut-short",
    /// The server sends more than any release has.
    DownloadTooLarge => "fetch::too-large",
    /// The proxy in `HTTPS_PROXY`, `HTTP_PROXY`, or `ALL_PROXY` refuses the connection, is neither http nor https, or
    /// has a URL that is ambiguous or cannot be read.
    Proxy => "fetch::proxy",
    /// A file of a `file:` mirror cannot be read.
    FileUnreadable => "fetch::file-unreadable",
    /// The download is not the file that was published.
    ChecksumMismatch => "fetch::checksum-mismatch",
    /// The published archive cannot be unpacked.
    ArchiveDamaged => "archive::damaged",
    /// The published archive does not contain the agent.
    NoAgent => "archive::no-agent",
    /// The published archive unpacks to more than 2 GiB.
    ArchiveTooLarge => "archive::too-large",
    /// The published archive contains the agent twice.
    ArchiveDuplicate => "archive::duplicate",
    /// The app's folder does not exist.
    BuildDirMissing => "install::build-dir-missing",
    /// The app's folder cannot be written to.
    BuildDirUnwritable => "install::build-dir-unwritable",
    /// `.hoop` or `.profile.d` in your app is a file, or a link that leads out of the app.
    Blocked => "install::blocked",
    /// The build machine does not allow more threads or open files.
    NoResources => "install::no-resources",
    /// The folder for the layers of an image does not exist or cannot be written to.
    LayersUnwritable => "install::layers-unwritable",
    /// Writing to the app's folder failed.
    WriteFailed => "install::write-failed",
    /// The agent did not answer `hoop version`.
    AgentDoesNotRun => "install::agent-does-not-run",
    /// The agent reports a different version than the one installed.
    AgentVersionDiffers => "install::agent-version-differs",
    /// While it was asked for its version, the agent changed itself or another file of the build.
    AgentChanged => "install::agent-changed",
    /// No agent key is set. The app runs alone.
    KeyMissing => "start::key-missing",
    /// The agent key cannot be used. The line says why: a line break or space that was pasted with it, quotation marks,
    /// a bad `%`.
    KeyMalformed => "start::key-malformed",
    /// The agent can never do what this key asks for.
    AgentTooOld => "start::agent-too-old",
    /// The slug has no agent, for example after a build with `HOOP_INSTALL=optional`; or its agent cannot run, because
    /// it is damaged or built for another machine.
    AgentMissing => "start::agent-missing",
    /// `.hoop/manifest.yml` is missing or damaged.
    ManifestUnreadable => "start::manifest-unreadable",
    /// This key needs `HOOP_CONNECTION` or `hoop.yml`.
    ConnectionMissing => "start::connection-missing",
    /// `HOOP_CONNECTION` or a name in `hoop.yml` is too long, refers to a variable that is not set or holds no name, or
    /// contains an agent key.
    ConnectionInvalid => "start::connection-invalid",
    /// Names in `HOOP_CONNECTION` or `hoop.yml` differ only in accents or spaces, so they become one connection.
    ConnectionMerged => "start::connection-merged",
    /// The agent runs, but does not publish `HOOP_CONNECTION` with this key.
    ConnectionNotPublished => "start::connection-not-published",
    /// `hoop.yml` cannot be read: it has a mistake in the line and column that are told.
    HoopYmlInvalid => "start::hoop-yml-invalid",
    /// `hoop.yml` has no effect with this agent and this kind of key.
    HoopYmlNoEffect => "start::hoop-yml-no-effect",
    /// The config var that `hoop.yml` names for a database is not set.
    DatabaseUnset => "start::database-unset",
    /// The config var that `hoop.yml` names for a database does not have a URL that an agent can publish, with a user
    /// and a password.
    DatabaseUrlInvalid => "start::database-url-invalid",
    /// The agent is too old to publish a connection of `hoop.yml` with its rules.
    ConnectionNeedsNewerAgent => "start::connection-needs-newer-agent",
    /// The agent runs in none of the process types that `hoop.yml` has for a connection.
    ConnectionNowhere => "start::connection-nowhere",
    /// `export:` in `hoop.yml` names variables that no session ever sees: those of the agent's credentials and
    /// settings.
    ExportWithoutEffect => "start::export-without-effect",
    /// `HOOP_COMMAND` has a quote that is not closed or contains the agent key; or a connection of `hoop.yml` contains
    /// the agent key or the password of a database.
    CommandInvalid => "start::command-invalid",
    /// An on/off config var is neither on nor off, and counts as off; or another config var has an invalid value, and
    /// its default is used.
    ValueInvalid => "start::value-invalid",
    /// `HOOP_HIDE_KEY` or `HOOP_REQUIRED` is on, but `HOOP_AUTOSTART` starts the agent beside a shell that hoopstart
    /// cannot change.
    NotWithAutostart => "start::not-with-autostart",
    /// `HOOP_AUTOSTART` is on in an image of a Cloud Native Buildpack, where only a command that starts hoopstart has
    /// an agent.
    AutostartInImage => "start::autostart-in-image",
    /// `HOOP_PROCESS_TYPES` or `HOOP_IGNORE_PROCESS_TYPES` names a process type that the Procfile does not have, names
    /// something that can never match a dyno, or names nothing.
    ProcessTypeUnknown => "start::process-type-unknown",
    /// The gateway's host name does not resolve. From the agent, or from `--check --connect`.
    GatewayUnresolved => "start::gateway-unresolved",
    /// Nothing answers at the gateway's address. From the agent, or from `--check --connect`.
    GatewayUnreachable => "start::gateway-unreachable",
    /// What answers is not the gateway's gRPC. From the agent, or from `--check --connect`.
    GatewayOther => "start::gateway-other-service",
    /// From `--check`: a TLS variable is set that this agent ignores.
    TlsVariableIgnored => "start::tls-variable-ignored",
    /// From `--check`: a TLS variable does not lead to a file, or holds no certificate.
    TlsVariableInvalid => "start::tls-variable-invalid",
    /// From `--check`: nothing starts the agent in this process type, neither the Procfile nor `HOOP_AUTOSTART`; or the
    /// lists of process types exclude all of them.
    NotStarted => "start::not-started",
    /// The gateway answers, but the TLS handshake fails, or only one side speaks TLS. From the agent, or from `--check
    /// --connect`.
    GatewayTls => "start::gateway-tls",
    /// The gateway does not accept the agent key: it was copied wrong, or its agent was deleted or recreated.
    KeyRejected => "start::key-rejected",
    /// The gateway accepts one agent per key, and one is already connected.
    AlreadyConnected => "start::already-connected",
    /// The gateway expects a connection name with this key, and the agent sends none.
    ConnectionNameMissing => "start::connection-name-missing",
    /// A name in `HOOP_CONNECTION` belongs to another agent, or was set up by hand in hoop.
    ConnectionTaken => "start::connection-taken",
    /// The gateway rejects the agent, for the reason that the line quotes.
    AgentTurnedAway => "start::agent-turned-away",
    /// The agent exits at once because of its configuration. It is started again every 5 minutes.
    AgentMisconfigured => "start::agent-misconfigured",
    /// The agent has exited four times or more.
    AgentCrashing => "start::agent-crashing",
    /// The agent's supervisor could not be started, or failed, or the dyno has no room for another process.
    SupervisorFailed => "start::supervisor-failed",
    /// `hoopstart` was given no command (exit 2).
    CommandMissing => "start::command-missing",
    /// `hoopstart` has no such option (exit 2).
    OptionUnknown => "start::option-unknown",
    /// The app's program, or the interpreter in its first line, was not found (exit 127).
    CommandNotFound => "start::not-found",
    /// The app's program cannot be run, is not a program, or is built for another machine (exit 126).
    CommandNotExecutable => "start::not-executable",
    /// `slug inspect` cannot read a file.
    SlugUnreadable => "slug::unreadable",
    /// A slug is no gzip tar, or ends too early.
    SlugBroken => "slug::broken",
    /// A slug has nothing below `./app/`, where the platform looks.
    SlugEmpty => "slug::empty",
    /// There is no key for the platform's API, or none that can be sent.
    SlugKeyMissing => "slug::key-missing",
    /// The platform does not accept the key, or not for this app.
    SlugKeyRefused => "slug::key-refused",
    /// The platform knows no app of this name, or does not show it to this key.
    SlugAppNotFound => "slug::app-not-found",
    /// The app is of a kind that takes no slugs.
    SlugAppTakesNone => "slug::app-takes-no-slugs",
    /// The slug was built for another stack than the app's.
    SlugStackDiffers => "slug::stack-differs",
    /// The slug has no process type, or one with a name that the platform does not take.
    SlugProcessTypes => "slug::process-types",
    /// The file named by `--build` cannot be read, or is of another slug.
    SlugBuildDiffers => "slug::build-differs",
    /// The platform refuses a request.
    SlugApiRefused => "slug::api-refused",
    /// The platform does not answer, or with something that cannot be understood.
    SlugApiUnreachable => "slug::api-unreachable",
    /// The slug cannot be uploaded.
    SlugUploadFailed => "slug::upload-failed",
    /// The platform was asked for a release, and it is not known whether it made one.
    SlugReleaseUnknown => "slug::release-unknown",
    /// The release phase failed.
    SlugReleaseFailed => "slug::release-failed",
    /// The release phase takes longer than `--timeout`.
    SlugReleaseTimeout => "slug::release-timeout",
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
