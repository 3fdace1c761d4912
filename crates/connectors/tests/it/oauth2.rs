//! Tokens of OAuth 2 client credentials, from a real token server.

use crate::server::{Seen, Server, ok};
use crate::world::{World, call};
use connectors::http::auth::scope::Scope;
use connectors::http::auth::{Auth, ClientAuth, OAuth2, Proof};
use connectors::http::{Guard, Settings};
use contract::Secret;
use contract::delivery::ErrorClass;
use contract::target::{Lasting, Outcome, Target};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::task::JoinSet;

/// Answers `token-1`, `token-2` and so on, each good for 100 seconds.
async fn token_server() -> (Server, Seen) {
    let count = AtomicUsize::new(0);
    Server::seeing(move |_| {
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        ok(&format!(r#"{{"access_token":"token-{number}","token_type":"Bearer","expires_in":100}}"#))
    })
    .await
}

fn refusal(status: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n")
}

fn client(tokens: &str) -> OAuth2 {
    OAuth2 {
        token_url: tokens.parse().unwrap(),
        client_id: Secret::new("shop:1"),
        client_secret: Secret::new("s3cret/+"),
        scopes: vec!["contacts.write".to_owned(), "a&b".to_owned()],
        audience: Some("https://crm.example".to_owned()),
        client_auth: ClientAuth::Basic,
    }
}

fn with(oauth2: OAuth2) -> impl FnOnce(&mut Settings) {
    |settings| settings.auth = Some(Auth { proof: Proof::OAuth2(oauth2), scope: Scope::default() })
}

/// The tokens that a target was sent.
fn shown(seen: &Seen) -> Vec<String> {
    let token = |request: String| {
        let line = request.lines().find_map(|line| line.strip_prefix("authorization: Bearer "));
        line.unwrap_or("none").to_owned()
    };
    seen.all().into_iter().map(token).collect()
}

#[tokio::test]
async fn many_calls_at_once_fetch_one_token() {
    let (tokens, asked) = token_server().await;
    let (api, seen) = Server::seeing(|_| ok("")).await;
    let world = Arc::new(World::with(&api.url(), with(client(&tokens.url()))));
    let mut calls = JoinSet::new();
    for _ in 0..50 {
        let world = Arc::clone(&world);
        calls.spawn(async move { world.reply().await.status });
    }
    assert_eq!(calls.join_all().await, [200; 50]);
    assert_eq!(shown(&seen), ["token-1"; 50]);
    let [request] = &asked.all()[..] else { panic!("asked {:?}", asked.all()) };
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /hook?a=b HTTP/1.1\r\n"), "{head}");
    // base64 of `shop%3A1:s3cret%2F%2B`.
    for line in [
        "authorization: Basic c2hvcCUzQTE6czNjcmV0JTJGJTJC",
        "content-type: application/x-www-form-urlencoded",
        "accept: application/json",
    ] {
        assert!(head.lines().any(|have| have == line), "{line} in {head}");
    }
    assert!(!head.contains("webhook-id"), "nothing of the message goes there: {head}");
    let form =
        "grant_type=client_credentials&scope=contacts.write%20a%26b&audience=https%3A%2F%2Fcrm.example";
    assert_eq!(body, form);
}

#[tokio::test]
async fn an_endpoint_may_want_id_and_secret_in_the_form() {
    let (tokens, asked) = token_server().await;
    let (api, _) = Server::seeing(|_| ok("")).await;
    let oauth2 = OAuth2 { client_auth: ClientAuth::Post, ..client(&tokens.url()) };
    World::with(&api.url(), with(oauth2)).reply().await;
    let request = asked.all().remove(0);
    assert!(request.ends_with("&client_id=shop%3A1&client_secret=s3cret%2F%2B"), "{request}");
    assert!(!request.contains("authorization"), "{request}");
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends() {
    let (tokens, asked) = token_server().await;
    let (api, seen) = Server::seeing(|_| ok("")).await;
    let world = World::with(&api.url(), with(client(&tokens.url())));
    for seconds in [0, 79, 1] {
        world.clock.advance(seconds);
        assert_eq!(world.reply().await.status, 200);
    }
    assert_eq!(shown(&seen), ["token-1", "token-1", "token-2"]);
    assert_eq!(asked.all().len(), 2);
}

#[tokio::test]
async fn a_401_gets_one_other_token_and_one_other_try() {
    let (tokens, asked) = token_server().await;
    let (api, seen) =
        Server::seeing(
            |request| {
                if request.contains("token-1\r\n") { refusal("401 Unauthorized") } else { ok("") }
            },
        )
        .await;
    let world = World::with(&api.url(), with(client(&tokens.url())));
    assert_eq!(world.reply().await.status, 200);
    assert_eq!(world.reply().await.status, 200);
    assert_eq!(shown(&seen), ["token-1", "token-2", "token-2"]);
    assert_eq!(asked.all().len(), 2);
    let id =
        |request: &String| request.lines().find(|line| line.starts_with("webhook-id")).map(str::to_owned);
    assert_eq!(id(&seen.all()[0]), id(&seen.all()[1]));
}

#[tokio::test]
async fn a_401_that_stays_is_the_answer_and_no_other_status_is_tried_again() {
    for (status, sent) in [("401 Unauthorized", 2), ("403 Forbidden", 1), ("500 Oops", 1)] {
        let (tokens, asked) = token_server().await;
        let (api, seen) = Server::seeing(move |_| refusal(status)).await;
        let world = World::with(&api.url(), with(client(&tokens.url())));
        assert!(status.starts_with(&world.reply().await.status.to_string()));
        assert_eq!((seen.all().len(), asked.all().len()), (sent, sent), "{status}");
    }
}

#[tokio::test]
async fn an_endpoint_that_fails_is_a_passing_fault_of_ours_and_not_stormed() {
    let (tokens, asked) = Server::seeing(|_| {
        let body = r#"{"error":"invalid_client","error_description":"s3cret/+"}"#;
        format!("HTTP/1.1 401 No\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    })
    .await;
    let (api, seen) = Server::seeing(|_| ok("")).await;
    let world = World::with(&api.url(), with(client(&tokens.url())));
    for (seconds, expected) in [(0, 1), (0, 1), (2, 1), (1, 2)] {
        world.clock.advance(seconds);
        let outcome = world.deliver().await;
        let Outcome::Own { class: ErrorClass::LocalAuth, lasting: Lasting::Passing, detail } = outcome else {
            panic!("{outcome:?}");
        };
        assert!(detail.contains("invalid_client") && !detail.contains("s3cret"), "{detail}");
        assert_eq!(asked.all().len(), expected);
    }
    assert!(seen.all().is_empty());
}

#[tokio::test]
async fn an_endpoint_that_nobody_reaches_is_not_charged_to_the_target() {
    let (api, seen) = Server::seeing(|_| ok("")).await;
    let nobody = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap();
    let outcome = World::with(&api.url(), with(client(&format!("http://{nobody}/token")))).deliver().await;
    let passing =
        matches!(outcome, Outcome::Own { class: ErrorClass::LocalAuth, lasting: Lasting::Passing, .. });
    assert!(passing, "{outcome:?}");
    assert!(seen.all().is_empty());
}

#[tokio::test]
async fn the_guard_judges_the_address_of_the_endpoint_too() {
    let (api, seen) = Server::seeing(|_| ok("")).await;
    let world = World::with(&api.url(), |settings| {
        with(client("http://127.0.0.2:1/token"))(settings);
        settings.guard = Guard::GlobalOnly { allow: vec!["127.0.0.1".parse().unwrap()] };
    });
    let outcome = world.target.deliver(&call()).await.remove(0);
    let denied =
        matches!(outcome, Outcome::Own { class: ErrorClass::LocalGuard, lasting: Lasting::Lasting, .. });
    assert!(denied, "{outcome:?}");
    assert!(seen.all().is_empty());
}
