//! Connections are used again while they are good, and a request is sent again only when none of it had left.

use crate::clock::Manual;
use crate::server::{Peer, Server, ok};
use crate::world::{BODY, Names, World, call, let_events_arrive};
use connectors::http::Dial;
use connectors::http::dial::{Tcp, Unresolved};
use connectors::http::line::Line;
use contract::Promise;
use contract::delivery::ErrorClass;
use contract::target::{Call, Outcome, Target, Written};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;

#[tokio::test]
async fn the_request_on_the_wire_is_what_was_asked_for() {
    let (seen, mut requests) = mpsc::unbounded_channel();
    let server = Server::start(move |_, mut peer| {
        let seen = seen.clone();
        async move {
            while let Some(request) = peer.request().await {
                seen.send(request).unwrap();
                peer.send(ok("").as_bytes()).await;
            }
        }
    })
    .await;
    World::new(&server.url()).reply().await;
    let request = requests.recv().await.unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let mut lines: Vec<_> = head.lines().collect();
    assert_eq!(lines.remove(0), "POST /hook?a=b HTTP/1.1");
    lines.sort_unstable();
    let expected = [
        &format!("content-length: {}", BODY.len()),
        "content-type: application/json",
        "fanlight-attempt: 1",
        &format!("host: {}", server.address),
        "idempotency-key: dlv_019a0000-0000-7000-8000-000000000000",
        concat!("user-agent: fanlight/", env!("CARGO_PKG_VERSION")),
        "webhook-id: dlv_019a0000-0000-7000-8000-000000000000",
        "webhook-timestamp: 1700000000",
    ];
    assert_eq!(lines, expected);
    assert_eq!(body, BODY);
}

#[tokio::test]
async fn calls_one_after_the_other_share_a_connection() {
    let server = Server::answering(ok("done")).await;
    let world = World::new(&server.url());
    for _ in 0..20 {
        assert_eq!(world.reply().await.capture.body, "done");
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_batch_is_one_request_per_parcel_in_order() {
    let server = Server::answering(ok("")).await;
    let world = World::new(&server.url());
    let parcel = call().parcels.remove(0);
    let outcomes = world.target.deliver(&Call { parcels: vec![parcel; 3] }).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Answered(_))), "{outcomes:?}");
    assert_eq!((outcomes.len(), server.connections()), (3, 1));
}

#[tokio::test]
async fn a_hundred_calls_at_once_are_all_answered_and_leave_no_more_than_the_cap() {
    let server = Server::start(|_, mut peer| async move {
        while peer.request().await.is_some() {
            tokio::task::yield_now().await;
            peer.send(ok("done").as_bytes()).await;
        }
    })
    .await;
    let world = World::with(&server.url(), |settings| settings.connections_max_idle = 8);
    let round = async || {
        let calls: Vec<_> = (0..100).map(|_| call()).collect();
        let mut pending: Vec<_> = calls.iter().map(|call| world.target.deliver(call)).collect();
        let mut answered = 0;
        std::future::poll_fn(|cx| {
            pending.retain_mut(|promise| match promise.as_mut().poll(cx) {
                std::task::Poll::Ready(outcomes) => {
                    assert!(matches!(outcomes.as_slice(), [Outcome::Answered(_)]), "{outcomes:?}");
                    answered += 1;
                    false
                }
                std::task::Poll::Pending => true,
            });
            if pending.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
        answered
    };
    assert_eq!(round().await, 100);
    let first = server.connections();
    assert!(first <= 100);
    assert_eq!(round().await, 100);
    assert!(server.connections() >= first + 92, "only 8 of {first} were kept");
}

#[tokio::test]
async fn connection_close_is_honoured() {
    let server = Server::answering("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n").await;
    let world = World::new(&server.url());
    for connections in 1..=3 {
        assert_eq!(world.reply().await.status, 200);
        assert_eq!(server.connections(), connections);
    }
}

#[tokio::test]
async fn an_old_connection_is_not_used_again() {
    let server =
        Server::answering("HTTP/1.1 200 OK\r\nkeep-alive: timeout=5, max=99\r\ncontent-length: 0\r\n\r\n")
            .await;
    let world = World::new(&server.url());
    world.reply().await;
    world.clock.advance(3);
    world.reply().await;
    assert_eq!(server.connections(), 1);
    world.clock.advance(4);
    world.reply().await;
    assert_eq!(server.connections(), 2, "the server said 5 seconds: one is kept for the way");
}

#[tokio::test]
async fn an_unused_connection_is_closed_in_time_without_another_call() {
    let (seen, mut events) = mpsc::unbounded_channel();
    let server = Server::start(move |_, mut peer| {
        let seen = seen.clone();
        async move {
            peer.request().await;
            peer.send(ok("").as_bytes()).await;
            peer.closed().await;
            seen.send("closed").unwrap();
        }
    })
    .await;
    let world = World::new(&server.url());
    world.reply().await;
    world.clock.asked_for(45).await;
    world.clock.advance(45);
    assert_eq!(events.recv().await, Some("closed"));
}

#[tokio::test]
async fn a_connection_that_the_server_closed_while_idle_costs_nothing_but_a_new_one() {
    let (seen, mut events) = mpsc::unbounded_channel();
    let server = Server::start(move |number, mut peer| {
        let seen = seen.clone();
        async move {
            while peer.request().await.is_some() {
                seen.send(number).unwrap();
                peer.send(ok("").as_bytes()).await;
                if number == 1 {
                    break;
                }
            }
            drop(peer);
            seen.send(0).unwrap();
        }
    })
    .await;
    let world = World::new(&server.url());
    world.reply().await;
    assert_eq!((events.recv().await, events.recv().await), (Some(1), Some(0)));
    let_events_arrive().await;
    assert_eq!(world.reply().await.status, 200);
    assert_eq!(events.recv().await, Some(2), "seen once, on the new connection");
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_request_that_an_old_connection_may_have_carried_is_not_sent_again() {
    let server = Server::start(|_, mut peer| async move {
        peer.request().await;
        peer.send(ok("").as_bytes()).await;
        peer.request().await;
    })
    .await;
    let world = World::new(&server.url());
    world.reply().await;
    let (class, written, _) = world.breaks().await;
    assert_eq!((class, written), (ErrorClass::ConnectionReset, Written::Maybe));
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_word_that_the_server_says_unasked_ends_an_idle_connection() {
    let (go, gate) = tokio::sync::watch::channel(false);
    let (seen, mut events) = mpsc::unbounded_channel();
    let server = Server::start(move |number, mut peer| {
        let (mut gate, seen) = (gate.clone(), seen.clone());
        async move {
            peer.request().await;
            peer.send(ok("").as_bytes()).await;
            if number == 1 {
                gate.wait_for(|open| *open).await.unwrap();
                peer.send(b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n").await;
                seen.send(()).unwrap();
            }
            peer.closed().await;
        }
    })
    .await;
    let world = World::new(&server.url());
    world.reply().await;
    go.send(true).unwrap();
    events.recv().await;
    let_events_arrive().await;
    assert_eq!(world.reply().await.status, 200, "the 408 is nobody's answer");
    assert_eq!(server.connections(), 2);
}

/// Dials streams in memory; the far ends go to the test.
struct Memory(mpsc::UnboundedSender<DuplexStream>);

impl Dial for Memory {
    fn resolve<'a>(&'a self, _: &'a str) -> Promise<'a, Result<Arc<[IpAddr]>, Unresolved>> {
        Box::pin(async { Err(Unresolved::NoSuchName) })
    }
    fn connect(&self, _: SocketAddr) -> Promise<'_, io::Result<Line>> {
        Box::pin(async {
            let (near, far) = tokio::io::duplex(64 * 1024);
            self.0.send(far).unwrap();
            Ok(Line::other(near))
        })
    }
}

#[tokio::test]
async fn a_simulation_dials_streams_of_its_own() {
    let (dialled, mut far_ends) = mpsc::unbounded_channel();
    let world =
        World::dialling("http://192.0.2.1/", Arc::new(Memory(dialled)), Arc::new(Manual::new()), |_| {});
    let serve = async |mut peer: Peer<DuplexStream>| {
        assert!(peer.request().await.unwrap().starts_with("POST / HTTP/1.1\r\n"));
        peer.send(ok("in memory").as_bytes()).await;
        peer
    };
    let (reply, peer) =
        tokio::join!(world.reply(), async { serve(Peer::new(far_ends.recv().await.unwrap())).await });
    assert_eq!(reply.capture.body, "in memory");
    drop(peer);
    let (reply, _peer) =
        tokio::join!(world.reply(), async { serve(Peer::new(far_ends.recv().await.unwrap())).await });
    assert_eq!(reply.capture.body, "in memory", "the closed one was noticed before a byte was written");
}

#[tokio::test]
async fn a_new_connection_that_closes_at_once_is_reported_and_not_tried_again() {
    let server = Server::start(|_, peer| async move { drop(peer) }).await;
    let clock = Arc::new(Manual::new());
    let dial = Names(Tcp::new(Arc::<Manual>::clone(&clock)));
    let world = World::dialling(&server.url(), Arc::new(dial), clock, |_| {});
    assert_eq!(world.breaks().await.0, ErrorClass::ConnectionReset);
    assert_eq!(server.connections(), 1);
}
