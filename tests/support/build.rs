//! Builds of throw-away apps with the real program, as the platform starts it: three folders and an
//! environment with next to nothing in it.

use super::dyno::skipped;
use super::mirror::{PLATFORM, VERSION};
use super::run::Run;
use super::tree::Tree;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The program under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_hoop-buildpack");

/// A Procfile there is nothing to say about.
pub(crate) const GOOD_PROCFILE: &str = "web: hoopstart -- ./server\n";

/// One app with the folders of its builds. They are gone when it is.
pub(crate) struct Build {
    root: TempDir,
    app: PathBuf,
    cache: PathBuf,
    env: PathBuf,
    scratch: PathBuf,
    variables: BTreeMap<OsString, OsString>,
    umask: &'static str,
    /// Commands of the shell that set limits, before it becomes the program.
    limits: Vec<String>,
    /// The user who runs the program, where it is not the one who runs the tests.
    user: Option<u32>,
}

/// A user who owns nothing but what a test gives it.
pub(crate) const NOBODY_UID: u32 = 65534;

/// The memory that a build may have beside what it reads from files, in KiB: data, heap and stacks. That is more than
/// a build has resident at any time, of which 24 MiB is the bound, and less than what any of the large files of the
/// tests would take.
const MEMORY: u32 = 24 * 1024;

/// What must not have changed after a failure.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    app: Tree,
    cache: Tree,
    env: Tree,
}

impl Snapshot {
    /// The build dir.
    pub(crate) fn app(&self) -> &Tree {
        &self.app
    }

    /// The cache dir.
    pub(crate) fn cache(&self) -> &Tree {
        &self.cache
    }
}

impl Build {
    /// An app of nothing but a good Procfile.
    pub(crate) fn new() -> Self {
        // A space and a quote, since both can be in a path and neither may matter.
        let root = TempDir::with_prefix("a build's ").expect("a scratch folder can be made");
        let below = |name: &str| {
            let path = root.path().join(name);
            fs::create_dir(&path).expect("a folder can be made in a scratch folder");
            path
        };
        let (app, cache, env, scratch) = (below("app"), below("cache"), below("env"), below("tmp"));
        let home = below("home");
        let mut build = Self {
            root,
            app,
            cache,
            env,
            scratch,
            variables: BTreeMap::new(),
            umask: "022",
            limits: Vec::new(),
            user: None,
        };
        build.put("Procfile", GOOD_PROCFILE);
        let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
        build.variables.extend([
            ("PATH".into(), path),
            ("HOME".into(), home.into()),
            ("STACK".into(), "heroku-24".into()),
            ("TMPDIR".into(), build.scratch.clone().into()),
            ("HOOP_BUILDPACK_RETRY_BASE_MS".into(), "1".into()),
        ]);
        build
    }

    /// An app with the default Procfile and these releases.
    pub(crate) fn from(releases: &str) -> Self {
        Self::new().with("HOOP_RELEASES_URL", releases)
    }

    /// An app with the files of the folder `source`.
    pub(crate) fn of_app(source: &Path) -> Self {
        let build = Self::new();
        fs::remove_file(build.app.join("Procfile")).expect("it was just written");
        copy(source, &build.app);
        build
    }

    /// Sets a config var.
    pub(crate) fn with(self, name: &str, value: &str) -> Self {
        self.set(name, value);
        self
    }

    /// Sets a variable of the program's own environment.
    pub(crate) fn variable(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.variables.insert(name.into(), value.as_ref().to_owned());
        self
    }

    /// Takes a variable out of the program's own environment.
    pub(crate) fn without_variable(mut self, name: &str) -> Self {
        self.variables.remove(OsStr::new(name));
        self
    }

    /// Has the program start with another umask than the platform's.
    pub(crate) fn with_umask(mut self, umask: &'static str) -> Self {
        self.umask = umask;
        self
    }

    /// Ends the program should it ever use more memory than a good build has use for.
    pub(crate) fn with_memory_limit(self) -> Self {
        let mut build = self.variable("MALLOC_ARENA_MAX", "1");
        build.limits.push(format!("ulimit -d {MEMORY} && "));
        build
    }

    /// Lets no file of the program grow beyond `size` bytes, as if the disk were full then.
    pub(crate) fn with_file_limit(mut self, size: u64) -> Self {
        // In the blocks of 512 bytes that POSIX has for this.
        self.limits.push(format!("ulimit -f {} && ", size / 512));
        self
    }

    /// Lets the program have no more than `count` files open.
    pub(crate) fn with_open_files_limit(mut self, count: u32) -> Self {
        self.limits.push(format!("ulimit -n {count} && "));
        self
    }

    /// Has someone run the program who may only do what modes allow, and who owns all folders of this build. `None`,
    /// with a line that says so, where root cannot find such a user's way to the program.
    pub(crate) fn by_someone_without_privileges(mut self) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            return Some(self);
        }
        let is_open = |path: &Path| {
            let mode = fs::metadata(path).map(|found| found.permissions().mode());
            mode.is_ok_and(|mode| mode & 0o001 != 0)
        };
        for path in [Path::new(PROGRAM), self.root()] {
            if !path.ancestors().skip(1).all(is_open) {
                skipped(&format!("only root may enter the folder of {}", path.display()));
                return None;
            }
        }
        if std::os::unix::fs::chown(self.root(), Some(NOBODY_UID), None).is_err() {
            skipped("this root may not give folders away");
            return None;
        }
        self.user = Some(NOBODY_UID);
        self.give_away();
        Some(self)
    }

    /// Gives all folders of this build to the user who runs the program.
    pub(crate) fn give_away(&self) {
        if let Some(user) = self.user {
            let given = Command::new("chown")
                .args(["-R", "-h", &user.to_string()])
                .arg(self.root())
                .status();
            assert!(given.is_ok_and(|status| status.success()), "root can give folders away");
        }
    }

    /// Puts the cache elsewhere.
    pub(crate) fn with_cache(mut self, cache: impl Into<PathBuf>) -> Self {
        self.cache = cache.into();
        self
    }

    /// Puts the app elsewhere.
    pub(crate) fn with_app(mut self, app: impl Into<PathBuf>) -> Self {
        self.app = app.into();
        self
    }

    /// Sets a config var, as the platform does: a file without a newline at its end.
    pub(crate) fn set(&self, name: &str, value: impl AsRef<[u8]>) {
        fs::write(self.env.join(name), value).expect("a config var can be written");
    }

    /// Takes a config var away.
    pub(crate) fn unset(&self, name: &str) {
        fs::remove_file(self.env.join(name)).expect("the config var is set");
    }

    /// Writes a file of the app, the folders above it as well.
    pub(crate) fn put(&self, path: &str, text: &str) {
        let path = self.app.join(path);
        fs::create_dir_all(path.parent().expect("it is below the app")).expect("a folder can be made");
        fs::write(path, text).expect("a file of the app can be written");
    }

    /// Makes a link in the app, the folders above it as well.
    pub(crate) fn link(&self, path: &str, target: impl AsRef<Path>) {
        let path = self.app.join(path);
        fs::create_dir_all(path.parent().expect("it is below the app")).expect("a folder can be made");
        symlink(target, path).expect("a link can be made");
    }

    /// The build dir.
    pub(crate) fn app(&self) -> &Path {
        &self.app
    }

    /// The cache dir.
    pub(crate) fn cache(&self) -> &Path {
        &self.cache
    }

    /// The folder of config vars.
    pub(crate) fn env(&self) -> &Path {
        &self.env
    }

    /// The folder for temporary files.
    pub(crate) fn scratch(&self) -> &Path {
        &self.scratch
    }

    /// The folder that holds all others.
    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    /// What a file of the app holds.
    #[track_caller]
    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.app.join(path)).unwrap_or_else(|error| panic!("cannot read {path}: {error}"))
    }

    /// The archives in the cache, and asserts that there is nothing else of ours.
    #[track_caller]
    pub(crate) fn cached(&self) -> Vec<String> {
        let tree = Tree::of(&self.cache.join("hoop"));
        for path in tree.paths() {
            let entry = tree.entry(path).unwrap_or_default();
            assert!(
                path.starts_with("hoop_") && path.ends_with(".tar.gz") && entry.starts_with("file "),
                "not an archive in the cache: {path}: {entry}"
            );
        }
        tree.paths().into_iter().map(str::to_owned).collect()
    }

    /// Runs the program with these arguments.
    #[track_caller]
    pub(crate) fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Run {
        Run::of(self.command(arguments))
    }

    /// The program with these arguments, not started yet.
    pub(crate) fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let limits = self.limits.concat();
        let mut command = Command::new("/bin/sh");
        command
            .arg("-c")
            .arg(format!("umask {} && {limits}exec \"$0\" \"$@\"", self.umask))
            .arg(PROGRAM)
            .args(arguments)
            .env_clear()
            .envs(&self.variables)
            .current_dir("/");
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command
    }

    /// Runs compile and checks what is true of every build: its look, and that it leaves no scratch.
    #[track_caller]
    pub(crate) fn compile(&self) -> Run {
        let run = self.run(self.compile_arguments());
        self.check(&run);
        run
    }

    /// The command line of compile.
    pub(crate) fn compile_arguments(&self) -> [&OsStr; 4] {
        [
            OsStr::new("compile"),
            self.app.as_ref(),
            self.cache.as_ref(),
            self.env.as_ref(),
        ]
    }

    /// Runs compile without its third argument.
    #[track_caller]
    pub(crate) fn compile_without_env_dir(&self) -> Run {
        let run = self.run([OsStr::new("compile"), self.app.as_ref(), self.cache.as_ref()]);
        self.check(&run);
        run
    }

    /// Runs compile and asserts that it installs this version without a word on stderr, and leaves one archive in
    /// the cache.
    #[track_caller]
    pub(crate) fn compile_installs(&self, version: &str) -> Run {
        let run = self.compile();
        run.succeeds_quietly();
        self.assert_installed(version, &run);
        assert_eq!(self.cached().len(), 1, "expected one archive in the cache");
        run
    }

    /// Runs compile and asserts that it installs this version with a warning that holds each of `phrases`.
    #[track_caller]
    pub(crate) fn compile_warns(&self, version: &str, phrases: &[&str]) -> Run {
        let run = self.compile();
        run.succeeds().warns(phrases);
        self.assert_installed(version, &run);
        run
    }

    /// Runs compile and asserts that it goes on without an agent, with a warning that holds each of `phrases`.
    #[track_caller]
    pub(crate) fn compile_leaves_agent_out(&self, phrases: &[&str]) -> Run {
        let run = self.compile();
        run.succeeds().warns(phrases);
        self.assert_without_agent(&run);
        run
    }

    /// Runs compile and asserts that it fails with this id and changes nothing.
    #[track_caller]
    pub(crate) fn compile_fails(&self, id: &str) -> Run {
        let before = self.snapshot();
        let run = self.compile();
        run.fails_with(id);
        self.assert_unchanged(&before, &run);
        run
    }

    /// Runs report and returns its facts.
    #[track_caller]
    pub(crate) fn report(&self) -> BTreeMap<String, String> {
        let run = self.run([
            OsStr::new("report"),
            self.app.as_ref(),
            self.cache.as_ref(),
            self.env.as_ref(),
        ]);
        run.exits(0)
            .assert(run.stderr().is_empty(), "expected a report to leave stderr alone");
        let facts: BTreeMap<String, serde_yaml::Value> = serde_yaml::from_str(run.stdout())
            .unwrap_or_else(|error| run.fail(&format!("a report is YAML with names and values: {error}")));
        let flat = |value: serde_yaml::Value| match value {
            serde_yaml::Value::String(text) => text,
            serde_yaml::Value::Number(number) => number.to_string(),
            serde_yaml::Value::Bool(answer) => answer.to_string(),
            _ => run.fail("a report has no empty and no nested values"),
        };
        facts.into_iter().map(|(name, value)| (name, flat(value))).collect()
    }

    /// The state of all folders a build is given.
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot {
            app: Tree::of(&self.app),
            cache: Tree::of(&self.cache),
            env: Tree::of(&self.env),
        }
    }

    /// Asserts that `run` left all folders as they were.
    #[track_caller]
    pub(crate) fn assert_unchanged(&self, before: &Snapshot, run: &Run) {
        let after = self.snapshot();
        if after != *before {
            run.fail(&format!("expected no change\nbefore: {before:#?}\nafter: {after:#?}"));
        }
    }

    /// Asserts what is true of every build.
    #[track_caller]
    fn check(&self, run: &Run) {
        run.looks_like_a_build();
        for folder in [&self.app, &self.cache.join("hoop")] {
            if folder.starts_with(self.root()) {
                for path in Tree::of(folder).paths() {
                    let name = path.rsplit('/').next().unwrap_or_default();
                    run.assert(!name.starts_with(".hoop-"), &format!("scratch was left: {path}"));
                }
            }
        }
        // What compile keeps for report is one small file.
        let kept = Tree::of(&self.scratch);
        let small = kept.paths().iter().all(|path| {
            let file = fs::symlink_metadata(self.scratch.join(path));
            file.is_ok_and(|file| file.is_file() && file.len() < 8192)
        });
        run.assert(kept.paths().len() <= 1 && small, &format!("left in TMPDIR: {kept:?}"));
    }

    /// Asserts that the slug holds this version of the agent, launchers and all.
    #[track_caller]
    pub(crate) fn assert_installed(&self, version: &str, run: &Run) {
        let slug = Tree::of(&self.app);
        for (path, mode) in [
            (".hoop/bin/hoop", "file 0755"),
            (".hoop/bin/hoopstart", "file 0755"),
            (".hoop/bin/hoopwrapper", "link to hoopstart"),
            (".hoop/manifest.yml", "file 0644"),
            (".profile.d/zz-hoop-buildpack.sh", "file 0644"),
        ] {
            let entry = slug.entry(path).unwrap_or("nothing");
            run.assert(
                entry.starts_with(mode),
                &format!("expected {path} to be {mode}, found {entry}"),
            );
        }
        run.assert(
            self.read(".hoop/bin/hoop")
                .contains(&format!("\"version\":\"{version}\"")),
            &format!("expected the agent of {version}"),
        );
        let manifest = self.manifest();
        run.assert(
            manifest["agent_version"] == version,
            &format!("expected {version} in {manifest:?}"),
        );
    }

    /// Asserts that the slug can boot, and holds no agent.
    #[track_caller]
    fn assert_without_agent(&self, run: &Run) {
        let slug = Tree::of(&self.app);
        for path in [
            ".hoop/bin/hoopstart",
            ".hoop/bin/hoopwrapper",
            ".hoop/manifest.yml",
            ".profile.d/zz-hoop-buildpack.sh",
        ] {
            run.assert(slug.entry(path).is_some(), &format!("expected {path} in {slug:?}"));
        }
        for path in [".hoop/bin/hoop", ".hoop/bin/hoop_rs"] {
            run.assert(slug.entry(path).is_none(), &format!("expected no {path} in {slug:?}"));
        }
    }

    /// Reads the manifest.
    #[track_caller]
    pub(crate) fn manifest(&self) -> serde_yaml::Value {
        serde_yaml::from_str(&self.read(".hoop/manifest.yml")).expect("the manifest is YAML")
    }
}

/// The name of a cached archive.
pub(crate) fn cached_name(version: &str, digest: &str) -> String {
    format!("hoop_{version}_linux_{}_{digest}.tar.gz", PLATFORM.architecture)
}

/// A build of the default version that went well, for tests of what comes after.
#[track_caller]
pub(crate) fn built_from(releases: &str) -> Build {
    let build = Build::from(releases);
    build.compile_installs(VERSION);
    build
}

/// Copies everything in the folder `from` to the folder `to`, links as links.
fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("the folder can be listed") {
        let entry = entry.expect("a listed entry can be read");
        let target = to.join(entry.file_name());
        let kind = entry.file_type().expect("a listed entry has a type");
        if kind.is_symlink() {
            let destination = fs::read_link(entry.path()).expect("a link can be read");
            symlink(destination, target).expect("a link can be made");
        } else if kind.is_dir() {
            fs::create_dir(&target).expect("a folder can be made");
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a file can be copied");
        }
    }
}
