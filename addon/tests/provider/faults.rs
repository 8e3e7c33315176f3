//! A gateway that is down, slow or wrong: Heroku hears of it in time, and nothing is left.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::gateway::{FaultKind, WEAK_API_KEY};
use crate::support::{Server, World, agent_name, until};

/// Longer than any request here may take: Heroku's own limit.
const HEROKUS_LIMIT: Duration = Duration::from_secs(25);

fn assert_later(answer: &(StatusCode, Value)) {
    assert_eq!(answer.0, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.1);
    let message = answer.1["message"].as_str().unwrap();
    assert!(message.contains("Try again in a few minutes."), "{message}");
}

/// After a failure, the next request is a first one again.
async fn assert_nothing_is_left(world: &World, server: &Server, uuid: Uuid) {
    world.gateway.behave();
    assert_eq!(server.deprovision(uuid).await.0, StatusCode::GONE);
    assert!(world.gateway.agents().is_empty());
    let (status, body) = server.provision(uuid, &json!({})).await;
    assert_eq!(status, StatusCode::CREATED, "{body}");
    assert_eq!(
        body["config"]["HOOP_KEY"],
        world.gateway.agent(&agent_name(uuid)).unwrap().key.as_str()
    );
}

#[tokio::test]
async fn a_gateway_that_fails_or_answers_nonsense_leaves_nothing() {
    let world = World::new().await;
    let server = world.serve().await;
    let kinds = [
        FaultKind::Status(500),
        FaultKind::StatusAfter(500),
        FaultKind::Status(302),
        FaultKind::Text(""),
        FaultKind::Text("{\"token\": \"\"}"),
        FaultKind::Text("{\"token\": \"https://example.com\"}"),
        FaultKind::Text("<html>"),
    ];
    for kind in kinds {
        let uuid = Uuid::new_v4();
        world.gateway.misbehave("POST /api/agents", kind.clone());
        assert_later(&server.provision(uuid, &json!({})).await);
        assert!(world.gateway.agents().is_empty(), "{kind:?}");
        assert_nothing_is_left(&world, &server, uuid).await;
        server.deprovision(uuid).await;
    }
    let log = server.log();
    assert!(!log.contains("xagt-") && !log.contains("hpk_"), "{log}");
}

#[tokio::test]
async fn a_gateway_that_is_down_is_told_at_once() {
    let mut world = World::new().await;
    // A port that was free a moment ago.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    world.set("HOOP_APIURL", &format!("http://{}", listener.local_addr().unwrap()));
    drop(listener);
    let server = world.serve().await;
    let uuid = Uuid::new_v4();
    assert_later(&server.provision(uuid, &json!({})).await);
    assert_eq!(server.deprovision(uuid).await.0, StatusCode::GONE, "there is no row");
}

#[tokio::test]
async fn a_key_that_the_gateway_refuses_is_told_and_not_shown() {
    for key in [
        "hpk_of-somebody-else",
        WEAK_API_KEY,
        "xapi-of-somebody-else",
        "0000|of-somebody-else",
    ] {
        let mut world = World::new().await;
        world.set("HOOP_API_KEY", key);
        let server = world.serve().await;
        assert_later(&server.provision(Uuid::new_v4(), &json!({})).await);
        assert!(!server.log().contains(key));
    }
}

#[tokio::test]
async fn a_slow_gateway_is_not_waited_for_and_what_it_makes_late_is_removed() {
    for kind in [FaultKind::SlowBefore, FaultKind::SlowAfter] {
        let world = World::new().await;
        let server = world.serve().await;
        let uuid = Uuid::new_v4();
        world
            .gateway
            .misbehave("POST /api/agents", kind(Duration::from_secs(4)));
        let start = Instant::now();
        assert_later(&server.provision(uuid, &json!({})).await);
        assert!(start.elapsed() < HEROKUS_LIMIT);
        // The repeated request takes over, whatever comes late of the first one.
        world.gateway.behave();
        until("both calls came through", || world.gateway.made() >= 1).await;
        let (status, body) = server.provision(uuid, &json!({})).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
        assert_eq!(
            body["config"]["HOOP_KEY"],
            world.gateway.agent(&agent_name(uuid)).unwrap().key.as_str()
        );
    }
}

#[tokio::test]
async fn a_removal_that_fails_is_finished_by_the_retry() {
    let world = World::new().await;
    let server = world.serve().await;
    let uuid = Uuid::new_v4();
    server.provision(uuid, &json!({ "plan": "console" })).await;
    for call in ["GET /api/connections", "DELETE /api/connections", "DELETE /api/agents"] {
        world.gateway.misbehave(call, FaultKind::Status(500));
        assert_later(&server.deprovision(uuid).await);
        // It is on its way out: it is not made again, and no plan is changed.
        assert_eq!(server.provision(uuid, &json!({})).await.0, StatusCode::GONE);
        assert_eq!(server.change_plan(uuid, "basic").await.0, StatusCode::GONE);
    }
    world.gateway.behave();
    assert_eq!(server.deprovision(uuid).await.0, StatusCode::NO_CONTENT);
    assert_eq!(server.deprovision(uuid).await.0, StatusCode::GONE);
    assert_eq!(server.provision(uuid, &json!({})).await.0, StatusCode::GONE);
    assert!(world.gateway.agents().is_empty() && world.gateway.connections().is_empty());
}
