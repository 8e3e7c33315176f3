//! The databases of a file, whose credentials only their own sessions may see.

use crate::agent::database::Database;
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
        let urls = urls.filter(|url| !url.is_empty()).map(Secret::new);
        let secrets = urls.flat_map(|url| Database::parse(&url).map_or(vec![url], |database| database.secrets));
        Self {
            secrets: secrets.collect(),
            names,
        }
    }

    /// The texts that must not be shown.
    pub fn secrets(&self) -> &[Secret] {
        &self.secrets
    }

    /// Whether a config var is that of a database, or has the credentials of one: an add-on may set several.
    pub fn are_in(&self, name: &str, value: &str) -> bool {
        let mut secrets = self.secrets.iter().map(Secret::expose);
        self.names.iter().any(|known| known == name)
            || secrets.any(|secret| value == secret || secret.len() >= SHORTEST && value.contains(secret))
    }
}

/// A shorter password may stand in a value by accident.
const SHORTEST: usize = 8;
