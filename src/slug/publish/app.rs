//! An app of the platform, as far as slugs care.

use crate::slug::publish::api::Api;
use crate::slug::publish::facts::Facts;
use crate::slug::publish::fault::PublishFault;
use crate::text;

/// An app (<https://devcenter.heroku.com/articles/platform-api-reference#app>).
#[derive(Debug)]
pub(super) struct App {
    pub(super) name: String,
    stack: Option<String>,
    generation: Option<String>,
}

impl App {
    /// Asks for the app of this name or id.
    pub(super) fn look_at(api: &Api, name: &str) -> Result<Self, PublishFault> {
        let what = format!("cannot read the app {}", text::excerpt(name, 40));
        let answer = api.get(&["apps", name], &what)?;
        let optional = |place| answer.optional(place).map(str::to_owned);
        Ok(Self {
            name: answer.text("/name")?.to_owned(),
            stack: optional("/stack/name"),
            generation: optional("/generation/name"),
        })
    }

    /// Checks that the app takes the slug: only those of the first generation do, on a stack for slugs.
    pub(super) fn takes(&self, slug: &Facts) -> Result<(), PublishFault> {
        let none = |what: &str| {
            Err(PublishFault::AppTakesNoSlugs {
                app: self.name.clone(),
                what: what.to_owned(),
            })
        };
        match (self.generation.as_deref(), self.stack.as_deref()) {
            (Some("fir"), _) => none("a Fir app"),
            (_, Some("container")) => none("on the stack container"),
            (_, Some("cnb")) => none("on the stack cnb"),
            (_, of_app) => match (&slug.stack, of_app) {
                (Some(stack), Some(of_app)) if stack != of_app => Err(PublishFault::StackDiffers {
                    app: self.name.clone(),
                    slug: text::excerpt(stack, 40),
                    of_app: text::excerpt(of_app, 40),
                }),
                _ => Ok(()),
            },
        }
    }
}
