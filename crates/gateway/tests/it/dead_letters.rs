//! Dead letters by command: list, show, edit, redrive, discard.

use crate::world::World;

/// A world with this many tickets, all of whose deliveries are dead.
async fn dead(tickets: usize) -> (World, Vec<String>) {
    let world = World::start().await;
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
        .admin(&["dead", "edit", id, "--data", r#"{"email":"ada@example.org","list":"welcome"}"#])
        .await
        .ok();
    assert!(
        edited.contains("edit 1, which is sent instead")
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
