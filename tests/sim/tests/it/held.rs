//! What waits for a target that is held.

use crate::small::{RuntimeClock, Small, crm};
use contract::delivery::Standing;
use engine::Settings;
use std::sync::Arc;
use std::time::Duration;
use stores::memory::Memory;

#[tokio::test(start_paused = true)]
async fn the_window_of_a_paused_target_goes_back_to_the_disk() {
    let clock = Arc::new(RuntimeClock::new());
    let store = Arc::new(Memory::new(Arc::<RuntimeClock>::clone(&clock)));
    let mut world = Small::start(store, clock, Settings::default().retention).await;
    let mut sent = Vec::new();
    for _ in 0..3 {
        sent.push(world.send().await);
    }
    assert_eq!(world.called.recv().await, Some(sent[0].first));
    for one in &sent {
        assert_eq!(
            world.standing(one.id).await,
            Some(Standing::Leased),
            "one on the wire, two in the window"
        );
    }
    world.engine.pause(&crm()).await.unwrap();
    world.wait(Duration::from_secs(1)).await;
    assert_eq!(world.standing(sent[0].id).await, Some(Standing::Leased), "it is on the wire");
    for one in &sent[1..] {
        let standing = world.standing(one.id).await;
        assert!(matches!(standing, Some(Standing::Due(_))), "a crash would make it suspect: {standing:?}");
    }
    world.hand.may_answer.add_permits(3);
    world.engine.resume(&crm()).await.unwrap();
    world.wait(Duration::from_secs(1)).await;
    for one in &sent {
        assert_eq!(world.standing(one.id).await, Some(Standing::Delivered));
    }
}
