//! Replays: over crashes, over a change of the configuration, at their rate.

use crate::mortal::Mortal;
use crate::small::{RuntimeClock, Small, crm, tenant};
use contract::delivery::Standing;
use contract::part::Duty;
use contract::ticket::{Found, Ray};
use contract::{DeliveryId, MessageId, Name};
use engine::Settings;
use engine::replay::{Order, Replay, State, Take};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use stores::memory::Memory;

const SECOND: Duration = Duration::from_secs(1);
/// Messages before the target is there, and after.
const BEFORE: usize = 10;
const LATER: usize = 3;

fn search() -> Name {
    Name::try_new("search").unwrap()
}

fn order(to: Name, take: Take) -> Order {
    Order { route: Name::try_new("signup").unwrap(), to, from: None, until: None, take, rate: 20.0 }
}

async fn world(memory: &Arc<Memory>, clock: &Arc<RuntimeClock>) -> Small {
    let (store, clock) = (Arc::<Memory>::clone(memory), Arc::<RuntimeClock>::clone(clock));
    open(Small::start(store, clock, Settings::default().retention).await)
}

/// Its target answers at once.
fn open(world: Small) -> Small {
    world.hand.may_answer.add_permits(1000);
    world
}

fn memory() -> (Arc<Memory>, Arc<RuntimeClock>) {
    let clock = Arc::new(RuntimeClock::new());
    (Arc::new(Memory::new(Arc::<RuntimeClock>::clone(&clock))), clock)
}

async fn rays(world: &Small, id: MessageId, to: &Name) -> Vec<Ray> {
    match world.engine.store().ticket(&tenant(), id).await.unwrap() {
        Found::Here(ticket) => ticket.deliveries.into_iter().filter(|ray| ray.target == *to).collect(),
        Found::Gone | Found::Unknown => Vec::new(),
    }
}

async fn only(world: &Small) -> Option<Replay> {
    let mut replays = world.engine.replays().await.unwrap();
    assert!(replays.len() <= 1);
    replays.pop()
}

/// Lets the process die after so many places of a replay, and another one go on. False: it came to its end before.
async fn crash_after(places: u64, to: Name, take: Take) -> bool {
    let (memory, clock) = memory();
    let mortal = Arc::new(Mortal::new(Arc::clone(&memory)));
    let store = Arc::<Mortal>::clone(&mortal);
    let clocked = Arc::<RuntimeClock>::clone(&clock);
    let mut first = open(Small::start(store, clocked, Settings::default().retention).await);
    let mut sent = Vec::new();
    for _ in 0..BEFORE {
        sent.push(first.send().await.id);
    }
    first.route_to(&[crm(), search()]).await;
    for _ in 0..LATER {
        sent.push(first.send().await.id);
    }
    first.wait(SECOND).await;
    let tenant = tenant();
    mortal.dies_after(places);
    tokio::select! {
        biased;
        begun = first.engine.replay(&tenant, order(to.clone(), take)) => drop(begun.unwrap()),
        () = first.wait(SECOND * 5) => {}
    }
    first.wait(SECOND * 5).await;
    let died = mortal.is_dead();
    mortal.dies_after(0);
    memory.crash();

    let mut second = world(&memory, &clock).await;
    second.route_to(&[crm(), search()]).await;
    if only(&second).await.is_none() {
        // Nobody was told that it had begun.
        second.engine.replay(&tenant, order(to.clone(), take)).await.unwrap();
    }
    second.wait(SECOND * 60).await;
    let replay = only(&second).await.unwrap();
    assert_eq!(replay.state, State::Done, "{places}: {replay:?}");
    let counts = replay.counts;
    assert_eq!(counts.scanned, (BEFORE + LATER) as u64, "{places}: {counts:?}");
    assert_eq!(counts.sent + counts.present, counts.scanned, "{places}: {counts:?}");
    let mut calls: BTreeMap<DeliveryId, u32> = BTreeMap::new();
    for world in [&mut first, &mut second] {
        while let Ok(id) = world.called.try_recv() {
            *calls.entry(id).or_default() += 1;
        }
    }
    for (n, id) in sent.iter().enumerate() {
        let rays = rays(&second, *id, &to).await;
        let replays = rays.iter().filter(|ray| matches!(ray.part.duty, Duty::Replay(_))).count();
        let expected = match take {
            Take::All => (2, 1),
            Take::Missing => (1, usize::from(n < BEFORE)),
        };
        assert_eq!((rays.len(), replays), expected, "message {n} after {places} places");
        for ray in rays {
            assert_eq!(ray.standing, Standing::Delivered, "message {n} after {places} places");
            let calls = calls.get(&ray.id).copied().unwrap_or_default();
            assert!((1..=2).contains(&calls), "message {n} after {places} places: {calls} calls");
        }
    }
    died
}

#[tokio::test(start_paused = true)]
async fn a_crash_anywhere_in_a_backfill_leaves_every_message_one_delivery() {
    let mut places = 0;
    while crash_after(places, search(), Take::Missing).await {
        places += 1;
    }
    assert!(places > 25, "it was over after {places} places");
}

#[tokio::test(start_paused = true)]
async fn a_crash_anywhere_in_a_replay_to_the_same_target_sends_every_message_once_more() {
    let mut places = 0;
    while crash_after(places, crm(), Take::All).await {
        places += 3;
    }
    assert!(places > 25, "it was over after {places} places");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_on_its_way_under_the_old_configuration_is_not_passed_over() {
    let (memory, clock) = memory();
    let mut world = world(&memory, &clock).await;
    let first = world.send().await;
    let old = world.route_to(&[crm(), search()]).await;
    let live = world.send().await;
    world.engine.replay(&tenant(), order(search(), Take::Missing)).await.unwrap();
    world.wait(SECOND * 20).await;
    let replay = only(&world).await.unwrap();
    assert_eq!((replay.state, replay.order.until), (State::Running, None), "somebody still works by it");
    let late = world.send_by(&old).await;
    assert_eq!(rays(&world, late.id, &search()).await, []);
    drop(old);
    world.wait(SECOND * 5).await;
    let replay = only(&world).await.unwrap();
    assert_eq!(replay.state, State::Done);
    assert_eq!((replay.counts.sent, replay.counts.present), (2, 1), "{replay:?}");
    for id in [first.id, live.id, late.id] {
        assert_eq!(rays(&world, id, &search()).await.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_replay_to_a_target_outside_the_route_ends_with_what_was_there_when_it_began() {
    let (memory, clock) = memory();
    let mut world = world(&memory, &clock).await;
    let first = world.send().await;
    world.route_to(&[crm(), search()]).await;
    world.wait(SECOND).await;
    let replay = world.engine.replay(&tenant(), order(crm(), Take::All)).await.unwrap();
    assert_eq!(replay.order.until, Some(replay.began));
    let later = world.send().await;
    world.wait(SECOND * 5).await;
    assert_eq!(only(&world).await.unwrap().state, State::Done);
    assert_eq!(rays(&world, first.id, &crm()).await.len(), 2);
    assert_eq!(rays(&world, later.id, &crm()).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_replay_keeps_to_its_rate_waits_for_a_held_target_and_ends_when_it_is_told_to() {
    let (memory, clock) = memory();
    let mut world = world(&memory, &clock).await;
    for _ in 0..100 {
        world.send().await;
    }
    world.route_to(&[crm(), search()]).await;
    let id = world.engine.replay(&tenant(), order(search(), Take::Missing)).await.unwrap().id;
    let sent = async |world: &Small| world.engine.replay_progress(id).await.unwrap().unwrap().counts.sent;
    world.wait(Duration::from_millis(2100)).await;
    let before = sent(&world).await;
    assert!((20..=45).contains(&before), "{before} in two seconds at 20 per second");
    world.engine.pause(&search()).await.unwrap();
    world.wait(SECOND * 2).await;
    let paused = sent(&world).await;
    world.wait(SECOND * 20).await;
    assert_eq!(sent(&world).await, paused, "what a held target cannot take stays in the past");
    world.engine.resume(&search()).await.unwrap();
    world.wait(SECOND * 2).await;
    let replay = world.engine.cancel_replay(id).await.unwrap().unwrap();
    assert_eq!(replay.state, State::Cancelled);
    assert!(replay.counts.sent > paused && replay.counts.sent < 100, "{replay:?}");
    world.wait(SECOND * 20).await;
    assert_eq!(sent(&world).await, replay.counts.sent);
}
