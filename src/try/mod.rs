//! `hoop-buildpack try`: builds an app and runs it as a dyno would, on this machine.
//!
//! The same road as on the platform: a copy of the app in a build dir, `detect`, `compile` and `release` as
//! processes of their own with a small environment, the result moved to another folder, and there the Procfile's
//! command line under a shell that has sourced `.profile.d`. What a laptop cannot give is said in the help.

mod build;
mod dyno;
mod formation;
mod log;
mod smoke;

use crate::classic::survey::{ProcfileFault, ProcfileState};
use crate::config;
use crate::os::environment::Environment;
use crate::os::stderr;
use crate::procfile::{NOT_RUN_BY_DEFAULT, Procfile};
use crate::slug::config_vars::ConfigVars;
use crate::slug::source;
use crate::text;
use crate::r#try::dyno::App;
use crate::r#try::formation::{EarlyEnd, Formation};
use crate::r#try::log::Prefix;
use crate::r#try::smoke::Smoke;
use anyhow::{Context as _, anyhow, bail};
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What to build and run.
#[derive(Debug)]
pub struct Request {
    /// The folder of the app.
    pub app_dir: PathBuf,
    /// A slug to run instead of building the folder.
    pub slug: Option<PathBuf>,
    /// The process types to run.
    pub process_types: Vec<String>,
    /// Whether to run all but those that the platform runs by itself.
    pub runs_all: bool,
    /// A path to ask the app for, and how long to wait for the answer.
    pub smoke: Option<(String, Duration)>,
    /// Whether a terminal may get color.
    pub may_have_color: bool,
    /// Config vars, as `NAME=VALUE`, or `NAME` for one of the environment.
    pub env: Vec<OsString>,
    /// Files of config vars.
    pub env_file: Vec<PathBuf>,
    /// The release server, if it is not the usual one.
    pub releases: Option<String>,
    /// When to stop the dyno.
    pub stop_after: Option<Duration>,
}

/// Why nothing came of it.
#[derive(Debug, thiserror::Error)]
pub enum TryError {
    /// The arguments are wrong.
    #[error("{0:#}")]
    Arguments(anyhow::Error),
    /// Something else.
    #[error("{0:#}")]
    Failed(#[from] anyhow::Error),
}

/// Builds and runs. Returns the exit status.
pub fn run(request: &Request, environment: &Environment) -> Result<i32, TryError> {
    let ConfigVars { mut vars, warnings } =
        ConfigVars::collect(&request.env_file, &request.env, environment).map_err(TryError::Arguments)?;
    for warning in &warnings {
        warn(warning);
    }
    let stop = EarlyEnd::new(request.stop_after)?;
    let scratch = tempfile::Builder::new()
        .prefix("hoop-try-")
        .tempdir()
        .context("cannot make a scratch folder")?;
    let built = match &request.slug {
        Some(file) => Some(unpack(file, scratch.path(), request)?),
        None => build(scratch.path(), &mut vars, request, environment)?,
    };
    let Some((slug, processes)) = built else {
        return Ok(1);
    };
    // Orphans of the dynos become our children, as those of a dyno become its first process's.
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).context("cannot watch processes")?;
    let app = App {
        slug: &slug,
        config_vars: &vars,
        environment,
    };
    Ok(start(&app, &processes, request, stop)?)
}

/// The folder of an app, and its processes to run, each with its command line.
type Built = (PathBuf, Vec<(String, String)>);

/// Unpacks a slug.
fn unpack(file: &Path, scratch: &Path, request: &Request) -> Result<Built, TryError> {
    let slug = build::unpacked(file, scratch)?;
    let processes = processes(&slug, &slug, request)?;
    Ok((slug, processes))
}

/// Builds an app. `None` if that failed, and has said why.
fn build(
    scratch: &Path,
    vars: &mut Vec<(String, OsString)>,
    request: &Request,
    environment: &Environment,
) -> Result<Option<Built>, TryError> {
    let app_dir = folder(&request.app_dir).map_err(TryError::Arguments)?;
    if let Some(releases) = request.releases.clone().or_else(|| fixture_mirror(&app_dir)) {
        vars.push((config::RELEASES_URL.to_owned(), releases.into()));
    }
    let build_dir = build::build_dir(scratch);
    for note in source::copy(&app_dir, &build_dir, Some(environment), &[])?.notes {
        warn(&note);
    }
    // Before the build, which takes time.
    let processes = processes(&app_dir, &build_dir, request)?;
    let slug = build::slug(scratch, vars, environment)?;
    Ok(slug.map(|slug| (slug, processes)))
}

/// Starts `processes` and watches them to their end. Returns the exit status.
fn start(app: &App, processes: &[(String, String)], request: &Request, stop: EarlyEnd) -> anyhow::Result<i32> {
    let width = processes.iter().map(|(name, _)| name.len() + ".1".len()).max();
    let mut dynos = Vec::new();
    let mut failed = None;
    for (number, (name, command_line)) in processes.iter().enumerate() {
        let shown = format!("{name}.1");
        let prefix = Prefix::new(&shown, number, width.unwrap_or_default(), request.may_have_color);
        match app.start(name, command_line, (processes.len() > 1).then_some(&prefix)) {
            Ok(dyno) => dynos.push(dyno),
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    let smoke = match (&request.smoke, dynos.iter().find(|dyno| dyno.name == "web.1")) {
        (Some((path, limit)), Some(web)) => Some(Smoke::ask(web.port, path, *limit)?),
        _ => None,
    };
    let formation = Formation::new(dynos, stop);
    match failed {
        None => Ok(formation.watch(smoke)),
        Some(error) => {
            formation.end();
            Err(error)
        }
    }
}

fn folder(path: &Path) -> anyhow::Result<PathBuf> {
    let found = path
        .canonicalize()
        .with_context(|| format!("cannot open {}", path.display()))?;
    if !found.is_dir() {
        bail!("{} is not a folder", found.display());
    }
    Ok(found)
}

/// The process types to run, with their command lines, by the Procfile of the app that was copied from `app_dir` to
/// `build_dir`.
fn processes(app_dir: &Path, build_dir: &Path, request: &Request) -> Result<Vec<(String, String)>, TryError> {
    let procfile = procfile(app_dir, build_dir)?;
    let mut wanted: Vec<&str> = request.process_types.iter().map(String::as_str).collect();
    if request.runs_all {
        let all = procfile.process_types();
        wanted = all.filter(|name| !NOT_RUN_BY_DEFAULT.contains(name)).collect();
        if wanted.is_empty() {
            return Err(TryError::Failed(anyhow!(
                "the Procfile has no process type that a dyno runs all the time"
            )));
        }
    }
    if wanted.is_empty() {
        wanted.push("web");
    }
    if request.smoke.is_some() && !wanted.contains(&"web") {
        return Err(TryError::Arguments(anyhow!(
            "--smoke asks the process type web, which is not to run"
        )));
    }
    let processes = wanted.into_iter().map(|name| {
        let command = procfile.command(name).ok_or_else(|| {
            let types: Vec<_> = procfile.process_types().collect();
            TryError::Arguments(anyhow!(
                "the Procfile has no process type {}. It has: {}",
                text::quoted(name, 40),
                types.join(", ")
            ))
        })?;
        Ok((name.to_owned(), command.to_owned()))
    });
    let processes: Vec<(String, String)> = processes.collect::<Result<_, TryError>>()?;
    for (place, (name, _)) in processes.iter().enumerate() {
        if processes[..place].iter().any(|(other, _)| other == name) {
            return Err(TryError::Arguments(anyhow!("{name} is named twice")));
        }
    }
    Ok(processes)
}

/// The Procfile of the app that was copied from `app_dir` to `build_dir`.
fn procfile(app_dir: &Path, build_dir: &Path) -> Result<Procfile, TryError> {
    let state = |folder: &Path| {
        let root = Dir::open_ambient_dir(folder, ambient_authority());
        root.map(|root| ProcfileState::of(&root))
            .with_context(|| format!("cannot open {}", folder.display()))
    };
    let why = match state(build_dir)? {
        ProcfileState::Read(procfile) => return Ok(procfile),
        ProcfileState::Missing if state(app_dir)? != ProcfileState::Missing => {
            "git or .slugignore excludes the Procfile".to_owned()
        }
        ProcfileState::Missing => "the app has no file named Procfile".to_owned(),
        ProcfileState::Misnamed { path } => format!(
            "the app has no Procfile, but it has a file named {}",
            text::visible(&path)
        ),
        ProcfileState::NoFile { what } => format!("the Procfile is {what}"),
        ProcfileState::Faulty(ProcfileFault::Utf16) => "the Procfile is in UTF-16; save it as UTF-8".to_owned(),
        ProcfileState::Faulty(ProcfileFault::Empty) => "the Procfile is empty".to_owned(),
        ProcfileState::Faulty(ProcfileFault::NoLine { .. }) => {
            "no line of the Procfile is a process type, a colon and a command".to_owned()
        }
    };
    Err(TryError::Failed(anyhow!("there is no process to run: {why}")))
}

/// Tells of something that is not as it was meant, while the work goes on.
fn warn(what: &str) {
    stderr::say(&format!("hoop-buildpack try: warning: {what}"));
}

/// The URL of the mirror beside `app_dir`, if that is `…/apps/NAME` with a release mirror in
/// `…/releases`.
fn fixture_mirror(app_dir: &Path) -> Option<String> {
    let apps = app_dir.parent().filter(|parent| parent.ends_with("apps"))?;
    let mirror = apps.parent()?.join("releases");
    mirror.join("latest.txt").is_file().then_some(())?;
    url::Url::from_file_path(mirror).ok().map(String::from)
}
