//! The agent's log: its lines made readable, what they say of the agent, and when that is reported.
//!
//! ```text
//! agent's pipe ── lines ── record (read, made readable) ── app_log (never waits)
//!                   └── sign (what it says of the agent) ── condition, told (what is reported, and when)
//! ```

pub mod app_log;
pub mod condition;
pub mod lines;
pub mod record;
pub mod sign;
pub mod told;
