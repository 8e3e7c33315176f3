//! Keeps the documents true: what they list is what the code has, what they quote is what it prints, what they
//! name exists, and their examples work.

#[path = "../support/mod.rs"]
mod support;

mod examples;
mod links;
mod lists;
mod markdown;
mod names;
mod releases;

use markdown::Document;
use std::fs;
use std::path::{Path, PathBuf};

/// The folder of the project.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Reads a text file of the project.
#[track_caller]
fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Reads one document.
#[track_caller]
fn document(path: &str) -> Document {
    Document::new(path, read(path))
}

/// Reads every document: those at the top and those in `docs`.
fn documents() -> Vec<Document> {
    let files_of = |folder: &str| -> Vec<PathBuf> {
        let entries = fs::read_dir(root().join(folder)).expect("it is a folder of the project");
        entries.map(|entry| entry.expect("it can be listed").path()).collect()
    };
    let documents: Vec<_> = ["", "docs"]
        .into_iter()
        .flat_map(files_of)
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .map(|path| {
            let path = path.strip_prefix(root()).expect("it is in the project");
            document(path.to_str().expect("we name our files in ASCII"))
        })
        .collect();
    assert!(documents.len() > 15, "most documents are not found any more");
    documents
}

/// The scripts that report failures of their own, since there is no program yet to do it.
fn shims() -> [String; 2] {
    [read("bin/hoop-buildpack"), read("libexec/fetch.sh")]
}
