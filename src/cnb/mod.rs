//! Cloud Native Buildpacks: puts the agent into a layer of an image
//! (<https://github.com/buildpacks/spec/blob/main/buildpack.md>).
//!
//! ```text
//! <platform>/env ──┐
//! bindings ────────┴─> BuildConfig ─> (acquire) ─> layer `agent`, with its SBOM
//!                                                  layer `downloads`, for the next build with `latest`
//! launch.toml of earlier buildpacks ─> (wrap) ───> launch.toml
//! ```
//!
//! [`build`] is the recipe. What it decides is in [`record`] (is the layer of the last image still right?), [`wrap`]
//! and [`sbom`], which are pure; what it writes goes through [`layers`].

pub mod bindings;
pub mod build;
pub mod contract;
pub mod error;
pub mod layers;
pub mod messages;
pub mod processes;
pub mod record;
pub mod sbom;
pub mod wrap;
