//! The buildpack under herokuish, which Dokku builds with: another working directory than Heroku's, one argument more,
//! a user without privileges, and a boot that takes the quotes out of commands.
//!
//! What is done here is what its scripts do: `include/buildpack.bash` and `include/procfile.bash` of
//! <https://github.com/gliderlabs/herokuish> (0.11.14). herokuish itself needs its own image.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]

mod support;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::dyno::{Dyno, Launch, QUIET_AGENT, STANDARD, program};
use support::executable::copy_executable;
use support::mirror::{Mirror, PLATFORM, VERSION};
use support::run::Run;
use support::tree::Tree;
use tempfile::TempDir;

/// Somebody without privileges, as herokuish makes one up for each build.
const NOBODY: u32 = 32767;

/// What `/start` does: `.profile.d` is sourced with these options set, in the order of the names; then `$2`, which
/// changes the user, starts what is left of the command `$1` after `eval`.
const BOOT: &str = "set -eo pipefail; cd; \
    for file in \"$HOME\"/.profile.d/*.sh; do source \"$file\"; done; \
    exec ${2-} $(eval echo \"$1\")";

/// herokuish's folders, with a buildpack that holds its program.
struct Herokuish {
    scratch: TempDir,
}

impl Herokuish {
    fn new() -> Self {
        let scratch = TempDir::with_prefix("herokuish ").unwrap();
        let herokuish = Self { scratch };
        let source = Path::new(env!("CARGO_MANIFEST_DIR"));
        for folder in [
            "buildpack/bin",
            "buildpack/libexec",
            "app",
            "build",
            "cache",
            "env",
            "mirror",
            "tmp",
        ] {
            fs::create_dir_all(herokuish.at(folder)).unwrap();
        }
        for script in ["hoop-buildpack", "detect", "compile", "release", "report"] {
            copy_executable(
                &source.join("bin").join(script),
                &herokuish.at("buildpack/bin").join(script),
            );
        }
        let packed = format!("buildpack/libexec/hoop-buildpack-linux-{}", PLATFORM.architecture);
        copy_executable(env!("CARGO_BIN_EXE_hoop-buildpack").as_ref(), &herokuish.at(&packed));
        fs::write(herokuish.at("build/Procfile"), "web: hoopstart -- ./web.sh\n").unwrap();
        // As the program that is packed, a file of the app that nobody may take for the buildpack's.
        fs::create_dir(herokuish.at("build/bin")).unwrap();
        fs::write(herokuish.at("build/bin/hoop-buildpack"), "#!/bin/sh\nexit 99\n").unwrap();
        Mirror::of(VERSION).write_to(&herokuish.at("mirror"));
        let url = format!("file://{}", herokuish.at("mirror").display()).replace(' ', "%20");
        fs::write(herokuish.at("env/HOOP_RELEASES_URL"), url).unwrap();
        herokuish.hand_over();
        herokuish
    }

    fn at(&self, path: &str) -> PathBuf {
        self.scratch.path().join(path)
    }

    /// Gives everything to the user of the build, as herokuish does. Only root can; anyone else builds as themselves.
    fn hand_over(&self) {
        if rustix::process::geteuid().is_root() {
            fs::set_permissions(self.scratch.path(), fs::Permissions::from_mode(0o755)).unwrap();
            for path in Tree::of(self.scratch.path()).paths() {
                chown(self.at(path), Some(NOBODY), Some(NOBODY)).unwrap();
            }
        }
    }

    /// A script of the buildpack, in the app's folder, as the user of the build, with herokuish's variables.
    fn script(&self, name: &str, folders: &[&str]) -> Run {
        let mut command = Command::new(self.at("buildpack/bin").join(name));
        command
            .args(folders.iter().map(|folder| self.at(folder)))
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", self.at("app"))
            .env("APP_DIR", self.at("app"))
            .env("REQUEST_ID", "build-12345")
            .env("STACK", "heroku-24")
            .env("CURL_CONNECT_TIMEOUT", "30")
            .env("CURL_TIMEOUT", "180")
            .env("TMPDIR", self.at("tmp"))
            .current_dir(self.at("build"));
        if rustix::process::geteuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        Run::of(command)
    }

    /// Builds the app.
    fn build(&self) {
        let detect = self.script("detect", &["build"]);
        detect.exits(0);
        // An empty name is "Unable to select a buildpack".
        assert_eq!(detect.stdout(), "Hoop agent\n");
        self.script("compile", &["build", "cache", "env"])
            .succeeds_quietly()
            .looks_like_a_build();
    }

    /// Boots a command line as `/start` does, and returns what it prints.
    fn start(&self, command_line: &str) -> Run {
        let mut command = Command::new("bash");
        command
            .args(["-c", BOOT, "start", command_line])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.at("build"))
            .env("DYNO", "run.1");
        Run::of(command)
    }
}

#[test]
fn a_build_in_the_apps_folder_by_a_user_without_privileges_is_a_build() {
    let herokuish = Herokuish::new();
    herokuish.build();
    let slug = Tree::of(&herokuish.at("build"));
    for path in [
        ".hoop/bin/hoop",
        ".hoop/bin/hoopstart",
        ".profile.d/zz-hoop-buildpack.sh",
        "bin/hoopstart",
    ] {
        assert!(slug.entry(path).is_some(), "{path} in {slug:?}");
    }
    let owner = fs::metadata(herokuish.at("build")).unwrap().uid();
    for path in slug.paths() {
        let found = fs::symlink_metadata(herokuish.at("build").join(path)).unwrap();
        assert_eq!(found.uid(), owner, "{path}");
    }
    // The next build of the app, with the cache of this one.
    herokuish.build();
    assert_eq!(Tree::of(&herokuish.at("build")), slug);
    herokuish
        .script("report", &["build", "cache", "env"])
        .exits(0)
        .shows(&["archive_origin: cache"]);
}

/// herokuish gives bin/release the cache dir as well, keeps what it prints in `.release`, and writes its `config_vars`
/// into a script of `.profile.d`.
#[test]
fn release_takes_one_argument_more_and_sets_no_config_vars() {
    let herokuish = Herokuish::new();
    let run = herokuish.script("release", &["build", "cache"]);
    run.exits(0);
    assert_eq!(
        (run.stdout(), run.stderr()),
        ("addons: []\ndefault_process_types: {}\n", "")
    );
}

/// `/start` and `/exec` lose the quotes of a command. hoopstart must not make more of it than it is, so a line gives
/// what it gives without hoopstart.
#[test]
fn a_command_without_its_quotes_is_what_it_would_be_without_hoopstart() {
    if program("bash").is_none() {
        return;
    }
    let herokuish = Herokuish::new();
    herokuish.build();
    let script = herokuish.at("build/show.sh");
    fs::write(&script, "printf '<%s>' \"$@\"\n").unwrap();
    for (line, printed) in [
        ("sh show.sh 'two words' three", "<two><words><three>"),
        ("sh show.sh \"a  b\" -- -c", "<a><b><--><-c>"),
        ("sh -c 'echo one two'", "\n"),
        ("sh show.sh '*.sh'", "<show.sh>"),
        ("sh show.sh $DYNO", "<run.1>"),
    ] {
        let alone = herokuish.start(line);
        let beside = herokuish.start(&format!("hoopstart -- {line}"));
        alone.exits(0);
        beside.exits(0);
        assert_eq!(alone.stdout(), printed, "{line}");
        assert_eq!((beside.stdout(), beside.stderr()), (printed, ""), "{line}");
    }
}

#[test]
fn the_agent_of_a_procfile_line_is_the_apps_user_and_that_of_autostart_is_root() {
    let Some(setpriv) = program("setpriv").filter(|_| program("bash").is_some()) else {
        return;
    };
    let herokuish = Herokuish::new();
    herokuish.build();
    fs::write(herokuish.at("build/.hoop/bin/hoop"), QUIET_AGENT).unwrap();
    // In the place of herokuish's setuidgid. Only root can change the user; anyone else boots as themselves.
    let is_root = rustix::process::geteuid().is_root();
    let unprivileged = format!("{} --reuid={NOBODY} --regid={NOBODY} --clear-groups", setpriv.display());
    let change_user = if is_root { unprivileged.as_str() } else { "" };
    let launch = Launch::in_folder(&herokuish.at("build"))
        .with("HOOP_KEY", STANDARD)
        .with("DYNO", "web.1");
    let starts = |launch: &Launch, line: &str| -> (Dyno, String) {
        let dyno = launch.plain(["bash", "-c", BOOT, "start", line, change_user]);
        dyno.logs("hoop | agent up\n");
        let user = dyno.has_agents(1)[0].status("Uid");
        (dyno, user)
    };

    let (dyno, user) = starts(&launch, "hoopstart -- sleep 600");
    let app = fs::metadata(format!("/proc/{}", dyno.pid())).unwrap().uid();
    assert_eq!(user.split_whitespace().next(), Some(app.to_string().as_str()));
    assert!(!is_root || app == NOBODY, "{app}");
    drop(dyno);

    let launch = launch.with("HOOP_AUTOSTART", "on");
    let (dyno, user) = starts(&launch, "sleep 600");
    let ours = rustix::process::geteuid().as_raw().to_string();
    assert_eq!(user.split_whitespace().next(), Some(ours.as_str()), "{}", dyno.stderr());
    drop(dyno);

    // By root, of a process of another user: what a later script sets reaches the agent as well.
    fs::write(
        herokuish.at("build/.profile.d/zzz-ruby.sh"),
        "sleep 0.3; export GEM_PATH=/gems\n",
    )
    .unwrap();
    let (dyno, _) = starts(&launch, "sleep 600");
    assert_eq!(
        dyno.agents()[0].variable("GEM_PATH"),
        Some("/gems".as_ref()),
        "{}",
        dyno.stderr()
    );
}
