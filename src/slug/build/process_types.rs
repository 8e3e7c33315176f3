//! Which process types a slug has: those of its Procfile, and the defaults of the last buildpack where that has none,
//! as the platform's log has them (<https://devcenter.heroku.com/articles/buildpack-api>).

use crate::procfile::Procfile;
use anyhow::Context as _;
use serde::Deserialize;
use std::collections::BTreeMap;

/// What `bin/release` prints, as far as it matters to a slug.
#[derive(Debug, Default, Deserialize)]
struct Answer {
    #[serde(default)]
    default_process_types: Option<BTreeMap<String, String>>,
}

/// The process types of a slug, by name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ProcessTypes {
    /// The names in the Procfile.
    pub(crate) declared: Vec<String>,
    /// The names of the buildpack's defaults.
    pub(crate) defaults: Vec<String>,
    /// All of them, with their command lines.
    pub(crate) all: BTreeMap<String, String>,
}

impl ProcessTypes {
    /// Merges those of `procfile` with what `bin/release` has printed, if there is one.
    pub(crate) fn of(procfile: &Procfile, released: Option<&str>) -> anyhow::Result<Self> {
        let answer: Option<Answer> = match released.map(str::trim) {
            None | Some("") => None,
            Some(text) => serde_yaml::from_str(text).context(
                "bin/release of the last buildpack printed something else than YAML with default_process_types",
            )?,
        };
        let defaults = answer
            .and_then(|answer| answer.default_process_types)
            .unwrap_or_default();
        let mut types = Self {
            declared: procfile.process_types().map(str::to_owned).collect(),
            defaults: defaults.keys().cloned().collect(),
            all: defaults,
        };
        types.declared.sort_unstable();
        let declared = procfile.processes();
        types
            .all
            .extend(declared.map(|(name, command)| (name.to_owned(), command.to_owned())));
        Ok(types)
    }

    /// The lines that say where they come from.
    pub(crate) fn lines(&self) -> Vec<String> {
        let list = |names: &[String]| match names {
            [] => "(none)".to_owned(),
            names => names.join(", "),
        };
        let mut lines = vec![format!("Procfile declares types     -> {}", list(&self.declared))];
        if !self.defaults.is_empty() {
            lines.push(format!("Default types for buildpack -> {}", list(&self.defaults)));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::ProcessTypes;
    use crate::procfile::Procfile;

    #[test]
    fn the_procfile_counts_and_defaults_fill_what_it_does_not_have() {
        let procfile = Procfile::parse("web: puma\nworker: sidekiq\n");
        let released = "---\naddons: []\ndefault_process_types:\n  web: rails s\n  rake: bundle exec rake\n";
        let types = ProcessTypes::of(&procfile, Some(released)).unwrap();
        let all: Vec<(&str, &str)> = types
            .all
            .iter()
            .map(|(name, line)| (name.as_str(), line.as_str()))
            .collect();
        assert_eq!(
            all,
            [("rake", "bundle exec rake"), ("web", "puma"), ("worker", "sidekiq")]
        );
        assert_eq!(
            types.lines(),
            [
                "Procfile declares types     -> web, worker",
                "Default types for buildpack -> rake, web"
            ]
        );
    }

    #[test]
    fn no_answer_and_an_empty_one_have_no_defaults() {
        for released in [
            None,
            Some(""),
            Some("--- {}"),
            Some("addons: []\ndefault_process_types: {}\n"),
            Some("---\n"),
            Some("default_process_types:\n"),
        ] {
            let types = ProcessTypes::of(&Procfile::default(), released).unwrap();
            assert!(types.all.is_empty(), "{released:?}");
            assert_eq!(types.lines(), ["Procfile declares types     -> (none)"]);
        }
        for released in ["- a", "web: [", "default_process_types: [web]"] {
            assert!(
                ProcessTypes::of(&Procfile::default(), Some(released)).is_err(),
                "{released}"
            );
        }
    }
}
