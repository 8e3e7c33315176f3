//! The command line: a file in `cli/` for each command.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use uuid::Uuid;

use crate::config::Settings;
use crate::resource::ResourceId;
use crate::work::Provider;

mod check;
mod manifest;
mod reconcile;
mod rotate;
pub mod serve;

/// The provider of the Heroku add-on for hoop
///
/// It is configured by environment variables. Those without a default must be set.
#[derive(Parser)]
#[command(version, arg_required_else_help = true, after_help = VARIABLES)]
struct Cli {
    /// A file with the plans. Without it there are the plans basic, console, foo and test
    #[arg(long, global = true, env = "HOOP_ADDON_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

const VARIABLES: &str = "\
Environment variables:
  HOOP_APIURL                The address of the gateway's API, such as https://hoop.example.com
  HOOP_API_KEY               A key to that API, with the group admin
  HOOP_ADDON_PASSWORD        api.password of the add-on manifest (serve)
  HOOP_ADDON_SSO_SALT        api.sso_salt of the add-on manifest (serve)
  HOOP_ADDON_SECRET          What keys in the database are sealed with, 32 characters or more
  HOOP_ADDON_SECRET_PREVIOUS The former one, while serve seals anew
  HOOP_ADDON_CLIENT_SECRET   The add-on's OAuth client secret. Without it, no new key is pushed to an app
  HOOP_ADDON_SLUG            The id of the add-on [default: hoop]
  HOOP_ADDON_METRICS_TOKEN   The token for /metrics. Without it, there is no /metrics
  DATABASE_URL               postgres://... or sqlite:PATH [default: sqlite:hoop-addon.db]
  PORT                       The port of serve [default: 8080]
  RUST_LOG                   What is logged [default: info]";

#[derive(Subcommand)]
enum Command {
    /// Serve Heroku's requests and the page, until SIGTERM
    Serve,
    /// Print an add-on manifest with a new password and a new salt
    Manifest(manifest::Arguments),
    /// Try the configuration, the database and the gateway, and say what is missing
    Check,
    /// List agents without a resource and resources without an agent
    Reconcile {
        /// Delete such agents, and make the agents that are missing
        #[arg(long)]
        fix: bool,
    },
    /// Give a resource another agent key
    Rotate {
        /// The uuid that Heroku gave the resource
        uuid: Uuid,
    },
}

/// Runs what the command line asks for.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let done = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start threads");
    let done = done.and_then(|runtime| runtime.block_on(run_command(cli)));
    match done {
        Ok(code) => code,
        Err(error) => {
            tell(&format!("hoop-addon: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn run_command(cli: Cli) -> anyhow::Result<ExitCode> {
    let settings = || Settings::read(&environment, cli.config.as_deref());
    let open = async || -> anyhow::Result<Provider> { settings()?.open().await };
    match cli.command {
        Command::Serve => serve::run(&environment, cli.config.as_deref()).await,
        Command::Manifest(arguments) => manifest::run(&arguments),
        Command::Check => check::run(settings()).await,
        Command::Reconcile { fix } => reconcile::run(&open().await?, fix).await,
        Command::Rotate { uuid } => rotate::run(&open().await?, ResourceId::new(uuid)).await,
    }
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[expect(clippy::print_stdout, reason = "the one place that prints what was asked for")]
fn print(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "the one place that prints what somebody should know")]
fn tell(text: &str) {
    eprintln!("{text}");
}
