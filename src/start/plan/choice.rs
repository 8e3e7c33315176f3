//! The lists that say in which dynos the agent runs.

use crate::procfile::{OF_LANGUAGES, Procfile};
use crate::start::fault::dynos::Reason;
use crate::start::plan::dyno::Dyno;
use crate::start::plan::starter::Starter;
use crate::text;

/// A list of process types and dynos, as a config var gives it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DynoList(Vec<String>);

impl DynoList {
    /// Reads names separated by commas. Empty ones are skipped.
    pub(crate) fn parse(value: &str) -> Self {
        Self(
            value
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(str::to_owned)
                .collect(),
        )
    }

    /// How many items it has.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the list names `dyno`.
    pub(crate) fn names(&self, dyno: &Dyno) -> bool {
        self.0.iter().any(|item| dyno.is_named_by(item))
    }

    /// The process types of its items.
    pub(crate) fn process_types(&self) -> impl Iterator<Item = String> + '_ {
        self.0.iter().map(|item| Dyno::parse(Some(item)).process_type)
    }

    /// The items that no dyno can be called, on any platform and whatever the Procfile holds.
    pub(crate) fn impossible(&self) -> Vec<String> {
        let impossible = self.0.iter().filter(|item| !can_be_dyno(item));
        impossible.map(|item| text::excerpt(item, LONGEST_SHOWN)).collect()
    }

    /// The items whose type the app does not have. `known` are the types of its Procfile, and `here` is the
    /// dyno that asks, which has one whatever the Procfile says. Without a Procfile nothing can be said to be wrong.
    pub(crate) fn unknown(&self, known: &[&str], here: &Dyno) -> Vec<String> {
        let is_unknown = |item: &&String| {
            let dyno = Dyno::parse(Some(item));
            let process_type = dyno.process_type.as_str();
            !known.is_empty()
                && can_be_dyno(item)
                && !known.contains(&process_type)
                && !known.contains(&item.as_str())
                && !here.is_named_by(item)
                && process_type != here.process_type
                && !OF_LANGUAGES.contains(&process_type)
                && !dyno.is_local()
                && !dyno.is_ignored_by_default()
        };
        self.0
            .iter()
            .filter(is_unknown)
            .map(|item| text::visible(item))
            .collect()
    }

    /// What the list was probably meant to be, as one can paste it: what of its items can be names, and where
    /// nothing can, `otherwise`.
    pub(crate) fn repaired(&self, otherwise: &str) -> String {
        let is_of_name = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
        // The pieces of a URL are no names, and one of them may be the secret of a key that was pasted here.
        let items = self
            .0
            .iter()
            .filter(|item| !item.contains("://") && !item.contains('@'));
        let parts = items.flat_map(|item| item.split(|character| !is_of_name(character)));
        let mut names: Vec<&str> = Vec::new();
        for part in parts.map(|part| part.trim_matches(['.', '-'])) {
            let name = if can_be_dyno(part) {
                part
            } else {
                part.split('.').next().unwrap_or_default()
            };
            if !name.is_empty() && !names.contains(&name) {
                names.push(name);
            }
        }
        if names.is_empty() {
            otherwise.to_owned()
        } else {
            names.join(",")
        }
    }
}

/// The most characters of a wrong item that are shown: a line in a log is short, or it tears.
const LONGEST_SHOWN: usize = 40;

/// Whether a process type or a dyno can be called `item`: a name as the Procfile may have it, and on Cedar a
/// dot and a number. On Dokku, what follows the dot may be anything of a scheduled task's id.
fn can_be_dyno(item: &str) -> bool {
    let (process_type, number) = item
        .split_once('.')
        .map_or((item, None), |(name, rest)| (name, Some(rest)));
    let is_name = |text: &str| {
        let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        !text.is_empty() && text.bytes().all(is_of_name)
    };
    let is_number = |text: &str| !text.starts_with('0') && !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let can_follow = |rest: &str| match process_type {
        "cron" => rest.split('.').all(is_name),
        _ => is_number(rest),
    };
    is_name(process_type) && number.is_none_or(can_follow)
}

/// The lists that say in which dynos the agent runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Choice {
    /// `HOOP_PROCESS_TYPES`, where it is set.
    pub only: Option<DynoList>,
    /// `HOOP_IGNORE_PROCESS_TYPES`, where it is set: then it takes the place of
    /// [`NOT_RUN_BY_DEFAULT`](crate::procfile::NOT_RUN_BY_DEFAULT).
    pub never: Option<DynoList>,
}

impl Choice {
    /// Decides whether the agent runs in `dyno` of an app with this Procfile, and says why.
    pub(crate) fn runs_in(&self, dyno: &Dyno, procfile: &Procfile, starter: Starter) -> Result<Reason, Reason> {
        match (&self.only, &self.never) {
            (_, Some(never)) if never.names(dyno) => Err(Reason::Ignored),
            (Some(only), _) if only.names(dyno) => Ok(Reason::Listed),
            (Some(_), _) => Err(Reason::NotListed),
            (None, Some(_)) => Ok(Reason::NotIgnored),
            (None, None) => dyno.by_default(procfile, starter),
        }
    }

    /// Whether the agent runs in a process type of the Procfile.
    pub(crate) fn leaves_some(&self, procfile: &Procfile) -> bool {
        let mut types = procfile.process_types();
        types.any(|name| self.runs_in_type(name, procfile, Starter::CommandLine))
    }

    /// Whether the lists leave the agent no process type of an app with this Procfile, and name none outside of
    /// it either.
    pub(crate) fn leaves_none(&self, procfile: &Procfile) -> bool {
        let is_listed = self.only.is_some() || self.never.is_some();
        let has_types = procfile.process_types().next().is_some();
        let mut outside = self.only.iter().flat_map(DynoList::process_types);
        let is_outside = |name: String| {
            procfile.command(&name).is_none() && self.runs_in_type(&name, procfile, Starter::CommandLine)
        };
        is_listed && has_types && !self.leaves_some(procfile) && !outside.any(is_outside)
    }

    /// Whether the agent runs in at least one dyno of the type.
    pub(crate) fn runs_in_type(&self, process_type: &str, procfile: &Procfile, starter: Starter) -> bool {
        let any = Dyno {
            name: process_type.to_owned(),
            process_type: process_type.to_owned(),
        };
        // A list of single dynos names some of its type.
        let some = || {
            self.only
                .iter()
                .flat_map(DynoList::process_types)
                .any(|named| named == process_type)
        };
        let ruled_out = self.never.as_ref().is_some_and(|never| never.names(&any));
        self.runs_in(&any, procfile, starter).is_ok() || some() && !ruled_out
    }
}

#[cfg(test)]
mod tests {
    use super::{Choice, DynoList};
    use crate::procfile::{NOT_RUN_BY_DEFAULT, Procfile};
    use crate::start::fault::dynos::Reason;
    use crate::start::plan::dyno::Dyno;
    use crate::start::plan::starter::Starter;
    use proptest::prelude::*;

    fn decide(
        dyno: Option<&str>,
        only: Option<&str>,
        never: Option<&str>,
        procfile: &str,
        starter: Starter,
    ) -> Result<Reason, Reason> {
        let choice = Choice {
            only: only.map(DynoList::parse),
            never: never.map(DynoList::parse),
        };
        choice.runs_in(&Dyno::parse(dyno), &Procfile::parse(procfile), starter)
    }

    #[test]
    fn where_nobody_expects_an_agent_it_runs_only_if_the_procfile_or_a_list_says_so() {
        let procfile = "web: puma\nscheduler: hoopstart -- clockwork clock.rb\ncron: cron\n";
        for (dyno, only, procfile, starter, runs) in [
            (Some("cron.1"), None, procfile, Starter::CommandLine, false),
            (Some("build.1"), None, procfile, Starter::CommandLine, false),
            (Some("run.1"), None, procfile, Starter::Autostart, false),
            (Some("scheduler.1"), None, procfile, Starter::CommandLine, true),
            (
                Some("scheduler-12a34b56d-e78f9"),
                None,
                procfile,
                Starter::CommandLine,
                true,
            ),
            // Heroku's own scheduler, beside a Procfile without such a line, or with one that starts no agent.
            (
                Some("scheduler.1"),
                None,
                "web: hoopstart -- puma",
                Starter::CommandLine,
                false,
            ),
            (
                Some("scheduler.1"),
                None,
                "scheduler: clockwork",
                Starter::CommandLine,
                false,
            ),
            (Some("scheduler.1"), Some("web"), procfile, Starter::CommandLine, false),
            // A laptop or a container, and what looks like them to .profile.d: Dokku's predeploy and release.
            (None, None, procfile, Starter::CommandLine, true),
            (None, None, procfile, Starter::Autostart, false),
            (None, Some("local"), procfile, Starter::Autostart, true),
            (Some("web.1"), None, procfile, Starter::Autostart, true),
        ] {
            let decision = decide(dyno, only, None, procfile, starter);
            assert_eq!(decision.is_ok(), runs, "{dyno:?} {only:?} {starter:?}: {decision:?}");
        }
        assert!(decide(None, None, Some("worker"), procfile, Starter::Autostart).is_ok());
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
            let decision = decide(dyno, only, never, "", Starter::CommandLine);
            assert_eq!(decision.is_ok(), runs, "{dyno:?} {only:?} {never:?} {decision:?}");
        }
    }

    #[test]
    fn types_that_the_procfile_does_not_have_are_found() {
        let known = ["api", "my-worker-a-b"];
        let unknown = |list: &str, here| DynoList::parse(list).unknown(&known, &Dyno::parse(Some(here)));

        assert_eq!(
            unknown("api.1,ap1,run,local,my-worker-a-b,clock.1,cron.9,build", "api.1"),
            ["ap1", "clock.1"]
        );
        // Those that a language has added: of this dyno, and those that any may have.
        assert_eq!(unknown("queue,queue.2,queues", "queue.1"), ["queues"]);
        assert_eq!(unknown("web,worker,console,rake,web.1", "api.1"), [] as [&str; 0]);
        assert!(DynoList::parse("wbe").unknown(&[], &Dyno::parse(None)).is_empty());
    }

    #[test]
    fn an_item_that_no_dyno_can_be_called_is_found_whatever_the_procfile_holds() {
        for (list, impossible, repaired) in [
            ("web.*", vec!["web.*"], "web"),
            ("web worker", vec!["web worker"], "web,worker"),
            ("\"web\"", vec!["\"web\""], "web"),
            ("web;worker.1", vec!["web;worker.1"], "web,worker.1"),
            ("web.,worker", vec!["web."], "web,worker"),
            (".1", vec![".1"], "1"),
            ("web.01", vec!["web.01"], "web"),
            ("web.1.2", vec!["web.1.2"], "web"),
            ("web.1-3", vec!["web.1-3"], "web"),
            ("^web\\.[0-9]+$", vec!["^web\\.[0-9]+$"], "web,0-9"),
            ("wéb", vec!["wéb"], "w,b"),
            ("web\u{200b}", vec!["web<zero-width space>"], "web"),
            ("*", vec!["*"], "api"),
            (",", vec![], "api"),
            (
                "web,web-12a34b56d-e78f9,my_worker.12,cron.a1B.77,Web",
                vec![],
                "web,web-12a34b56d-e78f9,my_worker.12,cron.a1B.77,Web",
            ),
        ] {
            let list = DynoList::parse(list);
            assert_eq!(list.impossible(), impossible, "{list:?}");
            assert_eq!(list.repaired("api"), repaired, "{list:?}");
        }
    }

    #[test]
    fn a_type_has_the_agent_where_one_of_its_dynos_has() {
        let procfile = Procfile::parse("web: puma\nrelease: rake db:migrate\nscheduler: hoopstart -- clock\n");
        let types = |only: Option<&str>, never: Option<&str>| -> Vec<&str> {
            let choice = Choice {
                only: only.map(DynoList::parse),
                never: never.map(DynoList::parse),
            };
            let mut types: Vec<&str> = procfile.process_types().collect();
            types.retain(|name| choice.runs_in_type(name, &procfile, Starter::CommandLine));
            types
        };
        assert_eq!(types(None, None), ["web", "scheduler"]);
        assert_eq!(types(Some("web.1"), None), ["web"]);
        assert_eq!(types(Some("web.1,release"), Some("web")), ["release"]);
        assert_eq!(types(None, Some("web.1")), ["web", "release", "scheduler"]);
        assert_eq!(types(Some("web"), Some("web")), [] as [&str; 0]);
    }

    proptest! {
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
            let choice = Choice {
                only: only.map(|list| DynoList::parse(&list)),
                never: never.map(|list| DynoList::parse(&list)),
            };
            let in_list = |list: &Option<DynoList>| list.as_ref().map(|list| list.names(&dyno));
            let expected = match (in_list(&choice.only), in_list(&choice.never)) {
                (_, Some(true)) | (Some(false), _) => false,
                (Some(true), _) | (None, Some(false)) => true,
                (None, None) => !NOT_RUN_BY_DEFAULT.contains(&dyno.process_type.as_str()),
            };
            let decision = choice.runs_in(&dyno, &Procfile::default(), Starter::CommandLine);
            prop_assert_eq!(decision.is_ok(), expected);
        }

        #[test]
        fn any_text_is_a_list_and_only_types_that_are_not_known_are_told(
            list in "(\\PC{0,6}|[a-c]{1,2}(\\.[12])?|[\u{0}\u{1b}\u{202e}]|,){0,10}",
            known in proptest::collection::vec("[a-c]{1,2}", 0..4),
        ) {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let list = DynoList::parse(&list);
            let told = list.unknown(&known, &Dyno::parse(None));
            prop_assert!(!known.is_empty() || told.is_empty());
            prop_assert!(told.len() + list.impossible().len() <= list.len());
            // What is proposed can be pasted, and is not told in its turn.
            let right = DynoList::parse(&list.repaired("web"));
            prop_assert!(right.len() > 0 && right.impossible().is_empty(), "{:?} {:?}", list, right);
            for item in told {
                prop_assert!(!item.is_empty() && !item.contains(|c: char| c == ',' || c.is_control()), "{item:?}");
                let process_type = Dyno::parse(Some(&item)).process_type;
                prop_assert!(!known.contains(&item.as_str()) && !known.contains(&process_type.as_str()), "{item:?}");
            }
        }
    }
}
