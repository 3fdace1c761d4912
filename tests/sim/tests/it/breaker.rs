//! A target that fails: its breaker opens, outlives the process, and lets calls through as they succeed.

use crate::small::{Manners, RuntimeClock, Small, crm};
use contract::delivery::Standing;
use contract::store::Store;
use engine::Settings;
use engine::offer::Receipt;
use engine::policy::breaker::Policy;
use engine::policy::hold::Reason;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use stores::memory::Memory;

const SECOND: Duration = Duration::from_secs(1);

/// Opens at three failures in a row, for about 30 seconds.
fn policy() -> Policy {
    Policy { consecutive: 3, ..Policy::default() }
}

struct Worlds {
    clock: Arc<RuntimeClock>,
    store: Arc<dyn Store>,
}

impl Worlds {
    fn new() -> Self {
        let clock = Arc::new(RuntimeClock::new());
        let store = Arc::new(Memory::new(Arc::<RuntimeClock>::clone(&clock)));
        Self { clock, store }
    }

    async fn begin(&self) -> Small {
        let clock = Arc::<RuntimeClock>::clone(&self.clock);
        let retention = Settings::default().retention;
        let manners = Manners { breaker: Some(policy()), ..Manners::default() };
        Small::mannered(Arc::clone(&self.store), clock, retention, manners).await
    }
}

/// Three failures, and a backlog of `more` that waits.
async fn break_it(world: &mut Small, more: usize) -> Vec<Receipt> {
    world.hand.status.store(500, Ordering::SeqCst);
    world.hand.may_answer.add_permits(3);
    for _ in 0..3 {
        world.send().await;
    }
    world.wait(SECOND).await;
    assert_eq!(world.engine.held(&crm()), Some(Reason::Breaker));
    let mut waiting = Vec::new();
    for _ in 0..more {
        waiting.push(world.send().await);
    }
    while world.called.try_recv().is_ok() {}
    waiting
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_an_open_breaker_is_on_disk_and_uses_up_no_attempt() {
    let mut world = Worlds::new().begin().await;
    let waiting = break_it(&mut world, 5).await;
    world.hand.may_answer.add_permits(100);
    world.wait(SECOND * 20).await;
    assert!(world.called.try_recv().is_err(), "nothing goes while it is open");
    for one in &waiting {
        assert!(matches!(world.standing(one.id).await, Some(Standing::Due(_))));
    }
    world.hand.status.store(200, Ordering::SeqCst);
    world.wait(SECOND * 20).await;
    for one in &waiting {
        assert_eq!(world.standing(one.id).await, Some(Standing::Delivered));
    }
    assert_eq!(world.engine.held(&crm()), None);
}

#[tokio::test(start_paused = true)]
async fn after_the_time_one_call_goes_then_two_then_four() {
    let mut world = Worlds::new().begin().await;
    break_it(&mut world, 40).await;
    world.hand.status.store(200, Ordering::SeqCst);
    world.wait(SECOND * 40).await;
    let mut together = Vec::new();
    for _ in 0..4 {
        let mut called = 0;
        while world.called.try_recv().is_ok() {
            called += 1;
        }
        together.push(called);
        world.hand.may_answer.add_permits(called);
        world.wait(SECOND).await;
    }
    assert_eq!(together, [1, 2, 4, 8], "never more than have earned it");
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_fails_opens_it_again_for_twice_as_long() {
    let mut world = Worlds::new().begin().await;
    break_it(&mut world, 5).await;
    world.hand.may_answer.add_permits(100);
    world.wait(SECOND * 36).await;
    assert!(world.called.try_recv().is_ok(), "a probe");
    assert!(world.called.try_recv().is_err(), "and one only");
    world.wait(SECOND * 40).await;
    assert!(world.called.try_recv().is_err(), "48 seconds at least");
    world.wait(SECOND * 30).await;
    assert!(world.called.try_recv().is_ok());
    assert!(world.called.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn it_is_open_after_a_restart_and_probes_when_its_time_is_over() {
    let worlds = Worlds::new();
    let mut world = worlds.begin().await;
    let waiting = break_it(&mut world, 3).await;
    world.engine.stop(SECOND).await;
    let mut world = worlds.begin().await;
    world.hand.status.store(200, Ordering::SeqCst);
    assert_eq!(world.engine.held(&crm()), Some(Reason::Breaker));
    world.wait(SECOND * 20).await;
    assert!(world.called.try_recv().is_err(), "it was not forgotten");
    world.wait(SECOND * 20).await;
    assert!(world.called.try_recv().is_ok());
    assert!(world.called.try_recv().is_err(), "one, until it has answered");
    world.hand.may_answer.add_permits(100);
    world.wait(SECOND).await;
    assert_eq!(world.standing(waiting[0].id).await, Some(Standing::Delivered));
}

#[tokio::test(start_paused = true)]
async fn a_configuration_without_a_breaker_closes_it() {
    let mut world = Worlds::new().begin().await;
    break_it(&mut world, 3).await;
    world.shape(None).await;
    assert_eq!(world.engine.held(&crm()), None);
    world.wait(SECOND).await;
    assert!(world.called.try_recv().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_target_that_has_failed_for_so_long_is_disabled_and_keeps_its_backlog() {
    let mut world = Worlds::new().begin().await;
    let waiting = break_it(&mut world, 20).await;
    world.hand.may_answer.add_permits(100);
    world.wait(SECOND * 3000).await;
    assert_eq!(world.engine.held(&crm()), Some(Reason::Breaker), "not yet");
    world.wait(SECOND * 1500).await;
    assert_eq!(world.engine.held(&crm()), Some(Reason::Disabled));
    let last = waiting[19].id;
    assert!(matches!(world.standing(last).await, Some(Standing::Due(_))));
    world.hand.status.store(200, Ordering::SeqCst);
    world.engine.resume(&crm()).await.unwrap();
    world.wait(SECOND).await;
    assert_eq!(world.standing(last).await, Some(Standing::Delivered));
    assert_eq!(world.engine.held(&crm()), None);
}
