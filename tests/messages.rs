//! What people read when something is wrong: every text as a whole, to be read aloud.
//!
//! A snapshot each for the build's errors in `tests/snapshots`, one list for the lines of hoopstart. After a change
//! of wording: `INSTA_UPDATE=always cargo test --test messages`, then read the difference.

use hoop_buildpack::acquire::archive::ArchiveError;
use hoop_buildpack::acquire::checksums::ChecksumsError;
use hoop_buildpack::acquire::config::{ConfigError, RunTimeVars};
use hoop_buildpack::acquire::error::AcquireError;
use hoop_buildpack::acquire::event::Event;
use hoop_buildpack::acquire::fetch::error::{FetchError, FetchFault};
use hoop_buildpack::acquire::latest::VersionError;
use hoop_buildpack::acquire::proof::ProofError;
use hoop_buildpack::acquire::release_server::{Location, ReleasesUrl, ReleasesUrlError, tarball_names};
use hoop_buildpack::acquire::resolve::ReleaseError;
use hoop_buildpack::acquire::resources::NoResources;
use hoop_buildpack::acquire::scratch::WriteError;
use hoop_buildpack::agent::platform::Platform;
use hoop_buildpack::agent::sha256::Sha256;
use hoop_buildpack::agent::version::Version;
use hoop_buildpack::build_log::BuildLog;
use hoop_buildpack::classic::advice::{self, App};
use hoop_buildpack::classic::error::BuildError;
use hoop_buildpack::classic::messages;
use hoop_buildpack::classic::slug::{Displaced, InstallError};
use hoop_buildpack::classic::survey::{OtherBuildpacks, ProcfileFault, ProcfileState};
use hoop_buildpack::cnb;
use hoop_buildpack::cnb::layers::LayersError;
use hoop_buildpack::failure::Failure;
use hoop_buildpack::messages::events::{self, Said};
use hoop_buildpack::messages::message::{Message, Tone};
use hoop_buildpack::procfile::Procfile;
use hoop_buildpack::start::check::status_report::StatusReport;
use hoop_buildpack::start::fault::Fault;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[path = "messages/boot.rs"]
mod boot;
#[path = "messages/slug.rs"]
mod slug;

/// The parts of the release server's URL that nobody may read.
const SECRETS: [&str; 2] = ["r0b0t", "t0k3n"];

/// The width of a line of the build log.
const WIDTH: usize = 72;

/// The longest word that is wrapped rather than left to stand out: URLs and digests are longer.
const LONGEST_WORD: usize = 32;

fn releases_at(url: &str) -> ReleasesUrl {
    url.parse().expect("this is the URL of a release server")
}

fn releases() -> ReleasesUrl {
    releases_at("https://r0b0t:t0k3n@releases.hoop.dev/release")
}

fn version_of(text: &str) -> Version {
    text.parse().expect("this is a version")
}

fn version() -> Version {
    version_of("1.148.0")
}

fn name() -> String {
    let [name, _] = tarball_names(&version(), Platform::Amd64);
    name
}

fn tarball() -> Location {
    releases().tarball(&version(), &name())
}

fn digest(byte: &str) -> Sha256 {
    byte.repeat(32).parse().expect("two hex digits, 32 times")
}

/// An error of the kernel's: 2 no such file, 5 input/output error, 8 exec format error, 11 try again, 13 permission
/// denied, 20 not a directory, 24 too many open files, 27 file too large, 28 no space left on device, 30 read-only
/// file system.
fn kernel(number: i32) -> io::Error {
    io::Error::from_raw_os_error(number)
}

/// Every error of a build, each kind of message at least once, with the name of the case where an id has
/// several.
fn errors() -> Vec<(&'static str, BuildError)> {
    let mut errors: Vec<(&'static str, BuildError)> = Vec::new();
    errors.extend(config_errors().into_iter().map(|(case, error)| (case, error.into())));
    errors.extend(acquire_errors().into_iter().map(|(case, error)| (case, error.into())));
    errors.extend(install_errors().into_iter().map(|(case, error)| (case, error.into())));
    errors
}

fn acquire_errors() -> Vec<(&'static str, AcquireError)> {
    let mut errors: Vec<(&'static str, AcquireError)> = Vec::new();
    errors.extend(version_errors().into_iter().map(|(case, error)| (case, error.into())));
    errors.extend(release_errors().into_iter().map(|error| ("", error.into())));
    errors.extend(fetch_errors().into_iter().map(|(case, error)| (case, error.into())));
    errors.extend(archive_errors().into_iter().map(|error| ("", error.into())));
    errors.extend(write_errors().into_iter().map(|(case, error)| (case, error.into())));
    errors.push((
        "",
        AcquireError::NoResources(NoResources {
            cause: "Resource temporarily unavailable (os error 11)".to_owned(),
        }),
    ));
    let proof = |(case, error)| {
        let version = version();
        (case, AcquireError::Proof { version, error })
    };
    errors.extend(proof_errors().into_iter().map(proof));
    errors
}

fn config_errors() -> Vec<(&'static str, ConfigError)> {
    let value = |text: &str| text.to_owned();
    vec![
        ("", ConfigError::VersionEmpty),
        ("", ConfigError::VersionInvalid { value: value("1.148") }),
        (
            "quotes",
            ConfigError::VersionInvalid {
                value: value("\"1.148.0\"\r"),
            },
        ),
        ("empty", ConfigError::Sha256Empty),
        ("empty", ConfigError::ReleasesUrlEmpty),
        (
            "",
            ConfigError::Sha256Invalid {
                value: value("sha256:3a7bd3e2360a3d29eea436fcfb7e44c735d117c42d1c1835420b6b9942dd4f1b  hoop.tar.gz"),
            },
        ),
        (
            "scheme",
            ConfigError::ReleasesUrlInvalid {
                reason: ReleasesUrlError::Scheme,
            },
        ),
        (
            "query",
            ConfigError::ReleasesUrlInvalid {
                reason: ReleasesUrlError::Query,
            },
        ),
        (
            "user-info",
            ConfigError::ReleasesUrlInvalid {
                reason: ReleasesUrlError::UserInfo,
            },
        ),
        ("", ConfigError::InstallInvalid { value: value("no") }),
        (
            "",
            ConfigError::NotUtf8 {
                name: "HOOP_CONNECTION",
                position: 4,
            },
        ),
        (
            "",
            ConfigError::EnvDirUnreadable {
                path: PathBuf::from("/tmp/env/HOOP_VERSION"),
                source: kernel(13),
            },
        ),
    ]
}

fn version_errors() -> Vec<(&'static str, VersionError)> {
    let not_found = |is_latest| VersionError::VersionNotFound {
        version: version(),
        location: releases().checksums(&version()),
        answer: "404 Not Found".to_owned(),
        is_latest,
    };
    vec![
        (
            "",
            VersionError::LatestInvalid {
                location: releases().latest(),
                content: "<!DOCTYPE html>\n<html><head><title>Sign in</title>".to_owned(),
            },
        ),
        (
            "",
            VersionError::LatestNotFound {
                location: releases().latest(),
                answer: "403 Forbidden".to_owned(),
            },
        ),
        ("", not_found(false)),
        ("latest", not_found(true)),
    ]
}

fn release_errors() -> Vec<ReleaseError> {
    let checksums = releases().checksums(&version());
    let unusable = |error| ReleaseError::Checksums {
        location: checksums.clone(),
        error,
    };
    vec![
        ReleaseError::PlatformMissing {
            version: version(),
            platform: Platform::Arm64,
            wanted: tarball_names(&version(), Platform::Arm64),
            location: checksums.clone(),
        },
        unusable(ChecksumsError::Line {
            line: 1,
            content: "<!DOCTYPE html>".to_owned(),
        }),
        unusable(ChecksumsError::Conflict {
            name: name(),
            first: digest("a1"),
            second: digest("b2"),
        }),
        ReleaseError::DigestDiffers {
            version: version(),
            name: name(),
            wanted: digest("a1"),
            published: digest("b2"),
        },
        ReleaseError::DigestChanged {
            version: version(),
            name: name(),
            cached: digest("a1"),
            published: digest("b2"),
        },
    ]
}

fn fetch_errors() -> Vec<(&'static str, FetchError)> {
    let location = tarball();
    vec![
        (
            "",
            FetchFault::Unreachable {
                attempts: 6,
                cause: "Connection refused (os error 111)".to_owned(),
            }
            .at(&releases().latest()),
        ),
        (
            "",
            FetchFault::Tls {
                cause: "invalid peer certificate: UnknownIssuer".to_owned(),
            }
            .at(&releases_at("https://mirror.example:8443/hoop").latest()),
        ),
        (
            "not-tls",
            FetchFault::NotTls {
                cause: "received corrupt message of type InvalidContentType".to_owned(),
            }
            .at(&releases_at("https://mirror.example:8080/hoop").latest()),
        ),
        (
            "",
            FetchFault::NotHttp {
                cause: "invalid HTTP version parsed".to_owned(),
            }
            .at(&releases_at("http://mirror.example:22/hoop").latest()),
        ),
        (
            "",
            FetchFault::Proxy {
                cause: "it answered \"407 Proxy Authentication Required\"".to_owned(),
            }
            .at(&location),
        ),
        (
            "too-long",
            FetchFault::Overlong {
                received: 31_457_280,
                limit: Duration::from_mins(10),
            }
            .at(&location),
        ),
        (
            "no-roots",
            FetchFault::NoRoots {
                cause: "could not load certs from file /etc/company.pem: No such file or directory (os error 2)"
                    .to_owned(),
            }
            .at(&location),
        ),
        (
            "",
            FetchFault::Refused {
                answer: "401 Unauthorized".to_owned(),
            }
            .at(&location),
        ),
        (
            "no-tarball",
            FetchFault::NotFound {
                answer: "404 Not Found".to_owned(),
            }
            .at(&location),
        ),
        (
            "no-file",
            FetchFault::NotFound {
                answer: "no such file".to_owned(),
            }
            .at(&releases_at("file:///srv/hoop").tarball(&version(), &name())),
        ),
        (
            "",
            FetchFault::ServerError {
                attempts: 6,
                answer: "503 Service Unavailable".to_owned(),
            }
            .at(&location),
        ),
        (
            "",
            FetchFault::Stalled {
                received: 65_536,
                waited: Duration::from_secs(30),
            }
            .at(&location),
        ),
        (
            "",
            FetchFault::CutShort {
                attempts: 6,
                received: 65_536,
                cause: "connection closed before message completed".to_owned(),
            }
            .at(&location),
        ),
        ("", FetchFault::TooLarge { limit: 536_870_912 }.at(&location)),
        (
            "",
            FetchFault::FileUnreadable(kernel(13)).at(&releases_at("file:///srv/hoop").latest()),
        ),
        (
            "",
            FetchFault::ChecksumMismatch {
                name: name(),
                bytes: 18_874_368,
                expected: digest("a1"),
                received: digest("b2"),
            }
            .at(&location),
        ),
    ]
}

fn archive_errors() -> Vec<ArchiveError> {
    vec![
        ArchiveError::Damaged {
            name: name(),
            source: io::Error::new(io::ErrorKind::InvalidInput, "invalid gzip header"),
        },
        ArchiveError::NoAgent {
            name: name(),
            found: vec!["README.md".to_owned(), "bin/hoop".to_owned()],
        },
        ArchiveError::TooLarge { name: name() },
        ArchiveError::Duplicate {
            name: name(),
            file: "hoop",
        },
    ]
}

fn write_errors() -> Vec<(&'static str, WriteError)> {
    [("", 28), ("size", 27), ("open-files", 24), ("disk", 5)]
        .map(|(case, number)| {
            let path = ".hoop/bin/hoopstart".to_owned();
            let source = kernel(number);
            (case, WriteError { path, source })
        })
        .into()
}

fn proof_errors() -> Vec<(&'static str, ProofError)> {
    vec![
        ("", ProofError::NotStarted(kernel(8))),
        ("noexec", ProofError::NotStarted(kernel(13))),
        ("open-files", ProofError::NotStarted(kernel(24))),
        ("processes", ProofError::NotStarted(kernel(11))),
        ("interpreter", ProofError::NotStarted(kernel(2))),
        ("not-started", ProofError::NotStarted(kernel(5))),
        (
            "failed",
            ProofError::Failed {
                status: "signal 11".to_owned(),
                stderr: String::new(),
            },
        ),
        (
            "failed-with-words",
            ProofError::Failed {
                status: "exit status 1".to_owned(),
                stderr: "hoop: cannot allocate memory".to_owned(),
            },
        ),
        ("timed-out", ProofError::TimedOut),
        ("no-version", ProofError::NotVersion("Usage: hoop [command]".to_owned())),
        (
            "no-version-in-json",
            ProofError::NotVersion(r#"{"version":"unknown"}"#.to_owned()),
        ),
        ("", ProofError::OtherVersion(version_of("1.22.0"))),
        ("lingers", ProofError::Lingers),
        (
            "",
            ProofError::Changed {
                what: "agent/hoop_rs".to_owned(),
            },
        ),
    ]
}

fn install_errors() -> Vec<(&'static str, InstallError)> {
    let path = || PathBuf::from("/tmp/build_0123abcd");
    vec![
        (
            "",
            InstallError::BuildDirMissing {
                path: path(),
                source: kernel(2),
            },
        ),
        (
            "",
            InstallError::BuildDirUnwritable {
                path: path(),
                source: kernel(30),
            },
        ),
        (
            "open-files",
            InstallError::BuildDirUnwritable {
                path: path(),
                source: kernel(24),
            },
        ),
        (
            "",
            InstallError::Blocked {
                path: ".profile.d".to_owned(),
                source: kernel(20),
            },
        ),
        ("own-program", InstallError::OwnBinary(kernel(2))),
        ("own-program-open-files", InstallError::OwnBinary(kernel(24))),
    ]
}

fn layers_errors() -> Vec<(&'static str, cnb::error::BuildError)> {
    let unwritable = |number| {
        let path = PathBuf::from("/layers/hoophq_hoop");
        let source = kernel(number);
        LayersError::Unwritable { path, source }
    };
    vec![
        ("", unwritable(2).into()),
        ("space", unwritable(28).into()),
        ("own-program-layer", LayersError::OwnBinary(kernel(2)).into()),
        (
            "own-program-layer-open-files",
            LayersError::OwnBinary(kernel(24)).into(),
        ),
    ]
}

/// What the build log shows of `message`, less the blank lines around it.
fn logged(message: &Message) -> String {
    let mut alerts = Vec::new();
    let mut log = BuildLog::to(io::sink(), &mut alerts);
    log.tell(message);
    drop(log);
    let text = String::from_utf8(alerts).expect("messages are UTF-8");
    text.trim_matches('\n').to_owned()
}

/// `error` as a build shows it that stops, with its failure and its case.
fn shown_errors() -> Vec<(Failure, &'static str, String)> {
    let shown = |(case, error): (&'static str, BuildError)| {
        let message = messages::of_build_error(&error, Tone::Error);
        let failure = error.failure();
        assert_eq!(message.failure(), Some(failure));
        (failure, case, logged(&message))
    };
    let shown_in_image = |(case, error): (&'static str, cnb::error::BuildError)| {
        let message = cnb::messages::of_build_error(&error, Tone::Error);
        assert_eq!(message.failure(), Some(error.failure()));
        (error.failure(), case, logged(&message))
    };
    let in_images = layers_errors().into_iter().map(shown_in_image);
    errors().into_iter().map(shown).chain(in_images).collect()
}

#[test]
fn what_cannot_be_wrapped_reads_well() {
    use cnb::messages::{for_a_shell, not_there, nothing_wrapped};
    let shown = [
        not_there("clock", &["web".to_owned(), "worker".to_owned()]),
        not_there("web", &[]),
        for_a_shell("web"),
        nothing_wrapped(&io::Error::other("group.toml does not name this buildpack")),
    ];
    let shown: Vec<String> = shown.iter().map(logged).collect();
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("wrap", shown.join("\n\n"));
    });
}

/// Whether `failure` is met at run time.
fn is_of_a_boot(failure: Failure) -> bool {
    failure.id().starts_with("start::")
}

#[test]
fn every_error_of_a_build_reads_well() {
    for (failure, case, text) in shown_errors() {
        let id = failure.id().replace("::", ".");
        let name = if case.is_empty() { id } else { format!("{id}.{case}") };
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name, text);
        });
    }
}

#[test]
fn every_failure_has_a_text() {
    let met: BTreeSet<Failure> = shown_errors()
        .into_iter()
        .map(|(failure, ..)| failure)
        .chain(boot::faults().iter().map(Fault::failure))
        .chain(slug::faults().into_iter().map(|(failure, _)| failure))
        .collect();
    let known: BTreeSet<Failure> = Failure::ALL.iter().copied().collect();

    assert_eq!(met, known);
    for fault in boot::faults() {
        assert!(is_of_a_boot(fault.failure()), "{fault:?}");
    }
}

#[test]
fn what_is_said_of_a_slug_reads_well() {
    let faults = slug::faults();
    let lines: Vec<String> = faults
        .iter()
        .map(|(failure, text)| format!("{text} [{failure}]"))
        .collect();
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("slug", lines.join("\n"));
    });
    for (failure, text) in faults {
        assert!(failure.id().starts_with("slug::"), "{failure}");
        assert!(!text.contains(char::is_control), "{text}");
    }
}

#[test]
fn no_two_cases_share_a_snapshot() {
    let mut names = BTreeSet::new();
    for (failure, case, _) in shown_errors() {
        assert!(names.insert((failure, case)), "{failure} {case}");
    }
}

#[test]
fn an_error_says_what_is_wrong_where_things_stand_and_what_to_do() {
    for (failure, case, text) in shown_errors() {
        let prose = text.replace("\n !     release", " release");
        let place = |part: &str| {
            prose
                .find(part)
                .unwrap_or_else(|| panic!("{failure} {case}: no \"{part}\" in\n{text}"))
        };
        assert!(text.starts_with(" !     Error: "), "{text}");
        assert!(text.ends_with(&format!(" !\n !     Failure id: {failure}")), "{text}");
        assert!(
            place("Your running release is not affected.") < place("\n !     1. "),
            "{text}"
        );
        if text.contains("\n !     Details: ") {
            assert!(
                place("\n !     1. ") < place("\n !     Details: "),
                "the raw cause is last:\n{text}"
            );
        }
    }
}

#[test]
fn an_error_is_plain_text_that_fits() {
    let warnings = shown_warnings().into_iter();
    let texts = warnings.map(|(name, text)| (name.to_owned(), text));
    let errors = shown_errors().into_iter();
    for (failure, text) in texts.chain(errors.map(|(failure, _, text)| (failure.to_string(), text))) {
        for line in text.lines() {
            assert!(line == " !" || line.starts_with(" !     "), "{failure}: {line:?}");
            assert_eq!(line, line.trim_end(), "{failure}");
            assert!(!line.contains(char::is_control), "{failure}: {line:?}");
            let is_to_paste = line.starts_with(" !        ");
            let has_long_word = line.split_whitespace().any(|word| word.len() > LONGEST_WORD);
            assert!(
                line.chars().count() <= WIDTH || is_to_paste || has_long_word,
                "{failure}: {line}"
            );
        }
        for dull in ["invalid input", "went wrong", "please", "simply", "internal error"] {
            assert!(!text.to_lowercase().contains(dull), "{failure}: {dull}");
        }
    }
}

#[test]
fn an_agent_that_is_optional_turns_an_error_into_a_warning_that_knows_it() {
    for (_, error) in errors().into_iter().filter(|(_, error)| error.leaves_app_intact()) {
        let text = logged(&messages::of_build_error(&error, Tone::Warning));

        assert!(text.starts_with(" !     Warning: "), "{text}");
        assert!(text.contains("HOOP_INSTALL is \"optional\""), "{text}");
        for untrue in ["stopped and nothing", "heroku config:set HOOP_INSTALL"] {
            assert!(!text.contains(untrue), "{text}");
        }
    }
}

#[test]
fn a_warning_of_a_build_without_its_agent_reads_well() {
    let error = AcquireError::from(fetch_errors().swap_remove(0).1).into();
    let text = logged(&messages::of_build_error(&error, Tone::Warning));

    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("fetch.unreachable.as-a-warning", text);
    });
}

/// Every warning that is none of a failure, as a build shows it, with its name.
fn shown_warnings() -> Vec<(&'static str, String)> {
    let outage = FetchFault::ServerError {
        attempts: 6,
        answer: "503 Service Unavailable".to_owned(),
    };
    let outage = outage.at(&releases().latest());
    let standing_in = Event::StandingIn {
        error: &outage,
        version: &version(),
    };
    let Said::Warning(standing_in) = events::said(&standing_in) else {
        panic!("a warning is expected");
    };
    let mirror = releases_at("http://r0b0t:t0k3n@mirror.example/hoop");
    [
        ("outage", standing_in),
        ("cache", events::cache_unwritable(Path::new("/tmp/cache"), &kernel(30))),
        ("exposed", events::exposed(&mirror)),
        (
            "displaced",
            messages::displaced(&Displaced {
                path: ".profile.d/zz-hoop-buildpack.sh".to_owned(),
                was: "a file",
                is_replaced: true,
            }),
        ),
    ]
    .into_iter()
    .chain(advice())
    .map(|(name, warning)| (name, logged(&warning)))
    .collect()
}

/// Advice of every kind, with a name for it.
fn advice() -> Vec<(&'static str, Message)> {
    let procfile = |text: &str| ProcfileState::Read(Procfile::parse(text));
    let none = RunTimeVars::default;
    let alone = OtherBuildpacks::default;
    let after = |folder_var, will_clear| OtherBuildpacks {
        traces: vec![".profile.d/ruby.sh".to_owned()],
        folder_var,
        will_clear,
    };
    let value = |text: &str| Some(text.to_owned());
    let cases = [
        ("advice.no-procfile", ProcfileState::Missing, none(), alone()),
        (
            "advice.misnamed",
            ProcfileState::Misnamed {
                path: "procfile".to_owned(),
            },
            none(),
            alone(),
        ),
        (
            "advice.misplaced",
            ProcfileState::Misnamed {
                path: "backend/Procfile".to_owned(),
            },
            none(),
            alone(),
        ),
        (
            "advice.no-file",
            ProcfileState::NoFile { what: "a folder" },
            none(),
            alone(),
        ),
        (
            "advice.utf16",
            ProcfileState::Faulty(ProcfileFault::Utf16),
            none(),
            alone(),
        ),
        (
            "advice.empty",
            ProcfileState::Faulty(ProcfileFault::Empty),
            none(),
            alone(),
        ),
        (
            "advice.no-line",
            ProcfileState::Faulty(ProcfileFault::NoLine {
                first: "web bundle exec puma".to_owned(),
            }),
            none(),
            alone(),
        ),
        ("advice.forgotten", procfile("web: A=b puma"), none(), alone()),
        (
            "advice.forgotten-shell",
            procfile("web: cd app && puma"),
            none(),
            alone(),
        ),
        (
            "advice.release-only",
            procfile("release: rake db:migrate"),
            none(),
            alone(),
        ),
        ("advice.no-command", procfile("web: hoopstart"), none(), alone()),
        ("advice.no-separator", procfile("web: hoopstart puma"), none(), alone()),
        ("advice.dashes", procfile("web: hoopstart —— puma"), none(), alone()),
        (
            "advice.own-option",
            procfile("web: hoopstart --check puma"),
            none(),
            alone(),
        ),
        (
            "advice.no-option",
            procfile("web: hoopstart -e x puma"),
            none(),
            alone(),
        ),
        (
            "advice.no-blank",
            procfile("web: hoopstart --bundle exec puma"),
            none(),
            alone(),
        ),
        (
            "advice.quoted",
            procfile("web: hoopstart \"bundle exec puma\""),
            none(),
            alone(),
        ),
        (
            "advice.variable",
            procfile("web: hoopstart -- DB=postgres://r0b0t:t0k3n@db/x puma"),
            none(),
            alone(),
        ),
        (
            "advice.shell",
            procfile("web: hoopstart -- cd app && puma"),
            none(),
            alone(),
        ),
        (
            "advice.first-command",
            procfile("web: hoopstart -- bin/migrate && bin/server"),
            none(),
            alone(),
        ),
        (
            "advice.switch",
            procfile("web: hoopstart -- puma"),
            RunTimeVars {
                switches: vec![("HOOP_HIDE_KEY", "enabled".to_owned())],
                ..none()
            },
            alone(),
        ),
        (
            "advice.not-with-autostart",
            procfile("web: puma"),
            RunTimeVars {
                switches: vec![("HOOP_AUTOSTART", "on".to_owned()), ("HOOP_REQUIRED", "on".to_owned())],
                ..none()
            },
            alone(),
        ),
        (
            "advice.list",
            procfile("web: hoopstart -- puma"),
            RunTimeVars {
                process_types: value("web.*"),
                ..none()
            },
            alone(),
        ),
        (
            "advice.unknown-type",
            procfile("web: hoopstart -- puma\nclock: x"),
            RunTimeVars {
                ignored_types: value("clok"),
                ..none()
            },
            alone(),
        ),
        (
            "advice.shut-out",
            procfile("web: puma\nworker: hoopstart -- sidekiq"),
            RunTimeVars {
                process_types: value("web"),
                ..none()
            },
            alone(),
        ),
        (
            "advice.order",
            procfile("worker: hoopstart -- sidekiq"),
            none(),
            after(None, false),
        ),
        (
            "advice.order-folder",
            procfile("worker: hoopstart -- sidekiq"),
            none(),
            after(Some("PROJECT_PATH"), false),
        ),
        (
            "advice.cleared",
            ProcfileState::Missing,
            none(),
            after(Some("APP_BASE"), true),
        ),
    ];
    let version = version();
    let told = cases.iter().map(|(name, state, run_time, others)| {
        let mut told = advice::advice(&App {
            agent: Some(&version),
            is_pinned: true,
            procfile: state,
            by_script: &[],
            run_time,
            others,
        });
        assert_eq!(told.len(), 1, "{name}: {told:?}");
        (*name, told.remove(0))
    });
    let names = ["HOOP_VERISON".to_owned(), "HOOP_SHA".to_owned()];
    let one = advice::misspelt(&names[..1], None).map(|message| ("advice.misspelt", message));
    let two = advice::misspelt(&names, None).map(|message| ("advice.misspelt-more", message));
    told.chain(one).chain(two).collect()
}

#[test]
fn every_warning_of_a_build_reads_well() {
    for (name, text) in shown_warnings() {
        for secret in SECRETS {
            assert!(!text.contains(secret), "{text}");
        }
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(format!("warning.{name}"), text);
        });
    }
}

#[test]
fn every_line_of_a_boot_reads_well() {
    let mut lines: BTreeMap<Failure, Vec<String>> = BTreeMap::new();
    for fault in boot::faults() {
        lines.entry(fault.failure()).or_default().push(fault.line());
    }
    for (failure, lines) in lines {
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(failure.id().replace("::", "."), lines.join("\n"));
        });
    }
}

#[test]
fn every_line_of_a_boot_that_is_stopped_reads_well() {
    let lines: Vec<String> = boot::faults()
        .iter()
        .filter(|fault| fault.stops_a_required_agent())
        .map(Fault::line_if_required)
        .collect();
    for line in &lines {
        assert!(line.starts_with("hoopstart: error: "), "{line}");
        for untrue in ["app runs", "not affected", "agent was not", "will not connect"] {
            assert!(!line.contains(untrue), "{line}");
        }
    }
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("start.required", lines.join("\n"));
    });
}

#[test]
fn every_other_line_of_a_boot_reads_well() {
    let states = boot::troubles().into_iter().flat_map(|trouble| {
        let lasting = trouble.lasting(Duration::from_hours(3), 1350);
        [lasting, trouble.over(Duration::from_mins(5))]
    });
    let states: Vec<String> = states.collect();
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("start.log.ends", boot::ends().join("\n"));
        insta::assert_snapshot!("start.log.states", states.join("\n"));
        insta::assert_snapshot!("start.log.additions", boot::additions().join("\n"));
        insta::assert_snapshot!("start.log.debug", boot::debug_lines().join("\n"));
    });
}

#[test]
fn the_report_of_a_check_reads_well() {
    let report: String = boot::facts().iter().map(ToString::to_string).collect();
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("start.check", report);
    });
}

#[test]
fn the_report_of_a_status_reads_well() {
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("start.status", boot::status_report().to_string());
        insta::assert_snapshot!("start.status.nothing", StatusReport::default().to_string());
    });
}

#[test]
fn a_line_of_a_boot_is_one_line_with_its_id_at_the_end() {
    for fault in boot::faults() {
        let line = fault.line();
        assert!(line.starts_with("hoopstart: "), "{line}");
        assert!(line.ends_with(&format!(" [{}]", fault.failure())), "{line}");
        assert!(!line.contains(char::is_control), "{line}");
        // The two words that matter at night.
        let tells_state = [
            "app ",
            "runs ",
            "does not run ",
            "nothing was started",
            "counts as ",
            "list counts",
            "no such process type",
        ];
        assert!(tells_state.iter().any(|state| line.contains(state)), "{line}");
    }
}

#[test]
fn no_secret_is_in_any_text() {
    for (_, error) in errors() {
        let message = messages::of_build_error(&error, Tone::Error);
        let all = [
            logged(&message),
            logged(&messages::of_build_error(&error, Tone::Warning)),
            message.summary(),
            // What bin/report hands on, and what a panic would show.
            error.to_string(),
            format!("{error:?}"),
        ];
        for text in all {
            for secret in SECRETS {
                assert!(!text.contains(secret), "{text}");
            }
        }
    }
}
