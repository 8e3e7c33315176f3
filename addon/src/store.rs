//! The resources in PostgreSQL or SQLite. One text of SQL serves both.
//!
//! Who works on a resource holds it: its row names the holder, for [`HOLD`]. So no two requests, in whichever process,
//! make, change or remove the same resource at a time, and no transaction is open while the gateway works. A holder
//! that was killed loses its hold by time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::any::{AnyPoolOptions, AnyRow};
use sqlx::{AnyPool, Row as _};
use thiserror::Error;
use uuid::Uuid;

use crate::resource::{Options, Order, Resource, ResourceId, Seen, State};
use crate::seal::{SealError, Sealer};

mod secrets;

/// How long one that works on a resource has it for itself. It is longer than a request to Heroku may take.
pub const HOLD: Duration = Duration::from_millis(2_900);

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

pub struct Store {
    pool: AnyPool,
    sealer: Sealer,
}

/// Why the database did not answer.
#[derive(Debug, Error)]
pub enum StoreError {
    #[error("the database: {0}")]
    Database(#[from] sqlx::Error),
    #[error("{0}")]
    Sealed(#[from] SealError),
    #[error("the row of the resource {id} cannot be read: its state is {state:?}")]
    State { id: ResourceId, state: String },
    /// Another one took the resource over, since this one was slower than [`HOLD`].
    #[error("another process has taken over the resource {0}")]
    Lost(ResourceId),
}

/// A resource that no other one works on, until it is handed back.
#[derive(Debug)]
#[must_use = "the resource stays held until the hold is over"]
pub struct Hold {
    pub id: ResourceId,
    holder: String,
}

/// What came of an attempt to hold a resource.
#[derive(Debug)]
pub enum Claim {
    Held(Hold, Resource),
    /// Another one works on it.
    Busy,
    /// It is in none of the states that were asked for.
    Other(Resource),
    Unknown,
}

/// What becomes of a resource when it is handed back.
#[derive(Debug)]
pub enum Outcome<'a> {
    /// It has this agent with this key, by this plan.
    Ready {
        key: &'a SecretString,
        plan: &'a str,
        agent_id: Option<&'a str>,
        unpushed: bool,
    },
    /// What was to be done is not done, and the state says what.
    Unfinished(State),
    /// It is gone, and with it every secret.
    Gone,
}

const COLUMNS: &str = "uuid, state, plan, name, connection, command, agent_id, key_sealed, tokens_sealed, unpushed, \
                       seen_status, seen_since, changed_at";

impl Store {
    /// Connects and brings the tables up to date. `url` is that of PostgreSQL, or `sqlite:` and a path.
    pub async fn open(url: &SecretString, sealer: Sealer) -> anyhow::Result<Self> {
        sqlx::any::install_default_drivers();
        let url = url.expose_secret();
        let is_sqlite = url.starts_with("sqlite:");
        // SQLite has one writer at a time, and waits for its turn best in our queue.
        let connections = if is_sqlite { 1 } else { 10 };
        let url = if is_sqlite && !url.contains('?') {
            format!("{url}?mode=rwc")
        } else {
            url.to_owned()
        };
        let options = AnyPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(Duration::from_secs(5));
        let options = options.after_connect(move |connection, _| {
            Box::pin(async move {
                if is_sqlite {
                    sqlx::query("PRAGMA journal_mode = WAL")
                        .execute(&mut *connection)
                        .await?;
                }
                Ok(())
            })
        });
        // The error of the library can repeat the URL, and the password in it.
        let pool = options
            .connect(&url)
            .await
            .map_err(without_url)
            .context("cannot connect to DATABASE_URL")?;
        MIGRATIONS
            .run(&pool)
            .await
            .context("cannot bring the tables of DATABASE_URL up to date")?;
        Ok(Self { pool, sealer })
    }

    /// Holds the resource to make it. One that exists and is whole, or is gone, is not made again.
    pub async fn claim_new(&self, id: ResourceId, order: &Order) -> Result<Claim, StoreError> {
        let holder = holder();
        let insert = "INSERT INTO resources (uuid, state, plan, name, connection, command, agent_id, key_sealed, \
                      grant_sealed, tokens_sealed, unpushed, seen_status, seen_since, holder, held_until, changed_at) \
                      VALUES ($1, 'making', $2, $3, $4, $5, '', '', '', '', 0, '', 0, $6, $7, $8) \
                      ON CONFLICT (uuid) DO UPDATE SET state = 'making', plan = excluded.plan, name = excluded.name, \
                      connection = excluded.connection, command = excluded.command, holder = excluded.holder, \
                      held_until = excluded.held_until, changed_at = excluded.changed_at \
                      WHERE resources.state IN ('making', 'undoing') AND resources.held_until < $9";
        let now = milliseconds();
        let options = &order.options;
        let inserted = sqlx::query(insert)
            .bind(id.to_string())
            .bind(&order.plan)
            .bind(&order.name)
            .bind(options.connection.as_deref().unwrap_or_default())
            .bind(options.command.as_deref().unwrap_or_default())
            .bind(&holder)
            .bind(now + hold())
            .bind(now / 1000)
            .bind(now)
            .execute(&self.pool)
            .await?;
        self.claimed(
            id,
            holder,
            inserted.rows_affected() == 1,
            &[State::Making, State::Undoing],
        )
        .await
    }

    /// Holds the resource if it is in one of the states, and gives it the state `to` if there is one.
    pub async fn claim(&self, id: ResourceId, from: &[State], to: Option<State>) -> Result<Claim, StoreError> {
        let holder = holder();
        let states: Vec<_> = from.iter().map(|state| format!("'{}'", state.word())).collect();
        let set = to.map(|to| format!(", state = '{}'", to.word())).unwrap_or_default();
        let update = format!(
            "UPDATE resources SET holder = $1, held_until = $2{set} \
             WHERE uuid = $3 AND state IN ({}) AND held_until < $4",
            states.join(", ")
        );
        let now = milliseconds();
        let updated = sqlx::query(sqlx::AssertSqlSafe(update))
            .bind(&holder)
            .bind(now + hold())
            .bind(id.to_string())
            .bind(now)
            .execute(&self.pool)
            .await?;
        self.claimed(id, holder, updated.rows_affected() == 1, from).await
    }

    async fn claimed(
        &self,
        id: ResourceId,
        holder: String,
        is_held: bool,
        from: &[State],
    ) -> Result<Claim, StoreError> {
        let Some(resource) = self.get(id).await? else {
            return Ok(Claim::Unknown);
        };
        Ok(match resource.state {
            _ if is_held => Claim::Held(Hold { id, holder }, resource),
            state if from.contains(&state) => Claim::Busy,
            _ => Claim::Other(resource),
        })
    }

    /// Hands a resource back.
    pub async fn finish(&self, hold: Hold, outcome: Outcome<'_>) -> Result<(), StoreError> {
        let now = milliseconds();
        let (id, holder) = (hold.id.to_string(), &hold.holder);
        let done = match outcome {
            Outcome::Ready {
                key,
                plan,
                agent_id,
                unpushed,
            } => {
                let update = "UPDATE resources SET state = 'ready', key_sealed = $1, plan = $2, agent_id = $3, \
                              unpushed = $4, holder = '', held_until = 0, changed_at = $5 \
                              WHERE uuid = $6 AND holder = $7";
                sqlx::query(update)
                    .bind(self.sealer.seal(&place(hold.id, "key"), key))
                    .bind(plan)
                    .bind(agent_id.unwrap_or_default())
                    .bind(i64::from(unpushed))
                    .bind(now / 1000)
                    .bind(id)
                    .bind(holder)
                    .execute(&self.pool)
                    .await?
            }
            Outcome::Unfinished(state) => {
                let update = "UPDATE resources SET state = $1, holder = '', held_until = 0, changed_at = $2 \
                              WHERE uuid = $3 AND holder = $4";
                let query = sqlx::query(update)
                    .bind(state.word())
                    .bind(now / 1000)
                    .bind(id)
                    .bind(holder);
                query.execute(&self.pool).await?
            }
            Outcome::Gone => {
                self.forget_connections(hold.id).await?;
                let update = "UPDATE resources SET state = 'gone', key_sealed = '', grant_sealed = '', \
                              tokens_sealed = '', unpushed = 0, holder = '', held_until = 0, changed_at = $1 \
                              WHERE uuid = $2 AND holder = $3";
                sqlx::query(update)
                    .bind(now / 1000)
                    .bind(id)
                    .bind(holder)
                    .execute(&self.pool)
                    .await?
            }
        };
        if done.rows_affected() == 1 {
            Ok(())
        } else {
            Err(StoreError::Lost(hold.id))
        }
    }

    /// Changes the state of a resource that stays held.
    pub async fn mark(&self, hold: &Hold, state: State) -> Result<(), StoreError> {
        let update = "UPDATE resources SET state = $1 WHERE uuid = $2 AND holder = $3";
        let query = sqlx::query(update)
            .bind(state.word())
            .bind(hold.id.to_string())
            .bind(&hold.holder);
        let marked = query.execute(&self.pool).await?;
        if marked.rows_affected() == 1 {
            Ok(())
        } else {
            Err(StoreError::Lost(hold.id))
        }
    }

    /// Lets go of a resource as it is.
    pub async fn release(&self, hold: Hold) -> Result<(), StoreError> {
        let update = "UPDATE resources SET holder = '', held_until = 0 WHERE uuid = $1 AND holder = $2";
        sqlx::query(update)
            .bind(hold.id.to_string())
            .bind(&hold.holder)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Removes the row of a resource that was never made.
    pub async fn forget(&self, hold: Hold) -> Result<(), StoreError> {
        self.forget_connections(hold.id).await?;
        let delete = "DELETE FROM resources WHERE uuid = $1 AND holder = $2";
        let query = sqlx::query(delete).bind(hold.id.to_string()).bind(&hold.holder);
        let deleted = query.execute(&self.pool).await?;
        if deleted.rows_affected() == 1 {
            Ok(())
        } else {
            Err(StoreError::Lost(hold.id))
        }
    }

    pub async fn get(&self, id: ResourceId) -> Result<Option<Resource>, StoreError> {
        let select = format!("SELECT {COLUMNS} FROM resources WHERE uuid = $1");
        let query = sqlx::query(sqlx::AssertSqlSafe(select)).bind(id.to_string());
        query
            .fetch_optional(&self.pool)
            .await?
            .map(|row| self.read(&row))
            .transpose()
    }

    /// The resources in one of the states that none works on and that have not changed for as long as this.
    pub async fn resting(&self, states: &[State], rest: Duration) -> Result<Vec<Resource>, StoreError> {
        let words: Vec<_> = states.iter().map(|state| format!("'{}'", state.word())).collect();
        let select = format!(
            "SELECT {COLUMNS} FROM resources WHERE state IN ({}) AND held_until < $1 AND changed_at <= $2 \
             ORDER BY uuid",
            words.join(", ")
        );
        let now = milliseconds();
        let rest = i64::try_from(rest.as_secs()).unwrap_or(i64::MAX);
        let query = sqlx::query(sqlx::AssertSqlSafe(select))
            .bind(now)
            .bind(now / 1000 - rest);
        query
            .fetch_all(&self.pool)
            .await?
            .iter()
            .map(|row| self.read(row))
            .collect()
    }

    /// How many resources are in each state.
    pub async fn count(&self) -> Result<Vec<(State, i64)>, StoreError> {
        let rows = sqlx::query("SELECT state, COUNT(*) FROM resources GROUP BY state")
            .fetch_all(&self.pool)
            .await?;
        let counts = rows
            .iter()
            .map(|row| Ok((row.try_get::<String, _>(0)?, row.try_get::<i64, _>(1)?)));
        let counts: Vec<_> = counts.collect::<Result<_, sqlx::Error>>()?;
        let of = |state: State| {
            counts
                .iter()
                .find(|(word, _)| word == state.word())
                .map_or(0, |(_, count)| *count)
        };
        Ok(State::ALL.into_iter().map(|state| (state, of(state))).collect())
    }

    /// Notes that these connections are about to be made.
    pub async fn note_connection(&self, hold: &Hold, name: &str) -> Result<(), StoreError> {
        let insert = "INSERT INTO connections (uuid, name) VALUES ($1, $2) ON CONFLICT (uuid, name) DO NOTHING";
        sqlx::query(insert)
            .bind(hold.id.to_string())
            .bind(name)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    pub async fn forget_connection(&self, hold: &Hold, name: &str) -> Result<(), StoreError> {
        let delete = "DELETE FROM connections WHERE uuid = $1 AND name = $2";
        sqlx::query(delete)
            .bind(hold.id.to_string())
            .bind(name)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// The connections that were made for the resource, or were about to be.
    pub async fn connections(&self, id: ResourceId) -> Result<Vec<String>, StoreError> {
        let select = "SELECT name FROM connections WHERE uuid = $1 ORDER BY name";
        let rows = sqlx::query(select).bind(id.to_string()).fetch_all(&self.pool).await?;
        Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
    }

    async fn forget_connections(&self, id: ResourceId) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM connections WHERE uuid = $1")
            .bind(id.to_string())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Notes the status that the agent is seen in, and says since when it has been seen so.
    pub async fn see(&self, resource: &Resource, status: &str) -> Result<Seen, StoreError> {
        if let Some(seen) = resource.seen.clone().filter(|seen| seen.status == status) {
            return Ok(seen);
        }
        let seen = Seen {
            status: status.to_owned(),
            since: milliseconds() / 1000,
        };
        let update = "UPDATE resources SET seen_status = $1, seen_since = $2 WHERE uuid = $3";
        let query = sqlx::query(update)
            .bind(&seen.status)
            .bind(seen.since)
            .bind(resource.id.to_string());
        query.execute(&self.pool).await?;
        Ok(seen)
    }

    /// Whether the database answers.
    pub async fn answers(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }

    pub async fn close(&self) {
        self.pool.close().await;
    }

    fn read(&self, row: &AnyRow) -> Result<Resource, StoreError> {
        let text = |column: &str| row.try_get::<String, _>(column);
        let given = |text: String| Some(text).filter(|text| !text.is_empty());
        let id = text("uuid")?;
        let id = ResourceId::parse(&id).ok_or_else(|| sqlx::Error::Decode(format!("{id} is no uuid").into()))?;
        let state = text("state")?;
        let key = given(text("key_sealed")?)
            .map(|sealed| self.sealer.open(&place(id, "key"), &sealed))
            .transpose()?;
        let seen = given(text("seen_status")?).map(|status| {
            Ok::<_, sqlx::Error>(Seen {
                status,
                since: row.try_get("seen_since")?,
            })
        });
        Ok(Resource {
            id,
            state: State::of(&state).ok_or(StoreError::State { id, state })?,
            order: Order {
                plan: text("plan")?,
                name: text("name")?,
                options: Options {
                    connection: given(text("connection")?),
                    command: given(text("command")?),
                },
            },
            agent_id: given(text("agent_id")?),
            key,
            unpushed: row.try_get::<i64, _>("unpushed")? != 0,
            has_tokens: !text("tokens_sealed")?.is_empty(),
            seen: seen.transpose()?,
            unchanged_for: Duration::from_secs(
                (milliseconds() / 1000)
                    .saturating_sub(row.try_get::<i64, _>("changed_at")?)
                    .try_into()
                    .unwrap_or(0),
            ),
        })
    }
}

/// What a sealed value belongs to. Its text opens in no other place.
fn place(id: ResourceId, what: &str) -> String {
    format!("{id}/{what}")
}

fn holder() -> String {
    Uuid::new_v4().simple().to_string()
}

fn hold() -> i64 {
    i64::try_from(HOLD.as_millis()).expect("it is seconds")
}

fn milliseconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn without_url(error: sqlx::Error) -> anyhow::Error {
    match error {
        sqlx::Error::Configuration(_) => anyhow::anyhow!("it is not a URL of postgres: or sqlite:"),
        error => error.into(),
    }
}
