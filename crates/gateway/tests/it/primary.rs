//! Answers that others use, over real doors: the caller gets the primary's, dependents and undos read those before them.

use crate::program::{run_aside, states};
use crate::world::serve;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use gateway::app::App;
use gateway::config::{self, Process};
use http::{HeaderMap, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_util::task::TaskTracker;

/// What the APIs were asked, in order, and what each answers.
#[derive(Default)]
struct Apis {
    answers: Mutex<HashMap<&'static str, Said>>,
    calls: Mutex<Vec<(String, HeaderMap, Bytes)>>,
}

/// An answer.
#[derive(Clone)]
struct Said {
    status: u16,
    headers: &'static [(&'static str, &'static str)],
    body: Bytes,
    hangs: bool,
}

impl Apis {
    fn say(&self, name: &'static str, status: u16, body: impl Into<Bytes>) {
        self.set(name, Said { status, headers: &[], body: body.into(), hangs: false });
    }

    fn set(&self, name: &'static str, said: Said) {
        self.answers.lock().unwrap().insert(name, said);
    }

    /// Name and body of each call.
    fn calls(&self) -> Vec<(String, String)> {
        let calls = self.calls.lock().unwrap();
        let each =
            calls.iter().map(|(path, _, body)| (path.clone(), String::from_utf8_lossy(body).into_owned()));
        each.collect()
    }
}

async fn api(State(apis): State<Arc<Apis>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let path = uri.path().to_owned();
    let name = path.split('/').nth(1).unwrap_or_default();
    let said = apis.answers.lock().unwrap().get(name).cloned();
    apis.calls.lock().unwrap().push((path, headers, body));
    let Some(Said { status, headers, body, hangs }) = said else { return Response::new(Body::from("{}")) };
    if hangs {
        std::future::pending::<()>().await;
    }
    let response = headers
        .iter()
        .fold(Response::builder().status(status), |one, (name, value)| one.header(*name, *value));
    response.body(Body::from(body)).unwrap()
}

struct World {
    apis: Arc<Apis>,
    app: App,
}

/// What a caller gets.
#[derive(Debug, PartialEq)]
struct Got {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Got {
    fn ticket(&self) -> &str {
        self.headers["fanlight-ticket"].to_str().unwrap().strip_prefix("/v1/tickets/").unwrap()
    }
}

impl World {
    async fn start(route: &str, targets: &[(&str, &str)]) -> Self {
        let apis = Arc::new(Apis::default());
        let url =
            format!("http://{}", serve(Router::new().fallback(api).with_state(Arc::clone(&apis))).await);
        let target = |(name, more): &(&str, &str)| {
            let more = more.replace("URL", &url);
            if more.starts_with("url:") {
                format!("  {name}: {{{more}}}\n")
            } else {
                format!("  {name}: {{url: '{url}/{name}'{more}}}\n")
            }
        };
        let targets: String = targets.iter().map(target).collect();
        let text = format!(
            "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nstore: 'memory:'\nshutdown: {{grace: 1s}}\n\
             routes:\n  order: {{accept: POST /orders, {route}}}\ntargets:\n{targets}"
        );
        let app = App::start(config::parse(&text, "primary.yaml", &Process).unwrap()).await.unwrap();
        Self { apis, app }
    }

    async fn post(&self, key: Option<&str>) -> Got {
        let stream = TcpStream::connect(self.app.front_address).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        // It ends with the test's runtime.
        TaskTracker::new().spawn(connection);
        let request = http::Request::post("/orders")
            .header("host", "localhost")
            .header("content-type", "application/json");
        let request = key.into_iter().fold(request, |one, key| one.header("idempotency-key", key));
        let request = request.body(Full::new(Bytes::from_static(br#"{"id":7}"#))).unwrap();
        let (parts, body) = sender.send_request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let mut headers = parts.headers;
        headers.remove("date");
        Got { status: parts.status, headers, body }
    }

    /// Sends an order to a route without a primary, and gives its ticket when everything has ended.
    async fn order(&self) -> Value {
        let server = format!("http://{}", self.app.front_address);
        let sent = run_aside(&["send", "/orders", "--data", r#"{"id":7}"#, "--json", "--server", &server])
            .await
            .json();
        self.ticket(sent["id"].as_str().unwrap()).await
    }

    async fn ticket(&self, id: &str) -> Value {
        let server = format!("http://{}", self.app.front_address);
        let lines = run_aside(&["ticket", id, "--watch", "--json", "--server", &server]).await.ok();
        serde_json::from_str(lines.lines().last().unwrap()).unwrap()
    }

    async fn stop(self) {
        self.app.stop(Duration::from_secs(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_caller_gets_the_primarys_own_answer_and_the_others_follow() {
    let world = World::start("to: [crm, mail], primary: crm", &[("crm", ""), ("mail", "")]).await;
    let body = vec![b'x'; 100_000];
    let headers = &[
        ("location", "/customers/7"),
        ("content-type", "text/weird"),
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
        ("keep-alive", "timeout=5"),
    ];
    world.apis.set("crm", Said { status: 201, headers, body: body.clone().into(), hangs: false });
    let got = world.post(Some("once")).await;
    assert_eq!((got.status, &got.body), (StatusCode::CREATED, &Bytes::from(body)));
    assert_eq!(
        (&got.headers["location"], &got.headers["content-type"]),
        (&"/customers/7".parse().unwrap(), &"text/weird".parse().unwrap())
    );
    assert_eq!(got.headers.get_all("set-cookie").iter().count(), 2);
    assert!(!got.headers.contains_key("keep-alive"), "{got:?}");
    let ticket = world.ticket(got.ticket()).await;
    assert_eq!(ticket["state"], "succeeded", "{ticket}");
    assert_eq!(ticket["deliveries"][1]["after"], json!(["crm"]));
    let shown = &ticket["deliveries"][0]["attempts"][0]["response"];
    assert_eq!((shown["body"].as_str().unwrap().len(), &shown["capture"]), (16 * 1024, &json!("truncated")));
    let again = world.post(Some("once")).await;
    assert_eq!(again, got, "a repeat gets the same answer");
    assert_eq!(world.apis.calls().len(), 2);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_primary_fails_its_error_is_the_answer_and_nothing_else_is_sent() {
    let targets = [("crm", ", retry: {schedule: [0s, 0s, 0s]}"), ("mail", ""), ("log", "")];
    let world = World::start("to: [mail, crm, log], optional: log, primary: crm", &targets).await;
    for (status, reason) in [(422, "refused"), (503, "exhausted")] {
        world.apis.say("crm", status, "no");
        let got = world.post(None).await;
        assert_eq!((got.status.as_u16(), &*got.body), (status, b"no".as_slice()));
        let ticket = world.ticket(got.ticket()).await;
        let skipped = |name| json!([name, "skipped", "dependency"]);
        assert_eq!(states(&ticket), [skipped("mail"), json!(["crm", "dead", reason]), skipped("log")]);
    }
    world.apis.say("crm", 200, vec![b'x'; 256 * 1024 + 1]);
    let got = world.post(None).await;
    assert_eq!(got.status, StatusCode::BAD_GATEWAY, "{got:?}");
    let problem: Value = serde_json::from_slice(&got.body).unwrap();
    assert_eq!(problem["type"], "urn:fanlight:problem:no-answer");
    assert_eq!(states(&world.ticket(got.ticket()).await)[1], json!(["crm", "dead", "unreadable"]));
    assert_eq!(world.apis.calls().len(), 3, "one call for each, and none to the others");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_may_be_tried_again_while_the_caller_waits() {
    let targets = [("crm", ", retry: {schedule: [0s, 0s, 1m]}"), ("mail", "")];
    let world = World::start("to: [crm, mail], primary: {target: crm, wait: 1s, retry: on}", &targets).await;
    world.apis.say("crm", 503, "no");
    let got = world.post(None).await;
    assert_eq!(got.status, StatusCode::ACCEPTED, "{got:?}");
    assert!(got.headers.contains_key("location"));
    let receipt: Value = serde_json::from_slice(&got.body).unwrap();
    assert_eq!((receipt["id"].as_str().unwrap(), world.apis.calls().len()), (got.ticket(), 2));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_without_an_answer_is_a_problem_or_a_ticket() {
    let targets = [("crm", ", timeout: 200ms, retry: {schedule: [0s, 1m]}"), ("mail", "")];
    let world = World::start("to: [crm, mail], primary: crm", &targets).await;
    world.apis.set("crm", Said { status: 200, headers: &[], body: Bytes::new(), hangs: true });
    let got = world.post(None).await;
    assert_eq!(got.status, StatusCode::GATEWAY_TIMEOUT, "{got:?}");
    assert_eq!(states(&world.ticket(got.ticket()).await)[0], json!(["crm", "dead", "exhausted"]));
    world.stop().await;

    // It answers later than the caller waits: the caller has the ticket, and what fails then is tried again.
    let targets = [("crm", ", timeout: 2s, retry: {schedule: [0s, 1m]}"), ("mail", "")];
    let world = World::start("to: [crm, mail], primary: {target: crm, wait: 1s}", &targets).await;
    world.apis.set("crm", Said { status: 200, headers: &[], body: Bytes::new(), hangs: true });
    assert_eq!(world.post(None).await.status, StatusCode::ACCEPTED);
    world.stop().await;

    let world = World::start("to: [crm, mail], primary: crm", &[("crm", ", when: .vip"), ("mail", "")]).await;
    let got = world.post(None).await;
    assert_eq!(got.status, StatusCode::ACCEPTED, "its filter said no");
    assert_eq!(world.ticket(got.ticket()).await["state"], "succeeded");
    assert_eq!(world.apis.calls().len(), 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn those_that_wait_read_the_answers_of_those_before_them() {
    let targets = [
        ("crm", ""),
        ("tax", ""),
        (
            "mail",
            ", body: '{id: $responses.crm.body.id, tax: $responses.tax.status, at: $responses.tax.headers.x}', retry: {schedule: [0s, 0s]}",
        ),
        ("log", "url: 'URL/log/{{ responses.crm.body.id }}', headers: {x-tax: '{{ responses.tax.status }}'}"),
    ];
    let world =
        World::start("to: [crm, tax, mail, log], after: {mail: [crm, tax], log: mail}", &targets).await;
    world.apis.say("crm", 201, r#"{"id":"a/b","secret":1}"#);
    world.apis.set("tax", Said { status: 202, headers: &[("x", "y")], body: "no json".into(), hangs: false });
    world.apis.say("mail", 503, "busy");
    let ticket = world.order().await;
    let read = r#"{"id":"a/b","tax":202,"at":"y"}"#;
    let mails: Vec<_> = world.apis.calls().into_iter().filter(|(path, _)| path == "/mail").collect();
    assert_eq!(
        mails,
        [("/mail".to_owned(), read.to_owned()), ("/mail".to_owned(), read.to_owned())],
        "{ticket}"
    );

    // A redrive sends the same, and what comes behind it follows.
    world.apis.say("mail", 200, "");
    let admin = format!("http://{}", world.app.admin_address);
    run_aside(&["dead", "redrive", "--target", "mail", "--admin", &admin]).await.ok();
    let ticket = world.ticket(ticket["id"].as_str().unwrap()).await;
    assert_eq!(ticket["state"], "succeeded", "{ticket}");
    assert_eq!(world.apis.calls()[4], ("/mail".to_owned(), read.to_owned()));
    assert_eq!(world.apis.calls()[5].0, "/log/a%2Fb");
    let tax = world.apis.calls.lock().unwrap()[5].1["x-tax"].clone();
    assert_eq!(tax, "202");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_cannot_be_read_is_a_failure_of_its_own_delivery() {
    let targets = [("crm", ""), ("mail", ", body: $responses.crm.body.id")];
    let world = World::start("to: [crm, mail], after: {mail: crm}", &targets).await;
    for body in ["", "<html>"] {
        world.apis.say("crm", 200, body);
        let ticket = world.order().await;
        let expected = [json!(["crm", "dead", "unreadable"]), json!(["mail", "skipped", "dependency"])];
        assert_eq!(states(&ticket), expected, "{body}");
        assert_eq!(ticket["deliveries"][0]["attempts"][0]["class"], "bad_body");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_reads_the_answer_of_what_it_undoes() {
    let targets = [
        ("stock", ", undo: release"),
        ("parcel", ""),
        ("release", "url: 'URL/release/{{ responses.stock.body.id }}', method: DELETE"),
    ];
    let world = World::start("to: [stock, parcel], after: {parcel: stock}", &targets).await;
    world.apis.say("stock", 201, r#"{"id":17}"#);
    world.apis.say("parcel", 400, "");
    let ticket = world.order().await;
    assert_eq!(ticket["state"], "compensated", "{ticket}");
    assert_eq!(world.apis.calls()[2].0, "/release/17");
    world.stop().await;
}
