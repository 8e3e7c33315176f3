//! `.ci/publish-image`, with a registry on loopback.

use crate::support::dyno::skipped;
use crate::support::run::Run;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// This version.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A registry that is gone when the test is.
struct Registry {
    child: Child,
    address: String,
}

impl Registry {
    fn start(crane: &Path) -> Self {
        let mut command = Command::new(crane);
        command
            .args(["registry", "serve", "--address", "127.0.0.1:0"])
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = lines.next().unwrap().unwrap();
        // Who reads no more would stop it.
        std::thread::spawn(move || lines.for_each(drop));
        let port = line.rsplit(' ').next().unwrap().trim();
        let address = format!("127.0.0.1:{port}");
        Self { child, address }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn both_architectures_are_one_image_of_a_registry() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    let programs = std::env::var_os("CNB_LIFECYCLE").map_or_else(|| source.join("target/lifecycle"), PathBuf::from);
    let crane = programs.join("crane");
    if !crane.exists() {
        skipped("there is no crane: set CNB_LIFECYCLE, or run .ci/run");
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let dist = scratch.path().join("dist");
    let mut package = Command::new(source.join("bin/package"));
    for (architecture, machine) in [("amd64", [0x3e, 0]), ("arm64", [0xb7, 0])] {
        let header = [b"\x7fELF\x02\x01\x01", &[0; 9][..], &[3, 0], &machine].concat();
        let program = scratch.path().join(architecture);
        fs::write(&program, header).unwrap();
        package.arg("--binary").arg(program).args(["--arch", architecture]);
    }
    package.arg("--output").arg(&dist);
    Run::of(package).exits(0);

    let registry = Registry::start(&crane);
    let repository = format!("{}/hoop", registry.address);
    let path = std::env::var_os("PATH").unwrap();
    let mut publish = Command::new(source.join(".ci/publish-image"));
    publish
        .arg(&dist)
        .arg(&repository)
        .env_clear()
        .env(
            "PATH",
            std::env::join_paths([programs].into_iter().chain(std::env::split_paths(&path))).unwrap(),
        )
        .env("HOME", scratch.path());
    let run = Run::of(publish);
    run.exits(0);

    let ask = |words: &[&str]| {
        let mut command = Command::new(&crane);
        command.args(words).env("HOME", scratch.path());
        let run = Run::of(command);
        run.exits(0);
        run.stdout().to_owned()
    };
    let tag = format!("{repository}:{VERSION}");
    let digest = ask(&["digest", &tag]);
    run.shows(&[
        &format!("Title: ADD hoophq/hoop@{VERSION}\n"),
        &format!("addr = \"{repository}@{}\"\n", digest.trim()),
    ]);
    let index: Value = serde_json::from_str(&ask(&["manifest", &tag])).unwrap();
    let manifests = index["manifests"].as_array().unwrap();
    let platforms: Vec<&Value> = manifests.iter().map(|manifest| &manifest["platform"]).collect();
    assert_eq!(
        platforms,
        [
            &json!({"architecture": "amd64", "os": "linux"}),
            &json!({"architecture": "arm64", "os": "linux"})
        ]
    );
    // Everything is there and has the digest that it should have.
    for architecture in ["amd64", "arm64"] {
        ask(&["validate", "--remote", &format!("{tag}-{architecture}")]);
    }
}
