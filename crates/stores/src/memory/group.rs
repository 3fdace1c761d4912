//! Moves the deliveries of a group when one of them has ended.

use super::state::{Entry, Kept, State};
use contract::delivery::Standing;
use contract::group::{self, Member, Move};
use contract::order::KeyFate;
use contract::part::Duty;
use contract::store::Moved;
use contract::{DeliveryId, Name, Timestamp};

impl State {
    /// Does what follows for the others of a message when one of its deliveries has ended.
    pub(super) fn regroup(&mut self, position: u64, wall: Timestamp) {
        let Some(kept) = self.messages.get(&position) else { return };
        for (ordinal, step) in group::moves(kept.rule, &members(kept)) {
            let spot = (position, ordinal);
            let leased = self.entry(spot).is_some_and(|entry| entry.standing == Standing::Leased);
            if step == Move::Cancel && leased {
                self.alter(spot, wall, |entry| entry.ending = true);
                continue;
            }
            let standing = match step {
                Move::Start => Standing::Due(wall),
                Move::Skip => Standing::Skipped,
                Move::Fail => Standing::Unmet,
                Move::Cancel => Standing::Cancelled,
            };
            self.alter(spot, wall, |entry| entry.standing = standing);
            self.moved.extend(self.told(spot));
        }
    }

    /// What was delivered stays so: undos that have not begun are not needed any more.
    pub(super) fn forget_undos(&mut self, position: u64, tenant: &Name, wall: Timestamp) {
        let Some(kept) = self.messages.get(&position).filter(|kept| kept.message.tenant == *tenant) else {
            return;
        };
        let idle = |entry: &Entry| {
            matches!(entry.start.part.duty, Duty::Undo(_)) && entry.standing == Standing::Waiting
        };
        let idle: Vec<u16> =
            (0..).zip(&kept.entries).filter(|(_, entry)| idle(entry)).map(|(ordinal, _)| ordinal).collect();
        for ordinal in idle {
            self.alter((position, ordinal), wall, |entry| entry.standing = Standing::Skipped);
            self.moved.extend(self.told((position, ordinal)));
        }
    }

    pub(super) fn may_rerun(&self, delivery: DeliveryId) -> bool {
        let found = self
            .spot(delivery)
            .and_then(|(position, ordinal)| Some((self.messages.get(&position)?, ordinal)));
        found.is_some_and(|(kept, ordinal)| group::may_rerun(kept.rule, &members(kept), ordinal))
    }

    /// A delivery got another run: what it had ended for others is open again. If it has a turn in its group, it goes at its time if that
    /// has come, and waits for it if not.
    pub(super) fn reopen(&mut self, delivery: DeliveryId, at: Timestamp, wall: Timestamp) {
        let Some(spot) = self.spot(delivery) else { return };
        let back = self.messages.get(&spot.0).map(|kept| group::reopened(&members(kept), spot.1));
        self.bring_back(spot.0, back.unwrap_or_default(), wall);
        self.regroup(spot.0, wall);
        let due = |entry: &Entry| entry.start.part.waits() && matches!(entry.standing, Standing::Due(_));
        if self.entry(spot).is_some_and(due) {
            self.alter(spot, wall, |entry| entry.standing = Standing::Due(at));
            self.moved.retain(|moved| moved.delivery != delivery);
        }
    }

    /// A delivery was discarded: what was about to be told is not so any more.
    pub(super) fn retell(&mut self, delivery: DeliveryId, wall: Timestamp) {
        let Some((position, ordinal)) = self.spot(delivery) else { return };
        let back = self.messages.get(&position).map(|kept| group::outdated(&members(kept), ordinal));
        self.bring_back(position, back.unwrap_or_default(), wall);
        self.regroup(position, wall);
    }

    fn bring_back(&mut self, position: u64, back: Vec<u16>, wall: Timestamp) {
        for ordinal in back {
            self.alter((position, ordinal), wall, |entry| {
                // A callback in flight tells of the run before: it waits when it has come back.
                entry.ending = entry.standing == Standing::Leased;
                if !entry.ending {
                    entry.standing = Standing::Waiting;
                }
                (entry.run, entry.attempts, entry.orphaned) = (entry.run + 1, 0, 0);
                entry.key_fate = KeyFate::Kept;
                if entry.start.part.duty == Duty::Callback {
                    // It was written for the run before.
                    (entry.revision, entry.edit) = (0, None);
                    entry.edits.clear();
                }
            });
        }
    }

    pub(super) fn take_moved(&mut self) -> Vec<Moved> {
        std::mem::take(&mut self.moved)
    }
}

fn members(kept: &Kept) -> Vec<Member<'_>> {
    let member = |entry: &'_ Entry| {
        let last = entry.history.last();
        last.map(|attempt| attempt.began + attempt.timings.total())
    };
    let each = kept.entries.iter();
    each.map(|entry| Member { part: &entry.start.part, standing: entry.standing, delivered: member(entry) })
        .collect()
}
