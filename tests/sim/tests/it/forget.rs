//! Small state that nothing needs any more goes with retention.

use crate::small::{RuntimeClock, Small, crm, tenant};
use contract::delivery::{ShapeId, Standing};
use contract::store::{Retention, Scope};
use engine::redrive::{Manner, Selection};
use std::sync::Arc;
use std::time::Duration;
use stores::memory::Memory;

const HOUR: Duration = Duration::from_secs(3600);
const RETENTION: Retention =
    Retention { time: Duration::from_secs(3 * 3600), dead: Duration::from_secs(3 * 3600), bytes: u64::MAX };

async fn world() -> Small {
    let clock = Arc::new(RuntimeClock::new());
    let store = Arc::new(Memory::new(Arc::<RuntimeClock>::clone(&clock)));
    Small::start(store, clock, RETENTION).await
}

async fn kept(world: &Small, id: u64) -> bool {
    world.engine.store().state(Scope::Shape(ShapeId(id))).await.unwrap().is_some()
}

#[tokio::test(start_paused = true)]
async fn a_shape_is_kept_while_a_message_may_need_it_and_while_it_is_configured() {
    let mut world = world().await;
    world.shape(Some(1)).await;
    // In use for longer than retention: what counts is the end.
    world.wait(HOUR * 6).await;
    world.engine.pause(&crm()).await.unwrap();
    let waiting = world.send().await;
    world.shape(Some(2)).await;
    world.wait(HOUR * 9).await;
    assert!(kept(&world, 1).await, "a message of its time waits");
    world.engine.resume(&crm()).await.unwrap();
    world.hand.may_answer.add_permits(1);
    world.wait(HOUR / 2).await;
    assert_eq!(world.standing(waiting.id).await, None, "delivered, and older than retention");
    assert!(!kept(&world, 1).await, "nothing refers to it any more");
    assert!(kept(&world, 2).await, "it is configured");
    world.shape(Some(1)).await;
    assert!(kept(&world, 1).await, "it is configured again");
    world.wait(HOUR).await;
    assert!(kept(&world, 2).await, "a message may be on its way under the old configuration");
    world.wait(HOUR * 3).await;
    assert!(!kept(&world, 2).await);
}

#[tokio::test(start_paused = true)]
async fn a_shape_that_an_earlier_version_kept_counts_as_in_use_when_it_is_first_seen() {
    let mut world = world().await;
    let scope = Scope::Shape(ShapeId(7));
    assert!(world.engine.store().put_state(scope, 0, "shape 7".into()).await.unwrap());
    world.shape(None).await;
    world.wait(HOUR).await;
    assert!(kept(&world, 7).await);
    world.wait(HOUR * 3).await;
    assert!(!kept(&world, 7).await);
}

#[tokio::test(start_paused = true)]
async fn a_redrive_is_kept_until_retention_after_its_end() {
    let world = world().await;
    let redrive = world.engine.redrive(&tenant(), Selection::default(), Manner::default()).await.unwrap();
    world.wait(HOUR).await;
    assert!(world.engine.redrive_progress(redrive.id).await.unwrap().unwrap().done);
    world.wait(HOUR).await;
    assert!(world.engine.redrive_progress(redrive.id).await.unwrap().is_some());
    world.wait(HOUR * 2).await;
    assert_eq!(world.engine.redrive_progress(redrive.id).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_message_with_an_old_shape_is_sent_after_the_shape_left_the_configuration() {
    let mut world = world().await;
    world.shape(Some(1)).await;
    world.engine.pause(&crm()).await.unwrap();
    let sent = world.send().await;
    world.shape(None).await;
    world.wait(HOUR * 30).await;
    world.engine.resume(&crm()).await.unwrap();
    world.hand.may_answer.add_permits(1);
    world.wait(Duration::from_secs(1)).await;
    assert_eq!(world.standing(sent.id).await, Some(Standing::Delivered));
}
