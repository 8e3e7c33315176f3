//! The provider as a process, between a stand-in gateway and Heroku's side of its APIs. A file for each thing it does.

#[path = "../support/mod.rs"]
mod support;

mod kensa;
mod provision;
mod sso;
