//! `slug inspect`.

use crate::os::environment::Environment;
use clap::Args;
use std::path::PathBuf;

/// TODO of this branch
#[derive(Debug, Args)]
pub(super) struct InspectArgs {
    /// The slug
    slug: PathBuf,
}

pub(super) fn run(args: &InspectArgs, _environment: &Environment) -> i32 {
    i32::from(!args.slug.exists())
}
