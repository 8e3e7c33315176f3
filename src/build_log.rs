//! The build log: steps and facts on stdout, warnings and errors on stderr, in Heroku's own look
//! (<https://devcenter.heroku.com/articles/buildpack-api#style>).

use crate::acquire::event::Event;
use crate::messages::events::{Said, said};
use crate::messages::message::{Message, Tone};
use crate::os::audience;
use crate::secret::conceal::conceal;
use std::fmt::{Display, Write as _};
use std::io::{self, IsTerminal, Write};

/// Where the lines of a build go.
///
/// A line that cannot be written is dropped: a build must not fail because nobody reads its log.
pub struct BuildLog<'a> {
    facts: Box<dyn Write + 'a>,
    alerts: Box<dyn Write + 'a>,
    colored: bool,
}

impl BuildLog<'static> {
    /// Writes to this process' stdout and stderr, in color only where stderr is a terminal and `no_color`
    /// (<https://no-color.org>) does not forbid it.
    pub fn of_process(no_color: bool) -> Self {
        Self {
            facts: Box::new(io::stdout()),
            alerts: Box::new(io::stderr()),
            colored: io::stderr().is_terminal() && !no_color,
        }
    }
}

impl<'a> BuildLog<'a> {
    /// Writes to `facts` and `alerts`, uncolored.
    pub fn to(facts: impl Write + 'a, alerts: impl Write + 'a) -> Self {
        Self {
            facts: Box::new(facts),
            alerts: Box::new(alerts),
            colored: false,
        }
    }

    /// Begins a step: `-----> text`.
    pub fn step(&mut self, text: impl Display) {
        let _ = writeln!(self.facts, "-----> {}", conceal(&text.to_string()));
        let _ = self.facts.flush();
    }

    /// Adds a fact below the step, indented by seven spaces.
    pub fn detail(&mut self, text: impl Display) {
        let _ = writeln!(self.facts, "       {}", conceal(&text.to_string()));
        let _ = self.facts.flush();
    }

    /// Says what happens while the agent is acquired.
    pub fn hear(&mut self, event: &Event<'_>) {
        match said(event) {
            Said::Step(text) => self.step(text),
            Said::Detail(text) => self.detail(text),
            Said::Warning(message) => self.tell(&message),
        }
    }

    /// Shows a message as a block of ` !     ` lines between blank lines. Each line carries its own color, since git
    /// and the platform put prefixes before every line.
    pub fn tell(&mut self, message: &Message) {
        let (color, reset) = if self.colored {
            (color(message.tone()), "\x1b[0m")
        } else {
            ("", "")
        };
        let mut block = String::from("\n");
        for line in audience::words(message.render()).lines() {
            let line = format!(" !     {line}");
            // Writing to a String cannot fail.
            let _ = writeln!(block, "{color}{}{reset}", line.trim_end());
        }
        block.push('\n');
        let _ = self.facts.flush();
        let _ = self.alerts.write_all(block.as_bytes());
        let _ = self.alerts.flush();
    }
}

/// The ANSI code of `tone`: the platform's own red and yellow. The words say it too, so nothing
/// depends on the color.
fn color(tone: Tone) -> &'static str {
    match tone {
        Tone::Error => "\x1b[31m",
        Tone::Warning => "\x1b[33m",
    }
}
