//! What is said about an agent that has ended.

use crate::failure::Failure;
use crate::start::fault::duration::words;
use crate::start::fault::sentence::{Kind, Sentence, notice};
use crate::text;
use rustix::io::Errno;
use std::fmt;
use std::io;
use std::time::Duration;

/// How an agent ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With an exit status.
    Status(i32),
    /// By a signal.
    Signal(i32),
    /// It never began.
    NotStarted {
        /// What the kernel says.
        cause: String,
        /// Whether the dyno has no room for another process, rather than something being wrong with the agent.
        is_for_lack_of_room: bool,
    },
}

impl Ending {
    /// The ending of an agent that could not be started because of `error`.
    pub fn not_started(error: &io::Error) -> Self {
        let lack = [Errno::AGAIN, Errno::NOMEM, Errno::MFILE, Errno::NFILE];
        Ending::NotStarted {
            cause: error.to_string(),
            is_for_lack_of_room: Errno::from_io_error(error).is_some_and(|errno| lack.contains(&errno)),
        }
    }

    /// What to do about it, with the failure id. An agent that has run says itself why it ended.
    fn remedy(&self) -> String {
        let (remedy, failure) = match self {
            Ending::Status(_) | Ending::Signal(_) => return String::new(),
            Ending::NotStarted {
                is_for_lack_of_room: true,
                ..
            } => (
                "The dyno has no room for another process: use a larger one, or fewer processes",
                Failure::SupervisorFailed,
            ),
            Ending::NotStarted { .. } => ("Deploy again to reinstall it", Failure::AgentMissing),
        };
        format!(". {remedy} [{failure}]")
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ending::Status(status) => write!(f, "exited with status {status}"),
            Ending::Signal(signal) => write!(f, "was killed by signal {signal}"),
            Ending::NotStarted { cause, .. } => write!(f, "could not be started ({cause})"),
        }
    }
}

/// An agent that has ended, and will be started again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The connection it publishes, if there are other agents beside it.
    pub connection: Option<String>,
    pub ending: Ending,
    /// How long it ran.
    pub age: Duration,
    /// How long it is until the next start.
    pub pause: Duration,
}

impl Ended {
    /// The whole line that tells it.
    pub fn line(&self) -> String {
        let remedy = self.ending.remedy();
        format!("hoopstart: warning: {self}{NOT_AFFECTED}{remedy}")
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.connection {
            Some(name) => write!(f, "agent of {}", text::visible(name))?,
            None => f.write_str("agent")?,
        }
        let (age, pause) = (self.age.as_secs(), self.pause.as_secs_f64().round());
        write!(f, " {} after {age}s; next try in {pause}s", self.ending)
    }
}

/// An agent that has ended, with more to say about it than [`Ended::line`] does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndedFault {
    /// Because of its configuration, as its last line says.
    Misconfigured(Ended),
    /// Again and again.
    Crashing { ended: Ended, times: u64 },
}

impl Kind for EndedFault {
    fn failure(&self) -> Failure {
        match self {
            EndedFault::Misconfigured(_) => Failure::AgentMisconfigured,
            EndedFault::Crashing { .. } => Failure::AgentCrashing,
        }
    }

    fn sentence(&self) -> Sentence {
        match self {
            EndedFault::Misconfigured(ended) => Sentence::new(
                ended.to_string(),
                NOT_AFFECTED,
                "Its last line says what is wrong with its configuration: fix that with heroku config:set, which \
                 restarts the dyno",
            ),
            EndedFault::Crashing { ended, times } => Sentence::new(
                ended.to_string(),
                NOT_AFFECTED,
                format!(
                    "It has exited {times} times so far; from now on this is reported once an hour. If its log does \
                     not say why, try another release: heroku config:set HOOP_VERSION=<version>, and deploy"
                ),
            ),
        }
    }
}

const NOT_AFFECTED: &str = ", the app is not affected";

/// The line that says that an agent has now run for `age`, after it ended `times` times within `period`.
pub fn steady(age: Duration, times: u64, period: Duration) -> String {
    let (age, period) = (words(age), words(period));
    notice(
        format_args!("the agent has now run for {age}, after it exited {times} times in {period}"),
        Failure::AgentCrashing,
    )
}

#[cfg(test)]
mod tests {
    use super::Ending;
    use std::io;

    #[test]
    fn an_agent_that_never_began_is_told_with_what_to_do() {
        // 2 no such file, 11 try again, 12 out of memory, 13 permission denied, 24 too many open files.
        for (number, id) in [
            (2, "start::agent-missing"),
            (11, "start::supervisor-failed"),
            (12, "start::supervisor-failed"),
            (13, "start::agent-missing"),
            (24, "start::supervisor-failed"),
        ] {
            let ending = Ending::not_started(&io::Error::from_raw_os_error(number));
            assert!(ending.to_string().starts_with("could not be started ("), "{ending}");
            assert!(ending.remedy().ends_with(&format!(" [{id}]")), "{}", ending.remedy());
        }
        assert_eq!(Ending::Status(1).remedy(), "");
    }
}
