//! What damage costs: itself, and nothing beside it.

use crate::world::{Kind, World, ask, due, keyed, leased, name, tenant};
use contract::MessageId;
use contract::delivery::{Death, Standing};
use contract::history::{Append, Appended, Span, Unless};
use contract::part::{Duty, Part};
use contract::query::Filter;
use contract::store::{Retention, Start};
use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) const SLICE: &str = "slice-000001.db";

#[tokio::test]
async fn a_dead_delivery_of_a_damaged_message_is_listed_as_corrupt_beside_the_others() {
    let mut world = World::new(Kind::Sqlite).await;
    let mut kept = Vec::new();
    for _ in 0..3 {
        let (message, position) = world.keep(vec![leased("crm")]).await;
        world.settle(position, message.first, Standing::Dead(Death::Exhausted)).await;
        kept.push(message);
    }
    world.stop();
    let database = rusqlite::Connection::open(world.path().join(SLICE)).unwrap();
    database.execute("UPDATE message SET starts = x'ff' WHERE row = 2", []).unwrap();
    drop(database);
    world.crash().await;
    let page = world.store().list(&tenant(), Filter::default(), None, 9).await.unwrap();
    let listed: BTreeMap<MessageId, Standing> =
        page.rows.iter().map(|row| (row.message, row.standing)).collect();
    assert_eq!(listed.len(), 3, "{page:?}");
    assert_eq!(listed[&kept[0].id], Standing::Dead(Death::Exhausted));
    assert_eq!(listed[&kept[1].id], Standing::Dead(Death::Corrupt));
}

#[tokio::test]
async fn a_dead_delivery_that_cannot_be_listed_costs_no_other() {
    let mut world = World::new(Kind::Sqlite).await;
    for _ in 0..3 {
        let (message, position) = world.keep(vec![leased("crm")]).await;
        world.settle(position, message.first, Standing::Dead(Death::Exhausted)).await;
    }
    world.stop();
    let database = rusqlite::Connection::open(world.path().join(SLICE)).unwrap();
    database.execute("UPDATE message SET route = 77 WHERE row = 1", []).unwrap();
    database.execute("DELETE FROM message WHERE row = 2", []).unwrap();
    drop(database);
    world.crash().await;
    let page = world.store().list(&tenant(), Filter::default(), None, 9).await.unwrap();
    assert_eq!(page.rows.len(), 1, "{page:?}");
}

/// A value that SQLite takes and nobody ever wrote.
#[tokio::test]
async fn a_row_that_makes_no_sense_costs_itself_and_neither_its_target_nor_the_start() {
    for senseless in [
        "UPDATE delivery SET attempts = -125 WHERE spot = 256",
        "UPDATE delivery SET attempts = -125 WHERE spot = 257",
        "UPDATE delivery SET death = 99, state = 3, rank = 0 WHERE spot = 256",
        "UPDATE message SET tenant = -1 WHERE row = 1",
        "UPDATE message SET route = 77 WHERE row = 1",
    ] {
        let mut world = World::unsynced(Kind::Inline).await;
        for key in ["a", "b", "c"] {
            // The second has a row that is leased.
            world.keep(vec![due("crm", world.now()), keyed(leased("mailing"), key)]).await;
        }
        world.stop();
        let database = rusqlite::Connection::open(world.path().join(SLICE)).unwrap();
        database.execute_batch(senseless).unwrap();
        drop(database);
        world.crash().await;
        let asks = vec![ask("crm", 10), ask("mailing", 10)];
        let claimed = world.store().claim(world.session, asks, world.now()).await;
        let claimed = claimed.unwrap_or_else(|fault| panic!("{senseless}: {fault}"));
        let left = claimed.iter().map(|claimed| claimed.leases.len()).sum::<usize>();
        assert!(left >= 4, "{senseless}: {left}");
    }
}

#[tokio::test]
async fn a_delivery_whose_message_is_gone_costs_itself_and_is_told() {
    let mut world = World::unsynced(Kind::Inline).await;
    for _ in 0..3 {
        world
            .accept_one(world.item(vec![keyed(due("crm", world.now()), "ada"), due("mailing", world.now())]))
            .await;
    }
    world.stop();
    let database = rusqlite::Connection::open(world.path().join(SLICE)).unwrap();
    database.execute("DELETE FROM message WHERE row = 1", []).unwrap();
    drop(database);
    world.crash().await;
    assert_eq!(world.claim("mailing", 9).await.leases.len(), 2);
    assert_eq!(world.claim("crm", 9).await.leases.len(), 1, "the next of its key goes on");
    let told = world.notes.damaged.lock().unwrap().clone();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().any(|told| told.contains("mailing") && told.contains("dead(corrupt)")), "{told:?}");
    let dead: Vec<u64> = world.store().backlog().await.unwrap().iter().map(|one| one.dead).collect();
    assert_eq!(dead, [1, 1]);
    world.crash().await;
    assert_eq!(world.notes.damaged.lock().unwrap().len(), 2, "told once");
}

#[tokio::test]
async fn a_damaged_file_that_is_kept_goes_when_its_retention_is_over() {
    let mut world = World::unsynced(Kind::Inline).await;
    world.keep(vec![leased("crm")]).await;
    let day = Duration::from_secs(24 * 3600);
    world.clock.advance(day);
    world.keep(vec![leased("crm")]).await;
    world.stop();
    let [of_slice, of_carried] =
        ["slice-000001.damaged", "carried.damaged"].map(|name| world.path().join(name));
    for path in [&of_slice, &of_carried] {
        std::fs::write(path, "what was damaged").unwrap();
    }
    // A crash came while the first slice was dropped.
    let catalog = rusqlite::Connection::open(world.path().join("catalog.db")).unwrap();
    catalog.execute("UPDATE slice SET dropped = 1 WHERE number = 1", []).unwrap();
    drop(catalog);
    world.crash().await;
    assert!(!of_slice.exists() && of_carried.exists());
    let retention = Retention { time: 7 * day, dead: 30 * day, bytes: u64::MAX };
    for (later, kept) in [(0, true), (29, true), (1, false)] {
        world.clock.advance(later * day);
        world.store().prune(retention, world.now()).await.unwrap();
        assert_eq!(of_carried.exists(), kept, "{later} days later");
    }
}

#[tokio::test]
async fn a_damaged_message_of_the_past_is_named_and_gets_no_delivery() {
    let mut world = World::new(Kind::Sqlite).await;
    let mut kept = Vec::new();
    for _ in 0..3 {
        kept.push(world.keep(vec![leased("crm")]).await);
    }
    world.stop();
    let database = rusqlite::Connection::open(world.path().join(SLICE)).unwrap();
    database.execute("UPDATE message SET body = x'00' WHERE row = 2", []).unwrap();
    database.execute("UPDATE message SET starts = x'ff' WHERE row = 3", []).unwrap();
    drop(database);
    world.crash().await;
    let span = Span { tenant: tenant(), route: name("signup"), from: None, until: None };
    let look = world.store().history(span, None, 9).await.unwrap();
    let sound: Vec<bool> = look.messages.iter().map(|past| past.content.is_some()).collect();
    assert_eq!(sound, [true, false, false]);
    for ((message, position), sound) in kept.iter().zip(sound) {
        let part = Part { duty: Duty::Replay(MessageId::from_bits(1)), ..Part::default() };
        let start = Start { part, ..due("search", world.now()) };
        let unless = Unless::Present;
        let append = Append { tenant: tenant(), position: *position, message: message.id, start, unless };
        let answer = world.store().append(vec![append]).await.unwrap().remove(0);
        assert_eq!(answer == Appended::Damaged, !sound, "{answer:?}");
    }
}
