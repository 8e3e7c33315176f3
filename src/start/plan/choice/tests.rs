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
        // Heroku's own scheduler: the Procfile has no such line, or its line starts no agent.
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
        // A laptop or a container, and what looks the same to .profile.d: Dokku's predeploy and release.
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
        // A list replaces its default,
        (Some("run.1"), None, Some("worker"), true),
        (Some("worker.1"), None, Some("worker"), false),
        // and wins over the first list.
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
    // Types that a language's buildpack adds: of this dyno, and those that any app may have.
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
        // The proposed list can be pasted, and nothing is wrong with it.
        let right = DynoList::parse(&list.repaired("web"));
        prop_assert!(right.len() > 0 && right.impossible().is_empty(), "{:?} {:?}", list, right);
        for item in told {
            prop_assert!(!item.is_empty() && !item.contains(|c: char| c == ',' || c.is_control()), "{item:?}");
            let process_type = Dyno::parse(Some(&item)).process_type;
            prop_assert!(!known.contains(&item.as_str()) && !known.contains(&process_type.as_str()), "{item:?}");
        }
    }
}
