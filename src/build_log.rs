//! The build log: steps and facts on stdout, warnings and errors on stderr, in Heroku's own look: that of its classic
//! buildpacks (<https://devcenter.heroku.com/articles/buildpack-api#style>) or that of its Cloud Native ones
//! (<https://docs.rs/bullet_stream>).

use crate::acquire::event::Event;
use crate::messages::events::{Said, said};
use crate::messages::message::{Message, Tone};
use crate::messages::publish::Announcement;
use crate::os::audience;
use crate::secret::conceal::conceal;
use indoc::indoc;
use std::fmt::{Display, Write as _};
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// Where the lines of a build go.
///
/// A line that cannot be written is dropped: a build must not fail because nobody reads its log.
pub struct BuildLog<'a> {
    facts: Box<dyn Write + 'a>,
    alerts: Box<dyn Write + 'a>,
    colored: bool,
    look: &'static Look,
    /// When the line before was written.
    latest: Instant,
}

/// What lines begin with.
struct Look {
    step: &'static str,
    detail: &'static str,
    alert: &'static str,
    /// Whether the time that long work has taken is shown.
    timed: bool,
    /// What to add to a message with an option that sets a config var.
    of_options: &'static str,
}

/// As Heroku's classic buildpacks have it.
const CLASSIC: Look = Look {
    step: "-----> ",
    detail: "       ",
    alert: " !     ",
    timed: false,
    of_options: "",
};

/// As Heroku's Cloud Native Buildpacks have it.
const CLOUD_NATIVE: Look = Look {
    step: "- ",
    detail: "  - ",
    alert: "! ",
    timed: true,
    of_options: indoc! {"

        --env is an option of pack build. On Heroku, it is a config var:

            heroku config:set NAME=VALUE
            heroku config:unset NAME
    "},
};

impl BuildLog<'static> {
    /// Writes to this process' stdout and stderr, in color only where stderr is a terminal and `no_color`
    /// (<https://no-color.org>) does not forbid it.
    pub fn of_process(no_color: bool) -> Self {
        Self {
            facts: Box::new(io::stdout()),
            alerts: Box::new(io::stderr()),
            colored: io::stderr().is_terminal() && !no_color,
            look: &CLASSIC,
            latest: Instant::now(),
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
            look: &CLASSIC,
            latest: Instant::now(),
        }
    }

    /// The same log in the look of Cloud Native Buildpacks, below the buildpack's name.
    #[must_use]
    pub fn cloud_native(mut self, name: &str) -> Self {
        self.look = &CLOUD_NATIVE;
        self.write(&format!("\n## {name}\n"));
        self
    }

    /// Begins a step.
    pub fn step(&mut self, text: impl Display) {
        self.write(&format!("{}{text}", self.look.step));
    }

    /// Adds a fact below the step.
    pub fn detail(&mut self, text: impl Display) {
        self.write(&format!("{}{text}", self.look.detail));
    }

    /// Says what the app will publish.
    pub fn announce(&mut self, announcement: &Announcement) {
        if !announcement.lines.is_empty() {
            self.step("Publishing at run time, as hoop.yml says");
        }
        for line in &announcement.lines {
            self.detail(line);
        }
        for warning in &announcement.warnings {
            self.tell(warning);
        }
    }

    /// Ends the log of a build that began at `started`.
    pub fn done(&mut self, started: Instant) {
        self.step(format!("Done (finished in {})", duration(started.elapsed())));
        self.write("");
    }

    /// Writes a line of facts.
    fn write(&mut self, line: &str) {
        let line = audience::words(conceal(line));
        let _ = writeln!(self.facts, "{line}");
        let _ = self.facts.flush();
        self.latest = Instant::now();
    }

    /// Says what happens while the agent is acquired.
    pub fn hear(&mut self, event: &Event<'_>) {
        match said(event) {
            Said::Step(text) => self.step(text),
            Said::Detail(text) if self.look.timed && is_of_long_work(event) => {
                self.detail(format!("{text} ({})", duration(self.latest.elapsed())));
            }
            Said::Detail(text) => self.detail(text),
            Said::Warning(message) => self.tell(&message),
        }
    }

    /// Shows a message as a block of marked lines between blank lines. Each line carries its own color, since git
    /// and the platform put prefixes before every line.
    pub fn tell(&mut self, message: &Message) {
        let (color, reset) = if self.colored {
            (color(message.tone()), "\x1b[0m")
        } else {
            ("", "")
        };
        let mut block = String::from("\n");
        let mut text = message.render();
        if text.contains("--env ") {
            text.push_str(self.look.of_options);
        }
        for line in text.lines() {
            let line = format!("{}{line}", self.look.alert);
            // Writing to a String cannot fail.
            let _ = writeln!(block, "{color}{}{reset}", line.trim_end());
        }
        block.push('\n');
        let _ = self.facts.flush();
        let _ = self.alerts.write_all(block.as_bytes());
        let _ = self.alerts.flush();
    }
}

/// Whether `event` ends work that may take long.
fn is_of_long_work(event: &Event<'_>) -> bool {
    matches!(event, Event::Downloaded { .. } | Event::Cached { .. })
}

/// `duration` as Heroku's Cloud Native Buildpacks show it.
fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match duration.as_millis() {
        0..100 => "< 0.1s".to_owned(),
        100..60_000 => format!("{:.1}s", duration.as_secs_f64()),
        _ => format!("{}m {}s", seconds / 60, seconds % 60),
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
