//! Replays by command and over HTTP.

use crate::world::World;
use serde_json::{Value, json};

/// A world in which `orders` messages went to `crm` only.
async fn past(orders: usize) -> World {
    let world = World::start().await;
    for number in 0..orders {
        let data = format!("{{\"n\":{number}}}");
        let path = format!("/orders/{number}");
        let receipt = world.front(&["send", &path, "--data", &data, "--json"]).await.json();
        world.settled(receipt["id"].as_str().unwrap()).await;
    }
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_target_gets_what_it_missed_and_nothing_twice() {
    let world = past(3).await;
    let start = ["replay", "start", "order", "--to", "mailing", "--only-missing"];
    let with = |more: &[&'static str]| [&start[..], more].concat();
    let said = world.admin(&with(&["--dry-run"])).await.ok();
    assert_eq!(said, "3 messages would go to mailing\n");
    let said = world.admin(&with(&["--watch", "--rate", "1000"])).await.ok();
    assert!(
        said.starts_with("replay msg_") && said.contains(" of order to mailing\ndone: 3 sent\n"),
        "{said}"
    );
    let said = world.admin(&with(&["--watch"])).await.ok();
    assert!(said.ends_with("done: 0 sent, 3 there already\n"), "{said}");

    let list = world.admin(&["replay", "list", "--json"]).await.json();
    let replays = list["replays"].as_array().unwrap();
    assert_eq!(replays.len(), 2);
    let (latest, first) = (&replays[0], &replays[1]);
    assert_eq!(latest["counts"], json!({"scanned": 3, "sent": 0, "present": 3, "skipped": 0, "failed": 0}));
    assert_eq!(
        (&first["share"], &first["rate"], &first["failure"]),
        (&json!(1.0), &json!(1000.0), &Value::Null)
    );
    let id = first["id"].as_str().unwrap();
    let said = world.admin(&["replay", "cancel", id]).await.failed(1);
    assert_eq!(said, format!("error: the replay {id} has ended already (409)\n"));
    let table = world.admin(&["replay", "list"]).await.ok();
    assert!(table.lines().nth(2).unwrap().contains(id), "{table}");

    // Every one has arrived, and says by which replay it came.
    let mut calls = world.api.calls();
    while calls.len() < 6 {
        tokio::task::yield_now().await;
        calls = world.api.calls();
    }
    let replayed: Vec<_> =
        calls.iter().filter(|(headers, _)| headers.contains_key("fanlight-replay")).collect();
    assert_eq!(replayed.len(), 3);
    assert!(replayed.iter().all(|(headers, _)| headers["fanlight-replay"] == id), "{calls:?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_to_the_same_target_is_another_delivery_on_the_same_ticket() {
    let world = World::start().await;
    let id = world.signup().await;
    world.settled(&id).await;
    world.admin(&["replay", "start", "signup", "--to", "crm", "--from", "1h", "--watch"]).await.ok();
    let mut ticket = Value::Null;
    while ticket["deliveries"][2]["state"] != "delivered" {
        ticket = world.front(&["ticket", &id, "--json"]).await.json();
    }
    assert_eq!((&ticket["deliveries"][2]["duty"], &ticket["state"]), (&json!("replay"), &json!("succeeded")));
    let calls = world.api.calls();
    let ids: std::collections::BTreeSet<_> =
        calls.iter().map(|(headers, _)| &headers["webhook-id"]).map(|id| id.to_str().unwrap()).collect();
    assert_eq!((calls.len(), ids.len()), (3, 3), "{calls:?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_that_makes_no_sense_is_refused_with_what_is_wrong() {
    let world = World::start().await;
    for (arguments, said) in [
        (vec!["order", "--to", "nobody"], "there is no target `nobody` in the configuration (400)"),
        (vec!["nothing", "--to", "crm"], "there is no route `nothing` in the configuration (400)"),
        (
            vec!["order", "--to", "crm", "--from", "2026-01-02T00:00:00Z", "--until", "2026-01-01T00:00:00Z"],
            "`from` is not before `until`: that is no time at all (400)",
        ),
    ] {
        let arguments = [vec!["replay", "start"], arguments].concat();
        assert_eq!(world.admin(&arguments).await.failed(1), format!("error: {said}\n"), "{arguments:?}");
    }
    let none = "msg_019a0000-0000-7000-8000-000000000001";
    assert_eq!(
        world.admin(&["replay", "show", none]).await.failed(1),
        format!("error: there is no replay {none} (404)\n")
    );
    assert_eq!(world.admin(&["replay", "list"]).await.ok(), "nothing was replayed\n");
    world.stop().await;
}
