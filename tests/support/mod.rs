//! What the black-box tests share: a release server on loopback that can misbehave, releases made in memory,
//! and builds of throw-away apps with the real program under an empty environment.
#![allow(dead_code, reason = "each test file uses its own part")]

pub(crate) mod build;
pub(crate) mod dyno;
pub(crate) mod executable;
pub(crate) mod gateway;
pub(crate) mod kernel;
pub(crate) mod mirror;
pub(crate) mod platform;
pub(crate) mod relay;
pub(crate) mod run;
pub(crate) mod server;
pub(crate) mod signals;
pub(crate) mod tree;
