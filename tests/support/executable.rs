//! Files that a test runs after it has written them.
//!
//! A child writes them: the kernel starts no file that any process has open for writing (ETXTBSY), and a child that
//! another test forks at that moment would have it open for a little longer.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Writes a script that can be run.
pub(crate) fn write_executable(path: &Path, script: &str) {
    in_child(r#"cat >"$1" && chmod 755 "$1""#, &[path.as_os_str()], script.as_bytes());
}

/// Copies a file that is run, with its mode.
pub(crate) fn copy_executable(from: &Path, to: &Path) {
    in_child(r#"cp -p "$1" "$2""#, &[from.as_os_str(), to.as_os_str()], b"");
}

/// Runs a script of `sh` that reads `stdin`.
pub(crate) fn in_child(script: &str, arguments: &[&OsStr], stdin: &[u8]) {
    let mut child = Command::new("sh")
        .args(["-ec", script, "sh"])
        .args(arguments)
        .stdin(Stdio::piped())
        .spawn()
        .expect("sh can be started");
    let mut pipe = child.stdin.take().expect("it is piped");
    pipe.write_all(stdin).expect("the script reads all of it");
    drop(pipe);
    assert!(
        child.wait().expect("it is our child").success(),
        "{script}: {arguments:?}"
    );
}
