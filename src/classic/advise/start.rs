//! Where a line of the Procfile starts our program, and what is wrong with that.

use crate::messages::message::Message;
use crate::procfile::command_line::{
    DASHES, Part, as_program, has_expansion, is_assignment, is_of_shell, parts, split_at_program, without_comment,
    words,
};
use crate::secret::redact::redacted;
use crate::text;

/// The programs of ours that a Procfile line may start with, or have somewhere in it.
const STARTERS: [&str; 2] = ["hoopstart", "hoopwrapper"];

/// Programs that start what their arguments say, so that a starter among these is started.
const WRAPPERS: [&str; 15] = [
    "bundle",
    "chpst",
    "dumb-init",
    "env",
    "gosu",
    "ionice",
    "nice",
    "nohup",
    "setpriv",
    "setsid",
    "stdbuf",
    "su-exec",
    "timeout",
    "tini",
    "unbuffer",
];

/// Programs that start nothing: for these a starter is a word as any other.
const NO_STARTERS: [&str; 16] = [
    "[", "cat", "chmod", "command", "cp", "echo", "grep", "ln", "ls", "printf", "rm", "test", "touch", "type", "which",
    "[[",
];

/// What may stand behind a server in a line, and is none.
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

/// Options of hoopstart, of which each ends it before an app is started.
const OWN_OPTIONS: [&str; 8] = [
    "--attach",
    "--check",
    "--connect",
    "--help",
    "--status",
    "--version",
    "-V",
    "-h",
];

/// Options of other launchers, which none of ours is, and no program either. A word behind them may be their value.
const NO_PROGRAMS: [&str; 14] = [
    "command",
    "config",
    "daemon",
    "debug",
    "env",
    "force",
    "foreground",
    "key",
    "log",
    "name",
    "port",
    "quiet",
    "verbose",
    "wait",
];

/// Short options that have a value in most programs that start others.
const WITH_VALUE: [&str; 8] = ["-C", "-E", "-e", "-f", "-n", "-p", "-t", "-u"];

/// What a line without a command is shown.
const EXAMPLE: &str = "bundle exec puma -C config/puma.rb";

/// What a line that needs a shell is shown.
pub(super) const SCRIPT: &str = "hoopstart -- bash bin/start";

/// A line that has our program in it.
pub(super) struct Start<'a> {
    /// The commands of the line, and in which of them it is, where that is certain.
    place: Option<Place<'a>>,
    /// Whether quotation marks stand around all of the line.
    is_in_quotes: bool,
}

/// Where in a line our program is.
struct Place<'a> {
    /// The commands of the line.
    parts: Vec<Part<'a>>,
    /// The number of that with our program.
    number: usize,
    /// What stands before the program in its command.
    before: &'a str,
    /// The word that names it, with its path, as it should be.
    word: &'a str,
    /// The word as it is, where that is another one.
    misspelt: Option<&'a str>,
    /// All that follows in its command.
    rest: &'a str,
}

/// What is wrong with a line.
struct Finding {
    /// What the line has, and where.
    what: String,
    /// What that means for the app, and what to do.
    meaning: &'static str,
    /// What hoopstart should start instead. `None` where it takes a shell.
    app: Option<String>,
}

impl<'a> Start<'a> {
    /// Finds it. A word that may as well be an argument counts: who has written it knows of hoopstart.
    pub(super) fn in_line(line: &'a str) -> Option<Self> {
        let line = without_comment(line);
        let inner = whole_in_quotes(line).filter(|_| words(line).nth(1).is_none());
        if let Some(start) = inner.and_then(Self::in_line) {
            return Some(Self {
                is_in_quotes: true,
                ..start
            });
        }
        // A line that cannot be taken apart is one command where our program is at its beginning.
        let whole = vec![Part {
            command: line,
            operator: "",
        }];
        let is_taken_apart = parts(line).is_some();
        let parts = parts(line).unwrap_or(whole);
        let mut places = Vec::new();
        let mut is_there = false;
        for (number, part) in parts.iter().enumerate() {
            let (_, program) = split_at_program(part.command);
            let first = words(program).next().unwrap_or_default();
            if is_taken_apart && NO_STARTERS.contains(&first) {
                continue;
            }
            // It is a part of the command.
            let place_of = |word: &str| word.as_ptr().addr() - part.command.as_ptr().addr();
            let found = words(part.command).find(|word| is_starter(word));
            let is_program = found == Some(first) || (is_taken_apart && WRAPPERS.contains(&name_of(first)));
            let found = match found.filter(|_| is_program) {
                Some(word) => Some((place_of(word), word.len(), word, None)),
                None => misspelt(program).map(|wrong| (place_of(program), wrong.len(), STARTERS[0], Some(wrong))),
            };
            if let Some((place, length, word, misspelt)) = found {
                places.push(Place {
                    parts: parts.clone(),
                    number,
                    before: &part.command[..place],
                    word,
                    misspelt,
                    rest: &part.command[place + length..],
                });
            } else {
                is_there |= has_starter(part.command) || is_agent(program);
            }
        }
        // `hoopstart --check; hoopstart -- puma` starts the app.
        let is_last = |number: usize| number + 1 == places.len();
        let chosen = (0..places.len()).find(|&number| is_last(number) || !places[number].only_prints());
        match chosen {
            Some(number) => Some(Self {
                place: Some(places.swap_remove(number)),
                is_in_quotes: false,
            }),
            None => is_there.then_some(Self {
                place: None,
                is_in_quotes: false,
            }),
        }
    }

    /// Answers whether the line does what it was meant to, as far as that can be told.
    pub(super) fn is_right(&self) -> bool {
        let does = |place: &Place| {
            place.finding().is_none_or(|finding| finding.meaning == WORKS) && place.server_left_out().is_none()
        };
        !self.is_in_quotes && self.place.as_ref().is_none_or(does)
    }

    /// Returns advice on the line, that of `process_type`.
    pub(super) fn advice(&self, process_type: &str, line: &str) -> Option<Message> {
        if self.is_in_quotes {
            let inner = whole_in_quotes(without_comment(line)).unwrap_or_default();
            let is_right = Start::in_line(inner).is_some_and(|start| start.is_right());
            let message = about(process_type, "is in quotation marks as a whole", line)
                .text("It does not start your app: it is taken as the name of one program. Write")
                .quote(quoted(process_type, if is_right { inner } else { SCRIPT }));
            return Some(with_note(message, line));
        }
        let place = self.place.as_ref().filter(|place| !has_expansion(place.before))?;
        let finding = place.finding();
        let server = place.server_left_out();
        let of_first = finding.as_ref().and_then(|finding| finding.app.as_deref());
        let moved = server.and_then(|server| place.line_moved_to(server, of_first));
        let Some(Finding { what, meaning, app }) = &finding else {
            server?;
            let message = about(process_type, "starts the agent for its first command only", line).text(
                "The agent stops when the command after \"--\" ends, so what the shell runs next has no agent. If the last command is your server, write",
            );
            let script = "put the commands into a file, such as bin/start, and write";
            let message = match &moved {
                Some(moved) => message.quote(quoted(process_type, moved)).text(format!(
                    "or, on platforms that run Procfile lines without a shell, {script}"
                )),
                None => message.text(script),
            };
            return Some(with_note(message.quote(quoted(process_type, SCRIPT)), line));
        };
        let right = match app {
            Some(app) if server.is_none() => place.line_with(app),
            // A command that may be the server comes after this one.
            Some(_) => moved.unwrap_or_else(|| SCRIPT.to_owned()),
            None => SCRIPT.to_owned(),
        };
        let message = about(process_type, &format!("has {what} hoopstart"), line).text(*meaning);
        Some(with_note(message.quote(quoted(process_type, &right)), line))
    }
}

/// Answers whether `line` ends with a backslash, as a line of a shell does that goes on in the next one.
pub(super) fn is_continued(line: &str) -> bool {
    let backslashes = line.len() - line.trim_end_matches('\\').len();
    backslashes % 2 == 1
}

/// Returns advice on such a line, that of `process_type`.
pub(super) fn continued(process_type: &str, line: &str) -> Message {
    let message = about(process_type, "ends with a backslash", line)
        .text("and goes on in the next line for a shell only: for the platform the command ends there. Write all of it in one line, or put it into a file, such as bin/start, and write")
        .quote(quoted(process_type, SCRIPT));
    with_note(message, line)
}

/// Starts a message about the line of `process_type`.
fn about(process_type: &str, what: &str, line: &str) -> Message {
    Message::warning(format!(
        "the {process_type} line of the Procfile {}.",
        text::visible(what)
    ))
    .text("The line is")
    .quote(quoted(process_type, line))
}

/// Returns a line of the Procfile as it may be shown.
pub(super) fn quoted(process_type: &str, command: &str) -> String {
    text::visible(&format!("{process_type}: {}", redacted(command)))
}

/// Adds to a message that quotes `line` what has become of a secret in it.
pub(super) fn with_note(message: Message, line: &str) -> Message {
    if redacted(line) == line {
        return message;
    }
    message.text("**** stands for a secret in your line, which is not repeated here. Anyone who can read your repository can read it: set it as a config var instead, and remove it from the line.")
}

impl Place<'_> {
    /// Returns what is wrong behind our program.
    fn finding(&self) -> Option<Finding> {
        let Head {
            problem,
            has_separator,
            rest,
        } = Head::of(self.rest.trim());
        let problem = self.misspelt.map(misspelling).or(problem);
        let finding = |what: String, meaning, app| Some(Finding { what, meaning, app });
        let first = words(rest).next().unwrap_or_default();
        if rest.is_empty() {
            let (what, meaning) = problem.unwrap_or((
                "no command after".to_owned(),
                "hoopstart exits at once. Write your app's command after it, for example",
            ));
            let app = self.app_around().map(|(_, app)| app);
            return finding(what, meaning, app.or_else(|| Some(EXAMPLE.to_owned())));
        }
        if whole_in_quotes(first).is_some() {
            let app = app_of(rest);
            let (what, _) = problem.unwrap_or(("a command in quotation marks after".to_owned(), ""));
            let meaning = match app {
                Some(_) => {
                    "It does not start your app: what is in the quotation marks is taken as the name of one program. Write"
                }
                None => FOR_SHELL_ALONE,
            };
            return finding(what, meaning, app);
        }
        let (for_shell, _) = split_at_program(rest);
        if !for_shell.is_empty() || is_of_shell(rest) || first.starts_with('(') {
            let app = as_program(rest);
            // Its value may be a secret.
            let name = first
                .split_once('=')
                .map_or(first.to_owned(), |(name, _)| format!("{name}=…"));
            let (what, meaning) = problem.unwrap_or((
                format!("{name} after"),
                "It does not start your app: only a shell understands that, and hoopstart runs a program. Write",
            ));
            let meaning = if app.is_some() { meaning } else { FOR_SHELL_ALONE };
            return finding(what, meaning, app);
        }
        if let Some((what, meaning)) = problem {
            return finding(what, meaning, Some(rest.to_owned()));
        }
        if has_separator {
            return None;
        }
        finding("no \"--\" after".to_owned(), WORKS, Some(rest.to_owned()))
    }

    /// Answers whether this command prints something and ends, as it was meant to.
    fn only_prints(&self) -> bool {
        let problem = Head::of(self.rest.trim()).problem;
        problem.is_some_and(|(_, meaning)| meaning == PRINTS) && self.misspelt.is_none()
    }

    /// Returns the command that may be meant where none stands behind our program, and its number: the next one, or
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

    /// Returns the line with `app` as what hoopstart starts.
    fn line_with(&self, app: &str) -> String {
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

    /// Returns the number of the command that a shell runs when the agent has gone, if that may be the server.
    fn server_left_out(&self) -> Option<usize> {
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

    /// Returns the line with hoopstart in front of the command of this number, and `app` where it was before.
    fn line_moved_to(&self, server: usize, app: Option<&str>) -> Option<String> {
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

/// What a line that is right but for its form is told.
const WORKS: &str =
    "It works as it is, but an option of the app's own command could be taken for one of hoopstart's. Write";

/// What a line is told that asks hoopstart for something else than to start an app.
const PRINTS: &str = "It does not start your app: with that option hoopstart only prints something and exits. Write";

/// What a line with more than a program is told.
const FOR_SHELL_ALONE: &str = "It does not start your app: hoopstart runs a program, and this needs a shell. Put the commands into a file, such as bin/start, and write";

/// What stands between our program and the app's command.
struct Head<'a> {
    /// What is wrong with it, and what that means.
    problem: Option<(String, &'static str)>,
    /// Whether it has a `--`.
    has_separator: bool,
    /// The app's command.
    rest: &'a str,
}

impl<'a> Head<'a> {
    /// Reads what follows our program.
    fn of(text: &'a str) -> Self {
        let mut head = Self {
            problem: None,
            has_separator: false,
            rest: text,
        };
        loop {
            let word = words(head.rest).next().unwrap_or_default();
            let bare = word.trim_matches(['"', '\'']);
            if !bare.starts_with(DASHES) {
                return head;
            }
            let is_dashes = bare.chars().all(|dash| DASHES.contains(&dash));
            if bare == "--" && !head.has_separator {
                head.has_separator = true;
                head.rest = head.rest[word.len()..].trim_start();
                continue;
            }
            let (what, meaning, rest) = if bare == "--" {
                let meaning = "It does not start your app: the second one is taken as the name of a program. Write";
                ("\"--\" twice after".to_owned(), meaning, &head.rest[word.len()..])
            } else if is_dashes {
                let meaning = "It does not start your app: the separator is two plain hyphens. Write";
                (
                    "dashes that are not two hyphens after".to_owned(),
                    meaning,
                    &head.rest[word.len()..],
                )
            } else {
                option(head.rest, word)
            };
            head.problem.get_or_insert((what, meaning));
            head.has_separator |= is_dashes;
            head.rest = rest.trim_start();
        }
    }
}

/// Says what `word`, an option with which `text` begins, is to hoopstart. Returns also what of `text` comes behind it.
fn option<'a>(text: &'a str, word: &'a str) -> (String, &'static str, &'a str) {
    let behind = text[word.len()..].trim_start();
    let value = words(behind).next().unwrap_or_default();
    let behind_value = behind[value.len()..].trim_start();
    let name = word.split(['=', ':']).next().unwrap_or_default();
    let what = format!("{} after", if name.len() > 40 { "an option" } else { name });
    if OWN_OPTIONS.contains(&name) {
        let has_value = name == "--attach" && word == name;
        return (what, PRINTS, if has_value { behind_value } else { behind });
    }
    let none = "It does not start your app: hoopstart has no such option. Write";
    let bare = word.trim_start_matches(DASHES);
    if word.chars().count() == 2 {
        // As of `env -e A=b`, the value is the app's.
        let has_value = WITH_VALUE.contains(&word) && !is_assignment(value) && !behind_value.is_empty();
        return (what, none, if has_value { behind_value } else { behind });
    }
    let is_misspelt = OWN_OPTIONS
        .iter()
        .any(|own| own.starts_with("--") && strsim::osa_distance(own, name) <= 2);
    let is_variable = is_assignment(bare) && bare.starts_with(|first: char| first.is_ascii_uppercase());
    let is_option = bare.contains('=') || is_misspelt || NO_PROGRAMS.contains(&bare) || bare.starts_with("no-");
    if word.starts_with(['"', '\'']) || (is_option && !is_variable) {
        // No program is a number, and none stands before a `--` of its own: `--port 3000`, `--name x -- puma`.
        let is_value = value.bytes().all(|byte| byte.is_ascii_digit()) || words(behind_value).next() == Some("--");
        let has_value = is_value && !behind_value.is_empty();
        return (what, none, if has_value { behind_value } else { behind });
    }
    let meaning = "It does not start your app: a space is missing after the two hyphens. Write";
    (what, meaning, &text[word.len() - bare.len()..])
}

/// Returns `command` as what may follow `hoopstart --`, less quotation marks around all of it.
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

/// Returns what stands in `word`, if that is several words in quotation marks.
fn whole_in_quotes(word: &str) -> Option<&str> {
    let quote = word.chars().next().filter(|first| matches!(first, '"' | '\''))?;
    let inner = word.strip_prefix(quote)?.strip_suffix(quote)?;
    (inner.trim().contains(char::is_whitespace) && !inner.contains([quote, '\\'])).then(|| inner.trim())
}

/// Returns commands with what stands between them.
fn text_of(parts: &[Part]) -> String {
    parts.iter().flat_map(|part| [part.command, part.operator]).collect()
}

/// Returns the name of the program at a path.
fn name_of(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

/// Answers whether `word` is our program, by whatever path.
fn is_starter(word: &str) -> bool {
    STARTERS.contains(&name_of(word))
}

/// Answers whether `program`, a command less what a shell reads before it, is the agent itself.
fn is_agent(program: &str) -> bool {
    let mut words = words(program);
    words.next().is_some_and(|first| name_of(first) == "hoop")
        && words.next() == Some("start")
        && words.next() == Some("agent")
}

/// Returns what stands at the beginning of `program` for a name of ours, where that is nearly right: `hoopstrat`,
/// `Hoopstart`, `hoop start`, or one with a blank behind it that is none to a shell.
fn misspelt(program: &str) -> Option<&str> {
    let first = words(program).next()?;
    if first == "hoop" && words(program).nth(1) == Some("start") && !is_agent(program) {
        let end = program.find("start")? + "start".len();
        return Some(&program[..end]);
    }
    let blank = first.char_indices().find(|(_, character)| is_odd_blank(*character));
    let (name, length) = match blank {
        Some((place, blank)) => (&first[..place], place + blank.len_utf8()),
        None => (first, first.len()),
    };
    let plain: String = name_of(name)
        .chars()
        .filter(|character| !matches!(character, '-' | '_' | ':'))
        .flat_map(char::to_lowercase)
        .collect();
    let is_near = STARTERS.iter().any(|starter| {
        let distance = strsim::osa_distance(&plain, starter);
        // With a letter of its own it is a program of the app: hookstart.
        let is_slip = plain.starts_with("ho") && plain.chars().all(|letter| starter.contains(letter));
        distance == 0 || (distance <= 2 && is_slip && !plain.contains(starter))
    });
    is_near.then(|| &first[..length])
}

/// Answers whether `character` looks like a blank, or like nothing, and is a letter to a shell.
fn is_odd_blank(character: char) -> bool {
    (character.is_whitespace() && !character.is_ascii()) || matches!(character, '\u{200b}'..='\u{200d}' | '\u{feff}')
}

/// Says what is wrong with `word` in the place of our program.
fn misspelling(word: &str) -> (String, &'static str) {
    let meaning = "It does not start the agent: that is not its name. Write";
    if name_of(word).starts_with("hoop ") {
        let meaning = "It does not start your app: that is a command of the agent itself. Write";
        (format!("{word} instead of"), meaning)
    } else if word.contains(is_odd_blank) {
        ("an unusual space after".to_owned(), meaning)
    } else {
        (format!("{word} instead of"), meaning)
    }
}

/// Answers whether our program is in `text`, also within what another shell is given: `bash -c "hoopstart -- puma"`.
pub(super) fn has_starter(text: &str) -> bool {
    text.split(|character: char| character.is_whitespace() || "\"'`(){};&|".contains(character))
        // ${LAUNCHER:-hoopstart}
        .any(|word| is_starter(word.rsplit(":-").next().unwrap_or(word)))
}
