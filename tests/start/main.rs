//! `hoopstart`: real apps under the real program, with stand-in agents beside them.
//!
//! What an app can feel is compared with and without hoopstart, in `/proc` and by its parent. Nothing here waits
//! for a fixed time: a test looks again until it sees what it waits for.

#[path = "../support/mod.rs"]
mod support;

mod beside;
mod check;
mod commands;
mod connect;
mod consoles;
mod exits;
mod faults;
mod gateway;
mod generations;
mod identity;
mod init;
mod kernels;
mod leftovers;
mod logs;
mod memory;
mod names;
mod process_types;
mod publish;
mod secrets;
mod shield;
mod shutdown;
mod signals;
mod status;
mod terminal;
mod twice;
