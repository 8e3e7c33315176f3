//! `.hoop/manifest.yml`: what compile put into the slug, for hoopstart and for people who audit it.

use crate::agent::sha256::Sha256;
use crate::agent::version::Version;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt::Display;
use std::str::FromStr;

/// The version of this buildpack.
pub const BUILDPACK_VERSION: &str = env!("CARGO_PKG_VERSION");

/// Where the manifest is, below the slug's folder.
pub const PATH: &str = ".hoop/manifest.yml";

/// What is in the slug. No time stamps: the same build gives the same bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The agent, unless the build went on without one.
    #[serde(flatten)]
    pub agent: Option<AgentRecord>,
    /// The platform the slug is for, such as `linux/amd64`.
    pub platform: String,
    /// The version of the buildpack that made the slug.
    pub buildpack_version: String,
    /// The process types of the app's Procfile.
    #[serde(default)]
    pub process_types: Vec<String>,
    /// Where the app's `hoop.yml` was at the build, if there was one: in an image its path, in a slug its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hoop_yml: Option<String>,
}

/// The agent in the slug.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentRecord {
    /// Its version.
    #[serde(rename = "agent_version", serialize_with = "as_text", deserialize_with = "from_text")]
    pub version: Version,
    /// The digest of the tarball it came from.
    #[serde(serialize_with = "as_text", deserialize_with = "from_text")]
    pub sha256: Sha256,
    /// The release server's URL, without user name and token.
    pub source: String,
}

impl Manifest {
    /// The text of the file.
    pub fn to_yaml(&self) -> String {
        serde_yaml::to_string(self).expect("texts and lists of texts can be written as YAML")
    }

    /// Reads the text of the file.
    pub fn from_yaml(text: &str) -> Result<Self, serde_yaml::Error> {
        serde_yaml::from_str(text)
    }
}

fn as_text<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn from_text<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    String::deserialize(deserializer)?
        .parse()
        .map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::{AgentRecord, Manifest};

    fn manifest(agent: Option<AgentRecord>) -> Manifest {
        Manifest {
            agent,
            platform: "linux/amd64".to_owned(),
            buildpack_version: "0.1.0".to_owned(),
            process_types: vec!["web".to_owned(), "worker".to_owned()],
            hoop_yml: None,
        }
    }

    #[test]
    fn a_manifest_is_flat_yaml_that_is_read_back() {
        let manifest = manifest(Some(AgentRecord {
            version: "1.148.0".parse().unwrap(),
            sha256: "ab".repeat(32).parse().unwrap(),
            source: "https://releases.hoop.dev/release".to_owned(),
        }));
        let yaml = manifest.to_yaml();

        assert_eq!(
            yaml,
            format!(
                "agent_version: 1.148.0\nsha256: {}\nsource: https://releases.hoop.dev/release\n\
                 platform: linux/amd64\nbuildpack_version: 0.1.0\nprocess_types:\n- web\n- worker\n",
                "ab".repeat(32)
            )
        );
        assert_eq!(Manifest::from_yaml(&yaml).unwrap(), manifest);
    }

    #[test]
    fn a_manifest_without_an_agent_is_read_back() {
        let manifest = manifest(None);

        assert_eq!(Manifest::from_yaml(&manifest.to_yaml()).unwrap(), manifest);
    }

    #[test]
    fn a_manifest_with_a_wrong_version_is_no_manifest() {
        let yaml = "agent_version: banana\nsha256: x\nsource: y\nplatform: p\nbuildpack_version: b\n";

        // `flatten` of an Option reads a record that does not fit as none, so the caller sees no agent.
        assert_eq!(Manifest::from_yaml(yaml).unwrap().agent, None);
        assert!(Manifest::from_yaml("- a list\n").is_err());
    }
}
