//! Opens files that are to be read whole, where others may have put something else: a pipe without a writer would be
//! waited for without an end, and a device may do anything.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Opens the file `path` to read it, through links. Anything but a file is an error that says what it is.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    // Before it is opened: a device may be set going by that.
    require(&fs::metadata(path)?)?;
    let mut options = OpenOptions::new();
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = options.read(true).custom_flags(flags).open(path)?;
    // What has the name may be another thing by now.
    require(&file.metadata()?)?;
    Ok(file)
}

/// Refuses anything but a regular file.
fn require(found: &Metadata) -> io::Result<()> {
    let kind = found.file_type();
    let what = if kind.is_file() {
        return Ok(());
    } else if kind.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    } else if kind.is_fifo() {
        "a named pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    };
    Err(io::Error::other(format!("it is {what}, not a file")))
}
