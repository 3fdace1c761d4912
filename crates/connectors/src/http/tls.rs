//! TLS for a target: which authorities are trusted, which certificate is shown, and which HTTP versions are offered.

use bytes::Bytes;
use rustls::client::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{RootCertStore, pki_types};
use std::fmt;
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
    /// Who we are cannot be shown.
    #[error("the client certificate cannot be used: {0}")]
    Identity(#[from] NoIdentity),
}

/// A certificate and the key that proves that it is ours.
#[derive(Clone)]
pub struct Identity(Arc<CertifiedKey>);

/// Why there is no [`Identity`]. No variant quotes the key.
#[derive(Debug, thiserror::Error)]
pub enum NoIdentity {
    /// The text holds no certificate, or a damaged one.
    #[error("`cert` holds no PEM certificate, or a damaged one")]
    Certificate,
    /// The text holds no key, or a damaged one.
    #[error("`key` holds no PEM private key, or a damaged one (one with a passphrase cannot be read)")]
    Key,
    /// They do not belong together, or are of a kind that the TLS library does not know.
    #[error("`cert` and `key` do not belong together, or are of an unknown kind")]
    Pair,
}

impl Identity {
    /// From two PEM texts: the certificate with those that vouch for it behind it, and its private key.
    ///
    /// # Errors
    /// [`NoIdentity`]: what is wrong, for the person who wrote the configuration.
    pub fn try_new(chain: &[u8], key: &[u8]) -> Result<Self, NoIdentity> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain).collect();
        let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or(NoIdentity::Certificate)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| NoIdentity::Key)?;
        let pair = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider());
        pair.map(|pair| Self(Arc::new(pair))).map_err(|_| NoIdentity::Pair)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The authorities that are trusted.
#[derive(Clone, Debug, Default)]
pub enum Roots {
    /// The machine's.
    #[default]
    System,
    /// Those of a PEM text, and no others.
    Pem(Bytes),
}

/// The connector of one target. Its sessions are resumed on later connections.
pub(super) fn connector(roots: &Roots, identity: Option<&Identity>) -> Result<TlsConnector, Fault> {
    let roots = match roots {
        Roots::System => system(),
        Roots::Pem(text) => Arc::new(own(text)?),
    };
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let mut config = match identity {
        Some(Identity(pair)) => {
            config.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(pair))))
        }
        None => config.with_no_client_auth(),
    };
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
