//! What an agent's log costs on its way into the app's, beside what a user would write instead to put a prefix before
//! each line: `sed -u s/^/x/`.
//!
//! `cargo bench --bench log` prints ratios of processor time, user and system, all from one run on one machine. Lines
//! have 100 bytes, and both get them from a pipe and write them to a pipe.

use std::error::Error;
use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// How many lines each gets.
const LINES: usize = 300_000;

/// How often each is measured.
const RUNS: usize = 3;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let plain = format!("{:x<99}\n", "agent: ");
    let begin = r#"{"level":"info","timestamp":"2026-01-02T03:04:05Z","logger":"a/b.go:1","msg":""#;
    let json = format!("{begin}{:x<1$}\"}}\n", "", 100 - begin.len() - 3);

    let mut out = std::io::stdout();
    writeln!(
        out,
        "Processor time for each line of 100 bytes, medians of {RUNS} runs of {LINES}"
    )?;
    for (name, line, format) in [
        ("none of the logger's", &plain, "text"),
        ("JSON, rendered", &json, "text"),
        ("JSON, passed on", &json, "json"),
    ] {
        let (mut sed, mut hoopstart) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            sed.push(of_sed(line)?);
            hoopstart.push(of_hoopstart(line, format)?);
        }
        let (sed, hoopstart) = (median(&mut sed), median(&mut hoopstart));
        writeln!(
            out,
            "  {name:<22} hoopstart {hoopstart:>5.0} ns, sed -u {sed:>5.0} ns, hoopstart to sed: {:.2}",
            hoopstart / sed
        )?;
    }
    Ok(())
}

/// Writes a shell script that prints `line` often, and then that it is done, and waits to be ended.
fn flood(folder: &Path, line: &str) -> Result<()> {
    let program = folder.join("hoop");
    let lines = folder.join("lines");
    fs::write(&lines, line.repeat(LINES))?;
    let script = format!("#!/bin/sh\ncat '{}'\necho done\nexec sleep 600\n", lines.display());
    fs::write(&program, script)?;
    Ok(fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?)
}

/// The nanoseconds that `sed` takes for a line.
fn of_sed(line: &str) -> Result<f64> {
    let folder = TempDir::new()?;
    flood(folder.path(), line)?;
    let mut agent = Command::new(folder.path().join("hoop"))
        .stdout(Stdio::piped())
        .spawn()?;
    let mut sed = Command::new("sed")
        .args(["-u", "s/^/x/"])
        .stdin(agent.stdout.take().ok_or("stdout is piped")?)
        .stdout(Stdio::piped())
        .spawn()?;
    until_done(sed.stdout.take().ok_or("stdout is piped")?)?;
    let time = processor_time(sed.id())?;
    agent.kill()?;
    agent.wait()?;
    sed.kill()?;
    sed.wait()?;
    Ok(time)
}

/// The nanoseconds that hoopstart's supervisor takes for a line.
fn of_hoopstart(line: &str, format: &str) -> Result<f64> {
    let folder = TempDir::new()?;
    let programs = folder.path().join(".hoop/bin");
    fs::create_dir_all(&programs)?;
    fs::copy(env!("CARGO_BIN_EXE_hoop-buildpack"), programs.join("hoopstart"))?;
    flood(&programs, line)?;
    let manifest = format!(
        "agent_version: 1.148.0\nsha256: {}\nsource: https://releases.example\n\
         platform: linux/amd64\nbuildpack_version: 0.1.0\n",
        "ab".repeat(32)
    );
    fs::write(folder.path().join(".hoop/manifest.yml"), manifest)?;
    let mut app = Command::new(programs.join("hoopstart"))
        .args(["--", "sleep", "600"])
        .env_clear()
        .env("PATH", std::env::var("PATH").unwrap_or_default())
        .env("HOME", folder.path())
        .env("DYNO", "web.1")
        .env("HOOP_KEY", "grpcs://web:s3cr3t0@gateway.example:8443?mode=standard")
        .env("HOOP_LOG_FORMAT", format)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    until_done(app.stderr.take().ok_or("stderr is piped")?)?;
    let time = processor_time(supervisor(&programs.join("hoopstart"))?)?;
    app.kill()?;
    app.wait()?;
    Ok(time)
}

/// Reads until the line that says so.
fn until_done(pipe: impl Read) -> Result<()> {
    let mut pipe = BufReader::with_capacity(64 * 1024, pipe);
    let mut line = Vec::new();
    while !line.ends_with(b"done\n") {
        line.clear();
        if pipe.read_until(b'\n', &mut line)? == 0 {
            return Err("the log ended too early".into());
        }
    }
    Ok(())
}

/// The nanoseconds that a process has been on a processor, for each line.
fn processor_time(pid: u32) -> Result<f64> {
    let times = fs::read_to_string(format!("/proc/{pid}/schedstat"))?;
    let nanoseconds: f64 = times.split(' ').next().ok_or("schedstat is empty")?.parse()?;
    #[expect(clippy::cast_precision_loss, reason = "a few hundred thousand")]
    Ok(nanoseconds / LINES as f64)
}

/// Finds the supervisor, which has nothing but the program's name left of its command line.
fn supervisor(program: &Path) -> Result<u32> {
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let line = fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
        if Some(line.trim_end_matches('\0')) == program.to_str() {
            return Ok(entry.file_name().to_string_lossy().parse()?);
        }
    }
    Err("there is no supervisor".into())
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
