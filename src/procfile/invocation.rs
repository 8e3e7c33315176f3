//! Where a line of the Procfile starts hoopstart, and what is wrong with that.

use crate::procfile::command_line::{
    DASHES, Part, as_program, is_assignment, is_of_shell, parts, split_at_program, without_comment, words,
};

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

/// A line that has our program in it.
#[derive(Debug)]
pub struct Invocation<'a> {
    /// The commands of the line, and in which of them it is, where that is certain.
    pub place: Option<Place<'a>>,
    /// Whether the whole line is in quotation marks.
    pub is_in_quotes: bool,
}

/// Where in a line our program is.
#[derive(Debug)]
pub struct Place<'a> {
    /// The commands of the line.
    parts: Vec<Part<'a>>,
    /// The number of that with our program.
    number: usize,
    /// What stands before the program in its command.
    pub before: &'a str,
    /// The word that names it, with its path, as it should be.
    word: &'a str,
    /// The word as it is, where that is another one.
    misspelt: Option<&'a str>,
    /// All that follows in its command.
    rest: &'a str,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What the line has.
    pub mistake: Mistake,
    /// What that does.
    pub effect: Effect,
    /// What hoopstart should start instead. `None` if that takes a shell.
    pub app: Option<String>,
}

/// What a line has where hoopstart's name, options, and separator are expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// Nothing after hoopstart.
    NoCommand,
    /// No `--`.
    NoSeparator,
    /// `--` twice.
    TwoSeparators,
    /// Dashes that are not two hyphens.
    OtherDashes,
    /// A command in quotation marks.
    QuotedCommand,
    /// This word, an option or what only a shell understands.
    Word(String),
    /// An option too long to repeat.
    LongOption,
    /// This in the place of hoopstart.
    OtherName(String),
    /// A space that a shell takes for a letter.
    OddBlank,
}

/// What a mistake does when the platform runs the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The app starts, but an option of its own command could be taken for one of hoopstart's.
    Works,
    /// hoopstart exits at once.
    Exits,
    /// hoopstart prints something and exits.
    Prints,
    /// hoopstart has no such option.
    NoSuchOption,
    /// The option and the app's command are one word.
    NoBlank,
    /// The second separator is taken for a program.
    SecondIsProgram,
    /// The separator is not recognized.
    NotSeparator,
    /// What is in quotation marks is taken for one program.
    OneName,
    /// Only a shell understands the command.
    ShellWord,
    /// The command needs a shell.
    NeedsShell,
    /// Another program is started, and no agent.
    NotOurName,
    /// A command of the agent itself is started.
    AgentCommand,
}

impl<'a> Invocation<'a> {
    /// Finds it. A word that may as well be an argument counts: who has written it knows of hoopstart.
    pub fn in_line(line: &'a str) -> Option<Self> {
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

    /// Whether the line does what it was meant to, as far as that can be told.
    pub fn is_right(&self) -> bool {
        let does = |place: &Place| {
            place.finding().is_none_or(|finding| finding.effect == Effect::Works) && place.server_left_out().is_none()
        };
        !self.is_in_quotes && self.place.as_ref().is_none_or(does)
    }
}

/// Whether `line` ends with a backslash, as a line of a shell does that goes on in the next one.
pub fn is_continued(line: &str) -> bool {
    let backslashes = line.len() - line.trim_end_matches('\\').len();
    backslashes % 2 == 1
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
        let finding = |(mistake, effect), app| Some(Finding { mistake, effect, app });
        let first = words(rest).next().unwrap_or_default();
        if rest.is_empty() {
            let problem = problem.unwrap_or((Mistake::NoCommand, Effect::Exits));
            let app = self.app_around().map(|(_, app)| app);
            return finding(problem, app.or_else(|| Some(EXAMPLE.to_owned())));
        }
        if whole_in_quotes(first).is_some() {
            let app = app_of(rest);
            let mistake = problem.map_or(Mistake::QuotedCommand, |(mistake, _)| mistake);
            let effect = if app.is_some() {
                Effect::OneName
            } else {
                Effect::NeedsShell
            };
            return finding((mistake, effect), app);
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
            return finding((mistake, effect), app);
        }
        if let Some(problem) = problem {
            return finding(problem, Some(rest.to_owned()));
        }
        if has_separator {
            return None;
        }
        finding((Mistake::NoSeparator, Effect::Works), Some(rest.to_owned()))
    }

    /// Whether this command prints something and ends, as it was meant to.
    fn only_prints(&self) -> bool {
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
    pub fn line_moved_to(&self, server: usize, app: Option<&str>) -> Option<String> {
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

/// What stands between our program and the app's command.
struct Head<'a> {
    /// What is wrong with it, and what that means.
    problem: Option<(Mistake, Effect)>,
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
            let (mistake, effect, rest) = if bare == "--" {
                (
                    Mistake::TwoSeparators,
                    Effect::SecondIsProgram,
                    &head.rest[word.len()..],
                )
            } else if is_dashes {
                (Mistake::OtherDashes, Effect::NotSeparator, &head.rest[word.len()..])
            } else {
                option(head.rest, word)
            };
            head.problem.get_or_insert((mistake, effect));
            head.has_separator |= is_dashes;
            head.rest = rest.trim_start();
        }
    }
}

/// Says what `word`, an option with which `text` begins, is to hoopstart. Returns also what of `text` comes behind it.
fn option<'a>(text: &'a str, word: &'a str) -> (Mistake, Effect, &'a str) {
    let behind = text[word.len()..].trim_start();
    let value = words(behind).next().unwrap_or_default();
    let behind_value = behind[value.len()..].trim_start();
    let name = word.split(['=', ':']).next().unwrap_or_default();
    let mistake = if name.len() > 40 {
        Mistake::LongOption
    } else {
        Mistake::Word(name.to_owned())
    };
    if OWN_OPTIONS.contains(&name) {
        let has_value = name == "--attach" && word == name;
        return (mistake, Effect::Prints, if has_value { behind_value } else { behind });
    }
    let bare = word.trim_start_matches(DASHES);
    if word.chars().count() == 2 {
        // As of `env -e A=b`, the value is the app's.
        let has_value = WITH_VALUE.contains(&word) && !is_assignment(value) && !behind_value.is_empty();
        return (
            mistake,
            Effect::NoSuchOption,
            if has_value { behind_value } else { behind },
        );
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
        return (
            mistake,
            Effect::NoSuchOption,
            if has_value { behind_value } else { behind },
        );
    }
    (mistake, Effect::NoBlank, &text[word.len() - bare.len()..])
}

/// `command` as what may follow `hoopstart --`, less quotation marks around all of it.
pub fn app_of(command: &str) -> Option<String> {
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

/// What stands in `word`, if that is several words in quotation marks.
pub fn whole_in_quotes(word: &str) -> Option<&str> {
    let quote = word.chars().next().filter(|first| matches!(first, '"' | '\''))?;
    let inner = word.strip_prefix(quote)?.strip_suffix(quote)?;
    (inner.trim().contains(char::is_whitespace) && !inner.contains([quote, '\\'])).then(|| inner.trim())
}

/// Commands with what stands between them.
fn text_of(parts: &[Part]) -> String {
    parts.iter().flat_map(|part| [part.command, part.operator]).collect()
}

/// The name of the program at a path.
fn name_of(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

/// Whether `word` is our program, by whatever path.
fn is_starter(word: &str) -> bool {
    STARTERS.contains(&name_of(word))
}

/// Whether `program`, a command less what a shell reads before it, is the agent itself.
fn is_agent(program: &str) -> bool {
    let mut words = words(program);
    words.next().is_some_and(|first| name_of(first) == "hoop")
        && words.next() == Some("start")
        && words.next() == Some("agent")
}

/// What stands at the beginning of `program` for a name of ours, where that is nearly right: `hoopstrat`,
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

/// Whether `character` looks like a blank, or like nothing, and is a letter to a shell.
fn is_odd_blank(character: char) -> bool {
    (character.is_whitespace() && !character.is_ascii()) || matches!(character, '\u{200b}'..='\u{200d}' | '\u{feff}')
}

/// What is wrong with `word` in the place of our program.
fn misspelling(word: &str) -> (Mistake, Effect) {
    if name_of(word).starts_with("hoop ") {
        (Mistake::OtherName(word.to_owned()), Effect::AgentCommand)
    } else if word.contains(is_odd_blank) {
        (Mistake::OddBlank, Effect::NotOurName)
    } else {
        (Mistake::OtherName(word.to_owned()), Effect::NotOurName)
    }
}

/// Whether our program is in `text`, also within what another shell is given: `bash -c "hoopstart -- puma"`.
pub fn has_starter(text: &str) -> bool {
    text.split(|character: char| character.is_whitespace() || "\"'`(){};&|".contains(character))
        // ${LAUNCHER:-hoopstart}
        .any(|word| is_starter(word.rsplit(":-").next().unwrap_or(word)))
}

/// Whether `text`, a script of the app, has a line that starts hoopstart.
pub fn is_in_script(text: &str) -> bool {
    text.lines()
        .filter(|line| !line.trim_start().starts_with(['#', '/', ';']))
        .any(has_starter)
}

/// Whether `command`, a line of the Procfile, starts the agent beside the app. One that was only meant to does not:
/// `hoopstart --check puma`.
pub fn starts_agent(command: &str) -> bool {
    !is_continued(command) && Invocation::in_line(command).is_some_and(|invocation| invocation.is_right())
}
