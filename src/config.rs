//! The config vars: their names, when they are read, what they do, and the values that mean on and off.
//!
//! [`ALL`] is what help prints, and what the README's table is tested against.

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
    pub name: &'static str,
    /// When its value takes effect. Compile looks at some run-time vars too, to give advice.
    pub read_at: ReadAt,
    /// What is in force where it is not set, or nothing.
    pub default: &'static str,
    /// What it does, in the words of the README.
    pub effect: &'static str,
}

macro_rules! config_vars {
    ($( $(#[doc = $doc:literal])+ $constant:ident, $name:literal, $read_at:ident, $default:literal; )*) => {
        $( $(#[doc = $doc])+ pub const $constant: &str = $name; )*

        /// Every config var of this buildpack.
        pub const ALL: &[ConfigVar] = &[ $( ConfigVar {
            name: $name,
            read_at: ReadAt::$read_at,
            default: $default,
            effect: concat!($($doc),+).trim_ascii_start(),
        }, )* ];
    };
}

config_vars! {
    /// The agent key.
    KEY, "HOOP_KEY", Run, "";
    /// The agent key by its old name. Used if `HOOP_KEY` is not set.
    DSN, "HOOP_DSN", Run, "";
    /// Names of the connections to publish, separated by commas.
    CONNECTION, "HOOP_CONNECTION", Run, "";
    /// The shell command line behind the published connections, such as `bundle exec rails console`.
    COMMAND, "HOOP_COMMAND", Run, "a shell";
    /// Which agent to install: an exact version such as `1.148.0`, or `latest` for the newest at each build.
    VERSION, "HOOP_VERSION", Build, "latest";
    /// The SHA-256 that the agent's tarball must have.
    SHA256, "HOOP_SHA256", Build, "";
    /// A mirror of the release server: `https`, `file`, or `http` (with a warning).
    RELEASES_URL, "HOOP_RELEASES_URL", Build, "https://releases.hoop.dev/release";
    /// With `optional`, a build that cannot get the agent goes on without one, with a warning.
    INSTALL, "HOOP_INSTALL", Build, "required";
    /// Where the agent runs: process types (`web`) or single dynos (`web.1`), separated by commas.
    PROCESS_TYPES, "HOOP_PROCESS_TYPES", Run, "all except those of HOOP_IGNORE_PROCESS_TYPES";
    /// Where the agent does not run. If set, it replaces the whole default.
    IGNORE_PROCESS_TYPES, "HOOP_IGNORE_PROCESS_TYPES", Run, "run,release,scheduler,cron,build";
    /// Starts the agent without a change to the Procfile.
    AUTOSTART, "HOOP_AUTOSTART", Run, "off";
    /// Takes `HOOP_KEY` and `HOOP_DSN` out of the app's environment.
    HIDE_KEY, "HOOP_HIDE_KEY", Run, "off";
    /// Runs the app alone.
    DISABLE, "HOOP_DISABLE", Run, "off";
    /// Stops the boot with exit status 78 if no agent can be configured or found.
    REQUIRED, "HOOP_REQUIRED", Run, "off";
    /// How much the agent logs: `debug`, `info`, `warn`, or `error`.
    LOG_LEVEL, "HOOP_LOG_LEVEL", Run, "info";
    /// `text` makes the agent's lines easy to read and folds repeats; `json` passes them on unchanged.
    LOG_FORMAT, "HOOP_LOG_FORMAT", Run, "text";
    /// The most memory of its own, in megabytes, that an idle agent may have. Above that, it is restarted; `0` means
    /// never.
    AGENT_MEMORY, "HOOP_AGENT_MEMORY", Run, "64";
    /// Prints a line for each decision.
    DEBUG, "HOOPSTART_DEBUG", Run, "off";
}

/// The old name of [`DEBUG`], still read.
pub const DEBUG_OLD: &str = "HOOPSTART_XTRACE";

/// Where a copy of the buildpack without its program gets that from, read by `libexec/fetch.sh`.
pub const PROGRAM_RELEASES_URL: &str = "HOOP_BUILDPACK_RELEASES_URL";

/// The on/off config vars of a boot.
pub const SWITCHES: [&str; 6] = [AUTOSTART, HIDE_KEY, DISABLE, REQUIRED, DEBUG, DEBUG_OLD];

/// Config vars by which other buildpacks make a folder of the repository the app's, and drop what else stands in the
/// build dir: <https://github.com/timanovsky/subdir-heroku-buildpack> (the first two) and
/// <https://github.com/lstoll/heroku-buildpack-monorepo>.
pub const FOLDER_VARS: [&str; 3] = ["PROJECT_PATH", "BUILDPACK_PATH", "APP_BASE"];

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
