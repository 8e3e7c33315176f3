//! What the lifecycle and this program must agree on.

use crate::os::environment::Environment;
use crate::text;
use serde::Deserialize;
use std::io;
use std::path::{Path, PathBuf};

/// The variable that names the buildpack's folder. Only the lifecycle sets it.
const BUILDPACK_DIR: &str = "CNB_BUILDPACK_DIR";

/// The Buildpack API that this program speaks. The lifecycle goes by what `buildpack.toml` says, so the two must agree:
/// <https://github.com/buildpacks/spec/blob/buildpack/0.10/buildpack.md>.
pub const API: &str = "0.10";

/// Why the lifecycle cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ContractError {
    #[error(
        "buildpack.toml declares Buildpack API {}, and this program speaks {API} only",
        text::quoted(declared, 20)
    )]
    ApiUnknown {
        /// What it says.
        declared: String,
    },
    #[error("{} declares no Buildpack API that can be read: {reason}", path.display())]
    ApiUnreadable {
        /// The `buildpack.toml`.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
}

/// The folder of the buildpack, if the lifecycle has started this program.
pub fn buildpack_dir(environment: &Environment) -> Option<&Path> {
    environment.value(BUILDPACK_DIR).map(Path::new)
}

/// Makes sure that the `buildpack.toml` in `buildpack_dir` declares the API of this program.
pub fn check_api(buildpack_dir: &Path) -> Result<(), ContractError> {
    #[derive(Deserialize)]
    struct Descriptor {
        api: String,
    }
    let path = buildpack_dir.join("buildpack.toml");
    let descriptor = std::fs::read_to_string(&path).and_then(|text| {
        toml::from_str::<Descriptor>(&text).map_err(|error| io::Error::other(error.message().to_owned()))
    });
    match descriptor {
        Ok(Descriptor { api }) if api == API => Ok(()),
        Ok(Descriptor { api }) => Err(ContractError::ApiUnknown { declared: api }),
        Err(error) => Err(ContractError::ApiUnreadable {
            path,
            reason: error.to_string(),
        }),
    }
}
