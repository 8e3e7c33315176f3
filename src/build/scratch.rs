//! The scratch folder: where a build writes what it will move into place, in the build dir itself.
//!
//! Each build has its own, which goes when the build ends. A build that is killed leaves its folder, and that would go
//! into the slug, so the next build removes it. The two are told apart by a lock, which no dead process holds, or where
//! the disk knows no locks by their age.

use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, OpenOptions, Permissions};
use std::fs::TryLockError;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// How the name of a scratch folder begins.
const PREFIX: &str = ".hoop-scratch-";

/// No build takes longer: the platform ends it after 25 minutes
/// (<https://devcenter.heroku.com/articles/slug-compiler>).
const LONGEST_BUILD: Duration = Duration::from_hours(1);

/// A folder that is removed, with all that is in it, when this value goes.
#[derive(Debug)]
pub struct Scratch {
    dir: Dir,
    folder: TempDir,
    /// Held as long as the build lives. There is none where the disk knows no locks.
    _lock: Option<std::fs::File>,
}

impl Scratch {
    /// Makes a folder in `build_dir`.
    pub fn make_in(build_dir: &Path) -> io::Result<Self> {
        loop {
            let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(build_dir)?;
            // Before it has its lock, another build may take it for an abandoned one, and remove it.
            let lock = match std::fs::File::open(folder.path()) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                result => result?,
            };
            let locked = lock.try_lock();
            if matches!(locked, Err(TryLockError::WouldBlock)) || !folder.path().exists() {
                continue;
            }
            return Ok(Self {
                dir: Dir::open_ambient_dir(folder.path(), ambient_authority())?,
                folder,
                _lock: locked.is_ok().then_some(lock),
            });
        }
    }

    /// Returns the folder.
    pub fn dir(&self) -> &Dir {
        &self.dir
    }

    /// Returns the folder's path.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Removes the scratch folders of builds that were killed in the same build dir, which is `root`. A folder that a living
/// build holds stays.
pub fn remove_abandoned(root: &Dir, build_dir: &Path) {
    let names = root.entries().into_iter().flatten();
    for name in names.filter_map(|entry| entry.ok()?.file_name().into_string().ok()) {
        let is_scratch = name.starts_with(PREFIX) && root.symlink_metadata(&name).is_ok_and(|found| found.is_dir());
        if !is_scratch {
            continue;
        }
        let Ok(folder) = std::fs::File::open(build_dir.join(&name)) else {
            continue;
        };
        // Held until the folder is gone: whoever made it then sees that it needs another.
        if is_abandoned(&folder) {
            // Best effort: of someone else's folder there is nothing to be done.
            let _ = root.remove_dir_all(&name);
        }
    }
}

/// Answers whether no build holds `file`, a file or a folder, any more: by its lock, which is then held as long as
/// `file` is, or where the disk knows no locks by its age.
pub fn is_abandoned(file: &std::fs::File) -> bool {
    match file.try_lock() {
        Ok(()) => true,
        Err(TryLockError::WouldBlock) => false,
        Err(TryLockError::Error(_)) => {
            let made = file.metadata().and_then(|found| found.modified());
            made.is_ok_and(|made| !is_young(made))
        }
    }
}

/// Answers whether the build that made something at the time `made` may still be going on. A clock that was put back
/// makes it no older than it is.
pub fn is_young(made: SystemTime) -> bool {
    made.elapsed().unwrap_or_default() < LONGEST_BUILD
}

/// Creates the file `name` in `folder` with exactly `mode`, whatever the umask is: the same build must give the
/// same slug everywhere.
pub fn create_file(folder: &Dir, name: &str, mode: u32) -> io::Result<File> {
    let file = folder.open_with(name, OpenOptions::new().write(true).create_new(true))?;
    file.set_permissions(Permissions::from_std(std::fs::Permissions::from_mode(mode)))?;
    Ok(file)
}
