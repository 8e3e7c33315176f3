//! How long to wait for a server, and when to ask again.

use crate::os::environment::Environment;
use std::time::{Duration, SystemTime};

/// The time limits of a transfer, and how it is tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For a connection and its TLS handshake.
    pub connect: Duration,
    /// Between two pieces of an answer.
    pub stall: Duration,
    /// For one file, all attempts together.
    pub whole: Duration,
    /// How often a file is asked for in all. An attempt may take two requests: for the rest, and where a server has
    /// none of it, for the whole.
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

    /// How long a server may send nothing: longer than a connection may take, since the head of an answer is
    /// waited for from the connection on, and no longer than all of it may.
    pub fn silence(&self) -> Duration {
        let connected = self.connect.saturating_add(Duration::from_secs(1));
        self.stall.max(connected).min(self.whole)
    }

    /// The pause after the failed attempt number `attempt` (from 1). `jitter` is from 0 to 1 and
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

/// The pause that a `Retry-After` asks for, which is a number of seconds or a date
/// (<https://www.rfc-editor.org/rfc/rfc9110#field.retry-after>), cut to what a build can wait. A server that
/// asks for none leaves it to us: several at once would find it as it is.
pub(super) fn retry_after(header: &str, now: SystemTime) -> Option<Duration> {
    let header = header.trim();
    let pause = if let Ok(seconds) = header.parse() {
        Duration::from_secs(seconds)
    } else {
        let date = httpdate::parse_http_date(header).ok()?;
        date.duration_since(now).unwrap_or_default()
    };
    (!pause.is_zero()).then(|| pause.min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::{LONGEST_PAUSE, Patience, retry_after};
    use crate::os::environment::Environment;
    use std::time::{Duration, UNIX_EPOCH};

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
    fn retry_after_is_honored_within_reason() {
        let now = UNIX_EPOCH + Duration::from_secs(1_792_567_670);

        for (header, pause) in [
            (" 7 ", Some(Duration::from_secs(7))),
            ("86400", Some(LONGEST_PAUSE)),
            ("Wed, 21 Oct 2026 07:28:00 GMT", Some(Duration::from_secs(10))),
            ("Thu, 22 Oct 2026 07:28:00 GMT", Some(LONGEST_PAUSE)),
            ("Tue, 20 Oct 2026 07:28:00 GMT", None),
            ("0", None),
            // The two older forms that a recipient must still accept.
            ("Wednesday, 21-Oct-26 07:28:00 GMT", Some(Duration::from_secs(10))),
            ("Wed Oct 21 07:28:00 2026", Some(Duration::from_secs(10))),
            ("-7", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(retry_after(header, now), pause, "{header:?}");
        }
    }
}
