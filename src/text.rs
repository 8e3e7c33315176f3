//! Shows text that came from outside without letting it act on the terminal.

use std::fmt::Write as _;

/// `text` with control characters, and characters that look like nothing or reorder a line, written
/// as their names. An invisible character is often the very fault a message is about.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if !is_hidden(character) {
            shown.push(character);
        } else if let Some(name) = name(character) {
            shown.push_str(name);
        } else {
            // Writing to a String cannot fail.
            let _ = write!(shown, "<U+{:04X}>", u32::from(character));
        }
    }
    shown
}

/// Whether a shell takes `text` for the name of a variable.
pub fn is_variable_name(text: &str) -> bool {
    !text.starts_with(|first: char| first.is_ascii_digit())
        && !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// `text` in quotation marks: in single ones where it has double ones itself.
pub fn in_quotes(text: &str) -> String {
    if text.contains('"') {
        format!("'{text}'")
    } else {
        format!("\"{text}\"")
    }
}

/// The beginning of `text`, at most `limit` characters, visible and in quotation marks.
pub fn quoted(text: &str, limit: usize) -> String {
    in_quotes(&excerpt(text, limit))
}

/// `visible(text)` cut to `limit` characters, with `…` where something was cut.
pub fn excerpt(text: &str, limit: usize) -> String {
    let mut start: String = text.chars().take(limit).collect();
    if start.len() < text.len() {
        start.push('…');
    }
    visible(&start)
}

/// The names of those that people paste or type without seeing them.
fn name(character: char) -> Option<&'static str> {
    Some(match character {
        '\0' => "<NUL>",
        '\t' => "<tab>",
        '\n' => "<newline>",
        '\r' => "<carriage return>",
        '\u{1b}' => "<escape>",
        '\u{ad}' => "<soft hyphen>",
        '\u{200b}' => "<zero-width space>",
        '\u{feff}' => "<byte order mark>",
        _ => return None,
    })
}

/// Control characters, zero-width ones and the marks that reorder text
/// (<https://www.unicode.org/reports/tr9/#Explicit_Directional_Embeddings>).
pub(crate) fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
        )
}

/// A number of bytes as people read it: like the platform, in units of 1,000,000.
pub fn megabytes(bytes: u64) -> String {
    let tenths = bytes.div_ceil(100_000);
    format!("{}.{} MB", tenths / 10, tenths % 10)
}

/// A number of bytes in the unit that suits it.
pub fn bytes(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => {
            let tenths = bytes.div_ceil(100);
            format!("{}.{} kB", tenths / 10, tenths % 10)
        }
        _ => megabytes(bytes),
    }
}

/// Bytes in a megabyte of memory, as the platform counts that of a dyno.
pub const MEGABYTE_OF_MEMORY: u64 = 1024 * 1024;

/// A number of bytes of memory, with one decimal.
pub fn memory(bytes: u64) -> String {
    let tenths = (bytes * 10 + MEGABYTE_OF_MEMORY / 2) / MEGABYTE_OF_MEMORY;
    format!("{}.{} MB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::{MEGABYTE_OF_MEMORY, excerpt, in_quotes, megabytes, memory, visible};

    #[test]
    fn hidden_characters_are_named() {
        assert_eq!(visible("1.2.3\u{200b}\r"), "1.2.3<zero-width space><carriage return>");
        assert_eq!(visible("caf\u{e9} \u{1b}[31m"), "café <escape>[31m");
        assert_eq!(visible("a\u{202e}b\u{7}"), "a<U+202E>b<U+0007>");
    }

    #[test]
    fn a_text_with_quotation_marks_is_in_others() {
        assert_eq!(in_quotes("1.148"), "\"1.148\"");
        assert_eq!(in_quotes("\"1.148.0\""), "'\"1.148.0\"'");
    }

    #[test]
    fn an_excerpt_says_that_it_is_cut() {
        assert_eq!(excerpt("abcdef", 3), "abc…");
        assert_eq!(excerpt("abc", 3), "abc");
    }

    #[test]
    fn megabytes_are_larger_where_memory_is_counted() {
        let bytes = 9 * MEGABYTE_OF_MEMORY + MEGABYTE_OF_MEMORY / 4;
        assert_eq!(memory(bytes), "9.3 MB");
        assert_eq!(megabytes(bytes), "9.7 MB");
    }
}
