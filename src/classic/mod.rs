//! Heroku's classic buildpack API: puts the agent into a build dir, and says what the app's owner should know.

pub mod advice;
pub mod compile;
pub mod detect;
pub mod error;
pub mod install;
pub mod messages;
pub mod release;
pub mod report;
pub mod slug;
pub mod survey;
