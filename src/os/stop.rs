//! A build that is stopped from outside: Ctrl-C, a platform that shuts down, a terminal that goes away.
//!
//! A thread waits for such a signal, removes what the build has made so far and ends the process with the status
//! a shell gives to a signal: 128 and its number. The build's own threads need not look out for it. What keeps
//! the two apart is one lock, over the list of what has to go: whoever holds it may change what others will see.
//! The build takes it to put files into place; the signal's thread never lets it go again.

use crate::os::offspring::Offspring;
use crate::os::{folders, stderr};
use rustix::process::Signal;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// The signals that stop a build, and their names.
const STOPPING: [(Signal, &str); 3] = [
    (Signal::HUP, "SIGHUP"),
    (Signal::INT, "SIGINT"),
    (Signal::TERM, "SIGTERM"),
];

/// How often a folder is removed again into which the build wrote meanwhile. It can make a handful of files more
/// before it finds its folder gone.
const MOST_TRIES: u32 = 100;

/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(5);

/// What a build has made that must go if it is stopped.
#[derive(Debug, Default)]
struct Leftovers {
    folders: Vec<PathBuf>,
    files: Vec<PathBuf>,
    /// Folders to remove where nothing is in them, the innermost last.
    empty_folders: Vec<PathBuf>,
    /// The processes of the agent that proves itself.
    offspring: Option<Offspring>,
}

/// What to remove when a build is stopped. All clones mean the same build.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<Mutex<Leftovers>>);

impl Stop {
    /// Waits for signals from now on. One that whoever started us ignores, as `nohup` does, stays ignored.
    pub fn listen() -> io::Result<Self> {
        let stop = Self::default();
        let (mut woken, waker) = UnixStream::pair()?;
        let received = Arc::new(AtomicUsize::new(0));
        // All that can fail comes before the first signal is caught: what is caught must be about this build.
        let mut signals = Vec::new();
        for (signal, _) in STOPPING {
            if !crate::os::signals::is_ignored(signal) {
                signals.push((signal.as_raw(), waker.try_clone()?));
            }
        }
        let stopped = stop.clone();
        let number = Arc::clone(&received);
        thread::Builder::new().spawn(move || {
            if woken.read_exact(&mut [0]).is_ok() {
                stopped.end(number.load(Ordering::SeqCst));
            }
        })?;
        for (number, waker) in signals {
            // In this order: the thread that is woken asks for the number.
            let caught =
                signal_hook::flag::register_usize(number, Arc::clone(&received), number.unsigned_abs() as usize)
                    .and_then(|_| signal_hook::low_level::pipe::register(number, waker));
            debug_assert!(caught.is_ok(), "these signals can be caught: {caught:?}");
        }
        Ok(stop)
    }

    /// Keeps the build from being stopped as long as the guard lives. Never returns in a build that is being
    /// stopped.
    pub fn hold(&self) -> Held<'_> {
        // A panic of the build is no reason to leave its files.
        Held(self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Removes what the build has made, and ends the process.
    fn end(&self, number: usize) -> ! {
        let leftovers = self.hold();
        leftovers.0.remove();
        let name = STOPPING
            .iter()
            .find(|(signal, _)| usize::try_from(signal.as_raw()) == Ok(number));
        let name = name.map_or("a signal", |(_, name)| name);
        // Not by the build log: a thread of the build may hold it, and wait for its reader.
        stderr::say(&format!(
            " !     The build was stopped by {name}. Its scratch files are removed."
        ));
        // At once: an orderly exit would wait for locks that the build's threads hold.
        signal_hook::low_level::exit(i32::try_from(128 + number).unwrap_or(i32::MAX))
    }
}

/// The right to change what others see. See [`Stop::hold`].
pub struct Held<'a>(MutexGuard<'a, Leftovers>);

impl Held<'_> {
    /// Notes a folder that must go with all that is in it.
    pub fn add_folder(&mut self, path: PathBuf) {
        self.0.folders.push(path);
    }

    /// Notes a file that must go. It may have gone by then.
    pub fn add_file(&mut self, path: PathBuf) {
        self.0.files.push(path);
    }

    /// Notes a folder that must go if there is nothing in it by then.
    pub fn add_empty_folder(&mut self, path: PathBuf) {
        self.0.empty_folders.push(path);
    }

    /// Notes the processes that must end, or that they have.
    pub fn set_offspring(&mut self, offspring: Option<Offspring>) {
        self.0.offspring = offspring;
    }
}

impl Leftovers {
    /// Removes everything. Nobody could be told of what cannot be removed but the one who just stopped the build.
    fn remove(&self) {
        if let Some(offspring) = &self.offspring {
            offspring.end();
        }
        for folder in &self.folders {
            remove_folder(folder);
        }
        for file in &self.files {
            let _ = fs::remove_file(file);
        }
        for folder in self.empty_folders.iter().rev() {
            let _ = fs::remove_dir(folder);
        }
    }
}

/// Removes `folder` and all that is in it, also while the build still writes to it.
fn remove_folder(folder: &Path) {
    for _ in 0..MOST_TRIES {
        if folders::remove(folder).is_ok() || !folder.exists() {
            return;
        }
        thread::sleep(PAUSE);
    }
}
