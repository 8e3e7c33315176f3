//! What a build step costs, beside the shell a user would write instead: `curl`, `sha256sum -c`, `tar -xzf`.
//!
//! `cargo bench --bench compile` prints ratios of medians, all from one run on one machine, with the servers on
//! loopback. It takes two minutes, half of them to make the archives: machine code from the Rust toolchain, packed as
//! releases are. Needs `curl`, GNU tar and gzip; with `igzip` (Debian's isal) it also compares with the fastest
//! decompressor there is, which neither receives, hashes nor writes.
//!
//! What paid, measured on the archive of 45 MB:
//! - To inflate in a thread of its own: 300 ms became 240. Before, the same thread inflated and wrote to the disk.
//! - To let zlib-rs see which processor it runs on (`runtime_detection`): inflating took 190 ms instead of 260.
//! - Among the back ends of flate2, each inflating alone: zlib-rs 190 ms, zlib-ng 220, `miniz_oxide` 295; igzip takes
//!   174. zlib-ng would also need a C compiler.
//!
//! What did not: buffers of 1 MiB between the threads, or four times as many, were no faster, and those of 32 KiB
//! took a fifth longer. SHA-256 takes 25 ms on the core that does not inflate: sha2 finds the processor's own
//! instructions by itself. The copy to the cache is written as the bytes pass, for 10 to 15 ms in all; to clone the
//! file instead (reflink) would need it twice on one file system, of a kind that build machines seldom have.

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How often each thing is measured.
const RUNS: usize = 15;

/// How often the largest archive is built.
const RUNS_OF_LARGEST: usize = 5;

/// The sizes of the unpacked archives, in bytes: they pack to 10, 45 and 400 MB. The second has the shape of a
/// release; the third nearly what is accepted at all.
const SIZES: [u64; 3] = [25_000_000, 110_000_000, 1_000_000_000];

/// How often the memory of a build is looked at. What is read is the highest it has been.
const LOOK: Duration = Duration::from_millis(1);

/// The version of all archives.
const VERSION: &str = "1.148.0";

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let mut out = io::stdout();
    let bench = Bench::new()?;
    writeln!(out, "Archives are made, which takes a while")?;
    let mirrors = SIZES.map(|size| bench.mirror(size));
    let [small, release, large] = mirrors;
    let (small, release, large) = (small?, release?, large?);

    let (mut cold, mut cached, mut shell, mut shell_cached, mut floor) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        cold.push(bench.cold(&release)?);
        cached.push(bench.cached(&release)?);
        shell.push(bench.shell(&release, true)?);
        shell_cached.push(bench.shell(&release, false)?);
        if let Some(time) = release.inflate_only()? {
            floor.push(time);
        }
    }
    let (cold, cached) = (median(&mut cold), median(&mut cached));
    let (shell, shell_cached) = (median(&mut shell), median(&mut shell_cached));
    writeln!(
        out,
        "\nA release: {} MB, {} MB unpacked; medians of {RUNS} runs",
        release.packed()? / 1_000_000,
        SIZES[1] / 1_000_000
    )?;
    writeln!(out, "  cold build                        {:4.0} ms", cold * 1e3)?;
    writeln!(out, "  curl && sha256sum -c && tar -xzf  {:4.0} ms", shell * 1e3)?;
    writeln!(out, "  cached build                      {:4.0} ms", cached * 1e3)?;
    writeln!(out, "  sha256sum -c && tar -xzf          {:4.0} ms", shell_cached * 1e3)?;
    writeln!(out, "  shell to cold build: {:.2}", shell / cold)?;
    writeln!(out, "  shell to cached build: {:.2}", shell_cached / cached)?;
    if floor.is_empty() {
        writeln!(out, "  igzip is not installed, so there is no floor to compare with")?;
    } else {
        let floor = median(&mut floor);
        writeln!(out, "  igzip -dc, to /dev/null           {:4.0} ms", floor * 1e3)?;
        writeln!(out, "  cold build to igzip: {:.2}", cold / floor)?;
    }

    writeln!(out, "\nBy size, cold")?;
    for mirror in [&small, &release, &large] {
        let runs = if mirror.size == SIZES[2] { RUNS_OF_LARGEST } else { RUNS };
        let mut times = (0..runs).map(|_| bench.cold(mirror)).collect::<Result<Vec<_>>>()?;
        let packed = mirror.packed()?;
        #[expect(clippy::cast_precision_loss, reason = "bytes of a file")]
        let per_megabyte = median(&mut times) * 1e3 / (packed as f64 / 1e6);
        writeln!(
            out,
            "  {:3} MB: {per_megabyte:.1} ms for each MB, at most {:.1} MiB resident",
            packed / 1_000_000,
            bench.peak(mirror)?
        )?;
    }

    let (mut first, mut reused, mut copied) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        first.push(bench.first_image(&release)?);
        reused.push(bench.next_image()?);
        copied.push(bench.curl_and_copy(&release)?);
    }
    let (first, reused, copied) = (median(&mut first), median(&mut reused), median(&mut copied));
    writeln!(out, "\nThe layers of an image, the same release")?;
    writeln!(out, "  first build                       {:6.1} ms", first * 1e3)?;
    writeln!(out, "  reused layer                      {:6.1} ms", reused * 1e3)?;
    writeln!(out, "  curl && cp, the packed bytes      {:6.1} ms", copied * 1e3)?;
    writeln!(out, "  first build to curl && cp: {:.2}", first / copied)?;
    writeln!(out, "  reused layer to first build: {:.3}\n", reused / first)?;

    for command in ["detect", "release"] {
        let mut times = (0..RUNS * 10)
            .map(|_| bench.small_command(command))
            .collect::<Result<Vec<_>>>()?;
        writeln!(out, "{command}: {:.1} ms", median(&mut times) * 1e3)?;
    }
    Ok(())
}

/// The folders of the builds, and the server they get releases from.
struct Bench {
    folder: TempDir,
    server: String,
}

/// A release server's folder with one release.
struct Mirror {
    name: String,
    size: u64,
    archive: PathBuf,
    digest: String,
}

impl Bench {
    fn new() -> Result<Self> {
        let folder = TempDir::new()?;
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let server = format!("http://{}", listener.local_addr()?);
        let root = folder.path().join("server");
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let root = root.clone();
                // A build that goes away is the build's business.
                thread::spawn(move || serve(&root, &stream).ok());
            }
        });
        Ok(Self { folder, server })
    }

    /// Makes a release whose files have `size` bytes in all.
    fn mirror(&self, size: u64) -> Result<Mirror> {
        let name = size.to_string();
        let release = self.folder.path().join("server").join(&name).join(VERSION);
        let files = self.folder.path().join("files");
        fs::create_dir_all(&release)?;
        fs::create_dir_all(&files)?;
        // A shell reads a script as it goes, so machine code may follow its end.
        let head = format!("#!/bin/sh\necho '{{\"version\":\"{VERSION}\"}}'\nexit 0\n");
        for (file, head, eighths) in [("hoop", head.as_str(), 7), ("hoop_rs", "", 1)] {
            let path = files.join(file);
            fs::write(&path, head)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
            let append = format!("while cat \"$@\"; do :; done | head -c {} >>{file}", size / 8 * eighths);
            let mut shell = Command::new("sh");
            run(shell
                .args(["-c", &append, "sh"])
                .args(machine_code()?)
                .current_dir(&files)
                .stderr(Stdio::null()))?;
        }
        let platform = if cfg!(target_arch = "aarch64") {
            "arm64"
        } else {
            "x86_64"
        };
        let archive = release.join(format!("hoop_{VERSION}_Linux_{platform}.tar.gz"));
        let mut tar = Command::new("tar");
        tar.arg("-C")
            .arg(&files)
            .arg("-czf")
            .arg(&archive)
            .args(["./hoop", "./hoop_rs"]);
        run(&mut tar)?;
        let sums = Command::new("sha256sum").arg(&archive).output()?.stdout;
        let digest = String::from_utf8(sums)?
            .split(' ')
            .next()
            .unwrap_or_default()
            .to_owned();
        let listed = archive.file_name().ok_or("it is a file")?.to_string_lossy();
        fs::write(release.join("checksums.txt"), format!("{digest}  {listed}\n"))?;
        fs::remove_dir_all(&files)?;
        Ok(Mirror {
            name,
            size,
            archive,
            digest,
        })
    }

    /// Prepares a build of an empty app. `is_cold`: without what the last one has cached.
    fn build(&self, mirror: &Mirror, is_cold: bool) -> Result<Command> {
        let below = |name: &str| self.folder.path().join(name);
        fresh(&below("app"))?;
        if is_cold {
            fresh(&below("cache"))?;
        }
        fresh(&below("env"))?;
        fs::write(
            below("env/HOOP_RELEASES_URL"),
            format!("{}/{}", self.server, mirror.name),
        )?;
        fs::write(below("env/HOOP_VERSION"), VERSION)?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_hoop-buildpack"));
        command
            .arg("compile")
            .args([below("app"), below("cache"), below("env")])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Ok(command)
    }

    fn cold(&self, mirror: &Mirror) -> Result<f64> {
        time(&mut self.build(mirror, true)?)
    }

    /// Times a build of what a cold one before it has cached.
    fn cached(&self, mirror: &Mirror) -> Result<f64> {
        time(&mut self.build(mirror, false)?)
    }

    /// Times a build of layers without an image before.
    fn first_image(&self, mirror: &Mirror) -> Result<f64> {
        let below = |name: &str| self.folder.path().join(name);
        fresh(&below("layers"))?;
        fresh(&below("platform/env"))?;
        let url = format!("{}/{}", self.server, mirror.name);
        fs::write(below("platform/env/HOOP_RELEASES_URL"), url)?;
        fs::write(below("platform/env/HOOP_VERSION"), VERSION)?;
        time(&mut self.image())
    }

    /// Times a build of layers after [`first_image`](Self::first_image), with what the lifecycle hands on: the record,
    /// without what the layer is for, and no folder.
    fn next_image(&self) -> Result<f64> {
        let layers = self.folder.path().join("layers");
        let record = fs::read_to_string(layers.join("agent.toml"))?;
        let (_, metadata) = record.split_once("[metadata]").ok_or("it has a record")?;
        fresh(&layers)?;
        fs::write(layers.join("agent.toml"), format!("[metadata]{metadata}"))?;
        let seconds = time(&mut self.image())?;
        if layers.join("agent").exists() {
            return Err("the layer was built again".into());
        }
        Ok(seconds)
    }

    fn image(&self) -> Command {
        let below = |name: &str| self.folder.path().join(name);
        let mut command = Command::new(env!("CARGO_BIN_EXE_hoop-buildpack"));
        command
            .arg("build")
            .args([below("layers"), below("platform"), below("plan")])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    /// Times what another buildpack that adds an agent does in shell: it downloads and copies, and verifies nothing.
    fn curl_and_copy(&self, mirror: &Mirror) -> Result<f64> {
        let folder = self.folder.path().join("shell");
        fresh(&folder)?;
        let archive = mirror.archive.strip_prefix(self.folder.path().join("server"))?;
        let url = format!("{}/{}", self.server, archive.display());
        let script = format!("curl -fsSL -o f {url} && mkdir -p layer/bin && cp f layer/bin/f");
        time(Command::new("sh").args(["-c", &script]).current_dir(&folder))
    }

    /// Times what a user would write, with or without the download.
    fn shell(&self, mirror: &Mirror, downloads: bool) -> Result<f64> {
        let folder = self.folder.path().join("shell");
        fresh(&folder)?;
        let archive = mirror.archive.strip_prefix(self.folder.path().join("server"))?;
        let get = if downloads {
            format!("curl -fsSL -o f {}/{} && ", self.server, archive.display())
        } else {
            fs::hard_link(&mirror.archive, folder.join("f"))?;
            String::new()
        };
        let script = format!(
            "{get}echo '{}  f' | sha256sum -c --quiet - && tar -xzf f",
            mirror.digest
        );
        time(Command::new("sh").args(["-c", &script]).current_dir(&folder))
    }

    /// The most memory that a cold build holds, in MiB.
    fn peak(&self, mirror: &Mirror) -> Result<f64> {
        let mut child = self.build(mirror, true)?.spawn()?;
        let mut peak = 0.0;
        while child.try_wait()?.is_none() {
            let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
            if let Some(line) = status.lines().find_map(|line| line.strip_prefix("VmHWM:")) {
                peak = line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0;
            }
            thread::sleep(LOOK);
        }
        Ok(peak)
    }

    /// Times a command that only reads.
    fn small_command(&self, name: &str) -> Result<f64> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hoop-buildpack"));
        time(command.arg(name).arg(self.folder.path()).stdout(Stdio::null()))
    }
}

impl Mirror {
    /// The size of the archive in bytes.
    fn packed(&self) -> Result<u64> {
        Ok(fs::metadata(&self.archive)?.len())
    }

    /// Times the fastest decompressor, where it is installed.
    fn inflate_only(&self) -> Result<Option<f64>> {
        let mut igzip = Command::new("igzip");
        igzip.arg("-dc").arg(&self.archive).stdout(Stdio::null());
        match time(&mut igzip) {
            Ok(time) => Ok(Some(time)),
            Err(error) if is_missing(&*error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Whether `error` is that of a program that is not there.
fn is_missing(error: &(dyn Error + 'static)) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// Answers one request with a file below `root`.
fn serve(root: &Path, mut stream: &TcpStream) -> io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let request = lines.next().ok_or(io::ErrorKind::UnexpectedEof)??;
    // To the end of the request: a socket closed with something unread resets the connection.
    while !lines.next().ok_or(io::ErrorKind::UnexpectedEof)??.is_empty() {}
    let path = request.split(' ').nth(1).unwrap_or_default().trim_start_matches('/');
    let mut file = File::open(root.join(path))?;
    let length = file.metadata()?.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
    )?;
    io::copy(&mut file, &mut stream).map(drop)
}

/// The files that machine code is taken from: the shared libraries of the Rust toolchain.
fn machine_code() -> Result<Vec<PathBuf>> {
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output()?.stdout;
    let mut libraries = Vec::new();
    for entry in fs::read_dir(Path::new(String::from_utf8(sysroot)?.trim()).join("lib"))? {
        let path = entry?.path();
        if path.is_file() && path.to_string_lossy().contains(".so") {
            libraries.push(path);
        }
    }
    if libraries.is_empty() {
        return Err("the Rust toolchain has no shared libraries to take machine code from".into());
    }
    // The same bytes at each run, and those first that pack as well as a release does.
    libraries.sort_by(|a, b| b.cmp(a));
    Ok(libraries)
}

/// Makes an empty folder in place of what was there.
fn fresh(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    Ok(fs::create_dir_all(folder)?)
}

/// Runs `command`, which must succeed.
fn run(command: &mut Command) -> Result<()> {
    let status = command.status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{command:?}: {status}").into())
    }
}

/// The seconds that `command` takes.
fn time(command: &mut Command) -> Result<f64> {
    let begin = Instant::now();
    run(command)?;
    Ok(begin.elapsed().as_secs_f64())
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
