//! Plans and options: what is made, changed and refused.

use reqwest::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{World, agent_name};

const PLANS: &str = r#"
[plans.basic]

[plans.embedded]
agent_mode = "embedded"

[[plans.console.connections]]
command = ["bash"]
access_modes = ["exec"]

[[plans.full.connections]]
command = ["bash"]
access_modes = ["connect", "exec"]

[[plans.full.connections]]
name = "{connection}-logs"
command = ["tail", "-f", "log"]
"#;

fn refusal(answer: &(StatusCode, Value)) -> &str {
    assert_eq!(answer.0, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.1);
    answer.1["message"].as_str().unwrap()
}

#[tokio::test]
async fn a_change_of_the_plan_makes_and_deletes_what_differs() {
    let mut world = World::new().await;
    world.plans(PLANS);
    let server = world.serve().await;
    let uuid = Uuid::new_v4();
    let options = json!({ "plan": "console", "options": { "connection": "orders", "command": "rails 'c x'" } });
    let (_, made) = server.provision(uuid, &options).await;
    assert_eq!(made["config"]["HOOP_CONNECTION"], "orders");
    let agent = world.gateway.agent(&agent_name(uuid)).unwrap();
    let orders = &world.gateway.connections()["orders"];
    assert_eq!(
        (&orders["command"], &orders["agent_id"]),
        (&json!(["rails", "c x"]), &json!(agent.id))
    );
    assert_eq!(
        (&orders["access_mode_exec"], &orders["access_mode_connect"]),
        (&json!("enabled"), &json!("disabled"))
    );
    // More, and another access mode of what stays.
    let (status, changed) = server.change_plan(uuid, "full").await;
    assert_eq!((status, &changed["config"]), (StatusCode::OK, &made["config"]));
    assert_eq!(
        world.gateway.connections().into_keys().collect::<Vec<_>>(),
        ["orders", "orders-logs"]
    );
    assert_eq!(world.gateway.connections()["orders"]["access_mode_connect"], "enabled");
    // Nothing but the agent.
    assert_eq!(
        server.change_plan(uuid, "basic").await,
        (
            StatusCode::OK,
            json!({
                "id": uuid, "config": made["config"], "message": "The plan is basic.",
            })
        )
    );
    assert!(world.gateway.connections().is_empty());
    // Another mode is another key, which the answer has.
    let (_, changed) = server.change_plan(uuid, "embedded").await;
    let agent = world.gateway.agent(&agent_name(uuid)).unwrap();
    assert_eq!(
        (agent.mode.as_str(), &changed["config"]["HOOP_KEY"]),
        ("embedded", &json!(agent.key))
    );
    assert_ne!(changed["config"], made["config"]);
    assert_eq!(
        server.change_plan(uuid, "embedded").await.1,
        changed,
        "a repeated request changes nothing"
    );
}

#[tokio::test]
async fn only_the_connections_that_were_made_are_deleted() {
    let mut world = World::new().await;
    world.plans(PLANS);
    let server = world.serve().await;
    let uuid = Uuid::new_v4();
    server
        .provision(uuid, &json!({ "plan": "full", "options": { "connection": "orders" } }))
        .await;
    let agent = world.gateway.agent(&agent_name(uuid)).unwrap();
    world.gateway.add_connection("of-the-team", &agent.id);
    world
        .gateway
        .add_connection("orders-logs", "11111111-1111-1111-1111-111111111111"); // it has moved to another agent
    assert_eq!(server.deprovision(uuid).await.0, StatusCode::NO_CONTENT);
    assert_eq!(
        world.gateway.connections().into_keys().collect::<Vec<_>>(),
        ["of-the-team", "orders-logs"]
    );
}

#[tokio::test]
async fn a_connection_of_somebody_else_is_left_alone() {
    let mut world = World::new().await;
    world.plans(PLANS);
    world
        .gateway
        .add_connection("orders-logs", "11111111-1111-1111-1111-111111111111");
    let server = world.serve().await;
    let uuid = Uuid::new_v4();
    let taken = server
        .provision(uuid, &json!({ "plan": "full", "options": { "connection": "orders" } }))
        .await;
    assert!(
        refusal(&taken).starts_with("The connection orders-logs exists at the hoop gateway"),
        "{taken:?}"
    );
    assert!(world.gateway.agents().is_empty());
    assert_eq!(
        world.gateway.connections().into_keys().collect::<Vec<_>>(),
        ["orders-logs"]
    );
    // The same by a change of the plan, which then is as it was.
    let (_, made) = server
        .provision(
            uuid,
            &json!({ "plan": "console", "options": { "connection": "orders" } }),
        )
        .await;
    refusal(&server.change_plan(uuid, "full").await);
    assert_eq!(
        world.gateway.connections().into_keys().collect::<Vec<_>>(),
        ["orders", "orders-logs"]
    );
    assert_eq!(server.change_plan(uuid, "console").await.1["config"], made["config"]);
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_a_sentence() {
    let mut world = World::new().await;
    world.plans(PLANS);
    let server = world.serve().await;
    for (changes, message) in [
        (
            json!({ "plan": "gold" }),
            "There is no plan gold. Choose one of: basic, console, embedded, full.",
        ),
        (json!({ "plan": null }), "The field plan is missing."),
        (json!({ "region": "mars" }), "hoop is not offered in the region mars."),
        (
            json!({ "options": { "size": "1" } }),
            "There is no option --size. hoop has --connection and --command.",
        ),
        (
            json!({ "options": { "connection": "a b" } }),
            "a b cannot be the name of a connection.",
        ),
        (
            json!({ "options": { "connection": "a-b" } }),
            "a-b cannot be the name of a connection.",
        ),
        (
            json!({ "options": { "command": "bash" } }),
            "The plan basic makes no connection",
        ),
        (
            json!({ "plan": "console", "options": { "command": "a 'b" } }),
            "--command cannot be read: ",
        ),
    ] {
        let answer = server.provision(Uuid::new_v4(), &changes).await;
        assert!(refusal(&answer).starts_with(message), "{changes} {answer:?}");
    }
    let uuid = Uuid::new_v4();
    assert_eq!(server.change_plan(uuid, "basic").await.0, StatusCode::NOT_FOUND);
    server.provision(uuid, &json!({})).await;
    refusal(&server.change_plan(uuid, "gold").await);
    assert_eq!(world.gateway.made(), 1);
}

#[tokio::test]
async fn a_long_text_is_not_repeated() {
    let world = World::new().await;
    let server = world.serve().await;
    let long = "x".repeat(60_000);
    for changes in [
        json!({ "plan": long }),
        json!({ "region": long }),
        json!({ "options": { "connection": long } }),
        json!({ "options": { &long: "x" } }),
    ] {
        let answer = server.provision(Uuid::new_v4(), &changes).await;
        let refusal = refusal(&answer);
        assert!(refusal.contains("xxx") && refusal.len() < 400, "{refusal}");
    }
}
