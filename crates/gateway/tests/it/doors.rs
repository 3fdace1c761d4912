//! What both doors do with requests that fit no path and method.

use crate::world::World;
use axum::body::Body;
use axum::response::Response;
use gateway::api::server::{Bounds, listen, serve};
use gateway::doors::SystemClock;
use http::Request;
use hyper::body::Incoming;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

/// What a door answers, until it closes the connection; each header is a line.
pub(crate) async fn answer(url: &str, method: &str, path: &str, headers: &str, body: &str) -> String {
    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_method_is_told_the_right_ones() {
    let world = World::start().await;
    let delivery = "/v1/dead/dlv_01929b3c-5d2e-7000-8000-0123456789ab";
    let cases = [
        (world.front_url(), "GET", "/signup", "POST"),
        (world.front_url(), "DELETE", "/orders/7", "POST"),
        (world.front_url(), "POST", "/healthz", "GET,HEAD"),
        (world.front_url(), "GET", "/v1/messages", "POST"),
        (world.front_url(), "PUT", "/v1/messages/batch", "POST"),
        (world.front_url(), "POST", "/v1/tickets/x", "GET,HEAD"),
        (world.front_url(), "GET", "/v1/tickets/x/cancel", "POST"),
        (world.admin_url(), "POST", "/readyz", "GET,HEAD"),
        (world.admin_url(), "DELETE", "/metrics", "GET,HEAD"),
        (world.admin_url(), "OPTIONS", "/v1/targets/crm/pause", "POST"),
        (world.admin_url(), "PUT", delivery, "GET,HEAD,PATCH"),
    ];
    for (url, method, path, allowed) in cases {
        let answer = answer(url, method, path, "", "").await;
        assert!(answer.starts_with("HTTP/1.1 405 "), "{method} {path}: {answer}");
        let allow = answer.lines().find_map(|line| line.strip_prefix("allow: "));
        assert_eq!(allow, Some(allowed), "{method} {path}: {answer}");
        assert!(answer.contains("urn:fanlight:problem:method-not-allowed"), "{method} {path}: {answer}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_begins_http_2_is_closed_at_once() {
    let world = World::start().await;
    for url in [world.front_url(), world.admin_url()] {
        let mut stream = TcpStream::connect(url.trim_start_matches("http://")).await.unwrap();
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        // A reset says the same as an end: what came after the head was not read.
        drop(stream.read_to_end(&mut answer).await);
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_taken_says_why() {
    let world = World::start().await;
    let cases = [
        (world.front_url(), "/orders/%ff%fe", "", "400 ", "percent-encoding is not valid"),
        (world.front_url(), "/orders/%zz", "", "400 ", "percent-encoding is not valid"),
        (world.front_url(), "/v1/messages", "[]", "400 ", "the batch has no events"),
        (world.front_url(), "/v1/messages/batch", "[]", "400 ", "the batch has no events"),
        (world.front_url(), "/v1/dead", "", "404 ", "the operators' door has this path"),
        (world.front_url(), "/readyz", "", "404 ", "the operators' door has this path"),
        (world.admin_url(), "/signup", "", "404 ", "at the front door"),
    ];
    for (url, path, body, status, says) in cases {
        let answer = answer(url, "POST", path, "", body).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")) && answer.contains(says),
            "{path}: {answer}"
        );
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_has_no_words_of_the_program_in_it() {
    let world = World::start().await;
    let cases = [
        ("POST", "/v1/targets/nope/pause", "", "there is no target `nope`"),
        ("POST", "/v1/dead/redrive", "[]", "expected an object"),
        ("POST", "/v1/dead/redrive", r#"{"filter":7}"#, "expected an object"),
        ("GET", "/v1/dead?target=nope", "", "there is no target `nope`"),
        ("GET", "/v1/dead?error=bogus", "", "`error` is a reason, an error class or a status"),
        ("POST", "/v1/dead/redrive", r#"{"filter":{"target":"nope"}}"#, "there is no target `nope`"),
        ("GET", "/v1/dead?route=nope", "", "there is no route `nope`"),
        ("POST", "/v1/dead/discard", r#"{"filter":{"route":"nope"}}"#, "there is no route `nope`"),
        ("GET", "/v1/dead?limit=0", "", "`limit` is 1 to 500"),
        ("GET", "/v1/dead?limit=x", "", "the query cannot be read: "),
        ("GET", "/v1/dead?bogus=1", "", "unknown field `bogus`"),
    ];
    for (method, path, body, says) in cases {
        let answer = answer(world.admin_url(), method, path, "", body).await;
        assert!(answer.contains(says), "{path}: {answer}");
        for word in ["struct", "Name(", "deserialize"] {
            assert!(!answer.contains(word), "{path}: {answer}");
        }
    }
    world.stop().await;
}

/// What a door answers to these bytes, until it closes the connection.
async fn raw(url: &str, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    // A reset says the same as an end: not all of the request was read.
    drop(stream.read_to_end(&mut answer).await);
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_parser_refuses_is_a_problem_too() {
    let world = World::start().await;
    let post = |headers: &str| format!("POST /signup HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n");
    let many: String = (0..300).map(|n| format!("x-{n}: 1\r\n")).collect();
    let cases = [
        (post("content-length: abc\r\n").into_bytes(), 400, "invalid-request"),
        (post("content-length: 2\r\ncontent-length: 3\r\n").into_bytes(), 400, "invalid-request"),
        (post("transfer-encoding: gzip\r\n").into_bytes(), 400, "invalid-request"),
        (post("x y: 1\r\n").into_bytes(), 400, "invalid-request"),
        (post("x: 1\r\n folded\r\n").into_bytes(), 400, "invalid-request"),
        (b"POST /\xff\xfe HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec(), 400, "invalid-request"),
        (b"POST /a b HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec(), 400, "invalid-request"),
        (post(&many).into_bytes(), 431, "headers-too-large"),
        (post(&format!("x: {}\r\n", "x".repeat(200_000))).into_bytes(), 431, "headers-too-large"),
    ];
    for url in [world.front_url(), world.admin_url()] {
        for (request, status, slug) in &cases {
            let answer = raw(url, request).await;
            let request = String::from_utf8_lossy(request);
            let start: String = request.chars().take(80).collect();
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{start}: {answer}");
            let (head, body) = answer.split_once("\r\n\r\n").expect("a whole head");
            assert!(head.contains("content-type: application/problem+json"), "{start}: {answer}");
            let body: serde_json::Value =
                serde_json::from_str(body).unwrap_or_else(|wrong| panic!("{start}: {wrong}: {answer}"));
            assert_eq!(body["type"], format!("urn:fanlight:problem:{slug}"), "{start}");
        }
        let long = format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "x".repeat(70_000));
        let answer = raw(url, long.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 4") && answer.contains("64 KiB together"), "{answer}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_may_be_read_in_two_ways_is_refused() {
    let world = World::start().await;
    let host = "host: localhost\r\n";
    let cases = [
        (String::new(), "400 ", "no `host`"),
        (format!("{host}{host}"), "400 ", "more than once"),
        (format!("{host}transfer-encoding: gzip, chunked\r\n"), "501 ", "not known"),
        (format!("{host}transfer-encoding: gzip\r\n"), "400 ", "`transfer-encoding`"),
    ];
    for url in [world.front_url(), world.admin_url()] {
        for (headers, status, says) in &cases {
            let request =
                format!("POST /v1/messages HTTP/1.1\r\nconnection: close\r\n{headers}\r\n0\r\n\r\n");
            let answer = raw(url, request.as_bytes()).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{headers}: {answer}");
            assert!(answer.contains(says) && answer.contains("urn:fanlight:problem:"), "{headers}: {answer}");
        }
    }
    // With two lengths the parser goes by the chunks and ends the connection: what follows is nobody's request.
    for both in [
        "content-length: 4\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 4\r\n",
    ] {
        let second = format!("GET /healthz HTTP/1.1\r\n{host}\r\n");
        let request = format!("POST /signup HTTP/1.1\r\n{host}{both}\r\n0\r\n\r\n{second}");
        let answer = raw(world.front_url(), request.as_bytes()).await;
        assert!(answer.contains("connection: close") && !answer.contains("\r\n\r\nok"), "{answer}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_connection_that_does_not_go_on_is_closed_and_makes_room() {
    let listener = listen("listen", "127.0.0.1:0".parse().unwrap()).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    // Room for one: whoever comes next is served only when the one before is gone.
    let bounds =
        Bounds { connections: 1, headers: Duration::from_millis(100), grace: Duration::from_secs(5) };
    let (stop, stopping) = watch::channel(false);
    let (clock, tasks) = (Arc::new(SystemClock::new()), TaskTracker::new());
    let hello = |_: Request<Incoming>, _| async { Response::new(Body::from("hello")) };
    let server = tasks.spawn(serve(listener, bounds, stopping, clock, hello));
    for words in ["", "P", "PRI * HT", "POST / HTTP/1.1\r\nhost: x\r\n", "GET / HTTP/1.1\r\nhost: x\r\n\r\n"]
    {
        let mut stuck = TcpStream::connect(url.trim_start_matches("http://")).await.unwrap();
        stuck.write_all(words.as_bytes()).await.unwrap();
        let answer = answer(&url, "GET", "/", "", "").await;
        assert!(answer.ends_with("hello"), "after {words:?}: {answer}");
        let mut rest = Vec::new();
        stuck.read_to_end(&mut rest).await.unwrap();
        let served = String::from_utf8_lossy(&rest).ends_with("hello");
        assert_eq!(served, words.ends_with("\r\n\r\n"), "{words:?}");
    }
    stop.send_replace(true);
    server.await.unwrap();
}
