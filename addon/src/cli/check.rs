//! `hoop-addon check`

use std::process::ExitCode;

use reqwest::StatusCode;
use secrecy::ExposeSecret as _;
use url::Url;

use super::{environment, print};
use crate::config::{ConfigError, ServerSettings, Settings};
use crate::gateway::{Gateway, GatewayError, Made};
use crate::plan::AgentMode;

pub(super) async fn run(settings: Result<Settings, ConfigError>) -> anyhow::Result<ExitCode> {
    let mut failed = 0;
    let mut said = |is_good: bool, text: &str| {
        failed += usize::from(!is_good);
        print(&format!("{} {text}", if is_good { "ok     " } else { "missing" }));
    };
    match ServerSettings::read(&environment) {
        Ok(_) => said(true, "The settings of serve are complete."),
        Err(error) => error.lines().for_each(|line| said(false, line)),
    }
    let settings = match settings {
        Ok(settings) => settings,
        Err(error) => {
            error.lines().for_each(|line| said(false, line));
            return Ok(ExitCode::FAILURE);
        }
    };
    let gateway = settings.gateway()?;
    let has_client_secret = settings.has_client_secret();
    match settings.open().await {
        Err(error) => said(false, &format!("{error:#}.")),
        Ok(provider) => {
            said(true, "The database answers, and its tables are up to date.");
            match provider.store.check_seals().await {
                Ok(()) => said(true, "HOOP_ADDON_SECRET opens what is in the database."),
                Err(error) => said(false, &format!("{error}.")),
            }
        }
    }
    match try_gateway(&gateway).await {
        Ok(address) => said(
            true,
            &format!("The key to the gateway may make and delete agents. They connect to {address}."),
        ),
        Err(reason) => said(false, &reason),
    }
    if has_client_secret {
        said(true, "HOOP_ADDON_CLIENT_SECRET is set.");
    } else {
        print("note    HOOP_ADDON_CLIENT_SECRET is not set, so a rotated key is shown on the page and not pushed.");
    }
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Makes an agent and deletes it. Returns the address in its key.
async fn try_gateway(gateway: &Gateway) -> Result<String, String> {
    let name = format!("hoop-addon-check-{}", uuid::Uuid::new_v4().simple());
    let made = gateway.create_agent(&name, AgentMode::Standard).await;
    let deleted = gateway.delete_agent(&name).await;
    let address = gateway.address();
    let key = match made {
        Ok(Made::New(key)) => key,
        Ok(Made::Exists) => return Err(format!("{address} says that the agent {name} exists, which cannot be.")),
        Err(error) => return Err(explain(&error, address)),
    };
    deleted.map_err(|error| format!("The agent {name} is left at the gateway: {error}."))?;
    let url = Url::parse(key.expose_secret()).map_err(|_| "The gateway's agent key is not a URL.".to_owned())?;
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let is_here = matches!(host, "localhost" | "127.0.0.1" | "[::1]" | "0.0.0.0");
    if is_here && !matches!(address.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")) {
        return Err(format!(
            "The gateway's agent keys name {host}{port}, which no dyno reaches. Set GRPC_URL of the gateway to its \
             public address."
        ));
    }
    Ok(format!("{}://{host}{port}", url.scheme()))
}

fn explain(error: &GatewayError, address: &Url) -> String {
    match error.status() {
        Some(StatusCode::UNAUTHORIZED) => {
            format!("{address} does not accept HOOP_API_KEY. Make one with POST /api/api-keys and the group admin.")
        }
        Some(StatusCode::FORBIDDEN) => {
            "HOOP_API_KEY may not make agents: it lacks the group admin. Make one with POST /api/api-keys.".to_owned()
        }
        Some(StatusCode::NOT_FOUND) => {
            format!("{address} has no /api/agents, so HOOP_APIURL is not the address of a hoop gateway.")
        }
        _ => format!("{address}: {error}."),
    }
}
