//! Ends what waits past its deadline, whether its target is held or not: in the windows, then on disk.

use crate::done::Done;
use crate::engine::Engine;
use contract::Timestamp;
use contract::delivery::Standing;
use contract::store::{Expired, Fault};
use std::sync::Arc;
use std::time::Duration;

/// How long after a deadline we look: many that are close together end together.
const GATHER: Duration = Duration::from_millis(200);
/// The wall clock may be set while we sleep: while a deadline is known, it is read at least this often. That alone touches no disk.
const CLOCK_LOOK: Duration = Duration::from_secs(5);
/// How long to wait after the store could not answer.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// Runs until the engine stops.
pub(crate) async fn run(engine: Arc<Engine>) {
    let mut stop = engine.stop.subscribe();
    loop {
        let wait = wait(engine.deadlines.earliest(), engine.doors.clock.now());
        let sleep = async {
            match wait {
                Some(wait) => engine.doors.clock.sleep(wait).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            () = engine.deadlines.sooner() => continue,
            () = sleep => {}
        }
        let now = engine.doors.clock.now();
        if engine.deadlines.earliest().is_none_or(|earliest| earliest >= now) {
            continue;
        }
        match end_all(&engine, now).await {
            Ok(()) => {}
            Err(Fault::Closed | Fault::Fatal { .. }) => return,
            Err(Fault::Full | Fault::Failed { .. } | Fault::Corrupt { .. }) => {
                engine.deadlines.note(Some(now + STORE_PAUSE));
            }
        }
    }
}

fn wait(earliest: Option<Timestamp>, now: Timestamp) -> Option<Duration> {
    earliest.map(|earliest| (earliest.since(now) + GATHER).min(CLOCK_LOOK))
}

async fn end_all(engine: &Engine, now: Timestamp) -> Result<(), Fault> {
    engine.deadlines.forget();
    for lane in engine.lanes().iter() {
        let (late, next) = lane.take_late(now);
        engine.deadlines.note(next);
        if !late.is_empty() {
            // There is room in the window.
            engine.wake.wake();
        }
        for lease in late {
            engine.settle(Done::new(lane, &lease, None, Standing::Expired)).await;
        }
    }
    loop {
        let Expired { moved, next } = engine.doors.store.expire(now).await?;
        moved.iter().for_each(|one| engine.moved(one));
        match next {
            // It cannot be ended now: trying at once again would be no use.
            Some(next) if next < now && moved.is_empty() => {
                engine.deadlines.note(Some(now + STORE_PAUSE));
                return Ok(());
            }
            Some(next) if next < now => {}
            later => {
                engine.deadlines.note(later);
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deadlines::Deadlines;

    const NOW: Timestamp = Timestamp::from_micros(9_000_000_000);

    #[test]
    fn nothing_is_waited_for_until_something_with_a_deadline_waits() {
        let deadlines = Deadlines::default();
        assert_eq!(wait(deadlines.earliest(), NOW), Some(GATHER), "what is on disk is not known");
        deadlines.forget();
        deadlines.note(None);
        assert_eq!(wait(deadlines.earliest(), NOW), None);
        deadlines.note(Some(NOW + Duration::from_secs(1)));
        deadlines.note(Some(NOW + Duration::from_secs(2)));
        assert_eq!(wait(deadlines.earliest(), NOW), Some(Duration::from_secs(1) + GATHER));
        deadlines.forget();
        deadlines.note(Some(NOW + Duration::from_hours(1)));
        assert_eq!(wait(deadlines.earliest(), NOW), Some(CLOCK_LOOK), "the wall clock may be set");
    }
}
