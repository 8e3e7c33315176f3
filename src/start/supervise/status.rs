//! What a supervisor says of itself when it is asked: the answer to `hoopstart --status`.

use crate::start::supervise::inquiry;
use serde::{Deserialize, Serialize};

/// The status of an app and its agents. docs/status.md describes its form, which programs rely on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    pub app: AppStatus,
    /// Whether every agent runs and none is known to have a problem.
    pub healthy: bool,
    /// The version of this buildpack.
    pub buildpack_version: String,
    /// The version of the agent.
    pub agent_version: String,
    /// How long the supervisor has run.
    pub seconds: u64,
    /// Whether other processes of the same user are kept from reading the key out of agents and supervisor.
    pub key_hidden: bool,
    /// Why they are not.
    pub key_visible_because: Option<String>,
    pub agents: Vec<AgentStatus>,
}

/// A process that an agent runs beside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppStatus {
    pub pid: u32,
    /// The name of its program. Not its arguments, which may hold secrets.
    pub name: String,
}

/// One agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentStatus {
    /// The connection it publishes.
    pub connection: Option<String>,
    /// What that is and by which rules, if `hoop.yml` says so.
    #[serde(default)]
    pub publishes: Option<String>,
    /// What it does.
    pub state: State,
    /// Its process, while it runs.
    pub pid: Option<u32>,
    /// How long it has been in its state, if known.
    pub seconds: Option<u64>,
    /// How long it is until the next start.
    pub next_start_in_seconds: Option<u64>,
    /// How often it was started again.
    pub restarts: u32,
    /// Its own memory, in bytes.
    pub memory: Option<u64>,
    /// How many sessions it serves, as far as its log tells.
    pub sessions: usize,
    /// What is wrong with it now.
    pub condition: Option<ConditionStatus>,
    /// Its last lines in the log.
    pub lines: Vec<String>,
}

/// What an agent does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It runs.
    Running,
    /// It is ending, to be started again for its size.
    Renewing,
    /// It has ended, and will be started again.
    Waiting,
    /// It has ended for good, since the app is stopping.
    #[default]
    Ended,
}

/// A problem of a running agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConditionStatus {
    /// The failure id.
    pub id: String,
    /// What is wrong, as in the log.
    pub text: String,
    pub seconds: u64,
}

impl Status {
    /// The answer as a datagram. If it is too long, the last lines are left out.
    pub(crate) fn into_datagram(mut self) -> Vec<u8> {
        let datagram = self.datagram();
        if datagram.len() <= inquiry::LONGEST {
            return datagram;
        }
        for agent in &mut self.agents {
            agent.lines.clear();
        }
        self.datagram()
    }

    fn datagram(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads a datagram.
    pub(crate) fn of_datagram(datagram: &[u8]) -> Option<Self> {
        serde_json::from_slice(datagram).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::{AgentStatus, Status};

    #[test]
    fn a_datagram_holds_the_whole_and_of_too_much_all_but_the_lines() {
        let agent = AgentStatus {
            connection: Some("orders".to_owned()),
            publishes: Some("p".repeat(600)),
            lines: vec!["hoop | one".to_owned()],
            ..AgentStatus::default()
        };
        let status = Status {
            agents: vec![agent.clone()],
            ..Status::default()
        };
        assert_eq!(
            Status::of_datagram(&status.clone().into_datagram()),
            Some(status.clone())
        );
        let large = AgentStatus {
            lines: vec!["\u{1f600}".repeat(400)],
            ..agent
        };
        let large = Status {
            agents: vec![large; 128],
            ..status
        };
        let datagram = large.into_datagram();
        assert!(datagram.len() < super::inquiry::LONGEST, "{}", datagram.len());
        let read = Status::of_datagram(&datagram).unwrap();
        assert_eq!(read.agents.len(), 128);
        assert!(read.agents.iter().all(|agent| agent.lines.is_empty()));
    }
}
