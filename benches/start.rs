//! What hoopstart costs an app, beside the shell wrapper that a user would write instead:
//! `hoop start agent & "$@"` in bash, and beside `tini`, which starts an app and nothing else.
//!
//! `cargo bench --bench start` prints ratios of medians, all from one run on one machine. It takes two minutes, one
//! of them to watch an idle supervisor.
//!
//! What was tried on the way and did not pay: hoopstart that starts itself again as supervisor, by one or two
//! execs, took 1.6 times as long as the wrapper, and the supervisor held 3.0 MiB; a search of `/proc` for a
//! supervisor that already runs took as long as all else together.

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use rustix::time::{ClockId, clock_gettime};
use std::error::Error;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;
use tempfile::TempDir;

/// How often each start is measured.
const RUNS: usize = 200;

/// The smallest init that people put before an app. It starts no agent.
const TINI: [&str; 3] = ["tini", "-s", "--"];

/// How long the idle supervisor is watched.
const IDLE: Duration = Duration::from_mins(1);

/// How long an agent has to be up, and what is left of a run to be gone.
const SETTLE: Duration = Duration::from_millis(500);

/// The argument by which this program is the app that is started.
const APP: &str = "--app";

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    if std::env::args().any(|argument| argument == APP) {
        // The first thing the app does.
        return Ok(writeln!(std::io::stdout(), "{}", now()?)?);
    }
    let slug = Slug::new()?;
    let this = std::env::current_exe()?;
    let app = [this.to_str().ok_or("a path that is no text")?, APP];

    let (mut plain, mut hoopstart, mut wrapper, mut tini) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let has_tini = Command::new("tini")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_ok();
    for _ in 0..RUNS {
        plain.push(slug.time(&[], &app)?);
        hoopstart.push(slug.time(&slug.hoopstart(), &app)?);
        wrapper.push(slug.time(&slug.wrapper(), &app)?);
        if has_tini {
            tini.push(slug.time(&TINI.map(PathBuf::from), &app)?);
        }
    }
    let (plain, hoopstart, wrapper) = (median(&mut plain), median(&mut hoopstart), median(&mut wrapper));

    let dyno = slug.start(&slug.hoopstart(), &["sleep", "600"])?;
    let beside = slug.supervisor()?;
    let held = resident(beside)?;
    let container = Slug::new()?;
    let init = container.first_of_container()?;
    let before = (wakes(beside)?, init.as_ref().map_or(Ok(0), |(_, pid)| wakes(*pid))?);
    sleep(IDLE);
    let woken = wakes(beside)? - before.0;
    end(dyno)?;
    let dyno = slug.start(&slug.wrapper(), &["sleep", "600"])?;
    let held_by_wrapper = resident(dyno.id())?;
    end(dyno)?;

    let mut out = std::io::stdout();
    writeln!(out, "Start of an app, medians of {RUNS} runs")?;
    writeln!(out, "  alone                   {:.2} ms", plain * 1e3)?;
    writeln!(out, "  under hoopstart         {:.2} ms", hoopstart * 1e3)?;
    writeln!(out, "  under the bash wrapper  {:.2} ms", wrapper * 1e3)?;
    writeln!(
        out,
        "  added, hoopstart to wrapper: {:.2}",
        (hoopstart - plain) / (wrapper - plain)
    )?;
    if has_tini {
        let tini = median(&mut tini);
        writeln!(out, "  under tini              {:.2} ms", tini * 1e3)?;
        writeln!(
            out,
            "  added, hoopstart to tini: {:.2}",
            (hoopstart - plain) / (tini - plain)
        )?;
    }
    writeln!(out, "Resident memory, while the app runs")?;
    writeln!(out, "  hoopstart's supervisor, beside the app     {held} KiB")?;
    writeln!(
        out,
        "  bash, between the app and its parent       {held_by_wrapper} KiB"
    )?;
    #[expect(clippy::cast_precision_loss, reason = "kibibytes of a process")]
    writeln!(
        out,
        "  hoopstart to wrapper: {:.2}",
        held as f64 / held_by_wrapper as f64
    )?;
    writeln!(out, "Wake-ups of the idle supervisor in {} s: {woken}", IDLE.as_secs())?;
    match init {
        Some((dyno, pid)) => {
            writeln!(
                out,
                "As the init of a container: {} KiB, wake-ups {}",
                resident(pid)?,
                wakes(pid)? - before.1
            )?;
            kill_process(Pid::from_raw(pid.cast_signed()).ok_or("a pid")?, Signal::KILL)?;
            end(dyno)?;
        }
        None => writeln!(out, "As the init of a container: this machine permits none")?,
    }
    Ok(())
}

/// A slug with hoopstart, the wrapper, and an agent that only waits.
struct Slug(TempDir);

impl Slug {
    fn new() -> Result<Self> {
        let slug = Self(TempDir::new()?);
        let programs = slug.path(".hoop/bin");
        fs::create_dir_all(&programs)?;
        fs::copy(env!("CARGO_BIN_EXE_hoop-buildpack"), programs.join("hoopstart"))?;
        for (name, script) in [
            ("hoop", "#!/bin/sh\nexec sleep 600\n"),
            ("wrapper", "#!/bin/bash\nhoop start agent &\n\"$@\"\n"),
        ] {
            fs::write(programs.join(name), script)?;
            fs::set_permissions(programs.join(name), fs::Permissions::from_mode(0o755))?;
        }
        let manifest = format!(
            "agent_version: 1.148.0\nsha256: {}\nsource: https://releases.example\n\
             platform: linux/amd64\nbuildpack_version: 0.1.0\n",
            "ab".repeat(32)
        );
        fs::write(slug.path(".hoop/manifest.yml"), manifest)?;
        Ok(slug)
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn hoopstart(&self) -> Vec<PathBuf> {
        vec![self.path(".hoop/bin/hoopstart"), "--".into()]
    }

    fn wrapper(&self) -> Vec<PathBuf> {
        vec![self.path(".hoop/bin/wrapper")]
    }

    /// Prepares `launcher` to start `app`, in a process group of its own.
    fn command(&self, launcher: &[PathBuf], app: &[&str]) -> Command {
        let words: Vec<&Path> = launcher
            .iter()
            .map(PathBuf::as_path)
            .chain(app.iter().map(Path::new))
            .collect();
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new(words[0]);
        command
            .args(&words[1..])
            .env_clear()
            .env("PATH", format!("{}:{path}", self.path(".hoop/bin").display()))
            .env("HOME", self.0.path())
            .env("DYNO", "web.1")
            .env("HOOP_KEY", "grpcs://web:s3cr3t0@gateway.example:8443?mode=standard")
            .stdin(Stdio::null())
            .process_group(0);
        command
    }

    /// The seconds from the start of `launcher` to the first thing that `app` does.
    fn time(&self, launcher: &[PathBuf], app: &[&str]) -> Result<f64> {
        let mut command = self.command(launcher, app);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let begin = now()?;
        let mut child = command.spawn()?;
        let mut printed = [0; 64];
        let length = child.stdout.take().ok_or("stdout is piped")?.read(&mut printed)?;
        end(child)?;
        Ok(std::str::from_utf8(&printed[..length])?.trim().parse::<f64>()? - begin)
    }

    /// Starts `app`, and waits until all is up.
    fn start(&self, launcher: &[PathBuf], app: &[&str]) -> Result<Child> {
        let child = self.command(launcher, app).spawn()?;
        sleep(SETTLE);
        Ok(child)
    }

    /// Starts an app with hoopstart as the first process of a container, where that is permitted, and returns its pid
    /// too.
    fn first_of_container(&self) -> Result<Option<(Child, u32)>> {
        for user in [&[][..], &["--user", "--map-root-user"]] {
            let words = ["unshare"]
                .iter()
                .chain(user)
                .chain(&["--pid", "--fork", "--mount-proc"]);
            let launcher: Vec<PathBuf> = words.map(PathBuf::from).chain(self.hoopstart()).collect();
            let tried = self
                .command(&launcher[..launcher.len() - 2], &["true"])
                .stderr(Stdio::null())
                .status();
            if tried.is_ok_and(|status| status.success()) {
                let dyno = self.start(&launcher, &["sleep", "600"])?;
                return Ok(Some((dyno, self.supervisor()?)));
            }
        }
        Ok(None)
    }

    /// Finds the supervisor, which has nothing but the program's name left of its command line.
    fn supervisor(&self) -> Result<u32> {
        let program = self.path(".hoop/bin/hoopstart");
        for entry in fs::read_dir("/proc")? {
            let entry = entry?;
            let line = fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
            if Some(line.trim_end_matches('\0')) == program.to_str() {
                return Ok(entry.file_name().to_string_lossy().parse()?);
            }
        }
        Err("there is no supervisor".into())
    }
}

/// Ends a run and all that it has left in its process group, and lets a supervisor end its own.
fn end(mut child: Child) -> Result<()> {
    let pid = Pid::from_child(&child);
    // The app may have ended by itself, and the group with it.
    let _ = kill_process(pid, Signal::TERM);
    child.wait()?;
    let _ = kill_process_group(pid, Signal::TERM);
    sleep(SETTLE / 25);
    Ok(())
}

/// The seconds of a clock that all processes of a machine share.
fn now() -> Result<f64> {
    let now = clock_gettime(ClockId::Monotonic);
    Ok(Duration::try_from(now)?.as_secs_f64())
}

/// How many KiB of memory a process holds.
fn resident(pid: u32) -> Result<u64> {
    status(pid, "VmRSS:")
}

/// How often a process has been woken.
fn wakes(pid: u32) -> Result<u64> {
    status(pid, "voluntary_ctxt_switches:")
}

/// A number of a process's `status` file.
fn status(pid: u32, name: &str) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    Ok(line.ok_or(name)?.trim().trim_end_matches(" kB").parse()?)
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
