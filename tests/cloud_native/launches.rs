//! What the launcher starts of the layers.

use crate::image::{Buildpack, Image};
use crate::support::dyno::{QUIET_AGENT, program, skipped};
use crate::support::mirror::{Archive, Mirror, VERSION, agent};
use rustix::process::Signal;
use std::time::{Duration, Instant};

/// The time within which nothing of ours is left.
const PROMISE: Duration = Duration::from_secs(10);

/// An agent key.
const KEY: &str = "grpcs://test:xagt-s3cr3t-0f-the-test@gateway.example:443?mode=standard";

/// An app that reads a line and exits.
const APP: &str = "echo up $OTEL_EXPORTER_OTLP_ENDPOINT; read line; exit 7\n";

/// An image with an agent that stays.
fn built(order: &[Buildpack], wrap: Option<&str>) -> Option<Image> {
    let image = Image::of(order)?;
    // It answers as any does, and stays where it is asked for something else.
    let stays = QUIET_AGENT.strip_prefix("#!/bin/sh\n").unwrap();
    let script = agent(VERSION).replace("  exit 1\nfi\n", &format!("{stays}fi\n"));
    let server = Mirror::with(VERSION, &Archive::holding(&script).packed()).serve();
    let image = image.with("HOOP_RELEASES_URL", &server.url());
    if let Some(types) = wrap {
        image.set("BP_HOOP_WRAP", types);
    }
    image.put("app/app.sh", APP);
    image.builds();
    Some(image)
}

/// An image whose Procfile starts hoopstart.
fn with_procfile() -> Option<Image> {
    built(&[Buildpack::Language, Buildpack::Hoop, Buildpack::Procfile], None)
}

#[test]
fn a_procfile_line_works_unchanged() {
    let Some(image) = with_procfile() else { return };
    if program("bash").is_none() {
        return;
    }
    let launch = image
        .launch()
        .with("HOOP_KEY", KEY)
        .with("DYNO", "web-12a34b56d-e78f9")
        .with("OTEL_EXPORTER_OTLP_ENDPOINT", "http://telemetry.example")
        .with_stdin();
    let mut dyno = launch.plain([image.path("web")]);
    dyno.prints("up http://telemetry.example\n")
        .logs("hoop | agent up\n")
        .has_agents(1);
    dyno.assert(dyno.own_lines().is_empty(), "there is nothing to say");
    dyno.write("go\n");
    dyno.exits(7);
    dyno.is_gone_within(PROMISE, Instant::now());
}

#[test]
fn a_wrapped_process_has_the_agent_without_a_change_to_the_app() {
    let order = [Buildpack::Language, Buildpack::Hoop];
    let Some(image) = built(&order, Some("web")) else {
        return;
    };
    let launch = image
        .launch()
        .with("HOOP_KEY", KEY)
        .with("DYNO", "web-12a34b56d-e78f9")
        .with_stdin();
    let mut dyno = launch.plain([image.path("web")]);
    dyno.prints("up\n").logs("hoop | agent up\n").has_agents(1);
    dyno.write("go\n");
    dyno.exits(7);
    dyno.is_gone_within(PROMISE, Instant::now());

    // Another one has none, and keeps its status.
    let mut task = image.launch().with("HOOP_KEY", KEY).plain([image.path("task")]);
    task.prints("task\n");
    task.exits(4).closes_output();
    task.assert(task.own_lines().is_empty(), "there is nothing to say");
}

#[test]
fn a_command_for_the_launcher_is_started_as_it_is() {
    let Some(image) = with_procfile() else { return };
    let launcher = image.path("launcher");
    let launch = image
        .launch()
        .with("HOOP_KEY", KEY)
        .with("DYNO", "run-1a2b3c4d5-f6g7h")
        .with_stdin();
    // Words, and a command line for a shell. A one-off process has no agent by default, and nothing is said of it.
    let one_off = ["--", "hoopstart", "--", "sh", "app.sh"];
    let mut dyno = launch.plain([launcher.as_os_str()].into_iter().chain(one_off.map(AsRef::as_ref)));
    dyno.prints("up\n");
    dyno.write("go\n");
    dyno.exits(7).closes_output();
    dyno.assert(
        dyno.own_lines().is_empty() && dyno.agents().is_empty(),
        "no agent belongs here",
    );
    if program("bash").is_some() {
        let launch = launch.clone().with("DYNO", "worker-1a2b3c4d5-f6g7h");
        let mut dyno = launch.plain([launcher.as_os_str(), "hoopstart -- sh app.sh".as_ref()]);
        dyno.prints("up\n").logs("hoop | agent up\n");
        dyno.write("go\n");
        dyno.exits(7);
        dyno.is_gone_within(PROMISE, Instant::now());
    }
    let wrong = ["--", "hoopstart", "--", "no-such-command"];
    let mut dyno = launch.plain([launcher.as_os_str()].into_iter().chain(wrong.map(AsRef::as_ref)));
    dyno.exits(127).closes_output();
    assert!(dyno.stderr().contains("[start::not-found]"), "{}", dyno.stderr());
}

#[test]
fn sigterm_to_the_process_of_the_launcher_reaches_the_app_once() {
    let Some(image) = with_procfile() else { return };
    image.put(
        "app/app.sh",
        "trap 'echo told; exit 3' TERM; echo up; while :; do sleep 0.01; done\n",
    );
    let launch = image.launch().with("HOOP_KEY", KEY).with("DYNO", "web-12a34b56d-e78f9");
    let mut dyno = launch.plain([image.path("web")]);
    dyno.prints("up\n").logs("hoop | agent up\n");
    dyno.signal(Signal::TERM);
    dyno.exits(3);
    dyno.prints("up\ntold\n");
    dyno.is_gone_within(PROMISE, Instant::now());
}

/// As the first process of a container, which the launcher becomes.
#[test]
fn the_first_process_of_a_container_keeps_its_promises() {
    let Some(image) = with_procfile() else { return };
    let in_container = [
        "unshare",
        "--user",
        "--map-root-user",
        "--pid",
        "--fork",
        "--mount-proc",
    ];
    let probe = std::process::Command::new("unshare")
        .args(&in_container[1..])
        .arg("true")
        .output();
    if !probe.is_ok_and(|output| output.status.success()) {
        skipped("no pid namespace can be made here");
        return;
    }
    image.put(
        "app/app.sh",
        "(sleep 0.01 & exit); trap 'echo told; exit 3' TERM; echo up; while :; do sleep 0.01; done\n",
    );
    let launch = image.launch().with("HOOP_KEY", KEY).with("DYNO", "web-12a34b56d-e78f9");
    let web = image.path("web");
    let mut dyno = launch.plain(in_container.iter().map(AsRef::as_ref).chain([web.as_os_str()]));
    dyno.prints("up\n").logs("hoop | agent up\n").has_agents(1);
    let first = dyno.until("the first process", || {
        crate::support::dyno::Process::children_of(dyno.pid()).pop()
    });
    dyno.until("no zombie", || {
        let zombies = crate::support::dyno::Process::children_of(first.pid);
        zombies.iter().all(|process| !process.is_zombie).then_some(())
    });
    first.signal(Signal::TERM);
    dyno.exits(3);
    dyno.prints("up\ntold\n");
    dyno.is_gone_within(PROMISE, Instant::now());
}

#[test]
fn what_cannot_work_in_an_image_is_told_before_the_app_starts() {
    let Some(image) = built(&[Buildpack::Language, Buildpack::Hoop], None) else {
        return;
    };
    for (value, line) in [
        ("true", "HOOP_AUTOSTART has no effect in an image"),
        ("perhaps", "HOOP_AUTOSTART is \"perhaps\", which is neither on nor off"),
    ] {
        let launch = image
            .launch()
            .with("HOOP_KEY", KEY)
            .with("HOOP_AUTOSTART", value)
            .with_stdin();
        let mut dyno = launch.plain([image.path("web")]);
        dyno.prints("up\n").logs(line);
        dyno.write("go\n");
        dyno.exits(7).closes_output();
        assert_eq!(dyno.own_lines().len(), 1, "{}", dyno.stderr());
        assert_eq!(dyno.agents().len(), 0);
    }
}

/// What `hoopstart --check` prints in a process of this type, and its status.
fn checked(image: &Image, process_type: &str, autostart: &str) -> (String, i32) {
    let launch = image.launch().with("HOOP_KEY", KEY).with("HOOP_AUTOSTART", autostart);
    let launch = launch.with("DYNO", format!("{process_type}-12a34b56d-e78f9"));
    let words = ["launcher", "--", "hoopstart", "--check"].map(str::to_owned);
    let launcher = image.path("launcher");
    let mut dyno = launch.plain(
        [launcher.as_os_str()]
            .into_iter()
            .chain(words[1..].iter().map(AsRef::as_ref)),
    );
    let status = dyno.ends();
    dyno.closes_output();
    (dyno.stdout(), status.code().unwrap())
}

#[test]
fn check_goes_by_what_the_image_starts() {
    let order = [Buildpack::Language, Buildpack::Hoop];
    let Some(image) = built(&order, Some("web")) else {
        return;
    };
    // The Procfile, which no buildpack of this image has read, says nothing.
    image.put("app/Procfile", "web: puma\ntask: hoopstart -- true\n");

    let (report, status) = checked(&image, "web", "");
    assert!(
        report.contains("started by:   hoopstart in the image's process\n"),
        "{report}"
    );
    assert_eq!(status, 0, "{report}");

    let (report, status) = checked(&image, "task", "true");
    assert!(report.contains("started by:   nothing\n"), "{report}");
    assert!(report.contains("build with BP_HOOP_WRAP=task"), "{report}");
    assert!(report.contains("[start::autostart-in-image]"), "{report}");
    assert_eq!(status, 78, "{report}");

    let (report, _) = checked(&image, "run", "");
    assert!(
        report.contains("started by:   hoopstart in the image's processes (web)\n"),
        "{report}"
    );
}
