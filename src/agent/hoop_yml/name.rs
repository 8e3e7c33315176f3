//! The name of a connection in the file.

use crate::agent::connections::NAME_LIMIT;
use crate::text;
use serde::Deserialize;

/// The name of a connection. `${VARIABLE}` in it stands for the value of a config var.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Name(String);

impl Name {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A pattern of what it may stand for, in which `*` is any text.
    pub fn pattern(&self) -> String {
        let mut parts = self.0.split("${");
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |pattern, part| {
            let behind = part.split_once('}').map_or("", |(_, behind)| behind);
            format!("{pattern}*{behind}")
        })
    }

    /// With the values of its variables, or the name of one that is not set or is empty.
    pub fn expanded(&self, variable: impl Fn(&str) -> Option<String>) -> Result<String, String> {
        let mut expanded = String::new();
        let mut rest = self.0.as_str();
        while let Some((before, behind)) = rest.split_once("${") {
            let (name, behind) = behind.split_once('}').unwrap_or((behind, ""));
            let value = variable(name).filter(|value| !value.trim().is_empty());
            expanded.push_str(before);
            expanded.push_str(value.ok_or_else(|| name.to_owned())?.trim());
            rest = behind;
        }
        expanded.push_str(rest);
        Ok(expanded)
    }
}

impl TryFrom<String> for Name {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        let name = name.trim();
        if name.is_empty() {
            return Err("a connection needs a name, such as orders-db");
        }
        if name.contains(',') || name.contains("://") || name.contains(char::is_control) {
            return Err("a connection's name has no comma, no URL, and no control characters, such as orders-db");
        }
        if name.len() > NAME_LIMIT {
            return Err("a connection's name has at most 252 bytes");
        }
        let mut rest = name;
        while let Some((_, behind)) = rest.split_once('$') {
            let variable = behind.strip_prefix('{').and_then(|text| text.split_once('}'));
            rest = match variable {
                Some((variable, behind)) if text::is_variable_name(variable) => behind,
                _ => return Err("a variable in a name is written with braces, such as ${HEROKU_APP_NAME}"),
            };
        }
        Ok(Self(name.to_owned()))
    }
}
