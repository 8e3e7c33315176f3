//! Patterns of files: `.slugignore`, what the platform removes of a push before it is built
//! (<https://devcenter.heroku.com/articles/slug-compiler#ignoring-files-with-slugignore>).
//!
//! The patterns are those of `.gitignore` (<https://git-scm.com/docs/gitignore#_pattern_format>), without those that
//! begin with `!`, which take something back: the platform knows none (the same page). A line is one pattern, blanks
//! included, and `*` also describes names that begin with a dot.

use std::path::Path;

/// The patterns of one file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Patterns(Vec<Pattern>);

/// One pattern.
#[derive(Debug, PartialEq, Eq)]
struct Pattern {
    /// The names of a path that it describes, from the first folder or, with `**` before them, from any.
    names: Vec<String>,
    /// Whether only a folder is meant.
    is_folder: bool,
}

impl Patterns {
    /// Reads the text of a file.
    pub(crate) fn parse(text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self(text.lines().filter_map(Pattern::parse).collect())
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `path`, below the app's folder, is described by a pattern. What is in a folder goes with it.
    pub(crate) fn name(&self, path: &Path, is_folder: bool) -> bool {
        let names: Vec<_> = path.iter().map(|name| name.to_string_lossy()).collect();
        let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
        self.0
            .iter()
            .any(|pattern| (is_folder || !pattern.is_folder) && matches_names(&pattern.names, &names))
    }
}

/// What of a file's text may not do what it seems to, as a sentence for each line.
pub(crate) fn doubts(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim_end).enumerate();
    lines
        .filter_map(|(place, line)| {
            let line_number = place + 1;
            let is_comment = line.starts_with('#');
            if line.starts_with('!') {
                Some(format!(
                    "line {line_number} begins with !, which takes nothing back here, so it is left out"
                ))
            } else if !is_comment && line.contains([' ', '\t']) {
                Some(format!(
                    "line {line_number} is one pattern with a blank in it; the platform may read it as several"
                ))
            } else {
                None
            }
        })
        .collect()
}

impl Pattern {
    /// Reads a line. `None` if it is no pattern.
    fn parse(line: &str) -> Option<Self> {
        let line = if line.ends_with("\\ ") { line } else { line.trim_end() };
        if line.is_empty() || line.starts_with(['#', '!']) {
            return None;
        }
        let is_folder = line.ends_with('/');
        let line = line.trim_end_matches('/');
        let is_anchored = line.contains('/');
        let mut names: Vec<String> = line
            .split('/')
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect();
        if !is_anchored {
            names.insert(0, "**".to_owned());
        }
        (!line.is_empty()).then_some(Self { names, is_folder })
    }
}

/// Whether `patterns`, one for each name or `**` for any number of them, describe `names`.
fn matches_names(patterns: &[String], names: &[&str]) -> bool {
    match (patterns, names) {
        ([], names) => names.is_empty(),
        // At the end it is what is in the folder, and not the folder.
        ([any], names) if any == "**" => !names.is_empty(),
        ([any, patterns @ ..], names) if any == "**" => {
            (0..=names.len()).any(|skipped| matches_names(patterns, &names[skipped..]))
        }
        ([pattern, patterns @ ..], [name, names @ ..]) => {
            let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
            matches_name(&pattern, &name) && matches_names(patterns, names)
        }
        (_, []) => false,
    }
}

/// Whether `pattern` describes `name`: `*` is any text, `?` any character, `[a-z]` one of a set.
fn matches_name(pattern: &[char], name: &[char]) -> bool {
    match (pattern, name) {
        ([], name) => name.is_empty(),
        (['*', pattern @ ..], name) => (0..=name.len()).any(|skipped| matches_name(pattern, &name[skipped..])),
        (['?', pattern @ ..], [_, name @ ..]) => matches_name(pattern, name),
        (['[', set @ ..], [character, name @ ..]) if closing(set).is_some() => {
            let end = closing(set).unwrap_or_default();
            is_in_set(&set[..end], *character) && matches_name(&set[end + 1..], name)
        }
        (['\\', literal, pattern @ ..] | [literal, pattern @ ..], [character, name @ ..]) => {
            literal == character && matches_name(pattern, name)
        }
        (_, []) => false,
    }
}

/// Where the `]` of a set is. It may be the first of its characters.
fn closing(set: &[char]) -> Option<usize> {
    let first = 1 + usize::from(matches!(set.first(), Some('!' | '^')));
    set.iter()
        .skip(first)
        .position(|character| *character == ']')
        .map(|place| place + first)
}

/// Whether `character` is one of `set`, or none where that begins with `!` or `^`.
fn is_in_set(set: &[char], character: char) -> bool {
    let (is_inverted, set) = match set {
        ['!' | '^', set @ ..] => (true, set),
        set => (false, set),
    };
    let mut rest = set;
    let mut is_in = false;
    while let [first, behind @ ..] = rest {
        rest = match behind {
            ['-', last, behind @ ..] => {
                is_in |= (*first..=*last).contains(&character);
                behind
            }
            behind => {
                is_in |= *first == character;
                behind
            }
        };
    }
    is_in != is_inverted
}

#[cfg(test)]
mod tests {
    use super::Patterns;
    use std::fs;
    use std::path::Path;
    use std::process::Command;

    /// Patterns, with paths that each describes and paths that it does not. A `/` at the end is a folder.
    const CASES: [(&str, &[&str], &[&str]); 14] = [
        ("*.psd", &["a.psd", "x/y/b.psd", ".psd"], &["a.psd.txt", "psd"]),
        ("/test", &["test", "test/"], &["x/test"]),
        ("tmp/", &["tmp/", "x/tmp/"], &["tmp", "x/tmp"]),
        ("doc/api", &["doc/api", "doc/api/"], &["x/doc/api", "doc/api2"]),
        ("**/logs", &["logs", "a/b/logs/"], &["a/logs2"]),
        ("a/**/b", &["a/b", "a/x/b", "a/x/y/b"], &["x/a/b", "ab"]),
        ("a/**", &["a/x", "a/x/y"], &["a", "b/a/x"]),
        ("b?r", &["bar", "x/bur"], &["br", "baar"]),
        ("[a-c]x", &["ax", "cx"], &["dx", "x"]),
        ("[!a-c]x", &["dx"], &["ax"]),
        ("\\#x", &["#x"], &["x"]),
        ("x  ", &["x"], &["x y"]),
        ("caf\u{e9}*", &["caf\u{e9}.md"], &["cafe.md"]),
        ("# x\n\n!y\nz", &["z"], &["y", "x", "# x"]),
    ];

    fn is_named(patterns: &str, path: &str) -> bool {
        Patterns::parse(patterns).name(Path::new(path.trim_end_matches('/')), path.ends_with('/'))
    }

    #[test]
    fn patterns_describe_what_they_do_in_a_gitignore() {
        for (patterns, named, others) in CASES {
            for path in named {
                assert!(is_named(patterns, path), "{patterns:?} {path}");
            }
            for path in others {
                assert!(!is_named(patterns, path), "{patterns:?} {path}");
            }
        }
    }

    #[test]
    fn git_takes_the_same_patterns_for_the_same_paths() {
        let folder = tempfile::tempdir().unwrap();
        let git = |arguments: &[&str]| {
            let mut command = Command::new("git");
            command.args(arguments).current_dir(folder.path()).env_clear();
            command
                .env("PATH", std::env::var_os("PATH").unwrap_or_default())
                .env("HOME", folder.path());
            command.output().ok()
        };
        if git(&["init", "-q"]).is_none_or(|output| !output.status.success()) {
            return;
        }
        for (patterns, named, others) in CASES {
            let patterns = patterns.replace("\n!y", "");
            fs::write(folder.path().join(".gitignore"), &patterns).unwrap();
            for (path, is_expected) in named
                .iter()
                .map(|path| (path, true))
                .chain(others.iter().map(|path| (path, false)))
            {
                // That of a folder ends with a slash for git, too, so that it need not be there.
                let output = git(&["check-ignore", "-q", "--no-index", path]).unwrap();
                assert_eq!(output.status.success(), is_expected, "{patterns:?} {path}");
            }
        }
    }
}
