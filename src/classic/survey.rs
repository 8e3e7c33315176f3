//! Looks into the app's folder, before anything is put there, for what advice is about.

use crate::procfile::Procfile;
use crate::procfile::scripts::read_file;
use cap_std::fs::Dir;
use std::io;

/// The name by which the platform knows it.
const PROCFILE: &str = "Procfile";

/// So many folders of an app are searched for its Procfile.
const FOLDERS_LIMIT: usize = 1000;

/// Scripts in `.profile.d` by which languages' buildpacks are known. An app may have scripts of its own there.
const PROFILE_SCRIPTS: [&str; 18] = [
    "100-composer.sh",
    "WEB_CONCURRENCY.sh",
    "clojure.sh",
    "crystal.sh",
    "dotnet.sh",
    "elixir_buildpack_paths.sh",
    "go.sh",
    "gradle.sh",
    "jvmcommon.sh",
    "nodejs.sh",
    "phoenix_static_buildpack_paths.sh",
    "php.sh",
    "python.gunicorn.sh",
    "python.sh",
    "ruby.sh",
    "rust.sh",
    "scala.sh",
    "static.sh",
];

/// What stands in the place of the app's Procfile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProcfileState {
    /// Nothing.
    Missing,
    /// Nothing, but a file that was meant to be one.
    Misnamed {
        /// Its path below the app's folder.
        path: String,
    },
    /// Something that cannot be read as a file.
    NoFile {
        /// What it is, in words.
        what: &'static str,
    },
    /// A file that says nothing.
    Faulty(ProcfileFault),
    /// A Procfile.
    Read(Procfile),
}

/// Why no process types can be read from a Procfile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProcfileFault {
    /// It is in UTF-16, as some editors of Windows save text.
    Utf16,
    /// There is nothing in it.
    Empty,
    /// No line of it is `type: command`.
    NoLine {
        /// The first line that is no comment.
        first: String,
    },
}

impl ProcfileState {
    /// Looks at the folder of an app.
    pub fn of(root: &Dir) -> Self {
        match read(root) {
            Ok(bytes) => Self::of_bytes(&bytes),
            Err(what) if !what.is_empty() => Self::NoFile { what },
            Err(_) => match misnamed(root) {
                Some(path) => Self::Misnamed { path },
                None => Self::Missing,
            },
        }
    }

    /// Reads the bytes of a Procfile that should have a line for at least one process.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        if is_utf16(bytes) {
            return Self::Faulty(ProcfileFault::Utf16);
        }
        let text = String::from_utf8_lossy(bytes);
        let procfile = Procfile::parse(&text);
        if procfile.process_types().next().is_some() {
            return Self::Read(procfile);
        }
        let mut lines = text.lines().map(|line| line.trim_start_matches('\u{feff}').trim());
        let first = lines.find(|line| !line.is_empty() && !line.starts_with('#'));
        Self::Faulty(first.map_or(ProcfileFault::Empty, |first| ProcfileFault::NoLine {
            first: first.to_owned(),
        }))
    }

    /// The Procfile, if it can be read.
    pub fn procfile(&self) -> Option<&Procfile> {
        match self {
            Self::Read(procfile) => Some(procfile),
            _ => None,
        }
    }
}

/// Whether `bytes` are UTF-16: by their byte order mark, or since every other byte of what must be ASCII is
/// zero.
fn is_utf16(bytes: &[u8]) -> bool {
    let zeros = |first: usize| bytes.iter().skip(first).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    bytes.starts_with(b"\xff\xfe")
        || bytes.starts_with(b"\xfe\xff")
        || (even.max(odd) * 4 > bytes.len() && even.min(odd) == 0)
}

/// Reads the Procfile of an app.
///
/// # Errors
/// What stands in its place, in words; empty if nothing does.
fn read(root: &Dir) -> Result<Vec<u8>, &'static str> {
    match root.symlink_metadata(PROCFILE) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(""),
        Err(_) => return Err("not readable"),
        Ok(found) if found.is_symlink() && root.metadata(PROCFILE).is_err() => {
            return Err("a link that does not lead to a file of the app");
        }
        Ok(_) => {}
    }
    read_file(root, PROCFILE)
}

/// The path of a file that was meant to be the Procfile of an app that has none: by another name, or else one
/// folder below.
fn misnamed(root: &Dir) -> Option<String> {
    let mut names: Vec<String> = entry_names(root);
    names.sort_unstable();
    let is_file = |path: &str| root.metadata(path).is_ok_and(|found| found.is_file());
    if let Some(name) = names.iter().find(|name| is_meant(name) && is_file(name)) {
        return Some(name.clone());
    }
    let mut below = names.iter().map(|folder| format!("{folder}/{PROCFILE}"));
    below.find(|path| is_file(path))
}

/// The names in a folder that are UTF-8.
fn entry_names(folder: &Dir) -> Vec<String> {
    let entries = folder.entries().into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .take(FOLDERS_LIMIT)
        .collect()
}

/// Whether a file called `name` is meant to be the Procfile. `Procfile.dev` and its like are for other runners.
fn is_meant(name: &str) -> bool {
    let name = name.trim().trim_start_matches('.').to_lowercase();
    let stem = match name.rsplit_once('.') {
        Some((stem, "txt" | "text" | "md" | "yml" | "yaml" | "rtf" | "sh")) => stem,
        Some(_) => return false,
        None => &name,
    };
    // A profile is something else.
    stem != "profile" && strsim::osa_distance(&stem.replace(['_', '-', ' '], ""), "procfile") <= 1
}

/// What the folder of an app shows of other buildpacks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OtherBuildpacks {
    /// What those have left that ran before this one.
    pub traces: Vec<String>,
    /// The config var that makes a folder the app's, if the app has one.
    pub folder_var: Option<&'static str>,
    /// Whether that has still to be done. What stands in the build dir then goes.
    pub will_clear: bool,
}

impl OtherBuildpacks {
    /// Looks at the folder of an app, where `folders` are those that other buildpacks make the app's.
    pub fn of(root: &Dir, folders: &[(&'static str, String)]) -> Self {
        let exists = |path: &String| root.symlink_metadata(path).is_ok();
        let scripts = PROFILE_SCRIPTS.iter().map(|name| format!(".profile.d/{name}"));
        // Heroku's own keep their things there.
        let traces = std::iter::once(".heroku".to_owned()).chain(scripts);
        // Not of a folder that only has the same name as the one that has become the app.
        let is_to_come = |folder: &str| {
            root.metadata(format!("{}/{PROCFILE}", folder.trim().trim_matches('/')))
                .is_ok()
        };
        Self {
            traces: traces.filter(exists).collect(),
            folder_var: folders.first().map(|(name, _)| *name),
            will_clear: folders
                .iter()
                .any(|(_, folder)| !matches!(folder.trim(), "" | "." | "./" | "/") && is_to_come(folder)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{OtherBuildpacks, ProcfileFault, ProcfileState, is_meant};
    use cap_std::ambient_authority;
    use cap_std::fs::Dir;
    use std::fs;
    use tempfile::TempDir;

    /// The folder of an app with these files, each with a line of a Procfile.
    fn app(paths: &[&str]) -> (TempDir, Dir) {
        let folder = tempfile::tempdir().unwrap();
        for path in paths {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "web: puma\n").unwrap();
        }
        let root = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
        (folder, root)
    }

    #[test]
    fn a_procfile_without_a_process_says_what_is_wrong() {
        let little = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let big = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
        let no_line = |first: &str| ProcfileFault::NoLine {
            first: first.to_owned(),
        };
        for (bytes, fault) in [
            (little("\u{feff}web: puma\r\n"), ProcfileFault::Utf16),
            (big("\u{feff}web: puma\n"), ProcfileFault::Utf16),
            (little("web: puma\n"), ProcfileFault::Utf16),
            (big("web: puma\n"), ProcfileFault::Utf16),
            (little("web: caf\u{e9} --serve\n"), ProcfileFault::Utf16),
            (Vec::new(), ProcfileFault::Empty),
            (b"\xef\xbb\xbf\r\n\n".to_vec(), ProcfileFault::Empty),
            (b"# web: puma\n\n".to_vec(), ProcfileFault::Empty),
            (b"# later\nweb puma -p $PORT\nx".to_vec(), no_line("web puma -p $PORT")),
            (b"web = puma\n".to_vec(), no_line("web = puma")),
            (b"web:\n".to_vec(), no_line("web:")),
            (b"- web: puma\n".to_vec(), no_line("- web: puma")),
            (b"web\xef\xbc\x9a puma\n".to_vec(), no_line("web\u{ff1a} puma")),
        ] {
            assert_eq!(
                ProcfileState::of_bytes(&bytes),
                ProcfileState::Faulty(fault),
                "{bytes:?}"
            );
        }
    }

    #[test]
    fn a_name_that_was_meant_is_told_from_others() {
        for name in [
            "procfile",
            "ProcFile",
            "PROCFILE",
            "Procfile.txt",
            "procfile.yml",
            "Procfiles",
            "Proc-file",
            "Porcfile",
            ".Procfile",
            "Procfile ",
        ] {
            assert!(is_meant(name), "{name}");
        }
        for name in [
            "Profile",
            ".profile",
            "Procfile.dev",
            "Dockerfile",
            "profile.txt",
            "Procfile.local",
        ] {
            assert!(!is_meant(name), "{name}");
        }
    }

    #[test]
    fn a_procfile_elsewhere_is_found_where_there_is_none() {
        for (paths, found) in [
            (vec!["procfile"], Some("procfile")),
            (vec!["config/Procfile", "Procfile.txt"], Some("Procfile.txt")),
            (vec!["backend/Procfile"], Some("backend/Procfile")),
            (vec!["a/b/Procfile", "Procfile.dev"], None),
            (vec!["procfile/x"], None),
        ] {
            let (_folder, root) = app(&paths);
            let expected = match found {
                Some(path) => ProcfileState::Misnamed { path: path.to_owned() },
                None => ProcfileState::Missing,
            };
            assert_eq!(ProcfileState::of(&root), expected, "{paths:?}");
        }
        let (_folder, root) = app(&["Procfile", "procfile"]);
        assert!(ProcfileState::of(&root).procfile().is_some());
    }

    #[test]
    fn what_is_no_file_is_said_to_be_what_it_is() {
        let (folder, root) = app(&["Procfile/x"]);
        assert_eq!(ProcfileState::of(&root), ProcfileState::NoFile { what: "a folder" });
        fs::remove_dir_all(folder.path().join("Procfile")).unwrap();
        for target in ["nowhere", "/etc/hostname"] {
            std::os::unix::fs::symlink(target, folder.path().join("Procfile")).unwrap();
            let what = "a link that does not lead to a file of the app";
            assert_eq!(ProcfileState::of(&root), ProcfileState::NoFile { what }, "{target}");
            fs::remove_file(folder.path().join("Procfile")).unwrap();
        }
    }

    #[test]
    fn other_buildpacks_are_known_by_what_they_leave() {
        let (_folder, root) = app(&[".profile.d/ruby.sh", ".profile.d/own.sh", ".heroku/x"]);
        assert_eq!(
            OtherBuildpacks::of(&root, &[]).traces,
            [".heroku", ".profile.d/ruby.sh"]
        );
        let (_folder, root) = app(&[".profile.d/own.sh", "Procfile"]);
        assert_eq!(OtherBuildpacks::of(&root, &[]), OtherBuildpacks::default());
    }

    #[test]
    fn a_folder_that_will_become_the_app_is_told_from_one_of_the_same_name() {
        for (paths, folder, will_clear) in [
            (vec!["backend/Procfile"], "backend", true),
            (vec!["Procfile", "apps/web/Procfile"], "/apps/web/\n", true),
            (vec!["Procfile", "app/models/x"], "app", false),
            (vec!["Procfile"], "backend", false),
            (vec!["Procfile"], ".", false),
            (vec!["Procfile"], "", false),
            (vec!["Procfile"], "../..", false),
        ] {
            let (_folder, root) = app(&paths);
            let others = OtherBuildpacks::of(&root, &[("APP_BASE", folder.to_owned())]);
            assert_eq!(others.will_clear, will_clear, "{paths:?} {folder}");
            assert_eq!(others.folder_var, Some("APP_BASE"));
        }
    }
}
