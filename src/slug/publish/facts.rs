//! What the platform is told of a slug.

use crate::slug::inspect::Slug;
use crate::slug::publish::fault::PublishFault;
use crate::text;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What a person says of a slug.
#[derive(Debug, Default)]
pub struct Given {
    /// What `slug build --json` has written of it.
    pub build: Option<PathBuf>,
    pub stack: Option<String>,
    pub commit: Option<String>,
    /// What the app is, such as `Python`.
    pub description: Option<String>,
}

/// What `slug build --json` writes, as far as the platform is told of it.
#[derive(Debug, Default, Deserialize)]
struct Built {
    sha256: Option<String>,
    stack: Option<String>,
    commit: Option<String>,
    description: Option<String>,
    #[serde(default)]
    process_types: BTreeMap<String, String>,
}

/// A slug as it is told to the platform.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) process_types: BTreeMap<String, String>,
    pub(super) stack: Option<String>,
    pub(super) commit: Option<String>,
    pub(super) description: String,
}

/// What the platform shows of an app whose slug says nothing of it: the name of the agent's buildpack.
const DESCRIPTION: &str = "Hoop agent";

impl Facts {
    /// What is known of the slug: from the options, from its build, or from itself.
    pub(super) fn of(given: &Given, slug: &Slug) -> Result<Self, PublishFault> {
        let built = given.build.as_deref().map(|file| Built::read(file, slug)).transpose()?;
        let is_built = built.is_some();
        let built = built.unwrap_or_default();
        let process_types = if is_built {
            built.process_types
        } else {
            slug.process_types()
        };
        if process_types.is_empty() {
            return Err(PublishFault::NoProcessTypes);
        }
        // As the platform has it: https://github.com/heroku/platform-api/blob/main/schema.json
        let is_name = |name: &String| {
            (1..=128).contains(&name.len())
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        if let Some(name) = process_types.keys().find(|name| !is_name(name)) {
            return Err(PublishFault::ProcessTypeInvalid {
                name: text::quoted(name, 40),
            });
        }
        Ok(Self {
            process_types,
            stack: given.stack.clone().or(built.stack),
            commit: given.commit.clone().or(built.commit),
            description: given
                .description
                .clone()
                .or(built.description)
                .filter(|text| !text.is_empty())
                .unwrap_or_else(|| DESCRIPTION.to_owned()),
        })
    }
}

impl Built {
    fn read(file: &Path, slug: &Slug) -> Result<Self, PublishFault> {
        let name = || text::visible(&file.to_string_lossy());
        let unreadable = |cause: String| PublishFault::BuildUnreadable { file: name(), cause };
        let bytes = std::fs::read(file).map_err(|error| unreadable(error.to_string()))?;
        let built: Self = serde_json::from_slice(&bytes).map_err(|error| unreadable(error.to_string()))?;
        let sha256 = slug.sha256().to_string();
        match &built.sha256 {
            Some(of_build) if *of_build != sha256 => Err(PublishFault::BuildOfOther { file: name() }),
            _ => Ok(built),
        }
    }
}
