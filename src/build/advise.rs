//! Looks at the app for what would surprise its owner at run time. Advice never fails a build.

use super::command_line::{has_expansion, is_of_shell, is_program, split_at_program, with_hoopstart};
use super::config::RunTimeVars;
use super::pinned;
use crate::agent_key::AgentKey;
use crate::config;
use crate::connections::Connections;
use crate::messages::Message;
use crate::procfile::Procfile;
use crate::text;
use crate::version::Version;

/// What is known of the app when advice is given.
#[derive(Debug)]
pub struct App<'a> {
    /// The agent in the slug, if there is one.
    pub agent: Option<&'a Version>,
    /// Whether `HOOP_VERSION` asks for this one.
    pub is_pinned: bool,
    /// Its Procfile, if it has one.
    pub procfile: Option<&'a Procfile>,
    /// Its run-time config vars as they are set now.
    pub run_time: &'a RunTimeVars,
    /// Files that other buildpacks of this build have left before this one ran.
    pub earlier_buildpacks: &'a [String],
}

/// Returns everything worth telling about `app`, the most important first.
pub fn advice(app: &App) -> Vec<Message> {
    let mut advice = Vec::new();
    if app.agent.is_some() {
        advice.extend(start_advice(app));
    }
    advice.extend(key_advice(app.run_time));
    if let Some(version) = app.agent.filter(|_| app.is_pinned) {
        advice.extend(pinned::advice(version, app.run_time.key.as_ref()));
    }
    advice.extend(connection_advice(app.run_time));
    advice.extend(order_advice(app.earlier_buildpacks));
    advice
}

/// The programs of ours that a Procfile line may start with, or have somewhere in it.
const STARTERS: [&str; 2] = ["hoopstart", "hoopwrapper"];

/// Advice on lines of the Procfile that do not start the agent, or not as they seem to.
fn start_advice(app: &App) -> Vec<Message> {
    let autostart = app.run_time.autostart.as_deref().and_then(config::switch) == Some(true);
    let Some(procfile) = app.procfile else {
        return if autostart { Vec::new() } else { vec![no_procfile()] };
    };
    let mut advice = Vec::new();
    let mut starts_agent = false;
    for (process_type, command) in procfile.processes() {
        if let Some(start) = Start::in_line(command) {
            starts_agent = true;
            advice.extend(start.advice(process_type, command));
        }
    }
    if !starts_agent && !autostart {
        advice.push(forgotten(procfile));
    }
    advice
}

/// Where a line of the Procfile starts our program.
struct Start<'a> {
    /// What stands in front of it.
    before: &'a str,
    /// The word that names it, with its path.
    word: &'a str,
    /// All that follows.
    rest: &'a str,
}

impl<'a> Start<'a> {
    /// Finds it. A word that may as well be an argument counts: who has written it knows of hoopstart.
    fn in_line(command: &'a str) -> Option<Self> {
        let word = command.split_whitespace().find(|word| starter(word).is_some())?;
        // It is a part of the line.
        let place = word.as_ptr().addr() - command.as_ptr().addr();
        let (before, rest) = (&command[..place], &command[place + word.len()..]);
        Some(Self { before, word, rest })
    }

    /// Answers whether the line runs it, and nothing before: then it is certain what a shell makes of the rest.
    fn is_certain(&self) -> bool {
        let line = format!("{}{}", self.before, self.word);
        split_at_program(&line).1 == self.word
            && !has_expansion(self.before)
            && !self.word.contains(['"', '\'', '(', ';', '&', '|'])
    }

    /// Advice on `command`, the line of `process_type`.
    fn advice(&self, process_type: &str, command: &str) -> Option<Message> {
        if !self.is_certain() {
            return None;
        }
        let line = |command: &str| text::visible(&format!("{process_type}: {command}"));
        let about = |what: &str| {
            Message::new(format!(
                "the {process_type} line of the Procfile has {what} after hoopstart."
            ))
            .text("It is")
            .quote(line(command))
        };
        let Self { before, word, rest } = self;
        let rest = rest.trim_start();
        let separator = rest.split_whitespace().next().unwrap_or_default();
        let behind = rest[separator.len()..].trim_start();
        let is_dashes = !separator.is_empty() && separator.chars().all(|dash| ['-', '–', '—'].contains(&dash));
        let has_separator = separator.trim_matches(['"', '\'']) == "--";
        if is_dashes && !has_separator {
            return Some(
                about("no two hyphens")
                    .text("and does not start your app: these are dashes of another kind. Write")
                    .quote(line(&format!("{before}{word} -- {behind}"))),
            );
        }
        let app = if has_separator { behind } else { rest };
        if app.is_empty() || app.starts_with(['&', '|', ';', ')']) {
            return Some(
                about("no command")
                    .text("and hoopstart ends at once, with status 2. Write the command of your app behind it, for example")
                    .quote(line("hoopstart -- bundle exec puma -C config/puma.rb")),
            );
        }
        let (for_shell, program) = split_at_program(app);
        if !for_shell.is_empty() && !has_expansion(for_shell) && is_program(program) {
            return Some(
                about(for_shell.trim_end())
                    .text("and does not start your app: only a shell knows what that is, and hoopstart starts a program. Write")
                    .quote(line(&format!("{before}{for_shell}{word} -- {program}"))),
            );
        }
        if !for_shell.is_empty() || is_of_shell(app) {
            return Some(
                about("what only a shell can run")
                    .text("and does not start your app: hoopstart starts a program. Put the commands into a file, such as bin/start, and write")
                    .quote(line("hoopstart -- bash bin/start")),
            );
        }
        (!has_separator).then(|| {
            about("no \"--\"")
                .text("and works as it is, but an option of the app's own command could be taken for one of hoopstart's. Write")
                .quote(line(&format!("{before}{word} -- {rest}")))
        })
    }
}

/// Returns the name of our program that `word` runs, by whatever path.
fn starter(word: &str) -> Option<&'static str> {
    // Also within what another shell is given: bash -c "hoopstart -- puma".
    let word = word.trim_matches(['"', '\'', '(', ')', ';', '&', '|']);
    let name = word.rsplit('/').next().unwrap_or(word);
    STARTERS.into_iter().find(|starter| *starter == name)
}

/// Advice for an app in which nothing starts the agent.
fn forgotten(procfile: &Procfile) -> Message {
    let message = Message::new("no line of the Procfile starts the agent.");
    let line = procfile
        .command("web")
        .map(|command| ("web", command))
        .or_else(|| procfile.processes().next());
    let Some((process_type, command)) = line else {
        return no_procfile();
    };
    let shown = |command: &str| text::visible(&format!("{process_type}: {command}"));
    let message = match with_hoopstart(command) {
        Some(right) => message
            .text("The agent is in the slug, and nothing will start it. Change the line")
            .quote(shown(command))
            .text("to")
            .quote(shown(&right)),
        None => message
            .text("The agent is in the slug, and nothing will start it. The line")
            .quote(shown(command))
            .text("is more than a program and its arguments. Put it into a file, such as bin/start, and write")
            .quote(shown("hoopstart -- bash bin/start")),
    };
    message
        .text("or leave the Procfile as it is and run")
        .quote("heroku config:set HOOP_AUTOSTART=true")
}

/// Advice for an app without process types of its own.
fn no_procfile() -> Message {
    Message::new("the app has no Procfile that starts the agent.")
        .text("The agent is in the slug, and nothing will start it. Add a file named Procfile with a line such as")
        .quote("web: hoopstart -- bundle exec puma -C config/puma.rb")
        .text("or leave the app as it is and run")
        .quote("heroku config:set HOOP_AUTOSTART=true")
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

/// Advice on the order of the buildpacks.
fn order_advice(earlier: &[String]) -> Option<Message> {
    let first = earlier.first()?;
    Some(
        Message::new("other buildpacks ran before this one.")
            .text(format!(
                "They left {} in the app. The last buildpack of the list says how an app without a Procfile is started, and this one has nothing to say on that. Put it first, so that your language's buildpack is last:",
                text::visible(first)
            ))
            .quote("heroku buildpacks:remove <the URL of this buildpack>")
            .quote("heroku buildpacks:add --index 1 <the URL of this buildpack>"),
    )
}

#[cfg(test)]
mod tests {
    use super::{App, advice};
    use crate::build::config::RunTimeVars;
    use crate::messages::Tone;
    use crate::procfile::Procfile;
    use crate::secret::Secret;

    fn given(procfile: Option<&str>, run_time: &RunTimeVars) -> Vec<String> {
        let procfile = procfile.map(Procfile::parse);
        let version = "1.148.0".parse().unwrap();
        let app = App {
            agent: Some(&version),
            is_pinned: true,
            procfile: procfile.as_ref(),
            run_time,
            earlier_buildpacks: &[],
        };
        advice(&app)
            .iter()
            .map(|message| message.render(Tone::Warning))
            .collect()
    }

    fn titles(procfile: Option<&str>, run_time: &RunTimeVars) -> Vec<String> {
        given(procfile, run_time)
            .iter()
            .map(|text| text.lines().next().unwrap_or_default().to_owned())
            .collect()
    }

    #[test]
    fn an_app_that_is_set_up_gets_no_advice() {
        let none = RunTimeVars::default();

        for procfile in [
            "web: hoopstart -- puma\nworker: sidekiq",
            "web: bin/hoopstart -- puma",
            "web: MALLOC_ARENA_MAX=2 hoopwrapper -- puma",
            "web: bash -c \"hoopstart -- puma\"",
            "web: hoopstart \"--\" puma",
            "web: hoopstart -- puma && echo done",
            // Of these it is not certain what a shell makes of them.
            "web: cd app && hoopstart -- exec puma -v",
            "web: cd app && hoopstart puma",
            "web: bash -c \"hoopstart \"",
            "web: (hoopstart -- exec puma)",
            "web: env A=1 hoopstart puma",
            "web: nice -n 5 hoopstart puma",
            "web: hoopstart; puma",
        ] {
            assert_eq!(titles(Some(procfile), &none), [] as [&str; 0], "{procfile}");
        }
    }

    #[test]
    fn a_procfile_that_forgets_hoopstart_is_shown_the_line_that_would_be_right() {
        let advice = given(Some("worker: sidekiq\nweb: puma -p $PORT"), &RunTimeVars::default());

        assert_eq!(advice.len(), 1);
        assert!(advice[0].contains("    web: puma -p $PORT\n"), "{}", advice[0]);
        assert!(
            advice[0].contains("    web: hoopstart -- puma -p $PORT\n"),
            "{}",
            advice[0]
        );
    }

    #[test]
    fn autostart_needs_no_procfile_line() {
        let autostart = RunTimeVars {
            autostart: Some("on".to_owned()),
            ..RunTimeVars::default()
        };

        assert_eq!(titles(Some("web: puma"), &autostart), [] as [&str; 0]);
        assert_eq!(titles(None, &autostart), [] as [&str; 0]);
        assert_eq!(
            titles(None, &RunTimeVars::default()),
            ["Warning: the app has no Procfile that starts the agent."]
        );
    }

    #[test]
    fn a_missing_separator_is_shown_where_it_belongs() {
        for (line, right) in [
            ("hoopstart puma -v", "hoopstart -- puma -v"),
            (
                "A=/x/hoopstart-conf bin/hoopstart puma",
                "A=/x/hoopstart-conf bin/hoopstart -- puma",
            ),
        ] {
            let advice = given(Some(&format!("web: {line}")), &RunTimeVars::default());

            assert_eq!(advice.len(), 1);
            assert!(advice[0].contains(&format!("    web: {right}\n")), "{}", advice[0]);
        }
    }

    #[test]
    fn a_line_that_does_not_start_the_app_is_shown_one_that_does() {
        for (line, right) in [
            ("hoopstart", "hoopstart -- bundle exec puma -C config/puma.rb"),
            ("hoopstart --", "hoopstart -- bundle exec puma -C config/puma.rb"),
            ("hoopstart && puma", "hoopstart -- bundle exec puma -C config/puma.rb"),
            (
                "hoopstart -- && puma",
                "hoopstart -- bundle exec puma -C config/puma.rb",
            ),
            ("hoopstart —— puma", "hoopstart -- puma"),
            ("FOO=a-b hoopstart - puma", "FOO=a-b hoopstart -- puma"),
            ("hoopstart -- FOO=bar puma -v", "FOO=bar hoopstart -- puma -v"),
            ("A=1 hoopstart -- B=2 puma", "A=1 B=2 hoopstart -- puma"),
            ("hoopstart -- exec puma", "exec hoopstart -- puma"),
            ("hoopstart -- A=1 && puma", "hoopstart -- bash bin/start"),
            ("hoopstart -- cd app && puma", "hoopstart -- bash bin/start"),
            ("FOO=bar puma", "FOO=bar hoopstart -- puma"),
            ("cd app && puma", "hoopstart -- bash bin/start"),
        ] {
            let advice = given(Some(&format!("web: {line}")), &RunTimeVars::default());

            assert_eq!(advice.len(), 1, "{line}: {advice:?}");
            assert!(advice[0].contains(&format!("    web: {right}\n")), "{}", advice[0]);
            assert!(!advice[0].contains("works as it is"), "{}", advice[0]);
        }
    }

    #[test]
    fn a_key_and_names_that_cannot_be_used_are_told_without_the_key() {
        let run_time = RunTimeVars {
            key: Some(("HOOP_DSN", Secret::new("grpcs://web:s3cr3t@gateway.example"))),
            connection: Some("x".repeat(256)),
            autostart: None,
        };
        let advice = given(Some("web: hoopstart -- puma"), &run_time);

        assert_eq!(advice.len(), 2);
        assert!(
            advice[0].contains("HOOP_DSN") && advice[0].replace('\n', " ").contains("no gateway port"),
            "{}",
            advice[0]
        );
        assert!(!advice.concat().contains("s3cr3t"));
        assert!(advice[1].contains("256 bytes"), "{}", advice[1]);
    }
}
