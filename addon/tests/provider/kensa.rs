//! The checks of kensa 3.1.0, Heroku's tester, with the requests that it sends. It speaks the old dialect.

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use uuid::Uuid;

use crate::sso::{cookies, now, token};
use crate::support::{SALT, Server, V1, World, answer};

const RESOURCES: &str = "/heroku/resources";

/// The body that kensa sends to make a resource.
fn provision_body(options: &Value) -> Value {
    json!({
        "heroku_id": "app4711@kensa.heroku.com",
        "plan": "test",
        "callback_url": "http://localhost:7779/callback/999",
        "logplex_token": null,
        "region": "amazon-web-services::us-east-1",
        "options": options,
        "uuid": Uuid::new_v4(),
    })
}

async fn provision(server: &Server, options: &Value) -> (StatusCode, Value) {
    answer(
        server
            .call(Method::POST, RESOURCES, V1, Some(&provision_body(options)))
            .await,
    )
    .await
}

async fn with_wrong_credentials(server: &Server, method: Method, path: &str, body: Option<Value>) -> StatusCode {
    let request = server
        .client
        .request(method, format!("{}{path}", server.address))
        .header("accept", V1);
    let request = request
        .basic_auth("wrong", Some("secret"))
        .json(&body.unwrap_or(Value::Null));
    request.send().await.unwrap().status()
}

async fn manifest(world: &World, more: &[&str]) -> Value {
    let arguments = [&["manifest", "--url", "https://hoop-addon.example.com"], more].concat();
    let (code, stdout, stderr) = world.run(&arguments).await;
    assert_eq!(code, 0, "{stderr}");
    serde_json::from_str(&stdout).unwrap()
}

#[tokio::test]
async fn the_manifest_passes_every_check() {
    let world = World::new().await;
    for slug in ["hoop", "acme-hoop"] {
        let manifest = manifest(&world, &["--kensa", "--slug", slug]).await;
        let api = &manifest["api"];
        assert_eq!(manifest["id"], slug, "it exists and is a text that is not empty");
        assert!(api.is_object());
        let regions: Vec<_> = api["regions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it.as_str().unwrap())
            .collect();
        assert!(regions.contains(&"us"));
        let known = ["us", "eu", "frankfurt", "oregon", "tokyo", "virginia", "*"];
        assert!(regions.iter().all(|region| known.contains(region)), "{regions:?}");
        assert_eq!(api["password"].as_str().unwrap().len(), 32);
        assert_eq!(api["sso_salt"].as_str().unwrap().len(), 32);
        for url in ["base_url", "sso_url"] {
            assert!(api["production"][url].as_str().unwrap().starts_with("https://"));
            assert!(api["test"][url].is_string());
        }
        let prefix = api["config_vars_prefix"].as_str().unwrap();
        for name in api["config_vars"].as_array().unwrap() {
            let name = name.as_str().unwrap();
            assert!(name.starts_with(&format!("{prefix}_")), "{name}");
            assert!(
                name.chars()
                    .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'),
                "{name}"
            );
        }
        assert!(api.get("username").is_none());
    }
}

#[tokio::test]
async fn each_manifest_has_secrets_of_its_own() {
    let world = World::new().await;
    let mut secrets = BTreeSet::new();
    for more in [&[][..], &["--kensa"], &[]] {
        let manifest = manifest(&world, more).await;
        for name in ["password", "sso_salt"] {
            assert!(secrets.insert(manifest["api"][name].as_str().unwrap().to_owned()));
        }
    }
}

#[tokio::test]
async fn the_current_manifest_says_so() {
    let world = World::new().await;
    let manifest = manifest(&world, &[]).await;
    assert_eq!(manifest["api"]["version"], "3");
    assert_eq!(
        manifest["api"]["production"]["base_url"],
        "https://hoop-addon.example.com/heroku/resources"
    );
    assert_eq!(
        manifest["api"]["production"]["sso_url"],
        "https://hoop-addon.example.com/heroku/sso"
    );
}

#[tokio::test]
async fn provision_passes_every_check() {
    let world = World::new().await;
    let server = world.serve().await;
    let manifest = manifest(&world, &["--kensa"]).await;
    let response = server
        .call(Method::POST, RESOURCES, V1, Some(&provision_body(&json!({}))))
        .await;
    assert_eq!(response.status(), StatusCode::OK, "the old dialect answers 200");
    assert_eq!(response.headers()["content-type"], "application/json");
    let (_, body) = answer(response).await;
    assert!(body.is_object());
    let id = body["id"].as_str().unwrap();
    assert!(
        !id.chars().any(|c| c.is_ascii_digit()),
        "no id of an app can be in it: {id}"
    );
    let config = body["config"].as_object().unwrap();
    assert!(!config.is_empty());
    for (name, value) in config {
        assert!(
            manifest["api"]["config_vars"]
                .as_array()
                .unwrap()
                .contains(&json!(name)),
            "{name}"
        );
        assert!(value.is_string(), "{name}");
    }
    // Wrong credentials are told before anything else.
    let wrong = with_wrong_credentials(&server, Method::POST, RESOURCES, Some(provision_body(&json!({})))).await;
    assert_eq!(wrong, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn two_resources_have_two_ids() {
    let world = World::new().await;
    let server = world.serve().await;
    let (one, other) = (
        provision(&server, &json!({})).await.1,
        provision(&server, &json!({})).await.1,
    );
    assert!(one["id"].is_string() && other["id"].is_string());
    assert_ne!(one["id"], other["id"]);
}

#[tokio::test]
async fn an_old_client_without_a_uuid_gets_a_resource_each_time() {
    let world = World::new().await;
    let server = world.serve().await;
    let mut body = provision_body(&json!({}));
    body.as_object_mut().unwrap().remove("uuid");
    let mut ids = BTreeSet::new();
    for _ in 0..2 {
        let (status, made) = answer(server.call(Method::POST, RESOURCES, V1, Some(&body)).await).await;
        assert_eq!(status, StatusCode::OK);
        ids.insert(made["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(ids.len(), 2);
    for id in ids {
        let gone = server
            .call(Method::DELETE, &format!("{RESOURCES}/{id}"), V1, None)
            .await;
        assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    }
}

#[tokio::test]
async fn provision_with_options_sets_the_connection() {
    let world = World::new().await;
    let server = world.serve().await;
    let (status, body) = provision(&server, &json!({ "connection": "orders-console" })).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(body["config"]["HOOP_CONNECTION"], "orders-console");
    // The options that kensa's own manual shows are none of ours.
    let (status, body) = provision(&server, &json!({ "foo": "bar", "bar": "foo", "baz": "true" })).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let message = body["message"].as_str().unwrap();
    assert!(message.starts_with("There is no option --"), "{message}");
}

#[tokio::test]
async fn async_provision_calls_back() {
    let world = World::new().await;
    let server = world.serve().await;
    // kensa listens at a port of its own. Its port number does not matter to the provider.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut body = provision_body(&json!({}));
    body["callback_url"] = json!(format!(
        "http://localhost:{}/callback/999",
        listener.local_addr().unwrap().port()
    ));
    let (status, made) = answer(server.call(Method::POST, RESOURCES, V1, Some(&body)).await).await;
    assert!(status.is_success());
    let (mut stream, _) = listener.accept().await.unwrap();
    // kensa reads once, so the head and the body must come together.
    let mut read = vec![0; 10 * 1024];
    let length = stream.read(&mut read).await.unwrap();
    stream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        .await
        .unwrap();
    let request = String::from_utf8(read[..length].to_vec()).unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("PUT /callback/999 HTTP/1.1\r\n"), "{head}");
    assert_eq!(serde_json::from_str::<Value>(body).unwrap(), made);
}

#[tokio::test]
async fn nobody_else_is_called_back() {
    let world = World::new().await;
    let server = world.serve().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    // The answer holds the key. Each of these would reach the listener, or somebody else's server.
    for host in [
        "127.0.0.2",
        "heroku.com.example.com@127.0.0.1",
        "0.0.0.0",
        "api.heroku.com.localhost",
    ] {
        let mut body = provision_body(&json!({}));
        body["callback_url"] = json!(format!("https://{host}:{port}/"));
        assert!(
            server
                .call(Method::POST, RESOURCES, V1, Some(&body))
                .await
                .status()
                .is_success()
        );
    }
    let mut server = server;
    assert_eq!(server.stop().await, 0, "it waits for what it does in the background");
    let called = tokio::time::timeout(std::time::Duration::from_millis(1), listener.accept()).await;
    assert!(called.is_err(), "somebody called");
}

#[tokio::test]
async fn plan_change_passes_every_check() {
    let world = World::new().await;
    let server = world.serve().await;
    let id = provision(&server, &json!({})).await.1["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("{RESOURCES}/{id}");
    // Without -p, kensa changes to the plan foo.
    let body = json!({ "plan": "foo", "heroku_id": "app12@kensa.heroku.com", "uuid": Uuid::new_v4() });
    let changed = server.call(Method::PUT, &path, V1, Some(&body)).await;
    assert_eq!(changed.status(), StatusCode::OK);
    assert_eq!(
        with_wrong_credentials(&server, Method::PUT, &path, Some(body)).await,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn deprovision_passes_every_check() {
    let world = World::new().await;
    let server = world.serve().await;
    let id = provision(&server, &json!({})).await.1["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("{RESOURCES}/{id}");
    assert_eq!(
        server.call(Method::DELETE, &path, V1, None).await.status(),
        StatusCode::NO_CONTENT
    );
    assert!(world.gateway.agents().is_empty());
    // Of a resource that is gone, too, wrong credentials are told first.
    assert_eq!(
        with_wrong_credentials(&server, Method::DELETE, &path, None).await,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        server.call(Method::DELETE, &path, V1, None).await.status(),
        StatusCode::GONE
    );
}

#[tokio::test]
async fn sso_passes_every_check_by_link_and_by_form() {
    let world = World::new().await;
    let server = world.serve().await;
    let id = provision(&server, &json!({})).await.1["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let nav_data = "eyJhZGRvbiI6IllvdXIgQWRkb24ifQ";
    for by_form in [true, false] {
        let sign_in = async |token: &str, time: u64| {
            let time = time.to_string();
            let mut fields = vec![
                ("token", token),
                ("timestamp", &time),
                ("nav-data", nav_data),
                ("email", "username@example.com"),
                ("app", "myapp"),
            ];
            let request = if by_form {
                fields.push(("id", &id));
                server
                    .client
                    .post(format!("{}/heroku/sso", server.address))
                    .form(&fields)
            } else {
                server
                    .client
                    .get(format!("{}{RESOURCES}/{id}", server.address))
                    .query(&fields)
            };
            request.send().await.unwrap()
        };
        assert_eq!(sign_in("invalid", now()).await.status(), StatusCode::FORBIDDEN);
        let early = now() - 6 * 60;
        assert_eq!(
            sign_in(&token(&[&id, SALT, &early.to_string()]), early).await.status(),
            StatusCode::FORBIDDEN
        );
        let time = now();
        let entered = sign_in(&token(&[&id, SALT, &time.to_string()]), time).await;
        assert_eq!(entered.status(), StatusCode::OK);
        let nav = cookies(&entered)
            .into_iter()
            .find(|cookie| cookie.starts_with("heroku-nav-data="))
            .unwrap();
        assert!(nav.starts_with(&format!("heroku-nav-data={nav_data};")), "{nav}");
        // kensa looks for it at an address of its own making, without TLS.
        assert!(nav.contains("; Path=/") && !nav.contains("Secure"), "{nav}");
        assert!(entered.text().await.unwrap().contains("<div id=\"heroku-header\">"));
    }
}

#[tokio::test]
async fn run_gives_a_command_the_config() {
    let world = World::new().await;
    let server = world.serve().await;
    // kensa makes a resource, runs a command with its config vars, changes the plan and removes it.
    let (_, made) = provision(&server, &json!({})).await;
    let mut command = tokio::process::Command::new("sh");
    command.args(["-c", "printf %s \"$HOOP_KEY\""]).env_clear();
    for (name, value) in made["config"].as_object().unwrap() {
        command.env(name, value.as_str().unwrap());
    }
    let output = command.output().await.unwrap();
    let agent = world.gateway.agents().into_values().next().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), agent.key);
    let path = format!("{RESOURCES}/{}", made["id"].as_str().unwrap());
    let change = server
        .call(Method::PUT, &path, V1, Some(&json!({ "plan": "foo" })))
        .await;
    assert!(change.status().is_success());
    assert!(server.call(Method::DELETE, &path, V1, None).await.status().is_success());
}
