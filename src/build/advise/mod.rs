//! Looks at the app for what would surprise its owner at run time. Advice never fails a build.

mod config_vars;
mod start;

pub use config_vars::misspelt;

use super::command_line::with_hoopstart;
use super::config::RunTimeVars;
use super::survey::{OtherBuildpacks, ProcfileState};
use crate::agent_key::AgentKey;
use crate::config;
use crate::connections::Connections;
use crate::messages::Message;
use crate::procfile::{NOT_RUN_BY_DEFAULT, Procfile, ProcfileFault, RELEASE};
use crate::redact::redacted;
use crate::text;
use start::{SCRIPT, Start, quoted, with_note};

/// What is known of the app when advice is given.
#[derive(Debug)]
pub struct App<'a> {
    /// Whether the agent is in the slug.
    pub has_agent: bool,
    /// Its Procfile, or what is in its place.
    pub procfile: &'a ProcfileState,
    /// Its config vars as they are set now.
    pub run_time: &'a RunTimeVars,
    /// What the other buildpacks of this build have done, and will do.
    pub others: &'a OtherBuildpacks,
}

/// Returns everything worth telling about `app`, the most important first.
pub fn advice(app: &App) -> Vec<Message> {
    let mut advice = Vec::new();
    // Where another folder becomes the app's, neither this Procfile nor what we install is there in the end.
    if app.others.will_clear {
        advice.extend(app.others.folder_var.map(cleared));
    } else {
        advice.extend(procfile_advice(app));
    }
    advice.extend(key_advice(app.run_time));
    advice.extend(connection_advice(app.run_time));
    advice.extend(config_vars::advice(app.run_time, app.procfile.procfile()));
    if !app.others.will_clear {
        advice.extend(order_advice(app.others, app.procfile.procfile()));
    }
    advice
}

/// Advice on what starts the agent, or does not.
fn procfile_advice(app: &App) -> Vec<Message> {
    let autostart = app.run_time.is_on(config::AUTOSTART);
    match app.procfile {
        ProcfileState::Read(procfile) if app.has_agent => start_advice(procfile, app.run_time, autostart),
        ProcfileState::Missing if app.has_agent && !autostart => vec![no_procfile()],
        ProcfileState::Read(_) | ProcfileState::Missing => Vec::new(),
        ProcfileState::Misnamed { path } => vec![misnamed(path)],
        ProcfileState::NoFile { what } => vec![
            Message::new(format!("the Procfile is {what}, so the platform cannot read it."))
                .text("Put a file named Procfile in its place, with a line such as")
                .quote(EXAMPLE),
        ],
        ProcfileState::Faulty(fault) => vec![faulty(fault)],
    }
}

/// What is shown where there is no line to go by.
const EXAMPLE: &str = "web: hoopstart -- bundle exec puma -C config/puma.rb";

/// Advice on lines of the Procfile that do not start the agent, or not as they seem to.
fn start_advice(procfile: &Procfile, run_time: &RunTimeVars, autostart: bool) -> Vec<Message> {
    let mut advice = Vec::new();
    let mut starting: Vec<&str> = Vec::new();
    // The release phase is no process of the app.
    for (process_type, command) in procfile.processes().filter(|(name, _)| *name != RELEASE) {
        if let Some(start) = Start::in_line(command) {
            starting.push(process_type);
            advice.extend(start.advice(process_type, command));
        }
    }
    if autostart {
        return advice;
    }
    if starting.is_empty() {
        advice.push(forgotten(procfile));
    } else {
        advice.extend(config_vars::shut_out(run_time, &starting));
    }
    advice
}

/// Advice for an app in which nothing starts the agent.
fn forgotten(procfile: &Procfile) -> Message {
    let message = Message::new("no line of the Procfile starts the agent.");
    let mut processes = procfile
        .processes()
        .filter(|(name, _)| !NOT_RUN_BY_DEFAULT.contains(name));
    let line = procfile
        .command("web")
        .map(|command| ("web", command))
        .or_else(|| processes.next());
    let Some((process_type, command)) = line else {
        return or_autostart(
            message
                .text("The agent is in the slug, and nothing will start it. Add a line such as")
                .quote(EXAMPLE),
        );
    };
    let message = match with_hoopstart(command) {
        Some(right) => message
            .text("The agent is in the slug, and nothing will start it. Change the line")
            .quote(quoted(process_type, command))
            .text("to")
            .quote(quoted(process_type, &right)),
        None => message
            .text("The agent is in the slug, and nothing will start it. The line")
            .quote(quoted(process_type, command))
            .text("is more than a program and its arguments. Put it into a file, such as bin/start, and write")
            .quote(quoted(process_type, SCRIPT)),
    };
    with_note(or_autostart(message), command)
}

/// Adds the way that needs no line of the Procfile.
fn or_autostart(message: Message) -> Message {
    message
        .text("or leave the Procfile as it is and set")
        .quote("heroku config:set HOOP_AUTOSTART=true")
}

/// Advice for an app without process types of its own.
fn no_procfile() -> Message {
    Message::new("the app has no Procfile that starts the agent.")
        .text("The agent is in the slug, and nothing will start it. Add a file named Procfile with a line such as")
        .quote(EXAMPLE)
        .text("or leave the app as it is and set")
        .quote("heroku config:set HOOP_AUTOSTART=true")
}

/// Advice for an app whose Procfile has another name.
fn misnamed(path: &str) -> Message {
    let shown = text::visible(path);
    let name = shell_words::quote(path);
    let message = Message::new(format!("the app has no Procfile, but a file {shown}."));
    // In a folder it may be there for another app of the repository.
    let message = if path.contains('/') {
        message.text("The platform only reads a file named Procfile in the first folder of the app, so no process of it is started. If it is meant for this app, move it there:")
    } else {
        message.text("The platform only reads a file of exactly that name, so no process of it is started. Rename it:")
    };
    // A file system that knows no case needs two steps.
    let line = format!("git mv -f {name} Procfile");
    if path == shown {
        message.quote(line)
    } else {
        message.quote("git mv -f <its name> Procfile")
    }
}

/// Advice for an app whose Procfile says nothing.
fn faulty(fault: &ProcfileFault) -> Message {
    match fault {
        ProcfileFault::Utf16 => Message::new("the Procfile is in UTF-16, so the platform finds no process in it.")
            .text("Save it as UTF-8 without a byte order mark. In a shell:")
            .quote("iconv -f UTF-16 -t UTF-8 Procfile > Procfile.utf8 && mv Procfile.utf8 Procfile"),
        ProcfileFault::Empty => Message::new("the Procfile is empty, so the platform finds no process in it.")
            .text("Write a line for each process type, such as")
            .quote(EXAMPLE),
        ProcfileFault::NoLine { first } => with_note(
            Message::new("the Procfile has no line for a process.")
                .text("Its first line is")
                .quote(text::excerpt(&redacted(first), 60))
                .text("A line is the name of a process type, of letters, digits, - and _, then a colon, then a command, such as")
                .quote(EXAMPLE),
            first,
        ),
    }
}

/// Advice where what we install goes again.
fn cleared(folder_var: &str) -> Message {
    Message::new("another buildpack will remove what this one installs.")
        .text(format!("The config var {folder_var} makes a folder the app's. The buildpack that does it has not run yet, and it drops everything else, the agent too. Put this one right behind it, and before your language's:"))
        .quote("heroku buildpacks")
        .quote("heroku buildpacks:remove <the URL of this buildpack>")
        .quote("heroku buildpacks:add --index 2 <the URL of this buildpack>")
}

/// Advice on an agent key that no agent will accept. A missing one is no fault at build time: the key may be
/// set later, and hoopstart tells.
fn key_advice(run_time: &RunTimeVars) -> Option<Message> {
    let (name, key) = run_time.key.as_ref()?;
    let fault = AgentKey::parse(key).err()?;
    Some(
        Message::new(format!("the agent key in {name} cannot be used: {fault}."))
            .text("hoopstart will run the app, and the agent will not connect. Copy the key once more from the gateway's web app and run")
            .quote(format!("heroku config:set {name}=<key>")),
    )
}

/// Advice on names that cannot be published.
fn connection_advice(run_time: &RunTimeVars) -> Option<Message> {
    let value = run_time.connection.as_deref()?;
    // What a reference stands for is only known at run time, so any is taken as set.
    let fault = Connections::parse(value, |name| Some(name.to_owned())).err()?;
    Some(
        Message::new(format!("HOOP_CONNECTION cannot be used: {fault}."))
            .text("It is")
            .quote(text::excerpt(value, 60))
            .text("Set it to names separated by commas, for example")
            .quote("heroku config:set HOOP_CONNECTION=orders-db,orders-console"),
    )
}

/// Advice on the order of the buildpacks. Where the Procfile has a web process, none of another buildpack is needed.
fn order_advice(others: &OtherBuildpacks, procfile: Option<&Procfile>) -> Option<Message> {
    let first = others.traces.first()?;
    if procfile.is_some_and(|procfile| procfile.command("web").is_some()) {
        return None;
    }
    let message = Message::new("other buildpacks ran before this one.");
    let why = format!(
        "They left {} in the app. The last buildpack of the list says how process types are started that the Procfile does not have, and this one has nothing to say on that.",
        text::visible(first)
    );
    let (place, index) = match others.folder_var {
        // What stands before that goes.
        Some(folder_var) => (
            format!("Put it right behind the one that reads {folder_var}, so that your language's buildpack is last:"),
            2,
        ),
        None => ("Put it first, so that your language's buildpack is last:".to_owned(), 1),
    };
    Some(
        message
            .text(format!("{why} {place}"))
            .quote("heroku buildpacks:remove <the URL of this buildpack>")
            .quote(format!(
                "heroku buildpacks:add --index {index} <the URL of this buildpack>"
            )),
    )
}

#[cfg(test)]
mod tests {
    use super::{App, advice};
    use crate::build::config::RunTimeVars;
    use crate::build::survey::{OtherBuildpacks, ProcfileState};
    use crate::messages::Tone;
    use crate::procfile::Procfile;
    use crate::secret::Secret;

    fn told(state: &ProcfileState, run_time: &RunTimeVars, others: &OtherBuildpacks) -> Vec<String> {
        let app = App {
            has_agent: true,
            procfile: state,
            run_time,
            others,
        };
        advice(&app)
            .iter()
            .map(|message| message.render(Tone::Warning))
            .collect()
    }

    fn given(procfile: &str, run_time: &RunTimeVars) -> Vec<String> {
        let state = match Procfile::read(procfile.as_bytes()) {
            Ok(procfile) => ProcfileState::Read(procfile),
            Err(fault) => ProcfileState::Faulty(fault),
        };
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
                "web: cd app && puma",
                "web: cd app && puma",
                "web: hoopstart -- bash bin/start",
            ),
            // No start is one that a comment or an argument has.
            (
                "web: puma # hoopstart -- puma",
                "web: puma # hoopstart -- puma",
                "web: hoopstart -- puma # hoopstart -- puma",
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
                ["a file procfile.", "git mv -f procfile Procfile"],
            ),
            (
                ProcfileState::Misnamed {
                    path: "my app/Procfile".to_owned(),
                },
                ["a file my app/Procfile.", "git mv -f 'my app/Procfile' Procfile"],
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
                    assert!(advice[0].contains(phrase), "{}", advice[0]);
                }
            }
        }
        for (procfile, phrases) in [
            ("", ["the Procfile is empty", "    web: "]),
            ("w\0e\0b\0:\0 \0x\0", ["in UTF-16", "iconv -f UTF-16"]),
            (
                "web puma --key s3cr3t",
                ["no line for a process", "    web puma --key ****\n"],
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
}
