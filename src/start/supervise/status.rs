//! What a supervisor says of itself when it is asked: the answer to `hoopstart --status`.

use crate::start::supervise::inquiry::{self, Form};
use crate::text;
use serde::Serialize;
use std::fmt::Write as _;

/// What a supervisor says of itself. docs/status.md describes its form, which programs rely on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Status {
    /// The app.
    pub(crate) app: App,
    /// Whether every agent runs and nothing is known to be wrong with it. Of an app that is not known to be well, no.
    pub(crate) healthy: bool,
    /// The version of this buildpack.
    pub(crate) buildpack_version: String,
    /// The version of the agent.
    pub(crate) agent_version: String,
    /// How long the supervisor has run.
    pub(crate) seconds: u64,
    /// Whether other processes of the same user are kept from reading the key out of agent and supervisor.
    pub(crate) key_hidden: bool,
    /// Why they are not.
    pub(crate) key_visible_because: Option<String>,
    /// The agents.
    pub(crate) agents: Vec<Agent>,
}

/// A process that an agent runs beside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct App {
    /// Its id.
    pub(crate) pid: u32,
    /// The name of its program. Not its arguments, which may hold secrets.
    pub(crate) name: String,
}

/// One agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Agent {
    /// The connection it publishes.
    pub(crate) connection: Option<String>,
    /// What it does.
    pub(crate) state: State,
    /// Its process, while it runs.
    pub(crate) pid: Option<u32>,
    /// For how long it has been in its state, where that is known.
    pub(crate) seconds: Option<u64>,
    /// How long it is until the next start.
    pub(crate) next_start_in_seconds: Option<u64>,
    /// How often it was started again.
    pub(crate) restarts: u32,
    /// The memory it has of its own, in bytes.
    pub(crate) memory: Option<u64>,
    /// How many sessions it serves, as far as its log tells.
    pub(crate) sessions: usize,
    /// What is wrong with it now.
    pub(crate) condition: Option<Condition>,
    /// Its last lines in the log.
    pub(crate) lines: Vec<String>,
}

/// What an agent does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// It runs.
    Running,
    /// It ends, to be started anew.
    Renewing,
    /// It has ended, and is started again.
    Waiting,
    /// It has ended for good, since the app stops.
    #[default]
    Ended,
}

/// Something that is wrong with an agent that runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Condition {
    /// The failure id.
    pub(crate) id: String,
    /// What is wrong, as the log has it.
    pub(crate) text: String,
    /// For how long.
    pub(crate) seconds: u64,
}

/// How an answer begins that all is well, and that it is not.
pub(crate) const MARKS: [(u8, bool); 2] = [(b'+', true), (b'-', false)];

impl Status {
    /// Writes it down as a datagram in this form. The last lines are left out where they make it too long.
    pub(crate) fn into_datagram(mut self, form: Form) -> Vec<u8> {
        let datagram = self.datagram(form);
        if datagram.len() <= inquiry::LONGEST {
            return datagram;
        }
        for agent in &mut self.agents {
            agent.lines.clear();
        }
        self.datagram(form)
    }

    fn datagram(&self, form: Form) -> Vec<u8> {
        let mark = MARKS.iter().find(|(_, healthy)| *healthy == self.healthy);
        let mut datagram: Vec<u8> = mark.iter().map(|(mark, _)| *mark).collect();
        match form {
            Form::Text => datagram.extend(block(self).into_bytes()),
            Form::Json => datagram.extend(serde_json::to_vec(self).unwrap_or_default()),
        }
        datagram
    }
}

/// What is known of one app, a fact in each line.
fn block(status: &Status) -> String {
    let mut block = String::new();
    let mut fact = |name: &str, value: &str| add(&mut block, name, value);
    fact("app", &of_app(&status.app));
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
            None => "hidden from other processes of this user in agent and supervisor".to_owned(),
            Some(why) => format!(
                "can be read by other processes of this user in /proc ({})",
                text::visible(why)
            ),
        },
    );
    for agent in &status.agents {
        let name = agent.connection.as_deref().unwrap_or("those of this agent");
        fact("connection", &text::visible(name));
        fact("  state", &agent.words());
        fact(
            "  memory",
            &agent
                .memory
                .map_or_else(|| "not known".to_owned(), |bytes| text::memory(bytes) + " of its own"),
        );
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

impl Agent {
    /// Its state in words.
    fn words(&self) -> String {
        let since = self.seconds.map(|seconds| format!(" for {}", duration(seconds)));
        let mut words = match (self.state, self.pid) {
            (State::Running, Some(pid)) => format!("process {pid} runs{}", since.unwrap_or_default()),
            (State::Running, None) => "is being started".to_owned(),
            (State::Renewing, _) => "is being restarted".to_owned(),
            (State::Waiting, _) => {
                let pause = self.next_start_in_seconds.unwrap_or_default();
                format!("has ended, next start in {}", duration(pause))
            }
            (State::Ended, _) => "has ended, since the app is stopping".to_owned(),
        };
        if self.restarts > 0 {
            let _ = write!(words, ", started again {}", times(self.restarts));
        }
        if self.sessions > 0 {
            let _ = write!(words, ", sessions open: {}", self.sessions);
        }
        words
    }
}

/// An app in words.
pub(crate) fn of_app(app: &App) -> String {
    format!("{} (process {})", text::visible(&app.name), app.pid)
}

/// A number of times in words.
fn times(number: u32) -> String {
    match number {
        1 => "once".to_owned(),
        number => format!("{number} times"),
    }
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

/// Adds a line to `report`, aligned as those of `--check`.
pub(crate) fn add(report: &mut String, name: &str, value: &str) {
    let name = if name.is_empty() {
        String::new()
    } else {
        format!("{name}:")
    };
    // Writing to a String cannot fail.
    let _ = writeln!(report, "{name:14}{value}");
}

#[cfg(test)]
mod tests {
    use super::{Agent, App, Condition, Form, State, Status, block, duration};

    fn status() -> Status {
        Status {
            app: App {
                pid: 4,
                name: "puma".to_owned(),
            },
            healthy: true,
            buildpack_version: "0.1.0".to_owned(),
            agent_version: "1.148.0".to_owned(),
            seconds: 90_061,
            key_hidden: true,
            key_visible_because: None,
            agents: vec![Agent {
                connection: Some("orders".to_owned()),
                state: State::Running,
                pid: Some(17),
                seconds: Some(3_720),
                restarts: 1,
                memory: Some(9 * 1024 * 1024),
                sessions: 2,
                lines: vec!["hoop | one".to_owned(), "hoop | two\u{1b}".to_owned()],
                ..Agent::default()
            }],
        }
    }

    #[test]
    fn a_healthy_app_is_told_in_aligned_lines() {
        assert_eq!(
            block(&status()),
            "app:          puma (process 4)\n\
             state:        healthy\n\
             agent:        1.148.0, by buildpack 0.1.0\n\
             supervised:   for 1 d 1 h\n\
             key:          hidden from other processes of this user in agent and supervisor\n\
             connection:   orders\n  \
               state:      process 17 runs for 1 h 2 min, started again once, sessions open: 2\n  \
               memory:     9.0 MB of its own\n  \
               last lines: hoop | one\n              hoop | two<escape>\n"
        );
    }

    #[test]
    fn an_agent_that_is_not_well_is_told_with_what_is_wrong() {
        let mut status = status();
        status.healthy = false;
        status.key_visible_because = Some("it runs as root".to_owned());
        status.agents = vec![
            Agent {
                state: State::Waiting,
                next_start_in_seconds: Some(61),
                restarts: 3,
                ..Agent::default()
            },
            Agent {
                state: State::Running,
                pid: Some(18),
                seconds: Some(1),
                condition: Some(Condition {
                    id: "agent::refused".to_owned(),
                    text: "the gateway refuses the key".to_owned(),
                    seconds: 120,
                }),
                ..Agent::default()
            },
        ];
        let text = block(&status);

        for line in [
            "state:        not healthy\n",
            "key:          can be read by other processes of this user in /proc (it runs as root)\n",
            "connection:   those of this agent\n",
            "  state:      has ended, next start in 1 min 1 s, started again 3 times\n",
            "  memory:     not known\n",
            "  condition:  for 2 min 0 s: the gateway refuses the key [agent::refused]\n",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }

    #[test]
    fn a_datagram_holds_the_whole_and_of_too_much_all_but_the_lines() {
        let text = String::from_utf8(status().into_datagram(Form::Text)).unwrap();
        assert_eq!(text, format!("+{}", block(&status())));
        let mut large = status();
        large.healthy = false;
        large.agents = vec![
            Agent {
                lines: vec!["\u{1f600}".repeat(400)],
                ..Agent::default()
            };
            128
        ];
        for form in [Form::Text, Form::Json] {
            let datagram = large.clone().into_datagram(form);
            assert!(datagram.len() < super::inquiry::LONGEST, "{}", datagram.len());
            assert_eq!(datagram[0], b'-');
        }
        let json = large.into_datagram(Form::Json);
        let json: serde_json::Value = serde_json::from_slice(&json[1..]).unwrap();
        assert_eq!(json["agents"].as_array().unwrap().len(), 128);
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
