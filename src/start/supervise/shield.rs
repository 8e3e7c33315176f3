//! Keeps the agent key out of reach of other processes of the same user, as far as the kernel does that.
//!
//! A session runs as the user that the agent runs as, and may read that user's `/proc/PID/environ` and memory. Not of
//! a process that is not dumpable (<https://man7.org/linux/man-pages/man2/PR_SET_DUMPABLE.2const.html>), which is
//! one that says so of itself, or one whose program its user may execute and not read. Root reads everything.
//!
//! Never at build: whoever packs the slug must read all of it.

use crate::start::fault::gap::Gap;
use rustix::fs::{FileType, Mode, OFlags, fchmod, fstat, fstatfs, open};
use rustix::io::Errno;
use rustix::process::{DumpableBehavior, geteuid, set_dumpable_behavior};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// File systems on which a change of a mode copies the file, all 100 MB of it: overlayfs, aufs, and FUSE, where it may
/// be one of those (`statfs(2)`, <https://man7.org/linux/man-pages/man2/statfs.2.html>).
const COPYING: [u64; 3] = [0x794c_7630, 0x6175_6673, 0x6573_5546];

/// The bits of a mode that let someone execute a file.
const EXECUTE: u32 = 0o111;

/// Makes this process one that only root can look into. What needs `/proc/self` to be its own must be opened before.
pub(crate) fn hide_this_process() {
    // Best effort: an old kernel or a sandbox may not do it, and it is looked at, not assumed.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

/// Takes from the file `program` what lets its owner read it, so that a process of it is not dumpable. Returns why
/// that was not done.
pub(crate) fn hide_program(program: &Path) -> Result<(), Gap> {
    if geteuid().is_root() {
        return Err(Gap::Root);
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match open(program, flags, Mode::empty()) {
        Ok(file) => file,
        // It cannot be read already, by an earlier start.
        Err(Errno::ACCESS) => return Ok(()),
        Err(Errno::LOOP) => return Err(Gap::Shared),
        Err(errno) => return Err(refused(errno)),
    };
    hide_file(&file)
}

/// As [`hide_program`], of a file that is open.
fn hide_file(file: impl AsFd) -> Result<(), Gap> {
    let stat = fstat(&file).map_err(refused)?;
    if stat.st_uid != geteuid().as_raw() {
        return Err(Gap::Foreign);
    }
    if stat.st_nlink != 1 {
        return Err(Gap::Shared);
    }
    let mut magic = [0; 4];
    let is_program = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
        && rustix::io::pread(&file, &mut magic, 0) == Ok(4)
        && magic == *b"\x7fELF";
    if !is_program {
        return Err(Gap::Script);
    }
    let system = fstatfs(&file).map_err(refused)?;
    // Compared as the 32 bits it has: the type differs between architectures.
    #[expect(clippy::cast_sign_loss, reason = "a magic number, not a quantity")]
    if COPYING.contains(&(system.f_type as u64 & 0xffff_ffff)) {
        return Err(Gap::Copying);
    }
    fchmod(&file, Mode::from_raw_mode(stat.st_mode & EXECUTE)).map_err(refused)
}

fn refused(errno: Errno) -> Gap {
    Gap::Refused(errno.raw_os_error())
}

/// Whether only root can look into the process `pid`: files of `/proc` that show what is inside are then
/// root's (<https://man7.org/linux/man-pages/man5/proc.5.html>).
pub(crate) fn is_hidden(pid: u32) -> bool {
    let user = geteuid();
    let owner = std::fs::metadata(format!("/proc/{pid}/environ")).map(|file| file.uid());
    !user.is_root() && owner.is_ok_and(|owner| owner != user.as_raw())
}
