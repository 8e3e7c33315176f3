//! Asks Cargo which crates the program is made of, for the SBOM that a build writes.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=Cargo.lock");
    println!("cargo::rerun-if-changed=build.rs");
    let variable = |name: &str| env::var(name).unwrap_or_else(|_| panic!("Cargo sets {name} for a build script"));
    // Of what is compiled now, so all of it is on this machine.
    let arguments = [
        "tree",
        "--locked",
        "--offline",
        "--edges",
        "normal,no-proc-macro",
        "--prefix",
        "none",
    ];
    let output = Command::new(variable("CARGO"))
        .args(arguments)
        .args(["--target", &variable("TARGET"), "--format", "{p}|{l}"])
        .current_dir(variable("CARGO_MANIFEST_DIR"))
        .output()
        .expect("Cargo can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).expect("Cargo writes UTF-8");

    // The first line is the program itself. `name vVERSION[ (what else)]|license[ (*)]`
    let mut crates: Vec<String> = tree
        .lines()
        .skip(1)
        .map(|line| {
            let (package, license) = line.split_once('|').unwrap_or_else(|| panic!("no license: {line}"));
            let license = license.trim_end_matches("(*)").trim();
            assert!(!license.is_empty(), "no license: {line}");
            let mut words = package.split(' ');
            let (name, version) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            format!("{name} {} {license}\n", version.trim_start_matches('v'))
        })
        .collect();
    crates.sort();
    crates.dedup();
    let file = Path::new(&variable("OUT_DIR")).join("crates.txt");
    fs::write(&file, crates.concat()).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
}
