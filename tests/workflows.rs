//! The workflows cannot run here. actionlint and zizmor read them in `.ci/run`; what those cannot know is which scripts
//! this project has.

use serde_yaml::Value;
use std::fs;
use std::path::Path;

/// What a runner brings, and needs no script.
const TOOLS: [&str; 2] = ["rustup toolchain install ", "gh release create "];

#[test]
fn every_step_is_a_script_of_this_project_that_can_be_tried_here() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut scripts = 0;
    for entry in fs::read_dir(root.join(".github/workflows")).unwrap() {
        let path = entry.unwrap().path();
        let workflow: Value = serde_yaml::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let jobs = workflow["jobs"].as_mapping().unwrap();
        let steps = jobs.values().flat_map(|job| job["steps"].as_sequence().unwrap());
        for run in steps.filter_map(|step| step.get("run")?.as_str()) {
            let script = run.split_whitespace().next().unwrap();
            let is_ours = script.starts_with(".ci/") || script.starts_with("bin/");
            let exists = is_ours && root.join(script).is_file();
            let is_tool = TOOLS.iter().any(|tool| run.starts_with(tool));
            assert!(exists || is_tool, "{}: {run}", path.display());
            assert_eq!(run.trim().lines().count(), 1, "{}: {run}", path.display());
            scripts += usize::from(exists);
        }
    }
    assert!(scripts > 0);
}
