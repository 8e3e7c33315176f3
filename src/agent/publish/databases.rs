//! The databases of a file, whose credentials only their own sessions may see.

use crate::agent::database;
use crate::agent::hoop_yml::HoopYml;
use crate::secret::Secret;

/// The databases of a file.
#[derive(Clone, Debug, Default)]
pub struct Databases {
    /// The config vars that have their URLs.
    names: Vec<String>,
    secrets: Vec<Secret>,
}

impl Databases {
    /// Reads the URLs. `variable` has the config vars.
    pub fn of(file: Option<&HoopYml>, variable: impl Fn(&str) -> Option<String>) -> Self {
        let names: Vec<String> = file
            .into_iter()
            .flat_map(HoopYml::database_variables)
            .map(str::to_owned)
            .collect();
        let urls = names.iter().filter_map(|name| variable(name));
        let urls = urls.filter(|url| !url.trim().is_empty()).map(Secret::new);
        Self {
            secrets: urls.flat_map(|url| database::secrets(&url)).collect(),
            names,
        }
    }

    /// The texts that must not be shown.
    pub fn secrets(&self) -> &[Secret] {
        &self.secrets
    }

    /// Whether a config var is that of a database, or has the credentials of one: an add-on may set several.
    pub fn are_in(&self, name: &str, value: &str) -> bool {
        let secrets = self.secrets.iter().map(Secret::expose);
        self.names.iter().any(|known| known == name) || database::is_in_value(value, secrets)
    }

    /// Whether `text`, which a person has written, has the credentials of one.
    pub fn stand_in(&self, text: &str) -> bool {
        database::is_in_prose(text, self.secrets.iter().map(Secret::expose))
    }
}
