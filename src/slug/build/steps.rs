//! The scripts of buildpacks, each as a process of its own in the small environment of a build
//! (<https://devcenter.heroku.com/articles/buildpack-api>).

use crate::os::environment::Environment;
use crate::slug::build::buildpack::{Buildpack, Program};
use crate::text;
use anyhow::{Context as _, bail};
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

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

/// Sources scripts of earlier buildpacks and then becomes the one of this. Bash, since that is what they are written
/// for.
const WITH_EXPORTS: &str = r#"script=$1
shift
while [ "$1" != -- ]; do . "$1"; shift; done
shift
exec "$script" "$@""#;

/// What all scripts of a build share.
pub(crate) struct Steps<'a> {
    pub(crate) build_dir: &'a Path,
    pub(crate) cache_dir: &'a Path,
    pub(crate) env_dir: &'a Path,
    /// The folder that is HOME.
    pub(crate) home: &'a Path,
    /// The folder for temporary files.
    pub(crate) scratch: &'a Path,
    pub(crate) path: OsString,
    pub(crate) stack: &'a str,
    /// What else they see.
    pub(crate) variables: Vec<(&'static str, String)>,
    /// The `export` scripts of earlier buildpacks.
    pub(crate) exports: Vec<PathBuf>,
    pub(crate) environment: &'a Environment,
}

impl Steps<'_> {
    /// Runs `bin/detect`, and returns what the buildpack calls the app.
    pub(crate) fn detect(&self, buildpack: &Buildpack) -> anyhow::Result<String> {
        let mut command = self.command(buildpack, "detect", &[self.build_dir]);
        let output = command.output().context("cannot start detect")?;
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if !output.status.success() {
            let complaint = String::from_utf8_lossy(&output.stderr);
            let complaint = [said.as_str(), complaint.trim()].join("\n");
            bail!(
                "{} does not take this app: its detect ended with {}{}",
                buildpack.name,
                output.status,
                match complaint.trim() {
                    "" => String::new(),
                    complaint => format!(" and said\n{complaint}"),
                }
            );
        }
        Ok(text::excerpt(said.lines().next().unwrap_or_default(), 100))
    }

    /// Runs `bin/compile`, whose output is the person's to read. Answers whether it was successful.
    pub(crate) fn compile(&mut self, buildpack: &Buildpack) -> anyhow::Result<bool> {
        let folders = [self.build_dir, self.cache_dir, self.env_dir];
        let mut command = self.command(buildpack, "compile", &folders);
        let status = command.stdin(Stdio::null()).status().context("cannot start compile")?;
        if let Program::Folder(folder) = &buildpack.program {
            let export = folder.join("export");
            self.exports.extend(export.is_file().then_some(export));
        }
        Ok(status.success())
    }

    /// Runs `bin/release`, and returns what it prints. `None` if the buildpack has none.
    pub(crate) fn release(&self, buildpack: &Buildpack) -> anyhow::Result<Option<String>> {
        if !buildpack.has("release") {
            return Ok(None);
        }
        let without_exports = Steps {
            exports: Vec::new(),
            variables: self.variables.clone(),
            path: self.path.clone(),
            ..*self
        };
        let mut command = without_exports.command(buildpack, "release", &[self.build_dir]);
        let output = command.output().context("cannot start release")?;
        if !output.status.success() {
            bail!(
                "release of {} ended with {}: {}",
                buildpack.name,
                output.status,
                String::from_utf8_lossy(&output.stderr).trim_end()
            );
        }
        Ok(Some(String::from_utf8_lossy(&output.stdout).into_owned()))
    }

    fn command(&self, buildpack: &Buildpack, script: &str, arguments: &[&Path]) -> Command {
        let mut command = match &buildpack.program {
            Program::This => {
                let mut command = Command::new("/proc/self/exe");
                command.arg0("hoop-buildpack").arg(script);
                command
            }
            Program::Folder(folder) if self.exports.is_empty() => {
                let mut command = Command::new(folder.join("bin").join(script));
                command.current_dir(folder);
                command
            }
            Program::Folder(folder) => {
                let mut command = Command::new("bash");
                command
                    .args(["-c", WITH_EXPORTS, "bash"])
                    .arg(folder.join("bin").join(script))
                    .args(&self.exports)
                    .arg("--")
                    .current_dir(folder);
                command
            }
        };
        command
            .args(arguments)
            .env_clear()
            .env("PATH", &self.path)
            .env("HOME", self.home)
            .env("STACK", self.stack)
            .env("TMPDIR", self.scratch)
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        for name in PASSED_ON {
            if let Some(value) = self.environment.value(name) {
                command.env(name, value);
            }
        }
        command
    }
}
