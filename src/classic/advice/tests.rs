//! What is told of an app, line by line.

use crate::acquire::config::RunTimeVars;
use crate::classic::advice::{App, advice};
use crate::classic::survey::{OtherBuildpacks, ProcfileState};
use crate::messages::message::Message;
use crate::procfile::Procfile;
use crate::secret::Secret;

fn told(state: &ProcfileState, run_time: &RunTimeVars, others: &OtherBuildpacks) -> Vec<String> {
    let version = "1.148.0".parse().unwrap();
    let app = App {
        agent: Some(&version),
        is_pinned: true,
        procfile: state,
        by_script: &[],
        run_time,
        others,
    };
    advice(&app).iter().map(Message::render).collect()
}

pub(super) fn given(procfile: &str, run_time: &RunTimeVars) -> Vec<String> {
    let state = ProcfileState::of_bytes(procfile.as_bytes());
    told(&state, run_time, &OtherBuildpacks::default())
}

pub(super) fn titles(procfile: &str, run_time: &RunTimeVars) -> Vec<String> {
    given(procfile, run_time)
        .iter()
        .map(|text| text.lines().next().unwrap_or_default().to_owned())
        .collect()
}

fn with(switches: &[(&'static str, &str)]) -> RunTimeVars {
    RunTimeVars {
        switches: switches
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect(),
        ..RunTimeVars::default()
    }
}

pub(super) const NONE: [&str; 0] = [];

#[test]
fn an_app_that_is_set_up_gets_no_advice() {
    for procfile in [
        "web: hoopstart -- puma\nworker: sidekiq",
        "web: bin/hoopstart -- puma",
        "web: MALLOC_ARENA_MAX=2 hoopwrapper -- puma",
        "web: bash -c \"hoopstart -- puma\"",
        "web: hoopstart \"--\" puma",
        "web: cd app && hoopstart -- puma -v",
        "web: migrate && exec hoopstart -- puma",
        // What stands behind is no server.
        "web: hoopstart -- puma && echo done",
        "web: hoopstart -- puma; exit 1",
        "web: hoopstart -- puma || bin/fallback",
        "web: hoopstart -- puma | tee log",
        "web: hoopstart -- puma & sidekiq & wait",
        "web: hoopstart -- migrate && hoopstart -- puma",
        // Of these it is not certain what a shell makes of them.
        "web: bash -c \"hoopstart \"",
        "web: (hoopstart -- exec puma)",
        "web: run-me hoopstart puma",
        "web: A=$(x) hoopstart puma",
        "web: ${LAUNCHER:-hoopstart} -- puma",
        "web: hoopstart -- puma -p ${PORT:-3000} && (cd x; server)",
        // What prints and ends stands before what starts the app.
        "web: hoopstart --check; hoopstart -- puma",
        "web: hoopstart --version && exec hoopstart -- puma",
        // A server serves until the end.
        "web: hoopstart -- bundle exec puma; bin/cleanup",
        "web: hoopstart -- vendor/bin/heroku-php-nginx public/ && bin/done",
        "web: hoopstart -- bin/server; curl -s https://hook.example/done",
        // The agent itself.
        "web: hoop start agent & puma",
        // A line of another type is one, if it starts our program itself.
        "scheduler: hoopstart -- clockwork clock.rb",
        "\u{feff}web: hoopstart -- puma",
    ] {
        assert_eq!(titles(procfile, &RunTimeVars::default()), NONE, "{procfile}");
    }
}

#[test]
fn a_line_that_forgets_hoopstart_is_shown_as_it_should_be() {
    for (procfile, wrong, right) in [
        (
            "worker: sidekiq\nweb: puma -p $PORT",
            "web: puma -p $PORT",
            "web: hoopstart -- puma -p $PORT",
        ),
        ("worker: sidekiq", "worker: sidekiq", "worker: hoopstart -- sidekiq"),
        ("web: A=b puma", "web: A=b puma", "web: hoopstart -- env A=b puma"),
        ("web: exec puma", "web: exec puma", "web: hoopstart -- puma"),
        (
            "web: \"bundle exec puma\"",
            "web: \"bundle exec puma\"",
            "web: hoopstart -- bundle exec puma",
        ),
        (
            "web: hookstart puma",
            "web: hookstart puma",
            "web: hoopstart -- hookstart puma",
        ),
        (
            "web: shoopstart puma",
            "web: shoopstart puma",
            "web: hoopstart -- shoopstart puma",
        ),
        (
            "web: cd app && puma",
            "web: cd app && puma",
            "web: hoopstart -- bash bin/start",
        ),
        // No start is one that a comment or an argument has.
        (
            "web: puma # hoopstart -- puma",
            "web: puma # hoopstart -- puma",
            "web: hoopstart -- puma",
        ),
        (
            "web: echo hoopstart",
            "web: echo hoopstart",
            "web: hoopstart -- echo hoopstart",
        ),
        // Neither is that of a release, and neither of these is the line to change.
        (
            "release: hoopstart -- rake db:migrate\nweb: puma",
            "web: puma",
            "web: hoopstart -- puma",
        ),
        (
            "release: rake\ncron: x\nscheduler: y\nbuild: z\nrun: a\nclock: b",
            "clock: b",
            "clock: hoopstart -- b",
        ),
    ] {
        let advice = given(procfile, &RunTimeVars::default());

        assert_eq!(advice.len(), 1, "{procfile}: {advice:?}");
        assert!(advice[0].starts_with("Warning: no line of the Procfile starts the agent."));
        for line in [wrong, right] {
            assert!(advice[0].contains(&format!("    {line}\n")), "{}", advice[0]);
        }
    }
}

#[test]
fn a_script_of_the_app_may_start_hoopstart() {
    for (script, starts) in [
        ("#!/bin/sh\nexec hoopstart -- puma\n", true),
        ("{\"scripts\": {\"start\": \"hoopstart -- node .\"}}", true),
        ("#!/bin/sh\n# not hoopstart -- puma\nexec puma\n", false),
        ("", false),
    ] {
        assert_eq!(crate::procfile::invocation::is_in_script(script), starts, "{script}");
    }
}

#[test]
fn a_procfile_of_lines_in_which_no_agent_runs_is_shown_another() {
    for procfile in [
        "release: rake db:migrate",
        "cron: a\nscheduler: b",
        "release: hoopstart puma",
    ] {
        let advice = given(procfile, &RunTimeVars::default());

        assert_eq!(advice.len(), 1, "{procfile}: {advice:?}");
        let right = "    web: hoopstart -- bundle exec puma -C config/puma.rb\n";
        assert!(advice[0].contains(right), "{}", advice[0]);
        assert!(!advice[0].contains("    release:"), "{}", advice[0]);
    }
}

#[test]
fn autostart_needs_no_procfile_line() {
    let none = OtherBuildpacks::default();
    for (value, titles_of_none) in [
        ("on", vec![]),
        ("off", vec!["Warning: the app has no Procfile that starts the agent."]),
        (
            "enabled",
            vec![
                "Warning: the app has no Procfile that starts the agent.",
                "Warning: HOOP_AUTOSTART is neither on nor off, and counts as",
            ],
        ),
    ] {
        let run_time = with(&[("HOOP_AUTOSTART", value)]);
        let advice = told(&ProcfileState::Missing, &run_time, &none);
        let titles_of: Vec<&str> = advice.iter().filter_map(|text| text.lines().next()).collect();
        assert_eq!(titles_of, titles_of_none, "{value}");
        assert_eq!(titles("web: puma", &run_time).len(), titles_of_none.len(), "{value}");
    }
}

#[test]
fn a_procfile_that_is_none_is_named_with_what_is_wrong() {
    let autostart = with(&[("HOOP_AUTOSTART", "on")]);
    for (state, phrases) in [
        (
            ProcfileState::Misnamed {
                path: "procfile".to_owned(),
            },
            [" procfile.", "git mv -f procfile Procfile"],
        ),
        (
            ProcfileState::Misnamed {
                path: "my app/Procfile".to_owned(),
            },
            ["app/Procfile.", "git mv -f 'my app/Procfile' Procfile"],
        ),
        (
            ProcfileState::NoFile { what: "a folder" },
            ["the Procfile is a folder,", "web: hoopstart -- "],
        ),
    ] {
        // Whatever starts the agent: the app itself is not started.
        for run_time in [&RunTimeVars::default(), &autostart] {
            let advice = told(&state, run_time, &OtherBuildpacks::default());
            assert_eq!(advice.len(), 1, "{advice:?}");
            for phrase in phrases {
                // However the lines are broken.
                let text = advice[0].split_whitespace().collect::<Vec<_>>().join(" ");
                assert!(text.contains(phrase), "{}", advice[0]);
            }
        }
    }
    for (procfile, phrases) in [
        ("", ["the Procfile is empty", "    web: "]),
        ("w\0e\0b\0:\0 \0x\0", ["in UTF-16", "iconv -f UTF-16"]),
        (
            "web puma --key s3cr3t",
            ["the Procfile defines no process", "    web puma --key ****\n"],
        ),
    ] {
        let advice = given(procfile, &autostart);
        assert_eq!(advice.len(), 1, "{advice:?}");
        for phrase in phrases {
            assert!(advice[0].contains(phrase), "{}", advice[0]);
        }
    }
}

#[test]
fn a_key_and_names_that_cannot_be_used_are_told_without_the_key() {
    let run_time = RunTimeVars {
        key: Some(("HOOP_DSN", Secret::new("grpcs://web:s3cr3t@gateway.example"))),
        connection: Some("x".repeat(256)),
        ..RunTimeVars::default()
    };
    let advice = given("web: hoopstart -- puma", &run_time);

    assert_eq!(advice.len(), 2);
    assert!(
        advice[0].contains("HOOP_DSN") && advice[0].replace('\n', " ").contains("no gateway port"),
        "{}",
        advice[0]
    );
    assert!(!advice.concat().contains("s3cr3t"));
    assert!(advice[1].contains("256 bytes"), "{}", advice[1]);
}

#[test]
fn the_order_of_buildpacks_matters_where_the_procfile_has_no_web_process() {
    let autostart = with(&[("HOOP_AUTOSTART", "on")]);
    let after = |folder_var| OtherBuildpacks {
        traces: vec![".profile.d/ruby.sh".to_owned()],
        folder_var,
        will_clear: false,
    };
    let state = |text: &str| ProcfileState::Read(Procfile::parse(text));
    for (state, others, index) in [
        (state("web: puma"), after(None), None),
        (state("web: puma"), after(Some("APP_BASE")), None),
        (state("release: rake\nworker: sidekiq"), after(None), Some(1)),
        (ProcfileState::Missing, after(None), Some(1)),
        (ProcfileState::Missing, after(Some("PROJECT_PATH")), Some(2)),
        (ProcfileState::Missing, OtherBuildpacks::default(), None),
    ] {
        let advice = told(&state, &autostart, &others);
        match index {
            None => assert_eq!(advice, NONE, "{state:?}"),
            Some(index) => {
                assert_eq!(advice.len(), 1, "{advice:?}");
                assert!(advice[0].contains(".profile.d/ruby.sh"), "{}", advice[0]);
                assert!(advice[0].contains(&format!("--index {index} ")), "{}", advice[0]);
                let named = others.folder_var.unwrap_or("Put it first");
                assert!(advice[0].replace('\n', " ").contains(named), "{}", advice[0]);
            }
        }
    }
}

#[test]
fn what_another_buildpack_will_clear_is_told_instead_of_advice_on_what_stands_there() {
    let others = OtherBuildpacks {
        traces: vec![".heroku".to_owned()],
        folder_var: Some("APP_BASE"),
        will_clear: true,
    };
    let advice = told(&ProcfileState::Missing, &RunTimeVars::default(), &others);

    assert_eq!(advice.len(), 1, "{advice:?}");
    assert!(advice[0].contains("will remove what this one"), "{}", advice[0]);
    assert!(advice[0].contains("--index 2"), "{}", advice[0]);
}
