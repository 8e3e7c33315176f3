//! Each generation of agents is started as it needs: command lines and environments of real processes.

use crate::support::dyno::{Dyno, Launch, MULTI, ORGANIZATION, Process, SECRET, STANDARD, Slug};
use std::collections::BTreeMap;
use std::ffi::OsString;

/// All releases in `fixtures/releases`, with the variable in which each looks for its key.
const RELEASES: [(&str, &str); 6] = [
    ("1.14.10", "HOOP_DSN"),
    ("1.19.63", "HOOP_DSN"),
    ("1.20.11", "HOOP_DSN"),
    ("1.21.22", "HOOP_KEY"),
    ("1.22.0", "HOOP_KEY"),
    ("1.148.0", "HOOP_KEY"),
];

/// A key whose agent connects when a user waits.
const EMBEDDED: &str = "grpcs://web:s3cr3t-0f-the-test@gateway.example:8443?mode=embedded";

/// The old form of a key, whose path is the secret.
const OLD_FORM: &str = "grpcs://gateway.example:8443/5ec4e7005ec4e7005ec4e7005ec4e7005ec4e7005ec4e7005ec4e7005ec4e700";

/// A key without its mode.
const UNSTATED: &str = "grpcs://web:s3cr3t-0f-the-test@gateway.example:8443";

/// The secret parts of all credentials in these tests.
const SECRETS: [&str; 4] = [SECRET, "5ec4e700", "another-secret", "a-third-secret"];

/// Starts an app that only waits, with this many agents beside it.
#[track_caller]
fn running(launch: &Launch, agents: usize) -> (Dyno, Vec<Process>) {
    let dyno = launch.start(["sleep", "600"]);
    let agents = dyno.has_agents(agents);
    dyno.has_no_command_line_with(&SECRETS);
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

/// What an agent gets: the app's environment, the key in one variable, a log that can be read, and the agent's folder
/// on the PATH.
fn expected(slug: &Slug, launch: &Launch, key: Option<(&str, &str)>) -> BTreeMap<String, String> {
    let mut environment = environment_of_app(launch);
    if let Some((name, key)) = key {
        environment.remove("HOOP_KEY");
        environment.remove("HOOP_DSN");
        environment.insert(name.to_owned(), key.to_owned());
    }
    let path = format!("{}:{}", environment["PATH"], slug.path(".hoop/bin").display());
    environment.insert("PATH".to_owned(), path);
    environment.insert("LOG_LEVEL".to_owned(), "info".to_owned());
    environment.insert("LOG_ENCODING".to_owned(), "json".to_owned());
    environment
}

/// The list that `hoop run` gets: all variables except credentials and those of the agent's log.
fn exported(environment: &BTreeMap<String, String>) -> String {
    let credentials = ["HOOP_KEY", "HOOP_DSN", "HOOP_TOKEN", "HOOP_SPIFFE_KEY_FILE", "TOKEN"];
    let hidden = [&credentials[..], &["LOG_LEVEL", "LOG_ENCODING"]].concat();
    let names: Vec<&str> = environment
        .keys()
        .map(String::as_str)
        .filter(|name| !hidden.contains(name))
        .collect();
    names.join(",")
}

/// The ids of the lines that hoopstart has written.
fn told(dyno: &Dyno) -> Vec<String> {
    // These are reported while the agent runs, and not by the boot.
    let later = [
        "start::agent-turned-away",
        "start::agent-misconfigured",
        "start::connection-name-missing",
    ];
    let id = |line: &String| Some(line.rsplit_once('[')?.1.trim_end_matches(']').to_owned());
    let ids = dyno.own_lines().iter().filter_map(id).collect::<Vec<_>>();
    ids.into_iter().filter(|id| !later.contains(&id.as_str())).collect()
}

#[test]
fn every_release_starts_with_a_standard_key() {
    for (version, variable) in RELEASES {
        let slug = Slug::of_release(version);
        let launch = slug.web();
        // The oldest release takes every key for one that comes with names.
        let is_oldest = version == "1.14.10";
        let launch = if is_oldest {
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
        if is_oldest {
            dyno.logs("unsupported protocol scheme");
            assert_eq!(told(&dyno), ["start::agent-too-old"]);
        } else {
            dyno.logs("connected gateway=gateway.example:8443");
            dyno.assert(dyno.own_lines().is_empty(), version);
        }
    }
}

#[test]
fn the_first_generation_reads_all_names_itself_and_says_that_it_needs_an_old_gateway() {
    let slug = Slug::of_release("1.19.63");
    for (key, variable) in [(EMBEDDED, "HOOP_KEY"), (EMBEDDED, "HOOP_DSN"), (OLD_FORM, "HOOP_DSN")] {
        let key = key.replace("gateway.example", "old-gateway.example");
        let launch = slug
            .dyno()
            .with(variable, key.as_str())
            .with("HOOP_CONNECTION", " Orders-DB ,env.CONNECTION,,orders-db")
            .with("CONNECTION", "Console");
        let (dyno, agents) = running(&launch, 1);

        assert_eq!(command_lines(&agents), ["start|agent"]);
        let mut expected = expected(&slug, &launch, Some(("HOOP_DSN", key.as_str())));
        expected.insert("HOOP_CONNECTION".to_owned(), "orders-db,console".to_owned());
        assert_eq!(environment(&agents[0]), expected);
        dyno.logs("connections=[orders-db console] ");
        dyno.logs("connected gateway=old-gateway.example:8443");
        // One of them needs no names.
        dyno.logs("hoop | ");
        assert_eq!(told(&dyno), ["start::agent-too-old"]);
        let line = dyno.own_lines().remove(0);
        for phrase in [
            "up to 1.19.63",
            "app is not affected",
            "heroku config:unset HOOP_VERSION",
        ] {
            dyno.assert(line.contains(phrase), phrase);
        }
    }
}

#[test]
fn a_release_between_runs_one_process_for_each_name_with_the_command_as_arguments() {
    for (version, variable) in [("1.20.11", "HOOP_DSN"), ("1.21.22", "HOOP_KEY")] {
        let slug = Slug::of_release(version);
        let ids = if version == "1.20.11" {
            &["start::agent-too-old"][..]
        } else {
            &[]
        };
        let launch = slug.web().with("HOOP_KEY", MULTI).with("HOOP_CONNECTION", "Orders");
        let (dyno, agents) = running(&launch, 1);
        assert_eq!(command_lines(&agents), ["run|--name|orders"]);
        assert_eq!(
            environment(&agents[0]),
            expected(&slug, &launch, Some((variable, MULTI)))
        );
        dyno.logs("hoop | ");
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
        dyno.logs("hoop:orders | ")
            .logs("hoop:console | ")
            .logs("hoop:third | ");
        assert_eq!(told(&dyno), ids);
    }
}

#[test]
fn the_current_release_runs_one_process_for_each_name_and_exports_no_credential() {
    for (version, key) in [("1.22.0", MULTI), ("1.148.0", ORGANIZATION)] {
        let slug = Slug::of_release(version);
        let launch = slug
            .web()
            .with("HOOP_KEY", key)
            .with("HOOP_DSN", STANDARD)
            .with("HOOP_TOKEN", "another-secret")
            .with("TOKEN", "a-third-secret")
            .with("HOOP_DB_URI", "postgres://db")
            .with("HOOP_CONNECTION", "orders");
        let (dyno, agents) = running(&launch, 1);
        let mut environment_of_agent = expected(&slug, &launch, Some(("HOOP_KEY", key)));
        environment_of_agent.remove("HOOP_DB_URI");
        let names = exported(&environment_of_agent);
        assert_eq!(command_lines(&agents), [format!("run|--name|orders|--export|{names}")]);
        assert_eq!(environment(&agents[0]), environment_of_agent);
        dyno.logs(", args=0").assert(told(&dyno).is_empty(), "nothing is wrong");
        drop(dyno);

        let launch = launch
            .with("HOOP_CONNECTION", "orders,console")
            .with("HOOP_COMMAND", "bundle exec rails console");
        let (dyno, agents) = running(&launch, 2);
        let names = exported(&environment(&agents[0]));
        assert_eq!(
            command_lines(&agents),
            ["orders", "console"]
                .map(|name| format!("run|--name|{name}|--export|{names}|--command|bundle exec rails console"))
        );
        dyno.logs("hoop:orders | ").logs("hoop:console | ");
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
        dyno.logs("connected gateway=gateway.example:8443");
    }
}

#[test]
fn a_token_or_a_document_with_a_gateway_is_a_credential_too() {
    let slug = Slug::of_release("1.148.0");
    slug.put("document", "header.payload.signature");
    let document = slug.path("document");
    for (name, value, kind) in [
        ("HOOP_TOKEN", "another-secret", "env"),
        ("HOOP_SPIFFE_KEY_FILE", document.to_str().unwrap(), "svid"),
    ] {
        let launch = slug
            .dyno()
            .with(name, value)
            .with("HOOP_GRPCURL", "gateway.example:8010");
        let (dyno, agents) = running(&launch, 1);
        assert_eq!(command_lines(&agents), ["start|agent"]);
        assert_eq!(environment(&agents[0]), expected(&slug, &launch, None));
        dyno.logs(&format!("type={kind}, mode=standard"))
            .logs("connected gateway=gateway.example:8010");
        dyno.assert(dyno.own_lines().is_empty(), "nothing is wrong");
    }
}

/// What a release does with a key, and with a connection called Orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Row {
    /// It connects and stays connected.
    Connects,
    /// It reads the name itself, and needs a gateway of long ago.
    ReadsNames,
    /// It publishes no name, which people must be told.
    ConnectsWithoutNames,
    /// It has a process for each name.
    Runs,
    /// The same, but no session begins.
    RunsForNothing,
    /// The same, with a list of what a session may see.
    Exports,
    /// It ends at once.
    Refuses,
    /// It does not look for a key.
    TakesNoKey,
}

impl Row {
    /// What hoopstart reports.
    fn told(self) -> &'static [&'static str] {
        match self {
            Row::Connects | Row::Runs | Row::Exports => &[],
            Row::ConnectsWithoutNames => &["start::connection-not-published"],
            Row::ReadsNames | Row::RunsForNothing | Row::Refuses | Row::TakesNoKey => &["start::agent-too-old"],
        }
    }
}

/// The table of how connections are published, in the order of the keys: standard, embedded, old form, no mode,
/// multi-connection, organization's without a mode.
fn row(version: &str) -> [Row; 6] {
    use Row::{
        Connects, ConnectsWithoutNames as Without, Exports, ReadsNames as Reads, Refuses, Runs, RunsForNothing,
        TakesNoKey,
    };
    match version {
        "1.14.7" => [TakesNoKey; 6],
        "1.14.10" | "1.14.15" | "1.15.28" => [Reads, Reads, Reads, Reads, Refuses, Reads],
        "1.16.0" | "1.19.63" => [Connects, Reads, Reads, Refuses, Refuses, Refuses],
        "1.20.0" | "1.20.11" => [Without, Without, Without, Refuses, RunsForNothing, Refuses],
        "1.21.0-rc.1" | "1.21.0" | "1.21.4" | "1.21.5" | "1.21.22" => [Without, Without, Without, Without, Runs, Runs],
        "1.21.23" | "1.22.0" | "1.23.0-rc.1" | "1.148.0" => [Without, Without, Without, Without, Exports, Exports],
        _ => panic!("no row for {version}"),
    }
}

/// The keys of that table.
const KEYS: [&str; 6] = [STANDARD, EMBEDDED, OLD_FORM, UNSTATED, MULTI, ORGANIZATION];

/// Asserts one row: what runs, with which environment, what is reported, and what happens.
#[track_caller]
fn assert_row(slug: &Slug, version: &str, variable: &str, key: &str, row: Row, (in_key, in_dsn): (&str, &str)) {
    let what = format!("{version} {key} {row:?}");
    let sessions = slug.path("sessions");
    std::fs::create_dir_all(&sessions).expect("a folder can be made");
    let launch = [
        ("HOOP_KEY", in_key),
        ("HOOP_DSN", in_dsn),
        ("HOOP_CONNECTION", "Orders"),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .fold(slug.dyno(), |launch, (name, value)| launch.with(name, value))
    .with("STAND_IN_SESSIONS", sessions.as_os_str())
    .with("STAND_IN_INPUT", "echo served");
    let dyno = launch.start(["sleep", "600"]);
    if matches!(row, Row::Refuses | Row::TakesNoKey) {
        let cause = match row {
            // The oldest release takes it, says nothing of the mode, and gets no answer.
            Row::Refuses if version.starts_with("1.14") || version.starts_with("1.15") => "missing HOOP_CONNECTION env",
            Row::Refuses => "HOOP_DSN in wrong format, reason=invalid agent mode",
            _ => "missing HOOP_DSN environment variable",
        };
        dyno.logs(cause).logs("exited with status ");
    } else {
        let agents = dyno.has_agents(1);
        let mut environment_of_agent = expected(slug, &launch, Some((variable, key)));
        if row == Row::ReadsNames {
            environment_of_agent.insert("HOOP_CONNECTION".to_owned(), "orders".to_owned());
        }
        assert_eq!(environment(&agents[0]), environment_of_agent, "{what}");
        let line = match row {
            Row::Runs | Row::RunsForNothing => "run|--name|orders".to_owned(),
            Row::Exports => format!("run|--name|orders|--export|{}", exported(&environment_of_agent)),
            _ => "start|agent".to_owned(),
        };
        assert_eq!(command_lines(&agents), [line], "{what}");
        match row {
            Row::ReadsNames => drop(dyno.logs(" api").logs(if key == STANDARD || version < "1.16" {
                "unsupported protocol scheme"
            } else {
                "api responded status=415"
            })),
            Row::RunsForNothing => drop(dyno.logs("[start::connection-name-missing]")),
            _ => {
                let name = if matches!(row, Row::Runs | Row::Exports) {
                    "orders"
                } else {
                    "session"
                };
                let output = dyno.until("a session", || {
                    (slug.read(&format!("sessions/{name}.status")) == "0")
                        .then(|| slug.read(&format!("sessions/{name}.out")))
                });
                assert_eq!(output, "served\n", "{what}");
            }
        }
    }
    for id in row.told() {
        dyno.logs(id);
    }
    assert_eq!(told(&dyno), row.told(), "{what}");
    std::fs::remove_dir_all(sessions).expect("the folder is there");
}

#[test]
fn every_row_of_the_table_holds_wherever_the_key_is() {
    let other = STANDARD.replace("gateway", "other");
    for (version, variable) in RELEASES {
        let slug = Slug::of_release(version);
        for (number, (key, row)) in KEYS.into_iter().zip(row(version)).enumerate() {
            let places = [(key, ""), ("", key), (key, other.as_str())];
            // All places for one kind of command line, and one place for each other.
            let places = if number == 5 {
                &places[..]
            } else {
                &places[number % 3..][..1]
            };
            for place in places {
                assert_row(&slug, version, variable, key, row, *place);
            }
        }
    }
}

#[test]
fn every_row_of_the_table_holds_at_its_border() {
    for (version, variable) in [
        ("1.14.7", "HOOP_DSN"),
        ("1.14.15", "HOOP_DSN"),
        ("1.15.28", "HOOP_DSN"),
        ("1.16.0", "HOOP_DSN"),
        ("1.20.0", "HOOP_DSN"),
        ("1.21.0-rc.1", "HOOP_DSN"),
        ("1.21.0", "HOOP_DSN"),
        ("1.21.4", "HOOP_DSN"),
        ("1.21.5", "HOOP_KEY"),
        ("1.21.23", "HOOP_KEY"),
        ("1.23.0-rc.1", "HOOP_KEY"),
    ] {
        let slug = Slug::of_version(version);
        for (key, row) in KEYS.into_iter().zip(row(version)) {
            // Two of the keys distinguish the generations, and the first and the fourth their borders.
            if [STANDARD, UNSTATED, MULTI, ORGANIZATION].contains(&key) {
                assert_row(&slug, version, variable, key, row, (key, ""));
            }
        }
    }
}

#[test]
fn an_organizations_key_is_not_left_to_an_agent_that_would_be_refused_for_ever() {
    let slug = Slug::of_release("1.148.0");
    for key in [
        ORGANIZATION.to_owned(),
        format!("{ORGANIZATION}?mode="),
        format!("{ORGANIZATION}/?mode=standard"),
        format!("{ORGANIZATION}?mode=embedded"),
        ORGANIZATION.replace("_default", "%5Fdefault"),
    ] {
        let launch = slug.web().with("HOOP_KEY", key).with("HOOP_CONNECTION", "a");
        let (_, agents) = running(&launch, 1);
        assert!(command_lines(&agents)[0].starts_with("run|--name|a|"));
        // Without a name, nothing can be published.
        let mut dyno = slug.web().with("HOOP_KEY", ORGANIZATION).script("echo up");
        dyno.exits(0).closes_output();
        assert_eq!(told(&dyno), ["start::connection-missing"]);
    }
    // The agent without hoopstart.
    let launch = slug
        .dyno()
        .with("HOOP_KEY", ORGANIZATION)
        .with("STAND_IN_PAUSE", "0.05");
    let agent = slug.path(".hoop/bin/hoop");
    let dyno = launch.plain([agent.as_os_str(), "start".as_ref(), "agent".as_ref()]);
    dyno.until("three tries", || {
        (dyno.stdout().matches("missing connection-name attribute").count() >= 3).then_some(())
    });
}

#[test]
fn the_app_keeps_its_own_logging_and_the_agent_has_hoops() {
    let slug = Slug::of_release("1.148.0");
    let launch = slug.web().with("LOG_LEVEL", "error").with("LOG_ENCODING", "console");
    let dyno = launch.script("echo \"$LOG_LEVEL $LOG_ENCODING\"; exec sleep 600");
    dyno.prints("error console\n").logs("hoop | connected gateway=");
    drop(dyno);
    let (_, agents) = running(&launch.with("HOOP_LOG_LEVEL", "debug"), 1);
    let environment = environment(&agents[0]);
    assert_eq!(
        (environment["LOG_LEVEL"].as_str(), environment["LOG_ENCODING"].as_str()),
        ("debug", "json")
    );
}

/// Asserts that agents of a release publish these names of a list, in this order.
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
    dyno.logs(" | ");
    let limit = if ["1.14.10", "1.19.63", "1.20.11"].contains(&version) {
        &["start::agent-too-old"][..]
    } else {
        &[]
    };
    assert_eq!(told(&dyno), limit, "{version}");
}

/// How a release gets a name with a space: as it is if the agent reads it itself, otherwise as it would be published.
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
            // Names that `hoop run` publishes are spelled as it would spell them.
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
                _ => matches!(row(version)[4], Row::Runs | Row::RunsForNothing | Row::Exports),
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
