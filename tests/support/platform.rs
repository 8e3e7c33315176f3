//! The platform's API as far as slugs and releases go, on a loopback port: what it answers, and what it refuses, is
//! that of the published schema (<https://github.com/heroku/platform-api/blob/main/schema.json>) and of the reference
//! (<https://devcenter.heroku.com/articles/platform-api-reference>). It can fail at every step.
//!
//! A request that is against the schema is answered 422, and fails the test at its end.

use super::tree::sha256;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// The key that it accepts.
pub(crate) const KEY: &str = "HRKU-0123-secret-of-a-person-4567";

/// What is part of every signed URL, and must never be shown.
pub(crate) const SIGNATURE: &str = "sig-of-the-store-89ab";

/// How one request fails.
#[derive(Clone, Debug)]
pub(crate) enum Failing {
    /// It is answered so, and nothing is done.
    Answer(u16, &'static [(&'static str, &'static str)], &'static str),
    /// The connection ends, and nothing is done.
    CutBefore,
    /// All is done, and then the connection ends without an answer.
    CutAfter,
    /// All is done, and the answer is cut.
    CutAnswer,
    /// Nothing is done, and nothing comes.
    Stall,
    /// All is well: for those behind it.
    NotThisTime,
}

/// An app of the platform.
#[derive(Clone)]
struct App {
    stack: &'static str,
    generation: &'static str,
    phase: Option<Phase>,
    releases: Vec<Release>,
}

/// A release phase.
#[derive(Clone, Debug)]
pub(crate) struct Phase {
    pub(crate) output: &'static str,
    /// How often the release is looked at before it ends.
    pub(crate) looks: usize,
    /// How it ends.
    pub(crate) status: &'static str,
    /// How often its output is not there yet.
    pub(crate) late: usize,
    /// After how many bytes its output is cut the first time.
    pub(crate) cut: Option<usize>,
}

#[derive(Clone)]
struct Release {
    version: u64,
    slug: String,
    looks: usize,
    late: usize,
    cut: Option<usize>,
}

/// What was sent.
pub(crate) struct Slug {
    pub(crate) app: String,
    pub(crate) body: Value,
    pub(crate) bytes: Option<Vec<u8>>,
}

#[derive(Default)]
struct State {
    apps: BTreeMap<String, App>,
    slugs: Vec<Slug>,
    failing: Vec<(&'static str, Failing)>,
    /// Method and path of each request.
    log: Vec<String>,
    /// What was against the schema.
    wrong: Vec<String>,
    stalled: Vec<TcpStream>,
}

/// A platform that runs.
pub(crate) struct Platform {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

struct Request {
    method: String,
    path: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// After how many bytes of the body it is cut.
    cut: Option<usize>,
}

impl Platform {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a port");
        let address = listener.local_addr().expect("it is bound");
        let state = Arc::new(Mutex::new(State::default()));
        let of_thread = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&of_thread);
                thread::spawn(move || serve(&stream, address, &state));
            }
        });
        Self { address, state }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an app that takes slugs, with a first release.
    pub(crate) fn with_app(self, name: &str) -> Self {
        self.with(name, "heroku-24", "cedar")
    }

    pub(crate) fn with(self, name: &str, stack: &'static str, generation: &'static str) -> Self {
        let first = Release {
            version: 3,
            slug: "00000000-0000-0000-0000-00000000000f".to_owned(),
            looks: 0,
            late: 0,
            cut: None,
        };
        let app = App {
            stack,
            generation,
            phase: None,
            releases: vec![first],
        };
        self.state().apps.insert(name.to_owned(), app);
        self
    }

    pub(crate) fn with_phase(self, name: &str, phase: Phase) -> Self {
        self.state().apps.get_mut(name).expect("it was added").phase = Some(phase);
        self
    }

    /// The next request of `METHOD end-of-path` fails so; several of one kind one after the other.
    pub(crate) fn fails(self, request: &'static str, failing: Failing) -> Self {
        self.state().failing.push((request, failing));
        self
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many releases of `app` are newer than its first.
    pub(crate) fn released(&self, app: &str) -> usize {
        self.state().apps[app].releases.len() - 1
    }

    /// Methods and paths of all requests, without ids.
    pub(crate) fn log(&self) -> Vec<String> {
        self.state().log.clone()
    }

    /// The slugs that were made.
    pub(crate) fn slugs<T>(&self, read: impl FnOnce(&[Slug]) -> T) -> T {
        read(&self.state().slugs)
    }

    /// Checks that no request was against the schema.
    #[track_caller]
    pub(crate) fn is_content(&self) {
        assert_eq!(self.state().wrong, Vec::<String>::new());
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        for stream in &self.state().stalled {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn serve(stream: &TcpStream, address: SocketAddr, state: &Mutex<State>) {
    let Some(request) = Request::read(stream) else {
        return;
    };
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    let path = request.path.split('?').next().unwrap_or_default().to_owned();
    let shown: Vec<&str> = path
        .split('/')
        .map(|part| if part.len() == 36 { "ID" } else { part })
        .collect();
    let line = format!("{} {}", request.method, shown.join("/"));
    state.log.push(line.clone());
    let place = state.failing.iter().position(|(of, _)| {
        let (method, end) = of.split_once(' ').expect("a method and a path");
        line.starts_with(method) && line.ends_with(end)
    });
    let failing = place.map(|place| state.failing.remove(place).1);
    let reply = match failing {
        Some(Failing::Answer(status, headers, body)) => {
            let headers = headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            Reply {
                status,
                headers: headers.collect(),
                body: body.into(),
                cut: None,
            }
        }
        Some(Failing::CutBefore) => return,
        Some(Failing::Stall) => {
            state.stalled.extend(stream.try_clone());
            return;
        }
        Some(Failing::CutAfter) => {
            state.answer(&request, &path, address);
            return;
        }
        Some(Failing::CutAnswer) => {
            let mut reply = state.answer(&request, &path, address);
            reply.cut = Some(5);
            reply
        }
        None | Some(Failing::NotThisTime) => state.answer(&request, &path, address),
    };
    drop(state);
    reply.write(stream);
}

impl State {
    fn answer(&mut self, request: &Request, path: &str, address: SocketAddr) -> Reply {
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        if let ["store", number] = parts.as_slice() {
            return self.store(request, number);
        }
        if let ["output", app, version] = parts.as_slice() {
            return self.output(request, app, version);
        }
        if request.header("authorization") != format!("Bearer {KEY}") {
            return refuse(401, "unauthorized", "Invalid credentials provided.");
        }
        if request.header("accept") != "application/vnd.heroku+json; version=3" {
            self.wrong.push(format!("{path}: Accept {}", request.header("accept")));
        }
        let app = parts.get(1).copied().unwrap_or_default().to_owned();
        if !self.apps.contains_key(&app) {
            return refuse(404, "not_found", "Couldn't find that app.");
        }
        match (request.method.as_str(), &parts[2..]) {
            ("GET", []) => {
                let found = &self.apps[&app];
                reply(
                    200,
                    &json!({
                        "id": "11111111-2222-3333-4444-555555555555", "name": app,
                        "stack": {"id": "x", "name": found.stack}, "build_stack": {"id": "x", "name": found.stack},
                        "generation": {"id": "y", "name": found.generation}, "maintenance": false,
                    }),
                )
            }
            ("POST", ["slugs"]) => self.make_slug(request, app, address),
            ("GET", ["releases"]) => {
                if request.header("range") != "version ..; order=desc,max=20" {
                    self.wrong.push(format!("{path}: Range {}", request.header("range")));
                }
                let numbers: Vec<usize> = (0..self.apps[&app].releases.len()).rev().take(20).collect();
                let list = numbers.into_iter().map(|number| self.release(&app, number, address));
                reply(206, &Value::Array(list.collect()))
            }
            ("POST", ["releases"]) => self.make_release(request, &app, address),
            ("GET", ["releases", id]) => {
                let number = (0..self.apps[&app].releases.len()).find(|number| release_id(&app, *number) == **id);
                match number {
                    None => refuse(404, "not_found", "Couldn't find that release."),
                    Some(number) => {
                        let release = &mut self.apps.get_mut(&app).expect("it is there").releases[number];
                        release.looks = release.looks.saturating_sub(1);
                        reply(200, &self.release(&app, number, address))
                    }
                }
            }
            _ => refuse(404, "not_found", "There is no such place."),
        }
    }

    fn make_slug(&mut self, request: &Request, app: String, address: SocketAddr) -> Reply {
        let known = [
            "buildpack_provided_description",
            "checksum",
            "commit",
            "commit_description",
            "process_types",
            "stack",
        ];
        let body = match self.body(request, &known) {
            Ok(body) => body,
            Err(reply) => return reply,
        };
        let is_name = |name: &str| {
            (1..=128).contains(&name.len())
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        let types = body["process_types"].as_object();
        let types_are_right =
            types.is_some_and(|types| types.iter().all(|(name, line)| is_name(name) && line.is_string()));
        let checksum = body["checksum"].as_str().and_then(|text| text.strip_prefix("SHA256:"));
        let is_digest =
            checksum.is_some_and(|digest| digest.len() == 64 && !digest.bytes().any(|byte| byte.is_ascii_uppercase()));
        if !types_are_right || !is_digest {
            self.wrong.push(format!("{body}"));
            return refuse(422, "invalid_params", "process_types or checksum");
        }
        let number = self.slugs.len();
        self.slugs.push(Slug { app, body, bytes: None });
        reply(
            201,
            &json!({
                "id": slug_id(number),
                "blob": {"method": "put", "url": format!("http://{address}/store/{number}?X-Signature={SIGNATURE}")},
                "stack": {"name": "heroku-24"},
            }),
        )
    }

    /// The store of slugs, which is none of the API's.
    fn store(&mut self, request: &Request, number: &str) -> Reply {
        let slug = number.parse().ok().and_then(|number: usize| self.slugs.get_mut(number));
        let (Some(slug), true) = (slug, request.path.ends_with(SIGNATURE)) else {
            return plain(
                403,
                "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>",
            );
        };
        let mut faults = Vec::new();
        if request.method != "PUT" || request.headers.contains_key("authorization") {
            faults.push("the key, or another method");
        }
        if request.headers.get("content-type").is_none_or(|kind| !kind.is_empty()) {
            faults.push("a Content-Type that is not empty");
        }
        if !request.headers.contains_key("content-length") || request.headers.contains_key("transfer-encoding") {
            faults.push("no Content-Length");
        }
        if slug.body["checksum"] != format!("SHA256:{}", sha256(&request.body)) {
            faults.push("other bytes than the checksum says");
        }
        slug.bytes = Some(request.body.clone());
        self.wrong
            .extend(faults.into_iter().map(|fault| format!("PUT with {fault}")));
        plain(200, "")
    }

    fn make_release(&mut self, request: &Request, app: &str, address: SocketAddr) -> Reply {
        let body = match self.body(request, &["description", "slug"]) {
            Ok(body) => body,
            Err(reply) => return reply,
        };
        let id = body["slug"].as_str().unwrap_or_default().to_owned();
        let slug = (0..self.slugs.len()).find(|number| slug_id(*number) == id);
        if slug.is_none_or(|number| self.slugs[number].bytes.is_none()) {
            self.wrong
                .push(format!("a release of a slug that was not uploaded: {id}"));
            return refuse(422, "invalid_params", "Slug not found");
        }
        let found = self.apps.get_mut(app).expect("it is there");
        let phase = found.phase.clone();
        found.releases.push(Release {
            version: 3 + found.releases.len() as u64,
            slug: id,
            looks: phase.as_ref().map_or(0, |phase| phase.looks),
            late: phase.as_ref().map_or(0, |phase| phase.late),
            cut: phase.as_ref().and_then(|phase| phase.cut),
        });
        let number = found.releases.len() - 1;
        reply(201, &self.release(app, number, address))
    }

    fn release(&self, app: &str, number: usize, address: SocketAddr) -> Value {
        let found = &self.apps[app];
        let release = &found.releases[number];
        let phase = found.phase.as_ref().filter(|_| number > 0);
        let status = match phase {
            Some(_) if release.looks > 0 => "pending",
            Some(phase) => phase.status,
            None => "succeeded",
        };
        let url = phase.map(|_| format!("http://{address}/output/{app}/{}?sig={SIGNATURE}", release.version));
        json!({
            "id": release_id(app, number), "version": release.version, "status": status,
            "slug": {"id": release.slug}, "output_stream_url": url, "current": true,
        })
    }

    fn output(&mut self, request: &Request, app: &str, version: &str) -> Reply {
        let found = self.apps.get_mut(app).expect("it is there");
        let phase = found.phase.clone().expect("it has one");
        let release = found
            .releases
            .iter_mut()
            .find(|release| release.version.to_string() == version)
            .expect("it is there");
        if request.headers.contains_key("authorization") {
            self.wrong.push("the key was sent to the output".to_owned());
        }
        if release.late > 0 {
            release.late -= 1;
            return plain(404, "not yet");
        }
        // What is written so far.
        let whole = phase.output.as_bytes();
        let end = if release.looks > 0 {
            whole.len() / 2
        } else {
            whole.len()
        };
        let begin: Option<usize> = request
            .headers
            .get("range")
            .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
        let cut = release.cut.take();
        match begin {
            Some(begin) if begin >= end => plain(416, ""),
            begin => {
                let mut reply = plain(if begin.is_some() { 206 } else { 200 }, "");
                reply.body = whole[begin.unwrap_or(0)..end].to_vec();
                reply.cut = cut;
                reply
            }
        }
    }

    /// The body of a request, with no fields but those that are known.
    fn body(&mut self, request: &Request, known: &[&str]) -> Result<Value, Reply> {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let fields = body.as_object().cloned().unwrap_or_default();
        let is_json = request.header("content-type") == "application/json";
        let unknown: Vec<&String> = fields.keys().filter(|name| !known.contains(&name.as_str())).collect();
        if !is_json || fields.is_empty() || !unknown.is_empty() || fields.values().any(Value::is_null) {
            self.wrong.push(format!("{}: {body}", request.path));
            return Err(refuse(400, "bad_request", "a field or a header"));
        }
        Ok(body)
    }
}

fn slug_id(number: usize) -> String {
    format!("aaaaaaaa-0000-0000-0000-{number:012}")
}

fn release_id(app: &str, number: usize) -> String {
    format!("bbbbbbbb-0000-0000-{:04}-{number:012}", app.len())
}

fn reply(status: u16, body: &Value) -> Reply {
    let mut reply = plain(status, &body.to_string());
    reply
        .headers
        .push(("Content-Type".to_owned(), "application/json".to_owned()));
    reply
}

fn refuse(status: u16, id: &str, message: &str) -> Reply {
    reply(status, &json!({"id": id, "message": message}))
}

fn plain(status: u16, body: &str) -> Reply {
    Reply {
        status,
        headers: vec![("Request-Id".to_owned(), "req-0815".to_owned())],
        body: body.into(),
        cut: None,
    }
}

impl Request {
    fn read(stream: &TcpStream) -> Option<Self> {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
        let mut words = line.split_whitespace();
        let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(':') else {
                break;
            };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let length = headers
            .get("content-length")
            .and_then(|length| length.parse().ok())
            .unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        Some(Self {
            method,
            path,
            headers,
            body,
        })
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

impl Reply {
    fn write(&self, mut stream: &TcpStream) {
        let mut head = format!(
            "HTTP/1.1 {} X\r\nConnection: close\r\nContent-Length: {}\r\n",
            self.status,
            self.body.len()
        );
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        head.push_str("\r\n");
        let sent = &self.body[..self.cut.unwrap_or(self.body.len()).min(self.body.len())];
        // The other side may have gone.
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(sent));
    }
}
