//! Groups over real doors: waits, optional targets, quorums, undoing, callbacks.

use crate::program::{self, run_aside, states};
use crate::world::serve;
use axum::Router;
use axum::extract::State;
use bytes::Bytes;
use gateway::app::App;
use gateway::config::{self, Process};
use http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

/// What the APIs were asked, in order, and which of them refuse.
#[derive(Default)]
struct Apis {
    refusing: Mutex<Vec<&'static str>>,
    calls: Mutex<Vec<(String, HeaderMap, Bytes)>>,
    news: watch::Sender<()>,
}

impl Apis {
    fn refuse(&self, names: &[&'static str]) {
        *self.refusing.lock().unwrap() = names.to_vec();
    }

    fn names(&self) -> Vec<String> {
        self.calls.lock().unwrap().iter().map(|(name, ..)| name.clone()).collect()
    }

    fn told(&self) -> Vec<(HeaderMap, Value)> {
        let calls = self.calls.lock().unwrap();
        let told = calls.iter().filter(|(name, ..)| name == "shop");
        told.map(|(_, headers, body)| (headers.clone(), serde_json::from_slice(body).unwrap())).collect()
    }
}

async fn api(State(apis): State<Arc<Apis>>, uri: Uri, headers: HeaderMap, body: Bytes) -> StatusCode {
    let name = uri.path().trim_start_matches('/').to_owned();
    let refused = apis.refusing.lock().unwrap().contains(&name.as_str());
    apis.calls.lock().unwrap().push((name, headers, body));
    apis.news.send_replace(());
    if refused { StatusCode::BAD_REQUEST } else { StatusCode::OK }
}

struct World {
    apis: Arc<Apis>,
    app: App,
}

impl World {
    /// A route `order` with these keys, to targets of these names; each of them may have keys of its own.
    async fn start(route: &str, targets: &[(&str, &str)]) -> Self {
        let apis = Arc::new(Apis::default());
        let url =
            format!("http://{}", serve(Router::new().fallback(api).with_state(Arc::clone(&apis))).await);
        let target = |(name, more): &(&str, &str)| format!("  {name}: {{url: '{url}/{name}'{more}}}\n");
        let targets: String = targets.iter().map(target).collect();
        let text = format!(
            "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nstore: 'memory:'\nshutdown: {{grace: 1s}}\n\
             routes:\n  order: {{accept: POST /orders, {route}}}\ntargets:\n{targets}"
        );
        let app = App::start(config::parse(&text, "groups.yaml", &Process).unwrap()).await.unwrap();
        Self { apis, app }
    }

    /// Sends an order and gives its ticket when everything has ended that is not a callback.
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

    async fn admin(&self, arguments: &[&str]) -> program::Ran {
        let admin = format!("http://{}", self.app.admin_address);
        run_aside(&[arguments, &["--admin", &admin]].concat()).await
    }

    /// Waits until the callback of so many runs has come.
    async fn told(&self, count: usize) -> Vec<(HeaderMap, Value)> {
        let mut news = self.apis.news.subscribe();
        news.wait_for(|()| self.apis.told().len() >= count).await.expect("the APIs are there");
        self.apis.told()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_waits_is_called_after_those_that_it_waits_for() {
    let route = "to: [mailing, crm, tax], after: {mailing: [crm, tax]}";
    let world = World::start(route, &[("crm", ""), ("tax", ""), ("mailing", "")]).await;
    let ticket = world.order().await;
    assert_eq!(ticket["state"], "succeeded", "{ticket}");
    assert_eq!(ticket["deliveries"][0]["after"], json!(["crm", "tax"]));
    assert_eq!(world.apis.names().pop().unwrap(), "mailing");
    world.apis.refuse(&["tax"]);
    let ticket = world.order().await;
    assert_eq!(ticket["state"], "partially_failed");
    let expected = [
        json!(["mailing", "skipped", "dependency"]),
        json!(["crm", "delivered", null]),
        json!(["tax", "dead", "refused"]),
    ];
    assert_eq!(states(&ticket), expected);

    // The one that failed goes again, and what waited for it follows.
    world.apis.refuse(&[]);
    assert_eq!(world.admin(&["dead", "redrive", "--target", "tax"]).await.ok().lines().count(), 1);
    let ticket = world.ticket(ticket["id"].as_str().unwrap()).await;
    assert_eq!(ticket["state"], "succeeded", "{ticket}");
    world.app.stop(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_optional_fails_no_message_and_a_quorum_needs_not_all() {
    let route = "to: [crm, search, log], optional: search, complete: any";
    let world = World::start(route, &[("crm", ""), ("search", ""), ("log", "")]).await;
    world.apis.refuse(&["search", "crm"]);
    let ticket = world.order().await;
    assert_eq!((&ticket["state"], &ticket["decided"]), (&json!("succeeded"), &json!(true)), "{ticket}");
    assert_eq!(ticket["deliveries"][1]["duty"], "optional");
    world.apis.refuse(&["crm", "log"]);
    assert_eq!(world.order().await["state"], "failed", "what is optional makes no quorum either");
    world.app.stop(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_succeed_is_undone_in_reverse_and_told_once() {
    let targets = [
        ("stock", ", undo: release"),
        ("payment", ", undo: refund"),
        ("parcel", ""),
        ("release", ""),
        ("refund", ""),
        ("shop", ""),
    ];
    let route = "to: [stock, payment, parcel], after: {payment: stock, parcel: payment}, callback: shop";
    let world = World::start(route, &targets).await;
    world.apis.refuse(&["parcel"]);
    let ticket = world.order().await;
    assert_eq!(ticket["state"], "compensated", "{ticket}");
    let (headers, told) = world.told(1).await.remove(0);
    assert_eq!((&told["state"], &told["id"]), (&json!("compensated"), &ticket["id"]));
    assert_eq!(told["deliveries"].as_array().unwrap().len(), 5, "a callback does not tell of itself: {told}");
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(world.apis.names(), ["stock", "payment", "parcel", "refund", "release", "shop"]);
    assert_eq!(ticket["deliveries"][3]["undoes"], "stock");
    let dead = ticket["deliveries"][2]["id"].as_str().unwrap();
    let refused = world.admin(&["dead", "redrive", dead]).await.failed(1);
    assert!(refused.contains("has been undone") && refused.contains("409"), "{refused}");

    world.apis.refuse(&[]);
    let ticket = world.order().await;
    assert_eq!(ticket["state"], "succeeded");
    assert_eq!(states(&ticket)[3], json!(["release", "skipped", null]), "nothing is left to undo");
    let told = world.told(2).await;
    assert_eq!(told[1].1["state"], "succeeded");
    assert_ne!(told[0].0["idempotency-key"], told[1].0["idempotency-key"]);
    world.app.stop(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_run_is_told_with_a_key_of_its_own() {
    let world = World::start("to: crm, callback: shop", &[("crm", ""), ("shop", "")]).await;
    world.apis.refuse(&["crm"]);
    let ticket = world.order().await;
    assert_eq!(world.told(1).await[0].1["state"], "failed");
    world.apis.refuse(&[]);
    let dead = ticket["deliveries"][0]["id"].as_str().unwrap();
    world.admin(&["dead", "redrive", dead]).await.ok();
    let told = world.told(2).await;
    assert_eq!(told[1].1["state"], "succeeded");
    assert_eq!(told[0].0["webhook-id"], told[1].0["webhook-id"]);
    assert_ne!(told[0].0["idempotency-key"], told[1].0["idempotency-key"]);
    world.app.stop(Duration::from_secs(5)).await;
}
