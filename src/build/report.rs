//! `bin/report`: facts of the build just done, for the platform and for people who look after many apps.
//!
//! Compile and report are two processes, and a failed build must leave build dir and cache as they were, so the
//! facts wait in the system's temporary folder, in a file named after the build dir. Only this user's own
//! regular file is ever read back.

use super::sha256::Hasher;
use crate::conceal::conceal;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Read, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// The most characters of a text, as Heroku's own buildpacks cut theirs.
const TEXT_LIMIT: usize = 200;

/// The most bytes of a report that are read back.
const FILE_LIMIT: u64 = 64 * 1024;

/// One value: the platform takes flat facts only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Fact {
    /// A text.
    Text(String),
    /// A number of bytes, milliseconds, files.
    Number(u64),
}

/// The facts of one build.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Facts(BTreeMap<&'static str, Fact>);

impl Facts {
    /// Notes a text, without any agent key in it, cut to what the platform takes.
    pub fn text(&mut self, name: &'static str, value: &(impl ToString + ?Sized)) {
        let value = conceal(&value.to_string()).chars().take(TEXT_LIMIT).collect();
        self.0.insert(name, Fact::Text(value));
    }

    /// Notes a number.
    pub fn number(&mut self, name: &'static str, value: u64) {
        self.0.insert(name, Fact::Number(value));
    }

    /// Returns the facts as YAML.
    pub fn to_yaml(&self) -> String {
        serde_yaml::to_string(self).expect("texts and numbers can be written as YAML")
    }

    /// Writes the facts to where [`read`] finds them.
    pub fn save(&self, temp_dir: &Path, build_dir: &Path) -> io::Result<()> {
        let mut file = tempfile::Builder::new()
            .prefix("hoop-buildpack-")
            .tempfile_in(temp_dir)?;
        file.write_all(self.to_yaml().as_bytes())?;
        // A rename replaces whatever stands there, a planted link included, and follows nothing.
        file.persist(path(temp_dir, build_dir))?;
        Ok(())
    }
}

/// Removes the facts of an earlier build of `build_dir`: one that is stopped has none to put in their place.
pub fn forget(temp_dir: &Path, build_dir: &Path) {
    // Fails where there are none, or where they are not ours to read either.
    let _ = std::fs::remove_file(path(temp_dir, build_dir));
}

/// Returns the facts of the last build of `build_dir`, or nothing where there was none.
pub fn read(temp_dir: &Path, build_dir: &Path) -> io::Result<String> {
    let file = std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(
            (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK)
                .bits()
                .cast_signed(),
        )
        .open(path(temp_dir, build_dir));
    let file = match file {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(error),
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.uid() != rustix::process::geteuid().as_raw() {
        return Ok(String::new());
    }
    let mut text = String::new();
    file.take(FILE_LIMIT).read_to_string(&mut text)?;
    Ok(text)
}

/// Returns where the facts of a build of `build_dir` wait.
fn path(temp_dir: &Path, build_dir: &Path) -> PathBuf {
    let build_dir = build_dir.canonicalize().unwrap_or_else(|_| build_dir.to_owned());
    let mut hasher = Hasher::default();
    hasher.update(build_dir.as_os_str().as_bytes());
    let name = hasher.finish().to_string();
    let user = rustix::process::geteuid().as_raw();
    temp_dir.join(format!("hoop-buildpack-{user}-{}.yml", &name[..16]))
}

#[cfg(test)]
mod tests {
    use super::{Facts, path, read};
    use std::path::Path;

    #[test]
    fn facts_are_read_back_for_their_build_dir_only() {
        let temp = tempfile::tempdir().unwrap();
        let mut facts = Facts::default();
        facts.text("outcome", "success");
        facts.number("archive_bytes", 7);
        facts.text("long", &"x".repeat(1000));
        facts.save(temp.path(), Path::new("/build/a")).unwrap();

        let text = read(temp.path(), Path::new("/build/a")).unwrap();
        assert_eq!(
            text,
            format!("archive_bytes: 7\nlong: {}\noutcome: success\n", "x".repeat(200))
        );
        assert_eq!(read(temp.path(), Path::new("/build/b")).unwrap(), "");
    }

    #[test]
    fn a_planted_link_is_neither_followed_nor_written_through() {
        let temp = tempfile::tempdir().unwrap();
        let victim = temp.path().join("victim");
        std::fs::write(&victim, "secret").unwrap();
        let planted = path(temp.path(), Path::new("/build"));
        std::os::unix::fs::symlink(&victim, &planted).unwrap();

        assert!(read(temp.path(), Path::new("/build")).is_err());
        Facts::default().save(temp.path(), Path::new("/build")).unwrap();
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "secret");
        assert_eq!(read(temp.path(), Path::new("/build")).unwrap(), "{}\n");
    }
}
