//! `bin/report`: facts of the build just done, for the platform and for people who look after many apps.
//!
//! Compile and report are two processes, and a failed build must leave build dir and cache as they were, so the
//! facts wait in the system's temporary folder, in a file named after the build dir. Only this user's own
//! regular file is ever read back. It is gone then; and since not every platform asks for a report, the next builds
//! remove what nobody has asked for ([`tidy`]).

use crate::acquire::own_name;
use crate::acquire::scratch::is_young;
use crate::agent::sha256::Hasher;
use crate::secret::conceal::conceal;
use rustix::fs::OFlags;
use rustix::process::geteuid;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The most characters of a text, as Heroku's own buildpacks cut theirs.
const TEXT_LIMIT: usize = 200;

/// The most bytes of a report that are read back.
const FILE_LIMIT: u64 = 64 * 1024;

/// How many reports may wait at a time. A platform asks for one within seconds, and builds a few apps at once.
const MOST_WAITING: usize = 8;

/// How many digits of the digest of the build dir's path are in the name of a report.
const DIGITS: usize = 16;

/// How the name of a file begins while it is being written.
const PARTIAL: &str = "hoop-buildpack-report-";

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

    /// The facts as YAML.
    pub fn to_yaml(&self) -> String {
        serde_yaml::to_string(self).expect("texts and numbers can be written as YAML")
    }

    /// Writes the facts to where [`read`] finds them.
    pub fn save(&self, temp_dir: &Path, build_dir: &Path) -> io::Result<()> {
        let partial = temp_dir.join(own_name::fresh(PARTIAL));
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(&partial)?;
        // A rename replaces whatever stands there, a planted link included, and follows nothing.
        let written = (&file)
            .write_all(self.to_yaml().as_bytes())
            .and_then(|()| fs::rename(&partial, path(temp_dir, build_dir)));
        written.inspect_err(|_| {
            let _ = fs::remove_file(&partial);
        })
    }
}

/// Removes facts nobody has asked for: those of long ago, and all but the newest few. What is not this user's own, or
/// has another name, stays.
pub fn tidy(temp_dir: &Path) {
    let names = fs::read_dir(temp_dir).into_iter().flatten();
    let mut waiting: Vec<(SystemTime, PathBuf)> = names
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok()?;
            let is_ours = is_report(&name) || own_name::is_own(PARTIAL, &name);
            let found = is_ours.then(|| entry.metadata().ok()).flatten()?;
            let is_own_file = found.is_file() && found.uid() == geteuid().as_raw();
            is_own_file.then_some((found.modified().ok()?, entry.path()))
        })
        .collect();
    waiting.sort_unstable_by(|(a, _), (b, _)| b.cmp(a));
    for (number, (made, path)) in waiting.into_iter().enumerate() {
        if number >= MOST_WAITING || !is_young(made) {
            let _ = fs::remove_file(path);
        }
    }
}

/// Removes the facts of an earlier build of `build_dir`: one that is stopped has none to put in their place.
pub fn forget(temp_dir: &Path, build_dir: &Path) {
    // Fails if there are none, or if they belong to somebody else.
    let _ = fs::remove_file(path(temp_dir, build_dir));
}

/// Takes the facts of the last build of `build_dir`: they are removed. Nothing if there are none.
pub fn read(temp_dir: &Path, build_dir: &Path) -> io::Result<String> {
    let path = path(temp_dir, build_dir);
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
        .open(&path);
    let file = match file {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(error),
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.uid() != geteuid().as_raw() {
        return Ok(String::new());
    }
    let mut text = String::new();
    file.take(FILE_LIMIT).read_to_string(&mut text)?;
    // Best effort: what stays is removed by a later build.
    let _ = fs::remove_file(path);
    Ok(text)
}

/// Where the facts of a build of `build_dir` wait.
fn path(temp_dir: &Path, build_dir: &Path) -> PathBuf {
    let build_dir = build_dir.canonicalize().unwrap_or_else(|_| build_dir.to_owned());
    let mut hasher = Hasher::default();
    hasher.update(build_dir.as_os_str().as_bytes());
    let name = hasher.finish().to_string();
    temp_dir.join(format!("{}{}.yml", prefix(), &name[..DIGITS]))
}

/// How the name of a report of this user begins.
fn prefix() -> String {
    format!("hoop-buildpack-{}-", geteuid().as_raw())
}

/// Whether `name` is that of a report of this user.
fn is_report(name: &str) -> bool {
    let digits = name.strip_prefix(&prefix()).and_then(|rest| rest.strip_suffix(".yml"));
    digits.is_some_and(|digits| digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::{Facts, MOST_WAITING, PARTIAL, own_name, path, read, tidy};
    use std::path::Path;
    use std::time::{Duration, SystemTime};

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
        assert_eq!(
            read(temp.path(), Path::new("/build/a")).unwrap(),
            "",
            "they are told once"
        );
        assert_eq!(std::fs::read_dir(temp.path()).unwrap().count(), 0);
    }

    #[test]
    fn reports_nobody_asks_for_do_not_pile_up_and_nothing_else_is_removed() {
        let temp = tempfile::tempdir().unwrap();
        let user = rustix::process::geteuid().as_raw();
        let theirs = [
            "hoop-buildpack-notes.yml".to_owned(),
            format!("hoop-buildpack-{user}-0123456789abcdef.yml.bak"),
            format!("hoop-buildpack-{user}-of-mine-123456.yml"),
            format!("hoop-buildpack-{}-0123456789abcdef.yml", user + 1),
            "hoop-buildpack-report-of-today".to_owned(),
        ];
        let made = |name: &str, age| {
            let file = std::fs::File::create(temp.path().join(name)).unwrap();
            file.set_modified(SystemTime::now() - age).unwrap();
        };
        for name in &theirs {
            made(name, Duration::from_hours(2));
        }
        made(
            &format!("hoop-buildpack-{user}-0123456789abcdef.yml"),
            Duration::from_hours(2),
        );
        made(&own_name::fresh(PARTIAL), Duration::from_hours(2));
        std::fs::create_dir(temp.path().join(own_name::fresh(PARTIAL))).unwrap();
        for number in 0..40 {
            tidy(temp.path());
            let build_dir = format!("/build/{number}");
            Facts::default().save(temp.path(), Path::new(&build_dir)).unwrap();
        }

        let left = std::fs::read_dir(temp.path()).unwrap().count();
        assert_eq!(left, theirs.len() + 1 + MOST_WAITING + 1);
        assert!(theirs.iter().all(|name| temp.path().join(name).exists()));
        assert_eq!(read(temp.path(), Path::new("/build/39")).unwrap(), "{}\n");
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
