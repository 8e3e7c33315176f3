use super::{AgentCommand, Generation, Withheld, agent_environment};
use crate::agent::connections::Connections;
use crate::agent::hoop_yml::HoopYml;
use crate::agent::key::KeyMode;
use crate::agent::session::CREDENTIALS;
use crate::agent::version::Version;
use crate::os::environment::Environment;
use crate::procfile::Procfile;
use crate::start::fault::config::ConfigFault;
use crate::start::plan::credential::Credential;
use crate::start::plan::dyno::Dyno;
use crate::start::plan::publishing::Publishing;
use proptest::prelude::*;
use std::ffi::OsStr;

const KEY: &str = "grpcs://a:s3cr3t@h:1?mode=multi-connection";

fn environment() -> Environment {
    [
        ("HOOP_KEY", KEY),
        ("HOOP_DSN", "old"),
        ("HOOP_TOKEN", "t"),
        ("HOOP_DB_URI", "postgres://db"),
        ("LANG", "C"),
        ("PATH", "/bin"),
        ("with,comma", "x"),
        ("with:colon", "x"),
        ("BASH_FUNC_x%%", "() { :; }"),
        ("LOG_LEVEL", "error"),
        ("LOG_ENCODING", "console"),
    ]
    .into_iter()
    .collect()
}

/// The agents of an app with this `hoop.yml` in `web.1`.
fn commands(
    generation: Generation,
    file: Option<&HoopYml>,
    connections: &Connections,
    entrypoint: Option<&OsStr>,
    environment: &Environment,
) -> Result<Vec<AgentCommand>, ConfigFault> {
    if !generation.is_run() {
        return Ok(vec![AgentCommand::start_agent()]);
    }
    let version = "1.148.0".parse().unwrap();
    let dyno = Dyno::parse(Some("web.1"));
    let procfile = Procfile::default();
    let publishing = Publishing::of(file, connections, &version, environment, &procfile, &dyno, &[]);
    let here = publishing.here.iter();
    let withheld = Withheld::of(environment, &publishing.databases, &[]);
    here.map(|here| AgentCommand::run(here, generation, entrypoint, environment, &withheld))
        .collect()
}

/// The only agent of an app with this `hoop.yml` and these variables besides its own: its arguments, and the variables
/// that no other has.
fn only(file: &str, variables: &[(&str, &str)]) -> (Vec<String>, Environment) {
    let mut environment = environment();
    for (name, value) in variables {
        environment.set(name, *value);
    }
    let file = HoopYml::parse(file).unwrap();
    let none = Connections::default();
    let mut commands = commands(
        Generation::RunWithCommand,
        Some(&file),
        &none,
        Some(OsStr::new("irb")),
        &environment,
    );
    let AgentCommand { arguments, own, .. } = commands.as_mut().unwrap().remove(0);
    let arguments = arguments.into_iter().map(|argument| argument.into_string().unwrap());
    (arguments.collect(), own)
}

fn lines(generation: Generation, names: &str, entrypoint: Option<&str>) -> Result<Vec<String>, ConfigFault> {
    let connections = Connections::parse(names, |_| None).unwrap();
    let commands = commands(
        generation,
        None,
        &connections,
        entrypoint.map(OsStr::new),
        &environment(),
    )?;
    let line = |arguments: &[std::ffi::OsString]| arguments.join(OsStr::new("|")).into_string().unwrap();
    Ok(commands.iter().map(|command| line(&command.arguments)).collect())
}

#[test]
fn each_generation_has_its_command_lines() {
    assert_eq!(
        lines(Generation::NamesInEnvironment, "a,b", Some("x")).unwrap(),
        ["start|agent"]
    );
    assert_eq!(lines(Generation::NamesInGateway, "", None).unwrap(), ["start|agent"]);
    assert_eq!(
        lines(Generation::RunWithArguments, "a,b", Some("bundle exec 'rails console'")).unwrap(),
        [
            "run|--name|a|--|bundle|exec|rails console",
            "run|--name|b|--|bundle|exec|rails console"
        ]
    );
    assert_eq!(
        lines(Generation::RunWithArguments, "a", None).unwrap(),
        ["run|--name|a"]
    );
    for generation in [Generation::RunWithArguments, Generation::RunWithCommand] {
        assert_eq!(lines(generation, "a", Some("it's")), Err(ConfigFault::CommandInvalid));
        assert_eq!(lines(generation, "a", Some(" ")), lines(generation, "a", None));
    }
    assert_eq!(
        lines(Generation::RunWithCommand, "a", Some("env | sort")).unwrap(),
        ["run|--name|a|--export|BASH_FUNC_x%%,HOOP_COMMAND,LANG,PATH|--command|sh -c $HOOP_COMMAND"]
    );
    assert_eq!(
        lines(Generation::RunWithCommand, "a", Some("bundle exec rails console")).unwrap(),
        ["run|--name|a|--export|BASH_FUNC_x%%,LANG,PATH|--command|bundle exec rails console"]
    );
    assert_eq!(
        lines(Generation::RunWithCommand, "a", None).unwrap(),
        ["run|--name|a|--export|BASH_FUNC_x%%,LANG,PATH"]
    );
}

const URL: &str = "postgresql://u:p%40ssword@db.example/orders?sslmode=verify-ca";

const DATABASE: (&str, &str) = ("DATABASE_URL", URL);

#[test]
fn a_database_is_published_with_its_url_in_the_environment_of_its_agent_only() {
    let file =
        "connections:\n  orders-db:\n    database: DATABASE_URL\n    review: [dba, team leads]\n    mask: [A, B]\n";
    let (arguments, own) = only(file, &[DATABASE]);
    let expected = [
        "run",
        "--name",
        "orders-db",
        "--export",
        "PATH,SSLMODE",
        "--review=dba,team leads",
        "--data-masking=A,B",
    ];
    assert_eq!(arguments, expected);
    let uri = "postgres://u:p%40ssword@db.example/orders?sslmode=verify-ca";
    assert_eq!(own.text("HOOP_DB_URI"), Some(uri));
    assert_eq!(own.text("SSLMODE"), Some("verify-full"));
    assert_eq!(own.iter().count(), 2);
}

#[test]
fn a_database_of_mongodb_has_its_options_too() {
    let file = "connections: {m: {database: MONGO_URL}}";
    let (arguments, own) = only(file, &[("MONGO_URL", "mongodb://u:p@h:1/d?tls=true")]);
    assert_eq!(
        arguments,
        ["run", "--name", "m", "--export", "CONNECTION_STRING,OPTIONS,PATH"]
    );
    assert_eq!(own.text("OPTIONS"), Some("tls=true"));
    assert_eq!(own.text("CONNECTION_STRING"), own.text("HOOP_DB_URI"));
}

#[test]
fn a_session_sees_what_its_connection_exports() {
    let same = ("HEROKU_POSTGRESQL_RED_URL", URL);
    let within = ("SETTINGS", "{\"password\": \"p@ssword\"}");
    for (export, seen) in [
        ("", "BASH_FUNC_x%%,LANG,PATH,RAILS_ENV"),
        ("export: []", "PATH"),
        ("export: [RAILS_*, NOPE]", "PATH,RAILS_ENV"),
        ("export: [DATABASE_URL]", "DATABASE_URL,PATH"),
        (
            "export: ['*']",
            "BASH_FUNC_x%%,DATABASE_URL,HEROKU_POSTGRESQL_RED_URL,LANG,PATH,RAILS_ENV,SETTINGS",
        ),
        ("export: [HOOP_KEY, TOKEN, LOG_LEVEL, HOOP_DB_URI]", "PATH"),
    ] {
        let file = format!("connections:\n  a: {{command: irb, {export}}}\n  b: {{database: DATABASE_URL}}\n");
        let (arguments, _) = only(&file, &[DATABASE, same, within, ("RAILS_ENV", "production")]);
        assert_eq!(
            arguments,
            ["run", "--name", "a", "--export", seen, "--command", "irb"],
            "{export}"
        );
    }
}

#[test]
fn a_connection_has_its_own_command_or_that_of_all() {
    let line = |file: &str| only(file, &[]).0.pop().unwrap();
    assert_eq!(line("connections: {a: {command: rails c}}"), "rails c");
    assert_eq!(line("connections: {a: {}}"), "irb");
    assert_eq!(
        only("connections: {a: {command: rails c}}", &[]).1,
        Environment::default()
    );

    // A line that needs a shell, or holds a password, is in a variable that the session sees.
    for command in ["echo $A | cat", "psql postgres://u:password@h/d"] {
        let (arguments, own) = only(
            &format!("connections: {{a: {{command: '{command}', export: []}}}}"),
            &[],
        );
        assert_eq!(
            arguments[3..],
            ["--export", "HOOP_COMMAND,PATH", "--command", "sh -c $HOOP_COMMAND"]
        );
        assert_eq!(own.text("HOOP_COMMAND"), Some(command));
    }
}

/// The names that the sessions of the connection in `line` see.
fn seen(line: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let (arguments, _) = only(&format!("connections:\n  {line}\n"), variables);
    let place = arguments.iter().position(|word| word == "--export").unwrap() + 1;
    arguments[place].split(',').map(str::to_owned).collect()
}

#[test]
fn the_apps_own_variables_say_nothing_of_a_database() {
    let own = [
        ("URL", "postgres://u:p@db.example/d"),
        ("SSLMODE", "disable"),
        ("OPTIONS", "tls=false"),
        ("DB", "other"),
        ("PORT", "5000"),
    ];
    assert_eq!(
        seen("db: {database: URL, export: ['*', SSLMODE]}", &own),
        ["BASH_FUNC_x%%", "LANG", "PATH", "URL"]
    );
    let own = [
        ("URL", "postgres://u:p@db.example/d?SSLMODE=Require"),
        ("SSLMODE", "disable"),
    ];
    assert_eq!(seen("db: {database: URL}", &own), ["PATH", "SSLMODE"]);
    // It is the app's in a shell.
    assert!(seen("shell: {}", &own).contains(&"SSLMODE".to_owned()));
}

#[test]
fn a_copy_of_a_databases_password_is_not_seen_however_it_is_written() {
    for (url, copy) in [
        ("postgres://u:a%2Fb%21c@h/d", "postgres://other:a%2fb!c@h/d"),
        ("postgres://u:a%2fb%21c@h/d", "a/b!c"),
        (
            "postgres://u:a%2fb!c@h/d",
            "jdbc:postgresql://h/d?user=u&password=a%2Fb%21c",
        ),
        ("postgres://u:short@h/d", "mysql://u:short@h/d"),
        ("postgres://u:short@h/d", "host=h password=short"),
        ("mongodb://u:pa55word@a:1,b:2/d", "mongodb://u:pa55word@a:1/d"),
        ("postgres://u:pa/ss@h/d", "postgres://u:pa%2Fss@h/d"),
        ("redis://:pa55word@h", "pa55word"),
    ] {
        let file = "connections:\n  db: {database: URL, process_types: [worker]}\n  shell: {}\n";
        let (arguments, _) = only(file, &[("URL", url), ("COPY", copy)]);
        assert!(
            arguments.contains(&"BASH_FUNC_x%%,LANG,PATH".to_owned()),
            "{url} {copy} {arguments:?}"
        );
    }
}

#[test]
fn the_agent_key_is_not_seen_under_any_name() {
    let keys = crate::secret::forms::of([KEY.as_bytes()]);
    let mut environment = environment();
    environment.set("COPY", KEY);
    environment.set("OTHER", "s3cr3t");
    let file = HoopYml::parse("connections:\n  a: {}\n  b: {export: ['*']}\n").unwrap();
    let version = "1.148.0".parse().unwrap();
    let dyno = Dyno::parse(Some("web.1"));
    let none = Connections::default();
    let publishing = Publishing::of(
        Some(&file),
        &none,
        &version,
        &environment,
        &Procfile::default(),
        &dyno,
        &keys,
    );
    for here in &publishing.here {
        let withheld = Withheld::of(&environment, &publishing.databases, &keys);
        let command = AgentCommand::run(here, Generation::RunWithCommand, None, &environment, &withheld);
        let arguments = command.unwrap().arguments;
        assert!(arguments.contains(&"BASH_FUNC_x%%,LANG,PATH".into()), "{arguments:?}");
    }
}

#[test]
fn an_older_agent_takes_what_it_knows() {
    let file = HoopYml::parse("connections:\n  a: {command: rails c}\n  b: {}\n").unwrap();
    let none = Connections::default();
    let commands = commands(Generation::RunWithArguments, Some(&file), &none, None, &environment()).unwrap();
    assert_eq!(commands[0].arguments, ["run", "--name", "a", "--", "rails", "c"]);
    assert_eq!(commands[1].arguments, ["run", "--name", "b"]);
}

#[test]
fn an_agent_finds_its_key_in_one_place_and_its_helper_on_the_path() {
    let credential = Credential::Key {
        name: "HOOP_KEY",
        read: Err(crate::agent::key_fault::KeyFault::NotUrl),
    };
    let connections = Connections::parse("A, b", |_| None).unwrap();
    let made = |version: &str, generation| {
        agent_environment(
            &environment(),
            &version.parse().unwrap(),
            generation,
            &credential,
            &connections,
            "/app/.hoop/bin",
            "info",
        )
    };

    let old = made("1.21.4", Generation::NamesInEnvironment);
    assert_eq!((old.text("HOOP_KEY"), old.text("HOOP_DSN")), (None, Some(KEY)));
    assert_eq!(old.text("HOOP_CONNECTION"), Some("a,b"));
    assert_eq!(old.text("PATH"), Some("/bin:/app/.hoop/bin"));
    let new = made("1.21.5", Generation::RunWithCommand);
    assert_eq!((new.text("HOOP_KEY"), new.text("HOOP_DSN")), (Some(KEY), None));
    assert_eq!(new.text("HOOP_DB_URI"), None);
    assert_eq!(new.text("LANG"), Some("C"));
    assert_eq!(
        (new.text("LOG_LEVEL"), new.text("LOG_ENCODING")),
        (Some("info"), Some("json"))
    );
    // With names in HOOP_CONNECTION, an agent of that age would look for a key.
    let token = Credential::WithUrl { name: "HOOP_TOKEN" };
    let version = "1.15.0".parse().unwrap();
    let mut app = environment();
    app.set("HOOP_CONNECTION", "a,b");
    let oldest = agent_environment(
        &app,
        &version,
        Generation::NamesInGateway,
        &token,
        &connections,
        "/",
        "debug",
    );
    assert_eq!(
        (oldest.text("HOOP_CONNECTION"), oldest.text("LOG_LEVEL")),
        (None, Some("debug"))
    );
}

fn any_mode() -> impl Strategy<Value = KeyMode> {
    prop_oneof![
        Just(KeyMode::Standard),
        Just(KeyMode::Embedded),
        Just(KeyMode::MultiConnection),
        Just(KeyMode::Unstated),
        Just(KeyMode::Organization),
    ]
}

/// An environment of any names, with any of the credentials, whose values differ from all others.
fn any_environment() -> impl Strategy<Value = Environment> {
    let name = prop_oneof![
        "[A-Z_]{1,8}",
        "\\PC{0,8}",
        "HOOP_(KEY|DSN|TOKEN|CONNECTION|DB_URI|KEY2|KE)"
    ];
    let others = proptest::collection::vec((name, "[a-z]{0,6}"), 0..12);
    let credentials = proptest::sample::subsequence(CREDENTIALS.to_vec(), 0..=CREDENTIALS.len());
    (others, credentials).prop_map(|(others, credentials)| {
        let secrets = credentials.iter().map(|name| ((*name).to_owned(), "S3CR3T".to_owned()));
        others.into_iter().chain(secrets).collect()
    })
}

proptest! {
    #[test]
    fn whatever_runs_publishes_each_name_once_and_neither_shows_nor_hands_on_a_credential(
        version in (14..150_u64, 0..64_u64).prop_map(|(minor, patch)| format!("1.{minor}.{patch}")),
        mode in any_mode(),
        names in proptest::collection::hash_set("[a-z0-9 _-]{0,8}[a-z0-9]", 1..5),
        entrypoint in proptest::option::of("[a-z]{1,8}( [a-z-]{1,8}){0,3}"),
        app in any_environment(),
    ) {
        let version: Version = version.parse().unwrap();
        let generation = Generation::of(&version, Some(mode));
        let connections = Connections::parse(&names.into_iter().collect::<Vec<_>>().join(","), |_| None).unwrap();
        let credential = Credential::Key {
            name: "HOOP_KEY",
            read: Err(crate::agent::key_fault::KeyFault::NotUrl),
        };
        let programs = "/app/.hoop/bin";
        let mut app = app;
        app.set("HOOP_KEY", "S3CR3T");
        let environment =
            agent_environment(&app, &version, generation, &credential, &connections, programs, "info");
        let entrypoint = entrypoint.as_deref().map(OsStr::new);
        let commands = commands(generation, None, &connections, entrypoint, &environment).unwrap();

        // The key is where this agent looks, and nowhere else.
        let (one, other) = if version.at_least(1, 21, 5) {
            ("HOOP_KEY", "HOOP_DSN")
        } else {
            ("HOOP_DSN", "HOOP_KEY")
        };
        prop_assert_eq!((environment.text(one), environment.value(other)), (Some("S3CR3T"), None));
        for (name, value) in environment.iter().filter(|(_, value)| *value == "S3CR3T") {
            let name = name.to_str().unwrap_or_default();
            prop_assert!(CREDENTIALS.contains(&name), "{} {:?}", name, value);
        }
        // Everything else is the app's, except what the agent would mistake for its own.
        for (name, value) in app.iter().filter_map(|(name, value)| Some((name.to_str()?, value))) {
            let own = [
                "PATH", "HOOP_CONNECTION", "HOOP_DB_URI", "HOOP_KEY", "HOOP_DSN", "LOG_LEVEL", "LOG_ENCODING",
            ];
            prop_assert!(own.contains(&name) || environment.value(name) == Some(value), "{}", name);
        }

        let published: Vec<&String> = commands.iter().filter_map(|command| command.connection.as_ref()).collect();
        if matches!(generation, Generation::RunWithArguments | Generation::RunWithCommand) {
            prop_assert_eq!(published, connections.names().iter().collect::<Vec<_>>());
        } else {
            prop_assert!(published.is_empty() && commands.len() == 1);
        }
        for command in &commands {
            let words: Vec<&str> = command.arguments.iter().map(|word| word.to_str().unwrap()).collect();
            prop_assert!(words.iter().all(|word| !word.contains("S3CR3T")), "{:?}", words);
            let place = words.iter().position(|word| *word == "--export");
            prop_assert_eq!(place.is_some(), generation == Generation::RunWithCommand);
            if let Some(place) = place {
                let exported: Vec<&str> = words[place + 1].split(',').collect();
                prop_assert!(CREDENTIALS.iter().all(|name| !exported.contains(name)), "{:?}", exported);
                prop_assert!(exported.iter().any(|name| environment.value(name).is_some()), "{:?}", exported);
            }
        }
    }

    #[test]
    fn the_credentials_of_a_database_are_only_where_its_own_sessions_are(
        databases in proptest::collection::btree_map("[A-Z]{1,6}_URL", "[a-z]{1,9}", 1..4),
        shells in proptest::collection::btree_set("shell-[a-z]{1,4}", 0..4),
        app in any_environment(),
        copies in proptest::collection::btree_map("COPY_[A-Z]{1,3}", "[a-z@:/ ]{0,6}", 0..3),
    ) {
        let mut app = app;
        let mut lines = vec!["connections:\n".to_owned()];
        for (variable, host) in &databases {
            app.set(variable, format!("mysql2://u:S3CR3T%2F{host}@{host}:3306/d"));
            lines.push(format!("  db-{variable}: {{database: {variable}}}\n"));
            for (copy, before) in &copies {
                app.set(&format!("{copy}_{variable}"), format!("{before}S3CR3T/{host}"));
            }
        }
        lines.extend(shells.iter().map(|name| format!("  {name}: {{}}\n")));
        let file = HoopYml::parse(&lines.concat()).unwrap();
        let none = Connections::default();
        let commands = commands(Generation::RunWithCommand, Some(&file), &none, None, &app).unwrap();
        prop_assert_eq!(commands.len(), databases.len() + shells.len());
        for command in commands {
            let words: Vec<&str> = command.arguments.iter().map(|word| word.to_str().unwrap()).collect();
            prop_assert!(words.iter().all(|word| !word.contains("S3CR3T")), "{:?}", words);
            let place = words.iter().position(|word| *word == "--export").unwrap() + 1;
            for name in words[place].split(',') {
                let value = app.value(name).unwrap_or_default().to_string_lossy();
                prop_assert!(!value.contains("S3CR3T/") && !value.contains("S3CR3T%2F"), "{}", name);
            }
            let holds = |(_, value): (&OsStr, &OsStr)| value.to_string_lossy().contains("S3CR3T");
            let is_database = command.connection.is_some_and(|name| name.starts_with("db-"));
            prop_assert_eq!(command.own.iter().any(holds), is_database);
            prop_assert!(command.description.is_none_or(|text| !text.contains("S3CR3T")));
        }
    }
}
