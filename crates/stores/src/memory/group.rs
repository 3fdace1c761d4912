//! Moves the deliveries of a group when one of them has ended.

use super::state::{Kept, State};
use contract::delivery::Standing;
use contract::group::{self, Member, Move};
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
        let idle = |entry: &super::state::Entry| {
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
        found.is_some_and(|(kept, ordinal)| group::may_rerun(&members(kept), ordinal))
    }

    /// A delivery got another run: what it had ended for others is open again.
    pub(super) fn reopen(&mut self, delivery: DeliveryId, wall: Timestamp) {
        let Some((position, _)) = self.spot(delivery) else { return };
        let Some(kept) = self.messages.get(&position) else { return };
        for ordinal in group::reopened(&members(kept)) {
            self.alter((position, ordinal), wall, |entry| {
                if entry.standing == Standing::Leased {
                    // What it tells is out of date: it tells again when it has ended.
                    entry.ending = true;
                } else {
                    entry.wait_again();
                }
            });
        }
        self.regroup(position, wall);
    }

    pub(super) fn take_moved(&mut self) -> Vec<Moved> {
        std::mem::take(&mut self.moved)
    }
}

fn members(kept: &Kept) -> Vec<Member<'_>> {
    let member = |entry: &'_ super::state::Entry| {
        let last = entry.history.last();
        last.map(|attempt| attempt.began + attempt.timings.total())
    };
    let each = kept.entries.iter();
    each.map(|entry| Member { part: &entry.start.part, standing: entry.standing, delivered: member(entry) })
        .collect()
}
