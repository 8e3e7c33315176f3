//! `slug publish`.

use crate::os::environment::Environment;
use clap::Args;
use std::path::PathBuf;

/// TODO of this branch
#[derive(Debug, Args)]
pub(super) struct PublishArgs {
    /// The slug
    slug: PathBuf,
}

pub(super) fn run(args: &PublishArgs, _environment: &Environment) -> i32 {
    i32::from(!args.slug.exists())
}
