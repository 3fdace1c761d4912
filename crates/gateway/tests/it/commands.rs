//! Sending, looking, pausing: the commands against a running Fanlight.

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_sent_and_its_ticket_watched_to_the_end() {
    let world = World::start().await;
    let said = world
        .front(&["send", "/signup", "--data", r#"{"email":"ada@example.com"}"#, "--header", "x-trace: 7"])
        .await
        .ok();
    let id = said.split_whitespace().find(|word| word.starts_with("msg_")).expect("a ticket");
    assert!(said.contains(&format!("fanlight ticket {id} --watch --server http://")), "{said}");

    let watched = world.front(&["ticket", id, "--watch"]).await.ok();
    assert!(
        watched.contains("crm  attempt 1: 200\n") && watched.contains("mailing  attempt 1: 200\n"),
        "{watched}"
    );
    assert!(watched.contains("state     succeeded\n"), "{watched}");

    let calls = world.api.calls();
    assert_eq!(calls.len(), 2);
    for (headers, body) in calls {
        assert_eq!(
            (&headers["x-trace"], &headers["content-type"]),
            (&"7".parse().unwrap(), &"application/json".parse().unwrap())
        );
        assert_eq!(&*body, br#"{"email":"ada@example.com"}"#);
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_shows_the_outcome() {
    let world = World::start().await;
    let said = world.front(&["send", "/signup", "--data", "hello", "--wait", "30"]).await.ok();
    assert!(said.contains("state     succeeded\n") && !said.contains("Next"), "{said}");
    assert_eq!(world.api.calls()[0].0["content-type"], "text/plain; charset=utf-8");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_gives_the_same_ticket_and_another_body_is_refused() {
    let world = World::start().await;
    let send = async |data: &str| {
        world.front(&["send", "/signup", "--key", "a \"b\"", "--data", data, "--json"]).await
    };
    let (first, second) = (send("one").await.json(), send("one").await.json());
    assert_eq!(first, second);
    let said = send("two").await.failed(1);
    assert_eq!(said, "error: this Idempotency-Key was used with another request (422)\n");
    world.settled(first["id"].as_str().unwrap()).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_is_found_by_its_name_in_the_configuration() {
    let world = World::start().await;
    let folder = tempfile::tempdir().unwrap();
    let (config, data) = (folder.path().join("fanlight.yaml"), folder.path().join("data.json"));
    std::fs::write(&config, &world.config).unwrap();
    std::fs::write(&data, "{\"a\": 1}").unwrap();
    let (config, data) = (config.to_str().unwrap().to_owned(), format!("@{}", data.display()));
    let runs = move || {
        let send = |to| crate::program::run(&["send", to, "--config", &config, "--data", &data, "--json"]);
        (send("signup"), send("order"), send("sign"))
    };
    let (known, open, unknown) = tokio::task::spawn_blocking(runs).await.unwrap();
    world.settled(known.json()["id"].as_str().unwrap()).await;
    assert_eq!(&*world.api.calls()[0].1, b"{\"a\": 1}");
    assert!(open.failed(2).contains("the route `order` takes /orders/{id}: give the path itself"));
    assert!(unknown.failed(2).contains("its routes are: signup, order"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_refuses_is_said_in_its_words() {
    let world = World::start().await;
    let said = world.front(&["send", "/nowhere"]).await.failed(1);
    assert_eq!(said, "error: no route has this path; `routes` in the configuration lists them (404)\n");
    let id = "msg_01929b3c-5d2e-7000-8000-0123456789ab";
    for more in [&[][..], &["--watch"]] {
        let said = world.front(&[&["ticket", id], more].concat()).await.failed(1);
        assert!(said.contains(id) && said.contains("(4"), "{said}");
    }
    let said = world.admin(&["target", "pause", "nobody"]).await.failed(1);
    assert!(said.contains("there is no target") && said.contains("(404)"), "{said}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_target_keeps_its_backlog_until_it_is_resumed() {
    let world = World::start().await;
    let paused = world.admin(&["target", "pause", "mailing"]).await.ok();
    assert!(paused.contains("mailing  held   paused"), "{paused}");

    let id = world.signup().await;
    let ticket = world.front(&["ticket", &id, "--json"]).await.json();
    assert_eq!(
        (&ticket["deliveries"][1]["state"], &ticket["deliveries"][1]["reason"]),
        (&"held".into(), &"paused".into())
    );
    let targets = world.admin(&["target", "list", "--json"]).await.json();
    assert_eq!(targets["targets"][1]["waiting_on_disk"], 1, "{targets}");

    let resumed = world.admin(&["target", "resume", "mailing", "--json"]).await.json();
    assert_eq!(resumed["state"], "open");
    assert_eq!(world.settled(&id).await["state"], "succeeded");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resume_of_a_target_that_is_not_configured_says_that_it_waits_for_that() {
    let world = World::start().await;
    world.reload_with_less().await;
    let said = world.admin(&["target", "resume", "mailing"]).await.ok();
    assert!(said.contains("no_target") && said.contains("go on when it returns"), "{said}");
    let said = world.admin(&["target", "resume", "crm"]).await.ok();
    assert!(!said.contains("go on when it returns"), "{said}");
    world.stop().await;
}
