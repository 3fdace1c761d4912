//! What nobody is to read is not in what a target hands back.

use crate::server::Server;
use crate::world::{World, call};
use bytes::Bytes;
use connectors::http::guard::Ports;
use connectors::http::redact::Rules;
use contract::Message;
use contract::delivery::ErrorClass;
use contract::message::Headers;
use contract::target::{Keep, Lasting, Outcome, Target};
use http::{HeaderName, HeaderValue};
use std::sync::Arc;

fn rules() -> Rules {
    Rules {
        headers: vec![HeaderName::from_static("x-national-id"), HeaderName::from_static("x-fixed")],
        body: vec!["/card/number".parse().unwrap()],
    }
}

/// What is kept of an answer with this body.
async fn kept(body: &'static str) -> Bytes {
    let answer = format!(
        "HTTP/1.1 422 No\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let (server, _) = Server::seeing(move |_| answer.clone()).await;
    World::with(&server.url(), |settings| settings.redact = rules()).reply().await.capture.body
}

#[tokio::test]
async fn places_of_an_answer_are_covered_and_what_is_no_json_is_covered_whole() {
    assert_eq!(
        kept(r#"{"card":{"number":"4111","ok":false}}"#).await,
        r#"{"card":{"number":"***","ok":false}}"#
    );
    assert_eq!(kept(r#"{"error":"no card"}"#).await, r#"{"error":"no card"}"#);
    assert_eq!(kept("card 4111 refused").await, "***");
}

#[tokio::test]
async fn an_answer_that_repeats_a_named_header_is_covered() {
    let (server, seen) = Server::seeing(|request| {
        let body = serde_json::json!({ "seen": request }).to_string();
        format!("HTTP/1.1 422 No\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    })
    .await;
    let mut fixed = HeaderValue::from_static("fixed-7654321");
    fixed.set_sensitive(true);
    let world = World::with(&server.url(), |settings| {
        settings.redact = rules();
        settings.headers = vec![(HeaderName::from_static("x-fixed"), fixed)];
    });
    let mut call = call();
    for parcel in &mut call.parcels {
        let headers =
            Headers::from_pairs([("x-national-id", b"12 345 678".as_slice()), ("x-tag", b"a-long-tag")]);
        parcel.message = Arc::new(Message { headers, ..(*parcel.message).clone() });
    }
    let Outcome::Answered(reply) = world.target.deliver(&call).await.remove(0) else { panic!("no answer") };
    assert!(seen.all()[0].contains("x-national-id: 12 345 678\r\n"), "it was sent");
    let body = String::from_utf8(reply.capture.body.to_vec()).unwrap();
    assert!(
        body.contains("x-national-id: ***") && body.contains("x-fixed: ***") && body.contains("a-long-tag"),
        "{body}"
    );
}

#[tokio::test]
async fn an_answer_that_others_read_is_covered_for_them_too() {
    let answer = "HTTP/1.1 200 OK\r\nx-national-id: 12345678\r\nset-cookie: a=b\r\ncontent-length: 24\r\n\r\n{\"card\":{\"number\":4111}}";
    let (server, _) = Server::seeing(move |_| answer.to_owned()).await;
    let world = World::with(&server.url(), |settings| settings.redact = rules());
    let mut call = call();
    call.parcels.iter_mut().for_each(|parcel| parcel.keep = Keep::Whole);
    let Outcome::Answered(reply) = world.target.deliver(&call).await.remove(0) else { panic!("no answer") };
    assert_eq!(reply.capture.body, r#"{"card":{"number":"***"}}"#);
    assert_eq!(reply.capture.headers.value("x-national-id"), Some(&b"***"[..]));
    assert_eq!(
        reply.capture.headers.value("set-cookie"),
        Some(&b"a=b"[..]),
        "it may be meant for who reads it"
    );
}

#[tokio::test]
async fn a_port_that_is_not_permitted_is_not_called() {
    let (server, seen) = Server::seeing(|_| crate::server::ok("")).await;
    let world = World::with(&server.url(), |settings| settings.ports = Ports::Only(vec![1..=1]));
    let Outcome::Own { class: ErrorClass::LocalConfig, lasting: Lasting::Lasting, detail } =
        world.deliver().await
    else {
        panic!("it was called");
    };
    assert!(detail.contains("may not go to the port"), "{detail}");
    assert!(seen.all().is_empty());
}
