//! The provider as a process, between a stand-in gateway and Heroku's side of its APIs. A file for each thing it does.

#![allow(clippy::unwrap_used, reason = "in a test, it is what fails")]

#[path = "../support/mod.rs"]
mod support;

mod kensa;
mod provision;
mod sso;
