//! Reads a Procfile: which process types an app has, and the command line of each
//! (<https://devcenter.heroku.com/articles/procfile>).

/// The process types of an app, in the order of the file. A line that is not `type: command` is skipped, as the
/// platform skips it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Procfile(Vec<(String, String)>);

impl Procfile {
    /// Reads the text of a Procfile. Where a type is listed twice the later line counts.
    pub fn parse(text: &str) -> Self {
        let mut processes: Vec<(String, String)> = Vec::new();
        for line in text.lines() {
            let Some((name, command)) = parse_line(line) else {
                continue;
            };
            match processes.iter_mut().find(|(listed, _)| listed == name) {
                Some((_, listed)) => command.clone_into(listed),
                None => processes.push((name.to_owned(), command.to_owned())),
            }
        }
        Self(processes)
    }

    /// Returns the command line of `process_type`.
    pub fn command(&self, process_type: &str) -> Option<&str> {
        let (_, command) = self.0.iter().find(|(name, _)| name == process_type)?;
        Some(command)
    }

    /// Returns the names of the process types.
    pub fn process_types(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// Returns types and command lines.
    pub fn processes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, command)| (name.as_str(), command.as_str()))
    }
}

/// Reads one line: a name of letters, digits, `-` and `_`, a colon, a command.
fn parse_line(line: &str) -> Option<(&str, &str)> {
    let (name, command) = line.split_once(':')?;
    let (name, command) = (name.trim(), command.trim());
    let is_name = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    (is_name && !command.is_empty()).then_some((name, command))
}

#[cfg(test)]
mod tests {
    use super::Procfile;
    use proptest::prelude::*;

    #[test]
    fn types_and_commands_are_read() {
        let procfile = Procfile::parse(
            "# a comment: not a type\r\nweb: hoopstart -- puma -b tcp://0.0.0.0:$PORT\r\n\nworker :  sidekiq  \nbad line\nempty:\n",
        );

        assert_eq!(
            procfile.processes().collect::<Vec<_>>(),
            [
                ("web", "hoopstart -- puma -b tcp://0.0.0.0:$PORT"),
                ("worker", "sidekiq")
            ]
        );
        assert_eq!(procfile.command("worker"), Some("sidekiq"));
        assert_eq!(procfile.command("clock"), None);
    }

    #[test]
    fn the_later_line_of_a_type_counts() {
        assert_eq!(
            Procfile::parse("web: a\nweb: b\n").processes().collect::<Vec<_>>(),
            [("web", "b")]
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_and_every_type_has_a_command(text in "(\\PC{0,20}:?\\PC{0,20}[\r\n]{0,2}){0,6}") {
            for (name, command) in Procfile::parse(&text).processes() {
                prop_assert!(!name.is_empty() && !command.is_empty());
                prop_assert!(text.contains(name) && text.contains(command));
            }
        }
    }
}
