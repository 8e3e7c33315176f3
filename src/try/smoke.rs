//! Whether an app that was started answers: waits for its port, and asks for a path.

use crate::os::tls;
use anyhow::Context as _;
use reqwest::blocking::Client;
use reqwest::redirect::Policy;
use rustls::RootCertStore;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

/// How often the port is looked at.
const POLL: Duration = Duration::from_millis(50);

/// A question under way.
pub(super) struct Smoke {
    pub(super) path: String,
    result: Receiver<Result<String, String>>,
}

impl Smoke {
    /// Begins to ask the app at `port` for `path`, until `limit` is over.
    pub(super) fn ask(port: u16, path: &str, limit: Duration) -> anyhow::Result<Self> {
        let url = format!("http://127.0.0.1:{port}{path}");
        let client = Client::builder()
            // Without one, reqwest has no TLS at all, and ends the process.
            .tls_backend_preconfigured(tls::client_config(RootCertStore::empty()))
            .no_proxy()
            // Where it leads is another page.
            .redirect(Policy::none())
            .timeout(limit)
            .build()
            .context("cannot make an HTTP client")?;
        let (sender, result) = mpsc::channel();
        thread::spawn(move || {
            // Nobody waits any more if the app has ended.
            let _ = sender.send(answer(&client, &url, port, limit));
        });
        Ok(Self {
            path: path.to_owned(),
            result,
        })
    }

    /// The status of the answer, or what is wrong, once either is known.
    pub(super) fn result(&self) -> Option<Result<String, String>> {
        self.result.try_recv().ok()
    }
}

fn answer(client: &Client, url: &str, port: u16, limit: Duration) -> Result<String, String> {
    let started = Instant::now();
    let place = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    while TcpStream::connect(place).is_err() {
        if started.elapsed() >= limit {
            let seconds = limit.as_secs_f64();
            return Err(format!("nobody listens on PORT {port} after {seconds} s"));
        }
        thread::sleep(POLL);
    }
    let rest = limit.saturating_sub(started.elapsed()).max(POLL);
    let answer = client.get(url).timeout(rest).send();
    let answer = answer.map_err(|error| format!("there is no answer: {}", innermost(&error)))?;
    let status = answer.status();
    // A page that is cut is none.
    answer
        .bytes()
        .map_err(|error| format!("the answer is cut: {}", innermost(&error)))?;
    if status.is_success() || status.is_redirection() {
        Ok(status.to_string())
    } else {
        Err(format!("the app answered {status}"))
    }
}

/// What went wrong first.
fn innermost(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), innermost)
}
