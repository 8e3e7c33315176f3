//! The examples of the documents work, and show what the program prints.

use crate::markdown::{Document, Fence, unquoted};
use crate::support::build::Build;
use crate::support::dyno::{Dyno, Launch, QUIET_AGENT, STANDARD, Slug};
use crate::support::run::Run;
use crate::{document, documents, read, root};
use hoop_buildpack::acquire::config::RunTimeVars;
use hoop_buildpack::agent::hoop_yml::HoopYml;
use hoop_buildpack::config;
use hoop_buildpack::messages::publish::Announced;
use std::ffi::OsString;
use std::fs;
use std::process::Command;

/// The only command of a section.
fn command_of(section: &str) -> String {
    let fence = document("README.md")
        .section(section)
        .fence(|fence| fence.language == "sh");
    fence.text().trim_end().to_owned()
}

/// `line` with each number in one form: sizes and ports differ from run to run.
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

/// Whether `line` is what `shown` abbreviates: `…` stands for anything.
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

#[test]
fn the_checks_run_the_test_command_of_the_readme() {
    let tests = command_of("## Tests");

    assert_eq!(tests, "cargo test");
    assert!(read(".ci/run").contains(&tests));
}

/// The README shows the run of a release build on amd64; the tests have a debug build, and maybe another machine.
///
/// The app compiles itself at its first boot. A machine that is busy with other tests may not be done with that when
/// the ten seconds are over; then, and only then, the command is given more of them.
#[test]
fn the_try_command_does_what_the_readme_shows() {
    let command = command_of("## Try it on your machine");
    let arguments = command
        .strip_prefix("cargo run --release -- ")
        .expect("it builds the program");
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
    for shown in document("README.md").fence_with("-----> Hoop agent app detected").lines {
        if !printed.iter().any(|line| is_shown_as(line, &shown)) {
            run.fail(&format!("the README shows this line: {shown}"));
        }
    }
}

#[test]
fn the_documents_list_the_files_of_a_slug_and_show_its_logs() {
    let page = document("docs/what-it-does.md");
    let mirror = format!("file://{}", root().join("fixtures/releases").display());
    let build = Build::from(&mirror).with("HOOP_VERSION", &read("fixtures/releases/latest.txt"));
    build.compile().succeeds_quietly();
    for line in page.fence_with(".hoop/bin/hoop ").lines {
        let path = line.split_whitespace().next().expect("a line has a path");
        assert!(build.app().join(path).exists(), "{path}");
    }

    let again = build.compile();
    again.succeeds_quietly();
    let shown = page.fence_with("       Using the copy").lines;
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
    assert_eq!(check.stdout(), document("README.md").fence_with("runs: ").text());
}

/// Lines that a supervisor says long after they began to be true. `src/start/log/condition/tests.rs` has both.
const LATE: [&str; 2] = [
    "hoopstart: warning: for 60 min now, ",
    "hoopstart: connected again after ",
];

/// `tests/messages.rs` holds the snapshots against the program.
#[test]
fn quoted_messages_are_those_of_the_snapshots() {
    let snapshots: Vec<String> = fs::read_dir(root().join("tests/snapshots"))
        .expect("there are snapshots")
        .map(|entry| {
            let snapshot = read(entry.expect("it can be listed").path());
            let (_, text) = snapshot.split_once("\n---\n").expect("it has a head");
            text.to_owned()
        })
        .collect();
    let is_block = |fence: &Fence| fence.lines.iter().any(|line| line.starts_with(" !     "));
    let (mut blocks, mut lines) = (0, 0);
    for document in documents() {
        for block in document.fences().into_iter().filter(is_block) {
            assert!(snapshots.contains(&block.text()), "{}: {}", document.path, block.text());
            blocks += 1;
        }
        for quoted in document.code() {
            let is_line = quoted.starts_with("hoopstart: ") && quoted.len() > "hoopstart: ".len();
            if !is_line || LATE.iter().any(|late| quoted.starts_with(late)) {
                continue;
            }
            let mut known = snapshots.iter().flat_map(|text| text.lines());
            assert!(
                known.any(|line| is_shown_as(line, &quoted)),
                "{}: {quoted}",
                document.path
            );
            lines += 1;
        }
    }
    assert!(blocks >= 1 && lines >= 3, "the quoted messages are not found any more");
}

/// An app takes its buildpacks in this order, and the last one says how it starts.
#[test]
fn the_ways_to_install_name_this_buildpack_first_and_start_the_agent() {
    let page = document("docs/installing.md");
    let fence = |language: &str| page.fence(|fence| fence.language == language).text();
    let url = format!(
        "https://github.com/hoophq/heroku-hoop-buildpack#v{}",
        env!("CARGO_PKG_VERSION")
    );
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

#[test]
fn the_files_that_are_shown_can_be_read_and_the_log_is_that_of_the_first() {
    let page = document("docs/publish.md");
    let files: Vec<HoopYml> = page
        .fences()
        .iter()
        .filter(|fence| fence.lines[0] == "connections:")
        .map(|fence| HoopYml::parse(&fence.text()).expect("it has no mistake"))
        .collect();
    let [first, _] = files.as_slice() else {
        panic!("two are shown")
    };
    let agent = "1.148.0".parse().expect("it is a version");
    let announced = Announced {
        file: &Ok(first.clone()),
        agent: Some(&agent),
        run_time: &RunTimeVars::default(),
        sees_config: false,
        process_types: &[],
    };
    let lines = announced.announcement(|_| true).lines;
    let shown = page.fence_with("-----> ");
    let shown: Vec<&str> = shown.lines[1..].iter().map(|line| line.trim_start()).collect();
    assert_eq!(shown, lines);
    let keys: Vec<String> = page
        .section("The file")
        .table()
        .into_iter()
        .map(|row| unquoted(&row[0]))
        .collect();
    assert_eq!(
        keys,
        ["command", "database", "review", "mask", "export", "process_types"]
    );
}

#[test]
fn the_app_json_for_heroku_ci_switches_the_agent_off() {
    let json = document("docs/dynos.md").fence(|fence| fence.language == "json").text();
    let app: serde_yaml::Value = serde_yaml::from_str(&json).expect("it is JSON");
    let value = app["environments"]["test"]["env"][config::DISABLE].as_str();
    assert_eq!(value.and_then(config::switch), Some(true));
}

/// The line of the Procfile that `page` shows, without the process type.
fn procfile_line(page: &Document) -> String {
    let fence = page.fence_with("web: ");
    let line = fence.lines[0]
        .strip_prefix("web: ")
        .expect("it is a line of the Procfile");
    line.to_owned()
}

/// Starts `line` as a dyno without a key, where `doppler run --` has one for the command behind it.
fn with_secret_store(slug: &Slug, line: &str) -> Dyno {
    slug.put_program(
        "tmp/doppler",
        &format!("#!/bin/sh\nexport HOOP_KEY='{STANDARD}'\nshift 2\nexec \"$@\"\n"),
    );
    slug.put_program("tmp/bundle", "#!/bin/sh\necho \"app: $HOOP_KEY\"\nexec sleep 60\n");
    let mut path = OsString::from(slug.path("tmp"));
    for folder in [
        slug.path(".hoop/bin").into(),
        std::env::var_os("PATH").unwrap_or_default(),
    ] {
        path.push(":");
        path.push(folder);
    }
    let launch: Launch = slug.dyno().with("DYNO", "web.1").with("PATH", path);
    launch.plain(line.split_whitespace())
}

#[test]
fn a_secret_store_has_a_key_for_the_agent_if_it_starts_hoopstart() {
    let page = document("docs/keys.md");
    let right = procfile_line(&page.section("## A key from a secret store"));
    let wrong = "hoopstart -- doppler run -- bundle exec puma";
    assert!(page.code().iter().any(|code| code == wrong), "the page warns of it");

    let slug = Slug::of_agent(QUIET_AGENT);
    let dyno = with_secret_store(&slug, &right);
    dyno.prints(&format!("app: {STANDARD}\n"));
    dyno.logs("hoop | agent up\n").has_agents(1);

    let slug = Slug::of_agent(QUIET_AGENT);
    let dyno = with_secret_store(&slug, wrong);
    dyno.prints(&format!("app: {STANDARD}\n"));
    dyno.logs("[start::key-missing]\n").has_agents(0);
}
