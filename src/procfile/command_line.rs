//! What a line of the Procfile is to the shell that runs it, as far as `hoopstart --` can be put into it.
//!
//! A shell has its say before a program is started: it sets variables, follows `&&`, and knows words of its own such as
//! `cd`. hoopstart starts a program, as `env` and `nice` do, and no shell.

use crate::text;

/// Words that are no programs, or that mean something else as one: those of bash
/// (<https://www.gnu.org/software/bash/manual/bash.html#Shell-Builtin-Commands>) that a Procfile may begin with.
const WORDS_OF_SHELL: [&str; 38] = [
    "!", ".", ":", "[[", "{", "alias", "builtin", "case", "cd", "command", "coproc", "declare", "eval", "exec", "exit",
    "export", "for", "function", "if", "let", "local", "popd", "pushd", "read", "readonly", "select", "set", "shopt",
    "source", "time", "trap", "typeset", "ulimit", "umask", "unset", "until", "wait", "while",
];

/// Hyphens, and what word processors make of them. No program is called so.
pub const DASHES: [char; 3] = ['-', '–', '—'];

/// Whether a quote in `line` is not closed, as far as that can be known. Within `$(…)` and the like, quotes begin
/// anew or end differently.
pub fn has_open_quote(line: &str) -> bool {
    let nests = ["$'", "$(", "${", "`", "<<", "#"];
    !nests.iter().any(|nesting| line.contains(nesting)) && shell_words::split(line).is_err()
}

/// `line` with `hoopstart --` in front of its program, see [`as_program`].
pub fn with_hoopstart(line: &str) -> Option<String> {
    as_program(line).map(|program| format!("hoopstart -- {program}"))
}

/// `line` as what may follow `hoopstart --`: a program with its arguments. Variables in front of it become
/// those of `env`, and `exec` goes, so that the line needs no shell: not every boot has one (herokuish runs the words
/// of a line). `None` where it is more than one program, or where `env` would not set what the shell sets.
pub fn as_program(line: &str) -> Option<String> {
    let (before, command) = split_at_program(line);
    if has_expansion(before) || !is_program(command) {
        return None;
    }
    let variables = as_env(before)?;
    let env = if variables.is_empty() { "" } else { "env " };
    Some(format!("{env}{variables}{command}"))
}

/// The variables in `before`, what stands before a program, as arguments of `env`, each with a blank behind it.
fn as_env(before: &str) -> Option<String> {
    let mut arguments = String::new();
    let mut set: Vec<&str> = Vec::new();
    for word in words(before).filter(|word| is_assignment(word)) {
        let (name, value) = word.split_once('=')?;
        // A shell appends with `+=`, and sees in a value what it has just set. env does neither.
        if name.ends_with('+') || set.iter().any(|name| refers_to(value, name)) {
            return None;
        }
        set.push(name);
        // A shell does not split a value into words as it splits an argument, and finds no names of files in it.
        let is_split = has_bare(value, &['$', '*', '?', '[', '{']);
        // Within quotes a `~` is itself.
        if is_split && value.contains(['"', '\'', '\\', '~']) {
            return None;
        }
        let quote = if is_split { "\"" } else { "" };
        arguments.extend([quote, word, quote, " "]);
    }
    Some(arguments)
}

/// Whether `value` has the variable `name` in it.
fn refers_to(value: &str, name: &str) -> bool {
    value.match_indices('$').any(|(place, _)| {
        let behind = value[place + 1..].trim_start_matches('{');
        behind
            .strip_prefix(name)
            .is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_alphanumeric() || next == '_'))
    })
}

/// Whether `value` has one of these characters outside of quotes.
fn has_bare(value: &str, characters: &[char]) -> bool {
    let mut quotes = Quotes::default();
    value
        .chars()
        .any(|character| !quotes.protect(character) && characters.contains(&character))
}

/// One command of a line, as a shell takes the line apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    pub command: &'a str,
    /// What stands behind it: `&&`, `||`, `;`, `|`, `&`, or nothing at the end.
    pub operator: &'a str,
}

/// Takes `line` apart at its operators. `None` where groups, substitutions or an open quote make it another text than
/// it seems.
pub fn parts(line: &str) -> Option<Vec<Part<'_>>> {
    let mut parts = Vec::new();
    let mut quotes = Quotes::default();
    let (mut start, mut skip, mut before) = (0, 0, ' ');
    for (place, character) in line.char_indices() {
        let is_protected = quotes.protect(character);
        let rest = &line[place..];
        let is_substitution = rest.starts_with("$(") || character == '`' || rest.starts_with("${");
        if (is_substitution && quotes.open != Some('\'')) || (!is_protected && matches!(character, '(' | ')')) {
            return None;
        }
        let redirects = character == '&' && (matches!(before, '>' | '<') || rest.starts_with("&>"));
        before = character;
        if is_protected || place < skip || redirects {
            continue;
        }
        let operator = ["&&", "||", ";", "|", "&", "\n"]
            .into_iter()
            .find(|operator| rest.starts_with(operator));
        if let Some(operator) = operator {
            skip = place + operator.len();
            parts.push(Part {
                command: &line[start..place],
                operator: &rest[..operator.len()],
            });
            start = skip;
        }
    }
    parts.push(Part {
        command: &line[start..],
        operator: "",
    });
    quotes.open.is_none().then_some(parts)
}

/// `line` without a comment at its end.
pub fn without_comment(line: &str) -> &str {
    let mut quotes = Quotes::default();
    let mut before = ' ';
    let comment = line.char_indices().find(|(_, character)| {
        let begins = *character == '#' && (before.is_whitespace() || matches!(before, ';' | '&' | '|'));
        before = *character;
        !quotes.protect(*character) && begins
    });
    comment.map_or(line, |(place, _)| &line[..place]).trim_end()
}

/// Whether `command` is one program with its arguments and redirections.
pub fn is_program(command: &str) -> bool {
    let first = words(command).next().unwrap_or_default();
    let is_word = !first.is_empty() && !first.starts_with(DASHES) && !is_assignment(first);
    is_word && !WORDS_OF_SHELL.contains(&first) && !has_operator(command)
}

/// Whether a shell takes `word`, in front of a program, for a variable that is to be set.
pub fn is_assignment(word: &str) -> bool {
    word.split_once('=')
        .is_some_and(|(name, _)| text::is_variable_name(name.strip_suffix('+').unwrap_or(name)))
}

/// Whether `text` has something in which words and quotes start over, so that they are not those of the line.
pub fn has_expansion(text: &str) -> bool {
    ["${", "$(", "`"].iter().any(|beginning| text.contains(beginning))
}

/// Whether a shell runs `command` by itself, or goes on from it, and no program of that name is meant.
pub fn is_of_shell(command: &str) -> bool {
    words(command)
        .next()
        .is_some_and(|first| WORDS_OF_SHELL.contains(&first))
}

/// Splits `line` before its program, behind what a shell must see in front of it: variables, and `exec`.
pub fn split_at_program(line: &str) -> (&str, &str) {
    let mut words = words(line).peekable();
    let mut rest = words.peek().copied();
    while words.next_if(|word| is_assignment(word)).is_some() {
        rest = words.peek().copied();
    }
    // Not where it has options of its own.
    if words.next_if_eq(&"exec").is_some() && words.peek().is_some_and(|word| !word.starts_with('-')) {
        rest = words.peek().copied();
    }
    // Each word is a part of the line.
    let place = rest.map_or(line.len(), |word| word.as_ptr().addr() - line.as_ptr().addr());
    line.split_at(place)
}

/// The words of `line`, with their quotes.
pub fn words(line: &str) -> impl Iterator<Item = &str> {
    let mut quotes = Quotes::default();
    // What else Unicode calls white space is a letter to a shell.
    line.split(move |character: char| !quotes.protect(character) && matches!(character, ' ' | '\t' | '\n'))
        .filter(|word| !word.is_empty())
}

/// Whether `command` has something that ends a command or groups some, outside of quotes. A substitution counts
/// as such: it may be anything.
fn has_operator(command: &str) -> bool {
    let mut quotes = Quotes::default();
    let mut before = ' ';
    let mut after = command.chars().skip(1);
    command.chars().any(|character| {
        let next = after.next();
        // 2>&1 and &>log are redirections.
        let redirects = character == '&' && (matches!(before, '>' | '<') || next == Some('>'));
        before = character;
        !quotes.protect(character) && !redirects && matches!(character, ';' | '&' | '|' | '(' | ')' | '`' | '\n')
    })
}

/// Follows the quotes of a line, character by character.
#[derive(Default)]
struct Quotes {
    open: Option<char>,
    is_escaped: bool,
}

impl Quotes {
    /// Takes the next character, and answers whether it means itself and nothing to a shell.
    fn protect(&mut self, character: char) -> bool {
        if std::mem::take(&mut self.is_escaped) {
            return true;
        }
        match (self.open, character) {
            (None | Some('"'), '\\') => self.is_escaped = true,
            (None, '\'' | '"') => self.open = Some(character),
            (Some(open), _) if open == character => self.open = None,
            (None, _) => return false,
            _ => {}
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{parts, split_at_program, with_hoopstart, without_comment};
    use proptest::prelude::*;

    #[test]
    fn hoopstart_stands_in_front_of_the_program() {
        for (line, right) in [
            ("puma -p $PORT", "hoopstart -- puma -p $PORT"),
            ("FOO=bar puma", "hoopstart -- env FOO=bar puma"),
            (
                "FOO=\"a b\" B_2='c d' puma",
                "hoopstart -- env FOO=\"a b\" B_2='c d' puma",
            ),
            ("PATH=bin:$PATH puma", "hoopstart -- env \"PATH=bin:$PATH\" puma"),
            ("A='$B' C=\"$D\" puma", "hoopstart -- env A='$B' C=\"$D\" puma"),
            ("exec puma", "hoopstart -- puma"),
            ("A=1 exec puma", "hoopstart -- env A=1 puma"),
            ("A=* B={1,2} puma", "hoopstart -- env \"A=*\" \"B={1,2}\" puma"),
            ("A=~/x puma", "hoopstart -- env A=~/x puma"),
            ("puma\u{a0}-p 1", "hoopstart -- puma\u{a0}-p 1"),
            ("A=1 env B=2 puma", "hoopstart -- env A=1 env B=2 puma"),
            ("puma >log 2>&1", "hoopstart -- puma >log 2>&1"),
            ("puma &>log", "hoopstart -- puma &>log"),
            (
                "sh -c 'cd app && exec puma; true'",
                "hoopstart -- sh -c 'cd app && exec puma; true'",
            ),
            ("echo a\\;b", "hoopstart -- echo a\\;b"),
            ("env FOO=bar puma", "hoopstart -- env FOO=bar puma"),
            ("bin/cd x", "hoopstart -- bin/cd x"),
        ] {
            assert_eq!(with_hoopstart(line).as_deref(), Some(right), "{line}");
        }
    }

    #[test]
    fn what_only_a_shell_can_run_is_no_program() {
        for line in [
            "",
            "FOO=bar",
            "cd app && bundle exec puma",
            "cd app",
            "export A=1; exec puma",
            ". ./env.sh && puma",
            "(puma) | cat",
            "puma & sidekiq & wait",
            "if true; then puma; fi",
            "exec -a web puma",
            "puma -p `cat port`",
            "puma -p $(cat port)",
            "puma \"a\" && true",
            "X=${FOO:-a b} puma",
            "FOO=\"$(cat \"a b\")\" puma",
            // Not what env would set.
            "PATH+=:/x puma",
            "A=1 B=$A puma",
            "A=$B\"c\" puma",
            "PATH=$PATH:~/x puma",
            "unset A; puma",
        ] {
            assert_eq!(with_hoopstart(line), None, "{line}");
        }
    }

    #[test]
    fn a_line_is_taken_apart_at_its_operators() {
        let shown = |line| {
            parts(line).map(|parts| {
                let shown = parts
                    .iter()
                    .map(|part| format!("{}[{}]", part.command.trim(), part.operator));
                shown.collect::<Vec<_>>().join(" ")
            })
        };
        for (line, expected) in [
            ("puma", Some("puma[]")),
            ("a && b || c; d | e & f", Some("a[&&] b[||] c[;] d[|] e[&] f[]")),
            ("a>log 2>&1 && b &>c", Some("a>log 2>&1[&&] b &>c[]")),
            ("sh -c 'a && b'&&c", Some("sh -c 'a && b'[&&] c[]")),
            ("echo \"a;b\" a\\;b", Some("echo \"a;b\" a\\;b[]")),
            ("echo '$(x)'", Some("echo '$(x)'[]")),
            ("(a)", None),
            ("a $(b && c)", None),
            ("a \"`b`\"", None),
            ("a ${B:-c; d}", None),
            ("a 'b", None),
        ] {
            assert_eq!(shown(line).as_deref(), expected, "{line}");
        }
    }

    #[test]
    fn a_comment_is_no_part_of_a_line() {
        for (line, without) in [
            ("puma # hoopstart -- puma", "puma"),
            ("puma -t 1#2 '#a' \\# # b", "puma -t 1#2 '#a' \\#"),
            ("#puma", ""),
            ("a;#b", "a;"),
        ] {
            assert_eq!(without_comment(line), without, "{line}");
        }
    }

    proptest! {
        #[test]
        fn all_of_the_line_stays_in_it(line in "\\PC{0,20}", of_shell in "[ a-zA-Z=0-9_'\"\\\\;&|()><$]{0,30}") {
            for line in [&line, &of_shell] {
                if let Some(right) = with_hoopstart(line) {
                    // The program and its arguments, as they were.
                    prop_assert!(right.starts_with("hoopstart -- "), "{right}");
                    prop_assert!(right.ends_with(split_at_program(line).1), "{right}");
                }
                if let Some(parts) = parts(line) {
                    let again: String = parts.iter().flat_map(|part| [part.command, part.operator]).collect();
                    prop_assert_eq!(&again, line);
                }
                prop_assert!(line.starts_with(without_comment(line)));
            }
        }
    }
}
