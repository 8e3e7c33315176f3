//! What is unusual in a slug.

use crate::slug::inspect::entries::{Entry, Kind};
use crate::text;
use serde::Serialize;
use std::collections::BTreeMap;

/// The most paths of one kind that are kept.
const MOST: usize = 5;

/// Something that is unusual, with what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Oddity {
    OutsideOfApp,
    NoEnd,
    PaxHeader,
    Duplicate,
    Special,
    Unknown,
    SparseFile,
    LinkOutOfSlug,
    SetId,
    WorldWritable,
    GitFolder,
    EnvFile,
    KeyFile,
    NestedSlugignore,
    NoProcfile,
    TooLarge,
    Large,
}

impl Oddity {
    /// What it is, and what it means.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Oddity::OutsideOfApp => "not below ./app/, so the platform does not unpack it",
            Oddity::NoEnd => "the archive has no end mark; it may be cut",
            Oddity::PaxHeader => "a pax header, which only some programs read; slug build and GNU tar write none",
            Oddity::Duplicate => "in the slug twice; the later one counts",
            Oddity::Special => "a device or a named pipe",
            Oddity::Unknown => "of a kind that GNU tar does not know",
            Oddity::SparseFile => "a file with holes, which only some programs read",
            Oddity::LinkOutOfSlug => "a link that leads out of the slug",
            Oddity::SetId => "set-user-ID or set-group-ID, which a dyno does not need",
            Oddity::WorldWritable => "writable by everyone",
            Oddity::GitFolder => "of Git: a history that a dyno does not need, and that may hold secrets",
            Oddity::EnvFile => "a file of config vars, which may hold secrets",
            Oddity::KeyFile => "may be a private key or a credential",
            Oddity::NestedSlugignore => "has no effect: only the one in the top folder is read",
            Oddity::NoProcfile => "there is no Procfile: without process types of a buildpack, no dyno can be started",
            Oddity::TooLarge => "the slug is larger than the 1 GB that the platform takes",
            Oddity::Large => "the slug is larger than 300 MB, so a dyno may take longer to boot",
        }
    }
}

/// What is unusual, and where.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Oddities(BTreeMap<Oddity, Places>);

/// Where something is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Places {
    pub(crate) number: u64,
    /// The first of them, as they can be shown.
    pub(crate) paths: Vec<String>,
}

impl Oddities {
    /// Adds one. An empty path stands for the slug as a whole.
    pub(super) fn add(&mut self, oddity: Oddity, path: &[u8]) {
        let places = self.0.entry(oddity).or_default();
        places.number += 1;
        if places.paths.len() < MOST && !path.is_empty() {
            places.paths.push(shown(path));
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Oddity, &Places)> {
        self.0.iter().map(|(oddity, places)| (*oddity, places))
    }
}

/// A path as it can be shown.
pub(crate) fn shown(path: &[u8]) -> String {
    text::excerpt(&String::from_utf8_lossy(path), 120)
}

/// What is unusual of an entry at `path` below the app's folder.
pub(super) fn of_entry(path: &[u8], entry: &Entry) -> Vec<Oddity> {
    let parts: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
    let name = parts.last().copied().unwrap_or_default();
    let is_file = matches!(entry.kind, Kind::File | Kind::SparseFile | Kind::HardLink);
    let checks = [
        (entry.has_pax, Oddity::PaxHeader),
        (entry.kind == Kind::Special, Oddity::Special),
        (matches!(entry.kind, Kind::Unknown(_)), Oddity::Unknown),
        (entry.kind == Kind::SparseFile, Oddity::SparseFile),
        (leads_out(&parts, entry), Oddity::LinkOutOfSlug),
        (is_file && entry.mode & 0o6000 != 0, Oddity::SetId),
        (
            entry.mode & 0o002 != 0 && entry.kind != Kind::SymbolicLink && entry.mode & 0o1000 == 0,
            Oddity::WorldWritable,
        ),
        (name == b".git", Oddity::GitFolder),
        (is_file && is_env_file(name), Oddity::EnvFile),
        (is_file && is_key_file(name), Oddity::KeyFile),
        (name == b".slugignore" && parts.len() > 1, Oddity::NestedSlugignore),
    ];
    let found = checks.into_iter().filter(|(is_there, _)| *is_there);
    found.map(|(_, oddity)| oddity).collect()
}

/// Whether a link leads out of the slug. An absolute path into `/app` is where the slug will be; one to the system's
/// folders is as stable as the stack, but not of the slug.
fn leads_out(parts: &[&[u8]], entry: &Entry) -> bool {
    match entry.kind {
        Kind::HardLink => !entry.target.starts_with(b"./app/"),
        Kind::SymbolicLink if entry.target.starts_with(b"/") => {
            entry.target != b"/app" && !entry.target.starts_with(b"/app/")
        }
        Kind::SymbolicLink => {
            // The folder of the link is the first step.
            let mut depth = parts.len() - 1;
            entry.target.split(|byte| *byte == b'/').any(|step| match step {
                b".." if depth == 0 => true,
                b".." => {
                    depth -= 1;
                    false
                }
                b"" | b"." => false,
                _ => {
                    depth += 1;
                    false
                }
            })
        }
        _ => false,
    }
}

/// Whether a file is one of config vars. Examples are made to be read.
fn is_env_file(name: &[u8]) -> bool {
    let examples: [&[u8]; 5] = [b".example", b".sample", b".template", b".dist", b".test"];
    name == b".env" || name.starts_with(b".env.") && !examples.iter().any(|example| name.ends_with(example))
}

/// Whether a file has the name of a private key or a credential.
fn is_key_file(name: &[u8]) -> bool {
    let names: [&[u8]; 8] = [
        b"id_rsa",
        b"id_dsa",
        b"id_ecdsa",
        b"id_ed25519",
        b".netrc",
        b".pgpass",
        b"master.key",
        b"credentials.json",
    ];
    let ends: [&[u8]; 5] = [b".key", b".p12", b".pfx", b".jks", b"key.pem"];
    names.contains(&name) || ends.iter().any(|end| name.ends_with(end))
}
