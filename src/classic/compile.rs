//! `bin/compile`: puts the agent into the slug. The recipe, top to bottom.

use crate::acquire::cache::Cache;
use crate::acquire::config::{BuildConfig, Install, VersionRequest};
use crate::acquire::fetch::Fetcher;
use crate::acquire::recipe::{Acquire, Acquired};
use crate::agent::hoop_yml;
use crate::agent::manifest::{AgentRecord, BUILDPACK_VERSION, Manifest};
use crate::agent::platform::Platform;
use crate::build_log::BuildLog;
use crate::classic::advice::{self, App};
use crate::classic::error::BuildError;
use crate::classic::report::{self, Facts};
use crate::classic::slug::Slug;
use crate::classic::survey::{OtherBuildpacks, ProcfileState};
use crate::classic::{install, messages};
use crate::failure::Failure;
use crate::messages::events;
use crate::messages::message::{Message, Tone};
use crate::messages::publish;
use crate::os::environment::Environment;
use crate::os::stop::Stop;
use crate::procfile::Procfile;
use crate::procfile::{invocation, scripts};
use crate::text;
use rustix::fs::Mode;
use rustix::process::umask;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The arguments of `bin/compile`.
#[derive(Clone, Debug)]
pub struct Folders {
    /// The app.
    pub build_dir: PathBuf,
    /// The app's cache, shared by its buildpacks.
    pub cache_dir: PathBuf,
    /// The app's config vars, a file each. Tools outside Heroku leave it out.
    pub env_dir: Option<PathBuf>,
}

/// Builds, and leaves the facts of the build for `bin/report`, also where it failed. Returns whether it was a
/// success; if not, the log says why.
pub fn run(folders: &Folders, environment: &Environment, log: &mut BuildLog) -> bool {
    let started = Instant::now();
    // What is made here must be usable to whoever made it, and the same wherever it was made.
    umask(Mode::WGRP | Mode::WOTH);
    let mut facts = Facts::default();
    facts.text("buildpack_version", &BUILDPACK_VERSION);
    facts.text("platform", &Platform::OWN);
    if let Some(stack) = environment.text("STACK") {
        facts.text("stack", &stack);
    }
    log.step(format!("Hoop buildpack {BUILDPACK_VERSION}"));
    let temp_dir = temp_dir(environment);
    report::forget(&temp_dir, &folders.build_dir);
    report::tidy(&temp_dir);
    // Without it, the build stops as any program does, and leaves its scratch folder behind.
    let stop = Stop::listen().unwrap_or_default();
    let result = build(folders, environment, &stop, log, &mut facts);
    // A build that is being stopped ends here: what it ran into by that is not worth telling.
    drop(stop.hold());
    if let Err(error) = &result {
        facts.text("outcome", "failure");
        let message = messages::of_build_error(error, Tone::Error);
        note_failure(&mut facts, error.failure(), &message);
        log.tell(&message);
    }
    let duration = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    facts.number("duration_ms", duration);
    // Its temporary file is on no list of what a stop removes.
    let _held = stop.hold();
    // A report nobody can read is no reason to fail a build, nor to worry its user.
    let _ = facts.save(&temp_dir, &folders.build_dir);
    result.is_ok()
}

/// The folder in which the facts of a build wait. A relative one would be another for each who asks, and might
/// be in the slug.
pub fn temp_dir(environment: &Environment) -> PathBuf {
    let named = environment.value("TMPDIR").map(Path::new);
    named
        .filter(|path| path.is_absolute())
        .unwrap_or(Path::new("/tmp"))
        .to_owned()
}

/// The recipe.
fn build(
    folders: &Folders,
    environment: &Environment,
    stop: &Stop,
    log: &mut BuildLog,
    facts: &mut Facts,
) -> Result<(), BuildError> {
    let slug = Slug::open(&folders.build_dir, stop)?;
    let config = BuildConfig::read(folders.env_dir.as_deref())?;
    if config.releases.is_exposed() {
        log.tell(&events::exposed(&config.releases));
    }
    // Before anything that may fail: the cause may be that a config var has another name than it should.
    if let Some(advice) = advice::misspelt(&config.run_time.names, config.run_time.connection.as_deref()) {
        log.tell(&advice);
    }
    let mut cache = open_cache(&folders.cache_dir, stop, log);
    if cache.as_ref().is_some_and(|cache| cache.is_below(&folders.build_dir)) {
        log.detail("The cache dir is in the build dir, so what is kept there also goes into the slug");
    }
    let fetcher = Fetcher::of(environment);
    let procfile = ProcfileState::of(slug.root());
    let by_script = procfile
        .procfile()
        .map(|procfile| scripts::by_script(procfile, slug.root(), invocation::is_in_script));
    let by_script = by_script.unwrap_or_default();
    let others = OtherBuildpacks::of(slug.root(), &config.run_time.folders);

    let acquired = acquire(&config, &fetcher, cache.as_mut(), &slug, stop, log);
    let acquired = match acquired {
        Ok(acquired) => Some(acquired),
        Err(error) if config.install == Install::Optional && error.leaves_app_intact() => {
            let message = messages::of_build_error(&error, Tone::Warning);
            note_failure(facts, error.failure(), &message);
            log.tell(&message);
            None
        }
        Err(error) => return Err(error),
    };
    let manifest = manifest(acquired.as_ref(), &config, procfile.procfile(), &folders.build_dir);
    let agent = acquired.as_ref().map(|acquired| &acquired.agent);
    // From here on a build is no longer stopped half-way: slug and cache change together.
    let held = stop.hold();
    let added = install::into_slug(&slug, agent, &manifest, &held)?;
    // What could not be installed must not take the place of what the last build could.
    let kept = match (&acquired, &mut cache) {
        (Some(acquired), Some(cache)) => cache.keep(&acquired.archive(), &held),
        _ => Ok(()),
    };
    drop(held);
    if let (Err(error), Some(cache)) = (kept, &cache) {
        log.tell(&events::cache_unwritable(cache.path(), &error));
    }

    let what = match &acquired {
        Some(acquired) => format!("hoop {} adds", acquired.version),
        None => "hoopstart, without an agent, adds".to_owned(),
    };
    let (size, files) = (text::megabytes(added.bytes), added.files);
    log.detail(format!("{what} {size} to the slug, {files} files"));
    for displaced in &added.displaced {
        log.tell(&messages::displaced(displaced));
    }
    if let Some(path) = added.in_the_way {
        log.detail(format!("Made no link bin/hoopstart, for {path} is in its way"));
    }
    note_success(facts, acquired.as_ref());
    facts.number("slug_bytes", added.bytes);
    let app = App {
        agent: acquired.as_ref().map(|acquired| &acquired.version),
        is_pinned: matches!(config.version, VersionRequest::Exact(_)),
        procfile: &procfile,
        by_script: &by_script,
        run_time: &config.run_time,
        others: &others,
    };
    log.announce(&publish::of_app(&folders.build_dir, |file| {
        advice::published(file, &app)
    }));
    for advice in advice::advice(&app) {
        log.tell(&advice);
    }
    Ok(())
}

/// Gets the agent into the scratch folder.
fn acquire(
    config: &BuildConfig,
    fetcher: &Fetcher,
    cache: Option<&mut Cache>,
    slug: &Slug,
    stop: &Stop,
    log: &mut BuildLog,
) -> Result<Acquired, BuildError> {
    let acquire = Acquire {
        config,
        fetcher,
        cache,
        last: None,
        scratch: slug.scratch(),
        stop,
        platform: Platform::OWN,
        listener: &mut |event| log.hear(&event),
    };
    Ok(acquire.run()?)
}

/// Opens the cache, or tells why the build goes on without one.
fn open_cache(cache_dir: &Path, stop: &Stop, log: &mut BuildLog) -> Option<Cache> {
    match Cache::open(cache_dir, Platform::OWN, stop) {
        Ok(cache) => Some(cache),
        Err(error) => {
            log.tell(&events::cache_unwritable(cache_dir, &error));
            None
        }
    }
}

/// The manifest of what goes into the slug.
fn manifest(
    acquired: Option<&Acquired>,
    config: &BuildConfig,
    procfile: Option<&Procfile>,
    build_dir: &Path,
) -> Manifest {
    Manifest {
        agent: acquired.map(|acquired| AgentRecord {
            version: acquired.version.clone(),
            sha256: acquired.agent.digest(),
            source: config.releases.to_string(),
        }),
        platform: Platform::OWN.to_string(),
        buildpack_version: BUILDPACK_VERSION.to_owned(),
        process_types: procfile
            .map(|procfile| procfile.process_types().map(str::to_owned).collect())
            .unwrap_or_default(),
        hoop_yml: hoop_yml::is_in(build_dir).then(|| hoop_yml::PATH.to_owned()),
    }
}

/// Notes why there is no agent.
fn note_failure(facts: &mut Facts, failure: Failure, message: &Message) {
    facts.text("failure_id", &failure);
    facts.text("failure_detail", &message.summary());
}

/// Notes what was built.
fn note_success(facts: &mut Facts, acquired: Option<&Acquired>) {
    let Some(acquired) = acquired else {
        facts.text("outcome", "without-agent");
        return;
    };
    facts.text("outcome", "success");
    facts.text("agent_version", &acquired.version);
    facts.text("agent_sha256", &acquired.agent.digest());
    facts.text("version_origin", &acquired.version_origin.word());
    facts.text("archive_origin", &acquired.archive_origin.word());
    facts.number("archive_bytes", acquired.agent.archive_bytes());
}
