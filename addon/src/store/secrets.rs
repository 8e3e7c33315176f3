//! What is kept for the Platform API: the grant until it is exchanged, then the tokens. And the change of the key that
//! all of it is sealed with.

use secrecy::{ExposeSecret as _, SecretString};
use sqlx::Row as _;

use super::{Store, StoreError, place};
use crate::resource::ResourceId;

/// The columns that hold sealed values, and what each is called in its seal.
const SEALED: [(&str, &str); 3] = [
    ("key_sealed", "key"),
    ("grant_sealed", "grant"),
    ("tokens_sealed", "tokens"),
];

impl Store {
    pub async fn keep_grant(&self, id: ResourceId, code: &SecretString) -> Result<(), StoreError> {
        let sealed = self.sealer.seal(&place(id, "grant"), code);
        let update = "UPDATE resources SET grant_sealed = $1 WHERE uuid = $2 AND state <> 'gone'";
        sqlx::query(update)
            .bind(sealed)
            .bind(id.to_string())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    pub async fn grant(&self, id: ResourceId) -> Result<Option<SecretString>, StoreError> {
        self.secret(id, "grant_sealed", "grant").await
    }

    pub async fn forget_grant(&self, id: ResourceId) -> Result<(), StoreError> {
        let update = "UPDATE resources SET grant_sealed = '' WHERE uuid = $1";
        sqlx::query(update).bind(id.to_string()).execute(&self.pool).await?;
        Ok(())
    }

    /// The resources whose grant is not exchanged yet.
    pub async fn with_grant(&self) -> Result<Vec<ResourceId>, StoreError> {
        self.ids("SELECT uuid FROM resources WHERE grant_sealed <> '' AND state = 'ready'")
            .await
    }

    /// The resources whose key Heroku does not have, though it could.
    pub async fn to_push(&self) -> Result<Vec<ResourceId>, StoreError> {
        self.ids("SELECT uuid FROM resources WHERE unpushed = 1 AND tokens_sealed <> '' AND state = 'ready'")
            .await
    }

    /// Keeps the tokens, which are what the grant was for.
    pub async fn keep_tokens(&self, id: ResourceId, tokens: &SecretString) -> Result<(), StoreError> {
        let sealed = self.sealer.seal(&place(id, "tokens"), tokens);
        let update = "UPDATE resources SET tokens_sealed = $1, grant_sealed = '' WHERE uuid = $2 AND state <> 'gone'";
        sqlx::query(update)
            .bind(sealed)
            .bind(id.to_string())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    pub async fn tokens(&self, id: ResourceId) -> Result<Option<SecretString>, StoreError> {
        self.secret(id, "tokens_sealed", "tokens").await
    }

    /// Notes that Heroku has the key. A key made since then stays unpushed.
    pub async fn pushed(&self, id: ResourceId, key: &SecretString) -> Result<(), StoreError> {
        let Some(resource) = self.get(id).await? else {
            return Ok(());
        };
        let is_same = resource
            .key
            .is_some_and(|now| now.expose_secret() == key.expose_secret());
        if is_same {
            let update = "UPDATE resources SET unpushed = 0 WHERE uuid = $1 AND state = 'ready'";
            sqlx::query(update).bind(id.to_string()).execute(&self.pool).await?;
        }
        Ok(())
    }

    /// Seals anew what another key sealed, and returns how many values that were.
    ///
    /// A value that no key opens is an error: without it, the provider would find out one request at a time.
    pub async fn seal_anew(&self) -> Result<u64, StoreError> {
        let mut count = 0;
        for (column, what) in SEALED {
            let select = format!("SELECT uuid, {column} FROM resources WHERE {column} <> ''");
            for row in sqlx::query(sqlx::AssertSqlSafe(select)).fetch_all(&self.pool).await? {
                let (uuid, sealed) = (row.try_get::<String, _>(0)?, row.try_get::<String, _>(1)?);
                if self.sealer.is_current(&sealed) {
                    continue;
                }
                let place = format!("{uuid}/{what}");
                let anew = self.sealer.seal(&place, &self.sealer.open(&place, &sealed)?);
                let update = format!("UPDATE resources SET {column} = $1 WHERE uuid = $2 AND {column} = $3");
                let query = sqlx::query(sqlx::AssertSqlSafe(update))
                    .bind(anew)
                    .bind(uuid)
                    .bind(sealed);
                count += query.execute(&self.pool).await?.rows_affected();
            }
        }
        Ok(count)
    }

    /// Whether every sealed value opens.
    pub async fn check_seals(&self) -> Result<(), StoreError> {
        for (column, what) in SEALED {
            let select = format!("SELECT uuid, {column} FROM resources WHERE {column} <> ''");
            for row in sqlx::query(sqlx::AssertSqlSafe(select)).fetch_all(&self.pool).await? {
                let (uuid, sealed) = (row.try_get::<String, _>(0)?, row.try_get::<String, _>(1)?);
                self.sealer.open(&format!("{uuid}/{what}"), &sealed)?;
            }
        }
        Ok(())
    }

    async fn secret(&self, id: ResourceId, column: &str, what: &str) -> Result<Option<SecretString>, StoreError> {
        let select = format!("SELECT {column} FROM resources WHERE uuid = $1");
        let query = sqlx::query(sqlx::AssertSqlSafe(select)).bind(id.to_string());
        let Some(row) = query.fetch_optional(&self.pool).await? else {
            return Ok(None);
        };
        let sealed: String = row.try_get(0)?;
        let is_given = !sealed.is_empty();
        Ok(is_given
            .then(|| self.sealer.open(&place(id, what), &sealed))
            .transpose()?)
    }

    async fn ids(&self, select: &'static str) -> Result<Vec<ResourceId>, StoreError> {
        let rows = sqlx::query(select).fetch_all(&self.pool).await?;
        let ids = rows.iter().map(|row| row.try_get::<String, _>(0));
        let ids: Vec<String> = ids.collect::<Result<_, _>>()?;
        Ok(ids.iter().filter_map(|id| ResourceId::parse(id)).collect())
    }
}
