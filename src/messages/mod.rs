//! Everything a build says when something is wrong: each failure becomes a [`Message`], and nothing here
//! prints.
//!
//! One file for each phase of the build. The matches are exhaustive, so a new failure does not compile until
//! someone has written what to tell the person who meets it. The shape of a message: what is wrong, what was
//! read and where, what state things are in, what to do next, the raw cause, the failure id.

mod archive;
mod config;
mod fetch;
mod install;
mod resolve;
mod shortage;
pub mod warnings;

use crate::classic::BuildError;
use crate::failure::Failure;
use crate::secret::conceal::conceal;
use crate::text;
use std::fmt::Write as _;

/// Where to tell about a fault of this buildpack.
pub const ISSUES_URL: &str = "https://github.com/hoophq/heroku-hoop-buildpack/issues";

/// Where the published versions of the agent can be looked up.
pub const AGENT_RELEASES_URL: &str = "https://github.com/hoophq/hoop/releases";

/// How a message is meant, which decides its first word and what it says about the state of things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// The build ends here.
    Error,
    /// The build goes on.
    Warning,
}

impl Tone {
    /// Returns the word the title begins with.
    fn word(self) -> &'static str {
        match self {
            Tone::Error => "Error",
            Tone::Warning => "Warning",
        }
    }

    /// Returns what a failure to install the agent means for the app. An error is true at every point of
    /// compile, since nothing is put into place before everything is known to be good; a warning is what
    /// `HOOP_INSTALL=optional` makes of it.
    fn consequence(self) -> &'static str {
        match self {
            Tone::Error => "The build was stopped and nothing was installed. Your running release is not affected.",
            Tone::Warning => {
                "HOOP_INSTALL is \"optional\", so the build goes on without an agent: hoopstart will run the app alone."
            }
        }
    }
}

/// The width to which text is wrapped: what fits 80 columns behind git's `remote: ` and our ` !     `, less a
/// little.
const WIDTH: usize = 64;

/// One part of a message, below its title.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// A paragraph, wrapped.
    Text(String),
    /// Names and values, aligned, never wrapped.
    Facts(Vec<(&'static str, String)>),
    /// Numbered steps.
    Steps(Vec<Step>),
    /// A line that is quoted as it is.
    Quote(String),
    /// What state things are in now.
    Consequence,
}

/// One numbered step: what to do, and lines to paste or open for it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    text: String,
    lines: Vec<String>,
    /// Whether it is only of use where the build was stopped.
    only_if_stopped: bool,
}

/// A text for a person: what is wrong and what to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    title: String,
    parts: Vec<Part>,
    failure: Option<Failure>,
}

impl Message {
    /// Starts a message about something that has no failure id, an advice for example.
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            parts: Vec::new(),
            failure: None,
        }
    }

    /// Starts the message of `failure`.
    fn about(failure: Failure, title: impl Into<String>) -> Self {
        Self {
            failure: Some(failure),
            ..Self::new(title)
        }
    }

    /// Adds a paragraph.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.parts.push(Part::Text(text.into()));
        self
    }

    /// Adds lines that are shown as they are, such as a line of the Procfile.
    #[must_use]
    pub fn quote(mut self, line: impl Into<String>) -> Self {
        self.parts.push(Part::Quote(line.into()));
        self
    }

    /// Adds a table of names and values.
    #[must_use]
    fn facts(mut self, facts: Vec<(&'static str, String)>) -> Self {
        self.parts.push(Part::Facts(facts));
        self
    }

    /// Adds a numbered step with the lines to paste or open for it.
    #[must_use]
    fn step(self, text: impl Into<String>, lines: &[&str]) -> Self {
        self.add_step(text.into(), lines, false)
    }

    /// Adds a numbered step that a build which goes on has no use for.
    #[must_use]
    fn step_if_stopped(self, text: impl Into<String>, lines: &[&str]) -> Self {
        self.add_step(text.into(), lines, true)
    }

    fn add_step(mut self, text: String, lines: &[&str], only_if_stopped: bool) -> Self {
        let step = Step {
            text,
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
            only_if_stopped,
        };
        if let Some(Part::Steps(steps)) = self.parts.last_mut() {
            steps.push(step);
        } else {
            self.parts.push(Part::Steps(vec![step]));
        }
        self
    }

    /// Adds what state things are in now.
    #[must_use]
    fn consequence(mut self) -> Self {
        self.parts.push(Part::Consequence);
        self
    }

    /// Adds the raw cause, for the person who will be asked to help.
    #[must_use]
    fn details(self, cause: impl std::fmt::Display) -> Self {
        self.text(format!("Details: {}", text::visible(&cause.to_string())))
    }

    /// Returns the failure this message is about.
    pub fn failure(&self) -> Option<Failure> {
        self.failure
    }

    /// Returns the whole text, its lines ended, without any agent key: people put them into the wrong config var.
    pub fn render(&self, tone: Tone) -> String {
        let mut text = wrapped(&format!("{}: {}", tone.word(), self.title), "");
        for part in &self.parts {
            text.push('\n');
            match part {
                Part::Text(paragraph) => text.push_str(&wrapped(paragraph, "")),
                Part::Quote(line) => {
                    let _ = writeln!(text, "    {}", conceal(line));
                }
                Part::Consequence => text.push_str(&wrapped(tone.consequence(), "")),
                Part::Facts(facts) => {
                    let widest = facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0) + 1;
                    for (name, value) in facts {
                        let _ = writeln!(text, "{:widest$} {}", format!("{name}:"), conceal(value));
                    }
                }
                Part::Steps(steps) => {
                    let steps = steps.iter().filter(|step| tone == Tone::Error || !step.only_if_stopped);
                    for (number, step) in steps.enumerate() {
                        let numbered = wrapped(&step.text, "   ");
                        let _ = write!(text, "{}. {}", number + 1, &numbered[3..]);
                        for line in &step.lines {
                            let _ = writeln!(text, "   {}", conceal(line));
                        }
                    }
                }
            }
        }
        if let Some(failure) = self.failure {
            let _ = write!(text, "\nFailure id: {failure}\n");
        }
        text
    }
}

/// Wraps `text`, without any agent key in it, to [`WIDTH`], each line behind `indent` and ended.
fn wrapped(text: &str, indent: &str) -> String {
    let options = textwrap::Options::new(WIDTH)
        .initial_indent(indent)
        .subsequent_indent(indent)
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    let mut lines = textwrap::fill(&conceal(text), options);
    lines.push('\n');
    lines
}

/// Returns what to tell the person whose build met `error`.
pub fn of_build_error(error: &BuildError) -> Message {
    match error {
        BuildError::Config(error) => config::message(error),
        BuildError::Release(error) => resolve::message(error),
        BuildError::Fetch(error) => fetch::message(error),
        BuildError::Archive(error) => archive::message(error),
        BuildError::Install(error) => install::message(error),
    }
}

/// Returns the failure id of `error`.
pub fn failure_of_build_error(error: &BuildError) -> Failure {
    match error {
        BuildError::Config(error) => config::failure(error),
        BuildError::Release(error) => resolve::failure(error),
        BuildError::Fetch(error) => fetch::failure(error),
        BuildError::Archive(error) => archive::failure(error),
        BuildError::Install(error) => install::failure(error),
    }
}
