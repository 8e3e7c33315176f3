//! Gets a verified agent into a folder it is given. Knows no slug, no layer and no log: it returns facts, and tells
//! events while it works.
//!
//! How the data flows, each step only possible after the one before:
//!
//! ```text
//! env dir ─> BuildConfig ─> Version ─> Tarball { name, digest } ─> VerifiedAgent ─> proved
//!            (config)       (resolve)  (resolve, agree)            (one_pass)       (proof)
//! ```
//!
//! [`recipe`] is that road. What it decides is in pure modules (`config`, `resolve`, `checksums`), what it does in
//! `fetch`, `one_pass`, `cache` and `proof`.

pub mod archive;
pub mod cache;
pub mod cache_names;
pub mod checksums;
pub mod config;
pub mod error;
pub mod event;
pub mod fetch;
pub mod latest;
pub mod one_pass;
pub mod own_name;
pub mod proof;
pub mod recipe;
pub mod relay;
pub mod release_server;
pub mod resolve;
pub mod resources;
pub mod scratch;
