//! A large backlog of retries beside new messages.

use crate::small::{Manners, RuntimeClock, Small, crm};
use contract::limits;
use contract::line::Priority;
use engine::Settings;
use engine::policy::breaker::Policy;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use stores::memory::Memory;

/// More than one claim brings into memory.
const RETRIES: usize = 3 * limits::CLAIM_ITEMS_MAX;

#[tokio::test(start_paused = true)]
async fn new_messages_do_not_wait_behind_a_backlog_of_retries() {
    let clock = Arc::new(RuntimeClock::new());
    let store = Arc::new(Memory::new(Arc::<RuntimeClock>::clone(&clock)));
    let mut world = Small::start(store, clock, Settings::default().retention).await;
    world.hand.status.store(500, Ordering::SeqCst);
    world.hand.may_answer.add_permits(RETRIES);
    for _ in 0..RETRIES {
        world.send().await;
    }
    world.wait(Duration::from_secs(1)).await;
    world.engine.pause(&crm()).await.unwrap();
    let failed = std::iter::from_fn(|| world.called.try_recv().ok()).count();
    assert_eq!(failed, RETRIES, "each has failed once");
    world.wait(Duration::from_secs(10)).await;
    let mut fresh = Vec::new();
    for _ in 0..5 {
        fresh.push(world.send().await.first);
    }
    world.hand.status.store(200, Ordering::SeqCst);
    world.engine.resume(&crm()).await.unwrap();
    world.hand.may_answer.add_permits(RETRIES + fresh.len());
    let mut calls = Vec::new();
    for _ in 0..RETRIES + fresh.len() {
        calls.push(world.called.recv().await.unwrap());
    }
    let last = calls.iter().rposition(|id| fresh.contains(id)).unwrap();
    assert!(last < 20, "the last new message was call {last}");
    assert_eq!(calls.iter().filter(|id| fresh.contains(id)).count(), fresh.len());
}

#[tokio::test(start_paused = true)]
async fn while_one_call_may_go_at_a_time_lines_take_turns_by_their_weights() {
    let clock = Arc::new(RuntimeClock::new());
    let store = Arc::new(Memory::new(Arc::<RuntimeClock>::clone(&clock)));
    let open = Duration::from_secs(1);
    let breaker = Some(Policy { consecutive: 1, open, open_max: open, ..Policy::default() });
    let manners = Manners { breaker, ..Manners::default() };
    let mut world = Small::mannered(store, clock, Settings::default().retention, manners).await;
    // Each call is a probe that fails: the breaker stays where it is.
    world.hand.status.store(500, Ordering::SeqCst);
    world.engine.pause(&crm()).await.unwrap();
    let mut low = Vec::new();
    for _ in 0..100 {
        world.send_urgent(Priority::High).await;
        low.push(world.send_urgent(Priority::Low).await.first);
    }
    world.hand.may_answer.add_permits(200);
    world.engine.resume(&crm()).await.unwrap();
    let mut turns = 0;
    for _ in 0..70 {
        turns += usize::from(low.contains(&world.called.recv().await.unwrap()));
    }
    assert!((3..=5).contains(&turns), "16 to 1: {turns} of 70");
}
