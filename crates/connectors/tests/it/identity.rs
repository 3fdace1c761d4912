//! A target that asks who we are: the client certificate, shown to it and to nobody else.

use crate::server::{Peer, ok};
use crate::world::World;
use connectors::http::{Identity, Roots, Settings};
use contract::delivery::ErrorClass;
use contract::target::Written;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

type Issuer = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Issuer {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn identity(name: &str, issuer: &Issuer) -> Identity {
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, issuer).unwrap();
    Identity::try_new(leaf.pem().as_bytes(), key.serialize_pem().as_bytes()).unwrap()
}

/// A server that answers whoever shows a certificate of the authority. It ends with its tasks.
async fn server(issuer: &Issuer) -> (SocketAddr, JoinSet<()>) {
    let mut roots = RootCertStore::empty();
    roots.add(issuer.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["api.test".to_owned()]).unwrap().signed_by(&key, issuer).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![leaf.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // Who shows no good certificate is refused here.
            if let Ok(stream) = acceptor.accept(stream).await {
                let mut peer = Peer::new(stream);
                peer.request().await;
                peer.send(ok("known").as_bytes()).await;
            }
        }
    });
    (address, tasks)
}

fn world(address: SocketAddr, issuer: &Issuer, change: impl FnOnce(&mut Settings)) -> World {
    World::with(&format!("https://api.test:{}/hook", address.port()), |settings| {
        settings.tls.roots = Roots::Pem(issuer.pem().into());
        change(settings);
    })
}

#[tokio::test]
async fn a_target_that_asks_is_shown_the_certificate() {
    let issuer = authority();
    let (address, _tasks) = server(&issuer).await;
    let known = world(address, &issuer, |settings| settings.tls.identity = Some(identity("me", &issuer)));
    assert_eq!(known.reply().await.capture.body, "known");
}

#[tokio::test]
async fn without_a_certificate_or_with_one_of_another_authority_the_target_refuses() {
    let issuer = authority();
    let (address, _tasks) = server(&issuer).await;
    for identity in [None, Some(identity("me", &authority()))] {
        let stranger = world(address, &issuer, |settings| settings.tls.identity = identity);
        let (class, written, detail) = stranger.breaks().await;
        // TLS 1.3 tells it after the handshake: the request may have left by then.
        assert_eq!((class, written), (ErrorClass::TlsError, Written::Maybe), "{detail}");
    }
}

#[test]
fn what_is_no_identity_says_why_and_quotes_nothing() {
    let issuer = authority();
    let (key, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let leaf = CertificateParams::new(vec!["me".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let (cert, key, other) = (leaf.pem(), key.serialize_pem(), other.serialize_pem());
    for (cert, key, words) in
        [("", &key, "`cert` holds"), (&cert, &cert, "`key` holds"), (&cert, &other, "do not belong")]
    {
        let why = Identity::try_new(cert.as_bytes(), key.as_bytes()).unwrap_err().to_string();
        assert!(why.contains(words), "{why}");
    }
    assert_eq!(format!("{:?}", Identity::try_new(cert.as_bytes(), key.as_bytes()).unwrap()), "***");
}
