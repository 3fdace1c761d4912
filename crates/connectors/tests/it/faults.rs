//! What can go wrong before status and headers are in, and how it is called.

use crate::clock::Manual;
use crate::server::{Server, ok};
use crate::world::{World, call};
use connectors::http::dial::Unresolved;
use connectors::http::line::Line;
use connectors::http::{Dial, Guard};
use contract::delivery::ErrorClass;
use contract::target::{Lasting, Outcome, Target, Written};
use contract::{Clock, Promise, Tick};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

#[tokio::test]
async fn a_port_that_nobody_listens_on_refuses() {
    let address = TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap();
    let (class, written, detail) = World::new(&format!("http://{address}/secret-path")).breaks().await;
    assert_eq!((class, written), (ErrorClass::ConnectionRefused, Written::Nothing));
    assert!(detail.contains(&address.to_string()) && !detail.contains("secret"), "{detail}");
}

#[tokio::test]
async fn a_connection_that_is_closed_before_the_answer_is_reset() {
    let server = Server::start(|_, mut peer| async move { drop(peer.request().await) }).await;
    let (class, written, _) = World::new(&server.url()).breaks().await;
    assert_eq!((class, written), (ErrorClass::ConnectionReset, Written::Maybe));
    assert_eq!(server.connections(), 1, "what may have been seen is not sent again");
}

#[tokio::test]
async fn a_connection_that_is_cut_is_reset() {
    let server = Server::start(|_, mut peer| async move {
        peer.request().await;
        peer.stream.set_zero_linger().unwrap();
    })
    .await;
    let (class, written, _) = World::new(&server.url()).breaks().await;
    assert_eq!((class, written), (ErrorClass::ConnectionReset, Written::Maybe));
}

#[tokio::test]
async fn an_answer_that_breaks_off_in_its_head_is_reset() {
    let server = Server::start(|_, mut peer| async move {
        peer.request().await;
        peer.send(b"HTTP/1.1 200 OK\r\ncontent-le").await;
    })
    .await;
    assert_eq!(World::new(&server.url()).breaks().await.0, ErrorClass::ConnectionReset);
}

#[tokio::test]
async fn what_is_no_http_is_a_protocol_error() {
    for answer in [
        "SSH-2.0-OpenSSH_9.9\r\n\r\n",
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
    ] {
        let server = Server::answering(answer).await;
        let (class, written, _) = World::new(&server.url()).breaks().await;
        assert_eq!((class, written), (ErrorClass::ProtocolError, Written::Maybe), "{answer:?}");
    }
}

#[tokio::test]
async fn an_endless_head_is_a_protocol_error() {
    let server = Server::start(|_, mut peer| async move {
        peer.request().await;
        peer.send(b"HTTP/1.1 200 OK\r\n").await;
        for number in 0..20_000 {
            peer.send(format!("x-{number}: {}\r\n", "x".repeat(100)).as_bytes()).await;
        }
    })
    .await;
    assert_eq!(World::new(&server.url()).breaks().await.0, ErrorClass::ProtocolError);
}

#[tokio::test]
async fn an_api_that_says_nothing_is_left_after_the_total_time() {
    let (seen, mut requests) = mpsc::unbounded_channel();
    let server = Server::start(move |_, mut peer| {
        let seen = seen.clone();
        async move {
            peer.request().await;
            seen.send("request").unwrap();
            peer.closed().await;
            seen.send("closed").unwrap();
        }
    })
    .await;
    let world = World::new(&server.url());
    let (outcome, ()) = tokio::join!(world.deliver(), async {
        assert_eq!(requests.recv().await, Some("request"));
        world.clock.advance(15);
    });
    match outcome {
        Outcome::Broken { class, written, timings, .. } => {
            assert_eq!((class, written), (ErrorClass::TimeoutTotal, Written::Maybe));
            assert_eq!(timings.total(), Duration::from_secs(15));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(requests.recv().await, Some("closed"));
}

#[tokio::test]
async fn a_dropped_promise_closes_the_connection() {
    let (seen, mut requests) = mpsc::unbounded_channel();
    let server = Server::start(move |_, mut peer| {
        let seen = seen.clone();
        async move {
            peer.request().await;
            seen.send("request").unwrap();
            peer.closed().await;
            seen.send("closed").unwrap();
        }
    })
    .await;
    let world = World::new(&server.url());
    let call = call();
    tokio::select! {
        outcomes = world.target.deliver(&call) => panic!("{outcomes:?}"),
        event = requests.recv() => assert_eq!(event, Some("request")),
    }
    assert_eq!(requests.recv().await, Some("closed"));
}

type Addresses = Result<Arc<[IpAddr]>, Unresolved>;

/// A network that answers each question in one way.
#[derive(Clone)]
struct Net {
    names: fn() -> Promise<'static, Addresses>,
    lines: fn() -> Promise<'static, io::Result<Line>>,
}

impl Dial for Net {
    fn resolve<'a>(&'a self, _: &'a str) -> Promise<'a, Result<Arc<[IpAddr]>, Unresolved>> {
        (self.names)()
    }
    fn connect(&self, _: SocketAddr) -> Promise<'_, io::Result<Line>> {
        (self.lines)()
    }
}

const NET: Net = Net {
    names: || Box::pin(async { Ok([IpAddr::from([192, 0, 2, 1])].into()) }),
    lines: || Box::pin(std::future::pending()),
};

fn world(net: &Net, guard: Guard) -> World {
    World::dialling("http://api.test/", Arc::new(net.clone()), Arc::new(Manual::new()), |settings| {
        settings.guard = guard;
    })
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_the_targets_fault_and_a_mute_resolver_is_ours() {
    let none = Net { names: || Box::pin(async { Err(Unresolved::NoSuchName) }), ..NET };
    let (class, written, detail) = world(&none, Guard::AllowAll).breaks().await;
    assert_eq!((class, written), (ErrorClass::DnsError, Written::Nothing));
    assert!(detail.starts_with("api.test:80: "), "{detail}");

    let mute =
        Net { names: || Box::pin(async { Err(Unresolved::NoAnswer { detail: "mute".into() }) }), ..NET };
    let outcome = world(&mute, Guard::AllowAll).deliver().await;
    let is_ours =
        matches!(outcome, Outcome::Own { class: ErrorClass::LocalDns, lasting: Lasting::Passing, .. });
    assert!(is_ours, "{outcome:?}");
}

#[tokio::test]
async fn time_runs_out_where_it_was_spent() {
    let slow_name = Net { names: || Box::pin(std::future::pending()), ..NET };
    for (net, class) in [(slow_name, ErrorClass::LocalDns), (NET, ErrorClass::TimeoutConnect)] {
        let world = world(&net, Guard::AllowAll);
        let (outcome, ()) = tokio::join!(world.deliver(), async {
            world.clock.asked_for(5).await;
            world.clock.advance(5);
        });
        match outcome {
            Outcome::Broken { class: found, written, timings, .. } => {
                assert_eq!((found, written), (class, Written::Nothing));
                assert_eq!(timings.connect, Duration::from_secs(5));
            }
            Outcome::Own { class: found, .. } => assert_eq!(found, class),
            Outcome::Answered(reply) => panic!("{reply:?}"),
        }
        assert_eq!(world.clock.tick(), Tick(Duration::from_secs(5)));
    }
}

#[tokio::test]
async fn no_file_handles_is_our_own_fault() {
    let net = Net { lines: || Box::pin(async { Err(io::Error::from_raw_os_error(24)) }), ..NET };
    let outcome = world(&net, Guard::AllowAll).deliver().await;
    let is_ours =
        matches!(outcome, Outcome::Own { class: ErrorClass::LocalResources, lasting: Lasting::Passing, .. });
    assert!(is_ours, "{outcome:?}");
}

#[tokio::test]
async fn the_guard_judges_the_address_that_would_be_dialled() {
    let server = Server::answering(ok("")).await;
    let outcome = World::with(&server.url(), |settings| {
        settings.guard = Guard::GlobalOnly { allow: Vec::new() };
    })
    .deliver()
    .await;
    let is_denied =
        matches!(outcome, Outcome::Own { class: ErrorClass::LocalGuard, lasting: Lasting::Lasting, .. });
    assert!(is_denied, "{outcome:?}");

    let named = format!("http://api.test:{}/", server.address.port());
    let outcome = World::with(&named, |settings| {
        settings.guard = Guard::GlobalOnly { allow: Vec::new() };
    })
    .deliver()
    .await;
    let is_denied =
        matches!(outcome, Outcome::Own { class: ErrorClass::LocalGuard, lasting: Lasting::Lasting, .. });
    assert!(is_denied, "{outcome:?}");
    assert_eq!(server.connections(), 0);

    let allowed = World::with(&named, |settings| {
        settings.guard = Guard::GlobalOnly { allow: vec!["127.0.0.0/8".parse().unwrap()] };
    });
    assert_eq!(allowed.reply().await.status, 200);
}

#[tokio::test]
async fn a_url_that_cannot_work_is_a_lasting_fault_of_the_configuration() {
    let outcome = World::new("http://user:password@api.test/").deliver().await;
    match outcome {
        Outcome::Own { class: ErrorClass::LocalConfig, lasting: Lasting::Lasting, detail } => {
            assert!(!detail.contains("password@"), "{detail}");
        }
        other => panic!("{other:?}"),
    }
}
