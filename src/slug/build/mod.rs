//! Builds a slug: what the platform does from a push to what it runs, on this machine
//! (<https://devcenter.heroku.com/articles/slug-compiler>).
//!
//! A copy of the app without what `.slugignore` names; detect and compile of each buildpack; release of the last one;
//! then the result is packed.

pub(crate) mod buildpack;
mod download;
mod process_types;
mod prune;
mod report;
pub(crate) mod steps;

use crate::agent::sha256::Hasher;
use crate::classic::survey::{ProcfileFault, ProcfileState};
use crate::os::environment::Environment;
use crate::procfile::Procfile;
use crate::slug::archive::{self, Packed};
use crate::slug::build::buildpack::{Buildpack, Program};
use crate::slug::build::process_types::ProcessTypes;
use crate::slug::build::prune::Prune;
use crate::slug::build::report::{Folder, Report};
use crate::slug::build::steps::Steps;
use crate::slug::config_vars::ConfigVars;
use crate::slug::limits::{LIMIT, SOFT_LIMIT};
use crate::slug::log::{self, Progress, detail, say};
use crate::slug::source::{self, Copied};
use crate::text;
use anyhow::{Context as _, anyhow, bail};
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use fs_err as fs;
use rustix::process::Signal;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The search path of a build on the platform.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What to build.
#[derive(Debug)]
pub struct Request {
    /// The folder of the app.
    pub app_dir: PathBuf,
    /// The slug.
    pub output: PathBuf,
    /// The buildpacks, in their order.
    pub buildpacks: Vec<String>,
    /// What earlier builds have left, if it is to be kept.
    pub cache_dir: Option<PathBuf>,
    /// A folder with a file for each config var.
    pub env_dir: Option<PathBuf>,
    /// Files of config vars.
    pub env_file: Vec<PathBuf>,
    /// Config vars, as `NAME=VALUE`, or `NAME` for one of the environment.
    pub env: Vec<OsString>,
    pub stack: String,
    /// Patterns of what is removed after the build.
    pub prune: Vec<String>,
    /// Where to write what there is to say as JSON.
    pub json: Option<PathBuf>,
    /// Whether files that git ignores are part of the app.
    pub takes_ignored: bool,
}

/// Why there is no slug.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The arguments are wrong.
    #[error("{0:#}")]
    Arguments(anyhow::Error),
    /// A compile failed, and has said why.
    #[error("compile of {0} failed, so there is no slug")]
    Compile(String),
    /// A signal came.
    #[error("interrupted, so there is no slug")]
    Interrupted,
    /// Something else.
    #[error("{0:#}")]
    Failed(#[from] anyhow::Error),
}

impl From<io::Error> for BuildError {
    fn from(error: io::Error) -> Self {
        BuildError::Failed(error.into())
    }
}

/// Builds a slug.
pub fn run(request: &Request, environment: &Environment) -> Result<(), BuildError> {
    let interrupted = listen()?;
    let app_dir = folder(&request.app_dir).map_err(BuildError::Arguments)?;
    let output = output(&request.output).map_err(BuildError::Arguments)?;
    let config_vars =
        ConfigVars::collect(&request.env_file, &request.env, environment).map_err(BuildError::Arguments)?;
    let mut warnings = config_vars.warnings;
    let scratch = tempfile::Builder::new()
        .prefix("hoop-slug-")
        .tempdir()
        .context("cannot make a scratch folder")?;
    let at = |name: &str| scratch.path().join(name);
    let build_dir = at("build_0123abcd");
    for name in ["app", "buildpacks", "env", "tmp"] {
        fs::create_dir(at(name))?;
    }

    say(&format!("Building on the {} stack", request.stack));
    let git = (!request.takes_ignored).then_some(environment);
    let Copied { ignored, notes } = source::copy(&app_dir, &build_dir, git, &own(request, &output))?;
    warnings.extend(notes);
    for warning in &warnings {
        warn(warning);
    }
    if ignored > 0 || app_dir.join(".slugignore").exists() {
        let files = if ignored == 1 { "file" } else { "files" };
        say(&format!("Deleting {ignored} {files} matching .slugignore patterns."));
    }
    let before = archive::sizes(&build_dir)?;
    let commit = commit(&app_dir, environment);
    let env_dir = match &request.env_dir {
        Some(env_dir) => folder(env_dir).map_err(BuildError::Arguments)?,
        None => at("env"),
    };
    for (name, value) in &config_vars.vars {
        fs::write(at("env").join(name), value.as_bytes())?;
    }
    let cache_dir = cache_dir(request, &at("cache"))?;
    let mut variables = vec![("BUILDPACK_LOG_FILE", "/dev/null".to_owned())];
    variables.extend(commit.clone().map(|commit| ("SOURCE_VERSION", commit)));
    let home = at("app");
    let temporary = at("tmp");
    let mut steps = Steps {
        build_dir: &build_dir,
        cache_dir: &cache_dir,
        env_dir: &env_dir,
        home: &home,
        scratch: &temporary,
        path: PATH.into(),
        stack: &request.stack,
        variables,
        exports: Vec::new(),
        environment,
    };
    let buildpacks = buildpacks(request, &at("buildpacks"))?;
    let mut description = String::new();
    for buildpack in &buildpacks {
        say(&format!("Using buildpack: {}", buildpack.name));
        description = steps.detect(buildpack)?;
        say(&format!("{description} app detected"));
        let is_compiled = steps.compile(buildpack)?;
        if interrupted.load(Ordering::Relaxed) {
            return Err(BuildError::Interrupted);
        }
        if !is_compiled {
            return Err(BuildError::Compile(buildpack.name.clone()));
        }
    }
    let last = buildpacks.iter().rev().find(|buildpack| buildpack.has("release"));
    let released = last.map(|buildpack| steps.release(buildpack)).transpose()?.flatten();
    say("Discovering process types");
    let types = ProcessTypes::of(&procfile(&build_dir, &mut warnings)?, released.as_deref())?;
    for line in types.lines() {
        detail(&line);
    }
    if types.all.is_empty() {
        warnings.push("the slug has no process type, so no dyno of it can be started".to_owned());
        warn(&warnings[warnings.len() - 1]);
    }
    for line in Prune::of(&request.prune, &build_dir, &mut warnings)?.apply(&build_dir)? {
        say(&line);
    }

    say("Compressing...");
    let (packed, sha256, size) = write(&build_dir, &output, &interrupted)?;
    for name in &packed.left_out {
        let warning = format!("{name} is a socket, a named pipe, or a device, so it is left out");
        warn(&warning);
        warnings.push(warning);
    }
    let after = archive::sizes(&build_dir)?;
    let report = Report {
        slug: output.display().to_string(),
        size,
        sha256,
        unpacked_size: packed.bytes,
        entries: packed.entries,
        stack: request.stack.clone(),
        commit,
        description,
        buildpacks: buildpacks.into_iter().map(|buildpack| buildpack.name).collect(),
        process_types: types.all,
        ignored,
        folders: Folder::compare(&before, &after),
        warnings,
    };
    for line in report.lines() {
        detail(&line);
    }
    if let Some(file) = &request.json {
        fs::write(file, report.json())?;
    }
    match size {
        LIMIT.. => Err(anyhow!(
            "the slug has {}, and the platform takes at most {}; .slugignore and --prune leave files out",
            text::megabytes(size),
            text::megabytes(LIMIT)
        )
        .into()),
        SOFT_LIMIT.. => {
            warn(&format!(
                "the slug has more than {}, so a dyno may take longer to boot",
                text::megabytes(SOFT_LIMIT)
            ));
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Listens for signals from now on. They end the scripts, which share our terminal, and not us: the scratch folder is
/// to go.
fn listen() -> anyhow::Result<Arc<AtomicBool>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        signal_hook::flag::register(signal.as_raw(), Arc::clone(&interrupted))?;
    }
    Ok(interrupted)
}

fn folder(path: &Path) -> anyhow::Result<PathBuf> {
    let found = path
        .canonicalize()
        .with_context(|| format!("cannot open {}", path.display()))?;
    if !found.is_dir() {
        bail!("{} is not a folder", path.display());
    }
    Ok(found)
}

/// Where the slug is written, once it is known that it can be.
fn output(path: &Path) -> anyhow::Result<PathBuf> {
    if path.is_dir() {
        bail!("{} is a folder, not the name of a slug", path.display());
    }
    // It would be replaced.
    if path.exists() && !path.is_file() {
        bail!("{} is a device or a pipe, and a slug is a file", path.display());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let name = path.file_name().context("the name of the slug is empty")?;
    Ok(folder(parent.unwrap_or(Path::new(".")))?.join(name))
}

/// What a build writes for the person, maybe into the app's folder: it is no part of the app at the next build.
fn own(request: &Request, output: &Path) -> Vec<PathBuf> {
    let others = [&request.json, &request.cache_dir].into_iter().flatten();
    let found = others.filter_map(|path| path.canonicalize().ok());
    found.chain([output.to_owned()]).collect()
}

/// The buildpacks to run, this one first where it is not among them.
fn buildpacks(request: &Request, place: &Path) -> anyhow::Result<Vec<Buildpack>> {
    let named = request.buildpacks.iter().enumerate();
    let named = named.map(|(number, name)| Buildpack::get(name, &place.join(number.to_string())));
    let mut buildpacks = named.collect::<anyhow::Result<Vec<_>>>()?;
    if buildpacks.iter().all(|buildpack| buildpack.program != Program::This) {
        buildpacks.insert(0, Buildpack::this());
    }
    Ok(buildpacks)
}

/// The cache of the build: the person's, or a new one.
fn cache_dir(request: &Request, new: &Path) -> anyhow::Result<PathBuf> {
    let path = request.cache_dir.as_deref().unwrap_or(new);
    fs::create_dir_all(path)?;
    Ok(path.canonicalize()?)
}

/// The commit that is checked out.
fn commit(app_dir: &Path, environment: &Environment) -> Option<String> {
    let mut git = Command::new("git");
    git.arg("-C")
        .arg(app_dir)
        .args(["rev-parse", "--verify", "HEAD"])
        .env_clear();
    for name in ["PATH", "HOME"] {
        git.envs(environment.value(name).map(|value| (name, value)));
    }
    let output = git.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

/// The Procfile of what was built: a buildpack may have written it.
fn procfile(build_dir: &Path, warnings: &mut Vec<String>) -> anyhow::Result<Procfile> {
    let root = Dir::open_ambient_dir(build_dir, ambient_authority())?;
    let (procfile, warning) = match ProcfileState::of(&root) {
        ProcfileState::Read(procfile) => (procfile, None),
        ProcfileState::Missing => (Procfile::default(), None),
        ProcfileState::Misnamed { path } => (
            Procfile::default(),
            Some(format!(
                "the app has no Procfile, but it has a file named {}",
                text::visible(&path)
            )),
        ),
        ProcfileState::NoFile { what } => bail!("the Procfile is {what}"),
        ProcfileState::Faulty(ProcfileFault::Utf16) => bail!("the Procfile is in UTF-16; save it as UTF-8"),
        ProcfileState::Faulty(ProcfileFault::Empty) => (Procfile::default(), Some("the Procfile is empty".to_owned())),
        ProcfileState::Faulty(ProcfileFault::NoLine { .. }) => {
            bail!("no line of the Procfile is a process type, a colon and a command")
        }
    };
    if let Some(warning) = warning {
        warn(&warning);
        warnings.push(warning);
    }
    Ok(procfile)
}

/// Writes the slug: all of it, or nothing. Returns its digest and its size in bytes.
fn write(build_dir: &Path, output: &Path, interrupted: &AtomicBool) -> Result<(Packed, String, u64), BuildError> {
    let folder = output.parent().context("a file is in a folder")?;
    let file = tempfile::Builder::new()
        .prefix(".hoop-slug-")
        .permissions(std::fs::Permissions::from_mode(0o666))
        .tempfile_in(folder)
        .with_context(|| format!("cannot write to {}", folder.display()))?;
    let (file, path) = file.into_parts();
    let total: u64 = archive::sizes(build_dir)?.iter().map(|(_, size)| size).sum();
    let mut progress = Progress::of(total);
    let hashed = Hashed {
        file,
        digest: Hasher::default(),
        size: 0,
    };
    let packed = archive::pack(build_dir, hashed, &mut |bytes| {
        progress.show(bytes);
        !interrupted.load(Ordering::Relaxed)
    });
    drop(progress);
    if interrupted.load(Ordering::Relaxed) {
        return Err(BuildError::Interrupted);
    }
    let (packed, hashed) = packed?;
    path.persist(output)
        .with_context(|| format!("cannot write {}", output.display()))?;
    Ok((packed, hashed.digest.finish().to_string(), hashed.size))
}

/// A file whose digest is taken while it is written.
struct Hashed {
    file: std::fs::File,
    digest: Hasher,
    size: u64,
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.digest.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn warn(what: &str) {
    log::warn("build", what);
}
