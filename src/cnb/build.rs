//! `bin/build`: puts the agent into a layer. The recipe, top to bottom.

use crate::acquire::cache::{Cache, CachedArchive};
use crate::acquire::config::{self, BuildConfig, Install, VersionRequest};
use crate::acquire::fetch::Fetcher;
use crate::acquire::recipe::{Acquire, Acquired};
use crate::agent::hoop_yml;
use crate::agent::manifest::{AgentRecord, BUILDPACK_VERSION, Manifest};
use crate::agent::platform::Platform;
use crate::agent::version::Version;
use crate::build_log::BuildLog;
use crate::cnb::bindings;
use crate::cnb::error::BuildError;
use crate::cnb::layers::{AGENT, DOWNLOADS, Layers};
use crate::cnb::messages;
use crate::cnb::processes;
use crate::cnb::record::{Record, Types};
use crate::cnb::sbom;
use crate::cnb::wrap::{self, WRAP, Wrap};
use crate::messages::events;
use crate::messages::message::Tone;
use crate::messages::publish::{self, Announced};
use crate::os::environment::Environment;
use crate::os::stop::Stop;
use crate::procfile::image::Launch;
use crate::text;
use rustix::fs::Mode;
use rustix::process::umask;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The name that the build log begins with.
pub const NAME: &str = "Hoop Buildpack";

/// By which variable the platform says where bindings are.
const BINDING_ROOT: &str = "SERVICE_BINDING_ROOT";

/// The arguments of `bin/build`.
#[derive(Clone, Debug)]
pub struct Folders {
    /// For the layers of this buildpack.
    pub layers_dir: PathBuf,
    /// What the platform hands over.
    pub platform_dir: PathBuf,
}

/// Builds. Returns whether it was a success; if not, the log says why.
pub fn run(folders: &Folders, environment: &Environment, log: &mut BuildLog) -> bool {
    let started = Instant::now();
    // What is made here must be usable to whoever made it, and the same wherever it was made.
    umask(Mode::WGRP | Mode::WOTH);
    // Without it, the build stops as any program does, and leaves its scratch folder behind.
    let stop = Stop::listen().unwrap_or_default();
    let result = build(folders, environment, &stop, log);
    // A build that is being stopped ends here: what it ran into by that is not worth telling.
    drop(stop.hold());
    match &result {
        Ok(()) => log.done(started),
        Err(error) => log.tell(&messages::of_build_error(error, Tone::Error)),
    }
    result.is_ok()
}

/// The recipe.
fn build(folders: &Folders, environment: &Environment, stop: &Stop, log: &mut BuildLog) -> Result<(), BuildError> {
    let layers = Layers::open(&folders.layers_dir, stop)?;
    // The platform makes no such folder where there is nothing to put into it.
    let env_dir = Some(folders.platform_dir.join("env")).filter(|dir| dir.exists());
    let config = config(folders, env_dir.as_deref(), environment, log)?;
    if config.releases.is_exposed() {
        log.tell(&events::exposed(&config.releases));
    }
    let to_wrap = match &env_dir {
        Some(dir) => config::read_file(&dir.join(WRAP), WRAP)?,
        None => None,
    };

    let record = layers.record();
    let version = if let Some(agent) = record.as_ref().and_then(|record| record.same_as_wanted(&config)) {
        log.step(format!("Reusing hoop {} of the last image", agent.version));
        log.detail(format!("sha256 {}, from {}", agent.sha256, agent.source));
        describe_agent(&layers, Some(agent.clone()), log)?;
        describe_downloads(&layers, false)?;
        Some(agent.version.clone())
    } else {
        let last = record.and_then(|record| record.agent).map(|agent| CachedArchive {
            version: agent.version,
            digest: agent.sha256,
        });
        install(&config, environment, &layers, last, stop, log)?
    };
    // The lifecycle starts a build in the app's folder.
    log.announce(&publish::of_app(Path::new("."), |file| {
        let announced = Announced {
            file,
            agent: version.as_ref(),
            run_time: &config.run_time,
            // Not those of the containers to come.
            sees_config: false,
            process_types: &[],
        };
        announced.announcement(|_| true)
    }));
    if let Some(value) = to_wrap {
        wrap(&wrap::wanted(&value), &folders.layers_dir, &layers, log)?;
    }
    Ok(())
}

/// Reads the config: a file in `env_dir` comes before an entry of a binding.
fn config(
    folders: &Folders,
    env_dir: Option<&Path>,
    environment: &Environment,
    log: &mut BuildLog,
) -> Result<BuildConfig, BuildError> {
    let named = env_dir.map(|dir| dir.join(BINDING_ROOT)).filter(|path| path.exists());
    let root = match named {
        Some(path) => config::read_file(&path, BINDING_ROOT)?.map(PathBuf::from),
        None => environment.value(BINDING_ROOT).map(PathBuf::from),
    };
    let bound = bindings::settings(&root.unwrap_or_else(|| folders.platform_dir.join("bindings")));
    let mut files = BTreeMap::new();
    for (config_var, bound) in bound {
        if !env_dir.is_some_and(|dir| dir.join(config_var).exists()) {
            let binding = text::visible(&bound.binding);
            log.step(format!("Using {config_var} of the service binding {binding}"));
            files.insert(config_var, bound.file);
        }
    }
    Ok(BuildConfig::read_with(env_dir, &files)?)
}

/// Gets the agent, puts it into the layers, and returns its version. `last` is what the last image has.
fn install(
    config: &BuildConfig,
    environment: &Environment,
    layers: &Layers,
    last: Option<CachedArchive>,
    stop: &Stop,
    log: &mut BuildLog,
) -> Result<Option<Version>, BuildError> {
    // Of a version that is named, the next build needs no tarball: the image has the layer.
    let is_kept = config.version == VersionRequest::Latest;
    let mut cache = None;
    if is_kept || layers.downloads().exists() {
        match Cache::open(&layers.downloads(), Platform::OWN, stop) {
            Ok(opened) => cache = Some(opened),
            Err(error) => log.tell(&events::cache_unwritable(&layers.downloads(), &error)),
        }
    }
    let acquire = Acquire {
        config,
        fetcher: &Fetcher::of(environment),
        cache: cache.as_mut(),
        last,
        scratch: layers.scratch(),
        stop,
        platform: Platform::OWN,
        listener: &mut |event| log.hear(&event),
    };
    let acquired = match acquire.run() {
        Ok(acquired) => Some(acquired),
        Err(error) if config.install == Install::Optional && error.leaves_app_intact() => {
            log.tell(&messages::of_build_error(&error.into(), Tone::Warning));
            None
        }
        Err(error) => return Err(error.into()),
    };
    let agent = acquired.as_ref().map(|acquired| record_of(acquired, config));
    let manifest = Manifest {
        agent: agent.clone(),
        platform: Platform::OWN.to_string(),
        buildpack_version: BUILDPACK_VERSION.to_owned(),
        // The same agent is the same layer, whatever the app starts.
        process_types: Vec::new(),
        hoop_yml: hoop_yml_path(),
    };
    let bytes = layers.prepare(acquired.as_ref().map(|acquired| &acquired.agent), &manifest)?;
    // From here on a build is no longer stopped half-way.
    let held = stop.hold();
    layers.place(&held)?;
    // What could not be installed must not take the place of what the last build could.
    let kept = match (&acquired, &mut cache) {
        (Some(acquired), Some(cache)) if is_kept => cache.keep(&acquired.archive(), &held),
        _ => Ok(()),
    };
    drop(held);
    if let (Err(error), Some(cache)) = (kept, &cache) {
        log.tell(&events::cache_unwritable(cache.path(), &error));
    }
    drop(cache);
    let what = match &agent {
        Some(agent) => format!("hoop {} and hoopstart", agent.version),
        None => "hoopstart, without an agent,".to_owned(),
    };
    log.detail(format!(
        "{what} add {} to the image, in a layer of their own",
        text::megabytes(bytes)
    ));
    let version = agent.as_ref().map(|agent| agent.version.clone());
    describe_agent(layers, agent, log)?;
    describe_downloads(layers, is_kept)?;
    Ok(version)
}

/// What is kept of an agent.
fn record_of(acquired: &Acquired, config: &BuildConfig) -> AgentRecord {
    AgentRecord {
        version: acquired.version.clone(),
        sha256: acquired.agent.digest(),
        source: config.releases.to_string(),
    }
}

/// Writes what goes with the layer `agent`: its record and its SBOM.
fn describe_agent(layers: &Layers, agent: Option<AgentRecord>, log: &mut BuildLog) -> Result<(), BuildError> {
    layers.write(
        &format!("{AGENT}.sbom.cdx.json"),
        sbom::cyclonedx(agent.as_ref()).as_bytes(),
    )?;
    layers.write(
        &format!("{AGENT}.sbom.spdx.json"),
        sbom::spdx(agent.as_ref()).as_bytes(),
    )?;
    let types = Types {
        launch: true,
        ..Types::default()
    };
    layers.describe(AGENT, types, Some(Record::of(agent)))?;
    log.detail("Its SBOM is in the image, as CycloneDX and as SPDX");
    Ok(())
}

/// Keeps the layer `downloads` for the next build, or drops it.
fn describe_downloads(layers: &Layers, is_kept: bool) -> Result<(), BuildError> {
    if is_kept && layers.downloads().exists() {
        let types = Types {
            cache: true,
            ..Types::default()
        };
        layers.describe(DOWNLOADS, types, None)?;
    } else {
        layers.remove(DOWNLOADS)?;
        layers.remove(&format!("{DOWNLOADS}.toml"))?;
    }
    Ok(())
}

/// Where the app's `hoop.yml` is, if there is one: in the image, the app is in the same folder.
fn hoop_yml_path() -> Option<String> {
    let folder = std::env::current_dir().ok()?;
    hoop_yml::is_in(&folder).then(|| folder.join(hoop_yml::PATH).to_string_lossy().into_owned())
}

/// Has the process types `wanted` start hoopstart first.
fn wrap(wanted: &[String], layers_dir: &Path, layers: &Layers, log: &mut BuildLog) -> Result<(), BuildError> {
    let processes = match processes::of_earlier_buildpacks(layers_dir) {
        Ok(processes) => processes,
        Err(error) => {
            log.tell(&messages::nothing_wrapped(&error));
            return Ok(());
        }
    };
    log.step(format!("Wrapping what {WRAP} names"));
    if wanted.is_empty() {
        log.detail("It names no process type");
    }
    let there: Vec<String> = processes.iter().map(|process| process.process_type.clone()).collect();
    let mut launch = Launch::default();
    for wrap in wrap::wraps(wanted, &processes) {
        match wrap {
            Wrap::Wrapped(process) => {
                log.detail(format!(
                    "{} starts hoopstart, unless a later buildpack provides another {0}",
                    text::visible(&process.process_type)
                ));
                launch.processes.push(process);
            }
            Wrap::StartsAlready(name) => log.detail(format!("{} starts hoopstart already", text::visible(&name))),
            Wrap::Missing(name) => log.tell(&messages::not_there(&name, &there)),
            Wrap::ShellCommand(name) => log.tell(&messages::for_a_shell(&name)),
        }
    }
    if !launch.processes.is_empty() {
        let text = toml::to_string(&launch).expect("texts and lists of texts can be written as TOML");
        layers.write("launch.toml", text.as_bytes())?;
    }
    Ok(())
}
