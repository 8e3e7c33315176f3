//! What the documents list is what the code has.

use crate::markdown::{Document, anchor, unquoted};
use crate::{document, documents, shims};
use hoop_buildpack::acquire::config::DEFAULT_RELEASES_URL;
use hoop_buildpack::acquire::fetch::Patience;
use hoop_buildpack::config::{self, ReadAt};
use hoop_buildpack::failure::Failure;
use std::collections::BTreeSet;

/// The table of config vars.
fn config_vars() -> Vec<Vec<String>> {
    document("README.md").section("## Config vars").table()
}

/// Every failure id: of the program, and of the scripts that get it.
fn failure_ids() -> BTreeSet<String> {
    let of_shims: BTreeSet<String> = shims()
        .iter()
        .flat_map(|script| script.lines())
        .filter_map(|line| line.strip_prefix("Failure id: "))
        .map(str::to_owned)
        .collect();
    assert!(of_shims.len() >= 5 && of_shims.iter().all(|id| id.starts_with("shim::")));
    let of_program = Failure::ALL.iter().map(|failure| failure.id().to_owned());
    of_program.chain(of_shims).collect()
}

#[test]
fn the_config_var_table_is_that_of_the_code() {
    // Links are for those who read the page.
    let plain = |cell: &str| {
        let mut text = String::new();
        for (number, piece) in cell.split("](").enumerate() {
            let behind = piece.split_once(')').filter(|_| number > 0);
            text.push_str(&behind.map_or(piece, |(_, behind)| behind).replace('[', ""));
        }
        text.replace(['`', '*'], "")
    };
    let rows = config_vars();
    for (row, var) in rows.iter().zip(config::ALL) {
        let read_at = match var.read_at {
            ReadAt::Build => "build",
            ReadAt::Run => "run",
        };
        let cells: Vec<String> = row.iter().map(|cell| plain(cell)).collect();
        assert_eq!(cells[..3], [var.name, read_at, var.default]);
        let effect = plain(var.effect);
        assert!(cells[3].starts_with(&effect), "{}: {effect}", cells[3]);
    }
    assert_eq!(rows.len(), config::ALL.len());
    assert!(document("README.md").text.contains(config::DEBUG_OLD));
}

#[test]
fn the_defaults_in_the_documents_are_those_of_the_code() {
    let releases = config_vars()
        .into_iter()
        .find(|row| unquoted(&row[0]) == config::RELEASES_URL)
        .expect("it is listed");
    assert_eq!(unquoted(&releases[2]), DEFAULT_RELEASES_URL);

    let Patience {
        connect,
        whole,
        stall,
        attempts,
        first_pause,
    } = Patience::default();
    let limits = format!("(seconds; {} and {} if unset)", connect.as_secs(), whole.as_secs());
    assert!(document("README.md").prose().contains(&limits), "{limits}");
    let faults = document("docs/faults.md").prose();
    assert_eq!(attempts, 6);
    for sentence in [
        "tried six times in all".to_owned(),
        format!("has {} s to connect", connect.as_secs()),
        format!("ends after {} s of silence", stall.as_secs()),
        format!("has {} min (`CURL_TIMEOUT`)", whole.as_secs() / 60),
    ] {
        assert!(faults.contains(&sentence), "{sentence}");
    }
    let contributing = document("CONTRIBUTING.md").text;
    for (variable, default) in [
        ("HOOP_BUILDPACK_RETRY_BASE_MS", first_pause),
        ("HOOP_BUILDPACK_STALL_MS", stall),
    ] {
        let (_, behind) = contributing.split_once(variable).expect("it is named");
        let (_, behind) = behind.split_once('(').expect("its default is named");
        let default = format!("{})", default.as_millis());
        assert!(behind.starts_with(&default), "{variable} {default}");
    }
}

#[test]
fn every_failure_has_an_anchor_with_its_meaning_and_what_to_do() {
    let page = document("docs/troubleshooting.md");
    let listed: Vec<String> = page
        .headings()
        .filter(|heading| heading.starts_with('`'))
        .map(unquoted)
        .collect();
    let known = failure_ids();

    assert_eq!(listed.iter().cloned().collect::<BTreeSet<_>>(), known);
    assert_eq!(listed.len(), known.len(), "an id has two headings");
    let anchors: BTreeSet<String> = known.iter().map(|id| id.replace(':', "")).collect();
    assert!(anchors.is_subset(&page.anchors()));
    assert_eq!(anchors.len(), known.len(), "two ids have one anchor");
    for id in listed {
        let section = page.section(&format!("### `{id}`"));
        let paragraphs = section.text.trim().split("\n\n").count();
        assert!(paragraphs >= 2, "{id}: {}", section.text);
        assert_eq!(anchor(&format!("`{id}`")), id.replace(':', ""));
    }
}

#[test]
fn the_troubleshooting_page_says_of_a_failure_what_the_code_says() {
    let page = document("docs/troubleshooting.md");
    for failure in Failure::ALL {
        let section = page.section(&format!("### `{failure}`"));
        let text = section.text.split_whitespace().collect::<Vec<_>>().join(" ");
        let meaning = failure.meaning().trim_end_matches('.');
        assert!(text.starts_with(meaning), "{failure}: {meaning}\n{text}");
    }
}

/// The ids among what a document sets as code.
fn ids_in(document: &Document) -> BTreeSet<String> {
    let is_id = |text: &String| {
        text.split_once("::")
            .is_some_and(|parts| [parts.0, parts.1].iter().all(|part| part.bytes().all(is_of_id)))
    };
    let is_example = |text: &String| text == "phase::slug";
    let code = document.code().into_iter();
    code.filter(|text| is_id(text) && !is_example(text)).collect()
}

/// Whether an id may have this byte.
fn is_of_id(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'
}

#[test]
fn ids_that_are_named_exist() {
    let known = failure_ids();
    for document in documents() {
        let unknown: Vec<_> = ids_in(&document).difference(&known).cloned().collect();
        assert!(unknown.is_empty(), "{}: {unknown:?}", document.path);
    }
}

#[test]
fn the_table_of_faults_has_every_failure_of_a_transfer_and_an_archive() {
    let named = ids_in(&document("docs/faults.md").section("## What a fault becomes"));
    for failure in Failure::ALL {
        let id = failure.id();
        // A `file:` server has no transfer.
        let is_of_a_server =
            (id.starts_with("fetch::") || id.starts_with("archive::")) && id != "fetch::file-unreadable";
        assert!(!is_of_a_server || named.contains(id), "{id} is in no row");
    }
}
