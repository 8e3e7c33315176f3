//! Run-time config vars whose values cannot be what was meant, as far as a build can tell.

use crate::config;

use crate::acquire::config::RunTimeVars;
use crate::messages::message::Message;
use crate::procfile::{LOCAL, NOT_RUN_BY_DEFAULT, OF_LANGUAGES, Procfile};
use crate::text;

/// Advice on values that hoopstart cannot go by, as far as a build can tell.
pub(super) fn advice(run_time: &RunTimeVars, procfile: Option<&Procfile>) -> Vec<Message> {
    let mut advice: Vec<Message> = run_time
        .switches
        .iter()
        .filter(|(_, value)| !value.is_empty() && config::switch(value).is_none())
        .map(|(name, value)| no_switch(name, value))
        .collect();
    advice.extend(lists_advice(run_time, procfile));
    advice
}

/// Advice on the two lists of process types.
fn lists_advice(run_time: &RunTimeVars, procfile: Option<&Procfile>) -> Vec<Message> {
    let lists = [
        (config::PROCESS_TYPES, &run_time.process_types),
        (config::IGNORE_PROCESS_TYPES, &run_time.ignored_types),
    ];
    lists
        .into_iter()
        .filter_map(|(name, value)| list_advice(name, value.as_deref()?, procfile))
        .collect()
}

/// Advice on an on/off config var that is neither.
fn no_switch(name: &str, value: &str) -> Message {
    Message::warning(format!("{name} is neither on nor off, and counts as off."))
        .text("It is")
        .quote(text::quoted(value, 40))
        .text("On is 1, true, yes or on; off is 0, false, no or off. Set it to one of them:")
        .quote(format!("heroku config:set {name}=true"))
}

/// Advice on what is on without effect, where it is `HOOP_AUTOSTART` that starts the agent.
pub(super) fn without_effect(run_time: &RunTimeVars) -> Option<Message> {
    let name = [config::HIDE_KEY, config::REQUIRED]
        .into_iter()
        .find(|name| run_time.is_on(name))?;
    Some(
        Message::warning(format!("{name} has no effect with HOOP_AUTOSTART."))
            .text(
                "The buildpack cannot change or stop the shell that starts the app. Start the app with hoopstart in \
                the Procfile, with a line such as",
            )
            .quote("web: hoopstart -- bundle exec puma -C config/puma.rb")
            .text("or run")
            .quote(format!("heroku config:unset {name}")),
    )
}

/// Advice on a list of process types and dynos that names none, or some that the app does not have.
fn list_advice(name: &str, value: &str, procfile: Option<&Procfile>) -> Option<Message> {
    let items: Vec<&str> = items(value).collect();
    if items.is_empty() {
        return (!value.trim().is_empty()).then(|| {
            Message::warning(format!("{name} names no process type."))
                .text("It is")
                .quote(text::quoted(value, 40))
                .text("Set it to types (web) or dynos (web.1), separated by commas:")
                .quote(right_line(name, &items, procfile))
        });
    }
    if let Some(item) = items.iter().find(|item| type_of(item).is_none()) {
        return Some(
            Message::warning(format!(
                "{name} has an item that cannot be a process type: {}.",
                text::quoted(item, 40)
            ))
            .text("Use types (web) or dynos (web.1), separated by commas, without quotation marks or patterns:")
            .quote(right_line(name, &items, procfile)),
        );
    }
    let procfile = procfile?;
    let is_unknown = |item: &&&str| !may_run(item, procfile);
    let unknown: Vec<&str> = items.iter().filter(is_unknown).copied().collect();
    let first = unknown.first()?;
    let types: Vec<&str> = procfile.process_types().collect();
    Some(
        Message::warning(format!(
            "{name} names a process type that the Procfile does not have: {}.",
            text::visible(first)
        ))
        .text(format!(
            "The Procfile has {}. Set the list to types of the app, for example",
            types.join(", ")
        ))
        .quote(right_line(name, &items, Some(procfile))),
    )
}

/// The items of a list.
fn items(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// Whether the app may have what `item` of a list names.
pub(super) fn may_run(item: &str, procfile: &Procfile) -> bool {
    type_of(item).is_some_and(|kind| is_known(item, kind, procfile))
}

/// The process type that `item` names: a type, or a dyno of it. `None` where it can be neither.
fn type_of(item: &str) -> Option<&str> {
    let (kind, number) = item.split_once('.').unwrap_or((item, "1"));
    let is_name = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    (is_name(kind) && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(kind)
}

/// Whether the app may have dynos of `kind`, or one called `item` as on Fir: `web-12a34b56d-e78f9`.
fn is_known(item: &str, kind: &str, procfile: &Procfile) -> bool {
    let of_fir = item.rsplitn(3, '-').nth(2).unwrap_or(kind);
    [kind, of_fir].into_iter().any(|kind| {
        procfile.command(kind).is_some()
            || OF_LANGUAGES.contains(&kind)
            || NOT_RUN_BY_DEFAULT.contains(&kind)
            || kind == LOCAL
    })
}

/// The command that sets the list to what it was meant to be, as far as that can be guessed.
fn right_line(name: &str, items: &[&str], procfile: Option<&Procfile>) -> String {
    let known = |kind: &str| procfile.is_none_or(|procfile| is_known(kind, kind, procfile));
    let mut right: Vec<String> = Vec::new();
    for item in items {
        // "web worker", web.*, 'web'
        for word in item.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ';' | '|' | '[' | ']')) {
            let word = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            let Some(kind) = type_of(word) else { continue };
            let near = || {
                let types = procfile?.process_types();
                types
                    .filter(|named| strsim::osa_distance(&named.to_lowercase(), &kind.to_lowercase()) <= 2)
                    .min_by_key(|named| strsim::osa_distance(named, kind))
            };
            let item = if known(kind) { Some(word) } else { near() };
            right.extend(
                item.filter(|item| !right.iter().any(|known| known == item))
                    .map(str::to_owned),
            );
        }
    }
    if right.is_empty() && name == config::IGNORE_PROCESS_TYPES {
        // Any type would lose its agent by that.
        return format!("heroku config:unset {name}");
    }
    if right.is_empty() {
        let first = procfile.and_then(|procfile| {
            let mut types = procfile.process_types();
            types.find(|kind| !NOT_RUN_BY_DEFAULT.contains(kind))
        });
        right.push(first.unwrap_or("web").to_owned());
    }
    format!("heroku config:set {name}={}", right.join(","))
}

/// Advice where the lists keep the agent from all types whose lines start it, which are `starting`. A list that has
/// advice of its own is told once.
pub(super) fn shut_out(run_time: &RunTimeVars, starting: &[&str], procfile: &Procfile) -> Option<Message> {
    if !lists_advice(run_time, Some(procfile)).is_empty() {
        return None;
    }
    let only = run_time
        .process_types
        .as_deref()
        .map(|value| items(value).collect::<Vec<_>>());
    let never = run_time
        .ignored_types
        .as_deref()
        .map(|value| items(value).collect::<Vec<_>>());
    // A dyno of it is enough.
    let is_named = |kind: &str| {
        only.as_ref().is_none_or(|only| {
            only.is_empty() || only.iter().any(|item| item.strip_prefix(kind).is_some_and(is_of_type))
        })
    };
    let is_ignored = |kind: &str| never.as_ref().is_some_and(|never| never.contains(&kind));
    if starting.iter().any(|kind| is_named(kind) && !is_ignored(kind)) {
        return None;
    }
    let name = if starting.iter().any(|kind| is_named(kind)) {
        config::IGNORE_PROCESS_TYPES
    } else {
        config::PROCESS_TYPES
    };
    Some(
        Message::warning(format!("{name} excludes every process that would start the agent."))
            .text(format!(
                "These lines of the Procfile start it: {}. The agent runs in none of them. Run",
                starting.join(", ")
            ))
            .quote(if name == config::PROCESS_TYPES {
                format!("heroku config:set {name}={}", starting.join(","))
            } else {
                format!("heroku config:unset {name}")
            }),
    )
}

/// Whether what follows a type in the name of a dyno leaves it one of that type: `.1`, or the groups of Fir.
fn is_of_type(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with('.') || (rest.starts_with('-') && rest.matches('-').count() == 2)
}

#[cfg(test)]
mod tests {
    use super::{advice, shut_out};
    use crate::acquire::config::RunTimeVars;
    use crate::messages::message::Message;
    use crate::procfile::Procfile;

    fn told(run_time: &RunTimeVars, procfile: &str) -> Vec<String> {
        let procfile = Procfile::parse(procfile);
        let messages = advice(run_time, Some(&procfile));
        messages.iter().map(Message::render).collect()
    }

    #[test]
    fn switches_that_are_neither_on_nor_off_are_told() {
        let run_time = |value: &str| RunTimeVars {
            switches: vec![("HOOP_HIDE_KEY", value.to_owned())],
            ..RunTimeVars::default()
        };
        for value in ["on", "0", " true\n", ""] {
            assert_eq!(told(&run_time(value), "web: x"), [] as [&str; 0], "{value:?}");
        }
        for value in ["enabled", "2", "\"true\"", "y", "on,off"] {
            let advice = told(&run_time(value), "web: x");
            assert_eq!(advice.len(), 1, "{value:?}");
            assert!(
                advice[0].contains("heroku config:set HOOP_HIDE_KEY=true"),
                "{}",
                advice[0]
            );
        }
    }

    #[test]
    fn lists_are_read_as_far_as_the_procfile_says() {
        let procfile = "web: x\nmy-worker: y\nrelease: z";
        for (list, right) in [
            ("web", None),
            ("web.1, my-worker.12", None),
            ("worker,console,rake", None),
            ("run,cron,local,build", None),
            ("web-12a34b56d-e78f9", None),
            ("", None),
            (",", Some("web")),
            ("web.*", Some("web")),
            ("web my-worker", Some("web,my-worker")),
            ("\"web\"", Some("web")),
            ("[web, my-worker.1]", Some("web,my-worker.1")),
            ("web;my-worker", Some("web,my-worker")),
            ("*", Some("web")),
            ("web.", Some("web")),
            ("wbe", Some("web")),
            ("Web", Some("web")),
            ("my-workers,web", Some("my-worker,web")),
            ("clock", Some("web")),
        ] {
            for name in ["HOOP_PROCESS_TYPES", "HOOP_IGNORE_PROCESS_TYPES"] {
                let value = Some(list.to_owned());
                let is_first = name == "HOOP_PROCESS_TYPES";
                let run_time = RunTimeVars {
                    process_types: value.clone().filter(|_| is_first),
                    ignored_types: value.filter(|_| !is_first),
                    ..RunTimeVars::default()
                };
                let advice = told(&run_time, procfile);
                let Some(right) = right else {
                    assert_eq!(advice, [] as [&str; 0], "{list}");
                    continue;
                };
                assert_eq!(advice.len(), 1, "{list}");
                // Nothing that was not meant is ignored.
                let is_guess = matches!(list, "," | "*" | "clock");
                let line = if is_guess && !is_first {
                    format!("    heroku config:unset {name}\n")
                } else {
                    format!("    heroku config:set {name}={right}\n")
                };
                assert!(advice[0].contains(&line), "{list}: {}", advice[0]);
            }
        }
    }

    #[test]
    fn lists_that_leave_the_agent_no_process_are_told() {
        let starting = ["worker", "clock"];
        for (only, never, line) in [
            (None, None, None),
            (Some("worker.1"), None, None),
            (Some("web,clock"), None, None),
            (Some("worker-12a34b56d-e78f9"), None, None),
            (None, Some("worker"), None),
            (None, Some("worker.1,clock.1"), None),
            (Some(","), None, None),
            (
                Some("web"),
                None,
                Some("heroku config:set HOOP_PROCESS_TYPES=worker,clock"),
            ),
            // That is told of the list itself.
            (Some("work,clocks"), None, None),
            (Some("web:1"), None, None),
            (
                None,
                Some("clock, worker"),
                Some("heroku config:unset HOOP_IGNORE_PROCESS_TYPES"),
            ),
            (
                Some("clock"),
                Some("clock"),
                Some("heroku config:unset HOOP_IGNORE_PROCESS_TYPES"),
            ),
        ] {
            let run_time = RunTimeVars {
                process_types: only.map(str::to_owned),
                ignored_types: never.map(str::to_owned),
                ..RunTimeVars::default()
            };
            let procfile = Procfile::parse("web: x\nworker: hoopstart -- y\nclock: hoopstart -- z");
            let told = shut_out(&run_time, &starting, &procfile).map(|message| message.render());
            match line {
                None => assert_eq!(told, None, "{only:?} {never:?}"),
                Some(line) => assert!(told.as_ref().is_some_and(|told| told.contains(line)), "{told:?}"),
            }
        }
    }
}
