//! Dead letters by command: list, show, edit, redrive, discard.

use crate::doors;
use crate::world::World;

/// A world with this many tickets, all of whose deliveries are dead.
async fn dead(tickets: usize) -> (World, Vec<String>) {
    dead_in(World::start().await, tickets).await
}

async fn dead_in(world: World, tickets: usize) -> (World, Vec<String>) {
    world.api.answer(400);
    let mut ids = Vec::new();
    for _ in 0..tickets {
        let id = world.signup().await;
        assert_eq!(world.settled(&id).await["state"], "failed");
        ids.push(id);
    }
    world.api.answer(200);
    (world, ids)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_delivery_is_found_mended_and_sent_again() {
    let (world, tickets) = dead(1).await;
    let list = world
        .admin(&["dead", "list", "--target", "crm", "--error", "400", "--since", "1h", "--json"])
        .await
        .json();
    assert_eq!(list["dead"].as_array().unwrap().len(), 1, "{list}");
    let id = list["dead"][0]["id"].as_str().unwrap();

    let shown = world.admin(&["dead", "show", id]).await.ok();
    assert!(
        shown.contains("reason    refused")
            && shown.contains("no thanks")
            && shown.contains("ada@example.com"),
        "{shown}"
    );

    let edited = world
        .admin(&[
            "dead",
            "edit",
            id,
            "--by",
            "grace",
            "--data",
            r#"{"email":"ada@example.org","list":"welcome"}"#,
        ])
        .await
        .ok();
    assert!(
        edited.contains("edit 1, which is sent instead")
            && edited.contains(" by grace\n")
            && edited.contains(&format!("fanlight dead redrive {id} --admin")),
        "{edited}"
    );

    assert_eq!(world.admin(&["dead", "redrive", id]).await.ok(), "1 delivery goes again\n");
    let ticket = world.settled(&tickets[0]).await;
    assert_eq!(ticket["deliveries"][0]["state"], "delivered", "{ticket}");
    let (_, body) = world.api.calls().pop().unwrap();
    assert_eq!(&*body, br#"{"email":"ada@example.org","list":"welcome"}"#);

    let said = world.admin(&["dead", "redrive", id]).await.failed(1);
    assert_eq!(said, format!("error: {id} is not dead (409)\n"));
    world.stop().await;
}

/// The id of the only dead delivery of a target.
async fn only(world: &World, target: &str) -> String {
    let list = world.admin(&["dead", "list", "--target", target, "--json"]).await.json();
    list["dead"][0]["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_are_mended_by_command_and_the_body_stays() {
    // The target has a body of its own: a change of headers alone does not lose it.
    let (world, tickets) = dead_in(World::with_mailing(", body: '{mail: .email}'").await, 1).await;
    let id = only(&world, "mailing").await;
    // It is the body of when the message came.
    world.reload_with_mailing(", body: '{other: .email}'").await;
    let edited = world
        .admin(&["dead", "edit", &id, "--header", "X-Tenant: berlin", "-H", "x-tag:a", "-H", "x-tag:b"])
        .await
        .ok();
    assert!(
        edited.contains("edit 1, which is sent instead\n") && edited.contains("  x-tenant: berlin\n"),
        "{edited}"
    );
    let removed = world.admin(&["dead", "edit", &id, "--remove-header", "x-tag", "--json"]).await.json();
    assert_eq!(removed["edit"]["headers"]["x-tag"], serde_json::Value::Null, "{removed}");
    assert_eq!(removed["message"]["headers"]["x-tenant"], serde_json::Value::Null, "the original is kept");

    assert_eq!(world.admin(&["dead", "redrive", &id]).await.ok(), "1 delivery goes again\n");
    world.settled(&tickets[0]).await;
    let (headers, body) = world.api.calls().pop().unwrap();
    assert_eq!(&*body, br#"{"mail":"ada@example.com"}"#);
    assert_eq!(
        (&headers["x-tenant"], &headers["content-type"]),
        (&"berlin".parse().unwrap(), &"application/json".parse().unwrap())
    );
    assert!(
        !headers.contains_key("x-tag") && headers["idempotency-key"].to_str().unwrap().ends_with("-r2"),
        "{headers:?}"
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_are_not_the_messages_cannot_be_mended() {
    let (world, _) = dead(1).await;
    let id = only(&world, "crm").await;
    let said = world.admin(&["dead", "edit", &id, "--header", "webhook-id: mine"]).await.failed(1);
    assert_eq!(
        said,
        "error: the header `webhook-id` is written by Fanlight for each delivery: leave it out of the edit (400)\n"
    );
    let said = world.admin(&["dead", "edit", &id]).await.failed(2);
    for option in ["--data", "--header", "--remove-header"] {
        assert!(said.contains(option), "{said}");
    }
    let said = world.admin(&["dead", "edit", &id, "--data", "{bad"]).await.failed(2);
    assert!(said.contains("is JSON and the data is not") && said.contains("--content-type"), "{said}");
    let text = ["dead", "edit", &id, "--data", "{bad", "--content-type", "text/plain"];
    assert!(world.admin(&text).await.ok().contains("  {bad\n"));
    assert!(world.admin(&["dead", "edit", &id, "--data", "[bad"]).await.ok().contains("  [bad\n"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn body_and_headers_are_mended_over_http() {
    let (world, tickets) = dead(1).await;
    let id = only(&world, "crm").await;
    let path = format!("/v1/dead/{id}");
    let refused =
        doors::answer(world.admin_url(), "PATCH", &path, "fanlight-remove: x-old, host\r\n", "").await;
    assert!(refused.starts_with("HTTP/1.1 400 ") && refused.contains("the header `host`"), "{refused}");
    let headers = "content-type: application/json\r\nfanlight-set-x-tenant: berlin\r\n";
    let edited = doors::answer(world.admin_url(), "PATCH", &path, headers, r#"{"list":"new"}"#).await;
    assert!(edited.starts_with("HTTP/1.1 200 ") && edited.contains(r#""revision":1"#), "{edited}");
    assert!(edited.contains(r#""by":"127.0.0.1""#), "without a name it is an address: {edited}");
    let refused = doors::answer(world.admin_url(), "PATCH", &path, "fanlight-by:  \r\n", "{}").await;
    assert!(refused.starts_with("HTTP/1.1 400 ") && refused.contains("`fanlight-by`"), "{refused}");

    assert_eq!(world.admin(&["dead", "redrive", &id]).await.ok(), "1 delivery goes again\n");
    world.settled(&tickets[0]).await;
    let (headers, body) = world.api.calls().pop().unwrap();
    assert_eq!(&*body, br#"{"email":"ada@example.com","list":"new"}"#);
    assert_eq!(headers["x-tenant"], "berlin");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_are_counted_and_then_sent_again() {
    let (world, tickets) = dead(3).await;
    let counted = world.admin(&["dead", "redrive", "--target", "mailing", "--dry-run"]).await.ok();
    assert_eq!(counted, "3 deliveries would go again\n");
    let watched =
        world.admin(&["dead", "redrive", "--target", "mailing", "--rate", "1000", "--watch"]).await.ok();
    assert!(
        watched.starts_with("redrive msg_")
            && watched.ends_with("3 deliveries go again; that is all of them\n"),
        "{watched}"
    );
    for id in &tickets {
        let ticket = world.settled(id).await;
        assert_eq!(
            (&ticket["deliveries"][0]["state"], &ticket["deliveries"][1]["state"]),
            (&"dead".into(), &"delivered".into())
        );
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redrive_goes_newest_first_and_says_of_how_many() {
    let (world, tickets) = dead(3).await;
    let sent = world.api.calls().len();
    let order =
        ["dead", "redrive", "--target", "crm", "--order", "newest", "--stop-on-error", "--watch", "--json"];
    let lines = world.admin(&order).await.ok();
    let last: serde_json::Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&last["total"], &last["revived"], &last["done"]),
        (&3.into(), &3.into(), &true.into()),
        "{last}"
    );
    assert_eq!(
        (&last["order"], &last["stop_on_error"], &last["stopped"]),
        (&"newest".into(), &true.into(), &().into())
    );
    let ids = world
        .api
        .calls()
        .into_iter()
        .skip(sent)
        .map(|(headers, _)| headers["webhook-id"].to_str().unwrap().to_owned());
    let ids: Vec<String> = ids.collect();
    let mut sorted = ids.clone();
    sorted.sort();
    sorted.reverse();
    assert_eq!((ids.len(), ids), (tickets.len(), sorted));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redrive_ends_at_its_first_failure_where_that_is_asked_for() {
    let (world, tickets) = dead(3).await;
    world.api.answer(400);
    let ran = world.admin(&["dead", "redrive", "--target", "crm", "--stop-on-error", "--watch"]).await;
    assert!(ran.out.ends_with("1 of 3 deliveries again\n"), "{ran:?}");
    assert!(ran.err.contains("failed again (400); 2 deliveries that follow stay dead"), "{ran:?}");
    assert_eq!(ran.code, Some(1));
    world.api.answer(200);
    let runs = async |n: usize| world.settled(&tickets[n]).await["deliveries"][0]["run"].clone();
    assert_eq!((runs(0).await, runs(1).await, runs(2).await), (2.into(), 1.into(), 1.into()));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_list_is_read_page_by_page() {
    let (world, _) = dead(3).await;
    let page = world.admin(&["dead", "list", "--limit", "4", "--json"]).await.json();
    assert_eq!(page["dead"].as_array().unwrap().len(), 4);
    let next = page["next"].as_str().unwrap();
    let rest = world.admin(&["dead", "list", "--after", next, "--json"]).await.json();
    assert_eq!((rest["dead"].as_array().unwrap().len(), &rest["next"]), (2, &serde_json::Value::Null));
    let all = world.admin(&["dead", "list", "--all"]).await.ok();
    assert_eq!(all.lines().count(), 7, "{all}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn discarding_asks_first_and_is_for_good() {
    let (world, _) = dead(2).await;
    let said = world.admin(&["dead", "discard", "--target", "crm"]).await.failed(2);
    assert!(said.starts_with("error: nothing was discarded: say --yes"), "{said}");
    assert_eq!(
        world.admin(&["dead", "discard", "--target", "crm", "--dry-run"]).await.ok(),
        "2 deliveries would be discarded\n"
    );
    assert_eq!(
        world.admin(&["dead", "discard", "--target", "crm", "--yes"]).await.ok(),
        "2 deliveries are discarded\n"
    );
    assert_eq!(world.admin(&["dead", "list", "--target", "crm"]).await.ok(), "nothing is dead\n");
    assert_eq!(world.admin(&["dead", "discard", "--all", "--yes", "--json"]).await.json()["discarded"], 2);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_dead_of_a_route_that_is_gone_is_still_found_by_it() {
    let (world, _) = dead(1).await;
    world.reload_with_less().await;
    let list = world.admin(&["dead", "list", "--route", "signup", "--json"]).await.json();
    assert_eq!(list["dead"].as_array().unwrap().len(), 2, "{list}");
    let said = world.admin(&["dead", "list", "--route", "sign-up"]).await.failed(1);
    assert!(said.contains("there is no route `sign-up`"), "{said}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_may_not_be_larger_than_a_message() {
    let (world, _) = dead(1).await;
    let id = only(&world, "crm").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large.json");
    std::fs::write(&file, format!(r#"{{"note":"{}"}}"#, "x".repeat(300 * 1024))).unwrap();
    let said = world.admin(&["dead", "edit", &id, "--data", &format!("@{}", file.display())]).await.failed(1);
    assert!(said.contains("the edited body may have 262144 bytes") && said.contains("(413)"), "{said}");
    world.stop().await;
}
