//! A resource is made, in the current dialect, with requests as Heroku's official sample gets them.

use reqwest::{Method, StatusCode};
use serde_json::json;
use uuid::Uuid;

use crate::support::{self, V3, World, agent_name, v3_body};

#[tokio::test]
async fn a_resource_is_an_agent_and_its_key() {
    let world = World::new().await;
    let server = world.serve().await;
    let uuid = Uuid::new_v4();
    let answer = server
        .call(Method::POST, "/heroku/resources", V3, Some(&v3_body(uuid)))
        .await;
    assert_eq!(answer.headers()["content-type"], "application/vnd.heroku-addons+json");
    let (status, body) = support::answer(answer).await;
    assert_eq!(status, StatusCode::CREATED, "{body}");
    let agent = world.gateway.agent(&agent_name(uuid)).unwrap();
    assert_eq!(body["id"], json!(uuid));
    assert_eq!(body["config"], json!({ "HOOP_KEY": agent.key }));
    assert!(body["message"].as_str().unwrap().contains("hoopstart"), "{body}");
    assert!(!server.log().contains("xagt-"));
}

#[tokio::test]
async fn a_repeated_request_has_the_same_answer_and_makes_nothing() {
    let world = World::new().await;
    let server = world.serve().await;
    let uuid = Uuid::new_v4();
    let repeats = (0..50).map(|_| {
        let (client, url) = (server.client.clone(), format!("{}/heroku/resources", server.address));
        tokio::spawn(async move {
            let request = client
                .post(url)
                .basic_auth(support::SLUG, Some(support::PASSWORD))
                .header("accept", V3);
            support::answer(request.json(&v3_body(uuid)).send().await.unwrap()).await
        })
    });
    let repeats: Vec<_> = repeats.collect();
    let (_, first) = server.provision(uuid, &json!({})).await;
    for repeat in repeats {
        assert_eq!(repeat.await.unwrap(), (StatusCode::CREATED, first.clone()));
    }
    assert_eq!(world.gateway.made(), 1);
    assert_eq!(
        first["config"]["HOOP_KEY"],
        world.gateway.agent(&agent_name(uuid)).unwrap().key.as_str()
    );
}
