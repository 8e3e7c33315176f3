//! The build of `try`: what the platform does from a push to a slug.

use crate::environment::Environment;
use anyhow::{Context as _, bail};
use fs_err as fs;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The stack that a build is told it is for.
const STACK: &str = "heroku-24";

/// Variables of the person's environment that reach the build, since the way to a release server, and colour, may
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

/// Builds `app_dir` below `scratch` and returns the slug's folder, or `None` where the build failed and has said
/// why.
pub(super) fn slug(
    app_dir: &Path,
    scratch: &Path,
    config_vars: &[(String, OsString)],
    environment: &Environment,
) -> anyhow::Result<Option<PathBuf>> {
    let build_dir = scratch.join("build_0123abcd");
    let cache_dir = scratch.join("cache");
    let env_dir = scratch.join("env");
    copy_folder(app_dir, &build_dir)?;
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
            .env("TMPDIR", scratch);
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
    super::dyno::say(&format!(
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

/// Copies a folder with its links and modes, as a checkout would be: without `.git`.
fn copy_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_symlink() {
            fs::os::unix::fs::symlink(fs::read_link(&source)?, &target)?;
        } else if kind.is_dir() && entry.file_name() != ".git" {
            copy_folder(&source, &target)?;
        } else if kind.is_file() {
            fs::copy(&source, &target)?;
        }
    }
    let mode = fs::metadata(from)?.permissions().mode();
    // The owner must be able to build in it, whatever the mode of the original.
    fs::set_permissions(to, std::fs::Permissions::from_mode(mode | 0o700))?;
    Ok(())
}
