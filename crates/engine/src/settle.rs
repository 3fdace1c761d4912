//! Makes the ends of attempts durable and tells who waits for them.

use crate::done::Done;
use crate::engine::Engine;
use crate::happened::Happened;
use contract::Timestamp;
use contract::delivery::Standing;
use contract::query::Changed;
use contract::store::{Fault, Moved, Settled, Settlement, Settles};

/// What is left after a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pending {
    /// Nothing.
    Nothing,
    /// Everything: the disk is full, and even the store's reserve.
    UntilThereIsRoom,
    /// Everything: the store has failed for good.
    ForEver,
}

/// Has the store record what is done, and tells. What is not recorded stays in `group`: a settlement that is dropped would leave its
/// delivery leased for ever.
pub(crate) async fn commit(engine: &Engine, group: &mut Vec<Done>) -> Pending {
    if group.is_empty() {
        return Pending::Nothing;
    }
    let batch: Vec<Settlement> = group.iter().map(|done| done.settlement.clone()).collect();
    match engine.doors.store.settle(engine.session(), batch).await {
        Ok(Settles { answers, moved }) => {
            let now = engine.doors.clock.now();
            for (done, settled) in group.drain(..).zip(answers) {
                tell(engine, &done, settled, now);
            }
            moved.iter().for_each(|one| engine.moved(one));
            Pending::Nothing
        }
        Err(Fault::Full) => Pending::UntilThereIsRoom,
        Err(fault @ (Fault::Fatal { .. } | Fault::Closed | Fault::Failed { .. } | Fault::Corrupt { .. })) => {
            engine.fail(&fault);
            Pending::ForEver
        }
    }
}

impl Engine {
    /// Does what follows from a change that a person asked the store for.
    pub fn follow(&self, changed: &Changed) {
        changed.moved.iter().for_each(|one| self.moved(one));
    }

    /// The store changed where a delivery stands: it, or the next one of its order key, may be due now.
    pub(crate) fn moved(&self, moved: &Moved) {
        let now = self.doors.clock.now();
        let Moved { tenant, target, message, delivery, received, standing, .. } = moved;
        self.put_somewhere(&self.lane(tenant, target), now);
        if let Standing::Due(_) = standing {
            // It has waited where no look for passed deadlines sees it.
            self.deadlines.note(Some(now));
        }
        if standing.is_final() {
            let (message, delivery, standing, age) =
                (*message, *delivery, *standing, Some(now.since(*received)));
            self.tell(&Happened::Settled { message, delivery, target, standing, age });
        }
        self.watch.changed(*message);
    }
}

fn tell(engine: &Engine, done: &Done, settled: Settled, now: Timestamp) {
    let Settlement { delivery, standing, .. } = done.settlement;
    let standing = match settled {
        Settled::Fenced => return engine.tell(&Happened::Fenced { delivery }),
        // Its run has not ended: nobody is told, but its ticket shows the attempt.
        Settled::TakenBack => return engine.watch.changed(done.message),
        Settled::Cancelled => Standing::Cancelled,
        Settled::Recorded | Settled::Freed | Settled::Parked => standing,
    };
    if matches!(settled, Settled::Freed | Settled::Cancelled) {
        engine.put_somewhere(&done.lane, now);
    }
    if let Standing::Due(at) = standing {
        engine.put_on_disk(&done.lane, done.line, at);
        engine.deadlines.note(done.deadline);
    }
    let (message, target, age) =
        (done.message, &done.lane.name, done.received.map(|received| now.since(received)));
    engine.tell(&Happened::Settled { message, delivery, target, standing, age });
    if settled == Settled::Parked {
        engine.tell(&Happened::Parked { message, delivery, target });
    }
    engine.watch.changed(done.message);
}
