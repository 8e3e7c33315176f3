//! What the tests share: the provider as a process, and both sides that it talks to.

#![allow(dead_code, reason = "each test crate uses a part")]

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use uuid::Uuid;

use gateway::Gateway;
use heroku::Heroku;

pub(crate) mod gateway;
pub(crate) mod heroku;
pub(crate) mod postgres;

pub(crate) const SLUG: &str = "hoop";
pub(crate) const PASSWORD: &str = "the-password-of-the-add-on";
pub(crate) const SALT: &str = "the-sso-salt-of-the-add-on";
pub(crate) const SECRET: &str = "the secret that keys are sealed with";
pub(crate) const METRICS_TOKEN: &str = "the-token-for-the-figures";

pub(crate) const V1: &str = "application/json";
pub(crate) const V3: &str = "application/vnd.heroku-addons+json; version=3";

/// Everything around one provider.
pub(crate) struct World {
    pub(crate) gateway: Gateway,
    pub(crate) heroku: Heroku,
    pub(crate) folder: TempDir,
    pub(crate) database_url: String,
    pub(crate) environment: Vec<(&'static str, String)>,
}

/// A running provider.
pub(crate) struct Server {
    pub(crate) address: String,
    pub(crate) client: Client,
    log: Arc<Mutex<Vec<String>>>,
    child: Child,
}

impl World {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database_url = format!("sqlite:{}", folder.path().join("hoop-addon.db").display());
        Self::with_database(folder, database_url).await
    }

    pub(crate) async fn with_database(folder: TempDir, database_url: String) -> Self {
        rustls::crypto::ring::default_provider().install_default().ok(); // another test may have
        let (gateway, heroku) = (Gateway::start().await, Heroku::start().await);
        Self {
            gateway,
            heroku,
            folder,
            database_url,
            environment: Vec::new(),
        }
    }

    /// Sets one more variable for the provider. The last value counts.
    pub(crate) fn set(&mut self, name: &'static str, value: &str) {
        self.environment.push((name, value.to_owned()));
    }

    pub(crate) fn plans(&mut self, text: &str) {
        let file = self.folder.path().join("plans.toml");
        fs_err::write(&file, text).unwrap();
        self.set("HOOP_ADDON_CONFIG", file.to_str().unwrap());
    }

    /// The program with the variables that it needs, and no others.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command
            .args(arguments)
            .env_clear()
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .current_dir(self.folder.path());
        let variables = [
            ("HOOP_APIURL", self.gateway.url()),
            ("HOOP_API_KEY", gateway::API_KEY.to_owned()),
            ("HOOP_ADDON_PASSWORD", PASSWORD.to_owned()),
            ("HOOP_ADDON_SSO_SALT", SALT.to_owned()),
            ("HOOP_ADDON_SECRET", SECRET.to_owned()),
            ("HOOP_ADDON_METRICS_TOKEN", METRICS_TOKEN.to_owned()),
            ("HOOP_ADDON_CLIENT_SECRET", heroku::CLIENT_SECRET.to_owned()),
            ("HEROKU_API_URL", self.heroku.url()),
            ("HEROKU_ID_URL", self.heroku.url()),
            ("DATABASE_URL", self.database_url.clone()),
            ("PORT", "0".to_owned()),
        ];
        command
            .envs(variables)
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command to its end. Returns its exit status, stdout and stderr.
    pub(crate) async fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = self.command(arguments).output().await.unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (
            output.status.code().unwrap_or(-1),
            text(&output.stdout),
            text(&output.stderr),
        )
    }

    pub(crate) async fn serve(&self) -> Server {
        let mut command = self.command(&["serve"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log: Arc<Mutex<Vec<String>>> = Arc::default();
        let (said, address) = tokio::sync::oneshot::channel();
        collect(child.stdout.take().unwrap(), Arc::clone(&log), Some(said));
        collect(child.stderr.take().unwrap(), Arc::clone(&log), None);
        let Ok(address) = address.await else {
            child.wait().await.unwrap();
            panic!("the provider does not start:\n{}", log.lock().unwrap().join("\n"));
        };
        let port = address.rsplit(':').next().unwrap();
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        Server {
            address: format!("http://127.0.0.1:{port}"),
            client,
            log,
            child,
        }
    }
}

/// Keeps the lines of a stream, and tells the address that the provider serves at.
fn collect(
    stream: impl AsyncRead + Unpin + Send + 'static,
    log: Arc<Mutex<Vec<String>>>,
    mut said: Option<tokio::sync::oneshot::Sender<String>>,
) {
    tokio::spawn(async move {
        let mut lines = BufReader::new(stream).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let address = serde_json::from_str::<Value>(&line)
                .ok()
                .and_then(|line| Some(line["address"].as_str()?.to_owned()));
            log.lock().unwrap().push(line);
            if let Some(address) = address
                && let Some(said) = said.take()
            {
                said.send(address).ok();
            }
        }
    });
}

impl Server {
    /// A request of Heroku with the right password.
    pub(crate) async fn call(&self, method: Method, path: &str, accept: &str, body: Option<&Value>) -> Response {
        let request = self
            .client
            .request(method, format!("{}{path}", self.address))
            .header("accept", accept);
        let request = request.basic_auth(SLUG, Some(PASSWORD));
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        request.send().await.unwrap()
    }

    /// Makes a resource in the current dialect.
    pub(crate) async fn provision(&self, uuid: Uuid, changes: &Value) -> (StatusCode, Value) {
        let mut body = v3_body(uuid);
        for (name, value) in changes.as_object().unwrap() {
            body[name] = value.clone();
        }
        answer(self.call(Method::POST, "/heroku/resources", V3, Some(&body)).await).await
    }

    pub(crate) async fn change_plan(&self, uuid: Uuid, plan: &str) -> (StatusCode, Value) {
        let path = format!("/heroku/resources/{uuid}");
        answer(self.call(Method::PUT, &path, V3, Some(&json!({ "plan": plan }))).await).await
    }

    pub(crate) async fn deprovision(&self, uuid: Uuid) -> (StatusCode, Value) {
        answer(
            self.call(Method::DELETE, &format!("/heroku/resources/{uuid}"), V3, None)
                .await,
        )
        .await
    }

    /// What it has written so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    /// Ends it as the machine's end would.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Sends SIGTERM and returns the exit status.
    pub(crate) async fn stop(&mut self) -> i32 {
        let pid = self.pid().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .await
                .unwrap()
                .success()
        );
        self.child.wait().await.unwrap().code().unwrap_or(-1)
    }

    /// Stops it and waits until it is gone.
    pub(crate) async fn stop_and_wait(mut self) {
        assert_eq!(self.stop().await, 0);
    }

    pub(crate) async fn ended(&mut self) -> i32 {
        self.child.wait().await.unwrap().code().unwrap_or(-1)
    }
}

/// The body that Heroku's sample is sent, for a plan that makes an agent only.
pub(crate) fn v3_body(uuid: Uuid) -> Value {
    json!({
        "uuid": uuid,
        "name": "hoop-angular-12345",
        "plan": "basic",
        "region": "amazon-web-services::us-east-1",
        "callback_url": format!("https://api.heroku.com/addons/{uuid}"),
        "oauth_grant": null,
        "options": {},
    })
}

pub(crate) async fn answer(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

pub(crate) fn agent_name(uuid: Uuid) -> String {
    format!("heroku-{uuid}")
}

/// Waits until something is so, which is soon.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_mins(1), "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) fn program() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_hoop-addon")).to_owned()
}
