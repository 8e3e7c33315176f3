//! Service bindings: folders with a file for each entry, in which Kubernetes and `pack build --volume` hand over
//! settings and credentials (<https://servicebinding.io/spec/core/1.1.0/#workload-projection>).

use crate::config;
use crate::os::regular_file;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// The type of a binding that is for this buildpack.
const TYPE: &str = "hoop";

/// The most bytes of a binding's type that are read.
const TYPE_LIMIT: u64 = 256;

/// The entries that are read, and the config vars that they stand for.
const ENTRIES: [(&str, &str); 3] = [
    ("version", config::VERSION),
    ("sha256", config::SHA256),
    ("releases-url", config::RELEASES_URL),
];

/// A setting in a binding.
#[derive(Debug, PartialEq, Eq)]
pub struct Bound {
    /// The name of the binding.
    pub binding: String,
    /// The file with the value.
    pub file: PathBuf,
}

/// The settings in the bindings below `root`, by the config vars that they stand for. Of several bindings that have the
/// same one, the first counts, in the order of their names.
pub fn settings(root: &Path) -> BTreeMap<&'static str, Bound> {
    let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort_unstable();
    let mut found = BTreeMap::new();
    for binding in names {
        let folder = root.join(&binding);
        if !is_ours(&folder) {
            continue;
        }
        for (entry, config_var) in ENTRIES {
            let file = folder.join(entry);
            if file.exists() {
                found.entry(config_var).or_insert_with(|| Bound {
                    binding: binding.clone(),
                    file,
                });
            }
        }
    }
    found
}

/// Whether the binding in `folder` is for this buildpack. Types are compared without regard to case, as others do.
fn is_ours(folder: &Path) -> bool {
    let mut kind = String::new();
    let read =
        regular_file::open(&folder.join("type")).and_then(|file| file.take(TYPE_LIMIT).read_to_string(&mut kind));
    read.is_ok() && kind.trim().eq_ignore_ascii_case(TYPE)
}

#[cfg(test)]
mod tests {
    use super::settings;
    use std::fs;

    #[test]
    fn a_binding_of_our_type_has_settings_and_the_first_one_counts() {
        let root = tempfile::tempdir().unwrap();
        for (binding, files) in [
            ("a-database", &[("type", "postgres"), ("version", "15")][..]),
            ("hoop-b", &[("type", "Hoop\n"), ("version", "1.2.3"), ("sha256", "ab")]),
            (
                "hoop-c",
                &[
                    ("type", "hoop"),
                    ("version", "9.9.9"),
                    ("releases-url", "https://m.example"),
                ],
            ),
            ("no-type", &[("version", "7.7.7")]),
        ] {
            let folder = root.path().join(binding);
            fs::create_dir(&folder).unwrap();
            for (name, content) in files {
                fs::write(folder.join(name), content).unwrap();
            }
        }

        let found = settings(root.path());
        let shown: Vec<_> = found
            .iter()
            .map(|(name, bound)| (*name, bound.binding.as_str()))
            .collect();

        assert_eq!(
            shown,
            [
                ("HOOP_RELEASES_URL", "hoop-c"),
                ("HOOP_SHA256", "hoop-b"),
                ("HOOP_VERSION", "hoop-b")
            ]
        );
        assert!(settings(&root.path().join("nowhere")).is_empty());
    }
}
