//! The Cloud Native Buildpack: `bin/detect` and `bin/build`, called by the lifecycle's own programs, and what the
//! launcher starts of the layers.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]

#[path = "../support/mod.rs"]
mod support;

mod builds;
mod failures;
mod hoop_yml;
mod image;
mod launches;
mod packaged;
mod publish;
mod road;
mod sbom;
mod shims;
