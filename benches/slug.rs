//! What it costs to pack a slug, beside what a pipeline would run instead: `tar -czf`, and `tar` with `pigz`.
//!
//! `cargo bench --bench slug` prints ratios of medians, all from one run on one machine. The tree has 20,000 files and
//! 200 MB, cut from the Rust toolchain: machine code, text, and what compresses no more. Needs GNU tar and gzip; `pigz`
//! is left out where there is none. All compress at level 6.
//!
//! What paid: gzp has its blocks compressed on all cores, by zlib-rs, which is faster than the zlib of gzip and pigz on
//! one core already. Its blocks begin without a dictionary, which costs up to 4 % of size with text.

use hoop_buildpack::slug::archive;
use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How often each thing is measured.
const RUNS: usize = 5;

const FILES: usize = 20_000;

/// The bytes of each file.
const SIZE: usize = 10_000;

/// Files of one folder.
const IN_FOLDER: usize = 100;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let mut out = io::stdout();
    let scratch = tempfile::tempdir()?;
    let tree = scratch.path().join("app");
    make(&tree)?;
    let slug = scratch.path().join("slug.tgz");
    let pack = || -> Result<()> {
        archive::pack(&tree, File::create(&slug)?, &mut |_| true)?;
        Ok(())
    };
    let tar = |options: &[&str]| -> Result<()> {
        let mut tar = Command::new("tar");
        tar.args(options)
            .arg("-cf")
            .arg(scratch.path().join("other.tgz"))
            .args(["--owner=0", "--group=0", "-C"])
            .arg(scratch.path())
            .arg("./app")
            .stderr(Stdio::null());
        if !tar.status()?.success() {
            return Err("tar failed".into());
        }
        Ok(())
    };
    let has_pigz = Command::new("pigz").arg("--version").output().is_ok();
    let (mut ours, mut gzip, mut pigz) = (Vec::new(), Vec::new(), Vec::new());
    let (mut size, mut size_of_pigz) = (0, 0);
    for _ in 0..RUNS {
        ours.push(time(&pack)?);
        gzip.push(time(|| tar(&["-z"]))?);
        if has_pigz {
            pigz.push(time(|| tar(&["--use-compress-program=pigz -p2 -6"]))?);
            size_of_pigz = scratch.path().join("other.tgz").metadata()?.len();
        }
        size = slug.metadata()?.len();
    }
    let ours = median(ours);
    writeln!(
        out,
        "{FILES} files, {} MB, packed to {} MB",
        FILES * SIZE / 1_000_000,
        size / 1_000_000
    )?;
    writeln!(out, "slug build packs           1.00  ({ours:.2?})")?;
    writeln!(out, "tar -czf                   {:.2}", ratio(median(gzip), ours))?;
    if has_pigz {
        writeln!(out, "tar with pigz -p2          {:.2}", ratio(median(pigz), ours))?;
        writeln!(
            out,
            "size, beside that of pigz  {:.3}",
            kilobytes(size)? / kilobytes(size_of_pigz)?
        )?;
    }
    Ok(())
}

fn time(mut work: impl FnMut() -> Result<()>) -> Result<Duration> {
    let started = Instant::now();
    work()?;
    Ok(started.elapsed())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn ratio(other: Duration, ours: Duration) -> f64 {
    other.as_secs_f64() / ours.as_secs_f64()
}

fn kilobytes(bytes: u64) -> Result<f64> {
    Ok(f64::from(u32::try_from(bytes / 1_000)?))
}

/// Makes the tree.
fn make(tree: &Path) -> Result<()> {
    let output = Command::new("rustc").args(["--print", "sysroot"]).output()?;
    let mut files = Vec::new();
    list(&PathBuf::from(String::from_utf8(output.stdout)?.trim()), &mut files)?;
    let mut made = 0;
    for file in files.iter().cycle() {
        let mut file = File::open(file)?;
        loop {
            let mut piece = Vec::with_capacity(SIZE);
            (&mut file).take(SIZE as u64).read_to_end(&mut piece)?;
            // A large one would leave no room for others.
            if piece.is_empty() || made == FILES || made % 2_000 == 1_999 {
                break;
            }
            let folder = tree.join((made / IN_FOLDER).to_string());
            fs::create_dir_all(&folder)?;
            fs::write(folder.join(made.to_string()), piece)?;
            made += 1;
        }
        if made == FILES {
            return Ok(());
        }
        made += usize::from(made % 2_000 == 1_999);
    }
    Err("the toolchain has no files".into())
}

/// The files below `folder`, in the order of their names.
fn list(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let kind = entry.file_type()?;
        if kind.is_dir() {
            list(&entry.path(), files)?;
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}
