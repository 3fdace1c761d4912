//! A target that fails, as people see it: its breaker, a probe, and what a person says.

use crate::world::World;
use serde_json::Value;

/// The target `mailing` as the list shows it, when it shows what is waited for.
async fn mailing(world: &World, seen: impl Fn(&Value) -> bool) -> Value {
    loop {
        let list = world.admin(&["target", "list", "--json"]).await.json();
        let targets = list["targets"].as_array().expect("a list");
        let target = targets.iter().find(|target| target["name"] == "mailing").expect("it is there");
        if seen(target) {
            return target.clone();
        }
    }
}

async fn delivery(world: &World, ticket: &str) -> Value {
    let ticket = world.front(&["ticket", ticket, "--json"]).await.json();
    let deliveries = ticket["deliveries"].as_array().expect("a list");
    deliveries.iter().find(|delivery| delivery["target"] == "mailing").expect("it is there").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_fails_is_left_alone_and_a_probe_that_succeeds_lets_all_go() {
    let world = World::with_mailing(", breaker: {consecutive: 2}, concurrency: 2").await;
    world.api.answer(500);
    for _ in 0..2 {
        world.signup().await;
    }
    let open = mailing(&world, |target| target["breaker"]["state"] == "open").await;
    assert_eq!((&open["state"], &open["reason"]), (&"held".into(), &"breaker".into()));
    assert_eq!(open["until"], open["breaker"]["next_probe"]);
    let late = world.signup().await;
    let held = mailing(&world, |target| target["waiting_on_disk"] == 3).await;
    assert_eq!(held["waiting_in_memory"], 0);
    let waiting = delivery(&world, &late).await;
    assert_eq!((&waiting["state"], &waiting["reason"]), (&"held".into(), &"breaker".into()));
    assert_eq!(waiting["attempts"], Value::Array(Vec::new()), "none is used up");

    world.api.answer(200);
    let said = world.admin(&["target", "probe", "mailing"]).await.ok();
    assert!(said.starts_with("dlv_") && said.ends_with(" goes to mailing now\n"), "{said}");
    let open = mailing(&world, |target| target["breaker"].is_null()).await;
    assert_eq!(open["state"], "open");
    while delivery(&world, &late).await["state"] != "delivered" {}
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_opens_a_breaker_keeps_it_closed_and_leaves_it_to_itself() {
    let world = World::with_mailing(", breaker: {consecutive: 1}").await;
    let forced = |state: &'static str| ["target", "breaker", "mailing", state, "--json"];
    let open = world.admin(&forced("open")).await.json();
    assert_eq!((&open["reason"], &open["breaker"]["forced"]), (&"breaker".into(), &true.into()));
    let waiting = world.signup().await;
    let said = world.admin(&["target", "probe", "mailing"]).await.failed(1);
    assert!(said.contains("a person has opened the breaker of `mailing`"), "{said}");
    let closed = world.admin(&forced("closed")).await.json();
    assert_eq!((&closed["state"], &closed["breaker"]["state"]), (&"open".into(), &"closed".into()));
    world.settled(&waiting).await;
    world.api.answer(500);
    let failed = world.signup().await;
    while delivery(&world, &failed).await["attempts"] == Value::Array(Vec::new()) {}
    let still = mailing(&world, |target| target["breaker"]["state"] == "closed").await;
    assert_eq!(still["state"], "open", "one failure would open it");
    let left = world.admin(&forced("auto")).await.json();
    assert!(left["breaker"].is_null(), "{left}");
    let said = world.admin(&["target", "breaker", "mailing", "ajar"]).await.failed(2);
    assert!(said.contains("open, closed, auto"), "{said}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_sends_what_is_due_only_later_and_says_when_nothing_waits() {
    let world = World::start().await;
    let said = world.admin(&["target", "probe", "mailing"]).await.failed(1);
    assert!(said.contains("nothing waits for `mailing`"), "{said}");
    world.api.answer(500);
    let ticket = world.signup().await;
    let retrying = async |made: usize| loop {
        let now = delivery(&world, &ticket).await;
        if now["state"] == "retrying" && now["attempts"].as_array().is_some_and(|all| all.len() >= made) {
            return;
        }
    };
    retrying(1).await;
    // Whether or not the second attempt had been due already: the third is, in five minutes.
    world.admin(&["target", "probe", "mailing"]).await;
    retrying(2).await;
    world.admin(&["target", "pause", "mailing"]).await.ok();
    let said = world.admin(&["target", "probe", "mailing"]).await.failed(1);
    assert!(said.contains("`mailing` is paused"), "{said}");
    world.admin(&["target", "resume", "mailing"]).await.ok();
    world.api.answer(200);
    world.admin(&["target", "probe", "mailing"]).await.ok();
    while delivery(&world, &ticket).await["state"] != "delivered" {}
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_of_a_host_that_is_gone_are_left_alone_together() {
    let world = World::without_api(", breaker: {consecutive: 3}").await;
    for _ in 0..3 {
        world.signup().await;
    }
    mailing(&world, |target| target["reason"] == "breaker").await;
    let list = world.admin(&["target", "list", "--json"]).await.json();
    assert_eq!(list["targets"][0]["name"], "crm");
    assert_eq!(list["targets"][0]["reason"], "breaker", "it would take ten failures of its own");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_credentials_are_tried_at_once() {
    let world = World::start().await;
    world.settled(&world.signup().await).await;
    world.api.answer(401);
    let ticket = world.signup().await;
    mailing(&world, |target| target["reason"] == "auth").await;
    world.api.answer(200);
    // Much sooner than the next probe by the schedule, after which it would be open too.
    world.reload_with_mailing(", headers: {authorization: other}").await;
    mailing(&world, |target| target["state"] == "open").await;
    while delivery(&world, &ticket).await["state"] != "delivered" {}
    let calls = world.api.calls();
    let first = calls.iter().find(|(headers, _)| headers.get("authorization").is_some()).expect("a call");
    assert_eq!(first.0["fanlight-attempt"], "2");
    world.stop().await;
}
