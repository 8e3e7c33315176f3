//! What an agent is, wherever it is met: its version and platform, its key, its connections, and the manifest that says
//! what a slug holds.

pub mod connections;
pub mod database;
pub mod generation;
pub mod hoop_yml;
pub mod key;
pub mod key_fault;
pub mod limits;
pub mod manifest;
pub mod platform;
pub mod publish;
pub mod session;
pub mod sha256;
pub mod version;
