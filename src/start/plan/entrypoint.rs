//! `HOOP_COMMAND`: a shell command line, for agents that take words.
//!
//! From 1.21.23 on, an agent parses `--command` as bash would, and keeps the words of one simple command, each with its
//! quotes. Before, it takes the words as they are. Whatever the version, at the beginning of a session it replaces
//! `$NAME` in all words but the first with the variable of the session, as Go's `os.Expand` does
//! (<https://pkg.go.dev/os#Expand>), and ends the session if the result is empty. So only plain words are passed on as
//! they are, and shown by the gateway. A shell gets everything else.

use crate::config;
use crate::procfile::command_line;
use crate::secret::redact::redacted;
use crate::start::fault::config::ConfigFault;
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

/// Runs a line that needs a shell.
const SHELL: &str = "sh";

/// What a shell removes around a command; no other blanks.
const BLANKS: [char; 3] = [' ', '\t', '\n'];

/// Words that only a shell knows, or of which it has its own variant.
const OF_SHELL: [&str; 70] = [
    ".",
    ":",
    "alias",
    "bg",
    "bind",
    "break",
    "builtin",
    "caller",
    "case",
    "cd",
    "command",
    "compgen",
    "complete",
    "continue",
    "coproc",
    "declare",
    "dirs",
    "disown",
    "do",
    "done",
    "elif",
    "else",
    "enable",
    "esac",
    "eval",
    "exec",
    "exit",
    "export",
    "fc",
    "fg",
    "fi",
    "for",
    "function",
    "getopts",
    "hash",
    "help",
    "history",
    "if",
    "in",
    "jobs",
    "let",
    "local",
    "logout",
    "mapfile",
    "popd",
    "pushd",
    "pwd",
    "read",
    "readarray",
    "readonly",
    "return",
    "select",
    "set",
    "shift",
    "shopt",
    "source",
    "suspend",
    "then",
    "time",
    "times",
    "trap",
    "type",
    "typeset",
    "ulimit",
    "umask",
    "unalias",
    "unset",
    "until",
    "wait",
    "while",
];

/// The arguments after `hoop run … --`, for agents that take them.
///
/// # Errors
///
/// A quote is not closed, so no shell could run the line.
pub(crate) fn arguments(line: &OsStr) -> Result<Vec<OsString>, ConfigFault> {
    check_quotes(line)?;
    if let Some(words) = words(line).filter(|words| words.iter().all(|word| !word.contains('$'))) {
        return Ok(words.into_iter().map(OsString::from).collect());
    }
    let script = if line.as_bytes().contains(&b'$') {
        without_dollars(line)
    } else {
        line.to_owned()
    };
    Ok(vec![SHELL.into(), "-c".into(), script])
}

/// The value of `hoop run … --command`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entrypoint {
    /// Plain words.
    Words(OsString),
    /// A line that needs a shell, or has a password that nobody may read in a command line. It is in the variable
    /// `HOOP_COMMAND`, which the session must see.
    Variable,
}

impl Entrypoint {
    /// The value.
    pub(crate) fn into_value(self) -> OsString {
        match self {
            Entrypoint::Words(words) => words,
            Entrypoint::Variable => format!("{SHELL} -c ${}", config::COMMAND).into(),
        }
    }
}

/// The value of `hoop run … --command` for a line.
///
/// # Errors
///
/// A quote is not closed, so no shell could run the line.
pub(crate) fn command(line: &OsStr) -> Result<Entrypoint, ConfigFault> {
    check_quotes(line)?;
    let plain = line.to_str().filter(|line| words(OsStr::new(line)).is_some());
    Ok(match plain {
        Some(line) if !line.contains(['"', '\'']) && redacted(line) == line => {
            Entrypoint::Words(line.trim_matches(BLANKS).into())
        }
        _ => Entrypoint::Variable,
    })
}

/// The words of `line`, if it is one command of plain words, some of them maybe in quotes. `None` if only a shell knows
/// what it is.
fn words(line: &OsStr) -> Option<Vec<String>> {
    let line = line.to_str()?;
    let mut words: Vec<String> = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = line.trim_matches(BLANKS).chars();
    while let Some(character) = characters.next() {
        match character {
            ' ' | '\t' => words.extend(word.take()),
            '\'' | '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match characters.next()? {
                        end if end == character => break,
                        '$' | '`' | '\\' | '!' if character == '"' => return None,
                        within => word.push(within),
                    }
                }
            }
            _ if is_plain(character) => word.get_or_insert_default().push(character),
            _ => return None,
        }
    }
    words.extend(word);
    let (first, rest) = words.split_first()?;
    let is_of_shell = OF_SHELL.contains(&first.as_str());
    // The echo and printf of a shell may treat options differently than the programs do.
    let has_variants = ["echo", "printf", "test", "kill"].contains(&first.as_str())
        && rest.iter().any(|word| word.starts_with('-') || word.contains('\\'));
    let is_assignment = first.contains('=');
    (!first.is_empty() && !is_of_shell && !has_variants && !is_assignment).then_some(words)
}

/// Whether every shell takes `character` as itself, anywhere in a word.
fn is_plain(character: char) -> bool {
    character.is_alphanumeric() || "-_./:@%+=,".contains(character)
}

/// Checks that every quote in `line` is closed, as far as that can be known.
fn check_quotes(line: &OsStr) -> Result<(), ConfigFault> {
    if command_line::has_open_quote(&line.to_string_lossy()) {
        return Err(ConfigFault::CommandInvalid);
    }
    Ok(())
}

/// A script that does what `line` does without a `$`, which these agents would replace.
fn without_dollars(line: &OsStr) -> OsString {
    let mut encoded = String::new();
    for byte in line.as_bytes() {
        // Writing to a String cannot fail.
        let _ = match char::from(*byte) {
            plain if plain.is_ascii() && (is_plain(plain) || plain == ' ') => write!(encoded, "{plain}"),
            _ => write!(encoded, "\\0{byte:03o}"),
        };
    }
    OsString::from_vec(format!("eval \"`printf %b '{encoded}'`\"").into_bytes())
}

#[cfg(test)]
mod tests;
