//! The pipelines that are shown in docs/examples: each can be read, and each command in it does what it says, from a
//! folder of an app to a release on a platform of the tests.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]

mod support;

use serde_yaml::Value;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::dyno::program;
use support::executable::write_executable;
use support::platform::{KEY, Platform};
use support::run::Run;
use tempfile::TempDir;

/// The buildpack that the examples name. That of the tests takes its place.
const LANGUAGE: &str = "heroku/python";

/// What publish is in the examples, without the platform of the tests.
const PUBLISH: &str = "slug publish slug.tgz";

fn example(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples").join(name)).unwrap()
}

/// A machine of a pipeline: a folder with an app, and programs that an image has.
struct Machine {
    scratch: TempDir,
    platform: Platform,
}

impl Machine {
    /// With the app in the folder `app`.
    fn new(app: &str) -> Self {
        let machine = Self {
            scratch: TempDir::new().unwrap(),
            platform: Platform::new().with_app("my-staging").with_app("my-app"),
        };
        let files = [
            (
                format!("work/{app}/Procfile"),
                "web: exec python3 -m http.server --bind 127.0.0.1 $PORT\n",
            ),
            (format!("work/{app}/index.html"), "hello\n"),
        ];
        for (file, text) in files {
            let path = machine.at(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        for folder in ["language/bin", "programs", "tmp"] {
            fs::create_dir_all(machine.at(folder)).unwrap();
        }
        for (script, text) in [("detect", "echo Python"), ("compile", "echo built >\"$1/built\"")] {
            write_executable(
                &machine.at("language/bin").join(script),
                &format!("#!/bin/sh\n{text}\n"),
            );
        }
        symlink(
            env!("CARGO_BIN_EXE_hoop-buildpack"),
            machine.at("programs/hoop-buildpack"),
        )
        .unwrap();
        // What a clone would bring: the program, where the shim is.
        let clone = "#!/bin/sh\nfor folder; do :; done\nfolder=${folder##*/}\nmkdir -p \"$folder/bin\"\n\
                     ln -s \"$PROGRAM\" \"$folder/bin/hoop-buildpack\"\n";
        write_executable(&machine.at("programs/git"), clone);
        machine
    }

    fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        self.scratch.path().join(path)
    }

    /// `line` with what there is here in the place of what is elsewhere.
    fn local(&self, line: &str) -> String {
        let releases = format!("file://{}/fixtures/releases", env!("CARGO_MANIFEST_DIR"));
        line.replace(
            LANGUAGE,
            &format!(
                "'{}' --env HOOP_RELEASES_URL='{releases}'",
                self.at("language").display()
            ),
        )
        .replace(PUBLISH, &format!("{PUBLISH} --api-url {}", self.platform.url()))
    }

    /// Runs a line of a pipeline, as those systems do: with sh, in the folder of the pipeline.
    fn run(&self, line: &str) {
        let path = std::env::var("PATH").unwrap();
        let mut command = Command::new("sh");
        command
            .args(["-ec", &self.local(line)])
            .current_dir(self.at("work"))
            .env("PATH", format!("{}:{path}", self.at("programs").display()))
            .env("PROGRAM", env!("CARGO_BIN_EXE_hoop-buildpack"))
            .env("TMPDIR", self.at("tmp"))
            .env("HEROKU_API_KEY", KEY);
        Run::of(command).exits(0);
    }

    /// Checks that the slug has arrived, once in each app.
    fn is_released(&self) {
        self.platform.is_content();
        assert_eq!(["my-staging", "my-app"].map(|app| self.platform.released(app)), [1, 1]);
        self.platform.slugs(|slugs| {
            assert_eq!(slugs.len(), 1);
            assert_eq!(slugs[0].body["buildpack_provided_description"], "Python");
        });
    }
}

/// The lines of a script that start this program.
fn commands(lines: &[String]) -> Vec<String> {
    lines
        .iter()
        .filter(|line| line.starts_with("hoop-buildpack "))
        .cloned()
        .collect()
}

/// The texts of a list.
fn texts(list: &Value) -> Vec<String> {
    list.as_sequence()
        .unwrap()
        .iter()
        .map(|item| item.as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn the_job_of_github_builds_tests_and_releases() {
    let workflow: Value = serde_yaml::from_str(&example("github-actions.yml")).unwrap();
    assert_eq!(workflow["jobs"]["release"]["needs"], "build");
    assert_eq!(workflow["jobs"]["release"]["if"], "github.ref == 'refs/heads/main'");
    let steps = |job: &str| workflow["jobs"][job]["steps"].as_sequence().unwrap().clone();
    let all = [steps("build"), steps("release")].concat();
    // Only the job that releases has the key.
    assert!(
        !serde_yaml::to_string(&steps("build"))
            .unwrap()
            .contains("HEROKU_API_KEY")
    );
    let lines: Vec<String> = all
        .iter()
        .filter_map(|step| step["run"].as_str())
        .flat_map(|script| script.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let commands = commands(&lines);
    assert_eq!(commands.len(), 3);
    if program("python3").is_none() {
        return;
    }
    let machine = Machine::new("app");
    for command in commands {
        machine.run(&command);
    }
    machine.is_released();
}

#[test]
fn the_job_of_gitlab_builds_tests_and_releases() {
    let pipeline: Value = serde_yaml::from_str(&example("gitlab-ci.yml")).unwrap();
    assert_eq!(texts(&pipeline["stages"]), ["build", "release"]);
    assert_eq!(
        texts(&pipeline["build"]["artifacts"]["paths"]),
        ["slug.tgz", "slug.json"]
    );
    let lines = [
        texts(&pipeline["build"]["script"]),
        texts(&pipeline["release"]["script"]),
    ]
    .concat();
    let commands = commands(&lines);
    assert_eq!(commands.len(), lines.len());
    if program("python3").is_none() {
        return;
    }
    let machine = Machine::new(".");
    for command in commands {
        machine.run(&command);
    }
    machine.is_released();
    // As GitLab has it at the next commit: with the cache of the last one.
    machine.run("rm slug.tgz slug.json");
    machine.run(&lines[0]);
}

#[test]
fn the_script_does_the_same_in_any_shell() {
    if program("python3").is_none() {
        return;
    }
    let machine = Machine::new("app");
    let script = machine.local(&example("pipeline.sh"));
    write_executable(&machine.at("pipeline.sh"), &script);
    machine.run("../pipeline.sh");
    machine.is_released();
}
