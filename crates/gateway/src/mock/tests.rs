//! The mock API, asked by plain sockets.

use super::*;
use http::{HeaderMap, StatusCode};
use std::io::ErrorKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

async fn start(behaviour: Behaviour) -> Server {
    Server::start(behaviour, LOOPBACK).await.unwrap()
}

async fn send(server: &Server, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// All that comes back until the connection ends.
async fn ask(server: &Server, request: &str) -> std::io::Result<String> {
    let mut answer = Vec::new();
    send(server, request).await.read_to_end(&mut answer).await?;
    Ok(String::from_utf8(answer).unwrap())
}

const POST: &str = "POST /users?a=1 HTTP/1.1\r\nhost: mock\r\nconnection: close\r\nwebhook-id: dlv_1\r\nidempotency-key: k\r\nfanlight-attempt: 2\r\ncontent-length: 7\r\n\r\n{\"a\":1}";

async fn post(server: &Server) -> String {
    ask(server, POST).await.unwrap()
}

async fn status(server: &Server) -> String {
    post(server).await.split(' ').nth(1).unwrap().to_owned()
}

async fn get(server: &Server, path: &str) -> serde_json::Value {
    let answer = ask(server, &format!("GET {path} HTTP/1.1\r\nhost: mock\r\nconnection: close\r\n\r\n"))
        .await
        .unwrap();
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[tokio::test]
async fn it_answers_ok_and_remembers_the_request() {
    let server = start(Behaviour::default()).await;
    let answer = post(&server).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\n{}"), "{answer}");
    let requests = server.requests();
    let [recorded] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!(
        (recorded.number, recorded.method.as_str(), recorded.path.as_str()),
        (1, "POST", "/users?a=1")
    );
    assert_eq!((recorded.webhook_id.as_deref(), recorded.attempt), (Some("dlv_1"), Some(2)));
    assert_eq!((recorded.body.as_str(), recorded.body_bytes), ("{\"a\":1}", 7));
    assert_eq!(recorded.idempotency_key.as_deref(), Some("k"));
    assert_eq!(recorded.outcome, Outcome::Status(200));
    server.stop().await;
}

#[tokio::test]
async fn it_tells_what_came_without_counting_the_question() {
    let server = start(Behaviour { statuses: "503,200".parse().unwrap(), ..Behaviour::default() }).await;
    assert_eq!(get(&server, "/__mock/count").await, serde_json::json!({"requests": 0, "outcomes": {}}));
    post(&server).await;
    post(&server).await;
    let count = get(&server, "/__mock/count").await;
    assert_eq!(count, serde_json::json!({"requests": 2, "outcomes": {"200": 1, "503": 1}}));
    let requests = get(&server, "/__mock/requests").await;
    assert_eq!(requests[1]["webhook_id"], "dlv_1");
    assert_eq!(requests[1]["outcome"], "200");
    assert_eq!(requests[1]["headers"]["idempotency-key"], "k");
    assert_eq!(server.counts().of(Outcome::Status(503)), 1);
    server.stop().await;
}

#[tokio::test]
async fn statuses_follow_their_sequence_with_retry_after_on_failures() {
    let statuses = "503x2,200".parse().unwrap();
    let retry_after = Some(http::HeaderValue::from_static("1"));
    let server = start(Behaviour { statuses, retry_after, ..Behaviour::default() }).await;
    assert!(post(&server).await.contains("\r\nretry-after: 1\r\n"));
    assert_eq!(status(&server).await, "503");
    let answer = post(&server).await;
    assert!(answer.starts_with("HTTP/1.1 200") && !answer.contains("retry-after"), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn headers_are_added_and_an_answer_without_body_has_none() {
    let mut headers = HeaderMap::new();
    headers.insert("location", http::HeaderValue::from_static("/again"));
    let statuses = "302,204".parse().unwrap();
    let server = start(Behaviour { statuses, headers, ..Behaviour::default() }).await;
    assert!(post(&server).await.contains("\r\nlocation: /again\r\n"));
    let answer = post(&server).await;
    assert!(answer.starts_with("HTTP/1.1 204") && answer.ends_with("\r\n\r\n"), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn one_connection_carries_many_requests() {
    let server = start(Behaviour::default()).await;
    let request = POST.replace("connection: close\r\n", "");
    let answer = ask(&server, &format!("{request}{request}{POST}")).await.unwrap();
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 3);
    server.stop().await;
}

#[tokio::test]
async fn a_request_that_hangs_gets_nothing_until_the_server_stops() {
    let server = start(Behaviour { hang: Occasions::at(&[1]), ..Behaviour::default() }).await;
    let mut stream = send(&server, POST).await;
    // Others are answered meanwhile; the first has been taken in when the second one is number 2.
    while server.counts().requests == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(status(&server).await, "200");
    assert_eq!(server.counts().of(Outcome::Hang), 1);
    server.stop().await;
    let mut answer = Vec::new();
    let ended = stream.read_to_end(&mut answer).await;
    assert!(answer.is_empty(), "{ended:?}: {answer:?}");
}

#[tokio::test]
async fn a_reset_is_a_reset() {
    let server = start(Behaviour { reset: Occasions::at(&[1]), ..Behaviour::default() }).await;
    assert_eq!(ask(&server, POST).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(status(&server).await, "200");
    server.stop().await;
}

#[tokio::test]
async fn an_invalid_answer_is_no_http_and_a_short_one_ends_early() {
    let behaviour =
        Behaviour { invalid: Occasions::at(&[1]), short: Occasions::at(&[2]), ..Behaviour::default() };
    let server = start(behaviour).await;
    let answer = post(&server).await;
    assert!(!answer.is_empty() && !answer.starts_with("HTTP/"), "{answer}");
    let answer = post(&server).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("content-length: 1000"), "{answer}");
    assert!(answer.len() < 1000);
    assert_eq!(server.counts().of(Outcome::Short), 1);
    server.stop().await;
}

#[tokio::test]
async fn a_large_body_has_its_size() {
    let server = start(Behaviour { content: Content::Size(10_000_000), ..Behaviour::default() }).await;
    let answer = post(&server).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("content-length: 10000000"), "{head}");
    assert_eq!(body.len(), 10_000_000);
    server.stop().await;
}

#[tokio::test]
async fn a_slow_body_comes_in_small_pieces_and_completely() {
    let content = Content::Text(bytes::Bytes::from_static(b"0123456789"));
    let server = start(Behaviour { content, slow_body: Some(200), ..Behaviour::default() }).await;
    assert!(post(&server).await.ends_with("\r\n\r\n0123456789"));
    server.stop().await;
}

#[tokio::test]
async fn latency_delays_the_answer_and_not_the_count() {
    let latency = Latency::fixed(Duration::from_secs(3600));
    let server = start(Behaviour { latency, ..Behaviour::default() }).await;
    let _stream = send(&server, POST).await;
    while server.counts().of(Outcome::Status(200)) == 0 {
        tokio::task::yield_now().await;
    }
    server.stop().await;
}

#[tokio::test]
async fn the_observer_is_told_of_each_request() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let observer: Observer = {
        let seen = Arc::clone(&seen);
        Arc::new(move |recorded: &Recorded| seen.lock().push(recorded.number))
    };
    let server = Server::start_observed(Behaviour::default(), LOOPBACK, observer).await.unwrap();
    post(&server).await;
    post(&server).await;
    assert_eq!(*seen.lock(), [1, 2]);
    server.stop().await;
}

#[tokio::test]
async fn a_taken_address_is_an_error_and_a_stopped_server_frees_it() {
    let server =
        start(Behaviour { statuses: Statuses::always(StatusCode::GONE), ..Behaviour::default() }).await;
    let address = server.address();
    let taken = Server::start(Behaviour::default(), address).await.err().unwrap();
    assert_eq!(taken.kind(), ErrorKind::AddrInUse);
    assert_eq!(status(&server).await, "410");
    server.stop().await;
    let again = Server::start(Behaviour::default(), address).await.unwrap();
    assert_eq!(status(&again).await, "200");
    again.stop().await;
}
