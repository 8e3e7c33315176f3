//! The SBOM of the layer: the rules of both formats that a reader relies on, and that it says what is in the layer.
//! `.ci/run` has the validators of others read it as well.

use hoop_buildpack::agent::manifest::AgentRecord;
use hoop_buildpack::cnb::sbom;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn agent(source: &str) -> AgentRecord {
    AgentRecord {
        version: "1.148.0".parse().unwrap(),
        sha256: "ab".repeat(32).parse().unwrap(),
        source: source.to_owned(),
    }
}

/// The agents of a layer: published, from a mirror of another kind, none.
fn agents() -> [Option<AgentRecord>; 3] {
    [
        Some(agent("https://releases.hoop.dev/release")),
        Some(agent("file:///mirror")),
        None,
    ]
}

/// The crates of Cargo.lock, as `name version`.
fn locked() -> BTreeSet<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock")).unwrap();
    let lock: toml::Table = toml::from_str(&text).unwrap();
    let packages = lock["package"].as_array().unwrap().iter();
    let named = packages.map(|package| {
        format!(
            "{} {}",
            package["name"].as_str().unwrap(),
            package["version"].as_str().unwrap()
        )
    });
    named.collect()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("no text {name}: {value}"))
}

/// Asserts that `license` is an SPDX expression of licenses that deny.toml allows.
fn assert_license(license: &str) {
    let allowed = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deny.toml")).unwrap();
    for word in license.split([' ', '(', ')']).filter(|word| !word.is_empty()) {
        let is_known = [
            "AND",
            "OR",
            "WITH",
            "LLVM-exception",
            "Apache-2.0",
            "LGPL-2.1-or-later",
            "Unlicense",
            "BSL-1.0",
            "0BSD",
        ]
        .contains(&word)
            || allowed.contains(&format!("\"{word}\""));
        assert!(is_known, "{word} in {license}");
    }
}

#[test]
fn cyclonedx_names_the_agent_the_program_and_its_crates() {
    for agent in agents() {
        let written = sbom::cyclonedx(agent.as_ref());
        assert_eq!(written, sbom::cyclonedx(agent.as_ref()));
        let bom: Value = serde_json::from_str(&written).unwrap();
        assert_eq!(
            (text(&bom, "bomFormat"), text(&bom, "specVersion")),
            ("CycloneDX", "1.5")
        );
        assert_eq!(bom["version"], 1);
        let components = bom["components"].as_array().unwrap();
        let (mut references, mut crates) = (BTreeSet::new(), BTreeSet::new());
        for component in components {
            assert!(references.insert(text(component, "bom-ref").to_owned()), "{component}");
            let (name, version) = (text(component, "name"), text(component, "version"));
            if text(component, "type") == "library" {
                assert_eq!(text(component, "purl"), format!("pkg:cargo/{name}@{version}"));
                crates.insert(format!("{name} {version}"));
            } else {
                assert_eq!(text(component, "type"), "application");
            }
            if name != "hoop" {
                assert_license(text(&component["licenses"][0], "expression"));
            }
        }
        // What is compiled for this machine only, so not all of them.
        assert!(crates.is_subset(&locked()));
        for name in ["clap ", "reqwest ", "rustls ", "zlib-rs ", "toml "] {
            assert!(crates.iter().any(|found| found.starts_with(name)), "{name}");
        }
        // Neither for tests nor for other systems.
        for name in ["insta ", "proptest ", "windows-sys ", "thiserror-impl "] {
            assert!(!crates.iter().any(|found| found.starts_with(name)), "{name}");
        }
        for dependency in bom["dependencies"].as_array().unwrap() {
            assert!(references.contains(text(dependency, "ref")));
            for on in dependency["dependsOn"].as_array().unwrap() {
                assert!(references.contains(on.as_str().unwrap()), "{on}");
            }
        }
        let found = components.iter().find(|component| component["name"] == "hoop");
        assert_eq!(found.is_some(), agent.is_some());
        if let (Some(found), Some(agent)) = (found, agent) {
            assert_eq!(text(found, "version"), "1.148.0");
            assert_eq!(
                found["hashes"][0],
                serde_json::json!({"alg": "SHA-256", "content": agent.sha256.to_string()})
            );
            let url = text(&found["externalReferences"][0], "url");
            assert!(
                url.starts_with(&format!("{}/1.148.0/hoop_1.148.0_Linux_", agent.source)),
                "{url}"
            );
        }
    }
}

#[test]
fn spdx_names_the_same() {
    for agent in agents() {
        let document: Value = serde_json::from_str(&sbom::spdx(agent.as_ref())).unwrap();
        for (name, value) in [
            ("spdxVersion", "SPDX-2.3"),
            ("dataLicense", "CC0-1.0"),
            ("SPDXID", "SPDXRef-DOCUMENT"),
        ] {
            assert_eq!(text(&document, name), value);
        }
        assert!(text(&document, "documentNamespace").starts_with("https://"));
        assert_eq!(text(&document["creationInfo"], "created"), "1980-01-01T00:00:01Z");
        let mut ids = BTreeSet::from(["SPDXRef-DOCUMENT".to_owned()]);
        for package in document["packages"].as_array().unwrap() {
            let id = text(package, "SPDXID");
            let is_id = |c: char| c.is_ascii_alphanumeric() || ".-".contains(c);
            assert!(id.strip_prefix("SPDXRef-").unwrap().chars().all(is_id), "{id}");
            assert!(ids.insert(id.to_owned()), "{id} is there twice");
            let location = text(package, "downloadLocation");
            assert!(
                ["NOASSERTION", "https://", "git+https://"]
                    .iter()
                    .any(|one| location.starts_with(one)),
                "{location}"
            );
            if id != "SPDXRef-agent" {
                assert_license(text(package, "licenseDeclared"));
            }
        }
        assert_eq!(ids.contains("SPDXRef-agent"), agent.is_some());
        let relationships = document["relationships"].as_array().unwrap();
        assert!(relationships.iter().any(|one| one["relationshipType"] == "DESCRIBES"));
        for relationship in relationships {
            assert!(ids.contains(text(relationship, "spdxElementId")), "{relationship}");
            assert!(ids.contains(text(relationship, "relatedSpdxElement")), "{relationship}");
        }
        let count = |text: &str| text.matches("pkg:cargo/").count();
        let in_cyclonedx: Value = serde_json::from_str(&sbom::cyclonedx(agent.as_ref())).unwrap();
        let libraries = in_cyclonedx["components"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|one| one["type"] == "library");
        assert_eq!(count(&document.to_string()), libraries.count());
    }
}
