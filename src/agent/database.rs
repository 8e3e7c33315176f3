//! The URL of a database, as add-ons write it, and what an agent takes of it.
//!
//! `hoop run` reads `HOOP_DB_URI` as Go's `net/url` does, takes the kind of database from the end of its scheme, and
//! insists on a user and a password (<https://github.com/hoophq/hoop/blob/1.148.0/client/cmd/run.go>). So a URL is not
//! handed on as it is found, but written anew: with the scheme that agents know, and every part percent-encoded.

use crate::secret::Secret;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::fmt;
use url::Url;

/// What stands in a part of a URL as it is (<https://www.rfc-editor.org/rfc/rfc3986#section-2.3>).
const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A kind of database that agents know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseKind {
    Postgres,
    MySql,
    SqlServer,
    MongoDb,
}

impl DatabaseKind {
    /// The kind that a scheme, in lower case, stands for: those of the databases, and those of libraries for them.
    fn of_scheme(scheme: &str) -> Option<Self> {
        Some(match scheme {
            "postgres" | "postgresql" => DatabaseKind::Postgres,
            "mysql" | "mysql2" => DatabaseKind::MySql,
            "sqlserver" => DatabaseKind::SqlServer,
            "mongodb" => DatabaseKind::MongoDb,
            _ => return None,
        })
    }

    /// The scheme that agents know.
    pub fn scheme(self) -> &'static str {
        match self {
            DatabaseKind::Postgres => "postgres",
            DatabaseKind::MySql => "mysql",
            DatabaseKind::SqlServer => "sqlserver",
            DatabaseKind::MongoDb => "mongodb",
        }
    }
}

impl fmt::Display for DatabaseKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.scheme())
    }
}

/// Why a URL is not one of a database that an agent can publish. None of them repeats the URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseFault {
    #[error("it is not a URL")]
    NotUrl,
    #[error("it has several hosts, and agents take one")]
    SeveralHosts,
    #[error("its scheme is not one of postgres, postgresql, mysql, mysql2, sqlserver, mongodb")]
    Scheme,
    #[error("it has no host")]
    NoHost,
    #[error("it has no user")]
    NoUser,
    #[error("it has no password")]
    NoPassword,
    #[error("its user, password, or database is not UTF-8 text")]
    NotUtf8,
}

/// A database that an agent can publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database {
    pub kind: DatabaseKind,
    /// The value of `HOOP_DB_URI`.
    pub uri: Secret,
    /// What else its sessions need, as variables that an agent reads from those of a session.
    pub variables: Vec<(&'static str, Secret)>,
    /// The texts that must not be shown: its URL as it was written, and its password.
    pub secrets: Vec<Secret>,
}

impl Database {
    /// Reads a URL.
    pub fn parse(written: &Secret) -> Result<Self, DatabaseFault> {
        let text = written.expose().trim();
        let url = Url::parse(text).map_err(|_| {
            if has_several_hosts(text) {
                DatabaseFault::SeveralHosts
            } else {
                DatabaseFault::NotUrl
            }
        })?;
        let kind = DatabaseKind::of_scheme(url.scheme()).ok_or(DatabaseFault::Scheme)?;
        let host = url
            .host_str()
            .filter(|host| !host.is_empty())
            .ok_or(DatabaseFault::NoHost)?;
        let user = decoded(url.username())?;
        if user.is_empty() {
            return Err(DatabaseFault::NoUser);
        }
        let password = decoded(url.password().unwrap_or_default())?;
        if password.is_empty() {
            return Err(DatabaseFault::NoPassword);
        }
        let name = decoded(url.path().strip_prefix('/').unwrap_or_default())?;
        // The agent's command for Postgres names a database, and a session ends at once if there is none. A server
        // takes the name of the user then (https://www.postgresql.org/docs/current/app-psql.html).
        let name = match kind {
            DatabaseKind::Postgres if name.is_empty() => &user,
            _ => &name,
        };
        let part = |text| utf8_percent_encode(text, PART);
        let scheme = kind.scheme();
        let mut uri = format!("{scheme}://{}:{}@{host}", part(&user), part(&password));
        if let Some(port) = url.port() {
            uri.push(':');
            uri.push_str(&port.to_string());
        }
        uri.push('/');
        uri.extend(part(name));
        if let Some(query) = url.query() {
            uri.push('?');
            uri.push_str(query);
        }
        let encoded = part(&password).to_string();
        let uri = Secret::new(uri);
        Ok(Self {
            kind,
            variables: variables(kind, &url, &uri),
            secrets: vec![
                written.clone(),
                uri.clone(),
                Secret::new(password),
                Secret::new(encoded),
            ],
            uri,
        })
    }
}

/// What an agent reads from the variables of a session, and not from `HOOP_DB_URI`.
fn variables(kind: DatabaseKind, url: &Url, uri: &Secret) -> Vec<(&'static str, Secret)> {
    match kind {
        DatabaseKind::Postgres => {
            let mut pairs = url.query_pairs();
            let mode = pairs.find_map(|(name, value)| (name == "sslmode").then(|| ssl_mode(&value)).flatten());
            mode.map(|mode| (SSL_MODE, Secret::new(mode))).into_iter().collect()
        }
        DatabaseKind::MongoDb => {
            let options = url.query().map(|query| ("OPTIONS", Secret::new(query)));
            // Agents from 1.22 on take the whole URL, earlier ones its options only.
            [("CONNECTION_STRING", uri.clone())]
                .into_iter()
                .chain(options)
                .collect()
        }
        DatabaseKind::MySql | DatabaseKind::SqlServer => Vec::new(),
    }
}

/// How an agent encrypts its connection to a database.
const SSL_MODE: &str = "SSLMODE";

/// The mode that an agent takes for one of libpq (<https://www.postgresql.org/docs/current/libpq-ssl.html>) or of a
/// library: never a weaker one. Without one, an agent encrypts where the database can.
fn ssl_mode(written: &str) -> Option<&'static str> {
    Some(match written {
        "disable" => "disable",
        "allow" | "prefer" => "prefer",
        "require" | "no-verify" => "require",
        "verify-ca" | "verify-full" => "verify-full",
        _ => return None,
    })
}

/// Whether a URL names several servers, as no other URL does
/// (<https://www.mongodb.com/docs/manual/reference/connection-string-formats/>).
fn has_several_hosts(url: &str) -> bool {
    let place = url.split_once("://").map_or("", |(_, rest)| rest);
    let place = place.split(['/', '?']).next().unwrap_or_default();
    place.rsplit('@').next().is_some_and(|hosts| hosts.contains(','))
}

/// A part of a URL as text.
fn decoded(part: &str) -> Result<String, DatabaseFault> {
    let text = percent_decode_str(part).decode_utf8();
    Ok(text.map_err(|_| DatabaseFault::NotUtf8)?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::{Database, DatabaseFault, decoded};
    use crate::secret::Secret;
    use proptest::prelude::*;
    use url::Url;

    fn uri(url: &str) -> Result<String, DatabaseFault> {
        Database::parse(&Secret::new(url)).map(|database| database.uri.expose().to_owned())
    }

    #[test]
    fn urls_of_addons_become_what_an_agent_takes() {
        for (url, expected) in [
            ("postgres://u:p@db.example:5432/d", "postgres://u:p@db.example:5432/d"),
            ("postgresql://u:p@db.example/d", "postgres://u:p@db.example/d"),
            (
                "POSTGRES://u:p@db.example/d?sslmode=require",
                "postgres://u:p@db.example/d?sslmode=require",
            ),
            ("postgres://u:p@db.example", "postgres://u:p@db.example/u"),
            (
                "mysql2://u:p@db.example/d?reconnect=true",
                "mysql://u:p@db.example/d?reconnect=true",
            ),
            ("mysql://u:p@db.example:3306/d", "mysql://u:p@db.example:3306/d"),
            (
                "sqlserver://u:p@db.example:1433?database=d",
                "sqlserver://u:p@db.example:1433/?database=d",
            ),
            ("mongodb://u:p@db.example:27017/d", "mongodb://u:p@db.example:27017/d"),
            ("postgres://u:p@[::1]:5432/d", "postgres://u:p@[::1]:5432/d"),
            // What Go would refuse, or read as something else.
            ("postgres://u:p@q@db.example/d", "postgres://u:p%40q@db.example/d"),
            ("postgres://u:p%zz@db.example/d", "postgres://u:p%25zz@db.example/d"),
            (
                "postgres://u:p%2Fq%23@db.example/d",
                "postgres://u:p%2Fq%23@db.example/d",
            ),
            ("  postgres://u:p@db.example/d\n", "postgres://u:p@db.example/d"),
        ] {
            assert_eq!(uri(url).as_deref(), Ok(expected), "{url}");
        }
    }

    #[test]
    fn what_an_agent_could_not_use_is_a_fault_that_does_not_repeat_it() {
        for (url, fault) in [
            ("", DatabaseFault::NotUrl),
            ("secret", DatabaseFault::NotUrl),
            ("mongodb://u:secret@a:1,b:2/d", DatabaseFault::SeveralHosts),
            ("mongodb://u:se,cret@a b/d", DatabaseFault::NotUrl),
            ("postgres://u:secret#1@db.example/d", DatabaseFault::NotUrl),
            ("redis://u:secret@db.example", DatabaseFault::Scheme),
            ("postgres:///d", DatabaseFault::NoHost),
            ("postgres://db.example/d", DatabaseFault::NoUser),
            ("postgres://:secret@db.example/d", DatabaseFault::NoUser),
            ("postgres://u@db.example/d", DatabaseFault::NoPassword),
            ("postgres://u:@db.example/d", DatabaseFault::NoPassword),
            ("postgres://u:%FF@db.example/d", DatabaseFault::NotUtf8),
        ] {
            assert_eq!(uri(url), Err(fault), "{url}");
            assert!(!fault.to_string().contains("secret"));
        }
    }

    proptest! {
        #[test]
        fn user_password_and_database_arrive_as_they_were(
            user in "\\PC{1,12}",
            password in "\\PC{1,20}",
            name in "\\PC{1,12}".prop_filter("a step of a path", |name| name != "." && name != ".."),
        ) {
            let part = |text| percent_encoding::utf8_percent_encode(text, super::PART).to_string();
            let url = format!("mysql2://{}:{}@db.example/{}", part(&user), part(&password), part(&name));
            let written = uri(&url).unwrap();

            let read = Url::parse(&written).unwrap();
            prop_assert_eq!(decoded(read.username()), Ok(user));
            prop_assert_eq!(decoded(read.password().unwrap()), Ok(password));
            prop_assert_eq!(decoded(&read.path()[1..]), Ok(name));
        }

        #[test]
        fn any_text_is_a_database_or_a_fault(url in "(postgres(ql)?|mysql2?|mongodb)?(:|//|@|%|#|\\?|\\PC){0,20}") {
            if let Ok(uri) = uri(&url) {
                prop_assert!(Url::parse(&uri).is_ok());
            }
        }
    }
}
