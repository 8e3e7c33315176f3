//! What the app's config vars ask of a build.
//!
//! Heroku hands config vars to a build as files of the env dir
//! (<https://devcenter.heroku.com/articles/buildpack-api>). Only the files this buildpack knows are read: an
//! app may have a config var of any name, and none of the others is ours to know.

use crate::config;
use crate::failure::Failure;

use crate::acquire::release_server::{ReleasesUrl, ReleasesUrlError};
use crate::agent::sha256::Sha256;
use crate::agent::version::Version;
use crate::os::regular_file;
use crate::secret::{Secret, conceal};
use crate::text;
use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// The real release server.
pub const DEFAULT_RELEASES_URL: &str = "https://releases.hoop.dev/release";

/// Which version was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionRequest {
    /// The newest one at each build: `HOOP_VERSION` is unset, or `latest`.
    Latest,
    /// This one: `HOOP_VERSION` says so.
    Exact(Version),
}

/// Whether a build may go on without an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Install {
    /// No: a build that cannot get the agent fails.
    Required,
    /// Yes, with a warning.
    Optional,
}

/// The config vars of a build, read and checked.
#[derive(Clone, Debug)]
pub struct BuildConfig {
    /// Which version to install.
    pub version: VersionRequest,
    /// The digest the user expects.
    pub sha256: Option<Sha256>,
    /// Where releases are.
    pub releases: ReleasesUrl,
    /// Whether a build may go on without an agent.
    pub install: Install,
    /// Run-time config vars as they are set now, only to give advice on them.
    pub run_time: RunTimeVars,
}

/// Run-time config vars that compile looks at to give advice.
#[derive(Clone, Debug, Default)]
pub struct RunTimeVars {
    /// `HOOP_KEY`, else `HOOP_DSN`, with the name it was found under.
    pub key: Option<(&'static str, Secret)>,
    /// `HOOP_CONNECTION`.
    pub connection: Option<String>,
    /// The on/off config vars that are set.
    pub switches: Vec<(&'static str, String)>,
    /// `HOOP_PROCESS_TYPES`.
    pub process_types: Option<String>,
    /// `HOOP_IGNORE_PROCESS_TYPES`.
    pub ignored_types: Option<String>,
    /// The names of all config vars of the app.
    pub names: Vec<String>,
    /// The folders that other buildpacks make the app's, with the config var that says so.
    pub folders: Vec<(&'static str, String)>,
    /// The env dir, where the platform hands one over.
    pub env_dir: Option<PathBuf>,
}

impl RunTimeVars {
    /// The value of any config var, as far as this build can read it.
    pub fn value(&self, name: &str) -> Option<Secret> {
        let mut value = String::new();
        let file = regular_file::open(&self.env_dir.as_ref()?.join(name));
        file.ok()?.read_to_string(&mut value).ok()?;
        Some(Secret::new(value.strip_suffix('\n').unwrap_or(&value)))
    }

    /// What the on/off config var `name` says, if it is set to one of the two.
    pub fn is_on(&self, name: &str) -> bool {
        let mut switches = self.switches.iter();
        switches.any(|(set, value)| *set == name && config::switch(value) == Some(true))
    }
}

/// A config var that a build cannot go by.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("the config var HOOP_VERSION is empty")]
    VersionEmpty,
    #[error("HOOP_VERSION is not a version: {}", text::quoted(value, 60))]
    VersionInvalid {
        /// What it is.
        value: String,
    },
    #[error("the config var HOOP_SHA256 is empty")]
    Sha256Empty,
    #[error("HOOP_SHA256 is not a SHA-256")]
    Sha256Invalid {
        /// What it is.
        value: String,
    },
    #[error("the config var HOOP_RELEASES_URL is empty")]
    ReleasesUrlEmpty,
    /// `HOOP_RELEASES_URL` is not a URL to read releases from. Its value is not kept: it may hold a token.
    #[error("HOOP_RELEASES_URL cannot be used: {reason}")]
    ReleasesUrlInvalid { reason: ReleasesUrlError },
    #[error("HOOP_INSTALL is neither \"required\" nor \"optional\": {}", text::quoted(value, 60))]
    InstallInvalid {
        /// What it is.
        value: String,
    },
    #[error("the config var {name} is not UTF-8 text")]
    NotUtf8 {
        /// The config var.
        name: &'static str,
        /// Where its first wrong byte is, from 0.
        position: usize,
    },
    /// The env dir, or a file of it, cannot be read. Rare: the platform has just written it.
    #[error("the app's config vars cannot be read")]
    EnvDirUnreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl ConfigError {
    /// The failure id.
    pub fn failure(&self) -> Failure {
        match self {
            ConfigError::VersionEmpty => Failure::VersionEmpty,
            ConfigError::VersionInvalid { .. } => Failure::VersionInvalid,
            ConfigError::Sha256Empty | ConfigError::Sha256Invalid { .. } => Failure::Sha256Invalid,
            ConfigError::ReleasesUrlEmpty | ConfigError::ReleasesUrlInvalid { .. } => Failure::ReleasesUrlInvalid,
            ConfigError::InstallInvalid { .. } => Failure::InstallInvalid,
            ConfigError::NotUtf8 { .. } => Failure::NotUtf8,
            ConfigError::EnvDirUnreadable { .. } => Failure::EnvDirUnreadable,
        }
    }
}

impl BuildConfig {
    /// Reads the config of a build from `env_dir`. No env dir, or a path of no characters, is an empty one: tools
    /// outside Heroku leave the argument out.
    pub fn read(env_dir: Option<&Path>) -> Result<Self, ConfigError> {
        Self::read_with(env_dir, &BTreeMap::new())
    }

    /// As [`read`](Self::read). A config var that has no file in `env_dir` may have one in `others`.
    pub fn read_with(env_dir: Option<&Path>, others: &BTreeMap<&str, PathBuf>) -> Result<Self, ConfigError> {
        let env_dir = env_dir.filter(|dir| !dir.as_os_str().is_empty());
        if let Some(dir) = env_dir {
            check_folder(dir)?;
        }
        let file = |name| match env_dir.map_or(Ok(None), |dir| read_file(&dir.join(name), name))? {
            None => others.get(name).map_or(Ok(None), |path| read_file(path, name)),
            found => Ok(found),
        };

        // Set to nothing is not set, as at run time.
        let key = |name| {
            Ok(file(name)?
                .filter(|key| !key.is_empty())
                .map(|key| (name, Secret::new(key))))
        };
        let key = match key(config::KEY)? {
            Some(key) => Some(key),
            None => key(config::DSN)?,
        };
        if let Some((_, key)) = &key {
            // Before anything can be said of a config var into which it was put by mistake.
            conceal::keep([key.expose().as_bytes()]);
        }
        let version = match file(config::VERSION)? {
            Some(value) => version_request(&value)?,
            None => VersionRequest::Latest,
        };
        let sha256 = match file(config::SHA256)? {
            Some(value) if value.trim().is_empty() => return Err(ConfigError::Sha256Empty),
            Some(value) => Some(value.trim().parse().map_err(|_| ConfigError::Sha256Invalid { value })?),
            None => None,
        };
        let releases = file(config::RELEASES_URL)?;
        let releases = releases.as_deref().unwrap_or(DEFAULT_RELEASES_URL);
        if releases.trim().is_empty() {
            return Err(ConfigError::ReleasesUrlEmpty);
        }
        let releases = releases
            .parse()
            .map_err(|reason| ConfigError::ReleasesUrlInvalid { reason })?;
        let install = match file(config::INSTALL)?.as_deref().map(str::trim) {
            None | Some("required") => Install::Required,
            Some("optional") => Install::Optional,
            Some(value) => {
                return Err(ConfigError::InstallInvalid {
                    value: value.to_owned(),
                });
            }
        };
        Ok(Self {
            version,
            sha256,
            releases,
            install,
            run_time: RunTimeVars {
                key,
                connection: file(config::CONNECTION)?,
                switches: config::SWITCHES
                    .into_iter()
                    .filter_map(|name| Some(file(name).transpose()?.map(|value| (name, value))))
                    .collect::<Result<_, _>>()?,
                process_types: file(config::PROCESS_TYPES)?,
                ignored_types: file(config::IGNORE_PROCESS_TYPES)?,
                names: env_dir.map(names).unwrap_or_default(),
                env_dir: env_dir.map(Path::to_owned),
                // Those of others, which may hold anything.
                folders: config::FOLDER_VARS
                    .into_iter()
                    .filter_map(|name| Some((name, file(name).ok()??)))
                    .collect(),
            },
        })
    }
}

/// Makes sure that the env dir is a folder: the platform makes it, and without it every config var would count as
/// unset.
fn check_folder(dir: &Path) -> Result<(), ConfigError> {
    let found = fs_err::metadata(dir).and_then(|found| {
        let is_folder = found.is_dir();
        is_folder
            .then_some(())
            .ok_or_else(|| io::ErrorKind::NotADirectory.into())
    });
    found.map_err(|source| ConfigError::EnvDirUnreadable {
        path: dir.to_owned(),
        source,
    })
}

/// The names of the files in `dir`, those that can be listed.
fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort_unstable();
    names
}

/// The value of the config var `name` in the file `path`, less one trailing newline, or `None` where it is not set.
pub fn read_file(path: &Path, name: &'static str) -> Result<Option<String>, ConfigError> {
    let mut bytes = Vec::new();
    match regular_file::open(path).and_then(|mut file| file.read_to_end(&mut bytes)) {
        Ok(_) => {
            let mut value = String::from_utf8(bytes).map_err(|error| ConfigError::NotUtf8 {
                name,
                position: error.utf8_error().valid_up_to(),
            })?;
            if value.ends_with('\n') {
                value.pop();
            }
            Ok(Some(value))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ConfigError::EnvDirUnreadable {
            path: path.to_owned(),
            source,
        }),
    }
}

/// Reads the value of `HOOP_VERSION`.
fn version_request(value: &str) -> Result<VersionRequest, ConfigError> {
    match value.trim() {
        "" => Err(ConfigError::VersionEmpty),
        "latest" => Ok(VersionRequest::Latest),
        text => text
            .parse()
            .map(VersionRequest::Exact)
            .map_err(|_| ConfigError::VersionInvalid {
                value: value.to_owned(),
            }),
    }
}
