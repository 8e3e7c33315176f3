//! What a line of the Procfile is to the shell that runs it, as far as `hoopstart --` can be put into it.
//!
//! A shell has its say before a program is started: it sets variables, follows `&&`, and knows words of its own such as
//! `cd`. hoopstart starts a program, as `env` and `nice` do, and no shell.

/// Words that are no programs, or that mean something else as one: those of bash
/// (<https://www.gnu.org/software/bash/manual/bash.html#Shell-Builtin-Commands>) that a Procfile may begin with.
const WORDS_OF_SHELL: [&str; 34] = [
    "!", ".", ":", "[[", "{", "alias", "case", "cd", "command", "coproc", "declare", "eval", "exec", "exit", "export",
    "for", "function", "if", "local", "popd", "pushd", "read", "readonly", "select", "set", "shopt", "source", "time",
    "trap", "typeset", "ulimit", "umask", "until", "while",
];

/// Returns `line` with `hoopstart --` in front of its program: behind variables that it sets, and behind `exec`. `None`
/// where it is more than one program with its arguments.
pub fn with_hoopstart(line: &str) -> Option<String> {
    let (before, command) = split_at_program(line);
    (!has_expansion(before) && is_program(command)).then(|| format!("{before}hoopstart -- {command}"))
}

/// Answers whether `command` is one program with its arguments and redirections.
pub fn is_program(command: &str) -> bool {
    let first = words(command).next().unwrap_or_default();
    !first.is_empty() && !WORDS_OF_SHELL.contains(&first) && !is_assignment(first) && !has_operator(command)
}

/// Answers whether a shell takes `word`, in front of a program, for a variable that is to be set.
pub fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        let name = name.strip_suffix('+').unwrap_or(name);
        name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}

/// Answers whether `text` has something in which words and quotes begin anew, so that they are not those of the line.
pub fn has_expansion(text: &str) -> bool {
    ["${", "$(", "`"].iter().any(|beginning| text.contains(beginning))
}

/// Answers whether a shell runs `command` by itself, or goes on from it, and no program of that name is meant.
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

/// Returns the words of `line`, with their quotes.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let mut quotes = Quotes::default();
    line.split(move |character: char| !quotes.protect(character) && character.is_whitespace())
        .filter(|word| !word.is_empty())
}

/// Answers whether `command` has something that ends a command or groups some, outside of quotes. A substitution counts
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
    use super::with_hoopstart;
    use proptest::prelude::*;

    #[test]
    fn hoopstart_stands_in_front_of_the_program() {
        for (line, right) in [
            ("puma -p $PORT", "hoopstart -- puma -p $PORT"),
            ("FOO=bar puma", "FOO=bar hoopstart -- puma"),
            ("FOO=\"a b\" B_2='c d' puma", "FOO=\"a b\" B_2='c d' hoopstart -- puma"),
            ("exec puma", "exec hoopstart -- puma"),
            ("A=1 exec puma", "A=1 exec hoopstart -- puma"),
            ("PATH+=:/x puma", "PATH+=:/x hoopstart -- puma"),
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
        ] {
            assert_eq!(with_hoopstart(line), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn all_of_the_line_stays_as_it_is(line in "\\PC{0,20}", of_shell in "[ a-zA-Z=0-9_'\"\\\\;&|()><$]{0,30}") {
            for line in [&line, &of_shell] {
                if let Some(right) = with_hoopstart(line) {
                    prop_assert_eq!(&right.replacen("hoopstart -- ", "", 1), line);
                }
            }
        }
    }
}
