//! Looks at the app for what would surprise its owner at run time. Advice never fails a build.

use super::config::RunTimeVars;
use crate::agent_key::AgentKey;
use crate::config;
use crate::connections::Connections;
use crate::messages::Message;
use crate::procfile::Procfile;
use crate::text;

/// What is known of the app when advice is given.
#[derive(Debug)]
pub struct App<'a> {
    /// Whether the agent is in the slug.
    pub has_agent: bool,
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
    if app.has_agent {
        advice.extend(start_advice(app));
    }
    advice.extend(key_advice(app.run_time));
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
        let mut words = command.split_whitespace().skip_while(|word| starter(word).is_none());
        let Some(found) = words.next() else { continue };
        starts_agent = true;
        let next = words.next();
        if next != Some("--") {
            let right = command.replacen(found, &format!("{found} --"), 1);
            advice.push(
                Message::new(format!(
                    "the {process_type} line of the Procfile has no \"--\" after hoopstart."
                ))
                .text("It is")
                .quote(text::visible(&format!("{process_type}: {command}")))
                .text("and works as it is, but an option of the app's own command could be taken for one of hoopstart's. Write")
                .quote(text::visible(&format!("{process_type}: {right}"))),
            );
        }
    }
    if !starts_agent && !autostart {
        advice.push(forgotten(procfile));
    }
    advice
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
    match line {
        Some((process_type, command)) => message
            .text("The agent is in the slug, and nothing will start it. Change the line")
            .quote(text::visible(&format!("{process_type}: {command}")))
            .text("to")
            .quote(text::visible(&format!("{process_type}: hoopstart -- {command}")))
            .text("or leave the Procfile as it is and run")
            .quote("heroku config:set HOOP_AUTOSTART=true"),
        None => no_procfile(),
    }
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
        let app = App {
            has_agent: true,
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
        let advice = given(Some("web: hoopstart puma -v"), &RunTimeVars::default());

        assert_eq!(advice.len(), 1);
        assert!(advice[0].contains("    web: hoopstart -- puma -v\n"), "{}", advice[0]);
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
