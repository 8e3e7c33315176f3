//! TLS as every connection of this program has it.

use crate::environment::Environment;
use crate::regular_file;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use rustls_native_certs::{CertificateResult, load_certs_from_paths};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Returns a configuration that trusts `roots`, with the one provider of cryptography that is built in.
pub(crate) fn client_config(roots: RootCertStore) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring supports the default TLS versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// Returns the certificates to trust: the system's (`SSL_CERT_FILE` and `SSL_CERT_DIR` say where, if set and not empty),
/// and the bundled ones only where the system has none and nobody said where. The error is in words.
pub(crate) fn system_roots() -> Result<RootCertStore, String> {
    let mut places = Places::named_in(&Environment::of_process());
    let is_named = !places.is_empty();
    if !is_named {
        let usual = openssl_probe::probe();
        (places.file, places.folders) = (usual.cert_file, usual.cert_dir);
    }
    let (certificates, errors) = places.load();
    let mut roots = roots_of(certificates);
    if roots.is_empty() {
        // Falling back would hide that a place cannot be read, or is not the one that was meant.
        if !errors.is_empty() {
            return Err(errors.join("; "));
        }
        if is_named {
            return Err("there is no certificate where SSL_CERT_FILE and SSL_CERT_DIR say".to_owned());
        }
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    Ok(roots)
}

/// Where certificates are.
struct Places {
    file: Option<PathBuf>,
    folders: Vec<PathBuf>,
}

impl Places {
    /// Returns what the two variables name, which OpenSSL reads likewise.
    fn named_in(environment: &Environment) -> Self {
        let set = |name| environment.value(name).filter(|value| !value.is_empty());
        let folders = set("SSL_CERT_DIR").map(std::env::split_paths).into_iter().flatten();
        Self {
            file: set("SSL_CERT_FILE").map(PathBuf::from),
            folders: folders.filter(|folder| !folder.as_os_str().is_empty()).collect(),
        }
    }

    fn is_empty(&self) -> bool {
        self.file.is_none() && self.folders.is_empty()
    }

    /// Reads the certificates. What cannot be read is told in words.
    fn load(&self) -> (Vec<CertificateDer<'static>>, Vec<String>) {
        let mut errors = Vec::new();
        let file = self.file.as_deref().filter(|file| match regular_file::open(file) {
            Ok(_) => true,
            Err(error) => {
                errors.push(format!("cannot read {}: {error}", file.display()));
                false
            }
        });
        let folders = self.folders.iter().map(|folder| Some(folder.as_path()));
        let loaded = std::iter::once((file, None::<&Path>)).chain(folders.map(|folder| (None, folder)));
        let mut certificates = Vec::new();
        for (file, folder) in loaded {
            let CertificateResult {
                certs, errors: told, ..
            } = load_certs_from_paths(file, folder);
            certificates.extend(certs);
            errors.extend(told.iter().map(ToString::to_string));
        }
        (certificates, errors)
    }
}

/// Returns a store of those `certificates` that can be read.
pub(crate) fn roots_of(certificates: Vec<CertificateDer<'static>>) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates);
    roots
}
