//! Credentials: on every request of their target, and nowhere else.

use crate::server::{Server, ok};
use crate::world::World;
use connectors::http::auth::scope::Scope;
use connectors::http::auth::{Auth, Proof};
use contract::Secret;
use contract::delivery::ErrorClass;
use contract::target::{Lasting, Outcome};

fn key_in_query() -> Proof {
    Proof::Query { name: "key".to_owned(), value: Secret::new("s3cret&") }
}

fn auth(proof: Proof) -> Option<Auth> {
    Some(Auth { proof, scope: Scope::default() })
}

#[tokio::test]
async fn a_credential_is_on_every_request() {
    for (proof, words) in [
        (Proof::Bearer(Secret::new("t0ken")), "\r\nauthorization: Bearer t0ken\r\n"),
        (key_in_query(), "POST /hook?a=b&key=s3cret%26 HTTP/1.1\r\n"),
    ] {
        let (server, seen) = Server::seeing(|_| ok("")).await;
        let world = World::with(&server.url(), |settings| settings.auth = auth(proof));
        for _ in 0..2 {
            assert_eq!(world.reply().await.status, 200);
        }
        let seen = seen.all();
        assert_eq!(seen.iter().filter(|request| request.contains(words)).count(), 2, "{seen:?}");
    }
}

#[tokio::test]
async fn a_redirect_to_another_origin_gets_no_credential() {
    let (other, seen) = Server::seeing(|_| ok("")).await;
    let moved = format!("HTTP/1.1 307 Moved\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", other.url());
    let (server, _) = Server::seeing(move |_| moved.clone()).await;
    let world = World::with(&server.url(), |settings| settings.auth = auth(key_in_query()));
    assert_eq!(world.reply().await.status, 307);
    assert!(seen.all().is_empty());
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn outside_the_scope_of_its_credential_nothing_is_sent() {
    let (server, seen) = Server::seeing(|_| ok("")).await;
    let scope = Scope { paths: vec!["/users/*".parse().unwrap()], ..Scope::default() };
    let outcome = World::with(&server.url(), |settings| {
        settings.auth = Some(Auth { proof: key_in_query(), scope });
    })
    .deliver()
    .await;
    let Outcome::Own { class: ErrorClass::LocalAuth, lasting: Lasting::Lasting, detail } = outcome else {
        panic!("{outcome:?}");
    };
    assert!(detail.contains("not for this path") && !detail.contains("s3cret"), "{detail}");
    assert!(seen.all().is_empty());
}

#[tokio::test]
async fn an_answer_that_repeats_the_credential_is_covered() {
    let (server, _) = Server::seeing(|request| {
        let place = "https://other.test/?key=s3cret%26";
        format!(
            "HTTP/1.1 307 Moved\r\nlocation: {place}\r\ncontent-length: {}\r\n\r\n{request}",
            request.len()
        )
    })
    .await;
    let world = World::with(&server.url(), |settings| settings.auth = auth(key_in_query()));
    let reply = world.reply().await;
    assert_eq!(reply.location.as_deref(), Some("https://other.test/?key=***"));
    let body = String::from_utf8(reply.capture.body.to_vec()).unwrap();
    assert!(body.starts_with("POST /hook?a=b&key=*** HTTP/1.1") && !body.contains("s3cret"), "{body}");
}
