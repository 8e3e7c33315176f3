//! The key of the platform's API.

use crate::os::environment::Environment;
use crate::secret::{Secret, conceal};
use crate::slug::publish::fault::PublishFault;
use crate::slug::publish::netrc;
use std::io;
use std::path::Path;
use url::Url;

/// Where the platform's own command-line client looks first
/// (<https://devcenter.heroku.com/articles/authentication>).
const VARIABLE: &str = "HEROKU_API_KEY";

/// The key for the API at `api`: from the environment, else from `~/.netrc`. It is never shown from then on.
pub(super) fn find(environment: &Environment, api: &Url) -> Result<Secret, PublishFault> {
    let host = api.host_str().unwrap_or_default();
    let of_environment = environment.lossy(VARIABLE).filter(|key| !key.trim().is_empty());
    let (key, source_name) = match of_environment {
        Some(key) => (Secret::new(key.trim()), VARIABLE),
        None => (of_netrc(environment, host)?, "~/.netrc"),
    };
    conceal::keep([key.expose().as_bytes()]);
    if key.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(key)
    } else {
        Err(PublishFault::KeyInvalid { source_name })
    }
}

fn of_netrc(environment: &Environment, host: &str) -> Result<Secret, PublishFault> {
    let missing = || PublishFault::KeyMissing { host: host.to_owned() };
    let home = environment.value("HOME").ok_or_else(missing)?;
    match std::fs::read_to_string(Path::new(home).join(".netrc")) {
        Ok(text) => netrc::password(&text, host).ok_or_else(missing),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(missing()),
        Err(error) => Err(PublishFault::NetrcUnreadable {
            cause: error.to_string(),
        }),
    }
}
