//! Reads config vars from a file as people keep them for a laptop: `.env`.
//!
//! There is no standard for it. What is read here is what the runners of Procfiles and the dotenv libraries agree on:
//! quotation marks, `export`, comments, values of several lines. Nothing is replaced in a value, as with `heroku
//! local`.

use crate::text;

/// The variables that a dyno has from its platform, so that no config var takes their place.
pub(crate) const OF_PLATFORM: [&str; 3] = ["DYNO", "HOME", "PORT"];

/// What a value may stand between.
const QUOTES: [char; 3] = ['"', '\'', '`'];

/// What a file holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct EnvFile {
    /// Names and values, in the order of the file.
    pub(crate) vars: Vec<(String, String)>,
    /// Lines that are not read as they may be meant, in words without what they hold: it may be a secret.
    pub(crate) notes: Vec<Note>,
}

/// Something to tell of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    /// The first line, from 1.
    pub(crate) line: usize,
    /// The last line of which it is true.
    pub(crate) last: usize,
    /// What is to be told.
    pub(crate) what: String,
}

impl EnvFile {
    /// Reads the bytes of a file.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let text = decode(bytes);
        // Not one that stands in the file itself.
        let replaced = std::str::from_utf8(bytes)
            .is_err()
            .then_some(char::REPLACEMENT_CHARACTER);
        let mut file = Self::default();
        let mut rest = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let mut line = 1;
        while !rest.is_empty() {
            let (entry, length) = Entry::read(rest);
            match entry {
                Entry::Nothing => {}
                Entry::Wrong(what) => file.note(line, what.to_owned()),
                Entry::Var { value, .. } if replaced.is_some_and(|replaced| value.contains(replaced)) => {
                    file.note(line, "its value is not UTF-8, so it is left out".to_owned());
                }
                Entry::Var { name, .. } if OF_PLATFORM.contains(&name) => {
                    file.note(line, format!("{name} is set by the platform, so it is left out"));
                }
                Entry::Var { name, value, is_plain } => {
                    if !is_plain {
                        file.note(
                            line,
                            format!("nothing is expanded in the value of {name}, so ${{…}} and $(…) stay in it"),
                        );
                    }
                    file.vars.push((name.to_owned(), value));
                }
            }
            let (read, behind) = rest.split_at(length);
            line += read.matches('\n').count();
            rest = behind;
        }
        file
    }

    /// Adds a note, to the last one where that is the same of the line before.
    fn note(&mut self, line: usize, what: String) {
        match self.notes.last_mut() {
            Some(note) if note.what == what && note.last + 1 == line => note.last = line,
            _ => self.notes.push(Note { line, last: line, what }),
        }
    }
}

/// The text of a file: UTF-8, or UTF-16 with a byte order mark, as PowerShell writes it.
fn decode(bytes: &[u8]) -> String {
    let unit: fn([u8; 2]) -> u16 = match bytes {
        [0xff, 0xfe, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] => u16::from_be_bytes,
        _ => return String::from_utf8_lossy(bytes).into_owned(),
    };
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    char::decode_utf16(units)
        .map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

/// What stands at one place of a file.
#[derive(Debug, PartialEq, Eq)]
enum Entry<'a> {
    /// A blank line or a comment.
    Nothing,
    /// A config var.
    Var {
        name: &'a str,
        value: String,
        /// Whether other readers would find nothing to replace in it.
        is_plain: bool,
    },
    /// Something that cannot be read.
    Wrong(&'static str),
}

impl<'a> Entry<'a> {
    /// Reads the entry with which `text` begins, and returns how many bytes it takes, the end of its last line
    /// included.
    fn read(text: &'a str) -> (Self, usize) {
        let end_of_line = |from: usize| text[from..].find('\n').map_or(text.len(), |place| from + place + 1);
        let end = end_of_line(0);
        let line = text[..end].trim();
        if line.is_empty() || line.starts_with('#') {
            return (Self::Nothing, end);
        }
        let line = match line.strip_prefix("export") {
            Some(behind) if behind.starts_with(char::is_whitespace) => behind.trim_start(),
            _ => line,
        };
        let Some((name, value)) = line.split_once('=') else {
            return (Self::Wrong("it is not NAME=VALUE, so it is left out"), end);
        };
        let name = name.trim_end();
        if !text::is_variable_name(name) {
            return (
                Self::Wrong("what is before the = is not the name of a config var, so the line is left out"),
                end,
            );
        }
        let value = value.trim_start();
        let start = value.as_ptr().addr() - text.as_ptr().addr();
        let (value, is_plain, end) = if let Some(quote) = value.chars().next().filter(|first| QUOTES.contains(first)) {
            let Some((value, length)) = in_quotes(&text[start + 1..], quote) else {
                return (Self::Wrong("its quotation mark is not closed, so it is left out"), end);
            };
            let behind = start + 1 + length;
            let end = end_of_line(behind);
            let rest = text[behind..end].trim();
            if !(rest.is_empty() || rest.starts_with('#')) {
                let what = "something follows its closing quotation mark, so it is left out";
                return (Self::Wrong(what), end_of_line(0));
            }
            (value, quote != '"' || !has_reference(&text[start..behind]), end)
        } else {
            let value = without_comment(value);
            (value.to_owned(), !has_reference(value), end)
        };
        if value.contains('\0') {
            return (
                Self::Wrong("its value has a NUL, which a variable cannot hold, so it is left out"),
                end,
            );
        }
        (Self::Var { name, value, is_plain }, end)
    }
}

/// Reads what stands in quotation marks, of which `text` follows the first. Returns it with the number of bytes it
/// takes, the closing mark included. In double ones a backslash stands before a mark, a backslash, `$`, and the `n`
/// and `r` of line ends; before anything else it is itself.
fn in_quotes(text: &str, quote: char) -> Option<(String, usize)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((place, character)) = characters.next() {
        match character {
            '\\' if quote == '"' => match characters.next()?.1 {
                'n' => value.push('\n'),
                'r' => value.push('\r'),
                escaped @ ('"' | '\\' | '$' | '`') => value.push(escaped),
                other => value.extend(['\\', other]),
            },
            // As the lines of an editor of Windows end.
            '\r' if text[place..].starts_with("\r\n") => {}
            _ if character == quote => return Some((value, place + 1)),
            _ => value.push(character),
        }
    }
    None
}

/// A value without quotation marks, less a comment: a `#` behind a blank.
fn without_comment(value: &str) -> &str {
    let mut before = ' ';
    let comment = value.char_indices().find(|(place, character)| {
        let begins = *character == '#' && before.is_whitespace() && *place > 0;
        before = *character;
        begins
    });
    let is_all = value.starts_with("# ");
    let value = comment.map_or(value, |(place, _)| &value[..place]);
    if is_all { "" } else { value.trim_end() }
}

/// Whether other readers would replace something in `value`: `${NAME}`, or the output of a command.
fn has_reference(value: &str) -> bool {
    value.match_indices('$').any(|(place, _)| {
        let is_escaped = value[..place].ends_with('\\');
        let behind = &value[place + 1..];
        let is_name = behind
            .strip_prefix('{')
            .and_then(|behind| behind.split_once('}'))
            .is_some_and(|(name, _)| text::is_variable_name(name));
        !is_escaped && (is_name || behind.starts_with('('))
    })
}

#[cfg(test)]
mod tests {
    use super::EnvFile;
    use proptest::prelude::*;

    /// A name and a value, or the first and the last of some lines.
    type Pair<T> = (T, T);

    /// The variables of a file, and the numbers of the lines it tells of.
    fn read(text: &str) -> (Vec<Pair<String>>, Vec<Pair<usize>>) {
        let file = EnvFile::read(text.as_bytes());
        let lines = file.notes.iter().map(|note| (note.line, note.last)).collect();
        (file.vars, lines)
    }

    #[test]
    fn a_file_is_read_as_people_have_it() {
        for (text, value) in [
            ("A=b", "b"),
            ("A=", ""),
            ("  A = b c  ", "b c"),
            ("export A=b", "b"),
            ("export\tA='b'", "b"),
            ("A=b=c==", "b=c=="),
            ("\u{feff}A=b\r\n", "b"),
            ("A=b # a comment", "b"),
            ("A=b#c", "b#c"),
            ("A=#fff", "#fff"),
            ("A= # nothing", ""),
            ("# a comment\n\n  # another\nA=b", "b"),
            ("A=\"b c\" # a comment", "b c"),
            ("A='b \"c\" #d'", "b \"c\" #d"),
            ("A=`b 'c' \"d\"`", "b 'c' \"d\""),
            ("A=\"b\\nc\\\"d\\\\e\\$f\\tg\"", "b\nc\"d\\e$f\\tg"),
            ("A='b\\nc'", "b\\nc"),
            ("A=b\\nc", "b\\nc"),
            ("A=it's", "it's"),
            ("A=pa$$word", "pa$$word"),
            ("A='${B}'", "${B}"),
            ("A=\"\\${B}\"", "${B}"),
            ("A=''", ""),
            (
                "A=\"-----BEGIN\nb=c\n# d\n-----END\"\n",
                "-----BEGIN\nb=c\n# d\n-----END",
            ),
            ("A='b\r\nc'\r\n", "b\nc"),
            ("A=b\nA=c", "c"),
            ("A={\"json\": \"x\"}", "{\"json\": \"x\"}"),
        ] {
            let (vars, notes) = read(text);
            assert_eq!(vars.last(), Some(&("A".to_owned(), value.to_owned())), "{text:?}");
            assert_eq!(notes, [], "{text:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_told_by_its_line_and_the_rest_is_read() {
        for (text, told) in [
            ("A\nB=c", (1, 1)),
            ("export A\nB=c", (1, 1)),
            ("A: b\nB=c", (1, 1)),
            ("\n1A=b\nB=c", (2, 2)),
            ("A-B=c\nB=c", (1, 1)),
            ("=b\nB=c", (1, 1)),
            ("A='b\nB=c", (1, 1)),
            ("A=\"b\nx\nB=c", (1, 1)),
            ("A=\"b\nB=\"c\"\nB=c", (1, 1)),
            ("A='b'c\nB=c", (1, 1)),
            ("A=b\0c\nB=c", (1, 1)),
            ("PORT=1\nB=c", (1, 1)),
            ("export DYNO=web.1\nB=c", (1, 1)),
            ("HOME='/x'\nB=c", (1, 1)),
            ("A=-----BEGIN\nMIIE\nMIIF\n-----END\nB=c", (2, 4)),
            ("X=${A}\nB=c", (1, 1)),
            ("X=\"$(id)\"\nB=c", (1, 1)),
        ] {
            let (vars, notes) = read(text);
            assert_eq!(
                vars.last(),
                Some(&("B".to_owned(), "c".to_owned())),
                "{text:?} {notes:?}"
            );
            assert_eq!(notes.first(), Some(&told), "{text:?}");
        }
        let file = EnvFile::read(b"A=caf\xe9\nB=c");
        assert_eq!(file.vars, [("B".to_owned(), "c".to_owned())]);
        assert_eq!(file.notes[0].what, "its value is not UTF-8, so it is left out");
    }

    #[test]
    fn a_file_of_powershell_is_read() {
        let encoded: Vec<u8> = "\u{feff}A=caf\u{e9}\r\nB='c'\r\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let file = EnvFile::read(&encoded);
        assert_eq!(
            file.vars,
            [
                ("A".to_owned(), "caf\u{e9}".to_owned()),
                ("B".to_owned(), "c".to_owned())
            ]
        );
        assert_eq!(file.notes, []);
    }

    proptest! {
        #[test]
        fn a_value_in_double_quotation_marks_is_read_back(value in "\\PC{0,20}|[\n\"'\\\\$#= a-c]{0,20}") {
            let quoted = value.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "\\$");
            let (vars, notes) = read(&format!("A=\"{quoted}\" # x\nB=c\n"));
            prop_assert_eq!(vars, [("A".to_owned(), value), ("B".to_owned(), "c".to_owned())]);
            prop_assert_eq!(notes, []);
        }

        #[test]
        fn any_bytes_are_read_and_no_value_is_told(
            text in "((export |)[A-C]{1,2}=|[\"'`\\\\#$\n\r ]|s3cr3t|\\PC){0,16}",
        ) {
            let file = EnvFile::read(text.as_bytes());
            prop_assert!(file.notes.iter().all(|note| !note.what.contains("s3cr3t") && note.line <= note.last));
            prop_assert!(file.vars.iter().all(|(_, value)| !value.contains('\0')));
        }
    }
}
