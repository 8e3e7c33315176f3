//! When an agent's memory is looked at, and whether it is past its limit. Pure, but for `own`.
//!
//! An agent leaks while it waits for its first session, or for its gateway. To look wakes the supervisor, so it looks
//! when the limit may have been reached: at the fastest growth that was ever seen, or at that of this agent if it is
//! faster. Beside that it looks, at most once a minute, when it is awake in any case.

use crate::start::plan::memory_limit::MemoryLimit;
use crate::text::MEGABYTE_OF_MEMORY as MEGABYTE;
use std::fs::File;
use std::io::Read as _;
use std::time::Duration;

/// The fastest growth of an agent that was seen while nobody used it, in bytes a minute: from 8 to 13 MiB in the first
/// ten minutes of waiting.
const FASTEST: u64 = MEGABYTE / 2;

/// What is known of one agent's memory. Times are measured from the start of the supervisor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Watch {
    limit: MemoryLimit,
    last: Option<(Duration, u64)>,
    started: Duration,
    due: Duration,
}

impl Watch {
    /// Begins with an agent that is started at the time `now`.
    pub(crate) fn new(limit: MemoryLimit, now: Duration) -> Self {
        Self {
            limit,
            last: None,
            started: now,
            due: now + limit.first,
        }
    }

    /// When the agent must be looked at, if ever.
    pub(crate) fn next_wake(&self) -> Option<Duration> {
        self.limit.bytes.map(|_| self.due)
    }

    /// Whether the agent is to be looked at, by a supervisor that is awake.
    pub(crate) fn is_due(&self, now: Duration) -> bool {
        let last = self.last.map_or(self.started, |(time, _)| time);
        self.limit.bytes.is_some() && (now >= self.due || now >= last + self.limit.shortest)
    }

    /// Takes in that the agent has `own` bytes of its own at the time `now`; nothing is known of one that has none.
    /// Whether it has passed the limit.
    pub(crate) fn looked(&mut self, now: Duration, own: Option<u64>) -> bool {
        let (Some(limit), Some(own)) = (self.limit.bytes, own) else {
            self.due = now + self.limit.first;
            return false;
        };
        let seen = self.last.map_or(0, |(time, before)| {
            let minutes = now.saturating_sub(time).as_secs_f64() / 60.0;
            growth(own.saturating_sub(before), minutes)
        });
        self.last = Some((now, own));
        let Some(left) = limit.checked_sub(own) else {
            self.due = now + self.limit.first;
            return true;
        };
        #[expect(clippy::cast_precision_loss, reason = "bytes of a process, to tell a time by")]
        let minutes = left as f64 / seen.max(FASTEST) as f64;
        self.due = now + Duration::from_secs_f64(minutes * 60.0).max(self.limit.shortest);
        false
    }
}

/// By how many bytes a minute something grows that has grown by `bytes` in `minutes`.
fn growth(bytes: u64, minutes: f64) -> u64 {
    if minutes <= 0.0 {
        return 0;
    }
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate; what is too large for the type becomes its largest number"
    )]
    let rate = (bytes as f64 / minutes) as u64;
    rate
}

/// How many bytes of memory the process `pid` has for itself: those without a file behind them, in memory or
/// swapped out. `None` where the kernel does not say. Unlike `smaps_rollup`, the file that says it can be read of a
/// process that cannot be looked into.
pub(crate) fn own(pid: u32) -> Option<u64> {
    let mut bytes = [0; 4096];
    let length = File::open(format!("/proc/{pid}/status"))
        .and_then(|mut file| file.read(&mut bytes))
        .ok()?;
    own_of_status(std::str::from_utf8(&bytes[..length]).ok()?)
}

/// Reads a `status` file (<https://man7.org/linux/man-pages/man5/proc_pid_status.5.html>).
fn own_of_status(status: &str) -> Option<u64> {
    let kibibytes = |name: &str| -> Option<u64> {
        let value = status.lines().find_map(|line| line.strip_prefix(name))?;
        value.trim().strip_suffix(" kB")?.parse().ok()
    };
    Some((kibibytes("RssAnon:")? + kibibytes("VmSwap:").unwrap_or(0)) * 1024)
}

#[cfg(test)]
mod tests {
    use super::{MEGABYTE, MemoryLimit, Watch, own, own_of_status};
    use crate::start::plan::memory_limit::tests::limit;
    use std::time::Duration;

    fn minutes(minutes: u64) -> Duration {
        Duration::from_mins(minutes)
    }

    /// Watches an agent that takes `own` at each time, for `hours`. Returns when it is looked at by a timer, and when
    /// it was first seen to have passed the limit.
    fn looks(limit: MemoryLimit, hours: u64, own: impl Fn(Duration) -> u64) -> (Vec<Duration>, Option<Duration>) {
        let mut watch = Watch::new(limit, Duration::ZERO);
        let mut looks = Vec::new();
        while let Some(due) = watch.next_wake().filter(|due| *due <= Duration::from_hours(hours)) {
            looks.push(due);
            if watch.looked(due, Some(own(due))) {
                return (looks, Some(due));
            }
        }
        (looks, None)
    }

    #[test]
    fn an_agent_that_does_not_grow_is_looked_at_a_dozen_times_a_day() {
        let (looks, passed) = looks(limit("64"), 24, |_| 8 * MEGABYTE);

        assert_eq!(passed, None);
        assert_eq!(looks.len(), 13, "{looks:?}");
        assert_eq!(looks[0], minutes(10));
    }

    #[test]
    fn an_agent_that_leaks_as_the_real_one_does_is_found_soon_after_it_passed_the_limit() {
        // 8 MiB at the start, 13 after ten minutes, 23 after thirty, then 0.13 a minute.
        let own = |time: Duration| {
            let minutes = time.as_secs_f64() / 60.0;
            let megabytes = match minutes {
                ..10.0 => 8.0 + minutes * 0.5,
                10.0..30.0 => 13.0 + (minutes - 10.0) * 0.5,
                _ => 23.0 + (minutes - 30.0) * 0.13,
            };
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few megabytes")]
            let bytes = (megabytes * 1024.0 * 1024.0) as u64;
            bytes
        };
        let (looks, passed) = looks(limit("64"), 24, own);

        // It passes after 345 min 20 s.
        let passed = passed.unwrap();
        assert!(passed >= minutes(345) && passed <= minutes(347), "{passed:?}");
        assert!(looks.len() < 25, "{}: {looks:?}", looks.len());
        let closest = looks
            .windows(2)
            .map(|pair| pair[1].saturating_sub(pair[0]))
            .min()
            .unwrap();
        assert!(closest >= minutes(1), "{closest:?}");
    }

    #[test]
    fn whatever_grows_it_is_never_looked_at_more_often_than_once_a_minute() {
        for speed in [1, 10, 100, 10_000] {
            let own = |time: Duration| time.as_secs() * speed * MEGABYTE / 60;
            let (looks, passed) = looks(limit("2000"), 240, own);

            assert!(passed.is_some(), "{speed}");
            assert!(
                looks
                    .windows(2)
                    .all(|pair| pair[1].saturating_sub(pair[0]) >= minutes(1)),
                "{speed}: {looks:?}"
            );
        }
    }

    #[test]
    fn one_that_is_past_the_limit_and_in_use_is_looked_at_every_ten_minutes() {
        let mut watch = Watch::new(limit("1"), Duration::ZERO);

        for now in [10, 20, 30] {
            assert_eq!(watch.next_wake(), Some(minutes(now)));
            assert!(watch.looked(minutes(now), Some(2 * MEGABYTE)));
        }
    }

    #[test]
    fn a_supervisor_that_is_awake_looks_once_a_minute() {
        let mut watch = Watch::new(limit("64"), minutes(5));

        assert!(!watch.is_due(Duration::from_millis(6 * 60_000 - 1)));
        assert!(watch.is_due(minutes(6)));
        assert!(!watch.looked(minutes(6), Some(8 * MEGABYTE)));
        assert!(!watch.is_due(Duration::from_millis(7 * 60_000 - 1)));
        assert!(watch.is_due(minutes(7)));
    }

    #[test]
    fn without_a_limit_and_without_a_number_nothing_is_past_it() {
        let watch = Watch::new(limit("0"), Duration::ZERO);
        assert_eq!(watch.next_wake(), None);
        assert!(!watch.is_due(minutes(600)));

        let mut watch = Watch::new(limit("1"), Duration::ZERO);
        assert!(!watch.looked(minutes(10), None));
        assert_eq!(watch.next_wake(), Some(minutes(20)));
    }

    #[test]
    fn memory_with_a_file_behind_it_is_not_a_process_s_own_and_swapped_memory_is() {
        let status =
            "Name:\thoop\nVmRSS:\t   60000 kB\nRssAnon:\t    8192 kB\nRssFile:\t   51808 kB\nVmSwap:\t    1024 kB\n";
        assert_eq!(own_of_status(status), Some(9 * MEGABYTE));
        assert_eq!(own_of_status("RssAnon:\t 1 kB\n"), Some(1024));
        // As a kernel before 4.5 and some sandboxes have it.
        assert_eq!(own_of_status("VmRSS:\t 60000 kB\n"), None);
        assert!(own(std::process::id()).is_some_and(|bytes| bytes > 0));
    }
}
