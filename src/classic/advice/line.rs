//! Advice on a line of the Procfile that starts hoopstart.

use crate::messages::message::Message;
use crate::procfile::invocation::Invocation;
use crate::procfile::invocation::mistake::{Effect, Finding, Mistake, Remedy};
use crate::procfile::shown;
use crate::secret::redact::redacted;
use crate::text;

/// What a line that needs a shell is shown.
pub(super) const SCRIPT: &str = "hoopstart -- bash bin/start";

/// What a line without a command is shown.
const EXAMPLE: &str = "bundle exec puma -C config/puma.rb";

/// Advice on the line of `process_type`.
pub(super) fn advice(invocation: &Invocation, process_type: &str, line: &str) -> Option<Message> {
    let corrected = invocation.corrected();
    let right = corrected.as_deref().unwrap_or(SCRIPT);
    if invocation.quoted.is_some() {
        let message = about(process_type, "is in quotation marks as a whole", line)
            .text("It does not start your app: it is taken as the name of one program. Write")
            .quote(shown(process_type, right));
        return Some(with_note(message, line));
    }
    let place = invocation.place()?;
    let Some(Finding {
        mistake,
        effect,
        remedy,
    }) = place.finding()
    else {
        place.server_left_out()?;
        let message = about(process_type, "starts the agent for its first command only", line).text(
            "The agent stops when the command after \"--\" ends, so what the shell runs next has no agent. If the \
                 last command is your server, write",
        );
        let script = "put the commands into a file, such as bin/start, and write";
        let message = match &corrected {
            Some(moved) => message.quote(shown(process_type, moved)).text(format!(
                "or, on platforms that run Procfile lines without a shell, {script}"
            )),
            None => message.text(script),
        };
        return Some(with_note(message.quote(shown(process_type, SCRIPT)), line));
    };
    let right = match remedy {
        Remedy::OtherCommand => &place.line_with(EXAMPLE),
        Remedy::App(_) | Remedy::Script => right,
    };
    let message = about(process_type, &format!("has {} hoopstart", words_of(&mistake)), line).text(meaning(effect));
    Some(with_note(message.quote(shown(process_type, right)), line))
}

/// Advice on such a line, that of `process_type`.
pub(super) fn continued(process_type: &str, line: &str) -> Message {
    let message = about(process_type, "ends with a backslash", line)
        .text(
            "and goes on in the next line for a shell only: for the platform the command ends there. Write all of it \
            in one line, or put it into a file, such as bin/start, and write",
        )
        .quote(shown(process_type, SCRIPT));
    with_note(message, line)
}

/// Starts a message about the line of `process_type`.
fn about(process_type: &str, what: &str, line: &str) -> Message {
    Message::warning(format!(
        "the {process_type} line of the Procfile {}.",
        text::visible(what)
    ))
    .text("The line is")
    .quote(shown(process_type, line))
}

/// Adds to a message that quotes `line` what has become of a secret in it.
pub(super) fn with_note(message: Message, line: &str) -> Message {
    if redacted(line) == line {
        return message;
    }
    message.text(
        "**** stands for a secret in your line, which is not repeated here. Anyone who can read your \
        repository can read it: set it as a config var instead, and remove it from the line.",
    )
}

/// What a line has, and on which side of hoopstart.
fn words_of(mistake: &Mistake) -> String {
    match mistake {
        Mistake::NoCommand => "no command after".to_owned(),
        Mistake::NoSeparator => "no \"--\" after".to_owned(),
        Mistake::TwoSeparators => "\"--\" twice after".to_owned(),
        Mistake::OtherDashes => "dashes that are not two hyphens after".to_owned(),
        Mistake::QuotedCommand => "a command in quotation marks after".to_owned(),
        Mistake::Word(word) => format!("{word} after"),
        Mistake::LongOption => "an option after".to_owned(),
        Mistake::OtherName(word) => format!("{word} instead of"),
        Mistake::OddBlank => "an unusual space after".to_owned(),
    }
}

/// What that means for the app, and what to do.
fn meaning(effect: Effect) -> &'static str {
    match effect {
        Effect::Works => {
            "It works as it is, but an option of the app's own command could be taken for one of hoopstart's. Write"
        }
        Effect::Exits => "hoopstart exits at once. Write your app's command after it, for example",
        Effect::Prints => {
            "It does not start your app: with that option hoopstart only prints something and exits. Write"
        }
        Effect::NoSuchOption => "It does not start your app: hoopstart has no such option. Write",
        Effect::NoBlank => "It does not start your app: a space is missing after the two hyphens. Write",
        Effect::SecondIsProgram => {
            "It does not start your app: the second one is taken as the name of a program. Write"
        }
        Effect::NotSeparator => "It does not start your app: the separator is two plain hyphens. Write",
        Effect::OneName => {
            "It does not start your app: what is in the quotation marks is taken as the name of one program. Write"
        }
        Effect::ShellWord => {
            "It does not start your app: only a shell understands that, and hoopstart runs a program. Write"
        }
        Effect::NeedsShell => concat!(
            "It does not start your app: hoopstart runs a program, and this needs a shell. ",
            "Put the commands into a file, such as bin/start, and write",
        ),
        Effect::NotOurName => "It does not start the agent: that is not its name. Write",
        Effect::AgentCommand => "It does not start your app: that is a command of the agent itself. Write",
    }
}

#[cfg(test)]
mod tests;
