//! What nobody is to read is covered in what is kept and shown, and delivered as it came.

use crate::world::World;

fn configured(url: &str) -> String {
    format!(
        r#"listen: 127.0.0.1:0
admin: 127.0.0.1:0
store: 'memory:'
shutdown: {{ grace: 1s }}
redact: {{ headers: [x-national-id] }}
routes:
  signup: {{ accept: POST /signup, to: [crm, mailing], redact: {{ body: [/card/number] }} }}
targets:
  crm: {{ url: '{url}/users', redact: {{ body: [/nothing] }} }}
  mailing: {{ url: '{url}/contacts', capture: {{ success: none, failure: all }} }}
"#
    )
}

async fn send(world: &World) -> String {
    let data = r#"{"card":{"number":"4111111111","type":"x"}}"#;
    let send = [
        "send",
        "/signup",
        "--data",
        data,
        "--header",
        "x-national-id: 12345678",
        "--header",
        "x-tag: t",
        "--json",
    ];
    world.front(&send).await.json()["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_shown_covered_and_its_edit_sends_the_real_thing() {
    let world = World::configured(configured).await;
    world.api.answer(400);
    let ticket = send(&world).await;
    world.settled(&ticket).await;
    let list = world.admin(&["dead", "list", "--target", "crm", "--json"]).await.json();
    let id = list["dead"][0]["id"].as_str().unwrap().to_owned();
    let shown = world.admin(&["dead", "show", &id, "--json"]).await.json();
    assert_eq!(shown["message"]["body"], r#"{"card":{"number":"***","type":"x"}}"#);
    assert_eq!(
        (&shown["message"]["headers"]["x-national-id"], &shown["message"]["headers"]["x-tag"]),
        (&"***".into(), &"t".into())
    );
    assert_eq!(shown["attempts"][0]["response"]["body"], "***", "what is no JSON is covered whole");

    world.api.answer(200);
    let edited =
        world.admin(&["dead", "edit", &id, "--data", r#"{"card":{"type":"y"}}"#, "--json"]).await.json();
    assert_eq!(edited["edit"]["body"], r#"{"card":{"number":"***","type":"y"}}"#);
    world.admin(&["dead", "redrive", &id]).await.ok();
    world.settled(&ticket).await;
    let (headers, body) = world.api.calls().pop().unwrap();
    assert_eq!(
        (&*body, &headers["x-national-id"]),
        (&br#"{"card":{"number":"4111111111","type":"y"}}"#[..], &"12345678".parse().unwrap())
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_not_to_be_kept_says_so() {
    let world = World::configured(configured).await;
    let response = |ticket: &serde_json::Value| {
        let deliveries = ticket["deliveries"].as_array().unwrap();
        let mailing = deliveries.iter().find(|delivery| delivery["target"] == "mailing").unwrap();
        let response = &mailing["attempts"][0]["response"];
        (response["body"].as_str().unwrap().to_owned(), response["capture"].as_str().unwrap().to_owned())
    };
    let ticket = send(&world).await;
    assert_eq!(response(&world.settled(&ticket).await), (String::new(), "not_kept".to_owned()));
    world.api.answer(400);
    let ticket = send(&world).await;
    assert_eq!(response(&world.settled(&ticket).await), ("no thanks".to_owned(), "complete".to_owned()));
    world.stop().await;
}
