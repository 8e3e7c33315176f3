//! `hoopstart`: real apps under the real program, with stand-in agents beside them.
//!
//! What an app can feel is compared with and without hoopstart, in `/proc` and by its parent. Nothing here waits
//! for a fixed time: a test looks again until it sees what it waits for.

#[path = "../support/mod.rs"]
mod support;

mod check;
mod commands;
mod connect;
mod consoles;
mod exits;
mod faults;
mod generations;
mod identity;
mod kernels;
mod logs;
mod process_types;
mod secrets;
mod shutdown;
mod signals;
mod terminal;
mod twice;
