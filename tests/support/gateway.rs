//! A real gateway, by its REST API: what a person does in its web interface, and what it knows of agents.

use super::dyno::eventually;
use reqwest::Method;
use reqwest::blocking::Client;
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use url::Url;

/// The variable with the gateway's API and a token of an administrator: `http://127.0.0.1:8009#TOKEN`. The token is
/// the fragment, which no client sends anywhere.
pub(crate) const GATEWAY: &str = "HOOP_REAL_GATEWAY";

/// A session waits up to 15 seconds for its agent, and its answer up to 50 for the command.
const LIMIT: Duration = Duration::from_secs(70);

/// How long it is waited before a session is tried again: each try is kept in the gateway.
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// The exit code of a session that the gateway refused. Its own are -2 and up.
const NEVER_BEGAN: i64 = -100;

/// A gateway that a person has set up for these tests. What a test makes in it is gone when the test is.
pub(crate) struct Gateway {
    api: Url,
    token: String,
    client: Client,
    /// The paths of what was made, newest last.
    made: Mutex<Vec<String>>,
}

/// How a session ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Session {
    /// What its command printed, and after it what went wrong, in the gateway's words.
    pub(crate) output: String,
    /// The command's exit code; negative where the gateway never learned it.
    pub(crate) exit_code: i64,
}

/// A name nobody else has, that begins with `what`.
pub(crate) fn unique(what: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{what}-{}-{count}", std::process::id())
}

impl Gateway {
    /// The gateway that the environment names.
    #[track_caller]
    pub(crate) fn of_environment() -> Self {
        let text = std::env::var(GATEWAY).unwrap_or_else(|_| panic!("set {GATEWAY}, see CONTRIBUTING.md"));
        let mut api: Url = text
            .parse()
            .unwrap_or_else(|error| panic!("{GATEWAY} is no URL: {error}"));
        let token = api.fragment().map(str::to_owned);
        api.set_fragment(None);
        let client = Client::builder()
            .tls_backend_preconfigured(tls())
            .timeout(LIMIT)
            .no_proxy()
            .build();
        Self {
            token: token.unwrap_or_else(|| panic!("{GATEWAY} is the API's URL, `#`, and a token")),
            api,
            client: client.expect("a client can be made"),
            made: Mutex::default(),
        }
    }

    /// Makes an agent of `mode` (`standard` or `embedded`), and returns its key.
    #[track_caller]
    pub(crate) fn agent_key(&self, name: &str, mode: &str) -> String {
        let agent = self.makes("agents", name, &json!({ "name": name, "mode": mode }));
        text_of(&agent, "token")
    }

    /// The organization's key, as `hoop admin get orgkeys` prints it.
    #[track_caller]
    pub(crate) fn organization_key(&self) -> String {
        text_of(&self.ask(Method::GET, "orgs/keys", None).1, "key")
    }

    /// Takes an agent away, and with it its key.
    #[track_caller]
    pub(crate) fn revoke(&self, agent: &str) {
        assert_eq!(self.ask(Method::DELETE, &format!("agents/{agent}"), None).0, 204);
    }

    /// Makes a connection that runs `command` on an agent.
    #[track_caller]
    pub(crate) fn connect(&self, name: &str, agent: &str, command: &[&str]) {
        let agent = text_of(&self.ask(Method::GET, &format!("agents/{agent}"), None).1, "id");
        let modes = ["runbooks", "exec", "connect"].map(|mode| (format!("access_mode_{mode}"), json!("enabled")));
        let mut connection = json!({
            "name": name, "type": "custom", "agent_id": agent, "command": command, "access_schema": "disabled",
        });
        connection.as_object_mut().expect("it is one").extend(modes);
        self.makes("connections", name, &connection);
    }

    /// Has a connection that an agent publishes by itself taken away with the rest.
    pub(crate) fn expect_connection(&self, name: &str) {
        self.made
            .lock()
            .expect("no test panics here")
            .push(format!("connections/{name}"));
    }

    /// Waits until a connection is there, and returns what the gateway knows of it.
    #[track_caller]
    pub(crate) fn connection(&self, name: &str) -> Value {
        eventually(&format!("connection {name}"), || {
            let (code, found) = self.ask(Method::GET, &format!("connections/{name}"), None);
            (code == 200).then_some(found)
        })
    }

    /// Waits until an agent (`agents/NAME`) or a connection (`connections/NAME`) has this status.
    #[track_caller]
    pub(crate) fn shows(&self, path: &str, status: &str) {
        eventually(&format!("{path} {status}"), || {
            let (code, found) = self.ask(Method::GET, path, None);
            (code == 200 && found["status"] == status).then_some(())
        });
    }

    /// Runs a session: `input` is the stdin of the connection's command.
    #[track_caller]
    pub(crate) fn session(&self, connection: &str, input: &str) -> Session {
        let request = json!({ "connection": connection, "script": input, "labels": {}, "metadata": {} });
        let (code, answer) = self.ask(Method::POST, "sessions", Some(&request));
        match answer["exit_code"].as_i64() {
            Some(exit_code) if code == 200 => Session {
                output: text_of(&answer, "output"),
                exit_code,
            },
            _ => Session {
                output: answer.to_string(),
                exit_code: NEVER_BEGAN,
            },
        }
    }

    /// Waits until a session ends well, which an agent that has just started or is starting anew may not let it at
    /// once, and asserts what it prints.
    #[track_caller]
    pub(crate) fn serves(&self, connection: &str, input: &str, output: &str) {
        let begin = Instant::now();
        loop {
            let session = self.session(connection, input);
            if session.exit_code == 0 {
                assert_eq!(session.output, output, "{connection}");
                break;
            }
            assert!(begin.elapsed() < LIMIT, "{connection}: {session:?}");
            thread::sleep(ASK_AGAIN);
        }
    }

    /// Whether no session can be had, be it that nobody has published the connection.
    #[track_caller]
    pub(crate) fn session_fails(&self, connection: &str) -> bool {
        self.session(connection, "").exit_code < 0
    }

    /// Whether agents reach it by TLS, as its keys say.
    #[track_caller]
    pub(crate) fn does_tls(&self) -> bool {
        let key = self.organization_key();
        ["grpcs:", "https:", "wss:"]
            .iter()
            .any(|scheme| key.starts_with(scheme))
    }

    #[track_caller]
    fn makes(&self, kind: &str, name: &str, what: &Value) -> Value {
        let (code, made) = self.ask(Method::POST, kind, Some(what));
        assert_eq!(code, 201, "{kind} {name}: {made}");
        self.made
            .lock()
            .expect("no test panics here")
            .push(format!("{kind}/{name}"));
        made
    }

    /// The status and the body, which is null where there is none.
    #[track_caller]
    fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> (u16, Value) {
        let url = format!("{}/api/{path}", self.api.as_str().trim_end_matches('/'));
        let mut request = self.client.request(method, &url).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request
                .header("Content-Type", "application/json")
                .body(body.to_string());
        }
        let answer = request.send().unwrap_or_else(|error| panic!("{url}: {error}"));
        let code = answer.status().as_u16();
        let text = answer.text().unwrap_or_else(|error| panic!("{url}: {error}"));
        (code, serde_json::from_str(&text).unwrap_or(Value::Null))
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let made = std::mem::take(self.made.get_mut().expect("no test panics with the lock"));
        for path in made.iter().rev() {
            let url = format!("{}/api/{path}", self.api.as_str().trim_end_matches('/'));
            // A test that fails is told, not what it leaves.
            let _ = self.client.delete(url).bearer_auth(&self.token).send();
        }
    }
}

/// Trusts what the agents trust: the system's authorities, or those in `SSL_CERT_FILE`.
fn tls() -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring supports the default TLS versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// A text of a JSON object.
#[track_caller]
fn text_of(object: &Value, name: &str) -> String {
    let text = object[name].as_str();
    text.unwrap_or_else(|| panic!("no {name} in {object}")).to_owned()
}
