//! Stays beside the app: runs the agents, restarts them, ends them with the app.

pub mod children;
pub mod footprint;
pub mod forward;
pub mod inquiry;
pub mod memory;
pub mod restart;
pub mod shield;
pub mod sockets;
pub mod spawn;
pub mod status;
pub mod supervisor;
