//! Forgets what retention allows: messages, redrives and replays that have ended, and shapes that no message can refer to any more.
//!
//! A shape's row says when it was last in use, at most [`MARK_EVERY`] ago as long as it is configured. A message that was accepted later
//! does not refer to it; so it may go when the oldest message that is kept is younger. Nothing is searched for.

use crate::engine::Engine;
use crate::shape::{Kept, MARK_EVERY};
use crate::{redrive, replay};
use contract::Timestamp;
use contract::delivery::ShapeId;
use contract::store::{Fault, Scope, ScopeKind};
use std::collections::BTreeSet;
use std::time::Duration;

/// A shape may have been in use for so long after its last mark: until the next one was due, and as long as a message may be on its way to
/// its commit under an old configuration, with much to spare.
const USED_AFTER_MARK: Duration = MARK_EVERY.saturating_mul(2);

impl Engine {
    pub(crate) async fn forget(&self) -> Result<(), Fault> {
        let now = self.doors.clock.now();
        let pruned = self.doors.store.prune(self.retention, now).await?;
        self.forget_ended(ScopeKind::Redrive, redrive::ended, now).await?;
        self.forget_ended(ScopeKind::Replay, replay::ended, now).await?;
        self.forget_shapes(now, pruned.oldest).await
    }

    /// `ended` says when what is kept ended, if it has.
    async fn forget_ended(
        &self,
        kind: ScopeKind,
        ended: fn(&[u8]) -> Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), Fault> {
        for (scope, kept) in self.doors.store.states(kind).await? {
            if ended(&kept.value).is_some_and(|ended| now.since(ended) >= self.retention.time) {
                self.doors.store.forget_state(scope, kept.version).await?;
            }
        }
        Ok(())
    }

    async fn forget_shapes(&self, now: Timestamp, oldest: Option<Timestamp>) -> Result<(), Fault> {
        let configured = self.configured_shapes();
        for (scope, kept) in self.doors.store.states(ScopeKind::Shape).await? {
            let Scope::Shape(id) = scope else { continue };
            let shape = Kept::read(&kept.value);
            match shape.used {
                Some(used) if !configured.contains(&id) => {
                    let until = used + USED_AFTER_MARK;
                    // Whoever puts it into use again meanwhile gives it another version.
                    if until < oldest.unwrap_or(now).min(now)
                        && self.doors.store.forget_state(Scope::Shape(id), kept.version).await?
                    {
                        self.shapes.lock().remove(&id);
                    }
                }
                // Written by a version that did not note the time: as if it were in use now.
                Some(_) | None => self.use_shape(id, &shape.text).await?,
            }
        }
        Ok(())
    }

    fn configured_shapes(&self) -> BTreeSet<ShapeId> {
        let lanes = self.lanes();
        let plans = lanes.iter().filter_map(|lane| lane.plan());
        plans.filter_map(|plan| plan.shape.as_ref().map(|shape| shape.id)).collect()
    }
}
