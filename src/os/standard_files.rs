//! Stdin, stdout and stderr.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsRawFd as _, IntoRawFd as _, OwnedFd};

/// `file`, out of the place of a standard file that is closed.
pub(crate) fn beyond(file: OwnedFd) -> io::Result<OwnedFd> {
    if file.as_raw_fd() > 2 {
        return Ok(file);
    }
    Ok(rustix::io::fcntl_dupfd_cloexec(&file, 3)?)
}

/// Opens `/dev/null` in the place of each of stdin, stdout and stderr that is closed, so that no other file can
/// come to stand there and be written to as if it were a log.
pub fn open() {
    while let Ok(file) = OpenOptions::new().read(true).write(true).open("/dev/null") {
        if file.as_raw_fd() > 2 {
            break;
        }
        // Stays open for the life of the process.
        let _ = file.into_raw_fd();
    }
}
