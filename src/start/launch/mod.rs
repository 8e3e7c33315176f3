//! Becomes the app, with a supervisor beside it.

pub mod attach;
pub mod claim;
pub mod detach;
pub mod elf;
pub mod exec;
pub mod init;
pub mod misread;
pub mod program;
