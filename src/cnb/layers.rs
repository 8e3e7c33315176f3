//! The folder in which the lifecycle expects layers. All of a build is first written to a scratch folder inside it.

use crate::acquire::archive::PROGRAMS;
use crate::acquire::one_pass::VerifiedAgent;
use crate::acquire::scratch::{self, Scratch, UNPACKED, WriteError, create_file};
use crate::agent::manifest::Manifest;
use crate::cnb::record::{LayerToml, Record, Types};
use crate::failure::Failure;
use crate::os::folders;
use crate::os::stop::{Held, Stop};
use crate::text;
use cap_std::ambient_authority;
use cap_std::fs::{Dir, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// The layer with the agent and hoopstart.
pub const AGENT: &str = "agent";

/// The layer that keeps the tarball of the last build.
pub const DOWNLOADS: &str = "downloads";

/// Where the layer `agent` is put together, in the scratch folder.
const NEW: &str = "layer";

/// Below `exec.d`: what explains, before each start of a process, what cannot work in an image.
pub const NOTICE: &str = "hoop-notice";

/// Why a layer cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum LayersError {
    #[error("the layers folder {} cannot be written", text::visible(&path.display().to_string()))]
    Unwritable {
        /// The path given.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Writing or moving a file failed.
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error("this program cannot copy itself into the layer")]
    OwnBinary(io::Error),
}

impl LayersError {
    /// The failure id.
    pub fn failure(&self) -> Failure {
        match self {
            LayersError::Unwritable { .. } => Failure::LayersUnwritable,
            LayersError::Write(_) | LayersError::OwnBinary(_) => Failure::WriteFailed,
        }
    }
}

/// The layers folder of this buildpack, with a scratch folder in it that goes when this value goes.
#[derive(Debug)]
pub struct Layers {
    path: PathBuf,
    root: Dir,
    scratch: Scratch,
}

impl Layers {
    /// Opens the layers folder `path` and makes the scratch folder.
    pub fn open(path: &Path, stop: &Stop) -> Result<Self, LayersError> {
        let unwritable = |source| LayersError::Unwritable {
            path: path.to_owned(),
            source,
        };
        let root = Dir::open_ambient_dir(path, ambient_authority()).map_err(unwritable)?;
        let mut held = stop.hold();
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

    /// The scratch folder.
    pub fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// The folder of the layer `downloads`.
    pub fn downloads(&self) -> PathBuf {
        self.path.join(DOWNLOADS)
    }

    /// What the last image's layer `agent` is, as far as the lifecycle has kept that.
    pub fn record(&self) -> Option<Record> {
        let text = self.root.read_to_string(format!("{AGENT}.toml")).ok()?;
        toml::from_str::<LayerToml>(&text).ok()?.metadata
    }

    /// Puts the layer `agent` together in the scratch folder. Returns how many bytes are in it.
    pub fn prepare(&self, agent: Option<&VerifiedAgent>, manifest: &Manifest) -> Result<u64, LayersError> {
        let failed = |path: &str| {
            let path = format!("{AGENT}/{path}");
            move |source| WriteError { path, source }
        };
        let scratch = self.scratch.dir();
        for folder in [NEW, "layer/bin", "layer/exec.d"] {
            scratch.create_dir(folder).map_err(failed(folder))?;
            // Whatever the umask is: the user of the image must be able to enter it.
            let open_to_all = Permissions::from_std(std::fs::Permissions::from_mode(0o755));
            scratch.set_permissions(folder, open_to_all).map_err(failed(folder))?;
        }
        let layer = scratch.open_dir(NEW).map_err(failed(""))?;
        let mut bytes = copy_own_binary(&layer)?;
        let manifest = manifest.to_yaml();
        self.scratch.write("layer/manifest.yml", manifest.as_bytes(), 0o644)?;
        bytes += manifest.len() as u64;
        for name in PROGRAMS {
            let Some(file) = agent.and_then(|agent| agent.unpacked().files.get(name)) else {
                continue;
            };
            let path = format!("bin/{name}");
            let moved = scratch.rename(format!("{UNPACKED}/{name}"), &layer, &path);
            moved.map_err(failed(&path))?;
            bytes += file.size;
        }
        for (path, target) in [
            ("bin/hoopwrapper".to_owned(), "hoopstart"),
            (format!("exec.d/{NOTICE}"), "../bin/hoopstart"),
        ] {
            layer.symlink(target, &path).map_err(failed(&path))?;
        }
        Ok(bytes)
    }

    /// Puts the prepared layer into place.
    pub fn place(&self, _held: &Held) -> Result<(), LayersError> {
        self.remove(AGENT)?;
        let moved = self.scratch.dir().rename(NEW, &self.root, AGENT);
        Ok(moved.map_err(|source| WriteError {
            path: AGENT.to_owned(),
            source,
        })?)
    }

    /// Removes what is at `name`, if something is.
    pub fn remove(&self, name: &str) -> Result<(), LayersError> {
        let path = self.path.join(name);
        let removed = match folders::remove(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => std::fs::remove_file(&path),
            result => result,
        };
        match removed {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(WriteError {
                path: name.to_owned(),
                source,
            }
            .into()),
            _ => Ok(()),
        }
    }

    /// Says what the layer `name` is for, and keeps `record` with it.
    pub fn describe(&self, name: &str, types: Types, record: Option<Record>) -> Result<(), LayersError> {
        let layer = LayerToml {
            types,
            metadata: record,
        };
        let text = toml::to_string(&layer).expect("a record of texts and switches can be written as TOML");
        self.write(&format!("{name}.toml"), text.as_bytes())
    }

    /// Writes the file `name`, in one step.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<(), LayersError> {
        self.scratch.write(name, content, 0o644)?;
        let moved = self.scratch.dir().rename(name, &self.root, name);
        Ok(moved.map_err(|source| WriteError {
            path: name.to_owned(),
            source,
        })?)
    }
}

/// Copies this program to `layer`: it is hoopstart, too.
fn copy_own_binary(layer: &Dir) -> Result<u64, LayersError> {
    let mut own = std::fs::File::open("/proc/self/exe").map_err(LayersError::OwnBinary)?;
    let path = "bin/hoopstart";
    let copied = create_file(layer, path, 0o755).and_then(|copy| io::copy(&mut own, &mut copy.into_std()));
    Ok(copied.map_err(|source| WriteError {
        path: format!("{AGENT}/{path}"),
        source,
    })?)
}
