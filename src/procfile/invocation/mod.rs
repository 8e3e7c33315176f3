//! Where a line of the Procfile starts hoopstart, and what is wrong with that.

mod head;
pub mod mistake;
mod names;
pub mod place;

use crate::procfile::command_line::{Part, has_expansion, parts, split_at_program, without_comment, words};
use crate::procfile::invocation::mistake::{Effect, Remedy};
pub use crate::procfile::invocation::names::STARTERS;
use crate::procfile::invocation::names::{has_starter, is_agent, is_starter, misspelt, name_of, whole_in_quotes};
use crate::procfile::invocation::place::{Place, app_of};

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

/// A line that has our program in it.
#[derive(Debug)]
pub struct Invocation<'a> {
    /// The commands of the line, and in which of them it is, where that is certain.
    place: Option<Place<'a>>,
    /// The line within its quotation marks, if the whole line is in some.
    pub quoted: Option<&'a str>,
}

impl<'a> Invocation<'a> {
    /// Finds it. A word that may as well be an argument counts: who has written it knows of hoopstart.
    pub fn in_line(line: &'a str) -> Option<Self> {
        let line = without_comment(line);
        let inner = whole_in_quotes(line).filter(|_| words(line).nth(1).is_none());
        if let Some(invocation) = inner.and_then(Self::in_line) {
            return Some(Self {
                quoted: inner,
                ..invocation
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
        let place = chosen.map(|number| places.swap_remove(number));
        (place.is_some() || is_there).then_some(Self { place, quoted: None })
    }

    /// Where our program is, if it is certain that the platform comes to it with these words.
    pub fn place(&self) -> Option<&Place<'a>> {
        self.place.as_ref().filter(|place| !has_expansion(place.before))
    }

    /// Whether the line does what it was meant to, as far as that can be told.
    pub fn is_right(&self) -> bool {
        let does = |place: &Place| {
            place.finding().is_none_or(|finding| finding.effect == Effect::Works) && place.server_left_out().is_none()
        };
        self.quoted.is_none() && self.place.as_ref().is_none_or(does)
    }

    /// The line as it should be. `None` if nothing is wrong with it, or if it takes a script or another command.
    pub fn corrected(&self) -> Option<String> {
        if let Some(inner) = self.quoted {
            return Self::in_line(inner)?.is_right().then(|| inner.to_owned());
        }
        let place = self.place()?;
        let right = match (place.finding().map(|finding| finding.remedy), place.server_left_out()) {
            (Some(Remedy::App(app)), None) => Some(place.line_with(&app)),
            // A command that may be the server comes after this one.
            (Some(Remedy::App(app)), Some(server)) => place.line_moved_to(server, Some(&app)),
            (None, Some(server)) => place.line_moved_to(server, None),
            (Some(Remedy::OtherCommand | Remedy::Script) | None, _) => None,
        };
        // What no shell could run has no right form.
        right.filter(|right| starts_agent(right))
    }
}

/// `line`, which starts no agent, as one that does: with hoopstart in front of its program, or with its mistake about
/// hoopstart corrected. `None` if that takes a script or another command.
pub fn corrected(line: &str) -> Option<String> {
    let right = match Invocation::in_line(line) {
        _ if is_continued(line) => None,
        Some(invocation) => invocation.corrected(),
        None => app_of(without_comment(line)).map(|app| format!("hoopstart -- {app}")),
    };
    right.filter(|right| starts_agent(right))
}

/// Whether `line` ends with a backslash, as a line of a shell does that goes on in the next one.
pub fn is_continued(line: &str) -> bool {
    let backslashes = line.len() - line.trim_end_matches('\\').len();
    backslashes % 2 == 1
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

#[cfg(test)]
mod tests {
    use super::{corrected, starts_agent};
    use proptest::prelude::*;

    #[test]
    fn a_line_that_starts_no_agent_becomes_one_that_does() {
        for (line, right) in [
            ("puma", Some("hoopstart -- puma")),
            ("exec puma -p $PORT", Some("hoopstart -- puma -p $PORT")),
            ("hoopstrat -- puma", Some("hoopstart -- puma")),
            ("hoop start -- puma", Some("hoopstart -- puma")),
            ("hoopstart --check puma", Some("hoopstart -- puma")),
            ("hoopstart --check -- puma", Some("hoopstart -- puma")),
            ("hoopstart — puma", Some("hoopstart -- puma")),
            ("hoopstart --puma", Some("hoopstart -- puma")),
            ("\"hoopstart -- puma\"", Some("hoopstart -- puma")),
            ("hoopstart -- migrate && puma", Some("migrate && hoopstart -- puma")),
            ("cd app && puma", None),
            ("hoopstart -- cd app", None),
            ("hoopstart -- cd app && puma", None),
            ("hoopstart", None),
            ("hoopstart --help", None),
            ("puma \\", None),
        ] {
            assert_eq!(corrected(line).as_deref(), right, "{line}");
            assert!(right.is_none_or(starts_agent), "{line}");
        }
    }

    proptest! {
        #[test]
        fn what_is_corrected_starts_the_agent(
            line in "(hoop ?-?start|hoopstrat|puma|cd|exec|A=b)\
                ( (--|-e|--check|\u{2014}|puma|x|&&|;|'a b'|A=b|exec|cd)){0,5}",
        ) {
            prop_assume!(!starts_agent(&line));
            if let Some(right) = corrected(&line) {
                prop_assert!(starts_agent(&right), "{} -> {}", line, right);
            }
        }
    }
}
