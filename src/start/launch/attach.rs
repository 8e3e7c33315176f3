//! Finds the environment in which a shell starts its command.
//!
//! `.profile.d` attaches hoopstart before the shell has run all its scripts: those of a language's buildpack or the
//! app's own `.profile` may still set PATH or the agent key. The shell cannot be asked later without leaving something
//! in it. But `/proc` shows what each process was started with: the shell once it has become its command, or its child
//! if the command line keeps the shell until the end. The shell is never traced or stopped, and never waits.

use crate::os::environment::Environment;
use crate::os::processes::{self, Process};
use crate::start::app::AppProcess;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::time::{Duration, Instant};

/// How often to look at the shell: what it runs first may soon be over.
const LOOK: Duration = Duration::from_millis(5);

/// The same after [`SOON`], when it is probably doing something slow.
const LOOK_LATER: Duration = Duration::from_millis(50);

/// How long a process may show a command line and not yet its environment.
const SETTLED: Duration = Duration::from_millis(1);

/// How long a shell usually takes to run its scripts.
const SOON: Duration = Duration::from_secs(2);

/// How long a shell must sleep, with no program to wait for, to count as running its command: the scripts of a profile
/// wait for nobody, while `read` or `wait` may end a command line.
const ASLEEP: Duration = Duration::from_millis(500);

/// How long a process must run to count as the command if nothing else tells.
const LONG: Duration = Duration::from_secs(10);

/// When to settle for what is known.
const LAST_CALL: Duration = Duration::from_secs(30);

/// A shell that is about to run its command.
pub(crate) struct Shell {
    pid: u32,
    /// Its own command line and environment, until it becomes another program.
    command_line: Vec<u8>,
    environ: Option<Vec<u8>>,
    /// What it starts from now on starts no earlier than this.
    now: u64,
}

/// A program that the shell has started, itself or through others.
struct Candidate {
    process: Process,
    command_line: Vec<u8>,
    environ: Vec<u8>,
}

impl Shell {
    /// The shell `pid`, which waits for this process meanwhile. `None` without `/proc`.
    pub(crate) fn find(pid: u32) -> Option<Self> {
        Some(Self {
            pid,
            command_line: read(pid, "cmdline")?,
            environ: read(pid, "environ"),
            now: Process::read(std::process::id())?.started,
        })
    }

    /// Waits for the command. Returns its environment, or `known`, the environment of this process, if it cannot be
    /// found. `None` if the shell, which is `app`, has ended before.
    pub(crate) fn environment(&self, app: &AppProcess, known: &Environment) -> Option<Environment> {
        let begin = Instant::now();
        let mut latest: Option<Candidate> = None;
        let mut asleep: Option<Instant> = None;
        loop {
            if let Some(environ) = self.became() {
                return Some(parse(&environ, known).unwrap_or_else(|| known.clone()));
            }
            let (found, is_idle) = self.youngest();
            let is_command = found
                .as_ref()
                .is_some_and(|found| is_named_in(&self.command_line, &found.command_line));
            let process = found.as_ref().map(|found| found.process);
            latest = found.or(latest);
            let is_old = latest.as_ref().zip(process).is_some_and(|(latest, process)| {
                process == latest.process
                    && begin.elapsed() >= LONG
                    && latest.process.age().is_some_and(|age| age >= LONG)
            });
            if is_idle && Process::read(self.pid)?.is_asleep {
                asleep.get_or_insert_with(Instant::now);
            } else {
                asleep = None;
            }
            let is_waiting = asleep.is_some_and(|since| since.elapsed() >= ASLEEP);
            if is_command || is_old || is_waiting || begin.elapsed() >= LAST_CALL {
                let environ = latest.and_then(|latest| parse(&latest.environ, known));
                return Some(environ.unwrap_or_else(|| known.clone()));
            }
            let pause = if begin.elapsed() < SOON { LOOK } else { LOOK_LATER };
            if app.ends_within(pause) {
                return None;
            }
        }
    }

    /// The environment of what the shell has become; empty if it may not be read.
    fn became(&self) -> Option<Vec<u8>> {
        let (command_line, environ) = program(self.pid)?;
        let is_same_line = command_line == self.command_line;
        let is_other = !is_same_line || environ != self.environ;
        let environ = environ.unwrap_or_default();
        // A process without an environment that still has this command line is about to get another one.
        (is_other && !(is_same_line && environ.is_empty())).then_some(environ)
    }

    /// The youngest program that the shell has started, preferably itself, and whether the shell is idle: there is no
    /// such program, and nothing below the shell is doing anything.
    fn youngest(&self) -> (Option<Candidate>, bool) {
        let below = processes::descendants(self.pid);
        let is_asleep = below.iter().all(|process| process.is_asleep);
        let programs = below.into_iter().filter_map(|process| {
            let (command_line, environ) = program(process.pid)?;
            let environ = environ.filter(|environ| Some(environ) != self.environ.as_ref())?;
            (process.started >= self.now).then_some(Candidate {
                process,
                command_line,
                environ,
            })
        });
        let is_child = |candidate: &Candidate| candidate.process.parent == self.pid;
        let found =
            programs.max_by_key(|candidate| (is_child(candidate), candidate.process.started, candidate.process.pid));
        let is_idle = found.is_none() && is_asleep;
        (found, is_idle)
    }
}

/// Whether the command line of the shell names a process with the command line `started`: by its program or, if that is
/// an interpreter, by its script, by all its options, and by its plain arguments.
fn is_named_in(shell: &[u8], started: &[u8]) -> bool {
    let shell = String::from_utf8_lossy(shell);
    let started = String::from_utf8_lossy(started);
    // The COMMAND of `bash --login -c COMMAND`. The script of a platform names nothing.
    let Some(line) = shell
        .split_terminator('\0')
        .skip_while(|word| !is_command_option(word))
        .nth(1)
    else {
        return false;
    };
    let is_boundary = |character: char| character.is_whitespace() || ";&|()<>'\"`/$={}".contains(character);
    let names: Vec<&str> = line.split(is_boundary).filter(|name| !name.is_empty()).collect();
    let words: Vec<&str> = started.split_terminator('\0').collect();
    let is_named = |word: &&str| names.contains(&word.rsplit('/').next().unwrap_or_default());
    // The kernel passes the path of a script to its interpreter. Any other argument may occur in any line.
    let script = words.get(1).filter(|word| word.contains('/'));
    let options_are_named = words
        .iter()
        .filter(|word| word.starts_with('-'))
        .all(|option| line.contains(option));
    // If the shell expands nothing in the line, its plain arguments occur in it as they are.
    let is_plain = |word: &&&str| word.chars().all(|character| character.is_ascii_alphanumeric());
    let is_literal = !line.contains(['$', '`', '*', '?', '[', '{', '~']);
    let arguments_are_named = !is_literal || words.iter().skip(1).filter(is_plain).all(|word| line.contains(word));
    options_are_named && arguments_are_named && words.first().into_iter().chain(script).any(is_named)
}

/// Whether `word` is the option of a shell that precedes its command: `-c`, alone or with others.
fn is_command_option(word: &str) -> bool {
    word.starts_with('-') && !word.starts_with("--") && word.ends_with('c')
}

/// The command line of a process and, if it may be read, its environment. `None` while it becomes another program: then
/// the kernel briefly shows an empty environment, or parts of both programs.
fn program(pid: u32) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
    let command_line = read(pid, "cmdline")?;
    let mut environ = read(pid, "environ");
    if environ.as_ref().is_some_and(Vec::is_empty) {
        // The kernel shows the command line a moment before the environment.
        std::thread::sleep(SETTLED);
        environ = read(pid, "environ");
    }
    let is_settled = !command_line.is_empty() && read(pid, "cmdline").as_ref() == Some(&command_line);
    is_settled.then_some((command_line, environ))
}

/// Reads a file of a process.
fn read(pid: u32, name: &str) -> Option<Vec<u8>> {
    fs::read(format!("/proc/{pid}/{name}")).ok()
}

/// Reads an environment from the form in `/proc`. `None` if it is something else: a process may have overwritten it, or
/// may not be read.
///
/// Takes the key from `known` if there is none: hoopstart may have hidden it by then.
fn parse(environ: &[u8], known: &Environment) -> Option<Environment> {
    let variables = environ.split(|byte| *byte == 0).filter_map(|variable| {
        let place = variable
            .iter()
            .position(|byte| *byte == b'=')
            .filter(|place| *place > 0)?;
        Some((
            OsStr::from_bytes(&variable[..place]),
            OsStr::from_bytes(&variable[place + 1..]),
        ))
    });
    let mut found: Environment = variables.collect();
    found.value(crate::config::AUTOSTART)?;
    let keys = [crate::config::KEY, crate::config::DSN];
    if keys.iter().all(|key| found.value(key).is_none()) {
        for key in keys {
            if let Some(value) = known.value(key) {
                found.set(key, value);
            }
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::{is_named_in, parse};
    use crate::os::environment::Environment;

    #[test]
    fn a_command_is_known_by_the_line_that_names_it() {
        let shell = |line: &str| format!("bash\0--login\0-c\0{line}\0");
        for (line, started, named) in [
            ("cd x && puma -C config/puma.rb", "puma\0-C\0config/puma.rb\0", true),
            (
                "cd x && bundle exec puma",
                "ruby\0/app/vendor/bin/bundle\0exec\0puma\0",
                true,
            ),
            ("cd x && bin/web -p $PORT", "bin/web\0-p\08080\0", true),
            ("true && python app.py | cat", "python\0app.py\0", true),
            ("true; exec-me", "./exec-me\0", true),
            ("(node server.js)", "node\0server.js\0", true),
            ("cd x && ruby server.rb", "ruby\0-e\0puts 1\0", false),
            ("cd x && puma", "nproc\0", false),
            ("cd x && puma", "sed\0-n\0s/a/b/\0", false),
            ("cd x && puma", "", false),
            // Scripts of a profile: their programs have arguments that may be in the line as well.
            ("cd x && puma -w 1", "sleep\x001\0", false),
            ("cd x && puma -p $PORT", "mkdir\0-p\0tmp\0", false),
            (
                "cd x && serve -s build",
                "curl\0-s\0https://config.example/build\0",
                false,
            ),
            ("cd x && ruby web", "git\0web\0", false),
            (
                "cd x && python manage.py runserver",
                "python\0manage.py\0migrate\0",
                false,
            ),
            (
                "cd x && python manage.py runserver",
                "python\0manage.py\0runserver\0",
                true,
            ),
            ("cd x && puma $THREADS", "puma\x005\0", true),
            ("cd x && sh -c 'a; b'", "sh\0-c\0a; b\0", true),
            ("", "sleep\x002\0", false),
        ] {
            assert_eq!(
                is_named_in(shell(line).as_bytes(), started.as_bytes()),
                named,
                "{line} {started:?}"
            );
        }
        for shell in ["bash\0/start\0web\0", "", "-bash\0"] {
            assert!(!is_named_in(shell.as_bytes(), b"web\0"), "{shell:?}");
        }
        assert!(is_named_in(b"bash\0-lc\0a && puma\0", b"puma\0"));
    }

    #[test]
    fn an_environment_is_read_as_the_kernel_has_it() {
        let known: Environment = [("HOOP_KEY", "early")].into_iter().collect();
        let found = parse(b"A=\0B=c=d\n\0HOOP_AUTOSTART=1\0HOOP_DSN=late\0", &known).unwrap();
        assert_eq!(found.text("B"), Some("c=d\n"));
        assert_eq!((found.text("HOOP_KEY"), found.text("HOOP_DSN")), (None, Some("late")));
        let hidden = parse(b"HOOP_AUTOSTART=1\0", &known).unwrap();
        assert_eq!(hidden.text("HOOP_KEY"), Some("early"));
        // Overwritten by the program.
        assert!(parse(b"puma: worker 1\0\0\0", &known).is_none());
        assert!(parse(b"", &known).is_none());
    }
}
