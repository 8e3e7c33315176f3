//! `~/.netrc`, where the platform's command-line client keeps its key
//! (<https://www.gnu.org/software/inetutils/manual/html_node/The-_002enetrc-file.html>).

use crate::secret::Secret;

/// The password of `host`, or of the default.
pub(super) fn password(text: &str, host: &str) -> Option<Secret> {
    let words = words(text);
    let mut words = words.iter().map(String::as_str);
    let mut is_host = false;
    let mut is_default = false;
    let mut of_default = None;
    while let Some(word) = words.next() {
        match word {
            "machine" => {
                is_host = words.next() == Some(host);
                is_default = false;
            }
            "default" => {
                is_host = false;
                is_default = true;
            }
            "login" | "account" => {
                words.next();
            }
            "password" => {
                let password = words.next().filter(|password| !password.is_empty())?;
                if is_host {
                    return Some(Secret::new(password));
                }
                if is_default {
                    of_default.get_or_insert_with(|| Secret::new(password));
                }
            }
            _ => {}
        }
    }
    of_default
}

/// The words of a file, without comments and macros. A word in quotation marks may have blanks.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut is_macro = false;
    for line in text.lines() {
        // A macro ends at an empty line.
        if is_macro {
            is_macro = !line.trim().is_empty();
            continue;
        }
        let mut characters = line.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '#' => break,
                blank if blank.is_whitespace() => {}
                '"' => {
                    let mut word = String::new();
                    while let Some(character) = characters.next() {
                        match character {
                            '"' => break,
                            '\\' => word.extend(characters.next()),
                            character => word.push(character),
                        }
                    }
                    words.push(word);
                }
                first => {
                    let mut word = String::from(first);
                    while let Some(character) = characters.next_if(|character| !character.is_whitespace()) {
                        word.push(character);
                    }
                    words.push(word);
                }
            }
        }
        if let Some(place) = words.iter().rposition(|word| word == "macdef") {
            words.truncate(place);
            is_macro = true;
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::password;
    use crate::secret::Secret;

    #[test]
    fn the_password_of_a_host_is_found_as_programs_write_it() {
        let host = "api.heroku.com";
        for (text, expected) in [
            (
                "machine api.heroku.com\n  login me@example.com\n  password abc\n",
                Some("abc"),
            ),
            ("machine api.heroku.com login me password abc", Some("abc")),
            (
                "machine git.heroku.com password x\nmachine api.heroku.com password y\n",
                Some("y"),
            ),
            ("machine api.heroku.com login password password abc", Some("abc")),
            ("machine api.heroku.com password \"a b\\\"c\"\n", Some("a b\"c")),
            (
                "# machine api.heroku.com password x\ndefault login me password d\n",
                Some("d"),
            ),
            ("default password d\nmachine api.heroku.com password y\n", Some("y")),
            (
                "macdef init\nmachine api.heroku.com password no\n\nmachine api.heroku.com password y\n",
                Some("y"),
            ),
            ("machine example.com password x\n", None),
            ("machine api.heroku.com login me\n", None),
            ("", None),
        ] {
            let found = password(text, host);
            assert_eq!(found.as_ref().map(Secret::expose), expected, "{text}");
        }
    }
}
