//! What those who run the provider do with it.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::gateway::{FaultKind, WEAK_API_KEY};
use crate::support::{METRICS_TOKEN, World, agent_name, v3_body};

#[tokio::test]
async fn the_figures_are_for_who_has_the_token() {
    let world = World::new().await;
    let server = world.serve().await;
    server.provision(Uuid::new_v4(), &json!({})).await;
    let url = format!("{}/metrics", server.address);
    assert_eq!(
        server.client.get(&url).send().await.unwrap().status(),
        StatusCode::UNAUTHORIZED
    );
    let wrong = server.client.get(&url).bearer_auth("guess").send().await.unwrap();
    assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
    let figures = server
        .client
        .get(&url)
        .bearer_auth(METRICS_TOKEN)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    for line in [
        "hoop_addon_resources{state=\"ready\"} 1",
        "hoop_addon_gateway_calls_total{call=\"POST /api/agents\",status=\"201\"} 1",
        "hoop_addon_requests_total{method=\"POST\",path=\"/heroku/resources\",status=\"201\"} 1",
    ] {
        assert!(figures.lines().any(|figure| figure == line), "{line}\n{figures}");
    }
}

#[tokio::test]
async fn a_stop_waits_for_what_is_being_done() {
    let world = World::new().await;
    let mut server = world.serve().await;
    world
        .gateway
        .misbehave("POST /api/agents", FaultKind::SlowBefore(Duration::from_secs(1)));
    let uuid = Uuid::new_v4();
    let (client, url) = (server.client.clone(), format!("{}/heroku/resources", server.address));
    let request = tokio::spawn(async move {
        let request = client.post(url).basic_auth("hoop", Some(crate::support::PASSWORD));
        request
            .header("accept", crate::support::V3)
            .json(&v3_body(uuid))
            .send()
            .await
            .unwrap()
            .status()
    });
    crate::support::until("the gateway is asked", || world.gateway.begun() > 0).await;
    assert_eq!(server.stop().await, 0);
    assert_eq!(request.await.unwrap(), StatusCode::CREATED);
    let refused = server.client.get(format!("{}/healthz", server.address)).send().await;
    assert!(refused.unwrap_err().is_connect());
}

#[tokio::test]
async fn each_request_has_an_id_in_the_answer_and_the_log() {
    let world = World::new().await;
    let server = world.serve().await;
    let url = format!("{}/healthz", server.address);
    let answer = server
        .client
        .get(&url)
        .header("x-request-id", "id-of-heroku")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.headers()["x-request-id"], "id-of-heroku");
    let log = server.log();
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    assert_eq!(
        lines.filter(|line| line["span"]["id"] == "id-of-heroku").count(),
        1,
        "{log}"
    );
    let answer = server
        .client
        .get(&url)
        .header("x-request-id", "a\" b")
        .send()
        .await
        .unwrap();
    assert!(Uuid::try_parse(answer.headers()["x-request-id"].to_str().unwrap()).is_ok());
}

#[tokio::test]
async fn check_says_what_is_missing() {
    let mut world = World::new().await;
    let (code, stdout, _) = world.run(&["check"]).await;
    assert_eq!(code, 0, "{stdout}");
    assert!(
        stdout.contains("ok      The key to the gateway may make and delete agents."),
        "{stdout}"
    );
    assert!(world.gateway.agents().is_empty());
    world.set("HOOP_API_KEY", WEAK_API_KEY);
    let (code, stdout, _) = world.run(&["check"]).await;
    assert_eq!(code, 1);
    assert!(
        stdout.contains("missing HOOP_API_KEY may not make agents: it lacks the group admin."),
        "{stdout}"
    );
    world.set("HOOP_ADDON_PASSWORD", "short");
    world.set("HOOP_APIURL", "ftp://example.com");
    let (code, stdout, _) = world.run(&["check"]).await;
    assert_eq!(code, 1);
    assert!(
        stdout.contains("missing HOOP_ADDON_PASSWORD is shorter than 16 characters"),
        "{stdout}"
    );
    assert!(
        stdout.contains("missing HOOP_APIURL is not an address of http: or https:"),
        "{stdout}"
    );
}

#[tokio::test]
async fn reconcile_finds_and_mends_what_does_not_fit() {
    let world = World::new().await;
    let server = world.serve().await;
    let (whole, without) = (Uuid::new_v4(), Uuid::new_v4());
    server.provision(whole, &json!({})).await;
    let (_, made) = server.provision(without, &json!({})).await;
    world.gateway.remove_agent(&agent_name(without));
    let orphan = agent_name(Uuid::new_v4());
    for name in [&orphan, "heroku-of-the-team", "of-the-team"] {
        world.gateway.add_agent(name);
    }
    let found = format!("The agent {orphan} has no resource.\nThe resource {without} has no agent.\n");
    let (code, stdout, stderr) = world.run(&["reconcile"]).await;
    assert_eq!((code, stdout), (2, found), "{stderr}");
    let (code, stdout, stderr) = world.run(&["reconcile", "--fix"]).await;
    assert_eq!(code, 0, "{stdout}{stderr}");
    let names: Vec<_> = world.gateway.agents().into_keys().collect();
    assert_eq!(names.len(), 4, "{names:?}");
    assert!(!names.contains(&orphan));
    let (_, again) = server.provision(without, &json!({})).await;
    assert_ne!(again["config"], made["config"]);
    assert_eq!(
        again["config"]["HOOP_KEY"],
        world.gateway.agent(&agent_name(without)).unwrap().key.as_str()
    );
    assert_eq!(world.run(&["reconcile"]).await.0, 0);
}

#[tokio::test]
async fn another_secret_opens_what_the_former_one_sealed() {
    let mut world = World::new().await;
    let server = world.serve().await;
    let uuid = Uuid::new_v4();
    let (_, made) = server.provision(uuid, &json!({})).await;
    server.stop_and_wait().await;
    world.set("HOOP_ADDON_SECRET", "another secret that keys are sealed with");
    let (code, stdout, _) = world.run(&["check"]).await;
    assert_eq!(code, 1);
    assert!(stdout.contains("as HOOP_ADDON_SECRET_PREVIOUS."), "{stdout}");
    let (code, _, stderr) = world.run(&["serve"]).await;
    assert_eq!(code, 1);
    assert!(stderr.contains("as HOOP_ADDON_SECRET_PREVIOUS."), "{stderr}");
    world.set("HOOP_ADDON_SECRET_PREVIOUS", crate::support::SECRET);
    world.serve().await.stop_and_wait().await;
    world.set("HOOP_ADDON_SECRET_PREVIOUS", "");
    let server = world.serve().await;
    assert_eq!(server.provision(uuid, &json!({})).await.1, made);
}
