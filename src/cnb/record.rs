//! The record of the layer `agent`: what its `agent.toml` keeps in the image, and whether that is what a build would
//! make again.

use crate::acquire::config::{BuildConfig, VersionRequest};
use crate::agent::manifest::{AgentRecord, BUILDPACK_VERSION};
use crate::agent::platform::Platform;
use serde::{Deserialize, Serialize};

/// What a `<layer>.toml` holds:
/// <https://github.com/buildpacks/spec/blob/main/buildpack.md#layer-content-metadata-toml>.
#[derive(Debug, Serialize, Deserialize)]
pub struct LayerToml {
    #[serde(default)]
    pub types: Types,
    pub metadata: Option<Record>,
}

/// What a layer is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Types {
    /// Goes into the image.
    pub launch: bool,
    /// Is there for later buildpacks of the same build.
    pub build: bool,
    /// Is there in the next build.
    pub cache: bool,
}

/// What is in the layer `agent`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The agent, unless the build went on without one.
    #[serde(flatten)]
    pub agent: Option<AgentRecord>,
    /// The platform the layer is for, such as `linux/amd64`.
    pub platform: String,
    /// The version of the buildpack that made the layer: it is hoopstart's, too.
    pub buildpack_version: String,
}

impl Record {
    /// The record of a layer with `agent`, made by this program.
    pub fn of(agent: Option<AgentRecord>) -> Self {
        Self {
            agent,
            platform: Platform::OWN.to_string(),
            buildpack_version: BUILDPACK_VERSION.to_owned(),
        }
    }

    /// The agent in the layer, if a build with `config` would make the same layer again. Only a version that is named
    /// can be known without asking the release server.
    pub fn same_as_wanted(&self, config: &BuildConfig) -> Option<&AgentRecord> {
        let agent = self.agent.as_ref()?;
        let is_wanted = config.version == VersionRequest::Exact(agent.version.clone())
            && config.sha256.is_none_or(|wanted| wanted == agent.sha256);
        (is_wanted && *self == Self::of(Some(agent.clone()))).then_some(agent)
    }
}

#[cfg(test)]
mod tests {
    use super::{LayerToml, Record, Types};
    use crate::acquire::config::BuildConfig;
    use crate::agent::manifest::AgentRecord;
    use std::fs;

    fn record() -> Record {
        Record::of(Some(AgentRecord {
            version: "1.2.3".parse().unwrap(),
            sha256: "ab".repeat(32).parse().unwrap(),
            source: "https://releases.example".to_owned(),
        }))
    }

    fn config(files: &[(&str, &str)]) -> BuildConfig {
        let folder = tempfile::tempdir().unwrap();
        for (name, value) in files {
            fs::write(folder.path().join(name), value).unwrap();
        }
        BuildConfig::read(Some(folder.path())).unwrap()
    }

    #[test]
    fn a_layer_is_used_again_where_a_build_would_make_the_same() {
        let (digest, other) = ("ab".repeat(32), "cd".repeat(32));
        let pinned = ("HOOP_VERSION", "1.2.3");
        let reused = |record: &Record, files: &[(&str, &str)]| record.same_as_wanted(&config(files)).is_some();

        assert!(reused(&record(), &[pinned]));
        assert!(reused(&record(), &[pinned, ("HOOP_SHA256", &digest)]));
        // Where the bytes came from does not change them.
        assert!(reused(
            &record(),
            &[pinned, ("HOOP_RELEASES_URL", "https://other.example")]
        ));
        assert!(!reused(&record(), &[pinned, ("HOOP_SHA256", &other)]));
        assert!(!reused(&record(), &[("HOOP_VERSION", "1.2.4")]));
        assert!(!reused(&record(), &[("HOOP_VERSION", "latest")]));
        assert!(!reused(&record(), &[]));
        let changed = |change: fn(&mut Record)| {
            let mut record = record();
            change(&mut record);
            reused(&record, &[pinned])
        };
        assert!(!changed(|record| record.platform = "linux/s390x".to_owned()));
        assert!(!changed(|record| record.buildpack_version = "0.0.1".to_owned()));
        assert!(!changed(|record| record.agent = None));
    }

    #[test]
    fn a_record_is_read_back_from_toml() {
        let types = Types {
            launch: true,
            ..Types::default()
        };
        for record in [record(), Record::of(None)] {
            let text = toml::to_string(&LayerToml {
                types,
                metadata: Some(record.clone()),
            });
            let read: LayerToml = toml::from_str(&text.unwrap()).unwrap();

            assert_eq!((read.types, read.metadata), (types, Some(record)));
        }
    }
}
