//! How answers look, from fixed ones.

use crate::program::{self, Ran, run_aside};
use crate::world::serve;
use axum::Router;
use axum::routing::{get, post};
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};

const TICKET: &str = "msg_019aaf00-0000-7000-8000-000000000001";
const CRM: &str = "dlv_019aaf00-0000-7000-8000-000000000000";
const MAILING: &str = "dlv_019aaf00-0000-7000-8000-000000000001";

fn attempt(number: u32, began: &str, more: &Value) -> Value {
    let mut attempt = json!({
        "number": number, "run": 1, "began": began,
        "timings_ms": { "queue": 0.25, "dns": 0.0, "connect": 0.75, "tls": 0.0, "first_byte": 11.5, "body": 0.125 },
    });
    attempt.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    attempt
}

fn attempts() -> [Value; 3] {
    let refused = json!({ "status": 503, "class": "status", "next_attempt": "2026-11-23T10:00:05.000000Z",
        "response": { "content_type": "text/plain", "body": "no \u{1b}[31mthanks", "capture": "complete" } });
    let late = json!({ "class": "timeout_total", "detail": "no status and headers within 15s", "possible_duplicate": true,
        "next_attempt": "2026-11-23T10:05:20.000000Z" });
    [
        attempt(1, "2026-11-23T10:00:00.001000Z", &json!({ "status": 201 })),
        attempt(1, "2026-11-23T10:00:00.001200Z", &refused),
        attempt(2, "2026-11-23T10:00:05.010000Z", &late),
    ]
}

fn ticket() -> Value {
    let [good, refused, late] = attempts();
    json!({
        "id": TICKET, "route": "signup", "state": "running", "decided": false, "settled": false,
        "received": "2026-11-23T10:00:00.000000Z",
        "deliveries": [
            { "id": CRM, "target": "crm", "state": "delivered", "run": 1, "attempts": [good] },
            { "id": MAILING, "target": "mailing", "state": "held", "reason": "throttled",
              "next_attempt": "2026-11-23T10:05:20.000000Z", "run": 1, "attempts": [refused, late] },
        ],
    })
}

fn dead_page() -> Value {
    let [_, refused, late] = attempts();
    let row = |id: &str, target: &str, more: Value| {
        let mut row = json!({ "id": id, "ticket": TICKET, "route": "signup", "target": target,
            "received": "2026-11-23T10:00:00.000000Z", "run": 1 });
        row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        row
    };
    json!({ "dead": [
        row(CRM, "crm", json!({ "reason": "refused", "last_attempt": refused })),
        row(MAILING, "mailing", json!({ "reason": "exhausted", "run": 2, "last_attempt": late })),
        row(MAILING, "a-new-one", json!({ "reason": "a_word_of_tomorrow", "unknown": true })),
    ], "next": MAILING })
}

fn dead_detail() -> Value {
    let [_, refused, _] = attempts();
    json!({
        "id": MAILING, "ticket": TICKET, "route": "signup", "target": "mailing", "received": "2026-11-23T10:00:00.000000Z",
        "dead": true, "reason": "refused", "run": 1, "revision": 1,
        "message": { "headers": { "content-type": "application/json" }, "body": "{\"email\":\"ada@exmaple.com\"}" },
        "edit": { "headers": { "content-type": "text/plain" }, "body": "two\nlines" },
        "attempts": [refused],
    })
}

fn targets() -> Value {
    json!({ "targets": [
        { "name": "crm", "state": "open", "in_flight": 3, "waiting_in_memory": 0, "waiting_on_disk": 0, "dead": 0 },
        { "name": "mailing", "state": "held", "reason": "throttled", "until": "2026-11-23T10:00:06.000000Z", "in_flight": 0,
          "waiting_in_memory": 40, "waiting_on_disk": 1000, "oldest_due": "2026-11-23T10:00:01.000000Z", "dead": 12 },
        { "name": "search", "state": "held", "reason": "breaker", "until": "2026-11-23T10:00:30.000000Z", "in_flight": 0,
          "waiting_in_memory": 0, "waiting_on_disk": 7, "oldest_due": "2026-11-23T10:00:00.000000Z", "dead": 0,
          "breaker": { "state": "open", "since": "2026-11-23T10:00:00.000000Z", "next_probe": "2026-11-23T10:00:30.000000Z" } },
    ] })
}

/// Three attempts, a gap, and the end.
fn tail() -> String {
    let [good, refused, late] = attempts();
    let line = |delivery, target, outcome, attempt| {
        let line = json!({ "message": TICKET, "delivery": delivery, "route": "signup", "target": target, "outcome": outcome, "attempt": attempt });
        format!("event: attempt\ndata: {line}\n\n")
    };
    let mut dead = late;
    dead.as_object_mut().unwrap().remove("next_attempt");
    [
        line(CRM, "crm", "delivered", good),
        line(MAILING, "mailing", "retrying", refused),
        ": keep-alive\n\nevent: lost\ndata: 7\n\n".to_owned(),
        line(MAILING, "mailing", "dead", dead),
    ]
    .concat()
}

async fn server() -> String {
    let json = |value: Value| async move || axum::Json(value);
    let router = Router::new()
        .route("/v1/tickets/{id}", get(json(ticket())))
        .route("/v1/dead", get(json(dead_page())))
        .route("/v1/dead/{id}", get(json(dead_detail())))
        .route("/v1/dead/redrive", post(json(json!({ "matches": 1 }))))
        .route("/v1/targets", get(json(targets())))
        .route("/v1/tail", get(async || ([(CONTENT_TYPE, "text/event-stream")], tail())));
    format!("http://{}", serve(router).await)
}

async fn shown(arguments: &[&str]) -> String {
    ran(arguments).await.ok()
}

async fn ran(arguments: &[&str]) -> Ran {
    let server = server().await;
    let door = if arguments[0] == "ticket" { "--server" } else { "--admin" };
    run_aside(&[arguments, &[door, &server]].concat()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_shows_its_deliveries_and_every_attempt() {
    insta::assert_snapshot!(shown(&["ticket", TICKET]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_dead_deliveries_says_how_to_go_on() {
    insta::assert_snapshot!(shown(&["dead", "list"]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_delivery_shows_what_was_sent_and_what_came_back() {
    insta::assert_snapshot!(shown(&["dead", "show", MAILING]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_show_what_holds_them_and_what_waits() {
    insta::assert_snapshot!(shown(&["target", "list"]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tail_has_a_line_per_attempt_and_says_when_the_server_ends_it() {
    let ran = ran(&["tail"]).await;
    insta::assert_snapshot!(ran.out);
    insta::assert_snapshot!(ran.err);
    assert_eq!(ran.code, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_ends_too_early_says_that_the_message_is_kept() {
    // The server answers once, and not with a stream.
    let said = ran(&["ticket", TICKET, "--watch"]).await.failed(1);
    assert!(said.contains("before the ticket was settled: the message is kept"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_is_not_many() {
    assert_eq!(shown(&["dead", "redrive", "--all", "--dry-run"]).await, "1 delivery would go again\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn json_is_what_the_server_sent() {
    let text = shown(&["target", "list", "--json"]).await;
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), targets());
}

#[tokio::test(flavor = "multi_thread")]
async fn words_have_colours_where_they_are_wanted_and_only_there() {
    let server = server().await;
    let coloured = move |name: &'static str| {
        let mut command = program::command(&["target", "list", "--admin", &server]);
        String::from_utf8(command.env(name, "1").output().unwrap().stdout).unwrap()
    };
    let (forced, refused) =
        tokio::task::spawn_blocking(move || (coloured("CLICOLOR_FORCE"), coloured("NO_COLOR")))
            .await
            .unwrap();
    assert!(forced.contains("\u{1b}[32mopen\u{1b}[0m"), "{forced:?}");
    assert!(!refused.contains('\u{1b}'), "{refused:?}");
}
