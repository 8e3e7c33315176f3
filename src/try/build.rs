//! The build of `try`: what the platform does from a push to a slug.

use crate::os::audience;
use crate::os::environment::Environment;
use anyhow::{Context as _, bail};
use fs_err as fs;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The stack that a build is told it is for.
const STACK: &str = "heroku-24";

/// Variables of the person's environment that reach the build, since the way to a release server, and color, may
/// depend on them.
const PASSED_ON: [&str; 14] = [
    "ALL_PROXY",
    "CURL_CONNECT_TIMEOUT",
    "CURL_TIMEOUT",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_COLOR",
    "NO_PROXY",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TERM",
    "all_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

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

    let step = |arguments: &[&Path], command: &str| {
        let mut process = Command::new("/proc/self/exe");
        process
            .arg0("hoop-buildpack")
            .arg(command)
            .args(arguments)
            .env_clear()
            .env("PATH", environment.value("PATH").unwrap_or_default())
            .env("HOME", scratch.join("app"))
            .env("STACK", STACK)
            .env("TMPDIR", scratch)
            .env(audience::UNDER_TRY, "1");
        for name in PASSED_ON {
            if let Some(value) = environment.value(name) {
                process.env(name, value);
            }
        }
        process
    };
    let output = step(&[&build_dir], "detect").output().context("cannot start detect")?;
    if !output.status.success() {
        bail!("detect failed: {}", String::from_utf8_lossy(&output.stderr).trim_end());
    }
    crate::r#try::dyno::say(&format!(
        "{} app detected",
        String::from_utf8_lossy(&output.stdout).trim_end()
    ));
    let compiled = step(&[&build_dir, &cache_dir, &env_dir], "compile")
        .status()
        .context("cannot start compile")?;
    if !compiled.success() {
        return Ok(None);
    }
    let output = step(&[&build_dir], "release")
        .output()
        .context("cannot start release")?;
    if !output.status.success() {
        bail!("release failed: {}", String::from_utf8_lossy(&output.stderr).trim_end());
    }
    // The platform runs a slug from another folder than the one it was built in.
    let slug = scratch.join("app");
    fs::rename(&build_dir, &slug)?;
    Ok(Some(slug))
}
