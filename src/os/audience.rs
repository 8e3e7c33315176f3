//! Whom this process speaks to: people of a classic platform, who set config vars there, somebody with `try`, who gives
//! options, or somebody who builds an image, with options as well.
//!
//! The messages are written for the classic platform, and put into the words of the others. `try` tells the programs
//! that it starts by a variable.

use crate::os::environment::Environment;
use std::sync::OnceLock;

/// The variable by which `try` tells the programs that it starts.
pub(crate) const UNDER_TRY: &str = "HOOP_BUILDPACK_TRY";

/// Who reads what this process says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Somebody with `try`.
    Try,
    /// Somebody who builds an image, such as with `pack build`.
    CloudNative,
}

/// The audience, if it is not that of a classic platform. Set once, before anything is said.
static AUDIENCE: OnceLock<Audience> = OnceLock::new();

/// Has all that this process says from now on be in the words its environment asks for.
pub(crate) fn address(environment: &Environment) {
    if environment.text(UNDER_TRY) == Some("1") {
        address_to(Audience::Try);
    }
}

/// Has all that this process says from now on be in the words of `audience`, unless it has another one.
pub(crate) fn address_to(audience: Audience) {
    let _ = AUDIENCE.set(audience);
}

/// `text` as it is to be said.
pub(crate) fn words(text: String) -> String {
    match AUDIENCE.get() {
        None => text,
        Some(Audience::Try) => of_try(&text),
        Some(Audience::CloudNative) => of_image(&text),
    }
}

/// `text` in the words of `try`.
fn of_try(text: &str) -> String {
    with_options(text)
        .replace("Deploy again", "Try again")
        .replace("deploy again", "try again")
}

/// `text` in the words of somebody who builds an image.
fn of_image(text: &str) -> String {
    [
        ("Deploy again", "Build again"),
        ("deploy again", "build again"),
        (
            "Your running release is not affected.",
            "Your running containers are not affected.",
        ),
        ("the app's build cache", "the cache of the last build"),
        ("of the build dir", "of the layers"),
        ("the slug", "the image"),
    ]
    .into_iter()
    .fold(with_options(text), |text, (classic, word)| text.replace(classic, word))
}

/// `text` with options in the place of commands that set config vars.
fn with_options(text: &str) -> String {
    let mut said = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(place) = rest.find("heroku config:") {
        let (before, command) = rest.split_at(place);
        said.push_str(before);
        let command = &command["heroku config:".len()..];
        rest = if let Some(pairs) = command.strip_prefix("set ") {
            pairs_as_options(pairs, &mut said)
        } else if let Some(names) = command.strip_prefix("unset ") {
            said.push_str("(without) --env ");
            names
        } else {
            said.push_str("--env ");
            command.strip_prefix("get ").unwrap_or(command)
        };
    }
    said.push_str(rest);
    said
}

/// Adds the pairs of names and values with which `text` begins to `said`, and returns what follows.
fn pairs_as_options<'a>(text: &'a str, said: &mut String) -> &'a str {
    /// What fetches a value that `try` has no place for.
    const FETCHED: &str = "\"$(heroku config:get ";
    let mut rest = text;
    loop {
        let name = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        let (name, behind) = rest.split_at(name);
        let Some(value) = behind.strip_prefix('=').filter(|_| !name.is_empty()) else {
            return rest;
        };
        if rest.len() != text.len() {
            said.push(' ');
        }
        said.push_str("--env ");
        said.push_str(name);
        said.push('=');
        if let Some(fetched) = value.strip_prefix(FETCHED) {
            said.push_str("<value>");
            rest = fetched.split_once(")\"").map_or("", |(_, rest)| rest);
        } else {
            // A placeholder has blanks: <64 hex digits>.
            let mut depth = 0_u32;
            let end = value.find(|character: char| {
                match character {
                    '<' => depth += 1,
                    '>' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                depth == 0 && character.is_whitespace()
            });
            let (value, behind) = value.split_at(end.unwrap_or(value.len()));
            said.push_str(value);
            rest = behind;
        }
        match rest.strip_prefix(' ') {
            Some(next) if next.starts_with(|first: char| first.is_ascii_uppercase()) && is_pair(next) => rest = next,
            _ => return rest,
        }
    }
}

/// Whether `text` begins with a name and `=`.
fn is_pair(text: &str) -> bool {
    let name = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    name.is_some_and(|end| end > 0 && text[end..].starts_with('='))
}

#[cfg(test)]
mod tests {
    use super::of_try;
    use proptest::prelude::*;

    #[test]
    fn commands_of_the_platform_become_options() {
        for (text, said) in [
            (
                "Set it with: heroku config:set HOOP_KEY=<key> [start::key-missing]",
                "Set it with: --env HOOP_KEY=<key> [start::key-missing]",
            ),
            (
                "   heroku config:set HOOP_SHA256=<64 hex digits> HOOP_VERSION=<version>\n\
                \x20  heroku config:unset HOOP_VERSION\n",
                "   --env HOOP_SHA256=<64 hex digits> --env HOOP_VERSION=<version>\n   (without) --env HOOP_VERSION\n",
            ),
            (
                "heroku config:set HOOP_VERSION=\"$(heroku config:get HOOP_VERISON)\"\n\
                 heroku config:unset HOOP_VERISON",
                "--env HOOP_VERSION=<value>\n(without) --env HOOP_VERISON",
            ),
            ("heroku config:get HOOP_RELEASES_URL", "--env HOOP_RELEASES_URL"),
            ("3. Deploy again. Or deploy again.", "3. Try again. Or try again."),
            ("heroku buildpacks", "heroku buildpacks"),
            ("heroku config:set", "--env set"),
        ] {
            assert_eq!(of_try(text), said);
        }
    }

    proptest! {
        #[test]
        fn text_without_such_a_command_stays_as_it_is(
            text in "([A-Z_]{1,3}=|<|>|\"\\$\\(|heroku |config:|\\PC){0,12}",
        ) {
            prop_assume!(!text.contains("heroku config:"));
            prop_assert_eq!(of_try(&text), text);
        }

        #[test]
        fn a_command_becomes_options_whatever_its_values(
            names in prop::collection::vec("[A-Z_]{1,6}", 1..4),
            value in "[a-z<>$(\"]{0,6}",
        ) {
            let pairs: Vec<String> = names.iter().map(|name| format!("{name}={value}")).collect();
            let said = of_try(&format!("heroku config:set {}", pairs.join(" ")));
            prop_assert!(said.starts_with(&format!("--env {}=", names[0])), "{said}");
            prop_assert!(!said.contains("heroku"), "{said}");
        }
    }
}
