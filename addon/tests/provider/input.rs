//! What no honest client sends. Each is answered with a 4xx, nothing is made or lost by it, and the provider goes on.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::sso;
use crate::support::{PASSWORD, SLUG, Server, V1, V3, World, agent_name, answer, v3_body};

/// The longest body that is read, in bytes.
const LONGEST_BODY: usize = 64 * 1024;

const RESOURCES: &str = "/heroku/resources";

/// What SQL, shells, paths and formats have a meaning for.
const HOSTILE: [&str; 12] = [
    "%",
    "_",
    "'",
    "\"",
    "'; DROP TABLE resources; --",
    "' OR '1'='1",
    "$1",
    "../../etc/passwd",
    "{connection}",
    "{0}%s%n",
    "<script>alert(1)</script>",
    "\u{202e}\u{fffd}\u{10ffff}",
];

/// Sends a body as it is, with the right password.
async fn send(
    server: &Server,
    method: Method,
    path: &str,
    accept: &str,
    body: impl Into<Vec<u8>>,
) -> (StatusCode, Value) {
    let request = server
        .client
        .request(method, format!("{}{path}", server.address))
        .basic_auth(SLUG, Some(PASSWORD))
        .header("accept", accept)
        .header("content-type", "application/json")
        .body(body.into());
    answer(request.send().await.unwrap()).await
}

/// Sends bytes that need not be HTTP, and reads the answer until the provider closes the connection or `is_enough`.
async fn raw(server: &Server, bytes: &[u8], is_enough: impl Fn(&str) -> bool) -> String {
    let mut stream = TcpStream::connect(server.address.trim_start_matches("http://"))
        .await
        .unwrap();
    // It may close the connection before all is sent.
    stream.write_all(bytes).await.ok();
    let (mut answer, mut piece) = (String::new(), [0; 4096]);
    while !is_enough(&answer) {
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => break,
            Ok(length) => answer.push_str(&String::from_utf8_lossy(&piece[..length])),
        }
    }
    answer
}

fn has_head(answer: &str) -> bool {
    answer.contains("\r\n\r\n")
}

/// The user of Heroku's command line sees the message of a 422, and nobody sees more than a few lines.
fn assert_refused(what: &str, (status, body): &(StatusCode, Value)) {
    assert!(status.is_client_error(), "{what}: {status} {body}");
    if *status == StatusCode::UNPROCESSABLE_ENTITY {
        let message = body["message"].as_str().unwrap_or_default();
        assert!(message.ends_with('.') && message.contains(' '), "{what}: {body}");
        assert!(
            message.len() < 600 && !message.contains(char::is_control),
            "{what}: {body}"
        );
    }
}

/// It has failed at nothing, and still does what it is for.
async fn assert_sound(world: &World, server: &Server) {
    let log = server.log();
    assert!(!log.contains("\"status\":5") && !log.contains("panic"), "{log}");
    let agents = world.gateway.agents().len();
    let uuid = Uuid::new_v4();
    let (status, body) = server.provision(uuid, &json!({})).await;
    assert_eq!(status, StatusCode::CREATED, "{body}");
    let key = world.gateway.agent(&agent_name(uuid)).unwrap().key;
    assert_eq!(body["config"]["HOOP_KEY"], key.as_str());
    assert_eq!(world.gateway.agents().len(), agents + 1);
}

#[tokio::test]
async fn a_body_that_is_too_long_is_not_read() {
    let world = World::new().await;
    let server = world.serve().await;
    let padded = |length: usize| {
        let mut body = v3_body(Uuid::new_v4());
        body["more"] = "".into();
        let bare = body.to_string().len();
        body["more"] = "x".repeat(length - bare).into();
        body.to_string()
    };
    let (status, body) = send(&server, Method::POST, RESOURCES, V3, padded(LONGEST_BODY)).await;
    assert_eq!(status, StatusCode::CREATED, "{body}");
    for length in [LONGEST_BODY + 1, 2 * LONGEST_BODY] {
        let (status, _) = send(&server, Method::POST, RESOURCES, V3, padded(length)).await;
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
        let path = format!("{RESOURCES}/{}", Uuid::new_v4());
        let (status, _) = send(&server, Method::PUT, &path, V3, padded(length)).await;
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    }
    // Nor one that does not say how long it is.
    let credentials = basic();
    let chunk = format!("{:x}\r\n{}\r\n", LONGEST_BODY + 1, "x".repeat(LONGEST_BODY + 1));
    let chunked = format!(
        "POST {RESOURCES} HTTP/1.1\r\nhost: hoop\r\nauthorization: {credentials}\r\n\
         transfer-encoding: chunked\r\n\r\n{chunk}"
    );
    let answer = raw(&server, chunked.as_bytes(), has_head).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert_eq!(world.gateway.made(), 1);
    assert_sound(&world, &server).await;
}

#[tokio::test]
async fn a_header_that_is_no_password_is_a_wrong_one() {
    let world = World::new().await;
    let server = world.serve().await;
    for given in [
        "",
        "Basic",
        "Basic %",
        "Basic Og",
        "Basic /w==",
        "Bearer x",
        "Digest x",
        "x",
    ] {
        for line in [
            format!("DELETE {RESOURCES}/{}", Uuid::new_v4()),
            "GET /metrics".to_owned(),
        ] {
            let head = format!("{line} HTTP/1.1\r\nhost: hoop\r\nauthorization: {given}\r\n\r\n");
            let answer = raw(&server, head.as_bytes(), has_head).await;
            assert!(answer.starts_with("HTTP/1.1 401"), "{head}{answer}");
            assert!(answer.contains("www-authenticate: "), "{head}{answer}");
        }
    }
    assert_sound(&world, &server).await;
}

#[tokio::test]
async fn the_password_is_checked_before_a_body_is_read() {
    let world = World::new().await;
    let server = world.serve().await;
    // No body follows, so who waits for it answers nothing else than that it came too late.
    for line in [
        format!("POST {RESOURCES}"),
        format!("PUT {RESOURCES}/{}", Uuid::new_v4()),
    ] {
        for length in [10, LONGEST_BODY + 1, usize::MAX / 2] {
            for more in [
                "",
                "expect: 100-continue\r\n",
                "authorization: Basic Og==\r\n",
                "authorization: Basic %\r\n",
            ] {
                let head = format!("{line} HTTP/1.1\r\nhost: hoop\r\n{more}content-length: {length}\r\n\r\n");
                let answer = raw(&server, head.as_bytes(), has_head).await;
                assert!(answer.starts_with("HTTP/1.1 401"), "{head}{answer}");
            }
        }
    }
    assert_sound(&world, &server).await;
}

#[tokio::test]
async fn hostile_bodies_are_refused() {
    let world = World::new().await;
    let server = world.serve().await;
    let uuid = Uuid::new_v4();
    let (_, before) = server.provision(uuid, &json!({})).await;
    let with = |field: &str, value: Value| {
        let mut body = v3_body(Uuid::new_v4());
        body[field] = value;
        (format!("{field} {body}"), body.to_string().into_bytes())
    };
    let long = "x".repeat(60_000);
    let values = [
        json!(1),
        json!(1.5),
        json!(true),
        json!([]),
        json!(["basic"]),
        json!({}),
        json!("a\0b"),
        json!("a\nb"),
    ];
    let mut bodies = Vec::new();
    for field in ["uuid", "plan", "region", "callback_url"] {
        bodies.extend(values.iter().map(|value| with(field, value.clone())));
    }
    for text in HOSTILE.into_iter().chain(["", &long]) {
        bodies.push(with("plan", text.into()));
        bodies.push(with("uuid", text.into()));
        bodies.push(with("region", text.into()));
        bodies.push(with("options", json!({ text: "x" })));
        bodies.push(with("options", json!({ "connection": text })));
        bodies.push(with("options", json!({ "command": text })));
    }
    for options in [
        json!(1),
        json!("x"),
        json!([]),
        json!({ "command": 1 }),
        json!({ "connection": null }),
    ] {
        bodies.push(with("options", options));
    }
    let deep = "[".repeat(30_000);
    for text in [
        "",
        "null",
        "[]",
        "1",
        "\"\"",
        "{",
        "{]",
        "{}{}",
        &deep,
        r#"{"plan":"\ud800"}"#,
        "plan=basic",
    ] {
        bodies.push((text.to_owned(), text.as_bytes().to_vec()));
    }
    let sample = v3_body(Uuid::new_v4()).to_string();
    let twice = sample
        .replacen('{', r#"{"plan":"basic","uuid":1,"#, 1)
        .replace(r#""plan":"basic"}"#, r#""plan":1}"#);
    bodies.push((
        twice.clone(),
        twice.replace("amazon-web-services::us-east-1", "nowhere").into_bytes(),
    ));
    bodies.push(("no UTF-8".to_owned(), b"{\"plan\":\"\xff\xfe\"}".to_vec()));
    bodies.push((
        "UTF-16".to_owned(),
        sample.encode_utf16().flat_map(u16::to_le_bytes).collect(),
    ));
    for (what, body) in &bodies {
        for accept in [V1, V3] {
            let refused = send(&server, Method::POST, RESOURCES, accept, body.clone()).await;
            assert_refused(what, &refused);
        }
    }
    let plans = HOSTILE.into_iter().chain(["", &long]).map(Value::from).chain(values);
    for plan in plans {
        let body = json!({ "plan": plan }).to_string();
        assert_refused(
            &body,
            &send(&server, Method::PUT, &format!("{RESOURCES}/{uuid}"), V3, body.clone()).await,
        );
    }
    assert_eq!(world.gateway.made(), 1);
    assert_eq!(server.provision(uuid, &json!({})).await.1, before);
    assert_sound(&world, &server).await;
}

#[tokio::test]
async fn a_name_is_only_a_text() {
    let world = World::new().await;
    let server = world.serve().await;
    let long = "x".repeat(60_000);
    for name in HOSTILE.into_iter().chain(["", &long]) {
        let (status, body) = server.provision(Uuid::new_v4(), &json!({ "name": name })).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
        // Where it would be the name of a connection, it is refused.
        let changes = json!({ "name": name, "plan": "console", "options": { "connection": name } });
        assert_refused(name, &server.provision(Uuid::new_v4(), &changes).await);
    }
    assert!(world.gateway.connections().is_empty());
    assert_sound(&world, &server).await;
}

#[tokio::test]
async fn an_id_in_a_path_is_only_an_id() {
    let world = World::new().await;
    let server = world.serve().await;
    let uuid = Uuid::new_v4();
    let (_, before) = server.provision(uuid, &json!({})).await;
    let upper = uuid.simple().to_string().to_uppercase();
    let ids = [
        "%25",
        "_",
        "%27",
        "%27%20OR%20%271%27=%271",
        "%27;%20DROP%20TABLE%20resources;%20--",
        "*",
        "%00",
        "%0d%0a",
        "%ff%fe",
        "%2F",
        "a%2Fb",
        "..%2F..",
        "%2e%2e",
        "%",
        "%zz",
        "%c0%af",
        "a/b",
        "/",
        "",
        "../x",
        "?id=1",
        "{id}",
        &"x".repeat(20_000),
        &upper,
        &format!("{uuid}%00"),
        &format!("{uuid}%20"),
        &format!("{uuid}/"),
        &format!("{uuid}/x"),
        &format!("{uuid}%2F"),
        &format!("{{{uuid}}}"),
        &format!("urn:uuid:{uuid}"),
        &format!("heroku-{uuid}"),
    ];
    let (credentials, body) = (basic(), json!({ "plan": "foo" }).to_string());
    for id in ids {
        for method in ["PUT", "DELETE", "GET", "POST", "PATCH", "HEAD", "OPTIONS"] {
            for folder in [RESOURCES, "/resources"] {
                let request = format!(
                    "{method} {folder}/{id} HTTP/1.1\r\nhost: hoop\r\nauthorization: {credentials}\r\naccept: {V3}\r\n\
                     content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                );
                let answer = raw(&server, request.as_bytes(), has_head).await;
                assert!(answer.starts_with("HTTP/1.1 4"), "{method} {folder}/{id}: {answer}");
            }
        }
    }
    assert_eq!(world.gateway.agents().len(), 1);
    assert_eq!(server.provision(uuid, &json!({})).await.1, before);
    assert_sound(&world, &server).await;
}

#[tokio::test]
async fn other_methods_are_refused() {
    let world = World::new().await;
    let server = world.serve().await;
    let uuid = Uuid::new_v4();
    server.provision(uuid, &json!({})).await;
    let paths = [
        RESOURCES.to_owned(),
        format!("{RESOURCES}/{uuid}"),
        "/heroku/sso".to_owned(),
        format!("/resources/{uuid}"),
        format!("/resources/{uuid}/rotate"),
        "/heroku".to_owned(),
        "/".to_owned(),
        "/nowhere".to_owned(),
    ];
    for path in &paths {
        for method in ["HEAD", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW", "get"] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            if method == Method::CONNECT {
                continue; // the client makes a tunnel of it
            }
            let (status, _) = send(&server, method.clone(), path, V3, v3_body(uuid).to_string()).await;
            assert!(status.is_client_error(), "{method} {path}: {status}");
        }
    }
    let answer = raw(
        &server,
        b"CONNECT hoop:443 HTTP/1.1\r\nhost: hoop:443\r\n\r\n",
        has_head,
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    assert_eq!(world.gateway.agents().len(), 1);
    assert_sound(&world, &server).await;
}

#[tokio::test]
async fn hostile_sign_ins_are_refused() {
    let world = World::new().await;
    let server = world.serve().await;
    let uuid = Uuid::new_v4();
    server.provision(uuid, &json!({})).await;
    let long = "x".repeat(LONGEST_BODY);
    let forms = [
        "",
        "&",
        "=",
        "%",
        "%00=%00",
        "timestamp=%ff",
        "timestamp=-1",
        "timestamp=99999999999999999999",
        "token=%27%20OR%201=1",
        "resource_id[]=1&resource_id[]=2",
        "id=1&id=2",
        "{}",
        &long,
    ];
    for form in forms {
        for kind in [
            "application/x-www-form-urlencoded",
            "application/json",
            "multipart/form-data",
            "\u{7f}",
        ] {
            let request = format!(
                "POST /heroku/sso HTTP/1.1\r\nhost: hoop\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{form}",
                form.len()
            );
            let answer = raw(&server, request.as_bytes(), has_head).await;
            assert!(answer.starts_with("HTTP/1.1 4"), "{form} {kind}: {answer}");
        }
    }
    // Someone who may sign in can still send what he likes as the rest of it.
    for (field, text) in HOSTILE
        .into_iter()
        .flat_map(|text| [("app", text), ("nav-data", text), ("email", text)])
    {
        let mut form = sso::form(uuid, sso::now());
        for (name, value) in &mut form {
            if *name == field {
                text.clone_into(value);
            }
        }
        let status = sso::send(&server, &form).await.status();
        assert!(
            status.is_success() || status.is_client_error(),
            "{field} {text}: {status}"
        );
    }
    for cookie in [
        "hoop_session=",
        "hoop_session=%00",
        "hoop_session=AAAA",
        "=;=",
        ";",
        "hoop_session=\"\u{e9}\"",
    ] {
        let request = format!("GET /resources/{uuid} HTTP/1.1\r\nhost: hoop\r\ncookie: {cookie}\r\n\r\n");
        let answer = raw(&server, request.as_bytes(), has_head).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{cookie}: {answer}");
    }
    assert_sound(&world, &server).await;
}

#[tokio::test]
async fn headers_do_not_reach_the_log() {
    let world = World::new().await;
    let server = world.serve().await;
    let head = |id: &str| format!("GET /nowhere HTTP/1.1\r\nhost: hoop\r\nx-request-id: {id}\r\n\r\n").into_bytes();
    let long = "MARK".repeat(25_000);
    for id in [
        long.as_str(),
        "MARK\tx",
        "MARK \"x\"",
        "MARK{x}",
        "MARK\u{e9}",
        "MARK\u{1b}[31m",
        "MARK\0",
        "MARK\rx",
        "MARK\n x",
    ] {
        let answer = raw(&server, &head(id), has_head).await;
        assert!(
            answer.starts_with("HTTP/1.1 4") && !answer.contains("MARK"),
            "{id:.40}: {answer:.200}"
        );
    }
    // One that is an id comes back.
    let answer = raw(&server, &head("of-Heroku_1,2"), has_head).await;
    assert!(answer.contains("x-request-id: of-Heroku_1,2\r\n"), "{answer}");
    assert!(!server.log().contains("MARK"));
    assert_sound(&world, &server).await;
}

#[tokio::test]
async fn what_is_no_http_is_refused() {
    let world = World::new().await;
    let server = world.serve().await;
    let long = "x".repeat(1_000_000);
    let requests = [
        "\0".to_owned() + &"\0".repeat(100) + "\r\n\r\n",
        "GET\r\n\r\n".to_owned(),
        "GET / HTTP/9.9\r\n\r\n".to_owned(),
        format!("GET /{long} HTTP/1.1\r\nhost: hoop\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nhost: hoop\r\nx: {long}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nhost: hoop\r\n{}\r\n", "x: x\r\n".repeat(2_000)),
        "POST /heroku/resources HTTP/1.1\r\nhost: hoop\r\ncontent-length: -1\r\n\r\n".to_owned(),
        "POST /heroku/resources HTTP/1.1\r\nhost: hoop\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx".to_owned(),
        "POST /heroku/resources HTTP/1.1\r\nhost: hoop\r\ntransfer-encoding: gzip\r\n\r\nxx".to_owned(),
        "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}\r\n\r\n".to_owned(),
    ];
    for request in requests {
        let answer = raw(&server, request.as_bytes(), has_head).await;
        // A connection that is broken off is an answer, too.
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
            "{request:.60}: {answer:.200}"
        );
    }
    assert_sound(&world, &server).await;
}

/// The header of the right credentials.
fn basic() -> String {
    use base64::Engine as _;
    let text = format!("{SLUG}:{PASSWORD}");
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(text))
}
