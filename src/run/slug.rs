//! The slug as hoopstart finds it at run time.

use crate::environment::Environment;
use crate::manifest::{self, Manifest};
use rustix::fs::Access;
use std::path::{Path, PathBuf};

/// What hoopstart finds of itself on disk.
#[derive(Clone, Debug)]
pub(super) struct Slug {
    /// The folder of the programs.
    pub(super) programs: PathBuf,
    /// Where the manifest should be.
    pub(super) manifest_path: PathBuf,
    /// The manifest, or why there is none.
    pub(super) manifest: Result<Manifest, String>,
    /// The agent's program.
    pub(super) agent: AgentFile,
}

/// What stands where the agent's program should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AgentFile {
    /// No file.
    Missing,
    /// A file that may not be executed.
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

impl Slug {
    /// Looks beside this program, which compile has put into the slug; from another place, below `HOME`.
    pub(super) fn of_this_program(environment: &Environment) -> Self {
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
        let manifest = std::fs::read_to_string(&manifest_path)
            .map_err(|error| error.to_string())
            .and_then(|text| Manifest::from_yaml(&text).map_err(|error| error.to_string()));
        Self {
            agent: AgentFile::at(&programs.join("hoop")),
            programs,
            manifest_path,
            manifest,
        }
    }
}
