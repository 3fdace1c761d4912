//! What is kept of an answer: hints, the beginning of the body, and nothing that a bad body could spoil.

use crate::server::{Server, ok};
use crate::world::World;
use bytes::Bytes;
use contract::delivery::CaptureEnd;
use contract::limits::CAPTURE_BYTES_MAX;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use std::time::Duration;

#[tokio::test]
async fn an_answer_is_captured_with_its_type() {
    let server = Server::answering(ok("hello")).await;
    let reply = World::new(&server.url()).reply().await;
    assert_eq!((reply.status, reply.location), (200, None));
    assert_eq!(reply.capture.content_type.as_deref(), Some("text/plain"));
    assert_eq!((reply.capture.body, reply.capture.end), (Bytes::from("hello"), CaptureEnd::Complete));
}

#[tokio::test]
async fn what_an_answer_asks_for_is_read_whatever_its_status() {
    for status in ["200 OK", "202 Accepted", "304 Not Modified", "429 Too Many Requests"] {
        let answer = format!("HTTP/1.1 {status}\r\nretry-after: 3\r\ncontent-length: 0\r\n\r\n");
        let reply = World::new(&Server::answering(answer).await.url()).reply().await;
        assert_eq!(reply.hints.wait, Some(Duration::from_secs(3)), "{status}");
    }
}

#[tokio::test]
async fn informational_answers_are_passed_over() {
    let server = Server::answering(format!(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n{}",
        ok("late")
    ))
    .await;
    assert_eq!(World::new(&server.url()).reply().await.capture.body, "late");
}

#[tokio::test]
async fn an_answer_may_come_one_byte_at_a_time() {
    let server = Server::start(|_, mut peer| async move {
        peer.request().await;
        for byte in ok("slow but whole").bytes() {
            peer.send(&[byte]).await;
            tokio::task::yield_now().await;
        }
        peer.closed().await;
    })
    .await;
    let reply = World::new(&server.url()).reply().await;
    assert_eq!(
        (reply.capture.body, reply.capture.end),
        (Bytes::from("slow but whole"), CaptureEnd::Complete)
    );
}

#[tokio::test]
async fn ten_megabytes_are_cut_at_the_bound_and_end_the_connection() {
    let server = Server::answering(ok(&"x".repeat(10 << 20))).await;
    let world = World::new(&server.url());
    for connections in 1..=2 {
        let reply = world.reply().await;
        assert_eq!((reply.capture.body.len(), reply.capture.end), (CAPTURE_BYTES_MAX, CaptureEnd::Truncated));
        assert_eq!(server.connections(), connections);
    }
}

#[tokio::test]
async fn a_body_a_little_too_long_is_cut_and_keeps_the_connection() {
    let server = Server::answering(ok(&"x".repeat(CAPTURE_BYTES_MAX + 30_000))).await;
    let world = World::new(&server.url());
    for _ in 0..3 {
        let reply = world.reply().await;
        assert_eq!((reply.capture.body.len(), reply.capture.end), (CAPTURE_BYTES_MAX, CaptureEnd::Truncated));
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_body_shorter_than_announced_is_broken_and_the_status_stands() {
    let server = Server::start(|_, mut peer| async move {
        peer.request().await;
        peer.send(b"HTTP/1.1 201 Created\r\ncontent-length: 100\r\n\r\nshort").await;
    })
    .await;
    let reply = World::new(&server.url()).reply().await;
    assert_eq!((reply.status, reply.capture.end), (201, CaptureEnd::Broken));
    assert_eq!(reply.capture.body, "short");
}

#[tokio::test]
async fn a_body_that_hangs_ends_the_capture_after_the_idle_time() {
    let server = Server::start(|_, mut peer| async move {
        peer.request().await;
        peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nbegun").await;
        peer.closed().await;
    })
    .await;
    let world = World::with(&server.url(), |settings| settings.timeouts.idle = Duration::from_secs(4));
    let (reply, ()) = tokio::join!(world.reply(), async {
        world.clock.asked_for(4).await;
        world.clock.advance(4);
    });
    assert_eq!((reply.status, reply.capture.end), (200, CaptureEnd::TimedOut));
    assert_eq!(reply.capture.body, "begun");
    assert_eq!(reply.timings.body, Duration::from_secs(4));
}

#[tokio::test]
async fn a_chunked_body_and_one_that_ends_with_the_connection_are_complete() {
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    let server = Server::answering(chunked).await;
    let world = World::new(&server.url());
    for _ in 0..2 {
        assert_eq!(world.reply().await.capture.body, "abcde");
    }
    assert_eq!(server.connections(), 1);

    let server = Server::start(|_, mut peer| async move {
        peer.request().await;
        peer.send(b"HTTP/1.0 200 OK\r\n\r\nuntil the end").await;
    })
    .await;
    let reply = World::new(&server.url()).reply().await;
    assert_eq!((reply.capture.body, reply.capture.end), (Bytes::from("until the end"), CaptureEnd::Complete));
}

fn zipped(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).unwrap();
    let body = encoder.finish().unwrap();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.into_bytes(), body].concat()
}

#[tokio::test]
async fn a_zipped_answer_is_kept_unzipped_and_a_bomb_is_bounded() {
    let server = Server::answering(zipped(b"small")).await;
    assert_eq!(World::new(&server.url()).reply().await.capture.body, "small");

    let server = Server::answering(zipped(&vec![0; 32 << 20])).await;
    let capture = World::new(&server.url()).reply().await.capture;
    assert_eq!((capture.body.len(), capture.end), (CAPTURE_BYTES_MAX, CaptureEnd::Truncated));
}

#[tokio::test]
async fn a_refusal_says_for_how_long() {
    // The clock stands at 22:13:20.
    for retry_after in ["40", "Tue, 14 Nov 2023 22:14:00 GMT"] {
        let answer = format!(
            "HTTP/1.1 429 Too Many Requests\r\nretry-after: {retry_after}\r\ncontent-length: 0\r\n\r\n"
        );
        let server = Server::answering(answer).await;
        let reply = World::new(&server.url()).reply().await;
        assert_eq!((reply.status, reply.hints.wait), (429, Some(Duration::from_secs(40))), "{retry_after}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_names_where_it_points() {
    let server =
        Server::answering("HTTP/1.1 308 Permanent Redirect\r\nlocation: /there\r\ncontent-length: 0\r\n\r\n")
            .await;
    let world = World::new(&server.url());
    let reply = world.reply().await;
    assert_eq!((reply.status, reply.location.as_deref()), (308, Some("/there")));
    assert_eq!(server.connections(), 1);
}
