//! Each generation of agents is started as it wants to be: command line and environment of the real processes.

use crate::support::dyno::{Dyno, Launch, MULTI, Process, SECRET, STANDARD, Slug};
use std::collections::BTreeMap;
use std::ffi::OsString;

/// All releases of `fixtures/releases`, with the variable in which each looks for its key.
const RELEASES: [(&str, &str); 6] = [
    ("1.14.10", "HOOP_DSN"),
    ("1.19.63", "HOOP_DSN"),
    ("1.20.11", "HOOP_DSN"),
    ("1.21.22", "HOOP_KEY"),
    ("1.22.0", "HOOP_KEY"),
    ("1.148.0", "HOOP_KEY"),
];

/// A key that connects when a user waits.
const EMBEDDED: &str = "grpcs://web:s3cr3t-0f-the-test@gateway.example:8443?mode=embedded";

/// The old form of a key, whose path is the secret.
const OLD_FORM: &str = "grpcs://gateway.example:8443/5ec4e7005ec4e7005ec4e7005ec4e7005ec4e7005ec4e7005ec4e7005ec4e700";

/// A key that does not say its mode.
const UNSTATED: &str = "grpcs://web:s3cr3t-0f-the-test@gateway.example:8443";

/// What is secret of all credentials in these tests.
const SECRETS: [&str; 4] = [SECRET, "5ec4e700", "another-secret", "a-third-secret"];

/// Starts an app that only waits, with so many agents beside it.
#[track_caller]
fn running(launch: &Launch, agents: usize) -> (Dyno, Vec<Process>) {
    let dyno = launch.start(["sleep", "600"]);
    let agents = dyno.has_agents(agents);
    for process in dyno.processes() {
        for word in process.command_line() {
            let word = word.to_string_lossy();
            let shows = SECRETS.iter().any(|secret| word.contains(secret));
            dyno.assert(!shows, "a key must never stand in a command line");
        }
    }
    (dyno, agents)
}

/// The command lines of `agents`, without the program.
fn command_lines(agents: &[Process]) -> Vec<String> {
    agents
        .iter()
        .filter_map(|agent| Some(agent.agent_arguments()?.join("|")))
        .collect()
}

/// The environment of an agent.
fn environment(agent: &Process) -> BTreeMap<String, String> {
    let text = agent.environment().iter().map(|variable| variable.to_string_lossy());
    text.map(|variable| match variable.split_once('=') {
        Some((name, value)) => (name.to_owned(), value.to_owned()),
        None => panic!("not a variable: {variable}"),
    })
    .collect()
}

/// The environment of `launch`, which is the app's.
fn environment_of_app(launch: &Launch) -> BTreeMap<String, String> {
    let text = |text: &OsString| text.to_string_lossy().into_owned();
    let variables = launch.variables().iter();
    variables.map(|(name, value)| (text(name), text(value))).collect()
}

/// What an agent gets: the app's environment, the key in one variable, the agent's folder on the PATH.
fn expected(slug: &Slug, launch: &Launch, key: Option<(&str, &str)>) -> BTreeMap<String, String> {
    let mut environment = environment_of_app(launch);
    if let Some((name, key)) = key {
        environment.remove("HOOP_KEY");
        environment.remove("HOOP_DSN");
        environment.insert(name.to_owned(), key.to_owned());
    }
    let path = format!("{}:{}", environment["PATH"], slug.path(".hoop/bin").display());
    environment.insert("PATH".to_owned(), path);
    environment
}

/// The list that `hoop run` gets: every name of the environment but those of credentials.
fn exported(environment: &BTreeMap<String, String>) -> String {
    let hidden = ["HOOP_KEY", "HOOP_DSN", "HOOP_TOKEN", "HOOP_SPIFFE_KEY_FILE", "TOKEN"];
    let names: Vec<&str> = environment
        .keys()
        .map(String::as_str)
        .filter(|name| !hidden.contains(name))
        .collect();
    names.join(",")
}

#[test]
fn every_release_starts_with_a_standard_key() {
    for (version, variable) in RELEASES {
        let slug = Slug::of_release(version);
        let launch = slug.web();
        // The oldest knows names only from its environment.
        let launch = if version == "1.14.10" {
            launch.with("HOOP_CONNECTION", "a")
        } else {
            launch
        };
        let (dyno, agents) = running(&launch, 1);

        assert_eq!(command_lines(&agents), ["start|agent"], "{version}");
        assert_eq!(
            environment(&agents[0]),
            expected(&slug, &launch, Some((variable, STANDARD))),
            "{version}"
        );
        dyno.logs("connected, gateway=gateway.example:8443");
        dyno.assert(dyno.own_lines().is_empty(), version);
    }
}

#[test]
fn the_first_generation_reads_all_names_itself() {
    let slug = Slug::of_release("1.19.63");
    for (key, variable) in [(EMBEDDED, "HOOP_KEY"), (EMBEDDED, "HOOP_DSN"), (OLD_FORM, "HOOP_DSN")] {
        let launch = slug
            .dyno()
            .with(variable, key)
            .with("HOOP_CONNECTION", " Orders-DB ,env.CONNECTION,,orders-db")
            .with("CONNECTION", "Console");
        let (dyno, agents) = running(&launch, 1);

        assert_eq!(command_lines(&agents), ["start|agent"]);
        let mut expected = expected(&slug, &launch, Some(("HOOP_DSN", key)));
        expected.insert("HOOP_CONNECTION".to_owned(), "orders-db,console".to_owned());
        assert_eq!(environment(&agents[0]), expected);
        dyno.logs("connections=orders-db,console ");
        // One agent needs no name.
        dyno.logs("hoop | {");
        dyno.assert(dyno.own_lines().is_empty(), "nothing is wrong");
    }
}

#[test]
fn a_release_between_runs_one_process_for_each_name_with_the_command_as_arguments() {
    for (version, variable) in [("1.20.11", "HOOP_DSN"), ("1.21.22", "HOOP_KEY")] {
        let slug = Slug::of_release(version);
        let launch = slug.web().with("HOOP_KEY", MULTI).with("HOOP_CONNECTION", "Orders");
        let (dyno, agents) = running(&launch, 1);
        assert_eq!(command_lines(&agents), ["run|--name|orders"]);
        assert_eq!(
            environment(&agents[0]),
            expected(&slug, &launch, Some((variable, MULTI)))
        );
        dyno.logs("hoop | {");
        drop(dyno);

        let launch = launch
            .with("HOOP_CONNECTION", "Orders, console,env.NAME")
            .with("NAME", "third")
            .with("HOOP_COMMAND", "bundle exec 'rails console' --sandbox")
            .with("HOOP_DB_URI", "postgres://db");
        let (dyno, agents) = running(&launch, 3);
        assert_eq!(
            command_lines(&agents),
            ["orders", "console", "third"]
                .map(|name| format!("run|--name|{name}|--|bundle|exec|rails console|--sandbox"))
        );
        let mut expected = expected(&slug, &launch, Some((variable, MULTI)));
        expected.remove("HOOP_DB_URI");
        for agent in &agents {
            assert_eq!(environment(agent), expected);
        }
        dyno.logs("hoop:orders | {")
            .logs("hoop:console | {")
            .logs("hoop:third | {");
        dyno.assert(dyno.own_lines().is_empty(), "nothing is wrong");
    }
}

#[test]
fn the_current_release_runs_one_process_for_each_name_and_exports_no_credential() {
    for version in ["1.22.0", "1.148.0"] {
        let slug = Slug::of_release(version);
        let launch = slug
            .web()
            .with("HOOP_KEY", MULTI)
            .with("HOOP_DSN", STANDARD)
            .with("HOOP_TOKEN", "another-secret")
            .with("TOKEN", "a-third-secret")
            .with("HOOP_DB_URI", "postgres://db")
            .with("HOOP_CONNECTION", "orders");
        let (dyno, agents) = running(&launch, 1);
        let mut environment_of_agent = expected(&slug, &launch, Some(("HOOP_KEY", MULTI)));
        environment_of_agent.remove("HOOP_DB_URI");
        let names = exported(&environment_of_agent);
        assert_eq!(command_lines(&agents), [format!("run|--name|orders|--export|{names}")]);
        assert_eq!(environment(&agents[0]), environment_of_agent);
        dyno.logs(&format!("exported={names}"));
        drop(dyno);

        let launch = launch
            .with("HOOP_CONNECTION", "orders,console")
            .with("HOOP_COMMAND", "bundle exec 'rails console'");
        let (dyno, agents) = running(&launch, 2);
        let names = exported(&environment(&agents[0]));
        assert_eq!(
            command_lines(&agents),
            ["orders", "console"]
                .map(|name| format!("run|--name|{name}|--export|{names}|--command|bundle exec 'rails console'"))
        );
        dyno.logs("hoop:orders | {").logs("hoop:console | {");
        dyno.assert(dyno.own_lines().is_empty(), "nothing is wrong");
    }
}

#[test]
fn a_key_is_found_by_either_name_and_the_new_one_wins() {
    let slug = Slug::of_release("1.148.0");
    let other = STANDARD.replace("gateway", "other");
    for (key, dsn) in [
        (Some(STANDARD), None),
        (None, Some(STANDARD)),
        (Some(STANDARD), Some(other.as_str())),
    ] {
        let mut launch = slug.dyno();
        for (name, value) in [("HOOP_KEY", key), ("HOOP_DSN", dsn)] {
            if let Some(value) = value {
                launch = launch.with(name, value);
            }
        }
        let (dyno, agents) = running(&launch, 1);
        assert_eq!(
            environment(&agents[0]),
            expected(&slug, &launch, Some(("HOOP_KEY", STANDARD)))
        );
        dyno.logs("connected, gateway=gateway.example:8443");
    }
}

#[test]
fn a_token_or_a_document_with_a_gateway_is_a_credential_too() {
    let slug = Slug::of_release("1.148.0");
    slug.put("document", "header.payload.signature");
    let document = slug.path("document");
    for (name, value, kind) in [
        ("HOOP_TOKEN", "another-secret", "token"),
        ("HOOP_SPIFFE_KEY_FILE", document.to_str().unwrap(), "spiffe"),
    ] {
        let launch = slug
            .dyno()
            .with(name, value)
            .with("HOOP_GRPCURL", "gateway.example:8010");
        let (dyno, agents) = running(&launch, 1);
        assert_eq!(command_lines(&agents), ["start|agent"]);
        assert_eq!(environment(&agents[0]), expected(&slug, &launch, None));
        dyno.logs(&format!("credential={kind}"))
            .logs("connected, gateway=gateway.example:8010");
        dyno.assert(dyno.own_lines().is_empty(), "nothing is wrong");
    }
}

/// What a release does with a key, and with a connection called Orders.
#[derive(Clone, Copy, Debug)]
enum Row {
    /// It reads the name itself.
    ReadsNames,
    /// It publishes none, as it always did.
    Connects,
    /// It publishes none, as people must be told.
    ConnectsWithoutNames,
    /// It has a process for each name.
    Runs,
    /// And is told what a session may see.
    Exports,
    /// It refuses such a key.
    Refuses,
}

/// The table of how a connection gets published, in the order of the keys standard, embedded, old form, not stated,
/// multi-connection.
fn row(version: &str) -> [Row; 5] {
    use Row::{Connects, ConnectsWithoutNames as Without, Exports, ReadsNames, Refuses, Runs};
    match version {
        "1.14.10" => [Connects, ReadsNames, ReadsNames, ReadsNames, Refuses],
        "1.19.63" => [Connects, ReadsNames, ReadsNames, Refuses, Refuses],
        "1.20.11" => [Without, Without, Without, Refuses, Runs],
        "1.21.22" => [Without, Without, Without, Without, Runs],
        _ => [Without, Without, Without, Without, Exports],
    }
}

#[test]
fn every_row_of_the_table_holds_wherever_the_key_is() {
    let other = STANDARD.replace("gateway", "other");
    for (version, variable) in RELEASES {
        let slug = Slug::of_release(version);
        let keys = [STANDARD, EMBEDDED, OLD_FORM, UNSTATED, MULTI];
        for (number, (key, row)) in keys.into_iter().zip(row(version)).enumerate() {
            let places = [(key, ""), ("", key), (key, other.as_str())];
            // All places of each kind of command line, one of the others.
            let places = if [1, 4].contains(&number) {
                &places[..]
            } else {
                &places[number % 3..][..1]
            };
            for &(in_key, in_dsn) in places {
                let what = format!("{version} {key} {row:?}");
                let launch = [
                    ("HOOP_KEY", in_key),
                    ("HOOP_DSN", in_dsn),
                    ("HOOP_CONNECTION", "Orders"),
                ]
                .into_iter()
                .filter(|(_, value)| !value.is_empty())
                .fold(slug.dyno(), |launch, (name, value)| launch.with(name, value));
                if matches!(row, Row::Refuses) {
                    let dyno = launch.start(["sleep", "600"]);
                    dyno.logs("[start::key-malformed]\n");
                    dyno.assert(dyno.stderr().contains(&format!("agent {version} refuses")), &what);
                    continue;
                }
                let (dyno, agents) = running(&launch, 1);
                let mut environment_of_agent = expected(&slug, &launch, Some((variable, key)));
                if matches!(row, Row::ReadsNames) {
                    environment_of_agent.insert("HOOP_CONNECTION".to_owned(), "orders".to_owned());
                }
                assert_eq!(environment(&agents[0]), environment_of_agent, "{what}");
                let line = match row {
                    Row::Runs => "run|--name|orders".to_owned(),
                    Row::Exports => format!("run|--name|orders|--export|{}", exported(&environment_of_agent)),
                    _ => "start|agent".to_owned(),
                };
                assert_eq!(command_lines(&agents), [line], "{what}");
                // What is told comes before what the agent says.
                dyno.logs("hoop | {");
                let told = dyno.stderr().contains("[start::connection-not-published]\n");
                assert_eq!(told, matches!(row, Row::ConnectsWithoutNames), "{what}");
                assert_eq!(dyno.own_lines().len(), usize::from(told), "{what}");
            }
        }
    }
}

/// Asserts that the agents of a release publish these names of a list, in this order.
#[track_caller]
fn assert_published(version: &str, list: &str, names: &[&str]) {
    let slug = Slug::of_release(version);
    let reads_names = matches!(row(version)[1], Row::ReadsNames);
    let launch = slug
        .dyno()
        .with("HOOP_KEY", if reads_names { EMBEDDED } else { MULTI })
        .with("HOOP_CONNECTION", list)
        .with("NAME", " Third ");
    let (dyno, agents) = running(&launch, if reads_names { 1 } else { names.len() });
    let published: Vec<String> = if reads_names {
        let list = &environment(&agents[0])["HOOP_CONNECTION"];
        list.split(',').map(str::to_owned).collect()
    } else {
        let name = |agent: &Process| Some(agent.agent_arguments()?.swap_remove(2));
        agents.iter().filter_map(name).collect()
    };
    assert_eq!(published, names, "{version}");
    dyno.logs(" | {");
    dyno.assert(dyno.own_lines().is_empty(), version);
}

/// Returns how a release gets a name with a space: as it is where the agent reads it itself, and otherwise as it would
/// be published.
fn spelled<'a>(version: &str, read: &'a str, published: &'a str) -> &'a str {
    if matches!(row(version)[1], Row::ReadsNames) {
        read
    } else {
        published
    }
}

#[test]
fn names_are_read_alike_for_every_release_that_gets_them() {
    let long = ["a".repeat(127), "b".repeat(127)];
    for (version, _) in RELEASES {
        assert_published(
            version,
            " Orders DB ,, console,env.NAME,CONSOLE , orders db,third,",
            // Those that `hoop run` publishes are spelled as it would spell them.
            &[spelled(version, "orders db", "orders_db"), "console", "third"],
        );
        // 255 bytes.
        assert_published(version, &long.join(","), &[&long[0], &long[1]]);
    }
}

#[test]
fn a_list_of_more_than_255_bytes_is_refused_for_every_release_that_gets_it() {
    let long = format!("{},{}", "a".repeat(127), "b".repeat(128));
    for (version, _) in RELEASES {
        let slug = Slug::of_release(version);
        for key in [EMBEDDED, MULTI] {
            let launch = slug.dyno().with("HOOP_KEY", key).with("HOOP_CONNECTION", &long);
            let mut dyno = launch.with_stdin().script("echo up; read line; exit 7");
            dyno.prints("up\n");
            let gets_it = match key {
                EMBEDDED => matches!(row(version)[1], Row::ReadsNames),
                _ => matches!(row(version)[4], Row::Runs | Row::Exports),
            };
            assert_eq!(dyno.supervisors().is_empty(), gets_it, "{version} {key}");
            dyno.write("go\n");
            dyno.exits(7).closes_output();
            let mut lines = dyno.own_lines();
            lines.retain(|line| line.contains("256 bytes") && line.ends_with("[start::connection-invalid]"));
            dyno.assert(
                lines.len() == usize::from(gets_it),
                "expected one line where the list is read",
            );
        }
    }
}

#[test]
fn the_helper_of_the_agent_is_found_behind_the_apps_own_programs() {
    let slug = Slug::of_agent("#!/bin/sh\nhoop_rs\necho \"PATH is $PATH\"\nexec sleep 600\n");
    slug.put_program(".hoop/bin/hoop_rs", "#!/bin/sh\necho helper\n");
    let dyno = slug.web().start(["sleep", "600"]);
    dyno.logs("hoop | helper\n");
    let agent_path = slug.path(".hoop/bin");
    dyno.logs(&format!(":{}\n", agent_path.display()));
}
