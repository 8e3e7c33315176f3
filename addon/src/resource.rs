//! A resource: what Heroku calls the add-on of one app.

use secrecy::SecretString;
use uuid::Uuid;

/// The uuid that Heroku gave a resource. Everything that is made for the resource is named after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResourceId(Uuid);

impl ResourceId {
    pub const fn new(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The first of a client that sends no uuid, which only the old dialect allows.
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// Reads a uuid or the id that [`Self::letters`] makes of one.
    pub fn parse(text: &str) -> Option<Self> {
        let hex = |letter: char| match letter {
            'a'..='p' => char::from_digit(u32::from(letter) - u32::from('a'), 16),
            _ => None,
        };
        if let Ok(uuid) = Uuid::try_parse(text) {
            return (text.len() == 36).then_some(Self(uuid));
        }
        let hex: Option<String> = text.chars().map(hex).collect();
        let uuid = hex
            .filter(|hex| hex.len() == 32)
            .and_then(|hex| Uuid::try_parse(&hex).ok())?;
        Some(Self(uuid))
    }

    /// The id in the old dialect, whose tester does not accept every id with digits in it.
    pub fn letters(self) -> String {
        let letter =
            |hex: char| char::from(b'a' + u8::try_from(hex.to_digit(16).expect("it is hex")).expect("below 16"));
        self.0.simple().to_string().chars().map(letter).collect()
    }

    /// The name of the agent at the gateway.
    pub fn agent_name(self) -> String {
        format!("{AGENT_PREFIX}{}", self.0)
    }

    /// The resource whose agent has this name.
    pub fn of_agent(name: &str) -> Option<Self> {
        name.strip_prefix(AGENT_PREFIX)
            .filter(|rest| rest.len() == 36)
            .and_then(Self::parse)
    }
}

const AGENT_PREFIX: &str = "heroku-";

impl std::fmt::Display for ResourceId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

/// How far a resource is. Each is also the word in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Its agent is being made, or was when the program ended. A repeated request makes it anew.
    Making,
    /// It was not made, but the gateway may still have its agent.
    Undoing,
    Ready,
    /// Its agent is made anew, with another key.
    Rotating,
    /// It is being removed.
    Going,
    /// It was removed. The row stays, so that no late request makes it again.
    Gone,
}

impl State {
    pub const ALL: [Self; 6] = [
        Self::Making,
        Self::Undoing,
        Self::Ready,
        Self::Rotating,
        Self::Going,
        Self::Gone,
    ];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Making => "making",
            Self::Undoing => "undoing",
            Self::Ready => "ready",
            Self::Rotating => "rotating",
            Self::Going => "going",
            Self::Gone => "gone",
        }
    }

    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }
}

/// What a request to make a resource asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    pub plan: String,
    /// The name that Heroku gave the resource, such as `hoop-angular-12345`. Empty in the old dialect.
    pub name: String,
    pub options: Options,
}

/// The options of `heroku addons:create`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `--connection`
    pub connection: Option<String>,
    /// `--command`
    pub command: Option<String>,
}

/// A resource as it is in the database.
#[derive(Debug)]
pub struct Resource {
    pub id: ResourceId,
    pub state: State,
    pub order: Order,
    /// The id that the gateway gave its agent.
    pub agent_id: Option<String>,
    /// The agent key. Absent until the agent is made, and once it is gone.
    pub key: Option<SecretString>,
    /// Whether Heroku does not have the key yet.
    pub unpushed: bool,
    pub has_tokens: bool,
    pub seen: Option<Seen>,
    /// How long ago its state became what it is.
    pub unchanged_for: std::time::Duration,
}

/// When the agent's status was first seen to be as it is. The gateway keeps no such time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub status: String,
    /// In seconds since 1970.
    pub since: i64,
}

impl Resource {
    /// The config vars of its app. `None` while there is no key.
    pub fn config(&self) -> Option<Vec<(&'static str, SecretString)>> {
        let mut config = vec![("HOOP_KEY", self.key.clone()?)];
        if let Some(connection) = &self.order.options.connection {
            config.push(("HOOP_CONNECTION", SecretString::from(connection.as_str())));
        }
        Some(config)
    }
}
