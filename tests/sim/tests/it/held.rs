//! What waits for a target that is held.

use crate::small::{RuntimeClock, Small, crm};
use contract::delivery::Standing;
use engine::Settings;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use stores::memory::Memory;

const SECOND: Duration = Duration::from_secs(1);

async fn world() -> Small {
    let clock = Arc::new(RuntimeClock::new());
    let store = Arc::new(Memory::new(Arc::<RuntimeClock>::clone(&clock)));
    Small::start(store, clock, Settings::default().retention).await
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_what_waits_in_the_window_of_a_target_that_asked_for_a_wait() {
    let world = world().await;
    world.hand.status.store(429, Ordering::SeqCst);
    world.hand.retry_after.store(3600, Ordering::SeqCst);
    let first = world.send().await;
    let late = world.send_within(Some(SECOND * 10)).await;
    let patient = world.send().await;
    world.hand.may_answer.add_permits(1);
    world.wait(SECOND * 9).await;
    assert_eq!(world.standing(late.id).await, Some(Standing::Leased), "it waits in the window");
    world.wait(SECOND * 2).await;
    assert_eq!(world.standing(late.id).await, Some(Standing::Expired));
    assert_eq!(world.standing(patient.id).await, Some(Standing::Leased), "it has no deadline");
    assert!(matches!(world.standing(first.id).await, Some(Standing::Due(_))));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_is_known_of_what_was_on_the_wire_while_another_one_passed() {
    let mut world = world().await;
    world.hand.status.store(500, Ordering::SeqCst);
    let flying = world.send_within(Some(SECOND * 60)).await;
    let short = world.send_within(Some(SECOND * 5)).await;
    assert_eq!(world.called.recv().await, Some(flying.first));
    world.wait(SECOND * 10).await;
    assert_eq!(world.standing(short.id).await, Some(Standing::Expired), "behind a call that takes long");
    world.engine.pause(&crm()).await.unwrap();
    world.hand.may_answer.add_permits(1);
    world.wait(SECOND * 40).await;
    assert!(matches!(world.standing(flying.id).await, Some(Standing::Due(_))), "its target is paused");
    world.wait(SECOND * 11).await;
    assert_eq!(world.standing(flying.id).await, Some(Standing::Expired));
}

#[tokio::test(start_paused = true)]
async fn the_window_of_a_paused_target_goes_back_to_the_disk() {
    let mut world = world().await;
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
