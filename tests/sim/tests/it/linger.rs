//! The end of an attempt waits a moment to share a commit, unless somebody waits for its ticket.

use crate::small::{RuntimeClock, Small};
use contract::delivery::Standing;
use engine::Settings;
use std::sync::Arc;
use std::time::Duration;
use stores::memory::Memory;

/// How long it takes, on a clock that stands still while anything can be done, from the answer of the target to the commit.
async fn from_answer_to_commit(watched: bool) -> Duration {
    let clock = Arc::new(RuntimeClock::new());
    let store = Arc::new(Memory::new(Arc::<RuntimeClock>::clone(&clock)));
    let mut world = Small::start(store, clock, Settings::default().retention).await;
    let sent = world.send().await;
    let watcher = watched.then(|| world.engine.watch.begin(sent.id));
    let began = world.engine.clock().tick();
    world.hand.may_answer.add_permits(1);
    assert_eq!(world.settled.recv().await, Some((sent.first, Standing::Delivered)));
    drop(watcher);
    world.engine.clock().tick().since(began)
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_ticket_does_not_wait_for_company() {
    assert_eq!(from_answer_to_commit(true).await, Duration::ZERO);
    assert!(from_answer_to_commit(false).await > Duration::ZERO, "it waits for others to share its commit");
}
