//! The SBOM of the layer `agent`, in the two formats that `buildpack.toml` declares: `CycloneDX` 1.5
//! (<https://cyclonedx.org/docs/1.5/json/>) and SPDX 2.3 (<https://spdx.github.io/spdx-spec/v2.3/>).
//!
//! Without times and random numbers, where the formats allow it: the same layer has the same SBOM.

use crate::acquire::release_server::tarball_names;
use crate::agent::manifest::{AgentRecord, BUILDPACK_VERSION};
use crate::agent::platform::Platform;
use serde_json::{Value, json};

/// Where this buildpack's source is.
const SOURCE: &str = "https://github.com/hoophq/heroku-hoop-buildpack";

/// The name of this buildpack's program.
const PROGRAM: &str = "hoop-buildpack";

/// The license of this buildpack.
const LICENSE: &str = env!("CARGO_PKG_LICENSE");

/// The crates in this program, a line `name version license` each, which `build.rs` has asked Cargo for.
const CRATES: &str = include_str!(concat!(env!("OUT_DIR"), "/crates.txt"));

/// The time of every file in an image, which stands for none.
const NO_TIME: &str = "1980-01-01T00:00:01Z";

/// A crate of this program.
struct Crate<'a> {
    name: &'a str,
    version: &'a str,
    /// An SPDX expression.
    license: String,
}

/// The crates of this program.
fn crates() -> impl Iterator<Item = Crate<'static>> {
    CRATES.lines().filter_map(|line| {
        let (name, rest) = line.split_once(' ')?;
        let (version, license) = rest.split_once(' ')?;
        Some(Crate {
            name,
            version,
            // As crates wrote it before there were expressions.
            license: license.replace('/', " OR ").replace("  OR  ", " OR "),
        })
    })
}

/// Where the tarball of `agent` is published.
fn location(agent: &AgentRecord) -> String {
    let [name, _] = tarball_names(&agent.version, Platform::OWN);
    format!("{}/{}/{name}", agent.source.trim_end_matches('/'), agent.version)
}

/// The SBOM of a layer with `agent`, in `CycloneDX`.
pub fn cyclonedx(agent: Option<&AgentRecord>) -> String {
    let agent = agent.map(|agent| {
        json!({
            "type": "application",
            "bom-ref": "hoop",
            "name": "hoop",
            "version": agent.version.to_string(),
            "description": "The agent of hoop, with its helper programs",
            "hashes": [{"alg": "SHA-256", "content": agent.sha256.to_string()}],
            "externalReferences": [{"type": "distribution", "url": location(agent)}],
        })
    });
    let own = json!({
        "type": "application",
        "bom-ref": PROGRAM,
        "name": PROGRAM,
        "version": BUILDPACK_VERSION,
        "description": "hoopstart, which starts the agent beside the app",
        "licenses": [{"expression": LICENSE}],
        "externalReferences": [{"type": "vcs", "url": SOURCE}],
    });
    let purl = |found: &Crate| format!("pkg:cargo/{}@{}", found.name, found.version);
    let libraries = crates().map(|found| {
        json!({
            "type": "library",
            "bom-ref": purl(&found),
            "name": found.name,
            "version": found.version,
            "licenses": [{"expression": found.license}],
            "purl": purl(&found),
        })
    });
    let components: Vec<Value> = agent.into_iter().chain([own]).chain(libraries).collect();
    text(&json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "tools": {"components": [{"type": "application", "name": PROGRAM, "version": BUILDPACK_VERSION}]},
        },
        "components": components,
        "dependencies": [{
            "ref": PROGRAM,
            "dependsOn": crates().map(|found| purl(&found)).collect::<Vec<_>>(),
        }],
    }))
}

/// The SBOM of a layer with `agent`, in SPDX.
pub fn spdx(agent: Option<&AgentRecord>) -> String {
    const NONE: &str = "NOASSERTION";
    let package = |id: &str, name: &str, version: &str, license: &str, location: &str| {
        json!({
            "SPDXID": format!("SPDXRef-{id}"),
            "name": name,
            "versionInfo": version,
            "downloadLocation": location,
            "filesAnalyzed": false,
            "licenseConcluded": NONE,
            "licenseDeclared": license,
            "copyrightText": NONE,
        })
    };
    let mut packages = Vec::new();
    let mut described = vec!["SPDXRef-buildpack".to_owned()];
    if let Some(agent) = agent {
        // A mirror may have a location that the format has no place for.
        let location = Some(location(agent)).filter(|location| location.starts_with("https://"));
        let location = location.as_deref().unwrap_or(NONE);
        let mut agent_package = package("agent", "hoop", &agent.version.to_string(), NONE, location);
        agent_package["checksums"] = json!([{"algorithm": "SHA256", "checksumValue": agent.sha256.to_string()}]);
        packages.push(agent_package);
        described.insert(0, "SPDXRef-agent".to_owned());
    }
    packages.push(package(
        "buildpack",
        PROGRAM,
        BUILDPACK_VERSION,
        LICENSE,
        &format!("git+{SOURCE}"),
    ));
    let mut relationships: Vec<Value> = described
        .iter()
        .map(|id| relationship("SPDXRef-DOCUMENT", "DESCRIBES", id))
        .collect();
    for found in crates() {
        let id: String = format!("crate-{}-{}", found.name, found.version)
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' })
            .collect();
        let mut library = package(&id, found.name, found.version, &found.license, NONE);
        library["externalRefs"] = json!([{
            "referenceCategory": "PACKAGE-MANAGER",
            "referenceType": "purl",
            "referenceLocator": format!("pkg:cargo/{}@{}", found.name, found.version),
        }]);
        packages.push(library);
        relationships.push(relationship("SPDXRef-buildpack", "CONTAINS", &format!("SPDXRef-{id}")));
    }
    let of = agent.map_or_else(
        || "no-agent".to_owned(),
        |agent| format!("{}-{}", agent.version, agent.sha256),
    );
    text(&json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": "hoop-buildpack-agent-layer",
        "documentNamespace": format!("{SOURCE}/spdx/{BUILDPACK_VERSION}/{of}"),
        "creationInfo": {
            "created": NO_TIME,
            "creators": [format!("Tool: {PROGRAM}-{BUILDPACK_VERSION}")],
        },
        "packages": packages,
        "relationships": relationships,
    }))
}

fn relationship(element: &str, kind: &str, related: &str) -> Value {
    json!({"spdxElementId": element, "relationshipType": kind, "relatedSpdxElement": related})
}

/// The text of a file.
fn text(document: &Value) -> String {
    format!("{document:#}\n")
}
