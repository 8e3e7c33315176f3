//! The contract with the real programs: real agents, built into a slug and started by hoopstart, and a real gateway
//! that users reach them through. The stand-ins of all other tests are held to what is seen here.
//!
//! Nobody has these programs at hand, so every test is ignored until a person says where they are: see "Real agents"
//! in CONTRIBUTING.md. What a mirror or a gateway lacks for a row is said as `skipped:`.

mod support;

use hoop_buildpack::agent::version::Version;
use rustix::process::Signal;
use serde_json::json;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};
use support::build::Build;
use support::dyno::{Dyno, Launch, skipped};
use support::gateway::{Gateway, unique};
use support::relay::Relay;
use url::Url;

/// The variable with the mirror of real agents, a URL or a folder, in the layout of the release server.
const RELEASES: &str = "HOOP_REAL_RELEASES";

/// One agent for each way in which agents have differed. A mirror may lack all but the last.
const VERSIONS: [&str; 8] = [
    "1.19.63", "1.20.11", "1.21.22", "1.21.23", "1.22.0", "1.23.3", "1.43.0", "1.148.0",
];

/// Nothing of ours outlives the app by more than this.
const PROMISE: Duration = Duration::from_secs(10);

/// The agents from version `first` on which the mirror has and which can speak to this gateway.
#[track_caller]
fn agents(gateway: &Gateway, first: &str) -> Vec<&'static str> {
    let at_least = |version: &str, bound: &str| {
        let parse = |text: &str| text.parse::<Version>().expect("it is a version");
        parse(version) >= parse(bound)
    };
    let found: Vec<_> = VERSIONS
        .into_iter()
        .filter(|version| at_least(version, first))
        .filter(|version| {
            let has = has_release(version);
            if !has {
                skipped(&format!("{RELEASES} has no {version}"));
            }
            has
        })
        .filter(|version| {
            // Until 1.23.3 an agent does TLS whatever the scheme of its key.
            let speaks = gateway.does_tls() || at_least(version, "1.23.3");
            if !speaks {
                skipped(&format!("{version} speaks to gateways with TLS only"));
            }
            speaks
        })
        .collect();
    assert!(!found.is_empty(), "there is no agent to run this with");
    found
}

/// The mirror's base.
fn releases() -> String {
    let base = std::env::var(RELEASES).unwrap_or_else(|_| panic!("set {RELEASES}, see CONTRIBUTING.md"));
    if base.contains("://") {
        return base;
    }
    let folder = Path::new(&base).canonicalize().expect("the mirror can be found");
    let url = Url::from_directory_path(folder).expect("a canonical path has a URL");
    url.to_string()
}

/// Whether the mirror has a version, by what a build would ask for first.
fn has_release(version: &str) -> bool {
    let file = format!("{}/{version}/checksums.txt", releases().trim_end_matches('/'));
    let found = Command::new("curl")
        .args(["--fail", "--silent", "--output", "/dev/null", &file])
        .status();
    found.expect("curl can be started").success()
}

/// A slug with a real agent, as the platform builds it.
#[track_caller]
fn built(version: &str) -> Build {
    let build = Build::from(&releases()).with("HOOP_VERSION", version);
    build.compile().succeeds();
    assert_eq!(build.manifest()["agent_version"], version);
    build
}

/// A dyno of `build` with this key, and with the authorities that this process trusts.
fn dyno(build: &Build, key: &str) -> Launch {
    let launch = Launch::in_folder(build.app())
        .with("HOOP_KEY", key)
        .with("DYNO", "web.1");
    match std::env::var_os("SSL_CERT_FILE") {
        Some(authorities) => launch.with("SSL_CERT_FILE", authorities),
        None => launch,
    }
}

/// Boots an app that only waits.
#[track_caller]
fn boot(launch: &Launch) -> Dyno {
    let hoopstart = launch.home().join(".hoop/bin/hoopstart").into_os_string();
    let app = ["--", "sleep", "3600"].map(OsString::from);
    launch.plain([hoopstart].into_iter().chain(app))
}

/// The secret of a key.
fn secret(key: &str) -> &str {
    let (_, rest) = key.split_once("://").expect("a key is a URL");
    let (user, _) = rest.split_once('@').expect("a key names its agent");
    user.split_once(':').expect("a key has a secret").1
}

/// Stops the dyno as the platform does, and asserts what holds whatever happened before: the app had not noticed,
/// nothing is left in time, and no secret was printed.
#[track_caller]
fn stop(mut dyno: Dyno, key: &str) {
    let begin = Instant::now();
    dyno.signal_all(Signal::TERM);
    dyno.dies_by(Signal::TERM.as_raw());
    dyno.closes_output();
    dyno.is_gone_within(PROMISE, begin);
    let printed = dyno.stdout() + &dyno.stderr();
    dyno.assert(!printed.contains(secret(key)), "the secret of the key was printed");
}

#[test]
#[ignore = "needs real agents and a gateway: set HOOP_REAL_RELEASES and HOOP_REAL_GATEWAY, see CONTRIBUTING.md"]
fn a_standard_key_connects_at_once_and_serves() {
    let gateway = Gateway::of_environment();
    for version in agents(&gateway, "1.16.0") {
        let build = built(version);
        let name = unique("standard");
        let key = gateway.agent_key(&name, "standard");
        let dyno = boot(&dyno(&build, &key));
        gateway.shows(&format!("agents/{name}"), "CONNECTED");
        gateway.connect(&name, &name, &["sh"]);
        gateway.serves(&name, "echo from; uname", "from\nLinux\n");
        stop(dyno, &key);
        gateway.shows(&format!("agents/{name}"), "DISCONNECTED");
    }
}

#[test]
#[ignore = "needs real agents and a gateway: set HOOP_REAL_RELEASES and HOOP_REAL_GATEWAY, see CONTRIBUTING.md"]
fn an_embedded_key_serves_when_a_user_comes() {
    let gateway = Gateway::of_environment();
    for version in agents(&gateway, "1.20.0") {
        let build = built(version);
        let name = unique("embedded");
        let key = gateway.agent_key(&name, "embedded");
        let dyno = boot(&dyno(&build, &key));
        gateway.connect(&name, &name, &["sh"]);
        gateway.serves(&name, "echo on demand", "on demand\n");
        stop(dyno, &key);
    }
}

#[test]
#[ignore = "needs real agents and a gateway: set HOOP_REAL_RELEASES and HOOP_REAL_GATEWAY, see CONTRIBUTING.md"]
fn an_organizations_key_publishes_each_connection_with_the_apps_environment_and_no_key() {
    let gateway = Gateway::of_environment();
    let key = gateway.organization_key();
    for version in agents(&gateway, "1.21.0") {
        let build = built(version);
        let names = [unique("orders"), unique("console")];
        for name in &names {
            gateway.expect_connection(name);
        }
        let launch = dyno(&build, &key)
            .with("HOOP_CONNECTION", names.join(", "))
            .with("HOOP_COMMAND", "sh")
            .with("GREETING", GREETING);
        let dyno = boot(&launch);
        for name in &names {
            gateway.shows(&format!("connections/{name}"), "online");
            gateway.serves(name, "env | grep -c ^HOOP_KEY= || echo no key", "0\nno key\n");
            if exports(version) {
                gateway.serves(name, "echo \"$GREETING\"", "good   morning\n");
            }
        }
        stop(dyno, &key);
    }
}

/// The value of a variable of the app. Blanks show who has split it.
const GREETING: &str = "good   morning";

/// Whether a session has the app's variables. Before 1.21.23 an agent hands over none.
fn exports(version: &str) -> bool {
    let version: Version = version.parse().expect("it is a version");
    version.at_least(1, 21, 23)
}

/// Lines for `HOOP_COMMAND`, which must do what they do in `sh -c`.
const COMMAND_LINES: [&str; 20] = [
    "echo plain words",
    "echo 'one   word'",
    "echo \"double   quotes\"",
    r"echo back\ slash",
    "echo it\\'s",
    "echo $GREETING",
    "echo \"$GREETING\"  '$GREETING'",
    "echo ${GREETING%% *}",
    "echo $((6 * 7))",
    "echo $(echo inner)",
    "echo `echo older`",
    "echo a b | tr ab xy",
    "true && echo both",
    "false || echo other",
    "echo first; echo second",
    "echo lost >/dev/null; echo kept",
    "ONCE=set; echo $ONCE",
    "LONG=gone sh -c 'echo $LONG'",
    "(echo in a group)",
    "if true; then echo yes; fi",
];

#[test]
#[ignore = "needs real agents and a gateway: set HOOP_REAL_RELEASES and HOOP_REAL_GATEWAY, see CONTRIBUTING.md"]
fn hoop_command_does_what_the_shell_does() {
    let gateway = Gateway::of_environment();
    let key = gateway.organization_key();
    // The last that takes the command as arguments, the first that reads it as a line, and the newest.
    let mut versions = agents(&gateway, "1.21.0");
    versions.retain(|version| ["1.21.22", "1.21.23", "1.148.0"].contains(version));
    for version in versions {
        let build = built(version);
        // A few at a time: each is an agent of 60 MB.
        for lines in COMMAND_LINES.chunks(4) {
            thread::scope(|scope| {
                for line in lines {
                    scope.spawn(|| assert_runs_as_the_shell_does(&gateway, (version, &build), &key, line));
                }
            });
        }
    }
}

/// Publishes a connection with `line` as its command, and compares a session with what `sh -c` prints.
fn assert_runs_as_the_shell_does(gateway: &Gateway, (version, build): (&str, &Build), key: &str, line: &str) {
    let mut shell = Command::new("sh");
    shell.args(["-c", line]);
    if exports(version) {
        shell.env("GREETING", GREETING);
    }
    let shell = shell.output().expect("sh can be started");
    let name = unique("command");
    gateway.expect_connection(&name);
    let launch = dyno(build, key)
        .with("HOOP_CONNECTION", &name)
        .with("HOOP_COMMAND", line)
        .with("GREETING", GREETING);
    let dyno = boot(&launch);
    gateway.serves(&name, "", &String::from_utf8_lossy(&shell.stdout));
    stop(dyno, key);
}

#[test]
#[ignore = "needs real agents and a gateway: set HOOP_REAL_RELEASES and HOOP_REAL_GATEWAY, see CONTRIBUTING.md"]
fn an_agent_that_was_killed_is_back() {
    let gateway = Gateway::of_environment();
    for version in agents(&gateway, "1.16.0") {
        let build = built(version);
        let name = unique("killed");
        let key = gateway.agent_key(&name, "standard");
        let dyno = boot(&dyno(&build, &key));
        gateway.shows(&format!("agents/{name}"), "CONNECTED");
        gateway.connect(&name, &name, &["sh"]);
        // The parent of a session's command is the agent, which no one else may be able to look at.
        let session = gateway.session(&name, "kill -KILL $PPID; sleep 1");
        assert!(session.exit_code < 0, "{version}: {session:?}");
        gateway.serves(&name, "echo again", "again\n");
        stop(dyno, &key);
    }
}

#[test]
#[ignore = "needs real agents and a gateway: set HOOP_REAL_RELEASES and HOOP_REAL_GATEWAY, see CONTRIBUTING.md"]
fn a_revoked_key_serves_no_more_once_the_agent_begins_anew() {
    let gateway = Gateway::of_environment();
    for version in agents(&gateway, "1.16.0") {
        let build = built(version);
        let name = unique("revoked");
        let key = gateway.agent_key(&name, "standard");
        let dyno = boot(&dyno(&build, &key));
        gateway.shows(&format!("agents/{name}"), "CONNECTED");
        gateway.connect(&name, &name, &["sh"]);
        gateway.revoke(&name);
        // The stream of an agent that is there goes on.
        gateway.serves(&name, "echo still", "still\n");
        gateway.session(&name, "kill -KILL $PPID; sleep 1");
        dyno.logs("[start::key-rejected]");
        stop(dyno, &key);
    }
}

#[test]
#[ignore = "needs real agents and a gateway: set HOOP_REAL_RELEASES and HOOP_REAL_GATEWAY, see CONTRIBUTING.md"]
fn of_two_dynos_with_one_standard_key_the_second_is_told_and_the_first_serves() {
    let gateway = Gateway::of_environment();
    for version in agents(&gateway, "1.16.0") {
        let build = built(version);
        let name = unique("twice");
        let key = gateway.agent_key(&name, "standard");
        let first = boot(&dyno(&build, &key));
        gateway.shows(&format!("agents/{name}"), "CONNECTED");
        gateway.connect(&name, &name, &["sh"]);
        let second = boot(&dyno(&build, &key).with("DYNO", "web.2"));
        second.logs("[start::already-connected]");
        gateway.serves(&name, "echo first", "first\n");
        stop(second, &key);
        stop(first, &key);
    }
}

#[test]
#[ignore = "needs real agents and a gateway: set HOOP_REAL_RELEASES and HOOP_REAL_GATEWAY, see CONTRIBUTING.md"]
fn a_gateway_that_was_away_is_found_again() {
    let gateway = Gateway::of_environment();
    let organization = gateway.organization_key();
    let Some(target) = loopback_address(&organization) else {
        skipped("the gateway's keys name no address of loopback, so that no relay can stand before it");
        return;
    };
    for version in agents(&gateway, "1.21.0") {
        let build = built(version);
        let name = unique("away");
        let standard = gateway.agent_key(&name, "standard");
        gateway.connect(&name, &name, &["sh"]);
        let published = unique("away-published");
        gateway.expect_connection(&published);
        for (key, connection) in [(standard, &name), (organization.clone(), &published)] {
            let relay = Relay::to(target);
            let key = key.replace(&target.to_string(), &format!("127.0.0.1:{}", relay.port));
            let launch = dyno(&build, &key)
                .with("HOOP_CONNECTION", &published)
                .with("HOOP_COMMAND", "sh");
            let dyno = boot(&launch);
            gateway.serves(connection, "echo before", "before\n");
            relay.cut();
            dyno.logs("[start::gateway-");
            relay.mend();
            gateway.serves(connection, "echo after", "after\n");
            stop(dyno, &key);
        }
    }
}

#[test]
#[ignore = "needs real agents and a gateway: set HOOP_REAL_RELEASES and HOOP_REAL_GATEWAY, see CONTRIBUTING.md"]
fn what_a_user_types_is_not_logged_whatever_log_level_the_app_has_nor_what_nobody_can_act_on() {
    let gateway = Gateway::of_environment();
    for version in agents(&gateway, "1.16.0") {
        let build = built(version);
        let name = unique("typed");
        let key = gateway.agent_key(&name, "standard");
        let dyno = boot(&dyno(&build, &key).with("LOG_LEVEL", "error"));
        gateway.shows(&format!("agents/{name}"), "CONNECTED");
        gateway.connect(&name, &name, &["sh"]);
        gateway.serves(&name, "echo typed | tr a-z A-Z", "TYPED\n");
        dyno.logs("cleaning up session");
        // Some agents print it as a list of bytes.
        let bytes: Vec<String> = b"echo typed".iter().map(u8::to_string).collect();
        for typed in ["echo typed", &bytes.join(" ")] {
            dyno.assert(!dyno.stderr().contains(typed), version);
        }
        // Nor anything that nobody can act on.
        for workings in [
            "DLP_MODE",
            "dlp",
            "featureflagstate",
            "HOOP_GATEWAY_URL",
            "done copying",
            "warning",
        ] {
            dyno.assert(!dyno.stderr().contains(workings), version);
        }
        stop(dyno, &key);
    }
}

#[test]
#[ignore = "needs real agents and a gateway: set HOOP_REAL_RELEASES and HOOP_REAL_GATEWAY, see CONTRIBUTING.md"]
fn a_file_publishes_databases_and_commands_with_their_rules() {
    let gateway = Gateway::of_environment();
    let Some(url) = std::env::var_os("HOOP_REAL_DATABASE") else {
        skipped("HOOP_REAL_DATABASE has no URL of a PostgreSQL database, see CONTRIBUTING.md");
        return;
    };
    let key = gateway.organization_key();
    for version in agents(&gateway, "1.21.23") {
        let build = built(version);
        let [database, shell, reviewed] = ["database", "shell", "reviewed"].map(unique);
        for name in [&database, &shell, &reviewed] {
            gateway.expect_connection(name);
        }
        build.put(
            "hoop.yml",
            &format!(
                "connections:\n  {database}: {{database: DATABASE_URL, mask: [EMAIL_ADDRESS, PHONE_NUMBER]}}\n  \
                 {shell}: {{command: sh}}\n  {reviewed}: {{command: sh, review: [admin]}}\n"
            ),
        );
        let dyno = boot(&dyno(&build, &key).with("DATABASE_URL", &url).with("RAILS_ENV", "test"));

        let found = gateway.connection(&database);
        assert_eq!(
            (&found["type"], &found["subtype"]),
            (&json!("database"), &json!("postgres"))
        );
        assert_eq!(found["command"][0], "psql");
        assert_eq!(found["redact_types"], json!(["EMAIL_ADDRESS", "PHONE_NUMBER"]));
        let found = gateway.connection(&reviewed);
        assert_eq!((&found["type"], &found["subtype"]), (&json!("custom"), &json!("")));
        assert_eq!(found["command"], json!(["sh"]));
        assert_eq!(found["reviewers"], json!(["admin"]));

        gateway.serves(&shell, "echo \"$RAILS_ENV.$DATABASE_URL.$HOOP_DB_URI\"", "test..\n");
        gateway.serves(&database, "select 6 * 7", "?column?\n42\n(1 row)\n");
        // Nothing runs before the review, or without the licence that a review on the web needs.
        let session = gateway.session(&reviewed, "echo now");
        assert!(
            session.exit_code < 0 && session.output.contains("review"),
            "{session:?}"
        );
        let url = Url::parse(&url.to_string_lossy()).expect("it is a URL");
        let encoded = url.password().expect("it has a password");
        let password = percent_encoding::percent_decode_str(encoded).decode_utf8_lossy();
        for password in [encoded, &password] {
            dyno.assert(
                !dyno.stderr().contains(password),
                "the password of the database was printed",
            );
        }
        stop(dyno, &key);
    }
}

/// Where the gateway of a key listens, if that is an address of this machine.
fn loopback_address(key: &str) -> Option<SocketAddr> {
    let (_, place) = key.split_once('@')?;
    let place: SocketAddr = place.split(['?', '/']).next()?.parse().ok()?;
    place.ip().is_loopback().then_some(place)
}

#[test]
#[ignore = "needs real agents and a gateway: set HOOP_REAL_RELEASES and HOOP_REAL_GATEWAY, see CONTRIBUTING.md"]
fn what_an_old_agent_never_does_is_told_and_the_app_runs() {
    let gateway = Gateway::of_environment();
    let organization = gateway.organization_key();
    let key = format!("{organization}?mode=multi-connection");
    for version in ["1.19.63", "1.20.11"]
        .into_iter()
        .filter(|version| has_release(version))
    {
        // The one refuses such a key, the other publishes the name and no session of it ever begins.
        let build = built(version);
        let name = unique("too-old");
        gateway.expect_connection(&name);
        let dyno = boot(&dyno(&build, &key).with("HOOP_CONNECTION", &name));
        dyno.logs("[start::agent-too-old]");
        dyno.assert(gateway.session_fails(&name), version);
        stop(dyno, &key);
    }
}
