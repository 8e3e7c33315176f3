//! What a build says at its end, for people and as JSON.

use crate::slug::archive;
use crate::slug::limits::{LIMIT, SOFT_LIMIT};
use crate::text;
use serde::Serialize;
use std::collections::BTreeMap;
use std::ffi::OsString;

/// The most folders that are shown.
const MOST: usize = 10;

/// What was built. The names of its fields are what pipelines read.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// The path of the slug.
    pub(crate) slug: String,
    /// Its bytes.
    pub(crate) size: u64,
    /// Its digest.
    pub(crate) sha256: String,
    /// The bytes of all files in it.
    pub(crate) unpacked_size: u64,
    /// The number of files, folders, and links in it.
    pub(crate) entries: u64,
    pub(crate) stack: String,
    pub(crate) commit: Option<String>,
    /// What the last buildpack calls the app.
    pub(crate) description: String,
    pub(crate) buildpacks: Vec<String>,
    /// Process types and their command lines.
    pub(crate) process_types: BTreeMap<String, String>,
    /// How many files and folders `.slugignore` has left out.
    pub(crate) ignored: usize,
    /// What is at the top of the slug, the largest first.
    pub(crate) folders: Vec<Folder>,
    pub(crate) warnings: Vec<String>,
}

/// A file or folder at the top of a slug.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Folder {
    pub(crate) name: String,
    /// The bytes of its files.
    pub(crate) size: u64,
    /// How many of them the app had before the build.
    pub(crate) source_size: u64,
}

impl Folder {
    /// What is there `after` a build, with what was there `before`, the largest first.
    pub(crate) fn compare(before: &[(OsString, u64)], after: &[(OsString, u64)]) -> Vec<Self> {
        let source_size = |name: &OsString| {
            before
                .iter()
                .find(|(known, _)| known == name)
                .map_or(0, |(_, size)| *size)
        };
        let folders = after.iter().map(|(name, size)| Self {
            name: archive::shown(name),
            size: *size,
            source_size: source_size(name),
        });
        let mut folders: Vec<Self> = folders.collect();
        folders.sort_unstable_by(|one, other| other.size.cmp(&one.size).then_with(|| one.name.cmp(&other.name)));
        folders
    }

    fn line(&self) -> String {
        let size = text::bytes(self.size);
        match self.size.checked_sub(self.source_size) {
            Some(0) => format!("{size:>10}  {}", self.name),
            Some(grown) => format!("{size:>10}  {} (+{} by the build)", self.name, text::bytes(grown)),
            None => format!(
                "{size:>10}  {} (-{} by the build)",
                self.name,
                text::bytes(self.source_size - self.size)
            ),
        }
    }
}

impl Report {
    /// What is shown at the end of a build.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("Done: {}", text::bytes(self.size))];
        lines.extend(self.folders.iter().take(MOST).map(Folder::line));
        let rest = self.folders.iter().skip(MOST);
        let (number, size) = rest.fold((0, 0), |(number, size), folder| (number + 1, size + folder.size));
        if number > 0 {
            lines.push(format!("{:>10}  {number} more", text::bytes(size)));
        }
        lines.push(format!(
            "Unpacked {}; {} of the {} that the platform takes ({} without a warning)",
            text::bytes(self.unpacked_size),
            percent(self.size, LIMIT),
            text::megabytes(LIMIT),
            text::megabytes(SOFT_LIMIT),
        ));
        let types: Vec<&str> = self.process_types.keys().map(String::as_str).collect();
        lines.push(format!(
            "Process types: {}",
            if types.is_empty() {
                "none".to_owned()
            } else {
                types.join(", ")
            }
        ));
        lines.push(format!("sha256 {}", self.sha256));
        lines.push(format!("Wrote {}", text::visible(&self.slug)));
        lines
    }

    /// The same as JSON.
    pub(crate) fn json(&self) -> String {
        // Nothing in it can fail to be written: its keys are texts.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

/// A part of `whole` in hundredths.
fn percent(part: u64, whole: u64) -> String {
    match part * 100 / whole {
        0 => "less than 1 %".to_owned(),
        hundredths => format!("{hundredths} %"),
    }
}
