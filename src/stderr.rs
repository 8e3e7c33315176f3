//! Lines to stderr that wait for nobody.
//!
//! A log whose reader has gone would end this process by SIGPIPE, and one whose reader has stopped would block it.
//! Either would keep an app from starting, or a build from ending, which it would not without us.

use crate::audience;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Writes one line if that is possible at once, and drops it if not.
pub(crate) fn say(line: &str) {
    if can_say() {
        // One write, so that the line does not tear. If it fails there is nobody to tell.
        let line = audience::words(format!("{line}\n"));
        let _ = rustix::io::write(rustix::stdio::stderr(), line.as_bytes());
    }
}

/// Answers whether stderr has a reader and takes a line at once.
pub(crate) fn can_say() -> bool {
    let stderr = rustix::stdio::stderr();
    let mut files = [PollFd::new(&stderr, PollFlags::OUT)];
    let polled = poll(&mut files, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
    polled.is_ok() && files[0].revents() == PollFlags::OUT
}
