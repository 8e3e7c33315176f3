//! The slug as hoopstart finds it at run time.

use crate::agent::manifest::{self, Manifest};
use crate::os::environment::Environment;
use crate::procfile::Procfile;
use crate::procfile::{invocation, scripts};
use cap_std::fs::Dir;
use rustix::fs::{Access, OFlags};
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The most bytes of a Procfile that are read: far more than any has.
const PROCFILE_LIMIT: u64 = 1024 * 1024;

/// More bytes than a manifest has: a few lines, and the process types of a Procfile.
const MANIFEST_LIMIT: u64 = 1024 * 1024;

/// What hoopstart finds of itself on disk.
#[derive(Clone, Debug)]
pub(crate) struct Installed {
    /// The folder of the programs.
    pub(crate) programs: PathBuf,
    /// Where the manifest should be.
    pub(crate) manifest_path: PathBuf,
    /// The manifest, or why there is none.
    pub(crate) manifest: Result<Manifest, String>,
    /// The agent's program.
    pub(crate) agent: AgentFile,
    /// The folder of the app, in which that Procfile is.
    pub(crate) folder: Option<PathBuf>,
    /// The app's Procfile as it is now. Without one, or with one that cannot be read, no process types.
    pub(crate) procfile: Procfile,
}

/// What stands where the agent's program should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AgentFile {
    /// No file.
    Missing,
    /// A file that cannot be executed.
    NotExecutable,
    /// A program.
    Program,
}

impl AgentFile {
    /// Looks at `path`.
    fn at(path: &Path) -> Self {
        if !path.is_file() {
            AgentFile::Missing
        } else if rustix::fs::access(path, Access::EXEC_OK).is_err() {
            AgentFile::NotExecutable
        } else {
            AgentFile::Program
        }
    }
}

impl Installed {
    /// Looks beside this program, which compile has put into the slug; from another place, below `HOME`.
    pub(crate) fn of_this_program(environment: &Environment) -> Self {
        let beside = std::env::current_exe()
            .ok()
            .and_then(|program| Some(program.parent()?.to_owned()))
            .filter(|folder| folder.join("../manifest.yml").exists());
        let programs =
            beside.unwrap_or_else(|| Path::new(environment.text("HOME").unwrap_or("/app")).join(".hoop/bin"));
        let manifest_path = programs.parent().map_or_else(
            || Path::new(manifest::PATH).to_owned(),
            |hoop| hoop.join("manifest.yml"),
        );
        let manifest = read_file(&manifest_path, MANIFEST_LIMIT)
            .map_err(|error| error.to_string())
            .and_then(|text| Manifest::from_yaml(&text).map_err(|error| error.to_string()));
        let root = manifest_path.parent().and_then(Path::parent);
        let home = environment.value("HOME").map(Path::new);
        let (folder, procfile) = root
            .into_iter()
            .chain(home)
            .find_map(|folder| Some((folder.to_owned(), read_procfile(&folder.join("Procfile"))?)))
            .unzip();
        Self {
            agent: AgentFile::at(&programs.join("hoop")),
            folder,
            procfile: procfile.unwrap_or_default(),
            programs,
            manifest_path,
            manifest,
        }
    }

    /// Whether the command of `process_type`, or without one of any, is a script of the app that starts
    /// hoopstart.
    pub(crate) fn starts_by_script(&self, process_type: Option<&str>) -> bool {
        let root = self.folder.as_ref();
        let root = root.and_then(|folder| Dir::open_ambient_dir(folder, cap_std::ambient_authority()).ok());
        root.is_some_and(|root| {
            let types = scripts::by_script(&self.procfile, &root, invocation::is_in_script);
            types
                .iter()
                .any(|name| process_type.is_none_or(|wanted| name == wanted))
        })
    }
}

/// Reads a Procfile, if there is a file.
fn read_procfile(path: &Path) -> Option<Procfile> {
    Some(Procfile::parse(&read_file(path, PROCFILE_LIMIT).ok()?))
}

/// Reads a file, and nothing else that may stand in its place: a pipe is never written to and a device has no end, and
/// the app waits.
fn read_file(path: &Path, limit: u64) -> io::Result<String> {
    let mut options = File::options();
    let file = options
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let mut bytes = Vec::with_capacity(1024);
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
