//! Sign-in from Heroku, and the session that follows.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use reqwest::{Response, StatusCode};
use serde_json::json;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::support::{SALT, Server, World};

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A token of the kinds before the newest.
pub(crate) fn token(parts: &[&str]) -> String {
    hex::<Sha1>(parts)
}

fn hex<D: Digest>(parts: &[&str]) -> String {
    D::digest(parts.join(":")).iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

pub(crate) fn cookies(response: &Response) -> Vec<String> {
    response
        .headers()
        .get_all("set-cookie")
        .iter()
        .map(|it| it.to_str().unwrap().to_owned())
        .collect()
}

/// What Heroku's form sends, with every kind of token.
pub(crate) fn form(uuid: Uuid, time: u64) -> Vec<(&'static str, String)> {
    let (id, time) = (uuid.to_string(), time.to_string());
    let (user, email) = ("01234567-89ab-cdef-0123-456789abcdef", "someone@example.com");
    vec![
        ("email", email.to_owned()),
        ("user_id", user.to_owned()),
        ("app", "orders".to_owned()),
        ("context_app", "orders".to_owned()),
        ("timestamp", time.clone()),
        ("nav-data", "bmF2".to_owned()),
        ("id", id.clone()),
        ("token", token(&[&id, SALT, &time])),
        ("resource_id", id.clone()),
        ("resource_token", token(&[&id, SALT, &time])),
        (
            "user_scoped_resource_token",
            hex::<Sha256>(&[&id, SALT, &time, user, email]),
        ),
    ]
}

pub(crate) async fn send(server: &Server, form: &[(&str, String)]) -> Response {
    server
        .client
        .post(format!("{}/heroku/sso", server.address))
        .form(form)
        .send()
        .await
        .unwrap()
}

/// The session cookie of a sign-in, as a browser sends it back.
pub(crate) async fn session(server: &Server, uuid: Uuid) -> String {
    let entered = send(server, &form(uuid, now())).await;
    assert_eq!(entered.status(), StatusCode::OK);
    let cookie = cookies(&entered)
        .into_iter()
        .find(|cookie| cookie.starts_with("hoop_session="))
        .unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

pub(crate) async fn page(server: &Server, uuid: Uuid, cookie: &str) -> (StatusCode, String) {
    let url = format!("{}/resources/{uuid}", server.address);
    let response = server.client.get(url).header("cookie", cookie).send().await.unwrap();
    (response.status(), response.text().await.unwrap())
}

fn with(mut form: Vec<(&'static str, String)>, name: &'static str, value: &str) -> Vec<(&'static str, String)> {
    form.retain(|(field, _)| *field != name);
    form.push((name, value.to_owned()));
    form
}

#[tokio::test]
async fn the_session_is_a_signed_cookie_for_an_hour() {
    let world = World::new().await;
    let server = world.serve().await;
    let uuid = Uuid::new_v4();
    server.provision(uuid, &json!({})).await;
    let entered = send(&server, &form(uuid, now())).await;
    let cookie = cookies(&entered)
        .into_iter()
        .find(|cookie| cookie.starts_with("hoop_session="))
        .unwrap();
    for attribute in [
        "HttpOnly",
        "Secure",
        "SameSite=Lax",
        "Max-Age=3600",
        &format!("Path=/resources/{uuid}"),
    ] {
        assert!(
            cookie.split("; ").any(|part| part == attribute),
            "{attribute}: {cookie}"
        );
    }
    assert!(
        cookies(&entered)
            .iter()
            .any(|cookie| cookie.starts_with("heroku-nav-data=bmF2; ") && cookie.contains("Path=/"))
    );
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let (status, text) = page(&server, uuid, &cookie).await;
    assert_eq!(status, StatusCode::OK);
    assert!(
        text.contains("hoop for orders") && text.contains("someone@example.com"),
        "{text}"
    );
    // A changed letter, no cookie, and the cookie of another resource.
    let other = Uuid::new_v4();
    server.provision(other, &json!({})).await;
    let broken = format!("{}A", &cookie[..cookie.len() - 1]);
    for (uuid, cookie) in [(uuid, broken.as_str()), (uuid, "a=b"), (other, cookie.as_str())] {
        let (status, text) = page(&server, uuid, cookie).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{cookie}");
        assert!(!text.contains("someone@example.com"));
    }
}

#[tokio::test]
async fn each_kind_of_token_is_enough_and_the_best_one_counts() {
    let world = World::new().await;
    let server = world.serve().await;
    let uuid = Uuid::new_v4();
    server.provision(uuid, &json!({})).await;
    let kinds = ["user_scoped_resource_token", "resource_token", "token"];
    for (index, kind) in kinds.into_iter().enumerate() {
        let mut only = form(uuid, now());
        only.retain(|(field, _)| *field == kind || !kinds.contains(field));
        assert_eq!(send(&server, &only).await.status(), StatusCode::OK, "{kind}");
        // A wrong one is not made up for by a worse one that is right.
        let mut wrong = form(uuid, now());
        wrong.retain(|(field, _)| !kinds[..index].contains(field));
        let right = wrong.iter().find(|(field, _)| *field == kind).unwrap().1.clone();
        for bad in [
            "invalid".to_owned(),
            right.to_uppercase(),
            right[1..].to_owned(),
            format!("{right} "),
        ] {
            if bad != right {
                let status = send(&server, &with(wrong.clone(), kind, &bad)).await.status();
                assert_eq!(status, StatusCode::FORBIDDEN, "{kind} {bad}");
            }
        }
    }
}

#[tokio::test]
async fn only_the_newest_token_tells_who_it_is() {
    let world = World::new().await;
    let server = world.serve().await;
    let uuid = Uuid::new_v4();
    server.provision(uuid, &json!({})).await;
    let changed = with(form(uuid, now()), "email", "boss@example.com");
    assert_eq!(send(&server, &changed).await.status(), StatusCode::FORBIDDEN);
    let mut older = changed;
    older.retain(|(field, _)| *field != "user_scoped_resource_token");
    let entered = send(&server, &older).await;
    assert_eq!(entered.status(), StatusCode::OK);
    assert!(!entered.text().await.unwrap().contains("boss@example.com"));
}

#[tokio::test]
async fn a_time_five_minutes_off_in_either_direction_is_refused() {
    let world = World::new().await;
    let server = world.serve().await;
    let uuid = Uuid::new_v4();
    server.provision(uuid, &json!({})).await;
    // Seconds from the limit, so that a slow machine changes nothing.
    for (time, status) in [
        (now() - 240, StatusCode::OK),
        (now() + 240, StatusCode::OK),
        (now() - 330, StatusCode::FORBIDDEN),
        (now() + 390, StatusCode::FORBIDDEN),
        (0, StatusCode::FORBIDDEN),
        (u64::MAX, StatusCode::FORBIDDEN),
    ] {
        assert_eq!(send(&server, &form(uuid, time)).await.status(), status, "{time}");
    }
    for time in ["", "-1", "1e9", "now", "99999999999999999999999"] {
        let form = with(form(uuid, now()), "timestamp", time);
        assert_eq!(send(&server, &form).await.status(), StatusCode::FORBIDDEN, "{time}");
    }
    assert_eq!(send(&server, &[]).await.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_resource_that_is_not_there_has_no_page() {
    let world = World::new().await;
    let server = world.serve().await;
    let (gone, unknown) = (Uuid::new_v4(), Uuid::new_v4());
    server.provision(gone, &json!({})).await;
    let cookie = session(&server, gone).await;
    server.deprovision(gone).await;
    for uuid in [gone, unknown] {
        assert_eq!(send(&server, &form(uuid, now())).await.status(), StatusCode::NOT_FOUND);
    }
    assert_eq!(page(&server, gone, &cookie).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_heroku_sends_is_shown_as_text() {
    let world = World::new().await;
    let server = world.serve().await;
    let uuid = Uuid::new_v4();
    server
        .provision(uuid, &json!({ "name": "<script>alert(1)</script>" }))
        .await;
    let mut form = with(form(uuid, now()), "app", "x; rm -rf ~");
    form = with(form, "nav-data", "a\r\nset-cookie: b=c");
    let entered = send(&server, &form).await;
    assert_eq!(entered.status(), StatusCode::OK);
    assert!(
        !cookies(&entered)
            .iter()
            .any(|cookie| cookie.starts_with("heroku-nav-data") || cookie.starts_with("b="))
    );
    let policy = entered.headers()["content-security-policy"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    let text = entered.text().await.unwrap();
    assert!(!text.contains("<script>alert") && !text.contains("rm -rf"), "{text}");
}
