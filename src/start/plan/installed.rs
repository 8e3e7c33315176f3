//! What is installed in the dyno, as hoopstart finds it.

use crate::agent::hoop_yml::{HoopYml, Mistake};
use crate::agent::manifest::{self, Manifest};
use crate::os::environment::Environment;
use crate::os::regular_file;
use crate::procfile::Procfile;
use crate::procfile::image::Launch;
use crate::procfile::{invocation, scripts};
use cap_std::fs::Dir;
use rustix::fs::Access;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// The most bytes of a Procfile that are read: far more than any Procfile has.
const PROCFILE_LIMIT: u64 = 1024 * 1024;

/// The most bytes of a manifest that are read: it has a few lines, and the process types of a Procfile.
const MANIFEST_LIMIT: u64 = 1024 * 1024;

/// The lifecycle's record of an image, beside the folder with the layers of this buildpack.
const IMAGE_RECORD: &str = "../config/metadata.toml";

/// What hoopstart finds on disk.
#[derive(Clone, Debug)]
pub(crate) struct Installed {
    /// The folder of our programs.
    pub(crate) programs: PathBuf,
    /// Where the manifest should be.
    pub(crate) manifest_path: PathBuf,
    /// The manifest, or why there is none.
    pub(crate) manifest: Result<Manifest, String>,
    /// The agent's program.
    pub(crate) agent: AgentFile,
    /// The folder of the app, where the Procfile is.
    pub(crate) folder: Option<PathBuf>,
    /// The app's present Procfile; empty if it is missing or cannot be read. In an image, what its processes start.
    pub(crate) procfile: Procfile,
    /// The app's `hoop.yml`, if there is one.
    pub(crate) hoop_yml: Option<Result<HoopYml, Mistake>>,
    /// Whether this is an image of Cloud Native Buildpacks.
    pub(crate) is_image: bool,
}

/// What is at the path of the agent's program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AgentFile {
    Missing,
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
    /// Looks in the folder of this program, which the build has put there. If it was started from another place, looks
    /// below `HOME`.
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
        // In an image, the launcher starts processes in the app's folder.
        let image = root.and_then(|layers| read_image(&layers.join(IMAGE_RECORD)));
        let is_image = image.is_some();
        let of_slug = || {
            let mut folders = root.into_iter().chain(home);
            folders.find_map(|folder| Some((folder.to_owned(), read_procfile(&folder.join("Procfile"))?)))
        };
        let image = image.map(|procfile| (PathBuf::from("."), procfile));
        let (folder, procfile) = image.or_else(of_slug).unzip();
        let recorded = manifest.as_ref().ok().and_then(|manifest| manifest.hoop_yml.as_deref());
        // A process of an image may have changed its folder, and an app may have no Procfile.
        let of_image = recorded.filter(|_| is_image).and_then(|path| Path::new(path).parent());
        let of_slug = root.filter(|_| !is_image);
        let app_folders = of_image.into_iter().chain(of_slug).chain(folder.as_deref());
        Self {
            agent: AgentFile::at(&programs.join("hoop")),
            hoop_yml: HoopYml::of_folders(app_folders, recorded.is_some()),
            folder,
            procfile: procfile.unwrap_or_default(),
            is_image,
            programs,
            manifest_path,
            manifest,
        }
    }

    /// Whether the command of `process_type`, or of any type if it is `None`, is a script of the app that starts
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

/// Reads what the processes of an image start, if this is one.
fn read_image(path: &Path) -> Option<Procfile> {
    let launch: Launch = toml::from_str(&read_file(path, PROCFILE_LIMIT).ok()?).ok()?;
    Some(launch.as_procfile())
}

/// Reads a Procfile, if there is one.
fn read_procfile(path: &Path) -> Option<Procfile> {
    Some(Procfile::parse(&read_file(path, PROCFILE_LIMIT).ok()?))
}

/// Reads a regular file. A pipe or a device in its place could keep the app waiting for ever.
fn read_file(path: &Path, limit: u64) -> io::Result<String> {
    let mut bytes = Vec::with_capacity(1024);
    regular_file::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
