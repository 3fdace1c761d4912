//! The task of one replay: step by step, until it has looked at everything, is cancelled, or the engine stops.

use super::judge::{Judged, judge};
use super::progress::{Counts, Replay, State, Take};
use crate::dispatch::lane::Lane;
use crate::engine::Engine;
use crate::happened::Happened;
use crate::plan::TargetPlan;
use contract::delivery::Standing;
use contract::history::{Append, Appended, Content, Past, Stretch, Unless};
use contract::line::{Line, Priority, Turn};
use contract::order::KeyFate;
use contract::part::{Duty, Part};
use contract::store::{Fault, Position, Scope, Start};
use contract::{Name, Timestamp, limits};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// What a replay waits when it cannot go on: its target is held, the store is full, no worker is free.
const PAUSE: Duration = Duration::from_secs(1);
/// Progress is kept this often: what is done again after a crash adds nothing.
const KEEP_EVERY: Duration = Duration::from_secs(1);
/// For each message that it may send a replay looks at so many, and at so many per second whatever its rate: it leaves the processors to
/// live messages where there is little to send.
const LOOKS_PER_MESSAGE: f64 = 50.0;
const LOOKS_MIN: f64 = 1000.0;
/// Steps per second, so that a rate is met evenly.
const STEPS: f64 = 4.0;
/// A replay goes where it delays nobody.
const LINE: Line = Line { priority: Priority::Low, turn: Turn::First };

/// Keeps a replay's progress.
pub(super) async fn keep(engine: &Engine, replay: &Replay) -> Result<(), Fault> {
    let scope = Scope::Replay(replay.id);
    let version = engine.doors.store.state(scope.clone()).await?.map_or(0, |kept| kept.version);
    // Plain data with string keys: it always has a JSON form.
    let value = serde_json::to_vec(replay).unwrap_or_default();
    // Only this replay's task writes it.
    engine.doors.store.put_state(scope, version, value.into()).await.map(drop)
}

/// Runs until it ends.
pub(super) async fn run(
    engine: Arc<Engine>,
    tenant: Name,
    mut replay: Replay,
    mut cancel: watch::Receiver<bool>,
) {
    let mut stop = engine.stop.subscribe();
    let mut kept = engine.doors.clock.tick();
    loop {
        let stopped = *stop.borrow_and_update();
        if !stopped && *cancel.borrow_and_update() {
            replay.state = State::Cancelled;
        }
        let mut pause = Duration::ZERO;
        if !stopped && replay.state == State::Running {
            pause = step(&engine, &tenant, &mut replay).await.unwrap_or_else(|fault| {
                tracing::warn!(replay = %replay.id, %fault, "a replay waits for the store");
                PAUSE
            });
        }
        let tick = engine.doors.clock.tick();
        let over = replay.state != State::Running;
        replay.ended = over.then(|| engine.doors.clock.now());
        if stopped || over || tick.since(kept) >= KEEP_EVERY {
            kept = tick;
            match keep(&engine, &replay).await {
                Ok(()) if over => return engine.tell(&Happened::Replay { replay: &replay }),
                Ok(()) => {}
                Err(fault) => {
                    tracing::warn!(replay = %replay.id, %fault, "the progress of a replay could not be kept");
                    pause = PAUSE;
                }
            }
        }
        if stopped {
            return;
        }
        tokio::select! {
            biased;
            _ = stop.changed() => {}
            _ = cancel.changed(), if !over => {}
            () = engine.doors.clock.sleep(pause), if !pause.is_zero() => {}
            () = tokio::task::yield_now(), if pause.is_zero() => {}
        }
    }
}

/// Sends the next few messages; gives the time until the next step.
async fn step(engine: &Arc<Engine>, tenant: &Name, replay: &mut Replay) -> Result<Duration, Fault> {
    let order = replay.order.clone();
    let lane = engine.lane(tenant, &order.to);
    let now = engine.doors.clock.now();
    // What its target cannot take now stays what it is: a message of the past.
    let Some(plan) = lane.plan().filter(|_| lane.reason(now).is_none()) else { return Ok(PAUSE) };
    // Asked before the look: what is committed until then is seen by it.
    let more_may_come = order.until.is_none() && engine.may_be_passed_over(&order.route, &order.to);
    let after = replay.after.map(Position);
    let look = engine.doors.store.history(order.span(tenant), after, items(order.rate)).await?;
    let Some(step) = add(engine, tenant, replay, &lane, &plan, &look).await? else { return Ok(PAUSE) };
    replay.note(&look, step);
    engine.tell(&Happened::Replayed { replay, step });
    if look.is_last && !more_may_come {
        replay.state = State::Done;
    }
    let looks = (order.rate * LOOKS_PER_MESSAGE).max(LOOKS_MIN);
    Ok(if look.is_last { PAUSE } else { time(step.sent, order.rate).max(time(step.scanned, looks)) })
}

/// Adds what is to be sent. None: nobody can tell of all of it now, or there is no room; what was added is found added the next time.
async fn add(
    engine: &Arc<Engine>,
    tenant: &Name,
    replay: &mut Replay,
    lane: &Arc<Lane>,
    plan: &TargetPlan,
    look: &Stretch,
) -> Result<Option<Counts>, Fault> {
    let mut step = Counts { scanned: look.messages.len() as u64, ..Counts::default() };
    let (mut batch, now) = (Vec::new(), engine.doors.clock.now());
    for past in &look.messages {
        match judge(&replay.order, Some(replay.id), plan, past).await {
            Judged::Send(content) => {
                let due = now + time(batch.len() as u64, replay.order.rate);
                batch.push((past, due, append(tenant, replay, plan, past, content, due)));
            }
            Judged::Present => step.present += 1,
            Judged::Skip => step.skipped += 1,
            Judged::Fail(why) => {
                step.failed += 1;
                replay.failure = Some(why);
            }
            Judged::Busy => return Ok(None),
        }
    }
    if batch.is_empty() {
        return Ok(Some(step));
    }
    let items = batch.iter().map(|(.., append)| append.clone()).collect();
    let answers = engine.doors.store.append(items).await?;
    for ((past, due, _), answer) in batch.iter().zip(&answers) {
        match answer {
            Appended::Added(_) => {
                step.sent += 1;
                // It is durable, and its lane does not know yet.
                engine.put_on_disk(lane, LINE, *due);
                engine.watch.changed(past.id);
            }
            Appended::Repeated(_) => step.sent += 1,
            Appended::Present => step.present += 1,
            Appended::Gone => step.skipped += 1,
            Appended::Crowded => {
                step.failed += 1;
                replay.failure = Some(format!("{} has {} deliveries", past.id, limits::FAN_OUT_MAX));
            }
            Appended::Damaged => {
                step.failed += 1;
                replay.failure = Some(format!("the bytes of {} are damaged", past.id));
            }
            Appended::Full => {}
        }
    }
    Ok((!answers.contains(&Appended::Full)).then_some(step))
}

fn append(
    tenant: &Name,
    replay: &Replay,
    plan: &TargetPlan,
    past: &Past,
    content: &Content,
    due: Timestamp,
) -> Append {
    let start = Start {
        target: replay.order.to.clone(),
        standing: Standing::Due(due),
        key: content.key.clone(),
        shape: plan.shape.as_ref().map(|shape| shape.id),
        priority: LINE.priority,
        fault: None,
        key_fate: KeyFate::default(),
        part: Part { duty: Duty::Replay(replay.id), ..Part::default() },
    };
    let unless = match replay.order.take {
        Take::All => Unless::Repeated,
        Take::Missing => Unless::Present,
    };
    Append { tenant: tenant.clone(), position: past.position, message: past.id, start, unless }
}

/// Messages of one step.
fn items(rate: f64) -> usize {
    let enough = |items: &u8| f64::from(*items) * STEPS >= rate;
    let items = (1..limits::APPEND_ITEMS_MAX).find(enough);
    usize::from(items.unwrap_or(limits::APPEND_ITEMS_MAX))
}

/// How long so many take at this rate.
fn time(count: u64, rate: f64) -> Duration {
    #[expect(clippy::cast_precision_loss, reason = "a step has a few")]
    Duration::try_from_secs_f64(count as f64 / rate).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_has_as_many_as_the_rate_gives_in_its_time() {
        for (rate, expected) in [(0.01, 1), (1.0, 1), (10.0, 3), (64.0, 16), (1e9, 16)] {
            assert_eq!(items(rate), expected, "{rate}");
        }
        assert_eq!(time(3, 10.0), Duration::from_millis(300));
    }
}
