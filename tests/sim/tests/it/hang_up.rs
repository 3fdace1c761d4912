//! A client that hangs up in the middle stops nothing between a commit and what follows from it.

use crate::small::{RuntimeClock, Small, crm, hang_up, tenant};
use contract::MessageId;
use contract::delivery::{Death, Standing};
use contract::store::{Commit, Readiness, Watcher};
use engine::Settings;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use stores::sqlite::{Options, Sqlite};

pub(crate) struct Deaf;

impl Watcher for Deaf {
    fn committed(&self, _: Commit) {}
    fn corrupt(&self, _: MessageId, _: Death) {}
    fn damaged(&self, _: &str, _: &str) {}
    fn turned(&self, _: Readiness) {}
    fn failed(&self, _: &str) {}
}

/// A store with a thread of its own, so that a call can be in the middle.
async fn world(folder: &tempfile::TempDir) -> Small {
    let clock = Arc::new(RuntimeClock::new());
    let options =
        Options { reserve_bytes: 4096, ..Options::new(Arc::new(Deaf), Arc::<RuntimeClock>::clone(&clock)) };
    let store = Arc::new(Sqlite::open(&folder.path().join("data"), options).unwrap());
    Small::start(store, clock, Settings::default().retention).await
}

#[tokio::test]
async fn a_cancellation_is_told_although_its_caller_hangs_up() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(&folder).await;
    world.engine.pause(&crm()).await.unwrap();
    let sent = world.send().await;
    hang_up(world.engine.cancel(&tenant(), sent.id, contract::query::Delivered::Stays));
    world.engine.stop(Duration::from_secs(60)).await;
    assert_eq!(world.standing(sent.id).await, Some(Standing::Cancelled));
    world.settled.close();
    assert_eq!(world.settled.recv().await, Some((sent.first, Standing::Cancelled)), "nobody was told");
}

#[tokio::test]
async fn a_redriven_delivery_is_sent_although_its_caller_hangs_up() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(&folder).await;
    world.hand.status.store(400, Ordering::SeqCst);
    world.hand.may_answer.add_permits(2);
    let sent = world.send().await;
    assert_eq!(world.settled.recv().await, Some((sent.first, Standing::Dead(Death::Refused))));
    world.hand.status.store(200, Ordering::SeqCst);
    hang_up(world.engine.revive(&tenant(), sent.first));
    assert_eq!(world.settled.recv().await, Some((sent.first, Standing::Delivered)));
    world.engine.stop(Duration::from_secs(60)).await;
}
