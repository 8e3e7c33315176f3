//! The buildpacks of a build: this one, and those that are named, as a folder, an archive, a URL, or a name in the
//! registry (<https://devcenter.heroku.com/articles/buildpacks>).

use crate::secret::redact::redacted;
use crate::slug::build::download;
use crate::text;
use anyhow::{Context as _, bail};
use flate2::read::MultiGzDecoder;
use fs_err as fs;
use std::ffi::OsStr;
use std::io::BufReader;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use url::Url;

/// The registry's tarballs (<https://devcenter.heroku.com/articles/buildpack-registry>).
const REGISTRY: &str = "https://buildpack-registry.s3.amazonaws.com/buildpacks";

/// What every buildpack of the classic API has.
const REQUIRED: [&str; 2] = ["detect", "compile"];

/// A buildpack that can be run.
#[derive(Debug)]
pub(crate) struct Buildpack {
    /// As it is named by the person.
    pub(crate) name: String,
    pub(crate) program: Program,
}

/// What is run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Program {
    /// This program.
    This,
    /// The scripts in `bin/` of a folder that may be written to.
    Folder(PathBuf),
}

impl Buildpack {
    /// This buildpack.
    pub(crate) fn this() -> Self {
        Self {
            name: "hoop".to_owned(),
            program: Program::This,
        }
    }

    /// Gets the buildpack that `named` stands for, as a copy at `place`: buildpacks write to their own folders.
    pub(crate) fn get(named: &str, place: &Path) -> anyhow::Result<Self> {
        let path = Path::new(named);
        let mut name = text::excerpt(named, 200);
        if path.is_dir() {
            copy(path, place)?;
        } else if path.is_file() {
            unpack(path, place).with_context(|| format!("{name} is no buildpack"))?;
        } else {
            let url = url(named)?;
            // A URL may have a token in it.
            if let Ok(url) = Url::parse(named) {
                name = text::excerpt(&download::place(&url), 200);
            }
            let archive = place.with_extension("tgz");
            download::to_file(&url, &archive)?;
            unpack(&archive, place).with_context(|| format!("{name} is no buildpack"))?;
            fs::remove_file(archive)?;
        }
        if place.join("bin/hoop-buildpack").exists() {
            // The copy may have no program; this is one.
            return Ok(Self {
                name,
                program: Program::This,
            });
        }
        for script in REQUIRED {
            if !place.join("bin").join(script).is_file() {
                bail!("{name} is no buildpack: it has no bin/{script}");
            }
        }
        for script in fs::read_dir(place.join("bin"))? {
            let path = script?.path();
            if path.is_file() {
                // As the platform does: a copy by other ways may have lost it.
                let mode = fs::metadata(&path)?.permissions().mode();
                fs::set_permissions(&path, std::fs::Permissions::from_mode(mode | 0o755))?;
            }
        }
        Ok(Self {
            name,
            program: Program::Folder(place.to_owned()),
        })
    }

    /// Whether it has a script of this name.
    pub(crate) fn has(&self, script: &str) -> bool {
        match &self.program {
            Program::This => true,
            Program::Folder(folder) => folder.join("bin").join(script).is_file(),
        }
    }
}

/// Where the archive of a buildpack is that is no file here.
fn url(named: &str) -> anyhow::Result<Url> {
    let of_registry = named.strip_prefix("urn:buildpack:").unwrap_or(named);
    let is_name = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    if let Some((namespace, name)) = of_registry.split_once('/')
        && is_name(namespace)
        && is_name(name)
    {
        return Ok(Url::parse(&format!("{REGISTRY}/{namespace}/{name}.tgz"))?);
    }
    let url = Url::parse(named)
        .ok()
        .filter(|url| ["http", "https"].contains(&url.scheme()));
    let Some(url) = url else {
        bail!(
            "there is no buildpack {}: it is no folder, no archive, no URL, and no name such as heroku/python",
            text::excerpt(&redacted(named), 200)
        );
    };
    // A repository, at a branch, tag, or commit behind the #.
    let is_github = url.host_str() == Some("github.com");
    let segments: Vec<&str> = url.path().trim_matches('/').split('/').collect();
    if let ([owner, repository], true) = (segments.as_slice(), is_github) {
        let repository = repository.strip_suffix(".git").unwrap_or(repository);
        let reference = url.fragment().unwrap_or("HEAD");
        return Ok(Url::parse(&format!(
            "https://github.com/{owner}/{repository}/archive/{reference}.tar.gz"
        ))?);
    }
    if segments
        .last()
        .is_some_and(|last| Path::new(last).extension() == Some(OsStr::new("git")))
    {
        bail!("a Git repository that is not on github.com cannot be read here; clone it, and name the folder");
    }
    Ok(url)
}

/// Copies a folder without its history.
fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, target) = (entry.file_type()?, to.join(entry.file_name()));
        if entry.file_name() == ".git" {
            continue;
        }
        if kind.is_dir() {
            copy(&entry.path(), &target)?;
        } else if kind.is_symlink() {
            fs::os::unix::fs::symlink(fs::read_link(entry.path())?, &target)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

/// Unpacks an archive, without the folder around it that some have.
fn unpack(archive: &Path, to: &Path) -> anyhow::Result<()> {
    let unpacked = to.with_extension("unpacked");
    fs::create_dir_all(&unpacked)?;
    let file = BufReader::new(fs::File::open(archive)?);
    tar::Archive::new(MultiGzDecoder::new(file))
        .unpack(&unpacked)
        .context("it is no gzip tar that can be unpacked")?;
    let mut root = unpacked.clone();
    if !root.join("bin").is_dir() {
        let entries = fs::read_dir(&unpacked)?.collect::<Result<Vec<_>, _>>()?;
        if let [only] = entries.as_slice() {
            root = only.path();
        }
    }
    fs::rename(&root, to)?;
    if unpacked != root {
        fs::remove_dir_all(unpacked)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::url;

    #[test]
    fn names_and_urls_lead_to_archives() {
        for (named, expected) in [
            (
                "heroku/python",
                "https://buildpack-registry.s3.amazonaws.com/buildpacks/heroku/python.tgz",
            ),
            (
                "urn:buildpack:heroku/ruby",
                "https://buildpack-registry.s3.amazonaws.com/buildpacks/heroku/ruby.tgz",
            ),
            (
                "https://github.com/heroku/heroku-buildpack-apt",
                "https://github.com/heroku/heroku-buildpack-apt/archive/HEAD.tar.gz",
            ),
            (
                "https://github.com/heroku/heroku-buildpack-apt.git#v1",
                "https://github.com/heroku/heroku-buildpack-apt/archive/v1.tar.gz",
            ),
            ("https://example.com/b.tgz", "https://example.com/b.tgz"),
        ] {
            assert_eq!(url(named).unwrap().as_str(), expected);
        }
        for named in [
            "./nowhere",
            "nowhere",
            "git@github.com:a/b.git",
            "a/b/c",
            "https://example.com/a.git",
            "file:///x",
        ] {
            assert!(url(named).is_err(), "{named}");
        }
    }
}
