//! Calls through an HTTP proxy: handed over whole, or through a tunnel.

use crate::server::{Server, ok};
use crate::world::World;
use connectors::http::{Guard, Proxy, Settings};
use contract::Secret;
use contract::delivery::ErrorClass;
use contract::target::{Lasting, Outcome};

fn by(server: &Server) -> impl Fn(&mut Settings) + use<> {
    let port = server.address.port();
    move |settings| {
        settings.proxy = Some(Proxy {
            host: "proxy.test".to_owned(),
            port,
            credential: Some((Secret::new("me"), Secret::new("s3cret"))),
            except: vec!["direct.test".parse().unwrap()],
        });
    }
}

#[tokio::test]
async fn a_plain_call_is_handed_to_the_proxy_whole() {
    let (proxy, seen) = Server::seeing(|_| ok("from afar")).await;
    let world = World::with("http://api.test/hook?a=b", by(&proxy));
    assert_eq!(world.reply().await.capture.body, "from afar");
    let request = seen.all().remove(0);
    assert!(request.starts_with("POST http://api.test/hook?a=b HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("\r\nhost: api.test\r\n"), "{request}");
    assert!(request.contains("\r\nproxy-authorization: Basic bWU6czNjcmV0\r\n"), "{request}");
}

#[tokio::test]
async fn who_is_excepted_is_called_directly() {
    let (proxy, asked) = Server::seeing(|_| ok("")).await;
    let (api, seen) = Server::seeing(|_| ok("")).await;
    let world = World::with(&format!("http://direct.test:{}/hook", api.address.port()), by(&proxy));
    assert_eq!(world.reply().await.status, 200);
    assert!(seen.all()[0].starts_with("POST /hook HTTP/1.1\r\n") && !seen.all()[0].contains("proxy-"));
    assert!(asked.all().is_empty());
}

#[tokio::test]
async fn a_tunnel_is_asked_for_before_tls_and_nothing_of_the_message_is_told() {
    let (seen, mut heads) = tokio::sync::mpsc::unbounded_channel();
    let proxy = Server::start(move |_, mut peer| {
        let seen = seen.clone();
        async move {
            seen.send(peer.request().await.unwrap()).unwrap();
            peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n").await;
            // The first byte of a TLS handshake.
            let mut first = [0];
            tokio::io::AsyncReadExt::read_exact(&mut peer.stream, &mut first).await.unwrap();
            seen.send(format!("{first:?}")).unwrap();
        }
    })
    .await;
    let (class, ..) = World::with("https://api.test/hook", by(&proxy)).breaks().await;
    assert!(matches!(class, ErrorClass::TlsError | ErrorClass::ConnectionReset), "{class:?}");
    let head = heads.recv().await.unwrap();
    let lines = "host: api.test:443\r\nproxy-authorization: Basic bWU6czNjcmV0\r\n";
    assert_eq!(head, format!("CONNECT api.test:443 HTTP/1.1\r\n{lines}\r\n"));
    assert_eq!(heads.recv().await.unwrap(), "[22]");
}

#[tokio::test]
async fn a_proxy_that_refuses_or_is_not_there_is_our_own_passing_fault() {
    let refusal = "HTTP/1.1 407 Who are you\r\ncontent-length: 0\r\n\r\n";
    let (refusing, _) = Server::seeing(move |_| refusal.to_owned()).await;
    let gone = Server::answering(ok("")).await;
    let by_gone = by(&gone);
    drop(gone);
    let outcomes = [
        World::with("http://api.test/", by(&refusing)).deliver().await,
        World::with("https://api.test/", by(&refusing)).deliver().await,
        World::with("https://api.test/", by_gone).deliver().await,
    ];
    for outcome in outcomes {
        let Outcome::Own { class: ErrorClass::LocalProxy, lasting: Lasting::Passing, detail } = outcome
        else {
            panic!("{outcome:?}");
        };
        assert!(detail.starts_with("api.test:") && !detail.contains("s3cret"), "{detail}");
    }
}

#[tokio::test]
async fn an_address_that_the_url_names_is_judged_before_the_proxy_is_asked() {
    let (proxy, asked) = Server::seeing(|_| ok("")).await;
    let outcome = World::with("http://10.0.0.1/", |settings| {
        by(&proxy)(settings);
        settings.guard = Guard::GlobalOnly { allow: Vec::new() };
    })
    .deliver()
    .await;
    assert!(matches!(outcome, Outcome::Own { class: ErrorClass::LocalGuard, .. }), "{outcome:?}");
    assert!(asked.all().is_empty());
}

/// Takes a connection, reads, and never answers.
async fn hanging() -> (Server, tokio::sync::mpsc::UnboundedReceiver<()>) {
    let (seen, asked) = tokio::sync::mpsc::unbounded_channel();
    let server = Server::start(move |_, mut peer| {
        let seen = seen.clone();
        async move {
            peer.request().await;
            seen.send(()).unwrap();
            peer.closed().await;
        }
    })
    .await;
    (server, asked)
}

#[tokio::test]
async fn a_proxy_that_hangs_ends_the_call_in_the_time_that_its_target_has() {
    for (url, class, seconds) in [
        ("https://api.test/", ErrorClass::TimeoutConnect, 5),
        ("http://api.test/", ErrorClass::TimeoutTotal, 15),
    ] {
        let (proxy, mut asked) = hanging().await;
        let world = World::with(url, by(&proxy));
        let (outcome, ()) = tokio::join!(world.deliver(), async {
            asked.recv().await.unwrap();
            world.clock.advance(seconds);
        });
        let Outcome::Broken { class: seen, detail, .. } = outcome else { panic!("{outcome:?}") };
        assert_eq!(seen, class, "{url}: {detail}");
        assert_eq!(detail.contains("the proxy opened no tunnel"), url.starts_with("https"), "{detail}");
    }
}
