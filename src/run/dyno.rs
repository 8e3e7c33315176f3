//! Which dyno this is, and whether the agent runs in it.

use crate::text;

/// The process types the agent does not run in unless they are named: one-off dynos, the release phase and the
/// scheduler, where nobody expects a second process and scripts read what is printed.
pub(super) const IGNORED_BY_DEFAULT: [&str; 3] = ["run", "release", "scheduler"];

/// The process type of a process that is in no dyno: a laptop, a container.
pub(super) const LOCAL: &str = "local";

/// The dyno this process is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dyno {
    /// Its name, such as `web.1`, or [`LOCAL`].
    pub name: String,
    /// Its process type, such as `web`.
    pub process_type: String,
}

impl Dyno {
    /// Reads the value of `DYNO`. On Cedar it is the type, a dot and a number (`web.1`); on Fir the type and two
    /// groups behind dashes (`web-12a34b56d-e78f9`), see
    /// <https://devcenter.heroku.com/articles/dyno-startup-behavior>.
    pub(super) fn parse(value: Option<&str>) -> Self {
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

    /// Answers whether the agent does not run here unless it is told to.
    pub(super) fn is_ignored_by_default(&self) -> bool {
        IGNORED_BY_DEFAULT.contains(&self.process_type.as_str())
    }

    /// Answers whether `item` of a list names this dyno or its type.
    fn is_named_by(&self, item: &str) -> bool {
        item == self.process_type || item == self.name
    }
}

/// A list of process types and dynos, as a config var gives it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct DynoList(Vec<String>);

impl DynoList {
    /// Reads names separated by commas. Empty ones are skipped.
    pub(super) fn parse(value: &str) -> Self {
        Self(
            value
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(str::to_owned)
                .collect(),
        )
    }

    /// Returns how many items it has.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Answers whether the list names `dyno`.
    fn names(&self, dyno: &Dyno) -> bool {
        self.0.iter().any(|item| dyno.is_named_by(item))
    }

    /// Returns the items whose type is not one of `known`, the types of the Procfile. Without any known types
    /// nothing can be said to be wrong.
    pub(super) fn unknown<'a>(&'a self, known: &'a [String]) -> impl Iterator<Item = String> + 'a {
        self.0
            .iter()
            .filter(|item| {
                let dyno = Dyno::parse(Some(item));
                !known.is_empty()
                    && !known.contains(&dyno.process_type)
                    && !known.contains(item)
                    && dyno.process_type != LOCAL
                    && !dyno.is_ignored_by_default()
            })
            .map(|item| text::visible(item))
    }
}

/// Decides whether the agent runs in `dyno`, and says why. `only` is `HOOP_PROCESS_TYPES` and `never` is
/// `HOOP_IGNORE_PROCESS_TYPES`, where they are set.
pub(super) fn runs_in(
    dyno: &Dyno,
    only: Option<&DynoList>,
    never: Option<&DynoList>,
) -> Result<&'static str, &'static str> {
    match (only, never) {
        (_, Some(never)) if never.names(dyno) => Err("HOOP_IGNORE_PROCESS_TYPES names it"),
        (Some(only), _) if only.names(dyno) => Ok("HOOP_PROCESS_TYPES names it"),
        (Some(_), _) => Err("HOOP_PROCESS_TYPES does not name it"),
        (None, Some(_)) => Ok("HOOP_IGNORE_PROCESS_TYPES does not name it"),
        (None, None) if dyno.is_ignored_by_default() => {
            Err("the agent does not run in this process type unless it is named")
        }
        (None, None) => Ok("the agent runs in every process type but run, release and scheduler"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Dyno, DynoList, IGNORED_BY_DEFAULT, runs_in};
    use proptest::prelude::*;

    #[test]
    fn process_types_are_read_from_both_forms_of_dyno() {
        for (value, process_type) in [
            (Some("web.1"), "web"),
            (Some("my-worker.12"), "my-worker"),
            (Some("run.9157"), "run"),
            (Some("web-12a34b56d-e78f9"), "web"),
            (Some("my-worker-12a34b56d-e78f9"), "my-worker"),
            // Neither form: the whole of it, rather than a guess.
            (Some("web"), "web"),
            (Some("web-1"), "web-1"),
            (Some("--"), "--"),
            (Some(""), "local"),
            (None, "local"),
        ] {
            assert_eq!(Dyno::parse(value).process_type, process_type, "{value:?}");
        }
    }

    #[test]
    fn both_lists_and_the_default_decide() {
        let (web, web2) = (Some("web.1"), Some("web.2"));
        for (dyno, only, never, runs) in [
            (web, None, None, true),
            (Some("run.1"), None, None, false),
            (Some("release.3"), None, None, false),
            (Some("scheduler.9"), None, None, false),
            (None, None, None, true),
            // One dyno of a type: the cure for "agent already connected".
            (web, Some("web.1"), None, true),
            (web2, Some("web.1"), None, false),
            (web2, Some("worker, web"), None, true),
            // Naming a type wins over the default of the other list.
            (Some("run.1"), Some("run"), None, true),
            // A list that is set replaces its default.
            (Some("run.1"), None, Some("worker"), true),
            (Some("worker.1"), None, Some("worker"), false),
            // And wins over the first.
            (web, Some("web"), Some("web.1"), false),
            (web2, Some("web"), Some("web.1"), true),
            (Some("web-12a34b56d-e78f9"), Some("web"), None, true),
        ] {
            let lists = (only.map(DynoList::parse), never.map(DynoList::parse));
            let decision = runs_in(&Dyno::parse(dyno), lists.0.as_ref(), lists.1.as_ref());
            assert_eq!(decision.is_ok(), runs, "{dyno:?} {only:?} {never:?} {decision:?}");
        }
    }

    #[test]
    fn types_that_the_procfile_does_not_have_are_found() {
        let known = ["web".to_owned(), "my-worker-a-b".to_owned()];
        let unknown = |list: &str| DynoList::parse(list).unknown(&known).collect::<Vec<_>>();

        assert_eq!(unknown("web.1,wbe,run,local,my-worker-a-b,clock.1"), ["wbe", "clock.1"]);
        assert_eq!(DynoList::parse("wbe").unknown(&[]).count(), 0);
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

        #[test]
        fn a_list_names_what_stands_in_it_and_nothing_else(
            items in proptest::collection::vec(("[a-c]{1,2}(\\.[12])?", " {0,2}", " {0,2}"), 0..5),
            process_type in "[a-c]{1,2}",
            number in 1..=2_u32,
        ) {
            let padded = |(item, before, after): &(String, String, String)| format!("{before}{item}{after}");
            let written: Vec<String> = items.iter().map(padded).collect();
            let name = format!("{process_type}.{number}");
            let expected = items.iter().any(|(item, ..)| *item == name || *item == process_type);
            let list = DynoList::parse(&written.join(","));
            prop_assert_eq!(list.names(&Dyno::parse(Some(&name))), expected, "{:?} {}", list, name);
        }

        #[test]
        fn the_list_of_ignored_dynos_wins_and_the_other_one_decides_the_rest(
            dyno in prop_oneof![Just("web.1"), Just("web.2"), Just("run.1"), Just("worker-1a2b3c4d5-e6f70"), Just("")],
            only in proptest::option::of("(web|run|worker|web\\.1|local|,| ){0,4}"),
            never in proptest::option::of("(web|run|worker|web\\.1|local|,| ){0,4}"),
        ) {
            let dyno = Dyno::parse(Some(dyno));
            let (only, never) = (only.map(|list| DynoList::parse(&list)), never.map(|list| DynoList::parse(&list)));
            let in_list = |list: &Option<DynoList>| list.as_ref().map(|list| list.names(&dyno));
            let expected = match (in_list(&only), in_list(&never)) {
                (_, Some(true)) | (Some(false), _) => false,
                (Some(true), _) | (None, Some(false)) => true,
                (None, None) => !IGNORED_BY_DEFAULT.contains(&dyno.process_type.as_str()),
            };
            prop_assert_eq!(runs_in(&dyno, only.as_ref(), never.as_ref()).is_ok(), expected);
        }

        #[test]
        fn any_text_is_a_list_and_only_types_that_are_not_known_are_told(
            list in "(\\PC{0,6}|[a-c]{1,2}(\\.[12])?|[\u{0}\u{1b}\u{202e}]|,){0,10}",
            known in proptest::collection::vec("[a-c]{1,2}", 0..4),
        ) {
            let told: Vec<String> = DynoList::parse(&list).unknown(&known).collect();
            prop_assert!(!known.is_empty() || told.is_empty());
            for item in told {
                prop_assert!(!item.is_empty() && !item.contains(|c: char| c == ',' || c.is_control()), "{item:?}");
                let process_type = Dyno::parse(Some(&item)).process_type;
                prop_assert!(!known.contains(&item) && !known.contains(&process_type), "{item:?}");
            }
        }
    }
}
