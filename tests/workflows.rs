//! The workflows cannot run here, so what can be checked of them is: they parse, take no action that may change under
//! them, ask for few permissions, and call scripts that exist and that `.ci/run` runs too.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]

use serde_yaml::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// What publishes, and what only a tag can pass, runs for a tag that was pushed. A run that is started by hand only
/// builds, even where somebody starts it for a tag.
const FOR_A_PUSHED_TAG: &str = "github.event_name == 'push' && github.ref_type == 'tag'";

/// The folder of the project.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The workflows by their file name.
fn workflows() -> Vec<(String, String, Value)> {
    let mut found: Vec<_> = fs::read_dir(root().join(".github/workflows"))
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let text = fs::read_to_string(entry.path()).unwrap();
            let yaml = serde_yaml::from_str(&text).unwrap();
            (entry.file_name().into_string().unwrap(), text, yaml)
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    let names: Vec<_> = found.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(names, ["release.yml", "test.yml"]);
    found
}

/// The jobs of a workflow by their name.
fn jobs(workflow: &Value) -> Vec<(&str, &Value)> {
    let jobs = workflow["jobs"].as_mapping().unwrap();
    jobs.iter().map(|(name, job)| (name.as_str().unwrap(), job)).collect()
}

/// The steps of a workflow.
fn steps(workflow: &Value) -> Vec<&Value> {
    jobs(workflow)
        .into_iter()
        .flat_map(|(_, job)| job["steps"].as_sequence().unwrap())
        .collect()
}

#[test]
fn every_action_is_pinned_by_the_whole_id_of_its_commit_with_the_version_beside_it() {
    for (name, text, workflow) in workflows() {
        let uses: Vec<_> = steps(&workflow)
            .into_iter()
            .filter_map(|step| step.get("uses")?.as_str())
            .collect();
        assert!(!uses.is_empty(), "{name}");
        for action in uses {
            let (_, commit) = action.split_once('@').unwrap();
            let is_whole = commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
            assert!(is_whole, "{name}: {action}");
            assert!(
                text.contains(&format!("{action} # v")),
                "{name}: {action} without its version"
            );
        }
    }
}

#[test]
fn every_step_calls_a_script_of_this_project_that_exists() {
    // What a runner brings, and needs no script.
    let tools = ["rustup toolchain install ", "gh release create "];
    for (name, _, workflow) in workflows() {
        for step in steps(&workflow) {
            let Some(run) = step.get("run").and_then(Value::as_str) else {
                assert!(step.get("uses").is_some(), "{name}: a step that does nothing");
                continue;
            };
            // Whoever names a branch or a tag must not write a script with it: values come by the environment.
            let expressions: Vec<_> = run.match_indices("${{").map(|(place, _)| &run[place..]).collect();
            assert!(
                expressions.iter().all(|behind| behind.starts_with("${{ matrix.")),
                "{name}: {run}"
            );
            let script = run.split_whitespace().next().unwrap();
            let is_ours = script.starts_with(".ci/") || script.starts_with("bin/");
            assert!(
                (is_ours && root().join(script).exists()) || tools.iter().any(|tool| run.starts_with(tool)),
                "{name}: {run}"
            );
            assert_eq!(
                run.trim().lines().count(),
                1,
                "{name}: a script in a workflow cannot be tried: {run}"
            );
        }
    }
}

#[test]
fn what_the_workflows_call_is_what_ci_run_calls() {
    let ci_run = fs::read_to_string(root().join(".ci/run")).unwrap();
    let mut called = BTreeSet::new();
    for (_, _, workflow) in workflows() {
        for step in steps(&workflow) {
            let run = step.get("run").and_then(Value::as_str).unwrap_or_default();
            called.extend(run.split_whitespace().next().map(str::to_owned));
        }
    }
    for script in [".ci/images", ".ci/smoke", ".ci/static", "bin/package"] {
        assert!(called.remove(script), "{script}");
        assert!(ci_run.contains(script), "{script}");
    }
    called.retain(|script| script.starts_with(".ci/") && script != ".ci/run");
    assert!(called.is_empty(), "{called:?}");
}

#[test]
fn a_workflow_may_read_and_only_the_job_that_publishes_may_write() {
    for (name, _, workflow) in workflows() {
        let permissions = serde_yaml::to_string(&workflow["permissions"]).unwrap();
        assert_eq!(permissions.trim(), "contents: read", "{name}");
        for (job, value) in jobs(&workflow) {
            let is_publishing = (name.as_str(), job) == ("release.yml", "publish");
            assert_eq!(value.get("permissions").is_some(), is_publishing, "{name}: {job}");
            assert!(value.get("timeout-minutes").is_some(), "{name}: {job}");
            if is_publishing {
                assert_eq!(value["if"].as_str(), Some(FOR_A_PUSHED_TAG));
            }
        }
        for step in steps(&workflow) {
            let is_checkout = step.get("uses").and_then(Value::as_str).unwrap_or_default();
            if is_checkout.starts_with("actions/checkout@") {
                assert_eq!(step["with"]["persist-credentials"], Value::Bool(false), "{name}");
            }
        }
    }
}

#[test]
fn a_pushed_tag_is_checked_before_it_is_published_and_of_programs_alone() {
    let (_, _, release) = workflows().remove(0);
    let pack = &release["jobs"]["pack"];
    let steps = pack["steps"].as_sequence().unwrap();
    let check = steps.iter().find(|step| {
        let run = step.get("run").and_then(Value::as_str).unwrap_or_default();
        run == "bin/package --check \"$GITHUB_REF_NAME\""
    });
    assert_eq!(check.unwrap()["if"].as_str(), Some(FOR_A_PUSHED_TAG));
    let needs = serde_yaml::to_string(&release["jobs"]["publish"]["needs"]).unwrap();
    assert_eq!(needs, "- test\n- pack\n");
    let publish = release["jobs"]["publish"]["steps"].as_sequence().unwrap();
    let named = |step: &Value| {
        let name = step.get("run").or(step.get("uses")).and_then(Value::as_str).unwrap();
        name.split(['@', ' ']).next().unwrap().to_owned()
    };
    // Signed before anybody can download it, and downloaded after.
    assert_eq!(
        publish.iter().map(named).collect::<Vec<_>>()[2..],
        ["actions/attest-build-provenance", "gh"]
    );
    let verify = &release["jobs"]["verify"];
    assert_eq!(verify["needs"].as_str(), Some("publish"));
    let run = verify["steps"][1]["run"].as_str();
    assert_eq!(run, Some("bin/package --check \"$GITHUB_REF_NAME\" --published"));

    // A second attempt of a run finds all that the first has kept.
    let download = steps.iter().find(|step| {
        let uses = step.get("uses").and_then(Value::as_str).unwrap_or_default();
        uses.starts_with("actions/download-artifact@")
    });
    assert_eq!(download.unwrap()["with"]["pattern"].as_str(), Some("program-*"));
}

#[test]
fn both_workflows_have_both_architectures_and_one_compiler() {
    let mut compilers = BTreeSet::new();
    for (name, text, workflow) in workflows() {
        for runner in ["ubuntu-24.04", "ubuntu-24.04-arm"] {
            let is_there =
                text.split(|character: char| !(character.is_ascii_alphanumeric() || "-.".contains(character)));
            assert!(is_there.into_iter().any(|word| word == runner), "{name}: {runner}");
        }
        compilers.insert(workflow["env"]["RUSTUP_TOOLCHAIN"].as_str().unwrap().to_owned());
    }
    assert_eq!(compilers.len(), 1, "{compilers:?}");
}
