//! How much memory an agent may take before it is restarted.

use crate::config;
use crate::os::environment::Environment;
use crate::start::fault::Fault;
use crate::start::fault::config::ConfigFault;
use crate::text::{self, MEGABYTE_OF_MEMORY};
use std::time::Duration;

/// The default limit, in MB. An agent of release 1.148.0 uses 8 MB of its own when it starts, and 20 to 30 MB after
/// waiting for half an hour.
const DEFAULT: u64 = 64;

/// When an agent is first looked at, and when it is looked at again if it has passed the limit and could not be ended.
const FIRST: Duration = Duration::from_mins(10);

/// The shortest time between two looks.
const SHORTEST: Duration = Duration::from_mins(1);

/// Shortens the two times above, in milliseconds. For tests.
const LOOK_MS: &str = "HOOP_BUILDPACK_LOOK_MS";

/// How much memory an agent may take, and how often it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MemoryLimit {
    /// In bytes; `None` for no limit.
    pub(crate) bytes: Option<u64>,
    /// When an agent is first looked at, and when it is looked at again if it has passed the limit and could not be
    /// ended.
    pub(crate) first: Duration,
    /// The shortest time between two looks.
    pub(crate) shortest: Duration,
}

impl MemoryLimit {
    /// Reads the limit. If the value is not a number, this is added to `faults` and the default is used.
    pub(crate) fn of(environment: &Environment, faults: &mut Vec<Fault>) -> Self {
        let megabytes = match environment.text(config::AGENT_MEMORY) {
            None => DEFAULT,
            Some(value) => megabytes(value).unwrap_or_else(|| {
                faults.push(Fault::Config(ConfigFault::MemoryInvalid {
                    value: text::excerpt(value, 40),
                    default: DEFAULT,
                }));
                DEFAULT
            }),
        };
        let shortened = environment.text(LOOK_MS).and_then(|value| value.parse().ok());
        let shortened = shortened.map(Duration::from_millis);
        Self {
            bytes: (megabytes > 0).then_some(megabytes * MEGABYTE_OF_MEMORY),
            first: shortened.unwrap_or(FIRST),
            shortest: shortened.unwrap_or(SHORTEST),
        }
    }
}

/// Reads a number of megabytes. More than a terabyte is taken for a mistake.
fn megabytes(value: &str) -> Option<u64> {
    let digits = value.trim();
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits
        .parse()
        .ok()
        .filter(|megabytes| is_number && *megabytes <= 1024 * 1024)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{MemoryLimit, megabytes};
    use crate::os::environment::Environment;

    pub(crate) fn limit(value: &str) -> MemoryLimit {
        let environment: Environment = [("HOOP_AGENT_MEMORY", value)].into_iter().collect();
        let mut faults = Vec::new();
        let limit = MemoryLimit::of(&environment, &mut faults);
        assert_eq!(faults, []);
        limit
    }

    #[test]
    fn only_a_whole_number_is_a_limit() {
        for (value, expected) in [
            ("64", Some(64)),
            (" 128 ", Some(128)),
            ("0", Some(0)),
            ("007", Some(7)),
            ("1048576", Some(1_048_576)),
            ("1048577", None),
            ("64MB", None),
            ("+64", None),
            ("-1", None),
            ("1.5", None),
            ("", None),
            ("off", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(megabytes(value), expected, "{value:?}");
        }
        let environment: Environment = [("HOOP_AGENT_MEMORY", "64MB")].into_iter().collect();
        let mut faults = Vec::new();
        assert_eq!(MemoryLimit::of(&environment, &mut faults), limit("64"));
        assert_eq!(faults.len(), 1);
    }
}
