//! A slug, made, looked at, and released outside of the platform's own builds.
//!
//! `inspect` reads one, and `publish` releases one.

pub mod inspect;
pub mod publish;
