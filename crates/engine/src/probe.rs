//! Lets one delivery go now, whatever time its target or itself is to wait for.

use crate::deliver;
use crate::dispatch::lane::Lane;
use crate::engine::Engine;
use crate::holds::HoldError;
use crate::policy::hold::Reason;
use contract::line::Line;
use contract::store::{Ask, Lease};
use contract::{DeliveryId, Name, Timestamp};
use std::sync::Arc;

/// What came of the wish for a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probed {
    /// This delivery goes.
    Sent(DeliveryId),
    /// Nothing waits for the target.
    Nothing,
    /// As many calls as may go are on their way.
    Busy,
    /// The target's rate lets none go before this time.
    Paced(Timestamp),
    /// What a person has shut, and a target without a configuration, is not called.
    Shut(Reason),
}

/// A place among the calls in flight, and what is to go there.
pub(crate) enum Place {
    /// It waited in memory.
    Lease(Lease),
    /// Something waits on disk.
    Disk(Line),
}

impl Engine {
    /// Lets the delivery that has waited longest go now. Its end counts as that of any other: a success ends a hold as `auth` and widens
    /// the ramp of a breaker.
    ///
    /// # Errors
    /// [`HoldError`]
    pub async fn probe(self: &Arc<Self>, target: &Name) -> Result<Probed, HoldError> {
        let lanes = self.lanes();
        let lane = lanes.iter().find(|lane| lane.name == *target).ok_or(HoldError::Unknown)?;
        let place = match lane.begin_probe(self.doors.clock.now()) {
            Ok(place) => place,
            Err(why) => return Ok(why),
        };
        self.keep.wake();
        let (engine, lane) = (Arc::clone(self), Arc::clone(lane));
        Ok(self.detached(async move { Ok(engine.fill(&lane, place).await) }).await?)
    }

    async fn fill(self: &Arc<Self>, lane: &Arc<Lane>, place: Place) -> Probed {
        let lease = match place {
            Place::Lease(lease) => Some(lease),
            Place::Disk(line) => self.claim_one(lane, line).await,
        };
        let Some(lease) = lease else {
            lane.end_probe();
            // What came meanwhile found its place taken.
            self.wake.wake();
            return Probed::Nothing;
        };
        let id = lease.delivery.id;
        deliver::start(self, lane, lease);
        Probed::Sent(id)
    }

    /// The earliest delivery on disk, although it may be due only later.
    async fn claim_one(&self, lane: &Lane, line: Line) -> Option<Lease> {
        let lines = vec![(line, 1)];
        let ask = Ask { tenant: lane.tenant.clone(), target: lane.name.clone(), lines, bytes: 1 };
        let claimed = self.doors.store.claim(self.session(), vec![ask], Timestamp::NEVER).await;
        let claimed = claimed.inspect_err(|fault| self.store_failed(fault)).ok()?.pop()?;
        for (line, next) in claimed.next_due.iter() {
            if let Some(next) = next {
                self.put_on_disk(lane, line, *next);
            }
        }
        let lease = claimed.leases.into_iter().next()?;
        lane.hold_bytes(&lease);
        Some(lease)
    }
}
