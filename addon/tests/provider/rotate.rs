//! A resource gets another key, by the page and by the command, with and without access to its app.

use reqwest::{Response, StatusCode};
use serde_json::json;
use uuid::Uuid;

use crate::sso::{page, session};
use crate::support::{Server, World, agent_name, until};

fn form_token(page: &str) -> String {
    let (_, rest) = page.split_once("name=\"form_token\" value=\"").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

async fn press(server: &Server, uuid: Uuid, cookie: &str, form_token: &str) -> Response {
    let request = server
        .client
        .post(format!("{}/resources/{uuid}/rotate", server.address));
    request
        .header("cookie", cookie)
        .form(&[("form_token", form_token)])
        .send()
        .await
        .unwrap()
}

#[tokio::test]
async fn without_a_grant_the_page_shows_the_new_key_once() {
    let world = World::new().await;
    let server = world.serve().await;
    let uuid = Uuid::new_v4();
    server.provision(uuid, &json!({ "plan": "console" })).await;
    let before = world.gateway.agent(&agent_name(uuid)).unwrap();
    let cookie = session(&server, uuid).await;
    let token = form_token(&page(&server, uuid, &cookie).await.1);
    let answer = press(&server, uuid, &cookie, &token).await;
    assert_eq!(
        (answer.status(), &answer.headers()["cache-control"]),
        (StatusCode::OK, &"no-store".parse().unwrap())
    );
    let shown = answer.text().await.unwrap();
    let after = world.gateway.agent(&agent_name(uuid)).unwrap();
    assert_ne!(before.key, after.key);
    assert_eq!(before.id, after.id, "its connections stay bound");
    let line = format!(
        "heroku config:set HOOP_KEY={} --app orders",
        shell_words::quote(&after.key)
    );
    assert!(shown.contains(&line), "{shown}");
    assert!(!page(&server, uuid, &cookie).await.1.contains("xagt-"));
    assert!(!server.log().contains("xagt-"));
}

#[tokio::test]
async fn with_a_grant_the_app_gets_the_new_key() {
    let world = World::new().await;
    let server = world.serve().await;
    let uuid = Uuid::new_v4();
    let grant = world.heroku.grant("the-code-of-the-grant");
    let options = json!({ "connection": "orders" });
    server
        .provision(uuid, &json!({ "oauth_grant": grant, "options": options }))
        .await;
    until("the grant is exchanged", || world.heroku.kept().issued == 1).await;
    let cookie = session(&server, uuid).await;
    let token = form_token(&page(&server, uuid, &cookie).await.1);
    let answer = press(&server, uuid, &cookie, &token).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(
        answer.headers()["location"],
        format!("/resources/{uuid}?notice=pushed").as_str()
    );
    let key = world.gateway.agent(&agent_name(uuid)).unwrap().key;
    let config = world.heroku.kept().config[&uuid.to_string()].clone();
    assert_eq!(
        (config["HOOP_KEY"].as_str(), config["HOOP_CONNECTION"].as_str()),
        (key.as_str(), "orders")
    );
    let (_, repeated) = server.provision(uuid, &json!({})).await;
    assert_eq!(
        repeated["config"]["HOOP_KEY"],
        key.as_str(),
        "a late repeat has the newest key"
    );
    let (log, file) = (
        server.log(),
        fs_err::read(world.folder.path().join("hoop-addon.db-wal")).unwrap(),
    );
    for secret in ["xagt-", "access-token-1", "the-refresh-token", "the-code-of-the-grant"] {
        assert!(!log.contains(secret), "{secret} in the log");
        assert!(
            !file.windows(secret.len()).any(|bytes| bytes == secret.as_bytes()),
            "{secret} in the database"
        );
    }
}

#[tokio::test]
async fn the_command_rotates_with_tokens_that_it_refreshes() {
    let world = World::new().await;
    world.heroku.kept().expires_in = 60; // every token is about to end
    let server = world.serve().await;
    let uuid = Uuid::new_v4();
    server
        .provision(uuid, &json!({ "oauth_grant": world.heroku.grant("code") }))
        .await;
    until("the grant is exchanged", || world.heroku.kept().issued == 1).await;
    server.stop_and_wait().await;
    let (code, stdout, stderr) = world.run(&["rotate", &uuid.to_string()]).await;
    assert_eq!(code, 0, "{stderr}");
    assert!(
        stdout.ends_with("Its app has the new key, and restarts with it.\n"),
        "{stdout}"
    );
    assert_eq!(world.heroku.kept().issued, 2);
    let key = world.gateway.agent(&agent_name(uuid)).unwrap().key;
    assert_eq!(world.heroku.kept().config[&uuid.to_string()]["HOOP_KEY"], key);
    let (code, _, stderr) = world.run(&["rotate", &Uuid::new_v4().to_string()]).await;
    assert_eq!((code, stderr.as_str()), (1, "hoop-addon: There is no such add-on.\n"));
}

#[tokio::test]
async fn nobody_else_presses_the_button() {
    let world = World::new().await;
    let server = world.serve().await;
    let (uuid, other) = (Uuid::new_v4(), Uuid::new_v4());
    server.provision(uuid, &json!({})).await;
    server.provision(other, &json!({})).await;
    let (cookie, others) = (session(&server, uuid).await, session(&server, other).await);
    let token = form_token(&page(&server, uuid, &cookie).await.1);
    let others_token = form_token(&page(&server, other, &others).await.1);
    for (cookie, token) in [
        (cookie.as_str(), ""),
        (cookie.as_str(), "guess"),
        (cookie.as_str(), others_token.as_str()),
        (others.as_str(), token.as_str()),
        ("", token.as_str()),
    ] {
        assert_eq!(
            press(&server, uuid, cookie, token).await.status(),
            StatusCode::FORBIDDEN
        );
    }
    assert_eq!(world.gateway.made(), 2);
}
