//! Chromium, as its driver's client sees it.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use axum::http::Method;
use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use fantoccini::error::CmdError;
use fantoccini::key::Key;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::Mutex;
use url::{ParseError, Url};

/// How long something in the browser may take. It is soon, but machines can be slow.
const LIMIT: Duration = Duration::from_mins(1);

/// One browser at a time: two of them would share the processors of a small machine, and be slower together.
static TURN: Mutex<()> = Mutex::const_new(());

/// A window with a profile of its own. A clone is the same one.
#[derive(Clone)]
pub(crate) struct Browser {
    client: Client,
}

/// A command that the standard does not have.
#[derive(Debug)]
struct Extra {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Extra {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}

/// Does a test in a new browser, which ends with it however it ends. Nothing may have gone wrong in its console.
pub(crate) async fn in_browser<F: Future<Output = ()> + 'static>(test: impl FnOnce(Browser) -> F + 'static) {
    let (Some(chromium), Some(driver)) = (found(&["chromium", "google-chrome"]), found(&["chromedriver"])) else {
        return skipped("there is no chromium on this machine");
    };
    let _turn = TURN.lock().await;
    rustls::crypto::ring::default_provider().install_default().ok(); // another test may have
    let profile = tempfile::tempdir().unwrap();
    let (mut driver, address) = start(driver, &profile).await;
    let options = json!({
        "goog:chromeOptions": { "binary": chromium, "args": arguments(&profile) },
        "goog:loggingPrefs": { "browser": "ALL" },
    });
    let Value::Object(options) = options else {
        unreachable!("it is written as an object")
    };
    let client = ClientBuilder::rustls()
        .unwrap()
        .capabilities(options)
        .connect(&address)
        .await
        .unwrap();
    let browser = Browser { client: client.clone() };
    let task = {
        let browser = browser.clone();
        async move {
            test(browser.clone()).await;
            assert_eq!(browser.console().await, Vec::<String>::new());
        }
    };
    // In a task of its own, so that the browser is closed when it panics.
    let ended = tokio::task::LocalSet::new()
        .run_until(async { tokio::task::spawn_local(task).await })
        .await;
    client.close().await.ok();
    driver.kill().await.unwrap();
    if let Err(error) = ended {
        std::panic::resume_unwind(error.into_panic());
    }
}

fn arguments(profile: &TempDir) -> Vec<String> {
    [
        "--headless=new",
        "--no-sandbox", // a container's root has no other way, and all pages are ours
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--no-proxy-server",
        // What a page or Chromium itself would like from elsewhere, is not there.
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
        "--lang=en",
    ]
    .into_iter()
    .map(Into::into)
    .chain([format!("--user-data-dir={}", profile.path().display())])
    .collect()
}

/// Starts the driver at a port that is free. Returns it with its address.
async fn start(program: PathBuf, profile: &TempDir) -> (Child, String) {
    let mut child = Command::new(program)
        .arg("--port=0")
        .env("HOME", profile.path())
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("XDG_CACHE_HOME")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        if let Some((_, port)) = line.split_once("started successfully on port ") {
            let port: u16 = port.trim_end_matches('.').parse().unwrap();
            // Goes on reading, so that the driver can go on writing.
            tokio::spawn(async move { while lines.next_line().await.is_ok_and(|line| line.is_some()) {} });
            return (child, format!("http://127.0.0.1:{port}"));
        }
    }
    panic!("the driver does not start");
}

fn found(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<_> = std::env::split_paths(&path).collect();
    names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|file| file.is_file())
}

#[expect(clippy::print_stdout, reason = "a test that did nothing must not look as if it had")]
pub(crate) fn skipped(why: &str) {
    println!("skipped: {why}");
}

impl Browser {
    pub(crate) async fn open(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    pub(crate) async fn click(&self, css: &str) {
        self.client
            .find(Locator::Css(css))
            .await
            .unwrap()
            .click()
            .await
            .unwrap();
    }

    /// Presses a key and lets it go.
    pub(crate) async fn press(&self, key: Key) {
        let value = char::from(key);
        let keys = KeyActions::new("keyboard".to_owned())
            .then(KeyAction::Down { value })
            .then(KeyAction::Up { value });
        self.client.perform_actions(keys).await.unwrap();
    }

    /// The value of an expression in the page.
    pub(crate) async fn value(&self, expression: &str) -> Value {
        self.try_value(expression).await.unwrap()
    }

    async fn try_value(&self, expression: &str) -> Result<Value, CmdError> {
        self.client.execute(&format!("return {expression};"), Vec::new()).await
    }

    /// Runs statements in the page, and waits for what they hand to `done`.
    pub(crate) async fn run(&self, script: &str, argument: Value) -> Value {
        let script = format!("const [argument, done] = arguments; {script}");
        self.client.execute_async(&script, vec![argument]).await.unwrap()
    }

    /// Runs statements as if they stood in a script of the page.
    pub(crate) async fn load(&self, script: &str) {
        self.client.execute(script, Vec::new()).await.unwrap();
    }

    /// Waits until an expression is true in the page.
    pub(crate) async fn until(&self, expression: &str) {
        let start = Instant::now();
        // In between two pages, there is none to ask.
        while !self.try_value(expression).await.is_ok_and(|value| value == true) {
            assert!(start.elapsed() < LIMIT, "never: {expression}\n{}", self.text().await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The text of the page as it is seen.
    pub(crate) async fn text(&self) -> String {
        let text = self.value("document.body.innerText").await;
        text.as_str().unwrap_or_default().to_owned()
    }

    /// What was written to the console since it was asked for the last time, by the page and by Chromium.
    pub(crate) async fn console(&self) -> Vec<String> {
        let log = self.extra("se/log", json!({ "type": "browser" })).await;
        let lines = log.as_array().unwrap().iter();
        lines
            .map(|line| format!("{}: {}", line["level"], line["message"]))
            .collect()
    }

    /// Ends all scripts of the pages that are loaded from now on. Those of the tests run all the same.
    pub(crate) async fn without_scripts(&self) {
        self.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": true }))
            .await;
    }

    /// Prefers "light" or "dark".
    pub(crate) async fn prefer(&self, scheme: &str) {
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", features).await;
        assert_eq!(
            self.value(&format!("matchMedia('(prefers-color-scheme: {scheme})').matches"))
                .await,
            true
        );
    }

    pub(crate) async fn resize(&self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
        self.until(&format!("innerWidth === {width}")).await;
    }

    /// The part of the page that is seen, as a PNG.
    pub(crate) async fn picture(&self) -> Vec<u8> {
        self.client.screenshot().await.unwrap()
    }

    async fn devtools(&self, command: &str, parameters: Value) {
        self.extra("goog/cdp/execute", json!({ "cmd": command, "params": parameters }))
            .await;
    }

    async fn extra(&self, path: &'static str, body: Value) -> Value {
        self.client.issue_cmd(Extra { path, body }).await.unwrap()
    }
}
