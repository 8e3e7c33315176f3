//! Where in a line hoopstart is, and the line as it should be.

use crate::procfile::command_line::{Part, as_program, is_of_shell, split_at_program, without_comment, words};
use crate::procfile::invocation::head::Head;
use crate::procfile::invocation::mistake::{Effect, Finding, Mistake, Remedy};
use crate::procfile::invocation::names::{has_starter, misspelling, name_of, whole_in_quotes};

/// Programs that may follow a server in a line, and do not serve.
const NO_SERVERS: [&str; 19] = [
    ":", "[", "cat", "cp", "curl", "date", "echo", "exit", "false", "kill", "mkdir", "mv", "printf", "rm", "sleep",
    "test", "true", "wait", "wget",
];

/// Programs that serve until the dyno ends, so that what stands behind them in a line is no server.
const SERVERS: [&str; 20] = [
    "celery",
    "daphne",
    "falcon",
    "granian",
    "gunicorn",
    "heroku-php-apache2",
    "heroku-php-nginx",
    "hypercorn",
    "nginx",
    "passenger",
    "phx.server",
    "puma",
    "rackup",
    "resque:work",
    "sidekiq",
    "thin",
    "unicorn",
    "uvicorn",
    "uwsgi",
    "waitress-serve",
];

/// Where in a line our program is.
#[derive(Debug)]
pub struct Place<'a> {
    /// The commands of the line.
    pub(super) parts: Vec<Part<'a>>,
    /// The number of that with our program.
    pub(super) number: usize,
    /// What stands before the program in its command.
    pub before: &'a str,
    /// The word that names it, with its path, as it should be.
    pub(super) word: &'a str,
    /// The word as it is, where that is another one.
    pub(super) misspelt: Option<&'a str>,
    /// All that follows in its command.
    pub(super) rest: &'a str,
}

impl Place<'_> {
    /// What is wrong behind our program.
    pub fn finding(&self) -> Option<Finding> {
        let Head {
            problem,
            has_separator,
            rest,
        } = Head::of(self.rest.trim());
        let problem = self.misspelt.map(misspelling).or(problem);
        let finding = |(mistake, effect), remedy| {
            Some(Finding {
                mistake,
                effect,
                remedy,
            })
        };
        let first = words(rest).next().unwrap_or_default();
        if rest.is_empty() {
            let problem = problem.unwrap_or((Mistake::NoCommand, Effect::Exits));
            let app = self.app_around().map(|(_, app)| app);
            return finding(problem, app.map_or(Remedy::OtherCommand, Remedy::App));
        }
        if whole_in_quotes(first).is_some() {
            let app = app_of(rest);
            let mistake = problem.map_or(Mistake::QuotedCommand, |(mistake, _)| mistake);
            let effect = if app.is_some() {
                Effect::OneName
            } else {
                Effect::NeedsShell
            };
            return finding((mistake, effect), app.into());
        }
        let (for_shell, _) = split_at_program(rest);
        if !for_shell.is_empty() || is_of_shell(rest) || first.starts_with('(') {
            let app = as_program(rest);
            // Its value may be a secret.
            let name = first
                .split_once('=')
                .map_or(first.to_owned(), |(name, _)| format!("{name}=…"));
            let (mistake, effect) = problem.unwrap_or((Mistake::Word(name), Effect::ShellWord));
            let effect = if app.is_some() { effect } else { Effect::NeedsShell };
            return finding((mistake, effect), app.into());
        }
        if let Some(problem) = problem {
            return finding(problem, Remedy::App(rest.to_owned()));
        }
        if has_separator {
            return None;
        }
        finding((Mistake::NoSeparator, Effect::Works), Remedy::App(rest.to_owned()))
    }

    /// Whether this command prints something and ends, as it was meant to.
    pub(super) fn only_prints(&self) -> bool {
        let problem = Head::of(self.rest.trim()).problem;
        problem.is_some_and(|(_, effect)| effect == Effect::Prints) && self.misspelt.is_none()
    }

    /// The command that may be meant where none stands behind our program, and its number: the next one, or
    /// else the one before.
    fn app_around(&self) -> Option<(usize, String)> {
        let app = |number: usize| {
            let command = self.parts[number].command.trim();
            let first = words(split_at_program(command).1).next().unwrap_or_default();
            let app = app_of(command).filter(|_| !NO_SERVERS.contains(&name_of(first)))?;
            Some((number, app))
        };
        let behind = (self.number + 1..self.parts.len()).find_map(app);
        behind.or_else(|| self.number.checked_sub(1).and_then(app))
    }

    /// The line with `app` as what hoopstart starts.
    pub fn line_with(&self, app: &str) -> String {
        let Self { before, word, .. } = self;
        let own = &self.parts[self.number];
        if Head::of(self.rest.trim()).rest.is_empty() {
            // What follows, or stands before, has become the app.
            let first = self
                .app_around()
                .map_or(self.number, |(number, _)| number.min(self.number));
            let before = if first < self.number { " " } else { before };
            let line = format!("{}{before}{word} -- {app}", text_of(&self.parts[..first]));
            return line.trim_start().to_owned();
        }
        // Without a shell there are no variables in front of a program, and no exec.
        let alone = self.parts.len() == 1 && split_at_program(&format!("{before}{word}")).1 == *word;
        let start = as_program(&format!("{before}{word}")).filter(|_| alone);
        let start = start.unwrap_or_else(|| format!("{before}{word}"));
        let blank = &own.command[own.command.trim_end().len()..];
        let (front, behind) = (
            text_of(&self.parts[..self.number]),
            text_of(&self.parts[self.number + 1..]),
        );
        format!("{front}{start} -- {app}{blank}{}{behind}", own.operator)
    }

    /// The number of the command that a shell runs when the agent has gone, if that may be the server.
    pub fn server_left_out(&self) -> Option<usize> {
        let mut server = None;
        let app = Head::of(self.rest.trim()).rest;
        if app.is_empty() || words(app).any(|word| SERVERS.contains(&name_of(word))) {
            return None;
        }
        // What runs beside our command, or only where it fails, is not left out.
        let follows = |part: &Part| matches!(part.operator, "&&" | ";" | "\n");
        for number in self.number + 1..self.parts.len() {
            let part = &self.parts[number];
            if !follows(&self.parts[number - 1]) {
                break;
            }
            if has_starter(part.command) {
                return None;
            }
            let (_, program) = split_at_program(part.command);
            let first = words(program).next().unwrap_or_default();
            if !first.is_empty() && !NO_SERVERS.contains(&name_of(first)) && !is_of_shell(program) {
                server = Some(number);
            }
        }
        server
    }

    /// The line with hoopstart in front of the command of this number, and `app` where it was before.
    pub(super) fn line_moved_to(&self, server: usize, app: Option<&str>) -> Option<String> {
        let mut line = String::new();
        for (number, part) in self.parts.iter().enumerate() {
            let command = part.command.trim();
            let blanks = part.command.split_at(part.command.find(command).unwrap_or_default());
            let (blank, end) = (blanks.0, &blanks.1[command.len()..]);
            let command = if number == self.number {
                let app = app.unwrap_or_else(|| Head::of(self.rest.trim()).rest);
                format!("{}{app}", self.before.trim_start())
            } else if number == server {
                // A shell runs this line, so that exec may stay, by which the shell makes way.
                let (for_shell, _) = split_at_program(command);
                let exec = if for_shell.trim_end().ends_with("exec") {
                    "exec "
                } else {
                    ""
                };
                format!("{exec}hoopstart -- {}", app_of(command)?)
            } else {
                command.to_owned()
            };
            line.extend([blank, &command, end, part.operator]);
        }
        Some(line)
    }
}

/// `command` as what may follow `hoopstart --`, less quotation marks around all of it.
pub(super) fn app_of(command: &str) -> Option<String> {
    let first = words(command).next()?;
    match whole_in_quotes(first) {
        Some(inner) => {
            let command = format!("{inner}{}", &command[first.len()..]);
            // In the quotation marks a # was none.
            as_program(&command).filter(|_| without_comment(&command) == command.trim_end())
        }
        None => as_program(command),
    }
}

/// Commands with what stands between them.
fn text_of(parts: &[Part]) -> String {
    parts.iter().flat_map(|part| [part.command, part.operator]).collect()
}
