//! The tarball of the last build, kept in the app's cache dir.
//!
//! One file, whose name is its record: `hoop_1.148.0_linux_amd64_<sha256>.tar.gz` in a folder of ours, since the
//! cache dir is shared by all buildpacks of the app. Name and bytes come into being in one rename, and the bytes
//! are hashed again at each use, so a damaged file is a miss and never a wrong agent. A cache that cannot be
//! used costs a download and a line in the build log, never the build.
//!
//! The folder may be somebody else's all the same: whoever builds with `.` as the cache dir has an app there, maybe
//! with a folder `hoop`. So only what has a name of ours, to the last character, is ever removed ([`is_ours`]).

pub use crate::acquire::cache_names::CachedArchive;
use crate::acquire::cache_names::{PARTIAL, is_ours, is_partial, program_name};
use crate::acquire::own_name;
use crate::acquire::scratch::{is_abandoned, is_young};
use crate::agent::manifest::BUILDPACK_VERSION;
use crate::agent::platform::Platform;
use crate::agent::version::Version;
use crate::os::stop::{Held, Stop};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, MetadataExt as _, OpenOptions, OpenOptionsExt as _};
use rustix::fs::OFlags;
use rustix::process::geteuid;
use std::fs::TryLockError;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Our folder in the cache dir.
const FOLDER: &str = "hoop";

/// [`OFlags::NONBLOCK`], as `OpenOptions` takes it.
const O_NONBLOCK: i32 = OFlags::NONBLOCK.bits().cast_signed();

/// The cache of one build.
#[derive(Debug)]
pub struct Cache {
    path: PathBuf,
    dir: Dir,
    /// The folders down to the cache dir that were made by this build, outermost first.
    made_cache_dir: Vec<PathBuf>,
    /// Our folder, where there is one.
    folder: Option<Dir>,
    /// Whether our folder was made by this build, and must go if the build fails.
    made_folder: bool,
    /// The name of the copy that is being written, and its lock: other builds see by it that we live.
    partial: Option<(String, std::fs::File)>,
    /// What that copy is, once it is whole and verified.
    finished: Option<CachedArchive>,
    platform: Platform,
    stop: Stop,
}

impl Cache {
    /// Opens the cache in `cache_dir`, which is made where it does not exist.
    ///
    /// Fails where the folder cannot be used: no permission, a file or a link in its place. A link is refused also
    /// where it leads to a folder of the cache dir, since that is another buildpack's, and we would tidy it up.
    pub fn open(cache_dir: &Path, platform: Platform, stop: &Stop) -> io::Result<Self> {
        let mut held = stop.hold();
        let mut made_cache_dir: Vec<PathBuf> = cache_dir
            .ancestors()
            .take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists())
            .map(Path::to_owned)
            .collect();
        made_cache_dir.reverse();
        for folder in &made_cache_dir {
            held.add_empty_folder(folder.clone());
        }
        fs_err::create_dir_all(cache_dir)?;
        let dir = Dir::open_ambient_dir(cache_dir, ambient_authority())?;
        if dir.symlink_metadata(FOLDER).is_ok_and(|found| found.is_symlink()) {
            return Err(io::Error::other(format!("{FOLDER} is a link")));
        }
        let folder = match dir.open_dir(FOLDER) {
            Ok(folder) => Some(folder),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(Self {
            path: cache_dir.to_owned(),
            dir,
            made_cache_dir,
            folder,
            made_folder: false,
            partial: None,
            finished: None,
            platform,
            stop: stop.clone(),
        })
    }

    /// The cache dir's path as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether what is kept lies in `build_dir`.
    pub fn is_below(&self, build_dir: &Path) -> bool {
        let folder = self.path.canonicalize().map(|path| path.join(FOLDER));
        let build_dir = build_dir.canonicalize();
        folder.is_ok_and(|folder| build_dir.is_ok_and(|build_dir| folder.starts_with(build_dir)))
    }

    /// What an earlier build has cached for this platform: one archive at most, since a build keeps only its
    /// own. Should there be more, the newest version counts.
    pub fn newest(&self) -> Option<CachedArchive> {
        let archives = self.archives().into_iter().filter(|archive| self.has(archive));
        archives.max_by(|a, b| a.version.cmp(&b.version))
    }

    /// Whether `archive` is a file of ours.
    pub fn has(&self, archive: &CachedArchive) -> bool {
        self.open_archive(archive).is_ok()
    }

    /// The archive of `version`, where it is cached. Should there be more, one that is ours counts.
    pub fn archive_of(&self, version: &Version) -> Option<CachedArchive> {
        let archives = self.archives().into_iter();
        let of_version = archives.filter(|archive| archive.version == *version);
        of_version.max_by_key(|archive| self.has(archive))
    }

    /// Opens a cached archive. Its bytes are not verified yet.
    pub fn open_archive(&self, archive: &CachedArchive) -> io::Result<File> {
        let folder = self.folder.as_ref().ok_or(io::ErrorKind::NotFound)?;
        let name = archive.file_name(self.platform);
        if folder.symlink_metadata(&name)?.is_symlink() {
            return Err(io::Error::other("it is a link"));
        }
        let file = open_at_once(folder, &name)?;
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(io::Error::other("it is no regular file"));
        }
        // The name says what its bytes must be, and is as good as who gave it.
        if found.uid() != geteuid().as_raw() {
            return Err(io::Error::other("it belongs to someone else"));
        }
        Ok(file)
    }

    /// Begins the copy of an archive that is on its way.
    pub fn begin_copy(&mut self) -> io::Result<File> {
        self.drop_copy();
        match self.create_partial() {
            // Another build made our folder, failed, and took it away again.
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.folder.take().is_some() => {
                self.create_partial()
            }
            result => result,
        }
    }

    /// Makes the file of a copy, and our folder where there is none.
    fn create_partial(&mut self) -> io::Result<File> {
        let mut held = self.stop.hold();
        if self.folder.is_none() {
            match self.dir.create_dir(FOLDER) {
                Ok(()) => {
                    self.made_folder = true;
                    held.add_empty_folder(self.path.join(FOLDER));
                }
                // Another build on the same cache dir was faster.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
            self.folder = Some(self.dir.open_dir(FOLDER)?);
        }
        let folder = self.folder.as_ref().ok_or(io::ErrorKind::NotFound)?;
        loop {
            // Another build may be writing to the same cache dir, even one with the same process id.
            let name = own_name::fresh(PARTIAL);
            let file = folder.open_with(&name, OpenOptions::new().write(true).create_new(true).mode(0o644))?;
            // The lock lasts as long as this copy of the descriptor. A disk that knows no locks goes by the file's age.
            let lock = file.try_clone()?.into_std();
            let is_taken = matches!(lock.try_lock(), Err(TryLockError::WouldBlock));
            // Before it had its lock, another build may have taken it for an abandoned one.
            match folder.symlink_metadata(&name) {
                Ok(_) if !is_taken => {
                    held.add_file(self.path.join(FOLDER).join(&name));
                    self.partial = Some((name, lock));
                    return Ok(file);
                }
                // Such as too many open files: another try would end as this one has, and so on without an end.
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    let _ = folder.remove_file(&name);
                    return Err(error);
                }
                _ => {
                    let _ = folder.remove_file(&name);
                }
            }
        }
    }

    /// Gives up the copy that was begun, if there is one.
    pub fn drop_copy(&mut self) {
        if let (Some((name, _)), Some(folder)) = (self.partial.take(), &self.folder) {
            // What is left is removed by the next build that succeeds, see `keep_only`.
            let _ = folder.remove_file(name);
        }
    }

    /// Says that the copy that was begun is whole, and the verified `archive`. [`Cache::keep`] makes it the
    /// cached one.
    pub fn finish_copy(&mut self, archive: CachedArchive) {
        if self.partial.is_some() {
            self.finished = Some(archive);
        }
    }

    /// Makes a finished copy the cached archive, and removes every file of ours but that of `installed`. Called once
    /// the slug is complete, since a failed build must leave the cache as it was; in a build that is not stopped
    /// meanwhile.
    pub fn keep(&mut self, installed: &CachedArchive, _held: &Held) -> io::Result<()> {
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        if let (Some(archive), Some((partial, _))) = (self.finished.take(), &self.partial) {
            let name = archive.file_name(self.platform);
            // The one thing that a rename does not replace. With something in it, it stays, and the rename fails.
            let _ = folder.remove_dir(&name);
            folder.rename(partial, folder, name)?;
            self.partial = None;
            self.made_folder = false;
            self.made_cache_dir.clear();
        }
        self.keep_only(installed);
        Ok(())
    }

    /// Removes every file of ours but `archive` and the program that is running: older versions, and what killed builds
    /// left. What another build is writing now stays, and so does what is not ours.
    fn keep_only(&self, archive: &CachedArchive) {
        let Some(folder) = &self.folder else { return };
        let name = archive.file_name(self.platform);
        // Where it could not be cached, an older one is still better than none. What killed builds left goes in any
        // case: it may be what has filled the disk.
        let is_cached = folder.exists(&name);
        let kept = [name, program_name(BUILDPACK_VERSION, self.platform)];
        for name in names(folder) {
            if !kept.contains(&name) && (is_partial(&name) || (is_cached && is_ours(&name))) {
                remove_abandoned(folder, &name);
            }
        }
    }

    /// The archives cached for this platform.
    fn archives(&self) -> Vec<CachedArchive> {
        let names = self.folder.as_ref().map(names).unwrap_or_default();
        names
            .iter()
            .filter_map(|name| CachedArchive::parse(name, self.platform))
            .collect()
    }
}

impl Drop for Cache {
    /// Leaves the cache dir as it was found, unless something was kept.
    fn drop(&mut self) {
        self.drop_copy();
        if self.made_folder {
            // Only ever removes an empty folder.
            let _ = self.dir.remove_dir(FOLDER);
        }
        for folder in self.made_cache_dir.iter().rev() {
            let _ = std::fs::remove_dir(folder);
        }
    }
}

/// Removes the file `name`, unless another build may still be writing it.
fn remove_abandoned(folder: &Dir, name: &str) {
    // Held until the file is gone: whoever made it then sees that it needs another. A shell holds no lock.
    let lock = if own_name::is_own(PARTIAL, name) {
        open_at_once(folder, name).ok()
    } else {
        None
    };
    let lock = lock.map(File::into_std);
    let is_being_written = match &lock {
        Some(lock) => !is_abandoned(lock),
        None => is_partial(name) && modified(folder, name).is_ok_and(is_young),
    };
    if !is_being_written {
        // Best effort: another build may be removing the same file.
        let _ = folder.remove_file(name);
    }
}

/// When the file `name` was last written to.
fn modified(folder: &Dir, name: &str) -> io::Result<SystemTime> {
    Ok(folder.metadata(name)?.modified()?.into_std())
}

/// Opens a file to read it, without waiting for anybody: what has the name may be a FIFO.
fn open_at_once(folder: &Dir, name: &str) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(O_NONBLOCK);
    folder.open_with(name, &options)
}

/// The names of the files in `folder` that are UTF-8, as ours are.
fn names(folder: &Dir) -> Vec<String> {
    folder
        .entries()
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{BUILDPACK_VERSION, Cache, CachedArchive, PARTIAL, Platform, Stop, own_name, program_name};
    use std::collections::BTreeSet;
    use std::fs;

    #[test]
    fn only_the_new_archive_and_the_running_program_are_kept() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("hoop");
        fs::create_dir(&folder).unwrap();
        let program = program_name(BUILDPACK_VERSION, Platform::Amd64);
        let download = "hoop-buildpack-0.0.1-linux-arm64.download-0aZ9bY8cX7".to_owned();
        let theirs = [
            "__init__.py",
            "download-controller",
            "hoop-buildpack-0.0.1-linux-amd64.md",
            "hoop-buildpack-0.0.1-linux-riscv64",
            "hoop-buildpack-0.0.1-linux-amd64.download-notes",
            "hoop-buildpack-0.0.1-linux-amd64.download-0aZ9bY8cX_",
            "hoop-buildpack-v0.0.1-linux-amd64",
            "hoop_1.0.0_linux_amd64_x.tar.gz",
            "partial-1",
            "partial-of-something.rs",
        ];
        for name in [
            program.as_str(),
            &download,
            &own_name::fresh(PARTIAL),
            "hoop-buildpack-0.0.1-linux-amd64",
            "hoop-buildpack-0.0.2-rc.1-linux-arm64",
            &format!("hoop_1.0.0_linux_arm64_{}.tar.gz", "ab".repeat(32)),
        ]
        .into_iter()
        .chain(theirs)
        {
            fs::write(folder.join(name), "").unwrap();
        }
        let archive = CachedArchive {
            version: "1.2.3".parse().unwrap(),
            digest: "cd".repeat(32).parse().unwrap(),
        };

        let open = || Cache::open(scratch.path(), Platform::Amd64, &Stop::default()).unwrap();
        let mut other = open();
        other.begin_copy().unwrap();
        let mut cache = open();
        cache.begin_copy().unwrap();
        cache.finish_copy(archive.clone());
        cache.keep(&archive, &Stop::default().hold()).unwrap();
        // What another build is writing is not taken from it.
        other.finish_copy(archive.clone());
        other.keep(&archive, &Stop::default().hold()).unwrap();

        let left: BTreeSet<String> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let ours = [program, archive.file_name(Platform::Amd64), download];
        let kept = theirs.into_iter().map(str::to_owned).chain(ours);
        assert_eq!(left, kept.collect());
    }
}
