//! `hoop.yml` in an image.

use crate::image::Image;
use crate::support::dyno::{ORGANIZATION, QUIET_AGENT};
use crate::support::mirror::{Archive, Mirror, VERSION, agent};

const FILE: &str = "connections:
  orders-db: {database: DATABASE_URL, review: [dba]}
  ${NAME}-shell: {process_types: [task]}
";

/// An image of an app with this `hoop.yml`. Its agent stays.
fn built(file: &str) -> Option<(Image, String)> {
    let image = Image::new()?;
    let stays = QUIET_AGENT.strip_prefix("#!/bin/sh\n").unwrap();
    let script = agent(VERSION).replace("  exit 1\nfi\n", &format!("{stays}fi\n"));
    let server = Mirror::with(VERSION, &Archive::holding(&script).packed()).serve();
    let image = image.with("HOOP_RELEASES_URL", &server.url());
    image.put("app/hoop.yml", file);
    image.put("app/app.sh", "echo up; read line\n");
    let run = image.builds();
    let log = format!("{}{}", run.stdout(), run.stderr());
    Some((image, log))
}

#[test]
fn an_image_publishes_what_its_file_says() {
    let Some((image, log)) = built(FILE) else { return };
    for line in [
        "- Publishing at run time, as hoop.yml says\n",
        "  - orders-db: database, URL from DATABASE_URL; review by dba\n",
        "  - ${NAME}-shell: shell; only in task\n",
    ] {
        assert!(log.contains(line), "{line}{log}");
    }
    let launch = image
        .launch()
        .with("HOOP_KEY", ORGANIZATION)
        .with("DATABASE_URL", "mysql2://u:pa55word@db.example/orders")
        .with("NAME", "orders")
        .with("DYNO", "web-12a34b56d-e78f9")
        .with_stdin();
    let mut dyno = launch.plain([image.path("web")]);
    dyno.prints("up\n").logs("agent up\n");
    let arguments = dyno.has_agents(1).remove(0).agent_arguments().unwrap();
    assert_eq!(arguments[..3], ["run", "--name", "orders-db"]);
    assert_eq!(arguments.last().unwrap(), "--review=dba");
    dyno.assert(dyno.own_lines().is_empty(), "there is nothing to say");
    dyno.write("go\n");
    dyno.exits(0);
}

#[test]
fn a_mistake_is_told_by_the_build_and_by_each_process() {
    let Some((image, log)) = built("connections:\n  a: {comand: irb}\n") else {
        return;
    };
    assert!(log.contains("hoop.yml, line 2, column 7"), "{log}");
    let launch = image.launch().with("HOOP_KEY", ORGANIZATION).with_stdin();
    let mut dyno = launch.plain([image.path("web")]);
    dyno.prints("up\n")
        .logs("hoop.yml, line 2, column 7")
        .logs("[start::hoop-yml-invalid]");
    dyno.write("go\n");
    dyno.exits(0);
}

#[test]
fn a_process_that_has_changed_its_folder_publishes_by_the_rules_of_the_app() {
    let Some((image, _)) = built(FILE) else { return };
    let hoopstart = image.layers().join("agent/bin/hoopstart");
    let command = [
        "sh".as_ref(),
        "-c".as_ref(),
        "cd / && exec \"$0\" -- sh -c 'echo up; read line'".as_ref(),
        hoopstart.as_os_str(),
    ];
    let launch = image
        .launch()
        .with("HOOP_KEY", ORGANIZATION)
        .with("HOOP_CONNECTION", "orders-db")
        .with("DATABASE_URL", "mysql2://u:pa55word@db.example/orders")
        .with("NAME", "orders")
        .with_stdin();
    let mut dyno = launch.plain(command);
    dyno.prints("up\n").logs("agent up\n");
    let arguments = dyno.has_agents(1).remove(0).agent_arguments().unwrap();
    assert_eq!(arguments.last().unwrap(), "--review=dba");
    dyno.write("go\n");
    dyno.exits(0);

    // What was there at the build and is gone had rules that nobody knows.
    std::fs::remove_file(image.path("app/hoop.yml")).unwrap();
    let mut dyno = launch.plain(command);
    dyno.prints("up\n").logs("[start::hoop-yml-invalid]");
    dyno.write("go\n");
    dyno.exits(0);
}
