//! The config vars: their names, when they are read, and the values that mean on and off.
//!
//! The README's table is tested against [`ALL`].

/// When a config var is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadAt {
    /// By compile, from the env dir.
    Build,
    /// By hoopstart, from the dyno's environment.
    Run,
}

/// One config var.
#[derive(Clone, Copy, Debug)]
pub struct ConfigVar {
    /// Its name.
    pub name: &'static str,
    /// When its value takes effect. Compile looks at some run-time vars too, to give advice.
    pub read_at: ReadAt,
}

macro_rules! config_vars {
    ($( $(#[$doc:meta])* $constant:ident, $name:literal, $read_at:ident; )*) => {
        $( $(#[$doc])* pub const $constant: &str = $name; )*

        /// Every config var of this buildpack.
        pub const ALL: &[ConfigVar] = &[ $( ConfigVar { name: $name, read_at: ReadAt::$read_at }, )* ];
    };
}

config_vars! {
    /// The agent key. Wins over [`DSN`].
    KEY, "HOOP_KEY", Run;
    /// The agent key by its old name.
    DSN, "HOOP_DSN", Run;
    /// The names to publish, comma separated.
    CONNECTION, "HOOP_CONNECTION", Run;
    /// The command line behind a published connection.
    COMMAND, "HOOP_COMMAND", Run;
    /// The agent's version, or `latest`.
    VERSION, "HOOP_VERSION", Build;
    /// The digest the tarball must have.
    SHA256, "HOOP_SHA256", Build;
    /// The release server.
    RELEASES_URL, "HOOP_RELEASES_URL", Build;
    /// Whether a build may go on without an agent.
    INSTALL, "HOOP_INSTALL", Build;
    /// The process types and dynos the agent runs in.
    PROCESS_TYPES, "HOOP_PROCESS_TYPES", Run;
    /// The process types and dynos the agent does not run in.
    IGNORE_PROCESS_TYPES, "HOOP_IGNORE_PROCESS_TYPES", Run;
    /// Starts the agent from `.profile.d`, without a change of the Procfile.
    AUTOSTART, "HOOP_AUTOSTART", Run;
    /// Takes the agent key out of the app's environment.
    HIDE_KEY, "HOOP_HIDE_KEY", Run;
    /// Runs the app alone.
    DISABLE, "HOOP_DISABLE", Run;
    /// Stops the boot where no agent can be started.
    REQUIRED, "HOOP_REQUIRED", Run;
    /// How many megabytes of its own an agent may take that serves nobody.
    AGENT_MEMORY, "HOOP_AGENT_MEMORY", Run;
    /// Shows each decision of hoopstart.
    DEBUG, "HOOPSTART_DEBUG", Run;
}

/// The old name of [`DEBUG`], still read.
pub const DEBUG_OLD: &str = "HOOPSTART_XTRACE";

/// Reads an on/off value. `None` means that it is neither.
pub fn switch(value: &str) -> Option<bool> {
    match value.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Some(true),
        "0" | "false" | "no" | "off" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::switch;

    #[test]
    fn switches_are_read_in_any_case() {
        for (value, meaning) in [
            ("1", Some(true)),
            ("TRUE", Some(true)),
            ("Yes", Some(true)),
            ("on", Some(true)),
            ("0", Some(false)),
            ("False", Some(false)),
            ("no", Some(false)),
            ("OFF", Some(false)),
            // A value that was meant to say something must not be guessed at.
            ("enabled", None),
            ("", None),
        ] {
            assert_eq!(switch(value), meaning, "{value:?}");
        }
    }
}
