//! `hoop.yml`: what an app publishes with the key of an organization, and by which rules.
//!
//! ```yaml
//! connections:
//!   orders-console:
//!     command: bundle exec rails console
//!   orders-db:
//!     database: DATABASE_URL
//!     review: [dba]
//!     mask: [EMAIL_ADDRESS]
//!   ${HEROKU_APP_NAME}-shell: {}
//! ```
//!
//! Every rule of the file is part of reading it, so that each mistake has a line and a column. No mistake repeats a
//! value that may be a secret.

mod connection;
mod connections;
mod file;
mod list;
mod mistake;
mod name;

pub use crate::agent::hoop_yml::connection::{Connection, Target};
pub use crate::agent::hoop_yml::file::{HoopYml, is_in, misnamed};
pub use crate::agent::hoop_yml::list::Item;
pub use crate::agent::hoop_yml::mistake::{Mistake, PATH};
pub use crate::agent::hoop_yml::name::Name;

#[cfg(test)]
mod tests;
