//! Advice on a version that `HOOP_VERSION` asks for, and that can never do what the key asks for.

use crate::agent::key::{AgentKey, KeyMode};
use crate::agent::limits::Limit;
use crate::agent::version::Version;
use crate::messages::message::Message;
use crate::secret::Secret;

/// Advice on an agent that can never do what the key asks for. Where there is no key yet, or one that cannot be read,
/// what is certain of the version is told.
pub(super) fn advice(version: &Version, key: Option<&(&'static str, Secret)>) -> Option<Message> {
    let mode = key.and_then(|(_, key)| Some(AgentKey::parse(key).ok()?.mode));
    let limits = match mode {
        Some(mode) => Limit::of(version, mode).into_iter().collect(),
        None => Limit::all_of(version),
    };
    let mut limits = limits.iter().map(ToString::to_string);
    let first = limits.next()?;
    let mut message = Message::warning(format!("hoop agent {version} {first}."));
    for other in limits {
        message = message.text(format!("It {other}."));
    }
    let text = match key {
        Some((name, _)) if mode.is_some() => {
            format!(
                "HOOP_VERSION asks for this agent, and the key in {name} is such a key. Any agent from 1.21.23 on will \
                 do. Follow the newest one:"
            )
        }
        _ => "HOOP_VERSION asks for this agent. Any from 1.21.23 on takes every key. Follow the newest one:".to_owned(),
    };
    message = message.text(text).quote("heroku config:unset HOOP_VERSION");
    if mode == Some(KeyMode::Embedded) {
        message = message
            .text(
                "A newer agent publishes the names of HOOP_CONNECTION with an organization's key, which this command \
                shows:",
            )
            .quote("hoop admin get orgkeys");
    }
    Some(message)
}

#[cfg(test)]
mod tests {
    use super::advice;
    use crate::secret::Secret;

    /// The advice in one line.
    fn given(version: &str, key: Option<&str>) -> Option<String> {
        let key = key.map(|key| ("HOOP_KEY", Secret::new(key)));
        let message = advice(&version.parse().unwrap(), key.as_ref())?;
        Some(message.render().split_whitespace().collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn a_version_that_can_never_work_is_told_with_the_way_out() {
        let organization = "grpcs://_default:s3cr3t@gateway.example:8443";
        let multi = "grpcs://_default:s3cr3t@gateway.example:8443?mode=multi-connection";
        let embedded = "grpcs://web:s3cr3t@gateway.example:8443?mode=embedded";
        for (version, key, told) in [
            ("1.20.11", multi, "1.20.11 publishes the names"),
            ("1.20.0", organization, "1.20.0 refuses an agent key without ?mode="),
            (
                "1.19.63",
                multi,
                "1.19.63 refuses an agent key of mode multi-connection",
            ),
            ("1.19.63", embedded, "only to gateways up to 1.19.63"),
            (
                "1.14.10",
                embedded,
                "publishes only one name of HOOP_CONNECTION, and only to",
            ),
            ("1.14.6", embedded, "1.14.6 does not read an agent key"),
        ] {
            let advice = given(version, Some(key)).unwrap();
            assert!(advice.contains(told), "{advice}");
            assert!(advice.contains("heroku config:unset HOOP_VERSION"), "{advice}");
            assert!(!advice.contains("s3cr3t"), "{advice}");
        }
        for (version, key) in [("1.21.0", organization), ("1.148.0", multi), ("1.20.11", embedded)] {
            assert_eq!(given(version, Some(key)), None, "{version}");
        }
    }

    #[test]
    fn without_a_key_that_can_be_read_what_is_certain_of_a_version_is_told() {
        for key in [None, Some("nonsense")] {
            let advice = given("1.19.63", key).unwrap();
            for limit in ["of mode multi-connection.", "without ?mode=.", "up to 1.19.63."] {
                assert!(advice.contains(limit), "{advice}");
            }
            assert_eq!(given("1.21.0", key), None);
        }
    }
}
