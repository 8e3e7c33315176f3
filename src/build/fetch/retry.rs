//! How long to wait for a server, and when to ask again.

use crate::environment::Environment;
use std::time::Duration;

/// The time limits of a transfer, and how it is tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For a connection and its TLS handshake.
    pub connect: Duration,
    /// Between two pieces of an answer.
    pub stall: Duration,
    /// For one file, all attempts together.
    pub whole: Duration,
    /// How often a file is asked for in all.
    pub attempts: u32,
    /// The pause before the second attempt; each later one is twice as long, give or take a quarter.
    pub first_pause: Duration,
}

/// The longest pause between two attempts, a server's `Retry-After` included. A build has 25 minutes in all
/// (<https://devcenter.heroku.com/articles/slug-compiler>).
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

impl Default for Patience {
    fn default() -> Self {
        Self {
            // Ten times what a handshake across the world takes.
            connect: Duration::from_secs(10),
            stall: Duration::from_secs(30),
            // A tarball of 45 MB at 100 kB/s, with room to spare.
            whole: Duration::from_mins(10),
            // One, and the five retries Heroku's own buildpacks make.
            attempts: 6,
            first_pause: Duration::from_secs(1),
        }
    }
}

impl Patience {
    /// Reads the limits that the build system sets: `CURL_CONNECT_TIMEOUT` and `CURL_TIMEOUT` in seconds, as
    /// Dokku's users know them, and `HOOP_BUILDPACK_RETRY_BASE_MS` and `HOOP_BUILDPACK_STALL_MS` in
    /// milliseconds, with which the tests shorten the waits. What is not a positive number is left out.
    pub fn of(environment: &Environment) -> Self {
        let number = |name: &str| environment.text(name)?.trim().parse().ok().filter(|number| *number > 0);
        let defaults = Self::default();
        Self {
            connect: number("CURL_CONNECT_TIMEOUT").map_or(defaults.connect, Duration::from_secs),
            whole: number("CURL_TIMEOUT").map_or(defaults.whole, Duration::from_secs),
            stall: number("HOOP_BUILDPACK_STALL_MS").map_or(defaults.stall, Duration::from_millis),
            first_pause: number("HOOP_BUILDPACK_RETRY_BASE_MS").map_or(defaults.first_pause, Duration::from_millis),
            attempts: defaults.attempts,
        }
    }

    /// Returns the pause after the failed attempt number `attempt` (from 1). `jitter` is from 0 to 1 and
    /// spreads the builds that one outage has stopped together.
    pub fn pause(&self, attempt: u32, jitter: f64) -> Duration {
        let doubled = self
            .first_pause
            .saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1)));
        doubled
            .min(LONGEST_PAUSE)
            .mul_f64(0.75 + 0.5 * jitter)
            .min(LONGEST_PAUSE)
    }
}

/// Returns the pause that a `Retry-After` of whole seconds asks for, cut to what a build can wait.
pub(super) fn retry_after(header: &str) -> Option<Duration> {
    let seconds = header.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::{LONGEST_PAUSE, Patience, retry_after};
    use crate::environment::Environment;
    use std::time::Duration;

    #[test]
    fn pauses_double_and_stay_within_their_limit() {
        let patience = Patience::default();

        assert_eq!(patience.pause(1, 0.5), Duration::from_secs(1));
        assert_eq!(patience.pause(3, 0.5), Duration::from_secs(4));
        assert_eq!(patience.pause(3, 0.0), Duration::from_secs(3));
        assert_eq!(patience.pause(3, 1.0), Duration::from_secs(5));
        assert_eq!(patience.pause(u32::MAX, 1.0), LONGEST_PAUSE);
    }

    #[test]
    fn the_build_system_sets_the_limits() {
        let environment: Environment = [("CURL_CONNECT_TIMEOUT", "3"), ("CURL_TIMEOUT", "never")]
            .into_iter()
            .collect();
        let patience = Patience::of(&environment);

        assert_eq!(patience.connect, Duration::from_secs(3));
        assert_eq!(patience.whole, Patience::default().whole);
    }

    #[test]
    fn retry_after_is_honoured_within_reason() {
        assert_eq!(retry_after(" 7 "), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("86400"), Some(LONGEST_PAUSE));
        assert_eq!(retry_after("Wed, 21 Oct 2026 07:28:00 GMT"), None);
    }
}
