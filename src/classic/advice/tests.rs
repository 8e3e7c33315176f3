//! What is told of an app, line by line.

use crate::acquire::config::RunTimeVars;
use crate::classic::advice::{App, advice};
use crate::classic::survey::{OtherBuildpacks, ProcfileState};
use crate::messages::message::Message;
use crate::procfile::Procfile;
use crate::secret::Secret;
use proptest::prelude::*;

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

fn given(procfile: &str, run_time: &RunTimeVars) -> Vec<String> {
    let state = ProcfileState::of_bytes(procfile.as_bytes());
    told(&state, run_time, &OtherBuildpacks::default())
}

fn titles(procfile: &str, run_time: &RunTimeVars) -> Vec<String> {
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

const NONE: [&str; 0] = [];

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
fn a_blank_that_is_none_to_a_shell_is_told() {
    for blank in ["\u{a0}", "\u{200b} ", "\u{3000}"] {
        let advice = given(&format!("web: hoopstart{blank}-- puma"), &RunTimeVars::default());

        assert_eq!(advice.len(), 1, "{advice:?}");
        assert!(advice[0].contains("has an unusual space"), "{}", advice[0]);
        assert!(advice[0].contains("    web: hoopstart -- puma\n"), "{}", advice[0]);
    }
}

#[test]
fn a_line_that_goes_on_in_the_next_one_is_told() {
    for line in ["hoopstart -- \\", "\\", "puma -p 1 \\", "hoopstart puma\\"] {
        let advice = given(&format!("web: {line}\n  -p 2\n"), &RunTimeVars::default());

        assert_eq!(advice.len(), 1, "{advice:?}");
        assert!(advice[0].contains("ends with a backslash"), "{}", advice[0]);
    }
    assert_eq!(titles("web: hoopstart -- puma \\\\", &RunTimeVars::default()), NONE);
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
fn a_line_that_does_not_do_what_it_seems_to_is_shown_one_that_does() {
    const EXAMPLE: &str = "hoopstart -- bundle exec puma -C config/puma.rb";
    for (line, right) in [
        ("hoopstart puma -v", "hoopstart -- puma -v"),
        (
            "A=/x/hoopstart-conf bin/hoopstart puma",
            "env A=/x/hoopstart-conf bin/hoopstart -- puma",
        ),
        ("exec hoopstart puma", "hoopstart -- puma"),
        ("env A=1 hoopstart puma", "env A=1 hoopstart -- puma"),
        ("nice -n 5 hoopstart puma", "nice -n 5 hoopstart -- puma"),
        ("cd app && hoopstart puma", "cd app && hoopstart -- puma"),
        ("cd app && hoopstart -- exec puma -v", "cd app && hoopstart -- puma -v"),
        // No command.
        ("hoopstart", EXAMPLE),
        ("hoopstart --", EXAMPLE),
        ("hoopstart && puma", "hoopstart -- puma"),
        ("hoopstart; puma", "hoopstart -- puma"),
        ("hoopstart -- && A=1 puma", "hoopstart -- env A=1 puma"),
        ("cd x && hoopstart && puma", "cd x && hoopstart -- puma"),
        // Dashes of another kind, or too many.
        ("hoopstart —— puma", "hoopstart -- puma"),
        ("FOO=a-b hoopstart - puma", "env FOO=a-b hoopstart -- puma"),
        ("hoopstart -- -- puma", "hoopstart -- puma"),
        // A blank is missing.
        ("hoopstart --bundle exec puma", "hoopstart -- bundle exec puma"),
        ("hoopstart -bundle exec puma", "hoopstart -- bundle exec puma"),
        ("hoopstart —puma", "hoopstart -- puma"),
        ("hoopstart -- --puma -p 1", "hoopstart -- puma -p 1"),
        ("hoopstart --A=b puma", "hoopstart -- env A=b puma"),
        ("hoopstart --./bin/web", "hoopstart -- ./bin/web"),
        // Options that are none.
        ("hoopstart -e x puma", "hoopstart -- puma"),
        ("hoopstart -e A=b puma", "hoopstart -- env A=b puma"),
        ("hoopstart -v bundle exec puma", "hoopstart -- bundle exec puma"),
        ("hoopstart -e puma", "hoopstart -- puma"),
        ("hoopstart --verbose puma", "hoopstart -- puma"),
        ("hoopstart --env=production puma", "hoopstart -- puma"),
        ("hoopstart --chek puma", "hoopstart -- puma"),
        ("hoopstart -c 'bundle exec puma'", "hoopstart -- bundle exec puma"),
        // Options that start nothing.
        ("hoopstart --check puma", "hoopstart -- puma"),
        ("hoopstart --check --connect -- puma", "hoopstart -- puma"),
        ("hoopstart --attach 12 -- puma", "hoopstart -- puma"),
        ("hoopstart --attach=12 puma", "hoopstart -- puma"),
        ("hoopstart --help", EXAMPLE),
        ("hoopstart --check && puma", "hoopstart -- puma"),
        ("hoopstart -V puma", "hoopstart -- puma"),
        // One word for all.
        ("hoopstart \"bundle exec puma\"", "hoopstart -- bundle exec puma"),
        ("hoopstart -- 'bundle exec puma'", "hoopstart -- bundle exec puma"),
        ("hoopstart -- \"bundle exec\" puma", "hoopstart -- bundle exec puma"),
        ("hoopstart -- \"A=b puma\"", "hoopstart -- env A=b puma"),
        ("hoopstart -- \"cd x && puma\"", "hoopstart -- bash bin/start"),
        ("hoopstart --check 'exec puma'", "hoopstart -- puma"),
        // What a shell does.
        ("hoopstart -- FOO=bar puma -v", "hoopstart -- env FOO=bar puma -v"),
        ("hoopstart FOO=bar puma -v", "hoopstart -- env FOO=bar puma -v"),
        ("A=1 hoopstart -- B=2 puma", "env A=1 hoopstart -- env B=2 puma"),
        ("hoopstart -- exec puma", "hoopstart -- puma"),
        ("hoopstart -- A=1 && puma", "hoopstart -- bash bin/start"),
        ("hoopstart -- cd app && puma", "hoopstart -- bash bin/start"),
        ("hoopstart -- FOO+=bar puma", "hoopstart -- bash bin/start"),
        ("hoopstart -- A=$(x) puma", "hoopstart -- bash bin/start"),
        ("hoopstart -- (cd x; puma)", "hoopstart -- bash bin/start"),
        (
            "hoopstart --bundle exec puma -p ${PORT:-3000}",
            "hoopstart -- bundle exec puma -p ${PORT:-3000}",
        ),
        // Values of options that are none.
        ("hoopstart --port 3000 puma", "hoopstart -- puma"),
        ("hoopstart --name web -- puma", "hoopstart -- puma"),
        // The command stands before.
        ("puma & hoopstart", "hoopstart -- puma"),
        ("migrate && puma && hoopstart", "migrate && hoopstart -- puma"),
        ("hoopstart --check || true; puma", "hoopstart -- puma"),
        // All of the line is one word.
        ("\"hoopstart -- puma\"", "hoopstart -- puma"),
        ("'hoopstart -- puma -p 1'", "hoopstart -- puma -p 1"),
        ("\"hoopstart --check puma\"", "hoopstart -- bash bin/start"),
        // Not quite our name.
        ("hoopstrat -- puma", "hoopstart -- puma"),
        ("hoop-start puma", "hoopstart -- puma"),
        ("exec Hoopstart -- puma", "hoopstart -- puma"),
        ("hoopstart: puma", "hoopstart -- puma"),
        ("hoop start -- puma", "hoopstart -- puma"),
        ("cd x && hoop_start -- puma", "cd x && hoopstart -- puma"),
        // Only the first command has an agent.
        ("hoopstart -- migrate && server", "migrate && hoopstart -- server"),
        (
            "hoopstart -- migrate && exec server -p 1",
            "migrate && exec hoopstart -- server -p 1",
        ),
        ("hoopstart -- a && b; A=1 server", "a && b; hoopstart -- env A=1 server"),
        (
            "cd x && hoopstart -- migrate&&server",
            "cd x && migrate&&hoopstart -- server",
        ),
        ("hoopstart migrate && server", "migrate && hoopstart -- server"),
        (
            "hoopstart --rake db:migrate && server",
            "rake db:migrate && hoopstart -- server",
        ),
        (
            "hoopstart -- migrate && server && echo done",
            "migrate && hoopstart -- server && echo done",
        ),
    ] {
        let advice = given(&format!("web: {line}"), &RunTimeVars::default());

        assert_eq!(advice.len(), 1, "{line}: {advice:?}");
        assert!(
            advice[0].contains(&format!("    web: {right}\n")),
            "{line}: {}",
            advice[0]
        );
        assert!(
            advice[0].contains(&format!("    web: {line}\n")),
            "{line}: {}",
            advice[0]
        );
    }
}

#[test]
fn a_secret_in_a_line_is_not_repeated() {
    for line in [
        "HOOP_KEY=grpcs://web:s3cr3t@gw.example:8443 puma",
        "HOOP_KEY=grpcs://web:s3cr3t@gw.example:8443 hoopstart puma",
        "hoopstart -- HOOP_DSN='s3cr3t x' puma",
        "hoopstart HOOP_KEY=s3cr3t puma",
        "hoopstart --key=s3cr3t puma",
        "hoopstart \"run --key s3cr3t\"",
        "hoopstart -- DATABASE_URL=postgres://u:s3cr3t@db/x migrate && server",
        "hoopstart --check puma --token s3cr3t",
        "puma --dsn=grpcs://a:s3cr3t@b:1",
    ] {
        let advice = given(&format!("web: {line}"), &RunTimeVars::default()).concat();

        assert!(!advice.contains("s3cr3t"), "{advice}");
        assert!(advice.contains("****"), "{advice}");
        assert!(
            advice.replace('\n', " ").contains("**** stands for a secret"),
            "{advice}"
        );
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

proptest! {
    #[test]
    fn any_line_has_advice_or_none_and_what_is_advised_needs_none(
        before in "(A=b |exec |env A=b |cd x && |nice )?",
        rest in "( -- \"puma x\"| \"puma x\")?( \
            (puma|--|-e|-v|—|--check|--puma|A=b|exec|cd|&&|;|'|\\$X|\\(|#|env|\\||x)){0,6}",
    ) {
        let line = format!("{before}hoopstart{rest}");
        let procfile = Procfile::parse(&format!("web: {line}"));
        for text in given(&format!("web: {line}"), &RunTimeVars::default()) {
            prop_assert!(text.starts_with("Warning: "), "{text}");
            let Some(command) = procfile.command("web") else { continue };
            let lines: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("    web: ")).collect();
            // The last is the one to paste.
            if let [quoted, .., right] = lines.as_slice()
                && *quoted == crate::text::visible(command)
            {
                prop_assert_eq!(titles(&format!("web: {right}"), &RunTimeVars::default()), NONE, "{}", text);
            }
        }
    }
}
