//! A PostgreSQL of the test's own, at a socket in a folder of its own, where the machine has the programs.

use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

pub(crate) struct Postgres {
    folder: TempDir,
    programs: PathBuf,
}

/// Whom the cluster runs as where the tests run as root, which PostgreSQL refuses.
const NOBODY: u32 = 65_534;

impl Postgres {
    /// Makes and starts a cluster. `None` if there is no PostgreSQL on the machine.
    pub(crate) fn start() -> Option<Self> {
        let programs = programs()?;
        let folder = tempfile::tempdir().unwrap();
        if is_root() {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let cluster = Self { folder, programs };
        let data = cluster.folder.path().join("data");
        cluster.run(
            "initdb",
            &["--auth=trust", "--username=hoop", "--no-sync", "-D", data.to_str()?],
        );
        let options = format!(
            "-c listen_addresses= -c fsync=off -k {}",
            cluster.folder.path().display()
        );
        let log = cluster.folder.path().join("log");
        cluster.run(
            "pg_ctl",
            &["start", "-w", "-D", data.to_str()?, "-o", &options, "-l", log.to_str()?],
        );
        Some(cluster)
    }

    pub(crate) fn url(&self) -> String {
        format!(
            "postgres://hoop@localhost/postgres?host={}",
            self.folder.path().display()
        )
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let program = self.programs.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command
                .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"])
                .arg(program);
            command
        } else {
            Command::new(program)
        };
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        assert!(command.status().unwrap().success(), "{command:?}");
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let data = self.folder.path().join("data");
        self.run("pg_ctl", &["stop", "-m", "immediate", "-D", data.to_str().unwrap()]);
    }
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

/// The folder of its programs: on PATH, or where Debian has them.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<_> = std::env::split_paths(&path).collect();
    for version in std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten() {
        folders.push(version.path().join("bin"));
    }
    let has = |folder: &Path| {
        ["initdb", "pg_ctl", "postgres"]
            .iter()
            .all(|name| folder.join(name).is_file())
    };
    folders.into_iter().find(|folder| has(folder))
}
