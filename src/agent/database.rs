//! The URL of a database, as add-ons write it, and what an agent takes of it.
//!
//! `hoop run` reads `HOOP_DB_URI` as Go's `net/url` does, takes the kind of database from the end of its scheme, and
//! insists on a user and a password (<https://github.com/hoophq/hoop/blob/1.148.0/client/cmd/run.go>). So a URL is not
//! handed on as it is found, but written anew: with the scheme that agents know, and every part percent-encoded.

mod passwords;

pub use crate::agent::database::passwords::{is_in_prose, is_in_value};

use crate::agent::database::passwords::passwords;
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
    #[error("it is not a URL; a /, ?, or # in its password must be percent-encoded")]
    NotUrl,
    #[error("its port is not a number up to 65535")]
    Port,
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
    #[error("it has no database name")]
    NoName,
    #[error("the name of its database has a /, and agents take none with it")]
    NameHasSlash,
    #[error("its sslmode is not one of disable, allow, prefer, require, no-verify, verify-ca, verify-full")]
    SslMode,
}

/// A database that an agent can publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database {
    pub kind: DatabaseKind,
    /// The value of `HOOP_DB_URI`.
    pub uri: Secret,
    /// What else its sessions need, as variables that an agent reads from those of a session.
    pub variables: Vec<(&'static str, Secret)>,
}

/// The texts of a URL that must not be shown, whether an agent can take it or not.
pub fn secrets(written: &Secret) -> Vec<Secret> {
    let database = Database::parse(written).ok();
    let encoded = |password: &String| utf8_percent_encode(password, PART).to_string();
    let mut passwords = passwords(written.expose().trim());
    // Of a URL that cannot be used, even its user may be a password.
    if database.is_none()
        && let Some((user, _)) = place(written.expose()).rsplit_once('@')
        && !user.contains(':')
    {
        passwords.push(user.to_owned());
    }
    let encoded: Vec<String> = passwords.iter().map(encoded).collect();
    let urls = [Some(written.clone()), database.map(|database| database.uri)];
    let passwords = passwords.into_iter().chain(encoded).map(Secret::new);
    urls.into_iter().flatten().chain(passwords).collect()
}

impl Database {
    /// Reads a URL.
    pub fn parse(written: &Secret) -> Result<Self, DatabaseFault> {
        let text = written.expose().trim();
        let url = Url::parse(text).map_err(|error| match error {
            _ if has_several_hosts(text) => DatabaseFault::SeveralHosts,
            url::ParseError::InvalidPort if place(text).contains('@') => DatabaseFault::Port,
            _ => DatabaseFault::NotUrl,
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
        let path = url.path().strip_prefix('/').unwrap_or_default();
        let name = decoded(path.strip_suffix('/').unwrap_or(path))?;
        // An agent leaves such a name out.
        if name.contains('/') {
            return Err(DatabaseFault::NameHasSlash);
        }
        // The agent's commands name a database, and a session ends at once if there is none. A server takes the name of
        // the user then (https://www.postgresql.org/docs/current/app-psql.html).
        let name = match kind {
            _ if !name.is_empty() => &name,
            DatabaseKind::Postgres => &user,
            DatabaseKind::SqlServer if has_database(&url) => &name,
            DatabaseKind::MongoDb => &name,
            DatabaseKind::MySql | DatabaseKind::SqlServer => return Err(DatabaseFault::NoName),
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
        let uri = Secret::new(uri);
        Ok(Self {
            kind,
            variables: variables(kind, &url, &uri)?,
            uri,
        })
    }
}

/// Whether the URL of an SQL Server names its database as agents also take it.
fn has_database(url: &Url) -> bool {
    url.query_pairs()
        .any(|(name, value)| name == "database" && !value.is_empty())
}

/// What says how an agent reaches a database, in the variables of a session. Those that are not of its URL come from
/// nowhere: the app's own are of other things
/// (<https://github.com/hoophq/hoop/blob/1.148.0/agent/controller/agent.go>).
pub const SETTINGS: [&str; 10] = [
    "SCHEME",
    "HOST",
    "PORT",
    "USER",
    "PASS",
    "DB",
    "INSECURE",
    SSL_MODE,
    "OPTIONS",
    "CONNECTION_STRING",
];

/// What an agent reads from the variables of a session, and not from `HOOP_DB_URI`.
fn variables(kind: DatabaseKind, url: &Url, uri: &Secret) -> Result<Vec<(&'static str, Secret)>, DatabaseFault> {
    Ok(match kind {
        DatabaseKind::Postgres => {
            let pairs = url.query_pairs();
            // libpq takes the last one, too.
            let written = pairs.filter(|(name, _)| name.eq_ignore_ascii_case("sslmode")).last();
            let mode = written.map(|(_, value)| ssl_mode(&value).ok_or(DatabaseFault::SslMode));
            let mode = mode.transpose()?;
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
    })
}

/// How an agent encrypts its connection to a database.
const SSL_MODE: &str = "SSLMODE";

/// The mode that an agent takes for one of libpq (<https://www.postgresql.org/docs/current/libpq-ssl.html>) or of a
/// library: never a weaker one. Without one, an agent encrypts where the database can.
fn ssl_mode(written: &str) -> Option<&'static str> {
    Some(match written.to_ascii_lowercase().as_str() {
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
    place(url).rsplit('@').next().is_some_and(|hosts| hosts.contains(','))
}

/// User, password, hosts, and ports of a URL, as far as they can be told.
fn place(url: &str) -> &str {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
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
            ("postgres://u:p@db.example/d/", "postgres://u:p@db.example/d"),
            ("mysql://u:p@db.example/d/", "mysql://u:p@db.example/d"),
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
            ("postgres://u:secret@db.example:99999/d", DatabaseFault::Port),
            ("postgres://u:sec/ret@db.example/d", DatabaseFault::NotUrl),
            ("postgres://u:secret@db.example/d%2Fe", DatabaseFault::NameHasSlash),
            ("postgres://u:secret@db.example/d/e", DatabaseFault::NameHasSlash),
            ("mysql://u:secret@db.example", DatabaseFault::NoName),
            ("mysql2://u:secret@db.example/?a=b", DatabaseFault::NoName),
            ("sqlserver://u:secret@db.example?database=", DatabaseFault::NoName),
            ("postgres://u:secret@db.example/d?sslmode=on", DatabaseFault::SslMode),
            ("postgres://u:secret@db.example/d?sslmode=", DatabaseFault::SslMode),
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
            name in "[^/\\p{C}]{1,12}".prop_filter("a step of a path", |name| name != "." && name != ".."),
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
