//! Folders that others may have closed to their owner.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Removes the folder `path` with all that is in it, whatever modes an agent has given to folders there.
pub fn remove(path: &Path) -> io::Result<()> {
    fs::remove_dir_all(path).or_else(|_| {
        open_to_owner(path);
        fs::remove_dir_all(path)
    })
}

/// Lets the owner of the folder `path`, and of those below it, list and change them.
pub fn open_to_owner(path: &Path) {
    if fs::symlink_metadata(path).is_ok_and(|found| found.is_dir()) {
        let _ = fs::set_permissions(path, fs::Permissions::from_mode(0o700));
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            open_to_owner(&entry.path());
        }
    }
}
