//! PostgreSQL, which Heroku gives, does as SQLite does in the other tests. And two processes share it.

use reqwest::StatusCode;
use serde_json::json;
use uuid::Uuid;

use crate::support::postgres::Postgres;
use crate::support::{PASSWORD, SLUG, V3, World, agent_name, answer, v3_body};

#[tokio::test]
#[expect(clippy::print_stdout, reason = "it says that it was skipped")]
async fn two_processes_share_a_postgresql() {
    let Some(postgres) = Postgres::start() else {
        println!("skipped: there is no PostgreSQL on this machine");
        return;
    };
    let mut world = World::with_database(tempfile::tempdir().unwrap(), postgres.url()).await;
    // Both bring the tables up to date at once.
    let (one, other) = tokio::join!(world.serve(), world.serve());
    let uuid = Uuid::new_v4();
    let repeats = (0..50).map(|index| {
        let server = if index % 2 == 0 { &one } else { &other };
        let (client, url) = (server.client.clone(), format!("{}/heroku/resources", server.address));
        tokio::spawn(async move {
            let request = client.post(url).basic_auth(SLUG, Some(PASSWORD)).header("accept", V3);
            answer(request.json(&v3_body(uuid)).send().await.unwrap()).await
        })
    });
    let repeats: Vec<_> = repeats.collect();
    let (_, first) = one.provision(uuid, &json!({})).await;
    for repeat in repeats {
        assert_eq!(repeat.await.unwrap(), (StatusCode::CREATED, first.clone()));
    }
    assert_eq!(world.gateway.made(), 1);
    assert_eq!(
        first["config"]["HOOP_KEY"],
        world.gateway.agent(&agent_name(uuid)).unwrap().key.as_str()
    );
    // The whole life of a resource, now in one process, now in the other.
    assert_eq!(other.change_plan(uuid, "console").await.0, StatusCode::OK);
    assert_eq!(world.gateway.connections().len(), 1);
    assert_eq!(one.change_plan(uuid, "basic").await.0, StatusCode::OK);
    assert!(world.gateway.connections().is_empty());
    let cookie = crate::sso::session(&one, uuid).await;
    let (status, page) = crate::sso::page(&other, uuid, &cookie).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("Not connected"), "{page}");
    let (code, _, stderr) = world.run(&["rotate", &uuid.to_string()]).await;
    assert_eq!(code, 0, "{stderr}");
    let key = world.gateway.agent(&agent_name(uuid)).unwrap().key;
    assert_eq!(
        other.provision(uuid, &json!({})).await.1["config"]["HOOP_KEY"],
        key.as_str()
    );
    assert_eq!(world.run(&["reconcile"]).await.0, 0);
    // A kill loses nothing, and another secret takes over what the former one sealed.
    one.kill().await;
    other.stop_and_wait().await;
    world.set("HOOP_ADDON_SECRET", "another secret that keys are sealed with");
    world.set("HOOP_ADDON_SECRET_PREVIOUS", crate::support::SECRET);
    let server = world.serve().await;
    assert_eq!(
        server.provision(uuid, &json!({})).await.1["config"]["HOOP_KEY"],
        key.as_str()
    );
    assert_eq!(server.deprovision(uuid).await.0, StatusCode::NO_CONTENT);
    assert_eq!(server.deprovision(uuid).await.0, StatusCode::GONE);
    assert!(world.gateway.agents().is_empty());
    server.stop_and_wait().await;
}
