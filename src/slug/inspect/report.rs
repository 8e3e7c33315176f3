//! What is said of a slug, for people and as JSON.

use crate::procfile::Procfile;
use crate::slug::inspect::difference::{Change, Difference};
use crate::slug::inspect::oddity::{Oddity, Places, shown};
use crate::slug::inspect::slug::Slug;
use crate::slug::limits::LIMIT;
use crate::text;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The most folders, files, and changes that are listed.
const MOST: usize = 10;

/// What is said of a slug. The names of its fields are what pipelines read.
#[derive(Debug, Serialize)]
pub struct Report {
    slug: String,
    size: u64,
    sha256: String,
    unpacked_size: u64,
    /// The number of files, folders, and links.
    entries: usize,
    process_types: BTreeMap<String, String>,
    agent: Option<Agent>,
    profile_scripts: Vec<String>,
    folders: Vec<Sized>,
    largest_files: Vec<Sized>,
    unusual: Vec<Unusual>,
    #[serde(skip_serializing_if = "Option::is_none")]
    against: Option<Against>,
}

/// The agent in a slug.
#[derive(Debug, Serialize)]
struct Agent {
    version: Option<String>,
    /// The digest of the tarball that it came from.
    sha256: Option<String>,
    buildpack_version: Option<String>,
    /// Why its manifest cannot be read.
    fault: Option<String>,
}

#[derive(Debug, Serialize)]
struct Sized {
    path: String,
    size: u64,
}

#[derive(Debug, Serialize)]
struct Unusual {
    kind: Oddity,
    text: &'static str,
    #[serde(flatten)]
    places: Places,
}

/// How a slug differs from another.
#[derive(Debug, Serialize)]
struct Against {
    slug: String,
    size: u64,
    unpacked_size: u64,
    folders: Vec<Changed>,
    files: Vec<Changed>,
    /// How many files have changed.
    changed_files: usize,
}

#[derive(Debug, Serialize)]
struct Changed {
    path: String,
    change: &'static str,
    size: u64,
}

impl Report {
    /// What is said of `slug`, and of how it differs from `before`.
    pub fn of(slug: &Slug, before: Option<&Slug>) -> Self {
        let contents = &slug.contents;
        let process_types = contents.procfile.iter().flat_map(Procfile::processes);
        let sized = |list: Vec<(&[u8], u64)>| {
            let list = list.into_iter();
            list.map(|(path, size)| Sized {
                path: shown(path),
                size,
            })
            .collect::<Vec<_>>()
        };
        let mut unusual: Vec<Unusual> = Vec::new();
        for (kind, places) in contents.oddities.iter() {
            unusual.push(Unusual {
                kind,
                text: kind.text(),
                places: places.clone(),
            });
        }
        Self {
            slug: slug.name.clone(),
            size: slug.size,
            sha256: slug.sha256.to_string(),
            unpacked_size: contents.size(),
            entries: contents.sizes.len(),
            process_types: process_types
                .map(|(name, command)| (name.to_owned(), crate::secret::redact::redacted(command)))
                .collect(),
            agent: contents.manifest.as_ref().map(|manifest| match manifest {
                Ok(manifest) => Agent {
                    version: manifest.agent.as_ref().map(|agent| agent.version.to_string()),
                    sha256: manifest.agent.as_ref().map(|agent| agent.sha256.to_string()),
                    buildpack_version: Some(text::excerpt(&manifest.buildpack_version, 40)),
                    fault: None,
                },
                Err(fault) => Agent {
                    version: None,
                    sha256: None,
                    buildpack_version: None,
                    fault: Some(text::excerpt(fault, 120)),
                },
            }),
            profile_scripts: contents.profile_scripts().map(shown).collect(),
            folders: sized(contents.folders()),
            largest_files: sized(contents.largest(MOST)),
            unusual,
            against: before.map(|before| Against::of(slug, before)),
        }
    }

    /// For programs.
    pub fn json(&self) -> String {
        // Nothing in it can fail to be written: its keys are texts.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: &str| {
            let name = if name.is_empty() {
                String::new()
            } else {
                format!("{name}:")
            };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{name:18}{value}");
        };
        line("slug", &self.slug);
        line(
            "size",
            &format!(
                "{} of the {} that the platform takes; {} unpacked, {} entries",
                text::bytes(self.size),
                text::megabytes(LIMIT),
                text::bytes(self.unpacked_size),
                self.entries
            ),
        );
        line("sha256", &self.sha256);
        let types = self.process_types.iter();
        list(
            &mut line,
            "process types",
            types.map(|(name, command)| format!("{name}: {}", text::excerpt(command, 100))),
        );
        line("agent", &self.agent.as_ref().map_or("none".to_owned(), Agent::line));
        line(
            "profile scripts",
            &match self.profile_scripts.as_slice() {
                [] => "none".to_owned(),
                scripts => scripts.join(", "),
            },
        );
        list(&mut line, "folders", sized(&self.folders));
        list(&mut line, "largest files", sized(&self.largest_files));
        list(&mut line, "unusual", self.unusual.iter().map(Unusual::line));
        if let Some(against) = &self.against {
            line("against", &against.slug);
            line(
                "size",
                &format!(
                    "{}, unpacked {}",
                    change(against.size, self.size),
                    change(against.unpacked_size, self.unpacked_size)
                ),
            );
            list(&mut line, "folders", changed(&against.folders));
            list(&mut line, "files", changed(&against.files));
            let more = against.changed_files.saturating_sub(MOST);
            if more > 0 {
                line("", &format!("and {more} more"));
            }
        }
        text
    }
}

/// Writes the items of a list, the first behind its name.
fn list(line: &mut impl FnMut(&str, &str), name: &str, items: impl Iterator<Item = String>) {
    let mut name = name;
    for item in items {
        line(name, &item);
        name = "";
    }
    if !name.is_empty() {
        line(name, "none");
    }
}

fn sized(list: &[Sized]) -> impl Iterator<Item = String> {
    let items = list.iter().take(MOST);
    items
        .map(|item| format!("{:>10}  {}", text::bytes(item.size), item.path))
        .chain(more(list.len()))
}

fn changed(list: &[Changed]) -> impl Iterator<Item = String> {
    let items = list.iter().take(MOST);
    items.map(|item| format!("{:>10}  {} {}", text::bytes(item.size), item.path, item.change))
}

fn more(length: usize) -> Option<String> {
    (length > MOST).then(|| format!("and {} more", length - MOST))
}

/// From one size to another.
fn change(before: u64, after: u64) -> String {
    let (sign, bytes) = if after >= before {
        ('+', after - before)
    } else {
        ('-', before - after)
    };
    format!("{sign}{}", text::bytes(bytes))
}

impl Agent {
    fn line(&self) -> String {
        match (&self.version, &self.sha256, &self.fault) {
            (_, _, Some(fault)) => format!("unknown: its manifest cannot be read: {fault}"),
            (Some(version), Some(sha256), _) => format!("{version}, of a tarball with sha256 {sha256}"),
            _ => "none: the build went on without one".to_owned(),
        }
    }
}

impl Unusual {
    fn line(&self) -> String {
        let Places { number, paths } = &self.places;
        let more = number.saturating_sub(paths.len() as u64);
        match (paths.as_slice(), more) {
            ([], _) => self.text.to_owned(),
            (paths, 0) => format!("{}: {}", self.text, paths.join(", ")),
            (paths, more) => format!("{}: {}, and {more} more", self.text, paths.join(", ")),
        }
    }
}

impl Against {
    fn of(slug: &Slug, before: &Slug) -> Self {
        let Difference { folders, files } = Difference::between(&before.contents, &slug.contents);
        let changed = |list: &[(&[u8], Change)]| {
            let list = list.iter();
            list.map(|(path, change)| Changed {
                path: shown(path),
                change: match change {
                    Change::Came(_) => "came",
                    Change::Went(_) => "went",
                    Change::Grew(_) => "grew",
                    Change::Shrank(_) => "shrank",
                },
                size: change.bytes(),
            })
            .collect::<Vec<_>>()
        };
        Self {
            slug: before.name.clone(),
            size: before.size,
            unpacked_size: before.contents.size(),
            folders: changed(&folders),
            files: changed(&files[..files.len().min(1_000)]),
            changed_files: files.len(),
        }
    }
}
