use super::{HoopYml, Target};
use proptest::prelude::*;

fn mistake(text: &str) -> String {
    HoopYml::parse(text).unwrap_err().to_string()
}

/// Where the schema is that editors read.
const SCHEMA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/hoop.schema.json");

#[test]
fn the_schema_for_editors_is_that_of_the_types() {
    let schema = serde_json::to_string_pretty(&schemars::schema_for!(HoopYml)).unwrap() + "\n";
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        std::fs::write(SCHEMA, &schema).unwrap();
    }
    let written = std::fs::read_to_string(SCHEMA).unwrap();
    assert_eq!(written, schema, "write it with: INSTA_UPDATE=always cargo test schema");
}

#[test]
fn connections_are_read_in_their_order() {
    let text = "connections:\n  orders-console:\n    command: bundle exec rails console\n  orders-db:\n    \
                database: DATABASE_URL\n    review: [dba]\n    mask: [EMAIL_ADDRESS, PHONE_NUMBER]\n    \
                process_types: [web.1]\n  ${HEROKU_APP_NAME}-shell: {}\n  plain: {}\n";
    let file = HoopYml::parse(text).unwrap();
    let names: Vec<&str> = file.connections.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["orders-console", "orders-db", "${HEROKU_APP_NAME}-shell", "plain"]
    );
    let connection = |number: usize| &file.connections[number].1;
    assert_eq!(
        connection(0).target,
        Some(Target::Command("bundle exec rails console".to_owned()))
    );
    assert_eq!(connection(1).target, Some(Target::Database("DATABASE_URL".to_owned())));
    assert_eq!(connection(1).review[0].as_str(), "dba");
    assert_eq!(connection(1).mask.len(), 2);
    assert_eq!(connection(2).target, None);
    assert_eq!(connection(2), connection(3));

    let expanded = |value: Option<&str>| file.connections[2].0.expanded(|_| value.map(str::to_owned));
    assert_eq!(expanded(Some("orders")), Ok("orders-shell".to_owned()));
    assert_eq!(expanded(Some(" ")), Err("HEROKU_APP_NAME".to_owned()));
    assert_eq!(expanded(None), Err("HEROKU_APP_NAME".to_owned()));
}

#[test]
fn every_mistake_has_its_place_and_the_right_form() {
    for (text, expected) in [
        ("\n# nothing\n", "hoop.yml: the line `connections:` is missing"),
        (
            "connections: {}",
            "hoop.yml: it names no connection; write one below connections:, such as orders-console: {}",
        ),
        (
            "connection:\n  a: {}",
            "hoop.yml, line 1, column 1: unknown key `connection`, expected `connections`",
        ),
        (
            "connections:\n  a:\n    databse: X",
            "hoop.yml, line 3, column 5: connections.a: unknown key `databse`, expected one of `command`, \
             `database`, `review`, `mask`, `export`, `process_types`",
        ),
        (
            "connections:\n  a:\n    review: dba",
            "hoop.yml, line 3, column 13: connections.a.review: this is text, expected a list, such as [dba]",
        ),
        (
            "connections:\n  a:\n    review: ['a,b']",
            "hoop.yml, line 3, column 13: connections.a.review: an item of a list is a text without comma, \
             quotes, or control characters; write [a, b] for two",
        ),
        (
            "connections:\n  a:\n    command: x\n    database: Y",
            "hoop.yml, line 3, column 5: connections.a: a connection has a command or a database, not both",
        ),
        (
            "connections:\n  a:\n    database: postgres://u:hunter22@h/d",
            "hoop.yml, line 3, column 5: connections.a: a database is the name of the config var that holds its \
             URL, such as DATABASE_URL",
        ),
        (
            "connections:\n  a:\n    review: postgres://u:hunter22@h/d",
            "hoop.yml, line 3, column 13: connections.a.review: this is text, expected a list, such as [dba]",
        ),
        (
            "connections: postgres://u:hunter22@h/d",
            "hoop.yml, line 1, column 14: connections: this is text, expected a connection's name and a colon in \
             each line",
        ),
        (
            "connections:\n  a: {}\n  a: {}",
            "hoop.yml, line 3, column 3: connections: the file has this connection twice",
        ),
        (
            "connections:\n  $APP-shell: {}",
            "hoop.yml, line 2, column 3: connections: a variable in a name is written with braces, such as \
             ${HEROKU_APP_NAME}",
        ),
        (
            "connections:\n  a,b: {}",
            "hoop.yml, line 2, column 3: connections: a connection's name has no comma, no URL, and no control \
             characters, such as orders-db",
        ),
        (
            "connections:\n  a: [x]",
            "hoop.yml, line 2, column 6: connections.a: this is a list, expected what it publishes, such as \
             command: bash or database: DATABASE_URL, or {} for a shell",
        ),
        (
            "connections:\n  a:\n    command: ''",
            "hoop.yml, line 3, column 5: connections.a: a command is a shell command line, such as bundle exec \
             rails console",
        ),
        (
            "connections:\n  a: {}\n  command: y",
            "hoop.yml, line 3, column 12: connections.command: this is text, expected what it publishes, such as \
             command: bash or database: DATABASE_URL, or {} for a shell",
        ),
        (
            "connections:\n  a:\n    export: [{a: b}]",
            "hoop.yml, line 3, column 14: connections.a.export[0]: this is a map, expected text",
        ),
        (
            "connections:\n\ta: {}",
            "hoop.yml, line 2, column 1: a line is indented with spaces, without tabs, and a text that \
             begins with @, `, or % is in quotes",
        ),
        (
            "connections:\n  a: {}\n---\n",
            "hoop.yml: the file has a second document; take out the line --- before it",
        ),
        (
            "- a",
            "hoop.yml, line 1, column 1: this is a list, expected a line `connections:`",
        ),
    ] {
        assert_eq!(mistake(text), expected, "{text}");
    }
}

#[test]
fn a_key_with_nothing_behind_it_is_a_mistake_and_no_rule_is_left_out() {
    for (key, expected) in [
        ("review", "this is nothing, expected a list, such as [dba]"),
        ("mask", "this is nothing, expected a list, such as [EMAIL_ADDRESS]"),
        ("export", "this is nothing, expected a list, such as [RAILS_ENV]"),
        ("process_types", "this is nothing, expected a list, such as [web]"),
        (
            "command",
            "a command is a shell command line, such as bundle exec rails console",
        ),
        (
            "database",
            "a database is the name of the config var that holds its URL, such as DATABASE_URL",
        ),
    ] {
        for nothing in ["", " ~", " null", " Null", " NULL", "\n      # - dba"] {
            let mistake = mistake(&format!("connections:\n  a:\n    {key}:{nothing}\n"));
            assert!(mistake.ends_with(expected), "{key}:{nothing}: {mistake}");
        }
    }
    for nothing in ["", " ~", "\n    # database: DATABASE_URL\n    # review: [dba]"] {
        let mistake = mistake(&format!("connections:\n  a:{nothing}\n"));
        assert!(
            mistake.contains("this is nothing") && mistake.ends_with("or {} for a shell"),
            "{mistake}"
        );
    }
    // What is written says that there is none.
    let file = HoopYml::parse("connections:\n  a: {review: [], mask: [], export: []}\n").unwrap();
    assert!(file.connections[0].1.review.is_empty());
}

#[test]
fn a_file_under_another_name_or_behind_a_dead_link_is_a_mistake() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(HoopYml::of_app(folder.path()), None);
    std::fs::write(folder.path().join(".Hoop.YAML"), "").unwrap();
    let mistake = HoopYml::of_app(folder.path()).unwrap().unwrap_err().to_string();
    assert!(mistake.contains("one named .Hoop.YAML"), "{mistake}");

    std::os::unix::fs::symlink("nowhere", folder.path().join("hoop.yml")).unwrap();
    let mistake = HoopYml::of_app(folder.path()).unwrap().unwrap_err().to_string();
    assert_eq!(mistake, "hoop.yml: it is a link to a file that is not there");
}

#[test]
fn a_file_that_would_take_long_to_read_is_refused_unread() {
    let nested = |open: &str, close: &str| format!("connections: {}x{}", open.repeat(4_000), close.repeat(4_000));
    for text in [
        nested("[", "]"),
        nested("{a: ", "}"),
        format!("connections:\n  {}x", "- ".repeat(4_000)),
    ] {
        assert_eq!(mistake(&text), "hoop.yml: it has lists nested more than 500 deep");
    }
    let connections = |number: usize| {
        let lines: Vec<String> = (0..number)
            .map(|number| format!("  a{number}: {{command: 'x [[ - - - -'}}\n"))
            .collect();
        format!("connections:\n# {}\n{}", "- [".repeat(40), lines.concat())
    };
    assert_eq!(
        mistake(&connections(129)),
        "hoop.yml: it names 129 connections, and the limit is 128"
    );
    assert_eq!(HoopYml::parse(&connections(128)).unwrap().connections.len(), 128);
}

#[test]
fn a_password_in_the_wrong_place_is_not_repeated() {
    for text in [
        "postgres://u:hunter22@h/d: {}",
        "connections:\n  a:\n    postgres://u:hunter22@h/d: x",
        "connections:\n  postgres://u:hunter22@h/d: {}",
        "connections:\n  a: postgres://u:hunter22@h/d",
        "connections:\n  a:\n    command: [postgres://u:hunter22@h/d]",
        "connections:\n  a:\n    review: ['postgres://u:hunter22@h/d,x']",
        "postgres://u:hunter22@h/d",
        "connections:\n  a:\n    hunter22: 1",
        "hunter22: 1",
        "connections:\n  a: {}\nhunter22: {}",
    ] {
        let mistake = mistake(text);
        assert!(!mistake.contains("hunter22"), "{mistake}");
    }
}

proptest! {
    #[test]
    fn any_text_is_a_file_or_a_mistake_without_a_password(
        text in "(connections:\n|  a:\n|    review: |    database: |postgres://u:hunter22@h\n|\\[|\\{\\}|\\PC|\n)\
                 {0,12}"
    ) {
        if let Err(mistake) = HoopYml::parse(&text) {
            prop_assert!(!mistake.to_string().contains("hunter22"), "{mistake}");
        }
    }
}
