//! What a session can see of agent and supervisor, whose user is its own.

use crate::status::{status, status_with};
use crate::support::dyno::{Dyno, Launch, QUIET_AGENT, SECRET, STANDARD, Slug, program, skipped};
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

/// What a session tries to see of its agent, and of the agent's supervisor. Its argument is the agent.
const LOOK: &str = r#"for pid in "$1" "$(cut -d ' ' -f 4 "/proc/$1/stat")"; do
  for file in environ mem maps auxv; do
    if (exec 3<"/proc/$pid/$file") 2>/dev/null; then
      echo "opened $file: $(tr -c '[:print:]' ' ' <"/proc/$pid/$file" 2>/dev/null)"
    fi
  done
  if ls "/proc/$pid/fd" >/dev/null 2>&1; then echo "listed files"; fi
done >seen
echo looked >>seen
mv seen saw
"#;

/// Has a session of the agent look, and returns what it saw.
#[track_caller]
fn seen_by_session(slug: &Slug, dyno: &Dyno) -> String {
    let _ = fs::remove_file(slug.path("saw"));
    slug.put("look", LOOK);
    slug.order("session sh look $PPID");
    dyno.until("the session's end", || {
        slug.path("saw").exists().then(|| slug.read("saw"))
    })
}

/// Starts the agent that is a program.
#[track_caller]
fn started(launch: &Launch) -> Dyno {
    let dyno = launch.start(["sleep", "600"]);
    dyno.logs("hoop | agent up\n");
    dyno
}

/// The mode of the agent's file.
fn mode(slug: &Slug) -> u32 {
    let file = fs::metadata(slug.path(".hoop/bin/hoop")).expect("it is there");
    file.permissions().mode() & 0o7777
}

#[test]
fn a_session_of_the_same_user_sees_nothing_of_agent_and_supervisor() {
    let Some(slug) = Slug::of_program() else { return };
    let Some(launch) = slug.web().by_ordinary_user() else {
        return;
    };
    let dyno = started(&launch);

    assert_eq!(seen_by_session(&slug, &dyno), "looked\n");
    assert_eq!(mode(&slug), 0o111);
    let status = status(&launch, &dyno).expect("it is there");
    assert_eq!(status["key_hidden"], true, "{status}");
    assert_eq!(status["key_visible_because"], serde_json::Value::Null);
}

#[test]
fn an_agent_that_nobody_may_read_is_started_again_and_by_a_second_dyno() {
    let Some(slug) = Slug::of_program() else { return };
    let Some(launch) = slug.web().by_ordinary_user() else {
        return;
    };
    let first = started(&launch);
    slug.order("exit 3");
    first.until("another start", || {
        (first.stderr().matches("hoop | agent up\n").count() == 2).then_some(())
    });
    assert_eq!(seen_by_session(&slug, &first), "looked\n");
    drop(first);

    // As after a restart of the dyno whose disk was kept.
    let second = started(&launch);
    assert_eq!(seen_by_session(&slug, &second), "looked\n");
    second.assert(second.own_lines().is_empty(), "nothing is wrong");
    let mut check = launch
        .with("HOOP_KEY", STANDARD)
        .with("HOOP_AUTOSTART", "on")
        .plain([".hoop/bin/hoopstart", "--check"]);
    check.exits(0);
}

#[test]
fn where_someone_has_made_the_file_readable_again_the_next_start_mends_it() {
    let Some(slug) = Slug::of_program() else { return };
    let Some(launch) = slug.web().by_ordinary_user() else {
        return;
    };
    let dyno = started(&launch);
    fs::set_permissions(slug.path(".hoop/bin/hoop"), fs::Permissions::from_mode(0o755))
        .expect("it is ours, or we root");
    slug.order("exit 3");
    dyno.until("another start", || {
        (dyno.stderr().matches("hoop | agent up\n").count() == 2).then_some(())
    });
    assert_eq!(mode(&slug), 0o111);
    assert_eq!(seen_by_session(&slug, &dyno), "looked\n");
}

#[test]
fn the_app_can_still_be_looked_into() {
    let Some(slug) = Slug::of_program() else { return };
    let Some(launch) = slug.web().by_ordinary_user() else {
        return;
    };
    let mut dyno = launch.start(["cat", "/proc/self/environ"]);
    dyno.exits(0);
    dyno.until("the end of stdout", || dyno.stdout_ended());
    dyno.assert(dyno.stdout().contains(SECRET), "the app's environment is its own");
}

#[test]
fn a_script_stays_as_it_is_and_the_status_says_so() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let Some(launch) = slug.web().by_ordinary_user() else {
        return;
    };
    let dyno = started(&launch);
    let status = status(&launch, &dyno).expect("it is there");

    assert_eq!(mode(&slug), 0o755);
    assert_eq!(status["key_hidden"], false);
    assert_eq!(status["key_visible_because"], "it is a script");
    // What is looked at, and what is not so there.
    assert!(dyno.has_agents(1)[0].variable("HOOP_KEY").is_some());
}

#[test]
fn root_is_told_that_root_sees_everything() {
    if !rustix::process::geteuid().is_root() {
        skipped("only root runs as root");
        return;
    }
    let Some(slug) = Slug::of_program() else { return };
    let launch = slug.web();
    let dyno = started(&launch);

    assert_eq!(mode(&slug), 0o755);
    let status = status(&slug.dyno(), &dyno).expect("it is there");
    assert_eq!(status["key_visible_because"], "it runs as root");
    let seen = seen_by_session(&slug, &dyno);
    assert!(seen.contains(SECRET), "the probe sees what can be seen: {seen}");
}

#[test]
fn a_file_with_another_name_is_not_changed() {
    let Some(slug) = Slug::of_program() else { return };
    let agent = slug.path(".hoop/bin/hoop");
    fs::hard_link(&agent, slug.path("other name")).expect("it is ours");
    let Some(launch) = slug.web().by_ordinary_user() else {
        return;
    };
    let dyno = started(&launch);
    status_with(&launch, &dyno, |status| {
        status["key_visible_because"] == "its file has a second name (a hard link)"
    });
    assert_eq!(mode(&slug), 0o755);
    drop(dyno);

    fs::rename(slug.path("other name"), slug.path("real")).expect("it is ours");
    fs::remove_file(&agent).expect("it is ours");
    std::os::unix::fs::symlink("../../real", &agent).expect("it is ours");
    let dyno = started(&launch);
    status_with(&launch, &dyno, |status| status["key_hidden"] == false);
    assert_eq!(mode(&slug), 0o755);
}

#[test]
fn a_file_of_another_user_is_not_changed() {
    if !rustix::process::geteuid().is_root() {
        skipped("only root has a file of another user");
        return;
    }
    let Some(slug) = Slug::of_program() else { return };
    let Some(launch) = slug.web().by_ordinary_user() else {
        return;
    };
    std::os::unix::fs::chown(slug.path(".hoop/bin/hoop"), Some(0), Some(0)).expect("we are root");
    let dyno = started(&launch);
    status_with(&launch, &dyno, |status| {
        status["key_visible_because"] == "its file belongs to another user"
    });
    assert_eq!(mode(&slug), 0o755);
}

#[test]
fn on_an_overlay_file_system_nothing_is_copied() {
    if !rustix::process::geteuid().is_root() || program("unshare").is_none() {
        skipped("only root mounts");
        return;
    }
    let Some(slug) = Slug::of_program() else { return };
    let Some(launch) = slug.web().by_ordinary_user() else {
        return;
    };
    // On a file system of its own: not every one can be the upper part.
    let mount = r#"mkdir -p tmp/over && mount -t tmpfs none tmp/over &&
mkdir tmp/over/upper tmp/over/work tmp/over/app &&
chown -R 12345:12345 tmp/over &&
upper=$HOME/tmp/over/upper work=$HOME/tmp/over/work &&
mount -t overlay overlay -o "lowerdir=$HOME,upperdir=$upper,workdir=$work" tmp/over/app &&
cd tmp/over/app && HOME=$PWD && exec setpriv --reuid 12345 --regid 12345 --clear-groups "$@""#;
    let script = r#"because='"key_visible_because":"[^"]*"'
until "$0" --status --json | grep -o "$because"; do sleep 0.05; done
find "$HOME/../upper" -name hoop; stat -c %a .hoop/bin/hoop"#;
    let probe = ["unshare", "--mount", "sh", "-c", mount, "sh"];
    let mut tried = launch.clone().after("").plain(probe.iter().chain(&["true"]));
    if !tried.ends().success() {
        skipped("this kernel mounts no overlay");
        return;
    }
    let words = [".hoop/bin/hoopstart", "--", "sh", "-c", script, "./.hoop/bin/hoopstart"];
    let mut dyno = launch.after("").plain(probe.iter().chain(&words));
    dyno.exits(0);
    dyno.until("the end of stdout", || dyno.stdout_ended());
    let because = "\"key_visible_because\":\"its file is on an overlay file system\"";
    let lines: Vec<String> = dyno.stdout().lines().map(|line| line.trim().to_owned()).collect();
    dyno.assert(
        lines.iter().any(|line| line.contains(because)) && lines.last().is_some_and(|mode| mode == "755"),
        "expected an agent that was left as it is",
    );
    dyno.assert(!dyno.stdout().contains("upper/.hoop"), "it was copied");
}

#[test]
fn the_agent_s_file_is_its_owner_s_and_keeps_who_may_execute_it() {
    let Some(slug) = Slug::of_program() else { return };
    let Some(launch) = slug.web().by_ordinary_user() else {
        return;
    };
    let agent = slug.path(".hoop/bin/hoop");
    fs::set_permissions(&agent, fs::Permissions::from_mode(0o740)).expect("it is ours, or we root");
    let owner = fs::metadata(&agent).expect("it is there").uid();
    let _dyno = started(&launch);
    assert_eq!(mode(&slug), 0o100);
    assert_eq!(fs::metadata(&agent).expect("it is there").uid(), owner);
}
