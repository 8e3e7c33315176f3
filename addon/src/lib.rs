//! The provider of a Heroku add-on that gives each app an agent at a team's hoop gateway.
//!
//! A request comes in at [`web`], which knows both dialects of Heroku's API. What it asks for is done in [`work`], with
//! [`store`] for what must be remembered, [`gateway`] for hoop and [`heroku`] for the app's config vars.

pub mod cli;
pub mod config;
pub mod gateway;
pub mod heroku;
pub mod plan;
pub mod resource;
pub mod seal;
pub mod store;
pub mod web;
pub mod work;
