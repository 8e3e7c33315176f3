//! Removes from a built app what only its build needs: what `--prune` and the app's `.slug-post-clean` name. A platform
//! removes what `.slugignore` names before the build, so those files are none of it.

use crate::slug::ignore::{self, Patterns};
use crate::text;
use fs_err as fs;
use std::io;
use std::path::Path;

/// The app's list, as the buildpacks have it that do nothing else
/// (<https://elements.heroku.com/buildpacks/popmenu/heroku-buildpack-post-build-clean>).
const POST_CLEAN: &str = ".slug-post-clean";

/// The patterns, with where each list comes from.
pub(super) struct Prune(Vec<(&'static str, Patterns)>);

impl Prune {
    /// Those of the person and of the app. What may not do what it seems to is added to `warnings`.
    pub(super) fn of(patterns: &[String], build_dir: &Path, warnings: &mut Vec<String>) -> io::Result<Self> {
        let mut lists = vec![("--prune", Patterns::parse(&patterns.join("\n")))];
        match fs::read(build_dir.join(POST_CLEAN)) {
            Ok(bytes) => {
                let text = String::from_utf8_lossy(&bytes);
                let doubts = ignore::doubts(&text).into_iter();
                // A blank is no doubt there: nobody else splits its lines.
                let doubts = doubts.filter(|doubt| doubt.contains("begins with !"));
                warnings.extend(doubts.map(|doubt| format!("{POST_CLEAN}: {doubt}")));
                lists.push((POST_CLEAN, Patterns::parse(&text)));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        lists.retain(|(_, patterns)| !patterns.is_empty());
        Ok(Self(lists))
    }

    /// Removes what they name, and says how much of it there was.
    pub(super) fn apply(&self, build_dir: &Path) -> io::Result<Vec<String>> {
        let mut lines = Vec::new();
        for (list, patterns) in &self.0 {
            let mut removed = Removed::default();
            removed.remove(build_dir, Path::new(""), patterns)?;
            let files = if removed.number == 1 { "file" } else { "files" };
            lines.push(format!(
                "Removing {} {files} ({}) matching {list} patterns.",
                removed.number,
                text::bytes(removed.bytes)
            ));
        }
        Ok(lines)
    }
}

/// What was removed: files and folders, without those in such folders.
#[derive(Default)]
struct Removed {
    number: u64,
    bytes: u64,
}

impl Removed {
    fn remove(&mut self, build_dir: &Path, folder: &Path, patterns: &Patterns) -> io::Result<()> {
        for entry in fs::read_dir(build_dir.join(folder))? {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            let is_folder = entry.file_type()?.is_dir();
            if patterns.name(&path, is_folder) {
                self.number += 1;
                self.bytes += crate::slug::archive::size_of(&entry.path())?;
                if is_folder {
                    fs::remove_dir_all(entry.path())?;
                } else {
                    fs::remove_file(entry.path())?;
                }
            } else if is_folder {
                self.remove(build_dir, &path, patterns)?;
            }
        }
        Ok(())
    }
}
