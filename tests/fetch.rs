//! `libexec/fetch.sh`: a copy of the buildpack without a program takes the published one, and starts no byte that is
//! not what `libexec/program` says.
//!
//! A stand-in for the program is served on loopback. What matters is what is started, what is left in the folders, and
//! what a person is told.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]

mod support;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::{Pid, Signal, geteuid, kill_process};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use support::dyno::{eventually, program, skipped};
use support::executable::{copy_executable, write_executable};
use support::mirror::PLATFORM;
use support::run::Run;
use support::server::{NOBODY, ReleaseServer, Reply};
use support::signals::hear_signals;
use support::tree::{Tree, sha256};
use tempfile::TempDir;

/// The version of the release the tests pretend to be.
const VERSION: &str = "7.8.9";

/// A program that says what it is given.
const PROGRAM: &str = "#!/bin/sh\nprintf 'program'\nprintf ' <%s>' \"$@\"\necho\n";

/// A clone of a release without a program, and the folders of a build.
struct Checkout {
    scratch: TempDir,
    path: Option<PathBuf>,
}

impl Checkout {
    /// A clone whose `libexec/program` names [`PROGRAM`] for this machine.
    fn of_release() -> Self {
        let checkout = Self {
            scratch: TempDir::with_prefix("a clone's ").unwrap(),
            path: None,
        };
        for folder in ["bin", "libexec", "app", "cache", "env", "tmp", "home"] {
            fs::create_dir(checkout.at(folder)).unwrap();
        }
        let source = Path::new(env!("CARGO_MANIFEST_DIR"));
        for file in [
            "bin/hoop-buildpack",
            "bin/detect",
            "bin/compile",
            "bin/release",
            "bin/report",
        ] {
            copy_executable(&source.join(file), &checkout.at(file));
        }
        fs::copy(source.join("libexec/fetch.sh"), checkout.at("libexec/fetch.sh")).unwrap();
        let digest = sha256(PROGRAM.as_bytes());
        let release = format!("# a comment\nversion {VERSION}\n{} {digest}\n", PLATFORM.architecture);
        fs::write(checkout.at("libexec/program"), release).unwrap();
        checkout
    }

    /// Lets the scripts find only those of this machine's tools that are named.
    fn with_tools(mut self, tools: &[&str]) -> Self {
        let folder = self.at("tools");
        fs::create_dir(&folder).unwrap();
        for tool in tools {
            symlink(which(tool), folder.join(tool)).unwrap();
        }
        self.path = Some(folder);
        self
    }

    fn at(&self, path: &str) -> PathBuf {
        self.scratch.path().join(path)
    }

    /// Where the program is kept.
    fn kept(&self) -> PathBuf {
        self.at(&format!(
            "cache/hoop/hoop-buildpack-{VERSION}-linux-{}",
            PLATFORM.architecture
        ))
    }

    /// A command with the environment of a build.
    fn command(&self, script: &str) -> Command {
        let mut command = Command::new(which("sh"));
        let path = self
            .path
            .clone()
            .map_or_else(|| std::env::var_os("PATH").unwrap(), Into::into);
        command
            .arg(self.at(script))
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.at("home"))
            .env("TMPDIR", self.at("tmp"))
            .env("STACK", "heroku-24")
            .current_dir("/");
        command
    }

    /// compile with the release at `base`.
    fn compile_command(&self, base: &str) -> Command {
        let mut command = self.command("bin/compile");
        command
            .args([self.at("app"), self.at("cache"), self.at("env")])
            .env("HOOP_BUILDPACK_RELEASES_URL", base);
        command
    }

    /// Runs compile with the release at `base`.
    #[track_caller]
    fn compile(&self, base: &str) -> Run {
        Run::of(self.compile_command(base))
    }

    /// Has the scripts start `script` where they start curl. In it, `curl` is the real one.
    fn with_curl(self, script: &str) -> Self {
        let folder = self.at("stand-ins");
        fs::create_dir(&folder).unwrap();
        let text = format!(
            "#!/bin/sh\ncurl() {{ exec '{}' \"$@\"; }}\n{script}\n",
            which("curl").display()
        );
        write_executable(&folder.join("curl"), &text);
        let path = std::env::var_os("PATH").unwrap();
        let folders = [folder].into_iter().chain(std::env::split_paths(&path));
        let path = std::env::join_paths(folders).unwrap().into();
        Self {
            path: Some(path),
            ..self
        }
    }

    /// Runs compile with the release on `server`, which curl is told to trust.
    #[track_caller]
    fn compile_trusting(&self, server: &ReleaseServer) -> Run {
        let mut command = self.command("bin/compile");
        command
            .args([self.at("app"), self.at("cache"), self.at("env")])
            .env("HOOP_BUILDPACK_RELEASES_URL", server.url())
            .env("CURL_CA_BUNDLE", server.authority());
        Run::of(command)
    }

    /// Runs compile and asserts that it stops with `id`, starts nothing and leaves nothing.
    #[track_caller]
    fn compile_fails(&self, base: &str, id: &str) -> Run {
        let run = self.compile(base);
        run.fails_with(id);
        run.assert(!run.stdout().contains("program <"), "nothing may be started");
        for folder in ["cache", "app", "tmp"] {
            let left = Tree::of(&self.at(folder));
            let files: Vec<_> = left.paths().into_iter().filter(|path| *path != "hoop").collect();
            run.assert(files.is_empty(), &format!("left in {folder}: {files:?}"));
        }
        run
    }

    /// What the program prints when compile starts it.
    fn started(&self) -> String {
        let folders = ["app", "cache", "env"].map(|folder| format!(" <{}>", self.at(folder).display()));
        format!("program <compile>{}\n", folders.concat())
    }
}

/// Where this machine has `tool`.
fn which(tool: &str) -> PathBuf {
    std::env::split_paths(&std::env::var_os("PATH").unwrap())
        .map(|folder| folder.join(tool))
        .find(|path| path.exists())
        .unwrap_or_else(|| panic!("this machine has no {tool}"))
}

/// The path of the program on the server.
fn asset() -> String {
    format!("/v{VERSION}/hoop-buildpack-linux-{}", PLATFORM.architecture)
}

/// A server that answers requests for the program so.
fn server(replies: impl IntoIterator<Item = Reply>) -> ReleaseServer {
    let server = ReleaseServer::plain();
    server.answer(&asset(), replies);
    server
}

#[test]
fn the_published_program_is_downloaded_once_and_then_comes_from_the_cache() {
    let checkout = Checkout::of_release();
    let server = server([Reply::ok(PROGRAM)]);

    let first = checkout.compile(&server.url());
    first.exits(0);
    assert_eq!(first.stderr(), "");
    let told = format!(
        "-----> Downloading the program of hoop buildpack {VERSION}\n       hoop-buildpack-linux-{}, sha256 verified\n",
        PLATFORM.architecture
    );
    assert_eq!(first.stdout(), format!("{told}{}", checkout.started()));
    assert_eq!(server.take_requests().len(), 1);
    assert_eq!(
        Tree::of(&checkout.at("cache")).paths().len(),
        2,
        "our folder and the program"
    );
    assert_eq!(
        fs::metadata(checkout.kept()).unwrap().permissions().mode() & 0o777,
        0o755
    );

    // The cache is enough, even for a server that is gone.
    let second = checkout.compile(NOBODY);
    second.exits(0);
    assert_eq!((second.stdout(), second.stderr()), (checkout.started().as_str(), ""));
}

#[test]
fn the_mirror_may_be_a_config_var_a_file_url_and_end_with_a_slash() {
    let checkout = Checkout::of_release();
    let folder = checkout.at("mirror").join(format!("v{VERSION}"));
    fs::create_dir_all(&folder).unwrap();
    fs::write(checkout.at(&format!("mirror{}", asset())), PROGRAM).unwrap();
    let url = format!("file://{}/\n", checkout.at("mirror").display()).replace(' ', "%20");
    fs::write(checkout.at("env/HOOP_BUILDPACK_RELEASES_URL"), url).unwrap();
    // As it is where nothing is said: the config var counts.
    checkout.compile("").exits(0).shows(&[&checkout.started()]);
    // The build's own environment wins over it.
    fs::remove_dir_all(checkout.at("cache/hoop")).unwrap();
    checkout.compile_fails("file:///nowhere", "shim::download-failed");
}

#[test]
fn bytes_with_another_digest_are_never_started() {
    let checkout = Checkout::of_release();
    let evil = format!("{PROGRAM}# and more\n");
    let server = server([Reply::ok(&evil)]);

    let run = checkout.compile_fails(&server.url_with("robot", "T0K3N"), "shim::checksum-mismatch");
    let (expected, received) = (sha256(PROGRAM.as_bytes()), sha256(evil.as_bytes()));
    run.tells(&[
        &format!("Expected: sha256 {expected}"),
        &format!("Received: sha256 {received}"),
        &format!("({} bytes)", evil.len()),
        "It was not started. Nothing was installed.",
    ]);
    run.hides(&["T0K3N"]);
}

#[test]
fn a_program_that_is_not_there_is_told_with_its_url() {
    let checkout = Checkout::of_release();
    let server = server([Reply::status(404, "no such release")]);

    let run = checkout.compile_fails(&server.url_with("robot", "T0K3N"), "shim::download-failed");
    let shown = format!("{}{}", server.url().replace("://", "://****@"), asset());
    run.tells(&[&shown, "404", "heroku config:set HOOP_BUILDPACK_RELEASES_URL=<url>"]);
    run.hides(&["T0K3N"]);
    assert_eq!(server.take_requests().len(), 1, "to ask again would not help");
}

/// A token with any character in it that a config file of curl, or a pattern in a URL, gives a meaning.
#[test]
fn a_url_reaches_the_server_as_it_is_written() {
    let checkout = Checkout::of_release();
    for path in ["/{a,b}", "/[1-3]", "/a\"b"] {
        let server = ReleaseServer::plain();
        server.answer(&format!("{path}{}", asset()), [Reply::ok(PROGRAM)]);
        let base = format!("{}{path}\n", server.url_with("robot", "{T0\"K3N}"));
        checkout.compile(&base).exits(0).shows(&[&checkout.started()]);
        assert_eq!(
            server.take_requests()[0].headers["authorization"],
            "Basic cm9ib3Q6e1QwIkszTn0="
        );
        fs::remove_file(checkout.kept()).unwrap();
    }
}

/// What people and curl may read in two ways is refused: a part of the token could pass for a host, which is shown.
#[test]
fn a_url_that_could_give_its_token_away_is_refused_and_not_shown() {
    let checkout = Checkout::of_release();
    for base in [
        "robot:T0K3N@mirror.invalid/hoop",
        "mirror.invalid/hoop",
        "ftp://robot:T0K3N@mirror.invalid",
        "https://",
        "https://T0K3N/more@mirror.invalid",
        "https://robot:T0K3N@more@mirror.invalid",
        "https://robot:T0K3N?more@mirror.invalid",
        "https://robot:T0K3N#more@mirror.invalid",
        "https://robot:T0K3N\\more@mirror.invalid",
        "https://robot:T0K3N more@mirror.invalid",
        "https://robot:T0K3N\nmore@mirror.invalid",
        "https://robot:T0K3N\tmore@mirror.invalid",
        "https://mirror.invalid/hoop?token=T0K3N",
        "https://mirror.invalid/hoop#T0K3N",
    ] {
        let run = checkout.compile_fails(base, "shim::releases-url-invalid");
        run.tells(&[
            "https://user:token@host/path",
            "heroku config:unset HOOP_BUILDPACK_RELEASES_URL",
        ]);
        run.hides(&["T0K3N", "mirror.invalid", "more"]);
    }
}

#[test]
fn what_curl_says_is_shown_unless_it_could_repeat_a_token() {
    let says = "echo 'Warning: try again' >&2; echo 'curl: (6) first' >&2; echo 'curl: (6) no such host' >&2; exit 6";
    let checkout = Checkout::of_release().with_curl(says);
    let run = checkout.compile_fails("https://robot:T0K3N@mirror.invalid", "shim::download-failed");
    run.tells(&[
        "https://****@mirror.invalid/v",
        "Details: curl: (6) no such host Failure id",
    ]);
    run.hides(&["T0K3N", "first", "Warning"]);

    let says = "read -r url; echo \"curl: (6) no $url\" >&2; exit 6";
    let checkout = Checkout::of_release().with_curl(says);
    let run = checkout.compile_fails("https://robot:T0K3N@mirror.invalid", "shim::download-failed");
    run.tells(&["Details: curl ended with status 6 Failure id"]);
    run.hides(&["T0K3N"]);
}

/// One in HOME is a person's, or the app's where the build starts in its folder: herokuish's HOME is that.
#[test]
fn a_curlrc_has_no_say() {
    let checkout = Checkout::of_release();
    fs::write(
        checkout.at("home/.curlrc"),
        "proxy = http://127.0.0.99:1\nmax-time = 1\n",
    )
    .unwrap();
    fs::write(checkout.at("app/.curlrc"), "proxy = http://127.0.0.99:1\n").unwrap();
    let server = server([Reply::ok(PROGRAM)]);
    let mut command = checkout.compile_command(&server.url());
    command.current_dir(checkout.at("app"));
    Run::of(command).exits(0).shows(&[&checkout.started()]);
}

#[test]
fn only_a_regular_file_of_the_env_dir_is_a_mirror() {
    let var = |checkout: &Checkout| checkout.at("env/HOOP_BUILDPACK_RELEASES_URL");
    let says = "read -r url; echo \"curl: (7) $url\" >&2; exit 7";
    for damage in [
        (|path| fs::create_dir(path).unwrap()) as fn(&Path),
        // Reading it would wait for ever.
        |path| mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap(),
    ] {
        let checkout = Checkout::of_release().with_curl(says);
        damage(&var(&checkout));
        let mut command = checkout.compile_command("");
        // Nor is a variable of the machine that happens to have the name of one of ours.
        command.env("mirror", "https://elsewhere.invalid");
        let run = Run::of(command);
        run.fails_with("shim::download-failed");
        run.tells(&["Details: curl: (7) url = \"https://github.com/hoophq/heroku-hoop-buildpack/releases/download/v"]);
    }
}

/// A redirect is followed, and never to a file or, from https, to plain http.
#[test]
fn a_redirect_to_a_file_is_not_followed() {
    let checkout = Checkout::of_release();
    let good = server([Reply::ok(PROGRAM)]);
    let elsewhere = server([Reply::redirect(&format!("{}{}", good.url(), asset()))]);
    checkout
        .compile(&elsewhere.url())
        .exits(0)
        .shows(&[&checkout.started()]);

    let checkout = Checkout::of_release();
    fs::write(checkout.at("home/program"), PROGRAM).unwrap();
    let url = format!("file://{}", checkout.at("home/program").display()).replace(' ', "%20");
    let to_a_file = server([Reply::redirect(&url)]);
    checkout.compile_fails(&to_a_file.url(), "shim::download-failed");

    let checkout = Checkout::of_release();
    let encrypted = ReleaseServer::over_tls();
    encrypted.answer(&asset(), [Reply::redirect(&format!("{}{}", good.url(), asset()))]);
    good.take_requests();
    let run = checkout.compile_trusting(&encrypted);
    run.fails_with("shim::download-failed");
    assert!(good.take_requests().is_empty(), "from https to plain http");
}

#[test]
fn over_tls_the_server_must_be_known() {
    let checkout = Checkout::of_release();
    let server = ReleaseServer::over_tls();
    server.answer(&asset(), [Reply::ok(PROGRAM)]);

    checkout.compile_fails(&server.url(), "shim::download-failed");
    assert!(server.take_requests().is_empty());
    checkout
        .compile_trusting(&server)
        .exits(0)
        .shows(&[&checkout.started()]);
}

#[test]
fn the_program_for_the_machine_that_uname_names_is_downloaded() {
    for (machine, architecture) in [("x86_64", "amd64"), ("aarch64", "arm64")] {
        let checkout = Checkout::of_release();
        let release = format!(
            "version {VERSION}\namd64 {}\narm64 {}\n",
            sha256(b"#!/bin/sh\necho amd64\n"),
            sha256(b"#!/bin/sh\necho arm64\n")
        );
        fs::write(checkout.at("libexec/program"), release).unwrap();
        write_executable(&checkout.at("home/uname"), &format!("#!/bin/sh\necho {machine}\n"));
        let server = ReleaseServer::plain();
        for name in ["amd64", "arm64"] {
            let program = format!("#!/bin/sh\necho {name}\n");
            server.answer(
                &format!("/v{VERSION}/hoop-buildpack-linux-{name}"),
                [Reply::ok(program)],
            );
        }
        let mut command = checkout.command("bin/compile");
        let path = std::env::var_os("PATH").unwrap();
        let folders = [checkout.at("home")].into_iter().chain(std::env::split_paths(&path));
        command
            .args([checkout.at("app"), checkout.at("cache"), checkout.at("env")])
            .env("HOOP_BUILDPACK_RELEASES_URL", server.url())
            .env("PATH", std::env::join_paths(folders).unwrap());

        Run::of(command)
            .exits(0)
            .shows(&[&format!("verified\n{architecture}\n")]);
        assert_eq!(server.take_requests().len(), 1);
    }
}

#[test]
fn a_download_that_is_cut_short_is_no_program() {
    let checkout = Checkout::of_release();
    let announced = server([Reply::ok(PROGRAM).cut_after(20)]);
    checkout.compile_fails(&announced.url(), "shim::download-failed");
    // Where no length is told, only the digest can tell.
    let silent = server([Reply::ok(PROGRAM).without_length().cut_after(20)]);
    checkout.compile_fails(&silent.url(), "shim::checksum-mismatch");
}

#[test]
fn a_server_that_fails_for_a_moment_is_asked_again() {
    let checkout = Checkout::of_release();
    let server = server([Reply::status(503, ""), Reply::ok(PROGRAM)]);
    checkout.compile(&server.url()).exits(0).shows(&[&checkout.started()]);
    assert_eq!(server.take_requests().len(), 2);
}

#[test]
fn a_damaged_copy_in_the_cache_is_replaced() {
    type Damage = fn(&Path);
    let server = server([Reply::ok(PROGRAM)]);
    let damages: [Damage; 3] = [
        |kept| fs::write(kept, &PROGRAM[..PROGRAM.len() - 1]).unwrap(),
        |kept| fs::write(kept, PROGRAM.replace("program", "pr0gram")).unwrap(),
        |kept| {
            fs::remove_file(kept).unwrap();
            symlink("/nowhere", kept).unwrap();
        },
    ];
    for damage in damages {
        let checkout = Checkout::of_release();
        checkout.compile(&server.url()).exits(0);
        let good = Tree::of(&checkout.at("cache"));
        damage(&checkout.kept());
        let run = checkout.compile(&server.url());
        run.exits(0).shows(&[&checkout.started(), "sha256 verified"]);
        assert_eq!(Tree::of(&checkout.at("cache")), good);
    }
}

#[test]
fn a_copy_in_the_cache_that_lost_its_mode_gets_it_back() {
    let checkout = Checkout::of_release();
    checkout.compile(&server([Reply::ok(PROGRAM)]).url()).exits(0);
    let good = Tree::of(&checkout.at("cache"));
    fs::set_permissions(checkout.kept(), fs::Permissions::from_mode(0o644)).unwrap();
    let run = checkout.compile(NOBODY);
    run.exits(0);
    assert_eq!((run.stdout(), run.stderr()), (checkout.started().as_str(), ""));
    assert_eq!(Tree::of(&checkout.at("cache")), good);
}

/// The one of another release is for compile to remove, once the build has succeeded: src/acquire/cache.rs.
#[test]
fn what_else_is_in_the_cache_stays_whatever_its_name() {
    let checkout = Checkout::of_release();
    let folder = checkout.at("cache/hoop");
    fs::create_dir_all(folder.join("hoop-buildpack-of-a-person/notes")).unwrap();
    fs::write(folder.join("hoop-buildpack-1.0.0-linux-amd64"), PROGRAM).unwrap();
    fs::write(folder.join("hoop_1.0.0_linux_amd64_x.tar.gz"), "").unwrap();
    checkout
        .compile(&server([Reply::ok(PROGRAM)]).url())
        .succeeds_quietly()
        .shows(&[&checkout.started()]);
    fs::remove_file(checkout.kept()).unwrap();
    assert_eq!(
        Tree::of(&folder).paths(),
        [
            "hoop-buildpack-1.0.0-linux-amd64",
            "hoop-buildpack-of-a-person",
            "hoop-buildpack-of-a-person/notes",
            "hoop_1.0.0_linux_amd64_x.tar.gz",
        ]
    );
}

#[test]
fn a_folder_in_the_place_of_the_kept_program_costs_a_download_and_not_the_build() {
    let checkout = Checkout::of_release();
    fs::create_dir_all(checkout.kept()).unwrap();
    let server = server([Reply::ok(PROGRAM)]);
    checkout
        .compile(&server.url())
        .succeeds_quietly()
        .shows(&[&checkout.started()]);
    let inside = fs::read_dir(checkout.kept()).unwrap().count();
    assert_eq!(inside, 0, "nothing is put into a folder of that name");
}

#[test]
fn a_full_cache_costs_a_download_and_not_the_build() {
    let is_full = "case \"$*\" in *' --output '*/cache/*) exit 23 ;; esac; curl \"$@\"";
    let checkout = Checkout::of_release().with_curl(is_full);
    let server = server([Reply::ok(PROGRAM)]);
    checkout
        .compile(&server.url())
        .succeeds_quietly()
        .shows(&[&checkout.started()]);
    assert_eq!(Tree::of(&checkout.at("cache")).paths(), ["hoop"], "no partial is left");

    // Where TMPDIR is full as well, nothing is left to be tried.
    let checkout = Checkout::of_release().with_curl("exit 23");
    checkout.compile_fails(&server.url(), "shim::not-writable");
}

/// As /tmp and home are mounted on many a server.
#[test]
fn a_cache_that_runs_no_programs_costs_a_copy_and_not_the_build() {
    if program("unshare").is_none() {
        return;
    }
    let checkout = Checkout::of_release();
    let server = server([Reply::ok(PROGRAM)]);
    let without_exec = |folders: &str, script: &str| {
        let mounts = format!("for folder in {folders}; do mount -t tmpfs -o noexec tmpfs \"$folder\" || exit; done");
        let build = checkout.compile_command(&server.url());
        let mut command = Command::new("unshare");
        command
            .args(["--user", "--map-root-user", "--mount", "sh", "-c"])
            .arg(format!("{mounts}; {script}"))
            .arg("sh")
            .arg(build.get_program())
            .args(build.get_args())
            .env_clear()
            .envs(build.get_envs().filter_map(|(name, value)| Some((name, value?))))
            .current_dir(checkout.scratch.path());
        Run::of(command)
    };
    if without_exec("cache", "exit 0").stderr() != "" {
        skipped("this machine lets no user mount a disk");
        return;
    }
    // Two builds, for the mount ends with the first script.
    let run = without_exec("cache", "\"$@\" && \"$@\"");
    run.succeeds_quietly();
    assert_eq!(run.stdout().matches(&checkout.started()).count(), 2);
    assert_eq!(server.take_requests().len(), 1, "the second is a copy from the cache");

    without_exec("cache tmp", "exec \"$@\"")
        .fails_with("shim::not-writable")
        .tells(&["not mounted noexec"]);
}

/// compile on its way, with a curl that is its child.
#[test]
fn a_download_that_is_stopped_leaves_nothing_and_shows_its_token_to_nobody() {
    for shell in ["sh", "dash", "bash"]
        .into_iter()
        .filter(|shell| program(shell).is_some())
    {
        for (is_hangup_ignored, signals, code) in [
            (false, &[Signal::TERM][..], 143),
            (false, &[Signal::INT], 130),
            (false, &[Signal::HUP], 129),
            (true, &[Signal::HUP, Signal::TERM], 143),
        ] {
            let checkout = Checkout::of_release();
            let server = server([Reply::ok(PROGRAM).stall_after(20)]);
            let inner = checkout.compile_command(&server.url_with("robot", "T0K3N"));
            let hangup = if is_hangup_ignored { "trap '' HUP;" } else { "" };
            let mut command = Command::new(shell);
            command
                .args(["-c", &format!("{hangup} exec \"$@\""), "sh", shell])
                .args(inner.get_args())
                .env_clear()
                .envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::piped());
            hear_signals();
            let child = command.spawn().unwrap();
            let pid = child.id();
            let (curl, arguments) = eventually("curl runs and has asked", || {
                let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
                let curl = children.trim().to_owned();
                let arguments = fs::read_to_string(format!("/proc/{curl}/cmdline")).ok()?;
                let has_asked = !server.requests_for(&asset()).is_empty();
                (arguments.contains("--output") && has_asked).then_some((curl, arguments))
            });
            let partials = fs::read_dir(checkout.at("cache/hoop")).unwrap().count();
            assert!(partials > 0, "there is something to remove");
            assert!(!arguments.contains("T0K3N"), "everyone may read {arguments:?}");

            for signal in signals {
                kill_process(Pid::from_child(&child), *signal).unwrap();
            }
            let output = child.wait_with_output().unwrap();
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(code), "{shell}: {stderr}");
            assert_eq!(
                stderr,
                " !     The download was stopped, and the partial file was removed.\n"
            );
            assert!(!Path::new("/proc").join(curl).exists(), "curl is gone");
            assert_eq!(Tree::of(&checkout.at("cache")).paths(), ["hoop"]);
            assert_eq!(Tree::of(&checkout.at("tmp")).paths(), [""; 0]);
        }
    }
}

#[test]
fn a_cache_that_cannot_be_written_costs_a_download_and_not_the_build() {
    let checkout = Checkout::of_release();
    fs::write(checkout.at("cache/hoop"), "someone else's").unwrap();
    let server = server([Reply::ok(PROGRAM)]);
    for _ in 0..2 {
        let run = checkout.compile(&server.url());
        run.exits(0).shows(&[&checkout.started()]);
        assert_eq!(run.stderr(), "");
    }
    assert_eq!(server.take_requests().len(), 2);
    assert_eq!(fs::read(checkout.at("cache/hoop")).unwrap(), b"someone else's");

    // With no other place either, there is nothing to be done.
    fs::remove_dir_all(checkout.at("tmp")).unwrap();
    let run = checkout.compile(&server.url());
    run.fails_with("shim::not-writable");
    let (cache, tmp) = (checkout.at("cache/hoop"), checkout.at("tmp"));
    run.tells(&[cache.to_str().unwrap(), tmp.to_str().unwrap()]);
}

#[test]
fn nothing_is_written_through_a_link_in_the_cache() {
    let checkout = Checkout::of_release();
    let other = checkout.at("cache/another buildpack's");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("hoop-buildpack-0.0.1-linux-amd64"), "theirs").unwrap();
    symlink(&other, checkout.at("cache/hoop")).unwrap();
    let before = Tree::of(&checkout.at("cache"));
    let server = server([Reply::ok(PROGRAM)]);
    checkout.compile(&server.url()).exits(0).shows(&[&checkout.started()]);
    assert_eq!(Tree::of(&checkout.at("cache")), before);
}

/// Modes mean nothing to root, so only other users see this difference.
#[test]
fn a_cache_without_write_permission_is_one_that_cannot_be_written() {
    if geteuid().is_root() {
        skipped("root may write everywhere");
        return;
    }
    let checkout = Checkout::of_release();
    fs::set_permissions(checkout.at("cache"), fs::Permissions::from_mode(0o555)).unwrap();
    let server = server([Reply::ok(PROGRAM)]);
    checkout.compile(&server.url()).exits(0).shows(&[&checkout.started()]);
    fs::set_permissions(checkout.at("cache"), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_missing_tool_is_named() {
    let tools = [
        "sh", "readlink", "uname", "sed", "cat", "mktemp", "mkdir", "rm", "mv", "chmod", "tr", "wc",
    ];
    for missing in ["curl", "sha256sum"] {
        let other = if missing == "curl" { "sha256sum" } else { "curl" };
        let checkout = Checkout::of_release().with_tools(&[&tools[..], &[other]].concat());
        let run = checkout.compile_fails(NOBODY, "shim::tool-missing");
        run.tells(&[&format!("The hoop buildpack needs {missing}, which is not installed.")]);
    }
    // With both, these tools are all that is needed.
    let checkout = Checkout::of_release().with_tools(&[&tools[..], &["curl", "sha256sum"]].concat());
    checkout.compile(&server([Reply::ok(PROGRAM)]).url()).exits(0);
    // And with what is in the cache, no curl is needed.
    fs::remove_file(checkout.at("tools/curl")).unwrap();
    checkout.compile(NOBODY).exits(0).shows(&[&checkout.started()]);
}

/// One snapshot for each id, with what differs from machine to machine in brackets.
#[test]
fn what_a_person_is_told_reads_well() {
    let nowhere = Checkout::of_release();
    fs::write(nowhere.at("cache/hoop"), "someone else's").unwrap();
    fs::remove_dir_all(nowhere.at("tmp")).unwrap();
    let (missing, other) = (server([Reply::status(404, "no")]), server([Reply::ok("other bytes")]));
    let without_curl = ["sh", "readlink", "uname", "sed", "tr", "sha256sum"];
    for (name, checkout, base) in [
        ("download-failed", Checkout::of_release(), missing.url()),
        ("checksum-mismatch", Checkout::of_release(), other.url()),
        (
            "releases-url-invalid",
            Checkout::of_release(),
            "mirror.example".to_owned(),
        ),
        (
            "tool-missing",
            Checkout::of_release().with_tools(&without_curl),
            NOBODY.to_owned(),
        ),
        ("not-writable", nowhere, other.url()),
    ] {
        let run = checkout.compile(&base);
        run.fails_with(&format!("shim::{name}"));
        let text = run
            .stderr()
            .replace(base.as_str(), "[mirror]")
            .replace(checkout.scratch.path().to_str().unwrap(), "[checkout]")
            .replace(&sha256(PROGRAM.as_bytes()), "[digest]")
            .replace(PLATFORM.architecture, "[arch]");
        for line in text.lines() {
            let is_to_paste = line.starts_with(" !        ");
            let is_digest = line.contains(": sha256 ");
            assert!(line.len() <= 72 || is_to_paste || is_digest, "{line}");
        }
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(format!("shim.{name}"), text.trim_matches('\n'));
        });
    }
}

/// Dokku's users raise these: <https://dokku.com/docs/deployment/builders/herokuish-buildpacks/>
#[test]
fn curl_has_the_time_that_the_build_system_gives_it() {
    let tools = [
        "sh",
        "readlink",
        "uname",
        "sed",
        "mktemp",
        "mkdir",
        "rm",
        "tr",
        "sha256sum",
    ];
    for (variables, expected) in [
        (&[][..], "--connect-timeout 3 --max-time 60 --retry-max-time 60 "),
        (
            &[("CURL_CONNECT_TIMEOUT", "30"), ("CURL_TIMEOUT", "180")][..],
            "--connect-timeout 30 --max-time 180 --retry-max-time 180 ",
        ),
    ] {
        let checkout = Checkout::of_release().with_tools(&tools);
        // What it is given comes back as what went wrong.
        let curl = "#!/bin/sh\nread -r url\necho \"curl: (28) $* $url\"\nexit 28\n";
        write_executable(&checkout.at("tools/curl"), curl);
        let mut command = checkout.command("bin/compile");
        command
            .args([checkout.at("app"), checkout.at("cache"), checkout.at("env")])
            .envs(variables.iter().copied());
        let run = Run::of(command);
        run.fails_with("shim::download-failed");
        // Nothing but https, where no mirror is named, a redirect included.
        run.tells(&[
            expected,
            "curl: (28) --disable --globoff",
            "--retry 5 --retry-connrefused",
            "--fail --location --no-progress-meter",
            "--proto =https --output",
            "--config - url = \"https://github.com/hoophq/",
            &format!(
                "https://github.com/hoophq/heroku-hoop-buildpack/releases/download{}",
                asset()
            ),
        ]);
    }
}

#[test]
fn detect_and_release_answer_as_the_program_does_and_download_nothing() {
    let checkout = Checkout::of_release();
    let answers = |script: &str, folder: &Path| {
        let mut command = checkout.command(&format!("bin/{script}"));
        command.arg(folder).env("HOOP_BUILDPACK_RELEASES_URL", NOBODY);
        let of_shim = Run::of(command);
        let mut command = Command::new(env!("CARGO_BIN_EXE_hoop-buildpack"));
        command.args([OsStr::new(script), folder.as_ref()]).env_clear();
        (of_shim, Run::of(command))
    };
    for script in ["detect", "release"] {
        let (of_shim, of_program) = answers(script, &checkout.at("app"));
        of_shim.exits(0);
        of_program.exits(0);
        assert_eq!(of_shim.stdout(), of_program.stdout());
        assert_eq!(of_shim.stderr(), of_program.stderr());
    }
    let (of_shim, of_program) = answers("detect", &checkout.at("nowhere"));
    of_shim.exits(1);
    of_program.exits(1);
    assert_eq!(of_shim.stdout(), of_program.stdout());
    assert!(of_shim.stderr().contains(checkout.at("nowhere").to_str().unwrap()));
}

#[test]
fn report_downloads_nothing() {
    let checkout = Checkout::of_release();
    let server = server([Reply::ok(PROGRAM)]);
    let report = || {
        let mut command = checkout.command("bin/report");
        command
            .args([checkout.at("app"), checkout.at("cache"), checkout.at("env")])
            .env("HOOP_BUILDPACK_RELEASES_URL", server.url());
        Run::of(command)
    };
    let before = report();
    before.exits(0);
    assert_eq!((before.stdout(), before.stderr()), ("", ""));
    assert!(server.take_requests().is_empty());

    checkout.compile(&server.url()).exits(0);
    report().exits(0).shows(&["program <report>"]);
}

#[test]
fn a_person_gets_the_program_too_and_keeps_it_in_a_cache_of_their_own() {
    let checkout = Checkout::of_release();
    let server = server([Reply::ok(PROGRAM)]);
    for _ in 0..2 {
        let mut command = checkout.command("bin/hoop-buildpack");
        command.arg("--help").env("HOOP_BUILDPACK_RELEASES_URL", server.url());
        let run = Run::of(command);
        run.exits(0);
        assert_eq!((run.stdout(), run.stderr()), ("program <--help>\n", ""));
    }
    assert_eq!(server.take_requests().len(), 1);
    assert!(checkout.at("home/.cache/hoop").exists());
}

#[test]
fn a_person_without_a_home_gets_the_program_each_time() {
    let checkout = Checkout::of_release();
    let server = server([Reply::ok(PROGRAM)]);
    let mut command = checkout.command("bin/hoop-buildpack");
    command
        .arg("--help")
        .env_remove("HOME")
        .env("HOOP_BUILDPACK_RELEASES_URL", server.url());
    let run = Run::of(command);
    run.exits(0);
    assert_eq!((run.stdout(), run.stderr()), ("program <--help>\n", ""));
    assert_eq!(Tree::of(&checkout.at("tmp")).paths(), Vec::<&str>::new());
}

/// Runs compile after `first`, commands of a shell, in the folder of everything.
#[track_caller]
fn compile_after(checkout: &Checkout, first: &str, base: &str) -> Run {
    let build = checkout.compile_command(base);
    let mut command = Command::new("/bin/sh");
    command
        .arg("-c")
        .arg(format!("{first} && exec \"$@\""))
        .arg("sh")
        .arg(build.get_program())
        .args(build.get_args())
        .env_clear()
        .envs(build.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .current_dir(checkout.scratch.path());
    Run::of(command)
}

#[test]
fn every_umask_keeps_a_program_that_can_be_used() {
    for umask in ["0777", "0077", "0000"] {
        let checkout = Checkout::of_release();
        let server = server([Reply::ok(PROGRAM)]);
        let program = "#!/bin/sh\numask\n";
        let digest = sha256(program.as_bytes());
        let release = format!("version {VERSION}\n{} {digest}\n", PLATFORM.architecture);
        fs::write(checkout.at("libexec/program"), release).unwrap();
        server.answer(&asset(), [Reply::ok(program)]);

        let run = compile_after(&checkout, &format!("umask {umask}"), &server.url());

        // The program starts with the umask that the build was started with.
        run.succeeds_quietly().shows(&[&format!("verified\n{umask}\n")]);
        let cache = Tree::of(&checkout.at("cache"));
        let mode = |path: &str| fs::metadata(checkout.at(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode("cache/hoop"), 0o755);
        assert_eq!(
            fs::metadata(checkout.kept()).unwrap().permissions().mode() & 0o777,
            0o755
        );
        assert_eq!(cache.paths().len(), 2, "{cache:?}");
        assert_eq!(Tree::of(&checkout.at("tmp")).paths(), Vec::<&str>::new());
    }
}

#[test]
fn a_program_that_is_kept_nowhere_leaves_nothing_behind() {
    type Harm = fn(&Checkout);
    let harms: [Harm; 4] = [
        |checkout| fs::write(checkout.at("cache/hoop"), "a file").unwrap(),
        |checkout| {
            mknodat(
                CWD,
                checkout.at("cache/hoop"),
                FileType::Fifo,
                Mode::RUSR | Mode::WUSR,
                0,
            )
            .unwrap();
        },
        |checkout| symlink("/dev/zero", checkout.at("cache/hoop")).unwrap(),
        |checkout| {
            fs::remove_dir(checkout.at("cache")).unwrap();
            mknodat(CWD, checkout.at("cache"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        },
    ];
    for harm in harms {
        let checkout = Checkout::of_release();
        let server = server([Reply::ok(PROGRAM)]);
        harm(&checkout);

        checkout
            .compile(&server.url())
            .succeeds_quietly()
            .shows(&[&checkout.started()]);
        assert_eq!(Tree::of(&checkout.at("tmp")).paths(), Vec::<&str>::new());
    }
}

#[test]
fn a_named_pipe_or_a_device_in_the_place_of_the_kept_program_is_no_program() {
    type Harm = fn(&Path);
    let harms: [Harm; 2] = [
        |path| mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap(),
        |path| symlink("/dev/zero", path).unwrap(),
    ];
    for harm in harms {
        let checkout = Checkout::of_release();
        let server = server([Reply::ok(PROGRAM)]);
        fs::create_dir(checkout.at("cache/hoop")).unwrap();
        harm(&checkout.kept());

        checkout
            .compile(&server.url())
            .succeeds_quietly()
            .shows(&[&checkout.started()]);
        assert!(fs::symlink_metadata(checkout.kept()).unwrap().is_file());
    }
}

#[test]
fn a_folder_for_temporary_files_by_a_relative_name_is_not_used() {
    for place in ["app", "-x", "./tmp", "../tmp"] {
        let checkout = Checkout::of_release();
        let server = server([Reply::ok(PROGRAM)]);
        fs::write(checkout.at("cache/hoop"), "a file").unwrap();
        let first = format!("TMPDIR={place} && export TMPDIR");

        compile_after(&checkout, &first, &server.url())
            .succeeds_quietly()
            .shows(&[&checkout.started()]);
        for folder in ["app", "tmp"] {
            assert_eq!(Tree::of(&checkout.at(folder)).paths(), Vec::<&str>::new());
        }
    }
}

#[test]
fn a_release_without_a_program_for_this_machine_says_so() {
    let checkout = Checkout::of_release();
    fs::write(
        checkout.at("libexec/program"),
        format!("version {VERSION}\nriscv64 {}\n", sha256(b"")),
    )
    .unwrap();
    checkout.compile_fails(NOBODY, "shim::no-binary");
}

/// Without these lines nothing is published; with them, they have the form that fetch.sh reads.
#[test]
fn the_release_file_of_this_source_is_whole_or_empty() {
    let text = include_str!("../libexec/program");
    let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    if lines.is_empty() {
        return;
    }
    // Between two releases it is the last one's.
    let version: hoop_buildpack::agent::version::Version = lines[0].strip_prefix("version ").unwrap().parse().unwrap();
    assert!(version <= env!("CARGO_PKG_VERSION").parse().unwrap());
    let programs: Vec<_> = lines[1..].iter().filter_map(|line| line.split_once(' ')).collect();
    assert_eq!(
        programs.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        ["amd64", "arm64"]
    );
    for (name, digest) in programs {
        assert!(
            digest.len() == 64 && digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')),
            "{name} {digest}"
        );
    }
}
