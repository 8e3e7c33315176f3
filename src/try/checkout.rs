//! The files of an app as a push would bring them: without what git ignores and without what `.slugignore` names.

use crate::os::environment::Environment;
use crate::text;
use crate::r#try::ignore::Patterns;
use anyhow::Context as _;
use fs_err as fs;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The name of the platform's list of files that are not to be built.
const SLUGIGNORE: &str = ".slugignore";

/// Copies the app's files with their links and modes. Returns what is to be told.
pub(super) fn copy(app_dir: &Path, build_dir: &Path, environment: &Environment) -> anyhow::Result<Vec<String>> {
    let mut notes = Vec::new();
    let slugignore = match fs::read(app_dir.join(SLUGIGNORE)) {
        Ok(bytes) => Patterns::parse(&String::from_utf8_lossy(&bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Patterns::default(),
        Err(error) => {
            notes.push(format!("{error}, so it excludes nothing"));
            Patterns::default()
        }
    };
    let pushed = Pushed::of(app_dir, environment).unwrap_or_else(|cause| {
        notes.push(format!("{cause}, so what it ignores is included"));
        None
    });
    let checkout = Checkout {
        app_dir,
        build_dir,
        pushed,
        slugignore,
    };
    checkout.copy_folder(Path::new(""), checkout.pushed.is_none())?;
    Ok(notes)
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
}

impl Checkout<'_> {
    /// Copies the folder at `path` below the app's. All that is in it is pushed where `is_whole` says so.
    fn copy_folder(&self, path: &Path, is_whole: bool) -> anyhow::Result<()> {
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
            if entry.file_name() == ".git" || self.slugignore.name(&path, kind.is_dir()) {
                continue;
            }
            let target = self.build_dir.join(&path);
            if kind.is_dir() {
                if is_whole_too || is_pushed(|pushed| &pushed.folders) {
                    self.copy_folder(&path, is_whole_too)?;
                }
            } else if is_whole_too && kind.is_symlink() {
                fs::os::unix::fs::symlink(fs::read_link(entry.path())?, &target)?;
            } else if is_whole_too && kind.is_file() {
                fs::copy(entry.path(), &target).context("cannot copy the app")?;
            }
        }
        let mode = fs::metadata(&from)?.permissions().mode();
        // The owner must be able to build in it, whatever the mode of the original.
        fs::set_permissions(&to, std::fs::Permissions::from_mode(mode | 0o700))?;
        Ok(())
    }
}
