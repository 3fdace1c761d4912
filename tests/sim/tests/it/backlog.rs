//! What waits on disk without the engine knowing, and what cannot be ended there.

use crate::hindered::Hindered;
use crate::small::{RuntimeClock, Small, crm, tenant};
use bytes::Bytes;
use contract::delivery::Standing;
use contract::message::Headers;
use contract::store::{Accept, Session, Start, Store};
use contract::{DeliveryId, Message, MessageId, Name};
use engine::Settings;
use sim::Bent;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use stores::memory::Memory;

const SECOND: Duration = Duration::from_secs(1);

/// The store may free what it finds damage before: a look at all of it once a minute finds that.
#[tokio::test(start_paused = true)]
async fn what_is_due_without_the_engine_knowing_is_found_within_a_minute() {
    let clock = Arc::new(RuntimeClock::new());
    let store = Arc::new(Memory::new(Arc::<RuntimeClock>::clone(&clock)));
    let world = Small::start(Arc::<Memory>::clone(&store), clock, Settings::default().retention).await;
    world.hand.may_answer.add_permits(1);
    // Behind the look that comes soon after a start.
    world.wait(SECOND * 5).await;
    let now = world.engine.clock().now();
    let (id, first) = (MessageId::from_bits(1 << 16), DeliveryId::from_bits(1 << 16));
    let message = Message {
        id,
        first,
        tenant: tenant(),
        route: Name::try_new("signup").unwrap(),
        received: now,
        deadline: None,
        headers: Headers::default(),
        body: Bytes::from_static(b"{}"),
    };
    let start = Start {
        target: crm(),
        standing: Standing::Due(now),
        key: None,
        shape: None,
        priority: contract::line::Priority::Normal,
        fault: None,
        key_fate: contract::order::KeyFate::Kept,
        part: contract::part::Part::default(),
    };
    let item = Accept {
        message: Arc::new(message),
        deliveries: vec![start],
        once: None,
        rule: contract::part::Rule::All,
    };
    store.accept(Session(1), vec![item]).await.unwrap();
    world.wait(SECOND * 50).await;
    assert_eq!(world.standing(id).await, Some(Standing::Due(now)), "nobody told the engine");
    world.wait(SECOND * 15).await;
    assert_eq!(world.standing(id).await, Some(Standing::Delivered));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_ended_by_its_deadline_is_tried_again_after_a_pause() {
    let clock = Arc::new(RuntimeClock::new());
    let memory = Memory::new(Arc::<RuntimeClock>::clone(&clock));
    let store = Arc::new(Hindered::default());
    let bent = Bent { store: Arc::new(memory), bend: Arc::clone(&store) };
    let world = Small::start(Arc::new(bent), clock, Settings::default().retention).await;
    world.engine.pause(&crm()).await.unwrap();
    let late = world.send_within(Some(SECOND * 5)).await;
    store.cannot_end.store(true, Ordering::SeqCst);
    world.wait(SECOND * 6).await;
    let before = store.tries.load(Ordering::SeqCst);
    world.wait(SECOND * 60).await;
    let tries = store.tries.load(Ordering::SeqCst) - before;
    assert!((30..=60).contains(&tries), "{tries} in a minute");
    assert!(matches!(world.standing(late.id).await, Some(Standing::Due(_))));
    store.cannot_end.store(false, Ordering::SeqCst);
    world.wait(SECOND * 2).await;
    assert_eq!(world.standing(late.id).await, Some(Standing::Expired));
}
