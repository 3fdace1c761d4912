//! What damage costs: itself, and nothing beside it.

use crate::world::{Kind, World, leased};
use contract::MessageId;
use contract::delivery::{Death, Standing};
use contract::query::Filter;
use std::collections::BTreeMap;

const SLICE: &str = "slice-000001.db";

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
    let page = world.store().list(&crate::world::tenant(), Filter::default(), None, 9).await.unwrap();
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
    let page = world.store().list(&crate::world::tenant(), Filter::default(), None, 9).await.unwrap();
    assert_eq!(page.rows.len(), 1, "{page:?}");
}
