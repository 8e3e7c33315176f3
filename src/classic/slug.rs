//! Puts files into the slug: all of them, or none.
//!
//! Everything is first written to a scratch folder inside the build dir, so that putting it into place is a
//! matter of renames on one disk. Folders of the app are opened without leaving the build dir: an app's repo may
//! hold links, planted or not, and nothing is written through one that leads outside.

use crate::acquire::scratch::{self, Scratch, WriteError};
use crate::agent::manifest::{self, Manifest};
use crate::failure::Failure;
use crate::os::stop::{Held, Stop};
use crate::text;
use cap_std::ambient_authority;
use cap_std::fs::{Dir, FileTypeExt as _, Metadata, MetadataExt as _, Permissions};
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// The most bytes of a manifest that are read. Ours have a few hundred.
const MANIFEST_LIMIT: u64 = 64 * 1024;

/// Why the slug is not complete.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    #[error("there is no build dir {}", text::visible(&path.display().to_string()))]
    BuildDirMissing {
        /// The path given.
        path: PathBuf,
        /// Why it cannot be opened.
        source: io::Error,
    },
    #[error("the build dir {} cannot be written", text::visible(&path.display().to_string()))]
    BuildDirUnwritable {
        /// The path given.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file, a link that leads out of the build dir, or a folder that may not be written stands where a folder is
    /// needed.
    #[error("\"{path}\" in the app stands where a folder of the agent must go")]
    Blocked {
        /// The path below the build dir.
        path: String,
        /// Why not.
        source: io::Error,
    },
    /// Writing or moving a file failed.
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error("this program cannot copy itself into the slug")]
    OwnBinary(io::Error),
}

impl InstallError {
    /// The failure id.
    pub fn failure(&self) -> Failure {
        match self {
            InstallError::BuildDirMissing { .. } => Failure::BuildDirMissing,
            InstallError::BuildDirUnwritable { .. } => Failure::BuildDirUnwritable,
            InstallError::Blocked { .. } => Failure::Blocked,
            InstallError::Write(_) | InstallError::OwnBinary(_) => Failure::WriteFailed,
        }
    }
}

/// The build dir, with a scratch folder in it that goes when this value goes.
#[derive(Debug)]
pub struct Slug {
    path: PathBuf,
    root: Dir,
    scratch: Scratch,
}

impl Slug {
    /// Opens the build dir `path` and makes the scratch folder.
    pub fn open(path: &Path, stop: &Stop) -> Result<Self, InstallError> {
        let root =
            Dir::open_ambient_dir(path, ambient_authority()).map_err(|source| InstallError::BuildDirMissing {
                path: path.to_owned(),
                source,
            })?;
        let unwritable = |source| InstallError::BuildDirUnwritable {
            path: path.to_owned(),
            source,
        };
        let mut held = stop.hold();
        // First: what a killed build has left may be what fills the disk.
        scratch::remove_abandoned(&root, path);
        let scratch = Scratch::make_in(path).map_err(unwritable)?;
        held.add_folder(scratch.path().to_owned());
        drop(held);
        Ok(Self {
            path: path.to_owned(),
            root,
            scratch,
        })
    }

    /// The build dir's path as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The build dir.
    pub fn root(&self) -> &Dir {
        &self.root
    }

    /// The scratch folder, to write what [`Slug::place`] will move.
    pub fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// Moves everything into place as `placements` say, in a build that is not stopped meanwhile. If one fails, those
    /// before it are taken back. Returns what of the app's was in their place.
    pub fn place(&self, placements: &[Placement], _held: &Held) -> Result<Vec<Displaced>, InstallError> {
        let mut displaced = Vec::new();
        let is_rebuild = self.has_manifest_of_ours();
        let mut undo = Undo {
            slug: self,
            done: Vec::new(),
        };
        for (number, placement) in placements.iter().enumerate() {
            let folder = self.folder(placement.folder, &mut undo)?;
            let failed = |source: io::Error| match source.kind() {
                // The scratch folder is ours, so it is the app's that may not be written.
                io::ErrorKind::PermissionDenied => InstallError::Blocked {
                    path: placement.folder.to_owned(),
                    source,
                },
                _ => InstallError::Write(WriteError {
                    path: placement.path(),
                    source,
                }),
            };
            let kept = format!("kept-{number}");
            if let Ok(found) = folder.symlink_metadata(placement.name) {
                if found.is_dir() {
                    return Err(InstallError::Blocked {
                        path: placement.path(),
                        source: io::ErrorKind::IsADirectory.into(),
                    });
                }
                displaced.extend(what_was(&found, placement, is_rebuild));
            }
            // Before what must be on record if it succeeds.
            let folder_of_kept = folder.try_clone().map_err(failed)?;
            match self.keep(&folder, placement, &kept) {
                Ok(()) => undo.done.push(Done::Kept {
                    kept,
                    folder: folder_of_kept,
                    name: placement.name,
                }),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(failed(error)),
            }
            let new = match &placement.content {
                Content::File(scratch_name) => scratch_name.clone(),
                Content::Link(target) => {
                    let link = format!("link-{number}");
                    self.scratch.dir().symlink(target, &link).map_err(failed)?;
                    link
                }
                Content::Nothing => continue,
            };
            // In one step, so that whenever the build is killed, the old one or the new one is there.
            self.scratch
                .dir()
                .rename(new, &folder, placement.name)
                .map_err(failed)?;
            undo.done.push(Done::Placed {
                folder,
                name: placement.name,
            });
        }
        undo.done.clear();
        Ok(displaced)
    }

    /// Keeps what is at the place of `placement` in the scratch folder. It stays in its place until it is replaced, if
    /// the disk can give a file a second name.
    fn keep(&self, folder: &Dir, placement: &Placement, kept: &str) -> io::Result<()> {
        let scratch = self.scratch.dir();
        let is_replaced = !matches!(placement.content, Content::Nothing);
        if is_replaced && folder.hard_link(placement.name, scratch, kept).is_ok() {
            return Ok(());
        }
        folder.rename(placement.name, scratch, kept)
    }

    /// Whether the build dir has been built in before: it has a manifest that an earlier build of ours has left.
    fn has_manifest_of_ours(&self) -> bool {
        let found = self.root.symlink_metadata(manifest::PATH);
        let file = found
            .is_ok_and(|found| found.is_file())
            .then(|| self.root.open(manifest::PATH));
        let mut text = String::new();
        file.is_some_and(|file| {
            let read = file.and_then(|file| file.take(MANIFEST_LIMIT).read_to_string(&mut text));
            read.is_ok() && Manifest::from_yaml(&text).is_ok()
        })
    }

    /// Opens the folder `path` below the build dir and makes what is missing of it.
    fn folder(&self, path: &'static str, undo: &mut Undo) -> Result<Dir, InstallError> {
        let mut made = PathBuf::new();
        for part in Path::new(path) {
            made.push(part);
            match self.root.create_dir(&made) {
                Ok(()) => {
                    undo.done.push(Done::MadeFolder(made.clone()));
                    // Whatever the umask is: the dyno's user must be able to enter it.
                    let open_to_all = Permissions::from_std(std::fs::Permissions::from_mode(0o755));
                    self.root
                        .set_permissions(&made, open_to_all)
                        .map_err(|source| WriteError {
                            path: made.display().to_string(),
                            source,
                        })?;
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(source) => {
                    return Err(InstallError::Blocked {
                        path: made.display().to_string(),
                        source,
                    });
                }
            }
        }
        self.root.open_dir(path).map_err(|source| InstallError::Blocked {
            path: path.to_owned(),
            source,
        })
    }
}

/// What stood in the place of a file of ours, and was none that an earlier build of ours had left there.
#[derive(Debug, PartialEq, Eq)]
pub struct Displaced {
    /// The path below the build dir.
    pub path: String,
    /// What it was, in words.
    pub was: &'static str,
    /// Whether there is something of ours now.
    pub is_replaced: bool,
}

/// Says what `found`, in the place of `placement`, was, unless it may be ours from an earlier build.
fn what_was(found: &Metadata, placement: &Placement, is_rebuild: bool) -> Option<Displaced> {
    let kind = found.file_type();
    let may_be_ours = is_rebuild
        && match placement.content {
            Content::Link(_) => kind.is_symlink(),
            // We make none that nobody may read.
            Content::File(_) | Content::Nothing => kind.is_file() && found.mode() & 0o444 != 0,
        };
    if may_be_ours {
        return None;
    }
    let was = if kind.is_symlink() {
        "a link"
    } else if kind.is_fifo() {
        "a named pipe"
    } else if kind.is_file() {
        "a file"
    } else {
        "a socket or a device"
    };
    Some(Displaced {
        path: placement.path(),
        was,
        is_replaced: !matches!(placement.content, Content::Nothing),
    })
}

/// One change to the slug.
#[derive(Debug)]
pub struct Placement {
    /// The folder below the build dir.
    pub folder: &'static str,
    /// The name in that folder.
    pub name: &'static str,
    /// What to put there.
    pub content: Content,
}

/// What to put into a place.
#[derive(Debug)]
pub enum Content {
    /// The file of this name in the scratch folder.
    File(String),
    /// A symbolic link to this target.
    Link(&'static str),
    /// Nothing; what is there from another build goes.
    Nothing,
}

impl Placement {
    /// The path below the build dir.
    fn path(&self) -> String {
        format!("{}/{}", self.folder, self.name)
    }
}

/// Takes back, when dropped, what has been done so far.
struct Undo<'a> {
    slug: &'a Slug,
    done: Vec<Done>,
}

/// One thing done to the build dir.
enum Done {
    MadeFolder(PathBuf),
    Kept {
        kept: String,
        folder: Dir,
        name: &'static str,
    },
    Placed {
        folder: Dir,
        name: &'static str,
    },
}

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        // Best effort: the disk that refused a change may refuse taking another back. A failed build's folder
        // is thrown away by the platform in any case.
        for done in self.done.drain(..).rev() {
            let _ = match done {
                Done::MadeFolder(path) => self.slug.root.remove_dir(path),
                Done::Kept { kept, folder, name } => self.slug.scratch().dir().rename(kept, &folder, name),
                Done::Placed { folder, name } => folder.remove_file(name),
            };
        }
    }
}

#[cfg(test)]
mod tests;
