//! Order keys that are parked: seen in tickets, lists and metrics, and let go on.

use crate::world::World;
use serde_json::Value;

/// A world whose route `order` has a key, and whose target does this when one of it fails.
async fn world(order: &str) -> World {
    World::configured(|url| {
        format!(
            "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nstore: 'memory:'\nshutdown: {{grace: 1s}}\n\
             routes:\n  order: {{accept: POST /orders, to: stock, key: .customer}}\n\
             targets:\n  stock: {{url: '{url}/stock', order: {order}, retry: {{schedule: [0s, 1h]}}}}\n"
        )
    })
    .await
}

async fn send(world: &World, data: &str) -> String {
    let receipt = world.front(&["send", "/orders", "--data", data, "--json"]).await.json();
    receipt["id"].as_str().unwrap().to_owned()
}

/// The ticket's only delivery.
async fn delivery(world: &World, ticket: &str) -> Value {
    world.front(&["ticket", ticket, "--json"]).await.json()["deliveries"][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parked_key_is_shown_everywhere_and_resumed_by_command() {
    let world = world("park").await;
    world.api.answer(400);
    let first = send(&world, r#"{"customer":"ada","n":1}"#).await;
    let dead = world.settled(&first).await["deliveries"][0]["id"].as_str().unwrap().to_owned();
    world.api.answer(200);
    let second = send(&world, r#"{"customer":"ada","n":2}"#).await;
    let other = send(&world, r#"{"customer":"bob","n":3}"#).await;
    assert_eq!(world.settled(&other).await["state"], "succeeded", "other keys go on");

    let waits = delivery(&world, &second).await;
    assert_eq!(
        (&waits["state"], &waits["reason"], &waits["behind"]),
        (&"held".into(), &"order".into(), &dead.as_str().into())
    );
    let shown = world.front(&["ticket", &second]).await.ok();
    assert!(
        shown.contains(&format!("stock waits for {dead}, which came before it with the same order key")),
        "{shown}"
    );
    let list = world.admin(&["key", "list", "--target", "stock"]).await.ok();
    assert!(list.contains("ada") && list.contains(&dead) && list.contains("refused"), "{list}");
    let list = world.admin(&["key", "list", "--json"]).await.json();
    assert_eq!(list["keys"][0]["parked"], serde_json::json!({ "key": "ada", "behind": 1 }), "{list}");
    assert!(world.admin(&["dead", "show", &dead]).await.ok().contains("ada (1 delivery waits)"));
    assert!(world.admin(&["target", "list"]).await.ok().contains("1, 1 parked"));
    let found = world.admin(&["dead", "list", "--key", "ada", "--json"]).await.json();
    assert_eq!(found["dead"][0]["id"], dead.as_str());
    assert_eq!(
        world.admin(&["dead", "list", "--key", "bob", "--json"]).await.json()["dead"],
        serde_json::json!([])
    );

    let wrong = world.admin(&["key", "resume", "stock", "eve"]).await.failed(1);
    assert!(wrong.contains("the key \"eve\" of `stock` is not parked"), "{wrong}");
    let wrong = world.admin(&["key", "resume", "stok", "ada"]).await.failed(1);
    assert!(wrong.contains("there is no target `stok`"), "{wrong}");
    let resumed = world.admin(&["key", "resume", "stock", "ada"]).await.ok();
    assert_eq!(resumed, "1 delivery does not hold up its key any more\n");
    assert_eq!(world.settled(&second).await["state"], "succeeded");
    assert_eq!(delivery(&world, &first).await["state"], "dead");
    assert!(world.admin(&["key", "list"]).await.ok().contains("no key is parked"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_parked_goes_first_when_it_is_redriven_and_is_skipped_when_it_is_discarded() {
    let world = world("park").await;
    let mut tickets = Vec::new();
    for (n, customer) in ["ada", "bob", "ada", "bob"].into_iter().enumerate() {
        world.api.answer(if n < 2 { 400 } else { 200 });
        tickets.push(send(&world, &format!(r#"{{"customer":"{customer}","n":{n}}}"#)).await);
        if n < 2 {
            world.settled(&tickets[n]).await;
        }
    }
    let dead = async |n: usize| delivery(&world, &tickets[n]).await["id"].as_str().unwrap().to_owned();
    world.admin(&["dead", "redrive", &dead(0).await]).await.ok();
    world.admin(&["dead", "discard", &dead(1).await, "--yes"]).await.ok();
    assert_eq!(world.settled(&tickets[2]).await["state"], "succeeded");
    assert_eq!(world.settled(&tickets[3]).await["state"], "succeeded");
    let sent =
        world.api.calls().into_iter().skip(2).map(|(_, body)| String::from_utf8_lossy(&body).into_owned());
    let adas: Vec<String> = sent.filter(|body| body.contains("ada")).collect();
    assert_eq!(adas, [r#"{"customer":"ada","n":0}"#, r#"{"customer":"ada","n":2}"#]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_goes_on_past_what_is_tried_again_where_the_target_skips() {
    let world = world("skip").await;
    world.api.answer(503);
    let first = send(&world, r#"{"customer":"ada","n":1}"#).await;
    loop {
        if delivery(&world, &first).await["state"] == "retrying" {
            break;
        }
        tokio::task::yield_now().await;
    }
    world.api.answer(200);
    let second = send(&world, r#"{"customer":"ada","n":2}"#).await;
    assert_eq!(world.settled(&second).await["state"], "succeeded");
    assert_eq!(delivery(&world, &first).await["state"], "retrying");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_parks_no_more_lets_its_keys_go_on() {
    let world = world("park").await;
    world.api.answer(400);
    let first = send(&world, r#"{"customer":"ada","n":1}"#).await;
    world.settled(&first).await;
    world.api.answer(200);
    let second = send(&world, r#"{"customer":"ada","n":2}"#).await;
    assert_eq!(delivery(&world, &second).await["reason"], "order");
    world.reload_with("order: park", "order: block").await;
    assert_eq!(world.settled(&second).await["state"], "succeeded");
    world.stop().await;
}
