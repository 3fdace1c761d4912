//! What one process has learned of a target, another one goes on with.

use crate::small::{Manners, RuntimeClock, Small, crm};
use bytes::Bytes;
use contract::delivery::Standing;
use contract::store::{Answer, Scope, Store};
use engine::Settings;
use engine::policy::concurrency::Limit;
use engine::policy::hold::Reason;
use sim::{Bend, Bent};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use stores::memory::Memory;

const SECOND: Duration = Duration::from_secs(1);

/// Counts what is kept.
#[derive(Default)]
struct Counts(AtomicU64);

impl Bend for Counts {
    fn put_state<'a>(
        &'a self,
        store: &'a dyn Store,
        scope: Scope,
        expected: u64,
        value: Bytes,
    ) -> Answer<'a, bool> {
        self.0.fetch_add(1, Ordering::SeqCst);
        store.put_state(scope, expected, value)
    }
}

struct Lives {
    clock: Arc<RuntimeClock>,
    store: Arc<dyn Store>,
    puts: Arc<Counts>,
}

impl Lives {
    fn new() -> Self {
        let clock = Arc::new(RuntimeClock::new());
        let memory = Arc::new(Memory::new(Arc::<RuntimeClock>::clone(&clock)));
        let puts = Arc::new(Counts::default());
        Self { clock, store: Arc::new(Bent { store: memory, bend: Arc::clone(&puts) }), puts }
    }

    async fn begin(&self, manners: Manners) -> Small {
        let clock = Arc::<RuntimeClock>::clone(&self.clock);
        Small::mannered(Arc::clone(&self.store), clock, Settings::default().retention, manners).await
    }
}

fn concurrency(world: &Small) -> Option<usize> {
    world.engine.views().iter().find(|view| view.name == crm()).and_then(|view| view.concurrency)
}

#[tokio::test(start_paused = true)]
async fn a_learned_limit_is_kept_with_few_writes() {
    let lives = Lives::new();
    let adaptive = Some(Limit::Adaptive { min: 1, max: 100 });
    let manners = Manners { concurrency: adaptive, ..Manners::default() };
    let mut world = lives.begin(manners).await;
    assert_eq!(concurrency(&world), Some(4));
    for _ in 0..2000 {
        world.send().await;
    }
    for _ in 0..2000 {
        world.called.recv().await.unwrap();
        world.hand.may_answer.add_permits(1);
    }
    world.wait(SECOND).await;
    let learned = concurrency(&world);
    assert!(learned > Some(4), "{learned:?}");
    world.engine.stop(SECOND).await;
    let puts = lives.puts.0.load(Ordering::SeqCst);
    assert!(puts < 12, "{puts} writes for 2000 calls");
    let world = lives.begin(manners).await;
    assert_eq!(concurrency(&world), learned);
    let fixed = Manners { concurrency: Some(Limit::Fixed(3)), ..manners };
    world.engine.stop(SECOND).await;
    assert_eq!(concurrency(&lives.begin(fixed).await), Some(3), "what is configured wins");
}

#[tokio::test(start_paused = true)]
async fn credentials_that_changed_while_no_process_ran_are_tried_at_once() {
    let lives = Lives::new();
    let with = |credentials| Manners { credentials, ..Manners::default() };
    let mut world = lives.begin(with(1)).await;
    world.hand.may_answer.add_permits(2);
    let first = world.send().await;
    assert_eq!(world.settled.recv().await, Some((first.first, Standing::Delivered)));
    world.hand.status.store(401, Ordering::SeqCst);
    let refused = world.send().await;
    world.wait(SECOND).await;
    assert_eq!(world.engine.held(&crm()), Some(Reason::Auth));
    world.engine.stop(SECOND).await;
    let mut same = lives.begin(with(1)).await;
    same.wait(SECOND).await;
    assert!(same.called.try_recv().is_err(), "the same ones wait for their time");
    same.engine.stop(SECOND).await;
    let mut world = lives.begin(with(2)).await;
    world.hand.may_answer.add_permits(1);
    let next = world.send().await;
    world.wait(SECOND).await;
    let called = world.called.try_recv();
    assert!(called == Ok(next.first) || called == Ok(refused.first), "{called:?}");
}
