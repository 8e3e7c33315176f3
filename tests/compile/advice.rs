//! Advice on the app, given with a build that goes well.

use crate::support::build::Build;
use crate::support::mirror::{Mirror, VERSION};
use crate::support::run::Run;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

#[test]
fn a_procfile_that_forgets_hoopstart_is_quoted_with_the_line_that_would_be_right() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url());
    build.put("Procfile", "web: bundle exec puma -C config/puma.rb\n");

    build.compile_warns(
        VERSION,
        &[
            "web: bundle exec puma -C config/puma.rb",
            "web: hoopstart -- bundle exec puma -C config/puma.rb",
        ],
    );
}

#[test]
fn a_procfile_that_forgets_hoopstart_is_fine_where_the_agent_starts_by_itself() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url()).with("HOOP_AUTOSTART", "on");
    build.put("Procfile", "web: ./server\n");

    build.compile().succeeds_quietly();
}

#[test]
fn every_way_to_reach_hoopstart_counts() {
    let server = Mirror::of(VERSION).serve();
    for line in [
        "web: hoopstart -- ./server",
        "web: bin/hoopstart -- ./server",
        "web: ./bin/hoopstart -- ./server",
        "web: .hoop/bin/hoopstart -- ./server",
        "web: hoopwrapper -- ./server",
        "web: env A=1 hoopstart -- ./server",
    ] {
        let build = Build::from(&server.url());
        build.put("Procfile", &format!("{line}\nworker: ./worker\n"));

        let run = build.compile();

        run.succeeds().assert(run.stderr().is_empty(), line);
    }
}

#[test]
fn hoopstart_without_its_dashes_is_quoted_with_the_line_that_would_be_right() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url());
    build.put("Procfile", "web: hoopstart bundle exec puma\n");

    build.compile_warns(
        VERSION,
        &["web: hoopstart bundle exec puma", "web: hoopstart -- bundle exec puma"],
    );
}

#[test]
fn a_script_of_the_app_that_starts_hoopstart_is_a_start() {
    let server = Mirror::of(VERSION).serve();
    for (line, path, text, counts) in [
        ("bin/web", "bin/web", "#!/bin/sh\nexec hoopstart -- ./server\n", true),
        (
            "bash ./bin/web x",
            "bin/web",
            "migrate &&\n  hoopstart -- ./server\n",
            true,
        ),
        (
            "npm start",
            "package.json",
            "{\"scripts\": {\"start\": \"hoopstart -- node .\"}}",
            true,
        ),
        (
            "bin/web",
            "bin/web",
            "# Not yet: hoopstart -- ./server\nexec ./server\n",
            false,
        ),
        (
            "npm start",
            "package.json",
            "{\"scripts\": {\"start\": \"node .\"}}",
            false,
        ),
    ] {
        let build = Build::from(&server.url());
        build.put("Procfile", &format!("web: {line}\n"));
        build.put(path, text);

        let run = build.compile();

        let is_told = run.succeeds().stderr().contains("no line of the Procfile");
        run.assert(is_told != counts, line);
    }
}

#[test]
fn an_app_without_a_procfile_builds() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url());
    fs::remove_file(build.app().join("Procfile")).unwrap();

    build.compile_warns(VERSION, &["Procfile"]);
}

#[test]
fn a_procfile_that_cannot_be_read_does_not_fail_a_build() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url());
    fs::write(build.app().join("Procfile"), b"web: caf\xe9 --serve\n\x00\x1b[31m\n").unwrap();

    build.compile_warns(VERSION, &["Procfile"]);
}

#[test]
fn connections_that_cannot_be_published_are_quoted() {
    let server = Mirror::of(VERSION).serve();
    // One byte more than any generation of the agent takes.
    let build = Build::from(&server.url()).with("HOOP_CONNECTION", &"orders-db,".repeat(26)[..256]);

    build.compile_warns(VERSION, &["HOOP_CONNECTION", "256", "orders-db,orders-db"]);
}

#[test]
fn a_procfile_in_utf16_misnamed_or_without_a_line_is_named_with_what_is_wrong() {
    let server = Mirror::of(VERSION).serve();
    let utf16: Vec<u8> = "\u{feff}web: hoopstart -- ./server\r\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let cases: [(&str, &[u8], &[&str]); 7] = [
        (
            "Procfile",
            &utf16,
            &["the Procfile is in UTF-16", "iconv -f UTF-16 -t UTF-8 Procfile"],
        ),
        ("Procfile", b"\n", &["the Procfile is empty"]),
        (
            "Procfile",
            b"web hoopstart -- ./server\n",
            &["the Procfile defines no process", "web hoopstart -- ./server"],
        ),
        (
            "procfile",
            b"web: x\n",
            &["a file named procfile.", "git mv -f procfile Procfile"],
        ),
        (
            "Procfile.txt",
            b"web: x\n",
            &["a file named Procfile.txt.", "git mv -f Procfile.txt Procfile"],
        ),
        (
            "ProcFile",
            b"web: x\n",
            &["a file named ProcFile.", "git mv -f ProcFile Procfile"],
        ),
        (
            "web app/Procfile",
            b"web: x\n",
            &[
                "a file named web app/Procfile.",
                "git mv -f 'web app/Procfile' Procfile",
            ],
        ),
    ];
    for (name, bytes, phrases) in cases {
        let build = Build::from(&server.url());
        fs::remove_file(build.app().join("Procfile")).unwrap();
        build.put(name, "");
        fs::write(build.app().join(name), bytes).unwrap();

        build.compile_warns(VERSION, phrases);
    }
    // With a byte order mark it is one.
    let build = Build::from(&server.url());
    build.put("Procfile", "\u{feff}web: hoopstart -- ./server\n");
    build.compile_installs(VERSION);
    assert_eq!(build.manifest()["process_types"][0], "web");
}

#[test]
fn the_order_of_buildpacks_is_told_where_it_matters() {
    let server = Mirror::of(VERSION).serve();
    let build = |procfile: &str| {
        let build = Build::from(&server.url()).with("HOOP_AUTOSTART", "on");
        build.put("Procfile", procfile);
        build.put(".profile.d/nodejs.sh", "export PATH=$PATH\n");
        build
    };
    build("web: npm start\n").compile_installs(VERSION);
    build("release: npm run migrate\n").compile_warns(VERSION, &[".profile.d/nodejs.sh", "buildpacks:add --index 1"]);
    // A script of the app's own is no trace of a buildpack.
    let own = Build::from(&server.url()).with("HOOP_AUTOSTART", "on");
    own.put(".profile.d/own.sh", "\n");
    own.put("Procfile", "worker: x\n");
    own.compile_installs(VERSION);

    for name in ["PROJECT_PATH", "APP_BASE"] {
        // What such a buildpack leaves, and what it has not touched yet.
        let after = build("release: x\n").with(name, "backend");
        after
            .compile_warns(VERSION, &[name, "buildpacks:add --index 2"])
            .hides(&["--index 1"]);
        let before = build("release: x\n").with(name, "backend");
        before.put("backend/Procfile", "web: npm start\n");
        before.compile_warns(
            VERSION,
            &[
                "another buildpack will remove what this one installs.",
                name,
                "--index 2",
            ],
        );
    }
    // Theirs may hold anything.
    let other = build("web: npm start\n");
    other.set("PROJECT_PATH", b"\xff\xfe");
    other.compile_installs(VERSION);
}

/// Lines that do not do what they seem to, with what the right one prints. `show` prints its arguments and `$A`.
const LINES: [(&str, &str); 44] = [
    ("show x", "<x>[]"),
    ("A=b show x", "<x>[b]"),
    ("A=b exec show x", "<x>[b]"),
    ("exec show", "[]"),
    ("A=$B show x", "<x>[two]"),
    ("hoopstart show x", "<x>[]"),
    ("A=b hoopstart show x", "<x>[b]"),
    ("env A=b hoopstart show x", "<x>[b]"),
    ("exec hoopstart show x", "<x>[]"),
    ("hoopstart", "bundle<exec><puma><-C><config/puma.rb>"),
    ("hoopstart --", "bundle<exec><puma><-C><config/puma.rb>"),
    ("hoopstart && show x", "<x>[]"),
    ("hoopstart —— show x", "<x>[]"),
    ("hoopstart - show x", "<x>[]"),
    ("hoopstart -- -- show x", "<x>[]"),
    ("hoopstart --show x -y", "<x><-y>[]"),
    ("hoopstart -show x", "<x>[]"),
    ("hoopstart --./show x", "<x>[]"),
    ("hoopstart -e x show y", "<y>[]"),
    ("hoopstart -e A=b show y", "<y>[b]"),
    ("hoopstart -v show y", "<y>[]"),
    ("hoopstart --chek show x", "<x>[]"),
    ("hoopstart --check show x", "<x>[]"),
    ("hoopstart --check --connect -- show x", "<x>[]"),
    ("hoopstart \"show x y\"", "<x><y>[]"),
    ("hoopstart -- 'show x y'", "<x><y>[]"),
    ("hoopstart -- \"A=b show x\"", "<x>[b]"),
    ("hoopstart -- A=b show x", "<x>[b]"),
    ("hoopstart -- exec show x", "<x>[]"),
    ("hoopstart -- cd app && show x", "started[]"),
    ("hoopstart -- A+=b show x", "started[]"),
    ("hoopstart -- A=$(echo b) show x", "started[]"),
    ("hoopstart -- (show x)", "started[]"),
    ("hoopstart --show ${B:-x} -y", "<two><-y>[]"),
    ("hoopstart --port 3000 show x", "<x>[]"),
    ("hoopstart --name x -- show y", "<y>[]"),
    ("show x & hoopstart", "<x>[]"),
    ("\"hoopstart -- show x\"", "<x>[]"),
    ("'hoopstart --check show x'", "started[]"),
    ("\"show x y\"", "<x><y>[]"),
    ("A=* show x", "<x>[*]"),
    ("hoopstrat -- show x", "<x>[]"),
    ("hoop start show x", "<x>[]"),
    ("hoopstart\u{a0}-- show x", "<x>[]"),
];

/// Writes a program of the app.
fn put_program(build: &Build, path: &str, text: &str) {
    build.put(path, &format!("#!/bin/sh\n{text}\n"));
    fs::set_permissions(build.app().join(path), fs::Permissions::from_mode(0o755)).expect("its mode can be changed");
}

/// Runs a line of the Procfile as a dyno of Heroku does, or one of herokuish, which has no shell for it.
fn boot(app: &Path, line: &str, is_herokuish: bool) -> Run {
    let profile = "cd \"$HOME\"; for file in .profile.d/*.sh; do . \"./$file\"; done; ";
    let start = if is_herokuish {
        "set -f; exec $(eval echo \"$1\")"
    } else {
        "eval \"$1\""
    };
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("{profile}{start}"), "sh", line])
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", app.join("programs").display()))
        .env("HOME", app)
        .env("DYNO", "web.1")
        .env("HOOP_DISABLE", "true")
        .env("B", "two");
    Run::of(command)
}

/// Every line that is advised is run, on both kinds of platforms: whoever pastes it must get what they meant.
#[test]
fn advised_lines_work_when_they_are_pasted() {
    let server = Mirror::of(VERSION).serve();
    let build = Build::from(&server.url());
    let show = "for word; do printf '<%s>' \"$word\"; done; echo \"[$A]\"";
    put_program(&build, "programs/show", show);
    put_program(&build, "show", show);
    put_program(
        &build,
        "programs/bundle",
        &format!("printf bundle; {}", show.replace("[$A]", "")),
    );
    put_program(&build, "bin/start", "echo \"started[$A]\"");
    let line_of = |number: usize| format!("type-{number}: {}\n", LINES[number].0);
    let (with, without): (Vec<usize>, Vec<usize>) =
        (0..LINES.len()).partition(|number| LINES[*number].0.contains("hoopstart"));
    // Where no line starts the agent only one of them is shown, so these come one by one.
    let procfiles = without.into_iter().map(|number| vec![number]).chain([with]);
    for numbers in procfiles {
        let procfile: String = numbers.iter().map(|number| line_of(*number)).collect();
        build.put("Procfile", &procfile);
        let run = build.compile();
        for number in numbers {
            let (line, printed) = LINES[number];
            check_pasted(&build, &run, &format!("type-{number}"), line, printed);
        }
    }
}

/// Asserts that the last of the lines that are advised for `process_type` prints what was meant.
#[track_caller]
fn check_pasted(build: &Build, run: &Run, process_type: &str, line: &str, printed: &str) {
    let beginning = format!(" !         {process_type}: ");
    let shown: Vec<&str> = run
        .stderr()
        .lines()
        .filter_map(|shown| shown.strip_prefix(&beginning))
        .collect();
    let [quoted, .., advised] = shown.as_slice() else {
        run.fail(&format!("expected {line} with another line"));
    };
    assert_eq!(*quoted, line);
    for is_herokuish in [false, true] {
        let booted = boot(build.app(), advised, is_herokuish);
        booted.exits(0).assert(
            (booted.stdout().trim_end(), booted.stderr()) == (printed, ""),
            &format!("{advised}, for {line}, herokuish: {is_herokuish}"),
        );
    }
}

#[test]
fn a_server_behind_the_command_that_has_the_agent_is_given_it() {
    let server = Mirror::of(VERSION).serve();
    for (line, right, printed) in [
        (
            "hoopstart -- show m && show s",
            "show m && hoopstart -- show s",
            "<m>[]\n<s>[]\n",
        ),
        (
            "hoopstart show m; A=b exec show s",
            "show m; exec hoopstart -- env A=b show s",
            "<m>[]\n<s>[b]\n",
        ),
        (
            "cd . && hoopstart -- A=b show m && show s",
            "cd . && env A=b show m && hoopstart -- show s",
            "<m>[b]\n<s>[]\n",
        ),
    ] {
        let build = Build::from(&server.url());
        put_program(&build, "programs/show", "printf '<%s>' \"$@\"; echo \"[$A]\"");
        put_program(&build, "bin/start", "show m && exec show s");
        build.put("Procfile", &format!("web: {line}\n"));

        build.compile_warns(VERSION, &[&format!("web: {line}"), &format!("web: {right}")]);
        boot(build.app(), right, false).exits(0).shows(&[printed]);
        for is_herokuish in [false, true] {
            let run = boot(build.app(), "hoopstart -- bash bin/start", is_herokuish);
            run.exits(0).shows(&["<m>[]\n<s>[]\n"]);
        }
    }
}

#[test]
fn a_key_in_the_procfile_is_nowhere_in_the_log() {
    let server = Mirror::of(VERSION).serve();
    for line in [
        "HOOP_KEY=grpcs://web:S3CR3T@gw.example:8443?mode=standard hoopstart ./server",
        "hoopstart -- HOOP_DSN='S3CR3T' ./server",
        "./server --dsn grpcs://web:S3CR3T@gw.example:8443",
        "hoopstart --key=S3CR3T ./server",
        "hoopstart \"./server --token S3CR3T\"",
    ] {
        let build = Build::from(&server.url());
        build.put("Procfile", &format!("web: {line}\n"));

        build
            .compile_warns(VERSION, &["****", "stands for a secret"])
            .hides(&["S3CR3T"]);
    }
    let build = Build::from(&server.url());
    build.put("Procfile", "web HOOP_KEY=S3CR3T hoopstart -- ./server\n");
    build
        .compile_warns(VERSION, &["the Procfile defines no process"])
        .hides(&["S3CR3T"]);
}

#[test]
fn a_pinned_version_that_can_never_do_what_the_key_asks_for_is_told_with_the_way_out() {
    let multi = "grpcs://_default:xagt-S3CR3T@gateway.example:8443?mode=multi-connection";
    let organization = "grpcs://_default:xagt-S3CR3T@gateway.example:8443";
    for (version, key, told) in [
        ("1.20.11", multi, "no session on"),
        ("1.20.11", organization, "refuses an agent key without ?mode="),
        ("1.19.63", multi, "refuses an agent key of mode multi-connection"),
        ("1.20.11", "", "no session on"),
    ] {
        let server = Mirror::of(version).serve();
        let build = Build::from(&server.url()).with("HOOP_VERSION", version);
        build.put("Procfile", "web: hoopstart -- ./server\n");
        let build = if key.is_empty() {
            build
        } else {
            build.with("HOOP_KEY", key)
        };
        let run = build.compile_warns(version, &[told, "heroku config:unset HOOP_VERSION"]);
        run.hides(&["S3CR3T"]);
    }
    // An agent that is not asked for by its number is the newest one at the next build.
    let server = Mirror::of("1.20.11").serve();
    let build = Build::from(&server.url()).with("HOOP_KEY", multi);
    build.put("Procfile", "web: hoopstart -- ./server\n");
    build.compile().succeeds_quietly();
}
