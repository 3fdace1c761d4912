//! Messages that ask for a time, and targets that have a pace, with a real API behind them.

use crate::doors::answer;
use crate::world::World;
use serde_json::Value;

fn calls_of(world: &World, target: &str) -> usize {
    let calls = world.api.calls();
    calls.iter().filter(|(headers, _)| headers.get("x-target").is_some_and(|value| value == target)).count()
}

async fn ticket(world: &World, id: &str) -> Value {
    world.front(&["ticket", id, "--json"]).await.json()
}

async fn send(world: &World, header: &str) -> Value {
    world.front(&["send", "/signup", "--data", "{}", "--header", header, "--json"]).await.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_put_off_is_pending_with_its_time_and_can_be_cancelled() {
    let world = World::start().await;
    let receipt = send(&world, "fanlight-delay: 10m").await;
    let id = receipt["id"].as_str().unwrap();
    let shown = ticket(&world, id).await;
    for delivery in shown["deliveries"].as_array().unwrap() {
        assert_eq!(delivery["state"], "pending", "{shown}");
        assert!(delivery["next_attempt"].as_str().unwrap() > shown["received"].as_str().unwrap(), "{shown}");
    }
    let cancelled = answer(world.front_url(), "POST", &format!("/v1/tickets/{id}/cancel"), "", "").await;
    assert!(cancelled.starts_with("HTTP/1.1 202 "), "{cancelled}");
    assert_eq!(ticket(&world, id).await["state"], "cancelled");
    assert!(world.api.calls().is_empty(), "nothing was sent");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_that_has_come_is_no_wait_and_the_wish_is_not_passed_on() {
    let world = World::start().await;
    let receipt = send(&world, "fanlight-not-before: 2020-01-01T00:00:00Z").await;
    let settled = world.settled(receipt["id"].as_str().unwrap()).await;
    assert_eq!(settled["state"], "succeeded");
    for (headers, _) in world.api.calls() {
        assert!(!headers.contains_key("fanlight-not-before"), "{headers:?}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_granted_is_refused_and_nothing_is_kept() {
    let world = World::start().await;
    for (header, why) in [
        ("fanlight-delay: 10", "the unit is missing"),
        ("fanlight-delay: 31d", "more than 30 days"),
        ("fanlight-priority: urgent", "not one of high, normal and low"),
    ] {
        let told = world.front(&["send", "/signup", "--data", "{}", "--header", header]).await.failed(1);
        assert!(told.contains(why), "{told}");
    }
    assert!(world.api.calls().is_empty());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_lets_its_burst_go_and_another_configuration_the_rest() {
    let limited = ", headers: {x-target: mailing}, rate: {limit: 1/h, burst: 2}";
    let world = World::with_mailing(limited).await;
    let [first, second, third] = [world.signup().await, world.signup().await, world.signup().await];
    world.settled(&first).await;
    world.settled(&second).await;
    assert_eq!(calls_of(&world, "mailing"), 2, "the third waits in its lane");
    assert_eq!(ticket(&world, &third).await["settled"], false);
    world.reload_with_mailing(", headers: {x-target: mailing}").await;
    assert_eq!(world.settled(&third).await["state"], "succeeded");
    assert_eq!(calls_of(&world, "mailing"), 3);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_targets_shows_what_each_may_have_in_flight() {
    let world = World::with_mailing(", concurrency: {adaptive: {min: 2, max: 8}}").await;
    let list = world.admin(&["target", "list", "--json"]).await.json();
    let of = |name: &str| {
        list["targets"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap().clone()
    };
    assert_eq!(
        (of("crm")["concurrency"].as_u64(), of("mailing")["concurrency"].as_u64()),
        (Some(64), Some(4))
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_gets_its_first_ticket_although_its_deadline_has_passed_since() {
    let world = World::start().await;
    let until = jiff::Timestamp::now() + jiff::SignedDuration::from_millis(300);
    let headers = |key: &str| format!("idempotency-key: {key}\r\nfanlight-deadline: {until}\r\n");
    let first = answer(world.front_url(), "POST", "/signup", &headers("k"), "{}").await;
    assert!(first.starts_with("HTTP/1.1 202 "), "{first}");
    let receipt = |answer: &str| answer.rsplit("\r\n\r\n").next().map(str::to_owned);
    loop {
        let passed = jiff::Timestamp::now() > until;
        let again = answer(world.front_url(), "POST", "/signup", &headers("k"), "{}").await;
        assert!(again.starts_with("HTTP/1.1 202 "), "{again}");
        assert_eq!(receipt(&again), receipt(&first));
        if passed {
            break;
        }
    }
    let other = answer(world.front_url(), "POST", "/signup", &headers("other"), "{}").await;
    assert!(other.starts_with("HTTP/1.1 400 ") && other.contains("no attempt would ever be made"), "{other}");
    world.stop().await;
}
