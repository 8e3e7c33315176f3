//! `bin/*` as Heroku, herokuish and people start them: by any shell, from anywhere, through links.
//!
//! Each test works on a copy of `bin/` in a folder with an unkind name, where stand-ins take the place of the
//! program. A stand-in prints which one it is and the arguments it was given. Whether the scripts are clean is
//! shellcheck's business, see `.ci/run`.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

/// The names under which Heroku starts the buildpack.
const SHIMS: [&str; 4] = ["detect", "compile", "release", "report"];

/// Everything a shell could trip over in one path: blanks, quotes, a newline, a pattern, an expansion, a backslash.
const UNKIND: &str = "it's a \"copy\"\n of [a-z]* $HOME \\ `date` ";

/// Where a packaged buildpack keeps the program for the machine the tests pretend to be.
const PACKAGED: &str = "libexec/hoop-buildpack-linux-amd64";

/// Held while a test runs. A script another thread has open for writing cannot be started (ETXTBSY), and a child
/// forked at that moment has it open for a little longer.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A copy of the buildpack's `bin/`, the folder around it, and a machine to pretend to be.
struct Checkout {
    scratch: TempDir,
    root: PathBuf,
    _alone: MutexGuard<'static, ()>,
}

impl Checkout {
    /// Copies `bin/` and `libexec/` to a folder with an unkind name, on an amd64 machine.
    fn new() -> Self {
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let scratch = tempfile::tempdir().expect("the system has a temp folder");
        let resolved = fs::canonicalize(scratch.path()).expect("the temp folder exists");
        let root = resolved.join(UNKIND);
        for folder in ["bin", "libexec"] {
            fs::create_dir_all(root.join(folder)).expect("the temp folder can be written");
            let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
            for entry in fs::read_dir(source).expect("the project has the folder") {
                let entry = entry.expect("the folder can be read");
                // A program that was put there to be used is none of these tests' business.
                if !entry.file_name().to_string_lossy().starts_with("hoop-buildpack-") {
                    fs::copy(entry.path(), root.join(folder).join(entry.file_name())).expect("it holds files");
                }
            }
        }
        // No program is published, whatever the release this is.
        fs::write(root.join("libexec/program"), "# nothing\n").expect("the temp folder can be written");
        let checkout = Self {
            scratch,
            root,
            _alone: alone,
        };
        checkout.pretend_machine("x86_64");
        checkout
    }

    /// Puts a `uname` first in PATH that answers `machine`.
    fn pretend_machine(&self, machine: &str) {
        let folder = self.scratch.path().join("tools");
        fs::create_dir_all(&folder).expect("the temp folder can be written");
        write_script(&folder.join("uname"), &format!("test \"$*\" = -m && echo {machine}"));
    }

    /// Puts a stand-in for the program at `place`, which prints `place` and its arguments, each ended by NUL.
    fn stand_in(&self, place: &str) {
        let path = self.root.join(place);
        fs::create_dir_all(path.parent().expect("a place is below the root")).expect("the root can be written");
        write_script(&path, &format!("printf '%s\\0' '{place}' \"$@\""));
    }

    /// Says that the file at `place` was last written `seconds` ago.
    fn age(&self, place: &str, seconds: u64) {
        let file = File::options()
            .append(true)
            .open(self.root.join(place))
            .expect("the stand-in was written");
        file.set_modified(SystemTime::now() - Duration::from_secs(seconds))
            .expect("the file is ours");
    }

    fn shim(&self, name: &str) -> PathBuf {
        self.root.join("bin").join(name)
    }

    /// Asserts that each shim, by each shell, says `expected` and ends with 1.
    #[track_caller]
    fn every_shim_ends_with(&self, expected: &str) {
        for shell in shells() {
            for name in SHIMS {
                let output = self
                    .command(shell)
                    .arg(self.shim(name))
                    .arg("/tmp")
                    .output()
                    .expect("a shell can be started");
                assert_eq!(String::from_utf8_lossy(&output.stderr), expected, "{name} by {shell}");
                assert_eq!(output.stdout, b"", "{name} by {shell}");
                assert_eq!(output.status.code(), Some(1), "{name} by {shell}");
            }
        }
    }

    /// A command with the environment of a Heroku build and nothing else: `env -i PATH=… HOME=… STACK=…`.
    fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let tools = self.scratch.path().join("tools");
        let path = std::env::var("PATH").expect("the tests run with a PATH");
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", format!("{}:{path}", tools.display()))
            .env("HOME", "/nowhere")
            .env("STACK", "heroku-24")
            .current_dir("/")
            .stdin(Stdio::null());
        command
    }
}

fn write_script(path: &Path, body: &str) {
    fs::write(path, format!("#!/bin/sh\n{body}\n")).expect("the folder can be written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("the file is ours");
}

/// Those of this machine's shells that are /bin/sh on some Linux. Every machine has `sh`.
fn shells() -> Vec<&'static str> {
    let found = |shell: &&str| {
        let started = Command::new(shell).args(["-c", ":"]).output();
        !started.is_err_and(|error| error.kind() == ErrorKind::NotFound)
    };
    ["sh", "dash", "bash"].into_iter().filter(found).collect()
}

/// Runs `command` and returns what its stand-in printed: its own place, then the arguments it was given.
fn given(command: &mut Command) -> Vec<String> {
    let Output { status, stdout, stderr } = command.output().expect("the shim can be started");
    let stderr = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{command:?} ended with {status} and said:\n{stderr}");
    assert_eq!(stderr, "", "{command:?} said something");
    let stdout = String::from_utf8(stdout).expect("the tests hand over UTF-8");
    stdout.split_terminator('\0').map(str::to_owned).collect()
}

#[test]
fn every_shim_hands_on_its_name_and_all_arguments() {
    let checkout = Checkout::new();
    checkout.stand_in(PACKAGED);
    // Heroku gives up to three, herokuish one more than Heroku where it likes.
    let arguments = [
        "/tmp/a build",
        "/tmp/it's \"the\"\ncache\n",
        "",
        "*",
        "$HOME",
        "-n",
        "--",
        "\\n",
    ];
    for shell in shells() {
        for name in SHIMS {
            let mut expected = vec![PACKAGED, name];
            expected.extend(arguments);
            let mut command = checkout.command(shell);
            assert_eq!(
                given(command.arg(checkout.shim(name)).args(arguments)),
                expected,
                "{name} by {shell}"
            );
        }
    }
}

#[test]
fn a_shim_without_arguments_hands_on_none() {
    let checkout = Checkout::new();
    checkout.stand_in(PACKAGED);
    for name in SHIMS {
        assert_eq!(given(&mut checkout.command(checkout.shim(name))), [PACKAGED, name]);
    }
}

#[test]
fn hoop_buildpack_itself_hands_on_what_it_is_given() {
    let checkout = Checkout::new();
    checkout.stand_in(PACKAGED);
    let mut command = checkout.command(checkout.shim("hoop-buildpack"));
    assert_eq!(given(command.args(["try", "an app"])), [PACKAGED, "try", "an app"]);
}

#[test]
fn a_shim_finds_its_home_from_any_folder_and_spelling() {
    let checkout = Checkout::new();
    checkout.stand_in(PACKAGED);
    let bin = checkout.root.join("bin");
    // CDPATH makes `cd` print and go elsewhere, and GIT_DIR leaks from the receiving end of a push.
    let start = |folder: &Path, program: &str, arguments: &[&str]| {
        let mut command = checkout.command(program);
        command
            .args(arguments)
            .current_dir(folder)
            .env("CDPATH", "/:/usr")
            .env("GIT_DIR", "/nowhere/.git");
        assert_eq!(
            given(command.arg("build")),
            [PACKAGED, "compile", "build"],
            "{program} {arguments:?}"
        );
    };
    for shell in shells() {
        start(&bin, shell, &["compile"]);
        start(&bin, shell, &["./compile"]);
        start(&bin, shell, &["../bin//compile"]);
        start(&checkout.root, shell, &["bin/compile"]);
        // Found through PATH, as by a person who put bin/ there.
        start(
            Path::new("/"),
            shell,
            &["-c", "PATH=$PATH:$0; exec compile \"$@\"", bin.to_str().unwrap()],
        );
    }
}

#[test]
fn a_shim_works_through_links_to_it() {
    let checkout = Checkout::new();
    checkout.stand_in(PACKAGED);
    let links = checkout.scratch.path().join("some links");
    fs::create_dir(&links).unwrap();
    symlink(checkout.shim("compile"), links.join("absolute")).unwrap();
    symlink(Path::new("..").join(UNKIND).join("bin/compile"), links.join("relative")).unwrap();
    symlink("relative", links.join("-a chain")).unwrap();
    symlink(&checkout.root, links.join("folder")).unwrap();
    for shell in shells() {
        for link in ["absolute", "relative", "-a chain", "folder/bin/compile"] {
            let mut from_elsewhere = checkout.command(shell);
            assert_eq!(
                given(from_elsewhere.arg(links.join(link)).arg("build")),
                [PACKAGED, "compile", "build"]
            );
            let mut from_beside = checkout.command(shell);
            from_beside.args(["--", link, "build"]).current_dir(&links);
            assert_eq!(
                given(&mut from_beside),
                [PACKAGED, "compile", "build"],
                "{link} by {shell}"
            );
        }
    }
    let mut by_the_kernel = checkout.command(links.join("-a chain"));
    assert_eq!(given(by_the_kernel.arg("build")), [PACKAGED, "compile", "build"]);
}

#[test]
fn each_machine_gets_the_program_packaged_for_it() {
    let checkout = Checkout::new();
    checkout.stand_in("libexec/hoop-buildpack-linux-amd64");
    checkout.stand_in("libexec/hoop-buildpack-linux-arm64");
    for (machine, packaged) in [
        ("x86_64", "amd64"),
        ("amd64", "amd64"),
        ("aarch64", "arm64"),
        ("arm64", "arm64"),
    ] {
        checkout.pretend_machine(machine);
        let program = format!("libexec/hoop-buildpack-linux-{packaged}");
        assert_eq!(
            given(&mut checkout.command(checkout.shim("detect"))),
            [&program, "detect"],
            "on {machine}"
        );
    }
}

#[test]
fn a_packaged_program_wins_over_one_that_was_built() {
    let checkout = Checkout::new();
    checkout.stand_in(PACKAGED);
    checkout.stand_in("target/x86_64-unknown-linux-gnu/release/hoop-buildpack");
    checkout.age(PACKAGED, 60);
    assert_eq!(
        given(&mut checkout.command(checkout.shim("detect"))),
        [PACKAGED, "detect"]
    );
}

#[test]
fn of_several_built_programs_the_newest_for_this_machine_runs() {
    let checkout = Checkout::new();
    // Older and newer than the one between them in the order of their names; the newest is another machine's.
    let built = |target: &str| format!("target/{target}/release/hoop-buildpack");
    let ages = [
        ("x86_64-alpine-linux-musl", 30),
        ("x86_64-unknown-linux-gnu", 10),
        ("x86_64-unknown-linux-musl", 20),
        ("aarch64-unknown-linux-gnu", 0),
    ];
    for (target, seconds) in ages {
        checkout.stand_in(&built(target));
        checkout.age(&built(target), seconds);
    }
    for shell in shells() {
        let mut command = checkout.command(shell);
        let program = given(command.arg(checkout.shim("detect")));
        assert_eq!(
            program,
            [built("x86_64-unknown-linux-gnu").as_str(), "detect"],
            "by {shell}"
        );
    }
    checkout.pretend_machine("arm64");
    let program = given(&mut checkout.command(checkout.shim("detect")));
    assert_eq!(program, [built("aarch64-unknown-linux-gnu").as_str(), "detect"]);
}

/// A signal sent to the pid Heroku knows must reach the program, and its exit status be the script's.
#[test]
fn a_shim_becomes_the_program() {
    let checkout = Checkout::new();
    checkout.stand_in(PACKAGED);
    write_script(&checkout.root.join(PACKAGED), "echo $$; exit 42");
    let mut command = checkout.command(checkout.shim("compile"));
    let child = command.stdout(Stdio::piped()).spawn().unwrap();
    let pid = child.id();
    let Output { status, stdout, .. } = child.wait_with_output().unwrap();
    assert_eq!(status.code(), Some(42));
    assert_eq!(String::from_utf8(stdout).unwrap(), format!("{pid}\n"));
}

#[test]
fn without_a_program_every_shim_says_how_to_get_one() {
    let checkout = Checkout::new();
    // A program for another machine is none for this one.
    checkout.stand_in("libexec/hoop-buildpack-linux-arm64");
    checkout.stand_in("target/aarch64-unknown-linux-gnu/release/hoop-buildpack");
    let root = checkout.root.to_str().unwrap().replace('\n', "\n !     ");
    let expected = format!(
        r#" !     Error: This copy of the hoop buildpack has no program for x86_64.
 !
 !     It was looked for in three places, and is in none of them:
 !       libexec/hoop-buildpack-linux-amd64, packaged with the buildpack
 !       target/x86_64-*/release/hoop-buildpack, built from its source
 !       libexec/program, which names the published program of a release
 !     below {root}
 !
 !     Nothing was changed. Your running release is not affected.
 !
 !     1. In a checkout of the buildpack, with Rust (https://rustup.rs):
 !        cargo build --release
 !     2. To use it on Heroku, add the program to your copy of the
 !        buildpack, and have your app use that copy:
 !        mkdir -p libexec
 !        cp target/x86_64-*/release/hoop-buildpack \
 !          libexec/hoop-buildpack-linux-amd64
 !        git add libexec
 !        git commit -m "Add the program for amd64"
 !        git push
 !     3. Deploy again.
 !
 !     Failure id: shim::no-binary
"#
    );
    checkout.every_shim_ends_with(&expected);
}

/// As git has it where it was added on a machine that knows no such modes.
#[test]
fn a_packaged_program_that_may_not_be_executed_is_told_and_not_passed_over() {
    let checkout = Checkout::new();
    checkout.stand_in("target/x86_64-unknown-linux-gnu/release/hoop-buildpack");
    checkout.stand_in(PACKAGED);
    fs::set_permissions(checkout.root.join(PACKAGED), fs::Permissions::from_mode(0o644)).unwrap();
    let root = checkout.root.to_str().unwrap().replace('\n', "\n !     ");
    let expected = format!(
        r#" !     Error: The hoop buildpack's program is not executable.
 !
 !     The file is where it should be, but its mode does not let it run:
 !       libexec/hoop-buildpack-linux-amd64
 !     below {root}
 !
 !     Nothing was changed. Your running release is not affected.
 !
 !     1. In your copy of the buildpack, make it executable:
 !        chmod +x libexec/hoop-buildpack-linux-amd64
 !        git update-index --chmod=+x libexec/hoop-buildpack-linux-amd64
 !        git commit -m "Make the program executable"
 !        git push
 !     2. If the mode is right, the disk may be mounted noexec: move the
 !        buildpack to another disk.
 !     3. Deploy again.
 !
 !     Failure id: shim::not-executable
"#
    );
    checkout.every_shim_ends_with(&expected);
}
