//! The provider as a process, between a stand-in gateway and Heroku's side of its APIs. A file for each thing it does.

#![allow(clippy::unwrap_used, reason = "in a test, it is what fails")]

#[path = "../support/mod.rs"]
mod support;

mod crash;
mod databases;
mod faults;
mod input;
mod kensa;
mod operate;
mod plans;
mod provision;
mod rotate;
mod sso;
