//! Why a program cannot be run.

use crate::text;
use std::fmt;

/// Why a program cannot be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    NotFound,
    Folder,
    NotAFile,
    /// The kernel refuses it, in these words.
    Refused(String),
    /// It is for this other machine.
    OtherMachine(&'static str),
    /// It is a program for another system.
    Foreign,
    Truncated,
    /// An object file or a core.
    PartOfProgram,
    /// The interpreter or the loader that it names cannot be run.
    NoInterpreter {
        interpreter: String,
        cause: UnfitInterpreter,
    },
    /// Its first line ends with a carriage return, which belongs to the interpreter's name.
    CarriageReturn {
        /// That name without it.
        interpreter: String,
    },
}

/// Why an interpreter cannot be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnfitInterpreter {
    NotFound,
    /// It is a script itself, whose interpreter cannot be found.
    WithoutInterpreter,
    Folder,
    Refused,
    OtherMachine,
    Damaged,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unfit::NotFound => "no such program",
            Unfit::Folder => "it is a folder",
            Unfit::NotAFile => "it is a pipe or a device, not a file",
            Unfit::Refused(words) => words,
            Unfit::OtherMachine(machine) => return write!(f, "it is a program for {machine}"),
            Unfit::Foreign => "it is not a program for Linux",
            Unfit::Truncated => "it is a damaged or truncated program",
            Unfit::PartOfProgram => "it is only part of a program",
            Unfit::NoInterpreter { interpreter, cause } => {
                return write!(f, "it needs {}, and {cause}", text::quoted(interpreter, 100));
            }
            Unfit::CarriageReturn { interpreter } => {
                return write!(
                    f,
                    "its first line ends with a carriage return, which becomes part of the name {}",
                    text::quoted(interpreter, 100)
                );
            }
        })
    }
}

impl fmt::Display for UnfitInterpreter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            UnfitInterpreter::NotFound => "there is no such program",
            UnfitInterpreter::WithoutInterpreter => "its own interpreter cannot be found",
            UnfitInterpreter::Folder => "that is a folder",
            UnfitInterpreter::Refused => "that cannot be executed",
            UnfitInterpreter::OtherMachine => "that is for another machine",
            UnfitInterpreter::Damaged => "that is damaged",
        })
    }
}
