//! Shows text that came from outside without letting it act on the terminal.

use std::fmt::Write as _;

/// Returns `text` with control characters, and characters that look like nothing or reorder a line, written
/// as escapes. An invisible character is often the very fault a message is about.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_hidden(character) {
            // Writing to a String cannot fail.
            let _ = write!(shown, "{}", character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Returns `visible(text)` cut to `limit` characters, with `…` where something was cut.
pub fn excerpt(text: &str, limit: usize) -> String {
    let mut start: String = text.chars().take(limit).collect();
    if start.len() < text.len() {
        start.push('…');
    }
    visible(&start)
}

/// Control characters, zero-width ones and the marks that reorder text
/// (<https://www.unicode.org/reports/tr9/#Explicit_Directional_Embeddings>).
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use super::{excerpt, visible};

    #[test]
    fn hidden_characters_are_spelled_out() {
        assert_eq!(visible("1.2.3\u{200b}\r"), "1.2.3\\u{200b}\\u{d}");
        assert_eq!(visible("caf\u{e9} \u{1b}[31m"), "café \\u{1b}[31m");
    }

    #[test]
    fn an_excerpt_says_that_it_is_cut() {
        assert_eq!(excerpt("abcdef", 3), "abc…");
        assert_eq!(excerpt("abc", 3), "abc");
    }
}
