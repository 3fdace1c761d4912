//! TLS with the operator's own authority, and HTTP/2 where the server speaks it.

use crate::server::{Peer, ok};
use crate::world::{World, call, let_events_arrive};
use bytes::Bytes;
use connectors::http::Roots;
use contract::delivery::{CaptureEnd, ErrorClass};
use contract::target::{Outcome, Target, Written};
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// An authority made for one test, and a server's configuration that it vouches for.
struct Authority {
    pem: Bytes,
    server: ServerConfig,
}

impl Authority {
    fn new(name: &str, versions: &[&[u8]]) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
            .unwrap();
        server.alpn_protocols = versions.iter().map(|version| version.to_vec()).collect();
        Self { pem: issuer.pem().into(), server }
    }

    fn trusted_by(&self, address: SocketAddr) -> World {
        World::with(&format!("https://api.test:{}/hook", address.port()), |settings| {
            settings.tls.roots = Roots::Pem(self.pem.clone());
        })
    }
}

/// A TLS server; counts its connections.
struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Server {
    async fn start<F>(
        config: ServerConfig,
        script: impl Fn(usize, TlsStream<TcpStream>) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut peers = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                if let Ok(stream) = acceptor.accept(stream).await {
                    peers.spawn(script(count.fetch_add(1, Ordering::SeqCst) + 1, stream));
                }
            }
        });
        Self { address, connections, _tasks: tasks }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn answer_all(_: usize, stream: TlsStream<TcpStream>) {
    let mut peer = Peer::new(stream);
    while peer.request().await.is_some() {
        peer.send(ok("safe").as_bytes()).await;
    }
}

#[tokio::test]
async fn an_own_authority_is_trusted_and_the_connection_reused() {
    let authority = Authority::new("api.test", &[b"http/1.1"]);
    let server = Server::start(authority.server.clone(), answer_all).await;
    let world = authority.trusted_by(server.address);
    for _ in 0..3 {
        assert_eq!(world.reply().await.capture.body, "safe");
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_certificate_of_another_authority_or_for_another_name_is_a_tls_error() {
    let authority = Authority::new("api.test", &[]);
    let server = Server::start(authority.server.clone(), answer_all).await;
    let stranger = Authority::new("api.test", &[]).trusted_by(server.address);
    let (class, written, detail) = stranger.breaks().await;
    assert_eq!((class, written), (ErrorClass::TlsError, Written::Nothing));
    assert!(detail.starts_with("api.test:"), "{detail}");

    let misnamed = Authority::new("other.test", &[]);
    let server = Server::start(misnamed.server.clone(), answer_all).await;
    assert_eq!(misnamed.trusted_by(server.address).breaks().await.0, ErrorClass::TlsError);
}

#[tokio::test]
async fn a_server_without_tls_is_a_tls_error() {
    let server = crate::server::Server::start(|_, mut peer| async move {
        peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        peer.closed().await;
    })
    .await;
    let world = Authority::new("api.test", &[]).trusted_by(server.address);
    assert_eq!(world.breaks().await.0, ErrorClass::TlsError);
}

#[tokio::test]
async fn a_closed_tls_connection_is_noticed_before_a_byte_of_the_request_leaves() {
    let (closed, mut closings) = tokio::sync::mpsc::unbounded_channel();
    let authority = Authority::new("api.test", &[]);
    let server = Server::start(authority.server.clone(), move |number, stream| {
        let closed = closed.clone();
        async move {
            let mut peer = Peer::new(stream);
            while peer.request().await.is_some() {
                peer.send(ok("safe").as_bytes()).await;
                if number == 1 {
                    break;
                }
            }
            drop(peer);
            closed.send(()).unwrap();
        }
    })
    .await;
    let world = authority.trusted_by(server.address);
    world.reply().await;
    closings.recv().await;
    let_events_arrive().await;
    assert_eq!(world.reply().await.capture.body, "safe");
    assert_eq!(server.connections(), 2);
}

/// Serves HTTP/2 with a function per request.
async fn serve<F>(stream: TlsStream<TcpStream>, answer: impl Fn(Request<Incoming>) -> F)
where
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let service = service_fn(move |request| {
        let answer = answer(request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let _gone = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn all(world: &World, count: usize) -> Vec<Outcome> {
    let calls: Vec<_> = (0..count).map(|_| call()).collect();
    let mut set: Vec<_> = calls.iter().map(|call| world.target.deliver(call)).collect();
    let mut outcomes = Vec::new();
    std::future::poll_fn(|cx| {
        set.retain_mut(|promise| match promise.as_mut().poll(cx) {
            std::task::Poll::Ready(mut done) => {
                outcomes.append(&mut done);
                false
            }
            std::task::Poll::Pending => true,
        });
        if set.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    outcomes
}

#[tokio::test]
async fn http_2_carries_many_calls_at_once_on_one_connection() {
    const CALLS: usize = 20;
    let authority = Authority::new("api.test", &[b"h2", b"http/1.1"]);
    let together = Arc::new(Barrier::new(CALLS));
    let server = Server::start(authority.server.clone(), move |_, stream| {
        let together = Arc::clone(&together);
        serve(stream, move |request| {
            let together = Arc::clone(&together);
            async move {
                assert_eq!(request.uri().path(), "/hook");
                // Nobody is answered until all are here.
                together.wait().await;
                Response::new(Full::from("together"))
            }
        })
    })
    .await;
    let world = authority.trusted_by(server.address);
    let outcomes = all(&world, CALLS).await;
    assert_eq!(outcomes.len(), CALLS);
    for outcome in outcomes {
        match outcome {
            Outcome::Answered(reply) => {
                assert_eq!((reply.status, reply.capture.body.as_ref()), (200, b"together".as_slice()));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn an_http_2_answer_is_bounded_and_leaves_the_connection_open() {
    let authority = Authority::new("api.test", &[b"h2"]);
    let server = Server::start(authority.server.clone(), |_, stream| {
        serve(stream, |_| async { Response::new(Full::from(vec![b'x'; 10 << 20])) })
    })
    .await;
    let world = authority.trusted_by(server.address);
    for _ in 0..3 {
        assert_eq!(world.reply().await.capture.end, CaptureEnd::Truncated);
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_stream_that_the_server_refuses_is_sent_again_once() {
    let authority = Authority::new("api.test", &[b"h2"]);
    let served = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&served);
    let server = Server::start(authority.server.clone(), move |number, stream| {
        let count = Arc::clone(&count);
        async move {
            let mut connection = h2::server::handshake(stream).await.unwrap();
            while let Some(Ok((_, mut respond))) = connection.accept().await {
                if number == 1 && count.load(Ordering::SeqCst) == 1 {
                    respond.send_reset(h2::Reason::REFUSED_STREAM);
                } else {
                    count.fetch_add(1, Ordering::SeqCst);
                    respond.send_response(Response::new(()), true).unwrap();
                }
            }
        }
    })
    .await;
    let world = authority.trusted_by(server.address);
    assert_eq!(world.reply().await.status, 200);
    assert_eq!(world.reply().await.status, 200, "refused on the first connection, answered on the second");
    assert_eq!((served.load(Ordering::SeqCst), server.connections()), (2, 2));
}

#[tokio::test]
async fn a_connection_that_goes_away_is_replaced() {
    let authority = Authority::new("api.test", &[b"h2"]);
    let server = Server::start(authority.server.clone(), |number, stream| async move {
        let mut connection = h2::server::handshake(stream).await.unwrap();
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            respond.send_response(Response::new(()), true).unwrap();
            if number == 1 {
                connection.graceful_shutdown();
            }
        }
    })
    .await;
    let world = authority.trusted_by(server.address);
    for _ in 0..3 {
        assert_eq!(world.reply().await.status, 200);
        let_events_arrive().await;
    }
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_mute_http_2_connection_is_not_used_again() {
    let (seen, mut requests) = tokio::sync::mpsc::unbounded_channel();
    let authority = Authority::new("api.test", &[b"h2"]);
    let server = Server::start(authority.server.clone(), move |number, stream| {
        let seen = seen.clone();
        serve(stream, move |_| {
            let seen = seen.clone();
            async move {
                if number == 1 {
                    seen.send(()).unwrap();
                    std::future::pending::<()>().await;
                }
                Response::new(Full::default())
            }
        })
    })
    .await;
    let world = authority.trusted_by(server.address);
    let (outcome, ()) = tokio::join!(world.deliver(), async {
        requests.recv().await;
        world.clock.advance(15);
    });
    let is_late =
        matches!(outcome, Outcome::Broken { class: ErrorClass::TimeoutTotal, written: Written::Maybe, .. });
    assert!(is_late, "{outcome:?}");
    assert_eq!(world.reply().await.status, 200);
    assert_eq!(server.connections(), 2);
}
