//! `hoop.yml`: databases, commands and rules, as the agents of a real boot get them.

use crate::support::dyno::{Dyno, Launch, MULTI, ORGANIZATION, Process, STANDARD, Slug, eventually};
use std::path::Path;

/// The password of the database.
const PASSWORD: &str = "pa55/word@db";

/// As an add-on writes it.
const URL: &str = "postgresql://u123:pa55%2Fword%40db@db.example:5432/orders?sslmode=require";

/// A slug with the `hoop.yml` and the Procfile of the fixture `publishes`.
fn example() -> Slug {
    let slug = Slug::of_version("1.148.0");
    let app = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/apps/publishes");
    for file in ["Procfile", "hoop.yml"] {
        let text = std::fs::read_to_string(app.join(file)).expect("the fixture is there");
        slug.put(file, &text);
    }
    slug
}

/// A slug with this `hoop.yml`.
fn slug(version: &str, file: &str) -> Slug {
    let slug = Slug::of_version(version);
    slug.put("Procfile", "web: hoopstart -- puma\nworker: hoopstart -- sidekiq\n");
    slug.put("hoop.yml", file);
    slug
}

/// A dyno with a key that publishes names, and the variables of the example. Sessions begin at once.
fn launch(slug: &Slug) -> Launch {
    let sessions = slug.path("sessions");
    std::fs::create_dir_all(&sessions).expect("a folder can be made");
    slug.web()
        .with("HOOP_KEY", MULTI)
        .with("DATABASE_URL", URL)
        .with("HEROKU_POSTGRESQL_RED_URL", URL)
        .with("HEROKU_APP_NAME", "Orders")
        .with("RAILS_ENV", "production")
        .with("STAND_IN_SESSIONS", sessions.as_os_str())
}

/// Starts an app that only waits, and waits for its agents. No password is in any command line or line of the log.
#[track_caller]
fn running(launch: &Launch, agents: usize) -> (Dyno, Vec<Process>) {
    let dyno = launch.start(["sleep", "600"]);
    let agents = dyno.has_agents(agents);
    dyno.has_no_command_line_with(&["pa55"]);
    dyno.assert(!dyno.stderr().contains("pa55"), "a password in the log");
    (dyno, agents)
}

/// Runs an app that says one word, to its end.
#[track_caller]
fn ended(launch: &Launch) -> Dyno {
    let mut dyno = launch.script("echo up");
    dyno.exits(0).closes_output();
    dyno.prints("up\n");
    dyno
}

/// What an agent asks the gateway to publish.
fn request(dyno: &Dyno, slug: &Slug, name: &str) -> String {
    let path = format!("sessions/{name}.request");
    dyno.until("a request", || {
        Some(slug.read(&path)).filter(|text| text.contains("redact_types="))
    })
}

/// The value of a variable of an agent.
fn variable(agent: &Process, name: &str) -> Option<String> {
    let prefix = format!("{name}=");
    let variables = agent.environment();
    variables
        .iter()
        .find_map(|variable| Some(variable.to_str()?.strip_prefix(&prefix)?.to_owned()))
}

/// The agent of a connection.
fn agent_of<'a>(agents: &'a [Process], name: &str) -> &'a Process {
    let has_name = |agent: &&Process| {
        agent
            .agent_arguments()
            .is_some_and(|words| words.iter().any(|word| word == name))
    };
    agents.iter().find(has_name).expect("the connection has an agent")
}

/// The variables that sessions of an agent see.
fn exported(agent: &Process) -> Vec<String> {
    let words = agent.agent_arguments().expect("it is an agent");
    let place = words.iter().position(|word| word == "--export").expect("a list") + 1;
    words[place].split(',').map(str::to_owned).collect()
}

#[track_caller]
fn is_told(dyno: &Dyno, ids: &[&str]) {
    let lines = dyno.own_lines();
    let told: Vec<&str> = lines
        .iter()
        .filter_map(|line| Some(line.rsplit_once('[')?.1.trim_end_matches(']')))
        .collect();
    dyno.assert(told == ids, &format!("expected {ids:?}"));
}

#[test]
fn each_dyno_publishes_its_connections_with_their_rules() {
    let slug = example();
    let (dyno, agents) = running(&launch(&slug), 2);
    let database = agent_of(&agents, "orders-db");
    let uri = "postgres://u123:pa55%2Fword%40db@db.example:5432/orders?sslmode=require";
    assert_eq!(variable(database, "HOOP_DB_URI").as_deref(), Some(uri));
    assert_eq!(variable(database, "SSLMODE").as_deref(), Some("require"));
    assert_eq!(exported(database), ["PATH", "SSLMODE"]);
    let command = "psql|-v|ON_ERROR_STOP=1|-A|-F\\t|-P|pager=off|-h|$HOST|-U|$USER|--port=$PORT|$DB";
    assert_eq!(
        request(&dyno, &slug, "orders-db"),
        format!(
            "type=database\nsubtype=postgres\ncommand={command}\nreviewers=dba,team leads\n\
             redact_types=EMAIL_ADDRESS,PHONE_NUMBER\n"
        )
    );
    let shell = agent_of(&agents, "orders-shell");
    assert_eq!(variable(shell, "HOOP_DB_URI"), None);
    let seen = exported(shell);
    for hidden in ["DATABASE_URL", "HEROKU_POSTGRESQL_RED_URL", "HOOP_KEY"] {
        assert!(!seen.iter().any(|name| name == hidden), "{hidden}");
    }
    assert!(seen.iter().any(|name| name == "RAILS_ENV"));
    is_told(&dyno, &[]);
    drop(dyno);

    let (dyno, agents) = running(&launch(&slug).with("DYNO", "worker.1"), 2);
    let console = agent_of(&agents, "orders_console");
    assert!(exported(console).iter().any(|name| name == "DATABASE_URL"));
    let asked = request(&dyno, &slug, "orders_console");
    assert!(
        asked.starts_with("type=custom\nsubtype=\ncommand=bundle|exec|rails|console\n"),
        "{asked}"
    );
    agent_of(&agents, "orders-shell");
    is_told(&dyno, &[]);
}

#[test]
fn the_session_of_a_database_has_its_credentials_and_nothing_of_the_app() {
    let slug = slug("1.148.0", "connections: {orders-db: {database: DATABASE_URL}}\n");
    slug.put_program("bin/psql", "#!/bin/sh\necho \"$*\"\nenv\n");
    let path = format!("{}:/usr/bin:/bin", slug.path("bin").display());
    let (dyno, _) = running(&launch(&slug).with("PATH", path), 1);
    let output = dyno.until("a session", || {
        let ended = !slug.read("sessions/orders-db.status").is_empty();
        ended.then(|| slug.read("sessions/orders-db.out"))
    });
    for part in ["-h db.example -U u123 --port=5432 orders", "SSLMODE=require"] {
        assert!(output.contains(part), "{part}: {output}");
    }
    assert!(output.contains(&format!("PGPASSWORD={PASSWORD}")), "{output}");
    for part in ["DATABASE_URL", "RAILS_ENV", "HOOP_KEY", "HOOP_DB_URI"] {
        assert!(!output.contains(part), "{part}: {output}");
    }
}

#[test]
fn every_kind_of_database_is_published_as_its_agent_takes_it() {
    for (url, uri, subtype) in [
        ("postgres://u:p@h/d", "postgres://u:p@h/d", "postgres"),
        (
            "mysql2://u:p@h:3306/d?reconnect=true",
            "mysql://u:p@h:3306/d?reconnect=true",
            "mysql",
        ),
        ("mysql://u:p@h/d", "mysql://u:p@h/d", "mysql"),
        (
            "sqlserver://u:p@h:1433?database=d",
            "sqlserver://u:p@h:1433/?database=d",
            "mssql",
        ),
        ("mongodb://u:p@h:27017/d", "mongodb://u:p@h:27017/d", "mongodb"),
    ] {
        let slug = slug("1.148.0", "connections: {db: {database: OTHER_URL}}\n");
        let (dyno, agents) = running(&launch(&slug).with("OTHER_URL", url), 1);
        assert_eq!(variable(&agents[0], "HOOP_DB_URI").as_deref(), Some(uri));
        let asked = request(&dyno, &slug, "db");
        assert!(
            asked.starts_with(&format!("type=database\nsubtype={subtype}\n")),
            "{asked}"
        );
        is_told(&dyno, &[]);
    }
}

#[test]
fn a_connection_that_cannot_be_published_is_told_and_the_others_run() {
    let file = "connections:\n  db: {database: OTHER_URL}\n  shell: {}\n";
    let slug = slug("1.148.0", file);
    for (url, id) in [
        (None, "start::database-unset"),
        (Some(""), "start::database-unset"),
        (Some("postgres://h/d"), "start::database-url-invalid"),
        (Some("postgres://pa55@h/d"), "start::database-url-invalid"),
        (Some("redis://u:pa55word@h/d"), "start::database-url-invalid"),
        (Some("pa55word"), "start::database-url-invalid"),
    ] {
        let launch = url
            .into_iter()
            .fold(launch(&slug), |launch, url| launch.with("OTHER_URL", url));
        let (dyno, agents) = running(&launch, 1);
        agent_of(&agents, "shell");
        is_told(&dyno, &[id]);
    }
    let names = "connections:\n  ${NOPE}-db: {}\n  Órders: {}\n  orders: {review: [dba]}\n  \
                 a: {process_types: [wroker, web]}\n";
    slug.put("hoop.yml", names);
    let (dyno, agents) = running(&launch(&slug), 1);
    agent_of(&agents, "a");
    is_told(
        &dyno,
        &[
            "start::connection-invalid",
            "start::connection-merged",
            "start::process-type-unknown",
        ],
    );
}

#[test]
fn names_in_the_config_var_choose_among_those_of_the_file() {
    let slug = example();
    let names = launch(&slug).with("HOOP_CONNECTION", "ORDERS-DB, extra");
    let (dyno, agents) = running(&names, 2);
    assert!(variable(agent_of(&agents, "orders-db"), "HOOP_DB_URI").is_some());
    let asked = request(&dyno, &slug, "extra");
    assert!(asked.starts_with("type=custom\n"), "{asked}");
    assert!(
        !exported(agent_of(&agents, "extra"))
            .iter()
            .any(|name| name == "DATABASE_URL")
    );
    is_told(&dyno, &[]);
}

#[test]
fn a_mistake_in_the_file_is_one_line_and_the_app_runs() {
    for file in [
        "connections:\n  db: {databse: X}\n",
        "connections: {}\n",
        "",
        "connections:\n  db: {database: 'postgres://u:pa55word@h/d'}\n",
        "connection: 1\n",
        "a: [",
        "connections:\n  a: {}\n  a: {}\n",
        "connections:\n  a: {command: \"it's\"}\n",
        "connections:\n  a:\n    review:\n      # - dba\n",
    ] {
        let slug = slug("1.148.0", file);
        // Its rules are not known, so nothing is published under the names of the config var either.
        for launch in [launch(&slug), launch(&slug).with("HOOP_CONNECTION", "a")] {
            let dyno = ended(&launch);
            is_told(&dyno, &["start::hoop-yml-invalid"]);
            dyno.assert(!dyno.stderr().contains("pa55"), "a value is told");
        }
    }
}

#[test]
fn what_is_no_file_is_one_line_and_the_app_runs() {
    let slug = slug("1.148.0", "");
    slug.remove("hoop.yml");
    for make in [
        "mkdir hoop.yml",
        "mkfifo hoop.yml",
        "ln -s /dev/zero hoop.yml",
        "printf '\\377' >hoop.yml",
        "ln -s nowhere hoop.yml",
        "echo 'connections: {a: {review: [dba]}}' >hoop.yaml",
    ] {
        let mut dyno = launch(&slug).plain(["sh", "-c", &format!("cd \"$HOME\" && {make}")]);
        dyno.exits(0);
        for launch in [launch(&slug), launch(&slug).with("HOOP_CONNECTION", "a")] {
            let dyno = ended(&launch);
            is_told(&dyno, &["start::hoop-yml-invalid"]);
            let mut check = launch.plain([slug.hoopstart().into_os_string(), "--check".into()]);
            check.exits(78).closes_output();
            let report = check.stdout() + &check.stderr();
            assert!(report.contains("start::hoop-yml-invalid"), "{make}: {report}");
        }
        launch(&slug).plain(["sh", "-c", "rm -r \"$HOME\"/hoop.y*ml"]).exits(0);
    }
}

#[test]
fn a_file_is_without_effect_where_the_agent_does_not_publish_by_name() {
    for (version, key) in [("1.148.0", STANDARD), ("1.19.63", STANDARD)] {
        let slug = slug(version, "connections: {a: {}}\n");
        let (dyno, _) = running(&launch(&slug).with("HOOP_KEY", key), 1);
        is_told(&dyno, &["start::hoop-yml-no-effect"]);
        dyno.assert(dyno.stderr().contains("hoop admin get orgkeys"), "how to get the key");
    }
    let slug = slug("1.20.11", "connections: {a: {}}\n");
    let launch = launch(&slug).with("HOOP_KEY", ORGANIZATION);
    let mut dyno = launch.plain([slug.hoopstart().into_os_string(), "--check".into()]);
    dyno.exits(78).closes_output();
    let report = dyno.stdout() + &dyno.stderr();
    assert!(
        report.contains("hoop.yml has no effect with this agent, which is too old"),
        "{report}"
    );
    assert!(!report.contains("orgkeys"), "the key is the right one: {report}");
}

#[test]
fn an_older_agent_publishes_nothing_without_its_rule() {
    let file =
        "connections:\n  db: {database: DATABASE_URL}\n  a: {review: [dba]}\n  b: {mask: [A]}\n  c: {command: irb}\n";
    for version in ["1.21.0", "1.21.22"] {
        let slug = slug(version, file);
        let (dyno, agents) = running(&launch(&slug).with("HOOP_KEY", ORGANIZATION), 1);
        assert_eq!(agents[0].agent_arguments().unwrap().join(" "), "run --name c -- irb");
        is_told(&dyno, &["start::connection-needs-newer-agent"; 3]);
    }
}

#[test]
fn a_dyno_for_which_the_file_has_no_connection_has_no_agent() {
    let slug = slug("1.148.0", "connections: {a: {process_types: [worker]}}\n");
    let dyno = ended(&launch(&slug));
    dyno.assert(dyno.own_lines().is_empty(), "nothing is wrong");
    let (_dyno, _) = running(&launch(&slug).with("DYNO", "worker.2"), 1);
}

#[test]
fn nothing_to_publish_stops_only_a_required_boot() {
    let slug = slug("1.148.0", "connections: {a: {database: NOPE}}\n");
    let dyno = ended(&launch(&slug));
    is_told(&dyno, &["start::database-unset"]);
    let mut dyno = launch(&slug).with("HOOP_REQUIRED", "true").script("echo up");
    dyno.exits(78).closes_output();
    is_told(&dyno, &["start::database-unset"]);
}

#[test]
fn check_and_status_list_each_connection_with_its_rules() {
    let slug = example();
    let launch = launch(&slug);
    let check = |launch: &Launch| {
        let mut dyno = launch.plain([slug.hoopstart().into_os_string(), "--check".into()]);
        dyno.exits(0).closes_output();
        dyno.stdout()
    };
    let report = check(&launch);
    for line in [
        "connection:   orders-db (database, URL from DATABASE_URL; review by dba, team leads; masks EMAIL_ADDRESS, \
         PHONE_NUMBER; only in web.1)\n",
        "connection:   orders-shell (shell)\n",
        "elsewhere:    orders_console (command bundle exec rails console; sessions see *; only in worker)\n",
    ] {
        assert!(report.contains(line), "{line}{report}");
    }
    // In a one-off dyno people ask for all of them.
    let report = check(&launch.clone().with("DYNO", "run.1"));
    assert_eq!(report.matches("connection:   ").count(), 3, "{report}");
    assert!(!report.contains("pa55"), "{report}");
    // What is left out, and what a shell is, depends on config vars.
    let launch_of_one = launch
        .clone()
        .with("HOOP_CONNECTION", "orders-shell")
        .with("HOOP_COMMAND", "rake -T");
    let report = check(&launch_of_one);
    for line in [
        "connection:   orders-shell (command rake -T, from HOOP_COMMAND)\n",
        "left out:     orders-db (in hoop.yml, but HOOP_CONNECTION does not name it)\n",
        "left out:     orders_console (in hoop.yml, but HOOP_CONNECTION does not name it)\n",
    ] {
        assert!(report.contains(line), "{line}{report}");
    }

    let (dyno, _) = running(&launch, 2);
    // Other tests have apps, too, and they are in the answer.
    let app = format!("app:          sleep (process {})\n", dyno.pid());
    eventually("a status that has the rules", || {
        let mut asking = launch.plain([slug.hoopstart().into_os_string(), "--status".into()]);
        asking.ends();
        asking.closes_output();
        let status = asking.stdout();
        let (_, of_app) = status.split_once(&app)?;
        let of_app = of_app.split("app:  ").next()?;
        let is_whole = of_app.contains("  publishes:  database, URL from DATABASE_URL; review by dba")
            && of_app.contains("  publishes:  shell\n");
        is_whole.then_some(())
    });
}

#[test]
fn check_says_which_connection_no_dyno_publishes() {
    for (types, procfile, variable, is_wrong) in [
        ("[run]", "web: hoopstart -- x", None, true),
        ("[release, run.1]", "web: hoopstart -- x", None, true),
        ("[worker]", "web: hoopstart -- x\nworker: x", None, true),
        (
            "[worker]",
            "web: hoopstart -- x\nworker: hoopstart -- x",
            Some(("HOOP_PROCESS_TYPES", "web")),
            true,
        ),
        (
            "[worker]",
            "web: hoopstart -- x\nworker: hoopstart -- x",
            Some(("HOOP_IGNORE_PROCESS_TYPES", "worker")),
            true,
        ),
        ("[worker, web]", "web: hoopstart -- x\nworker: x", None, false),
        ("[worker.2]", "web: hoopstart -- x\nworker: hoopstart -- x", None, false),
        (
            "[worker]",
            "web: hoopstart -- x\nworker: x",
            Some(("HOOP_AUTOSTART", "true")),
            false,
        ),
    ] {
        let slug = slug(
            "1.148.0",
            &format!("connections:\n  a: {{process_types: {types}}}\n  b: {{}}\n"),
        );
        slug.put("Procfile", &format!("{procfile}\n"));
        // In a one-off dyno, too, where people ask.
        for dyno in ["web.1", "run.1"] {
            let launch = variable
                .into_iter()
                .fold(launch(&slug).with("DYNO", dyno), |launch, (name, value)| {
                    launch.with(name, value)
                });
            let mut check = launch.plain([slug.hoopstart().into_os_string(), "--check".into()]);
            check.ends();
            check.closes_output();
            let said = check.stdout() + &check.stderr();
            let is_told = said.contains("no dyno publishes a: the agent does not run in ");
            check.assert(is_told == is_wrong, &format!("{types} {procfile} {variable:?} {dyno}"));
        }
    }
}
