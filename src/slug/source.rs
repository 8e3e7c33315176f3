//! The files of an app as a push would bring them: without what git ignores and without what `.slugignore` names.

use crate::os::environment::Environment;
use crate::slug::ignore::{self, Patterns};
use crate::text;
use anyhow::Context as _;
use fs_err as fs;
use std::collections::{BTreeSet, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The name of the platform's list of files that are not to be built.
const SLUGIGNORE: &str = ".slugignore";

/// The most things of one kind that are told of one by one.
const MOST_TOLD: usize = 10;

/// What a copy has left out.
#[derive(Debug, Default)]
pub(crate) struct Copied {
    /// The number of files and folders that `.slugignore` names, without those in such folders.
    pub(crate) ignored: usize,
    /// What is to be told, a sentence for each.
    pub(crate) notes: Vec<String>,
}

/// Copies the app's files with their links and modes: those that `git` lists, or all of them, but none of `excluded`.
pub(crate) fn copy(
    app_dir: &Path,
    build_dir: &Path,
    git: Option<&Environment>,
    excluded: &[PathBuf],
) -> anyhow::Result<Copied> {
    let mut notes = Vec::new();
    let slugignore = match fs::read(app_dir.join(SLUGIGNORE)) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            notes.extend(
                ignore::doubts(&text)
                    .into_iter()
                    .map(|doubt| format!("{SLUGIGNORE}: {doubt}")),
            );
            Patterns::parse(&text)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Patterns::default(),
        Err(error) => {
            notes.push(format!("{error}, so it excludes nothing"));
            Patterns::default()
        }
    };
    let pushed = git.map_or(Ok(None), |environment| Pushed::of(app_dir, environment));
    let pushed = pushed.unwrap_or_else(|cause| {
        notes.push(format!("{cause}, so what it ignores is included"));
        None
    });
    let mut checkout = Checkout {
        app_dir,
        build_dir,
        pushed,
        slugignore,
        excluded,
        ignored: 0,
        without_effect: BTreeSet::new(),
        special: BTreeSet::new(),
    };
    let is_whole = checkout.pushed.is_none();
    checkout.copy_folder(Path::new(""), is_whole)?;
    notes.extend(told(
        &checkout.without_effect,
        "has no effect: only the one in the top folder is read",
    ));
    notes.extend(told(
        &checkout.special,
        "is a socket, a named pipe, or a device, so it is left out",
    ));
    Ok(Copied {
        ignored: checkout.ignored,
        notes,
    })
}

/// A sentence for each of `paths`, and one for the rest of them.
fn told(paths: &BTreeSet<PathBuf>, what: &str) -> Vec<String> {
    let shown = paths.iter().take(MOST_TOLD);
    let mut told: Vec<String> = shown
        .map(|path| format!("{} {what}", text::excerpt(&path.to_string_lossy(), 200)))
        .collect();
    if paths.len() > MOST_TOLD {
        told.push(format!("the same is true of {} more", paths.len() - MOST_TOLD));
    }
    told
}

/// What git would push, with what is new.
struct Pushed {
    /// Files and links, and folders that are repositories of their own.
    paths: HashSet<PathBuf>,
    /// The folders that these are in.
    folders: HashSet<PathBuf>,
}

impl Pushed {
    /// Asks git. `None` where the app is in no repository, or in one that ignores all of it; the error says why git
    /// does not tell.
    fn of(app_dir: &Path, environment: &Environment) -> Result<Option<Self>, String> {
        let is_in_repository = app_dir.ancestors().any(|folder| folder.join(".git").exists());
        if !is_in_repository {
            return Ok(None);
        }
        let mut git = Command::new("git");
        git.arg("-C")
            .arg(app_dir)
            // It would start a program that watches the folder.
            .args(["-c", "core.fsmonitor=false", "ls-files", "-z"])
            .args(["--cached", "--others", "--exclude-standard"])
            .env_clear();
        // The person's own lists of what is to be ignored.
        for name in ["PATH", "HOME", "XDG_CONFIG_HOME"] {
            if let Some(value) = environment.value(name) {
                git.env(name, value);
            }
        }
        let output = git.output().map_err(|error| format!("cannot start git ({error})"))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let first = said.lines().next().unwrap_or_default();
            return Err(format!(
                "git cannot list the app's files ({})",
                text::excerpt(first, 200)
            ));
        }
        let listed = output.stdout.split(|byte| *byte == 0).filter(|path| !path.is_empty());
        let paths: HashSet<PathBuf> = listed
            .map(|path| PathBuf::from(OsStr::from_bytes(path.strip_suffix(b"/").unwrap_or(path))))
            .collect();
        let above = |path: &PathBuf| path.ancestors().skip(1).map(Path::to_owned).collect::<Vec<_>>();
        let folders = paths.iter().flat_map(above).collect();
        Ok((!paths.is_empty()).then_some(Self { paths, folders }))
    }
}

/// A copy under way.
struct Checkout<'a> {
    app_dir: &'a Path,
    build_dir: &'a Path,
    pushed: Option<Pushed>,
    slugignore: Patterns,
    /// What is not the app's, wherever it is.
    excluded: &'a [PathBuf],
    /// How many that names.
    ignored: usize,
    /// Files of that name in other folders.
    without_effect: BTreeSet<PathBuf>,
    /// What is neither a file, nor a folder, nor a link.
    special: BTreeSet<PathBuf>,
}

impl Checkout<'_> {
    /// Copies the folder at `path` below the app's. All that is in it is pushed where `is_whole` says so.
    fn copy_folder(&mut self, path: &Path, is_whole: bool) -> anyhow::Result<()> {
        let (from, to) = (self.app_dir.join(path), self.build_dir.join(path));
        fs::create_dir(&to)?;
        for entry in fs::read_dir(&from)? {
            let entry = entry?;
            let path = path.join(entry.file_name());
            let kind = entry.file_type()?;
            let is_pushed = |paths: fn(&Pushed) -> &HashSet<PathBuf>| {
                is_whole || self.pushed.as_ref().is_some_and(|pushed| paths(pushed).contains(&path))
            };
            let is_whole_too = is_pushed(|pushed| &pushed.paths);
            let is_for_git = entry.file_name() == ".git";
            let is_of_app = is_whole_too || kind.is_dir() && is_pushed(|pushed| &pushed.folders);
            if is_for_git || !is_of_app || self.excluded.contains(&entry.path()) {
                continue;
            }
            if self.slugignore.name(&path, kind.is_dir()) {
                self.ignored += 1;
                continue;
            }
            if entry.file_name() == SLUGIGNORE && path.parent() != Some(Path::new("")) {
                self.without_effect.insert(path.clone());
            }
            let target = self.build_dir.join(&path);
            if kind.is_dir() {
                self.copy_folder(&path, is_whole_too)?;
            } else if kind.is_symlink() {
                fs::os::unix::fs::symlink(fs::read_link(entry.path())?, &target)?;
            } else if kind.is_file() {
                fs::copy(entry.path(), &target).context("cannot copy the app")?;
            } else {
                self.special.insert(path);
            }
        }
        let mode = fs::metadata(&from)?.permissions().mode();
        // The owner must be able to build in it, whatever the mode of the original.
        fs::set_permissions(&to, std::fs::Permissions::from_mode(mode | 0o700))?;
        Ok(())
    }
}
