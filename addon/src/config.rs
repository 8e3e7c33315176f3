//! The configuration: environment variables, which on Heroku are config vars, and a file with the plans.
//!
//! Secrets are taken from the environment only, since everyone on a machine can read an argument.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::Path;

use secrecy::{ExposeSecret as _, SecretString};
use thiserror::Error;
use url::Url;

use crate::gateway::Gateway;
use crate::heroku::Heroku;
use crate::plan::{PlanTableError, Plans};
use crate::seal::{SHORTEST_SECRET, Sealer};
use crate::store::Store;
use crate::work::Provider;

/// The shortest password and salt, in bytes. Heroku's own have 32.
const SHORTEST_PASSWORD: usize = 16;

/// What every command that works with resources is told.
pub struct Settings {
    plans: Plans,
    database_url: SecretString,
    gateway: Url,
    gateway_key: SecretString,
    secret: SecretString,
    previous_secret: Option<SecretString>,
    client_secret: Option<SecretString>,
    heroku_api: Url,
    heroku_id: Url,
}

/// What `serve` is told besides.
pub struct ServerSettings {
    pub address: SocketAddr,
    /// The id of the add-on, and the user name of Heroku.
    pub slug: String,
    pub password: SecretString,
    pub sso_salt: SecretString,
    pub metrics_token: Option<SecretString>,
    /// Signs the session cookies.
    pub secret: SecretString,
    /// Whether Heroku's router stands before the program and says in `X-Forwarded-For` who asks.
    pub behind_router: bool,
}

/// Everything that is wrong with the configuration, a line for each.
#[derive(Debug, Error)]
#[error("{}", .0.join("\n"))]
pub struct ConfigError(Vec<String>);

/// Reads variables, and collects what is wrong with them.
struct Reader<'a> {
    environment: &'a dyn Fn(&str) -> Option<String>,
    wrong: Vec<String>,
}

impl Settings {
    /// `environment` returns the value of a variable. `file` is the file with the plans.
    pub fn read(environment: &dyn Fn(&str) -> Option<String>, file: Option<&Path>) -> Result<Self, ConfigError> {
        let mut reader = Reader {
            environment,
            wrong: Vec::new(),
        };
        let plans = reader.plans(file);
        let settings = Self {
            plans,
            database_url: reader
                .optional("DATABASE_URL")
                .unwrap_or_else(|| "sqlite:hoop-addon.db".into()),
            gateway: reader.url("HOOP_APIURL", None),
            gateway_key: reader.secret("HOOP_API_KEY", 1, "a key to the gateway's API with the group admin"),
            secret: reader.secret(
                "HOOP_ADDON_SECRET",
                SHORTEST_SECRET,
                "what keys in the database are sealed with",
            ),
            previous_secret: reader.optional("HOOP_ADDON_SECRET_PREVIOUS"),
            client_secret: reader.optional("HOOP_ADDON_CLIENT_SECRET"),
            heroku_api: reader.url("HEROKU_API_URL", Some("https://api.heroku.com")),
            heroku_id: reader.url("HEROKU_ID_URL", Some("https://id.heroku.com")),
        };
        reader.done(settings)
    }

    pub async fn open(self) -> anyhow::Result<Provider> {
        let http = http_client()?;
        let sealer = Sealer::new(&self.secret, self.previous_secret.as_ref());
        let store = Store::open(&self.database_url, sealer).await?;
        let gateway = Gateway::new(http.clone(), self.gateway, self.gateway_key);
        let heroku = self
            .client_secret
            .map(|secret| Heroku::new(http, self.heroku_api, self.heroku_id, secret));
        Ok(Provider {
            plans: self.plans,
            store,
            gateway,
            heroku,
        })
    }
}

impl Settings {
    /// The gateway alone, for who asks only that.
    pub fn gateway(&self) -> reqwest::Result<Gateway> {
        Ok(Gateway::new(
            http_client()?,
            self.gateway.clone(),
            self.gateway_key.clone(),
        ))
    }

    pub const fn has_client_secret(&self) -> bool {
        self.client_secret.is_some()
    }
}

impl ConfigError {
    /// What is wrong in either, each once.
    pub fn both(one: Option<Self>, other: Option<Self>) -> Self {
        let mut lines: Vec<String> = [one, other].into_iter().flatten().flat_map(|error| error.0).collect();
        let mut seen = std::collections::HashSet::new();
        lines.retain(|line| seen.insert(line.clone()));
        Self(lines)
    }

    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl ServerSettings {
    pub fn read(environment: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader {
            environment,
            wrong: Vec::new(),
        };
        let port = match environment("PORT").as_deref().map(str::parse) {
            None => 8080,
            Some(Ok(port)) => port,
            Some(Err(_)) => {
                reader.wrong.push("PORT is not a number from 0 to 65535".to_owned());
                0
            }
        };
        let settings = Self {
            address: (IpAddr::from(Ipv6Addr::UNSPECIFIED), port).into(),
            slug: environment("HOOP_ADDON_SLUG")
                .filter(|slug| !slug.is_empty())
                .unwrap_or_else(|| "hoop".to_owned()),
            password: reader.secret(
                "HOOP_ADDON_PASSWORD",
                SHORTEST_PASSWORD,
                "api.password in the add-on manifest",
            ),
            sso_salt: reader.secret(
                "HOOP_ADDON_SSO_SALT",
                SHORTEST_PASSWORD,
                "api.sso_salt in the add-on manifest",
            ),
            metrics_token: reader.optional("HOOP_ADDON_METRICS_TOKEN"),
            secret: reader.secret(
                "HOOP_ADDON_SECRET",
                SHORTEST_SECRET,
                "what keys in the database are sealed with",
            ),
            behind_router: environment("DYNO").is_some(),
        };
        reader.done(settings)
    }
}

impl Reader<'_> {
    fn optional(&self, name: &str) -> Option<SecretString> {
        (self.environment)(name)
            .filter(|value| !value.is_empty())
            .map(Into::into)
    }

    fn secret(&mut self, name: &str, shortest: usize, what: &str) -> SecretString {
        let Some(value) = self.optional(name) else {
            self.wrong.push(format!("{name} is not set: {what}"));
            return SecretString::default();
        };
        if value.expose_secret().len() < shortest {
            self.wrong
                .push(format!("{name} is shorter than {shortest} characters: {what}"));
        }
        value
    }

    /// An address with a path that ends in a slash, so that paths can be joined to it.
    fn url(&mut self, name: &str, default: Option<&str>) -> Url {
        let read = |text: &str| {
            Url::parse(text)
                .ok()
                .filter(|url| matches!(url.scheme(), "http" | "https"))
        };
        let nowhere = || Url::parse("http://localhost/").expect("it is a URL");
        let given = (self.environment)(name).filter(|value| !value.is_empty());
        let Some(text) = given.as_deref().or(default) else {
            self.wrong.push(format!(
                "{name} is not set: an address such as https://hoop.example.com"
            ));
            return nowhere();
        };
        let Some(mut url) = read(text) else {
            self.wrong.push(format!("{name} is not an address of http: or https:"));
            return nowhere();
        };
        if !url.username().is_empty() || url.password().is_some() {
            self.wrong
                .push(format!("{name} contains a user name or a password, which are not used"));
        }
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        url
    }

    fn plans(&mut self, file: Option<&Path>) -> Plans {
        let Some(file) = file else { return Plans::built_in() };
        let mut unusable = |reason: &dyn std::fmt::Display| {
            self.wrong
                .push(format!("The plans in {} cannot be used: {reason}", file.display()));
            Plans::built_in()
        };
        match std::fs::read_to_string(file) {
            Err(error) => unusable(&error),
            Ok(text) => Plans::parse(&text).unwrap_or_else(|error: PlanTableError| unusable(&error)),
        }
    }

    fn done<T>(self, settings: T) -> Result<T, ConfigError> {
        if self.wrong.is_empty() {
            Ok(settings)
        } else {
            Err(ConfigError(self.wrong))
        }
    }
}

fn http_client() -> reqwest::Result<reqwest::Client> {
    let agent = concat!("hoop-addon/", env!("CARGO_PKG_VERSION"));
    // An answer that leads elsewhere would take the keys with it.
    let client = reqwest::Client::builder()
        .user_agent(agent)
        .redirect(reqwest::redirect::Policy::none());
    client.connect_timeout(std::time::Duration::from_secs(2)).build()
}
