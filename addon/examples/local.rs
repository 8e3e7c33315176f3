//! The provider on this machine, with SQLite and a stand-in for the gateway.
//!
//! It makes a resource as Heroku does, and prints the link to its page. Enter connects the resource's agent.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hoop_addon::cli::serve;
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};

#[path = "../tests/support/gateway.rs"]
#[allow(clippy::unwrap_used, dead_code, reason = "the tests use the rest")]
mod gateway;

const PASSWORD: &str = "password-on-this-machine";
const SALT: &str = "sso-salt-on-this-machine";

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    rustls::crypto::ring::default_provider().install_default().ok();
    let gateway = gateway::Gateway::start().await;
    let folder = tempfile::tempdir()?;
    let port = std::env::var("PORT").unwrap_or_else(|_| "8080".to_owned());
    let address = format!("http://localhost:{port}");
    let manifest = folder.path().join("addon-manifest.json");
    std::fs::write(&manifest, serde_json::to_string_pretty(&tester_manifest(&address))?)?;
    let variables: BTreeMap<&str, String> = [
        ("HOOP_APIURL", gateway.url()),
        ("HOOP_API_KEY", gateway::API_KEY.to_owned()),
        ("HOOP_ADDON_PASSWORD", PASSWORD.to_owned()),
        ("HOOP_ADDON_SSO_SALT", SALT.to_owned()),
        ("HOOP_ADDON_SECRET", "a secret for the time of this process".to_owned()),
        (
            "DATABASE_URL",
            format!("sqlite:{}", folder.path().join("hoop-addon.db").display()),
        ),
        ("PORT", port),
    ]
    .into();
    let shown = tokio::spawn(async move {
        match make_resource(&address).await {
            Ok(made) => {
                say(&format!(
                    "The page of a resource, for five minutes:\n  {}",
                    sign_in(&address, &made)
                ));
                say(&format!(
                    "To try it with Heroku's tester:\n  kensa test all -f {}",
                    manifest.display()
                ));
                say("Enter connects the resource's agent. Ctrl-C ends all of it.");
                let key = made["config"]["HOOP_KEY"].as_str().unwrap_or_default().to_owned();
                std::thread::spawn(move || connect_at_enter(&gateway, &key));
            }
            Err(error) => say(&format!("There is no resource: {error:#}")),
        }
    });
    let ended = serve::run(&|name| variables.get(name).cloned(), None).await;
    shown.abort();
    ended
}

async fn make_resource(address: &str) -> anyhow::Result<Value> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    for _ in 0..100 {
        if client
            .get(format!("{address}/healthz"))
            .send()
            .await
            .is_ok_and(|answer| answer.status().is_success())
        {
            let body = json!({
                "uuid": uuid::Uuid::new_v4(), "name": "hoop-angular-12345", "plan": "console",
                "region": "amazon-web-services::us-east-1", "options": {},
            });
            let request = client
                .post(format!("{address}/heroku/resources"))
                .basic_auth("hoop", Some(PASSWORD));
            let request = request
                .header("accept", "application/vnd.heroku-addons+json; version=3")
                .json(&body);
            return Ok(request.send().await?.error_for_status()?.json().await?);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("the provider does not answer at {address}")
}

/// The link of a sign-in, with the token that only Heroku can make.
fn sign_in(address: &str, made: &Value) -> String {
    let id = made["id"].as_str().unwrap_or_default();
    let time = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let token = Sha1::digest(format!("{id}:{SALT}:{time}"));
    let token = token.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    format!("{address}/heroku/resources/{id}?token={token}&timestamp={time}&app=orders")
}

/// What Heroku's tester reads about an add-on.
fn tester_manifest(address: &str) -> Value {
    let at = |address: &str| {
        let (base_url, sso_url) = (format!("{address}/heroku/resources"), format!("{address}/heroku/sso"));
        json!({ "base_url": base_url, "sso_url": sso_url })
    };
    json!({ "id": "hoop", "api": {
        "config_vars_prefix": "HOOP", "config_vars": ["HOOP_KEY", "HOOP_CONNECTION"], "regions": ["us"],
        "password": PASSWORD, "sso_salt": SALT, "requires": [],
        "production": at("https://hoop-addon.example.com"), "test": at(address),
    } })
}

fn connect_at_enter(gateway: &gateway::Gateway, key: &str) {
    while std::io::stdin()
        .read_line(&mut String::new())
        .is_ok_and(|read| read > 0)
    {
        say(if gateway.connect(key) {
            "The agent is connected."
        } else {
            "The agent's key was rotated."
        });
    }
}

#[expect(clippy::print_stdout, reason = "it is what this program is for")]
fn say(text: &str) {
    println!("\n{text}");
}
