//! What the engine tells of what a store answers.

use crate::small::{Manners, RuntimeClock, Small, crm};
use contract::delivery::Standing;
use contract::store::{Answer, Once, Session, Settled, Settlement, Settles, Store};
use engine::Settings;
use engine::happened::Refusal;
use engine::offer::{Novelty, Offer};
use engine::policy::rate;
use engine::probe::Probed;
use sim::{Bend, Bent};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use stores::memory::Memory;

const SECOND: Duration = Duration::from_secs(1);

/// Says of the first end that another run was asked for meanwhile.
#[derive(Default)]
struct TakesBack(std::sync::atomic::AtomicBool);

impl Bend for TakesBack {
    fn settle<'a>(
        &'a self,
        store: &'a dyn Store,
        session: Session,
        batch: Vec<Settlement>,
    ) -> Answer<'a, Settles> {
        Box::pin(async move {
            let mut settles = store.settle(session, batch).await?;
            if !self.0.swap(true, Ordering::SeqCst) {
                settles.answers.fill(Settled::TakenBack);
            }
            Ok(settles)
        })
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_taken_back_in_flight_is_not_told_as_settled() {
    let clock = Arc::new(RuntimeClock::new());
    let store = Arc::new(Memory::new(Arc::<RuntimeClock>::clone(&clock)));
    let store = Arc::new(Bent::<TakesBack> { store, bend: Arc::default() });
    let mut world = Small::start(store, clock, Settings::default().retention).await;
    world.hand.may_answer.add_permits(2);
    world.send().await;
    world.wait(SECOND).await;
    let second = world.send().await;
    assert_eq!(world.settled.recv().await, Some((second.first, Standing::Delivered)));
}

#[tokio::test(start_paused = true)]
async fn a_repeat_whose_deadline_has_passed_meanwhile_gets_its_first_ticket() {
    let clock = Arc::new(RuntimeClock::new());
    let store = Arc::new(Memory::new(Arc::<RuntimeClock>::clone(&clock)));
    let mut world = Small::start(store, clock, Settings::default().retention).await;
    world.hand.may_answer.add_permits(9);
    let deadline = world.engine.clock().now() + SECOND;
    let once = |key: &str| {
        let window = SECOND * 3600;
        Some(Once { caller: String::new(), key: key.to_owned(), fingerprint: 1, window })
    };
    let offer = |world: &Small, once| Offer { once, deadline: Some(deadline), ..world.plain() };
    let first = world.offer(offer(&world, once("k"))).await.unwrap();
    world.wait(SECOND * 2).await;
    let again = world.offer(offer(&world, once("k"))).await.unwrap();
    assert_eq!((again.id, again.novelty), (first.id, Novelty::Repeated));
    assert_eq!(world.offer(offer(&world, once("other"))).await, Err(Refusal::NeverSent));
    assert_eq!(world.offer(offer(&world, None)).await, Err(Refusal::NeverSent));
    world.wait(SECOND).await;
    assert_eq!(std::iter::from_fn(|| world.called.try_recv().ok()).count(), 1, "the first one");
}

#[tokio::test(start_paused = true)]
async fn a_probe_takes_a_permit_of_the_rate_and_is_refused_without_one() {
    let clock = Arc::new(RuntimeClock::new());
    let store = Arc::new(Memory::new(Arc::<RuntimeClock>::clone(&clock)));
    let limit = rate::Limit::new(NonZeroU32::MIN, SECOND * 60, None);
    let manners = Manners { rate: Some(limit), ..Manners::default() };
    let mut world = Small::mannered(store, clock, Settings::default().retention, manners).await;
    world.hand.status.store(500, Ordering::SeqCst);
    world.hand.may_answer.add_permits(9);
    let sent = world.send().await;
    assert_eq!(world.called.recv().await, Some(sent.first));
    world.wait(SECOND).await;
    let early = world.engine.probe(&crm()).await.unwrap();
    assert!(matches!(early, Probed::Paced(_)), "{early:?}");
    // The retry is due in a few seconds, but waits for the rate.
    world.wait(SECOND * 70).await;
    assert_eq!(std::iter::from_fn(|| world.called.try_recv().ok()).count(), 1);
    let later = world.send().await;
    world.wait(SECOND * 61).await;
    world.engine.probe(&crm()).await.unwrap();
    let next = world.send().await;
    world.wait(SECOND).await;
    let called: Vec<_> = std::iter::from_fn(|| world.called.try_recv().ok()).collect();
    assert!(called.contains(&later.first) && !called.contains(&next.first), "the probe counts: {called:?}");
}
