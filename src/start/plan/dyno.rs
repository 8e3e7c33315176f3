//! Which dyno this is, and whether the agent runs in it.

use crate::procfile::invocation::starts_agent;
use crate::procfile::{LOCAL, NOT_RUN_BY_DEFAULT, Procfile};
use crate::start::fault::dynos::Reason;
use crate::start::plan::starter::Starter;

/// The dyno this process is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dyno {
    /// Its name, such as `web.1`, or [`LOCAL`].
    pub name: String,
    /// Its process type, such as `web`.
    pub process_type: String,
}

impl Dyno {
    /// Reads the value of `DYNO`. On Cedar it is the type, a dot, and a number (`web.1`); on Fir it is the type and two
    /// groups after dashes (`web-12a34b56d-e78f9`), see <https://devcenter.heroku.com/articles/dyno-startup-behavior>.
    pub(crate) fn parse(value: Option<&str>) -> Self {
        let name = value.map(str::trim).filter(|name| !name.is_empty()).unwrap_or(LOCAL);
        let process_type = match name.split_once('.') {
            Some((process_type, _)) => process_type,
            None => name
                .rsplitn(3, '-')
                .nth(2)
                .filter(|kind| !kind.is_empty())
                .unwrap_or(name),
        };
        Self {
            name: name.to_owned(),
            process_type: process_type.to_owned(),
        }
    }

    /// Whether the agent runs here only if it is told to.
    pub(crate) fn is_ignored_by_default(&self) -> bool {
        NOT_RUN_BY_DEFAULT.contains(&self.process_type.as_str())
    }

    /// Whether this is not a dyno.
    pub(crate) fn is_local(&self) -> bool {
        self.process_type == LOCAL
    }

    /// Whether `item` of a list names this dyno or its type.
    pub(crate) fn is_named_by(&self, item: &str) -> bool {
        item == self.process_type || item == self.name
    }

    /// Decides without lists, from the Procfile.
    pub(crate) fn by_default(&self, procfile: &Procfile, starter: Starter) -> Result<Reason, Reason> {
        if self.is_local() && starter == Starter::Autostart {
            return Err(Reason::Local);
        }
        if !self.is_ignored_by_default() {
            return Ok(Reason::ByDefault);
        }
        match procfile.command(&self.process_type) {
            Some(command) if starts_agent(command) => Ok(Reason::Wrapped),
            _ => Err(Reason::NotByDefault),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Dyno;
    use proptest::prelude::*;

    #[test]
    fn process_types_are_read_from_both_forms_of_dyno() {
        for (value, process_type) in [
            (Some("web.1"), "web"),
            (Some("my-worker.12"), "my-worker"),
            (Some("run.9157"), "run"),
            (Some("web-12a34b56d-e78f9"), "web"),
            (Some("my-worker-12a34b56d-e78f9"), "my-worker"),
            // Neither form: the whole value, rather than a guess.
            (Some("web"), "web"),
            (Some("web-1"), "web-1"),
            (Some("--"), "--"),
            (Some(""), "local"),
            (None, "local"),
        ] {
            assert_eq!(Dyno::parse(value).process_type, process_type, "{value:?}");
        }
    }

    proptest! {
        #[test]
        fn a_dyno_is_always_named_by_its_own_name_and_type(value in "\\PC{0,20}") {
            let dyno = Dyno::parse(Some(&value));
            prop_assert!(dyno.name.starts_with(&dyno.process_type));
            prop_assert!(dyno.is_named_by(&dyno.name) && dyno.is_named_by(&dyno.process_type));
        }

        #[test]
        fn a_process_type_is_read_back_from_the_names_of_its_dynos(
            process_type in "[a-z][a-z0-9_]{0,8}(-[a-z0-9_]{1,8}){0,3}",
            number in 1..20_000_u32,
            groups in "[0-9a-f]{9}-[0-9a-z]{5}",
        ) {
            for name in [
                format!("{process_type}.{number}"),
                format!("{process_type}-{groups}"),
                format!(" {process_type}.1\n"),
            ] {
                let dyno = Dyno::parse(Some(&name));
                prop_assert_eq!(&dyno.process_type, &process_type, "{}", name);
                prop_assert_eq!(dyno.name, name.trim());
            }
        }
    }
}
