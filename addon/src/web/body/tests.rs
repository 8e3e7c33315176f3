//! Bodies as Heroku sends them, and as nobody should: whatever they are, they are read or refused with a text for a
//! person.

use proptest::collection::{hash_map, vec};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::web::LONGEST_BODY;

const DIALECTS: [Dialect; 2] = [Dialect::V1, Dialect::V3];

/// A body as Heroku sends it in both dialects.
fn body() -> Value {
    json!({
        "uuid": "01234567-89ab-cdef-0123-456789abcdef",
        "name": "hoop-angular-12345",
        "plan": "console",
        "region": "amazon-web-services::us-east-1",
        "callback_url": "https://api.heroku.com/addons/01234567-89ab-cdef-0123-456789abcdef",
        "oauth_grant": { "code": "the-code", "type": "authorization_code", "expires_at": "2026-03-03T18:01:31-0800" },
        "options": { "connection": "orders-shell", "command": "bash -l" },
    })
}

fn with(field: &str, value: Value) -> Value {
    let mut body = body();
    body[field] = value;
    body
}

fn read(dialect: Dialect, body: &Value) -> Result<Provision, BodyError> {
    Provision::read(dialect, body.to_string().as_bytes())
}

/// Any JSON, with every kind of character in its texts.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "(?s).*".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 8, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..8).prop_map(Value::from),
            hash_map("(?s).*", inner, 0..8).prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn is_line(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

/// What was read can be kept and shown, and what was refused says so in one line.
fn assert_sound(read: &Result<Provision, BodyError>) {
    match read {
        Ok(read) => {
            let Order { plan, name, options } = &read.order;
            assert!(!plan.is_empty());
            let texts = [Some(plan), Some(name), read.region.as_ref(), read.callback.as_ref()];
            let options = [options.connection.as_ref(), options.command.as_ref()];
            assert!(texts.into_iter().flatten().all(|text| is_line(text)));
            assert!(
                options
                    .into_iter()
                    .flatten()
                    .all(|text| is_line(text) && !text.trim().is_empty())
            );
        }
        Err(error) => {
            let (text, status) = (error.to_string(), error.status());
            assert!(text.ends_with('.') && is_line(&text) && text.len() < 400, "{text:?}");
            assert_eq!(
                status == StatusCode::BAD_REQUEST,
                *error == BodyError::NotJson,
                "{status}"
            );
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        for dialect in DIALECTS {
            assert_sound(&Provision::read(dialect, &bytes));
        }
        new_plan(&bytes).ok();
    }

    #[test]
    fn any_json_is_read_or_refused(json in any_json()) {
        for dialect in DIALECTS {
            assert_sound(&read(dialect, &json));
        }
        new_plan(json.to_string().as_bytes()).ok();
    }

    #[test]
    fn any_json_can_stand_in_a_field(
        field in prop::sample::select(vec![
            "uuid", "name", "plan", "region", "callback_url", "oauth_grant", "options", "log_drain_token",
        ]),
        json in any_json(),
    ) {
        for dialect in DIALECTS {
            assert_sound(&read(dialect, &with(field, json.clone())));
        }
    }

    #[test]
    fn a_field_that_is_not_known_changes_nothing(field in "(?s).*", json in any_json()) {
        prop_assume!(body().get(&field).is_none());
        for dialect in DIALECTS {
            let (plain, more) = (read(dialect, &body()).unwrap(), read(dialect, &with(&field, json.clone())).unwrap());
            prop_assert_eq!((more.id, more.order, more.region), (plain.id, plain.order, plain.region));
        }
    }

    #[test]
    fn only_the_options_that_hoop_has_are_accepted(json in any_json()) {
        let is_fit = |options: &Map<String, Value>| {
            options.iter().all(|(name, value)| {
                matches!(name.as_str(), "connection" | "command")
                    && value.as_str().is_some_and(|value| !value.trim().is_empty() && is_line(value))
            })
        };
        let expected = json.is_null() || json.as_object().is_some_and(is_fit);
        prop_assert_eq!(read(Dialect::V3, &with("options", json)).is_ok(), expected);
    }

    #[test]
    fn a_text_with_a_control_character_is_refused(
        field in prop::sample::select(vec!["uuid", "name", "plan", "region", "callback_url"]),
        text in "[a-z]{0,8}[\\x00-\\x1f\\x7f-\\u{9f}][a-z]{0,8}",
    ) {
        prop_assert_eq!(read(Dialect::V3, &with(field, text.into())).err(), Some(BodyError::Control(field)));
    }
}

#[test]
fn each_field_is_checked() {
    for (change, error) in [
        (json!({ "uuid": null }), BodyError::Missing("uuid")),
        (json!({ "uuid": 7 }), BodyError::NotText("uuid")),
        (
            json!({ "uuid": "0123456789abcdef0123456789abcdef" }),
            BodyError::NotUuid,
        ),
        (json!({ "uuid": "%' OR '1'='1" }), BodyError::NotUuid),
        (json!({ "plan": "" }), BodyError::Missing("plan")),
        (json!({ "plan": ["basic"] }), BodyError::NotText("plan")),
        (json!({ "plan": "ba\0sic" }), BodyError::Control("plan")),
        (json!({ "name": "a\nb" }), BodyError::Control("name")),
        (json!({ "region": {} }), BodyError::NotText("region")),
        (json!({ "options": [] }), BodyError::NotOptions),
        (json!({ "options": { "connection": 7 } }), BodyError::NotOptions),
        (
            json!({ "options": { "connection": " " } }),
            BodyError::EmptyOption("connection"),
        ),
        (
            json!({ "options": { "command": "a\0b" } }),
            BodyError::ControlInOption("command"),
        ),
        (
            json!({ "options": { "f\u{1b}oo": "" } }),
            BodyError::UnknownOption("foo".to_owned()),
        ),
    ] {
        let mut body = body();
        body.as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        assert_eq!(read(Dialect::V3, &body).unwrap_err(), error, "{body}");
    }
}

#[test]
fn deep_json_is_refused() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        for depth in [200, 10_000] {
            let deep = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            for field in ["options", "oauth_grant", "more"] {
                let body =
                    format!(r#"{{"uuid":"01234567-89ab-cdef-0123-456789abcdef","plan":"test","{field}":{deep}}}"#);
                for dialect in DIALECTS {
                    assert_eq!(
                        Provision::read(dialect, body.as_bytes()).unwrap_err(),
                        BodyError::NotJson
                    );
                }
                assert_eq!(new_plan(body.as_bytes()).unwrap_err(), BodyError::NotJson);
            }
            // It does not have to end.
            let begun = open.repeat(depth);
            assert_eq!(new_plan(begun.as_bytes()).unwrap_err(), BodyError::NotJson);
        }
    }
}

#[test]
fn what_is_no_object_is_refused() {
    for body in [
        "",
        " ",
        "null",
        "[]",
        "1",
        "\"plan\"",
        "{",
        "{}{}",
        "{\"plan\":\"test\",}",
        "\u{feff}{}",
        "\0",
    ] {
        for dialect in DIALECTS {
            assert_eq!(
                Provision::read(dialect, body.as_bytes()).unwrap_err(),
                BodyError::NotJson,
                "{body}"
            );
        }
    }
    for body in [
        &b"{\"plan\":\"\xff\"}"[..],
        b"{\"plan\":\"\\ud800\"}",
        b"\xff\xfe{\0}\0",
    ] {
        assert_eq!(new_plan(body).unwrap_err(), BodyError::NotJson);
    }
}

#[test]
fn a_field_that_is_no_text_is_named() {
    let values = [json!(1), json!(true), json!(["test"]), json!({ "test": "test" })];
    for value in values {
        for field in ["uuid", "name", "plan", "region", "callback_url"] {
            let refused = read(Dialect::V3, &with(field, value.clone())).unwrap_err();
            assert_eq!(refused, BodyError::NotText(field));
        }
        // The old dialect has no name.
        assert!(read(Dialect::V1, &with("name", value.clone())).is_ok());
        let refused = new_plan(json!({ "plan": value }).to_string().as_bytes()).unwrap_err();
        assert_eq!(refused, BodyError::NotText("plan"));
    }
}

#[test]
fn a_field_that_is_missing_is_named() {
    for none in [json!(null), json!("")] {
        assert_eq!(
            read(Dialect::V3, &with("plan", none)).unwrap_err(),
            BodyError::Missing("plan")
        );
    }
    assert_eq!(
        read(Dialect::V3, &with("uuid", json!(null))).unwrap_err(),
        BodyError::Missing("uuid")
    );
    for text in [
        "",
        "01234567",
        "0123456789abcdef0123456789abcdef",
        "{01234567-89ab-cdef-0123-456789abcdef}",
    ] {
        for dialect in DIALECTS {
            assert_eq!(
                read(dialect, &with("uuid", json!(text))).unwrap_err(),
                BodyError::NotUuid,
                "{text}"
            );
        }
    }
    let optional = ["name", "region", "callback_url", "oauth_grant", "options"];
    let bare = optional.iter().fold(body(), |mut body, field| {
        body[*field] = Value::Null;
        body
    });
    let read = read(Dialect::V3, &bare).unwrap();
    assert_eq!((read.order.name.as_str(), read.order.options), ("", Options::default()));
    assert!(read.region.is_none() && read.grant.is_none() && read.callback.is_none());
}

#[test]
fn the_last_of_two_fields_counts() {
    assert_eq!(new_plan(br#"{"plan":"test","plan":"basic"}"#).unwrap(), "basic");
    assert_eq!(
        new_plan(br#"{"plan":"test","plan":1}"#).unwrap_err(),
        BodyError::NotText("plan")
    );
}

#[test]
fn texts_as_long_as_a_body_are_read() {
    let long = "x".repeat(LONGEST_BODY);
    for dialect in DIALECTS {
        for field in ["name", "plan", "region", "callback_url"] {
            assert!(read(dialect, &with(field, json!(long))).is_ok());
        }
        assert_eq!(
            read(dialect, &with("uuid", json!(long))).unwrap_err(),
            BodyError::NotUuid
        );
        // Its name is repeated to a person.
        let unknown = read(dialect, &with("options", json!({ &long: "1" }))).unwrap_err();
        assert!(unknown.to_string().len() < 400);
    }
}

#[test]
fn a_grant_of_another_form_is_none() {
    for grant in [
        json!({}),
        json!([]),
        json!("code"),
        json!({ "code": 1 }),
        json!({ "code": null }),
    ] {
        assert!(read(Dialect::V3, &with("oauth_grant", grant)).unwrap().grant.is_none());
    }
    assert!(read(Dialect::V3, &body()).unwrap().grant.is_some());
    assert!(read(Dialect::V1, &body()).unwrap().grant.is_none());
}
