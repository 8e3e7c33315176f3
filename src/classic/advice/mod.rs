//! Looks at the app for what would surprise its owner at run time. Advice never fails a build.

mod line;
mod names;
#[cfg(test)]
mod tests;
mod values;
mod version;

pub use crate::classic::advice::names::misspelt;

use crate::config;

use crate::acquire::config::RunTimeVars;
use crate::agent::connections::Connections;
use crate::agent::hoop_yml::{HoopYml, Mistake};
use crate::agent::key::AgentKey;
use crate::agent::version::Version;
use crate::classic::advice::line::{SCRIPT, with_note};
use crate::classic::survey::{OtherBuildpacks, ProcfileFault, ProcfileState};
use crate::messages::message::Message;
use crate::messages::publish::{Announced, Announcement};
use crate::procfile::invocation::{Invocation, corrected, is_continued};
use crate::procfile::{NOT_RUN_BY_DEFAULT, Procfile, RELEASE, shown};
use crate::secret::redact::redacted;
use crate::text;

/// What is known of the app when advice is given.
#[derive(Debug)]
pub struct App<'a> {
    /// The agent in the slug, if there is one.
    pub agent: Option<&'a Version>,
    /// Whether `HOOP_VERSION` asks for this one.
    pub is_pinned: bool,
    /// Its Procfile, or what is in its place.
    pub procfile: &'a ProcfileState,
    /// The process types whose command is a script of the app that starts hoopstart.
    pub by_script: &'a [String],
    /// Its config vars as they are set now.
    pub run_time: &'a RunTimeVars,
    /// What the other buildpacks of this build have done, and will do.
    pub others: &'a OtherBuildpacks,
}

/// Everything worth telling about `app`, the most important first.
pub fn advice(app: &App) -> Vec<Message> {
    let mut advice = Vec::new();
    // Where another folder becomes the app's, neither this Procfile nor what we install is there in the end.
    if app.others.will_clear {
        advice.extend(app.others.folder_var.map(cleared));
    } else {
        advice.extend(procfile_advice(app));
    }
    advice.extend(key_advice(app.run_time));
    if let Some(version) = app.agent.filter(|_| app.is_pinned) {
        advice.extend(version::advice(version, app.run_time.key.as_ref()));
    }
    advice.extend(connection_advice(app.run_time));
    advice.extend(values::advice(app.run_time, app.procfile.procfile()));
    if !app.others.will_clear {
        advice.extend(order_advice(app.others, app.procfile.procfile()));
    }
    advice
}

/// What `app` will publish by its `hoop.yml`.
pub fn published(file: &Result<HoopYml, Mistake>, app: &App) -> Announcement {
    let procfile = app.procfile.procfile();
    let announced = Announced {
        file,
        agent: app.agent,
        run_time: app.run_time,
        sees_config: true,
        process_types: &procfile.map_or(Vec::new(), |procfile| procfile.process_types().collect()),
    };
    announced.announcement(|item| procfile.is_none_or(|procfile| values::may_run(item, procfile)))
}

/// Advice on what starts the agent, or does not.
fn procfile_advice(app: &App) -> Vec<Message> {
    let autostart = app.run_time.is_on(config::AUTOSTART);
    match app.procfile {
        ProcfileState::Read(procfile) if app.agent.is_some() => start_advice(procfile, app, autostart),
        ProcfileState::Missing if app.agent.is_some() && !autostart => vec![no_procfile()],
        ProcfileState::Read(_) | ProcfileState::Missing => Vec::new(),
        ProcfileState::Misnamed { path } => vec![misnamed(path)],
        ProcfileState::NoFile { what } => vec![
            Message::warning(format!("the Procfile is {what}, so the platform cannot read it."))
                .text("Put a file named Procfile in its place, with a line such as")
                .quote(EXAMPLE),
        ],
        ProcfileState::Faulty(fault) => vec![faulty(fault)],
    }
}

/// What is shown where there is no line to go by.
const EXAMPLE: &str = "web: hoopstart -- bundle exec puma -C config/puma.rb";

/// Advice on lines of the Procfile that do not start the agent, or not as they seem to.
fn start_advice(procfile: &Procfile, app: &App, autostart: bool) -> Vec<Message> {
    let run_time = app.run_time;
    let mut advice = Vec::new();
    let mut starting: Vec<&str> = Vec::new();
    // The release phase is no process of the app.
    for (process_type, command) in procfile.processes().filter(|(name, _)| *name != RELEASE) {
        if is_continued(command) {
            starting.push(process_type);
            advice.push(line::continued(process_type, command));
        } else if let Some(invocation) = Invocation::in_line(command) {
            starting.push(process_type);
            advice.extend(line::advice(&invocation, process_type, command));
        } else if app.by_script.iter().any(|name| name == process_type) {
            starting.push(process_type);
        }
    }
    if autostart {
        if starting.is_empty() {
            advice.extend(values::without_effect(run_time));
        }
    } else if starting.is_empty() {
        advice.push(forgotten(procfile));
    } else {
        advice.extend(values::shut_out(run_time, &starting, procfile));
    }
    advice
}

/// Advice for an app in which nothing starts the agent.
fn forgotten(procfile: &Procfile) -> Message {
    let message = Message::warning("no line of the Procfile starts the agent.");
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
    let message = match corrected(command) {
        Some(right) => message
            .text("The agent is in the slug, and nothing will start it. Change the line")
            .quote(shown(process_type, command))
            .text("to")
            .quote(shown(process_type, &right)),
        None => message
            .text("The agent is in the slug, and nothing will start it. The line")
            .quote(shown(process_type, command))
            .text("is more than a program and its arguments. Put it into a file, such as bin/start, and write")
            .quote(shown(process_type, SCRIPT)),
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
    Message::warning("the app has no Procfile that starts the agent.")
        .text("The agent is in the slug, and nothing will start it. Add a file named Procfile with a line such as")
        .quote(EXAMPLE)
        .text("or leave the app as it is and set")
        .quote("heroku config:set HOOP_AUTOSTART=true")
}

/// Advice for an app whose Procfile has another name.
fn misnamed(path: &str) -> Message {
    let shown = text::visible(path);
    let name = shell_words::quote(path);
    let message = Message::warning(format!("the app has no Procfile, but it has a file named {shown}."));
    // In a folder it may be there for another app of the repository.
    let message = if path.contains('/') {
        message.text(
            "The platform only reads a file named Procfile in the top folder of the app, so no process of it \
            is started. If it is meant for this app, move it there:",
        )
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
        ProcfileFault::Utf16 => Message::warning("the Procfile is in UTF-16, so the platform finds no process in it.")
            .text("Save it as UTF-8 without a byte order mark. In a shell:")
            .quote("iconv -f UTF-16 -t UTF-8 Procfile > Procfile.utf8 && mv Procfile.utf8 Procfile"),
        ProcfileFault::Empty => Message::warning("the Procfile is empty, so the platform finds no process in it.")
            .text("Write a line for each process type, such as")
            .quote(EXAMPLE),
        ProcfileFault::NoLine { first } => with_note(
            Message::warning("the Procfile defines no process.")
                .text("Its first line is")
                .quote(text::excerpt(&redacted(first), 60))
                .text("Each line is a process type (letters, digits, - and _), a colon and a command, such as")
                .quote(EXAMPLE),
            first,
        ),
    }
}

/// Advice where what we install goes again.
fn cleared(folder_var: &str) -> Message {
    Message::warning("another buildpack will remove what this one installs.")
        .text(format!(
            "The config var {folder_var} makes a folder the app's. The buildpack that does it has not run \
            yet, and it drops everything else, including the agent. Put this one right after it, and before \
            your language's:"
        ))
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
        Message::warning(format!("the agent key in {name} cannot be used: {fault}."))
            .text(
                "hoopstart will run the app, but the agent will not connect. Copy the key again from the gateway's \
                web app and run",
            )
            .quote(format!("heroku config:set {name}=<key>")),
    )
}

/// Advice on names that cannot be published.
fn connection_advice(run_time: &RunTimeVars) -> Option<Message> {
    let value = run_time.connection.as_deref()?;
    // What a reference stands for is only known at run time, so any is taken as set.
    let fault = Connections::parse(value, |name| Some(name.to_owned())).err()?;
    Some(
        Message::warning(format!("HOOP_CONNECTION cannot be used: {fault}."))
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
    let message = Message::warning("other buildpacks ran before this one.");
    let why = format!(
        "They left {} in the app. The last buildpack in the list supplies the process types that the Procfile lacks, \
         and this one supplies none.",
        text::visible(first)
    );
    let (place, index) = match others.folder_var {
        // What stands before that goes.
        Some(folder_var) => (
            format!("Put it right after the one that reads {folder_var}, so that your language's buildpack is last:"),
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
