//! The first life of the binary: it runs at build time and puts the agent into the slug.
//!
//! How the data flows, each step only possible after the one before:
//!
//! ```text
//! env dir ─> BuildConfig ─> Version ─> Tarball { name, digest } ─> VerifiedAgent ─> placed in the slug
//!            (config)       (resolve)  (resolve, agree)            (one_pass)       (install, slug)
//! ```
//!
//! [`compile`] is that recipe; everything it decides is in pure modules (`config`, `resolve`, `checksums`,
//! `advise`), everything it does in `fetch`, `one_pass`, `cache`, `proof`, `slug`.

pub mod acquire;
pub mod advise;
pub mod archive;
pub mod cache;
pub mod checksums;
pub mod command_line;
pub mod compile;
pub mod config;
pub mod detect;
pub mod fetch;
pub mod install;
pub mod one_pass;
mod pinned;
pub mod platform;
pub mod proof;
pub mod relay;
pub mod release;
pub mod releases;
pub mod report;
pub mod resolve;
pub mod scratch;
pub mod sha256;
pub mod slug;
pub mod stop;

/// The version of this buildpack.
pub const BUILDPACK_VERSION: &str = env!("CARGO_PKG_VERSION");

/// Why a build failed.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A config var cannot be used.
    #[error(transparent)]
    Config(#[from] config::ConfigError),
    /// There is no release to trust.
    #[error(transparent)]
    Release(#[from] resolve::ReleaseError),
    /// A file could not be had.
    #[error(transparent)]
    Fetch(#[from] fetch::FetchError),
    /// The archive cannot be used.
    #[error(transparent)]
    Archive(#[from] archive::ArchiveError),
    /// The slug cannot be written, or the agent does not run.
    #[error(transparent)]
    Install(#[from] install::InstallError),
}

impl BuildError {
    /// Answers whether `HOOP_INSTALL=optional` turns this failure into a warning: where the agent cannot be
    /// had. A wrong config var and a build dir that cannot be written stay errors, since no waiting cures them.
    pub fn leaves_app_intact(&self) -> bool {
        match self {
            BuildError::Release(_) | BuildError::Fetch(_) | BuildError::Archive(_) => true,
            BuildError::Install(error) => matches!(error, install::InstallError::Proof { .. }),
            BuildError::Config(_) => false,
        }
    }
}
