//! `slug build`: from the folder of an app to a slug, as a pipeline sees it. What is in it is read with GNU tar.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]

mod support;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use support::dyno::{program, skipped};
use support::executable::write_executable;
use support::run::Run;
use support::server::{ReleaseServer, Reply};
use support::tree::{Tree, sha256};
use tempfile::TempDir;

/// A pipeline: a folder of the app, buildpacks beside it, and what comes of them.
struct Pipeline {
    scratch: TempDir,
}

impl Pipeline {
    /// An app of these files.
    fn of(files: &[(&str, &str)]) -> Self {
        let pipeline = Self {
            scratch: TempDir::with_prefix("a pipeline's ").unwrap(),
        };
        for folder in ["app", "tmp"] {
            fs::create_dir(pipeline.at(folder)).unwrap();
        }
        for (name, text) in files {
            pipeline.write(&format!("app/{name}"), text);
        }
        pipeline
    }

    fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        self.scratch.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Makes a buildpack of these scripts, and returns its folder.
    fn buildpack(&self, name: &str, scripts: &[(&str, &str)]) -> PathBuf {
        let folder = self.at(name);
        fs::create_dir_all(folder.join("bin")).unwrap();
        for (script, text) in scripts {
            write_executable(
                &folder.join("bin").join(script),
                &format!("#!/usr/bin/env bash\nset -eu\n{text}\n"),
            );
        }
        folder
    }

    fn command(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hoop-buildpack"));
        let releases = format!(
            "HOOP_RELEASES_URL=file://{}/fixtures/releases",
            env!("CARGO_MANIFEST_DIR")
        );
        command
            .args(["slug", "build"])
            .arg(self.at("app"))
            .arg("-o")
            .arg(self.at("slug.tgz"))
            .args(["--env", &releases])
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.at("home"))
            .env("TMPDIR", self.at("tmp"))
            .current_dir(self.scratch.path());
        command
    }

    /// Builds, and leaves nothing in the folder for temporary files, whatever comes of it.
    fn build(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Run {
        let run = Run::of(self.command(arguments));
        assert_eq!(Tree::of(&self.at("tmp")).paths(), Vec::<&str>::new());
        run
    }

    /// Unpacks the slug as the platform does, and returns what is below `app`.
    fn unpacked(&self) -> PathBuf {
        let folder = self.at("unpacked");
        fs::create_dir(&folder).unwrap();
        let mut tar = Command::new("tar");
        tar.args(["--no-same-owner", "-xpzf"])
            .arg(self.at("slug.tgz"))
            .arg("-C")
            .arg(&folder);
        let run = Run::of(tar);
        run.exits(0);
        assert_eq!(run.stderr(), "");
        folder.join("app")
    }

    /// The lines of `tar -tv`.
    fn listed(&self) -> String {
        let mut tar = Command::new("tar");
        tar.args(["--numeric-owner", "--utc", "--quoting-style=escape", "-tvzf"])
            .arg(self.at("slug.tgz"));
        let run = Run::of(tar);
        run.exits(0);
        run.stdout().to_owned()
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&fs::read(self.at("slug.json")).unwrap()).unwrap()
    }
}

/// Checks that a run says all of `parts`, on stdout or stderr.
#[track_caller]
fn says(run: &Run, parts: &[&str]) {
    let said = run.stdout().to_owned() + run.stderr();
    for part in parts {
        assert!(said.contains(part), "{part}\n{said}");
    }
}

/// No option but those of every build.
const NONE: [&str; 0] = [];

#[test]
fn the_same_app_makes_the_same_bytes_which_are_one_gzip_member_of_gnu_tar_below_app() {
    let pipeline = Pipeline::of(&[("Procfile", "web: hoopstart -- ./web.sh\n"), ("lib/a", "a\n")]);
    write_executable(&pipeline.at("app/web.sh"), "#!/bin/sh\nexec sleep 1\n");
    let run = pipeline.build(["--json", "slug.json"]);
    run.exits(0);
    let first = fs::read(pipeline.at("slug.tgz")).unwrap();
    says(
        &run,
        &[
            "-----> Building on the heroku-24 stack",
            "-----> Using buildpack: hoop",
            "-----> Hoop agent app detected",
            "Procfile declares types     -> web",
            &format!("sha256 {}", sha256(&first)),
        ],
    );
    for line in pipeline.listed().lines() {
        assert!(
            line.contains(" 0/0 ") && line.contains(" 1980-01-01 00:00 ./app/"),
            "{line}"
        );
    }
    let json = pipeline.json();
    assert_eq!(json["sha256"], sha256(&first).as_str());
    assert_eq!(json["size"], first.len());
    assert_eq!(
        json["process_types"],
        serde_json::json!({"web": "hoopstart -- ./web.sh"})
    );
    assert_eq!(json["commit"], serde_json::Value::Null);

    // Another day, another cache, another place.
    fs::write(pipeline.at("app/lib/a"), "a\n").unwrap();
    pipeline.build(["--cache", "cache"]).exits(0);
    pipeline.build(["--cache", "cache"]).exits(0);
    assert!(fs::read(pipeline.at("slug.tgz")).unwrap() == first, "other bytes");

    let mut member = flate2::bufread::GzDecoder::new(first.as_slice());
    std::io::copy(&mut member, &mut std::io::sink()).unwrap();
    assert_eq!(member.into_inner(), b"", "a second member");
    let app = pipeline.unpacked();
    assert_eq!(fs::metadata(app.join("web.sh")).unwrap().mode() & 0o777, 0o755);
    assert!(app.join(".hoop/bin/hoop").is_file() && app.join("bin/hoopstart").is_file());
}

#[test]
fn each_buildpack_runs_with_the_exports_of_those_before_and_the_last_release_counts() {
    let pipeline = Pipeline::of(&[("Procfile", "web: ./web\nclock: ./clock\n")]);
    let first = pipeline.buildpack(
        "first buildpack",
        &[
            ("detect", "echo First"),
            (
                "compile",
                "echo 'export FROM_FIRST=\"it is here\"' >\"$(dirname \"$0\")/../export\"\n\
                 mkdir -p \"$1/.profile.d\"; echo 'export AT_BOOT=yes' >\"$1/.profile.d/first.sh\"\n\
                 [ -z \"${FROM_FIRST-}\" ]; env | sort >\"$1/env\"; pwd >\"$1/pwd\"; cat \"$3/A_VAR\" >\"$1/a_var\"",
            ),
            ("release", "echo 'default_process_types: {wrong: x}'"),
        ],
    );
    let second = pipeline.buildpack(
        "second",
        &[
            ("detect", "[ \"$FROM_FIRST\" = 'it is here' ]; echo Second"),
            (
                "compile",
                "echo \"$FROM_FIRST\" >\"$1/second\"; echo built >\"$2/kept\"",
            ),
            (
                "release",
                "[ -z \"${FROM_FIRST-}\" ]; printf -- '---\\ndefault_process_types:\\n  web: other\\n  rake: rake\\n'",
            ),
        ],
    );
    let run = pipeline.build([
        OsStr::new("--buildpack"),
        first.as_os_str(),
        OsStr::new("--buildpack"),
        second.as_os_str(),
        OsStr::new("--env=A_VAR=the value"),
        OsStr::new("--stack=heroku-22"),
        OsStr::new("--json=slug.json"),
        OsStr::new("--cache=cache"),
    ]);
    run.exits(0);
    says(
        &run,
        &[
            "-----> Building on the heroku-22 stack",
            "-----> First app detected",
            "-----> Second app detected",
            "Procfile declares types     -> clock, web",
            "Default types for buildpack -> rake, web",
        ],
    );
    let json = pipeline.json();
    assert_eq!(
        json["process_types"],
        serde_json::json!({"web": "./web", "clock": "./clock", "rake": "rake"})
    );
    assert_eq!(json["description"], "Second");
    assert_eq!(json["buildpacks"].as_array().unwrap().len(), 3);
    let app = pipeline.unpacked();
    let read = |name: &str| fs::read_to_string(app.join(name)).unwrap();
    assert_eq!(read("second"), "it is here\n");
    assert_eq!(read("a_var"), "the value");
    assert_eq!(read(".profile.d/first.sh"), "export AT_BOOT=yes\n");
    assert!(read("pwd").contains("/buildpacks/0"), "{}", read("pwd"));
    assert_eq!(fs::read_to_string(pipeline.at("cache/kept")).unwrap(), "built\n");
    // Nothing of the person's environment, nor of the app's config.
    let names: Vec<String> = read("env")
        .lines()
        .filter_map(|line| Some(line.split_once('=')?.0.to_owned()))
        .collect();
    let shell = ["PWD", "SHLVL", "_", "OLDPWD"];
    let names: Vec<&str> = names
        .iter()
        .map(String::as_str)
        .filter(|name| !shell.contains(name))
        .collect();
    assert_eq!(names, ["BUILDPACK_LOG_FILE", "HOME", "PATH", "STACK", "TMPDIR"]);
    assert!(read("env").contains("STACK=heroku-22\n"));
    // The person's copy of the buildpack is as it was.
    assert!(!first.join("export").exists());
}

#[test]
fn an_archive_of_a_buildpack_and_this_one_in_another_place() {
    let pipeline = Pipeline::of(&[("Procfile", "web: x\n")]);
    pipeline.buildpack(
        "inline-1.0",
        &[("detect", "echo Inline"), ("compile", "[ ! -e \"$1/.hoop\" ]")],
    );
    // As GitHub packs them: in a folder, and without a mode that can be run.
    fs::set_permissions(pipeline.at("inline-1.0/bin/compile"), fs::Permissions::from_mode(0o644)).unwrap();
    let mut tar = Command::new("tar");
    tar.args(["-czf", "inline.tgz", "inline-1.0"])
        .current_dir(pipeline.scratch.path());
    Run::of(tar).exits(0);
    let here = pipeline.at("hoop");
    fs::create_dir_all(here.join("bin")).unwrap();
    fs::write(here.join("bin/hoop-buildpack"), "").unwrap();
    let run = pipeline.build(["--buildpack", "inline.tgz", "--buildpack", "hoop"]);
    run.exits(0);
    let said = run.stdout();
    assert!(said.find("Inline app detected").unwrap() < said.find("Hoop agent app detected").unwrap());
    assert_eq!(said.matches("Using buildpack").count(), 2);
}

#[test]
fn a_buildpack_is_downloaded_from_its_url_and_a_token_in_it_is_not_shown() {
    let pipeline = Pipeline::of(&[("Procfile", "web: x\n")]);
    pipeline.buildpack(
        "inline",
        &[("detect", "echo Inline"), ("compile", "echo built >\"$1/built\"")],
    );
    let mut tar = Command::new("tar");
    tar.args(["-czf", "inline.tgz", "inline"])
        .current_dir(pipeline.scratch.path());
    Run::of(tar).exits(0);
    let server = ReleaseServer::plain();
    server.answer(
        "/inline.tgz?token=t0k3n",
        [Reply::ok(fs::read(pipeline.at("inline.tgz")).unwrap())],
    );
    server.answer("/other.tgz?token=t0k3n", [Reply::ok("<html>a page</html>")]);
    let url = |path: &str| format!("{}{path}?token=t0k3n", server.url().replace("//", "//me:pa55@"));
    let run = pipeline.build(["--buildpack", &url("/inline.tgz")]);
    run.exits(0);
    says(&run, &["-----> Inline app detected"]);
    assert!(pipeline.unpacked().join("built").exists());
    // Also without a query.
    let run = pipeline.build(["--buildpack", "ftp://me:pa55@127.0.0.1/x.tgz"]);
    assert!(!run.stderr().contains("pa55"), "{}", run.stderr());
    server.answer("/inline.tgz", [Reply::ok(fs::read(pipeline.at("inline.tgz")).unwrap())]);
    let plain = format!("{}/inline.tgz", server.url().replace("//", "//me:pa55@"));
    let run = pipeline.build(["--buildpack", &plain, "--json", "slug.json"]);
    run.exits(0);
    assert!(!(run.stdout().to_owned() + run.stderr() + &pipeline.json().to_string()).contains("pa55"));
    for (path, part) in [
        ("/nothing.tgz", "the server answered 404"),
        ("/other.tgz", "is no gzip tar that can be unpacked"),
    ] {
        let run = pipeline.build(["--buildpack", &url(path), "--json", "slug.json"]);
        run.exits(1);
        says(&run, &[part]);
        assert!(
            !(run.stdout().to_owned() + run.stderr()).contains("t0k3n"),
            "{}",
            run.stderr()
        );
        assert!(
            !(run.stdout().to_owned() + run.stderr()).contains("pa55"),
            "{}",
            run.stderr()
        );
    }
}

#[test]
fn slugignore_counts_before_detect_and_says_what_has_no_effect() {
    let pipeline = Pipeline::of(&[
        ("package.json", "{}"),
        ("Procfile", "web: x\n"),
        ("docs/a.psd", ""),
        ("docs/b.md", ""),
        ("tests/c", ""),
        ("lib/tests/d", ""),
        (".hidden.psd", ""),
        ("lib/.slugignore", "x\n"),
        (
            ".slugignore",
            "package.json\n*.psd\n/tests\n!docs/a.psd\nmy file\n# a comment, as it is\n",
        ),
    ]);
    let other = pipeline.buildpack(
        "other",
        &[("detect", "[ ! -e \"$1/package.json\" ]; echo Other"), ("compile", "")],
    );
    let run = pipeline.build([OsStr::new("--buildpack"), other.as_os_str()]);
    run.exits(0);
    says(
        &run,
        &[
            "-----> Deleting 4 files matching .slugignore patterns.",
            ".slugignore: line 4 begins with !, which takes nothing back here, so it is left out",
            ".slugignore: line 5 is one pattern with a blank in it; the platform may read it as several",
            "lib/.slugignore has no effect: only the one in the top folder is read",
        ],
    );
    let app = pipeline.unpacked();
    for (path, is_there) in [
        ("package.json", false),
        ("docs/a.psd", false),
        (".hidden.psd", false),
        ("tests", false),
        ("docs/b.md", true),
        ("lib/tests/d", true),
        (".slugignore", true),
    ] {
        assert_eq!(app.join(path).exists(), is_there, "{path}");
    }
}

#[test]
fn what_only_the_build_needs_can_be_removed_after_it() {
    let pipeline = Pipeline::of(&[
        ("Procfile", "web: x\n"),
        (".slug-post-clean", "# sources\nsrc\n"),
        ("src/a.c", "int main(void);"),
        ("b.map", ""),
        ("lib/c.map", ""),
    ]);
    let other = pipeline.buildpack(
        "other",
        &[
            ("detect", "echo Other"),
            (
                "compile",
                "[ -e \"$1/src/a.c\" ]; mkdir \"$1/out\"; echo x >\"$1/out/d.map\"",
            ),
        ],
    );
    let run = pipeline.build([
        OsStr::new("--buildpack"),
        other.as_os_str(),
        OsStr::new("--prune"),
        OsStr::new("*.map"),
    ]);
    run.exits(0);
    says(
        &run,
        &[
            "Removing 3 files (2 B) matching --prune patterns.",
            "Removing 1 file (15 B) matching .slug-post-clean patterns.",
        ],
    );
    let app = pipeline.unpacked();
    let paths = Tree::of(&app);
    assert!(
        paths
            .paths()
            .iter()
            .all(|path| !path.contains(".map") && !path.contains("src")),
        "{paths:?}"
    );
    assert!(app.join("out").is_dir());
}

#[test]
fn what_a_build_leaves_in_the_apps_folder_is_no_part_of_the_next_slug() {
    let pipeline = Pipeline::of(&[("Procfile", "web: x\n")]);
    let build = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hoop-buildpack"));
        let releases = format!(
            "HOOP_RELEASES_URL=file://{}/fixtures/releases",
            env!("CARGO_MANIFEST_DIR")
        );
        command
            .args([
                "slug",
                "build",
                ".",
                "-o",
                "slug.tgz",
                "--json",
                "slug.json",
                "--cache",
                ".cache",
                "--env",
                &releases,
            ])
            .current_dir(pipeline.at("app"))
            .env("TMPDIR", pipeline.at("tmp"));
        Run::of(command).exits(0);
        fs::read(pipeline.at("app/slug.tgz")).unwrap()
    };
    assert!(build() == build(), "the second slug has more in it");
}

#[test]
fn hostile_names_are_kept_or_refused_with_a_line() {
    let pipeline = Pipeline::of(&[("Procfile", "web: x\n")]);
    let app = pipeline.at("app");
    let long = "l".repeat(255);
    let deep: PathBuf = ["d"; 60].iter().map(|part| part.repeat(20)).collect();
    fs::create_dir_all(app.join(&deep)).unwrap();
    for name in [
        OsStr::new("a\nb"),
        OsStr::from_bytes(b"\xff\xfe latin"),
        OsStr::new(&long),
        OsStr::new("-rf"),
        OsStr::new(" blank "),
        OsStr::new("\u{1b}[31m"),
        deep.join("end").as_os_str(),
        // The longest name and the shortest that does not fit into a header.
        OsStr::new(&"n".repeat(94)),
        OsStr::new(&"n".repeat(95)),
    ] {
        fs::write(app.join(name), name.as_bytes()).unwrap();
    }
    symlink("../../../../etc/passwd", app.join("out")).unwrap();
    symlink("/etc/passwd", app.join("absolute")).unwrap();
    symlink("t".repeat(300), app.join("dangling")).unwrap();
    symlink("./lib", app.join("relative")).unwrap();
    for (name, kind) in [("pipe", FileType::Fifo), ("socket", FileType::Socket)] {
        mknodat(CWD, app.join(name), kind, Mode::RUSR | Mode::WUSR, 0).unwrap();
    }
    let before = Tree::of(&app);
    let run = pipeline.build(NONE);
    run.exits(0);
    says(
        &run,
        &[
            "warning: pipe is a socket, a named pipe, or a device, so it is left out",
            "warning: socket is a socket, a named pipe, or a device, so it is left out",
        ],
    );
    let after = Tree::of(&pipeline.unpacked());
    let lost = before.lost_in(&after);
    let lost: Vec<&str> = lost.paths();
    assert_eq!(lost, ["pipe", "socket"]);
}

#[test]
fn hard_links_and_modes_of_a_build_are_kept_and_a_pipe_of_it_is_refused() {
    let pipeline = Pipeline::of(&[("Procfile", "web: x\n")]);
    let other = pipeline.buildpack(
        "other",
        &[
            ("detect", "echo Other"),
            (
                "compile",
                "cd \"$1\"; echo one >z; ln z a; mkdir d; ln z d/b; chmod 2750 d; chmod 4711 z; : >empty; mkfifo p",
            ),
        ],
    );
    let run = pipeline.build([OsStr::new("--buildpack"), other.as_os_str()]);
    run.exits(0);
    says(
        &run,
        &["warning: p is a socket, a named pipe, or a device, so it is left out"],
    );
    let listed = pipeline.listed();
    assert!(
        listed.contains(" ./app/d/b link to ./app/a\n") && listed.contains(" ./app/z link to ./app/a\n"),
        "{listed}"
    );
    let app = pipeline.unpacked();
    let of = |name: &str| fs::metadata(app.join(name)).unwrap();
    assert_eq!(of("z").ino(), of("d/b").ino());
    assert_eq!(of("z").nlink(), 3);
    assert!(
        listed.contains("-rws--x--x") && listed.contains("drwxr-s---"),
        "{listed}"
    );
    assert!(!app.join("p").exists());
}

#[test]
fn a_build_that_fails_leaves_the_slug_of_the_last_one_and_nothing_else() {
    let pipeline = Pipeline::of(&[("Procfile", "web: x\n")]);
    fs::write(pipeline.at("slug.tgz"), "the last one").unwrap();
    let ends = |scripts: &[(&str, &str)], status: i32, expected: &str| {
        let folder = pipeline.buildpack("other", scripts);
        let before = Tree::of(&pipeline.at("app"));
        let run = pipeline.build([OsStr::new("--buildpack"), folder.as_os_str()]);
        run.exits(status);
        says(&run, &[expected]);
        assert_eq!(fs::read_to_string(pipeline.at("slug.tgz")).unwrap(), "the last one");
        assert_eq!(Tree::of(&pipeline.at("app")), before);
        fs::remove_dir_all(folder).unwrap();
    };
    let detect = ("detect", "echo Other");
    ends(&[detect, ("compile", "exit 3")], 1, "failed, so there is no slug");
    ends(
        &[("detect", "echo no; exit 1"), ("compile", "")],
        1,
        "does not take this app: its detect ended with exit status: 1 and said\nno",
    );
    ends(&[detect, ("compile", ""), ("release", "exit 1")], 1, "release of ");
    ends(
        &[detect, ("compile", ""), ("release", "echo '- x'")],
        1,
        "something else than YAML",
    );
    ends(&[detect], 1, "is no buildpack: it has no bin/compile");
    // What Ctrl-C does.
    ends(
        &[detect, ("compile", "kill -INT $PPID; exit 1")],
        130,
        "interrupted, so there is no slug",
    );
}

#[test]
fn arguments_that_make_no_sense_are_told() {
    let pipeline = Pipeline::of(&[("Procfile", "web: x\n")]);
    mknodat(CWD, pipeline.at("slug.tgz"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let run = pipeline.build(NONE);
    run.exits(2);
    says(&run, &["slug.tgz is a device or a pipe, and a slug is a file"]);
    fs::remove_file(pipeline.at("slug.tgz")).unwrap();
    for (arguments, status, expected) in [
        (["--buildpack", "nowhere"], 1, "there is no buildpack nowhere"),
        (["--env-dir", "nowhere"], 2, "cannot be used with"),
        (["-o", "app"], 2, "cannot be used multiple times"),
        (["--env", "A B=c"], 2, "is not the name of a config var"),
        (["--stakc", "x"], 2, "--stack"),
    ] {
        let run = pipeline.build(arguments);
        run.exits(status);
        says(&run, &[expected]);
    }
    assert!(!pipeline.at("slug.tgz").exists());
}

#[test]
fn what_git_ignores_stays_out_unless_it_is_asked_for() {
    if program("git").is_none() {
        return;
    }
    let pipeline = Pipeline::of(&[
        ("Procfile", "web: x\n"),
        (".gitignore", "*.log\nnode_modules/\n"),
        ("a.log", ""),
        ("node_modules/x/index.js", ""),
        ("new", ""),
    ]);
    for arguments in [
        &["init", "-q"][..],
        &["add", "Procfile"],
        &[
            "-c",
            "user.name=x",
            "-c",
            "user.email=x@example.com",
            "commit",
            "-qm",
            "x",
        ],
    ] {
        let mut git = Command::new("git");
        git.args(arguments)
            .current_dir(pipeline.at("app"))
            .env("HOME", pipeline.at("home"));
        Run::of(git).exits(0);
    }
    let other = pipeline.buildpack(
        "other",
        &[
            ("detect", "echo Other"),
            ("compile", "echo $SOURCE_VERSION >\"$1/version\""),
        ],
    );
    let build = |more: &[&str]| {
        let mut arguments: Vec<OsString> = vec!["--buildpack".into(), other.clone().into(), "--json=slug.json".into()];
        arguments.extend(more.iter().map(OsString::from));
        pipeline.build(arguments).exits(0);
        let app = pipeline.unpacked();
        let there = ["a.log", "node_modules/x/index.js", "new", ".git"].map(|path| app.join(path).exists());
        let version = fs::read_to_string(app.join("version")).unwrap();
        fs::remove_dir_all(pipeline.at("unpacked")).unwrap();
        (there, version)
    };
    let (there, version) = build(&[]);
    assert_eq!(there, [false, false, true, false]);
    assert_eq!(version.trim(), pipeline.json()["commit"].as_str().unwrap());
    assert_eq!(version.trim().len(), 40);
    assert_eq!(build(&["--no-git"]).0, [true, true, true, false]);
}

/// A tree as apps have it: the standard library of this machine's Python, a few thousand files.
#[test]
fn a_python_app_with_thousands_of_files_arrives_whole_and_runs() {
    let Some(python) = program("python3") else {
        return;
    };
    let mut asked = Command::new(&python);
    asked.args(["-c", "import sysconfig; print(sysconfig.get_path('stdlib'))"]);
    let library = Run::of(asked).stdout().trim().to_owned();
    if !Path::new(&library).is_dir() {
        return skipped("Python has no library here");
    }
    let pipeline = Pipeline::of(&[
        ("Procfile", "web: hoopstart -- python3 app.py\n"),
        (
            "app.py",
            "import json, email.message\nprint(json.__file__, email.message.__file__)\n",
        ),
    ]);
    let compile = format!(
        "mkdir -p \"$1/.python\"; cd '{library}'; \
         tar -cf - --exclude=site-packages --exclude=dist-packages --exclude='config-*' --exclude=test . \
         | tar -xf - -C \"$1/.python\"\n\
         mkdir -p \"$1/.profile.d\"; echo 'export PYTHONPATH=$HOME/.python' >\"$1/.profile.d/python.sh\""
    );
    let other = pipeline.buildpack("python", &[("detect", "echo Python"), ("compile", &compile)]);
    let run = pipeline.build([
        OsStr::new("--buildpack"),
        other.as_os_str(),
        OsStr::new("--json=slug.json"),
    ]);
    run.exits(0);
    assert!(pipeline.json()["entries"].as_u64().unwrap() > 1_000, "{}", run.stdout());
    let app = pipeline.unpacked();
    let mut booted = Command::new("bash");
    booted
        .args(["-c", ". .profile.d/python.sh; exec \"$0\" app.py"])
        .arg(python)
        .current_dir(&app)
        .env("HOME", &app);
    let run = Run::of(booted);
    run.exits(0);
    let here = format!("{}/.python/", app.display());
    assert_eq!(run.stdout().matches(&here).count(), 2, "{}", run.stdout());
}
