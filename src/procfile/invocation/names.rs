//! The names of hoopstart in a line, and what was meant for one.

use crate::procfile::command_line::words;
use crate::procfile::invocation::mistake::{Effect, Mistake};

/// The names of hoopstart, its own first: what a Procfile line may start with, or have somewhere in it.
pub const STARTERS: [&str; 2] = ["hoopstart", "hoopwrapper"];

/// What stands in `word`, if that is several words in quotation marks.
pub(super) fn whole_in_quotes(word: &str) -> Option<&str> {
    let quote = word.chars().next().filter(|first| matches!(first, '"' | '\''))?;
    let inner = word.strip_prefix(quote)?.strip_suffix(quote)?;
    (inner.trim().contains(char::is_whitespace) && !inner.contains([quote, '\\'])).then(|| inner.trim())
}

/// The name of the program at a path.
pub(super) fn name_of(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

/// Whether `word` is our program, by whatever path.
pub(super) fn is_starter(word: &str) -> bool {
    STARTERS.contains(&name_of(word))
}

/// Whether `program`, a command less what a shell reads before it, is the agent itself.
pub(super) fn is_agent(program: &str) -> bool {
    let mut words = words(program);
    words.next().is_some_and(|first| name_of(first) == "hoop")
        && words.next() == Some("start")
        && words.next() == Some("agent")
}

/// What stands at the beginning of `program` for a name of ours, where that is nearly right: `hoopstrat`,
/// `Hoopstart`, `hoop start`, or one with a blank behind it that is none to a shell.
pub(super) fn misspelt(program: &str) -> Option<&str> {
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
pub(super) fn misspelling(word: &str) -> (Mistake, Effect) {
    if name_of(word).starts_with("hoop ") {
        (Mistake::OtherName(word.to_owned()), Effect::AgentCommand)
    } else if word.contains(is_odd_blank) {
        (Mistake::OddBlank, Effect::NotOurName)
    } else {
        (Mistake::OtherName(word.to_owned()), Effect::NotOurName)
    }
}

/// Whether our program is in `text`, also within what another shell is given: `bash -c "hoopstart -- puma"`.
pub(super) fn has_starter(text: &str) -> bool {
    text.split(|character: char| character.is_whitespace() || "\"'`(){};&|".contains(character))
        // ${LAUNCHER:-hoopstart}
        .any(|word| is_starter(word.rsplit(":-").next().unwrap_or(word)))
}
