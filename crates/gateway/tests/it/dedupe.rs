//! Repeats that no caller names: by content and by an expression.

use crate::world::World;

fn configuration(url: &str) -> String {
    format!(
        r#"
listen: 127.0.0.1:0
admin: 127.0.0.1:0
store: 'memory:'
shutdown: {{ grace: 1s }}
routes:
  content: {{ accept: 'POST /content/{{id}}', to: crm, dedupe: {{ by: content, window: 1h }} }}
  order: {{ accept: POST /order, to: crm, types: order, dedupe: {{ by: .order.id }} }}
  plain: {{ accept: POST /plain, to: crm }}
targets:
  crm: {{ url: '{url}/users' }}
"#
    )
}

async fn ticket(world: &World, path: &str, data: &str, more: &[&str]) -> String {
    let arguments: Vec<&str> = ["send", path, "--data", data, "--json"].iter().chain(more).copied().collect();
    world.front(&arguments).await.json()["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_again_is_the_same_ticket() {
    let world = World::configured(configuration).await;
    let first = ticket(&world, "/content/1", r#"{"a":1}"#, &[]).await;
    assert_eq!(ticket(&world, "/content/1", r#"{"a":1}"#, &[]).await, first);
    assert_ne!(ticket(&world, "/content/1", r#"{"a":2}"#, &[]).await, first, "another body");
    assert_ne!(ticket(&world, "/content/2", r#"{"a":1}"#, &[]).await, first, "another path");
    assert_ne!(
        ticket(&world, "/content/1", r#"{"a":1}"#, &["--key", "k"]).await,
        first,
        "the caller's key decides"
    );
    let plain = ticket(&world, "/plain", r#"{"a":1}"#, &[]).await;
    assert_ne!(ticket(&world, "/plain", r#"{"a":1}"#, &[]).await, plain, "nobody asked for it");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_expression_gives_tells_a_repeat_and_what_it_gives_nothing_for_is_none() {
    let world = World::configured(configuration).await;
    let first = ticket(&world, "/order", r#"{"order":{"id":7},"try":1}"#, &[]).await;
    assert_eq!(ticket(&world, "/order", r#"{"order":{"id":7},"try":2}"#, &[]).await, first);
    let event = r#"{"type":"order","data":{"order":{"id":7},"try":3}}"#;
    assert_eq!(ticket(&world, "/v1/messages", event, &[]).await, first, "by whatever door");
    for data in [r#"{"order":{}}"#, r#"{"order":7}"#, "no json"] {
        let one = ticket(&world, "/order", data, &[]).await;
        assert_ne!(ticket(&world, "/order", data, &[]).await, one, "{data} is like no other");
    }
    world.stop().await;
}
