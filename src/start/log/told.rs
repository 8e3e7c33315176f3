//! When a trouble is told: as it begins, once an hour while it lasts, and when it is over. One that comes and goes is
//! told no more often than that makes sense.

use crate::start::fault::Fault;
use crate::start::fault::trouble::Trouble;
use std::collections::VecDeque;
use std::time::Duration;

/// How often a trouble that lasts is told.
pub(crate) const AGAIN: Duration = Duration::from_hours(1);

/// In this time no more than [`LINES`] are told of one trouble, however often it comes and goes. What has not been told
/// by then is told when there is room, if it is still so.
pub(crate) const WINDOW: Duration = Duration::from_mins(10);

/// See [`WINDOW`].
const LINES: usize = 4;

/// What has been told of one trouble.
#[derive(Debug, Default)]
pub(crate) struct Telling {
    /// What it is now, or was last.
    pub(crate) trouble: Option<Trouble>,
    pub(crate) is_on: bool,
    /// What was told last: that it is on, or is not.
    pub(crate) is_told: bool,
    pub(crate) since: Duration,
    until: Duration,
    count: u64,
    last_told: Duration,
    /// When lines were told, within [`WINDOW`].
    lines: VecDeque<Duration>,
}

impl Telling {
    /// Whether a line may be told, and counts it.
    fn may_tell(&mut self, now: Duration) -> bool {
        while self.lines.front().is_some_and(|told| now >= *told + WINDOW) {
            self.lines.pop_front();
        }
        let may = self.lines.len() < LINES;
        if may {
            self.lines.push_back(now);
        }
        may
    }

    /// Takes in that the trouble is on.
    pub(crate) fn on(&mut self, trouble: Trouble, now: Duration) -> Option<String> {
        if !self.is_on {
            self.is_on = true;
            // One that was never told to be over goes on.
            if !self.is_told {
                (self.since, self.count) = (now, 0);
            }
        }
        self.trouble = Some(trouble);
        self.count += 1;
        if self.is_told && now < self.last_told + AGAIN {
            return None;
        }
        self.tell(now)
    }

    /// Takes in that the trouble is over since `until`.
    pub(crate) fn off(&mut self, until: Duration, now: Duration) -> Option<String> {
        self.is_on = false;
        self.until = until;
        if self.is_told { self.tell(now) } else { None }
    }

    /// Tells the present state, if it may.
    pub(crate) fn tell(&mut self, now: Duration) -> Option<String> {
        let trouble = self.trouble.clone()?;
        if !self.may_tell(now) {
            return None;
        }
        let was_told = std::mem::replace(&mut self.is_told, self.is_on);
        self.last_told = now;
        Some(if !self.is_on {
            trouble.over(self.until.saturating_sub(self.since))
        } else if was_told {
            trouble.lasting(now.saturating_sub(self.since), self.count)
        } else {
            Fault::from(trouble).line()
        })
    }

    /// When what is so can be told, if it is not what was told.
    pub(crate) fn next_wake(&self) -> Option<Duration> {
        (self.is_on != self.is_told).then(|| self.lines.front().map(|told| *told + WINDOW))?
    }
}
