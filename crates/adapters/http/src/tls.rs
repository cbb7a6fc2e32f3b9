//! Which certificates are trusted.

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// Trusts the system's authorities and those in `file`.
///
/// # Errors
/// When `file` can't be read or holds no certificate.
pub(crate) fn of_the_system(file: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "certificates of authorities couldn't be read");
    }
    roots.add_parsable_certificates(found.certs);
    if let Some(file) = file {
        let pem = std::fs::read(file)
            .map_err(|error| format!("worker.http.ca_file {} can't be read: {error}", file.display()))?;
        add(&mut roots, &pem).map_err(|error| format!("worker.http.ca_file {}: {error}", file.display()))?;
    }
    configuration(roots)
}

/// Trusts nobody but the authority whose certificate this is: PEM in Base64, as EKS describes clusters.
///
/// # Errors
/// When it is none.
pub(crate) fn of_cluster(authority: &str) -> Result<Arc<ClientConfig>, String> {
    let pem = STANDARD.decode(authority.trim()).map_err(|error| format!("it isn't Base64: {error}"))?;
    let mut roots = RootCertStore::empty();
    add(&mut roots, &pem)?;
    configuration(roots)
}

fn add(roots: &mut RootCertStore, pem: &[u8]) -> Result<(), String> {
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| format!("it isn't PEM: {error}"))?;
        roots.add(certificate).map_err(|error| format!("a certificate in it can't be used: {error}"))?;
    }
    if roots.is_empty() { Err("it holds no certificate".to_owned()) } else { Ok(()) }
}

fn configuration(roots: RootCertStore) -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}
