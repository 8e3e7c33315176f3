//! The hoop buildpack: puts the verified hoop agent into a Heroku slug or an image, and starts it beside the app.
//!
//! One binary with two lives. While a slug or an image is made, [`acquire`] gets a verified agent, and [`classic`] puts
//! it into the build dir or [`cnb`] into a layer. In the dyno, [`start`] runs it beside the app. All share [`agent`],
//! [`os`], and the words at the top of this folder. [`try`](mod@try) joins them on a laptop, and
//! [`slug`] in a CI pipeline; [`cli`] is the way in.
//!
//! A folder uses only what stands below it. `tests/floors.rs` has the table, and fails where it does not hold.
//!
//! Decisions are pure functions of values that are read at the edge; effects are in modules named for them.

pub mod acquire;
pub mod agent;
pub mod build_log;
pub mod classic;
pub mod cli;
pub mod cnb;
pub mod config;
pub mod failure;
pub mod messages;
pub mod os;
pub mod procfile;
pub mod secret;
pub mod slug;
pub mod start;
pub mod text;
pub mod r#try;
