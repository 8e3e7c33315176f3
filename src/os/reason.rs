//! What the system says of an error.

use std::io;

/// The text of `error` without its number, to stand within a sentence: `permission denied`.
pub(crate) fn of(error: &io::Error) -> String {
    let words = error.to_string().to_lowercase();
    words.split(" (os error").next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::of;
    use std::io;

    #[test]
    fn an_error_is_told_without_its_number() {
        for (number, words) in [(2, "no such file or directory"), (13, "permission denied")] {
            assert_eq!(of(&io::Error::from_raw_os_error(number)), words);
        }
        assert_eq!(of(&io::Error::other("it is a socket")), "it is a socket");
    }
}
