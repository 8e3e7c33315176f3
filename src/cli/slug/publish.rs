//! `slug publish`.

use crate::cli::exit::{FAILED, USAGE, complain};
use crate::os::environment::Environment;
use crate::slug::publish::{self, Given, Request};
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;
use url::{Host, Url};

/// Upload a slug, and release it to apps
///
/// It is uploaded once, and released to each app in turn. Where an app has a release phase, its output is shown, and
/// its end is waited for.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Process types, stack, commit, and description are those of --build, which slug build --json has
written. Without it, the process types are those of the Procfile in the slug.

KEY:
  HEROKU_API_KEY, or the password of the API's host in ~/.netrc. It is never shown.

EXIT STATUS:
  0 only if every app was released, and every release phase succeeded; 1 if not, 2 where the
  arguments are wrong.

ENVIRONMENT:
  HTTPS_PROXY, NO_PROXY, and SSL_CERT_FILE are obeyed.

EXAMPLE:
  hoop-buildpack slug publish slug.tgz --build slug.json --app my-staging,my-app \\
    --stop-on-failure")]
pub(super) struct PublishArgs {
    /// The slug
    slug: PathBuf,
    /// The apps, in the order in which they are released
    #[arg(long, value_name = "NAME", required = true, value_delimiter = ',', value_parser = app)]
    app: Vec<String>,
    /// What slug build --json has written
    #[arg(long, value_name = "FILE")]
    build: Option<PathBuf>,
    /// The stack that the slug was built for
    #[arg(long)]
    stack: Option<String>,
    /// The commit that the slug was built from
    #[arg(long)]
    commit: Option<String>,
    /// What the app is, such as Python, for people who look at it
    #[arg(long)]
    description: Option<String>,
    /// Release to no further app once one has failed
    #[arg(long)]
    stop_on_failure: bool,
    /// Only check what can be checked, and send nothing
    #[arg(long)]
    dry_run: bool,
    /// Only upload; the platform destroys a slug of no release
    #[arg(long)]
    no_release: bool,
    /// How long a release phase may take
    #[arg(long, value_name = "SECONDS", default_value_t = 1_800)]
    timeout: u64,
    /// The platform's API
    #[arg(long, value_name = "URL", default_value = "https://api.heroku.com", value_parser = api)]
    api_url: Url,
}

pub(super) fn run(args: PublishArgs, environment: &Environment) -> i32 {
    for (place, name) in args.app.iter().enumerate() {
        // It would be released twice.
        if args.app[..place].contains(name) {
            complain(&format!("hoop-buildpack slug publish: {name} is named twice"));
            return USAGE;
        }
    }
    let request = Request {
        slug: args.slug,
        apps: args.app,
        given: Given {
            build: args.build,
            stack: args.stack,
            commit: args.commit,
            description: args.description,
        },
        api: args.api_url,
        timeout: Duration::from_secs(args.timeout),
        stops_on_failure: args.stop_on_failure,
        is_dry_run: args.dry_run,
        is_without_release: args.no_release,
    };
    match publish::run(&request, environment) {
        Ok(()) => 0,
        Err(error) => {
            complain(&format!("hoop-buildpack slug publish: {error}"));
            FAILED
        }
    }
}

/// Reads the name or the id of an app.
fn app(text: &str) -> Result<String, String> {
    let is_name = !text.is_empty()
        && text.len() <= 36
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if is_name {
        return Ok(text.to_owned());
    }
    Err("it is no name of an app, such as my-app".to_owned())
}

/// Reads the base of the API, to which the key is sent.
fn api(text: &str) -> Result<Url, String> {
    let url: Url = text
        .parse()
        .map_err(|_| "it is no URL, such as https://api.heroku.com".to_owned())?;
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_here => Ok(url),
        _ => Err("the key is only sent over https".to_owned()),
    }
}
