use super::Plan;
use crate::agent::manifest::{AgentRecord, Manifest};
use crate::config;
use crate::os::environment::Environment;
use crate::procfile::{NOT_RUN_BY_DEFAULT, Procfile};
use crate::start::log::lines::Settings;
use crate::start::plan::installed::{AgentFile, Installed};
use crate::start::plan::memory_limit::MemoryLimit;
use crate::start::plan::starter::Starter;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

const STANDARD: &str = "grpcs://web:s3cr3t0@gateway.example:8443?mode=standard";
const MULTI: &str = "grpcs://web:s3cr3t0@gateway.example:8443?mode=multi-connection";

fn installed(version: &str) -> Installed {
    let manifest = Manifest {
        agent: Some(AgentRecord {
            version: version.parse().unwrap(),
            sha256: "ab".repeat(32).parse().unwrap(),
            source: "https://releases.example".to_owned(),
        }),
        platform: "linux/amd64".to_owned(),
        buildpack_version: "0.1.0".to_owned(),
        process_types: Vec::new(),
        hoop_yml: None,
    };
    Installed {
        programs: PathBuf::from("/app/.hoop/bin"),
        manifest_path: PathBuf::from("/app/.hoop/manifest.yml"),
        manifest: Ok(manifest),
        agent: AgentFile::Program,
        folder: None,
        hoop_yml: None,
        procfile: Procfile::parse("web: hoopstart -- puma"),
        is_image: false,
    }
}

fn environment(variables: &[(&str, &str)]) -> Environment {
    variables.iter().copied().collect()
}

/// The failure ids of a plan, the number of agents, and whether the boot stops.
fn outcome(installed: &Installed, variables: &[(&str, &str)]) -> (Vec<&'static str>, usize, bool) {
    let plan = Plan::make(&environment(variables), installed, Starter::CommandLine);
    let ids = plan.faults().iter().map(|fault| fault.failure().id()).collect();
    (
        ids,
        plan.agent_set().map_or(0, |agent_set| agent_set.commands.len()),
        plan.stops_the_boot(),
    )
}

#[test]
fn faults_are_told_and_only_a_required_agent_stops_the_boot() {
    let current = installed("1.148.0");
    let required = ("HOOP_REQUIRED", "1");
    for (variables, ids, agents) in [
        (vec![], vec!["start::key-missing"], 0),
        (vec![("HOOP_KEY", "")], vec!["start::key-missing"], 0),
        (vec![("HOOP_KEY", "nonsense")], vec!["start::key-malformed"], 1),
        (vec![("HOOP_KEY", MULTI)], vec!["start::connection-missing"], 0),
        (
            vec![("HOOP_KEY", MULTI), ("HOOP_CONNECTION", "env.NOPE")],
            vec!["start::connection-invalid"],
            0,
        ),
    ] {
        assert_eq!(
            outcome(&current, &variables),
            (ids.clone(), agents, false),
            "{variables:?}"
        );
        let mut variables = variables;
        variables.push(required);
        assert_eq!(outcome(&current, &variables), (ids, agents, true), "{variables:?}");
    }
}

#[test]
fn what_is_only_worth_a_warning_never_stops_the_boot() {
    let current = installed("1.148.0");
    for (variables, ids, agents) in [
        (vec![("HOOP_KEY", STANDARD)], vec![], 1),
        (vec![("HOOP_DSN", STANDARD)], vec![], 1),
        (vec![("HOOP_KEY", MULTI), ("HOOP_CONNECTION", "a,b,a")], vec![], 2),
        (
            vec![("HOOP_KEY", MULTI), ("HOOP_CONNECTION", "a,b,Á")],
            vec!["start::connection-merged"],
            2,
        ),
        (
            vec![("HOOP_KEY", STANDARD), ("HOOP_CONNECTION", "a")],
            vec!["start::connection-not-published"],
            1,
        ),
        (
            vec![("HOOP_KEY", STANDARD), ("HOOP_HIDE_KEY", "ja")],
            vec!["start::value-invalid"],
            1,
        ),
        (
            vec![("HOOP_KEY", STANDARD), ("HOOP_PROCESS_TYPES", "wbe,local")],
            vec!["start::process-type-unknown"],
            1,
        ),
        (vec![("HOOP_GRPCURL", "h:1"), ("HOOP_TOKEN", "token")], vec![], 1),
        (vec![("HOOP_GRPCURL", "h:1"), ("HOOP_SPIFFE_KEY_FILE", "/f")], vec![], 1),
    ] {
        let mut variables = variables;
        variables.push(("HOOP_REQUIRED", "on"));
        assert_eq!(outcome(&current, &variables), (ids, agents, false), "{variables:?}");
    }
}

#[test]
fn where_no_agent_belongs_nothing_is_said() {
    for extra in [
        ("DYNO", "run.1"),
        ("HOOP_DISABLE", "yes"),
        ("HOOP_IGNORE_PROCESS_TYPES", "local"),
    ] {
        let variables = [extra, ("HOOP_HIDE_KEY", "ja"), ("HOOP_REQUIRED", "1")];
        assert_eq!(
            outcome(&installed("1.148.0"), &variables),
            (vec![], 0, false),
            "{extra:?}"
        );
    }
}

#[test]
fn a_misspelt_process_type_is_told_where_the_agent_may_belong() {
    let told = |dyno, name| outcome(&installed("1.148.0"), &[("DYNO", dyno), (name, "wbe")]);

    assert_eq!(
        told("web.1", "HOOP_PROCESS_TYPES"),
        (vec!["start::process-type-unknown"], 0, false)
    );
    assert_eq!(told("run.1", "HOOP_PROCESS_TYPES"), (vec![], 0, false));
    // A list that is not UTF-8 is a wrong one, not a missing one.
    let mut environment = environment(&[("DYNO", "web.1"), ("HOOP_KEY", STANDARD)]);
    for name in ["HOOP_PROCESS_TYPES", "HOOP_HIDE_KEY"] {
        environment.set(name, OsStr::from_bytes(b"web\xff"));
    }
    let plan = Plan::make(&environment, &installed("1.148.0"), Starter::CommandLine);
    let ids: Vec<&str> = plan.faults().iter().map(|fault| fault.failure().id()).collect();
    assert_eq!(ids, ["start::process-type-unknown"]);
    assert!(plan.agent_set().is_none());
}

#[test]
fn an_agent_or_manifest_that_is_not_there_is_told() {
    let with = |agent| Installed {
        agent,
        ..installed("1.148.0")
    };
    let without_manifest = Installed {
        manifest: Err("no such file".to_owned()),
        ..installed("1.148.0")
    };

    let key = [("HOOP_KEY", STANDARD)];
    for agent in [AgentFile::Missing, AgentFile::NotExecutable] {
        assert_eq!(outcome(&with(agent), &key), (vec!["start::agent-missing"], 0, false));
    }
    assert_eq!(
        outcome(&without_manifest, &key),
        (vec!["start::manifest-unreadable"], 0, false)
    );
}

#[test]
fn a_key_the_old_agent_refuses_is_a_fault_that_a_restart_does_not_cure() {
    let plan = Plan::make(
        &environment(&[("HOOP_KEY", MULTI)]),
        &installed("1.19.63"),
        Starter::CommandLine,
    );

    assert!(plan.agent_set().unwrap().incurable);
    assert_eq!(plan.faults().len(), 1);
}

#[test]
fn nothing_that_is_shown_of_a_plan_holds_the_key() {
    let plan = Plan::make(
        &environment(&[("HOOP_KEY", MULTI), ("HOOP_CONNECTION", "a")]),
        &installed("1.148.0"),
        Starter::CommandLine,
    );

    assert!(!format!("{plan:?}").contains("s3cr3t0"));
    let masks = plan.agent_set().unwrap().credentials.masks();
    assert!(masks.iter().any(|mask| mask.expose() == "s3cr3t0") && masks.iter().any(|mask| mask.expose() == MULTI));
}

#[test]
fn the_defaults_that_help_prints_are_those_of_a_boot() {
    let default = |name| config::ALL.iter().find(|var| var.name == name).unwrap().default;
    let settings = |environment: &Environment| {
        let mut faults = Vec::new();
        let settings = (
            Settings::of(environment, &mut faults),
            MemoryLimit::of(environment, &mut faults),
        );
        assert_eq!(faults, []);
        settings
    };
    let names = [config::LOG_LEVEL, config::LOG_FORMAT, config::AGENT_MEMORY];
    let set = names.map(|name| (name, default(name)));
    assert_eq!(settings(&environment(&set)), settings(&environment(&[])));
    assert_eq!(default(config::IGNORE_PROCESS_TYPES), NOT_RUN_BY_DEFAULT.join(","));
}
