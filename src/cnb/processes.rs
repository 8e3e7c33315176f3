//! The processes that earlier buildpacks of the same build give to the image.
//!
//! Each writes them into the `launch.toml` of its own layers folder, and those folders stand side by side. Their order
//! is in `group.toml`, which the lifecycle writes beside them before the first buildpack builds.

use crate::os::regular_file;
use crate::procfile::image::{Launch, Process};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read as _};
use std::path::Path;

/// The most bytes of a file of the lifecycle or of another buildpack that are read.
const LIMIT: u64 = 1024 * 1024;

#[derive(Deserialize)]
struct Group {
    group: Vec<Member>,
}

#[derive(Deserialize)]
struct Member {
    id: String,
}

/// The processes that the buildpacks before ours give to the image, as the lifecycle will see them: of one process
/// type, the last counts. `layers_dir` is ours.
///
/// # Errors
///
/// A file cannot be read or is not what it should be, or `group.toml` does not name this buildpack.
pub fn of_earlier_buildpacks(layers_dir: &Path) -> io::Result<Vec<Process>> {
    let layers_dir = layers_dir.canonicalize()?;
    let (Some(root), Some(own)) = (layers_dir.parent(), layers_dir.file_name()) else {
        return Err(io::Error::other("the layers folder has no parent"));
    };
    let group: Group = read(&root.join("group.toml"))
        .map_err(|error| io::Error::other(format!("the lifecycle's group.toml: {error}")))?;
    let folder_of = |id: &str| id.replace('/', "_");
    let own_place = group
        .group
        .iter()
        .position(|member| own == folder_of(&member.id).as_str());
    let Some(own_place) = own_place else {
        return Err(io::Error::other("group.toml does not name this buildpack"));
    };
    let mut processes: BTreeMap<String, Process> = BTreeMap::new();
    let mut default = None;
    for member in &group.group[..own_place] {
        let launch: Launch = match read(&root.join(folder_of(&member.id)).join("launch.toml")) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            result => result?,
        };
        for process in launch.processes {
            // As the lifecycle has it: who replaces the default without a new one leaves the image without any.
            if process.default {
                default = Some(process.process_type.clone());
            } else if default.as_ref() == Some(&process.process_type) {
                default = None;
            }
            processes.insert(process.process_type.clone(), process);
        }
    }
    let mut processes: Vec<Process> = processes.into_values().collect();
    for process in &mut processes {
        process.default = default.as_ref() == Some(&process.process_type);
    }
    Ok(processes)
}

/// Reads a TOML file. Anything but a file could make the build wait.
fn read<T: for<'a> Deserialize<'a>>(path: &Path) -> io::Result<T> {
    let named = |error: String| io::Error::other(format!("{}: {error}", path.display()));
    let mut text = String::new();
    match regular_file::open(path).and_then(|file| file.take(LIMIT).read_to_string(&mut text)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(error),
        result => result.map_err(|error| named(error.to_string()))?,
    };
    toml::from_str(&text).map_err(|error| named(error.message().to_owned()))
}
