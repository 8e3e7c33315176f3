//! The build of `try`: what the platform does from a push to a slug.

use crate::os::audience;
use crate::os::environment::Environment;
use crate::slug::build::buildpack::Buildpack;
use crate::slug::build::steps::Steps;
use crate::r#try::log::say;
use anyhow::{Context as _, bail};
use flate2::read::MultiGzDecoder;
use fs_err as fs;
use std::ffi::OsString;
use std::io::BufReader;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// The stack that a build is told it is for.
const STACK: &str = "heroku-24";

/// Where below `scratch` the app's files are to be, to be built.
pub(super) fn build_dir(scratch: &Path) -> PathBuf {
    scratch.join("build_0123abcd")
}

/// Builds what is in the build dir below `scratch`, and returns the slug's folder, or `None` where the build failed
/// and has said why.
pub(super) fn slug(
    scratch: &Path,
    config_vars: &[(String, OsString)],
    environment: &Environment,
) -> anyhow::Result<Option<PathBuf>> {
    let build_dir = build_dir(scratch);
    let cache_dir = scratch.join("cache");
    let env_dir = scratch.join("env");
    fs::create_dir(&cache_dir)?;
    fs::create_dir(&env_dir)?;
    for (name, value) in config_vars {
        fs::write(env_dir.join(name), value.as_bytes())?;
    }

    let home = scratch.join("app");
    let mut steps = Steps {
        build_dir: &build_dir,
        cache_dir: &cache_dir,
        env_dir: &env_dir,
        home: &home,
        scratch,
        path: environment.value("PATH").unwrap_or_default().to_owned(),
        stack: STACK,
        variables: vec![(audience::UNDER_TRY, "1".to_owned())],
        exports: Vec::new(),
        environment,
    };
    let hoop = Buildpack::this();
    let detected = steps.detect(&hoop)?;
    say(&format!("{detected} app detected"));
    if !steps.compile(&hoop)? {
        return Ok(None);
    }
    steps.release(&hoop)?;
    // The platform runs a slug from another folder than the one it was built in.
    let slug = scratch.join("app");
    fs::rename(&build_dir, &slug)?;
    Ok(Some(slug))
}

/// Unpacks a slug as the platform does, and returns the folder of its app.
pub(super) fn unpacked(slug: &Path, scratch: &Path) -> anyhow::Result<PathBuf> {
    let file = BufReader::new(fs::File::open(slug)?);
    let place = scratch.join("unpacked");
    let mut archive = tar::Archive::new(MultiGzDecoder::new(file));
    archive.set_preserve_permissions(true);
    archive
        .unpack(&place)
        .with_context(|| format!("{} is no slug", slug.display()))?;
    let app = place.join("app");
    if !app.is_dir() {
        bail!(
            "{} has nothing below ./app/, so a dyno of it would be empty",
            slug.display()
        );
    }
    Ok(app)
}
