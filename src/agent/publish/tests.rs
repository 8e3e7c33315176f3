use super::{NameFault, Publication, PublishFault};
use crate::agent::connections::Connections;
use crate::agent::database::DatabaseFault;
use crate::agent::hoop_yml::HoopYml;
use crate::agent::version::Version;
use crate::secret::Secret;
use proptest::prelude::*;
use std::ffi::OsStr;

const FILE: &str = "connections:
  Orders Console: {command: bundle exec rails console}
  orders-db: {database: DATABASE_URL, review: [dba]}
  ${APP}-shell: {}
";

fn version(text: &str) -> Version {
    text.parse().unwrap()
}

fn variable(name: &str) -> Option<String> {
    match name {
        "APP" => Some("Órders".to_owned()),
        "KEY" => Some("grpcs://a:s3cr3ts3cr3t@gateway.example:8443".to_owned()),
        "LIST" => Some("a,b".to_owned()),
        "ACCENT" => Some("\u{301}".to_owned()),
        "DATABASE_URL" => Some("postgres://u:pa55word@h/d".to_owned()),
        "PASSWORD" => Some("pa55word".to_owned()),
        "LONG" => Some("l".repeat(253)),
        _ => None,
    }
}

fn published(file: &str, chosen: &str) -> Publication {
    running(file, chosen, None)
}

/// What is published where `HOOP_COMMAND` is `entrypoint`.
fn running(file: &str, chosen: &str, entrypoint: Option<&str>) -> Publication {
    let file = HoopYml::parse(file).unwrap();
    let version = version("1.148.0");
    let chosen = Connections::parse(chosen, |_| None)
        .unwrap()
        .published(&version)
        .unwrap();
    let keys = [Secret::new("s3cr3t")];
    Publication::of(Some(&file), &chosen, &version, entrypoint, variable, &keys)
}

fn names(publication: &Publication) -> Vec<&str> {
    publication
        .connections
        .iter()
        .map(|published| published.name.as_str())
        .collect()
}

#[test]
fn without_a_list_all_of_the_file_are_published_as_the_agent_spells_them() {
    let publication = published(FILE, "");
    assert_eq!(names(&publication), ["orders_console", "orders-db", "orders-shell"]);
    assert_eq!(publication.faults, []);
}

#[test]
fn a_list_chooses_among_the_file_and_adds_shells() {
    let publication = published(FILE, "extra,ORDERS-DB,Orders Console");
    assert_eq!(names(&publication), ["orders_console", "orders-db", "extra"]);
    let [_, database, extra] = publication.connections.as_slice() else {
        panic!("three of them");
    };
    assert_eq!(database.connection.review.len(), 1);
    assert!(database.is_of_file && !extra.is_of_file);
    assert_eq!(extra.connection.target, None);
}

#[test]
fn names_that_cannot_be_used_are_told_and_keep_no_other_back() {
    let names_of_file = ["${NOPE}", "${KEY}", "${LIST}", "${ACCENT}", "${LONG}", "x-s3cr3t", "ok"];
    let lines = names_of_file.map(|name| format!("  {name}: {{}}\n"));
    let publication = published(&format!("connections:\n{}", lines.concat()), "");
    assert_eq!(names(&publication), ["ok"]);
    let faults = publication.faults.iter().map(|fault| match fault {
        PublishFault::NameUnset { .. } => None,
        PublishFault::NameInvalid { fault, .. } => Some(*fault),
        other => panic!("{other}"),
    });
    assert_eq!(
        faults.collect::<Vec<_>>(),
        [
            None,
            Some(NameFault::HoldsSecret),
            Some(NameFault::NotName),
            Some(NameFault::Vanishes),
            Some(NameFault::TooLong(253)),
            Some(NameFault::HoldsSecret)
        ]
    );
}

#[test]
fn the_password_of_a_database_is_no_name() {
    let file =
        "connections:\n  db: {database: DATABASE_URL}\n  x-${PASSWORD}: {}\n  ${DATABASE_URL}: {}\n  pa55word: {}\n";
    let publication = published(file, "");
    assert_eq!(names(&publication), ["db"]);
    assert_eq!(publication.faults.len(), 3);
    for fault in publication.faults {
        assert!(matches!(
            fault,
            PublishFault::NameInvalid {
                fault: NameFault::HoldsSecret,
                ..
            }
        ));
        assert!(!fault.to_string().contains("pa55"));
    }
}

#[test]
fn what_would_show_a_password_or_a_key_is_not_published() {
    for rule in [
        "command: psql -p pa55word",
        "command: curl -H pa55word https://example.com",
        "command: PGPASSWORD='pa55word' psql",
        "review: [dba, pa55word]",
        "export: [pa55word]",
        "command: echo s3cr3t",
        "command: hoop grpcs://agent:hunter22hunter22@gateway.example:8443",
    ] {
        let file = format!("connections:\n  db: {{database: DATABASE_URL}}\n  x:\n    {rule}\n");
        let publication = published(&file, "");
        assert_eq!(names(&publication), ["db"], "{rule}");
        let [fault @ PublishFault::HoldsSecret { .. }] = publication.faults.as_slice() else {
            panic!("{rule}: {:?}", publication.faults);
        };
        assert!(!format!("{fault} {}", fault.remedy()).contains("pa55"), "{fault}");
    }
}

#[test]
fn what_a_list_leaves_out_is_known() {
    assert_eq!(
        published(FILE, "orders-db,extra").left_out,
        ["orders_console", "orders-shell"]
    );
    assert_eq!(published(FILE, "").left_out, Vec::<String>::new());
}

#[test]
fn an_export_of_what_no_session_sees_is_told() {
    let file = "connections:\n  a: {export: [HOOP_KEY, LANG, LOG_LEVEL, '*']}\n  \
                db: {database: DATABASE_URL, export: [SSLMODE, LANG]}\n";
    let publication = published(file, "");
    let kept = publication
        .connections
        .iter()
        .map(|published| match published.kept_from_sessions() {
            Some(PublishFault::ExportWithoutEffect { variables, .. }) => variables,
            other => panic!("{other:?}"),
        });
    assert_eq!(
        kept.collect::<Vec<_>>(),
        [vec!["HOOP_KEY", "LOG_LEVEL"], vec!["SSLMODE"]]
    );
    let description = publication.connections[0].description(None).unwrap();
    assert_eq!(description, "shell; sessions see LANG, *");
}

#[test]
fn a_description_says_what_a_session_runs() {
    let publication = published("connections:\n  a: {}\n  b: {command: rake}\n", "");
    let described = |entrypoint: &str| {
        let connections = publication.connections.iter();
        let all = connections.map(|published| published.description(Some(OsStr::new(entrypoint))).unwrap());
        all.collect::<Vec<_>>()
    };
    assert_eq!(described(" "), ["shell", "command rake"]);
    assert_eq!(
        described("rails c "),
        ["command rails c, from HOOP_COMMAND", "command rake"]
    );
}

#[test]
fn a_listed_name_that_may_be_one_of_the_file_is_not_published_without_its_rules() {
    let file = "connections:\n  ${NOPE}-db: {review: [dba]}\n";
    let publication = published(file, "orders-db,other");
    assert_eq!(names(&publication), ["other"]);
    assert!(matches!(
        publication.faults.as_slice(),
        [PublishFault::NameUnset { .. }]
    ));
    // A list of others says nothing about it.
    assert_eq!(published(file, "other").faults, []);
}

#[test]
fn of_two_that_become_one_none_is_published_if_they_differ() {
    for (rules, published_names) in [
        (["{review: [dba]}", "{review: [dba]}"], vec!["orders", "x"]),
        (["{review: [dba]}", "{}"], vec!["x"]),
        // The order says nothing.
        (["{}", "{review: [dba]}"], vec!["x"]),
    ] {
        let file = format!(
            "connections:\n  Orders: {}\n  órders: {}\n  x: {{}}\n",
            rules[0], rules[1]
        );
        let publication = published(&file, "");
        assert_eq!(names(&publication), published_names);
        let [fault @ PublishFault::Merged { first, other, name, .. }] = publication.faults.as_slice() else {
            panic!("{:?}", publication.faults);
        };
        assert_eq!([first.as_str(), other, name], ["Orders", "órders", "orders"]);
        assert_eq!(fault.is_fatal(), published_names.len() == 1);
    }
}

#[test]
fn a_password_in_the_config_vars_around_the_file_is_not_published() {
    let file = "connections:\n  db: {database: DATABASE_URL}\n  x: {}\n  y: {command: rake}\n";
    for entrypoint in [
        "mytool pa55word",
        "echo 'pa55word' | cat",
        "psql postgres://u:pa55word@h/d",
    ] {
        let publication = running(file, "", Some(entrypoint));
        assert_eq!(names(&publication), ["db", "y"]);
        assert!(matches!(
            publication.faults.as_slice(),
            [PublishFault::EntrypointHoldsSecret { .. }]
        ));
        assert_eq!(names(&running(file, "db,plain", Some(entrypoint))), ["db"]);
    }
    let publication = published(file, "db,extra-pa55word");
    assert_eq!(names(&publication), ["db"]);
    assert_eq!(publication.faults, [PublishFault::ListHoldsSecret]);
    for name in ["pa55word", "${pa55word}-x"] {
        let file = format!("connections:\n  db: {{database: DATABASE_URL}}\n  '{name}': {{}}\n");
        assert!(!format!("{:?}", published(&file, "").faults).contains("pa55"));
    }
    let file = "connections:\n  db: {database: DATABASE_URL}\n  x: {database: pa55word}\n";
    assert!(matches!(
        published(file, "").faults.as_slice(),
        [PublishFault::HoldsSecret { .. }]
    ));
}

#[test]
fn what_only_looks_like_a_key_or_a_password_is_published() {
    for command in [
        "curl https://ping.example/0123456789abcdef0123/run",
        "curl https://api:v2/x",
        "rake postgres:dump",
    ] {
        let file = format!("connections:\n  x: {{command: '{command}'}}\n");
        assert_eq!(names(&published(&file, "")), ["x"], "{command}");
    }
}

#[test]
fn a_connection_of_process_types_without_the_agent_is_told() {
    let publication = published(
        "connections:\n  a: {process_types: [run, release]}\n  b: {process_types: [run, web.1]}\n  c: {}\n",
        "",
    );
    let told = publication
        .connections
        .iter()
        .map(|published| published.never_published(|name| name == "web").is_some());
    assert_eq!(told.collect::<Vec<_>>(), [true, false, false]);
}

#[test]
fn a_name_that_is_not_known_is_left_out_by_a_list_of_others() {
    assert_eq!(
        published("connections:\n  ${NOPE}-db: {review: [dba]}\n", "a").left_out,
        ["${NOPE}-db"]
    );
}

#[test]
fn a_database_has_a_url_in_a_config_var() {
    let publication = published(FILE, "orders-db");
    let database = |value: Option<&str>| {
        let found = publication.connections[0].database(|_| value.map(Secret::new));
        found.map(|database| database.map(|database| database.uri.expose().to_owned()))
    };
    let url = "postgres://u:p@h:1/d";
    assert_eq!(database(Some(url)), Ok(Some(url.to_owned())));
    for unset in [None, Some(""), Some(" ")] {
        assert!(matches!(database(unset), Err(PublishFault::DatabaseUnset { .. })));
    }
    let Err(PublishFault::DatabaseUrlInvalid { fault, .. }) = database(Some("postgres://h/d")) else {
        panic!("it has no user");
    };
    assert_eq!(fault, DatabaseFault::NoUser);
}

#[test]
fn an_older_agent_does_not_publish_what_it_cannot_do() {
    let publication = published(FILE, "");
    let needs = |index: usize, of: &str| publication.connections[index].needs_newer_agent(&version(of)).is_some();
    assert_eq!([0, 1, 2].map(|index| needs(index, "1.21.22")), [false, true, false]);
    assert!(!needs(1, "1.21.23"));
}

proptest! {
    #[test]
    fn every_published_name_is_published_once_and_as_itself(
        names in proptest::collection::vec("[a-cA-Cá ]{0,2}[a-c]", 1..8),
        chosen in proptest::collection::vec("[a-cá]{1,2}", 0..4),
    ) {
        let mut lines: Vec<String> = names.iter().map(|name| format!("  \"{}\": {{}}\n", name.trim())).collect();
        lines.sort();
        lines.dedup();
        let publication = published(&format!("connections:\n{}", lines.concat()), &chosen.join(","));
        let published: Vec<&str> = self::names(&publication);
        for (place, name) in published.iter().enumerate() {
            prop_assert!(!published[..place].contains(name));
        }
        // Each of the file is published, or told.
        if chosen.is_empty() {
            prop_assert_eq!(published.len() + publication.faults.len(), lines.len());
        } else {
            let plain = publication.connections.iter().filter(|published| !published.is_of_file);
            prop_assert!(plain.count() <= chosen.len());
        }
    }
}
