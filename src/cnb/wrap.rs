//! Which processes of the image start hoopstart first, with the Procfile untouched.

use crate::procfile::image::{Process, Program};
use crate::procfile::invocation::STARTERS;
use std::path::Path;

/// The build-time variable that names the process types to wrap, separated by commas.
pub const WRAP: &str = "BP_HOOP_WRAP";

/// What becomes of a process type that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrap {
    /// It starts hoopstart, which becomes its command.
    Wrapped(Process),
    /// Its command starts hoopstart already.
    StartsAlready(String),
    /// No earlier buildpack has such a process.
    Missing(String),
    /// Its command is for a shell, in the way of an older API: a list of words cannot say the same.
    ShellCommand(String),
}

/// The process types that `value`, of [`WRAP`], names.
pub fn wanted(value: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in value.split([',', ' ', '\t', '\n']).map(str::trim) {
        if !name.is_empty() && !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

/// What becomes of each of the process types `wanted`, of which `processes` are there.
pub fn wraps(wanted: &[String], processes: &[Process]) -> Vec<Wrap> {
    let wrap = |name: &String| {
        let Some(process) = processes.iter().find(|process| process.process_type == *name) else {
            return Wrap::Missing(name.clone());
        };
        let words = match &process.command {
            Program::Words(words) => words.clone(),
            Program::Text(program) if process.direct => vec![program.clone()],
            Program::Text(_) => return Wrap::ShellCommand(name.clone()),
        };
        let program = words.first().and_then(|program| Path::new(program).file_name());
        if program.is_some_and(|program| STARTERS.iter().any(|ours| program == *ours)) {
            return Wrap::StartsAlready(name.clone());
        }
        let command = ["hoopstart", "--"].into_iter().map(str::to_owned).chain(words);
        Wrap::Wrapped(Process {
            command: Program::Words(command.collect()),
            ..process.clone()
        })
    };
    wanted.iter().map(wrap).collect()
}

#[cfg(test)]
mod tests {
    use super::{Wrap, wanted, wraps};
    use crate::procfile::image::{Launch, Process, Program};

    /// What a procfile buildpack, a language and an old buildpack write.
    const PROCESSES: &str = r#"
        [[processes]]
        type = "web"
        command = ["bash", "-c"]
        args = ["bundle exec puma"]
        default = true
        working-dir = "/workspace/app"

        [[processes]]
        type = "worker"
        command = ["hoopstart", "--", "ruby"]

        [[processes]]
        type = "old"
        command = "ruby"
        args = ["old.rb"]
        direct = true

        [[processes]]
        type = "older"
        command = "ruby old.rb"
    "#;

    #[test]
    fn a_process_starts_hoopstart_and_keeps_all_else() {
        let launch: Launch = toml::from_str(PROCESSES).unwrap();
        let names = wanted("web, worker,old web\tolder,none,,");

        let [web, worker, old, older, none] = wraps(&names, &launch.processes).try_into().unwrap();

        let words = |words: &[&str]| Program::Words(words.iter().map(|word| (*word).to_owned()).collect());
        assert_eq!(
            web,
            Wrap::Wrapped(Process {
                process_type: "web".to_owned(),
                command: words(&["hoopstart", "--", "bash", "-c"]),
                args: vec!["bundle exec puma".to_owned()],
                default: true,
                direct: false,
                working_dir: Some("/workspace/app".to_owned()),
            })
        );
        assert_eq!(worker, Wrap::StartsAlready("worker".to_owned()));
        let Wrap::Wrapped(old) = old else { panic!("{old:?}") };
        assert_eq!(
            (old.command, old.args),
            (words(&["hoopstart", "--", "ruby"]), vec!["old.rb".to_owned()])
        );
        assert_eq!(older, Wrap::ShellCommand("older".to_owned()));
        assert_eq!(none, Wrap::Missing("none".to_owned()));
    }
}
