//! Finds out whether what was given as the name of a program is something that only a shell understands, and finds the
//! line that works. Reads lines as the advice of a build does.

use crate::procfile::command_line::{DASHES, is_assignment, is_of_shell, with_hoopstart};
use crate::secret::redact::redacted;
use crate::start::fault::command::{CommandFault, Misreading};
use crate::text;
use std::ffi::OsString;

/// The longest value of a variable that is repeated, in bytes.
const PLAIN_VALUE: usize = 24;

/// How much of a line is repeated, in characters.
const LINE: usize = 200;

/// What is wrong with `words`, the first of which is not a program, if it is known.
pub(crate) fn misread(words: &[OsString]) -> Option<CommandFault> {
    let words: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let (first, rest) = words.split_first()?;
    let rest = rest.join(" ");
    let (cause, line) = if let Some(behind) = behind_dashes(first) {
        let option = if behind.is_empty() {
            String::from("--")
        } else {
            format!("--{behind}")
        };
        (
            Misreading::Dashes,
            Some(format!("hoopstart {option} {}", shown(&words[1..]))),
        )
    } else if is_assignment(first) {
        let is_program = words
            .iter()
            .find(|word| !is_assignment(word))
            .is_some_and(|word| !is_of_shell(word));
        let line = is_program.then(|| format!("hoopstart -- env {}", shown(&words)));
        (Misreading::Assignment, line)
    } else if first.trim().contains(char::is_whitespace) && rest.is_empty() {
        (Misreading::Quoted, with_hoopstart(&shown_line(first.trim())))
    } else if is_of_shell(first) {
        let line = with_hoopstart(&shown(&words)).filter(|_| first == "exec");
        (Misreading::ShellCommand, line)
    } else {
        return None;
    };
    Some(CommandFault::Misread {
        command: text::excerpt(&shown_line(first), LINE),
        cause,
        line: line.map(|line| text::excerpt(line.trim_end(), LINE)),
    })
}

/// What follows the dashes of a word processor at the beginning of `word`.
fn behind_dashes(word: &str) -> Option<&str> {
    let behind = word.trim_start_matches(DASHES);
    let dashes = &word[..word.len() - behind.len()];
    (!dashes.is_empty() && dashes != "--").then_some(behind)
}

/// `words` as one would type them, without possible secrets.
fn shown(words: &[String]) -> String {
    let is_plain = |word: &str| {
        word.chars()
            .all(|character| character.is_ascii_alphanumeric() || "_-+=./:,@%".contains(character))
    };
    let quoted = |word: &String| {
        let word = without_secret(word);
        if is_plain(&word) && !word.is_empty() {
            word
        } else {
            shell_words::quote(&word).into_owned()
        }
    };
    let joined = |words: &[String]| words.iter().map(quoted).collect::<Vec<_>>().join(" ");
    // Redacted as one line, since an option and its value are two words.
    let line = redacted(&joined(words));
    // If a mask has swallowed a quotation mark, the line stays as the mask left it.
    shell_words::split(&line).map_or(line, |words| joined(&words))
}

/// `line` without possible secrets, otherwise as it is.
fn shown_line(line: &str) -> String {
    redacted(line)
        .split(' ')
        .map(without_secret)
        .collect::<Vec<_>>()
        .join(" ")
}

/// `word` with three dots in place of a value that may be a secret: any that is not plain, and any of our own
/// variables.
fn without_secret(word: &str) -> String {
    if let Some((name, value)) = word.split_once('=').filter(|_| is_assignment(word)) {
        let is_plain = |character: char| character.is_ascii_alphanumeric() || "._-/:,".contains(character);
        let names_secret = ["HOOP_", "KEY", "TOKEN", "SECRET", "PASS", "DSN"]
            .iter()
            .any(|part| name.contains(part));
        let is_shown = value.len() <= PLAIN_VALUE && value.chars().all(is_plain) && !names_secret;
        return if is_shown {
            word.to_owned()
        } else {
            format!("{name}=...")
        };
    }
    // A URL with a user name.
    if word.contains("://") && word.contains('@') {
        "...".to_owned()
    } else {
        word.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::misread;
    use crate::start::fault::Fault;
    use crate::start::fault::command::CommandFault;
    use std::ffi::OsString;

    /// What takes a shell.
    const SCRIPT: &str = "a script";

    /// The line that works.
    fn line(words: &[&str]) -> Option<String> {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        match misread(&words)? {
            CommandFault::Misread { line, .. } => Some(line.unwrap_or(SCRIPT.to_owned())),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_a_shell_would_have_understood_is_told_with_the_line_that_works() {
        for (words, right) in [
            (&["bundle exec puma"][..], "hoopstart -- bundle exec puma"),
            (
                &["bundle exec puma -p $PORT "],
                "hoopstart -- bundle exec puma -p $PORT",
            ),
            (&["FOO=1", "puma"], "hoopstart -- env FOO=1 puma"),
            (
                &["FOO=1", "B=x/y", "puma", "a b"],
                "hoopstart -- env FOO=1 B=x/y puma 'a b'",
            ),
            (&["—", "puma"], "hoopstart -- puma"),
            (&["–", "puma"], "hoopstart -- puma"),
            (&["–check"], "hoopstart --check"),
            (&["—check", "puma"], "hoopstart --check puma"),
            (&["---", "puma"], "hoopstart -- puma"),
        ] {
            assert_eq!(line(words).as_deref(), Some(right), "{words:?}");
        }
    }

    #[test]
    fn what_takes_a_shell_has_no_line_of_one_program() {
        for words in [
            &["cd", "x"][..],
            &["cd app && puma"],
            &["export", "A=1"],
            &["source", "env.sh"],
            &["FOO=1"],
            &["FOO=1", "cd", "x"],
            &["if true; then puma; fi"],
        ] {
            assert_eq!(line(words).as_deref(), Some(SCRIPT), "{words:?}");
        }
    }

    #[test]
    fn a_program_that_is_just_not_there_is_no_misunderstanding() {
        for words in [
            &["bundel", "exec"][..],
            &["./cd"],
            &["a=b/c d"][..0],
            &["my-app", "FOO=1"],
            &["../x=1"],
            &[""],
        ] {
            assert_eq!(line(words), None, "{words:?}");
        }
    }

    #[test]
    fn no_secret_is_repeated() {
        for words in [
            &["HOOP_KEY=grpcs://a:s3cr3t@h:1", "puma"][..],
            &["HOOP_KEY=grpcs://a:s3cr3t@h:1 puma"],
            &["API_TOKEN=s3cr3t", "puma"],
            &["DATABASE_URL=postgres://u:s3cr3t@h/d puma"],
            &["psql postgres://u:s3cr3t@h/d"],
            &["X='s3cr3t and more'", "puma"],
            &["puma --token s3cr3t"],
            &["puma --password=s3cr3t -p 80"],
            &["A=1", "puma", "--token", "s3cr3t"],
            &["curl -u web:s3cr3t https://h"],
            &["A=1", "curl", "-H", "Authorization: Bearer s3cr3t"],
        ] {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            let fault = Fault::from(misread(&words).unwrap());
            assert!(!fault.line().contains("s3cr3t"), "{}", fault.line());
        }
    }
}
