//! TLS for a target: which authorities it trusts, and which HTTP versions are offered.

use super::settings::Roots;
use rustls::client::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{RootCertStore, pki_types};
use std::sync::{Arc, OnceLock};
use tokio_rustls::TlsConnector;

/// Why there is no TLS for a target.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The text holds no certificate.
    #[error("the CA file holds no PEM certificate")]
    Empty,
    /// A block of the text is damaged.
    #[error("the CA file is damaged: {0}")]
    Damaged(#[from] pki_types::pem::Error),
    /// A certificate cannot be an authority.
    #[error("a certificate of the CA file cannot be used, or the TLS library has no usable version: {0}")]
    Unusable(#[from] rustls::Error),
}

/// The connector of one target. Its sessions are resumed on later connections.
pub(super) fn connector(roots: &Roots) -> Result<TlsConnector, Fault> {
    let roots = match roots {
        Roots::System => system(),
        Roots::Pem(text) => Arc::new(own(text)?),
    };
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![ALPN_HTTP2.to_vec(), b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

/// What a server answers when it speaks HTTP/2.
pub(super) const ALPN_HTTP2: &[u8] = b"h2";

fn own(text: &[u8]) -> Result<RootCertStore, Fault> {
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(text) {
        store.add(certificate?)?;
    }
    if store.is_empty() { Err(Fault::Empty) } else { Ok(store) }
}

/// The machine's authorities, read once; Mozilla's, as they were at build time, on a machine that has none.
fn system() -> Arc<RootCertStore> {
    static SYSTEM: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    Arc::clone(SYSTEM.get_or_init(|| {
        let mut store = RootCertStore::empty();
        let native = rustls_native_certs::load_native_certs();
        let (added, ignored) = store.add_parsable_certificates(native.certs);
        if added == 0 {
            tracing::warn!(ignored, errors = native.errors.len(), "no CA certificates on this machine");
            store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        Arc::new(store)
    }))
}
