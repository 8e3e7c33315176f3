//! `hoopstart --status`: what the supervisors of a container say, and to whom.

use crate::shutdown::namespace;
use crate::support::dyno::{
    Dyno, LIMIT, Launch, MULTI, Process, QUIET_AGENT, SECRET, STANDARD, Slug, program, skipped,
};
use rustix::process::Signal;
use serde_json::Value;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Instant;

/// Asks as the user of `launch`, and returns the whole answer.
#[track_caller]
fn ask(launch: &Launch) -> Value {
    let asking = launch.clone().with_other_mark();
    let mut asking = asking.plain([".hoop/bin/hoopstart", "--status", "--json"]);
    asking.ends();
    asking.until("the end of stdout", || asking.stdout_ended());
    serde_json::from_str(&asking.stdout()).unwrap_or_else(|error| asking.fail(&error.to_string()))
}

/// Asks, and returns the status of the app that is the first process of `dyno`. Other tests have apps, too.
pub(crate) fn status(launch: &Launch, dyno: &Dyno) -> Option<Value> {
    let answer = ask(launch);
    let apps = answer["apps"].as_array().expect("it is a list");
    apps.iter().find(|status| status["app"]["pid"] == dyno.pid()).cloned()
}

/// Waits for a status for which `is_so` holds.
#[track_caller]
pub(crate) fn status_with(launch: &Launch, dyno: &Dyno, is_so: impl Fn(&Value) -> bool) -> Value {
    dyno.until("that status", || status(launch, dyno).filter(|status| is_so(status)))
}

#[test]
fn an_app_with_its_agent_is_told_in_full() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let launch = slug
        .web()
        .with("HOOP_KEY", MULTI)
        .with("HOOP_CONNECTION", "orders,mail");
    let dyno = launch.start(["sh", "-c", "while :; do sleep 600; done", "s3cr3t-argument"]);
    dyno.logs("hoop:orders | agent up\n").logs("hoop:mail | agent up\n");
    let status = status(&slug.dyno(), &dyno).expect("it is there");

    assert_eq!(status["app"]["name"], "sh");
    assert_eq!(status["healthy"], true);
    assert_eq!(status["agent_version"], "1.148.0");
    assert_eq!(status["buildpack_version"], env!("CARGO_PKG_VERSION"));
    assert!(status["seconds"].as_u64().is_some_and(|seconds| seconds < 600));
    let agents = status["agents"].as_array().expect("it is a list");
    let pids: Vec<u32> = dyno.agents().iter().map(|agent| agent.pid).collect();
    assert_eq!(agents.len(), 2);
    for (agent, name) in agents.iter().zip(["orders", "mail"]) {
        assert_eq!(agent["connection"], name);
        assert_eq!(agent["state"], "running");
        assert!(pids.iter().any(|pid| agent["pid"] == *pid), "{agent}");
        assert_eq!(agent["restarts"], 0);
        assert!(agent["memory"].as_u64().is_some_and(|bytes| bytes > 0), "{agent}");
        assert_eq!(agent["sessions"], 0);
        assert_eq!(agent["condition"], Value::Null);
        assert_eq!(agent["lines"], serde_json::json!([format!("hoop:{name} | agent up")]));
    }
    let text = status.to_string();
    assert!(!text.contains(SECRET) && !text.contains("s3cr3t-argument"), "{text}");
}

#[test]
fn it_works_in_a_shell_that_has_no_config_vars() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let dyno = slug.web().start(["sleep", "600"]);
    dyno.logs("hoop | agent up\n");
    let hoopstart = slug.hoopstart();
    let mut asking = slug
        .dyno()
        .plain(["env", "-i", hoopstart.to_str().expect("it is text"), "--status"]);
    asking.ends();
    asking.closes_output();

    let block = format!("app:          sleep (process {})\nstate:        healthy\n", dyno.pid());
    asking.assert(asking.stdout().contains(&block), "expected this dyno's app");
    asking.assert(asking.stderr().is_empty(), "expected nothing on stderr");
}

#[test]
fn a_restart_is_counted_and_an_agent_that_waits_is_not_healthy() {
    let slug = Slug::of_agent("#!/bin/sh\necho \"line with $HOOP_KEY\"\nexit 3\n");
    let dyno = slug.web().start(["sleep", "600"]);
    // Its pauses grow, so it is seen waiting.
    let waiting = status_with(&slug.dyno(), &dyno, |status| {
        status["agents"][0]["state"] == "waiting" && status["agents"][0]["restarts"] == 2
    });

    assert_eq!(waiting["healthy"], false);
    let agent = &waiting["agents"][0];
    assert_eq!(agent["pid"], Value::Null);
    assert!(
        agent["next_start_in_seconds"]
            .as_u64()
            .is_some_and(|seconds| seconds <= 5)
    );
    let lines = agent["lines"].as_array().expect("it is a list");
    assert_eq!(lines.len(), 6);
    for process in lines.chunks(2) {
        assert_eq!(process[0], "hoop | line with ****");
        let end = "hoopstart: warning: agent exited with status 3 after ";
        assert!(
            process[1].as_str().is_some_and(|line| line.starts_with(end)),
            "{lines:?}"
        );
    }
}

#[test]
fn an_agent_that_cannot_work_with_what_it_was_told_is_told_with_the_id() {
    let fatal = r#"{"level":"fatal","msg":"server address is in wrong format"}"#;
    let slug = Slug::of_agent(&format!("#!/bin/sh\necho '{fatal}'\nexit 1\n"));
    let dyno = slug.web().start(["sleep", "600"]);
    let waiting = status_with(&slug.dyno(), &dyno, |status| status["agents"][0]["state"] == "waiting");

    let lines = &waiting["agents"][0]["lines"];
    assert_eq!(lines[0], "hoop | fatal: server address is in wrong format");
    let told = lines[1].as_str().expect("it is told");
    assert!(told.ends_with(" [start::agent-misconfigured]"), "{told}");
}

#[test]
fn while_the_app_stops_nothing_is_wrong_with_an_agent_that_has_ended() {
    let slug = Slug::of_agent("#!/bin/sh\necho '{\"level\":\"info\",\"msg\":\"unauthenticated\"}'\nexec sleep 600\n");
    let dyno = slug
        .web()
        .start(["sh", "-c", "trap '' TERM; while :; do sleep 1; done"]);
    dyno.logs(" [start::key-rejected]\n");
    let condition = |status: &Value| status["agents"][0]["condition"]["id"].clone();
    status_with(&slug.dyno(), &dyno, |status| condition(status) == "start::key-rejected");
    dyno.signal_all(Signal::TERM);
    let ended = status_with(&slug.dyno(), &dyno, |status| status["agents"][0]["state"] == "ended");

    assert_eq!(
        (condition(&ended), &ended["healthy"]),
        (Value::Null, &Value::Bool(false))
    );
}

#[test]
fn sessions_are_counted_and_the_last_lines_are_the_last() {
    let Some(slug) = Slug::of_program() else { return };
    let dyno = slug.web().start(["sleep", "600"]);
    dyno.logs("hoop | agent up\n");
    for number in 1..=30 {
        slug.order(&format!("say line {number}"));
    }
    let line = |message: &str| format!(r#"say {{"level":"info","msg":"{message}","sid":"5701046A"}}"#);
    slug.order(&line("received connect request"));
    let status = status_with(&slug.dyno(), &dyno, |status| status["agents"][0]["sessions"] == 1);
    let lines = status["agents"][0]["lines"].as_array().expect("it is a list");
    assert_eq!(lines.len(), 10);
    assert_eq!(lines[8], "hoop | line 30");

    slug.order(&line("cleaning up session"));
    status_with(&slug.dyno(), &dyno, |status| status["agents"][0]["sessions"] == 0);
}

/// Runs a shell script in its own container, with `hoopstart` on the PATH, and returns what it prints.
fn in_container(slug: &Slug, script: &str) -> Option<String> {
    let mut words = namespace(&["--pid", "--fork", "--mount-proc"])?;
    words.extend(["sh", "-c", script].map(str::to_owned));
    let path = format!(
        "{}:{}",
        slug.path(".hoop/bin").display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let mut dyno = slug.web().with("PATH", path).plain(words);
    dyno.exits(0);
    dyno.until("the end of stdout", || dyno.stdout_ended());
    Some(dyno.stdout())
}

#[test]
fn the_exit_status_says_healthy_not_or_nothing_here() {
    let slug = Slug::of_agent("#!/bin/sh\n[ -e \"$HOME/ill\" ] && exit 3\nwhile :; do sleep 1; done\n");
    let script = r#"
hoopstart --status; echo "nothing: $?"
hoopstart -- sleep 600 &
until hoopstart --status >out; do sleep 0.05; done; echo "well: $?"; cat out
touch ill; pkill -f /hoop/bin/hoop; kill -9 $(ps -e -o pid,args | awk '/[.]hoop.bin.hoop start/ {print $1}')
while hoopstart --status >out; do sleep 0.05; done; hoopstart --status >out; echo "ill: $?"
HOOP_DISABLE=1 hoopstart -- true; kill %1 2>/dev/null; kill "$!"
while hoopstart --status >/dev/null; [ "$?" != 2 ]; do sleep 0.05; done; echo gone
"#;
    let script = script.replace("pkill -f /hoop/bin/hoop; ", "");
    if program("ps").is_none() || program("awk").is_none() {
        return;
    }
    let Some(output) = in_container(&slug, &script) else {
        return;
    };
    assert!(output.starts_with("No agent of this user runs here. "), "{output}");
    for line in [
        "\nnothing: 2\n",
        "\nwell: 0\n",
        "\nill: 1\n",
        "\ngone\n",
        "\nstate:        healthy\n",
    ] {
        assert!(output.contains(line), "{line:?}: {output}");
    }
}

#[test]
fn several_apps_are_told_each_and_those_of_another_container_are_not() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let outside = slug.web().start(["sleep", "600"]);
    outside.logs("hoop | agent up\n");
    let script = "hoopstart -- sleep 601 & hoopstart -- tail -f /dev/null &
until [ \"$(hoopstart --status | grep -c '^state: *healthy')\" = 2 ]; do sleep 0.05; done; hoopstart --status";
    let Some(output) = in_container(&slug, script) else {
        return;
    };

    let apps: Vec<&str> = output
        .lines()
        .filter_map(|line| line.strip_prefix("app:"))
        .map(|line| line.trim().split(' ').next().unwrap_or_default())
        .collect();
    assert_eq!(apps, ["sleep", "tail"], "{output}");
    assert!(!output.contains(&format!("process {})", outside.pid())), "{output}");
}

#[test]
fn a_supervisor_that_does_not_answer_is_told_within_seconds() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let dyno = slug.web().start(["sleep", "600"]);
    dyno.logs("hoop | agent up\n");
    let supervisor = dyno.supervisors().remove(0);
    supervisor.signal(Signal::STOP);
    let begin = Instant::now();
    let mut asking = slug.dyno().plain([".hoop/bin/hoopstart", "--status"]);
    asking.exits(1);
    assert!(begin.elapsed() < LIMIT);
    asking.until("the end of stdout", || asking.stdout_ended());
    let block = format!(
        "app:          sleep (process {})\nsupervisor:   does not answer within 2 s; the app is not affected\n",
        dyno.pid()
    );
    asking.assert(asking.stdout().contains(&block), "expected the silent supervisor");

    supervisor.signal(Signal::CONT);
    status_with(&slug.dyno(), &dyno, |status| status["healthy"] == true);
}

#[test]
fn another_user_gets_no_answer() {
    let other = Slug::of_agent(QUIET_AGENT);
    let Some(launch) = other.web().by_ordinary_user() else {
        return;
    };
    if !rustix::process::geteuid().is_root() {
        skipped("only root can be two users");
        return;
    }
    let slug = Slug::of_agent(QUIET_AGENT);
    let dyno = slug.web().start(["sleep", "600"]);
    dyno.logs("hoop | agent up\n");
    let answer = ask(&launch);
    let text = answer.to_string();
    assert!(!text.contains(&format!("\"pid\":{}", dyno.pid())), "{text}");
    // Its own user still gets one.
    status_with(&slug.dyno(), &dyno, |status| status["healthy"] == true);
}

/// The address of the supervisor of this process.
fn address(pid: u32) -> SocketAddr {
    let namespace = std::fs::read_link("/proc/self/ns/pid").expect("there is /proc");
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let fields = stat.rsplit_once(") ").expect("it has a name").1;
    let started = fields.split(' ').nth(19).expect("it has so many");
    SocketAddr::from_abstract_name(format!("hoopstart {} {pid} {started}", namespace.display())).expect("it is short")
}

/// How much processor time this process has used, in ticks.
fn ticks(process: &Process) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.pid)).expect("it runs");
    let fields: Vec<&str> = stat.rsplit_once(") ").expect("it has a name").1.split(' ').collect();
    fields[11].parse::<u64>().expect("a number") + fields[12].parse::<u64>().expect("a number")
}

#[test]
fn whoever_floods_the_socket_neither_keeps_the_supervisor_busy_nor_stops_it() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let mut dyno = slug.web().with_stdin().script("read line; exit 6");
    dyno.logs("hoop | agent up\n");
    let supervisor = dyno.supervisors().remove(0);
    let before = (ticks(&supervisor), supervisor.status("voluntary_ctxt_switches"));
    let address = address(dyno.pid());
    let stranger = UnixDatagram::unbound().expect("there are sockets");
    stranger.set_nonblocking(true).expect("it is a socket");
    let begin = Instant::now();
    let mut sent = 0_u32;
    while begin.elapsed().as_secs() < 3 {
        match stranger.send_to_addr(&[b'x'; 1000], &address) {
            Ok(_) => sent += 1,
            Err(_) => std::thread::sleep(std::time::Duration::from_millis(1)),
        }
    }

    assert!(sent >= 10, "{sent}");
    // Ten a second are read, and as many wait.
    assert!(sent <= 100, "{sent}");
    let woken = |text: &str| text.parse::<u64>().expect("a number");
    let wakes = woken(&supervisor.status("voluntary_ctxt_switches")) - woken(&before.1);
    assert!(wakes <= 100, "{wakes}");
    assert!(ticks(&supervisor) - before.0 <= 10);
    status_with(&slug.dyno(), &dyno, |status| status["healthy"] == true);
    dyno.write("go\n");
    dyno.exits(6);
}

#[test]
fn a_second_hoopstart_does_not_wake_the_supervisor() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let mut dyno = slug
        .web()
        .with_stdin()
        .script("while read line; do bin/hoopstart -- echo \"$line\"; done");
    dyno.logs("hoop | agent up\n");
    let supervisor = dyno.supervisors().remove(0);
    let wakes = || supervisor.status("voluntary_ctxt_switches");
    // It may still be busy with its start, and questions of other tests wake it too, but not every time.
    let wakes_nobody = (0..20).any(|attempt| {
        let before = wakes();
        for number in 0..20 {
            let line = format!("{attempt} {number}\n");
            dyno.write(&line);
            dyno.prints(&line);
        }
        wakes() == before
    });
    dyno.assert(wakes_nobody, "a second hoopstart wakes the supervisor");
}

#[test]
fn a_question_for_two_things_at_once_is_a_wrong_command_line() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let launch = slug.web().with("HOOP_KEY", STANDARD);
    for words in [
        &["--status", "--check"][..],
        &["--check", "--status"],
        &["--status", "--", "echo"],
        &["--status", "echo"],
        &["--status", "--attach", "1"],
        &["--status", "--connect"],
        &["--json"],
        &["--check", "--json"],
    ] {
        let hoopstart = [".hoop/bin/hoopstart"];
        let mut dyno = launch.plain(hoopstart.iter().chain(words));
        dyno.exits(2).closes_output();
        dyno.assert(dyno.stdout().is_empty(), "expected nothing on stdout");
    }
}
