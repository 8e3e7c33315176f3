//! What a pinned version of the agent can never do.

use crate::agent_key::{AgentKey, KeyMode};
use crate::agent_limits::Limit;
use crate::build::config::RunTimeVars;
use crate::messages::Message;
use crate::version::Version;

/// Advice on an agent that can never do what the key asks for. Where there is no key yet, or one that cannot be read,
/// what is certain of the version is told.
pub(super) fn advice(version: &Version, run_time: &RunTimeVars) -> Option<Message> {
    let key = run_time.key.as_ref();
    let mode = key.and_then(|(_, key)| Some(AgentKey::parse(key).ok()?.mode));
    let limits = match mode {
        Some(mode) => Limit::of(version, mode).into_iter().collect(),
        None => Limit::all_of(version),
    };
    let mut limits = limits.iter().map(ToString::to_string);
    let first = limits.next()?;
    let mut message = Message::new(format!("hoop agent {version} {first}."));
    for other in limits {
        message = message.text(format!("It {other}."));
    }
    let text = match key {
        Some((name, _)) if mode.is_some() => {
            format!(
                "HOOP_VERSION asks for this agent, and the key in {name} is such a key. Any agent from 1.21.23 on will do. Follow the newest one:"
            )
        }
        _ => "HOOP_VERSION asks for this agent. Any from 1.21.23 on takes every key. Follow the newest one:".to_owned(),
    };
    message = message.text(text).quote("heroku config:unset HOOP_VERSION");
    if mode == Some(KeyMode::Embedded) {
        message = message
            .text("A newer agent publishes the names of HOOP_CONNECTION with an organisation's key, which this command shows:")
            .quote("hoop admin get orgkeys");
    }
    Some(message)
}

#[cfg(test)]
mod tests {
    use crate::build::advise::App;
    use crate::build::config::RunTimeVars;
    use crate::build::survey::{OtherBuildpacks, ProcfileState};
    use crate::messages::Tone;
    use crate::secret::Secret;

    /// The advice on a version that is pinned, in one line each.
    fn given_of_version(version: &str, key: Option<&str>, is_pinned: bool) -> Vec<String> {
        let version = version.parse().unwrap();
        let run_time = RunTimeVars {
            key: key.map(|key| ("HOOP_KEY", Secret::new(key))),
            switches: vec![("HOOP_AUTOSTART", "on".to_owned())],
            ..RunTimeVars::default()
        };
        let app = App {
            agent: Some(&version),
            is_pinned,
            procfile: &ProcfileState::Missing,
            run_time: &run_time,
            others: &OtherBuildpacks::default(),
        };
        let one_line = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
        super::super::advice(&app)
            .iter()
            .map(|message| one_line(message.render(Tone::Warning)))
            .collect()
    }

    #[test]
    fn a_pinned_version_that_can_never_work_is_told_with_the_way_out() {
        let organisation = "grpcs://_default:s3cr3t@gateway.example:8443";
        let multi = "grpcs://_default:s3cr3t@gateway.example:8443?mode=multi-connection";
        let embedded = "grpcs://web:s3cr3t@gateway.example:8443?mode=embedded";
        for (version, key, told) in [
            ("1.20.11", multi, "1.20.11 publishes the names"),
            ("1.20.0", organisation, "1.20.0 refuses an agent key without ?mode="),
            (
                "1.19.63",
                multi,
                "1.19.63 refuses an agent key of mode multi-connection",
            ),
            ("1.19.63", embedded, "only to a gateway up to 1.19.63"),
            (
                "1.14.10",
                embedded,
                "publishes one name of HOOP_CONNECTION, and only to",
            ),
            ("1.14.6", embedded, "1.14.6 takes no agent key"),
        ] {
            let advice = given_of_version(version, Some(key), true);
            assert_eq!(advice.len(), 1, "{version} {advice:?}");
            assert!(advice[0].contains(told), "{}", advice[0]);
            assert!(advice[0].contains("heroku config:unset HOOP_VERSION"), "{}", advice[0]);
            assert!(!advice[0].contains("s3cr3t"), "{}", advice[0]);
            assert_eq!(given_of_version(version, Some(key), false), [] as [&str; 0]);
        }
        for (version, key) in [("1.21.0", organisation), ("1.148.0", multi), ("1.20.11", embedded)] {
            assert_eq!(given_of_version(version, Some(key), true), [] as [&str; 0], "{version}");
        }
    }

    #[test]
    fn without_a_key_what_is_certain_of_a_pinned_version_is_told() {
        let advice = given_of_version("1.19.63", None, true);
        assert_eq!(advice.len(), 1);
        for limit in ["of mode multi-connection.", "without ?mode=.", "up to 1.19.63."] {
            assert!(advice[0].contains(limit), "{}", advice[0]);
        }
        assert_eq!(given_of_version("1.21.0", None, true), [] as [&str; 0]);
    }
}
