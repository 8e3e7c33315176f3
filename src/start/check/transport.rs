//! How an agent connects to its gateway: whether it encrypts, and whom it trusts. Its version decides which variables
//! it reads for that.
//!
//! Facts read from the agent's source (`agent/config/config.go`, `common/grpc/client.go`), tags 1.14 to 1.148, as
//! released with `StrictTLS`:
//!
//! | agent | key's scheme | connection |
//! |---|---|---|
//! | before 1.16.0 | `http` | an HTTP API, in plain text |
//! | before 1.20.0, names from `HOOP_CONNECTION` | any other | an HTTP API, TLS |
//! | 1.16.0 to 1.21.49 | any | TLS |
//! | 1.22.0 to 1.23.2 | any | TLS, except for `grpc` or `http` to exactly 127.0.0.1:8010 |
//! | 1.23.3 to 1.42.9 | `grpc`, `http` | plain text; TLS with any other |
//! | 1.43.0 and later | `grpc`, `http`, `ws` | plain text; TLS with any other |

use crate::config;

use crate::agent::generation::Generation;
use crate::agent::version::Version;
use crate::os::environment::Environment;
use crate::os::{reason, tls};
use crate::start::fault::gateway::{GatewayFault, Ignored, InvalidVariable};
use crate::start::plan::agent_set::AgentSet;
use crate::start::plan::credential::{Credential, Gateway};
use crate::text;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// The certificate authority to trust in place of those of the system: PEM text, `file://` and a path, or `base64://`
/// and encoded PEM text.
const CA: &str = "HOOP_TLSCA";

/// The name in the gateway's certificate, if it is not the host's.
const SERVER_NAME: &str = "HOOP_TLSSERVERNAME";

/// An agent accepts any certificate if this is exactly `true`.
const SKIP_VERIFY: &str = "HOOP_TLS_SKIP_VERIFY";

/// The name of [`SERVER_NAME`] before 1.23.3.
const OLD_SERVER_NAME: &str = "TLS_SERVER_NAME";

/// From 1.22.0 to 1.23.2, the path of an authority's certificate. It is read and must be valid, but is not used.
const OLD_CA: &str = "TLS_CA";

/// How an agent connects.
#[derive(Clone, Debug)]
pub(crate) struct Transport {
    /// Whether it starts with gRPC, rather than with an HTTP API that tells it where to connect.
    pub(crate) is_grpc: bool,
    /// `None` for plain text.
    pub(crate) tls: Option<Tls>,
    /// The same in words for people.
    pub(crate) encryption: Encryption,
    pub(crate) version: Version,
}

/// Whether a connection is encrypted, with the reason if the scheme of the key says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    PlainText,
    Tls,
    /// Agents before 1.43.0 use TLS for `ws://`.
    TlsForWs,
    /// Agents before 1.23.3 ignore the scheme.
    TlsAlways,
}

/// Which certificate an agent accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// These variables are set, but plain text does not use them.
    Unused(Vec<&'static str>),
    Any {
        variable: &'static str,
    },
    Restricted {
        /// The variable with the authority's certificate.
        ca: Option<&'static str>,
        /// The variable with the name, and the name.
        name: Option<(&'static str, String)>,
    },
}

/// Whom an agent trusts.
#[derive(Clone, Debug)]
pub(crate) struct Tls {
    /// The authorities, if not those of the system.
    pub(crate) authorities: Option<RootCertStore>,
    /// The variable with the name in the certificate, and the name, if it is not the host's.
    pub(crate) server_name: Option<(&'static str, String)>,
    /// Whether certificates are checked.
    pub(crate) is_checked: bool,
}

impl Transport {
    /// How the agents of `agent_set` connect to `gateway`. What is wrong with the variables for it is added to
    /// `faults`.
    pub(crate) fn of(
        agent_set: &AgentSet,
        gateway: &Gateway,
        environment: &Environment,
        faults: &mut Vec<GatewayFault>,
    ) -> Self {
        let version = &agent_set.version;
        let credential = Credential::find(environment);
        let is_key = matches!(credential, Some(Credential::Key { .. }));
        let is_token = matches!(credential, Some(Credential::WithUrl { name }) if name.ends_with("TOKEN"));
        let scheme = scheme(environment).filter(|_| is_key);
        let is_plain = is_plain(version, scheme.as_deref(), gateway);
        let is_grpc = (version.at_least(1, 16, 0) || !is_key) && agent_set.generation != Generation::NamesInEnvironment;

        // The value of a variable, if set, and whether this agent reads it.
        let since = |name: &'static str, (major, minor, patch)| {
            let value = environment.value(name).filter(|value| !value.is_empty())?;
            Some((value, version.at_least(major, minor, patch)))
        };
        let mut ignored = |name: &'static str, reason| {
            faults.push(GatewayFault::VariableIgnored { name, reason });
        };
        let old = |since| Ignored::OldAgent {
            version: version.clone(),
            since,
        };

        let authority = match since(CA, (1, 23, 3)) {
            Some((_, false)) => {
                ignored(CA, old("1.23.3"));
                None
            }
            Some((_, true)) if is_token => {
                ignored(CA, Ignored::Token);
                None
            }
            other => other.map(|(value, _)| value),
        };
        let is_off = |value: &OsStr| config::switch(&value.to_string_lossy()) == Some(false);
        let skips = match since(SKIP_VERIFY, (1, 43, 0)).filter(|(value, _)| !is_off(value)) {
            None => false,
            Some((_, false)) => {
                ignored(SKIP_VERIFY, old("1.43.0"));
                false
            }
            Some((value, true)) if value == "true" => true,
            Some((value, true)) => {
                let value = text::excerpt(&value.to_string_lossy(), 40);
                ignored(SKIP_VERIFY, Ignored::Value(value));
                false
            }
        };
        let server_name = match since(SERVER_NAME, (1, 23, 3)) {
            Some((_, false)) => {
                ignored(SERVER_NAME, old("1.23.3"));
                None
            }
            other => other.map(|(value, _)| (SERVER_NAME, value.to_string_lossy().into_owned())),
        };
        let old_name = environment
            .text(OLD_SERVER_NAME)
            .filter(|_| is_grpc && !version.at_least(1, 23, 3));
        let server_name = server_name.or_else(|| old_name.map(|name| (OLD_SERVER_NAME, name.to_owned())));

        let authorities = match authority.map(|value| own_authorities(value, !is_plain)) {
            None => None,
            Some(Ok(authorities)) => authorities,
            Some(Err(cause)) => {
                faults.push(GatewayFault::VariableInvalid { name: CA, cause });
                None
            }
        };
        if version.at_least(1, 22, 0)
            && !version.at_least(1, 23, 3)
            && !is_plain
            && let Some(path) = environment.value(OLD_CA).filter(|path| !path.is_empty())
            && let Err(cause) = read(Path::new(path)).and_then(|pem| certificates(&pem).map(drop))
        {
            faults.push(GatewayFault::VariableInvalid { name: OLD_CA, cause });
        }
        let tls = (!is_plain).then_some(Tls {
            authorities,
            server_name,
            is_checked: !skips,
        });
        let encryption = match () {
            () if is_plain => Encryption::PlainText,
            () if gateway.tls || !is_key => Encryption::Tls,
            () if version.at_least(1, 23, 3) => Encryption::TlsForWs,
            () => Encryption::TlsAlways,
        };
        Self {
            is_grpc,
            tls,
            encryption,
            version: version.clone(),
        }
    }

    /// Which certificate the agent accepts, if a variable decides that.
    pub(crate) fn certificate(&self, environment: &Environment) -> Option<Certificate> {
        let Some(tls) = &self.tls else {
            let is_set = |name: &&str| environment.value(name).is_some_and(|value| !value.is_empty());
            let variables: Vec<_> = [CA, SERVER_NAME, SKIP_VERIFY].into_iter().filter(is_set).collect();
            return (!variables.is_empty()).then_some(Certificate::Unused(variables));
        };
        if !tls.is_checked {
            let variable = SKIP_VERIFY;
            return Some(Certificate::Any { variable });
        }
        let ca = tls.authorities.as_ref().map(|_| CA);
        let name = tls.server_name.clone();
        (ca.is_some() || name.is_some()).then_some(Certificate::Restricted { ca, name })
    }
}

/// Whether an agent of `version` connects in plain text. `scheme` is the scheme of its key, if it has one.
fn is_plain(version: &Version, scheme: Option<&str>, gateway: &Gateway) -> bool {
    let Some(scheme) = scheme else {
        return !gateway.tls;
    };
    let is_of_old = matches!(scheme, "grpc" | "http");
    match () {
        () if version.at_least(1, 43, 0) => !matches!(scheme, "grpcs" | "https" | "wss"),
        () if version.at_least(1, 23, 3) => is_of_old,
        () if version.at_least(1, 22, 0) => is_of_old && gateway.host == "127.0.0.1" && gateway.port == 8010,
        () if version.at_least(1, 16, 0) => false,
        () => scheme == "http",
    }
}

/// The scheme of the agent key.
fn scheme(environment: &Environment) -> Option<String> {
    let set = |name| environment.value(name).filter(|value| !value.is_empty());
    let key = set(config::KEY).or_else(|| set(config::DSN))?.to_str()?;
    Some(key.trim().split_once("://")?.0.to_lowercase())
}

/// The authorities in a value of [`CA`]. `None` if it is empty and so counts as not set, or if it is not used: an agent
/// in plain text reads the value, but not what is in it.
fn own_authorities(value: &OsStr, is_used: bool) -> Result<Option<RootCertStore>, InvalidVariable> {
    let value = value.as_bytes();
    let pem = if let Some(path) = value.strip_prefix(b"file://") {
        read(Path::new(OsStr::from_bytes(path)))?
    } else if let Some(coded) = value.strip_prefix(b"base64://") {
        // Like Go's decoder, which skips line ends.
        let coded: Vec<u8> = coded.iter().copied().filter(|byte| !b"\r\n".contains(byte)).collect();
        BASE64_STANDARD
            .decode(coded)
            .map_err(|error| InvalidVariable::Base64(error.to_string().trim_end_matches('.').to_owned()))?
    } else {
        value.to_vec()
    };
    if pem.is_empty() || !is_used {
        return Ok(None);
    }
    certificates(&pem).map(Some)
}

/// Reads the file that a variable names.
fn read(path: &Path) -> Result<Vec<u8>, InvalidVariable> {
    let shown = || text::excerpt(&path.to_string_lossy(), 200);
    match std::fs::metadata(path) {
        Ok(found) if !found.is_file() => return Err(InvalidVariable::NotAFile { path: shown() }),
        _ => {}
    }
    std::fs::read(path).map_err(|error| InvalidVariable::Unreadable {
        path: shown(),
        cause: reason::of(&error),
    })
}

/// The certificates in PEM text, at least one.
fn certificates(pem: &[u8]) -> Result<RootCertStore, InvalidVariable> {
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(pem).flatten().collect();
    let roots = tls::roots_of(certificates);
    if roots.is_empty() {
        return Err(InvalidVariable::NoCertificate);
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::is_plain;
    use crate::start::plan::credential::Gateway;

    #[test]
    fn version_and_scheme_decide_on_encryption() {
        let gateway = |host: &str, port| Gateway {
            host: host.to_owned(),
            port,
            tls: true,
        };
        let far = gateway("gateway.example", 8010);
        let near = gateway("127.0.0.1", 8010);
        let other_port = gateway("127.0.0.1", 8011);
        for (version, scheme, gateway, plain) in [
            ("1.15.23", "http", &far, true),
            ("1.15.23", "https", &far, false),
            ("1.16.0", "http", &near, false),
            ("1.21.49", "grpc", &near, false),
            ("1.22.0-pre", "grpc", &near, true),
            ("1.22.0", "grpc", &near, true),
            ("1.22.0", "http", &near, true),
            ("1.22.0", "ws", &near, false),
            ("1.22.0", "grpcs", &near, false),
            ("1.22.31", "grpc", &far, false),
            ("1.23.2", "grpc", &other_port, false),
            ("1.23.3", "grpc", &far, true),
            ("1.23.3", "http", &far, true),
            ("1.42.9", "ws", &far, false),
            ("1.43.0", "ws", &far, true),
            ("1.43.0", "wss", &far, false),
            ("1.148.0", "grpc", &far, true),
            ("1.148.0", "https", &far, false),
        ] {
            let version = version.parse().unwrap();
            assert_eq!(
                is_plain(&version, Some(scheme), gateway),
                plain,
                "{version} {scheme} {gateway}"
            );
        }
        // Without a key, the variable for the gateway decides.
        let mut insecure = far.clone();
        insecure.tls = false;
        assert!(is_plain(&"1.148.0".parse().unwrap(), None, &insecure));
        assert!(!is_plain(&"1.148.0".parse().unwrap(), None, &far));
    }
}
