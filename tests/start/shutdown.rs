//! The agent stays as long as the app, and no longer.

use crate::support::dyno::{Dyno, LIMIT, Process, QUIET_AGENT, Slug, program, skipped};
use rustix::process::Signal;
use std::time::{Duration, Instant};

/// Nothing of ours is left so long after the app's end.
pub(crate) const PROMISE: Duration = Duration::from_secs(10);

/// How soon output is closed after the app's end. The promise is "at once"; the agents of these tests live 8 s.
const AT_ONCE: Duration = Duration::from_secs(4);

/// An app that drains on SIGTERM until the file `drained` is there.
const DRAINING_APP: &str = r#"
stop() {
  echo draining
  until [ -e "$HOME/drained" ]; do sleep 0.05; done
  echo drained
  kill -KILL "$!" 2>/dev/null # its own child, not one of ours
  exit 3
}
trap stop TERM
echo up
while :; do sleep 600 >/dev/null 2>&1 & wait "$!"; done
"#;

/// An agent that notes every SIGTERM and goes on.
const STUBBORN_AGENT: &str = r#"#!/bin/sh
trap 'echo told >>"$HOME/told"' TERM
echo "agent up"
while :; do
  sleep 600 >/dev/null 2>&1 &
  wait "$!"
  kill -KILL "$!"
done 2>/dev/null
"#;

/// Starts the draining app with `agent` beside it.
fn draining(slug: &Slug) -> Dyno {
    let dyno = slug.web().script(DRAINING_APP);
    dyno.prints("up\n").logs("hoop | agent up\n");
    dyno
}

#[test]
fn an_app_drains_as_long_as_it_likes_with_its_agent_beside_it() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let mut dyno = draining(&slug);
    let agent = dyno.has_agents(1)[0].pid;

    // As Docker does: only the first process is told.
    dyno.signal(Signal::TERM);
    dyno.prints("draining\n");
    assert_eq!(dyno.has_agents(1)[0].pid, agent);
    slug.put("drained", "");
    dyno.exits(3);
    dyno.is_gone_within(PROMISE, Instant::now());
}

#[test]
fn an_app_that_drains_is_not_hurried_where_every_process_was_told() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let mut dyno = draining(&slug);

    dyno.signal_all(Signal::TERM);
    dyno.prints("draining\n");
    // The agent goes, since the platform told it too, and is not started again.
    dyno.has_agents(0);
    assert_eq!(dyno.supervisors().len(), 1);
    slug.put("drained", "");
    dyno.exits(3);
    dyno.is_gone_within(PROMISE, Instant::now());
    dyno.closes_output();
    dyno.assert(dyno.own_lines().is_empty(), "an orderly stop is not worth a line");
    dyno.assert(dyno.stdout() == "up\ndraining\ndrained\n", "the app drains once");
}

#[test]
fn an_app_that_drains_for_20_seconds_is_not_hurried() {
    // The time is the app's own: longer than an agent is given, longer than anything of ours may be left.
    let app = r#"
drain() {
  kill -KILL "$!" 2>/dev/null # its own child, not one of ours
  begin=$(date +%s)
  sleep 20
  [ $(($(date +%s) - begin)) -ge 20 ] && echo drained
  exit 3
}
trap drain TERM
echo up
while :; do sleep 600 >/dev/null 2>&1 & wait "$!"; done
"#;
    let slug = Slug::of_agent(QUIET_AGENT);
    let dynos = [slug.web(), slug.web()].map(|launch| launch.script(app));
    for dyno in &dynos {
        dyno.prints("up\n").logs("hoop | agent up\n");
    }
    let [told_alone, told_with_all] = &dynos;
    told_alone.signal(Signal::TERM);
    told_with_all.signal_all(Signal::TERM);
    for mut dyno in dynos {
        dyno.exits(3);
        dyno.is_gone_within(PROMISE, Instant::now());
        dyno.closes_output();
        dyno.assert(dyno.stdout() == "up\ndrained\n", "the app drains once and to its end");
        dyno.assert(dyno.own_lines().is_empty(), "an orderly stop is not worth a line");
    }
}

#[test]
fn an_agent_that_ignores_its_end_is_told_once_and_then_killed() {
    let slug = Slug::of_agent(STUBBORN_AGENT);
    let mut dyno = slug.web().with_stdin().script("read line; exit 4");
    dyno.logs("hoop | agent up\n");

    dyno.write("go\n");
    dyno.exits(4);
    dyno.is_gone_within(PROMISE, Instant::now());
    assert_eq!(slug.read("told"), "told\n");
}

#[test]
fn an_agent_that_the_platform_told_is_not_told_again() {
    let slug = Slug::of_agent(STUBBORN_AGENT);
    let mut dyno = draining(&slug);

    dyno.signal_all(Signal::TERM);
    dyno.until("the agent", || (slug.read("told") == "told\n").then_some(()));
    // Not before everyone was told: the test does it one after the other.
    slug.put("drained", "");
    dyno.exits(3);
    dyno.is_gone_within(PROMISE, Instant::now());
    assert_eq!(slug.read("told"), "told\n");
}

#[test]
fn the_log_is_closed_at_once_although_the_agent_stays() {
    let slug = Slug::of_agent(STUBBORN_AGENT);
    let mut dyno = slug.web().with_stdin().script("read line");
    dyno.logs("hoop | agent up\n");

    dyno.write("go\n");
    dyno.exits(0);
    let ended = Instant::now();
    let closed = dyno.closes_output();
    let took = closed.saturating_duration_since(ended);
    assert!(took < AT_ONCE, "stdout and stderr were held for {took:?}");
    assert!(!dyno.agents().is_empty(), "the agent is the one that stays");
}

#[test]
fn what_the_agent_started_goes_with_it() {
    let has_setsid = program("setsid").is_some();
    let slug = Slug::of_agent(&format!(
        r#"#!/bin/sh
trap 'exit 15' TERM
# A session's shell with a child of its own, one that ignores SIGTERM, an orphan, one in another session.
sh -c 'sleep 601 & wait' &
sh -c 'trap "" TERM; sleep 602; sleep 603' &
(sleep 604 &)
{} sleep 605 &
echo "agent up"
while :; do wait; done
"#,
        if has_setsid { "setsid" } else { "" }
    ));
    let mut dyno = slug.web().with_stdin().script("read line");
    dyno.logs("hoop | agent up\n");
    for sleeper in ["601", "602", "604", "605"] {
        dyno.until(sleeper, || {
            let processes = dyno.processes();
            processes
                .iter()
                .any(|process| process.command_line() == ["sleep", sleeper])
                .then_some(())
        });
    }

    dyno.write("go\n");
    dyno.exits(0);
    dyno.is_gone_within(PROMISE, Instant::now());
}

#[test]
fn orphans_of_the_agent_are_reaped_as_soon_as_they_end() {
    let slug = Slug::of_agent(&QUIET_AGENT.replace(
        "echo",
        r#"for number in 1 2 3 4 5; do (sh -c 'until [ -e "$HOME/go" ]; do sleep 0.05; done' &); done
echo"#,
    ));
    let dyno = slug.web().start(["sleep", "600"]);
    dyno.logs("hoop | agent up\n");
    let supervisor = dyno.supervisors().remove(0).pid;
    let children = |count: usize| {
        // Zombies as well.
        dyno.until(&format!("{count} children"), || {
            (Process::children_of(supervisor).len() == count).then_some(())
        });
    };
    children(6);
    slug.put("go", "");
    children(1);
    assert_eq!(dyno.agents().len(), 1);
}

#[test]
fn an_app_that_is_killed_takes_its_agent_along() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let mut dyno = slug.web().start(["sleep", "600"]);
    dyno.logs("hoop | agent up\n");

    dyno.signal(Signal::KILL);
    dyno.dies_by(9);
    dyno.is_gone_within(PROMISE, Instant::now());
}

#[test]
fn an_app_outlives_its_supervisor() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let mut dyno = slug.web().with_stdin().script("read line; exit 6");
    dyno.logs("hoop | agent up\n");

    for supervisor in dyno.supervisors() {
        supervisor.signal(Signal::KILL);
    }
    dyno.until("the supervisor's end", || dyno.supervisors().is_empty().then_some(()));
    dyno.write("go\n");
    dyno.exits(6);
}

#[test]
fn a_log_that_nobody_reads_keeps_nothing_alive() {
    // The pipe is full, and its reader is there and does not read.
    let slug = Slug::of_agent("#!/bin/sh\nline=$(printf '%9990s' x)\nwhile :; do echo \"$line\"; done\n");
    let launch = slug.web();
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = std::process::Command::new(slug.hoopstart());
    command
        .args(["--", "sh", "-c", "read line; exit 7"])
        .env_clear()
        .envs(launch.variables().iter().map(|(name, value)| (name, value)))
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .stderr(writer);
    let mut dyno = Dyno::of(&launch, command);
    dyno.has_agents(1);
    let begin = Instant::now();
    dyno.until("a full pipe", || {
        let waiting = rustix::io::ioctl_fionread(&reader).unwrap();
        assert!(begin.elapsed() < LIMIT);
        (waiting > 32 * 1024).then_some(())
    });
    dyno.write("go\n");
    dyno.exits(7);
    dyno.is_gone_within(PROMISE, Instant::now());
    drop(reader);
}

/// The command that runs its command in namespaces of its own, after what `rest` does, where that is
/// permitted. `rest` stands behind `unshare`: its flags, and maybe a program that becomes the command.
pub(crate) fn namespace(rest: &[&str]) -> Option<Vec<String>> {
    program("unshare")?;
    for user in [&[][..], &["--user", "--map-root-user"]] {
        let words: Vec<String> = ["unshare"]
            .iter()
            .chain(user)
            .chain(rest)
            .map(|word| (*word).to_owned())
            .collect();
        let tried = std::process::Command::new(&words[0])
            .args(&words[1..])
            .arg("true")
            .stderr(std::process::Stdio::null())
            .status();
        if tried.is_ok_and(|status| status.success()) {
            return Some(words);
        }
    }
    skipped("this machine permits no such namespace");
    None
}

/// Starts an app as the first process of a container, with an agent that leaves orphans and ends, and returns it when
/// the agent has ended twice.
#[track_caller]
fn first_of_container(slug: &Slug, app: &[&str]) -> Option<(Dyno, u32)> {
    let mut words = namespace(&["--pid", "--fork", "--mount-proc"])?;
    let hoopstart = slug.hoopstart();
    words.extend(
        [hoopstart.to_str().expect("the path is text"), "--"]
            .iter()
            .chain(app)
            .map(|word| (*word).to_owned()),
    );
    let dyno = slug.web().plain(&words);
    dyno.until("two ends of the agent", || {
        (dyno.stderr().matches("exited with status 3").count() == 2).then_some(())
    });
    let first = Process::children_of(dyno.pid()).remove(0).pid;
    Some((dyno, first))
}

/// Tells the whole container to stop.
fn stop_container(dyno: &Dyno) {
    for process in dyno.processes() {
        if process.pid != dyno.pid() {
            process.signal(Signal::TERM);
        }
    }
}

/// An agent that leaves an orphan behind.
const LEAVING_AGENT: &str = "#!/bin/sh\n(sleep 0.1 &)\necho \"agent up\"\nexit 3\n";

#[test]
fn in_a_container_of_its_own_an_app_has_no_child_and_no_zombie_of_ours() {
    let slug = Slug::of_agent(LEAVING_AGENT);
    // This one reaps nothing, and does not end of what the container is told.
    let Some((dyno, first)) = first_of_container(&slug, &["sh", "-c", "trap '' TERM; exec sleep 600"]) else {
        return;
    };
    let assert_no_zombie = || {
        // The agent comes and goes, and its orphans with it.
        let app = dyno.until("the app alone", || {
            let children = Process::children_of(first);
            (children.len() == 1 && children[0].name == "sleep").then(|| children[0].pid)
        });
        let children = Process::children_of(app);
        dyno.assert(children.is_empty(), &format!("children of the app: {children:?}"));
    };
    assert_no_zombie();
    // The whole container is told, and the supervisor stays until the app has gone.
    stop_container(&dyno);
    assert_no_zombie();
    assert_eq!(dyno.supervisors().len(), 1);
}

#[test]
fn an_app_in_a_container_of_its_own_drains_and_takes_all_of_it_along() {
    let slug = Slug::of_agent(LEAVING_AGENT);
    let script = format!("echo first is $$\n{DRAINING_APP}");
    let Some((mut dyno, _)) = first_of_container(&slug, &["sh", "-c", &script]) else {
        return;
    };
    dyno.prints("up\n");
    dyno.assert(!dyno.stdout().contains("first is 1\n"), "the app is the init");
    stop_container(&dyno);
    dyno.prints("draining\n");
    assert_eq!(dyno.supervisors().len(), 1);
    slug.put("drained", "");
    dyno.exits(3);
    dyno.is_gone_within(PROMISE, Instant::now());
}
