//! What a build says of `hoop.yml`.

use crate::support::build::Build;
use crate::support::mirror::{Mirror, VERSION};
use std::fs;
use std::path::Path;

const ORGANIZATION: &str = "grpcs://_default:s3cr3t-0f-the-test@gateway.example:8443";

const STANDARD: &str = "grpcs://web:s3cr3t-0f-the-test@gateway.example:8443?mode=standard";

/// A build of a fixture, with an organization's key and the URL of a database.
fn build(releases: &str, fixture: &str) -> Build {
    let app = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/apps")
        .join(fixture);
    let build = Build::of_app(&app);
    build.set("HOOP_RELEASES_URL", releases);
    build.set("HOOP_KEY", ORGANIZATION);
    build.set("DATABASE_URL", "postgres://u:pa55word@db.example/orders\n");
    build
}

#[test]
fn the_log_lists_what_will_be_published_with_its_rules() {
    let server = Mirror::of(VERSION).serve();
    let build = build(&server.url(), "publishes");
    let run = build.compile_installs(VERSION);
    run.shows(&[
        "-----> Publishing at run time, as hoop.yml says\n",
        "       orders_console: command bundle exec rails console; sessions see *; only in worker\n",
        "       orders-db: database, URL from DATABASE_URL; review by dba, team leads; masks EMAIL_ADDRESS, \
         PHONE_NUMBER; only in web.1\n",
        "       ${HEROKU_APP_NAME}-shell: shell\n",
    ]);
    build.set("HEROKU_APP_NAME", "Orders");
    build.unset("DATABASE_URL");
    let run = build.compile_installs(VERSION);
    run.shows(&[
        "only in web.1 (DATABASE_URL is not set yet)\n",
        "       orders-shell: shell\n",
        "       Sessions of orders-shell do not see DATABASE_URL; with export: [\"*\"] they see all\n",
    ]);
    build.set("HOOP_CONNECTION", "orders-db,extra");
    let run = build.compile_installs(VERSION);
    run.shows(&["       orders-db: database", "       extra: shell\n"]);
    run.assert(!run.stdout().contains("orders_console"), "it is not chosen");
}

#[test]
fn a_mistake_is_a_warning_with_its_place_and_the_right_form() {
    let server = Mirror::of(VERSION).serve();
    let build = build(&server.url(), "mistakes-in-hoop-yml");
    let place = ["hoop.yml, line 3, column 5", "`databse`", "database: DATABASE_URL"];
    build.compile_warns(VERSION, &place);
    for (file, phrases) in [
        ("connections:\n  a: {database: 'postgres://u:pa55word@h/d'}\n", "line 2"),
        ("connections:\n\ta: {}\n", "line 2"),
        ("connections: [a]\n", "line 1"),
        ("connections:\n  a: {review: dba}\n", "line 2"),
        ("connections:\n  a: {process_types: []}\n", "[web]"),
        ("", "connections:"),
    ] {
        build.put("hoop.yml", file);
        let run = build.compile_warns(VERSION, &["hoop.yml has a mistake", phrases]);
        run.assert(!run.stderr().contains("pa55"), "a value is told");
    }
}

#[test]
fn a_file_of_another_name_is_a_warning_with_the_line_that_renames_it() {
    let server = Mirror::of(VERSION).serve();
    let build = build(&server.url(), "publishes");
    let text = build.read("hoop.yml");
    fs::remove_file(build.app().join("hoop.yml")).unwrap();
    for name in ["hoop.yaml", "Hoop.yml", ".hoop.yml"] {
        build.put(name, &text);
        build.compile_warns(VERSION, &[&format!("git mv -f {name} hoop.yml")]);
        fs::remove_file(build.app().join(name)).unwrap();
    }
}

#[test]
fn what_keeps_a_connection_from_being_published_is_a_warning() {
    let server = Mirror::of(VERSION).serve();
    let build = build(&server.url(), "publishes");
    for (file, phrase) in [
        ("Órders: {}\n  orders: {}", "become the same name"),
        (
            "a: {process_types: [wroker]}",
            "process types for a that the app does not have: wroker",
        ),
        (
            "a: {database: SOME_URL}",
            "SOME_URL is not the URL of a database for a: it has no password",
        ),
        (
            "a: {command: 'x s3cr3t-0f-the-test'}",
            "has an agent key or the password of a database in it",
        ),
    ] {
        build.set("SOME_URL", "postgres://user@db.example/orders");
        build.put("hoop.yml", &format!("connections:\n  {file}\n"));
        let run = build.compile_warns(VERSION, &[phrase]);
        run.assert(!run.stderr().contains("s3cr3t"), "the key is told");
    }
}

#[test]
fn what_the_agent_or_its_key_cannot_do_is_a_warning() {
    let server = Mirror::of("1.20.11").serve();
    let build = build(&server.url(), "publishes");
    build.set("HOOP_VERSION", "1.20.11");
    build.set(
        "HOOP_KEY",
        "grpcs://_default:s3cr3t-0f-the-test@gateway.example:8443?mode=multi-connection",
    );
    let phrases = ["cannot publish orders-db as hoop.yml has it: database: and review: and mask: need agent 1.21.23"];
    build.compile_warns("1.20.11", &phrases);

    let server = Mirror::of(VERSION).serve();
    let build = self::build(&server.url(), "publishes");
    build.set("HOOP_KEY", STANDARD);
    build.compile_warns(
        VERSION,
        &["hoop.yml has no effect with this agent key", "hoop admin get orgkeys"],
    );
}
