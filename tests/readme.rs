//! Keeps the documents true: what they list is what the code has, what they quote is what it prints, what they
//! name exists, and the first command of the README does what is said there.

mod support;

use hoop_buildpack::acquire::config::DEFAULT_RELEASES_URL;
use hoop_buildpack::acquire::error::AcquireError;
use hoop_buildpack::acquire::fetch::Patience;
use hoop_buildpack::acquire::latest::VersionError;
use hoop_buildpack::acquire::release_server::ReleasesUrl;
use hoop_buildpack::build_log::BuildLog;
use hoop_buildpack::classic::error::BuildError;
use hoop_buildpack::classic::messages;
use hoop_buildpack::cli;
use hoop_buildpack::config::{self, ReadAt};
use hoop_buildpack::failure::Failure;
use hoop_buildpack::messages::message::Tone;
use hoop_buildpack::start::fault::Fault;
use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::process::Command;
use support::build::Build;
use support::run::Run;

const README: &str = include_str!("../README.md");
const CONTRIBUTING: &str = include_str!("../CONTRIBUTING.md");
const CHANGELOG: &str = include_str!("../CHANGELOG.md");
const INSTALLING: &str = include_str!("../docs/installing.md");
const RELEASING: &str = include_str!("../RELEASING.md");

/// Every document, by its path.
const DOCUMENTS: [(&str, &str); 13] = [
    ("README.md", README),
    ("CONTRIBUTING.md", CONTRIBUTING),
    ("CHANGELOG.md", CHANGELOG),
    ("RELEASING.md", RELEASING),
    ("SECURITY.md", include_str!("../SECURITY.md")),
    ("docs/connecting.md", include_str!("../docs/connecting.md")),
    ("docs/installing.md", INSTALLING),
    ("docs/launchers.md", include_str!("../docs/launchers.md")),
    ("docs/log.md", include_str!("../docs/log.md")),
    ("docs/mirrors.md", include_str!("../docs/mirrors.md")),
    ("docs/resources.md", include_str!("../docs/resources.md")),
    ("docs/security.md", include_str!("../docs/security.md")),
    ("docs/status.md", include_str!("../docs/status.md")),
];

const CONDITION: &str = include_str!("../src/start/log/condition.rs");
const SUPERVISOR: &str = include_str!("../src/start/supervise/supervisor.rs");

/// The commands that are the whole set-up on a fresh machine.
const TRY: &str = "cargo run --release -- try fixtures/apps/web-drains --env-file fixtures/demo.env --stop-after 10";
const TEST: &str = "cargo test";

/// The scripts that tell failures of their own, since there is no program yet to do it.
const SHIMS: [&str; 2] = [
    include_str!("../bin/hoop-buildpack"),
    include_str!("../libexec/fetch.sh"),
];

/// The folder of the documents.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A block between fences.
#[derive(Debug)]
struct Fence {
    language: String,
    lines: Vec<String>,
}

impl Fence {
    /// Returns the block with its lines ended.
    fn text(&self) -> String {
        self.lines.iter().flat_map(|line| [line, "\n"]).collect()
    }
}

/// Returns the fenced blocks of `document`, less the indent of a list they stand in.
fn fences(document: &str) -> Vec<Fence> {
    let mut fences = Vec::new();
    let mut open: Option<(usize, Fence)> = None;
    for line in document.lines() {
        let indent = line.len() - line.trim_start().len();
        match (&mut open, line.trim_start().strip_prefix("```")) {
            (None, Some(language)) => {
                let language = language.to_owned();
                let lines = Vec::new();
                open = Some((indent, Fence { language, lines }));
            }
            (Some(_), Some(_)) => fences.extend(open.take().map(|(_, fence)| fence)),
            (Some((indent, fence)), None) => fence.lines.push(line.get(*indent..).unwrap_or_default().to_owned()),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a fence is not closed");
    fences
}

/// Returns the one block of the README that has a line which begins with `beginning`.
fn fence_with(beginning: &str) -> Fence {
    let mut found = fences(README);
    found.retain(|fence| fence.lines.iter().any(|line| line.starts_with(beginning)));
    assert_eq!(found.len(), 1, "blocks of the README with {beginning:?}");
    found.remove(0)
}

/// Returns the rows of the first table below `heading`, cell by cell.
fn table(document: &str, heading: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| -> Vec<String> {
        let line = line.trim().trim_start_matches('|').trim_end_matches('|');
        line.split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    document
        .lines()
        .skip_while(|line| *line != heading)
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'))
        .skip(2)
        .map(cells)
        .collect()
}

/// Returns everything in `document` that is set as code: spans, and lines of fenced blocks.
fn code(document: &str) -> Vec<String> {
    let mut code: Vec<String> = fences(document).into_iter().flat_map(|fence| fence.lines).collect();
    let mut is_fenced = false;
    for line in document.lines() {
        if line.trim_start().starts_with("```") {
            is_fenced = !is_fenced;
        } else if !is_fenced {
            code.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    code
}

/// Returns `text` without the back quotes of a code span.
fn unquoted(text: &str) -> String {
    text.trim_matches('`').to_owned()
}

/// Returns `line` with each number in one form: sizes and ports differ from run to run.
fn without_numbers(line: &str) -> String {
    let mut kept = String::new();
    for character in line.chars() {
        if !character.is_ascii_digit() {
            kept.push(character);
        } else if !kept.ends_with('#') {
            kept.push('#');
        }
    }
    kept
}

/// Answers whether `line` is what `shown` abbreviates: `…` stands for anything.
fn is_shown_as(line: &str, shown: &str) -> bool {
    let (line, shown) = (without_numbers(line), without_numbers(shown));
    let mut rest = line.as_str();
    for (number, part) in shown.split('…').enumerate() {
        match rest.find(part) {
            Some(0) => rest = &rest[part.len()..],
            Some(place) if number > 0 => rest = &rest[place + part.len()..],
            _ => return false,
        }
    }
    rest.is_empty() || shown.ends_with('…')
}

/// Returns the URL of the mirror in `fixtures`.
fn mirror() -> String {
    format!("file://{}", root().join("fixtures/releases").display())
}

#[test]
fn the_config_var_table_is_that_of_the_code() {
    let mut listed: Vec<(String, String)> = table(README, "## Config vars")
        .into_iter()
        .map(|row| (unquoted(&row[0]), row[1].clone()))
        .collect();
    let mut known: Vec<(String, String)> = config::ALL
        .iter()
        .map(|var| {
            let read_at = match var.read_at {
                ReadAt::Build => "build",
                ReadAt::Run => "run",
            };
            (var.name.to_owned(), read_at.to_owned())
        })
        .collect();
    listed.sort();
    known.sort();

    assert_eq!(listed, known);
    assert!(README.contains(config::DEBUG_OLD));
}

#[test]
fn the_defaults_in_the_readme_are_those_of_the_code() {
    let releases = table(README, "## Config vars")
        .into_iter()
        .find(|row| unquoted(&row[0]) == config::RELEASES_URL)
        .unwrap();
    assert_eq!(unquoted(&releases[2]), DEFAULT_RELEASES_URL);

    let patience = Patience::default();
    let limits = format!(
        "(seconds; {} and {} if unset)",
        patience.connect.as_secs(),
        patience.whole.as_secs()
    );
    assert!(README.contains(&limits), "{limits}");
    assert_eq!(patience.attempts, 6);
    assert!(README.contains("tried six times in all"));
    for (variable, default) in [
        ("HOOP_BUILDPACK_RETRY_BASE_MS", patience.first_pause),
        ("HOOP_BUILDPACK_STALL_MS", patience.stall),
    ] {
        let (_, behind) = CONTRIBUTING.split_once(variable).unwrap();
        let default = format!("({})", default.as_millis());
        let place = behind.find('(').unwrap();
        assert!(behind[place..].starts_with(&default), "{variable} {default}");
    }
}

#[test]
fn the_troubleshooting_table_has_every_failure() {
    let rows = table(README, "## Troubleshooting");
    let mut listed: Vec<String> = rows.iter().map(|row| unquoted(&row[0])).collect();
    let mut known: Vec<String> = Failure::ALL.iter().map(|failure| failure.id().to_owned()).collect();
    let of_shims = SHIMS.iter().flat_map(|script| script.lines());
    known.extend(
        of_shims
            .filter_map(|line| line.strip_prefix("Failure id: "))
            .map(str::to_owned),
    );
    listed.sort();
    known.sort();

    assert_eq!(listed, known);
    for row in rows {
        assert!(row.len() == 3 && row.iter().all(|cell| !cell.is_empty()), "{row:?}");
    }
    assert!(listed.iter().filter(|id| id.starts_with("shim::")).count() >= 5);
}

#[test]
fn the_table_of_faults_has_every_failure_of_a_transfer_and_an_archive() {
    let named = code(&table_text("### What a fault becomes"));
    for failure in Failure::ALL {
        let id = failure.id();
        // A `file:` server has no transfer.
        let is_of_a_server =
            (id.starts_with("fetch::") || id.starts_with("archive::")) && id != "fetch::file-unreadable";
        assert!(
            !is_of_a_server || named.iter().any(|text| text == id),
            "{id} is in no row"
        );
    }
    for id in named.iter().filter(|text| text.contains("::")) {
        assert!(
            Failure::ALL.iter().any(|failure| failure.id() == id),
            "there is no failure {id}"
        );
    }
}

/// Returns the lines of the README's table below `heading`.
fn table_text(heading: &str) -> String {
    let rows = table(README, heading);
    assert!(!rows.is_empty(), "there is no table below {heading}");
    rows.concat().join("\n")
}

#[test]
fn the_first_two_commands_are_the_whole_set_up() {
    let commands: Vec<String> = fences(README)
        .into_iter()
        .filter(|fence| fence.language == "sh")
        .take(2)
        .map(|fence| fence.text())
        .collect();

    assert_eq!(commands, [format!("{TRY}\n"), format!("{TEST}\n")]);
    assert!(std::fs::read_to_string(root().join(".ci/run")).unwrap().contains(TEST));
}

/// The README shows the run of a release build on amd64; the tests have a debug build, and maybe another machine.
///
/// The app compiles itself at its first boot. A machine that is busy with other tests may not be done with that when
/// the five seconds are over; then, and only then, the command is given more of them.
#[test]
fn the_first_command_does_what_the_readme_shows() {
    let (_, arguments) = TRY.split_once(" -- ").unwrap();
    let run_with = |arguments: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hoop-buildpack"));
        command.args(arguments.split_whitespace()).current_dir(root());
        Run::of(command)
    };
    let mut run = run_with(arguments);
    if !run.stdout().contains("listening on port") {
        run = run_with(&arguments.replace("--stop-after 10", "--stop-after 60"));
    }
    run.exits(0);

    let printed: Vec<String> = run
        .stdout()
        .lines()
        .chain(run.stderr().lines())
        .map(|line| {
            line.replace("Linux_arm64", "Linux_x86_64")
                .replace("linux/arm64", "linux/amd64")
        })
        .collect();
    for shown in fence_with("-----> Hoop agent app detected").lines {
        if !printed.iter().any(|line| is_shown_as(line, &shown)) {
            run.fail(&format!("the README shows this line: {shown}"));
        }
    }
}

#[test]
fn the_readme_lists_the_files_of_a_slug_and_shows_its_logs() {
    let version = std::fs::read_to_string(root().join("fixtures/releases/latest.txt")).unwrap();
    let build = Build::from(&mirror()).with("HOOP_VERSION", &version);
    build.compile().succeeds_quietly();
    for line in fence_with(".hoop/bin/hoop ").lines {
        let path = line.split_whitespace().next().unwrap();
        assert!(build.app().join(path).exists(), "{path}");
    }

    let again = build.compile();
    again.succeeds_quietly();
    let shown = fence_with("       Using the copy").lines;
    let printed: Vec<&str> = again.stdout().lines().collect();
    assert_eq!(shown.len(), printed.len(), "{printed:?}");
    for (line, shown) in printed.iter().zip(&shown) {
        assert!(is_shown_as(line, shown), "{line}\n{shown}");
    }

    let mut check = Command::new(build.app().join(".hoop/bin/hoopstart"));
    check
        .arg("--check")
        .env_clear()
        .env("HOME", build.app())
        .env("DYNO", "web.1")
        .env("HOOP_KEY", "grpcs://my-app:s3cr3t@gateway.example:8443?mode=standard");
    let check = Run::of(check);
    check.exits(0);
    assert_eq!(check.stdout(), fence_with("runs: ").text());
}

#[test]
fn quoted_messages_are_what_the_code_prints() {
    let version = "1.36.99".parse().unwrap();
    let releases: ReleasesUrl = DEFAULT_RELEASES_URL.parse().unwrap();
    let error = BuildError::from(AcquireError::from(VersionError::VersionNotFound {
        location: releases.checksums(&version),
        version,
        answer: "404 Not Found".to_owned(),
        is_latest: false,
    }));
    let mut alerts = Vec::new();
    BuildLog::to(io::sink(), &mut alerts).tell(&messages::of_build_error(&error, Tone::Error));
    let alerts = String::from_utf8(alerts).unwrap();
    assert_eq!(
        fence_with(" !     Error: ").text(),
        alerts.trim_start_matches('\n').replace("\n\n", "\n")
    );

    let lines = [
        Fault::KeyMissing.line(),
        Fault::CommandNotFound {
            command: "bundel".to_owned(),
        }
        .line(),
        "hoopstart: warning: agent exited with status 1 after 3s; next try in 1s, the app is not affected".to_owned(),
    ];
    assert!(
        SUPERVISOR.contains("after {}s; next try in {}s\"")
            && CONDITION.contains("{line}, the app is not affected{}\"")
    );
    let quoted: BTreeSet<String> = code(README)
        .into_iter()
        .filter(|line| line.starts_with("hoopstart: ") && line.len() > "hoopstart: ".len())
        .collect();
    assert_eq!(quoted, BTreeSet::from(lines));
}

/// Returns the anchors of the headings in `document`, as GitHub names them.
fn anchors(document: &str) -> BTreeSet<String> {
    let mut is_fenced = false;
    let headings = document.lines().filter(|line| {
        is_fenced ^= line.trim_start().starts_with("```");
        !is_fenced && line.starts_with('#')
    });
    let anchor = |heading: &str| {
        let title = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = |character: &char| character.is_alphanumeric() || " -_".contains(*character);
        title.chars().filter(kept).collect::<String>().replace(' ', "-")
    };
    headings.map(anchor).collect()
}

#[test]
fn links_lead_somewhere() {
    for (name, document) in DOCUMENTS {
        let folder = root().join(name).parent().unwrap().to_owned();
        for link in document.split("](").skip(1) {
            let target = link.split(')').next().unwrap_or_default();
            if target.starts_with("https://") {
                continue;
            }
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let linked = if path.is_empty() {
                root().join(name)
            } else {
                folder.join(path)
            };
            assert!(linked.exists(), "{name}: {target}");
            if !anchor.is_empty() {
                let text = std::fs::read_to_string(&linked).unwrap();
                assert!(anchors(&text).contains(anchor), "{name}: {target}");
            }
        }
    }
}

#[test]
fn every_document_can_be_found_from_the_readme() {
    let mut pages: BTreeSet<String> = ["docs", "."]
        .into_iter()
        .flat_map(|folder| std::fs::read_dir(root().join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .map(|path| {
            let path = path.strip_prefix(root()).unwrap().to_str().unwrap();
            path.trim_start_matches("./").to_owned()
        })
        .collect();
    for (name, _) in DOCUMENTS {
        assert!(pages.remove(name), "{name}");
        assert!(name == "README.md" || README.contains(&format!("]({name})")), "{name}");
    }
    assert!(pages.is_empty(), "not read by these tests: {pages:?}");
}

#[test]
fn paths_that_are_named_exist() {
    // Those of a slug, of the first buildpack, and of a copy that holds its program.
    let elsewhere = ["bin/hoopstart", "bin/hoop", "libexec/hoop-buildpack-linux-amd64"];
    let folders = [
        "src/",
        "tests/",
        "fixtures/",
        "bin/",
        "libexec/",
        "docs/",
        ".ci/",
        ".cargo/",
        ".github/",
    ];
    for (name, document) in DOCUMENTS {
        for code in code(document) {
            for word in code.split_whitespace() {
                let is_ours = folders.iter().any(|folder| word.starts_with(folder)) && !elsewhere.contains(&word);
                assert!(
                    !is_ours || word.contains(['*', '…', '<']) || root().join(word).exists(),
                    "{name}: {word}"
                );
            }
        }
    }
}

#[test]
fn variables_that_are_named_are_read() {
    // Of the process environment, and of the agent.
    let mut known = BTreeSet::from([
        "HOOP_BUILDPACK_LOOK_MS",
        "HOOP_BUILDPACK_RELEASES_URL",
        "HOOP_BUILDPACK_RETRY_BASE_MS",
        "HOOP_BUILDPACK_STALL_MS",
        "HOOP_REAL_GATEWAY",
        "HOOP_REAL_RELEASES",
        "HOOP_TLSCA",
        "HOOP_TLSSERVERNAME",
        "HOOP_TLS_SKIP_VERIFY",
        config::DEBUG_OLD,
    ]);
    known.extend(config::ALL.iter().map(|var| var.name));
    for (name, document) in DOCUMENTS {
        let words = document.split(|character: char| !(character.is_ascii_alphanumeric() || character == '_'));
        for word in words.filter(|word| word.starts_with("HOOP_") || word.starts_with("HOOPSTART_")) {
            assert!(known.contains(word), "{name}: {word}");
        }
    }
}

#[test]
fn what_the_documents_say_of_the_scripts_is_so() {
    let [_, fetch] = SHIMS;
    assert!(fetch.contains("HOOP_BUILDPACK_RELEASES_URL"));
    assert!(fetch.contains("${CURL_CONNECT_TIMEOUT:-3}") && fetch.contains("${CURL_TIMEOUT:-60}"));
    assert!(INSTALLING.contains("(seconds; 3 and 60\nif unset"));

    let help = Command::new(root().join("bin/package")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let mut seen = 0;
    for (name, document) in DOCUMENTS {
        for code in code(document) {
            let Some((_, arguments)) = code.split_once("bin/package ") else {
                continue;
            };
            for option in arguments.split_whitespace().filter(|word| word.starts_with("--")) {
                assert!(option == "--help" || help.contains(option), "{name}: {code}");
                seen += 1;
            }
        }
    }
    assert!(seen >= 5, "the options of bin/package are not found any more");
}

#[test]
fn a_release_is_ten_lines_and_the_main_branch_never_names_what_is_not_published() {
    // A person does this by hand, so it has an end.
    let commands = &fences(RELEASING)[0];
    assert!(commands.language == "sh" && commands.lines.len() <= 10);
    let place = |beginning: &str| {
        let found = commands.lines.iter().position(|line| line.starts_with(beginning));
        found.unwrap_or_else(|| panic!("no line begins with {beginning}"))
    };
    let tag = format!("v{}", env!("CARGO_PKG_VERSION"));
    let order = [
        "rm -rf dist && gh run download \"$run\" ".to_owned(),
        format!("bin/package --pin && bin/package --check {tag}"),
        format!("git push origin {tag}"),
        format!("bin/package --check {tag} --published"),
        "git push origin main".to_owned(),
    ];
    let places: Vec<_> = order.iter().map(|line| place(line)).collect();
    assert!(places.is_sorted(), "{commands:?}");
    assert_eq!(places.last(), Some(&(commands.lines.len() - 1)));

    // Without the first the newest run is asked for, and without the second one that has failed looks like one that
    // has not.
    for line in commands.lines.iter().filter(|line| line.starts_with("gh run watch")) {
        assert!(line.contains("$run") || line.contains("$(gh run list "), "{line}");
        assert!(line.contains(" --exit-status "), "{line}");
    }
}

#[test]
fn once_there_is_a_release_no_document_says_that_there_is_none() {
    let is_released = include_str!("../libexec/release").contains("\nversion ");
    for (name, document, words) in [
        ("README.md", README, "until the first release"),
        ("docs/installing.md", INSTALLING, "until the first release"),
        ("CHANGELOG.md", CHANGELOG, ", once there is a release"),
    ] {
        let text = document.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(text.contains(words), !is_released, "{words:?} in {name}");
    }
}

#[test]
fn options_that_are_named_exist() {
    let mut commands = cli::command();
    commands.build();
    let mut seen = 0;
    for code in DOCUMENTS.into_iter().flat_map(|(_, document)| code(document)) {
        let words: Vec<&str> = code.split_whitespace().collect();
        let behind = |program: &str| {
            let place = words.iter().position(|word| *word == program)?;
            Some(&words[place + 1..])
        };
        let (command, arguments) = if let Some(arguments) = behind("hoopstart") {
            (commands.find_subcommand("start"), arguments)
        } else {
            let of_cargo = || behind("--").filter(|_| words.starts_with(&["cargo", "run"]));
            let Some(arguments) = behind("hoop-buildpack").or_else(of_cargo) else {
                continue;
            };
            match arguments.first() {
                Some(name) if !name.starts_with('-') => (commands.find_subcommand(name), arguments),
                _ => (Some(&commands), arguments),
            }
        };
        let command = command.unwrap_or_else(|| panic!("no such command: {code}"));
        for option in arguments.iter().take_while(|word| **word != "--") {
            let Some(option) = option.strip_prefix("--") else {
                continue;
            };
            let exists = command
                .get_arguments()
                .any(|argument| argument.get_long() == Some(option));
            assert!(exists, "no --{option}: {code}");
            seen += 1;
        }
    }
    assert!(seen >= 4, "the options of the README are not found any more");
}

#[test]
fn versions_agree() {
    let newest = CHANGELOG
        .lines()
        .find_map(|line| line.strip_prefix("## [")?.split(']').next());
    assert_eq!(newest, Some(env!("CARGO_PKG_VERSION")));
    let mut shown = README
        .lines()
        .filter_map(|line| line.strip_prefix("-----> Hoop buildpack "));
    assert!(shown.all(|version| version == env!("CARGO_PKG_VERSION")));

    for (name, document) in DOCUMENTS {
        for behind in document.split("heroku-hoop-buildpack#v").skip(1) {
            assert!(behind.starts_with(env!("CARGO_PKG_VERSION")), "{name}");
        }
        for behind in document.split("hoop-buildpack-").skip(1) {
            let is_version = behind.starts_with(|character: char| character.is_ascii_digit());
            assert!(!is_version || behind.starts_with(env!("CARGO_PKG_VERSION")), "{name}");
        }
    }

    let rust = format!("[Rust](https://rustup.rs) {} or later", env!("CARGO_PKG_RUST_VERSION"));
    for document in [README, CONTRIBUTING] {
        assert!(document.contains(&rust), "{rust}");
    }
}

/// An app takes its buildpacks in this order, and the last one says how it starts.
#[test]
fn the_ways_to_install_name_this_buildpack_first_and_start_the_agent() {
    let url = format!(
        "https://github.com/hoophq/heroku-hoop-buildpack#v{}",
        env!("CARGO_PKG_VERSION")
    );
    let fence = |language: &str| {
        let mut found = fences(INSTALLING);
        found.retain(|fence| fence.language == language);
        assert_eq!(found.len(), 1, "{language}");
        found.remove(0).text()
    };
    // JSON is YAML, <https://yaml.org/spec/1.2.2/#12-yaml-history>
    let app: serde_yaml::Value = serde_yaml::from_str(&fence("json")).expect("it is JSON");
    assert_eq!(app["buildpacks"][0]["url"].as_str(), Some(url.as_str()));
    assert!(app["buildpacks"][1]["url"].as_str().is_some());
    assert_eq!(app["env"]["HOOP_AUTOSTART"]["value"].as_str(), Some("true"));

    let terraform = fence("hcl");
    let list = terraform.split_once("buildpacks = [").expect("there is a list").1;
    assert_eq!(list.split_whitespace().next(), Some(format!("\"{url}\",").as_str()));
    assert!(terraform.contains("HOOP_AUTOSTART = \"true\""));
}
