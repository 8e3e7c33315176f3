//! The connections of the file, in its order: no name stands twice, and each says what it publishes.

use crate::agent::hoop_yml::connection::Connection;
use crate::agent::hoop_yml::name::Name;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use std::fmt;

/// Reads the connections, in which no name stands twice.
pub(super) fn of_map<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(Name, Connection)>, D::Error> {
    deserializer.deserialize_map(Connections)
}

struct Connections;

impl<'de> Visitor<'de> for Connections {
    type Value = Vec<(Name, Connection)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a connection's name and a colon in each line")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut connections = Vec::new();
        while let Some(name) = map.next_key_seed(NewName(&connections))? {
            connections.push((name, map.next_value_seed(Something)?));
        }
        Ok(connections)
    }
}

/// Reads a connection. Nothing behind a name, as where all that belongs to it are comments, is none: a shell without
/// rules must be meant.
struct Something;

impl<'de> DeserializeSeed<'de> for Something {
    type Value = Connection;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Connection, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Something {
    type Value = Connection;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(WHAT_IT_PUBLISHES)
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Connection, M::Error> {
        Connection::deserialize(MapAccessDeserializer::new(map))
    }
}

/// What is expected behind a name.
const WHAT_IT_PUBLISHES: &str = "what it publishes, such as command: bash or database: DATABASE_URL, or {} for a shell";

/// Reads a name that is not one of these. By a seed, so that the error has the place of the name.
struct NewName<'a>(&'a [(Name, Connection)]);

impl<'de> DeserializeSeed<'de> for NewName<'_> {
    type Value = Name;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Name, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NewName<'_> {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a connection's name, such as orders-db")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Name, E> {
        let name = Name::try_from(text.to_owned()).map_err(E::custom)?;
        if self.0.iter().any(|(known, _)| *known == name) {
            return Err(E::custom("the file has this connection twice"));
        }
        Ok(name)
    }
}
