//! Bodies as Heroku sends them, and as nobody should.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const UUID: &str = "01234567-89ab-cdef-0123-456789abcdef";

fn read(dialect: Dialect, body: &Value) -> Result<Provision, BodyError> {
    Provision::read(dialect, body.to_string().as_bytes())
}

#[test]
fn fields_that_are_not_known_are_accepted() {
    let body = json!({ "uuid": UUID, "plan": "basic", "vpc": { "id": [1, null] }, "log_input_url": "https://x" });
    let read = read(Dialect::V3, &body).unwrap();
    assert_eq!((read.id.to_string().as_str(), read.order.plan.as_str()), (UUID, "basic"));
}

#[test]
fn each_field_is_checked() {
    for (change, error) in [
        (json!({ "uuid": null }), BodyError::Missing("uuid")),
        (json!({ "uuid": 7 }), BodyError::NotText("uuid")),
        (json!({ "uuid": "0123456789abcdef0123456789abcdef" }), BodyError::NotUuid),
        (json!({ "uuid": "%' OR '1'='1" }), BodyError::NotUuid),
        (json!({ "plan": "" }), BodyError::Missing("plan")),
        (json!({ "plan": ["basic"] }), BodyError::NotText("plan")),
        (json!({ "plan": "ba\0sic" }), BodyError::Control("plan")),
        (json!({ "name": "a\nb" }), BodyError::Control("name")),
        (json!({ "region": {} }), BodyError::NotText("region")),
        (json!({ "options": [] }), BodyError::NotOptions),
        (json!({ "options": { "connection": 7 } }), BodyError::NotOptions),
        (json!({ "options": { "connection": " " } }), BodyError::EmptyOption("connection")),
        (json!({ "options": { "command": "a\0b" } }), BodyError::ControlInOption("command")),
        (json!({ "options": { "f\u{1b}oo": "" } }), BodyError::UnknownOption("foo".to_owned())),
    ] {
        let mut body = json!({ "uuid": UUID, "plan": "basic" });
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        assert_eq!(read(Dialect::V3, &body).unwrap_err(), error, "{body}");
    }
}

#[test]
fn what_is_no_object_is_no_body() {
    let deep = "[".repeat(100_000);
    let deep_object = format!("{{\"plan\": {}", "{\"a\":".repeat(60_000));
    for body in ["", "null", "[]", "7", "\"text\"", "{", "{}{}", "\u{feff}{}", &deep, &deep_object] {
        assert_eq!(Provision::read(Dialect::V3, body.as_bytes()).unwrap_err(), BodyError::NotJson);
        assert_eq!(new_plan(body.as_bytes()).unwrap_err(), BodyError::NotJson);
    }
    assert_eq!(Provision::read(Dialect::V1, b"{\"plan\": \"\xff\"}").unwrap_err(), BodyError::NotJson);
}

proptest! {
    #[test]
    fn no_body_is_too_strange(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        for dialect in [Dialect::V1, Dialect::V3] {
            Provision::read(dialect, &bytes).ok();
        }
        new_plan(&bytes).ok();
    }

    #[test]
    fn whatever_is_accepted_has_one_line(text in ".{0,80}") {
        let body = json!({ "uuid": UUID, "plan": text, "name": text, "options": { "command": text } });
        if let Ok(read) = read(Dialect::V3, &body) {
            prop_assert_eq!(&read.order.plan, &text);
            prop_assert!(!text.is_empty() && !text.chars().any(char::is_control));
        }
    }
}
