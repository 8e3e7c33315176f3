//! A text for a person: what is wrong, what was read, what state things are in, what to do next, the raw cause, and the
//! failure id.

use crate::failure::Failure;
use crate::os::audience;
use crate::secret::conceal::conceal;
use crate::text;
use std::fmt::{Display, Write as _};

/// Where to report a fault of this buildpack.
pub const ISSUES_URL: &str = "https://github.com/hoophq/heroku-hoop-buildpack/issues";

/// Where the published versions of the agent are listed.
pub const AGENT_RELEASES_URL: &str = "https://github.com/hoophq/hoop/releases";

/// The width to which text is wrapped, in columns: what fits 80 behind git's `remote: ` and our ` !     `, less a
/// little.
const WIDTH: usize = 64;

/// What the paragraph with the raw cause begins with.
const DETAILS: &str = "Details: ";

/// The longest name of a fact, in bytes.
const LONGEST_NAME: usize = 16;

/// How a message is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// The build ends here.
    Error,
    /// The build goes on.
    Warning,
}

impl Tone {
    fn word(self) -> &'static str {
        match self {
            Tone::Error => "Error",
            Tone::Warning => "Warning",
        }
    }

    /// What a failure to install the agent means for the app. An error is true at every point of compile, since nothing
    /// is put into place before everything is known to be good. A warning is what `HOOP_INSTALL=optional` makes of it.
    pub fn consequence(self) -> &'static str {
        match self {
            Tone::Error => "The build was stopped and nothing was installed. Your running release is not affected.",
            Tone::Warning => {
                "HOOP_INSTALL is \"optional\", so the build goes on without an agent: hoopstart will run the app alone."
            }
        }
    }
}

/// A message, in the form in which it is written and shown: paragraphs between blank lines, the first of which is the
/// title.
///
/// A paragraph is wrapped to the width of the build log, except for what must stay as it is:
///
/// - lines that are indented, such as a line of the Procfile;
/// - facts, which are paragraphs that begin like `Asked for: https://...`;
/// - the lines of a numbered step that follow one ending in a colon: commands to paste. Steps are renumbered, since
///   one may have been left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    tone: Tone,
    failure: Option<Failure>,
    paragraphs: Vec<String>,
}

impl Message {
    /// Takes `block` as something the user should change, while the build goes on.
    pub fn warning(block: impl AsRef<str>) -> Self {
        let paragraphs = block
            .as_ref()
            .split("\n\n")
            .map(|paragraph| paragraph.trim_matches('\n'));
        Self {
            tone: Tone::Warning,
            failure: None,
            paragraphs: paragraphs.filter(|text| !text.is_empty()).map(str::to_owned).collect(),
        }
    }

    /// Takes `block` as the message of a failure.
    pub fn about(failure: Failure, tone: Tone, block: impl AsRef<str>) -> Self {
        Self {
            tone,
            failure: Some(failure),
            ..Self::warning(block)
        }
    }

    /// Adds a paragraph.
    #[must_use]
    pub fn text(mut self, paragraph: impl Into<String>) -> Self {
        self.paragraphs.push(paragraph.into());
        self
    }

    /// Adds a line that is shown as it is, such as one of the Procfile.
    #[must_use]
    pub fn quote(self, line: impl Display) -> Self {
        self.text(format!("    {line}"))
    }

    /// Adds the raw cause, for the person who will be asked to help.
    #[must_use]
    pub fn details(self, cause: impl Display) -> Self {
        self.text(format!("{DETAILS}{}", text::visible(&cause.to_string())))
    }

    /// The failure this message is about.
    pub fn failure(&self) -> Option<Failure> {
        self.failure
    }

    /// How it is meant.
    pub fn tone(&self) -> Tone {
        self.tone
    }

    /// The title, and the raw cause if there is one, in one line.
    pub fn summary(&self) -> String {
        let title = self.paragraphs.first().map(|title| joined(title)).unwrap_or_default();
        let title = title.trim_end_matches('.');
        match self.paragraphs.iter().find_map(|text| text.strip_prefix(DETAILS)) {
            Some(cause) => format!("{title}: {cause}"),
            None => title.to_owned(),
        }
    }

    /// The whole text, its lines ended, without any agent key: people put them into the wrong config var.
    pub fn render(&self) -> String {
        let mut rendered = String::new();
        for (number, paragraph) in self.paragraphs.iter().enumerate() {
            if number == 0 {
                rendered.push_str(&wrapped(&format!("{}: {}", self.tone.word(), joined(paragraph)), ""));
                continue;
            }
            rendered.push('\n');
            if step_text(paragraph).is_some() {
                push_steps(&mut rendered, paragraph);
            } else if paragraph.starts_with(' ') || is_fact(paragraph) {
                push_kept(&mut rendered, paragraph);
            } else {
                rendered.push_str(&wrapped(&joined(paragraph), ""));
            }
        }
        if let Some(failure) = self.failure {
            let _ = write!(rendered, "\nFailure id: {failure}\n");
        }
        rendered
    }
}

/// Adds numbered steps.
fn push_steps(rendered: &mut String, paragraph: &str) {
    let mut lines = paragraph.lines().peekable();
    let mut number = 0;
    while let Some(first) = lines.next() {
        let Some(text) = step_text(first) else {
            push_kept(rendered, first);
            continue;
        };
        let mut text = text.to_owned();
        while !text.ends_with(':')
            && let Some(next) = lines.next_if(|line| step_text(line).is_none())
        {
            text.push(' ');
            text.push_str(next.trim_start());
        }
        number += 1;
        let _ = write!(rendered, "{number}. {}", &wrapped(&text, "   ")[3..]);
    }
}

/// `text` without any agent key in it, in the words of whoever reads it.
fn said(text: &str) -> String {
    audience::words(conceal(text))
}

/// Adds lines as they are.
fn push_kept(rendered: &mut String, lines: &str) {
    for line in lines.lines() {
        rendered.push_str(&said(line));
        rendered.push('\n');
    }
}

/// The text of the numbered step that `line` begins, if it begins one.
fn step_text(line: &str) -> Option<&str> {
    let (number, text) = line.split_once(". ")?;
    (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(text)
}

/// Whether a paragraph begins with a fact, which is a short name, a colon and a value.
fn is_fact(paragraph: &str) -> bool {
    let Some((name, _)) = paragraph.split_once(": ") else {
        return false;
    };
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'_');
    name.len() <= LONGEST_NAME
        && name.starts_with(|first: char| first.is_ascii_uppercase())
        && name.bytes().all(is_name)
        && !paragraph.starts_with(DETAILS)
}

/// The lines of a paragraph as one.
fn joined(paragraph: &str) -> String {
    paragraph.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

/// Wraps `text` to [`WIDTH`], each line behind `indent` and ended.
fn wrapped(text: &str, indent: &str) -> String {
    let options = textwrap::Options::new(WIDTH)
        .initial_indent(indent)
        .subsequent_indent(indent)
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    let mut lines = textwrap::fill(&said(text), options);
    lines.push('\n');
    lines
}

#[cfg(test)]
mod tests {
    use super::{Message, Tone};
    use crate::failure::Failure;
    use indoc::indoc;

    #[test]
    fn a_block_is_shown_as_it_is_written_but_for_long_paragraphs() {
        let block = indoc! {"
            the server is down.

            Asked for: https://releases.example/a/path/that/is/longer/than/the/width/of/the/build/log
            Answer:    none

            A paragraph that is written
            in two lines.

                web: hoopstart -- a command that is longer than the width of the build log, and kept

            1. Look at it, in a step that is so long that it does not fit the width
               of the build log:
               curl https://releases.example/a/path/that/is/longer/than/the/width
               or else
            3. Deploy again.
        "};

        assert_eq!(
            Message::about(Failure::Unreachable, Tone::Error, block)
                .details("it\nbroke")
                .render(),
            indoc! {"
                Error: the server is down.

                Asked for: https://releases.example/a/path/that/is/longer/than/the/width/of/the/build/log
                Answer:    none

                A paragraph that is written in two lines.

                    web: hoopstart -- a command that is longer than the width of the build log, and kept

                1. Look at it, in a step that is so long that it does not fit
                   the width of the build log:
                   curl https://releases.example/a/path/that/is/longer/than/the/width
                   or else
                2. Deploy again.

                Details: it<newline>broke

                Failure id: fetch::unreachable
            "}
        );
    }

    #[test]
    fn a_summary_is_title_and_cause() {
        let message = Message::warning("it is\nso.\n\nText.");

        assert_eq!(message.summary(), "it is so");
        assert_eq!(message.details("a cause").summary(), "it is so: a cause");
    }
}
