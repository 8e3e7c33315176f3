//! `bin/package`: the same source gives the same bytes, the tarball is all that a build needs, and a tag cannot name
//! other programs than those that are published.
//!
//! Only one test packs the real program. The others have a stand-in, since packing does not look into it. Whether two
//! builds give the same program takes minutes to tell, so `.ci/reproducible` does.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]

mod support;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::dyno::skipped;
use support::executable::{copy_executable, write_executable};
use support::mirror::PLATFORM;
use support::run::Run;
use support::server::{ReleaseServer, Reply};
use support::tree::{Tree, sha256};
use tempfile::TempDir;

/// The version of this source.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What bin/package reads of the source, but for bin/ and libexec/.
const FILES: [&str; 5] = ["buildpack.toml", "Cargo.toml", "Cargo.lock", "LICENSE", "README.md"];

/// The architecture this machine does not have.
const OTHER: &str = if cfg!(target_arch = "aarch64") {
    "amd64"
} else {
    "arm64"
};

/// The folder of the source.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A copy of what is packed, with nothing in it that could be built.
struct Source {
    scratch: TempDir,
    root: PathBuf,
}

impl Source {
    fn copied_to(name: &str) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let copy = scratch.path().join(name);
        for folder in ["bin", "libexec"] {
            fs::create_dir_all(copy.join(folder)).unwrap();
            for entry in fs::read_dir(root().join(folder)).unwrap() {
                let entry = entry.unwrap();
                // A program that was put there to be used is not part of the source.
                if !entry.file_name().to_string_lossy().starts_with("hoop-buildpack-") {
                    copy_executable(&entry.path(), &copy.join(folder).join(entry.file_name()));
                }
            }
        }
        for file in FILES {
            fs::copy(root().join(file), copy.join(file)).unwrap();
        }
        // That of a release names its programs, and the tests have others.
        fs::write(copy.join("libexec/program"), "# What this file is for.\n").unwrap();
        Self { scratch, root: copy }
    }

    /// Writes a stand-in for the program of `architecture`: the header of an ELF file, and `text`.
    fn stand_in(&self, architecture: &str, text: &str) -> PathBuf {
        let machine: [u8; 2] = if architecture == "arm64" { [0xb7, 0] } else { [0x3e, 0] };
        let header = [b"\x7fELF\x02\x01\x01", &[0; 9][..], &[3, 0], &machine].concat();
        let path = self.scratch.path().join(format!("program for {architecture}"));
        fs::write(&path, [&header, text.as_bytes()].concat()).unwrap();
        path
    }

    /// Runs bin/package with an environment of next to nothing.
    fn package<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Run {
        Run::of(self.command(arguments))
    }

    fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(self.root.join("bin/package"));
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.scratch.path())
            .current_dir(self.scratch.path());
        command
    }

    /// Packs stand-ins of both programs.
    fn packed(&self) -> Run {
        let (amd64, arm64) = (self.stand_in("amd64", "one"), self.stand_in("arm64", "two"));
        let arguments: [&OsStr; 8] = [
            "--binary".as_ref(),
            amd64.as_ref(),
            "--arch".as_ref(),
            "amd64".as_ref(),
            "--binary".as_ref(),
            arm64.as_ref(),
            "--arch".as_ref(),
            "arm64".as_ref(),
        ];
        let run = self.package(arguments);
        run.exits(0)
            .assert(run.stderr().is_empty(), "nothing to complain about");
        run
    }

    fn dist(&self) -> PathBuf {
        self.root.join("dist")
    }

    fn release(&self) -> String {
        fs::read_to_string(self.root.join("libexec/program")).unwrap()
    }
}

/// Asserts that bin/package stopped with a sentence that holds `phrase`.
#[track_caller]
fn refuses(run: &Run, phrase: &str) {
    run.exits(1).assert(
        run.stderr().starts_with("bin/package: ") && run.stderr().contains(phrase),
        &format!("expected a sentence with {phrase:?}"),
    );
}

/// Unpacks a tarball with the machine's own tar, as a platform does.
fn unpack(tarball: &Path, folder: &Path) {
    fs::create_dir(folder).unwrap();
    let status = Command::new("tar")
        .arg("-xzf")
        .arg(tarball)
        .arg("-C")
        .arg(folder)
        .status();
    assert!(status.unwrap().success());
}

#[test]
fn two_copies_of_the_source_give_the_same_bytes() {
    let (one, two) = (Source::copied_to("one"), Source::copied_to("another folder's"));
    // Neither the permissions of a checkout nor the umask of a build are the source.
    for path in ["bin/detect", "LICENSE", "libexec/program"] {
        let path = two.root.join(path);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        fs::set_permissions(path, fs::Permissions::from_mode(mode | 0o020)).unwrap();
    }
    let listed = one.packed();
    two.packed();
    assert_eq!(Tree::of(&one.dist()), Tree::of(&two.dist()));

    let mut expected = BTreeMap::new();
    for name in [
        &format!("hoop-buildpack-{VERSION}-linux-amd64.cnb"),
        &format!("hoop-buildpack-{VERSION}-linux-arm64.cnb"),
        &format!("hoop-buildpack-{VERSION}.tgz"),
        "hoop-buildpack-linux-amd64",
        "hoop-buildpack-linux-arm64",
    ] {
        expected.insert(name.to_owned(), sha256(&fs::read(one.dist().join(name)).unwrap()));
    }
    let lines: Vec<_> = expected.iter().map(|(name, sum)| format!("{sum}  {name}")).collect();
    let sums = lines.join("\n") + "\n";
    assert_eq!(fs::read_to_string(one.dist().join("SHA256SUMS")).unwrap(), sums);
    assert_eq!(listed.stdout(), sums);
}

#[test]
fn the_tarball_holds_what_a_build_needs_and_nothing_of_the_machine_that_packed_it() {
    let source = Source::copied_to("source");
    source.packed();
    let tarball = fs::File::open(source.dist().join(format!("hoop-buildpack-{VERSION}.tgz"))).unwrap();
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(tarball).read_to_end(&mut text).unwrap();
    let mut found = Vec::new();
    for entry in tar::Archive::new(text.as_slice()).entries().unwrap() {
        let entry = entry.unwrap();
        let header = entry.header();
        found.push(format!(
            "{:o} {}",
            header.mode().unwrap() & 0o7777,
            entry.path().unwrap().display()
        ));
        assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0));
        assert_eq!(header.mtime().unwrap(), 1_700_000_000);
        let owner = |name: Option<&[u8]>| name.unwrap_or_default().to_vec();
        assert_eq!(
            (owner(header.username_bytes()), owner(header.groupname_bytes())),
            (vec![], vec![])
        );
    }
    assert_eq!(
        found,
        [
            "644 LICENSE",
            "644 README.md",
            "755 bin/",
            "755 bin/build",
            "755 bin/compile",
            "755 bin/detect",
            "755 bin/hoop-buildpack",
            "755 bin/release",
            "755 bin/report",
            "644 buildpack.toml",
            "755 libexec/",
            "644 libexec/fetch.sh",
            "755 libexec/hoop-buildpack-linux-amd64",
            "755 libexec/hoop-buildpack-linux-arm64",
            "644 libexec/program",
        ]
    );
}

#[test]
fn what_cannot_be_packed_is_refused_before_anything_is_written() {
    let source = Source::copied_to("source");
    let amd64 = source.stand_in("amd64", "one");
    let amd64 = amd64.to_str().unwrap();
    let script = source.root.join("bin/detect");
    for (arguments, phrase) in [
        (vec!["--binary", amd64, "--arch", "arm64"], "is not a program for arm64"),
        (
            vec!["--binary", script.to_str().unwrap(), "--arch", "amd64"],
            "is not a program for amd64",
        ),
        (vec!["--binary", "/nowhere", "--arch", "amd64"], "cannot read /nowhere"),
        (vec!["--binary", amd64], "--binary needs an --arch after it"),
        (vec!["--arch", "amd64"], "--arch says what a --binary before it is for"),
        (
            vec!["--binary", amd64, "--arch", "riscv64"],
            "there is no architecture riscv64",
        ),
        (vec!["--build", "mips"], "there is no architecture mips"),
        (vec!["--binary"], "--binary needs a value"),
        (vec!["--frobnicate"], "there is no option --frobnicate"),
        (vec!["--pin"], &format!("there is no hoop-buildpack-{VERSION}.tgz in")),
    ] {
        refuses(&source.package(arguments), phrase);
        assert!(!source.dist().exists());
    }
}

#[test]
fn help_names_every_option() {
    let source = Source::copied_to("source");
    let help = source.package(["--help"]);
    help.exits(0).shows(&[
        "--build",
        "--binary",
        "--arch",
        "--output",
        "--pin",
        "--check",
        "--published",
    ]);
    let is_in_readme_form = help.stdout().lines().all(|line| line.len() <= 80);
    help.assert(is_in_readme_form, "fits a terminal");
}

#[test]
fn a_tag_is_right_where_its_digests_are_those_of_the_programs() {
    let source = Source::copied_to("source");
    fs::write(
        source.root.join("libexec/program"),
        "# A comment.\n# Two lines of it.\n",
    )
    .unwrap();
    let tag = format!("v{VERSION}");
    source.packed();
    refuses(&source.package(["--check", &tag]), "write it with bin/package --pin");

    source.package(["--pin"]).exits(0);
    let digest = |architecture: &str| {
        let program = source.dist().join(format!("hoop-buildpack-linux-{architecture}"));
        sha256(&fs::read(program).unwrap())
    };
    let (amd64, arm64) = (digest("amd64"), digest("arm64"));
    assert_eq!(
        source.release(),
        format!("# A comment.\n# Two lines of it.\nversion {VERSION}\namd64 {amd64}\narm64 {arm64}\n")
    );
    source.package(["--check", &tag]).exits(0).shows(&[&amd64, &arm64]);
    refuses(
        &source.package(["--check", "v99.0.0"]),
        "the tag v99.0.0 is not that of version",
    );
    refuses(&source.package(["--check", VERSION]), "is not that of version");

    // Another program, or one less, is not what is pinned.
    let other = source.stand_in(OTHER, "another");
    for also in [&[][..], &["--binary", other.to_str().unwrap(), "--arch", OTHER]] {
        let here = source.stand_in(PLATFORM.architecture, "three");
        let here = ["--binary", here.to_str().unwrap(), "--arch", PLATFORM.architecture];
        source.package(here.iter().chain(also)).exits(0);
        refuses(
            &source.package(["--check", &tag]),
            "libexec/program and the programs differ",
        );
    }
    source.packed();
    source.package(["--check", &tag]).exits(0);
    // What packing adds to the tarball has no part in this: the pins are of programs.
    fs::write(source.root.join("README.md"), "another").unwrap();
    source.package(["--check", &tag]).exits(0);
}

/// A mix of two builds or a download that broke must not be what a release is made of.
#[test]
fn a_folder_that_is_not_as_it_was_packed_is_neither_pinned_nor_compared() {
    type Damage = fn(&Path);
    let source = Source::copied_to("source");
    let tag = format!("v{VERSION}");
    let changed = "is not what its SHA256SUMS lists";
    let missing = format!("there is no hoop-buildpack-{VERSION}.tgz in");
    let damages: [(Damage, &str); 5] = [
        (
            |dist| {
                let program = dist.join("hoop-buildpack-linux-arm64");
                let bytes = fs::read(&program).unwrap();
                fs::write(&program, [&bytes[..], b"!"].concat()).unwrap();
            },
            changed,
        ),
        (
            |dist| fs::remove_file(dist.join("hoop-buildpack-linux-arm64")).unwrap(),
            changed,
        ),
        (
            |dist| fs::write(dist.join("hoop-buildpack-0.0.1.tgz"), "").unwrap(),
            changed,
        ),
        (|dist| fs::remove_file(dist.join("SHA256SUMS")).unwrap(), changed),
        (
            |dist| {
                let tarball = dist.join(format!("hoop-buildpack-{VERSION}.tgz"));
                fs::rename(tarball, dist.join("hoop-buildpack-0.0.1.tgz")).unwrap();
            },
            &missing,
        ),
    ];
    for (damage, phrase) in damages {
        source.packed();
        source.package(["--pin"]).exits(0);
        source.package(["--check", &tag]).exits(0);
        let before = source.release();
        damage(&source.dist());
        refuses(&source.package(["--check", &tag]), phrase);
        refuses(&source.package(["--pin"]), phrase);
        assert_eq!(source.release(), before);
    }
}

/// ring's C code is compiled with flags that hold the folder's name, and those cannot quote it.
#[test]
fn a_build_in_a_folder_that_the_flags_cannot_name_is_refused() {
    let source = Source::copied_to("source");
    for name in ["a folder", "it's", "a=b"] {
        refuses(
            &Source::copied_to(name).package([""; 0]),
            &format!("/{name}: the flags that keep its name out of the program cannot hold"),
        );
        let mut command = source.command([""; 0]);
        command.env("CARGO_HOME", format!("/nowhere/{name}"));
        refuses(
            &Run::of(command),
            &format!("/nowhere/{name}: the flags that keep its name out of the program cannot hold"),
        );
    }
}

/// A mirror's token in the arguments of a process could be read by everyone on the machine.
#[test]
fn a_published_program_is_asked_for_with_a_token_that_nobody_sees() {
    let source = Source::copied_to("source");
    let tag = format!("v{VERSION}");
    let here = source.stand_in(PLATFORM.architecture, "one");
    source
        .package(["--binary", here.to_str().unwrap(), "--arch", PLATFORM.architecture])
        .exits(0);
    source.package(["--pin"]).exits(0);
    let folder = source.scratch.path().join("stand-ins");
    fs::create_dir(&folder).unwrap();
    let curl = "#!/bin/sh\nprintf 'arguments: %s\\n' \"$*\"\nread -r url\nprintf 'stdin: %s\\n' \"$url\"\nexit 22\n";
    write_executable(&folder.join("curl"), curl);
    let mut command = source.command(["--check", &tag, "--published"]);
    command
        .env(
            "PATH",
            format!("{}:{}", folder.display(), std::env::var("PATH").unwrap()),
        )
        .env("HOOP_BUILDPACK_RELEASES_URL", "https://robot:T0\"\\K3N@mirror.invalid/");
    let run = Run::of(command);
    refuses(&run, "there is no published hoop-buildpack-linux-");
    run.shows(&[
        "arguments: --disable --globoff --fail",
        &format!("stdin: url = \"https://robot:T0\\\"\\\\K3N@mirror.invalid/{tag}/"),
    ]);
    let arguments = run.stdout().lines().find(|line| line.starts_with("arguments: "));
    run.assert(!arguments.unwrap().contains("K3N"), "no argument holds the token");
}

#[test]
fn what_is_published_is_compared_as_well() {
    let source = Source::copied_to("source");
    let tag = format!("v{VERSION}");
    source.packed();
    source.package(["--pin"]).exits(0);
    let server = ReleaseServer::plain();
    let serve = |name: &str, reply: Reply| server.answer(&format!("/{tag}/{name}"), [reply]);
    let bytes = |name: &str| fs::read(source.dist().join(name)).unwrap();
    let check = || {
        let mut command = source.command(["--check", &tag, "--published"]);
        command.env("HOOP_BUILDPACK_RELEASES_URL", server.url());
        Run::of(command)
    };
    let (amd64, arm64) = ("hoop-buildpack-linux-amd64", "hoop-buildpack-linux-arm64");
    serve(amd64, Reply::ok(bytes(amd64)));
    check()
        .exits(1)
        .tells(&["there is no published hoop-buildpack-linux-arm64"]);
    serve(arm64, Reply::ok(bytes(arm64)));
    check().exits(0);
    serve(arm64, Reply::ok("something else"));
    refuses(&check(), "libexec/program and the programs differ");
}

#[test]
fn a_tag_that_exists_is_checked_and_not_the_work_tree() {
    let source = Source::copied_to("source");
    let tag = format!("v{VERSION}");
    source.packed();
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command
            .current_dir(&source.root)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", source.scratch.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .args(["-c", "user.name=A", "-c", "user.email=a@example.com"])
            .args(arguments);
        Run::of(command).exits(0);
    };
    git(&["init", "--quiet"]);
    git(&["add", "libexec"]);
    git(&["commit", "--quiet", "-m", "Forgot to pin"]);
    git(&["tag", &tag]);
    source.package(["--pin"]).exits(0);
    // The work tree would do, and the tag would not.
    refuses(&source.package(["--check", &tag]), "write it with bin/package --pin");
    git(&["commit", "--quiet", "--all", "-m", "Pin"]);
    git(&["tag", "--force", &tag]);
    source.package(["--check", &tag]).exits(0).shows(&["of the tag"]);

    // What git says of another folder, or does not say, is no proof of a tag.
    git(&["rm", "--quiet", "libexec/program"]);
    git(&["commit", "--quiet", "-m", "Forget the file"]);
    git(&["tag", "--force", &tag]);
    git(&["checkout", "--quiet", "HEAD~1", "--", "libexec/program"]);
    refuses(&source.package(["--check", &tag]), "has no libexec/program");
    let mut elsewhere = source.command(["--check", &tag]);
    elsewhere.env("GIT_DIR", source.scratch.path());
    refuses(&Run::of(elsewhere), "has no libexec/program");
    fs::write(source.root.join(".git/HEAD"), "nonsense\n").unwrap();
    refuses(&source.package(["--check", &tag]), "git cannot read");
}

/// The flags, profiles and wrappers of whoever packs would give other bytes.
#[test]
fn a_build_has_no_variables_but_those_that_say_where_things_are() {
    let source = Source::copied_to("source");
    let tools = source.scratch.path().join("tools");
    fs::create_dir(&tools).unwrap();
    let told = source.scratch.path().join("told");
    let cargo = format!("#!/bin/sh\n[ \"$1\" = fetch ] || env >'{}'\n", told.display());
    write_executable(&tools.join("cargo"), &cargo);
    let path = std::env::var_os("PATH").unwrap();
    let folders = [tools].into_iter().chain(std::env::split_paths(&path));
    let path = std::env::join_paths(folders).unwrap();
    let foreign = [
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_PROFILE_RELEASE_LTO",
        "CARGO_INCREMENTAL",
        "CARGO_BUILD_RUSTC_WRAPPER",
        "RUSTC_WRAPPER",
        "CFLAGS_x86_64_unknown_linux_gnu",
        "TARGET_CFLAGS",
        "CPATH",
        "SOURCE_DATE_EPOCH",
    ];
    let own = ["CARGO_HOME", "HTTPS_PROXY", "CARGO_NET_RETRY", "RUSTUP_TOOLCHAIN"];
    let mut command = source.command(["--build", PLATFORM.architecture]);
    command
        .env("PATH", path)
        .envs(foreign.into_iter().chain(own).map(|name| (name, "/foreign")));
    // It ends where there is no program after all.
    refuses(&Run::of(command), "cannot read");

    let told = fs::read_to_string(told).unwrap();
    let has = |name: &str| told.lines().any(|line| line.starts_with(&format!("{name}=")));
    for name in foreign {
        assert!(!has(name), "{name} in {told}");
    }
    for name in own.into_iter().chain(["PATH", "HOME", "CFLAGS"]) {
        assert!(has(name), "{name} in {told}");
    }
}

#[test]
fn options_that_do_not_fit_together_are_refused() {
    let source = Source::copied_to("source");
    for (arguments, phrase) in [
        (&["--published"][..], "--published is for --check"),
        (&["--pin", "--published"], "--published is for --check"),
        (&["--pin", "--build", "arm64"], "packs nothing"),
        (&["--check", "v1.2.3", "--build", "arm64"], "packs nothing"),
        (&["--pin", "--check", "v1.2.3"], "not both"),
        (
            &["--binary", "/bin/sh", "--binary", "/bin/sh", "--arch", "amd64"],
            "needs an --arch",
        ),
    ] {
        refuses(&source.package(arguments), phrase);
    }
    assert!(!source.dist().exists());
}

/// The recipe of Heroku's own buildpacks: all scripts in their order, twice, with the second build from the cache.
/// <https://github.com/heroku/heroku-buildpack-python/blob/main/Makefile>
#[test]
fn the_tarball_alone_builds_an_app_cold_and_cached() {
    let source = Source::copied_to("source");
    let program = env!("CARGO_BIN_EXE_hoop-buildpack");
    source
        .package(["--binary", program, "--arch", PLATFORM.architecture])
        .exits(0);
    let place = tempfile::tempdir().unwrap();
    let at = |path: &str| place.path().join(path);
    unpack(
        &source.dist().join(format!("hoop-buildpack-{VERSION}.tgz")),
        &at("buildpack"),
    );
    drop(source);
    let packed = Tree::of(&at("buildpack"));
    fs::create_dir_all(at("env")).unwrap();
    fs::create_dir_all(at("home")).unwrap();
    let mirror = format!("file://{}", root().join("fixtures/releases").display());
    fs::write(at("env/HOOP_RELEASES_URL"), mirror).unwrap();
    let start = |script: &str, folders: &[&str]| {
        let mut command = Command::new(at("buildpack/bin").join(script));
        command
            .args(folders.iter().map(|folder| at(folder)))
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", at("home"))
            .env("STACK", "heroku-24")
            .env("TMPDIR", at("home"))
            .current_dir(at("buildpack"));
        Run::of(command)
    };

    let mut slugs = Vec::new();
    // The build dir has a new name at each build, and the cache dir is not there before the first.
    for (app, said) in [
        ("build_1", "Downloaded hoop_"),
        ("build_2", "Using the copy of the last build"),
    ] {
        fs::create_dir(at(app)).unwrap();
        fs::write(at(app).join("Procfile"), "web: hoopstart -- ./server\n").unwrap();
        let detect = start("detect", &[app]);
        detect.exits(0);
        assert_eq!((detect.stdout(), detect.stderr()), ("Hoop agent\n", ""));

        let compile = start("compile", &[app, "cache", "env"]);
        compile
            .succeeds_quietly()
            .looks_like_a_build()
            .shows(&[said, "sha256 verified"]);

        // What a slug grows by is the agent, the program, and next to nothing else. How large the program of a release
        // may be is checked by .ci/static.
        let slug = Tree::of(&at(app));
        let size = |path: &str| fs::symlink_metadata(at(app).join(path)).unwrap().len();
        let files = slug.paths().into_iter().filter(|path| {
            let entry = slug.entry(path).unwrap_or_default();
            entry.starts_with("file ") && *path != "Procfile"
        });
        let added: u64 = files.map(size).sum();
        let large: u64 = [".hoop/bin/hoop", ".hoop/bin/hoop_rs", ".hoop/bin/hoopstart"]
            .map(size)
            .iter()
            .sum();
        assert!(
            added - large < 8192,
            "{added} bytes, of which {large} are agent and program"
        );
        let growth = compile
            .stdout()
            .lines()
            .find_map(|line| line.split_once(" MB to the slug, 5 files"));
        let (_, growth) = growth.unwrap().0.rsplit_once("adds ").unwrap();
        let growth = growth.parse::<f64>().unwrap() * 1e6;
        #[expect(clippy::cast_precision_loss, reason = "no slug has 2^53 bytes")]
        let difference = growth - added as f64;
        assert!(
            (0.0..100_001.0).contains(&difference),
            "{growth} is not {added}, rounded up"
        );

        let report = start("report", &[app, "cache", "env"]);
        report.exits(0).shows(&["outcome: success"]);

        let release = start("release", &[app]);
        release.exits(0);
        assert_eq!(release.stdout(), "addons: []\ndefault_process_types: {}\n");

        let mut boot = Command::new(at(app).join("bin/hoopstart"));
        boot.args(["--", "sh", "-c", "exit 7"])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", at(app));
        Run::of(boot).exits(7).tells(&["[start::key-missing]"]);
        slugs.push(Tree::of(&at(app)));
    }
    assert_eq!(slugs[0], slugs[1]);
    assert_eq!(
        Tree::of(&at("buildpack")),
        packed,
        "a build does not write to the buildpack"
    );

    // A failing build is told by its report too.
    fs::write(at("env/HOOP_VERSION"), "1.2.3").unwrap();
    start("compile", &["build_2", "cache", "env"]).fails_with("version::not-found");
    start("report", &["build_2", "cache", "env"])
        .exits(0)
        .shows(&["version::not-found"]);
}

/// Which program a shim takes is tested with stand-ins in tests/shims.rs; here the one for the other architecture,
/// where somebody built it (`bin/package --build`) and this machine can run it, goes through a whole build.
#[test]
fn the_program_for_the_other_architecture_runs() {
    let (triple, emulator, machine) = if OTHER == "arm64" {
        ("aarch64-unknown-linux-gnu", "qemu-aarch64", "aarch64")
    } else {
        ("x86_64-unknown-linux-gnu", "qemu-x86_64", "x86_64")
    };
    let program = root()
        .join("target/package")
        .join(triple)
        .join("release/hoop-buildpack");
    let found = std::env::split_paths(&std::env::var_os("PATH").unwrap()).find(|folder| folder.join(emulator).exists());
    let (true, Some(folder)) = (program.exists(), found) else {
        skipped(&format!("needs {emulator} and {}", program.display()));
        return;
    };
    let source = Source::copied_to("source");
    let here = source.stand_in(PLATFORM.architecture, "never started");
    let run = source.package([
        OsStr::new("--binary"),
        program.as_ref(),
        "--arch".as_ref(),
        OTHER.as_ref(),
        "--binary".as_ref(),
        here.as_ref(),
        "--arch".as_ref(),
        PLATFORM.architecture.as_ref(),
    ]);
    run.exits(0);
    let place = tempfile::tempdir().unwrap();
    let at = |path: &str| place.path().join(path);
    unpack(
        &source.dist().join(format!("hoop-buildpack-{VERSION}.tgz")),
        &at("buildpack"),
    );
    // The kernel here starts no such program by itself, so the emulator takes its place, and is handed it.
    let packed = at("buildpack/libexec").join(format!("hoop-buildpack-linux-{OTHER}"));
    fs::rename(&packed, at("real")).unwrap();
    let emulate = format!(
        "#!/bin/sh\nexec '{}' '{}' \"$@\"\n",
        folder.join(emulator).display(),
        at("real").display()
    );
    write_executable(&packed, &emulate);
    fs::create_dir(at("tools")).unwrap();
    write_executable(&at("tools/uname"), &format!("#!/bin/sh\necho {machine}\n"));
    for folder in ["app", "env"] {
        fs::create_dir(at(folder)).unwrap();
    }
    let mirror = format!("file://{}", root().join("fixtures/releases").display());
    fs::write(at("env/HOOP_RELEASES_URL"), mirror).unwrap();
    let mut command = Command::new(at("buildpack/bin/compile"));
    command
        .args([at("app"), at("cache"), at("env")])
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", at("tools").display()))
        .env("HOME", place.path())
        .env("TMPDIR", place.path());
    let run = Run::of(command);
    let asked_for = if OTHER == "arm64" {
        "_Linux_arm64.tar.gz"
    } else {
        "_Linux_x86_64.tar.gz"
    };
    run.succeeds().shows(&[asked_for, "sha256 verified"]);
    assert!(at("app/.hoop/bin/hoop").exists());
}

/// The bytes of a tar's entries, by their paths, with mode and time.
fn entries(tar: impl std::io::Read) -> BTreeMap<String, (u32, u64, Vec<u8>)> {
    let mut archive = tar::Archive::new(tar);
    let mut found = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
        let header = entry.header();
        assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0), "{path}");
        let (mode, time) = (header.mode().unwrap(), header.mtime().unwrap());
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        assert!(
            found.insert(path.clone(), (mode, time, bytes)).is_none(),
            "{path} is there twice"
        );
    }
    found
}

/// Read as pack reads it: <https://github.com/buildpacks/spec/blob/main/distribution.md#buildpackage>.
#[test]
fn the_cloud_native_buildpack_is_an_image_of_one_layer_for_each_architecture() {
    let source = Source::copied_to("source");
    source.packed();
    for (architecture, text) in [("amd64", "one"), ("arm64", "two")] {
        let file = fs::File::open(
            source
                .dist()
                .join(format!("hoop-buildpack-{VERSION}-linux-{architecture}.cnb")),
        );
        let layout = entries(file.unwrap());
        assert!(
            layout
                .values()
                .all(|(mode, time, _)| (*mode, *time) == (0o755, 315_532_801))
        );
        let json = |bytes: &[u8]| -> serde_json::Value { serde_json::from_slice(bytes).unwrap() };
        // What a descriptor names, with the digest and size that it says.
        let blob = |descriptor: &serde_json::Value| -> Vec<u8> {
            let digest = descriptor["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
            let (_, _, bytes) = &layout[&format!("/blobs/sha256/{digest}")];
            assert_eq!(sha256(bytes), digest);
            assert_eq!(descriptor["size"], bytes.len());
            bytes.clone()
        };
        assert_eq!(json(&layout["/oci-layout"].2)["imageLayoutVersion"], "1.0.0");
        let index = json(&layout["/index.json"].2);
        let manifest = json(&blob(&index["manifests"][0]));
        let config = json(&blob(&manifest["config"]));
        assert_eq!(
            (&config["os"], &config["architecture"]),
            (&"linux".into(), &architecture.into())
        );

        let mut layer = Vec::new();
        let packed = blob(&manifest["layers"][0]);
        flate2::read::GzDecoder::new(&*packed).read_to_end(&mut layer).unwrap();
        let diff_id = format!("sha256:{}", sha256(&layer));
        assert_eq!(config["rootfs"]["diff_ids"], serde_json::json!([diff_id]));
        let label = |name: &str| json(config["config"]["Labels"][name].as_str().unwrap().as_bytes());
        let homepage = "https://github.com/hoophq/heroku-hoop-buildpack";
        assert_eq!(
            label("io.buildpacks.buildpackage.metadata"),
            serde_json::json!({"id": "hoophq/hoop", "version": VERSION, "homepage": homepage, "name": "Hoop"})
        );
        assert_eq!(
            label("io.buildpacks.buildpack.layers"),
            serde_json::json!({"hoophq/hoop": {VERSION: {
                "api": "0.10",
                "targets": [{"os": "linux", "arch": architecture}],
                "homepage": homepage,
                "name": "Hoop",
                "layerDiffID": diff_id,
            }}})
        );

        let files = entries(&*layer);
        let folder = format!("/cnb/buildpacks/hoophq_hoop/{VERSION}/");
        let program = format!("libexec/hoop-buildpack-linux-{architecture}");
        let expected = [
            ("/cnb/buildpacks/hoophq_hoop/".to_owned(), 0o755),
            (folder.clone(), 0o755),
            (format!("{folder}LICENSE"), 0o644),
            (format!("{folder}README.md"), 0o644),
            (format!("{folder}bin/"), 0o755),
            (format!("{folder}bin/build"), 0o755),
            (format!("{folder}bin/detect"), 0o755),
            (format!("{folder}bin/hoop-buildpack"), 0o755),
            (format!("{folder}buildpack.toml"), 0o644),
            (format!("{folder}libexec/"), 0o755),
            (format!("{folder}{program}"), 0o755),
        ];
        let found: Vec<(String, u32)> = files.iter().map(|(path, (mode, ..))| (path.clone(), *mode)).collect();
        assert_eq!(found, expected);
        assert!(files.values().all(|(_, time, _)| *time == 315_532_801));
        assert!(files[&format!("{folder}{program}")].2.ends_with(text.as_bytes()));
        assert_eq!(
            files[&format!("{folder}bin/build")].2,
            fs::read(root().join("bin/build")).unwrap()
        );
    }
}

#[test]
fn a_buildpack_toml_of_another_version_is_not_packed() {
    let source = Source::copied_to("source");
    let path = source.root.join("buildpack.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace(&format!("\"{VERSION}\""), "\"9.9.9\"")).unwrap();

    let program = source.stand_in("amd64", "one");
    let arguments: [&OsStr; 4] = [
        "--binary".as_ref(),
        program.as_ref(),
        "--arch".as_ref(),
        "amd64".as_ref(),
    ];
    refuses(&source.package(arguments), "buildpack.toml is of version 9.9.9");
}

/// The registry reads TOML 0.4, and a file that is ignored by a wrong name is published.
/// <https://devcenter.heroku.com/articles/buildpack-registry>
#[test]
fn the_registry_can_read_buildpack_toml_and_what_it_ignores_exists() {
    let text = include_str!("../buildpack.toml");
    let mut tables = Vec::new();
    let mut ignored = Vec::new();
    let mut in_list = false;
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        assert!(!line.contains(['{', '}', '\'']), "not of TOML 0.4: {line}");
        if in_list {
            match line {
                "]" => in_list = false,
                _ => ignored.push(line.trim().trim_matches(['"', ',']).to_owned()),
            }
        } else if line.starts_with('[') {
            tables.push(line);
        } else {
            in_list = line == "files = [";
        }
    }
    assert!(!in_list);
    assert_eq!(
        tables,
        [
            "[buildpack]",
            "[[buildpack.licenses]]",
            "[[targets]]",
            "[[targets]]",
            "[publish.Ignore]"
        ]
    );
    assert!(text.contains("\nname = \"Hoop\"\n"));
    for path in &ignored {
        assert!(root().join(path).exists(), "{path}");
        assert_eq!(path.ends_with('/'), root().join(path).is_dir(), "{path}");
    }
    // Everything at the top of the repository is either for a build or left out.
    let needed = ["bin/", "libexec/", "buildpack.toml", "LICENSE", "README.md"];
    let files = Command::new("git")
        .arg("ls-files")
        .current_dir(root())
        .output()
        .unwrap();
    for file in String::from_utf8(files.stdout).unwrap().lines() {
        let name = file.split_inclusive('/').next().unwrap();
        let is_known = needed.contains(&name) || ignored.iter().any(|ignored| ignored == name);
        assert!(is_known, "{name} is neither needed nor ignored");
    }
    assert!(ignored.contains(&"bin/package".to_owned()));
}
