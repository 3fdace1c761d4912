//! What both doors do with requests that fit no path and method.

use crate::world::World;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

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
