//! What the documents name exists: paths, variables, options, versions.

use crate::markdown::Document;
use crate::{document, documents, read, root, shims};
use hoop_buildpack::{cli, config};
use std::collections::BTreeSet;
use std::process::Command;

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
    for document in documents() {
        for code in document.code() {
            for word in code.split_whitespace() {
                let is_ours = folders.iter().any(|folder| word.starts_with(folder)) && !elsewhere.contains(&word);
                assert!(
                    !is_ours || word.contains(['*', '…', '<']) || root().join(word).exists(),
                    "{}: {word}",
                    document.path
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
        "HOOP_REAL_DATABASE",
        "HOOP_REAL_GATEWAY",
        "HOOP_REAL_RELEASES",
        "HOOP_TLSCA",
        "HOOP_TLSSERVERNAME",
        "HOOP_TLS_SKIP_VERIFY",
        config::DEBUG_OLD,
    ]);
    known.extend(config::ALL.iter().map(|var| var.name));
    for document in documents() {
        let is_of_word = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let words = document.text.split(|character: char| !is_of_word(character));
        for word in words.filter(|word| word.starts_with("HOOP_") || word.starts_with("HOOPSTART_")) {
            assert!(known.contains(word), "{}: {word}", document.path);
        }
    }
}

#[test]
fn what_the_documents_say_of_the_scripts_is_so() {
    let [_, fetch] = shims();
    assert!(fetch.contains("HOOP_BUILDPACK_RELEASES_URL"));
    assert!(fetch.contains("${CURL_CONNECT_TIMEOUT:-3}") && fetch.contains("${CURL_TIMEOUT:-60}"));
    let installing = document("docs/installing.md").prose();
    assert!(installing.contains("(seconds; 3 and 60 if unset"));

    let help = Command::new(root().join("bin/package"))
        .arg("--help")
        .output()
        .expect("it can be started");
    let help = String::from_utf8(help.stdout).expect("it is text");
    let mut seen = 0;
    for document in documents() {
        for code in document.code() {
            let Some((_, arguments)) = code.split_once("bin/package ") else {
                continue;
            };
            for option in arguments.split_whitespace().filter(|word| word.starts_with("--")) {
                assert!(option == "--help" || help.contains(option), "{}: {code}", document.path);
                seen += 1;
            }
        }
    }
    assert!(seen >= 5, "the options of bin/package are not found any more");
}

#[test]
fn options_that_are_named_exist() {
    let mut commands = cli::command();
    commands.build();
    let mut seen = 0;
    for code in documents().iter().flat_map(Document::code) {
        // What another command starts may be in quotation marks.
        let words: Vec<&str> = code.split_whitespace().map(|word| word.trim_matches('"')).collect();
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
        // One of several of its kind.
        let named = arguments.get(1).and_then(|name| command.find_subcommand(name));
        let command = named.unwrap_or(command);
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
    assert!(seen >= 4, "the options of the documents are not found any more");
}

#[test]
fn versions_agree() {
    let changelog = read("CHANGELOG.md");
    let newest = changelog
        .lines()
        .find_map(|line| line.strip_prefix("## [")?.split(']').next());
    assert_eq!(newest, Some(env!("CARGO_PKG_VERSION")));

    for document in documents() {
        let lines = document.text.lines();
        let mut shown = lines.filter_map(|line| line.strip_prefix("-----> Hoop buildpack "));
        assert!(
            shown.all(|version| version == env!("CARGO_PKG_VERSION")),
            "{}",
            document.path
        );
        for behind in document.text.split("heroku-hoop-buildpack#v").skip(1) {
            assert!(behind.starts_with(env!("CARGO_PKG_VERSION")), "{}", document.path);
        }
        for behind in document.text.split("hoop-buildpack-").skip(1) {
            let is_version = behind.starts_with(|character: char| character.is_ascii_digit());
            assert!(
                !is_version || behind.starts_with(env!("CARGO_PKG_VERSION")),
                "{}",
                document.path
            );
        }
    }

    let rust = format!("[Rust](https://rustup.rs) {} or later", env!("CARGO_PKG_RUST_VERSION"));
    for path in ["README.md", "CONTRIBUTING.md"] {
        assert!(read(path).contains(&rust), "{path}: {rust}");
    }
}
