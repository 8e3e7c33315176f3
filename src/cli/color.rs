//! Color on terminals.

use crate::os::environment::Environment;

/// Whether a terminal is to get no color: by <https://no-color.org>, or since it knows none.
pub(super) fn is_forbidden(environment: &Environment) -> bool {
    environment.text("NO_COLOR").is_some() || environment.text("TERM") == Some("dumb")
}

#[cfg(test)]
mod tests {
    use super::is_forbidden;

    #[test]
    fn color_is_forbidden_by_the_person_or_by_the_terminal() {
        for (variables, forbidden) in [
            (vec![], false),
            (vec![("TERM", "xterm-256color")], false),
            (vec![("TERM", "xterm"), ("NO_COLOR", "1")], true),
            (vec![("TERM", "dumb")], true),
        ] {
            let environment = variables.iter().copied().collect();
            assert_eq!(is_forbidden(&environment), forbidden, "{variables:?}");
        }
    }
}
