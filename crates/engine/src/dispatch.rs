//! Brings what is due from the store into the lanes, when they have room and their targets may be called.

pub mod lane;
pub(crate) mod memory;

use crate::deliver;
use crate::done::Done;
use crate::engine::Engine;
use contract::delivery::Standing;
use contract::store::{Ask, Fault};
use lane::Lane;
use std::sync::Arc;
use std::time::Duration;

/// How long to wait after the store could not answer.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// Runs until the engine stops.
pub(crate) async fn run(engine: Arc<Engine>) {
    let mut stop = engine.stop.subscribe();
    while !*stop.borrow_and_update() {
        let pause = match round(&engine).await {
            Ok(pause) => pause,
            Err(Fault::Closed | Fault::Fatal { .. }) => return,
            Err(Fault::Full | Fault::Failed { .. } | Fault::Corrupt { .. }) => Some(STORE_PAUSE),
        };
        let sleep = async {
            match pause {
                Some(pause) => engine.doors.clock.sleep(pause).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            _ = stop.changed() => {}
            () = engine.wake.woken() => {}
            () = sleep => {}
        }
    }
}

/// Starts what may go and claims what is due; gives the time until there is more to do, if that is known.
async fn round(engine: &Arc<Engine>) -> Result<Option<Duration>, Fault> {
    let now = engine.doors.clock.now();
    let lanes = engine.lanes();
    for lane in lanes.iter() {
        for lease in lane.shut_out(now) {
            engine.settle(Done::new(lane, &lease, None, Standing::Due(lease.message.received))).await;
        }
        for lease in lane.ready(now) {
            deliver::start(engine, lane, lease);
        }
    }
    let (asking, asks): (Vec<&Arc<Lane>>, Vec<Ask>) =
        lanes.iter().filter_map(|lane| Some((lane, lane.ask(now)?))).unzip();
    if !asks.is_empty() {
        let claimed = engine.doors.store.claim(engine.session(), asks, now).await;
        let claimed = claimed.inspect_err(|_| asking.iter().for_each(|lane| lane.not_claimed()))?;
        for (lane, claimed) in asking.into_iter().zip(claimed) {
            lane.claimed(claimed.next_due);
            for lease in claimed.leases {
                deliver::offer(engine, lane, lease);
            }
        }
    }
    if lanes.iter().any(|lane| lane.is_shut_out(engine.doors.clock.now())) {
        engine.wake.wake();
    }
    let now = engine.doors.clock.now();
    Ok(lanes.iter().filter_map(|lane| lane.wakes_at(now)).min().map(|at| at.since(now)))
}
