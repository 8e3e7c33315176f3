//! The provider is killed. The repeated request ends with one agent, and with the key that works.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;
use sqlx::sqlite::SqlitePool;
use sqlx::{Connection as _, Row as _, SqliteConnection};
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::support::gateway::FaultKind;
use crate::support::{PASSWORD, SLUG, Server, V3, World, agent_name, until, v3_body};

/// Longer than a killed process holds a resource.
const LONG: Duration = Duration::from_secs(30);

/// A request whose client does not wait for the answer.
fn ask(server: &Server, uuid: Uuid) -> JoinHandle<()> {
    let (client, url) = (server.client.clone(), format!("{}/heroku/resources", server.address));
    tokio::spawn(async move {
        let request = client
            .post(url)
            .basic_auth(SLUG, Some(PASSWORD))
            .header("accept", V3)
            .json(&v3_body(uuid));
        request.send().await.ok();
    })
}

fn ask_to_remove(server: &Server, uuid: Uuid) -> JoinHandle<()> {
    let (client, url) = (
        server.client.clone(),
        format!("{}/heroku/resources/{uuid}", server.address),
    );
    tokio::spawn(async move {
        client.delete(url).basic_auth(SLUG, Some(PASSWORD)).send().await.ok();
    })
}

/// Starts the provider again and repeats the request, as Heroku does for a day.
async fn assert_made_once(world: &World, uuid: Uuid) {
    world.gateway.behave();
    let server = world.serve().await;
    let (status, body) = server.provision(uuid, &json!({})).await;
    assert_eq!(status, StatusCode::CREATED, "{body}");
    let agents = world.gateway.agents();
    assert_eq!(agents.len(), 1, "{agents:?}");
    assert_eq!(body["config"]["HOOP_KEY"], agents[&agent_name(uuid)].key.as_str());
    assert_eq!(server.provision(uuid, &json!({})).await.1, body);
    server.kill().await;
}

async fn state(pool: &SqlitePool, uuid: Uuid) -> String {
    let query = sqlx::query("SELECT state FROM resources WHERE uuid = $1").bind(uuid.to_string());
    query
        .fetch_optional(pool)
        .await
        .unwrap()
        .map(|row| row.get(0))
        .unwrap_or_default()
}

#[tokio::test]
async fn killed_before_the_gateway_acts() {
    let world = World::new().await;
    let (server, uuid) = (world.serve().await, Uuid::new_v4());
    world.gateway.misbehave("POST /api/agents", FaultKind::SlowBefore(LONG));
    ask(&server, uuid);
    until("the gateway is asked", || world.gateway.begun() == 1).await;
    server.kill().await;
    assert_eq!(world.gateway.made(), 0);
    assert_made_once(&world, uuid).await;
}

#[tokio::test]
async fn killed_before_the_gateway_answers() {
    let world = World::new().await;
    let (server, uuid) = (world.serve().await, Uuid::new_v4());
    world.gateway.misbehave("POST /api/agents", FaultKind::SlowAfter(LONG));
    ask(&server, uuid);
    until("the agent is made", || world.gateway.made() == 1).await;
    server.kill().await;
    assert_made_once(&world, uuid).await;
}

#[tokio::test]
async fn killed_before_the_key_is_in_the_database() {
    let world = World::new().await;
    let (server, uuid) = (world.serve().await, Uuid::new_v4());
    world
        .gateway
        .misbehave("POST /api/agents", FaultKind::SlowBefore(Duration::from_millis(300)));
    ask(&server, uuid);
    until("the gateway is asked", || world.gateway.begun() == 1).await;
    // Nobody else writes from here on, so that the answer cannot be kept.
    let mut writer = SqliteConnection::connect(&world.database_url).await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut writer).await.unwrap();
    until("the agent is made", || world.gateway.made() == 1).await;
    server.kill().await;
    writer.close().await.unwrap();
    assert_made_once(&world, uuid).await;
}

#[tokio::test]
async fn killed_before_the_answer_is_read() {
    let world = World::new().await;
    let (server, uuid) = (world.serve().await, Uuid::new_v4());
    let pool = SqlitePool::connect(&world.database_url).await.unwrap();
    ask(&server, uuid);
    while state(&pool, uuid).await != "ready" {
        tokio::task::yield_now().await;
    }
    server.kill().await;
    pool.close().await;
    assert_eq!(world.gateway.made(), 1);
    assert_made_once(&world, uuid).await;
    assert_eq!(world.gateway.made(), 1, "what was kept is not made again");
}

#[tokio::test]
async fn killed_amid_many_requests() {
    let world = World::new().await;
    world
        .gateway
        .misbehave("POST /api/agents", FaultKind::SlowBefore(Duration::from_millis(20)));
    let uuids: Vec<_> = (0..60).map(|_| Uuid::new_v4()).collect();
    // Each time, it has got further.
    for made in [1, 10, 25, 45] {
        let server = world.serve().await;
        let asked: Vec<_> = uuids.iter().map(|uuid| ask(&server, *uuid)).collect();
        until("some are made", || world.gateway.made() >= made).await;
        server.kill().await;
        for request in asked {
            request.await.unwrap();
        }
    }
    world.gateway.behave();
    let server = world.serve().await;
    for uuid in &uuids {
        let (status, body) = server.provision(*uuid, &json!({})).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
        assert_eq!(
            body["config"]["HOOP_KEY"],
            world.gateway.agent(&agent_name(*uuid)).unwrap().key.as_str()
        );
    }
    assert_eq!(world.gateway.agents().len(), uuids.len());
    assert_eq!(world.run(&["reconcile"]).await.0, 0);
}

/// Kills it while it makes, removes or rotates, after a time that a fixed seed says, and not at a step that is known to
/// matter.
#[tokio::test]
async fn killed_at_any_moment() {
    let mut random: u64 = 4_711;
    let mut moment = move || {
        // Xorshift. Each of these takes about 30 ms, and the times of two runs differ all the same.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        tokio::time::sleep(Duration::from_micros(random % 60_000))
    };
    let world = World::new().await;
    let uuids: Vec<_> = (0..40).map(|_| Uuid::new_v4()).collect();
    let (fresh, there) = uuids.split_at(20);
    let (rotated, removed) = there.split_at(10);
    let server = world.serve().await;
    for uuid in there {
        assert_eq!(server.provision(*uuid, &json!({})).await.0, StatusCode::CREATED);
    }
    server.kill().await;
    for (index, uuid) in uuids.iter().enumerate() {
        let time = Duration::from_millis(10);
        let fault = if index % 2 == 0 {
            FaultKind::SlowBefore(time)
        } else {
            FaultKind::SlowAfter(time)
        };
        world.gateway.misbehave("", fault);
        if rotated.contains(uuid) {
            let mut rotation = world.command(&["rotate", &uuid.to_string()]).spawn().unwrap();
            moment().await;
            rotation.kill().await.unwrap();
            continue;
        }
        let server = world.serve().await;
        let asked = if fresh.contains(uuid) {
            ask(&server, *uuid)
        } else {
            ask_to_remove(&server, *uuid)
        };
        moment().await;
        server.kill().await;
        asked.await.unwrap();
    }
    world.gateway.behave();
    let server = world.serve().await;
    for uuid in rotated {
        let (code, _, stderr) = world.run(&["rotate", &uuid.to_string()]).await;
        assert_eq!(code, 0, "{stderr}");
    }
    for uuid in removed {
        let status = server.deprovision(*uuid).await.0;
        assert!(matches!(status, StatusCode::NO_CONTENT | StatusCode::GONE), "{status}");
        assert!(world.gateway.agent(&agent_name(*uuid)).is_none());
    }
    for uuid in fresh.iter().chain(rotated) {
        let (status, body) = server.provision(*uuid, &json!({})).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
        let key = world.gateway.agent(&agent_name(*uuid)).unwrap().key;
        assert_eq!(body["config"]["HOOP_KEY"], key.as_str());
    }
    assert_eq!(world.gateway.agents().len(), fresh.len() + rotated.len());
    assert_eq!(world.run(&["reconcile"]).await.0, 0);
}

#[tokio::test]
async fn killed_during_a_removal_and_a_rotation() {
    let world = World::new().await;
    let (server, uuid) = (world.serve().await, Uuid::new_v4());
    server.provision(uuid, &json!({})).await;
    world
        .gateway
        .misbehave("DELETE /api/agents", FaultKind::SlowBefore(LONG));
    let begun = world.gateway.begun();
    let mut rotation = world.command(&["rotate", &uuid.to_string()]).spawn().unwrap();
    until("the agent is about to go", || world.gateway.begun() > begun).await;
    rotation.kill().await.unwrap();
    world.gateway.behave();
    // The repeated request waits for the one that was killed, and has the key that works.
    let (code, _, stderr) = world.run(&["rotate", &uuid.to_string()]).await;
    assert_eq!(code, 0, "{stderr}");
    let key = world.gateway.agent(&agent_name(uuid)).unwrap().key;
    assert_eq!(
        server.provision(uuid, &json!({})).await.1["config"]["HOOP_KEY"],
        key.as_str()
    );
    world
        .gateway
        .misbehave("DELETE /api/agents", FaultKind::SlowBefore(LONG));
    let begun = world.gateway.begun();
    ask_to_remove(&server, uuid);
    until("the agent is about to go", || world.gateway.begun() > begun).await;
    server.kill().await;
    world.gateway.behave();
    let server = world.serve().await;
    let status = server.deprovision(uuid).await.0;
    assert!(matches!(status, StatusCode::NO_CONTENT | StatusCode::GONE), "{status}");
    assert!(world.gateway.agents().is_empty());
    assert_eq!(server.provision(uuid, &json!({})).await.0, StatusCode::GONE);
}
