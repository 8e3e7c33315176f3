//! The hoop buildpack: puts the verified hoop agent into a Heroku slug, and starts it beside the app.
//!
//! One binary with two lives, and the folders show them: [`build`] runs while a slug is made, [`run`] in the
//! dyno. What both know (config vars, the agent key, the manifest) is at the top. `try` joins the two on a laptop.
//!
//! Decisions are pure functions of values that were read at the edge ([`environment`], [`config`]); effects are in
//! modules named for them. Only `main.rs` ends the process, and `run` those that it forks.

pub mod agent_key;
pub mod agent_limits;
pub mod build;
pub mod cli;
pub mod conceal;
pub mod config;
pub mod connections;
pub mod environment;
pub mod failure;
pub mod key_fault;
pub mod manifest;
pub mod masks;
pub mod messages;
pub mod output;
pub mod procfile;
pub mod run;
pub mod secret;
mod stderr;
pub mod text;
mod tls;
pub mod r#try;
pub mod version;
