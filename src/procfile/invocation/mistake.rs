//! What is wrong with a line that has hoopstart in it.

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What the line has.
    pub mistake: Mistake,
    /// What that does.
    pub effect: Effect,
    pub remedy: Remedy,
}

/// What hoopstart should start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// This command.
    App(String),
    /// A command that is not in the line.
    OtherCommand,
    /// A script, since the command needs a shell.
    Script,
}

impl From<Option<String>> for Remedy {
    /// Without a command that needs no shell, it is a script.
    fn from(app: Option<String>) -> Self {
        app.map_or(Remedy::Script, Remedy::App)
    }
}

/// What a line has where hoopstart's name, options, and separator are expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// Nothing after hoopstart.
    NoCommand,
    /// No `--`.
    NoSeparator,
    /// `--` twice.
    TwoSeparators,
    /// Dashes that are not two hyphens.
    OtherDashes,
    /// A command in quotation marks.
    QuotedCommand,
    /// This word, an option or what only a shell understands.
    Word(String),
    /// An option too long to repeat.
    LongOption,
    /// This in the place of hoopstart.
    OtherName(String),
    /// A space that a shell takes for a letter.
    OddBlank,
}

/// What a mistake does when the platform runs the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The app starts, but an option of its own command could be taken for one of hoopstart's.
    Works,
    /// hoopstart exits at once.
    Exits,
    /// hoopstart prints something and exits.
    Prints,
    /// hoopstart has no such option.
    NoSuchOption,
    /// The option and the app's command are one word.
    NoBlank,
    /// The second separator is taken for a program.
    SecondIsProgram,
    /// The separator is not recognized.
    NotSeparator,
    /// What is in quotation marks is taken for one program.
    OneName,
    /// Only a shell understands the command.
    ShellWord,
    /// The command needs a shell.
    NeedsShell,
    /// Another program is started, and no agent.
    NotOurName,
    /// A command of the agent itself is started.
    AgentCommand,
}
