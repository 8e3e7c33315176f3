//! A slug, made, looked at, and released outside of the platform's own builds.
//!
//! [`build`] makes one as the platform does, [`inspect`] reads one, and [`publish`] releases one. `source` and the
//! config vars are also what `try` begins with.

pub mod archive;
pub mod build;
pub(crate) mod config_vars;
pub(crate) mod env_file;
mod ignore;
pub mod inspect;
mod limits;
mod log;
pub mod publish;
pub(crate) mod source;
