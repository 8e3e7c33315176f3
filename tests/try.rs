//! `try`: an app of this repository from its folder to a clean stop, as a person sees it.

mod support;

use rustix::process::Signal;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use support::dyno::{Dyno, LIMIT, Launch, MARK, SECRET, STANDARD, program};
use support::tree::Tree;
use tempfile::TempDir;

/// A person who tries apps: a scratch folder, and nothing else.
struct Person {
    scratch: TempDir,
}

impl Person {
    fn new() -> Self {
        let scratch = TempDir::with_prefix("a person's ").expect("a scratch folder can be made");
        for folder in ["tmp", "apps"] {
            fs::create_dir(scratch.path().join(folder)).expect("a folder can be made");
        }
        Self { scratch }
    }

    /// Makes an app of these files.
    fn app(&self, files: &[(&str, &str)]) -> PathBuf {
        let app = self.scratch.path().join("apps/app");
        fs::create_dir(&app).expect("a folder can be made");
        for (name, text) in files {
            let path = app.join(name);
            fs::create_dir_all(path.parent().expect("it is in the app")).expect("a folder can be made");
            fs::write(path, text).expect("a file can be written");
        }
        app
    }

    /// The folder for temporary files.
    fn tmp(&self) -> PathBuf {
        self.scratch.path().join("tmp")
    }

    /// Runs `try` with these arguments.
    #[track_caller]
    fn tries<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Dyno {
        self.tries_with(Launch::in_folder(self.scratch.path()), arguments)
    }

    /// Runs `try` with these arguments, where all is well but what `launch` changes.
    #[track_caller]
    fn tries_with<A: AsRef<OsStr>>(&self, launch: Launch, arguments: impl IntoIterator<Item = A>) -> Dyno {
        let mut launch = launch.with("TMPDIR", self.tmp()).with("HOOP_KEY", STANDARD);
        // Where the toolchain is that compiles the app.
        for name in ["HOME", "RUSTUP_HOME", "CARGO_HOME"] {
            if let Some(value) = std::env::var_os(name) {
                launch = launch.with(name, value);
            }
        }
        let mut words: Vec<OsString> = vec![env!("CARGO_BIN_EXE_hoop-buildpack").into(), "try".into()];
        words.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        // A config var, so that the processes of the dyno have it as well.
        words.extend(["--env".into(), MARK.into()]);
        launch.plain(words)
    }

    /// Waits for the end, and asserts the exit code and that nothing is left.
    #[track_caller]
    fn ends(&self, mut dyno: Dyno, code: i32) -> Dyno {
        dyno.exits(code).closes_output();
        dyno.assert(dyno.processes().is_empty(), "no process may be left");
        let left = Tree::of(&self.tmp());
        dyno.assert(left.paths().is_empty(), &format!("no file may be left: {left:?}"));
        let shown = dyno.stdout() + &dyno.stderr();
        dyno.assert(!shown.contains(SECRET), "the key must not be shown");
        dyno
    }
}

/// An app of this repository.
fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/apps").join(name)
}

/// The release mirror of this repository.
fn releases() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/releases");
    url::Url::from_file_path(folder)
        .expect("the folder's path is absolute")
        .into()
}

/// The same, as an argument.
fn releases_of_tests() -> &'static OsStr {
    static RELEASES: std::sync::LazyLock<OsString> = std::sync::LazyLock::new(|| releases().into());
    &RELEASES
}

/// Sends a request to the app.
fn request(port: u16, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the app listens");
    stream.set_read_timeout(Some(LIMIT)).expect("the limit is not zero");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: app\r\n\r\n").expect("the app reads");
    stream
}

/// The answer to a request.
fn answer(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("the app answers");
    text
}

#[test]
fn an_app_drains_where_there_is_no_bash() {
    let person = Person::new();
    // Every program of this machine but bash.
    let programs = person.scratch.path().join("programs");
    fs::create_dir(&programs).expect("a folder can be made");
    for folder in ["/bin", "/usr/bin"] {
        for program in fs::read_dir(folder).expect("the folder is there").flatten() {
            if program.file_name() != "bash" {
                // Fails for what is in both.
                let _ = std::os::unix::fs::symlink(program.path(), programs.join(program.file_name()));
            }
        }
    }
    let launch = Launch::in_folder(person.scratch.path()).with("PATH", programs);
    let app = fixture("web-and-worker");
    let dyno = person.tries_with(launch, [app.as_os_str(), "worker".as_ref()]);
    dyno.prints("worker: up");
    dyno.signal(Signal::INT);
    let dyno = person.ends(dyno, 0);
    dyno.prints("worker: stopped\n");
}

#[test]
fn a_web_app_is_built_booted_answers_and_drains() {
    let person = Person::new();
    let before = Tree::of(&fixture("web-drains"));
    let dyno = person.tries([fixture("web-drains").as_os_str(), "--env".as_ref(), "HOOP_KEY".as_ref()]);
    dyno.prints("listening on port ");
    dyno.logs("hoop | connected gateway=gateway.example:8443\n");
    let said = dyno.stdout();
    let port: u16 = said
        .split_once("its PORT is ")
        .and_then(|(_, rest)| rest.lines().next()?.parse().ok())
        .unwrap_or_else(|| dyno.fail("expected the port"));
    dyno.assert(
        said.contains(&format!("listening on port {port}\n")),
        "expected the same port",
    );
    let agent = dyno.has_agents(1).remove(0);
    assert_eq!(agent.variable("DYNO"), Some(OsStr::new("web.1")));

    assert!(answer(request(port, "/")).starts_with("HTTP/1.1 200 OK\r\n"));
    // Ctrl-C, with a request under way.
    let slow = request(port, "/slow");
    let read = || answer(request(port, "/")).contains("hello");
    assert!(read());
    dyno.signal(Signal::INT);
    assert!(answer(slow).contains("a slow hello"));

    let dyno = person.ends(dyno, 0);
    let said = dyno.stdout();
    let mut rest = said.as_str();
    for step in [
        "-----> Hoop agent app detected",
        "-----> Starting process with command `hoopstart -- sh web.sh`",
        "listening on port",
        "-----> Stopping all processes with SIGTERM",
        "draining",
        "drained",
        "-----> Process exited with status 0",
    ] {
        let Some((_, behind)) = rest.split_once(step) else {
            dyno.fail(&format!("expected {step:?}, in this order"));
        };
        rest = behind;
    }
    dyno.assert(dyno.own_lines().is_empty(), "nothing is wrong");
    assert_eq!(
        Tree::of(&fixture("web-drains")),
        before,
        "the app's folder is left alone"
    );
}

#[test]
fn another_process_type_runs_until_the_time_is_over() {
    let person = Person::new();
    let dyno = person.tries([
        fixture("web-and-worker").as_os_str(),
        "worker".as_ref(),
        "--env".as_ref(),
        "HOOP_KEY".as_ref(),
        "--stop-after".as_ref(),
        "3".as_ref(),
    ]);
    let dyno = person.ends(dyno, 0);
    for text in ["It is worker.1", "worker: up", "worker: stopped"] {
        dyno.assert(dyno.stdout().contains(text), &format!("expected {text:?}"));
    }
    dyno.assert(dyno.stderr().contains("hoop | "), "expected the agent's lines");
}

#[test]
fn a_process_type_that_does_not_exist_is_told_with_those_that_do() {
    let person = Person::new();
    let dyno = person.ends(
        person.tries([fixture("web-and-worker").as_os_str(), "clock".as_ref()]),
        2,
    );
    dyno.assert(dyno.stdout().is_empty(), "nobody waits for a build in vain");
    for text in ["\"clock\"", "web, worker"] {
        dyno.assert(dyno.stderr().contains(text), &format!("expected {text:?}"));
    }
}

#[test]
fn an_app_without_a_procfile_has_no_process_to_run() {
    let person = Person::new();
    let dyno = person.ends(person.tries([fixture("no-procfile")]), 1);
    let said = "hoop-buildpack try: there is no process to run: the app has no file named Procfile\n";
    assert_eq!((dyno.stdout().as_str(), dyno.stderr().as_str()), ("", said));
}

/// Runs `git` in a folder, with no settings of the person.
fn git(folder: &Path, arguments: &[&str]) -> bool {
    let mut command = std::process::Command::new("git");
    command
        .args(["-c", "user.name=x", "-c", "user.email=x@x.example"])
        .args(arguments);
    command
        .current_dir(folder)
        .env("HOME", folder)
        .env("GIT_CONFIG_NOSYSTEM", "1");
    command.output().is_ok_and(|output| output.status.success())
}

#[test]
fn a_procfile_that_is_none_is_told_before_anything_is_built() {
    for (files, why) in [
        (
            vec![("procfile", "web: x\n")],
            "the app has no Procfile, but it has a file named procfile",
        ),
        (
            vec![("Procfile.txt", "web: x\n")],
            "the app has no Procfile, but it has a file named Procfile.txt",
        ),
        (
            vec![("app/Procfile", "web: x\n")],
            "the app has no Procfile, but it has a file named app/Procfile",
        ),
        (vec![("Procfile", "")], "the Procfile is empty"),
        (
            vec![("Procfile", "web x\n")],
            "no line of the Procfile is a process type, a colon and a command",
        ),
        (vec![("Procfile/x", "")], "the Procfile is a folder"),
        (
            vec![("Procfile", "web: x\n"), (".slugignore", "/Proc*\n")],
            "git or .slugignore excludes the Procfile",
        ),
    ] {
        let person = Person::new();
        let app = person.app(&files);
        // A server that is asked for nothing.
        let dyno = person.tries([app.as_os_str(), "--releases".as_ref(), "http://127.0.0.1:1/".as_ref()]);
        let dyno = person.ends(dyno, 1);
        let said = format!("hoop-buildpack try: there is no process to run: {why}\n");
        assert_eq!((dyno.stdout(), dyno.stderr()), (String::new(), said));
    }
}

#[test]
fn what_git_ignores_and_slugignore_names_is_not_in_the_slug() {
    let person = Person::new();
    let app = person.app(&[
        (
            "Procfile",
            "web: find . -type f -o -type l | grep -v hoop | LC_ALL=C sort\n",
        ),
        (".gitignore", "*.log\n/node_modules/\n.env\n"),
        (".slugignore", "# not for the slug\n*.psd\n/spec\n"),
        (".env", "A=b\n"),
        ("node_modules/x/index.js", ""),
        ("logs/a.log", ""),
        ("kept.log", "tracked all the same"),
        ("spec/a_spec.rb", ""),
        ("lib/spec/b.rb", ""),
        ("art/a.psd", ""),
        ("new file.txt", "not committed yet"),
        ("gone.txt", "removed, and not committed yet"),
    ]);
    std::os::unix::fs::symlink("kept.log", app.join("link")).unwrap();
    let is_repository = git(&app, &["init", "-q"])
        && git(
            &app,
            &[
                "add",
                "-f",
                "Procfile",
                ".gitignore",
                ".slugignore",
                "kept.log",
                "link",
                "gone.txt",
            ],
        )
        && git(&app, &["commit", "-q", "-m", "x"]);
    fs::remove_file(app.join("gone.txt")).unwrap();
    let arguments = || [app.as_os_str(), "--releases".as_ref(), releases_of_tests()];
    let shown = |dyno: &Dyno| -> Vec<String> {
        let said = dyno.stdout();
        let files = said.lines().filter_map(|line| line.strip_prefix("./"));
        files.map(str::to_owned).collect()
    };
    let kept = [
        ".gitignore",
        ".slugignore",
        "Procfile",
        "kept.log",
        "lib/spec/b.rb",
        "link",
        "new file.txt",
    ];
    if is_repository {
        let dyno = person.ends(person.tries(arguments()), 0);
        assert_eq!(shown(&dyno), kept);
        // Of a repository that git does not read, it is said.
        fs::write(app.join(".git/HEAD"), "damaged").unwrap();
        let dyno = person.ends(person.tries(arguments()), 0);
        let said = "hoop-buildpack try: warning: git cannot list the app's files (";
        dyno.assert(dyno.stderr().contains(said), "expected a line");
        dyno.assert(shown(&dyno).contains(&"logs/a.log".to_owned()), "expected all files");
        fs::remove_dir_all(app.join(".git")).unwrap();
    }
    // In no repository, only one of the two says anything.
    let dyno = person.ends(person.tries(arguments()), 0);
    let mut all: Vec<&str> = kept.to_vec();
    all.extend([".env", "logs/a.log", "node_modules/x/index.js"]);
    all.sort_unstable();
    assert_eq!(shown(&dyno), all);
    dyno.assert(!dyno.stderr().contains("hoop-buildpack try:"), "nothing is to be told");
}

#[test]
fn an_app_in_a_folder_that_a_repository_ignores_is_whole() {
    let person = Person::new();
    let app = person.app(&[("Procfile", "web: cat data/x\n"), ("data/x", "it is here\n")]);
    let outer = person.scratch.path().join("apps");
    fs::write(outer.join(".gitignore"), "/app\n").unwrap();
    if git(&outer, &["init", "-q"]) {
        let dyno = person.tries([app.as_os_str(), "--releases".as_ref(), releases_of_tests()]);
        person.ends(dyno, 0).prints("it is here\n");
    }
}

#[test]
fn a_repository_within_the_app_is_copied_with_its_files() {
    let person = Person::new();
    let app = person.app(&[
        ("Procfile", "web: cat sub/x; ls -a sub\n"),
        ("sub/x", "it is here\n"),
        ("sub/.git", "gitdir: none\n"),
    ]);
    fs::remove_file(app.join("sub/.git")).unwrap();
    if git(&app, &["init", "-q"]) && git(&app.join("sub"), &["init", "-q"]) {
        let dyno = person.tries([app.as_os_str(), "--releases".as_ref(), releases_of_tests()]);
        let dyno = person.ends(dyno, 0);
        dyno.prints("it is here\n");
        dyno.assert(!dyno.stdout().contains(".git"), "a push has no repository in it");
    }
}

#[test]
fn a_file_of_config_vars_is_read_as_people_have_it() {
    let person = Person::new();
    let app = person.app(&[
        ("Procfile", "web: env; echo end\n"),
        (
            ".env",
            "\u{feff}# for a laptop\r\nexport PLAIN=b c # a comment\r\nQUOTED=\"two words\" # and one\r\n\
             SINGLE='$HOME #'\r\n\
             PEM=\"-----BEGIN\r\nMIIE\r\n-----END\"\r\nPORT=3000\r\nDYNO='worker.9'\r\nHOME=/nowhere\r\n\
             no value S3CR3T\r\n\
             OPEN='S3CR3T\r\nREPLACED=${PLAIN}\r\nLAST=x#y",
        ),
    ]);
    let file = app.join(".env");
    let dyno = person.tries([
        app.as_os_str(),
        "--env-file".as_ref(),
        file.as_os_str(),
        "--env".as_ref(),
        "PORT=4000".as_ref(),
        "--releases".as_ref(),
        releases_of_tests(),
    ]);
    let dyno = person.ends(dyno, 0);
    let said = dyno.stdout();
    for line in [
        "PLAIN=b c",
        "QUOTED=two words",
        "SINGLE=$HOME #",
        "PEM=-----BEGIN\nMIIE\n-----END",
        "REPLACED=${PLAIN}",
        "LAST=x#y",
        "DYNO=web.1",
    ] {
        dyno.assert(said.contains(&format!("\n{line}\n")), &format!("expected {line:?}"));
    }
    for line in ["PORT=3000", "PORT=4000", "HOME=/nowhere", "OPEN=", "DYNO=worker.9"] {
        dyno.assert(!said.contains(line), &format!("expected no {line:?}"));
    }
    let told = dyno.stderr();
    let begins = format!("hoop-buildpack try: warning: {}:", file.display());
    let told: Vec<&str> = told
        .lines()
        .filter_map(|line| line.strip_prefix("hoop-buildpack try: warning: "))
        .collect();
    let expected = [
        "8: PORT is set by the platform, so it is left out",
        "9: DYNO is set by the platform, so it is left out",
        "10: HOME is set by the platform, so it is left out",
        "11: it is not NAME=VALUE, so it is left out",
        "12: its quotation mark is not closed, so it is left out",
        "13: nothing is expanded in the value of REPLACED, so ${…} and $(…) stay in it",
    ];
    let mut expected: Vec<String> = expected
        .iter()
        .map(|line| format!("{}:{line}", file.display()))
        .collect();
    expected.push("--env PORT: PORT is set by the platform, so it is left out".to_owned());
    assert_eq!(told, expected);
    dyno.assert(
        begins.len() > 30 && !dyno.stderr().contains("S3CR3T"),
        "no value is to be told",
    );
}

#[test]
fn parts_of_a_second_are_a_time() {
    let person = Person::new();
    let app = person.app(&[("Procfile", "web: exec sleep 600\n")]);
    for time in ["0.25", "0", ".5", "1."] {
        let dyno = person.tries([
            app.as_os_str(),
            "--stop-after".as_ref(),
            time.as_ref(),
            "--releases".as_ref(),
            releases_of_tests(),
        ]);
        person.ends(dyno, 143).prints("Stopping all processes with SIGTERM");
    }
    for time in [
        "-1",
        "1e3",
        "inf",
        "NaN",
        "2,5",
        "1.2.3",
        "",
        ".",
        "99999999999999999999",
    ] {
        let argument = format!("--stop-after={time}");
        let dyno = person.ends(person.tries([app.as_os_str(), argument.as_ref()]), 2);
        dyno.assert(
            dyno.stderr().contains("not a number of seconds") || time.is_empty(),
            time,
        );
    }
}

#[test]
fn messages_name_the_options_of_try() {
    let person = Person::new();
    let app = person.app(&[("Procfile", "web: A=b ./web\nworker: hoopstart -- sh -c 'echo up'\n")]);
    // Of hoopstart.
    let dyno = person.tries([
        app.as_os_str(),
        "worker".as_ref(),
        "--releases".as_ref(),
        releases_of_tests(),
    ]);
    let dyno = person.ends(dyno, 0);
    dyno.assert(
        dyno.stderr()
            .contains("Set it with: --env HOOP_KEY=<key> [start::key-missing]"),
        "expected the option",
    );
    // Of the build: advice, and what a failure can be cured with.
    for (vars, phrases) in [
        (
            ["HOOP_VERISON=1", "HOOP_AUTOSTART=maybe"],
            ["--env HOOP_VERSION=<value>", "--env HOOP_AUTOSTART=true"],
        ),
        (
            ["HOOP_VERSION=banana", "HOOP_KEY=x"],
            ["--env HOOP_VERSION=1.148.0", "(without) --env HOOP_VERSION"],
        ),
    ] {
        let mut arguments = vec![
            app.as_os_str(),
            "worker".as_ref(),
            "--releases".as_ref(),
            releases_of_tests(),
        ];
        for var in vars {
            arguments.extend([OsStr::new("--env"), OsStr::new(var)]);
        }
        let dyno = person.tries(arguments);
        dyno.closes_output();
        for phrase in phrases {
            dyno.assert(dyno.stderr().contains(phrase), &format!("expected {phrase:?}"));
        }
        dyno.assert(
            !dyno.stderr().contains("heroku config:"),
            "no command of the platform's",
        );
    }
}

#[test]
fn a_key_in_the_procfile_is_not_shown() {
    let person = Person::new();
    let line = format!("web: HOOP_KEY={STANDARD} hoopstart -- sh -c 'echo up'\n");
    let app = person.app(&[("Procfile", &line)]);
    let dyno = person.tries([app.as_os_str(), "--releases".as_ref(), releases_of_tests()]);
    let dyno = person.ends(dyno, 0);
    dyno.prints("Starting process with command `HOOP_KEY=**** hoopstart -- sh -c 'echo up'`");
}

#[test]
fn a_build_that_fails_is_exit_1_and_nothing_is_started() {
    let person = Person::new();
    for (app, variable, id) in [
        ("web-and-worker", "HOOP_VERSION=9.9.9", "version::not-found"),
        ("hostile-links", "HOOP_VERSION=1.148.0", "install::blocked"),
    ] {
        let dyno = person.tries([fixture(app).as_os_str(), "--env".as_ref(), variable.as_ref()]);
        let dyno = person.ends(dyno, 1);
        let expected = format!(" !     Failure id: {id}");
        dyno.assert(dyno.stderr().contains(&expected), &format!("expected {id}"));
        dyno.assert(!dyno.stdout().contains("Starting process"), "nothing is to be started");
    }
}

#[test]
fn the_exit_status_is_the_apps() {
    for (command, code) in [
        ("exit 7", 7),
        ("hoopstart -- sh -c 'exit 9'", 9),
        ("true && hoopstart -- sh -c 'kill -KILL $$'", 137),
        ("exec hoopstart -- sh -c 'kill -TERM $$'", 143),
        ("hoopstart -- no-such-program", 127),
    ] {
        let person = Person::new();
        let app = person.app(&[("Procfile", &format!("web: {command}\n"))]);
        let dyno = person.tries([app.as_os_str(), "--releases".as_ref(), releases().as_ref()]);
        let dyno = person.ends(dyno, code);
        dyno.assert(
            dyno.stdout()
                .contains(&format!("-----> Process exited with status {code}\n")),
            "expected the status",
        );
    }
}

#[test]
fn the_dyno_has_the_environment_of_a_dyno() {
    let person = Person::new();
    let app = person.app(&[
        ("Procfile", "web: env; pwd\n"),
        ("vars", "# a comment\n\nFROM_FILE=a=b\n"),
    ]);
    let file = app.join("vars");
    let dyno = person.tries([
        app.as_os_str(),
        "--env-file".as_ref(),
        file.as_os_str(),
        "--env".as_ref(),
        "GIVEN=a value".as_ref(),
        "--releases".as_ref(),
        releases().as_ref(),
    ]);
    let dyno = person.ends(dyno, 0);
    let said = dyno.stdout();
    for line in ["DYNO=web.1", "LANG=C.UTF-8", "FROM_FILE=a=b", "GIVEN=a value"] {
        dyno.assert(said.lines().any(|said| said == line), &format!("expected {line:?}"));
    }
    let home = said.lines().find_map(|line| line.strip_prefix("HOME=")).unwrap();
    dyno.assert(
        home.ends_with("/app") && said.lines().any(|line| line == home),
        "it runs in the slug",
    );
    dyno.assert(
        said.contains(&format!(":{home}/.hoop/bin\n")),
        "hoopstart is on the PATH",
    );
    // What the person has for themselves does not reach the dyno.
    for name in ["TMPDIR=", "HOOP_KEY="] {
        dyno.assert(!said.lines().any(|line| line.starts_with(name)), name);
    }
}

#[test]
fn autostart_needs_no_hoopstart_in_the_procfile() {
    let person = Person::new();
    let dyno = person.tries([
        fixture("forgets-hoopstart").as_os_str(),
        "--env".as_ref(),
        "HOOP_KEY".as_ref(),
        "--env".as_ref(),
        "HOOP_AUTOSTART=true".as_ref(),
    ]);
    dyno.prints("web: up").logs("hoop | ");
    dyno.has_agents(1);
    dyno.signal(Signal::TERM);
    // The app has no handler for it.
    person.ends(dyno, 143);
}

#[test]
fn arguments_that_make_no_sense_are_told() {
    let person = Person::new();
    let app = fixture("web-and-worker");
    let app = app.to_str().unwrap();
    let procfile = format!("{app}/Procfile");
    for (arguments, code, phrase) in [
        (vec!["/no/such/app"], 2, "/no/such/app"),
        (vec![&procfile], 2, "is not a folder"),
        (vec![app, "--env", "NO_SUCH_VARIABLE_HERE"], 2, "NO_SUCH_VARIABLE_HERE"),
        (vec![app, "--env", "not/a name=1"], 2, "not/a name"),
        (vec![app, "--env-file", "/no/such/file"], 2, "/no/such/file"),
        (vec![app, "--stop-after", "soon"], 2, "soon"),
        (vec![app, "web", "worker", "web"], 2, "web is named twice"),
        (vec![app, "web", "--all"], 2, "--all"),
        (vec!["--slug", "/no/such/slug"], 1, "/no/such/slug"),
        (vec!["--slug", app], 1, "is no slug"),
        (
            vec![app, "worker", "--smoke", "/"],
            2,
            "--smoke asks the process type web",
        ),
        (vec![app, "--smoke", "healthz"], 2, "no path of the app"),
        (vec![app, "--timeout", "1"], 2, "--smoke"),
    ] {
        let dyno = person.ends(person.tries(arguments), code);
        dyno.assert(dyno.stderr().contains(phrase), &format!("expected {phrase:?}"));
        dyno.assert(!dyno.stderr().contains("panicked"), "expected a sentence");
    }
}

/// The arguments of a build with the releases of tests.
fn with_releases<'a>(arguments: &[&'a OsStr]) -> Vec<&'a OsStr> {
    let mut all = arguments.to_vec();
    all.extend([OsStr::new("--releases"), releases_of_tests()]);
    all
}

#[test]
fn several_process_types_run_until_one_ends_and_each_line_says_whose_it_is() {
    let person = Person::new();
    let app = person.app(&[(
        "Procfile",
        "web: echo web is up; exec sleep 600\nworker: printf 'no end of line' >&2; sleep 0.3; exit 7\n\
         clock: trap 'echo clock stops; exit 0' TERM; echo tick $DYNO; sleep 600 & wait\nrelease: exit 1\n",
    )]);
    for arguments in [
        with_releases(&[app.as_os_str(), "web".as_ref(), "worker".as_ref(), "clock".as_ref()]),
        with_releases(&[app.as_os_str(), "--all".as_ref()]),
    ] {
        let dyno = person.ends(person.tries(arguments), 7);
        let said = dyno.stdout();
        for line in [
            "web.1    | web is up\n",
            "worker.1 | no end of line\n",
            "clock.1  | tick clock.1\n",
            "-----> worker.1 has ended, so all are stopped\n",
            "-----> Stopping all processes with SIGTERM\n",
            "clock.1  | clock stops\n",
            "-----> web.1 exited with status 143\n",
            "-----> worker.1 exited with status 7\n",
            "-----> clock.1 exited with status 0\n",
        ] {
            dyno.assert(said.contains(line), line);
        }
        dyno.assert(!said.contains("release.1"), "the platform runs it by itself");
    }
}

#[test]
fn ctrl_c_stops_all_of_them() {
    let person = Person::new();
    let app = person.app(&[(
        "Procfile",
        "web: trap 'exit 0' TERM; echo up; sleep 600 & wait\nworker: trap 'exit 0' TERM; echo up; sleep 600 & wait\n",
    )]);
    let dyno = person.tries(with_releases(&[app.as_os_str(), "--all".as_ref()]));
    dyno.prints("web.1    | up\n");
    dyno.prints("worker.1 | up\n");
    dyno.signal(Signal::INT);
    person.ends(dyno, 0);
}

/// A web server of one line for each answer, in Python, which drains as `at_end` says.
fn server(answer: &str, at_end: &str) -> String {
    format!(
        "import http.server, os, signal, sys, threading\n\
         class Handler(http.server.BaseHTTPRequestHandler):\n    \
             def do_GET(self):\n        {answer}\n    \
             def log_message(self, *_): pass\n\
         server = http.server.HTTPServer(('127.0.0.1', int(os.environ['PORT'])), Handler)\n\
         def stop(*_):\n    {at_end}\n\
         signal.signal(signal.SIGTERM, stop)\n\
         server.serve_forever()\n"
    )
}

#[test]
fn a_smoke_test_is_passed_only_if_all_was_clean() {
    if program("python3").is_none() {
        return;
    }
    let ok = "self.send_response(200 if self.path == '/health?a=b' else 404); self.end_headers()";
    for (answer, at_end, status, verdict) in [
        (
            ok,
            "os._exit(0)",
            0,
            "/health?a=b answered 200 OK, and all processes ended when told to",
        ),
        (
            "self.send_response(302); self.end_headers()",
            "os._exit(143)",
            0,
            "answered 302 Found",
        ),
        (
            "self.send_response(503); self.end_headers()",
            "os._exit(0)",
            1,
            "the app answered 503",
        ),
        ("os._exit(3)", "pass", 1, "a process ended before there was an answer"),
        (ok, "os._exit(9)", 1, "ended with another status than 0 or 143"),
        (
            "self.send_response(200); self.send_header('Content-Length', '9'); self.end_headers(); \
             self.wfile.write(b'x')",
            "os._exit(0)",
            1,
            "the answer is cut",
        ),
    ] {
        let person = Person::new();
        let app = person.app(&[
            ("Procfile", "web: exec python3 app.py\nworker: exec sleep 600\n"),
            ("app.py", &server(answer, at_end)),
        ]);
        let smoke = ["--all", "--smoke", "/health?a=b"].map(OsStr::new);
        let arguments = with_releases(&[&[app.as_os_str()][..], &smoke].concat());
        let dyno = person.ends(person.tries(arguments), status);
        dyno.assert(dyno.stdout().contains(verdict), verdict);
    }
}

#[test]
fn an_app_that_does_not_listen_fails_a_smoke_test_in_time() {
    let person = Person::new();
    let app = person.app(&[("Procfile", "web: exec sleep 600\n")]);
    let smoke = ["--smoke", "/", "--timeout", "0.2"].map(OsStr::new);
    let arguments = with_releases(&[&[app.as_os_str()][..], &smoke].concat());
    let dyno = person.ends(person.tries(arguments), 1);
    dyno.assert(dyno.stdout().contains("after 0.2 s"), "it says how long it waited");
}

#[test]
fn a_slug_that_was_built_runs_as_the_app_does() {
    let person = Person::new();
    let app = person.app(&[(
        "Procfile",
        "web: hoopstart -- ./web.sh\nworker: echo in $(pwd); exit 4\n",
    )]);
    fs::write(
        app.join("web.sh"),
        "#!/bin/sh\necho web of a slug in \"$HOME\"\nexec sleep 600\n",
    )
    .unwrap();
    fs::set_permissions(app.join("web.sh"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let slug = person.scratch.path().join("slug.tgz");
    let mut build = std::process::Command::new(env!("CARGO_BIN_EXE_hoop-buildpack"));
    let releases = format!("HOOP_RELEASES_URL={}", releases());
    build
        .args(["slug", "build", "--env", &releases])
        .arg(&app)
        .arg("-o")
        .arg(&slug)
        .env("TMPDIR", person.tmp());
    assert!(build.output().unwrap().status.success());
    // Only the slug is needed.
    fs::remove_dir_all(&app).unwrap();

    let dyno = person.tries([
        OsStr::new("--slug"),
        slug.as_os_str(),
        "--env".as_ref(),
        "HOOP_KEY".as_ref(),
    ]);
    dyno.prints("web of a slug in ");
    dyno.logs("hoop | ");
    dyno.signal(Signal::INT);
    let dyno = person.ends(dyno, 143);
    dyno.assert(dyno.stdout().contains("web of a slug in "), "web is the default");
    dyno.assert(dyno.stderr().contains("hoop | "), "expected the agent's lines");
    let dyno = person.ends(
        person.tries([OsStr::new("--slug"), slug.as_os_str(), "worker".as_ref()]),
        4,
    );
    dyno.assert(dyno.stdout().contains("/unpacked/app\n"), "it is in its folder");
}

#[test]
fn what_an_app_leaves_behind_is_ended() {
    let person = Person::new();
    let setsid = if program("setsid").is_some() { "setsid " } else { "" };
    let command = format!("web: {setsid}sh -c 'trap \"\" TERM; sleep 600' & echo left it behind");
    let app = person.app(&[("Procfile", &command)]);
    let dyno = person.tries([app.as_os_str(), "--releases".as_ref(), releases().as_ref()]);
    person.ends(dyno, 0);
}

#[test]
fn usage_names_the_program_and_not_its_file() {
    let scratch = TempDir::with_prefix("renamed ").expect("a scratch folder can be made");
    for (name, usage) in [
        ("hoop-buildpack-linux-amd64", "Usage: hoop-buildpack try [OPTIONS] "),
        ("hoopwrapper", "Usage: hoopstart [OPTIONS] "),
    ] {
        let renamed = scratch.path().join(name);
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_hoop-buildpack"), &renamed).expect("a link can be made");
        let words: &[&str] = if name == "hoopwrapper" {
            &["--help"]
        } else {
            &["try", "--help"]
        };
        let output = std::process::Command::new(&renamed).args(words).output().unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        assert!(help.contains(usage), "{help}");
        assert!(!help.contains(name), "{help}");
    }
}
