//! What templates make of a message, and what a dead one needs.

use crate::world::World;

/// Keeps a route and a target as templates have them.
fn templated(url: &str) -> String {
    format!(
        r#"
listen: 127.0.0.1:0
admin: 127.0.0.1:0
store: 'memory:'
shutdown: {{ grace: 1s }}
routes:
  order: {{ accept: 'POST /shops/{{shop}}/orders', to: [stock] }}
targets:
  stock:
    url: '{url}/shops/{{{{ params.shop }}}}/items/{{{{ body.id }}}}?from={{{{ headers["x-tenant"] | default("none") }}}}'
    method: PUT
    body: '{{count: .count}}'
    headers:
      x-made: 'order {{{{ body.id }}}} of {{{{ message.route }}}} for {{{{ delivery.target }}}}'
      authorization: Bearer t
"#
    )
}

async fn send(world: &World, path: &str, data: &str) -> String {
    let receipt =
        world.front(&["send", path, "--data", data, "--header", "x-tenant: t/1", "--json"]).await.json();
    receipt["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn path_query_and_headers_are_made_of_the_message() {
    let world = World::configured(templated).await;
    let id = send(&world, "/shops/north%2Feast/orders", r#"{"id":"a b/..c","count":2}"#).await;
    assert_eq!(world.settled(&id).await["state"], "succeeded");
    assert_eq!(world.api.places(), ["PUT /shops/north%2Feast/items/a%20b%2F..c?from=t%2F1"]);
    let (headers, body) = world.api.calls().pop().unwrap();
    assert_eq!(
        (&headers["x-made"], &*body),
        (&http::HeaderValue::from_static("order a b/..c of order for stock"), &br#"{"count":2}"#[..])
    );
    assert_eq!(headers["authorization"], "Bearer t");
    assert!(!headers.keys().any(|name| name.as_str().contains("params")), "{headers:?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_a_server_may_read_as_another_path_is_dead_at_once() {
    let world = World::configured(templated).await;
    for id in ["..", "a/../../admin", "a\\..\\admin"] {
        let data = serde_json::json!({ "id": id, "count": 2 }).to_string();
        let ticket = send(&world, "/shops/1/orders", &data).await;
        let ticket = world.settled(&ticket).await.to_string();
        assert!(ticket.contains("`.` or `..` segment"), "{ticket}");
    }
    assert!(world.api.places().is_empty(), "nothing was sent");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_template_cannot_make_is_dead_at_once_with_the_reason_and_a_redrive_sends_the_edit() {
    let world = World::configured(templated).await;
    let id = send(&world, "/shops/1/orders", r#"{"count":2}"#).await;
    let ticket = world.settled(&id).await;
    assert_eq!(ticket["state"], "failed");
    let said = ticket["deliveries"][0].to_string();
    assert!(said.contains("config") && said.contains("`body.id` is not there"), "{said}");
    assert!(world.api.places().is_empty(), "nothing was sent");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_delivery_goes_to_the_path_that_its_edit_makes() {
    let plain = |url: &str| templated(url).replace("    body: '{count: .count}'\n", "");
    let world = World::configured(plain).await;
    let id = send(&world, "/shops/1/orders", r#"{"count":2}"#).await;
    let ticket = world.settled(&id).await;
    let delivery = ticket["deliveries"][0]["id"].as_str().unwrap();
    world.admin(&["dead", "edit", delivery, "--data", r#"{"id":7,"count":2}"#]).await.ok();
    world.admin(&["dead", "redrive", delivery]).await.ok();
    assert_eq!(world.settled(&id).await["state"], "succeeded");
    assert_eq!(world.api.places(), ["PUT /shops/1/items/7?from=t%2F1"]);
    world.stop().await;
}
