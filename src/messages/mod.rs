//! What a build says about an agent that it gets, or does not get: each failure and each event becomes words. Nothing
//! here prints.
//!
//! One file for each phase. The matches are exhaustive, so a new failure does not compile until someone has written
//! what to tell the person who meets it. A message is written as it is shown, see [`message::Message`].

mod archive;
pub mod config;
pub mod events;
mod fetch;
mod latest;
pub mod message;
mod proof;
pub mod publish;
mod resolve;
pub mod shortage;

use crate::acquire::error::AcquireError;
use message::{Message, Tone};

/// What to tell the person whose build got no agent because of `error`.
pub fn of_acquire_error(error: &AcquireError, tone: Tone) -> Message {
    match error {
        AcquireError::Version(error) => latest::message(error, tone),
        AcquireError::Release(error) => resolve::message(error, tone),
        AcquireError::Fetch(error) => fetch::message(error, tone),
        AcquireError::Archive(error) => archive::message(error, tone),
        AcquireError::Write(error) => shortage::write_failed(error, tone),
        AcquireError::NoResources(error) => shortage::no_resources(error, tone),
        AcquireError::Proof { version, error } => proof::message(version, error, tone),
    }
}
