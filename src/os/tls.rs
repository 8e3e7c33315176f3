//! TLS as every connection of this program has it.

use crate::os::environment::Environment;
use crate::os::regular_file;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{self, CryptoProvider};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_native_certs::{CertificateResult, load_certs_from_paths};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A configuration that trusts `roots`, with the one provider of cryptography that is built in.
pub(crate) fn client_config(roots: RootCertStore) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring supports the default TLS versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// The certificates to trust: the system's (`SSL_CERT_FILE` and `SSL_CERT_DIR` say where, if set and not empty),
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
            return Err("SSL_CERT_FILE and SSL_CERT_DIR lead to no certificate".to_owned());
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
    /// What the two variables name, which OpenSSL reads likewise.
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

/// A store of those `certificates` that can be read.
pub(crate) fn roots_of(certificates: Vec<CertificateDer<'static>>) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates);
    roots
}

/// A configuration that accepts any certificate, for a look at who would be trusted so.
pub(crate) fn unchecked_client_config() -> ClientConfig {
    let provider = Arc::new(crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .expect("ring supports the default TLS versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Unchecked(provider)))
        .with_no_client_auth()
}

/// Takes any certificate for the gateway's, as an agent does that is told to. Who shows it must have its key all the
/// same.
#[derive(Debug)]
struct Unchecked(Arc<CryptoProvider>);

impl ServerCertVerifier for Unchecked {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Where programs in Go look for certificates on Linux: the first file that can be read, and all of the folders
/// (<https://github.com/golang/go/blob/master/src/crypto/x509/root_linux.go>).
const GO_FILES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
const GO_FOLDERS: &str = "/etc/ssl/certs:/etc/pki/tls/certs";

/// The certificates that a program in Go trusts, such as an agent: the system's, and none of its own. The error
/// is in words.
pub(crate) fn roots_of_go(environment: &Environment) -> Result<RootCertStore, String> {
    let set = |name: &str| environment.value(name).filter(|value| !value.is_empty());
    let files = match set("SSL_CERT_FILE") {
        Some(file) => vec![PathBuf::from(file)],
        None => GO_FILES.iter().map(PathBuf::from).collect(),
    };
    let file = files.iter().find_map(|file| read(file));
    let folders = set("SSL_CERT_DIR").unwrap_or(GO_FOLDERS.as_ref());
    let in_folders = std::env::split_paths(folders)
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flat_map(|entries| entries.flatten().filter_map(|entry| read(&entry.path())));
    let mut roots = RootCertStore::empty();
    for pem in file.into_iter().chain(in_folders) {
        let certificates = CertificateDer::pem_slice_iter(&pem).flatten();
        roots.add_parsable_certificates(certificates);
    }
    if roots.is_empty() {
        return Err("this machine has no CA certificates, and the agent brings none".to_owned());
    }
    Ok(roots)
}

/// Reads a file, if it is one.
fn read(path: &Path) -> Option<Vec<u8>> {
    let is_file = std::fs::metadata(path).is_ok_and(|found| found.is_file());
    is_file.then(|| std::fs::read(path).ok()).flatten()
}
