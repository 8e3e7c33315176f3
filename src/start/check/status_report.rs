//! What `hoopstart --status` prints, and its exit status.

use crate::start::check::report::{UNNAMED, line};
use crate::start::supervise::status::{AgentStatus, AppStatus, State, Status};
use crate::text;
use indoc::indoc;
use serde::Serialize;
use std::fmt::{self, Write as _};
use std::time::Duration;

/// The exit status if everything is well.
const HEALTHY: i32 = 0;

/// The exit status if something is not.
const NOT_HEALTHY: i32 = 1;

/// The exit status if there is nobody to ask.
const NOTHING: i32 = 2;

/// How long a supervisor has to answer.
pub(crate) const LIMIT: Duration = Duration::from_secs(2);

/// The status of a container. docs/status.md describes its JSON, which programs rely on.
#[derive(Clone, Debug, Default, Serialize)]
pub struct StatusReport {
    /// What each supervisor says.
    pub apps: Vec<Status>,
    /// The apps whose supervisors do not answer.
    pub silent: Vec<AppStatus>,
}

impl StatusReport {
    /// The exit status.
    pub(crate) fn exit_status(&self) -> i32 {
        match () {
            () if self.apps.is_empty() && self.silent.is_empty() => NOTHING,
            () if self.silent.is_empty() && self.apps.iter().all(|status| status.healthy) => HEALTHY,
            () => NOT_HEALTHY,
        }
    }

    /// The report for programs: one line, without anything that a terminal obeys.
    pub fn json(&self) -> String {
        let json = serde_json::to_string(self).unwrap_or_default();
        text::visible(&json) + "\n"
    }
}

impl fmt::Display for StatusReport {
    /// The report for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.exit_status() == NOTHING {
            return f.write_str(indoc! {"
                No agent of this user runs here. A one-off dyno is not your app's dyno: to ask there, use \
                heroku ps:exec --dyno web.1
            "});
        }
        let apps = self.apps.iter().map(of_app);
        let blocks: Vec<String> = apps.chain(self.silent.iter().map(of_silent_app)).collect();
        f.write_str(&blocks.join("\n"))
    }
}

/// What is known of one app.
fn of_app(status: &Status) -> String {
    let mut block = String::new();
    let mut fact = |name: &str, value: &str| block.push_str(&line(name, value));
    fact("app", &named(&status.app));
    fact("state", if status.healthy { "healthy" } else { "not healthy" });
    fact(
        "agent",
        &format!(
            "{}, by buildpack {}",
            text::visible(&status.agent_version),
            text::visible(&status.buildpack_version)
        ),
    );
    fact("supervised", &format!("for {}", duration(status.seconds)));
    fact(
        "key",
        &match &status.key_visible_because {
            None => "hidden from this user's other processes".to_owned(),
            Some(why) => format!(
                "can be read by this user's other processes in /proc ({})",
                text::visible(why)
            ),
        },
    );
    for agent in &status.agents {
        let memory = agent.memory.map(|bytes| text::memory(bytes) + " of its own");
        fact(
            "connection",
            &text::visible(agent.connection.as_deref().unwrap_or(UNNAMED)),
        );
        if let Some(publishes) = &agent.publishes {
            fact("  publishes", &text::visible(publishes));
        }
        fact("  state", &state(agent));
        fact("  memory", memory.as_deref().unwrap_or("unknown"));
        if let Some(condition) = &agent.condition {
            fact(
                "  condition",
                &format!(
                    "for {}: {} [{}]",
                    duration(condition.seconds),
                    text::visible(&condition.text),
                    text::visible(&condition.id)
                ),
            );
        }
        for (number, line) in agent.lines.iter().enumerate() {
            fact(if number == 0 { "  last lines" } else { "" }, &text::visible(line));
        }
    }
    block
}

/// What is known of an app whose supervisor does not answer.
fn of_silent_app(app: &AppStatus) -> String {
    let seconds = LIMIT.as_secs();
    let silence = format!("does not answer within {seconds} s; the app is not affected");
    line("app", &named(app)) + &line("supervisor", &silence)
}

/// What an agent does, in words.
fn state(agent: &AgentStatus) -> String {
    let since = agent
        .seconds
        .map(|seconds| format!(", running for {}", duration(seconds)));
    let mut words = match (agent.state, agent.pid) {
        (State::Running, Some(pid)) => format!("process {pid}{}", since.unwrap_or_default()),
        (State::Running, None) => "being started".to_owned(),
        (State::Renewing, _) => "being restarted".to_owned(),
        (State::Waiting, _) => {
            let pause = agent.next_start_in_seconds.unwrap_or_default();
            format!("ended, next start in {}", duration(pause))
        }
        (State::Ended, _) => "ended, since the app is stopping".to_owned(),
    };
    // Writing to a String cannot fail.
    let _ = match agent.restarts {
        0 => Ok(()),
        1 => write!(words, ", restarted once"),
        restarts => write!(words, ", restarted {restarts} times"),
    };
    if agent.sessions > 0 {
        let _ = write!(words, ", sessions open: {}", agent.sessions);
    }
    words
}

/// An app by its program and process.
fn named(app: &AppStatus) -> String {
    format!("{} (process {})", text::visible(&app.name), app.pid)
}

/// A time in its two largest units.
fn duration(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match () {
        () if days > 0 => format!("{days} d {} h", hours % 24),
        () if hours > 0 => format!("{hours} h {} min", minutes % 60),
        () if minutes > 0 => format!("{minutes} min {} s", seconds % 60),
        () => format!("{seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::{StatusReport, duration};
    use crate::start::supervise::status::{AgentStatus, AppStatus, Status};

    fn app(name: &str) -> AppStatus {
        AppStatus {
            pid: 4,
            name: name.to_owned(),
        }
    }

    #[test]
    fn the_exit_status_says_healthy_not_or_nothing() {
        for (apps, silent, expected) in [
            (&[][..], 0, 2),
            (&[true], 0, 0),
            (&[true, false], 0, 1),
            (&[true], 1, 1),
            (&[], 1, 1),
        ] {
            let status = |healthy: &bool| Status {
                healthy: *healthy,
                ..Status::default()
            };
            let report = StatusReport {
                apps: apps.iter().map(status).collect(),
                silent: vec![AppStatus::default(); silent],
            };
            assert_eq!(report.exit_status(), expected, "{apps:?} {silent:?}");
        }
    }

    #[test]
    fn for_programs_all_is_one_object() {
        let report = StatusReport {
            apps: vec![Status::default(), Status::default()],
            silent: vec![app("a \"b\"")],
        };
        let json: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
        assert_eq!(json["apps"].as_array().unwrap().len(), 2);
        assert_eq!(json["silent"], serde_json::json!([{"pid": 4, "name": "a \"b\""}]));
        assert_eq!(StatusReport::default().json(), "{\"apps\":[],\"silent\":[]}\n");
    }

    #[test]
    fn whoever_answers_writes_nothing_that_a_terminal_obeys() {
        let evil = || "a\u{1b}[2J\rb\n\u{1b}]0;title\u{7}\u{202e}end".to_owned();
        let agent = AgentStatus {
            connection: Some(evil()),
            lines: vec![evil()],
            ..AgentStatus::default()
        };
        let status = Status {
            app: app(&evil()),
            agent_version: evil(),
            buildpack_version: evil(),
            key_visible_because: Some(evil()),
            agents: vec![agent],
            ..Status::default()
        };
        let report = StatusReport {
            apps: vec![status],
            silent: vec![app(&evil())],
        };
        for shown in [report.to_string(), report.json()] {
            let obeyed = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
            assert!(!shown.contains(obeyed), "{shown:?}");
        }
        assert_eq!(report.to_string().lines().count(), 12);
        assert_eq!(report.json().lines().count(), 1);
    }

    #[test]
    fn a_time_is_told_in_two_units() {
        for (seconds, words) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min 0 s"),
            (3_599, "59 min 59 s"),
            (86_399, "23 h 59 min"),
            (200_000, "2 d 7 h"),
        ] {
            assert_eq!(duration(seconds), words);
        }
    }
}
