//! The processes of an image, as buildpacks give them and the lifecycle records them
//! (<https://github.com/buildpacks/spec/blob/main/buildpack.md#launchtoml-toml>).

use crate::procfile::Procfile;
use serde::{Deserialize, Serialize};

/// What a process starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Program {
    /// A program and arguments that a user cannot replace.
    Words(Vec<String>),
    /// In APIs before 0.9: a program, or a command line for a shell.
    Text(String),
}

/// A process of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Process {
    /// Its process type.
    #[serde(rename = "type")]
    pub process_type: String,
    pub command: Program,
    /// Arguments that a user can replace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Whether it is what the image starts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub default: bool,
    /// In APIs before 0.9: whether `command` is a program.
    #[serde(default, skip_serializing)]
    pub direct: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<String>,
}

/// A `launch.toml`.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Launch {
    #[serde(default)]
    pub processes: Vec<Process>,
}

impl Process {
    /// What it starts, as a line of a Procfile would say it.
    fn line(&self) -> String {
        let mut words: Vec<&str> = match &self.command {
            Program::Words(words) => words.iter().map(String::as_str).collect(),
            Program::Text(program) => vec![program],
        };
        words.extend(self.args.iter().map(String::as_str));
        match words.as_slice() {
            // A line of a Procfile, as heroku/procfile has it.
            ["bash", "-c", line] => (*line).to_owned(),
            words => shell_words::join(words),
        }
    }
}

impl Launch {
    /// The same processes as a Procfile.
    pub fn as_procfile(&self) -> Procfile {
        let lines = self
            .processes
            .iter()
            .map(|process| (process.process_type.clone(), process.line()));
        Procfile(lines.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::Launch;

    #[test]
    fn a_process_is_a_line() {
        let launch: Launch = toml::from_str(
            r#"
            [[processes]]
            type = "web"
            command = ["bash", "-c"]
            args = ["hoopstart -- puma -b 'tcp://0.0.0.0'"]
            [[processes]]
            type = "task"
            command = ["hoopstart", "--", "sh", "-c"]
            args = ["echo task; exit 4"]
            [[processes]]
            type = "old"
            command = "ruby"
            args = ["old.rb"]
            direct = true
            "#,
        )
        .unwrap();

        assert_eq!(
            launch.as_procfile().processes().collect::<Vec<_>>(),
            [
                ("web", "hoopstart -- puma -b 'tcp://0.0.0.0'"),
                ("task", "hoopstart -- sh -c 'echo task; exit 4'"),
                ("old", "ruby old.rb"),
            ]
        );
    }
}
