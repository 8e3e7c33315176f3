//! `bin/detect`: says that this buildpack applies.
//!
//! It always does. A buildpack that is listed was asked for, and one that does not apply rejects the whole push.

use fs_err as fs;
use std::io;
use std::path::Path;

/// What the platform shows as "NAME app detected".
pub const NAME: &str = "Hoop agent";

/// Checks that `build_dir` is a folder that can be read: without one there is nothing to apply to.
pub fn applies_to(build_dir: &Path) -> io::Result<()> {
    fs::read_dir(build_dir).map(drop)
}
