//! Access to the app at Heroku: the grant is exchanged for tokens, these are kept fresh, and a new key goes to the app.

use super::Provider;
use crate::heroku::{Heroku, HerokuError, Tokens};
use crate::resource::{Resource, ResourceId};
use crate::store::StoreError;

/// What came of giving a new key to the app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Push {
    Done,
    /// The provider has no grant for this app, so somebody must set the config var.
    NoGrant,
    /// It will be tried again.
    Later,
}

impl Provider {
    /// Exchanges the grant of a resource. One that Heroku does not accept is forgotten: it will not accept it later.
    pub async fn exchange(&self, id: ResourceId) -> Result<(), StoreError> {
        let (Some(heroku), Some(code)) = (&self.heroku, self.store.grant(id).await?) else {
            return Ok(());
        };
        match heroku.exchange(&code).await {
            Ok(tokens) => self.store.keep_tokens(id, &tokens.to_secret()).await,
            Err(error) => {
                tracing::warn!(resource = %id, %error, "the grant is not exchanged");
                if error.is_final() {
                    self.store.forget_grant(id).await
                } else {
                    Ok(())
                }
            }
        }
    }

    /// Sets the app's config vars to those of the resource.
    pub async fn push(&self, resource: &Resource) -> Result<Push, StoreError> {
        let id = resource.id;
        let (Some(heroku), Some(key), Some(config)) = (&self.heroku, &resource.key, resource.config()) else {
            return Ok(Push::NoGrant);
        };
        let pushed = match self.fresh(heroku, id).await? {
            None => return Ok(Push::NoGrant),
            Some(Ok(tokens)) => heroku.set_config(id, &tokens, &config).await,
            Some(Err(error)) => Err(error),
        };
        if let Err(error) = pushed {
            tracing::warn!(resource = %id, %error, "the new key is not at Heroku yet");
            return Ok(Push::Later);
        }
        self.store.pushed(id, key).await?;
        Ok(Push::Done)
    }

    /// The name of the resource's app, where Heroku says it.
    pub async fn app_name(&self, id: ResourceId) -> Result<Option<String>, StoreError> {
        let Some(heroku) = &self.heroku else { return Ok(None) };
        let Some(Ok(tokens)) = self.fresh(heroku, id).await? else {
            return Ok(None);
        };
        Ok(heroku.app(id, &tokens).await.ok())
    }

    async fn fresh(&self, heroku: &Heroku, id: ResourceId) -> Result<Option<Result<Tokens, HerokuError>>, StoreError> {
        let Some(tokens) = self.store.tokens(id).await?.and_then(|kept| Tokens::of_secret(&kept)) else {
            return Ok(None);
        };
        if tokens.is_fresh() {
            return Ok(Some(Ok(tokens)));
        }
        Ok(Some(match heroku.refresh(&tokens).await {
            Ok(fresh) => {
                self.store.keep_tokens(id, &fresh.to_secret()).await?;
                Ok(fresh)
            }
            Err(error) => Err(error),
        }))
    }
}
