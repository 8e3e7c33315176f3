//! The config vars of the app: from files, from the command line, and from the environment.

use crate::os::environment::Environment;
use crate::slug::env_file::{EnvFile, Note, OF_PLATFORM};
use crate::text;
use anyhow::{Context as _, bail};
use std::ffi::OsString;
use std::path::PathBuf;

/// Config vars, and what of them could not be taken.
#[derive(Debug, Default)]
pub(crate) struct ConfigVars {
    pub(crate) vars: Vec<(String, OsString)>,
    /// A sentence for each thing that was left out.
    pub(crate) warnings: Vec<String>,
}

impl ConfigVars {
    /// Takes those of `files`, and then `single` ones: `NAME=VALUE`, or `NAME` for that of the environment.
    pub(crate) fn collect(files: &[PathBuf], single: &[OsString], environment: &Environment) -> anyhow::Result<Self> {
        let mut collected = Self::default();
        for file in files {
            let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
            let EnvFile { vars, notes } = EnvFile::read(&bytes);
            for Note { line, last, what } in notes {
                let to = if last == line {
                    String::new()
                } else {
                    format!("-{last}")
                };
                let warning = format!("{}:{line}{to}: {what}", file.display());
                collected.warnings.push(warning);
            }
            let vars = vars.into_iter().map(|(name, value)| (name, value.into()));
            collected.vars.extend(vars);
        }
        for var in single {
            let Some(text) = var.to_str() else {
                bail!("a config var is not UTF-8")
            };
            let (name, value) = if let Some((name, value)) = text.split_once('=') {
                (checked_name(name)?, OsString::from(value))
            } else {
                let name = checked_name(text)?;
                let Some(value) = environment.value(&name) else {
                    bail!("--env {name}: there is no such variable in the environment");
                };
                (name, value.to_owned())
            };
            if OF_PLATFORM.contains(&name.as_str()) {
                let warning = format!("--env {name}: {name} is set by the platform, so it is left out");
                collected.warnings.push(warning);
            } else {
                collected.vars.push((name, value));
            }
        }
        Ok(collected)
    }
}

/// Checks that `name` can be a config var's: a file is named after it.
fn checked_name(name: &str) -> anyhow::Result<String> {
    if !text::is_variable_name(name) {
        bail!("\"{}\" is not the name of a config var", text::excerpt(name, 40));
    }
    Ok(name.to_owned())
}
