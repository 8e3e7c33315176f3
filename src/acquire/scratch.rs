//! The scratch folder: where a build writes what it will move into place, in the build dir itself.
//!
//! Each build has its own, which goes when the build ends. A build that is killed leaves its folder, and that would go
//! into the slug, so the next build removes it. The two are told apart by a lock, which no dead process holds, or on a
//! disk without locks by their age. A folder of the app whose name only looks like it stays ([`own_name`]).

use crate::acquire::own_name;
use crate::os::folders;
use cap_std::ambient_authority;
use cap_std::fs::{Dir, DirBuilder, DirBuilderExt as _, File, OpenOptions, Permissions};
use std::fs::{self, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How the name of a scratch folder begins.
const PREFIX: &str = ".hoop-scratch-";

/// Where an archive is unpacked, in the scratch folder.
pub const UNPACKED: &str = "agent";

/// No build takes longer: the platform ends it after 25 minutes
/// (<https://devcenter.heroku.com/articles/slug-compiler>).
const LONGEST_BUILD: Duration = Duration::from_hours(1);

/// A file of the build cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("writing {path} failed")]
pub struct WriteError {
    /// Below the folder that is built in.
    pub path: String,
    /// Why.
    pub source: io::Error,
}

/// A folder that is removed, with all that is in it, when this value goes.
#[derive(Debug)]
pub struct Scratch {
    dir: Dir,
    path: PathBuf,
    /// Held as long as the build lives. `None` on a disk without locks.
    _lock: Option<fs::File>,
}

impl Scratch {
    /// Makes a folder in `build_dir`.
    pub fn make_in(build_dir: &Path) -> io::Result<Self> {
        // The agent is started from another folder than this program.
        let build_dir = std::path::absolute(build_dir)?;
        loop {
            let path = build_dir.join(own_name::fresh(PREFIX));
            fs::DirBuilder::new().mode(0o700).create(&path)?;
            match Self::take(path.clone()) {
                Ok(Some(scratch)) => return Ok(scratch),
                Ok(None) => {}
                Err(error) => {
                    let _ = fs::remove_dir(&path);
                    return Err(error);
                }
            }
        }
    }

    /// Locks the folder that was just made at `path`. `None` means that another build has taken it for an abandoned one
    /// meanwhile, and removes it.
    fn take(path: PathBuf) -> io::Result<Option<Self>> {
        let lock = match fs::File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            result => result?,
        };
        let locked = lock.try_lock();
        if matches!(locked, Err(TryLockError::WouldBlock)) || !path.exists() {
            return Ok(None);
        }
        let dir = Dir::open_ambient_dir(&path, ambient_authority())?;
        let lock = locked.is_ok().then_some(lock);
        Ok(Some(Self { dir, path, _lock: lock }))
    }

    /// The folder.
    pub fn dir(&self) -> &Dir {
        &self.dir
    }

    /// Makes a folder in it, for this user alone.
    pub fn make_folder(&self, name: &str) -> Result<(), WriteError> {
        let mut builder = DirBuilder::new();
        builder.mode(0o700);
        let made = self.dir.create_dir_with(name, &builder);
        made.map_err(|source| WriteError {
            path: name.to_owned(),
            source,
        })
    }

    /// Writes a file with `content` to it.
    pub fn write(&self, name: &str, content: &[u8], mode: u32) -> Result<(), WriteError> {
        create_file(&self.dir, name, mode)
            .and_then(|mut file| file.write_all(content))
            .map_err(|source| WriteError {
                path: name.to_owned(),
                source,
            })
    }

    /// The folder's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes what is in the folder. Best effort.
    pub fn empty(&self) {
        folders::open_to_owner(&self.path);
        for entry in fs::read_dir(&self.path).into_iter().flatten().flatten() {
            let _ = folders::remove(&entry.path()).or_else(|_| fs::remove_file(entry.path()));
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Best effort: there is nobody to tell, and the next build tries again.
        let _ = folders::remove(&self.path);
    }
}

/// Removes the scratch folders of builds that were killed in the same build dir, which is `root`. A folder that a
/// living build holds stays.
pub fn remove_abandoned(root: &Dir, build_dir: &Path) {
    let names = root.entries().into_iter().flatten();
    for name in names.filter_map(|entry| entry.ok()?.file_name().into_string().ok()) {
        let is_folder = || root.symlink_metadata(&name).is_ok_and(|found| found.is_dir());
        let is_scratch = own_name::is_own(PREFIX, &name) && is_folder();
        if !is_scratch {
            continue;
        }
        let path = build_dir.join(&name);
        let opened = fs::File::open(&path).or_else(|_| {
            folders::open_to_owner(&path);
            fs::File::open(&path)
        });
        let Ok(folder) = opened else { continue };
        // Held until the folder is gone: whoever made it then sees that it needs another.
        if is_abandoned(&folder) {
            // Best effort: of someone else's folder there is nothing to be done.
            let _ = folders::remove(&path);
        }
    }
}

/// Whether no build holds `file`, a file or a folder, any more: by its lock, which is then held as long as
/// `file` is, or on a disk without locks by its age.
pub fn is_abandoned(file: &fs::File) -> bool {
    match file.try_lock() {
        Ok(()) => true,
        Err(TryLockError::WouldBlock) => false,
        Err(TryLockError::Error(_)) => {
            let made = file.metadata().and_then(|found| found.modified());
            made.is_ok_and(|made| !is_young(made))
        }
    }
}

/// Whether the build that made something at the time `made` may still be going on. A clock that was put back
/// makes it no older than it is.
pub fn is_young(made: SystemTime) -> bool {
    made.elapsed().unwrap_or_default() < LONGEST_BUILD
}

/// Creates the file `name` in `folder` with exactly `mode`, whatever the umask is: the same build must give the
/// same slug everywhere.
pub fn create_file(folder: &Dir, name: &str, mode: u32) -> io::Result<File> {
    let file = folder.open_with(name, OpenOptions::new().write(true).create_new(true))?;
    file.set_permissions(Permissions::from_std(fs::Permissions::from_mode(mode)))?;
    Ok(file)
}
