//! Makes the ends of attempts durable, a group at a time, and tells who waits for them.

use crate::dispatch::lane::Lane;
use crate::engine::Engine;
use crate::happened::Happened;
use contract::delivery::Standing;
use contract::store::{Fault, Settled, Settlement};
use contract::{MessageId, Timestamp, limits};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// An attempt's end, on its way to its commit.
pub(crate) struct Done {
    pub(crate) settlement: Settlement,
    pub(crate) lane: Arc<Lane>,
    pub(crate) message: MessageId,
    pub(crate) received: Timestamp,
}

/// What a full disk is given to recover before the same settlements are tried again.
const FULL_PAUSE: Duration = Duration::from_millis(500);

/// Commits what is done until the couriers are gone and nothing is left.
pub(crate) async fn run(
    engine: Arc<Engine>,
    mut done: mpsc::Receiver<Done>,
    mut couriers_gone: watch::Receiver<bool>,
) {
    let mut group = Vec::with_capacity(limits::COMMIT_ITEMS_MAX);
    loop {
        tokio::select! {
            biased;
            count = done.recv_many(&mut group, limits::COMMIT_ITEMS_MAX) => if count == 0 { return },
            _ = couriers_gone.wait_for(|gone| *gone), if !done.is_closed() => { done.close(); continue }
        }
        let batch: Vec<Settlement> = group.iter().map(|done| done.settlement.clone()).collect();
        let Some(answers) = commit(&engine, batch).await else { return };
        let now = engine.doors.clock.now();
        for (done, settled) in group.drain(..).zip(answers) {
            tell(&engine, &done, settled, now);
        }
    }
}

/// Tries until the store takes it: a settlement that is dropped would leave its delivery leased for ever. None: the store failed for good.
async fn commit(engine: &Engine, batch: Vec<Settlement>) -> Option<Vec<Settled>> {
    loop {
        match engine.doors.store.settle(engine.session(), batch.clone()).await {
            Ok(answers) => return Some(answers),
            Err(Fault::Full) => engine.doors.clock.sleep(FULL_PAUSE).await,
            Err(
                fault @ (Fault::Fatal { .. } | Fault::Closed | Fault::Failed { .. } | Fault::Corrupt { .. }),
            ) => {
                engine.store_failed(&fault);
                return None;
            }
        }
    }
}

fn tell(engine: &Engine, done: &Done, settled: Settled, now: Timestamp) {
    let Settlement { delivery, standing, .. } = done.settlement;
    match settled {
        Settled::Fenced => engine.tell(&Happened::Fenced { delivery }),
        Settled::Recorded => {
            if let Standing::Due(at) = standing
                && done.lane.note_due(at)
            {
                engine.wake.wake();
            }
            let (message, target, age) = (done.message, &done.lane.name, now.since(done.received));
            engine.tell(&Happened::Settled { message, delivery, target, standing, age });
            engine.watch.changed(done.message);
        }
    }
}
