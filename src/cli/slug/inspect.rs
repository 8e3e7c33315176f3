//! `slug inspect`.

use crate::cli::exit::{complain, print};
use crate::slug::inspect::{InspectFault, Report, Slug};
use clap::Args;
use std::path::{Path, PathBuf};

/// Say what is in a slug, and what is unusual in it
///
/// Process types, sizes, the agent, launch scripts, and paths that a slug should not have. Nothing is unpacked.
#[derive(Debug, Args)]
#[command(after_long_help = "\
EXIT STATUS:
  0 where the slug can be used, whatever is unusual in it; 1 where it is broken or has nothing
  for the platform to unpack, 2 where the arguments are wrong.

EXAMPLE:
  hoop-buildpack slug inspect slug.tgz --against last.tgz")]
pub(super) struct InspectArgs {
    /// The slug
    slug: PathBuf,
    /// Another slug, to say what came, went, and grew since
    #[arg(long, value_name = "OTHER")]
    against: Option<PathBuf>,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &InspectArgs) -> i32 {
    match inspected(&args.slug, args.against.as_deref(), args.json) {
        Ok(report) => print(&report),
        Err(fault) => complain(&format!(
            "hoop-buildpack slug inspect: {fault} [{}]",
            fault.failure().id()
        )),
    }
}

fn inspected(slug: &Path, against: Option<&Path>, is_json: bool) -> Result<String, InspectFault> {
    let slug = Slug::open(slug)?;
    let before = against.map(Slug::open).transpose()?;
    let report = Report::of(&slug, before.as_ref());
    Ok(if is_json { report.json() } else { report.text() })
}
