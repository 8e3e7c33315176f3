//! The form of a line: what is wrong, what that means for the app, what to do, and the failure id.

use crate::failure::Failure;
use std::borrow::Cow;
use std::fmt;

/// A sentence in parts: if `HOOP_REQUIRED` stops the boot, `state` is another one.
pub(crate) struct Sentence {
    pub(crate) wrong: String,
    /// What that means for the app, with the punctuation before it.
    pub(crate) state: Cow<'static, str>,
    pub(crate) remedy: String,
}

impl Sentence {
    pub(crate) fn new(
        wrong: impl Into<String>,
        state: impl Into<Cow<'static, str>>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            wrong: wrong.into(),
            state: state.into(),
            remedy: remedy.into(),
        }
    }
}

impl fmt::Display for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wrong, state, remedy } = self;
        write!(f, "{wrong}{state}. {remedy}")
    }
}

/// A kind of fault.
pub(crate) trait Kind {
    fn failure(&self) -> Failure;

    fn sentence(&self) -> Sentence;

    /// Whether the agent cannot be configured or found, which is what `HOOP_REQUIRED` stops a boot for.
    fn stops_a_required_agent(&self) -> bool {
        false
    }

    /// Whether nothing at all is started.
    fn is_error(&self) -> bool {
        false
    }
}

/// The line for something that keeps everything from starting.
pub(crate) fn error(text: impl fmt::Display, failure: Failure) -> String {
    format!("hoopstart: error: {text} [{failure}]")
}

/// The line for something that leaves the app alone.
pub(crate) fn warning(text: impl fmt::Display, failure: Failure) -> String {
    format!("hoopstart: warning: {text} [{failure}]")
}

/// The line for something that is over.
pub(crate) fn notice(text: impl fmt::Display, failure: Failure) -> String {
    format!("hoopstart: {text} [{failure}]")
}

/// What most faults mean for the app.
pub(crate) const NOT_STARTED: &str = ", so the agent was not started; the app runs without it";

/// What a fault means for the app if the agent is started all the same.
pub(crate) const NOT_CONNECTED: &str = ". The agent will not connect; the app is not affected";

/// What a fault means for the app if its sentence already says that there is no agent.
pub(crate) const WITHOUT_IT: &str = "; the app runs without it";

/// How to get an agent that can do more.
pub(crate) const NEWER_AGENT: &str = "Deploy again with a newer agent: heroku config:unset HOOP_VERSION";
