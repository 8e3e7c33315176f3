//! Images that the lifecycle's own programs build on plain folders, with this buildpack among others.

use crate::support::dyno::{Launch, program, skipped};
use crate::support::run::Run;
use crate::support::tree::Tree;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The program under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_hoop-buildpack");

/// Who builds where the tests run as root, whom the lifecycle refuses.
const USER: &str = "12345";

/// The Platform API that the lifecycle is asked for.
const PLATFORM_API: &str = "0.14";

/// A buildpack of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Buildpack {
    Language,
    Hoop,
    Procfile,
}

impl Buildpack {
    /// Its id and version, as its buildpack.toml says.
    fn identity(self) -> (&'static str, &'static str) {
        match self {
            Buildpack::Language => ("test/language", "1.0.0"),
            Buildpack::Hoop => ("hoophq/hoop", env!("CARGO_PKG_VERSION")),
            Buildpack::Procfile => ("test/procfile", "1.0.0"),
        }
    }

    pub(crate) fn folder(self) -> String {
        self.identity().0.replace('/', "_")
    }
}

/// An app, and what a platform keeps of its builds.
pub(crate) struct Image {
    root: TempDir,
}

/// Copies a file, or a folder with all that is in it, by a process of its own: a program that this one has open for
/// writing while another test starts something could not be run.
fn copy(source: &Path, target: &Path) {
    fs::create_dir_all(target.parent().unwrap()).unwrap();
    let status = Command::new("cp").arg("-R").arg(source).arg(target).status();
    assert!(status.unwrap().success(), "{} can be copied", source.display());
}

impl Image {
    /// An app of nothing but a Procfile, with the buildpacks of a language, ours, and for the Procfile. `None`, with a
    /// line that says so, where the lifecycle's programs are missing or somebody without privileges is.
    pub(crate) fn new() -> Option<Self> {
        Self::of(&[Buildpack::Language, Buildpack::Hoop, Buildpack::Procfile])
    }

    /// An app with these buildpacks.
    pub(crate) fn of(order: &[Buildpack]) -> Option<Self> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR"));
        let programs = std::env::var_os("CNB_LIFECYCLE").map_or_else(|| source.join("target/lifecycle"), PathBuf::from);
        if !programs.join("lifecycle").exists() || !programs.join("launcher").exists() {
            skipped("the lifecycle's programs are missing: set CNB_LIFECYCLE, or run .ci/run");
            return None;
        }
        if is_root() && program("setpriv").is_none() {
            skipped("the lifecycle refuses root, and there is no setpriv");
            return None;
        }
        let image = Self {
            root: TempDir::with_prefix("an image's ").unwrap(),
        };
        fs::set_permissions(image.root.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for folder in ["app", "cache", "layers", "platform/env", "platform/for-later", "home"] {
            fs::create_dir_all(image.path(folder)).unwrap();
        }
        for name in ["lifecycle", "launcher"] {
            copy(&programs.join(name), &image.path(name));
        }
        symlink("launcher", image.path("web")).unwrap();
        symlink("launcher", image.path("task")).unwrap();
        for buildpack in order {
            image.install(*buildpack, source);
        }
        let mut group = String::from("[[order]]\n");
        for buildpack in order {
            let (id, version) = buildpack.identity();
            let member = format!("[[order.group]]\nid = \"{id}\"\nversion = \"{version}\"\noptional = true\n");
            group.push_str(&member);
        }
        image.put("order.toml", &group);
        image.put("app/Procfile", "web: hoopstart -- sh app.sh\n");
        image.for_later("HOOP_BUILDPACK_RETRY_BASE_MS", "1");
        Some(image)
    }

    /// Puts a buildpack to where the lifecycle looks for it.
    fn install(&self, buildpack: Buildpack, source: &Path) {
        let (_, version) = buildpack.identity();
        let folder = self.path("buildpacks").join(buildpack.folder()).join(version);
        match buildpack {
            Buildpack::Language => copy(&source.join("fixtures/cloud-native/language"), &folder),
            Buildpack::Procfile => copy(&source.join("fixtures/cloud-native/procfile"), &folder),
            Buildpack::Hoop => {
                fs::create_dir_all(folder.join("bin")).unwrap();
                fs::create_dir_all(folder.join("libexec")).unwrap();
                for file in ["buildpack.toml", "bin/detect", "bin/build", "bin/hoop-buildpack"] {
                    copy(&source.join(file), &folder.join(file));
                }
                let architecture = crate::support::mirror::PLATFORM.architecture;
                copy(
                    Path::new(PROGRAM),
                    &folder.join(format!("libexec/hoop-buildpack-linux-{architecture}")),
                );
            }
        }
    }

    /// The path of something in the folder of this image.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    /// The layers folder of this buildpack.
    pub(crate) fn layers(&self) -> PathBuf {
        self.path("layers").join(Buildpack::Hoop.folder())
    }

    pub(crate) fn put(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        let path = self.layers().join(path);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Sets a variable of the platform.
    pub(crate) fn set(&self, name: &str, value: &str) {
        self.put(&format!("platform/env/{name}"), value);
    }

    pub(crate) fn with(self, name: &str, value: &str) -> Self {
        self.set(name, value);
        self
    }

    /// Has an earlier buildpack set a variable for ours.
    pub(crate) fn for_later(&self, name: &str, value: &str) {
        self.put(&format!("platform/for-later/{name}.override"), value);
    }

    /// Runs a phase of the lifecycle, as somebody without privileges, in the folder of this image.
    pub(crate) fn phase(&self, phase: &str, options: &[&str]) -> Run {
        let mut command = if is_root() {
            let given = Command::new("chown")
                .args(["-R", "-h", USER])
                .arg(self.root.path())
                .status();
            assert!(given.unwrap().success(), "root can give folders away");
            let mut command = Command::new("setpriv");
            command
                .args(["--reuid", USER, "--regid", USER, "--clear-groups"])
                .arg(self.path("lifecycle"));
            command
        } else {
            Command::new(self.path("lifecycle"))
        };
        let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
        command
            .arg(phase)
            .args(options)
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.path("home"))
            .env("CNB_PLATFORM_API", PLATFORM_API)
            .env("CNB_EXPERIMENTAL_MODE", "quiet")
            .env("CNB_NO_COLOR", "true")
            .env("CNB_APP_DIR", self.path("app"))
            .env("CNB_LAYERS_DIR", self.path("layers"))
            .env("CNB_PLATFORM_DIR", self.path("platform"))
            .env("CNB_BUILDPACKS_DIR", self.path("buildpacks"))
            .env("CNB_ORDER_PATH", self.path("order.toml"))
            .env("CNB_USER_ID", USER)
            .env("CNB_GROUP_ID", USER)
            .env("CNB_CACHE_DIR", self.path("cache"))
            .current_dir(self.root.path());
        Run::of(command)
    }

    /// Detects, if that has not been done, and builds.
    #[track_caller]
    pub(crate) fn build(&self) -> Run {
        if !self.path("layers/group.toml").exists() {
            self.phase("detect", &[]).exits(0);
        }
        self.phase("build", &[])
    }

    /// Builds, which must go well.
    #[track_caller]
    pub(crate) fn builds(&self) -> Run {
        let run = self.build();
        run.exits(0);
        run
    }

    /// Builds, which must fail with this id and leave the layers as they were.
    #[track_caller]
    pub(crate) fn fails(&self, id: &str) -> Run {
        let before = Tree::of(&self.layers());
        let app = Tree::of(&self.path("app"));
        let run = self.build();
        run.assert(run.stdout().contains(&format!("! Failure id: {id}\n")), id)
            .assert(run.stdout().contains("! Error: "), "it must be marked");
        // The lifecycle's own status of a buildpack that has failed.
        run.exits(51);
        let mut later = Tree::of(&self.layers());
        // The lifecycle makes this folder before the first build.
        if before.paths().is_empty() && later.paths().is_empty() {
            later = before.clone();
        }
        run.assert(before == later, "a failed build changes no layer");
        run.assert(app == Tree::of(&self.path("app")), "a build never changes the app");
        run
    }

    /// Does what the lifecycle does between two builds: it keeps the folders of cached layers, and the records of those
    /// in the image and the cache, without what they are for.
    pub(crate) fn restore(&self) {
        for entry in fs::read_dir(self.layers()).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let Some(layer) = name
                .strip_suffix(".toml")
                .filter(|layer| !["launch", "build", "store"].contains(layer))
            else {
                if path.is_file() {
                    fs::remove_file(path).unwrap();
                }
                continue;
            };
            let text = fs::read_to_string(&path).unwrap();
            let kept = text.split_once("[metadata]").map_or("", |(_, metadata)| metadata);
            fs::write(&path, format!("[metadata]{kept}")).unwrap();
            if !text.contains("cache = true") {
                let _ = fs::remove_dir_all(self.layers().join(layer));
            }
        }
        for path in ["layers/config", "layers/test_language", "layers/test_procfile"] {
            let _ = fs::remove_dir_all(self.path(path));
        }
    }

    /// Prepares a process of the image.
    pub(crate) fn launch(&self) -> Launch {
        Launch::in_folder(&self.path("app"))
            .with("HOME", self.path("home"))
            .with("CNB_PLATFORM_API", PLATFORM_API)
            .with("CNB_LAYERS_DIR", self.path("layers"))
            .with("CNB_APP_DIR", self.path("app"))
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
