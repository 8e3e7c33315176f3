//! What Heroku asks for, in both dialects of its API. Other fields are accepted, since Heroku may add some.

use axum::http::{HeaderMap, StatusCode, header};
use secrecy::SecretString;
use serde_json::{Map, Value};
use thiserror::Error;

use crate::resource::{Options, Order, ResourceId};

/// A dialect of the add-on partner API. Only the header tells them apart: Heroku's tester speaks the old one with
/// fields of the new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// The one before 2023. A resource has an id of ours.
    V1,
    /// The current one. A resource has a uuid of Heroku's.
    V3,
}

impl Dialect {
    pub fn of(headers: &HeaderMap) -> Self {
        let accepts = headers.get_all(header::ACCEPT).iter();
        let is_current = |value: &header::HeaderValue| {
            value
                .to_str()
                .is_ok_and(|value| value.to_ascii_lowercase().contains("application/vnd.heroku-addons"))
        };
        if accepts.into_iter().any(is_current) {
            Self::V3
        } else {
            Self::V1
        }
    }

    pub const fn content_type(self) -> &'static str {
        match self {
            Self::V1 => "application/json",
            Self::V3 => "application/vnd.heroku-addons+json",
        }
    }
}

/// A request to make a resource.
#[derive(Debug)]
pub struct Provision {
    pub id: ResourceId,
    pub order: Order,
    pub region: Option<String>,
    /// The code of the OAuth grant.
    pub grant: Option<SecretString>,
    /// Where the old dialect wants to hear of the resource once more.
    pub callback: Option<String>,
}

/// What is wrong with a body. Each text of a wrong field is shown to the user of Heroku's command line.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum BodyError {
    #[error("The body is not a JSON object.")]
    NotJson,
    #[error("The field {0} is missing.")]
    Missing(&'static str),
    #[error("The field {0} is not a text.")]
    NotText(&'static str),
    #[error("The field {0} contains a control character.")]
    Control(&'static str),
    #[error("The field uuid is not a UUID.")]
    NotUuid,
    #[error("The options are not an object of texts.")]
    NotOptions,
    #[error("There is no option --{0}. hoop has --connection and --command.")]
    UnknownOption(String),
    #[error("The option --{0} needs a value.")]
    EmptyOption(&'static str),
    #[error("The option --{0} contains a control character.")]
    ControlInOption(&'static str),
}

impl BodyError {
    /// Heroku shows the text of a 422 only.
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::NotJson => StatusCode::BAD_REQUEST,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }
}

impl Provision {
    pub fn read(dialect: Dialect, body: &[u8]) -> Result<Self, BodyError> {
        let body = object(body)?;
        let id = match (text(&body, "uuid")?, dialect) {
            (Some(uuid), _) => ResourceId::parse(&uuid)
                .filter(|_| uuid.contains('-'))
                .ok_or(BodyError::NotUuid)?,
            (None, Dialect::V1) => ResourceId::random(),
            (None, Dialect::V3) => return Err(BodyError::Missing("uuid")),
        };
        let name = if dialect == Dialect::V3 {
            text(&body, "name")?.unwrap_or_default()
        } else {
            String::new()
        };
        let code = |grant: &Value| grant.get("code").and_then(Value::as_str).map(SecretString::from);
        Ok(Self {
            id,
            order: Order {
                plan: plan(&body)?,
                name,
                options: options(body.get("options"))?,
            },
            region: text(&body, "region")?,
            grant: body
                .get("oauth_grant")
                .and_then(code)
                .filter(|_| dialect == Dialect::V3),
            callback: text(&body, "callback_url")?.filter(|_| dialect == Dialect::V1),
        })
    }
}

/// The plan that a request changes to.
pub fn new_plan(body: &[u8]) -> Result<String, BodyError> {
    plan(&object(body)?)
}

fn plan(body: &Map<String, Value>) -> Result<String, BodyError> {
    text(body, "plan")?
        .filter(|plan| !plan.is_empty())
        .ok_or(BodyError::Missing("plan"))
}

fn object(body: &[u8]) -> Result<Map<String, Value>, BodyError> {
    serde_json::from_slice(body).map_err(|_| BodyError::NotJson)
}

/// A text, or nothing where the field is absent or null. No text of these has more than one line, and PostgreSQL
/// cannot keep a NUL.
fn text(body: &Map<String, Value>, field: &'static str) -> Result<Option<String>, BodyError> {
    match body.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.chars().any(char::is_control) => Err(BodyError::Control(field)),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(BodyError::NotText(field)),
    }
}

fn options(given: Option<&Value>) -> Result<Options, BodyError> {
    let mut options = Options::default();
    let given = match given {
        None | Some(Value::Null) => return Ok(options),
        Some(Value::Object(given)) => given,
        Some(_) => return Err(BodyError::NotOptions),
    };
    for (name, value) in given {
        let (name, option) = match name.as_str() {
            "connection" => ("connection", &mut options.connection),
            "command" => ("command", &mut options.command),
            _ => {
                return Err(BodyError::UnknownOption(
                    name.chars().filter(|c| !c.is_control()).take(60).collect(),
                ));
            }
        };
        let value = value.as_str().ok_or(BodyError::NotOptions)?;
        if value.trim().is_empty() {
            return Err(BodyError::EmptyOption(name));
        }
        if value.chars().any(char::is_control) {
            return Err(BodyError::ControlInOption(name));
        }
        *option = Some(value.to_owned());
    }
    Ok(options)
}

#[cfg(test)]
mod tests;
