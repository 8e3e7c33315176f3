//! Signals as a platform leaves them, however the tests themselves were started.

use hoop_buildpack::os::signals::is_ignored;
use rustix::process::Signal;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Once};

/// Lets what is started from now on hear its signals. `nohup` has HUP ignored, and a shell INT and QUIT of what it
/// starts in the background, and children are given that; but what a process catches is at its default in its children
/// (<https://man7.org/linux/man-pages/man7/signal.7.html>).
pub(crate) fn hear_signals() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for signal in [Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM] {
            if is_ignored(signal) {
                signal_hook::flag::register(signal.as_raw(), Arc::<AtomicBool>::default()).expect("it can be caught");
            }
        }
    });
}
