//! TLS as every connection of this program has it.

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
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

/// Returns the certificates to trust: the system's (`SSL_CERT_FILE` and `SSL_CERT_DIR` say where, if set), and
/// the bundled ones only where the system has none and nobody said where. The error is in words.
pub(crate) fn system_roots() -> Result<RootCertStore, String> {
    let system = rustls_native_certs::load_native_certs();
    let mut roots = roots_of(system.certs);
    if roots.is_empty() {
        // An error is a place that was named and cannot be read; falling back would hide that.
        if !system.errors.is_empty() {
            let errors: Vec<_> = system.errors.iter().map(ToString::to_string).collect();
            return Err(errors.join("; "));
        }
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    Ok(roots)
}

/// Returns a store of those `certificates` that can be read.
pub(crate) fn roots_of(certificates: Vec<CertificateDer<'static>>) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates);
    roots
}
