//! Which variables of a dyno a session may see.

use crate::config;

/// The file of a SPIFFE document.
pub const SPIFFE: &str = "HOOP_SPIFFE_KEY_FILE";

/// The variables in which agents look for a credential.
pub const CREDENTIALS: [&str; 5] = [
    config::KEY,
    config::DSN,
    "HOOP_TOKEN",
    SPIFFE,
    // Other programs use this name too. Agents read it before HOOP_TOKEN if HOOP_GRPCURL is set.
    "TOKEN",
];

/// Turns a connection of `hoop run` into a database connection wherever it is set. An app may use it for its own
/// purposes, while hoopstart publishes command lines.
pub const DATABASE_URI: &str = "HOOP_DB_URI";

/// Which lines an agent logs, and in which form. The app's own values of these variables do not reach the agent, and
/// the agent's do not reach the sessions of published connections.
pub const LOGGING: [&str; 2] = ["LOG_LEVEL", "LOG_ENCODING"];

/// Whether a session may see the variable: it is none of the credentials and of the agent's own. A comma would split a
/// name, and a colon in one breaks every session.
pub fn can_see(name: &str) -> bool {
    !name.is_empty()
        && !name.contains([',', ':'])
        && !CREDENTIALS.contains(&name)
        && !LOGGING.contains(&name)
        && name != DATABASE_URI
}
