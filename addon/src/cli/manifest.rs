//! `hoop-addon manifest`

use std::process::ExitCode;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use clap::Args;
use serde_json::{Value, json};
use url::Url;

use super::{print, tell};

#[derive(Args)]
pub(super) struct Arguments {
    /// The id of the add-on
    #[arg(long, default_value = "hoop", value_parser = slug)]
    slug: String,
    /// Where the provider is, such as <https://hoop-addon.example.com>
    #[arg(long, value_name = "URL", value_parser = base)]
    url: Url,
    /// The form of kensa, Heroku's tester. Its requests go to --url, too
    #[arg(long)]
    kensa: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let (password, salt) = (random(), random());
    print(&serde_json::to_string_pretty(&manifest(arguments, &password, &salt))?);
    tell("Set HOOP_ADDON_PASSWORD to api.password and HOOP_ADDON_SSO_SALT to api.sso_salt where the provider runs.");
    if arguments.slug != "hoop" {
        tell(&format!("Set HOOP_ADDON_SLUG to {} there.", arguments.slug));
    }
    Ok(ExitCode::SUCCESS)
}

fn manifest(Arguments { slug, url, kensa }: &Arguments, password: &str, salt: &str) -> Value {
    let path = |path: &str| url.join(path).expect("a path is joined to any address").to_string();
    let at = json!({ "base_url": path("heroku/resources"), "sso_url": path("heroku/sso") });
    let mut api = json!({
        "config_vars_prefix": "HOOP",
        "config_vars": ["HOOP_KEY", "HOOP_CONNECTION"],
        "password": password,
        "sso_salt": salt,
        "regions": ["us", "eu"],
        "requires": [],
        "production": at,
        "test": at,
    });
    if *kensa {
        // The tester wants https there, and sends nothing to it.
        api["production"] = json!({
            "base_url": "https://hoop-addon.example.com/heroku/resources",
            "sso_url": "https://hoop-addon.example.com/heroku/sso",
        });
        return json!({ "id": slug, "api": api });
    }
    api["version"] = json!("3");
    json!({ "id": slug, "name": "hoop", "api": api })
}

/// 32 characters, as Heroku's own generator makes.
fn random() -> String {
    BASE64.encode(rand::random::<[u8; 24]>())
}

fn slug(text: &str) -> Result<String, &'static str> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(is_plain) {
        return Ok(text.to_owned());
    }
    Err("an id has small letters, digits and hyphens, and begins with a letter")
}

fn base(text: &str) -> Result<Url, &'static str> {
    let wrong = "it is not an address of http: or https:";
    let mut url = Url::parse(text).map_err(|_| wrong)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong);
    }
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}
