//! A ticket over a WebSocket, byte by byte: the handshake of RFC 6455 and what follows.

use crate::world::World;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The example of RFC 6455, section 1.3.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// Asks for a ticket's socket and gives the head of the answer.
async fn handshake(world: &World, id: &str, headers: &str) -> (TcpStream, String) {
    let address = world.front_url().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let request = format!("GET /v1/tickets/{id}/ws HTTP/1.1\r\nhost: {address}\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    (stream, String::from_utf8(head).unwrap())
}

/// The next frame of a server: its code and what it carries.
async fn frame(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let (first, second) = (stream.read_u8().await.unwrap(), stream.read_u8().await.unwrap());
    let length = match second {
        126 => usize::from(stream.read_u16().await.unwrap()),
        127 => usize::try_from(stream.read_u64().await.unwrap()).unwrap(),
        short => usize::from(short),
    };
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).await.unwrap();
    (first & 0x0f, payload)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_tells_each_change_and_closes_when_the_ticket_is_settled() {
    let world = World::start().await;
    world.admin(&["target", "pause", "crm"]).await.ok();
    let id = world.signup().await;
    let asks = format!(
        "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: {KEY}\r\n"
    );
    let (mut stream, head) = handshake(&world, &id, &asks).await;
    assert!(head.starts_with("HTTP/1.1 101 ") && head.contains(ACCEPT), "{head}");
    let (code, text) = frame(&mut stream).await;
    let ticket: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!((code, ticket["id"].as_str(), &ticket["settled"]), (1, Some(&*id), &Value::from(false)));
    world.admin(&["target", "resume", "crm"]).await.ok();
    let mut last = ticket;
    loop {
        match frame(&mut stream).await {
            (1, text) => last = serde_json::from_slice(&text).unwrap(),
            (8, _) => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((&last["settled"], &last["state"]), (&Value::from(true), &Value::from("succeeded")));

    let (_, head) = handshake(&world, &id, "").await;
    assert!(head.starts_with("HTTP/1.1 400 ") && head.contains("application/problem+json"), "{head}");
    let (_, head) = handshake(&world, "msg_00000000-0000-7000-8000-000000000000", &asks).await;
    assert!(head.starts_with("HTTP/1.1 404 ") || head.starts_with("HTTP/1.1 410 "), "{head}");
    world.stop().await;
}
