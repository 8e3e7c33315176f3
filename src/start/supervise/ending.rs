//! How an agent ended, in words.

use crate::failure::Failure;
use rustix::io::Errno;
use std::fmt;
use std::io;

/// How an agent ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With an exit status.
    Status(i32),
    /// By a signal.
    Signal(i32),
    /// It never began.
    NotStarted {
        /// What the kernel says.
        cause: String,
        /// Whether the dyno lacks room for another process, rather than that something is wrong with the agent.
        is_for_lack_of_room: bool,
    },
}

impl Ending {
    /// How an agent ended that `error` kept from beginning.
    pub(crate) fn not_started(error: &io::Error) -> Self {
        let lack = [Errno::AGAIN, Errno::NOMEM, Errno::MFILE, Errno::NFILE];
        Ending::NotStarted {
            cause: error.to_string(),
            is_for_lack_of_room: Errno::from_io_error(error).is_some_and(|errno| lack.contains(&errno)),
        }
    }

    /// What to do about it, and the failure id, behind a line that tells it. An agent that has run says
    /// itself why it ended.
    pub(crate) fn remedy(&self) -> String {
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
            Ending::Signal(signal) => write!(f, "was ended by signal {signal}"),
            Ending::NotStarted { cause, .. } => write!(f, "could not be started ({cause})"),
        }
    }
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
