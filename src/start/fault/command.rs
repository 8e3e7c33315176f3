//! What can be wrong with the command line of hoopstart, and with the app's command in it.

use crate::failure::Failure;
use crate::start::fault::program::{Unfit, UnfitInterpreter};
use crate::start::fault::sentence::{Kind, Sentence};
use std::fmt;

/// A command line that starts nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandFault {
    /// There is no command in it.
    Missing,
    OptionUnknown {
        option: String,
        /// What was meant.
        meant: Option<String>,
    },
    /// The app's program is something that only a shell understands.
    Misread {
        command: String,
        cause: Misreading,
        /// The line that works, unless it needs a script.
        line: Option<String>,
    },
    /// The app's program cannot be run.
    CannotRun {
        /// Its name as given.
        command: String,
        cause: Unfit,
    },
    /// Arguments and variables of the app exceed the limit of the system.
    TooLarge { command: String },
}

/// What was given as the name of a program, but is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misreading {
    /// Dashes of a word processor.
    Dashes,
    Assignment,
    /// A whole command in quotes.
    Quoted,
    ShellCommand,
}

impl fmt::Display for Misreading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Misreading::Dashes => "its dashes are not two hyphens",
            Misreading::Assignment => "that sets a variable, which only a shell can do",
            Misreading::Quoted => "that is a whole command in quotes, and hoopstart takes it for the name of a program",
            Misreading::ShellCommand => "that is a shell command, and hoopstart only runs programs",
        })
    }
}

impl Kind for CommandFault {
    fn failure(&self) -> Failure {
        match self {
            CommandFault::Missing => Failure::CommandMissing,
            CommandFault::OptionUnknown { .. } => Failure::OptionUnknown,
            CommandFault::Misread { .. } => Failure::CommandNotFound,
            CommandFault::CannotRun { cause, .. } => match cause {
                Unfit::NotFound
                | Unfit::CarriageReturn { .. }
                | Unfit::NoInterpreter {
                    cause: UnfitInterpreter::NotFound | UnfitInterpreter::WithoutInterpreter,
                    ..
                } => Failure::CommandNotFound,
                _ => Failure::CommandNotExecutable,
            },
            CommandFault::TooLarge { .. } => Failure::CommandNotExecutable,
        }
    }

    fn is_error(&self) -> bool {
        true
    }

    fn sentence(&self) -> Sentence {
        let state = match self.failure() {
            Failure::CommandMissing | Failure::OptionUnknown => "; nothing was started, exit 2",
            Failure::CommandNotFound => "; nothing was started, exit 127",
            _ => "; nothing was started, exit 126",
        };
        match self {
            CommandFault::Missing => Sentence::new(
                "no command was given",
                state,
                "Write it after two hyphens: hoopstart -- <command>",
            ),
            CommandFault::OptionUnknown { option, meant } => Sentence::new(
                format!("there is no option \"{option}\""),
                state,
                match meant {
                    Some(meant) => format!("Did you mean {meant}? For all options: hoopstart --help"),
                    None => "The app's command goes after two hyphens: hoopstart -- <command>".to_owned(),
                },
            ),
            CommandFault::Misread { command, cause, line } => Sentence::new(
                format!("cannot run \"{command}\": {cause}"),
                state,
                match line {
                    Some(line) => format!("Write: {line}"),
                    None => "Put the commands into a file, such as bin/start, and write: hoopstart -- bash bin/start"
                        .to_owned(),
                },
            ),
            CommandFault::CannotRun { command, cause } => Sentence::new(
                format!("cannot run \"{command}\": {cause}"),
                state,
                match cause {
                    Unfit::NotFound => "Check the command after hoopstart in your Procfile",
                    Unfit::Folder => "Name a program after hoopstart in your Procfile",
                    Unfit::OtherMachine(_) | Unfit::Foreign | Unfit::Truncated | Unfit::PartOfProgram => {
                        "Deploy a complete program that was built for this machine"
                    }
                    Unfit::NoInterpreter { .. } | Unfit::CarriageReturn { .. }
                        if self.failure() == Failure::CommandNotFound =>
                    {
                        "Correct the first line of that file, or install what it names"
                    }
                    Unfit::NotAFile
                    | Unfit::Refused(_)
                    | Unfit::NoInterpreter { .. }
                    | Unfit::CarriageReturn { .. } => {
                        "Check the file after hoopstart in your Procfile and its mode (git update-index --chmod=+x \
                         <file>)"
                    }
                },
            ),
            CommandFault::TooLarge { command } => Sentence::new(
                format!(
                    "cannot run \"{command}\": its arguments and config vars together are larger than the system allows"
                ),
                state,
                "Put the largest of them into a file",
            ),
        }
    }
}
