//! `hoopstart --check`: what would be started, and what is wrong, without showing the key.

use crate::support::dyno::{Dyno, Launch, MULTI, QUIET_AGENT, SECRET, STANDARD, Slug};
use std::ffi::{OsStr, OsString};
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::PermissionsExt as _;

/// A slug with this agent, and a Procfile whose lines start it.
fn slug(version: &str) -> Slug {
    let slug = Slug::without_agent();
    slug.install(version, QUIET_AGENT);
    slug.put("Procfile", PROCFILE);
    slug
}

const PROCFILE: &str = "web: hoopstart -- puma\nworker: hoopstart -- sidekiq\n";

/// Runs the check for this command. Expects exit status `code`, exactly the faults `ids`, and no key anywhere.
#[track_caller]
fn check_command(slug: &Slug, launch: &Launch, command: &[&str], code: i32, ids: &[&str]) -> Dyno {
    let mut words = vec![slug.hoopstart().into_os_string(), "--check".into()];
    if !command.is_empty() {
        words.push("--".into());
        words.extend(command.iter().map(OsString::from));
    }
    let mut dyno = launch.plain(words);
    dyno.exits(code).closes_output();
    dyno.assert(dyno.processes().is_empty(), "nothing must be started");
    let stdout = dyno.stdout();
    dyno.assert(!stdout.contains(SECRET), "the key must not be shown");
    dyno.assert(dyno.stderr().is_empty(), "all of it is on stdout");
    let told: Vec<&str> = stdout.lines().filter(|line| line.starts_with("hoopstart: ")).collect();
    let told: Vec<&str> = told
        .iter()
        .filter_map(|line| line.rsplit_once('[')?.1.strip_suffix(']'))
        .collect();
    dyno.assert(told == ids, &format!("expected {ids:?}"));
    dyno
}

#[track_caller]
fn check(slug: &Slug, launch: &Launch, code: i32, ids: &[&str]) -> Dyno {
    check_command(slug, launch, &[], code, ids)
}

/// Expects each of `parts` in the report.
#[track_caller]
fn shows(dyno: &Dyno, parts: &[&str]) {
    for part in parts {
        dyno.assert(dyno.stdout().contains(part), &format!("expected {part:?}"));
    }
}

#[test]
fn a_plan_without_a_fault_is_exit_0() {
    let slug = slug("1.148.0");
    let launch = slug
        .web()
        .with("HOOP_KEY", MULTI)
        .with("HOOP_CONNECTION", "Orders,console");
    let expected = "\
dyno:         web.1 (the agent runs in every process type except run, release, scheduler, cron, and build)
started by:   hoopstart in the Procfile
agent:        1.148.0
runs:         hoop run, a process for each connection
gateway:      gateway.example:8443 (TLS)
connection:   orders
connection:   console
app:          with its environment unchanged
";
    assert_eq!(check(&slug, &launch, 0, &[]).stdout(), expected);
}

#[test]
fn every_fault_is_told_with_exit_78() {
    let slug = slug("1.148.0");
    let dyno = slug.dyno().with("DYNO", "web.1");
    for (launch, ids) in [
        (dyno.clone(), vec!["start::key-missing"]),
        (slug.web().with("HOOP_KEY", "nonsense"), vec!["start::key-malformed"]),
        (slug.web().with("HOOP_KEY", MULTI), vec!["start::connection-missing"]),
        (
            slug.web().with("HOOP_CONNECTION", "a").with("HOOP_HIDE_KEY", "maybe"),
            vec!["start::value-invalid", "start::connection-not-published"],
        ),
    ] {
        check(&slug, &launch, 78, &ids);
    }
    slug.put(".hoop/manifest.yml", "- no manifest\n");
    check(&slug, &slug.web(), 78, &["start::manifest-unreadable"]);
    slug.remove(".hoop/manifest.yml");
    check(&slug, &slug.web(), 78, &["start::manifest-unreadable"]);
    let slug = Slug::without_agent();
    slug.put("Procfile", PROCFILE);
    check(&slug, &slug.web(), 78, &["start::agent-missing"]);
}

#[test]
fn a_dyno_without_an_agent_says_why() {
    let slug = slug("1.148.0");
    for (launch, reason) in [
        (slug.web().with("HOOP_DISABLE", "1"), "HOOP_DISABLE is on"),
        (slug.web().with("DYNO", "run.1"), "does not run in this process type"),
        (
            slug.web().with("HOOP_PROCESS_TYPES", "worker"),
            "HOOP_PROCESS_TYPES does not name it",
        ),
    ] {
        shows(&check(&slug, &launch, 0, &[]), &[reason]);
    }
    // HOOP_DISABLE counts before everything else.
    let off = slug.dyno().with("HOOP_DISABLE", "on").with("HOOP_PROCESS_TYPES", ",");
    let dyno = check(&slug, &off, 0, &[]);
    shows(&dyno, &["agent:        not started: HOOP_DISABLE is on\n"]);
    dyno.assert(!dyno.stdout().contains("started by"), "nothing is to start it");
}

#[test]
fn a_one_off_dyno_shows_the_plan_for_the_others() {
    let slug = slug("1.148.0");
    let run = slug.web().with("DYNO", "run.1");
    let facts = [
        "run.1, without the agent",
        "started by:   hoopstart in the Procfile (web, worker)\n",
        "1.148.0",
        "gateway.example:8443",
    ];
    shows(&check(&slug, &run, 0, &[]), &facts);
    check(&slug, &slug.dyno().with("DYNO", "run.1"), 78, &["start::key-missing"]);
    // Only the check says so, since scripts read the output of one-off dynos.
    let unknown = ["start::process-type-unknown"];
    check(&slug, &run.clone().with("HOOP_PROCESS_TYPES", "wbe"), 78, &unknown);
    check(&slug, &run.with("HOOP_PROCESS_TYPES", "web.*,worker"), 78, &unknown);
}

#[test]
fn what_starts_the_agent_is_told_and_nothing_is_a_fault() {
    let slug = slug("1.148.0");
    let nothing = ["start::not-started"];
    let of = |procfile: Option<&str>, dyno: &str, autostart: &str| {
        match procfile {
            Some(procfile) => slug.put("Procfile", procfile),
            None if slug.path("Procfile").exists() => slug.remove("Procfile"),
            None => {}
        }
        let launch = slug.web().with("DYNO", dyno);
        if autostart.is_empty() {
            launch
        } else {
            launch.with("HOOP_AUTOSTART", autostart)
        }
    };
    for (procfile, dyno, autostart, words) in [
        (Some(PROCFILE), "web.1", "", "hoopstart in the Procfile"),
        (Some(PROCFILE), "", "", "hoopstart in the Procfile (web, worker)"),
        (
            Some("web: bin/hoopstart -- a"),
            "web-12a34b56d-e78f9",
            "off",
            "hoopstart in the Procfile",
        ),
        (Some(PROCFILE), "web.1", "true", "hoopstart in the Procfile"),
        (Some("web: puma"), "web.1", "true", "HOOP_AUTOSTART"),
        (Some("web: puma"), "run.1", "ON", "HOOP_AUTOSTART"),
        (None, "web.1", "1", "HOOP_AUTOSTART"),
        (
            Some("web: puma\nworker: hoopstart -- sidekiq"),
            "run.1",
            "",
            "hoopstart in the Procfile (worker)",
        ),
        (
            Some("web: puma\nscheduler: hoopstart -- clockwork clock.rb"),
            "scheduler.1",
            "",
            "hoopstart in the Procfile",
        ),
    ] {
        let dyno = check(&slug, &of(procfile, dyno, autostart), 0, &[]);
        shows(&dyno, &[&format!("started by:   {words}\n")]);
    }
    for (procfile, dyno, remedy) in [
        (
            Some("web: bundle exec puma\nworker: hoopstart -- sidekiq"),
            "web.1",
            "Change the line \"web: bundle exec puma\" of the Procfile to \"web: hoopstart -- bundle exec puma\", or \
             run: ",
        ),
        (
            Some("web: cd app && puma"),
            "web.1",
            "Put its commands into a file, such as bin/start, and change the line \"web: cd app && puma\" of the \
             Procfile to \"web: hoopstart -- bash bin/start\", or run: ",
        ),
        (
            Some("web: hoopstrat -- puma"),
            "web.1",
            "Change the line \"web: hoopstrat -- puma\" of the Procfile to \"web: hoopstart -- puma\", or run: ",
        ),
        (
            Some("web: puma"),
            "run.1",
            "Begin a line of the Procfile with \"hoopstart -- \", or run: ",
        ),
        (Some("web: puma"), "", "Begin a line"),
        (None, "web.1", "Begin a line"),
    ] {
        let dyno = check(&slug, &of(procfile, dyno, ""), 78, &nothing);
        let autostart = "heroku config:set HOOP_AUTOSTART=true [start::not-started]\n";
        shows(&dyno, &["started by:   nothing\n", remedy, autostart]);
    }
}

/// Whoever pastes the line that is advised gets the agent, and what the app was meant to do.
#[test]
fn the_line_that_is_advised_starts_the_agent_beside_the_app_when_it_is_pasted() {
    let slug = slug("1.148.0");
    slug.put_program("bin/show", "#!/bin/sh\necho \"$* [$A]\"\nread line\n");
    let folders = [
        slug.path(".hoop/bin"),
        slug.path("bin"),
        "/usr/bin".into(),
        "/bin".into(),
    ];
    let path = std::env::join_paths(folders).unwrap();
    let launch = slug.web().with("HOOP_KEY", STANDARD).with("PATH", path).with_stdin();
    for (line, printed) in [
        ("show a b", "a b []\n"),
        ("exec show 'a  b'", "a  b []\n"),
        ("A=1 show c", "c [1]\n"),
        ("hoopstrat -- show d", "d []\n"),
        ("hoop start show e", "e []\n"),
        ("hoopstart —— show f", "f []\n"),
        ("hoopstart --check -- show g", "g []\n"),
        ("hoopstart --show h", "h []\n"),
        ("\"hoopstart -- show i\"", "i []\n"),
        ("hoopstart -- true && show j", "j []\n"),
    ] {
        slug.put("Procfile", &format!("web: {line}\n"));
        let told = check(&slug, &launch, 78, &["start::not-started"]).stdout();
        let (_, behind) = told.split_once("of the Procfile to \"web: ").expect(line);
        let (right, _) = behind.split_once("\", or run: ").expect(line);

        slug.put("Procfile", &format!("web: {right}\n"));
        check(&slug, &launch, 0, &[]);
        let mut dyno = launch.plain(["sh", "-c", right]);
        dyno.until(right, || dyno.stdout().ends_with(printed).then_some(()));
        dyno.has_agents(1);
        dyno.write("go\n");
        dyno.exits(0);
    }
}

#[test]
fn a_secret_in_a_line_of_the_procfile_is_not_repeated() {
    let slug = slug("1.148.0");
    for line in [
        "puma --token s3cr3t0x",
        "DATABASE_URL=postgres://u:s3cr3t0x@db/x puma",
        "hoopstrat -- puma --password=s3cr3t0x",
        "cd app && puma --key s3cr3t0x",
        "hoopstart --check -- puma ghp_s3cr3t0xs3cr3t0xs3cr3t0x",
    ] {
        slug.put("Procfile", &format!("web: {line}\n"));
        let dyno = check(
            &slug,
            &slug.web().with("HOOP_KEY", STANDARD),
            78,
            &["start::not-started"],
        );
        shows(&dyno, &["****"]);
        dyno.assert(!dyno.stdout().contains("s3cr3t0x"), line);
    }
}

#[test]
fn a_script_of_the_app_that_starts_hoopstart_is_known() {
    let slug = slug("1.148.0");
    slug.put("Procfile", "web: bash ./bin/web\nworker: sidekiq\n");
    slug.put("bin/web", "migrate && exec hoopstart -- puma\n");
    for dyno in ["web.1", "run.1", ""] {
        let dyno = check(&slug, &slug.web().with("DYNO", dyno), 0, &[]);
        shows(&dyno, &["started by:   hoopstart in a script of the Procfile\n"]);
    }
    check(&slug, &slug.web().with("DYNO", "worker.1"), 78, &["start::not-started"]);
    slug.put("bin/web", "exec puma\n");
    check(&slug, &slug.web(), 78, &["start::not-started"]);
}

#[test]
fn autostart_is_known_with_its_wrong_values_and_what_it_makes_powerless() {
    let slug = slug("1.148.0");
    slug.put("Procfile", "web: puma\n");
    let launch = slug.web();
    for wrong in ["maybe", "enabled", "yes please", " "] {
        let launch = launch.clone().with("HOOP_AUTOSTART", wrong);
        check(&slug, &launch, 78, &["start::value-invalid", "start::not-started"]);
    }
    let garbled = launch
        .clone()
        .with("HOOP_AUTOSTART", OsString::from_vec(b"tr\xffe".to_vec()));
    check(&slug, &garbled, 78, &["start::value-invalid", "start::not-started"]);

    let launch = launch.with("HOOP_AUTOSTART", "true");
    let powerless = ["start::not-with-autostart"];
    let hidden = launch.clone().with("HOOP_HIDE_KEY", "on");
    let dyno = check(&slug, &hidden, 78, &powerless);
    shows(
        &dyno,
        &[
            "HOOP_HIDE_KEY has no effect",
            "app:          with its environment unchanged\n",
        ],
    );
    let required = launch.with("HOOP_REQUIRED", "on");
    check(&slug, &required, 78, &powerless);
    check(&slug, &required.clone().with("DYNO", "run.1"), 78, &powerless);
    // Nothing stops the boot, so no line says so.
    let dyno = check(
        &slug,
        &required.without("HOOP_KEY"),
        78,
        &["start::key-missing", powerless[0]],
    );
    shows(
        &dyno,
        &["HOOP_KEY is not set, so the agent was not started; the app runs without it."],
    );
    // If the shell runs hoopstart, that one hides the key.
    slug.put("Procfile", PROCFILE);
    let dyno = check(&slug, &hidden, 0, &[]);
    shows(&dyno, &["app:          without HOOP_KEY and HOOP_DSN\n"]);
}

#[test]
fn lists_that_leave_the_agent_no_process_type_are_told() {
    let slug = slug("1.148.0");
    let launch = slug.web().with("HOOP_PROCESS_TYPES", "web");
    check(&slug, &launch, 0, &[]);
    check(
        &slug,
        &launch.clone().with("HOOP_IGNORE_PROCESS_TYPES", "worker"),
        0,
        &[],
    );
    let nowhere = launch.with("HOOP_IGNORE_PROCESS_TYPES", "web");
    check(&slug, &nowhere, 78, &["start::not-started"]);
    let run_only = slug.web().with("HOOP_PROCESS_TYPES", "run").with("HOOP_AUTOSTART", "1");
    check(&slug, &run_only, 0, &[]);
}

#[test]
fn names_are_shown_as_they_will_be_published() {
    for (version, names, published) in [
        ("1.148.0", "Órders  Console", "orders__console"),
        ("1.21.0", "Órders  Console", "orders__console"),
        ("1.20.5", "Órders  Console", "ordersconsole"),
        ("1.148.0", "GRÖSSE,straße", "grosse\nconnection:   straße"),
        ("1.148.0", "env.NAME", "from_a_variable"),
    ] {
        let slug = slug(version);
        let launch = slug.web().with("HOOP_KEY", MULTI).with("HOOP_CONNECTION", names);
        let launch = launch.with("NAME", "From a Variable");
        let mut dyno = launch.plain([slug.hoopstart().as_os_str(), "--check".as_ref()]);
        dyno.ends();
        dyno.closes_output();
        shows(&dyno, &[&format!("connection:   {published}\n")]);
        // The agent is started with the same names.
        let mut dyno = launch.with_stdin().script("read line");
        let started: Vec<String> = dyno
            .has_agents(published.matches('\n').count() + 1)
            .iter()
            .filter_map(|agent| {
                let words = agent.agent_arguments()?;
                let place = words.iter().position(|word| word == "--name")?;
                words.get(place + 1).cloned()
            })
            .collect();
        assert_eq!(started, published.split("\nconnection:   ").collect::<Vec<_>>());
        dyno.write("go\n");
        dyno.exits(0);
    }
    // The oldest releases do it themselves, and do less.
    let slug = slug("1.19.63");
    let key = STANDARD.replace("standard", "embedded");
    let launch = slug
        .web()
        .with("HOOP_KEY", key)
        .with("HOOP_CONNECTION", "Órders  Console");
    let mut dyno = launch.plain([slug.hoopstart().as_os_str(), "--check".as_ref()]);
    dyno.ends();
    dyno.closes_output();
    shows(&dyno, &["connection:   all of this agent's\n"]);
}

#[test]
fn names_that_become_one_or_are_none_are_told() {
    let slug = slug("1.148.0");
    let launch = slug.web().with("HOOP_KEY", MULTI);
    let with = |names: &str| launch.clone().with("HOOP_CONNECTION", names);
    for (names, told) in [
        (
            "Órders,orders",
            "HOOP_CONNECTION has \"Órders\" and \"orders\", which become the same name",
        ),
        (
            "a b,c,a_b",
            "HOOP_CONNECTION has \"a b\" and \"a_b\", which become the same name",
        ),
    ] {
        shows(&check(&slug, &with(names), 78, &["start::connection-merged"]), &[told]);
    }
    // Capital letters have never made a different name.
    let dyno = check(&slug, &with("A,b,a"), 0, &[]);
    shows(
        &dyno,
        &["connection:   a\nconnection:   b\none name:     \"A\" and \"a\"\n"],
    );
    let dyno = check(&slug, &with("a,a, a ,b"), 0, &[]);
    dyno.assert(!dyno.stdout().contains("one name"), "it is the same name");
    for names in ["a,\u{301}", &"x".repeat(253), "env.NO_SUCH", "a,env."] {
        check(&slug, &with(names), 78, &["start::connection-invalid"]);
    }
    check(&slug, &with(&"x".repeat(252)), 0, &[]);
}

#[test]
fn the_command_is_resolved_as_the_boot_would() {
    let slug = slug("1.148.0");
    slug.put_program("bin/app", "#!/bin/sh\n");
    slug.put_program("bin/no-first-line", "echo up\n");
    slug.put_program("bin/windows", "#!/bin/sh\r\necho up\r\n");
    slug.put_program("bin/no-ruby", "#!/usr/bin/env no-such-ruby\n");
    slug.put_program("bin/no-shell", "#!/no/such/shell -e\n");
    slug.put("bin/data", "#!/bin/sh\n");
    slug.put_program("bin/mach", "\u{0}\u{1}\u{2}binary\n");
    let path = format!("{}:/usr/bin:/bin", slug.path("bin").display());
    let launch = slug.web().with("PATH", path);
    let app = slug.path("bin/app").display().to_string();
    for (command, place) in [
        (vec!["sh", "-c", "exit 3"], "/sh\n".to_owned()),
        (vec!["app"], format!("command:      {app}\n")),
        (vec![app.as_str(), "--check"], format!("command:      {app}\n")),
        (
            vec!["bin/no-first-line"],
            "command:      bin/no-first-line\n".to_owned(),
        ),
    ] {
        shows(&check_command(&slug, &launch, &command, 0, &[]), &[&place]);
    }
    let (none, not) = ("start::not-found", "start::not-executable");
    for (command, id, told) in [
        (
            vec!["bundel", "exec"],
            none,
            "cannot run \"bundel\": no such program; nothing was started, exit 127.",
        ),
        (vec!["sh -c true"], none, "Write: hoopstart -- sh -c true ["),
        (vec!["bin/nowhere"], none, "no such program"),
        (vec![""], none, "cannot run \"\": no such program"),
        (vec!["bin/app/x"], none, "no such program"),
        (
            vec!["bin/no-ruby"],
            none,
            "it needs \"no-such-ruby\", and there is no such program; nothing was started, exit 127.",
        ),
        (
            vec!["no-shell"],
            none,
            "it needs \"/no/such/shell\", and there is no such program",
        ),
        (
            vec!["bin/windows"],
            none,
            "its first line ends with a carriage return, which becomes part of the name \"/bin/sh\"",
        ),
        (vec!["./bin"], not, "cannot run \"./bin\": it is a folder"),
        (vec!["data"], not, "cannot run \"data\": permission denied"),
        (vec!["/dev/null"], not, "it is a pipe or a device, not a file"),
        (vec!["bin/mach"], not, "it is not a program for Linux"),
    ] {
        shows(&check_command(&slug, &launch, &command, 78, &[id]), &[told]);
    }
    // Also in a dyno without the agent.
    let off = launch.with("HOOP_DISABLE", "1");
    check_command(&slug, &off, &["bundel"], 78, &[none]);
    // The boot does the same: the same programs, and the statuses that the check told.
    for (command, status) in [
        ("bundel", 127),
        ("./bin", 126),
        ("data", 126),
        ("/dev/null", 126),
        ("app", 0),
    ] {
        let mut dyno = off.start([command]);
        dyno.exits(status);
    }
}

#[test]
fn a_command_line_is_what_starts_the_agent_where_no_procfile_speaks() {
    let slug = slug("1.148.0");
    slug.remove("Procfile");
    let launch = slug.web();
    let dyno = check_command(&slug, &launch, &["sh"], 0, &[]);
    shows(&dyno, &["started by:   this command line\n"]);
    slug.put("Procfile", "web: puma\n");
    check_command(&slug, &launch, &["sh"], 78, &["start::not-started"]);
}

#[test]
fn an_agent_that_cannot_run_here_is_told() {
    let slug = slug("1.148.0");
    let unfit = ["start::agent-missing"];
    let hoop = slug.path(".hoop/bin/hoop");
    let bytes = fs::read(slug.hoopstart()).expect("the program can be read");
    let put = |bytes: &[u8]| {
        slug.put("new", "");
        fs::write(slug.path("new"), bytes).expect("a file can be written");
        fs::set_permissions(slug.path("new"), Permissions::from_mode(0o755)).expect("it is ours");
        fs::rename(slug.path("new"), &hoop).expect("it can take its place");
    };
    put(&bytes);
    check(&slug, &slug.web(), 0, &[]);
    put(&bytes[..bytes.len() / 2]);
    shows(
        &check(&slug, &slug.web(), 78, &unfit),
        &["cannot run here: it is a damaged or truncated program"],
    );
    put(&bytes[..10]);
    check(&slug, &slug.web(), 78, &unfit);
    let mut other = bytes;
    other[18..20].copy_from_slice(&[0xf3, 0]); // RISC-V
    put(&other);
    shows(
        &check(&slug, &slug.web(), 78, &unfit),
        &["it is a program for another machine"],
    );
    put(b"#!/no/such/shell\n");
    shows(
        &check(&slug, &slug.web().with("DYNO", "run.1"), 78, &unfit),
        &["it needs \"/no/such/shell\""],
    );
    put(b"<!DOCTYPE html>\0");
    check(&slug, &slug.web(), 78, &unfit);
    fs::remove_file(&hoop).expect("it is there");
    fs::create_dir(&hoop).expect("a folder can be made");
    check(&slug, &slug.web(), 78, &unfit);
}

#[test]
fn the_key_that_is_not_used_is_told() {
    let slug = slug("1.148.0");
    let launch = slug.web().with("HOOP_DSN", STANDARD.replace("8443", "9443"));
    let dyno = check(&slug, &launch, 0, &[]);
    shows(
        &dyno,
        &[
            "key:          HOOP_KEY; HOOP_DSN is also set, but not used\n",
            "gateway.example:8443",
        ],
    );
    // An empty one counts as not set.
    let dyno = check(&slug, &launch.with("HOOP_KEY", ""), 0, &[]);
    shows(&dyno, &["gateway.example:9443"]);
}

#[test]
fn the_old_form_of_a_key_is_not_shown_either() {
    let slug = slug("1.148.0");
    let secret = "5ec4e700".repeat(8);
    let launch = slug
        .web()
        .with("HOOP_KEY", format!("grpcs://gateway.example:8443/{secret}"));
    let dyno = check(&slug, &launch, 0, &[]);
    dyno.assert(!dyno.stdout().contains(&secret), "the key must not be shown");
    shows(&dyno, &["gateway.example:8443"]);
}

#[test]
fn a_required_agent_that_cannot_be_started_is_told_as_at_the_boot() {
    let slug = slug("1.148.0");
    let launch = slug.dyno().with("DYNO", "web.1").with("HOOP_REQUIRED", "1");
    let dyno = check(&slug, &launch, 78, &["start::key-missing"]);
    let expected = "hoopstart: error: HOOP_KEY is not set; HOOP_REQUIRED is on, so nothing was started, exit 78. ";
    shows(&dyno, &[expected]);
}

#[test]
fn what_the_start_would_fail_at_is_told() {
    let slug = slug("1.148.0");
    let open_quote = slug
        .web()
        .with("HOOP_KEY", MULTI)
        .with("HOOP_CONNECTION", "a")
        .with("HOOP_COMMAND", "bash -c \"x");
    check(&slug, &open_quote, 78, &["start::command-invalid"]);

    fs::set_permissions(slug.path(".hoop/bin/hoop"), Permissions::from_mode(0o644)).unwrap();
    let dyno = check(&slug, &slug.web(), 78, &["start::agent-missing"]);
    shows(&dyno, &["cannot be executed"]);
}

#[test]
fn the_name_of_a_connection_cannot_make_a_line() {
    let slug = slug("1.148.0");
    let launch = slug
        .web()
        .with("HOOP_KEY", MULTI)
        .with("HOOP_CONNECTION", "a\nhoopstart: b\u{1b}[31m");
    let dyno = check(&slug, &launch, 0, &[]);
    shows(&dyno, &["connection:   a<newline>hoopstart:_b<escape>[31m\n"]);
}

#[test]
fn what_is_not_text_is_a_wrong_value_and_not_none() {
    let slug = slug("1.148.0");
    let garbled = |text: &[u8]| OsString::from_vec(text.to_vec());
    for (name, id) in [
        ("HOOP_DISABLE", "start::value-invalid"),
        ("HOOP_HIDE_KEY", "start::value-invalid"),
        ("HOOP_PROCESS_TYPES", "start::process-type-unknown"),
        ("HOOP_IGNORE_PROCESS_TYPES", "start::process-type-unknown"),
    ] {
        check(&slug, &slug.web().with(name, garbled(b"\xffon")), 78, &[id]);
    }
    let path: &OsStr = "/usr/bin:/bin".as_ref();
    let launch = slug.web().with("DYNO", garbled(b"web.\xff")).with("PATH", path);
    let mut dyno = launch.plain([slug.hoopstart().as_os_str(), "--check".as_ref()]);
    dyno.ends();
    dyno.closes_output();
    shows(&dyno, &["agent:        1.148.0"]);
}
