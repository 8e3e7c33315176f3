//! A slug and dynos of it: the real hoopstart, an agent beside it, and everything either of them starts.
//!
//! Every process of a dyno carries a mark in its environment, so that a test finds exactly its own processes in
//! `/proc`, wherever they have gone, and none is left when a test fails. Only root may read the environment of a
//! process that is not dumpable, so there is a second mark, a limit that nothing here comes near.

use super::executable::in_child;
use flate2::read::GzDecoder;
use hoop_buildpack::agent::manifest::{AgentRecord, Manifest};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, kill_process_group, setrlimit};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{self, File};
use std::io::{Read, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

use super::mirror::archive_name;
use super::signals::hear_signals;

/// Nothing a test waits for takes this long unless it never comes.
pub(crate) const LIMIT: Duration = Duration::from_mins(1);

/// How often it is looked again.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// The secret part of the keys below.
pub(crate) const SECRET: &str = "s3cr3t-0f-the-test";

/// A key of an agent that is always connected.
pub(crate) const STANDARD: &str = "grpcs://web:s3cr3t-0f-the-test@gateway.example:8443?mode=standard";

/// A key of an organization.
pub(crate) const MULTI: &str = "grpcs://_default:s3cr3t-0f-the-test@gateway.example:8443?mode=multi-connection";

/// A key of an organization as gateways print it from 1.21.0 on.
pub(crate) const ORGANIZATION: &str = "grpcs://_default:s3cr3t-0f-the-test@gateway.example:8443";

/// The variable that marks the processes of one dyno.
pub(crate) const MARK: &str = "DYNO_OF_TEST";

/// An agent that says it is up and does all else as the real one.
pub(crate) const QUIET_AGENT: &str = r#"#!/bin/sh
trap 'kill "$!"; exit 15' TERM
echo "agent up"
while :; do sleep 60 >/dev/null 2>&1 & wait "$!"; done
"#;

/// Looks again and again until there is an answer.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut answer: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(answer) = answer() {
            return answer;
        }
        assert!(begin.elapsed() < LIMIT, "{what}: not within {LIMIT:?}");
        thread::sleep(LOOK_AGAIN);
    }
}

/// A mark that no other dyno has.
fn new_mark() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A number for the mark `pid-count`, below what a process may have of this by default.
fn second_mark(mark: &str) -> u64 {
    let (pid, count) = mark.split_once('-').expect("it is two numbers");
    let number = |text: &str| text.parse::<u64>().expect("it is a number");
    number(pid) % 4000 * 200 + number(count) % 200
}

/// The limit of the process that has this folder in `/proc`.
fn limit_of(folder: &Path) -> Option<u64> {
    let limits = fs::read_to_string(folder.join("limits")).ok()?;
    let limit = limits.lines().find_map(|line| line.strip_prefix("Max msgqueue size"))?;
    limit.split_whitespace().next()?.parse().ok()
}

/// Compiles a stand-in agent that is a program, once. `None` without a C compiler.
fn compiled_agent() -> Option<&'static Path> {
    static AGENT: OnceLock<Option<PathBuf>> = OnceLock::new();
    AGENT
        .get_or_init(|| {
            program("cc")?;
            let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("agent.{}", std::process::id()));
            let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/agent.c");
            in_child(r#"cc -O1 -o "$1" "$2""#, &[path.as_os_str(), source.as_os_str()], b"");
            Some(path)
        })
        .as_deref()
}

/// The program `name` of this machine, if there is one. A test that cannot do without it says that it
/// was skipped.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|program| program.is_file());
    if found.is_none() {
        skipped(&format!("there is no {name} on this machine"));
    }
    found
}

/// Says that a test was skipped. Not by `println!`, which a test that passes does not show.
pub(crate) fn skipped(reason: &str) {
    let name = thread::current().name().unwrap_or_default().to_owned();
    let _ = writeln!(std::io::stderr(), "skipped: {name}: {reason}");
}

/// A folder as compile leaves it, put together without a build.
pub(crate) struct Slug {
    root: TempDir,
}

impl Slug {
    /// A slug with the agent of a release in `fixtures/releases`.
    pub(crate) fn of_release(version: &str) -> Self {
        let slug = Self::without_agent();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fixtures/releases")
            .join(version);
        let twin = format!("hoop_{version}_Linux_{}.tar.gz", super::mirror::PLATFORM.twin);
        let tarball = [archive_name(version), twin]
            .iter()
            .find_map(|name| File::open(folder.join(name)).ok())
            .unwrap_or_else(|| panic!("there is no tarball of {version} for this machine"));
        let mut archive = tar::Archive::new(GzDecoder::new(tarball));
        let mut agent = String::new();
        for entry in archive.entries().expect("the tarball can be read") {
            let mut entry = entry.expect("the tarball can be read");
            if entry.path().expect("an entry has a path").ends_with("hoop") {
                entry.read_to_string(&mut agent).expect("the stand-in is a script");
            }
        }
        slug.install(version, &agent);
        slug
    }

    /// A slug with the stand-in as it would be for any version.
    pub(crate) fn of_version(version: &str) -> Self {
        let stand_in = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/agent/hoop"));
        let script = stand_in.expect("the stand-in can be read");
        let slug = Self::without_agent();
        slug.install(
            version,
            &script
                .replace("@VERSION@", version)
                .replace("@PLATFORM@", "linux/amd64"),
        );
        slug
    }

    /// A slug whose agent is this script, and says it is of the newest release.
    pub(crate) fn of_agent(script: &str) -> Self {
        let slug = Self::without_agent();
        slug.install("1.148.0", script);
        slug
    }

    /// A slug whose agent is a program that does what it reads from a pipe, see [`Slug::order`].
    pub(crate) fn of_program() -> Option<Self> {
        let agent = compiled_agent()?;
        let slug = Self::without_agent();
        slug.write_manifest(Some("1.148.0"));
        let copy = slug.path(".hoop/bin/hoop");
        in_child(r#"cp "$1" "$2""#, &[agent.as_os_str(), copy.as_os_str()], b"");
        Some(slug)
    }

    /// Tells the agent that is a program what to do. See `agent.c`.
    pub(crate) fn order(&self, order: &str) {
        let pipe = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(self.path("to-agent"));
        let mut pipe = pipe.expect("the agent is up");
        pipe.write_all(format!("{order}\n").as_bytes()).expect("it reads");
    }

    /// A slug as a build with `HOOP_INSTALL=optional` leaves it that could not have the agent.
    pub(crate) fn without_agent() -> Self {
        // Below the target folder, so that the program can be linked: it is 100 MB with its debugging data.
        let root =
            TempDir::with_prefix_in("a slug's ", env!("CARGO_TARGET_TMPDIR")).expect("a scratch folder can be made");
        let slug = Self { root };
        for folder in [".hoop/bin", ".profile.d", "bin", "tmp"] {
            fs::create_dir_all(slug.path(folder)).expect("a folder can be made");
        }
        let program = env!("CARGO_BIN_EXE_hoop-buildpack");
        // By a child, like every file that is run: a copy of a file that is open for writing in a child another
        // test is just starting could not be run.
        in_child(
            r#"ln "$1" "$2" 2>/dev/null || cp "$1" "$2""#,
            &[program.as_ref(), slug.hoopstart().as_os_str()],
            b"",
        );
        std::os::unix::fs::symlink("hoopstart", slug.path(".hoop/bin/hoopwrapper")).expect("a link can be made");
        std::os::unix::fs::symlink("../.hoop/bin/hoopstart", slug.path("bin/hoopstart")).expect("a link can be made");
        let hoop_sh = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/classic/hoop.sh");
        fs::copy(hoop_sh, slug.path(".profile.d/zz-hoop-buildpack.sh")).expect("the launch script can be copied");
        slug.write_manifest(None);
        slug
    }

    /// Puts an agent into the slug.
    pub(crate) fn install(&self, version: &str, script: &str) {
        self.write_manifest(Some(version));
        self.put_program(".hoop/bin/hoop", script);
    }

    fn write_manifest(&self, version: Option<&str>) {
        let manifest = Manifest {
            agent: version.map(|version| AgentRecord {
                version: version.parse().expect("it is a version"),
                sha256: "ab".repeat(32).parse().expect("it is a digest"),
                source: "https://releases.example".to_owned(),
            }),
            platform: "linux/amd64".to_owned(),
            buildpack_version: "0.1.0".to_owned(),
            process_types: vec!["web".to_owned(), "worker".to_owned()],
            hoop_yml: None,
        };
        fs::write(self.path(".hoop/manifest.yml"), manifest.to_yaml()).expect("the manifest can be written");
    }

    /// Writes a program.
    pub(crate) fn put_program(&self, path: &str, script: &str) {
        self.put_program_of(path, script.as_bytes());
    }

    /// Writes a program of any bytes.
    pub(crate) fn put_program_of(&self, path: &str, bytes: &[u8]) {
        in_child(r#"cat >"$1" && chmod 755 "$1""#, &[self.path(path).as_os_str()], bytes);
    }

    /// Writes a file.
    pub(crate) fn put(&self, path: &str, text: &str) {
        fs::write(self.path(path), text).expect("a file can be written");
    }

    /// Takes a file away.
    pub(crate) fn remove(&self, path: &str) {
        fs::remove_file(self.path(path)).expect("the file is there");
    }

    /// What a file holds, or nothing where it is not there.
    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_default()
    }

    /// The path of something in the slug.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    /// The slug's folder.
    pub(crate) fn home(&self) -> &Path {
        self.root.path()
    }

    /// The launcher.
    pub(crate) fn hoopstart(&self) -> PathBuf {
        self.path(".hoop/bin/hoopstart")
    }

    /// Prepares a dyno without a key.
    pub(crate) fn dyno(&self) -> Launch {
        Launch {
            hoopstart: self.hoopstart(),
            ..Launch::in_folder(self.home())
        }
    }

    /// Prepares a dyno with a key of an agent that is always connected.
    pub(crate) fn web(&self) -> Launch {
        self.dyno().with("HOOP_KEY", STANDARD).with("DYNO", "web.1")
    }
}

/// What a dyno reads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Input {
    Nothing,
    Pipe,
}

/// A dyno that is about to start.
#[derive(Clone)]
pub(crate) struct Launch {
    hoopstart: PathBuf,
    folder: PathBuf,
    variables: Vec<(OsString, OsString)>,
    mark: String,
    prelude: String,
    stdin: Input,
    own_group: bool,
    has_second_mark: bool,
    preparation: Option<Preparation>,
}

/// What a thread does before it starts a process.
type Preparation = Arc<dyn Fn() + Send + Sync>;

impl Launch {
    /// Prepares a process in `folder`, which is its HOME, with next to nothing in its environment.
    pub(crate) fn in_folder(folder: &Path) -> Self {
        let mark = new_mark();
        let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
        Self {
            hoopstart: PathBuf::new(),
            folder: folder.to_owned(),
            variables: vec![
                ("PATH".into(), path),
                ("HOME".into(), folder.into()),
                ("LANG".into(), "C.UTF-8".into()),
                (MARK.into(), mark.clone().into()),
            ],
            mark,
            prelude: String::new(),
            stdin: Input::Nothing,
            own_group: true,
            has_second_mark: true,
            preparation: None,
        }
    }

    /// Sets a variable.
    pub(crate) fn with(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.variables.retain(|(listed, _)| listed != name);
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Takes a variable away.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.variables.retain(|(listed, _)| listed != name);
        self
    }

    /// Runs shell commands in the first process before it becomes what is started.
    pub(crate) fn after(mut self, prelude: &str) -> Self {
        prelude.clone_into(&mut self.prelude);
        self
    }

    /// Starts the first process from a thread of its own that has done this: what a thread has of itself, such as
    /// a seccomp filter, goes on to what it starts.
    pub(crate) fn started_after(mut self, preparation: impl Fn() + Send + Sync + 'static) -> Self {
        self.preparation = Some(Arc::new(preparation));
        self
    }

    /// Connects stdin to [`Dyno::write`].
    pub(crate) fn with_stdin(mut self) -> Self {
        self.stdin = Input::Pipe;
        self
    }

    /// Leaves the first process in the test's own process group.
    pub(crate) fn in_our_group(mut self) -> Self {
        self.own_group = false;
        self
    }

    /// Takes another mark: of two dynos with the same, the end of one ends both.
    pub(crate) fn with_other_mark(mut self) -> Self {
        self.mark = new_mark();
        let mark = self.mark.clone();
        self.with(MARK, mark)
    }

    /// Leaves out the second mark, which takes a fork to set.
    pub(crate) fn without_second_mark(mut self) -> Self {
        self.has_second_mark = false;
        self
    }

    /// Has the dyno run as an ordinary user, to whom the slug then belongs: that of the test, or some other than root.
    /// `None` where that cannot be done.
    pub(crate) fn by_ordinary_user(self) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            return Some(self);
        }
        program("setpriv")?;
        in_child(r#"chown -R 12345:12345 "$1""#, &[self.folder.as_os_str()], b"");
        let become_user = "exec setpriv --reuid 12345 --regid 12345 --clear-groups \"$@\"";
        let script = format!("set -- test -x \"$1/bin\"; {become_user}");
        let reaches = Command::new("sh")
            .args(["-c", &script, "sh"])
            .arg(&self.folder)
            .status();
        if !reaches.is_ok_and(|status| status.success()) {
            skipped("another user cannot reach the slug");
            return None;
        }
        Some(self.after(become_user))
    }

    /// The slug's folder.
    pub(crate) fn home(&self) -> &Path {
        &self.folder
    }

    /// The environment.
    pub(crate) fn variables(&self) -> &[(OsString, OsString)] {
        &self.variables
    }

    /// The command line of hoopstart with this app.
    fn wrapped<A: AsRef<OsStr>>(&self, app: impl IntoIterator<Item = A>) -> Vec<OsString> {
        [self.hoopstart.as_os_str().to_owned(), "--".into()]
            .into_iter()
            .chain(app.into_iter().map(|word| word.as_ref().to_owned()))
            .collect()
    }

    /// Starts this app under hoopstart.
    #[track_caller]
    pub(crate) fn start<A: AsRef<OsStr>>(&self, app: impl IntoIterator<Item = A>) -> Dyno {
        self.plain(self.wrapped(app))
    }

    /// Starts a shell script under hoopstart.
    #[track_caller]
    pub(crate) fn script(&self, script: &str) -> Dyno {
        self.start(["sh", "-c", script])
    }

    /// Starts a command as it is.
    #[track_caller]
    pub(crate) fn plain<A: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = A>) -> Dyno {
        let words: Vec<OsString> = words.into_iter().map(|word| word.as_ref().to_owned()).collect();
        let mut command = if self.prelude.is_empty() {
            let mut command = Command::new(&words[0]);
            command.args(&words[1..]);
            command
        } else {
            let mut command = Command::new("sh");
            command
                .args(["-c", &format!("{}\nexec \"$@\"", self.prelude), "sh"])
                .args(&words);
            command
        };
        command
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.folder)
            .stdin(match self.stdin {
                Input::Nothing => Stdio::null(),
                Input::Pipe => Stdio::piped(),
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if self.own_group {
            command.process_group(0);
        }
        Dyno::of(self, command)
    }
}

/// What comes out of one end of a dyno, as it comes.
#[derive(Clone, Default)]
struct Text(Arc<Mutex<(Vec<u8>, Option<Instant>)>>);

impl Text {
    /// Begins to read.
    fn of(mut pipe: impl Read + Send + 'static) -> Self {
        let text = Self::default();
        let writer = text.clone();
        thread::spawn(move || {
            let mut bytes = [0; 8192];
            loop {
                match pipe.read(&mut bytes) {
                    Ok(0) | Err(_) => break,
                    Ok(count) => writer.lock().0.extend_from_slice(&bytes[..count]),
                }
            }
            writer.lock().1 = Some(Instant::now());
        });
        text
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (Vec<u8>, Option<Instant>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.lock().0).into_owned()
    }

    /// When the last writer had let go.
    fn ended(&self) -> Option<Instant> {
        self.lock().1
    }
}

/// A dyno that runs. Nothing of it is left when it is dropped.
pub(crate) struct Dyno {
    child: Child,
    mark: String,
    own_group: bool,
    stdin: Option<File>,
    stdout: Text,
    stderr: Text,
}

impl Dyno {
    /// Starts `command`, which has the environment of `launch`.
    #[track_caller]
    pub(crate) fn of(launch: &Launch, mut command: Command) -> Self {
        hear_signals();
        if launch.has_second_mark {
            let limit = second_mark(&launch.mark);
            let maximum = getrlimit(Resource::Msgqueue).maximum;
            let set = move || {
                let current = Some(limit);
                // Without it, a test of an ordinary user does not find all of its processes.
                let _ = setrlimit(Resource::Msgqueue, Rlimit { current, maximum });
                Ok(())
            };
            #[expect(unsafe_code, reason = "one system call, which allocates nothing")]
            unsafe {
                command.pre_exec(set);
            }
        }
        let child = match &launch.preparation {
            None => command.spawn(),
            Some(prepare) => thread::scope(|scope| {
                let started = scope.spawn(|| {
                    prepare();
                    command.spawn()
                });
                started.join().expect("the preparation succeeds")
            }),
        };
        let mut child = child.unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        Self {
            mark: launch.mark.clone(),
            own_group: launch.own_group,
            stdin: child.stdin.take().map(OwnedFd::from).map(File::from),
            stdout: child.stdout.take().map_or_else(Text::default, Text::of),
            stderr: child.stderr.take().map_or_else(Text::default, Text::of),
            child,
        }
    }

    /// Takes this terminal in the place of stdin and stdout.
    pub(crate) fn use_terminal(&mut self, terminal: OwnedFd) {
        let terminal = File::from(terminal);
        self.stdout = Text::of(terminal.try_clone().expect("a file can be shared"));
        self.stdin = Some(terminal);
    }

    /// The pid of the first process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What is on stdout by now.
    pub(crate) fn stdout(&self) -> String {
        self.stdout.so_far()
    }

    /// Whether stdout is closed at its other end.
    pub(crate) fn stdout_ended(&self) -> Option<Instant> {
        self.stdout.ended()
    }

    /// Whether stderr is closed at its other end.
    pub(crate) fn stderr_ended(&self) -> Option<Instant> {
        self.stderr.ended()
    }

    /// What is on stderr by now.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.so_far()
    }

    /// How many lines are on stderr by now, without a copy of them.
    pub(crate) fn lines_of_stderr(&self) -> usize {
        self.stderr.lock().0.split(|byte| *byte == b'\n').count() - 1
    }

    /// Writes to stdin.
    pub(crate) fn write(&mut self, text: &str) {
        let stdin = self.stdin.as_mut().expect("stdin is a pipe and open");
        stdin.write_all(text.as_bytes()).expect("the app reads stdin");
        stdin.flush().expect("the app reads stdin");
    }

    /// Closes stdin.
    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Waits for something.
    #[track_caller]
    pub(crate) fn until<T>(&self, what: &str, mut answer: impl FnMut() -> Option<T>) -> T {
        let begin = Instant::now();
        loop {
            if let Some(answer) = answer() {
                return answer;
            }
            if begin.elapsed() >= LIMIT {
                self.fail(&format!("{what}: not within {LIMIT:?}"));
            }
            thread::sleep(LOOK_AGAIN);
        }
    }

    /// Waits until stdout holds `text`.
    #[track_caller]
    pub(crate) fn prints(&self, text: &str) -> &Self {
        self.until(&format!("{text:?} on stdout"), || {
            self.stdout().contains(text).then_some(())
        });
        self
    }

    /// Waits until stderr holds `text`.
    #[track_caller]
    pub(crate) fn logs(&self, text: &str) -> &Self {
        self.until(&format!("{text:?} on stderr"), || {
            self.stderr().contains(text).then_some(())
        });
        self
    }

    /// Ends the test with everything there is to know.
    #[track_caller]
    pub(crate) fn fail(&self, what: &str) -> ! {
        panic!(
            "{what}\n----- stdout\n{}----- stderr\n{}----- processes\n{:#?}",
            self.stdout(),
            self.stderr(),
            self.processes()
        );
    }

    /// Asserts a fact.
    #[track_caller]
    pub(crate) fn assert(&self, fact: bool, what: &str) -> &Self {
        if !fact {
            self.fail(what);
        }
        self
    }

    /// Sends a signal to the first process.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("the first process is there");
    }

    /// Sends a signal to the process group of the first process.
    pub(crate) fn signal_group(&self, signal: Signal) {
        assert!(self.own_group, "the group is the test's own");
        kill_process_group(Pid::from_child(&self.child), signal).expect("the group is there");
    }

    /// Sends a signal to every process, as a dyno's manager does.
    pub(crate) fn signal_all(&self, signal: Signal) {
        for process in self.processes() {
            process.signal(signal);
        }
    }

    /// Every living process of this dyno.
    pub(crate) fn processes(&self) -> Vec<Process> {
        Process::all()
            .into_iter()
            .filter(|process| match process.limit {
                None => process.variable(MARK) == Some(OsStr::new(&self.mark)),
                Some(limit) => limit == second_mark(&self.mark),
            })
            .collect()
    }

    /// The supervisors.
    pub(crate) fn supervisors(&self) -> Vec<Process> {
        let mut found = self.processes();
        found.retain(Process::is_supervisor);
        // A child of one looks like it for the moment before it becomes an agent.
        let pids: Vec<u32> = found.iter().map(|process| process.pid).collect();
        found.retain(|process| !pids.contains(&process.parent));
        found
    }

    /// The agents, in the order in which they were started.
    pub(crate) fn agents(&self) -> Vec<Process> {
        let processes = self.processes();
        let supervised = |process: &Process| {
            processes
                .iter()
                .any(|parent| parent.pid == process.parent && parent.is_supervisor())
        };
        let mut found: Vec<Process> = processes
            .iter()
            .filter(|process| process.agent_arguments().is_some() && supervised(process))
            .cloned()
            .collect();
        // Numbers of processes begin again at their end.
        found.sort_by_key(|process| (process.started, process.pid));
        found
    }

    /// Waits until so many agents run.
    #[track_caller]
    pub(crate) fn has_agents(&self, count: usize) -> Vec<Process> {
        self.until(&format!("{count} agents"), || {
            let agents = self.agents();
            (agents.len() == count).then_some(agents)
        })
    }

    /// Asserts that none of `secrets` stands in a command line, which every process of the dyno can read.
    #[track_caller]
    pub(crate) fn has_no_command_line_with(&self, secrets: &[&str]) {
        for process in self.processes() {
            for word in process.command_line() {
                let word = word.to_string_lossy();
                let shows = secrets.iter().any(|secret| word.contains(secret));
                self.assert(!shows, "a secret must never stand in a command line");
            }
        }
    }

    /// Waits until there are this many supervisors. A second one below another may be there for a moment: it looks for
    /// the other before it starts anything, while the app runs already.
    #[track_caller]
    pub(crate) fn has_supervisors(&self, count: usize) {
        self.until(&format!("{count} supervisors"), || {
            (self.supervisors().len() == count).then_some(())
        });
    }

    /// Waits for the first process to end.
    #[track_caller]
    pub(crate) fn ends(&mut self) -> ExitStatus {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                return status;
            }
            if begin.elapsed() >= LIMIT {
                self.fail("the first process does not end");
            }
            thread::sleep(LOOK_AGAIN);
        }
    }

    /// Waits for the first process to end, and asserts its exit code.
    #[track_caller]
    pub(crate) fn exits(&mut self, code: i32) -> &mut Self {
        let status = self.ends();
        self.assert(
            status.code() == Some(code),
            &format!("expected exit {code}, not {status}"),
        );
        self
    }

    /// Waits for the first process to end, and asserts that a signal did it.
    #[track_caller]
    pub(crate) fn dies_by(&mut self, signal: i32) -> &mut Self {
        let status = self.ends();
        self.assert(
            status.signal() == Some(signal),
            &format!("expected death by signal {signal}, not {status}"),
        );
        self
    }

    /// Waits until stdout and stderr are closed at their other end, and returns when the later one was.
    #[track_caller]
    pub(crate) fn closes_output(&self) -> Instant {
        self.until("end of stdout and stderr", || {
            Some(self.stdout.ended()?.max(self.stderr.ended()?))
        })
    }

    /// Waits until nothing is left, and asserts that it did not take longer than `limit` since `begin`.
    #[track_caller]
    pub(crate) fn is_gone_within(&self, limit: Duration, begin: Instant) {
        self.until("the end of every process", || self.processes().is_empty().then_some(()));
        let took = begin.elapsed();
        assert!(took <= limit, "processes were left for {took:?}");
    }

    /// The lines of stderr that are hoopstart's own.
    pub(crate) fn own_lines(&self) -> Vec<String> {
        self.stderr()
            .lines()
            .filter(|line| line.starts_with("hoopstart: "))
            .map(str::to_owned)
            .collect()
    }
}

impl Drop for Dyno {
    fn drop(&mut self) {
        // What is killed may have started something the moment before.
        loop {
            let left = self.processes();
            if left.is_empty() {
                break;
            }
            for process in left {
                process.signal(Signal::KILL);
            }
            thread::sleep(Duration::from_millis(1));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process as `/proc` shows it.
#[derive(Clone)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) parent: u32,
    pub(crate) is_zombie: bool,
    /// The name of its program, which a zombie has as well.
    pub(crate) name: String,
    started: u64,
    command_line: Vec<OsString>,
    environment: Vec<OsString>,
    /// The limit that is the second mark, of a process whose environment cannot be read.
    limit: Option<u64>,
}

impl Process {
    /// All processes.
    fn all() -> Vec<Self> {
        let listed = fs::read_dir("/proc").expect("/proc is mounted");
        listed
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter_map(Self::read)
            .collect()
    }

    fn read(pid: u32) -> Option<Self> {
        let folder = PathBuf::from(format!("/proc/{pid}"));
        let texts = |name: &str| -> Option<Vec<OsString>> {
            let bytes = fs::read(folder.join(name)).ok()?;
            let texts = bytes.split_inclusive(|byte| *byte == 0);
            Some(
                texts
                    .map(|text| OsString::from_vec(text.strip_suffix(b"\0").unwrap_or(text).to_vec()))
                    .collect(),
            )
        };
        // First what tells the programs apart: one that is started meanwhile must not have the environment of the
        // process that it was.
        let command_line = texts("cmdline")?;
        let environment = texts("environ");
        let stat = fs::read_to_string(folder.join("stat")).ok()?;
        let (name, fields) = stat.rsplit_once(')')?;
        let mut fields = fields.split_whitespace();
        let is_zombie = fields.next()? == "Z";
        let limit = (environment.is_none() && !is_zombie)
            .then(|| limit_of(&folder))
            .flatten();
        Some(Self {
            pid,
            limit,
            is_zombie,
            name: name.split_once('(')?.1.to_owned(),
            parent: fields.next()?.parse().ok()?,
            started: fields.nth(17)?.parse().ok()?,
            command_line,
            // A zombie has none any more, and some kernels then have no such file either.
            environment: environment.or_else(|| (is_zombie || limit.is_some()).then(Vec::new))?,
        })
    }

    /// The children of the process `parent`, zombies as well.
    pub(crate) fn children_of(parent: u32) -> Vec<Self> {
        let mut found = Self::all();
        found.retain(|process| process.parent == parent);
        found
    }

    /// The value of a variable this process was started with.
    pub(crate) fn variable(&self, name: &str) -> Option<&OsStr> {
        self.environment.iter().find_map(|variable| {
            let value = variable.as_bytes().strip_prefix(name.as_bytes())?;
            Some(OsStr::from_bytes(value.strip_prefix(b"=")?))
        })
    }

    /// The variables this process was started with.
    pub(crate) fn environment(&self) -> &[OsString] {
        &self.environment
    }

    /// The command line.
    pub(crate) fn command_line(&self) -> &[OsString] {
        &self.command_line
    }

    /// The arguments of the agent, if this is one.
    pub(crate) fn agent_arguments(&self) -> Option<Vec<String>> {
        // The agent is a script: the interpreter stands before it.
        let place = self
            .command_line
            .iter()
            .position(|word| Path::new(word).ends_with("bin/hoop"))?;
        Some(
            self.command_line[place + 1..]
                .iter()
                .map(|word| word.to_string_lossy().into_owned())
                .collect(),
        )
    }

    /// Whether this is a supervisor. It has only its name left of the command line it was forked with.
    fn is_supervisor(&self) -> bool {
        let [program, rest @ ..] = self.command_line.as_slice() else {
            return false;
        };
        let is_hoopstart = ["hoopstart", "hoopwrapper"]
            .iter()
            .any(|name| Path::new(program).ends_with(name));
        is_hoopstart && rest.iter().all(|word| word.is_empty())
    }

    /// Sends a signal, unless the process has gone.
    pub(crate) fn signal(&self, signal: Signal) {
        if let Some(pid) = Pid::from_raw(self.pid.cast_signed()) {
            let _ = kill_process(pid, signal);
        }
    }

    /// A line of its `status` file.
    pub(crate) fn status(&self, name: &str) -> String {
        let text = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_default().trim().to_owned()
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let zombie = if self.is_zombie { " (zombie)" } else { "" };
        let words: Vec<_> = self.command_line.iter().filter(|word| !word.is_empty()).collect();
        write!(f, "{} of {}{zombie}: {}: {words:?}", self.pid, self.parent, self.name)
    }
}
