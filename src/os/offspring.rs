//! Ends what the agent started while it proved itself, even if it is a fork of a fork, in a session of its own, or
//! ignores signals. This process is a subreaper for that time, so an orphan becomes its child, and keeps its id until
//! it is waited for.

use crate::os::processes;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, getpid, kill_process, set_child_subreaper, waitid};
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// How long it is tried to end them. A signal that cannot be ignored takes microseconds, but to a process that waits
/// for a disk.
const LIMIT: Duration = Duration::from_secs(5);

/// How often it is tried at once: what forks without an end is caught between two forks or not at all.
const ROUNDS_AT_ONCE: u32 = 2000;

/// The pause between two tries after those.
const PAUSE: Duration = Duration::from_millis(1);

/// All that the agent starts, from [`Offspring::adopt`] on.
#[derive(Clone, Debug)]
pub struct Offspring {
    /// The children that this process had before: those of a shell that has become it.
    strangers: Vec<i32>,
}

impl Offspring {
    /// Makes every orphan to come a child of this process. Called before the agent is started.
    pub fn adopt() -> Self {
        // Fails on no kernel since 3.4. Orphans of the agent's process group end in any case.
        let _ = set_child_subreaper(Some(getpid()));
        let strangers = if has_children() { children() } else { Vec::new() };
        Self { strangers }
    }

    /// Ends all of them, the agent too if it still runs. Returns whether that worked: it does not with a process that
    /// belongs to someone else by now.
    pub fn end(&self) -> bool {
        let is_done = self.end_children();
        let _ = set_child_subreaper(None);
        is_done
    }

    fn end_children(&self) -> bool {
        let started = Instant::now();
        for round in 0_u32.. {
            if !has_children() {
                return true;
            }
            let mut left = children();
            left.retain(|child| !self.strangers.contains(child));
            if left.is_empty() {
                return true;
            }
            for child in left.into_iter().filter_map(Pid::from_raw) {
                let _ = kill_process(child, Signal::KILL);
                let _ = waitid(WaitId::Pid(child), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
            }
            if round > ROUNDS_AT_ONCE {
                thread::sleep(PAUSE);
            }
            if started.elapsed() > LIMIT {
                break;
            }
        }
        false
    }
}

/// Whether this process has a child, a dead one included.
fn has_children() -> bool {
    let any = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    !matches!(waitid(WaitId::All, any), Err(rustix::io::Errno::CHILD))
}

/// The ids of this process's children.
fn children() -> Vec<i32> {
    let of_threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let lists: Option<Vec<String>> = of_threads
        // A thread may have ended; its children go to another one.
        .map(|thread| match fs::read_to_string(thread.path().join("children")) {
            Err(_) if !thread.path().exists() => Some(String::new()),
            list => list.ok(),
        })
        .collect();
    match lists {
        Some(lists) if !lists.is_empty() => {
            let ids = lists.iter().flat_map(|list| list.split_ascii_whitespace());
            ids.filter_map(|id| id.parse().ok()).collect()
        }
        // A kernel without these lists (CONFIG_PROC_CHILDREN).
        _ => {
            let own = std::process::id();
            let descendants = processes::descendants(own).into_iter();
            let children = descendants.filter(|process| process.parent == own);
            children.map(|process| process.pid.cast_signed()).collect()
        }
    }
}
