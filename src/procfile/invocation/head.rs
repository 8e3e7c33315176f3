//! What stands between hoopstart and the app's command.

use crate::procfile::command_line::{DASHES, is_assignment, words};
use crate::procfile::invocation::mistake::{Effect, Mistake};

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

/// What stands between our program and the app's command.
pub(super) struct Head<'a> {
    /// What is wrong with it, and what that means.
    pub(super) problem: Option<(Mistake, Effect)>,
    /// Whether it has a `--`.
    pub(super) has_separator: bool,
    /// The app's command.
    pub(super) rest: &'a str,
}

impl<'a> Head<'a> {
    /// Reads what follows our program.
    pub(super) fn of(text: &'a str) -> Self {
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
